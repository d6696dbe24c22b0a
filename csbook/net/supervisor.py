"""Which stream goes over which socket, within what the venue allows.

* Where a depth message does not name its symbol, each depth stream has a socket and a router of its own; where it does,
  the books share sockets, one router a socket. Asked for several connections, a router gets so many sockets.
* All other streams share sockets with those of their path, filled up to the venue's limit before another is opened.
* The limits on sockets count for every feed of the process to the same origin, since the venue counts by address. What
  cannot fit is refused with LimitError before anything is sent; what must only wait waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from csbook._core import Book, Router
from csbook.errors import LimitError
from csbook.guard.budget import ConnectionBudget
from csbook.net.lane import Lane
from csbook.net.latency import percentile
from csbook.net.resync import Mender
from csbook.net.setting import Setting
from csbook.net.stream import Stream
from csbook.net.taps import Taps
from csbook.venues import Dialect

__all__ = ["Supervisor", "Wanted"]

_AT_ONCE = 8  # dials under way at the same time
_BUDGETS: dict[tuple[str, str], ConnectionBudget] = {}


def _budget(dialect: Dialect, origin: str) -> ConnectionBudget:
    limits = dialect.limits
    fresh = ConnectionBudget(limits.connections, limits.connects_per_window, limits.connect_window_s)
    return _BUDGETS.setdefault((dialect.name, origin), fresh)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A book, and the streams that feed it; the depth stream first."""

    book: Book
    names: tuple[str, ...]


class Supervisor:
    """The sockets of one feed."""

    def __init__(
        self,
        dialect: Dialect,
        *,
        setting: Setting,
        taps: Taps,
        route_books: Callable[[list[Book]], Router],
        connections: int = 1,
        mender: Mender | None = None,
    ) -> None:
        self.streams: list[Stream] = []
        self._dialect = dialect
        self._setting = setting
        self._taps = taps
        self._route_books = route_books
        self._connections = connections
        self._mender = mender
        self._budget = _budget(dialect, str(setting.origin))
        self._lock = asyncio.Lock()  # one change of the plan at a time
        self._past: dict[str, int] = {}  # what the streams counted that are closed now
        self._past_latencies = [0] * 1024

    async def add(self, books: Iterable[Wanted], others: Mapping[str, str]) -> None:
        """Open what these books and other streams (name to path) need; ends when all are confirmed.

        Raises LimitError with nothing sent, ConnectError or SubscribeError with nothing of it left open.
        """
        async with self._lock:
            taken = {name for stream in self.streams for name in stream.names}
            fresh = {name: path for name, path in others.items() if name not in taken}
            shared, apart = self._plan(fresh)
            made = [stream for part in self._parts(list(books)) for stream in self._lane(part)]
            made += [self._stream(names, path=path) for path, names in apart]
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
            leaving: list[tuple[Lane, dict[str, tuple[str, ...]]]] = []
            for stream in tuple(self.streams):
                if stream.lane is None:
                    stream.remove(unwanted)
                    if not stream.names:
                        closing.append(stream)
                elif gone.issuperset(stream.lane.names):
                    closing.append(stream)
                else:
                    parts = {symbol: stream.lane.names[symbol] for symbol in gone & stream.lane.names.keys()}
                    stream.remove([name for names in parts.values() for name in names])
                    leaving.append((stream.lane, parts))
            for lane, parts in leaving:
                for symbol in parts:
                    lane.drop(symbol, "unsubscribed")
            for stream in closing:
                self._leave(stream)
            await asyncio.gather(*(stream.close("unsubscribed") for stream in closing))

    async def close(self) -> None:
        """Close every socket. The books leave LIVE before the first await."""
        streams = tuple(self.streams)
        for stream in streams:
            stream.shut("feed closed")
            self._leave(stream)
        if self._mender is not None:
            await self._mender.close()
        await asyncio.gather(*(stream.close() for stream in streams))

    @property
    def lanes(self) -> list[Lane]:
        """The routers and their connections, each once."""
        return list(dict.fromkeys(stream.lane for stream in self.streams if stream.lane is not None))

    def counts(self) -> dict[str, int]:
        """The sums over all streams, the closed ones included."""
        total = dict(self._past)
        for stream in self.streams:
            for name, count in stream.counts().items():
                total[name] = total.get(name, 0) + count
        if self._mender is not None:
            total["resyncs"] = self._mender.resyncs
            total["resync_retries"] = self._mender.retries
        return total

    def latency(self, share: float) -> int:
        """A percentile of wire to book in ns, over all depth messages so far; 0 before the first."""
        counts = self._past_latencies
        for stream in self.streams:
            counts = [a + b for a, b in zip(counts, stream.intake.latencies(), strict=True)]
        return percentile(counts, share)

    def _parts(self, books: list[Wanted]) -> list[list[Wanted]]:
        """The books by socket: as many as fit with all their streams; one where a message does not say whose it is."""
        if not books or not self._dialect.named_depth:
            return [[wanted] for wanted in books]
        size = max(1, self._dialect.limits.streams_per_connection // max(len(wanted.names) for wanted in books))
        return [books[at : at + size] for at in range(0, len(books), size)]

    def _plan(self, names: Mapping[str, str]) -> tuple[list[tuple[Stream, list[str]]], list[tuple[str, list[str]]]]:
        """Where the other streams go: on open sockets of their path with room, then on new ones."""
        limit = self._dialect.limits.streams_per_connection
        by_path: dict[str, list[str]] = {}
        for name, path in names.items():
            by_path.setdefault(path, []).append(name)
        shared: list[tuple[Stream, list[str]]] = []
        apart: list[tuple[str, list[str]]] = []
        for path, wanted in by_path.items():
            left = wanted
            for stream in self.streams:
                room = limit - len(stream.names) if stream.lane is None and stream.path == path else 0
                if room > 0 and left:
                    shared.append((stream, left[:room]))
                    left = left[room:]
            apart += [(path, left[at : at + limit]) for at in range(0, len(left), limit)]
        return shared, apart

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

    def _lane(self, part: list[Wanted]) -> list[Stream]:
        """The connections of one router."""
        lane = Lane(
            self._route_books([wanted.book for wanted in part]),
            {wanted.book.symbol: wanted.names for wanted in part},
            taps=self._taps,
            mender=self._mender,
            resubscribe=self._dialect.resubscribe,
        )
        names = [name for wanted in part for name in wanted.names]
        return [self._stream(names, lane=lane) for _ in range(self._connections)]

    def _stream(self, names: Iterable[str], *, path: str | None = None, lane: Lane | None = None) -> Stream:
        setting = self._setting
        if lane is None:
            setting = replace(setting, silence_after=None, path=setting.path if path is None else path)
        return Stream(names, setting=setting, budget=self._budget, taps=self._taps, lane=lane)

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
