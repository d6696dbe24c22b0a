"""The trading table of the seed dialect: futures v2 paths and objects, the guide's signature and key."""

from __future__ import annotations

import hashlib
import hmac
import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.coinswitch import DIALECT
from csbook.venues.coinswitch_trading import TRADING
from csbook.venues.trading import Draft, Trading
from csbook.wire.private import BalanceReport, PositionReport
from csbook.wire.request import Request, Verdict

KEYS = Credentials("the-key", "the-secret")
ORDER = {
    "order_id": "8295823", "exchange": "EXCHANGE_2", "symbol": "BTCUSDT", "side": "BUY", "status": "RAISED",
    "order_type": "LIMIT", "quantity": "0.003", "exec_quantity": "0", "price": "30000.0", "avg_execution_price": "0",
    "execution_fee": "0", "realised_pnl": "0", "reduce_only": False, "trigger_price": "0", "client_order_id": "c-1",
    "time_in_force": "GTC", "created_at": 1672531234567, "updated_at": 1672531234999,
}  # fmt: skip


def body_of(request: Request) -> Any:
    return json.loads(request.body)


def answer(data: Any) -> bytes:
    return dumps({"data": data})


def order(**changes: Any) -> Any:
    row = {name: value for name, value in {**ORDER, **changes}.items() if value is not ...}
    return TRADING.read_order(TRADING.order("BTCUSDT", order_id="1"), answer({"order": row}), 7)


# -- requests -------------------------------------------------------------------------------------------------------


def test_it_is_found_by_name_and_is_what_a_table_has_to_be() -> None:
    table: Trading = trading_table("coinswitch")
    assert table is TRADING and (table.name, table.title) == (DIALECT.name, DIALECT.title)
    with pytest.raises(ValueError, match="csbook trades on: binance, "):
        trading_table("nowhere")


DRAFT = Draft("BTCUSDT", Side.SELL, "LIMIT", "0.0010", "30000.00", "c-1", "IOC", reduce_only=True)


def test_a_limit_order() -> None:
    request = TRADING.place(DRAFT)
    assert (request.method, request.path, request.query) == ("POST", "/trade/api/v2/futures/order", "")
    assert request.command and request.endpoint == "place"
    assert request.headers == {"Content-Type": "application/json"}
    assert body_of(request) == {
        "exchange": "EXCHANGE_2", "symbol": "BTCUSDT", "side": "SELL", "order_type": "LIMIT", "quantity": "0.0010",
        "price": "30000.00", "time_in_force": "IOC", "reduce_only": True, "client_order_id": "c-1",
    }  # fmt: skip
    assert b'"price":"30000.00"' in request.body and b'"quantity":"0.0010"' in request.body  # text, as it was written


def test_a_market_order_has_no_price_and_a_hedge_order_has_a_side() -> None:
    body = body_of(TRADING.place(Draft("BTCUSDT", Side.BUY, "MARKET", "1", None, "c", position_side="LONG")))
    assert "price" not in body and "time_in_force" not in body
    assert (body["order_type"], body["position_side"]) == ("MARKET", "LONG")


def test_cancels() -> None:
    request = TRADING.cancel("BTCUSDT", order_id="5", client_order_id="c")
    assert (request.method, request.path, request.command) == ("DELETE", "/trade/api/v2/futures/order", True)
    assert body_of(request) == {"exchange": "EXCHANGE_2", "order_id": "5"}
    assert body_of(TRADING.cancel("BTCUSDT", client_order_id="c")) == {"exchange": "EXCHANGE_2", "client_order_id": "c"}
    every = TRADING.cancel_all()
    assert (every.method, every.path, every.command) == ("POST", "/trade/api/v2/futures/cancel_all", True)
    assert body_of(every) == {"exchange": "EXCHANGE_2"}
    assert body_of(TRADING.cancel_all("BTCUSDT")) == {"exchange": "EXCHANGE_2", "symbol": "BTCUSDT"}


