"""A trader at venues whose answers only say that a command was taken in: orders, fills and positions over loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook.credentials import Credentials
from csbook.errors import OrderRefused, OrderRejected
from csbook.trader import Trader
from csbook.types import OrderStatus
from doorkeeper import Asked, Caller, Doorkeeper
from scripted import until
from v5_samples import EXECUTION, ORDER, POSITION

KEYS = Credentials("the-api-key-of-all", "the-secret-of-all", "the-phrase-of-all")
D = Decimal


def v5(result: Any) -> Any:
    return lambda asked: (200, {"retCode": 0, "retMsg": "OK", "result": result, "time": 1700000000000})


def kucoin(data: Any) -> Any:
    return lambda asked: (200, {"code": "200000", "data": data})


async def let_in(caller: Caller, message: Any) -> None:
    if message["op"] != "ping":
        await caller.say({"success": True, "ret_msg": "", "op": message["op"]})


async def acknowledge(caller: Caller, message: Any) -> None:
    await caller.say({"id": message["id"], "type": "ack"})


async def greet(caller: Caller) -> None:
    await caller.say({"id": "x", "type": "welcome"})


def bybit_rest(venue: Doorkeeper) -> None:
    rules = {
        "symbol": "BTCUSDT", "status": "Trading", "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "100"},
    }  # fmt: skip
    empty = v5({"list": [], "nextPageCursor": ""})
    venue.rest.update(
        {
            ("GET", "/v5/market/time"): v5({}),
            ("GET", "/v5/market/instruments-info"): v5({"list": [rules]}),
            ("GET", "/v5/order/realtime"): empty,
            ("GET", "/v5/position/list"): empty,
            ("GET", "/v5/account/wallet-balance"): v5(
                {"list": [{"coin": [{"coin": "USDT", "walletBalance": "1000"}]}]}
            ),
            ("POST", "/v5/order/create"): v5({"orderId": "o-1", "orderLinkId": "mine-1"}),
            ("POST", "/v5/order/cancel"): v5({"orderId": "o-1", "orderLinkId": "mine-1"}),
        }
    )
    venue.answer = let_in


def kucoin_rest(venue: Doorkeeper) -> None:
    rules = {"symbol": "XBTUSDTM", "tickSize": 0.1, "lotSize": 1, "multiplier": 0.001, "status": "Open"}
    server = {"endpoint": "wss://ws-api-futures.kucoin.com/", "pingInterval": 18000, "pingTimeout": 10000}
    overview = {"accountEquity": 1000, "unrealisedPNL": 0, "availableBalance": 900, "currency": "USDT"}
    venue.rest.update(
        {
            ("GET", "/api/v1/timestamp"): kucoin(1700000000000),
            ("GET", "/api/v1/contracts/active"): kucoin([rules]),
            ("POST", "/api/v1/bullet-private"): kucoin({"token": "the-token", "instanceServers": [server]}),
            ("GET", "/api/v1/orders"): kucoin({"currentPage": 1, "totalPage": 0, "items": []}),
            ("GET", "/api/v1/orders/byClientOid"): kucoin(None),
            ("GET", "/api/v1/positions"): kucoin([]),
            ("GET", "/api/v1/account-overview"): kucoin(overview),
            ("POST", "/api/v1/orders"): kucoin({"orderId": "o-1", "clientOid": "mine-1"}),
        }
    )
    venue.answer, venue.welcome = acknowledge, greet


@asynccontextmanager
async def trading(name: str, folder: Path) -> AsyncIterator[tuple[Doorkeeper, Trader]]:
    async with Doorkeeper() as venue:
        {"bybit": bybit_rest, "kucoin": kucoin_rest}[name](venue)
        async with csbook.trade(
            name, credentials=KEYS, rest_url=venue.rest_url, ws_url=venue.ws_url, state_dir=folder
        ) as trader:
            yield venue, trader


def commands(venue: Doorkeeper) -> list[Asked]:
    return [asked for asked in venue.asked if asked.method == "POST" and "bullet" not in asked.path]


async def test_a_round_at_bybit(tmp_path: Path) -> None:
    async with trading("bybit", tmp_path) as (venue, trader):
        assert trader.account.balances["USDT"].wallet == 1000
        order = await trader.place("BTCUSDT", "BUY", size="1", price="72.5", client_order_id="mine-1", post_only=True)
        assert (order.status, order.order_id) == (OrderStatus.UNKNOWN, "o-1") and "taken in" in order.reason
        caller = await venue.caller(0)
        row = {
            **ORDER, "orderId": "o-1", "orderLinkId": "mine-1", "side": "Buy", "qty": "1", "positionIdx": 0,
            "cumExecQty": "0", "avgPrice": "", "cumExecFee": "0",
        }  # fmt: skip
        await caller.say({"topic": "order", "creationTime": 1, "data": [{**row, "orderStatus": "New"}]})
        await until(lambda: trader.account.orders["mine-1"].status is OrderStatus.NEW)
        assert trader.account.orders["mine-1"].reason == ""
        fill = {
            **EXECUTION, "orderId": "o-1", "orderLinkId": "mine-1", "side": "Buy", "execQty": "0.4", "orderQty": "1",
            "execPrice": "72.5", "execFee": "0.01", "execPnl": "0",
        }  # fmt: skip
        for _ in range(2):  # told twice, counted once
            await caller.say({"topic": "execution", "creationTime": 2, "data": [fill]})
        held = {**POSITION, "symbol": "BTCUSDT", "side": "Buy", "size": "0.4", "entryPrice": "72.5"}
        await caller.say({"topic": "position", "creationTime": 2, "data": [held]})
        await until(lambda: trader.account.orders["mine-1"].filled == D("0.4"))
        await until(lambda: trader.account.positions["BTCUSDT"].size == D("0.4"))
        (seen,) = trader.account.fills
        assert (seen.commission, seen.commission_asset) == (D("0.01"), "USDT")
        canceling = await trader.cancel(order)
        assert canceling.canceling and canceling.status is OrderStatus.PARTIALLY_FILLED
        ended = {**row, "orderStatus": "Cancelled", "cumExecQty": "0.4", "updatedTime": "1672364262999"}
        await caller.say({"topic": "order", "creationTime": 3, "data": [ended]})
        await until(lambda: trader.account.orders["mine-1"].is_terminal)
        assert trader.account.orders["mine-1"].status is OrderStatus.CANCELED
        assert [asked.path for asked in commands(venue)] == ["/v5/order/create", "/v5/order/cancel"]
        assert b'"timeInForce":"PostOnly"' in commands(venue)[0].body


async def test_an_order_that_the_stream_does_not_tell_of_is_asked_for(tmp_path: Path) -> None:
    async with trading("bybit", tmp_path) as (venue, trader):
        row = {**ORDER, "orderId": "o-1", "orderLinkId": "mine-1", "side": "Buy", "orderStatus": "New", "qty": "1"}
        row |= {"cumExecQty": "0", "positionIdx": 0, "cumExecFee": "0", "avgPrice": ""}
        venue.rest["GET", "/v5/order/realtime"] = v5({"list": [row]})
        await trader.place("BTCUSDT", "BUY", size="1", price="72.5", client_order_id="mine-1")
        await until(lambda: trader.account.orders["mine-1"].status is OrderStatus.NEW)


@pytest.mark.parametrize("ended", [True, False])
async def test_executions_that_were_lost_are_asked_for(tmp_path: Path, ended: bool) -> None:
    """The order's own row tells how much was filled, and neither what that realised nor, here, what it cost."""
    async with trading("bybit", tmp_path) as (venue, trader):
        await trader.place("BTCUSDT", "BUY", size="1", price="72.5", client_order_id="mine-1")
        caller = await venue.caller(0)
        row = {
            **ORDER, "orderId": "o-1", "orderLinkId": "mine-1", "side": "Buy", "qty": "1", "positionIdx": 0,
            "orderStatus": "Filled" if ended else "PartiallyFilled", "cumExecQty": "1" if ended else "0.7",
            "cumExecFee": "", "cumFeeDetail": {},
        }  # fmt: skip
        venue.rest["GET", "/v5/order/realtime"] = v5({"list": [] if ended else [row]})
        fills = [
            {
                **EXECUTION, "execId": f"e-{number}", "orderId": "o-1", "orderLinkId": "mine-1", "side": "Buy",
                "execQty": size, "orderQty": "1", "execFee": "0.01", "execPnl": "-2",
            }
            for number, size in enumerate(("0.3", "0.4", "0.3")[: 3 if ended else 2])
        ]  # fmt: skip
        pages = {"": {"list": fills[1:], "nextPageCursor": "2"}, "2": {"list": fills[:1], "nextPageCursor": ""}}
        venue.rest["GET", "/v5/execution/list"] = lambda asked: v5(pages["2" if "cursor=2" in asked.query else ""])(
            asked
        )
        await caller.say({"topic": "execution", "creationTime": 2, "data": fills[1:2]})
        await caller.say({"topic": "order", "creationTime": 2, "data": [row]})
        await until(lambda: trader.account.orders["mine-1"].filled == D(row["cumExecQty"]))
        assert trader.account.realised_pnl("BTCUSDT") == -2
        trader._ask()
        await until(lambda: trader.account.realised_pnl("BTCUSDT") == -2 * len(fills))
        assert trader.account.commissions["USDT"] == D("0.01") * len(fills)
        assert len(trader.account.fills) == len(fills) and trader.account.to_resolve == ()
        (first, second) = [asked for asked in venue.asked if asked.path == "/v5/execution/list"]
        assert "orderId=o-1" in first.query and "cursor=2" in second.query


