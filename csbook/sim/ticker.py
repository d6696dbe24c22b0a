"""A symbol's ticker: statistics of its replayed trades, rolling since the replay began.

The venue's window is 24 hours and the recorded session six minutes, so nothing ever leaves the window here. Kept as
whole numbers, written as decimal text; the two quotients (P and w) are rounded half even, everything else is exact.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from csbook.sim.market import Instrument
from csbook.sim.recording import Deal
from csbook.sim.textbook import decimal_text

__all__ = ["Ticker"]


class Ticker:
    """Statistics of one symbol."""

    __slots__ = ("_base", "_high", "_instrument", "_last", "_low", "_open", "_quote", "_size", "fresh", "trades")

    def __init__(self, instrument: Instrument) -> None:
        self.trades = 0
        self.fresh = False  # a trade was added since the reader last set it to False
        self._instrument = instrument
        self._open = self._high = self._low = self._last = self._size = self._base = self._quote = 0

    def add(self, deal: Deal) -> None:
        """Count one trade."""
        price = deal.price * self._instrument.tick
        if not self.trades:
            self._open = self._high = self._low = price
        self._high = max(self._high, price)
        self._low = min(self._low, price)
        self._last, self._size = price, deal.size
        self._base += deal.size
        self._quote += price * deal.size
        self.trades += 1
        self.fresh = True

    def message(self, event_ms: int) -> dict[str, str | int]:
        """The venue's ticker object. Only asked for once there was a trade."""
        price_decimals, size_decimals = self._instrument.price_decimals, self._instrument.size_decimals
        change = self._last - self._open
        percent = (Decimal(100 * change) / self._open).quantize(Decimal("0.001"), ROUND_HALF_EVEN)
        mean = int((Decimal(self._quote) / self._base).to_integral_value(ROUND_HALF_EVEN))
        return {
            "e": "24hrTicker",
            "E": event_ms,
            "s": self._instrument.symbol,
            "p": decimal_text(change, price_decimals),
            "P": f"{percent:.3f}",
            "w": decimal_text(mean, price_decimals),
            "c": decimal_text(self._last, price_decimals),
            "Q": decimal_text(self._size, size_decimals),
            "o": decimal_text(self._open, price_decimals),
            "h": decimal_text(self._high, price_decimals),
            "l": decimal_text(self._low, price_decimals),
            "v": decimal_text(self._base, size_decimals),
            "q": decimal_text(self._quote, price_decimals + size_decimals),
        }