def test_queries() -> None:
    by_client = TRADING.order("BTCUSDT", order_id="5", client_order_id="c 1")
    assert (by_client.method, by_client.path) == ("GET", "/trade/api/v2/futures/order")
    assert (by_client.query, by_client.body, by_client.command) == ("client_order_id=c%201", b"", False)
    assert TRADING.order("BTCUSDT", order_id="5").query == "order_id=5"
    assert TRADING.positions().query == "exchange=EXCHANGE_2"
    assert TRADING.positions("BTCUSDT").query == "exchange=EXCHANGE_2&symbol=BTCUSDT"
    assert TRADING.balances().path == "/trade/api/v2/futures/wallet_balance"
    assert TRADING.instruments().path == "/trade/api/v2/futures/instrument_info"
    clock = TRADING.server_time()
    assert (clock.method, clock.path, clock.signed) == ("GET", "/trade/api/v2/time", False)


def test_lists_are_posts_that_change_nothing() -> None:
    request = TRADING.open_orders("BTCUSDT", from_ms=5, to_ms=9)
    assert (request.method, request.path) == ("POST", "/trade/api/v2/futures/orders/open")
    assert not request.command
    assert body_of(request) == {"exchange": "EXCHANGE_2", "symbol": "BTCUSDT", "from_time": 5, "to_time": 9}
    assert body_of(TRADING.closed_orders()) == {"exchange": "EXCHANGE_2"}
    assert TRADING.closed_orders().path == "/trade/api/v2/futures/orders/closed"


def test_the_listen_key() -> None:
    made, extended = TRADING.new_token(), TRADING.extend_token()
    assert (made.method, extended.method) == ("POST", "PUT")
    assert made.path == extended.path == "/trade/api/v2/user/listenKey" and made.body == extended.body == b""
    assert TRADING.stream_path(Secret("abc")) == "/ws/abc"
    assert 0 < TRADING.token_renewal_s[0] < TRADING.token_renewal_s[1] < TRADING.token_life_s == 3600


@pytest.mark.parametrize(
    ("request_", "payload"),
    [
        (TRADING.place(DRAFT), TRADING.place(DRAFT).body),
        (TRADING.positions("BTCUSDT"), b"exchange=EXCHANGE_2&symbol=BTCUSDT"),
        (TRADING.new_token(), b""),
    ],
)
def test_what_is_signed(request_: Request, payload: bytes) -> None:
    signed = TRADING.sign(request_, KEYS, 1672531234567)
    text = b"1672531234567the-key" + payload
    assert signed.headers["x-api-signature"] == hmac.new(b"the-secret", text, hashlib.sha256).hexdigest()
    assert (signed.headers["x-api-key"], signed.headers["x-api-timestamp"]) == ("the-key", "1672531234567")
    assert signed.query == request_.query


def test_the_time_is_asked_without_a_key() -> None:
    assert TRADING.sign(TRADING.server_time(), KEYS, 1).headers == {}


def test_the_limits_are_those_of_the_venue_with_a_part_for_a_halt() -> None:
    limits = {name: (limit.count, limit.window_s) for name, limit in TRADING.limits.items()}
    assert limits == {
        "place": (20, 60.0), "cancel": (10, 60.0), "cancel_all": (10, 60.0), "order": (20, 60.0),
        "open_orders": (20, 60.0), "closed_orders": (20, 60.0), "positions": (20, 60.0), "balances": (20, 60.0),
        "instruments": (100, 60.0),
    }  # fmt: skip
    kept = {name for name, limit in TRADING.limits.items() if limit.reserve}
    assert kept == {"cancel", "cancel_all", "open_orders"}


def test_what_it_can_and_what_it_lacks() -> None:
    assert {"reduce_only", "hedge", "cancel_all"} == TRADING.abilities


