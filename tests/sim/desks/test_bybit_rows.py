"""Rows of V5 as the local venue writes them, read by their names and by csbook's own reader."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from csbook.sim.accounts import Account, Terms
from csbook.sim.desks.bybit_rows import LEGS, execution_row, late_row, message, order_row, position_row, wallet_row
from csbook.sim.market import Instrument
from csbook.sim.tickets import Ticket
from csbook.types import OrderStatus, Side
from csbook.venues import v5_rows
from csbook.wire.private import OrderReport

IT = Instrument("BTCUSDT", 10, 2, 3, 0, 0, 0)
AT = 1_700_000_000_123
D = Decimal


def ticket(account: Account, side: Side = Side.BUY, **more: object) -> Ticket:
    made = Ticket(account, IT, 81, side, "LIMIT", "GTC", 1000, 300_000, False, "mine", "BOTH", AT * 10**6, AT * 10**6)
    for name, value in more.items():
        setattr(made, name, value)
    return made


def filled(made: Ticket, price: int, size: int) -> dict[str, object]:
    """A fill, and its row."""
    fill = made.account.apply(made, price, size, 12345, True, AT * 10**6)
    made.status = OrderStatus.FILLED if made.filled == made.size else OrderStatus.PARTIALLY_FILLED
    return execution_row(made, fill, made.account.holding(IT, made.position_side), 77)


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [
        (OrderStatus.NEW, "", ("New", "UNKNOWN", "EC_NoError")),
        (OrderStatus.PARTIALLY_FILLED, "", ("PartiallyFilled", "UNKNOWN", "EC_NoError")),
        (OrderStatus.FILLED, "", ("Filled", "UNKNOWN", "EC_NoError")),
        (OrderStatus.CANCELED, "", ("Cancelled", "CancelByUser", "EC_PerCancelRequest")),
        (OrderStatus.CANCELED, "post_only", ("Cancelled", "UNKNOWN", "EC_PostOnlyWillTakeLiquidity")),
        (OrderStatus.EXPIRED, "fok", ("Cancelled", "UNKNOWN", "EC_NoEnoughQtyToFill")),
        (OrderStatus.EXPIRED, "ioc", ("Cancelled", "UNKNOWN", "EC_NoImmediateQtyToFill")),
        (OrderStatus.EXPIRED, "reduce_only", ("Cancelled", "CancelByReduceOnly", "EC_NoError")),
        (OrderStatus.EXPIRED, "self_trade", ("Cancelled", "CancelBySmp", "EC_BySelfMatch")),
        (OrderStatus.EXPIRED, "", ("Cancelled", "CancelByAdmin", "EC_NoError")),
        (OrderStatus.REJECTED, "", ("Rejected", "UNKNOWN", "EC_Others")),
    ],
)
def test_how_an_order_ended(status: OrderStatus, reason: str, told: tuple[str, str, str]) -> None:
    row = order_row(ticket(Account("a"), status=status, reason=reason))
    assert (row["orderStatus"], row["cancelType"], row["rejectReason"]) == told


def test_a_fill_that_closes_and_opens() -> None:
    account = Account("a", Terms(maker_rate="0.0002"))
    opened = filled(ticket(account), 300_000, 1000)
    assert (opened["closedSize"], opened["execPnl"], opened["execFee"], opened["leavesQty"]) == ("0", "0", "6", "0.000")
    turned = filled(ticket(account, Side.SELL, size=3000), 301_000, 2500)
    assert (turned["closedSize"], turned["execPnl"], turned["leavesQty"]) == ("1", "100", "0.500")
    row = position_row(account.holding(IT, "BOTH"), 10, D(30000), 78)
    assert (row["side"], row["size"], row["entryPrice"], row["avgPrice"]) == ("Sell", "1.5", "30100", "30100")
    assert (row["unrealisedPnl"], row["positionIM"], row["seq"]) == ("150", "4515", 78)
    assert D(str(row["cumRealisedPnl"])) == 100 - 6 - D("30100") * D("2.5") * D("0.0002")


def test_what_csbook_reads_is_what_was_written() -> None:
    account = Account("a")
    made = ticket(account, post_only=True, position_side="SHORT", side=Side.SELL, reduce_only=True)
    execution = v5_rows.execution(filled(made, 300_500, 400), 7)
    assert isinstance(execution, OrderReport) and execution.fill is not None
    truth = account.fills[0]
    assert (execution.fill.trade_id, execution.fill.price, execution.fill.size) == ("12345", truth.price, truth.size)
    assert (execution.fill.commission, execution.fill.realised_pnl) == (truth.commission, truth.realised_pnl)
    report, unknown = v5_rows.order(order_row(made), 7)
    order = made.record()
    assert unknown == () and (report.order_id, report.client_order_id) == (order.order_id, "mine")
    assert (report.side, report.size, report.price, report.filled) == (
        order.side,
        order.size,
        order.price,
        order.filled,
    )
    assert (report.average_price, report.commission) == (order.average_price, truth.commission)
    assert (report.post_only, report.reduce_only, report.position_side) == (True, True, "SHORT")
    assert (report.created_time_ns, report.event_time_ns) == (AT * 10**6, AT * 10**6)
    position = v5_rows.position(position_row(account.holding(IT, "SHORT"), 10, D(30000), 78), 7)
    assert (position.size, position.entry_price, position.position_side) == (D("-0.4"), D(30050), "SHORT")
    assert (position.sequence, position.leverage, position.event_time_ns) == (78, 10, AT * 10**6)
    (coin,) = wallet_row(account, lambda instrument: D(30000))["coin"]
    assert v5_rows.balance(coin, 0, 7).wallet == account.wallet["USDT"]


def test_a_filled_order_whose_cancel_came_late() -> None:
    account = Account("a")
    made = ticket(account)
    filled(made, 300_000, 1000)
    assert late_row(made) == order_row(made) | {
        "cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist",
    }  # fmt: skip


def test_a_message_has_one_row_and_a_name_of_its_own() -> None:
    one, two = (json.loads(message("order", {"a": "ü"}, AT)) for _ in range(2))
    assert (
        one == {"id": one["id"], "topic": "order", "creationTime": AT, "data": [{"a": "ü"}]} and one["id"] != two["id"]
    )
    assert LEGS == ("BOTH", "LONG", "SHORT")
