"""The trading table of Binance USD-M, by the examples of the fact sheet (sections 4 and 5) and recorded messages."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, OrderRefused
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.binance import DIALECT
from csbook.venues.binance_trading import TRADING
from csbook.venues.trading import Draft, Trading
from csbook.wire.private import BalanceReport, KeyExpired, OrderReport, PositionReport
from csbook.wire.request import Request, Verdict
from csbook.wire.session import Malformed, Unknown

KEYS = Credentials(
    "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83",
    "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
)
DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "1", "9000", "c-1")
ORDER = {
    "orderId": 22542179, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "testOrder", "price": "9000.10",
    "avgPrice": "0.00000", "origQty": "10", "executedQty": "0", "cumQuote": "0", "timeInForce": "GTX", "type": "LIMIT",
    "reduceOnly": False, "side": "SELL", "positionSide": "SHORT", "time": 1579276756075, "updateTime": 1566818724722,
}  # fmt: skip


def pairs(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query))


def order(**changes: Any) -> Any:
    row = {name: value for name, value in {**ORDER, **changes}.items() if value is not ...}
    return TRADING.read_order(TRADING.order("BTCUSDT", order_id="1"), dumps(row), 7)


# -- requests -------------------------------------------------------------------------------------------------------


def test_it_is_found_by_name() -> None:
    table: Trading = trading_table("binance")
    assert table is TRADING and (table.name, table.title) == (DIALECT.name, DIALECT.title)


def test_the_vector_of_the_sheet_is_what_a_limit_order_sends() -> None:
    """Its parameters stand in the order of the sheet's, but for the client order id, which theirs has not."""
    request = TRADING.place(DRAFT)
    assert (request.method, request.path, request.body, request.command) == ("POST", "/fapi/v1/order", b"", True)
    assert request.query == (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&newClientOrderId=c-1"
    )
    bare = Request("place", "POST", request.path, query=request.query.removesuffix("&newClientOrderId=c-1"))
    signed = TRADING.sign(bare, KEYS, 1591702613943)
    assert signed.query == (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
    )
    assert signed.headers["X-MBX-APIKEY"] == KEYS.api_key


def test_a_request_without_parameters_is_signed_by_its_time() -> None:
    query = TRADING.sign(TRADING.balances(), KEYS, 5).query
    assert query.startswith("recvWindow=5000&timestamp=5&signature=") and len(query) == 38 + 64


def test_what_is_public_has_no_key_and_the_listen_key_no_signature() -> None:
    for public in (TRADING.server_time(), TRADING.instruments()):
        signed = TRADING.sign(public, KEYS, 5)
        assert (signed.query, signed.headers) == ("", {})
    for request, method in ((TRADING.new_token(), "POST"), (TRADING.extend_token(), "PUT")):
        signed = TRADING.sign(request, KEYS, 5)
        assert (request.method, request.path, signed.query) == (method, "/fapi/v1/listenKey", "")
        assert signed.headers["X-MBX-APIKEY"] == KEYS.api_key and "signature" not in str(signed.headers)
    assert TRADING.token_renewal_s is not None and TRADING.token_renewal_s[1] <= 1800 < TRADING.token_life_s == 3600


def test_the_stream_is_told_by_name_what_to_bring() -> None:
    path = TRADING.stream_path(Secret("K1"))
    assert path == ("/private/ws?listenKey=K1&events=ORDER_TRADE_UPDATE/ACCOUNT_UPDATE/MARGIN_CALL/listenKeyExpired")


def test_orders_of_other_kinds() -> None:
    market = pairs(TRADING.place(Draft("BTCUSDT", Side.SELL, "MARKET", "0.50", None, "c", reduce_only=True)))
    assert market == {
        "symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.50", "reduceOnly": "true",
        "newClientOrderId": "c",
    }  # fmt: skip
    post_only = pairs(TRADING.place(Draft("BTCUSDT", Side.BUY, "LIMIT", "1", "9", "c", post_only=True)))
    assert post_only["timeInForce"] == "GTX"
    assert pairs(TRADING.place(Draft("BTCUSDT", Side.BUY, "LIMIT", "1", "9", "c", "IOC")))["timeInForce"] == "IOC"


