"""The package order-book (C, GPL), by its documented interface alone, with keys of float: its fastest use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from order_book import OrderBook

from benches.peers._lists import columns_of, parse_all, reading
from benches.words import Job, Levels

NAME = "orjson + order-book, float"
PACKAGES = ("orjson", "order_book")
TOUCH = "bid = book.bids.index(0)[0]\nask = book.asks.index(0)[0]"
Number = Callable[[str], Any]


def change(side: Any, pairs: Any, number: Number) -> None:
    for price_text, size_text in pairs:
        price, size = number(price_text), number(size_text)
        if size:
            side[price] = size
        elif price in side:
            del side[price]


def replace(book: Any, body: Any, number: Number) -> None:
    book.bids = {number(price): number(size) for price, size in body["bids"]}
    book.asks = {number(price): number(size) for price, size in body["asks"]}


def names_of(number: Number) -> dict[str, Any]:
    return {"loads": orjson.loads, "book": OrderBook(), "replace": replace, "change": change, "number": number}


def levels_of(book: Any) -> tuple[Levels, Levels]:
    bids, asks = ([(float(price), float(size)) for price, size in side.to_list()] for side in (book.bids, book.asks))
    return bids, asks


def snapshot(levels: int, number: Number = float) -> Job:
    names = names_of(number)
    text = f"replace(book, loads(message), number)\n{TOUCH}"
    return Job(text, names, levels=lambda: levels_of(names["book"]))


def parsed(levels: int, number: Number = float) -> Job:
    names = names_of(number)
    text = f"replace(book, message, number)\n{TOUCH}"
    return Job(text, names, prepare=parse_all, levels=lambda: levels_of(names["book"]))


def delta(start: bytes, number: Number = float) -> Job:
    names = names_of(number)
    replace(names["book"], orjson.loads(start), number)
    text = 'data = loads(message)["data"]\nchange(book.bids, data["b"], number)\nchange(book.asks, data["a"], number)\n'
    return Job(text + TOUCH, names, levels=lambda: levels_of(names["book"]))


def hold(payload: bytes, number: Number = float) -> Any:
    book = OrderBook()
    replace(book, orjson.loads(payload), number)
    return book


def reads(payload: bytes, number: Number = float) -> dict[str, Job]:
    names = {"book": hold(payload, number), "array": np.array}
    texts = {
        "arrays_20": "value = array(book.bids.to_list()[:20]), array(book.asks.to_list()[:20])",
    }
    return reading(TOUCH, texts, names, columns_of)
