"""The spot trading table against the fact sheet: sections 1.5, 1.6, 1.8, 1.10, 3 and 5.1, and its samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, OrderRefused, UsageError
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.coinswitch_sio import SPOT
from csbook.venues.coinswitch_spot_trading import TRADING
from csbook.venues.trading import Draft, Trading
from csbook.wire.private import BalanceReport, Hint, OrderReport, PositionReport
from csbook.wire.request import Verdict
from csbook.wire.session import Malformed, Unknown

KEYS = Credentials("the-public-half-of-a-pair", bytes(range(32)).hex())
DRAFT = Draft("BTC/INR", Side.SELL, "LIMIT", "0.00005", "2300000.50", "mine-1")
D = Decimal
C2C1 = trading_table("coinswitch-sio-spot", {"exchange": "C2C1", "expiry_s": 60})


@pytest.fixture
def sample(shared_data: Path) -> Callable[[str], bytes]:
    folder = shared_data.parent / "venues/samples/coinswitch"
    return lambda name: (folder / f"{name}.json").read_bytes()


def holdings(*rows: dict[str, Any]) -> bytes:
    return dumps({"data": list(rows)})


def test_it_is_found_by_name() -> None:
    table: Trading = trading_table("coinswitch-sio-spot")
    assert table is TRADING and (table.name, table.title) == (SPOT.name, SPOT.title)
    assert trading_table("coinswitch-sio").spot == table.name
    assert (SPOT.rest_origin, SPOT.ws_origin) == ("https://coinswitch.co", "wss://ws.coinswitch.co")


# -- requests --------------------------------------------------------------------------------------------------------


def test_requests_are_those_of_section_3() -> None:
    for request, method, path, query in (
        (TRADING.place(DRAFT), "POST", "order", ""), (TRADING.cancel("X", order_id="5"), "DELETE", "order", ""),
        (TRADING.order("X", order_id="5"), "GET", "order", "order_id=5"),
        (TRADING.order("X", order_id="5", client_order_id="mine-1"), "GET", "order", "client_order_id=mine-1"),
        (TRADING.open_orders(), "GET", "orders", "open=true&exchanges=coinswitchx"),
        (
            TRADING.closed_orders("BTC/INR", from_ms=1, to_ms=2), "GET", "orders",
            "open=false&exchanges=coinswitchx&symbols=BTC%2FINR&from_time=1&to_time=2",
        ),
        (C2C1.open_orders(to_ms=7), "GET", "orders", "open=true&exchanges=c2c1&to_time=7"),
        (TRADING.positions(), "GET", "user/portfolio", ""), (TRADING.balances(), "GET", "user/portfolio", ""),
        (TRADING.instruments(), "POST", "exchangePrecision", ""), (TRADING.server_time(), "GET", "time", ""),
    ):  # fmt: skip
        assert (request.method, request.path, request.query) == (method, f"/trade/api/v2/{path}", query)
        assert request.command == (request.endpoint in ("place", "cancel"))
        assert request.signed == (path != "time")
    assert TRADING.cancel("X", order_id="5").body == b'{"order_id":"5"}'
    assert TRADING.instruments().body == b'{"exchange":"coinswitchx"}'


def test_an_order_has_json_numbers_and_lives_for_as_long_as_is_said() -> None:
    assert TRADING.place(DRAFT).body == (
        b'{"side":"SELL","symbol":"BTC/INR","type":"LIMIT","price":2300000.50,"quantity":0.00005,'
        b'"exchange":"coinswitchx","client_order_id":"mine-1"}'
    )
    said = json.loads(C2C1.place(replace(DRAFT, symbol="BTC/USDT")).body)
    assert (said["exchange"], said["expiry_period"], said["symbol"]) == ("c2c1", 60, "BTC/USDT")


def test_the_path_is_signed_decoded_and_the_body_is_not() -> None:
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    public = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    for request, text in (
        (TRADING.place(DRAFT), b"POST/trade/api/v2/order1700000000000"),
        (
            TRADING.open_orders("BTC/INR"),
            b"GET/trade/api/v2/orders?open=true&exchanges=coinswitchx&symbols=BTC/INR1700000000000",
        ),
    ):
        headers = TRADING.sign(request, KEYS, 1700000000000).headers
        public.verify(bytes.fromhex(headers["X-AUTH-SIGNATURE"]), text)
        assert headers["X-AUTH-APIKEY"] == KEYS.api_key and headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(DRAFT, type="MARKET", price=None), "type"), (replace(DRAFT, time_in_force="IOC"), "time_in_force"),
        (replace(DRAFT, reduce_only=True), "reduce_only"), (replace(DRAFT, post_only=True), "post_only"),
        (replace(DRAFT, position_side="LONG"), "position_side"), (replace(DRAFT, price="1e3"), "price"),
        (replace(DRAFT, client_order_id="a b"), "client_order_id"),
    ],
)  # fmt: skip
def test_what_spot_has_not(draft: Draft, field: str) -> None:
    with pytest.raises(OrderRefused) as caught:
        TRADING.place(draft)
    assert caught.value.field == field


def test_what_is_cancelled_and_how() -> None:
    assert not TRADING.abilities
    with pytest.raises(OrderRefused, match="its own order id"):
        TRADING.cancel("X", client_order_id="mine-1")
    with pytest.raises(OrderRefused, match="by one request"):
        TRADING.cancel_all()


def test_limits_are_within_those_of_the_sheet() -> None:
    documented = {"place": 100, "open_orders": 10_000, "closed_orders": 10_000, "positions": 2500, "balances": 2500}
    for endpoint, count in documented.items():
        limit = TRADING.limits[endpoint]
        assert limit.count <= count and limit.window_s == 10.0


def test_verdicts() -> None:
    body = dumps({"message": "Invalid Access"})
    for status, verdict in ((401, Verdict.KEY), (500, Verdict.UNKNOWN), (429, Verdict.RATE), (422, Verdict.REJECTED)):
        failure = TRADING.judge(TRADING.place(DRAFT), status, body, None)
        assert failure is not None and failure.verdict is verdict


# -- answers ---------------------------------------------------------------------------------------------------------


def test_the_documented_orders(sample: Callable[[str], bytes]) -> None:
    (opened,) = TRADING.read_order(TRADING.place(DRAFT), sample("doc_spot_rest_order_open"), 7).orders
    assert opened == OrderReport(
        "BTC/USDT", OrderStatus.NEW, "", "927db2d9-643c-47a3-9c0f-78741ac95cf5", Side.SELL, "LIMIT", "GTC",
        D("0.0009"), D(26000), D(0), created_time_ns=1689661638000_000_000, event_time_ns=1689661639000_000_000,
        receive_time_ns=7,
    )  # fmt: skip
    (ended,) = TRADING.read_order(TRADING.cancel("X", order_id="5"), sample("doc_spot_rest_order_cancelled"), 7).orders
    assert (ended.status, ended.size, ended.price) == (OrderStatus.CANCELED, D("0.00005"), D(2300000))


def test_the_documented_grid(sample: Callable[[str], bytes]) -> None:
    body = sample("doc_spot_rest_exchange_precision")
    rules = TRADING.read_instruments(body, {})["BTC/INR"]
    assert (rules.tick, rules.lot) == (D("0.01"), D("0.00001"))
    assert TRADING.read_instruments(body, {"BTC/INR": D("0.5")})["BTC/INR"].tick == D("0.5")
    with pytest.raises(BadMessage, match="no pairs of c2c1"):
        C2C1.read_instruments(body, {})


def test_what_is_held(sample: Callable[[str], bytes]) -> None:
    body = sample("fixture_spot_rest_portfolio")
    assert TRADING.read_balances(body, 7) == (BalanceReport("ETH", D("0.2519"), D("0.25"), receive_time_ns=7),)
    assert TRADING.read_positions(body, 7) == (
        PositionReport("ETH/INR", D("0.2519"), D("110882.72"), receive_time_ns=7),
    )
    assert C2C1.read_positions(body, 7) == (PositionReport("ETH/USDT", D("0.2519"), receive_time_ns=7),)


def test_what_is_money_and_what_is_nothing_is_no_position() -> None:
    rupees = {"currency": "INR", "main_balance": 100.25, "blocked_balance_order": 50}
    dollars = {"currency": "usdt", "main_balance": "5", "blocked_balance_order": "0"}
    nothing = {"currency": "ETH", "main_balance": "0", "blocked_balance_order": "0.0"}
    body = holdings(rupees, dollars, nothing)
    assert [(each.symbol, each.size) for each in TRADING.read_positions(body, 7)] == [("USDT/INR", D(5))]
    assert C2C1.read_positions(body, 7) == ()
    assert [(each.asset, each.wallet) for each in TRADING.read_balances(body, 7)] == [
        ("INR", D("150.25")), ("USDT", D(5)), ("ETH", D(0)),
    ]  # fmt: skip


ROW = {
    "order_id": "5", "symbol": "BTC/INR", "price": 57, "average_price": 0, "orig_qty": 0.001, "executed_qty": 0,
    "status": "OPEN", "side": "buy", "client_order_id": "mine-1", "created_time": 1000, "updated_time": 2000,
}  # fmt: skip


@pytest.mark.parametrize(
    ("word", "filled", "status", "canceling"),
    [
        ("OPEN", 0, OrderStatus.NEW, False), ("OPEN", 0.0004, OrderStatus.PARTIALLY_FILLED, False),
        ("PARTIALLY_EXECUTED", 0.0004, OrderStatus.PARTIALLY_FILLED, False),
        ("CANCELLATION_RAISED", 0, OrderStatus.NEW, True), ("EXPIRATION_RAISED", 0, OrderStatus.NEW, True),
        ("EXECUTED", 0.001, OrderStatus.FILLED, False), ("CANCELLED", 0.0004, OrderStatus.CANCELED, False),
        ("EXPIRED", 0, OrderStatus.EXPIRED, False), ("DISCARDED", 0, OrderStatus.REJECTED, False),
    ],
)  # fmt: skip
def test_states(word: str, filled: float, status: OrderStatus, canceling: bool) -> None:
    """In an answer and in an update they mean the same."""
    body = dumps({"data": {**ROW, "status": word, "executed_qty": filled}})
    (report,) = TRADING.read_order(TRADING.order("X", order_id="5"), body, 7).orders
    assert (report.status, report.canceling) == (status, canceling)
    message = {"channel": "FETCH_ORDER_UPDATES", "data": {"i": "5", "X": word, "z": str(filled)}}
    update, _ = TRADING.read_event(message, 7)
    assert isinstance(update, OrderReport)
    assert (update.status, update.canceling, update.order_id, update.symbol) == (status, canceling, "5", "")
    assert update.filled == D(str(filled))


def test_a_state_that_nobody_has_told_of_is_asked_about() -> None:
    page = TRADING.read_orders(dumps({"data": [{**ROW, "status": "SUSPENDED"}, ROW]}), 7)
    assert [order.status for order in page.orders] == [OrderStatus.UNKNOWN, OrderStatus.NEW]
    assert page.unknown == ("order status 'SUSPENDED'",)


def test_a_list_of_open_orders_that_is_full_is_read_on() -> None:
    rows = [{**ROW, "order_id": str(i), "created_time": 5000 + i} for i in range(25)]
    assert TRADING.read_orders(dumps({"data": rows}), 7).cursor_ms == 5001
    assert TRADING.read_orders(dumps({"data": rows[1:]}), 7).cursor_ms is None
    rows[3]["status"] = "CANCELLED"  # a list of closed ones
    assert TRADING.read_orders(dumps({"data": {"orders": rows}}), 7).cursor_ms is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({**ROW, "order_id": "", "client_order_id": ""}, "order_id"), ({**ROW, "side": "HOLD"}, "side"),
        ({**ROW, "executed_qty": "many"}, "executed_qty"), ({**ROW, "symbol": 7}, "symbol"), ("none", "orders"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none(row: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        TRADING.read_orders(dumps({"data": [row]}), 7)
    assert caught.value.field == field


def test_holdings_that_are_none() -> None:
    for body in (b'{"data":{}}', holdings({"currency": "", "main_balance": "1"}), holdings({"currency": "X"})):
        with pytest.raises(BadMessage):
            TRADING.read_balances(body, 7)
        with pytest.raises(BadMessage):
            TRADING.read_positions(body, 7)


# -- the private stream ----------------------------------------------------------------------------------------------


def test_two_connections_as_section_5_1_has_them() -> None:
    for table, feed, event in zip(
        TRADING.connections,
        ("order-updates", "balance-updates"),
        ("FETCH_ORDER_UPDATES", "FETCH_BALANCE_UPDATES"),
        strict=True,
    ):
        path, _, query = table.stream_path(Secret("")).partition("?")
        assert path.rstrip("/") == f"/pro/realtime-rates-socket/spot/{feed}" and query == "EIO=4&transport=websocket"
        assert json.loads(table.login(KEYS, 5)) == [event, {"event": "subscribe", "apikey": KEYS.api_key}]
        assert KEYS.api_secret.reveal().encode() not in table.login(KEYS, 5)
        hint = Hint("an order update" if feed == "order-updates" else "a balance update")
        assert table.read_event({"channel": event, "data": {"x": 1}}, 7) == [hint]
        assert table.read_event({"channel": "ANOTHER", "data": {}}, 7) == [Unknown("ANOTHER"), hint]
    assert not TRADING.has_token and TRADING.stream_lacks == ""


def test_updates_in_lists_and_wrapped_and_malformed_ones() -> None:
    rows = [
        {"i": "5", "X": "OPEN", "z": "0"},
        {"i": "6", "X": "OPEN", "z": "-1"},
        {"i": "7", "X": "NEW_WORD"},
        {"i": 8},
    ]
    for data in (rows, {"data": rows}):
        first, second, third, hint = TRADING.read_event({"channel": "FETCH_ORDER_UPDATES", "data": data}, 7)
        assert isinstance(first, OrderReport) and first.order_id == "5" and isinstance(second, Malformed)
        assert third == Unknown("order status 'NEW_WORD'") and hint == Hint("an order update")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"exchange": 7}, "expected one of coinswitchx"), ({"expiry_s": True}, "a whole number of seconds"),
        ({"expiry_s": "60"}, "a whole number of seconds"), ({"x": 1}, "no setting 'x'; it has: exchange, expiry_s"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        trading_table("coinswitch-sio-spot", settings)