def test_in_hedge_mode_reduce_only_is_said_by_the_side() -> None:
    closing = Draft("BTCUSDT", Side.SELL, "LIMIT", "1", "9", "c", reduce_only=True, position_side="LONG")
    said = pairs(TRADING.place(closing))
    assert said["positionSide"] == "LONG" and "reduceOnly" not in said
    with pytest.raises(OrderRefused, match="it cannot reduce only") as caught:
        TRADING.place(Draft("BTCUSDT", Side.BUY, "LIMIT", "1", "9", "c", reduce_only=True, position_side="LONG"))
    assert caught.value.field == "reduce_only"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft("B", Side.BUY, "STOP", "1", "9", "c"), "type"),
        (Draft("B", Side.BUY, "LIMIT", "1", "9", "c", "GTD"), "time_in_force"),
        (Draft("B", Side.BUY, "LIMIT", "1", "9", "c", "IOC", post_only=True), "post_only"),
        (Draft("B", Side.BUY, "LIMIT", "1", "9", "c" * 37), "client_order_id"),
        (Draft("B", Side.BUY, "LIMIT", "1", "9", "c d"), "client_order_id"),
        (Draft("B", Side.BUY, "LIMIT", "1", None, "c"), "price"),
        (Draft("B", Side.BUY, "MARKET", "1", "9", "c"), "price"),
        (Draft("B", Side.BUY, "LIMIT", "1", "9", "c", position_side="UP"), "position_side"),
    ],
)
def test_what_the_venue_has_no_word_for_is_not_sent(draft: Draft, field: str) -> None:
    with pytest.raises(OrderRefused) as caught:
        TRADING.place(draft)
    assert caught.value.field == field


def test_one_way_mode_in_so_many_words() -> None:
    said = pairs(
        TRADING.place(Draft("BTCUSDT", Side.BUY, "LIMIT", "1", "9", "c", reduce_only=True, position_side="BOTH"))
    )
    assert (said["positionSide"], said["reduceOnly"]) == ("BOTH", "true")


def test_an_order_is_amended_by_either_id() -> None:
    request = TRADING.amend(Draft("BTCUSDT", Side.BUY, "LIMIT", "2", "9001", "c-1"))
    assert (request.method, request.path, request.command) == ("PUT", "/fapi/v1/order", True)
    assert request.query == "symbol=BTCUSDT&origClientOrderId=c-1&side=BUY&quantity=2&price=9001"
    assert pairs(TRADING.amend(DRAFT, order_id="5"))["orderId"] == "5"
    with pytest.raises(OrderRefused, match="only a LIMIT order"):
        TRADING.amend(Draft("BTCUSDT", Side.BUY, "MARKET", "2", None, "c-1"))


def test_cancels_and_queries() -> None:
    cancel = TRADING.cancel("BTCUSDT", order_id="5", client_order_id="c")
    assert (cancel.method, cancel.query, cancel.command) == ("DELETE", "symbol=BTCUSDT&orderId=5", True)
    assert TRADING.cancel("BTCUSDT", client_order_id="c").query == "symbol=BTCUSDT&origClientOrderId=c"
    every = TRADING.cancel_all("BTCUSDT")
    assert (every.method, every.path, every.query) == ("DELETE", "/fapi/v1/allOpenOrders", "symbol=BTCUSDT")
    assert TRADING.cancel_all_by_symbol
    for ask in (TRADING.cancel_all, TRADING.closed_orders):
        with pytest.raises(OrderRefused, match="one symbol at a time"):
            ask()
    assert TRADING.order("BTCUSDT", order_id="5", client_order_id="c/1").query == (
        "symbol=BTCUSDT&origClientOrderId=c%2F1"
    )
    assert TRADING.order("BTCUSDT", order_id="5").query == "symbol=BTCUSDT&orderId=5"
    closed = TRADING.closed_orders("BTCUSDT", from_ms=5, to_ms=9)
    assert closed.query == "symbol=BTCUSDT&startTime=5&endTime=9&limit=1000"
    assert TRADING.positions("BTCUSDT").query == "symbol=BTCUSDT"
    assert TRADING.positions().path == "/fapi/v3/positionRisk" and TRADING.balances().path == "/fapi/v3/balance"
    assert TRADING.fills("BTCUSDT", order_id="5").query == "symbol=BTCUSDT&orderId=5&limit=1000"
    assert TRADING.fills("BTCUSDT", from_ms=5).query == "symbol=BTCUSDT&startTime=5&limit=1000"


