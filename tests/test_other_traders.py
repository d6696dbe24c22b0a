"""Clients that are not ours trade at the local venue: what they are told is what the venue's own books say.

What they need: ccxt's table of URLs with the local origin in it, and ``fetchMarkets`` narrowed to futures, since other
markets are not served. A run without ccxt skips.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

pytest.importorskip("aiohttp")

from csbook.sim import LocalVenue, Terms
from csbook.types import OrderStatus, Side
from scripted import until
from test_other_clients import replaced

MARKET = "BTC/USDT:USDT"
D = Decimal


@asynccontextmanager
async def ccxt_at(
    name: str, exchange: str, part: str = "ccxt.async_support", **options: Any
) -> AsyncIterator[tuple[LocalVenue, Any]]:
    """A venue that stands still, and ccxt with its keys."""
    ccxt = pytest.importorskip(part, reason="ccxt is not installed")
    logging.getLogger("ccxt").setLevel(logging.INFO)  # below that it shows what nobody may see
    async with LocalVenue(name, symbols=["BTCUSDT"], speed=0, **options) as venue:
        venue.pause()
        client = getattr(ccxt, exchange)(
            {"enableRateLimit": False, "apiKey": venue.api_key, "secret": venue.api_secret}
        )
        client.urls["api"] = replaced(client.urls["api"], venue)
        client.options["fetchMarkets"] = {"types": ["linear"], "fetchTickersFees": False}
        client.has["fetchCurrencies"] = False
        try:
            yield venue, client
        finally:
            await client.close()


def exact(number: float | str) -> Decimal:
    return D(str(number))


async def test_ccxt_trades_at_binance() -> None:
    async with ccxt_at("binance", "binanceusdm") as (venue, client):
        errors = pytest.importorskip("ccxt.base.errors")
        bid, ask = (D(side[0][0]) for side in venue.final_book("BTCUSDT", 1)[:2])
        made = await client.create_order(MARKET, "limit", "buy", 0.01, float(bid - 10), {"postOnly": True})
        (order,) = venue.account.open_orders
        assert (order.price, order.size, order.post_only, order.side) == (bid - 10, D("0.01"), True, Side.BUY)
        assert (made["id"], made["status"], made["clientOrderId"]) == (order.order_id, "open", order.client_order_id)
        venue.cross(order.order_id, "0.004")
        seen = await client.fetch_order(made["id"], MARKET)
        assert (exact(seen["filled"]), exact(seen["remaining"]), seen["status"]) == (D("0.004"), D("0.006"), "open")
        assert exact(seen["average"]) == bid - 10
        assert [each["id"] for each in await client.fetch_open_orders(MARKET)] == [made["id"]]
        (trade,) = await client.fetch_my_trades(MARKET)
        fill = venue.account.fills[0]
        assert (trade["id"], trade["takerOrMaker"], trade["order"]) == (fill.trade_id, "maker", order.order_id)
        assert (exact(trade["price"]), exact(trade["amount"]), exact(trade["fee"]["cost"])) == (
            fill.price, fill.size, fill.commission,
        )  # fmt: skip
        changed = await client.edit_order(made["id"], MARKET, "limit", "buy", 0.008, float(bid - 20))
        assert (exact(changed["price"]), exact(changed["amount"])) == (bid - 20, D("0.008"))
        assert (venue.account.open_orders[0].price, venue.account.open_orders[0].size) == (bid - 20, D("0.008"))
        ended = await client.cancel_order(made["id"], MARKET)
        assert ended["status"] == "canceled" and venue.account.orders[0].status is OrderStatus.CANCELED
        await client.create_order(MARKET, "market", "sell", 0.01)
        (position,) = await client.fetch_positions([MARKET])
        held = venue.account.positions["BTCUSDT"]
        assert (position["side"], exact(position["contracts"])) == ("short", D("0.006")) == ("short", -held.size)
        assert exact(position["entryPrice"]) == held.entry_price
        balance = (await client.fetch_balance())["USDT"]
        wallet = venue.account.balances["USDT"]
        assert abs(exact(balance["free"]) - (wallet.available or 0)) < D("1e-6")
        assert exact(balance["total"]) > 0
        for _ in range(2):
            await client.create_order(MARKET, "limit", "buy", 0.001, float(bid - 10))
        await client.cancel_all_orders(MARKET)
        assert venue.account.open_orders == ()

        async def refused(code: int, request: Any) -> None:
            with pytest.raises(errors.ExchangeError, match=str(code)):  # which one hangs on the host's name
                await request

        limit = (MARKET, "limit", "buy")
        await refused(-5022, client.create_order(*limit, 1, float(ask), {"postOnly": True}))
        await refused(-2022, client.create_order(*limit, 1, float(bid - 10), {"reduceOnly": True}))
        await refused(-2019, client.create_order(*limit, 900, float(bid - 10)))
        await refused(-2013, client.fetch_order("1", MARKET))
        await refused(-2011, client.cancel_order(made["id"], MARKET))
        client.secret = "0" * 64
        await refused(-1022, client.fetch_balance())


async def test_ccxt_changes_the_position_mode_at_binance() -> None:
    async with ccxt_at("binance", "binanceusdm", accounts={"a": Terms(leverage=20)}) as (venue, client):
        await client.set_position_mode(True)
        assert venue.account.terms.hedge
        for side, leg in (("buy", "LONG"), ("sell", "SHORT")):
            await client.create_order(MARKET, "market", side, 0.002, None, {"positionSide": leg})
        rows = await client.fetch_positions([MARKET])
        assert sorted((row["side"], exact(row["contracts"]), row["hedged"]) for row in rows) == [
            ("long", D("0.002"), True), ("short", D("0.002"), True),
        ]  # fmt: skip


async def test_ccxt_trades_at_bybit() -> None:
    async with ccxt_at("bybit", "bybit") as (venue, client):
        errors = pytest.importorskip("ccxt.base.errors")
        bid, ask = (D(side[0][0]) for side in venue.final_book("BTCUSDT", 1)[:2])
        made = await client.create_order(MARKET, "limit", "buy", 0.01, float(bid - 10), {"postOnly": True})
        (order,) = venue.account.open_orders
        assert (order.price, order.size, order.post_only, order.side) == (bid - 10, D("0.01"), True, Side.BUY)
        assert made["id"] == order.order_id
        venue.cross(order.order_id, "0.004")
        seen = await client.fetch_order(made["id"], MARKET, {"acknowledged": True})
        assert (exact(seen["filled"]), exact(seen["remaining"]), seen["status"]) == (D("0.004"), D("0.006"), "open")
        assert exact(seen["average"]) == bid - 10 and exact(seen["fee"]["cost"]) == venue.account.fills[0].commission
        assert [each["id"] for each in await client.fetch_open_orders(MARKET)] == [made["id"]]
        (trade,) = await client.fetch_my_trades(MARKET)
        fill = venue.account.fills[0]
        assert (trade["id"], trade["takerOrMaker"], trade["order"]) == (fill.trade_id, "maker", order.order_id)
        assert (exact(trade["price"]), exact(trade["amount"]), exact(trade["fee"]["cost"])) == (
            fill.price, fill.size, fill.commission,
        )  # fmt: skip
        await client.edit_order(made["id"], MARKET, "limit", "buy", 0.008, float(bid - 20))
        assert (venue.account.open_orders[0].price, venue.account.open_orders[0].size) == (bid - 20, D("0.008"))
        await client.cancel_order(made["id"], MARKET)
        (ended,) = await client.fetch_canceled_and_closed_orders(MARKET)
        assert (ended["id"], ended["status"], exact(ended["filled"])) == (made["id"], "canceled", D("0.004"))
        assert venue.account.orders[0].status is OrderStatus.CANCELED
        await client.create_order(MARKET, "market", "sell", 0.01)
        (position,) = await client.fetch_positions([MARKET])
        held = venue.account.positions["BTCUSDT"]
        assert (position["side"], exact(position["contracts"])) == ("short", D("0.006")) == ("short", -held.size)
        assert exact(position["entryPrice"]) == held.entry_price
        balance = (await client.fetch_balance())["USDT"]
        assert exact(balance["total"]) == venue.account.wallet["USDT"]
        for _ in range(2):
            await client.create_order(MARKET, "limit", "buy", 0.001, float(bid - 10))
        await client.cancel_all_orders(MARKET)
        assert venue.account.open_orders == ()

        limit = (MARKET, "limit", "buy")
        taking = await client.create_order(*limit, 1, float(ask), {"postOnly": True})  # taken in, and cancelled then
        seen = await client.fetch_order(taking["id"], MARKET, {"acknowledged": True})
        assert (seen["status"], exact(seen["filled"])) == ("canceled", 0)
        reducing = client.create_order(*limit, 1, float(bid - 10), {"reduceOnly": True})
        for kind, code, request in (
            (errors.ExchangeError, "110017", reducing),
            (errors.InsufficientFunds, "110007", client.create_order(*limit, 900, float(bid - 10))),
            (errors.OrderNotFound, "110001", client.cancel_order(made["id"], MARKET)),
        ):
            with pytest.raises(kind, match=code):
                await request
        client.secret = "0" * 64
        with pytest.raises(errors.AuthenticationError, match="10004"):
            await client.fetch_balance()


async def test_ccxt_changes_the_position_mode_at_bybit() -> None:
    async with ccxt_at("bybit", "bybit") as (venue, client):
        await client.set_position_mode(True, MARKET)
        assert venue.account.terms.hedge
        for side, index in (("buy", 1), ("sell", 2)):
            await client.create_order(MARKET, "market", side, 0.002, None, {"positionIdx": index})
        rows = await client.fetch_positions([MARKET])
        assert sorted((row["side"], exact(row["contracts"])) for row in rows) == [
            ("long", D("0.002")), ("short", D("0.002")),
        ]  # fmt: skip


async def test_ccxt_hears_of_its_orders_at_bybit() -> None:
    async with ccxt_at("bybit", "bybit", "ccxt.pro") as (venue, client):
        told: dict[str, list[Any]] = {"orders": [], "trades": []}

        async def read(kind: str, watch: Any) -> None:
            while True:
                told[kind] += await watch(MARKET)

        reading = [
            asyncio.ensure_future(read("orders", client.watch_orders)),
            asyncio.ensure_future(read("trades", client.watch_my_trades)),
        ]
        try:
            topics = ("order", "execution")
            await until(lambda: any(all(map(t.wants, topics)) for t in venue._streams.connections.values()), 20.0)
            (bid, _), *_ = venue.final_book("BTCUSDT", 1)[0]
            made = await client.create_order(MARKET, "limit", "buy", 0.01, float(bid) - 10)
            venue.cross(made["id"], "0.004")
            await client.cancel_order(made["id"], MARKET)
            await until(lambda: any(each["status"] == "canceled" for each in told["orders"]), 10.0)
            last = told["orders"][-1]
            assert (last["id"], exact(last["filled"])) == (made["id"], D("0.004"))
            await until(lambda: told["trades"], 10.0)
            (fill,), trade = venue.account.fills, told["trades"][0]
            found = trade["id"], exact(trade["price"]), exact(trade["amount"]), exact(trade["fee"]["cost"])
            assert found == (fill.trade_id, fill.price, fill.size, fill.commission)
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)


async def test_ccxt_hears_of_its_orders_at_binance() -> None:
    async with ccxt_at("binance", "binanceusdm", "ccxt.pro") as (venue, client):
        told: dict[str, list[Any]] = {"orders": [], "trades": []}

        async def read(kind: str, watch: Any) -> None:
            while True:
                told[kind] += await watch(MARKET)

        reading = [
            asyncio.ensure_future(read("orders", client.watch_orders)),
            asyncio.ensure_future(read("trades", client.watch_my_trades)),
        ]
        try:
            await until(lambda: len(venue._streams.connections) > 0, 20.0)
            (bid, _), *_ = venue.final_book("BTCUSDT", 1)[0]
            made = await client.create_order(MARKET, "limit", "buy", 0.01, float(bid) - 10)
            venue.cross(made["id"], "0.004")
            await client.cancel_order(made["id"], MARKET)
            await until(lambda: any(each["status"] == "canceled" for each in told["orders"]), 10.0)
            last = told["orders"][-1]
            assert (last["id"], exact(last["filled"])) == (made["id"], D("0.004"))
            fill = venue.account.fills[0]
            trade = next(each for each in told["trades"] if each["fee"])
            found = trade["id"], exact(trade["price"]), exact(trade["amount"]), exact(trade["fee"]["cost"])
            assert found == (fill.trade_id, fill.price, fill.size, fill.commission)
        finally:
            for task in reading:
                task.cancel()
            await asyncio.gather(*reading, return_exceptions=True)
