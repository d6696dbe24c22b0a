"""KuCoin's rows in base quantity, by the fact sheet's examples (kucoin 2.5, 4 and 5)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.errors import BadMessage, OrderRefused
from csbook.types import Fill, Instrument, OrderStatus, Side
from csbook.venues import kucoin_rows
from csbook.venues.kucoin_rows import Contracts
from csbook.wire.fields import FloatFound
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.session import Unknown

ORDER: dict[str, Any] = {
    "symbol": "XBTUSDTM", "side": "buy", "canceledSize": "0", "orderId": "247899236673269761", "liquidity": "maker",
    "marginMode": "ISOLATED", "type": "open", "orderTime": 1731916985768138917, "size": "10", "filledSize": "0",
    "price": "91670", "remainSize": "10", "status": "open", "ts": 1731916985789000000, "clientOid": "c-1",
    "orderType": "limit",
}  # fmt: skip
MATCH: dict[str, Any] = {
    **ORDER, "type": "match", "status": "open", "filledSize": "4", "remainSize": "6", "matchPrice": "91669.5",
    "matchSize": "3", "tradeId": "t-1", "feeType": "makerFee",
}  # fmt: skip
LISTED: dict[str, Any] = {
    "id": "247899236673269761", "clientOid": "c-1", "symbol": "XBTUSDTM", "type": "limit", "side": "sell",
    "price": "91670", "size": 10, "filledSize": 4, "dealSize": 4, "status": "open", "isActive": True,
    "cancelExist": False, "reduceOnly": False, "postOnly": True, "timeInForce": "GTC", "createdAt": 1731916985000,
    "updatedAt": 1731916986000, "positionSide": "BOTH",
}  # fmt: skip


def known() -> Contracts:
    contracts = Contracts()
    multiplier = Decimal("0.001")
    contracts.learn({"XBTUSDTM": Instrument("XBTUSDTM", Decimal("0.1"), multiplier, multiplier=multiplier)})
    return contracts


def order(**changes: Any) -> OrderReport:
    (report,) = kucoin_rows.order({**ORDER, **changes}, known(), 7)
    assert isinstance(report, OrderReport)
    return report


def test_contracts_and_base_quantity() -> None:
    contracts = known()
    assert contracts.base("XBTUSDTM", Decimal(-3)) == Decimal("-0.003")
    assert contracts.of_size("XBTUSDTM", "0.0030") == 3
    assert contracts.of_size("XBTUSDTM", "123.456") == 123456
    assert contracts.base("XBTUSDTM", Decimal(123456)) == Decimal("123.456")
    with pytest.raises(OrderRefused, match="no whole number of contracts") as caught:
        contracts.of_size("XBTUSDTM", "0.0035")
    assert caught.value.nearest == ("0.003", "0.004") and caught.value.field == "size"
    with pytest.raises(OrderRefused) as caught:
        contracts.of_size("XBTUSDTM", "0.0001")
    assert caught.value.nearest == ("0.001",)


def test_a_contract_that_is_not_known_has_no_size() -> None:
    with pytest.raises(BadMessage, match="contract ETHUSDTM is not known"):
        known().base("ETHUSDTM", Decimal(1))
    with pytest.raises(OrderRefused, match="contract ETHUSDTM is not known"):
        known().of_size("ETHUSDTM", "1")
    with pytest.raises(BadMessage, match="is not known"):
        kucoin_rows.order(ORDER, Contracts(), 7)


def test_every_field_of_an_order() -> None:
    assert order() == OrderReport(
        "XBTUSDTM", OrderStatus.NEW, "c-1", "247899236673269761", Side.BUY, "LIMIT", None, Decimal("0.010"),
        Decimal(91670), Decimal("0.000"), created_time_ns=1731916985768138917, event_time_ns=1731916985789000000,
        receive_time_ns=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "status", "done", "expected"),
    [
        ("open", "open", "0", OrderStatus.NEW), ("open", "open", "4", OrderStatus.PARTIALLY_FILLED),
        ("match", "match", "4", OrderStatus.PARTIALLY_FILLED), ("update", "open", "0", OrderStatus.NEW),
        ("update", "open", "4", OrderStatus.PARTIALLY_FILLED), ("filled", "done", "10", OrderStatus.FILLED),
        ("canceled", "done", "4", OrderStatus.CANCELED), ("canceled", "done", "0", OrderStatus.CANCELED),
    ],
)  # fmt: skip
def test_what_happened_says_the_type(kind: str, status: str, done: str, expected: OrderStatus) -> None:
    assert order(type=kind, status=status, filledSize=done).status is expected
    bare = {name: value for name, value in ORDER.items() if name not in ("status", "clientOid")}
    (report,) = kucoin_rows.order({**bare, "type": kind, "filledSize": done}, known(), 7)
    assert isinstance(report, OrderReport) and report.status is expected and report.client_order_id == ""


def test_a_type_that_nobody_told_of() -> None:
    report, named = kucoin_rows.order({**ORDER, "type": "odd"}, known(), 7)
    assert isinstance(report, OrderReport) and report.status is OrderStatus.UNKNOWN
    assert named == Unknown("order type 'odd'")


def test_a_fill_is_in_base_quantity() -> None:
    (report,) = kucoin_rows.order(MATCH, known(), 7)
    assert isinstance(report, OrderReport) and report.filled == Decimal("0.004")
    assert report.fill == Fill(
        "XBTUSDTM", Side.BUY, Decimal("91669.5"), Decimal("0.003"), "t-1", "247899236673269761", "c-1", is_maker=True,
        trade_time_ns=1731916985789000000, event_time_ns=1731916985789000000, receive_time_ns=7,
    )  # fmt: skip
    assert order(**{**MATCH, "matchSize": "", "matchPrice": ""}).fill is None
    assert order(**{**MATCH, "type": "filled"}).fill is None
    taker = order(**{**MATCH, "liquidity": "taker"}).fill
    assert taker is not None and taker.is_maker is False


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderId": "", "clientOid": ""}, "orderId"), ({"side": "up"}, "side"), ({"symbol": ""}, "symbol"),
        ({"size": "x"}, "size"), ({"ts": -1}, "ts"), ({"ts": "1"}, "ts"), ({"ts": 2**63}, "ts"),
    ],
)  # fmt: skip
def test_a_malformed_order_names_the_field(changes: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        order(**changes)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "status", "canceling"),
    [
        ({}, OrderStatus.PARTIALLY_FILLED, False), ({"filledSize": 0}, OrderStatus.NEW, False),
        ({"cancelExist": True}, OrderStatus.PARTIALLY_FILLED, True),
        ({"status": "done", "filledSize": 10}, OrderStatus.FILLED, False),
        ({"status": "done", "filledSize": 10, "cancelExist": True}, OrderStatus.FILLED, False),
        ({"status": "done", "cancelExist": True}, OrderStatus.CANCELED, False),
        ({"status": "done", "filledSize": 4}, OrderStatus.CANCELED, False),
    ],
)  # fmt: skip
def test_done_alone_does_not_say_how(changes: Any, status: OrderStatus, canceling: bool) -> None:
    report, unknown = kucoin_rows.listed({**LISTED, **changes}, known(), 7)
    assert (report.status, report.canceling, unknown) == (status, canceling, ())


def test_an_order_of_a_list() -> None:
    report, _ = kucoin_rows.listed({**LISTED, "avgDealPrice": "91669.5", "filledSize": None}, known(), 7)
    assert report == OrderReport(
        "XBTUSDTM", OrderStatus.PARTIALLY_FILLED, "c-1", "247899236673269761", Side.SELL, "LIMIT", "GTC",
        Decimal("0.010"), Decimal(91670), Decimal("0.004"), Decimal("91669.5"), False, True, "BOTH",
        created_time_ns=1731916985000_000_000, event_time_ns=1731916986000_000_000, receive_time_ns=7,
    )  # fmt: skip
    report, unknown = kucoin_rows.listed({**LISTED, "status": "odd"}, known(), 7)
    assert report.status is OrderStatus.UNKNOWN and unknown == ("order status 'odd'",)


def test_a_fill_of_a_list_has_its_fee() -> None:
    row = {
        "symbol": "XBTUSDTM", "tradeId": "t-1", "orderId": "5", "side": "sell", "liquidity": "taker", "price": "91670",
        "size": 3, "fee": "0.165", "feeCurrency": "USDT", "tradeTime": 1731916985789000000,
    }  # fmt: skip
    fill = kucoin_rows.filled(row, known(), 7).fill
    assert fill is not None and (fill.size, fill.commission, fill.commission_asset, fill.is_maker) == (
        Decimal("0.003"), Decimal("0.165"), "USDT", False,
    )  # fmt: skip
    for changes in ({"size": 0}, {"price": "0"}, {"orderId": ""}):
        with pytest.raises(BadMessage):
            kucoin_rows.filled({**row, **changes}, known(), 7)


def test_a_position_in_base_quantity() -> None:
    row = {
        "symbol": "XBTUSDTM", "currentQty": -20, "avgEntryPrice": Decimal("91694.5"), "leverage": Decimal("4.96"),
        "marginMode": "ISOLATED", "positionSide": "BOTH", "changeReason": "positionChange",
        "currentTimestamp": 1731924561514,
    }  # fmt: skip
    assert kucoin_rows.position(row, known(), 7) == PositionReport(
        "XBTUSDTM", Decimal("-0.020"), Decimal("91694.5"), "BOTH", Decimal("4.96"), "ISOLATED", "positionChange",
        1731924561514_000_000, 7,
    )  # fmt: skip
    older = {**row, "crossMode": True, "realLeverage": 3}
    del older["marginMode"], older["leverage"]
    report = kucoin_rows.position(older, known(), 7)
    assert (report.margin_type, report.leverage) == ("CROSS", Decimal(3))
    with pytest.raises(FloatFound):  # so that the message is read again with its source text
        kucoin_rows.position(json.loads('{"symbol":"XBTUSDTM","currentQty":1,"avgEntryPrice":91694.5}'), known(), 7)
    with pytest.raises(BadMessage):
        kucoin_rows.position({**row, "positionSide": "UP"}, known(), 7)


def test_the_wallet_of_the_sheet() -> None:
    row = {
        "crossPosMargin": "0", "isolatedOrderMargin": "18.1188", "holdBalance": "0", "equity": "81.273621258",
        "version": "1337", "availableBalance": "26.144281178", "isolatedPosMargin": "36.80984008",
        "walletBalance": "81.072921258", "currency": "USDT", "timestamp": "1731916996764",
    }  # fmt: skip
    assert kucoin_rows.wallet(row, 7) == BalanceReport(
        "USDT", Decimal("81.072921258"), Decimal("26.144281178"), "", 1731916996764_000_000, 7, 1337
    )
    assert kucoin_rows.wallet({**row, "version": "x"}, 7).sequence is None
    with pytest.raises(BadMessage):
        kucoin_rows.wallet({**row, "currency": ""}, 7)


def test_the_overview_is_the_equity_without_what_is_not_realised() -> None:
    row = {"accountEquity": "394.439280806", "unrealisedPNL": "-0.5", "availableBalance": "290.3", "currency": "USDT"}
    assert kucoin_rows.overview(row, 7) == BalanceReport(
        "USDT", Decimal("394.939280806"), Decimal("290.3"), receive_time_ns=7
    )


def test_instruments_in_base_quantity() -> None:
    row = {
        "symbol": "XBTUSDTM", "tickSize": Decimal("0.1"), "lotSize": 1, "multiplier": Decimal("0.001"),
        "maxOrderQty": 1000000, "status": "Open",
    }  # fmt: skip
    inverse = {**row, "symbol": "XBTUSDM", "multiplier": -1}
    found = kucoin_rows.instruments([row, inverse], {})
    assert found == {
        "XBTUSDTM": Instrument(
            "XBTUSDTM", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(1000), None, Decimal("0.001"),
            "Open",
        )
    }  # fmt: skip
    assert kucoin_rows.instruments([row], {"XBTUSDTM": Decimal(1)})["XBTUSDTM"].tick == 1
    for key in ("lotSize", "tickSize", "multiplier"):
        with pytest.raises(BadMessage):
            kucoin_rows.instruments([{**row, key: "x"}], {})