def test_weights_and_order_counts() -> None:
    assert (TRADING.open_orders().cost, TRADING.open_orders("BTCUSDT").cost) == (40, 1)
    assert [TRADING.positions().cost, TRADING.balances().cost, TRADING.place(DRAFT).cost] == [5, 5, 1]
    assert TRADING.pools["place"] == TRADING.pools["amend"] == ("orders_10s", "orders_1m", "weight")
    assert TRADING.pools["cancel"] == TRADING.pools["cancel_all"] == ("weight",)
    assert {name: (limit.count, limit.window_s) for name, limit in TRADING.limits.items()} == {
        "orders_10s": (300, 10.0), "orders_1m": (1200, 60.0), "weight": (1200, 60.0),
    }  # fmt: skip
    assert TRADING.limits["weight"].reserve > TRADING.open_orders().cost


# -- answers that are no success ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "message", "verdict"),
    [
        (200, 0, "", None),
        (400, -2010, "rejected", Verdict.REJECTED), (400, -4164, "notional", Verdict.REJECTED),
        (400, -5022, "post only", Verdict.REJECTED), (400, -2022, "reduce only", Verdict.REJECTED),
        (400, -2011, "Unknown order sent.", Verdict.NOT_FOUND), (400, -2013, "no order", Verdict.NOT_FOUND),
        (400, -1125, "no such listenKey", Verdict.NOT_FOUND), (400, -4116, "duplicated", Verdict.DUPLICATE),
        (400, -1021, "recvWindow", Verdict.CLOCK), (400, -5028, "me recvWindow", Verdict.CLOCK),
        (400, -1022, "signature", Verdict.KEY), (401, -2015, "key", Verdict.KEY), (400, -2014, "key", Verdict.KEY),
        (400, -1003, "too many", Verdict.RATE), (429, -1003, "", Verdict.RATE), (429, -1015, "", Verdict.RATE),
        (418, -1003, "", Verdict.RATE), (403, 0, "", Verdict.RATE),
        (503, 0, "Unknown error, please check your request or try again later.", Verdict.UNKNOWN),
        (503, -1008, "Server is currently overloaded", Verdict.RATE),
        (503, -1001, "Internal error; unable to process your request. Please try again.", Verdict.RATE),
        (503, 0, "Service Unavailable.", Verdict.RATE), (503, 0, "", Verdict.UNKNOWN),
        (503, -1007, "Timeout waiting for response from backend server.", Verdict.UNKNOWN),
        (400, -1006, "", Verdict.UNKNOWN), (408, -1007, "", Verdict.UNKNOWN), (408, 0, "", Verdict.UNKNOWN),
        (500, 0, "", Verdict.UNKNOWN), (502, 0, "", Verdict.UNKNOWN), (302, 0, "", Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, code: int, message: str, verdict: Verdict | None) -> None:
    body = dumps({"code": code, "msg": message})
    failure = TRADING.judge(TRADING.place(DRAFT), status, body, None)
    assert (failure.verdict if failure else None) is verdict
    if failure is not None:
        assert message in failure.text and failure.code == (str(code) if code else "")


def test_whose_rate_it_is() -> None:
    def judged(status: int, code: int, retry_after: str | None = None) -> Any:
        body = dumps({"code": code, "msg": ""})
        return TRADING.judge(TRADING.place(DRAFT), status, body, retry_after)

    assert judged(429, -1015).limits == ("orders_10s", "orders_1m")
    assert judged(429, -1003, "7").limits == ("weight",) and judged(429, -1003, "7").retry_after_s == 7.0
    assert judged(503, -1008).limits == ()
    banned = judged(418, -1003, "600")
    assert (banned.banned, banned.retry_after_s, banned.limits) == (True, 600.0, ("weight",))
    assert judged(418, 0).retry_after_s == 120.0 and not judged(429, -1003).banned


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"[]", b'{"code":"x"}', b"\xff"])
def test_a_failure_without_a_code(body: bytes) -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), 400, body, None)
    assert failure is not None and failure.verdict is Verdict.REJECTED and failure.code == ""
    assert "<html" not in failure.text


