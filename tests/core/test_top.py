"""Top: one consistent read of the touch, frozen; and the touch with the venue's own quotes fused in."""

from __future__ import annotations

import math
from typing import Any

import pytest

import csbook
from csbook import Outcome, State
from oracle import diff, dump, quote, seed_depth, stream

FIELDS = (
    "bid", "bid_size", "ask", "ask_size", "bid_raw", "bid_size_raw", "ask_raw", "ask_size_raw", "mid", "spread",
    "sequence", "event_time_ns", "receive_time_ns", "updates", "state", "price_decimals", "size_decimals",
)  # fmt: skip


def look(top: csbook.Top) -> dict[str, Any]:
    return {name: getattr(top, name) for name in FIELDS}


def filled() -> csbook.Book:
    book = csbook.Book("BTCUSDT", price_decimals=2, size_decimals=3)
    book.apply_snapshot([["100.5", "1"]], [["100.6", "4"]], sequence=7, event_time_ns=11, receive_time_ns=12)
    return book


def test_a_top_says_what_the_book_says() -> None:
    book = filled()
    assert look(book.top()) == {
        "bid": 100.5, "bid_size": 1.0, "ask": 100.6, "ask_size": 4.0, "bid_raw": 10050, "bid_size_raw": 1000,
        "ask_raw": 10060, "ask_size_raw": 4000, "mid": 100.55, "spread": 0.1, "sequence": 7, "event_time_ns": 11,
        "receive_time_ns": 12, "updates": book.updates, "state": State.LIVE, "price_decimals": 2, "size_decimals": 3,
    }  # fmt: skip
    top = book.top()
    for name in ("mid", "spread", "sequence", "updates", "state"):
        assert getattr(top, name) == getattr(book, name)
    assert isinstance(top, csbook.Top)
    assert top.age_ns() >= 0
    assert top.tradable(10**18)


def test_a_top_never_changes() -> None:
    book = filled()
    top = book.top()
    was = look(top)
    book.apply_snapshot([["1", "1"]], [["2", "1"]], sequence=8)
    book.clear("a test")
    del book
    assert look(top) == was
    for name in FIELDS:
        with pytest.raises(AttributeError):
            setattr(top, name, was[name])
    with pytest.raises(AttributeError):
        top.other = 1  # type: ignore[attr-defined]


def test_a_top_that_was_live_is_judged_by_its_own_state() -> None:
    book = filled()
    book.apply_delta([["100.6", "1"]], [])
    top = book.top()
    assert top.state is State.CROSSED
    assert not top.tradable(10**18)
    book.apply_delta([["100.6", "0"]], [])
    assert not top.tradable(10**18)
    assert book.top().tradable(10**18)


def test_a_top_of_an_empty_book_or_side() -> None:
    empty = csbook.Book("X").top()
    for name in ("bid", "bid_size", "ask", "ask_size", "mid", "spread"):
        assert math.isnan(getattr(empty, name)), name
    assert empty.state is State.EMPTY
    assert empty.age_ns() == -1
    assert not empty.tradable(10**18)
    book = csbook.Book("X")
    book.apply_snapshot([["5", "1"]], [])
    top = book.top()
    assert (top.bid, top.bid_size) == (5.0, 1.0)
    for name in ("ask", "ask_size", "mid", "spread"):
        assert math.isnan(getattr(top, name)), name


def test_tops_cannot_be_made_from_nothing() -> None:
    """Either refused, or one that says that it knows nothing."""
    try:
        top = csbook.Top()
    except TypeError:
        return
    assert math.isnan(top.bid)
    assert not top.tradable(10**18)


class Fused:
    """A live book on binance at update 20, and its router."""

    def __init__(self) -> None:
        self.book = csbook.Book("BTCUSDT", price_decimals=2, size_decimals=3)
        self.router = csbook.Router("binance", [self.book])
        assert self.router.feed(dump(diff(11, 20, 10))) is Outcome.BUFFERED
        snapshot = seed_depth(20, [["100.5", "1"], ["100.4", "2"]], [["100.6", "4"], ["100.7", "5"]])
        assert self.router.feed_snapshot("BTCUSDT", dump(snapshot)) is Outcome.APPLIED

    def quote(self, update: int, bid: str, bid_size: str, ask: str, ask_size: str, **options: Any) -> None:
        message = stream("btcusdt@bookTicker", quote(update, bid, bid_size, ask, ask_size, **options))
        before = self.book.digest(), self.book.updates, self.book.sequence
        assert self.router.feed(dump(message)) is Outcome.COLD
        assert (self.book.digest(), self.book.updates, self.book.sequence) == before

    @property
    def fused(self) -> tuple[float, float, float, float]:
        top = self.book.fused_top()
        return top.bid, top.bid_size, top.ask, top.ask_size


BOOK = (100.5, 1.0, 100.6, 4.0)
QUOTED = (100.51, 7.0, 100.59, 8.0)


def test_without_quotes_the_fused_top_is_the_top() -> None:
    market = Fused()
    assert market.fused == BOOK
    assert look(market.book.fused_top()) == look(market.book.top())
    assert look(filled().fused_top()) == look(filled().top()) or filled().fused_top().bid == 100.5


