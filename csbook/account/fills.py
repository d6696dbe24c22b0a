"""The fills of one order: each counted once, and the figures that add up over them.

A fill is known by its trade id within its order, so by (symbol, order id, trade id); where a venue tells no trade id,
by the order's cumulative quantity after it. The quantity that an order has filled is the venue's cumulative figure or
the sum of its known fills, whichever is more: events may be lost, and then the sum is short. Figures (realised P&L,
commission) are those of the fills; where fills are missing and the venue has told the order's totals up to some
quantity, they are those totals and the fills beyond that quantity.
"""

from __future__ import annotations

from decimal import Decimal

from csbook.exact import ZERO, add, multiply, stripped
from csbook.types import Fill

__all__ = ["Fills"]


class Fills:
    """What is known of one order's executions. Adding is O(1), the totals are O(1) while nothing is missing."""

    __slots__ = (
        "_commissions",
        "_realised",
        "_seen",
        "_total_at",
        "_total_commission",
        "_total_realised",
        "size",
        "told_pnl",
        "value",
    )

    def __init__(self) -> None:
        self.size = ZERO  # of all known fills
        self.value = ZERO  # what they cost, price times size
        self.told_pnl = False  # the venue has told what the order realised, in part or in whole
        self._seen: dict[str, tuple[Decimal | None, Fill]] = {}
        self._realised = ZERO
        self._commissions: dict[str, Decimal] = {}
        self._total_at: Decimal | None = None  # the cumulative quantity that the venue's totals are of
        self._total_realised: Decimal | None = None
        self._total_commission: tuple[str, Decimal] | None = None

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, fill: Fill, filled: Decimal | None) -> bool:
        """A fill, and the order's cumulative quantity after it where that was told; False where it is known already."""
        key = fill.trade_id
        if not key:
            after = "" if filled is None else stripped(filled)
            key = f"at {after} {fill.trade_time_ns} {fill.price}"
        if key in self._seen:
            return False
        self._seen[key] = (filled, fill)
        self.size = add(self.size, fill.size)
        self.value = add(self.value, multiply(fill.price, fill.size))
        realised, commission = fill.realised_pnl, fill.commission
        if realised is not None:
            self.told_pnl = True
            self._realised = add(self._realised, realised)
        if commission:
            asset = fill.commission_asset
            paid = self._commissions.get(asset)
            self._commissions[asset] = add(ZERO if paid is None else paid, commission)
        return True

    def total(self, filled: Decimal, realised: Decimal | None, commission: Decimal | None, asset: str) -> None:
        """The venue's own totals of the order when it had filled that much. Older totals change nothing."""
        if self._total_at is not None and filled < self._total_at:
            return
        self._total_at = filled
        self.told_pnl = self.told_pnl or realised is not None
        self._total_realised = realised
        self._total_commission = None if commission is None else (asset, commission)

    def whole(self, filled: Decimal, *, entirely: bool = False) -> bool:
        """Whether fills, or the venue's totals and the fills beyond them, account for that much.

        ``entirely``: totals do where they tell both what it realised and what it cost.
        """
        if self.size >= filled:
            return True
        if self._total_at is None or (entirely and (self._total_realised is None or self._total_commission is None)):
            return False
        if self._total_at == filled:
            return True
        reached = self._total_at
        for fill in self._beyond(self._total_at):
            reached = add(reached, fill.size)
        return reached >= filled

    def realised(self, filled: Decimal) -> Decimal:
        """What the venue has told of the P&L of an order that filled that much, before commission."""
        if self.size >= filled or self._total_realised is None or self._total_at is None:
            return self._realised
        total = self._total_realised
        for fill in self._beyond(self._total_at):
            if fill.realised_pnl is not None:
                total = add(total, fill.realised_pnl)
        return total

    def commissions(self, filled: Decimal) -> dict[str, Decimal]:
        """Commission by asset of an order that filled that much, as far as it was told."""
        if self.size >= filled or self._total_commission is None or self._total_at is None:
            return self._commissions
        asset, paid = self._total_commission
        totals = {asset: paid}
        for fill in self._beyond(self._total_at):
            if fill.commission:
                before = totals.get(fill.commission_asset, ZERO)
                totals[fill.commission_asset] = add(before, fill.commission)
        return totals

    def _beyond(self, filled: Decimal) -> list[Fill]:
        return [fill for after, fill in self._seen.values() if after is not None and after > filled]