# -- answers that are no success ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "message", "verdict"),
    [
        (200, "", None), (204, "", None),
        (400, "insufficient balance", Verdict.REJECTED), (422, "quantity is invalid", Verdict.REJECTED),
        (422, "duplicate client_order_id: order 5 has it", Verdict.DUPLICATE),
        (409, "client_order_id is already taken by 5", Verdict.DUPLICATE),
        (422, "client_order_id is no UUID", Verdict.REJECTED),
        (401, "Invalid Access", Verdict.KEY), (403, "", Verdict.KEY),
        (401, "epoch is stale", Verdict.CLOCK), (401, "Timestamp out of range", Verdict.CLOCK),
        (404, "no such order", Verdict.NOT_FOUND), (429, "slow down", Verdict.RATE), (418, "", Verdict.RATE),
        (408, "", Verdict.UNKNOWN), (500, "", Verdict.UNKNOWN), (502, "<html>", Verdict.UNKNOWN),
        (503, "busy", Verdict.UNKNOWN), (302, "", Verdict.UNKNOWN), (100, "", Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_what_a_status_means(status: int, message: str, verdict: Verdict | None) -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), status, dumps({"message": message}), None)
    assert (failure.verdict if failure else None) is verdict
    if failure is not None:
        assert failure.status == status and message in failure.text and str(status) in failure.text


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"message":5}', b'{"error":"x"}', b"\xff"])
def test_a_failure_without_words(body: bytes) -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), 400, body, None)
    assert failure is not None and failure.text == "the venue answered 400"


def test_long_words_are_cut_to_one_line() -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), 400, dumps({"message": "a\nb " * 500}), None)
    assert failure is not None and len(failure.text) < 250 and "\n" not in failure.text


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("7", 7.0), (" 7 ", 7.0), ("soon", None), ("-1", None), ("999999999999", 3600.0), ("0", 0.0)],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), 429, b"{}", header)
    assert failure is not None and failure.retry_after_s == seconds


# -- orders ---------------------------------------------------------------------------------------------------------


def test_every_field_of_an_order() -> None:
    (report,) = order(exec_quantity="0.001", avg_execution_price="29999.5").orders
    assert (report.symbol, report.side, report.type, report.time_in_force) == ("BTCUSDT", Side.BUY, "LIMIT", "GTC")
    assert (report.order_id, report.client_order_id) == ("8295823", "c-1")
    assert (report.size, report.price, report.filled) == (Decimal("0.003"), Decimal("30000.0"), Decimal("0.001"))
    assert (report.average_price, report.reduce_only) == (Decimal("29999.5"), False)
    assert report.created_time_ns == 1672531234567_000_000 and report.event_time_ns == 1672531234999_000_000
    assert report.receive_time_ns == 7 and report.fill is None


@pytest.mark.parametrize(
    ("status", "executed", "expected", "canceling"),
    [
        ("RAISED", "0", OrderStatus.NEW, False), ("RAISED", "0.001", OrderStatus.PARTIALLY_FILLED, False),
        ("CANCELLATION_RAISED", "0", OrderStatus.NEW, True),
        ("CANCELLATION_RAISED", "0.001", OrderStatus.PARTIALLY_FILLED, True),
        ("EXECUTED", "0.003", OrderStatus.FILLED, False), ("PARTIALLY_EXECUTED", "0.001", OrderStatus.CANCELED, False),
        ("CANCELLED", "0", OrderStatus.CANCELED, False), ("FAILED", "0", OrderStatus.REJECTED, False),
    ],
)  # fmt: skip
def test_the_states(status: str, executed: str, expected: OrderStatus, canceling: bool) -> None:
    page = order(status=status, exec_quantity=executed)
    assert (page.orders[0].status, page.orders[0].canceling, page.unknown) == (expected, canceling, ())


def test_a_state_that_nobody_told_of_is_kept_as_unknown_and_told() -> None:
    page = order(status="TRIGGERED")
    assert page.orders[0].status is OrderStatus.UNKNOWN and "TRIGGERED" in page.orders[0].reason
    assert page.unknown == ("order status 'TRIGGERED'",)


