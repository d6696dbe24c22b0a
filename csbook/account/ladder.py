"""Own resting orders by price, best price first on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from csbook.account.exact import ZERO, add
from csbook.types import Side

__all__ = ["Ladder"]


class Ladder:
    """What rests at each price on each side of one symbol.

    Changing it is O(1); it is put in order when it is read: O(prices), O(prices log prices) after a change of them.
    """

    __slots__ = ("_ordered", "_sides", "symbol")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self._sides: tuple[dict[Decimal, dict[str, Decimal]], dict[Decimal, dict[str, Decimal]]] = ({}, {})
        self._ordered: list[list[Decimal] | None] = [None, None]  # the prices of each side, best first

    def put(self, side: Side, price: Decimal, key: str, size: Decimal) -> None:
        """The order ``key`` rests at that price with that size; 0 takes it away."""
        levels = self._sides[side]
        level = levels.get(price)
        if size:
            if level is None:
                level = levels[price] = {}
                self._ordered[side] = None
            level[key] = size
        elif level is not None and level.pop(key, None) is not None and not level:
            del levels[price]
            self._ordered[side] = None

    def levels(self, side: Side) -> Iterator[tuple[Decimal, Decimal]]:
        """(price, own size) best first."""
        levels = self._sides[side]
        for price in self._best_first(side):
            total = ZERO
            for size in levels[price].values():
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
        prices = self._best_first(side)
        return prices[0] if prices else None

    def __len__(self) -> int:
        """How many prices there are."""
        return len(self._sides[0]) + len(self._sides[1])

    def _best_first(self, side: Side) -> list[Decimal]:
        prices = self._ordered[side]
        if prices is None:
            prices = self._ordered[side] = sorted(self._sides[side], reverse=side is Side.BUY)
        return prices
