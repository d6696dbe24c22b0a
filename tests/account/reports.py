"""Short hands for orders and reports of one symbol, times in ms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from csbook.account import Account
from csbook.types import Fill, Order, OrderStatus, Side
from csbook.wire.private import OrderReport, PositionReport, Snapshot

D = Decimal
MS = 1_000_000
SYMBOL = "BTCUSDT"


def order(client: str = "a", side: Side = Side.BUY, size: str = "2", price: str | None = "100", **more: Any) -> Order:
    at = None if price is None else D(price)
    return Order(SYMBOL, side, "LIMIT", D(size), at, OrderStatus.PENDING, client, **more)


def fill(trade: str, size: str, price: str = "100", side: Side = Side.BUY, client: str = "a", **more: Any) -> Fill:
    return Fill(SYMBOL, side, D(price), D(size), trade, f"{client}-id", client, **more)


def report(
    status: str, filled: str | None = "0", at: int = 0, client: str = "a", side: Side | None = Side.BUY,
    size: str | None = "2", price: str | None = "100", **more: Any,
) -> OrderReport:  # fmt: skip
    return OrderReport(
        SYMBOL, OrderStatus[status], client, more.pop("order_id", f"{client}-id"), side, "LIMIT", "GTC",
        None if size is None else D(size), None if price is None else D(price), None if filled is None else D(filled),
        event_time_ns=at * MS, **more,
    )  # fmt: skip


def filled(
    trade: str, size: str, total: str | None, at: int, client: str = "a", side: Side = Side.BUY, of: str = "2",
    price: str = "100", **more: Any,
) -> OrderReport:  # fmt: skip
    """The event of one fill, ``total`` filled after it."""
    status = "FILLED" if total is not None and D(total) == D(of) else "PARTIALLY_FILLED"
    made = fill(trade, size, price, side, client, **more)
    return report(status, total, at, client, side, of, fill=made)


def position(size: str, at: int = 0, entry: str | None = "100", side: str = "BOTH") -> PositionReport:
    return PositionReport(SYMBOL, D(size), None if entry is None else D(entry), side, event_time_ns=at * MS)


def snapshot(asked: int, answered: int, **parts: Any) -> Snapshot:
    return Snapshot(asked * MS, answered * MS, **parts)


def worst(account: Account) -> tuple[Decimal, Decimal, Decimal, bool]:
    """(position, long, short, settled)"""
    exposure = account.exposure(SYMBOL)
    return exposure.position, exposure.long, exposure.short, exposure.settled