# -- answers --------------------------------------------------------------------------------------------------------


def test_every_field_of_an_order() -> None:
    (report,) = order(executedQty="4", avgPrice="9000.20", status="PARTIALLY_FILLED").orders
    assert report == OrderReport(
        "BTCUSDT", OrderStatus.PARTIALLY_FILLED, "testOrder", "22542179", Side.SELL, "LIMIT", "GTX", Decimal(10),
        Decimal("9000.10"), Decimal(4), Decimal("9000.20"), False, True, "SHORT",
        created_time_ns=1579276756075_000_000, event_time_ns=1566818724722_000_000, receive_time_ns=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("NEW", OrderStatus.NEW), ("FILLED", OrderStatus.FILLED), ("CANCELED", OrderStatus.CANCELED),
        ("EXPIRED", OrderStatus.EXPIRED), ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
        ("REJECTED", OrderStatus.REJECTED),
    ],
)  # fmt: skip
def test_the_states(said: str, status: OrderStatus) -> None:
    page = order(status=said, price="0", time=...)
    assert (page.orders[0].status, page.orders[0].price, page.unknown) == (status, None, ())


def test_a_state_that_nobody_told_of() -> None:
    page = order(status="HALTED")
    assert page.orders[0].status is OrderStatus.UNKNOWN and page.unknown == ("order status 'HALTED'",)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderId": ..., "clientOrderId": ...}, "orderId"), ({"side": "buy"}, "side"), ({"symbol": ...}, "symbol"),
        ({"origQty": "x"}, "origQty"), ({"reduceOnly": 1}, "reduceOnly"), ({"updateTime": "soon"}, "updateTime"),
    ],
)  # fmt: skip
def test_a_malformed_order_names_the_field(changes: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        order(**changes)
    assert caught.value.field == field


def test_numbers_are_exact() -> None:
    body = dumps(ORDER).replace(b'"9000.10"', b"9000.123456789012345678")
    (report,) = TRADING.read_order(TRADING.order("BTCUSDT", order_id="1"), body, 7).orders
    assert report.price == Decimal("9000.123456789012345678")


def test_lists_are_the_newest_first_and_a_full_one_has_a_part_before_it() -> None:
    rows = [{**ORDER, "orderId": i, "time": 1000 + i} for i in range(3)]
    page = TRADING.read_orders(dumps(rows), 7)
    assert [report.order_id for report in page.orders] == ["2", "1", "0"] and page.cursor_ms is None
    many = [{**ORDER, "orderId": i, "time": 1000 + i} for i in range(1000)]
    assert TRADING.read_orders(dumps(many), 7).cursor_ms == 1000
    for bad in (b"{}", b"[5]", b"null"):
        with pytest.raises(BadMessage):
            TRADING.read_orders(bad, 7)


FILL = {
    "buyer": False, "commission": "-0.07819010", "commissionAsset": "USDT", "id": 698759, "maker": False,
    "orderId": 25851813, "price": "7819.01", "qty": "0.002", "quoteQty": "15.63802", "realizedPnl": "-0.91539999",
    "side": "SELL", "positionSide": "SHORT", "symbol": "BTCUSDT", "time": 1569514978020,
}  # fmt: skip


def test_fills_and_the_part_after_a_full_list() -> None:
    (report,) = TRADING.read_fills(dumps([FILL]), 7)
    fill = report.fill
    assert fill is not None and (fill.trade_id, fill.order_id, fill.size) == ("698759", "25851813", Decimal("0.002"))
    assert (fill.commission, fill.realised_pnl, fill.is_maker) == (
        Decimal("-0.07819010"),
        Decimal("-0.91539999"),
        False,
    )
    assert (report.status, report.filled) == (OrderStatus.PARTIALLY_FILLED, None)
    request = TRADING.fills("BTCUSDT", from_ms=5)
    assert TRADING.more(request, dumps([FILL])) is None
    after = TRADING.more(request, dumps([FILL] * 1000))
    assert after is not None and after.query == "symbol=BTCUSDT&fromId=698760&limit=1000"
    after = TRADING.more(TRADING.fills("BTCUSDT", order_id="25851813"), dumps([FILL] * 1000))
    assert after is not None and after.query == "symbol=BTCUSDT&orderId=25851813&fromId=698760&limit=1000"
    assert TRADING.more(TRADING.open_orders(), b"[]") is None


def test_what_cancel_all_says() -> None:
    assert TRADING.read_canceled(b'{"code":200,"msg":"The operation of cancel all open order is done."}') == ()
    with pytest.raises(BadMessage):
        TRADING.read_canceled(b'{"code":-1,"msg":""}')


def test_positions_without_the_flat_ones() -> None:
    row = {
        "symbol": "ADAUSDT", "positionSide": "BOTH", "positionAmt": "-30", "entryPrice": "0.385",
        "unRealizedProfit": "-0.1", "updateTime": 1720736417660,
    }  # fmt: skip
    reports = TRADING.read_positions(dumps([row, {**row, "positionAmt": "0.000"}]), 7)
    assert reports == (
        PositionReport(
            "ADAUSDT", Decimal(-30), Decimal("0.385"), event_time_ns=1720736417660_000_000, receive_time_ns=7
        ),
    )
    with pytest.raises(BadMessage):
        TRADING.read_positions(dumps([{**row, "positionSide": "UP"}]), 7)


def test_balances_as_the_sheet_shows_them() -> None:
    body = (
        b'[{"accountAlias":"SgsR","asset":"USDT","balance":"122607.35137903","crossWalletBalance":"23.72469206",'
        b'"crossUnPnl":"0.00000000","availableBalance":"23.72469206","maxWithdrawAmount":"23.72469206",'
        b'"marginAvailable":true,"updateTime":1617939110373}]'
    )
    assert TRADING.read_balances(body, 7) == (
        BalanceReport(
            "USDT", Decimal("122607.35137903"), Decimal("23.72469206"), event_time_ns=1617939110373_000_000,
            receive_time_ns=7,
        ),
    )  # fmt: skip


def test_time_token_and_rules() -> None:
    assert TRADING.read_time(b'{"serverTime":1499827319559}') == 1499827319559_000_000
    assert TRADING.read_token(b'{"listenKey":"pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61"}').reveal().startswith("pqia")
    for bad in (b'{"listenKey":"a&b"}', b'{"listenKey":""}', b"[]"):
        with pytest.raises(BadMessage) as caught:
            TRADING.read_token(bad)
        assert "a&b" not in str(caught.value)
    rules = {
        "symbols": [
            {
                "symbol": "BTCUSDT", "status": "TRADING", "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
                ],
            }
        ]
    }  # fmt: skip
    found = TRADING.read_instruments(dumps(rules), {})
    assert (found["BTCUSDT"].tick, found["BTCUSDT"].lot) == (Decimal("0.10"), Decimal("0.001"))
    assert TRADING.read_instruments(dumps(rules), {"BTCUSDT": Decimal(1)})["BTCUSDT"].tick == Decimal(1)


