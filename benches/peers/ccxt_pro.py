"""ccxt.pro, Binance USD-M: its own client and handlers, fed with what its socket would have given it."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import ccxt.pro
import numpy as np
import orjson

from benches.peers._lists import columns_of, parse_all, reading, vwap_of
from benches.words import Job, Levels

NAME = "ccxt.pro, own path"
PACKAGES = ("ccxt", "orjson")
SYMBOL = "BTC/USDT:USDT"
TOUCH = 'bid = book["bids"][0][0]\nask = book["asks"][0][0]'


async def _connected() -> tuple[Any, Any]:
    """An exchange that knows one market, and a client that is connected to nothing."""
    exchange = ccxt.pro.binanceusdm()
    exchange.set_markets([
        exchange.safe_market_structure({
            "id": "BTCUSDT", "symbol": SYMBOL, "base": "BTC", "quote": "USDT", "settle": "USDT", "type": "swap",
            "baseId": "BTC", "quoteId": "USDT", "settleId": "USDT", "swap": True, "spot": False, "linear": True,
            "contract": True, "precision": {"price": 0.01, "amount": 0.001},
        })
    ])  # fmt: skip
    client = exchange.client("wss://fstream.binance.com/stream")
    await exchange.close()
    return exchange, client


@cache
def _exchange() -> tuple[Any, Any]:
    return asyncio.run(_connected())


def _names() -> dict[str, Any]:
    exchange, client = _exchange()
    book = exchange.order_book({})
    exchange.orderbooks[SYMBOL] = book

    def replace(body: Any) -> None:
        snapshot = exchange.parse_order_book(body, SYMBOL)
        snapshot["nonce"] = body["lastUpdateId"]
        book.reset(snapshot)

    return {
        "book": book, "replace": replace, "loads": orjson.loads, "receive": client.handle_text_or_binary_message
    }  # fmt: skip


def _levels(book: Any) -> tuple[Levels, Levels]:
    bids, asks = ([(price, size) for price, size in book[side]] for side in ("bids", "asks"))
    return bids, asks


def _texts(messages: Any) -> list[str]:
    return [message.decode() for message in messages]  # its socket gives str


def snapshot(levels: int) -> Job:
    names = _names()
    return Job(f"replace(loads(message))\n{TOUCH}", names, levels=lambda: _levels(names["book"]))


def parsed(levels: int) -> Job:
    names = _names()
    return Job(f"replace(message)\n{TOUCH}", names, prepare=parse_all, levels=lambda: _levels(names["book"]))


def delta(start: bytes) -> Job:
    names = _names()
    names["replace"](orjson.loads(start))
    return Job(f"receive(message)\n{TOUCH}", names, prepare=_texts, levels=lambda: _levels(names["book"]))


def hold(payload: bytes) -> Any:
    names = _names()
    names["replace"](orjson.loads(payload))
    return names["book"]


def _vwap(asks: Any, size: float) -> float:
    return vwap_of((level[0] for level in asks), (level[1] for level in asks), size)


def reads(payload: bytes) -> dict[str, Job]:
    names = {"book": hold(payload), "array": np.array, "vwap": _vwap}
    texts = {
        "arrays_20": 'value = array(book["bids"][:20]), array(book["asks"][:20])',
        "vwap": 'value = vwap(book["asks"], 10.0)',
    }
    return reading(TOUCH, texts, names, columns_of)
