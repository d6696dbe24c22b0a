"""The venue's own book, the slow and obvious way: a dict of levels, their prices in a sorted list, decimal text.

It shares nothing with csbook's books, neither code nor idea: when a client's book and this one agree, two programs
that never met have read the same market. Prices and sizes are whole counts of their last decimal, so nothing is ever
rounded; ``decimal_text`` writes them the way the venue does.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

__all__ = ["Level", "TextBook", "decimal_text"]

Level = tuple[int, int]  # price, size


def decimal_text(units: int, decimals: int) -> str:
    """A count of the last decimal as text: ``decimal_text(6180020, 2) == "61800.20"``."""
    if decimals == 0:
        return str(units)
    whole, part = divmod(abs(units), 10**decimals)
    return f"{'-' if units < 0 else ''}{whole}.{part:0{decimals}d}"


class _Side:
    __slots__ = ("prices", "sizes")

    def __init__(self) -> None:
        self.sizes: dict[int, int] = {}
        self.prices: list[int] = []  # the keys of sizes, rising

    def put(self, levels: Iterable[Level]) -> None:
        for price, size in levels:
            if size:
                if price not in self.sizes:
                    insort(self.prices, price)
                self.sizes[price] = size
            elif self.sizes.pop(price, 0):
                del self.prices[bisect_left(self.prices, price)]


class TextBook:
    """Bids and asks of one symbol; ``update_id`` is that of the last message applied."""

    __slots__ = ("_asks", "_bids", "update_id")

    def __init__(self) -> None:
        self._bids = _Side()
        self._asks = _Side()
        self.update_id = 0

    def replace(self, bids: Iterable[Level], asks: Iterable[Level], update_id: int) -> None:
        """Start over from a snapshot."""
        self._bids = _Side()
        self._asks = _Side()
        self.change(bids, asks, update_id)

    def change(self, bids: Iterable[Level], asks: Iterable[Level], update_id: int) -> None:
        """Apply a diff: a level's new size, or 0 to delete it; deleting what is not there does nothing."""
        self._bids.put(bids)
        self._asks.put(asks)
        self.update_id = update_id

    def bids(self, depth: int) -> list[Level]:
        """The best bids, best first. O(depth)."""
        side = self._bids
        return [(price, side.sizes[price]) for price in side.prices[: -depth - 1 : -1]]

    def asks(self, depth: int) -> list[Level]:
        """The best asks, best first. O(depth)."""
        side = self._asks
        return [(price, side.sizes[price]) for price in side.prices[:depth]]

    def size(self, bid: bool, price: int) -> int:
        """What stands at a price, 0 where nothing does. O(1)."""
        return (self._bids if bid else self._asks).sizes.get(price, 0)

    def walk(self, bid: bool) -> Iterator[int]:
        """The prices of a side, best first, while the book stays as it is."""
        return reversed(self._bids.prices) if bid else iter(self._asks.prices)
