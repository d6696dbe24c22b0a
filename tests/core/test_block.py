"""The block that a book is: how it grows, what it costs, and that nothing but a whole message ever shows in it."""

from __future__ import annotations

import contextlib
import gc
import math
import random
import weakref

import pytest

import csbook
from csbook import Outcome, State
from oracle import MAX_LEVELS, OracleBook, as_text, core_raw, diff, dump, seed_depth
from twins import VENUES, Twins

BIDS = [["100.5", "1"], ["100.4", "2"], ["100.3", "3"]]
ASKS = [["100.6", "4"], ["100.7", "5"]]


def filled() -> csbook.Book:
    book = csbook.Book("BTCUSDT")
    book.apply_snapshot(BIDS, ASKS, sequence=7, event_time_ns=11, receive_time_ns=12)
    return book


def test_subclasses_and_weak_references() -> None:
    class Mine(csbook.Book):
        note = "mine"

    book = Mine("X", price_decimals=2)
    book.extra = 5
    book.apply_snapshot(BIDS, ASKS)
    assert (book.best_bid, book.note, book.extra) == (100.5, "mine", 5)
    seen = weakref.ref(book)
    assert seen() is book
    del book
    gc.collect()
    assert seen() is None


def test_a_second_init_does_no_harm() -> None:
    """By hand on a used book: refused, or a new start; never a crash and never a view of freed memory."""
    book = filled()
    view = book.bid_prices_raw
    with contextlib.suppress(TypeError, csbook.CsbookError):
        book.__init__("OTHER", capacity=1000)  # type: ignore[misc]
    gc.collect()
    book._check()
    assert view.tolist() in ([10_050_000_000, 10_040_000_000, 10_030_000_000], [0, 0, 0])
    book.apply_snapshot(ASKS, [])
    assert book.best_bid == 100.7


def test_a_book_that_was_never_made() -> None:
    with contextlib.suppress(TypeError):
        blank = csbook.Book.__new__(csbook.Book)
        with contextlib.suppress(TypeError, ValueError, csbook.CsbookError):
            assert blank.state is State.EMPTY
        with contextlib.suppress(TypeError, ValueError, csbook.CsbookError):
            assert math.isnan(blank.best_bid)


def test_memory_of_a_small_book() -> None:
    book = csbook.Book("BTCUSDT")
    levels = [[f"{price}", "1.5"] for price in range(100, 120)]
    book.apply_snapshot(levels[::-1], [[f"{price}", "1"] for price in range(200, 220)])
    for name in ("bid_prices", "bid_sizes", "ask_prices", "ask_sizes"):
        assert len(getattr(book, name)) == len(getattr(book, f"{name}_raw")) == 20
    assert 0 < book.__sizeof__() <= 8192
    deep = csbook.Book("BTCUSDT", capacity=10_000)
    assert deep.__sizeof__() > 10_000 * 32


@VENUES
def test_the_largest_number_of_levels(venue: str) -> None:
    def message(count: int) -> bytes:
        levels = [[str(price), "1"] for price in range(40_000, 40_000 + count)]
        if venue == "binance":
            return dump(diff(10, 12, 9, [["30149.99", "0"]], levels))
        return dump(seed_depth(12, [], levels))

    room = MAX_LEVELS - (2 if venue == "binance" else 0)
    twins = Twins(venue)
    assert twins.feed(message(room)) is Outcome.APPLIED
    assert len(twins.book.ask_prices_raw) == MAX_LEVELS
    twins.book._check()
    twins = Twins(venue)
    before = core_raw(twins.book)
    assert twins.feed(message(room + 1)) is Outcome.REFUSED
    assert core_raw(twins.book) == before
    twins.book._check()


def test_the_reservation_is_not_seen() -> None:
    """Whatever was reserved, and however often it grew: the same book, the same digest."""
    rng = random.Random(6)
    books = [csbook.Book("X", capacity=capacity) for capacity in (1, 2, 7, 64, 5000, MAX_LEVELS)]
    oracle = OracleBook()
    for sequence in range(60):
        sides = [
            [[as_text(rng.randrange(1, 4000), 1), str(rng.randrange(3))] for _ in range(rng.randrange(100))]
            for _ in "ba"
        ]
        apply = "apply_snapshot" if sequence % 20 == 0 else "apply_delta"
        for book in books:
            getattr(book, apply)(*sides, sequence=sequence)
            book._check()
        getattr(oracle, apply.removeprefix("apply_"))(*sides, sequence)
        assert {book.digest() for book in books} == {oracle.digest()}


def test_memory_is_bounded_by_what_was_needed() -> None:
    """A side that holds one level in turn at a hundred thousand prices needs no room for them."""
    book = csbook.Book("X", capacity=4)
    for price in range(1, 3000):
        book.apply_delta([[str(price), "1"], [str(price - 1) if price > 1 else "9999", "0"]], [])
    assert book.bids().tolist() == [[2999.0, 1.0]]
    assert book.__sizeof__() < 8192
    book._check()


@pytest.mark.parametrize("max_levels", [None, 10])
def test_the_hard_limit_over_many_changes(max_levels: int | None) -> None:
    """Each message is small; it is the book that would grow too large. With max_levels it never does."""
    book = csbook.Book("X", max_levels=max_levels, price_decimals=0, size_decimals=0)
    book.apply_snapshot([], [[str(price), "1"] for price in range(1, MAX_LEVELS + 1)])
    before = book.digest(), book.updates, core_raw(book)
    more = [[str(MAX_LEVELS + 5), "1"]]
    if max_levels is None:
        assert len(book.ask_prices_raw) == MAX_LEVELS
        with pytest.raises(csbook.BadMessage):
            book.apply_delta([["1", "1"]], more)
        assert (book.digest(), book.updates, core_raw(book)) == before
        book.apply_delta([], [["1", "0"], *more])
        assert len(book.ask_prices_raw) == MAX_LEVELS
    else:
        book.apply_delta([], more)
        assert book.ask_prices_raw.tolist() == list(range(1, 11))
    book._check()


def test_a_delete_that_stands_twice_makes_room_once() -> None:
    book = csbook.Book("X", price_decimals=0, size_decimals=0)
    book.apply_snapshot([], [[str(price), "1"] for price in range(1, MAX_LEVELS + 1)])
    before = book.digest(), book.updates
    with pytest.raises(csbook.BadMessage):
        book.apply_delta([], [["1", "0"], ["1", "0"], [str(MAX_LEVELS + 5), "1"], [str(MAX_LEVELS + 6), "1"]])
    assert (book.digest(), book.updates) == before
    book._check()


def test_many_books_come_and_go() -> None:
    for at in range(3000):
        book = csbook.Book("X", capacity=1 + at % 300)
        if at % 2:
            book.apply_snapshot(BIDS, ASKS)
            assert book.best_ask == 100.6
        held = book.bid_prices if at % 3 == 0 else None
        del book
        assert held is None or len(held) in (0, 3)
