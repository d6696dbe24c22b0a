"""Which stream goes over which socket, within what the venue allows.

* Where a depth message does not name its symbol, each depth stream has a socket and a router of its own; where it does,
  the books share sockets, one router a socket.
* All other streams share sockets, filled up to the venue's limit before another one is opened.
* The limits on sockets count for every feed of the process to the same origin, since the venue counts by address. What
  cannot fit is refused with LimitError before anything is sent; what must only wait waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from csbook._core import Book, Router
from csbook.errors import LimitError
from csbook.guard.budget import ConnectionBudget
from csbook.net.latency import percentile
from csbook.net.setting import Setting
from csbook.net.stream import Stream
from csbook.net.taps import Taps
from csbook.venues import Dialect

__all__ = ["Supervisor"]

_AT_ONCE = 8  # dials under way at the same time
_BUDGETS: dict[tuple[str, str], ConnectionBudget] = {}


def _budget(dialect: Dialect, origin: str) -> ConnectionBudget:
    limits = dialect.limits
    fresh = ConnectionBudget(limits.connections, limits.connects_per_window, limits.connect_window_s)
    return _BUDGETS.setdefault((dialect.name, origin), fresh)


class Supervisor:
    """The sockets of one feed."""

    def __init__(
        self, dialect: Dialect, *, setting: Setting, taps: Taps, route_books: Callable[[list[Book]], Router]
    ) -> None:
        self.streams: list[Stream] = []
        self._dialect = dialect
        self._setting = setting
        self._taps = taps
        self._route_books = route_books
        self._budget = _budget(dialect, str(setting.origin))
        self._lock = asyncio.Lock()  # one change of the plan at a time
        self._past: dict[str, int] = {}  # what the streams counted that are closed now
        self._past_latencies = [0] * 1024

    async def add(self, books: dict[str, Book], names: Iterable[str]) -> None:
        """Open what these depth streams (name to book) and other streams need; ends when all are confirmed.

        Raises LimitError with nothing sent, ConnectError or SubscribeError with nothing of it left open.
        """
        async with self._lock:
            taken = {name for stream in self.streams for name in stream.names}
            fresh = [name for name in dict.fromkeys(names) if name not in taken]
            shared, apart = self._plan(fresh)
            made = [self._stream(part, list(part.values())) for part in self._parts(books)]
            made += [self._stream(dict.fromkeys(part), []) for part in apart]
            self._admit(len(made))
            self.streams += made
            try:
                await self._open(made, shared)
            except BaseException:
                for stream in made:
                    self._leave(stream)
                for stream, part in shared:
                    stream.remove(part)
                await asyncio.gather(*(stream.close("not opened") for stream in made))
                raise

    async def remove(self, symbols: Iterable[str], names: Iterable[str]) -> None:
        """Leave the depth streams of these symbols and the other streams of these names; close what serves none."""
        gone, unwanted = set(symbols), list(names)
        async with self._lock:
            closing: list[Stream] = []
            for stream in tuple(self.streams):
                if stream.router is None:
                    stream.remove(unwanted)
                    if not stream.names:
                        closing.append(stream)
                elif gone.issuperset(stream.router.books):
                    closing.append(stream)
            for stream in closing:
                self._leave(stream)
            await asyncio.gather(*(stream.close("unsubscribed") for stream in closing))

    async def close(self) -> None:
        """Close every socket. The books leave LIVE before the first await."""
        streams = tuple(self.streams)
        for stream in streams:
            stream.shut("feed closed")
            self._leave(stream)
        await asyncio.gather(*(stream.close() for stream in streams))

    def counts(self) -> dict[str, int]:
        """The sums over all streams, the closed ones included."""
        total = dict(self._past)
        for stream in self.streams:
            for name, count in stream.counts().items():
                total[name] = total.get(name, 0) + count
        return total

    def latency(self, share: float) -> int:
        """A percentile of wire to book in ns, over all depth messages so far; 0 before the first."""
        counts = self._past_latencies
        for stream in self.streams:
            counts = [a + b for a, b in zip(counts, stream.intake.latencies(), strict=True)]
        return percentile(counts, share)

    def _parts(self, books: dict[str, Book]) -> list[dict[str, Book]]:
        """The depth streams by socket."""
        size = self._dialect.limits.streams_per_connection if self._dialect.named_depth else 1
        names = list(books)
        return [{name: books[name] for name in names[at : at + size]} for at in range(0, len(names), size)]

    def _plan(self, names: list[str]) -> tuple[list[tuple[Stream, list[str]]], list[list[str]]]:
        """Where the other streams go: on open sockets with room, then on new ones."""
        limit = self._dialect.limits.streams_per_connection
        shared: list[tuple[Stream, list[str]]] = []
        for stream in self.streams:
            room = limit - len(stream.names) if stream.router is None else 0
            if room > 0 and names:
                shared.append((stream, names[:room]))
                names = names[room:]
        return shared, [names[at : at + limit] for at in range(0, len(names), limit)]

    def _admit(self, count: int) -> None:
        if count and not self._budget.admits(count):
            limit, used = self._budget.connections, self._budget.open
            raise LimitError(
                f"{count} more connections are needed; {self._dialect.title} allows {limit} from one address, "
                f"and {used} are open"
            )
        self._budget.take(count)

    def _leave(self, stream: Stream) -> None:
        """A stream is no longer of the plan: its place is free again, its counters stay."""
        if stream not in self.streams:
            return
        self.streams.remove(stream)
        self._budget.give_back()
        for name, count in stream.counts().items():
            self._past[name] = self._past.get(name, 0) + count
        self._past_latencies = [a + b for a, b in zip(self._past_latencies, stream.intake.latencies(), strict=True)]

    def _stream(self, names: Iterable[str], books: list[Book]) -> Stream:
        setting = self._setting
        if not books:
            setting = replace(setting, silence_after=None)
        router = self._route_books(books) if books else None
        return Stream(names, setting=setting, budget=self._budget, taps=self._taps, router=router)

    async def _open(self, made: list[Stream], shared: list[tuple[Stream, list[str]]]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def opened(stream: Stream) -> None:
            async with gate:
                await stream.open()

        try:
            async with asyncio.TaskGroup() as group:
                for stream in made:
                    group.create_task(opened(stream))
                for stream, part in shared:
                    group.create_task(stream.add(part))
        except BaseExceptionGroup as failures:
            # the others say the same of another socket
            first = failures.exceptions[0]
            raise first from first.__cause__
