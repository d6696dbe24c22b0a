from __future__ import annotations

from decimal import Decimal

from csbook.types import OrderStatus
from csbook.wire.newest import Newest
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.session import Unknown


def position(sequence: int | None, symbol: str = "BTCUSDT", leg: str = "BOTH") -> PositionReport:
    return PositionReport(symbol, Decimal(1), position_side=leg, sequence=sequence)


def balance(sequence: int | None, asset: str = "USDT") -> BalanceReport:
    return BalanceReport(asset, Decimal(1), sequence=sequence)


def test_older_news_of_the_same_thing_is_dropped() -> None:
    newest = Newest()
    assert newest.of([position(5), balance(3)]) == [position(5), balance(3)]
    assert newest.of([position(4), balance(2)]) == []
    assert newest.of([position(5), position(6)]) == [position(5), position(6)]
    assert newest.of([position(5)]) == []


def test_each_position_each_leg_and_each_asset_has_its_own_count() -> None:
    newest = Newest()
    assert len(newest.of([position(9), balance(9)])) == 2
    others = [position(1, "ETHUSDT"), position(1, leg="LONG"), balance(1, "BTC")]
    assert newest.of(list(others)) == others


def test_what_is_not_counted_passes() -> None:
    newest = Newest()
    others = [OrderReport("BTCUSDT", OrderStatus.NEW, "c"), Unknown("x")]
    assert newest.of(list(others)) == others
    assert newest.of([position(5)]) and newest.of([position(None), *others]) == [position(None), *others]


def test_the_first_one_may_have_any_count() -> None:
    assert Newest().of([position(-1)]) == [position(-1)]