def test_a_newer_quote_is_fused_in_and_levels_stay() -> None:
    market = Fused()
    market.quote(25, "100.51", "7", "100.59", "8")
    assert market.fused == QUOTED
    assert (market.book.best_bid, market.book.best_ask) == (100.5, 100.6)
    assert (market.book.top().bid, market.book.top().bid_size) == (100.5, 1.0)
    assert market.book.fused_top().bid_raw == 10051
    assert market.router.counts["quotes"] == 1


def test_an_older_quote_is_not() -> None:
    market = Fused()
    market.quote(19, "100.51", "7", "100.59", "8")
    assert market.fused == BOOK
    market.quote(26, "100.51", "7", "100.59", "8")
    market.quote(25, "100.41", "6", "100.69", "6")
    assert market.fused == QUOTED


def test_a_newer_change_takes_the_quotes_place() -> None:
    market = Fused()
    market.quote(25, "100.51", "7", "100.59", "8")
    assert market.router.feed(dump(diff(21, 24, 20, [["100.5", "3"]], []))) is Outcome.APPLIED
    assert market.fused == QUOTED
    assert market.router.feed(dump(diff(25, 30, 24, [["100.5", "0.5"]], []))) is Outcome.APPLIED
    assert market.fused == (100.5, 0.5, 100.6, 4.0)


def test_quotes_of_other_symbols_and_broken_ones_are_not_fused() -> None:
    market = Fused()
    market.quote(25, "100.51", "7", "100.59", "8", symbol="ETHUSDT")
    assert market.fused == BOOK
    for wrong in ("x", "-1", "100.123", "nan", ""):
        market.router.feed(dump(quote(26, wrong, "1", "100.6", "1")))
        market.router.feed(dump(quote(26, "100.5", "1", "100.6", wrong.replace("100.123", "1.1234"))))
        market.book._check()
        assert market.fused == BOOK, wrong
        assert market.book.state is State.LIVE  # a quote is no change that could be lost


def test_a_quote_makes_nothing_tradable() -> None:
    book = csbook.Book("BTCUSDT")
    router = csbook.Router("binance", [book])
    assert router.feed(dump(quote(5, "100", "1", "101", "1"))) is Outcome.COLD
    assert book.state is State.EMPTY
    assert book.digest() == csbook.Book("BTCUSDT").digest()
    assert not book.tradable(10**18)
    assert not book.fused_top().tradable(10**18)
    assert math.isnan(book.best_bid)


def test_a_cleared_book_forgets_its_quote() -> None:
    market = Fused()
    market.quote(25, "100.51", "7", "100.59", "8")
    market.book.clear("a test")
    assert not market.book.fused_top().tradable(10**18)
    market.book.apply_snapshot([["50", "1"]], [["51", "1"]], sequence=1)
    assert market.fused == (50.0, 1.0, 51.0, 1.0)


def test_a_quote_of_the_books_own_update_is_not_fused() -> None:
    """It says nothing that the book does not know, and the book's levels were told as levels."""
    market = Fused()
    market.quote(20, "100.51", "7", "100.59", "8")
    assert market.fused == BOOK
    market.quote(21, "100.51", "7", "100.59", "8")
    assert market.fused == QUOTED


def test_a_quote_without_one_side_has_none() -> None:
    market = Fused()
    market.quote(25, "100.51", "7", "0", "0")
    top = market.book.fused_top()
    assert (top.bid, top.bid_size, top.bid_raw) == (100.51, 7.0, 10051)
    assert math.isnan(top.ask)
    assert math.isnan(top.ask_size)
    assert (top.ask_raw, top.ask_size_raw) == (0, 0)
    assert math.isnan(top.mid)
    assert (market.book.top().ask, market.book.best_ask) == (100.6, 100.6)
    market.quote(26, "0", "0", "100.59", "8")
    top = market.book.fused_top()
    assert math.isnan(top.bid)
    assert (top.ask, top.ask_size) == (100.59, 8.0)
    market.quote(27, "100.51", "7", "100.59", "0")
    assert (market.book.fused_top().ask_raw, market.book.fused_top().bid_raw) == (0, 10051)
    market.quote(28, "100.51", "0", "100.59", "8")
    assert (market.book.fused_top().ask_raw, market.book.fused_top().bid_raw) == (10059, 0)


def test_a_quote_that_names_two_symbols_is_nobodys() -> None:
    books = [csbook.Book("BTCUSDT"), csbook.Book("ETHUSDT")]
    router = csbook.Router("binance", books)
    for name in ("ethusdt@depth", "btcusdt@depth"):
        message = stream(name, quote(5, "100", "1", "101", "1", symbol="BTCUSDT"))
        for payload in (message, dict(reversed(message.items()))):
            assert router.feed(dump(payload)) is router.feed_parsed(dump(payload)) is Outcome.COLD
        assert router.counts["quotes"] == (0 if name.startswith("eth") else 1)
        assert math.isnan(books[1].fused_top().bid)
    assert books[0].fused_top().bid == 100


def test_a_quote_does_not_outlive_its_connection() -> None:
    market = Fused()
    market.quote(25, "100.51", "7", "100.59", "8")
    assert market.fused == QUOTED
    market.router.disconnected()
    assert market.fused == BOOK
    market.quote(22, "100.51", "7", "100.59", "8")  # ids of the new connection count anew
    assert market.fused == QUOTED
