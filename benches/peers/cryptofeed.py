"""cryptofeed, Binance USD-M: its own message handler and REST snapshot, with a callback that reads the touch."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from cryptofeed.defines import L2_BOOK
from cryptofeed.exchanges import BinanceFutures
from cryptofeed.symbols import Symbols

from benches.words import Job

NAME = "cryptofeed, own path"
PACKAGES = ("cryptofeed", "order_book")
SYMBOL = "BTC-USDT-PERP"


class Answers:
    """In the place of its HTTP connection."""

    answer = ""

    async def read(self, address: str, **more: Any) -> str:
        return self.answer


def _drive(waiting: Coroutine[Any, Any, Any]) -> None:
    """Nothing in it waits, so one push runs it to its end."""
    try:
        waiting.send(None)
    except StopIteration:
        return
    raise RuntimeError("the handler waits for something")


def _feed() -> tuple[Any, dict[str, Any]]:
    seen: dict[str, Any] = {}

    async def on_book(book: Any, received: float) -> None:
        seen["bid"] = book.book.bids.index(0)[0]
        seen["ask"] = book.book.asks.index(0)[0]

    about = {"tick_size": {SYMBOL: "0.01"}, "instrument_type": {SYMBOL: "perpetual"}}
    Symbols.set(BinanceFutures.id, {SYMBOL: "BTCUSDT"}, about)
    feed = BinanceFutures(symbols=[SYMBOL], channels=[L2_BOOK], callbacks={L2_BOOK: on_book})
    feed.http_conn = Answers()
    return feed, seen


def _texts(messages: Any) -> list[str]:
    return [message.decode() for message in messages]


def snapshot(levels: int) -> Job:
    feed, seen = _feed()

    def replace(message: str) -> None:
        feed.http_conn.answer = message
        _drive(feed._snapshot("BTCUSDT"))

    text = 'replace(message)\nbid = seen["bid"]\nask = seen["ask"]'
    return Job(text, {"replace": replace, "seen": seen}, prepare=_texts)


def delta(start: bytes) -> Job:
    feed, seen = _feed()
    feed.http_conn.answer = start.decode()
    _drive(feed._snapshot("BTCUSDT"))
    names = {"drive": _drive, "handle": feed.message_handler, "seen": seen}
    text = 'drive(handle(message, None, 1.0))\nbid = seen["bid"]\nask = seen["ask"]'
    return Job(text, names, prepare=_texts)
