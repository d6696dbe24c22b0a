"""Whether the prices of a book stand on the tick that its venue told. Exact, on raw integers. Pure.

A price off the grid means that the venue has changed the tick size: the instrument that was learned is out of date, and
an order rounded to it may be refused or worse priced than it could be.
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import numpy.typing as npt

from csbook.exact import shift

__all__ = ["Ticks"]

_REMEMBERED = 1000  # prices, so that a price is counted once and the memory stays bounded


class Ticks:
    """The grid of one book. ``step`` is the tick at its scale; 0: the scale cannot hold it, nothing is judged."""

    __slots__ = ("_seen", "off_grid", "step", "tick")

    def __init__(self, tick: Decimal, price_decimals: int) -> None:
        raw = shift(tick, price_decimals)
        self.tick = tick
        self.step = int(raw) if raw == raw.to_integral_value() and 0 < raw < 2**63 else 0
        self.off_grid = 0  # prices seen off the grid, each counted once
        self._seen: set[int] = set()

    def look(self, *prices: npt.NDArray[np.int64]) -> list[int]:
        """The raw prices off the grid that were not seen before. O(levels)."""
        if not self.step:
            return []
        fresh: list[int] = []
        for side in prices:
            for price in side[side % self.step != 0].tolist():
                if price not in self._seen:
                    fresh.append(price)
                    if len(self._seen) < _REMEMBERED:
                        self._seen.add(price)
        self.off_grid += len(fresh)
        return fresh