async def test_at_kucoin_sizes_are_base_quantity_everywhere(tmp_path: Path) -> None:
    async with trading("kucoin", tmp_path) as (venue, trader):
        assert trader.account.balances["USDT"].wallet == 1000 and trader.instruments["XBTUSDTM"].lot == D("0.001")
        with pytest.raises(OrderRefused) as caught:
            await trader.place("XBTUSDTM", "BUY", size="0.0015", price="91670.0")
        assert caught.value.field == "size" and commands(venue) == []
        await trader.place("XBTUSDTM", "BUY", size="0.010", price="91670.0", client_order_id="mine-1")
        assert b'"size":10' in commands(venue)[0].body
        caller = await venue.caller(0)
        row = {
            "symbol": "XBTUSDTM", "side": "buy", "orderId": "o-1", "clientOid": "mine-1", "orderType": "limit",
            "type": "match", "status": "open", "size": "10", "filledSize": "4", "remainSize": "6", "price": "91670",
            "matchPrice": "91669.5", "matchSize": "4", "tradeId": "t-1", "liquidity": "maker",
            "orderTime": 1731916985768138917, "ts": 1731916985789000000,
        }  # fmt: skip
        told = {"topic": "/contractMarket/tradeOrders", "type": "message", "subject": "orderChange", "data": row}
        await caller.say(told)
        await caller.say(told)
        await until(lambda: trader.account.orders["mine-1"].status is OrderStatus.PARTIALLY_FILLED)
        order = trader.account.orders["mine-1"]
        assert (order.size, order.filled, order.remaining) == (D("0.010"), D("0.004"), D("0.006"))
        assert [fill.size for fill in trader.account.fills] == [D("0.004")]
        assert trader.account.positions["XBTUSDTM"].size == D("0.004")
        book = csbook.Book("XBTUSDTM", price_decimals=1, size_decimals=0)
        book.apply_snapshot([("91670", "20")], [("91671", "5")], receive_time_ns=order.receive_time_ns + 1)
        assert trader.account.net_of_own(book).bid_size == 14  # a book is of contracts there


