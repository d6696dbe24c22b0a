"""Being let in to a private stream by conversation: what such a session is asked, and which topics it still waits for.

Where the key of a stream stands in its address nothing has to be said. Elsewhere the client logs in, or waits to be
welcomed, subscribes to what an account has to say, and sends pings. Only when every topic is confirmed is nothing lost
any more: a stream that lacks one is no stream, so that a topic that is refused or not answered for ends the connection.
Where a venue wraps its messages (Socket.IO, NATS) the session unwraps them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from csbook.wire.session import Confirmed, Event, Lost, Refused, Unconfirmed

__all__ = ["Denied", "PrivateSession", "Topics"]


class Denied(Lost):
    """The venue did not let this account in."""

    __slots__ = ()


class PrivateSession(Protocol):
    """The talk of one private connection. Times are monotonic seconds."""

    @property
    def binary(self) -> bool:
        """Whether what it sends goes out as binary frames."""

    @property
    def framed(self) -> bool:
        """Whether its frames are no JSON: ``hear`` is given their bytes, and the account's news are News events."""

    @property
    def ready(self) -> bool:
        """Nothing is lost any more: every topic is confirmed, or asked for where the venue confirms none."""

    def opened(self, now: float) -> None:
        """The socket stands."""

    def frames(self, now: float) -> list[bytes]:
        """The messages to send now, as far as the pace allows."""

    def hear(self, message: Any) -> list[Event] | None:
        """What a message of the conversation means, its JSON read already.

        None: it is news of the account, and the table's to read.
        """

    def overdue(self, now: float) -> list[Event]:
        """What is late by now, each once."""

    def next_time(self, now: float) -> float | None:
        """When ``frames`` or ``overdue`` will next have something; None: not before something else happens."""


class Topics:
    """The topics of one connection that are not confirmed yet."""

    __slots__ = ("_missing",)

    def __init__(self, names: Iterable[str]) -> None:
        self._missing = set(names)

    @property
    def ready(self) -> bool:
        return not self._missing

    def judged(self, events: list[Event]) -> list[Event]:
        """The same without what is settled, and with a loss for what cannot be had."""
        left: list[Event] = []
        for event in events:
            match event:
                case Confirmed(streams):
                    self._missing.difference_update(streams)
                case Refused(streams, code, text):
                    left.append(Lost(f"{', '.join(streams)} was refused: {text} (code {code})"))
                case Unconfirmed(streams, within):
                    left.append(Lost(f"{', '.join(streams)} was not confirmed within {within:g} s"))
                case _:
                    left.append(event)
        return left
