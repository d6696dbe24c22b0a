"""What a report changed, in small records, for a callback. Each holds the new state and what it replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from csbook.types import Balance, Fill, Order, OrderStatus, Position

__all__ = ["BalanceChanged", "Change", "FillSeen", "OrderChanged", "PositionChanged"]


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """``old_status`` is None for an order that was not known before."""

    order: Order
    old_status: OrderStatus | None


@dataclass(frozen=True, slots=True)
class FillSeen:
    """A fill that was not seen before. The change of its order and position, if any, follows it."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """``old`` is None for a symbol that was not known before."""

    position: Position
    old: Position | None


@dataclass(frozen=True, slots=True)
class BalanceChanged:
    """``old`` is None for an asset that was not known before."""

    balance: Balance
    old: Balance | None


Change: TypeAlias = OrderChanged | FillSeen | PositionChanged | BalanceChanged