@pytest.mark.parametrize("name", ["coinswitch-sio", "coinswitch-hft"])
async def test_a_venue_without_a_private_stream_is_polled(tmp_path: Path, name: str) -> None:
    futures = "/trade/api/v2/futures"
    wallet = {"base_asset": "USDT", "balances": {"total_balance": "1000", "total_available_balance": "1000"}}
    async with Doorkeeper() as venue:
        bybit_rest(venue)
        venue.rest["GET", "/trade/api/v2/time"] = lambda asked: (200, {"serverTime": 1700000000000})
        for path, data in (
            ("instrument_info", {}), ("positions", []), ("wallet_balance", {"base_asset_balances": [wallet]}),
        ):  # fmt: skip
            venue.rest["GET", f"{futures}/{path}"] = lambda asked, data=data: (200, {"data": data})
        venue.rest["POST", f"{futures}/orders/open"] = lambda asked: (200, {"data": {"orders": [], "cursor": None}})
        keys = Credentials("the-public-half", bytes(range(32)).hex())
        alerts: list[str] = []
        trader = csbook.trade(name, credentials=keys, rest_url=venue.rest_url, ws_url=venue.ws_url, state_dir=tmp_path)
        trader.on_alert(lambda alert: alerts.append(alert.text))
        async with trader:
            assert trader.account.balances["USDT"].wallet == 1000
            assert trader.stats()["snapshots"] >= 1 and not trader.halted
        assert any("polled every" in text for text in alerts)
        why = {"coinswitch-sio": "no private socket for futures", "coinswitch-hft": "its NATS login is not documented"}
        assert any(why[name] in text for text in alerts)


async def test_an_order_is_amended_where_the_venue_can(tmp_path: Path) -> None:
    async with trading("bybit", tmp_path) as (venue, trader):
        venue.rest["POST", "/v5/order/amend"] = v5({"orderId": "o-1", "orderLinkId": "mine-1"})
        order = await trader.place("BTCUSDT", "BUY", size="1", price="72.5", client_order_id="mine-1")
        row = {
            **ORDER, "orderId": "o-1", "orderLinkId": "mine-1", "side": "Buy", "qty": "1", "positionIdx": 0,
            "orderType": "Limit", "price": "72.5", "cumExecQty": "0", "avgPrice": "", "cumExecFee": "0",
        }  # fmt: skip
        caller = await venue.caller(0)
        await caller.say({"topic": "order", "creationTime": 1, "data": [{**row, "orderStatus": "New"}]})
        await until(lambda: trader.account.orders["mine-1"].status is OrderStatus.NEW)
        await trader.amend(order, price="72.6", size="0.5")
        sent = commands(venue)[-1]
        assert sent.path == "/v5/order/amend" and b'"price":"72.6"' in sent.body and b'"qty":"0.5"' in sent.body
        for changes, field in (({"size": "2"}, "size"), ({"price": "72.55"}, "price"), ({"price": 72.5}, "price")):
            with pytest.raises(OrderRefused) as caught:
                await trader.amend("mine-1", **changes)  # type: ignore[arg-type]
            assert caught.value.field == field
        with pytest.raises(OrderRefused, match="does not rest"):
            await trader.amend("nobody", price="1")
        venue.rest["POST", "/v5/order/amend"] = lambda asked: (
            200,
            {"retCode": 110001, "retMsg": "order not exists or too late", "result": {}},
        )
        with pytest.raises(OrderRejected, match="did not amend"):
            await trader.amend("mine-1", price="72.7")
        assert len(commands(venue)) == 3
