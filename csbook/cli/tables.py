"""Orders, positions and balances as rows for people and as records for JSON. Numbers are the venue's own decimals.

On a terminal the rows make a table, elsewhere plain columns. What the venue named cannot move the cursor.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from csbook.cli import figures
from csbook.types import Order
from csbook.wire.private import BalanceReport, PositionReport

__all__ = ["balance_record", "balances", "order_record", "orders", "position_record", "positions", "told"]

LEFT = frozenset({"symbol", "side", "status", "order id", "client order id", "asset", "margin", "leg"})
WIDE = 1000


def orders(found: Iterable[Order]) -> list[list[str]]:
    """A heading and a row an order."""
    rows = [["symbol", "side", "size", "price", "filled", "status", "placed, UTC", "order id", "client order id"]]
    for order in found:
        placed = figures.clock_time(order.created_time_ns) if order.created_time_ns else figures.NOTHING
        price = order.type if order.price is None else _text(order.price)
        status = f"{order.status}{', canceling' if order.canceling else ''}"
        ids = [order.order_id or figures.NOTHING, order.client_order_id or figures.NOTHING]
        row = [order.symbol, str(order.side), _text(order.size), price, _text(order.filled), status, placed, *ids]
        rows.append([figures.printable(cell) for cell in row])
    return rows


def order_record(order: Order) -> dict[str, Any]:
    return {
        "symbol": order.symbol,
        "side": str(order.side),
        "type": order.type,
        "size": f"{order.size:f}",
        "price": _or_none(order.price),
        "filled": f"{order.filled:f}",
        "status": str(order.status),
        "canceling": order.canceling,
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "own": order.own,
        "time_in_force": order.time_in_force,
        "reduce_only": order.reduce_only,
        "position_side": order.position_side,
        "created_time_ns": order.created_time_ns,
    }


def positions(found: Iterable[PositionReport]) -> list[list[str]]:
    """A heading and a row a position."""
    rows = [["symbol", "leg", "size", "entry", "leverage", "margin"]]
    for each in found:
        row = [each.symbol, each.position_side, f"{each.size:+f}", _text(each.entry_price), _text(each.leverage)]
        rows.append([figures.printable(cell) for cell in (*row, each.margin_type.lower() or figures.NOTHING)])
    return rows


def position_record(report: PositionReport) -> dict[str, Any]:
    return {
        "symbol": report.symbol,
        "position_side": report.position_side,
        "size": f"{report.size:f}",
        "entry_price": _or_none(report.entry_price),
        "leverage": _or_none(report.leverage),
        "margin_type": report.margin_type.lower(),
    }


def balances(found: Iterable[BalanceReport]) -> list[list[str]]:
    """A heading and a row an asset."""
    rows = [["asset", "wallet", "available"]]
    rows += [[figures.printable(each.asset), _text(each.wallet), _text(each.available)] for each in found]
    return rows


def balance_record(report: BalanceReport) -> dict[str, Any]:
    return {"asset": report.asset, "wallet": f"{report.wallet:f}", "available": _or_none(report.available)}


def told(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows in lines."""
    if sys.stdout is not None and sys.stdout.isatty():
        return _table(heading, rows)
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    sides = [name in LEFT for name in heading]
    return [
        "  ".join(
            cell.ljust(width) if left else cell.rjust(width)
            for cell, width, left in zip(row, widths, sides, strict=True)
        ).rstrip()
        for row in (heading, *rows)
    ]


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in heading:
        table.add_column(Text(name), justify="left" if name in LEFT else "right", no_wrap=True)
    for row in rows:
        styles = {"BUY": "green", "SELL": "red"}
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in row))
    console = Console()
    with console.capture() as captured:
        console.print(table, width=WIDE, crop=False, no_wrap=True, soft_wrap=True)
    return captured.get().splitlines()


def _text(number: Decimal | None) -> str:
    return figures.NOTHING if number is None else f"{number:f}"


def _or_none(number: Decimal | None) -> str | None:
    return None if number is None else f"{number:f}"
