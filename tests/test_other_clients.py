"""Clients that are not ours, pointed at the local venue: they see the same touch as csbook at the same time.

What they need: ccxt's table of URLs with the local origin in it, and ``fetchMarkets`` narrowed to futures, since other
markets are not served; cryptofeed's endpoints replaced in a subclass, and its address made ``ws://`` after its own
check that it is ``wss://``. cryptofeed has no KuCoin futures. A run without the clients skips.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

import csbook
from csbook import State
from scripted import until

pytest.importorskip("aiohttp")

from csbook.sim import LocalVenue

Touch = tuple[float, ...]
CCXT = {"binance": "binanceusdm", "bybit": "bybit", "kucoin": "kucoinfutures"}
CRYPTOFEED = {"binance": ("BinanceFutures", ""), "bybit": ("Bybit", "/v5/public/linear")}


@asynccontextmanager
async def stand(name: str) -> AsyncIterator[tuple[LocalVenue, csbook.Feed]]:
    async with (
        LocalVenue(name, symbols=["BTCUSDT"]) as sim,
        csbook.connect(name, "BTCUSDT", url=sim.ws_url, rest_url=sim.rest_url) as feed,
    ):
        yield sim, feed


def ours(feed: csbook.Feed) -> Touch:
    (book,) = feed.books.values()
    assert book.state is State.LIVE
    return book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size


def replaced(urls: Any, sim: LocalVenue) -> Any:
    """Every address of a client's table with the local origin in it."""
    if isinstance(urls, dict):
        return {key: replaced(value, sim) for key, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    scheme, _, rest = urls.partition("://")
    path = rest.partition("/")[2]
    origin = sim.ws_url if scheme == "wss" else sim.rest_url
    return f"{origin}/{path}" if path else origin


@pytest.mark.parametrize("name", CCXT)
async def test_ccxt(name: str) -> None:
    pro = pytest.importorskip("ccxt.pro", reason="ccxt is not installed")
    async with stand(name) as (sim, feed):
        client = getattr(pro, CCXT[name])({"enableRateLimit": False})
        client.urls["api"] = replaced(client.urls["api"], sim)
        client.options["fetchMarkets"] = {
            "types": ["swap" if name == "kucoin" else "linear"],
            "fetchTickersFees": False,
        }
        client.has["fetchCurrencies"] = False
        theirs: list[Touch] = []
        market = "BTC/USDT:USDT"

        async def read() -> None:
            while True:
                book = await client.watch_order_book(market)
                (bid, bid_size), (ask, ask_size) = book["bids"][0][:2], book["asks"][0][:2]
                theirs.append((bid, bid_size, ask, ask_size))

        reading = asyncio.ensure_future(read())
        try:
            await until(lambda: reading.done() or len(theirs) > 10, 60.0)
            sim.pause()
            await until(lambda: reading.done() or theirs[-1] == ours(feed), 60.0)
            assert not reading.done()
            assert len(set(theirs)) > 1
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await client.close()


@pytest.mark.parametrize("name", CRYPTOFEED)
async def test_cryptofeed(name: str) -> None:
    cryptofeed = pytest.importorskip("cryptofeed", reason="cryptofeed is not installed")
    exchanges = pytest.importorskip("cryptofeed.exchanges")
    kind, path = CRYPTOFEED[name]
    base = getattr(exchanges, kind)
    theirs: list[Touch] = []

    async def seen(book: Any, _: float) -> None:
        bid, ask = book.book.bids.index(0), book.book.asks.index(0)
        theirs.append(tuple(map(float, (*bid, *ask))))

    async with stand(name) as (sim, feed):

        def connect(self: Any) -> Any:
            made = base.connect(self)
            for connection, *_ in made:
                connection.address = connection.address.replace("wss://", "ws://")
            return made

        address = sim.ws_url.replace("ws://", "wss://") + path
        local = type(
            f"Local{kind}",
            (base,),
            {
                "websocket_endpoints": [replace(base.websocket_endpoints[0], address=address)],
                "rest_endpoints": [replace(base.rest_endpoints[0], address=sim.rest_url)],
                "connect": connect,
            },
        )
        handler = cryptofeed.FeedHandler(config={"log": {"disabled": True}, "uvloop": False})
        asked = {"symbols": ["BTC-USDT-PERP"], "channels": ["l2_book"], "callbacks": {"l2_book": seen}}
        handler.add_feed(await asyncio.to_thread(lambda: local(**asked)))  # it asks for symbols, and blocks
        before = asyncio.all_tasks()
        try:
            handler.run(start_loop=False, install_signal_handlers=False)
            await until(lambda: len(theirs) > 10, 60.0)
            sim.pause()
            await until(lambda: theirs[-1] == ours(feed), 60.0)
            assert len(set(theirs)) > 1
        finally:
            started = asyncio.all_tasks() - before
            for task in started:
                task.cancel()
            await asyncio.gather(*started, return_exceptions=True)
