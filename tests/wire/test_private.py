from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from csbook.types import OrderStatus
from csbook.wire.private import BalanceReport, KeyExpired, OrderReport, PositionReport, Snapshot


def test_a_report_says_no_more_than_its_message() -> None:
    report = OrderReport("BTCUSDT", OrderStatus.NEW, order_id="7")
    told = {"symbol", "status", "order_id"}
    empty = {f.name for f in dataclasses.fields(report) if not getattr(report, f.name)}
    assert empty == {f.name for f in dataclasses.fields(report)} - told


def test_reports_never_change_after_birth() -> None:
    for report in (
        OrderReport("BTCUSDT", OrderStatus.NEW),
        PositionReport("BTCUSDT", Decimal(1)),
        BalanceReport("USDT", Decimal(1)),
        KeyExpired(),
        Snapshot(1, 2),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(report, dataclasses.fields(report)[0].name, 9)
