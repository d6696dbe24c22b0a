"""csbook: a payload into ``Router.feed``, lists into ``Book.apply_snapshot``, everything read from the Book."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benches.peers._lists import columns_of, parse_all
from benches.words import Job, Levels
from csbook import Book, Router, Side

NAME = "csbook"
PACKAGES = ("csbook",)
TOUCH = "bid = book.best_bid\nask = book.best_ask"


def _levels(book: Book) -> tuple[Levels, Levels]:
    bids, asks = ([(price, size) for price, size in side.tolist()] for side in (book.bids(), book.asks()))
    return bids, asks


def snapshot(levels: int) -> Job:
    book = Book("BTCUSDT", capacity=levels)
    router = Router("coinswitch", [book])
    return Job(f"feed(message)\n{TOUCH}", {"feed": router.feed, "book": book}, levels=lambda: _levels(book))


def parsed(levels: int) -> Job:
    book = Book("BTCUSDT", capacity=levels)
    names = {"apply": book.apply_snapshot, "book": book}
    text = f'apply(message["bids"], message["asks"])\n{TOUCH}'
    return Job(text, names, prepare=parse_all, levels=lambda: _levels(book))


def delta(start: bytes) -> Job:
    book = Book("BTCUSDT")
    router = Router("binance", [book])
    router.feed_snapshot("BTCUSDT", start)
    return Job(f"feed(message)\n{TOUCH}", {"feed": router.feed, "book": book}, levels=lambda: _levels(book))


def dialect(venue: str, symbol: str, start: bytes | None) -> Job:
    book = Book(symbol)
    router = Router(venue, [book])
    if start is not None and router.feed(start).name == "COLD":
        router.feed_snapshot(symbol, start)
    return Job(f"feed(message)\n{TOUCH}", {"feed": router.feed, "book": book}, levels=lambda: _levels(book))


def hold(payload: bytes) -> Book:
    book = Book("BTCUSDT")
    Router("coinswitch", [book]).feed(payload)
    return book


READS = {
    "touch": TOUCH,
    "top": "value = book.top()",
    "top_fields": "top = book.top()\nbid = top.bid\nask = top.ask\nbid_size = top.bid_size\nask_size = top.ask_size",
    "views": "value = book.bid_prices, book.bid_sizes, book.ask_prices, book.ask_sizes",
    "arrays_20": "value = book.bids(20), book.asks(20)",
    "vwap": "value = book.vwap(BUY, 10.0)[0]",
    "imbalance": "value = book.imbalance(5)",
    "within": "value = book.depth_within(BUY, 10.0)",
}
LEAVES = {"touch": ("bid", "ask"), "top_fields": ("bid", "ask", "bid_size", "ask_size")}
NOTES = {"views": "its read-only views", "arrays_20": "copies, by bids(20) and asks(20)"}


def _read(read: str, text: str, names: dict[str, Any], prepare: Any = None) -> Job:
    return Job(
        text,
        names,
        leaves=LEAVES.get(read, ("value",)),
        applies=read != "top",
        note=NOTES.get(read, ""),
        prepare=prepare,
        as_columns=columns_of if read == "arrays_20" else None,
    )


def reads(payload: bytes) -> dict[str, Job]:
    names: dict[str, Any] = {"book": hold(payload), "BUY": Side.BUY}
    return {read: _read(read, text, names) for read, text in READS.items()}


def fresh(payload: bytes) -> dict[str, Job]:
    books: list[Book] = []
    feeds: list[Any] = []

    def prepare(messages: Sequence[bytes]) -> list[Book]:
        while len(books) < len(messages):
            books.append(Book("BTCUSDT"))
            feeds.append(Router("coinswitch", books[-1]).feed)
        for feed, message in zip(feeds, messages, strict=True):
            feed(message)
        return books

    texts = {read: READS[read].replace("book.", "message.") for read in ("views", "arrays_20")}
    return {read: _read(read, text, {}, prepare) for read, text in texts.items()}
