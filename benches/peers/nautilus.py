"""nautilus_trader: the Binance adapter's own decoders and parsers, then ``OrderBook.apply_deltas``."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from nautilus_trader.adapters.binance.common.schemas.market import BinanceDepth, BinanceOrderBookMsg
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.enums import BookType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Quantity

from benches.peers._lists import columns_of, reading
from benches.words import Job, Levels

NAME = "nautilus_trader, adapter path"
PACKAGES = ("nautilus_trader",)
INSTRUMENT = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
TOUCH = "bid = book.best_bid_price()\nask = book.best_ask_price()"


def _levels(book: Any) -> tuple[Levels, Levels]:
    bids, asks = ([(float(level.price), level.size()) for level in side] for side in (book.bids(), book.asks()))
    return bids, asks


def _names(decoder: Any, start: bytes | None = None) -> dict[str, Any]:
    book = OrderBook(INSTRUMENT, BookType.L2_MBP)
    if start is not None:
        book.apply_deltas(msgspec.json.decode(start, type=BinanceDepth).parse_to_order_book_snapshot(INSTRUMENT, 0))
    return {"decode": decoder.decode, "book": book, "apply": book.apply_deltas, "instrument": INSTRUMENT}


def snapshot(levels: int) -> Job:
    names = _names(msgspec.json.Decoder(BinanceDepth))
    text = f"apply(decode(message).parse_to_order_book_snapshot(instrument, 0))\n{TOUCH}"
    return Job(text, names, levels=lambda: _levels(names["book"]))


def delta(start: bytes) -> Job:
    names = _names(msgspec.json.Decoder(BinanceOrderBookMsg), start)
    text = f"apply(decode(message).data.parse_to_order_book_deltas(instrument, 0))\n{TOUCH}"
    return Job(text, names, levels=lambda: _levels(names["book"]))


def hold(payload: bytes) -> Any:
    return _names(msgspec.json.Decoder(BinanceDepth), payload)["book"]


def _array(levels: Any) -> Any:
    return np.array([(float(level.price), level.size()) for level in levels[:20]])


def reads(payload: bytes) -> dict[str, Job]:
    names = {"book": hold(payload), "array": _array, "ten": Quantity.from_str("10.00000000"), "BUY": OrderSide.BUY}
    texts = {
        "arrays_20": "value = array(book.bids()), array(book.asks())",
        "vwap": "value = book.get_avg_px_for_quantity(ten, BUY)",
    }
    return reading(TOUCH, texts, names, columns_of)
