"""The trading table of KuCoin futures: signatures, requests in contracts, reports in base quantity, fixtures."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, OrderRefused
from csbook.guard.budget import RateBudget
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.kucoin import DIALECT
from csbook.venues.kucoin_trading import KucoinTrading
from csbook.venues.trading import Draft, Place
from csbook.wire.fields import FloatFound, load_exact
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.request import Request, Verdict
from csbook.wire.session import Malformed, Unknown

KEYS = Credentials("key", "testsecret", "testpass")
CONTRACTS = [
    {"symbol": "XBTUSDTM", "tickSize": 0.1, "lotSize": 1, "multiplier": 0.001, "maxOrderQty": 1000000,
     "status": "Open"},
    {"symbol": "ETHUSDCM", "tickSize": 0.01, "lotSize": 1, "multiplier": 0.01, "status": "Open"},
    {"symbol": "XBTUSDM", "tickSize": 0.1, "lotSize": 1, "multiplier": -1.0, "status": "Open"},
]  # fmt: skip
DRAFT = Draft("XBTUSDTM", Side.BUY, "LIMIT", "0.001", "0.1", "5c52e11203aa677f33e493fb")


def answer(data: Any, code: str = "200000") -> bytes:
    return dumps({"code": code, "data": data})


def table(**how: Any) -> KucoinTrading:
    made = KucoinTrading(**how)
    made.read_instruments(answer(CONTRACTS), {})
    return made


TRADING = table()


def body_of(request: Request) -> Any:
    return json.loads(request.body)


# -- requests -------------------------------------------------------------------------------------------------------


def test_each_account_has_a_table_of_its_own() -> None:
    one, other = trading_table("kucoin"), trading_table("kucoin")
    assert one is not other and one.needs_instruments and (one.name, one.title) == (DIALECT.name, DIALECT.title)
    one.read_instruments(answer(CONTRACTS), {})
    one.place(DRAFT)
    with pytest.raises(OrderRefused, match="read the instruments first"):
        other.place(DRAFT)


def test_the_vector_of_the_sheet_is_what_an_order_begins_with() -> None:
    request = table(margin_mode="ISOLATED", leverage="3").place(DRAFT)
    vector = (
        b'{"clientOid":"5c52e11203aa677f33e493fb","side":"buy","symbol":"XBTUSDTM","leverage":3,"type":"limit",'
        b'"price":"0.1","size":1}'
    )
    assert request.body.startswith(vector[:-1]) and request.path == "/api/v1/orders" and request.method == "POST"
    assert body_of(request) == {**json.loads(vector), "timeInForce": "GTC", "marginMode": "ISOLATED"}
    signed = TRADING.sign(replace(request, body=vector), KEYS, 1547015186532)
    assert signed.headers["KC-API-SIGN"] == "R71OOykdrX+gHWkhJTYl8TgKkMvzWYdLCMGDk9kt5wI="
    assert signed.headers["KC-API-PASSPHRASE"] == "5geeOuzPRVAMNghwj4ECAxLPxLiO667f7Kkx53zWBsc="
    assert signed.headers["KC-API-KEY-VERSION"] == "2" and signed.headers["Content-Type"] == "application/json"


def test_the_vectors_of_a_query_and_of_the_token() -> None:
    signed = TRADING.sign(TRADING.positions(), KEYS, 1547015186532)
    assert (signed.query, signed.headers["KC-API-SIGN"]) == (
        "currency=USDT",
        "KQlO2IP7LM/fXMDM9gb0mzIY8UyOzpF7UJDd2DZ0D/A=",
    )
    signed = TRADING.sign(TRADING.new_token(), KEYS, 1547015186532)
    assert signed.headers["KC-API-SIGN"] == "poyD9axAauOVND7PAhGMxA07sApnOx/crM5dhyeEddo="
    assert TRADING.sign(TRADING.server_time(), KEYS, 1).headers == {}


def test_the_path_is_signed_before_it_is_encoded() -> None:
    encoded = TRADING.cancel("XBTUSDTM", client_order_id="a/b c")
    assert encoded.path == "/api/v1/orders/client-order/a%2Fb%20c"
    plain = replace(encoded, path="/api/v1/orders/client-order/a/b c")
    assert TRADING.sign(encoded, KEYS, 1).headers == TRADING.sign(plain, KEYS, 1).headers


def test_sizes_go_out_as_contracts() -> None:
    body = body_of(TRADING.place(replace(DRAFT, size="0.250", post_only=True)))
    assert (body["size"], body["postOnly"], body["marginMode"]) == (250, True, "CROSS") and "leverage" not in body
    market = body_of(TRADING.place(Draft("XBTUSDTM", Side.SELL, "MARKET", "0.002", None, "c", reduce_only=True)))
    assert market["size"] == 2 and market["reduceOnly"] is True
    assert not {"price", "timeInForce"} & market.keys()
    hedge = body_of(TRADING.place(replace(DRAFT, position_side="SHORT")))
    assert hedge["positionSide"] == "SHORT"
    with pytest.raises(OrderRefused, match="no whole number of contracts") as caught:
        TRADING.place(replace(DRAFT, size="0.0015"))
    assert caught.value.nearest == ("0.001", "0.002")
    with pytest.raises(OrderRefused, match="FOK"):
        TRADING.place(replace(DRAFT, time_in_force="FOK"))
    with pytest.raises(OrderRefused, match="cannot amend"):
        TRADING.amend(DRAFT)


def test_inverse_contracts_are_not_traded() -> None:
    with pytest.raises(OrderRefused, match="XBTUSDM is not known"):
        TRADING.place(replace(DRAFT, symbol="XBTUSDM"))


@pytest.mark.parametrize("how", [{"margin_mode": "ISOLATED"}, {"leverage": "3"}, {"margin_mode": "BOTH"}])
def test_the_margin_mode_and_its_leverage(how: Any) -> None:
    with pytest.raises(OrderRefused, match="margin_mode"):
        KucoinTrading(**how)


def test_cancels_and_queries() -> None:
    cancel = TRADING.cancel("XBTUSDTM", order_id="5", client_order_id="c")
    assert (cancel.method, cancel.path, cancel.query, cancel.command) == ("DELETE", "/api/v1/orders/5", "", True)
    by_client = TRADING.cancel("XBTUSDTM", client_order_id="c")
    assert (by_client.path, by_client.query) == ("/api/v1/orders/client-order/c", "symbol=XBTUSDTM")
    every = TRADING.cancel_all("XBTUSDTM")
    assert (every.method, every.path, every.query, every.cost) == ("DELETE", "/api/v3/orders", "symbol=XBTUSDTM", 30)
    assert TRADING.cancel_all().query == ""
    assert TRADING.order("X", order_id="5").path == "/api/v1/orders/5"
    asked = TRADING.order("X", order_id="5", client_order_id="c")
    assert (asked.path, asked.query) == ("/api/v1/orders/byClientOid", "clientOid=c")
    assert TRADING.open_orders().query == "status=active&pageSize=100&currentPage=1"
    assert TRADING.open_orders("XBTUSDTM", from_ms=5).query == (
        "status=active&symbol=XBTUSDTM&pageSize=100&currentPage=1"
    )
    assert TRADING.closed_orders(from_ms=5, to_ms=9).query == (
        "status=done&startAt=5&endAt=9&pageSize=100&currentPage=1"
    )
    assert TRADING.fills("XBTUSDTM", order_id="5", from_ms=9).query == "orderId=5&pageSize=100&currentPage=1"
    assert "startAt=9" in TRADING.fills("XBTUSDTM", from_ms=9).query
    assert TRADING.balances().query == "currency=USDT"


def test_a_list_goes_on_with_the_next_page() -> None:
    request = TRADING.open_orders()
    page = {"currentPage": 1, "pageSize": 100, "totalNum": 150, "totalPage": 2, "items": [{}]}
    following = TRADING.more(request, answer(page))
    assert following is not None and following.query == "status=active&pageSize=100&currentPage=2"
    assert (following.endpoint, following.cost, following.signed) == ("open_orders", 2, True)
    assert TRADING.more(following, answer({**page, "currentPage": 2})) is None
    assert TRADING.more(request, answer({**page, "items": []})) is None
    assert TRADING.more(TRADING.positions(), b"") is None
    with pytest.raises(BadMessage):
        TRADING.more(request, answer({"items": []}))


def test_the_token_its_place_and_the_talk() -> None:
    server = {
        "endpoint": "wss://ws-api-futures.kucoin.com/", "encrypt": True, "protocol": "websocket",
        "pingInterval": 16000, "pingTimeout": 9000,
    }  # fmt: skip
    body = answer({"token": "2neA/b=", "instanceServers": [server]})
    token = TRADING.read_token(body)
    assert token == Secret("2neA/b=") and TRADING.read_place(body) == Place(server["endpoint"], 16.0, 9.0)
    path = TRADING.stream_path(token)
    assert path.startswith("?token=2neA%2Fb%3D&connectId=") and path != TRADING.stream_path(token)
    for bad in ({}, {"token": ""}, {"token": "a\nb"}, []):
        with pytest.raises(BadMessage) as caught:
            TRADING.read_token(answer(bad))
        assert "a\nb" not in str(caught.value)
    for servers in ([], [5], [{**server, "pingInterval": "18000"}], [{**server, "pingTimeout": 0}], None):
        with pytest.raises(BadMessage):
            TRADING.read_place(answer({"token": "t", "instanceServers": servers}))
    session = TRADING.converse(
        pace=RateBudget(10), confirm_within=5.0, login=lambda: b"", place=TRADING.read_place(body)
    )
    assert session is not None
    session.opened(0.0)
    session.hear({"id": "x", "type": "welcome"})
    assert [json.loads(each)["topic"] for each in session.frames(0.0)] == [
        "/contractMarket/tradeOrders",
        "/contractAccount/wallet",
        "/contract/positionAll",
    ]
    assert session.next_time(4.0) == 5.0 and len(session.frames(16.0)) == 1
    assert TRADING.token_renewal_s is None and TRADING.has_token


# -- answers that are no success ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "text", "verdict"),
    [
        (200, "200000", "", None), (200, "300003", "balance", Verdict.REJECTED),
        (200, "330005", "margin mode", Verdict.REJECTED), (200, "100004", "cannot be cancelled", Verdict.REJECTED),
        (400, "400100", "parameter", Verdict.REJECTED), (200, "400002", "timestamp", Verdict.CLOCK),
        (401, "400003", "key", Verdict.KEY), (200, "400004", "", Verdict.KEY), (200, "400005", "", Verdict.KEY),
        (200, "400006", "", Verdict.KEY), (200, "400007", "", Verdict.KEY), (200, "411100", "", Verdict.KEY),
        (429, "429000", "too many", Verdict.RATE), (200, "429000", "too many", Verdict.RATE),
        (200, "500000", "internal", Verdict.UNKNOWN), (500, "", "", Verdict.UNKNOWN), (200, "", "", Verdict.UNKNOWN),
        (502, "300003", "", Verdict.UNKNOWN), (408, "", "", Verdict.UNKNOWN), (302, "", "", Verdict.UNKNOWN),
        (401, "", "", Verdict.KEY), (429, "", "", Verdict.RATE), (404, "404000", "url", Verdict.REJECTED),
        (200, "300012", "clientOid is repeated", Verdict.DUPLICATE),
        (200, "400100", "clientOid is too long", Verdict.REJECTED),
    ],
)  # fmt: skip
def test_what_an_answer_means(status: int, code: str, text: str, verdict: Verdict | None) -> None:
    body = dumps({"code": code, "msg": text})
    failure = TRADING.judge(TRADING.place(DRAFT), status, body, "7")
    assert (failure.verdict if failure else None) is verdict
    if failure is not None:
        assert (failure.code, failure.status) == (code, status) and text in failure.text
        assert failure.limits == (("futures",) if verdict is Verdict.RATE else ())


def test_an_order_that_is_not_known() -> None:
    order, cancel = TRADING.order("X", client_order_id="c"), TRADING.cancel("X", order_id="5")
    body = b'{"code":"100001","msg":"error.getOrder.orderNotExist"}'
    for request in (order, cancel):
        failure = TRADING.judge(request, 200, body, None)
        assert failure is not None and failure.verdict is Verdict.NOT_FOUND
    failure = TRADING.judge(TRADING.place(DRAFT), 200, b'{"code":"100001","msg":"symbol not exist"}', None)
    assert failure is not None and failure.verdict is Verdict.REJECTED
    failure = TRADING.judge(order, 200, b'{"code":"200000","data":null}', None)
    assert failure is not None and failure.verdict is Verdict.NOT_FOUND


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"code":200000}'])
def test_no_envelope_leaves_it_open(body: bytes) -> None:
    failure = TRADING.judge(TRADING.place(DRAFT), 200, body, None)
    assert failure is not None and failure.verdict is Verdict.UNKNOWN and "html" not in failure.text


# -- answers --------------------------------------------------------------------------------------------------------


def test_an_order_was_taken_in_and_no_more() -> None:
    body = answer({"orderId": "234125150956625920", "clientOid": "5c52e11203aa677f33e493fb"})
    (report,) = TRADING.read_order(TRADING.place(DRAFT), body, 7).orders
    assert report == OrderReport(
        "XBTUSDTM", OrderStatus.PENDING, "5c52e11203aa677f33e493fb", "234125150956625920", receive_time_ns=7
    )
    canceled = TRADING.read_order(TRADING.cancel("XBTUSDTM", order_id="5"), answer({"cancelledOrderIds": ["5"]}), 7)
    assert canceled.orders == (
        OrderReport("XBTUSDTM", OrderStatus.PENDING, "", "5", canceling=True, receive_time_ns=7),
    )


LISTED = {
    "id": "5", "clientOid": "c", "symbol": "XBTUSDTM", "type": "limit", "side": "buy", "price": "91670", "size": 10,
    "filledSize": 4, "status": "open", "cancelExist": False, "createdAt": 1731916985000, "updatedAt": 1731916986000,
}  # fmt: skip


def test_lists_of_orders_fills_and_positions() -> None:
    (report,) = TRADING.read_order(TRADING.order("X", order_id="5"), answer(LISTED), 7).orders
    assert (report.size, report.filled) == (Decimal("0.010"), Decimal("0.004"))
    page = TRADING.read_orders(answer({"items": [LISTED, {**LISTED, "status": "odd"}]}), 7)
    assert len(page.orders) == 2 and page.unknown == ("order status 'odd'",)
    fill = {"symbol": "XBTUSDTM", "tradeId": "t", "orderId": "5", "side": "buy", "price": "1", "size": 3, "fee": "0.1"}
    (filled,) = TRADING.read_fills(answer({"items": [fill]}), 7)
    assert filled.fill is not None and filled.fill.size == Decimal("0.003")
    position = b'{"symbol":"XBTUSDTM","currentQty":-20,"avgEntryPrice":91694.512345678901,"leverage":4.96}'
    flat = b'{"symbol":"XBTUSDTM","currentQty":0,"avgEntryPrice":0.0}'
    reports = TRADING.read_positions(b'{"code":"200000","data":[%b,%b]}' % (position, flat), 7)
    assert [(each.size, each.entry_price) for each in reports] == [(Decimal("-0.020"), Decimal("91694.512345678901"))]
    for bad in ({"items": {}}, {"items": [5]}, []):
        with pytest.raises(BadMessage):
            TRADING.read_orders(answer(bad), 7)


def test_balances_cancels_time_and_rules() -> None:
    overview = {
        "accountEquity": 394.439280806,
        "unrealisedPNL": 0,
        "availableBalance": 290.326799096,
        "currency": "USDT",
    }
    assert TRADING.read_balances(answer(overview), 7) == (
        BalanceReport("USDT", Decimal("394.439280806"), Decimal("290.326799096"), receive_time_ns=7),
    )
    assert TRADING.read_canceled(answer({"cancelledOrderIds": ["5", "6"]})) == ("5", "6")
    assert TRADING.read_time(b'{"code":"200000","data":1546837113087}') == 1546837113087_000_000
    for bad in (b"{}", b"[]", b'{"data":"x"}', b'{"data":{}}'):
        with pytest.raises(BadMessage):
            TRADING.read_time(bad)
        with pytest.raises(BadMessage):
            TRADING.read_canceled(bad)
    found = TRADING.read_instruments(answer(CONTRACTS), {"ETHUSDCM": Decimal(1)})
    assert found.keys() == {"XBTUSDTM", "ETHUSDCM"} and found["ETHUSDCM"].tick == 1
    assert (found["XBTUSDTM"].lot, found["XBTUSDTM"].max_size) == (Decimal("0.001"), Decimal(1000))


# -- events ---------------------------------------------------------------------------------------------------------


def event(subject: str, data: Any, topic: str = "/contractMarket/tradeOrders") -> list[Any]:
    message = {"topic": topic, "type": "message", "subject": subject, "channelType": "private", "data": data}
    return TRADING.read_event(message, 7)


def test_the_order_of_the_sheet() -> None:
    data = {
        "symbol": "XBTUSDTM", "side": "buy", "canceledSize": "0", "orderId": "247899236673269761",
        "liquidity": "maker", "marginMode": "ISOLATED", "type": "open", "orderTime": 1731916985768138917, "size": "1",
        "filledSize": "0", "price": "91670", "remainSize": "1", "status": "open", "ts": 1731916985789000000,
    }  # fmt: skip
    for topic in ("/contractMarket/tradeOrders:XBTUSDTM", "/contractMarket/tradeOrders"):
        (report,) = event("symbolOrderChange", data, topic)
        assert (report.status, report.size, report.order_id) == (
            OrderStatus.NEW,
            Decimal("0.001"),
            "247899236673269761",
        )


def test_a_position_that_only_its_price_moved_says_nothing() -> None:
    partial = {"markPrice": 7947.83, "changeReason": "markPriceChange", "settleCurrency": "USDT"}
    for topic in ("/contract/positionAll", "/contract/position:XBTUSDTM"):
        assert event("position.change", partial, topic) == []
        assert event("position.change", {"markPrice": 1}, topic) == []
        assert event("position.settlement", {"qty": 100}, topic) == []


@pytest.mark.parametrize("data", [None, [], {"symbol": "NEWUSDTM", "currentQty": 1}, {"symbol": "X", "currentQty": ""}])
def test_what_is_malformed_or_of_a_contract_that_is_not_known(data: Any) -> None:
    assert [type(each) for each in event("position.change", data, "/contract/positionAll")] == [Malformed]
    assert [type(each) for each in TRADING.read_event([], 7)] == [Malformed]


def test_fixtures(shared_data: Path) -> None:
    """Every one is read into reports, says nothing, or is named; those of an inverse contract are named, too."""
    reports: list[Any] = []
    named: set[str] = set()
    with gzip.open(shared_data / "private" / "kucoin.tsv.gz", "rt") as lines:
        for line in lines:
            text = line.split("\t")[1].encode()
            try:
                events = TRADING.read_event(json.loads(text), 7)
            except FloatFound:
                events = TRADING.read_event(load_exact(text), 7)
            for each in events:
                assert not isinstance(each, Malformed), (line, each)
                if isinstance(each, Unknown):
                    named.add(each.kind)
                else:
                    reports.append(each)
    assert named == {
        "symbolOrderChange of an inverse contract", "position.change of an inverse contract",
        "/spotMarket/tradeOrders orderChange", "/spotMarket/advancedOrders stopOrder",
        "/account/balance account.balance",
        "/margin/position debt.ratio", "/margin/position position.status", "/margin/loan order.open",
        "/margin/loan order.update", "/margin/loan order.done", "/contractMarket/advancedOrders stopOrder",
        "/contract/crossLeverage user.config", "/contract/marginMode user.config",
        "/contractAccount/wallet availableBalance.change", "/contractAccount/wallet orderMargin.change",
        "/contractAccount/wallet withdrawHold.change", "/contract/positionAll position.adjustRiskLimit",
    }  # fmt: skip
    assert [type(each) for each in reports] == [BalanceReport, PositionReport, OrderReport]
    wallet, position, order = reports
    assert (wallet.asset, wallet.wallet, wallet.sequence) == ("XBT", Decimal("2.002"), 9)
    assert (position.symbol, position.size, position.entry_price, position.leverage) == (
        "ETHUSDCM", Decimal("-0.20"), Decimal("7508.22"), Decimal("1.06"),
    )  # fmt: skip
    assert (order.size, order.filled, order.fill, order.status) == (
        Decimal(200), Decimal(200), None, OrderStatus.PARTIALLY_FILLED,
    )  # fmt: skip