# -- events ---------------------------------------------------------------------------------------------------------

LITE = json.loads(
    '{"e":"TRADE_LITE","E":1721895408092,"T":1721895408214,"s":"BTCUSDT","q":"0.001","p":"0","m":false,'
    '"c":"z8hcUoOsqEdKMeKPSABslD","S":"BUY","L":"64089.20","l":"0.040","t":109100866,"i":8886774}'
)


def test_the_lean_copy_of_a_fill_has_the_trade_id_of_the_fill() -> None:
    (lean,) = TRADING.read_event(LITE, 7)
    full = {
        "e": "ORDER_TRADE_UPDATE", "E": 1721895408092, "T": 1721895408214, "o": {
            "s": "BTCUSDT", "c": "z8hcUoOsqEdKMeKPSABslD", "S": "BUY", "o": "MARKET", "x": "TRADE",
            "X": "PARTIALLY_FILLED", "i": 8886774, "l": "0.040", "z": "0.040", "L": "64089.20", "t": 109100866,
            "q": "1", "T": 1721895408214, "n": "0.1", "N": "USDT",
        },
    }  # fmt: skip
    (whole,) = TRADING.read_event(full, 7)
    assert isinstance(lean, OrderReport) and isinstance(whole, OrderReport)
    assert lean.fill is not None and whole.fill is not None
    for name in ("trade_id", "order_id", "symbol", "price", "size", "side", "trade_time_ns"):
        assert getattr(lean.fill, name) == getattr(whole.fill, name)
    assert lean.fill.commission is None and whole.fill.commission == Decimal("0.1")
    assert (lean.filled, lean.size) == (None, None)
    assert "TRADE_LITE" not in TRADING.stream_path(Secret("k"))
    (spoilt,) = TRADING.read_event({**LITE, "l": "0"}, 7)
    assert isinstance(spoilt, Malformed) and spoilt.error.field == "l"


