"""Rows of V5, by the fact sheet's examples (bybit 4.1 to 4.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from csbook.errors import BadMessage
from csbook.types import Fill, OrderStatus, Side
from csbook.venues import v5_rows
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.session import Unknown
from v5_samples import EXECUTION, ORDER, POSITION


def order(**changes: Any) -> OrderReport:
    report, unknown = v5_rows.order({**ORDER, **changes}, 7)
    assert unknown == ()
    return report


def fill(**changes: Any) -> Fill:
    report = v5_rows.execution({**EXECUTION, **changes}, 7)
    assert isinstance(report, OrderReport) and report.fill is not None
    return report.fill


def test_every_field_of_an_order() -> None:
    assert order() == OrderReport(
        "BTCUSDT", OrderStatus.PARTIALLY_FILLED, "c-1", "5cf98598-39a7-459e-97bf-76ca765ee020", Side.SELL, "LIMIT",
        "PostOnly", Decimal(2), Decimal("72.5"), Decimal(1), Decimal(75), False, True, "SHORT",
        commission=Decimal("0.3"), commission_asset="USDT", created_time_ns=1672364262444_000_000,
        event_time_ns=1672364262457_000_000, receive_time_ns=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("New", OrderStatus.NEW), ("Untriggered", OrderStatus.NEW), ("Triggered", OrderStatus.NEW),
        ("PartiallyFilled", OrderStatus.PARTIALLY_FILLED), ("Filled", OrderStatus.FILLED),
        ("Cancelled", OrderStatus.CANCELED), ("PartiallyFilledCanceled", OrderStatus.CANCELED),
        ("Deactivated", OrderStatus.CANCELED), ("Rejected", OrderStatus.REJECTED),
    ],
)  # fmt: skip
def test_the_states(said: str, status: OrderStatus) -> None:
    assert order(orderStatus=said).status is status


def test_a_state_that_nobody_told_of() -> None:
    report, unknown = v5_rows.order({**ORDER, "orderStatus": "Odd"}, 7)
    assert report.status is OrderStatus.UNKNOWN and unknown == ("order status 'Odd'",)


def test_empty_text_is_no_number() -> None:
    report = order(avgPrice="", leavesQty="", cumExecQty="0", price="0", cumExecFee="", updatedTime="")
    assert (report.average_price, report.price, report.commission) == (None, None, None)
    assert report.event_time_ns == report.created_time_ns and report.commission_asset == ""


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [
        ("EC_NoError", ""), ("", ""), ("EC_PerCancelRequest", ""), ("EC_OrigClOrdIDDoesNotExist", ""),
        ("EC_PostOnlyWillTakeLiquidity", "EC_PostOnlyWillTakeLiquidity"),
    ],
)  # fmt: skip
def test_why_an_order_ended(rejected: str, reason: str) -> None:
    assert order(orderStatus="Cancelled", rejectReason=rejected).reason == reason


def test_what_an_order_cost() -> None:
    detailed = order(cumFeeDetail={"USDC": "0.4"}, cumExecFee="")
    assert (detailed.commission, detailed.commission_asset) == (Decimal("0.4"), "USDC")
    two = order(cumFeeDetail={"USDC": "0.4", "MNT": "1"})
    assert (two.commission, two.commission_asset) == (None, "")
    assert order(symbol="BTCPERP").commission_asset == "USDC" and order(symbol="BTCUSD").commission_asset == ""


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderId": "", "orderLinkId": ""}, "orderId"), ({"side": ""}, "side"), ({"symbol": ""}, "symbol"),
        ({"qty": "x"}, "qty"), ({"positionIdx": 3}, "positionIdx"), ({"positionIdx": "0"}, "positionIdx"),
        ({"updatedTime": "x"}, "updatedTime"),
    ],
)  # fmt: skip
def test_a_malformed_order_names_the_field(changes: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        order(**changes)
    assert caught.value.field == field


def test_every_field_of_an_execution() -> None:
    assert fill() == Fill(
        "BTCUSDT", Side.SELL, Decimal("95900.1"), Decimal("0.5"), "0ab1bdf7-4219-438b-b30a-32ec863018f7",
        "9aac161b-8ed6-450d-9cab-c5cc67c21784", "", Decimal("26.3725275"), "USDT", Decimal("0.05"), False,
        trade_time_ns=1746270400353_000_000, event_time_ns=1746270400353_000_000, receive_time_ns=7,
    )  # fmt: skip
    report = v5_rows.execution(EXECUTION, 7)
    assert isinstance(report, OrderReport)
    assert (report.status, report.filled, report.size) == (OrderStatus.PARTIALLY_FILLED, None, Decimal("0.5"))


@pytest.mark.parametrize("kind", ["Trade", "AdlTrade", "BustTrade", "BlockTrade"])
def test_executions_that_are_fills(kind: str) -> None:
    assert fill(execType=kind).size == Decimal("0.5")


@pytest.mark.parametrize("kind", ["Funding", "Settle", "Delivery", "MovePosition", "FutureSpread", "SessionSettlePnL"])
def test_executions_that_are_none(kind: str) -> None:
    assert v5_rows.execution({**EXECUTION, "execType": kind}, 7) is None


def test_an_execution_that_nobody_told_of_is_named() -> None:
    for kind in ("Odd", ""):
        assert v5_rows.execution({**EXECUTION, "execType": kind}, 7) == Unknown(f"execution of type {kind!r}")


def test_what_is_charged_on_top_counts() -> None:
    gst = {"feeCoin": "USDT", "feeType": "GST", "subFeeType": "IND_GST", "feeRate": "0.0000675", "fee": "0.6"}
    assert fill(extraFees=[gst, {**gst, "feeCoin": "BTC"}]).commission == Decimal("26.9725275")
    assert fill(extraFees="").commission == Decimal("26.3725275")
    assert fill(execFee="", extraFees=[gst]).commission is None
    assert fill(feeCurrency="", execFee="-0.1").commission_asset == "USDT"


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"execId": ""}, "execId"), ({"execPrice": "0"}, "execPrice"), ({"execQty": ""}, "execQty")],
)
def test_a_malformed_execution_names_the_field(changes: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        fill(**changes)
    assert caught.value.field == field


def test_a_position_gets_its_sign_from_its_side() -> None:
    assert v5_rows.position(POSITION, 7) == PositionReport(
        "XRPUSDT", Decimal(-75), Decimal("0.3615"), "BOTH", Decimal(10), event_time_ns=1672364174449_000_000,
        receive_time_ns=7, sequence=8327597863,
    )  # fmt: skip
    flat = v5_rows.position({**POSITION, "side": "", "size": "0", "entryPrice": "0", "seq": -1, "positionIdx": 1}, 7)
    assert (flat.size, flat.entry_price, flat.sequence, flat.position_side) == (0, None, None, "LONG")
    assert flat.event_time_ns == 1, "older than any trade"
    by_rest = {name: value for name, value in POSITION.items() if name != "entryPrice"} | {"avgPrice": "0.4"}
    assert v5_rows.position(by_rest, 7).entry_price == Decimal("0.4")


def test_a_position_without_a_side_is_refused_unless_it_is_flat() -> None:
    for changes in ({"side": ""}, {"side": "Hold"}, {"size": "x"}):
        with pytest.raises(BadMessage):
            v5_rows.position({**POSITION, **changes}, 7)


def test_a_coin() -> None:
    row = {"coin": "USDT", "walletBalance": "11728.54414904", "availableToWithdraw": ""}
    assert v5_rows.balance(row, 5, 7) == BalanceReport(
        "USDT", Decimal("11728.54414904"), event_time_ns=5, receive_time_ns=7
    )
    assert v5_rows.balance({**row, "availableToWithdraw": "1"}, 5, 7).available == 1
    for bad in ({**row, "coin": ""}, {**row, "walletBalance": ""}):
        with pytest.raises(BadMessage):
            v5_rows.balance(bad, 5, 7)


@pytest.mark.parametrize(
    ("name", "coin"), [("BTCUSDT", "USDT"), ("BTCPERP", "USDC"), ("ETHUSDC", "USDC"), ("BTCUSD", "")]
)
def test_the_coin_of_a_contract(name: str, coin: str) -> None:
    assert v5_rows.coin_of(name) == coin
