"""What the venues of V5 have in common over REST, by the fact sheet (bybit 5), through Bybit's table."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest

from csbook.errors import BadMessage, OrderRefused
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues.bybit_trading import TRADING
from csbook.venues.trading import Draft
from csbook.wire.private import BalanceReport, OrderReport
from csbook.wire.request import Request, Verdict
from v5_samples import EXECUTION, ORDER, POSITION

DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "0.001", "15000", "c-1")


def body_of(request: Request) -> Any:
    return json.loads(request.body)


def pairs(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.query))


def answer(result: Any, code: int = 0, text: str = "OK") -> bytes:
    return dumps({"retCode": code, "retMsg": text, "result": result, "retExtInfo": {}, "time": 1672211918471})


# -- requests -------------------------------------------------------------------------------------------------------


def test_orders() -> None:
    request = TRADING.place(DRAFT)
    assert (request.method, request.path, request.command) == ("POST", "/v5/order/create", True)
    assert (request.symbol, request.client_order_id) == ("BTCUSDT", "c-1")
    assert body_of(request) == {
        "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.001",
        "price": "15000", "timeInForce": "GTC", "orderLinkId": "c-1",
    }  # fmt: skip
    post_only = body_of(TRADING.place(Draft("B", Side.SELL, "LIMIT", "1", "9", "c", post_only=True)))
    assert (post_only["timeInForce"], post_only["side"]) == ("PostOnly", "Sell")
    market = body_of(TRADING.place(Draft("B", Side.SELL, "MARKET", "1", None, "c", reduce_only=True)))
    assert market["orderType"] == "Market" and market["reduceOnly"] is True and "timeInForce" not in market
    legs = [Draft("B", Side.BUY, "LIMIT", "1", "9", "c", position_side=leg) for leg in ("BOTH", "LONG", "SHORT")]
    assert [body_of(TRADING.place(draft))["positionIdx"] for draft in legs] == [0, 1, 2]
    for name in ("c" * 37, "c d", "\u00fc", "a.b"):
        with pytest.raises(OrderRefused, match="client order id"):
            TRADING.place(Draft("B", Side.BUY, "LIMIT", "1", "9", name))


def test_amends_and_cancels() -> None:
    amend = TRADING.amend(DRAFT, order_id="5")
    assert (amend.path, amend.command) == ("/v5/order/amend", True)
    assert body_of(amend) == {
        "category": "linear", "symbol": "BTCUSDT", "orderId": "5", "qty": "0.001", "price": "15000",
    }  # fmt: skip
    assert body_of(TRADING.amend(DRAFT))["orderLinkId"] == "c-1"
    with pytest.raises(OrderRefused, match="only a LIMIT order"):
        TRADING.amend(Draft("B", Side.BUY, "MARKET", "1", None, "c"))
    cancel = TRADING.cancel("BTCUSDT", order_id="5", client_order_id="c")
    assert cancel.path == "/v5/order/cancel"
    assert body_of(cancel) == {"category": "linear", "symbol": "BTCUSDT", "orderId": "5"}
    assert body_of(TRADING.cancel("BTCUSDT", client_order_id="c"))["orderLinkId"] == "c"
    every = TRADING.cancel_all()
    assert (every.path, every.command) == ("/v5/order/cancel-all", True)
    assert body_of(every) == {"category": "linear", "settleCoin": "USDT"}
    assert body_of(TRADING.cancel_all("BTCUSDT")) == {"category": "linear", "symbol": "BTCUSDT"}


def test_queries() -> None:
    assert TRADING.order("BTCUSDT", order_id="5", client_order_id="c").query == (
        "category=linear&symbol=BTCUSDT&orderLinkId=c"
    )
    assert pairs(TRADING.order("BTCUSDT", order_id="5"))["orderId"] == "5"
    assert TRADING.open_orders().query == "category=linear&settleCoin=USDT&openOnly=0&limit=50"
    assert pairs(TRADING.open_orders("BTCUSDT", from_ms=1))["symbol"] == "BTCUSDT"
    closed = TRADING.closed_orders("BTCUSDT", from_ms=5, to_ms=9)
    assert (closed.path, closed.query) == (
        "/v5/order/history",
        "category=linear&symbol=BTCUSDT&startTime=5&endTime=9&limit=50",
    )
    assert TRADING.fills("BTCUSDT", order_id="5").query == "category=linear&symbol=BTCUSDT&orderId=5&limit=100"
    assert pairs(TRADING.fills("BTCUSDT", from_ms=5))["startTime"] == "5"
    assert TRADING.positions().query == "category=linear&settleCoin=USDT&limit=200"
    assert TRADING.balances().query == "accountType=UNIFIED"
    assert not TRADING.instruments().signed and not TRADING.server_time().signed


def test_a_list_goes_on_with_its_cursor() -> None:
    request = TRADING.open_orders()
    first = TRADING.more(request, answer({"list": [ORDER], "nextPageCursor": "5cf9%3A1672,x"}))
    assert first is not None and first.query == f"{request.query}&cursor=5cf9%253A1672%2Cx"
    assert (first.endpoint, first.path, first.signed) == (request.endpoint, request.path, True)
    second = TRADING.more(first, answer({"list": [ORDER], "nextPageCursor": "y"}))
    assert second is not None and second.query == f"{request.query}&cursor=y"
    for last in ({"list": [ORDER], "nextPageCursor": ""}, {"list": [], "nextPageCursor": "z"}, {"list": [ORDER]}):
        assert TRADING.more(request, answer(last)) is None


def test_all_are_cancelled_when_fewer_were_than_a_call_can() -> None:
    request = TRADING.cancel_all()
    row = {"orderId": "5", "orderLinkId": ""}
    assert TRADING.more(request, answer({"list": [row] * 500, "success": "1"})) is request
    assert TRADING.more(request, answer({"list": [row] * 499})) is None
    assert TRADING.read_canceled(answer({"list": [row, {**row, "orderId": "6"}]})) == ("5", "6")


# -- answers that are no success ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "verdict"),
    [
        (200, 0, None), (200, 10001, Verdict.REJECTED), (200, 110094, Verdict.REJECTED),
        (200, 110007, Verdict.REJECTED), (200, 110008, Verdict.REJECTED), (200, 110010, Verdict.REJECTED),
        (200, 110079, Verdict.REJECTED), (200, 110020, Verdict.REJECTED), (200, 10014, Verdict.REJECTED),
        (200, 110001, Verdict.NOT_FOUND), (200, 110072, Verdict.DUPLICATE),
        (200, 10000, Verdict.UNKNOWN), (200, 10016, Verdict.UNKNOWN), (200, 10019, Verdict.UNKNOWN),
        (200, 10002, Verdict.CLOCK),
        (200, 10003, Verdict.KEY), (200, 10004, Verdict.KEY), (200, 10005, Verdict.KEY), (200, 10010, Verdict.KEY),
        (200, 33004, Verdict.KEY), (401, 10003, Verdict.KEY),
        (200, 10006, Verdict.RATE), (200, 10429, Verdict.RATE), (429, 10006, Verdict.RATE),
        (403, 10009, Verdict.RATE), (500, 99, Verdict.UNKNOWN), (502, 10001, Verdict.UNKNOWN),
        (200, 110025, Verdict.REJECTED), (200, 110043, Verdict.REJECTED),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, code: int, verdict: Verdict | None) -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), status, answer({}, code, "the words"), "7")
    assert (failure.verdict if failure else None) is verdict
    if failure is not None:
        assert failure.code == str(code) and "the words" in failure.text and f"(code {code})" in failure.text


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.UNKNOWN), (400, Verdict.REJECTED), (401, Verdict.KEY), (404, Verdict.REJECTED),
        (408, Verdict.UNKNOWN), (429, Verdict.RATE), (500, Verdict.UNKNOWN), (302, Verdict.UNKNOWN),
        (403, Verdict.RATE),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"retCode":"0"}', b"{}"])
def test_an_answer_without_an_envelope(status: int, verdict: Verdict, body: bytes) -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), status, body, None)
    assert failure is not None and failure.verdict is verdict and "html" not in failure.text


def test_nothing_modified_is_a_success_of_an_amend() -> None:
    for code in (110025, 110026, 110043):
        assert TRADING.judge(TRADING.amend(DRAFT), 200, answer({}, code), None) is None
    page = TRADING.read_order(TRADING.amend(DRAFT, order_id="5"), answer({}, 110025), 7)
    assert (page.orders[0].order_id, page.orders[0].status) == ("5", OrderStatus.PENDING)


def test_a_403_is_the_address() -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), 403, b"access too frequent", None)
    assert failure is not None and failure.banned and failure.retry_after_s == 600.0
    assert failure.limits == ("address",) and failure.limits[0] in TRADING.limits


def test_an_order_that_is_not_in_the_answer_is_not_found() -> None:
    failure = TRADING.judge(TRADING.order("BTCUSDT", client_order_id="c"), 200, answer({"list": []}), None)
    assert failure is not None and failure.verdict is Verdict.NOT_FOUND
    assert TRADING.judge(TRADING.open_orders(), 200, answer({"list": []}), None) is None


# -- answers --------------------------------------------------------------------------------------------------------


def test_a_command_was_taken_in_and_no_more() -> None:
    body = answer({"orderId": "1321003749386327552", "orderLinkId": "spot-test-postonly"})
    (placed,) = TRADING.read_order(TRADING.place(DRAFT), body, 7).orders
    assert placed == OrderReport(
        "BTCUSDT", OrderStatus.PENDING, "spot-test-postonly", "1321003749386327552", receive_time_ns=7
    )
    (canceled,) = TRADING.read_order(TRADING.cancel("BTCUSDT", order_id="5"), answer({}), 7).orders
    assert (canceled.order_id, canceled.canceling, canceled.status) == ("5", True, OrderStatus.PENDING)
    with pytest.raises(BadMessage):
        TRADING.read_order(Request("place", "POST", "/"), answer({}), 7)


def test_orders_that_were_asked_for() -> None:
    request = TRADING.order("BTCUSDT", order_id="5")
    page = TRADING.read_order(request, answer({"list": [ORDER]}), 7)
    assert page.orders[0].filled == 1 and page.unknown == ()
    page = TRADING.read_orders(answer({"list": [ORDER, {**ORDER, "orderStatus": "Odd"}]}), 7)
    assert len(page.orders) == 2 and page.unknown == ("order status 'Odd'",) and page.cursor_ms is None
    for bad in ({}, {"list": {}}, {"list": [5]}):
        with pytest.raises(BadMessage):
            TRADING.read_orders(answer(bad), 7)
    with pytest.raises(BadMessage):
        TRADING.read_orders(b"[]", 7)


def test_fills_positions_and_balances() -> None:
    rows = [EXECUTION, {**EXECUTION, "execType": "Funding"}, {**EXECUTION, "execType": "Odd"}]
    (report,) = TRADING.read_fills(answer({"list": rows}), 7)
    assert report.fill is not None and report.fill.size == Decimal("0.5")
    flat = {**POSITION, "size": "0", "side": ""}
    assert [row.size for row in TRADING.read_positions(answer({"list": [POSITION, flat]}), 7)] == [Decimal(-75)]
    coins = [{"coin": "USDT", "walletBalance": "1.50"}, {"coin": "BTC", "walletBalance": "2"}]
    assert TRADING.read_balances(answer({"list": [{"accountType": "UNIFIED", "coin": coins}]}), 7) == (
        BalanceReport("USDT", Decimal("1.50"), receive_time_ns=7),
        BalanceReport("BTC", Decimal(2), receive_time_ns=7),
    )


def test_the_servers_time() -> None:
    assert TRADING.read_time(answer({"timeSecond": "1688639403", "timeNano": "1688639403423213947"})) == (
        1688639403423213947
    )
    assert TRADING.read_time(answer({})) == 1672211918471_000_000
    for bad in (b"[]", b"{}", dumps({"result": {}, "time": "x"})):
        with pytest.raises(BadMessage):
            TRADING.read_time(bad)