def test_settings_say_nothing_and_the_end_of_a_key_is_told() -> None:
    settings = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1611646737479, "T": 1, "ac": {"s": "BTCUSDT", "l": 25}}
    assert TRADING.read_event(settings, 7) == [] == TRADING.read_event({"stream": "k", "data": settings}, 7)
    expired = {"e": "listenKeyExpired", "E": 1576653824250}
    assert TRADING.read_event(expired, 7) == [KeyExpired(1576653824250_000_000)]


def test_recorded_messages(shared_data: Path) -> None:
    """Every one is read into reports, says nothing, or is named; none is malformed."""
    kinds: dict[str, int] = {}
    named = set()
    fills = Decimal(0)
    with gzip.open(shared_data / "private" / "binance_usdm.tsv.gz", "rt") as lines:
        for line in lines:
            for event in TRADING.read_event(json.loads(line.split("\t")[1]), 7):
                kinds[type(event).__name__] = kinds.get(type(event).__name__, 0) + 1
                if isinstance(event, Unknown):
                    named.add(event.kind)
                if isinstance(event, OrderReport) and event.fill is not None and event.symbol == "WLDUSDT":
                    fills += event.fill.size
    assert kinds.keys() == {"OrderReport", "PositionReport", "BalanceReport", "Unknown"}
    assert named == {
        "ALGO_UPDATE", "CONDITIONAL_ORDER_TRIGGER_REJECT", "GRID_UPDATE", "MARGIN_CALL", "STRATEGY_UPDATE",
        "balanceUpdate", "executionReport", "outboundAccountPosition",
    }  # fmt: skip
    assert kinds["OrderReport"] == 33 and fills > 0
