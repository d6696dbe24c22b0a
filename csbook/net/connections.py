"""The private connections of one account: one of most venues, several where each kind of news has its own.

The account's news stand while all of the connections do. The first loss is a loss of the whole, told at the moment it
is seen; the return is told when the last of them stands again. What those that still stand bring goes on being heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from csbook.net.private import OnMessage, OnReports, PrivateStream
from csbook.net.rest import Rest
from csbook.net.setting import Setting
from csbook.net.timing import Timing
from csbook.types import Alert
from csbook.venues.trading import Trading

__all__ = ["Connections"]


class Connections:
    """See the head of this file; the callbacks are those of ``net.private``. Belongs to the loop's thread.

    Raises UsageError for a venue that has no private stream.
    """

    def __init__(
        self,
        rest: Rest,
        trading: Trading,
        *,
        setting: Setting,
        timing: Timing,
        on_reports: OnReports,
        on_lost: Callable[[str], object],
        on_restored: Callable[[], object],
        on_message: OnMessage | None = None,
        on_alert: Callable[[Alert], object] = lambda alert: None,
    ) -> None:
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._standing: set[int] = set()
        self.streams = tuple(
            PrivateStream(
                rest,
                table,
                setting=setting,
                timing=timing,
                on_reports=on_reports,
                on_lost=partial(self._lost, number),
                on_restored=partial(self._restored, number),
                on_message=on_message,
                on_alert=on_alert,
            )
            for number, table in enumerate(trading.connections)
        )

    async def open(self) -> None:
        """Connect. Raises ConnectError or CredentialsError, and leaves nothing open then."""
        try:
            async with asyncio.TaskGroup() as group:
                for stream in self.streams:
                    group.create_task(stream.open())
        except BaseException as error:
            await self.close("not opened")
            if not isinstance(error, BaseExceptionGroup):
                raise
            failure = error.exceptions[0]  # the others say the same of another connection, or were given up
        else:
            return
        raise failure

    @property
    def are_connected(self) -> bool:
        """What the venue says from now on is heard."""
        return all(stream.is_connected for stream in self.streams)

    @property
    def reconnects(self) -> int:
        return sum(stream.reconnects for stream in self.streams)

    @property
    def malformed(self) -> int:
        return sum(stream.malformed for stream in self.streams)

    async def close(self, reason: str = "closed") -> None:
        """Leave for good, and wait until all of it is gone."""
        for stream in self.streams:
            stream.shut(reason)
        await asyncio.gather(*(stream.close(reason) for stream in self.streams))

    def _lost(self, number: int, reason: str) -> None:
        whole = len(self._standing) == len(self.streams)
        self._standing.discard(number)
        if whole:
            self._on_lost(reason)

    def _restored(self, number: int) -> None:
        self._standing.add(number)
        if len(self._standing) == len(self.streams):
            self._on_restored()
