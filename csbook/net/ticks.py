"""The looks at whether prices still stand on the tick that the venue told: one book after the other, slowly.

A look is O(levels) on raw integers, some tens of microseconds, and is left out where the book did not change. What is
off the grid is counted; of each symbol it is told once, since nothing of what the feed does depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from csbook._core import Book
from csbook.guard.ticks import Ticks
from csbook.net.taps import Taps
from csbook.net.timing import Timing
from csbook.types import Alert, Instrument

__all__ = ["TickWatch"]


class TickWatch:
    """A chore of the agenda: within ``period`` seconds each book was looked at. The mappings are the feed's own."""

    def __init__(
        self,
        books: Mapping[str, Book],
        instruments: Mapping[str, Instrument],
        *,
        period: float,
        taps: Taps,
        timing: Timing,
    ) -> None:
        self._books = books
        self._instruments = instruments
        self._period = period
        self._taps = taps
        self._timing = timing
        self._grids: dict[str, tuple[Ticks, int]] = {}  # and which version of the book was looked at
        self._turn = 0
        self._last = timing.now()

    @property
    def off_grid(self) -> int:
        """How many prices were seen off the grid of their symbol, each counted once."""
        return sum(ticks.off_grid for ticks, _ in self._grids.values())

    def due(self, now: float) -> float:
        known = sum(symbol in self._instruments for symbol in self._books)
        return self._last + self._period / known if known else inf

    async def run(self, now: float) -> None:
        self._last = now
        known = [symbol for symbol in self._books if symbol in self._instruments]
        if known:
            self._turn += 1
            self.look(known[self._turn % len(known)])

    def look(self, symbol: str) -> None:
        """Look at one book now."""
        book = self._books[symbol]
        ticks, version = self._grids.get(symbol, (None, -1))
        if ticks is None:
            ticks = Ticks(self._instruments[symbol].tick, book.price_decimals)
        if version == book.updates:
            return
        first = not ticks.off_grid
        fresh = ticks.look(book.bid_prices_raw, book.ask_prices_raw)
        self._grids[symbol] = ticks, book.updates
        if fresh and first:
            price = fresh[0] / 10**book.price_decimals
            text = f"{symbol}: the price {price:.12g} is off the tick {ticks.tick}, which must have changed"
            self._taps.alert(Alert("schema", text))