def test_the_cancel_answer_renames_two_fields_and_is_not_wrapped() -> None:
    row = {**ORDER, "status": "CANCELLED", "avg_exec_price": "29999.5", "exec_fee": "0"}
    del row["avg_execution_price"], row["execution_fee"]
    page = TRADING.read_order(TRADING.cancel("BTCUSDT", order_id="1"), answer(row), 7)
    assert (page.orders[0].average_price, page.orders[0].status) == (Decimal("29999.5"), OrderStatus.CANCELED)


def test_numbers_are_exact_whether_text_or_json_numbers() -> None:
    text = answer({"order": ORDER}).replace(b'"30000.0"', b"30000.123456789012345678").replace(b'"0.003"', b"3")
    (report,) = TRADING.read_order(TRADING.order("", order_id="1"), text, 7).orders
    assert (report.price, report.size) == (Decimal("30000.123456789012345678"), Decimal(3))


def test_what_may_be_absent() -> None:
    (report,) = order(
        client_order_id=..., time_in_force=..., price="", avg_execution_price=None, updated_at=..., reduce_only="true",
        exec_quantity=..., side="sell", created_at="1672531234567",
    ).orders  # fmt: skip
    assert (report.client_order_id, report.time_in_force, report.price, report.filled) == ("", None, None, None)
    assert (report.reduce_only, report.side, report.event_time_ns) == (True, Side.SELL, 1672531234567_000_000)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order_id": ..., "client_order_id": ...}, "order_id"), ({"side": "HOLD"}, "side"),
        ({"symbol": ...}, "symbol"),
        ({"quantity": "x"}, "quantity"), ({"price": True}, "price"), ({"created_at": -1}, "created_at"),
        ({"updated_at": "soon"}, "updated_at"), ({"reduce_only": 1}, "reduce_only"), ({"status": []}, "status"),
    ],
)  # fmt: skip
def test_a_malformed_order_names_the_field(changes: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        order(**changes)
    assert caught.value.field == field


def test_lists_with_cursors() -> None:
    page = TRADING.read_orders(answer({"orders": [ORDER, {**ORDER, "status": "ODD"}], "cursor": 1672531000000}), 7)
    assert len(page.orders) == 2 and page.cursor_ms == 1672531000000 and page.unknown == ("order status 'ODD'",)
    assert TRADING.read_orders(answer({"orders": [], "cursor": None}), 7).cursor_ms is None
    for data in ([], {"orders": {}}, {"orders": [5]}, {"cursor": None}, {"orders": [], "cursor": "x"}, None):
        with pytest.raises(BadMessage):
            TRADING.read_orders(answer(data), 7)


@pytest.mark.parametrize("data", [None, [], 5, {"order": []}, {"order": None}])
def test_no_order_in_an_answer(data: Any) -> None:
    with pytest.raises(BadMessage):
        TRADING.read_order(TRADING.order("", order_id="1"), answer(data), 7)


def test_what_cancel_all_named() -> None:
    assert TRADING.read_canceled(answer({"orders_ids": ["5", 6]})) == ("5", "6")
    with pytest.raises(BadMessage):
        TRADING.read_canceled(answer({}))


# -- positions, balances, instruments, time, key --------------------------------------------------------------------

POSITION = {
    "symbol": "BTCUSDT", "position_side": "SHORT", "leverage": "5", "position_size": "0.010",
    "avg_entry_price": "30000.5", "margin_type": "ISOLATED", "status": "OPEN", "updated_at": 1672531234567,
}  # fmt: skip


def test_a_position_gets_its_sign_from_its_side() -> None:
    (report,) = TRADING.read_positions(answer([POSITION]), 7)
    assert report == PositionReport(
        "BTCUSDT",
        Decimal("-0.010"),
        Decimal("30000.5"),
        "BOTH",
        leverage=Decimal(5),
        margin_type="ISOLATED",
        event_time_ns=1672531234567_000_000,
        receive_time_ns=7,
    )


def test_two_rows_of_a_symbol_are_two_legs() -> None:
    rows = [POSITION, {**POSITION, "position_side": "LONG"}, {**POSITION, "symbol": "ETHUSDT"}]
    reports = TRADING.read_positions(answer(rows), 7)
    assert [(report.symbol, report.position_side, report.size) for report in reports] == [
        ("BTCUSDT", "SHORT", Decimal("-0.010")),
        ("BTCUSDT", "LONG", Decimal("0.010")),
        ("ETHUSDT", "BOTH", Decimal("-0.010")),
    ]


@pytest.mark.parametrize(
    "data", [None, {}, [5], [{**POSITION, "position_side": ""}], [{**POSITION, "position_size": "x"}]]
)
def test_malformed_positions(data: Any) -> None:
    with pytest.raises(BadMessage):
        TRADING.read_positions(answer(data), 7)


def test_balances() -> None:
    held = {"total_balance": "1000.50", "total_available_balance": "900.25", "total_blocked_balance": "100.25"}
    data = {"base_asset_balances": [{"base_asset": "usdt", "balances": held}], "asset": []}
    assert TRADING.read_balances(answer(data), 7) == (
        BalanceReport("USDT", Decimal("1000.50"), Decimal("900.25"), receive_time_ns=7),
    )
    for bad in (
        None,
        {},
        {"base_asset_balances": [{"base_asset": "usdt"}]},
        {"base_asset_balances": [{"balances": held}]},
    ):
        with pytest.raises(BadMessage):
            TRADING.read_balances(answer(bad), 7)


RULES = {
    "symbol": "btc", "base_asset": "BTC", "quote_asset": "USDT", "status": "TRADING", "min_base_quantity": "0.001",
    "base_quantity_step_size": "0.001", "max_base_quantity": "100", "price_precision": 2, "tick_size": 1,
}  # fmt: skip


def test_instruments_and_the_tick_that_can_be_overridden() -> None:
    found = TRADING.read_instruments(answer({"BTCUSDT": RULES, "ethusdt": {**RULES, "tick_size": 0.5}}), {})
    assert found["BTCUSDT"].tick == Decimal("0.01") and found["ETHUSDT"].tick == Decimal("0.005")
    assert (found["BTCUSDT"].lot, found["BTCUSDT"].status) == (Decimal("0.001"), "TRADING")
    assert (found["BTCUSDT"].min_size, found["BTCUSDT"].max_size) == (Decimal("0.001"), Decimal(100))
    overridden = TRADING.read_instruments(answer({"EXCHANGE_2": {"BTCUSDT": RULES}}), {"BTCUSDT": Decimal("0.1")})
    assert overridden["BTCUSDT"].tick == Decimal("0.1")


@pytest.mark.parametrize(
    "changes", [{"price_precision": "2"}, {"tick_size": 0}, {"base_quantity_step_size": "0"}, {"price_precision": -1}]
)
def test_malformed_instruments(changes: Any) -> None:
    with pytest.raises(BadMessage):
        TRADING.read_instruments(answer({"BTCUSDT": {**RULES, **changes}}), {})


def test_the_servers_time() -> None:
    assert TRADING.read_time(b'{"serverTime": 1672531234567}') == 1672531234567_000_000
    assert TRADING.read_time(b'{"data": {"serverTime": 1}}') == 1_000_000
    for bad in (b"{}", b'{"serverTime": "1"}', b'{"serverTime": true}', b"5", b"<html>"):
        with pytest.raises(BadMessage):
            TRADING.read_time(bad)


def test_a_listen_key_is_never_shown() -> None:
    assert TRADING.read_token(b'{"listenKey": "Abc123xyz"}') == Secret("Abc123xyz")
    for bad in ("a/b", "a b", "", "x" * 513, "s\u00e9cret"):
        with pytest.raises(BadMessage) as caught:
            TRADING.read_token(dumps({"listenKey": bad}))
        assert not bad or bad not in str(caught.value)
    with pytest.raises(BadMessage):
        TRADING.read_token(b'{"listenKey": 5}')
