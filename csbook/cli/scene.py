"""What is to be seen: a scene is all that one frame or one plain line shows; an observer makes it from a feed.

The observer listens beside the hot path and adds nothing to it: it counts updates by reading ``book.updates`` when
it is looked at, keeps the last trades of each symbol, and remembers why a book last changed its state.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from csbook._core import Book
from csbook.cli.quoting import Own, Quoting
from csbook.clock import Clock, LiveClock
from csbook.types import State, Ticker, Trade

if TYPE_CHECKING:
    from csbook.feed import Feed

__all__ = ["Move", "Observer", "Scene"]

KEPT_TRADES = 128  # a symbol; no screen is taller
KEPT_MOVES = 256
RATE_OVER_NS = 2_000_000_000  # updates a second are counted over so long
STATS_EVERY_NS = 500_000_000  # the counters and percentiles of the whole feed


@dataclass(frozen=True, slots=True)
class Scene:
    """``trades`` are the shown symbol's, newest first; the maps are by symbol, ``stats`` by counter."""

    title: str  # the venue and its address
    books: Sequence[Book]
    shown: int = 0  # which of the books has the ladder
    trades: Sequence[Trade] = ()
    tickers: Mapping[str, Ticker] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)  # updates a second
    stats: Mapping[str, int | str] = field(default_factory=dict)  # as feed.stats() gives them
    reasons: Mapping[str, str] = field(default_factory=dict)  # of the last change of state
    own: Mapping[str, Own] = field(default_factory=dict)  # what one has oneself, by symbol
    hint: str = ""  # which keys there are

    @property
    def book(self) -> Book:
        """The book that has the ladder."""
        return self.books[self.shown]


@dataclass(frozen=True, slots=True)
class Move:
    """A book changed its state."""

    time_ns: int
    symbol: str
    old: State
    new: State
    reason: str


class Observer:
    """Watches a feed, to be used as ``async with Observer(feed, title) as observer``."""

    def __init__(self, feed: Feed, title: str, *, quoting: Quoting | None = None, clock: Clock | None = None) -> None:
        self.quoting = quoting
        self._feed = feed
        self._title = title
        self._clock = clock or LiveClock()
        self._trades: dict[str, deque[Trade]] = {symbol: deque(maxlen=KEPT_TRADES) for symbol in feed.books}
        self._tickers: dict[str, Ticker] = {}
        self._reasons: dict[str, str] = {}
        self._moves: deque[Move] = deque(maxlen=KEPT_MOVES)
        self._samples: dict[str, deque[tuple[int, int]]] = {symbol: deque() for symbol in feed.books}
        self._stats: dict[str, int | str] = {}
        self._stats_ns = 0
        self._reading: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._feed.on_state(self._moved)
        self._reading = [asyncio.create_task(self._read_trades()), asyncio.create_task(self._read_tickers())]
        self.rates()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    def scene(self, shown: int = 0, hint: str = "") -> Scene:
        """What is to be seen now."""
        books = tuple(self._feed.books.values())
        shown %= len(books)
        now = self._clock.monotonic_ns()
        if not self._stats or now - self._stats_ns >= STATS_EVERY_NS:
            self._stats, self._stats_ns = self._feed.stats(), now
        return Scene(
            title=self._title,
            books=books,
            shown=shown,
            trades=tuple(self._trades[books[shown].symbol]),
            tickers=self._tickers,
            rates=self.rates(),
            stats=self._stats,
            reasons=self._reasons,
            own={} if self.quoting is None else self.quoting.own(),
            hint=hint,
        )

    def rates(self) -> dict[str, float]:
        """Updates a second of each symbol, over the last two seconds or what there was of them."""
        now = self._clock.monotonic_ns()
        rates: dict[str, float] = {}
        for symbol, book in self._feed.books.items():
            samples = self._samples[symbol]
            samples.append((now, book.updates))
            while len(samples) > 2 and samples[1][0] <= now - RATE_OVER_NS:
                samples.popleft()
            since, before = samples[0]
            rates[symbol] = (book.updates - before) / ((now - since) / 1e9) if now > since else 0.0
        return rates

    def take_moves(self) -> list[Move]:
        """The changes of state since the last call."""
        moves = list(self._moves)
        self._moves.clear()
        return moves

    def _moved(self, book: Book, old: State, new: State, reason: str) -> None:
        self._reasons[book.symbol] = reason
        self._moves.append(Move(self._clock.now_ns(), book.symbol, old, new, reason))

    async def _read_trades(self) -> None:
        async for trade in self._feed.trades():
            kept = self._trades.get(trade.symbol)
            if kept is not None:
                kept.appendleft(trade)

    async def _read_tickers(self) -> None:
        async for ticker in self._feed.tickers():
            self._tickers[ticker.symbol] = ticker
