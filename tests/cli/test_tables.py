"""Rows and records of orders, positions and balances."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from csbook.cli import tables
from csbook.types import Order, OrderStatus, Side
from csbook.wire.private import BalanceReport, PositionReport

ORDER = Order(
    "BTCUSDT", Side.SELL, "LIMIT", Decimal("0.010"), Decimal("61802.60"), OrderStatus.PARTIALLY_FILLED,
    "c5b00c00-1", "8000001", filled=Decimal("0.004"), own=True, created_time_ns=1723161256_501_000_000,
)  # fmt: skip


def test_orders_keep_their_digits() -> None:
    market = Order("ETHUSDT", Side.BUY, "MARKET", Decimal(1), None, OrderStatus.NEW, "", canceling=True)
    heading, first, second = tables.orders([market, ORDER])
    assert heading[:4] == ["symbol", "side", "size", "price"]
    assert first == ["ETHUSDT", "BUY", "1", "MARKET", "0", "NEW, canceling", "-", "-", "-"]
    when = "23:54:16.501"
    assert second == [
        "BTCUSDT",
        "SELL",
        "0.010",
        "61802.60",
        "0.004",
        "PARTIALLY_FILLED",
        when,
        "8000001",
        "c5b00c00-1",
    ]


def test_records_are_json_without_a_float() -> None:
    position = PositionReport(
        "BTCUSDT", Decimal("-0.010"), Decimal("61802.60"), leverage=Decimal(10), margin_type="CROSS"
    )
    balance = BalanceReport("USDT", Decimal("99999.87635"))
    said = [tables.order_record(ORDER), tables.position_record(position), tables.balance_record(balance)]
    order, held, asset = json.loads(json.dumps(said), parse_float=lambda text: pytest.fail(text))
    assert (order["price"], order["filled"], order["status"]) == ("61802.60", "0.004", "PARTIALLY_FILLED")
    assert held == {
        "symbol": "BTCUSDT",
        "position_side": "BOTH",
        "size": "-0.010",
        "entry_price": "61802.60",
        "leverage": "10",
        "margin_type": "cross",
    }
    assert asset == {"asset": "USDT", "wallet": "99999.87635", "available": None}


def test_columns_are_aligned_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    rows = tables.balances([BalanceReport("USDT", Decimal("1.5"), Decimal(1)), BalanceReport("BTC", Decimal("10.25"))])
    assert tables.told(rows[0], rows[1:]) == [
        "asset  wallet  available",
        "USDT      1.5          1",
        "BTC     10.25          -",
    ]


def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    heading, *rows = tables.positions([PositionReport("BTCUSDT", Decimal("0.010"), Decimal("61802.6"))])
    lines = tables.told(heading, rows)
    assert "symbol" in lines[0]
    assert set(lines[1].strip()) == {"─"}
    assert "+0.010" in lines[2] and "61802.6" in lines[2]


def test_what_the_venue_says_cannot_move_the_cursor() -> None:
    rows = tables.orders([Order("\x1b[2J", Side.BUY, "X\n", Decimal(1), None, OrderStatus.NEW, "\x07")])
    rows += tables.balances([BalanceReport("\x1b]0;x\x07", Decimal(1))])
    rows += tables.positions([PositionReport("\x9b2J", Decimal(1), margin_type="\r")])
    assert all(cell.isprintable() for row in rows for cell in row)
