"""Own resting orders by price, best price first on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from sortedcontainers import SortedDict

from csbook.exact import ZERO, add
from csbook.types import Side

__all__ = ["Ladder"]


class Ladder:
    """What rests at each price on each side of one symbol. Changing it is O(log prices)."""

    __slots__ = ("_sides", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._sides: tuple[SortedDict, SortedDict] = (SortedDict(), SortedDict())

    def put(self, side: Side, price: Decimal, key: str, size: Decimal) -> None:
        """The order ``key`` rests at that price with that size; 0 takes it away."""
        levels = self._sides[side]
        level = levels.get(price)
        if size:
            if level is None:
                level = levels[price] = {}
            level[key] = size
        elif level is not None and level.pop(key, None) is not None and not level:
            del levels[price]

    def levels(self, side: Side) -> Iterator[tuple[Decimal, Decimal]]:
        """(price, own size) best first."""
        for price, level in self._best_first(side):
            total = ZERO
            for size in level.values():
                total = add(total, size)
            yield price, total

    @property
    def bids(self) -> list[tuple[Decimal, Decimal]]:
        """(price, own base quantity), highest first."""
        return list(self.levels(Side.BUY))

    @property
    def asks(self) -> list[tuple[Decimal, Decimal]]:
        """(price, own base quantity), lowest first."""
        return list(self.levels(Side.SELL))

    def at(self, side: Side, price: Decimal) -> dict[str, Decimal]:
        """Sizes of the orders at a price, by client order id; empty where there is none. A copy."""
        return dict(self._sides[side].get(price, ()))

    def best(self, side: Side) -> Decimal | None:
        """The best own price."""
        levels = self._sides[side]
        if not levels:
            return None
        price: Decimal = levels.keys()[-1 if side is Side.BUY else 0]
        return price

    def __len__(self) -> int:
        """How many prices there are."""
        return len(self._sides[0]) + len(self._sides[1])

    def _best_first(self, side: Side) -> Iterator[tuple[Decimal, dict[str, Decimal]]]:
        levels = self._sides[side]
        for price in reversed(levels) if side is Side.BUY else levels:
            yield price, levels[price]
