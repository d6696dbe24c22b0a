"""The contract of a book used by hand, without a Router."""

from __future__ import annotations

import copy
import math
import pickle
import threading
import time

import pytest

import csbook
from csbook import Side, State
from oracle import core_raw

BIDS = [["100.5", "1"], ["100.4", "2"], ["100.3", "3"]]
ASKS = [["100.6", "4"], ["100.7", "5"]]
FOREVER = 10**18


def filled() -> csbook.Book:
    book = csbook.Book("BTCUSDT")
    book.apply_snapshot(BIDS, ASKS, sequence=7, event_time_ns=11, receive_time_ns=12)
    return book


def test_a_new_book_is_empty() -> None:
    book = csbook.Book("BTCUSDT")
    assert book.symbol == "BTCUSDT"
    assert book.state is State.EMPTY
    assert (book.sequence, book.event_time_ns, book.receive_time_ns, book.updates) == (0, 0, 0, 0)
    assert (book.price_decimals, book.size_decimals, book.max_levels) == (8, 8, None)
    assert book.age_ns() == -1
    assert not book.tradable(FOREVER)
    assert core_raw(book) == ([], [], [], [])
    for name in ("best_bid", "best_ask", "best_bid_size", "best_ask_size", "mid", "spread", "microprice"):
        assert math.isnan(getattr(book, name)), name
    assert math.isnan(book.imbalance())
    assert book.bids().shape == book.asks().shape == (0, 2)
    book._check()


def test_a_snapshot_makes_it_live() -> None:
    book = filled()
    assert book.state is State.LIVE
    assert (book.sequence, book.event_time_ns, book.receive_time_ns) == (7, 11, 12)
    assert book.updates > 0
    assert (book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size) == (100.5, 1.0, 100.6, 4.0)
    assert book.bids().tolist() == [[100.5, 1.0], [100.4, 2.0], [100.3, 3.0]]
    assert book.asks().tolist() == [[100.6, 4.0], [100.7, 5.0]]
    assert book.age_ns() >= 0
    assert book.tradable(FOREVER)


def test_a_delta_changes_sets_and_deletes() -> None:
    book = filled()
    updates = book.updates
    book.apply_delta(
        [["100.5", "0"], ["100.35", "9"], ["100.3", "8"]], [["100.6", "0.5"]], sequence=8, event_time_ns=21
    )
    assert book.bids().tolist() == [[100.4, 2.0], [100.35, 9.0], [100.3, 8.0]]
    assert book.asks().tolist() == [[100.6, 0.5], [100.7, 5.0]]
    assert (book.sequence, book.event_time_ns) == (8, 21)
    assert book.updates > updates
    assert book.state is State.LIVE


def test_a_delta_on_an_empty_book_is_no_live_book() -> None:
    book = csbook.Book("X")
    book.apply_delta(BIDS, ASKS, sequence=5)
    assert book.state is State.SYNCING
    assert book.bids().tolist() == [[100.5, 1.0], [100.4, 2.0], [100.3, 3.0]]
    book.apply_delta([["100.5", "3"]], [], sequence=6)
    assert book.state is State.SYNCING
    assert not book.tradable(FOREVER)
    book.apply_snapshot(BIDS, ASKS)
    assert book.state is State.LIVE


def test_crossed_until_it_uncrosses() -> None:
    book = filled()
    for crossing in ("100.6", "100.65"):
        book.apply_delta([[crossing, "1"]], [])
        assert book.state is State.CROSSED
        assert not book.tradable(FOREVER)
        book.apply_delta([[crossing, "0"]], [])
        assert book.state is State.LIVE
    book.apply_snapshot([["5", "1"]], [["4", "1"]])
    assert book.state is State.CROSSED
    assert (book.best_bid, book.best_ask) == (5.0, 4.0)
    book.apply_delta([], [["4", "0"]])
    assert book.state is State.LIVE
    book.apply_snapshot([["5", "1"]], [["4", "1"]])
    book.apply_snapshot(BIDS, ASKS)
    assert book.state is State.LIVE


def test_crossed_is_judged_after_the_whole_message() -> None:
    book = filled()
    book.apply_delta([["100.65", "1"]], [["100.6", "0"]])
    assert book.state is State.LIVE


def test_clear() -> None:
    book = filled()
    empty = csbook.Book("BTCUSDT").digest(sequence=False)
    book.clear("a test")
    assert book.state is State.EMPTY
    assert core_raw(book) == ([], [], [], [])
    assert book.bid_prices.shape == (0,)
    assert math.isnan(book.best_bid)
    assert math.isnan(book.top().ask)
    assert book.digest(sequence=False) == empty
    assert not book.tradable(FOREVER)
    book._check()
    book.apply_delta(BIDS, ASKS)
    assert book.state is State.SYNCING
    with pytest.raises(TypeError):
        book.clear()  # type: ignore[call-arg]


@pytest.mark.parametrize("bids", [BIDS, []])
def test_one_empty_side(bids: list[list[str]]) -> None:
    book = csbook.Book("X")
    book.apply_snapshot(bids, [] if bids else ASKS)
    assert book.state is State.LIVE
    assert math.isnan(book.best_ask if bids else book.best_bid)
    assert math.isnan(book.best_ask_size if bids else book.best_bid_size)
    assert (book.best_bid if bids else book.best_ask) == (100.5 if bids else 100.6)
    for name in ("mid", "spread", "microprice"):
        assert math.isnan(getattr(book, name)), name
    assert math.isnan(book.imbalance())
    book._check()


def test_what_a_reader_cannot_do() -> None:
    book = filled()
    for name in ("state", "sequence", "best_bid", "bid_prices", "updates", "symbol", "price_decimals", "max_levels"):
        with pytest.raises(AttributeError):
            setattr(book, name, 1)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            duplicate(book)


def test_ages_and_tradable() -> None:
    book = csbook.Book("X")
    before = time.monotonic_ns()
    book.apply_snapshot(BIDS, ASKS)
    time.sleep(0.02)
    age = book.age_ns()
    assert 10_000_000 < age <= time.monotonic_ns() - before
    assert book.tradable(FOREVER)
    assert not book.tradable(1_000_000)
    assert not book.top().tradable(1_000_000)
    before = time.monotonic_ns()
    book.apply_delta([["1", "1"]], [])
    assert 0 <= book.age_ns() <= time.monotonic_ns() - before
    assert book.tradable(FOREVER)


def test_the_event_time_plays_no_part_in_ages() -> None:
    book = csbook.Book("X")
    book.apply_snapshot(BIDS, ASKS, event_time_ns=1, receive_time_ns=2)
    assert book.tradable(60 * 10**9)


def test_sides_by_name() -> None:
    book = filled()
    for method in (book.vwap, book.impact, book.depth_within):
        assert method("BUY", 20.0) == method(Side.BUY, 20.0)
        assert method("SELL", 20.0) == method(Side.SELL, 20.0)
        assert method("BUY", 20.0) != method("SELL", 20.0)
        for wrong in ("buy ", "HOLD", "", 7, None, b"BUY"):
            with pytest.raises((csbook.errors.UsageError, TypeError)):
                method(wrong, 2.0)


def test_many_threads_on_one_book() -> None:
    """Calls hold the interpreter lock: a reader sees one whole message or another, never half of one."""
    book = csbook.Book("X")
    book.apply_snapshot([["99", "1"]], [["101", "1"]])
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            top = book.top()
            if top.bid_size != top.ask_size or top.ask - top.bid != 2.0:
                wrong.append((top.bid, top.ask, top.bid_size, top.ask_size))
            levels = book.bids()
            if len(set(levels[:, 1].tolist())) != 1:
                wrong.append(levels.tolist())

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for at in range(1, 3000):
        size, price = str(at), at % 50 + 100
        bids = [[str(price - step), size] for step in range(1 + at % 90)]
        book.apply_snapshot(bids, [[str(price + 2), size]])
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    book._check()


def test_a_symbol_is_at_most_31_characters() -> None:
    """Its place in the block ends in a zero."""
    assert csbook.Book("X" * 31).symbol == "X" * 31
    for symbol in ("X" * 32, "X" * 33, "", "BTC USDT\n", "\u20bf"):
        with pytest.raises(csbook.errors.UsageError):
            csbook.Book(symbol)


def test_a_cleared_book_shows_nothing_of_before() -> None:
    book = filled()
    held = [book.bid_prices, book.ask_sizes_raw]
    updates = book.updates
    book.clear("a test")
    assert book.updates > updates
    assert [len(view) for view in (book.bid_prices, book.ask_sizes_raw, book.bids())] == [0, 0, 0]
    assert [len(view) for view in held] == [3, 2]
    assert (book.sequence, book.event_time_ns, book.receive_time_ns) == (0, 0, 0)
    assert book.top().updates == book.updates


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None])
@pytest.mark.parametrize("name", ["sequence", "event_time_ns", "receive_time_ns"])
def test_ids_and_times_are_integers(name: str, value: object) -> None:
    book = filled()
    before = book.digest(), book.updates
    for apply in (book.apply_snapshot, book.apply_delta):
        with pytest.raises(TypeError):
            apply([], [], **{name: value})
    assert (book.digest(), book.updates) == before


@pytest.mark.parametrize("size", [0, 0.0, -0.0, -1, math.nan, math.inf, "x", None])
def test_a_walk_needs_a_size(size: object) -> None:
    book = filled()
    for walk in (book.vwap, book.impact):
        with pytest.raises(csbook.errors.UsageError):
            walk("BUY", size)


def test_prices_and_sizes_have_scales_of_their_own() -> None:
    book = csbook.Book("X", price_decimals=2, size_decimals=5)
    book.apply_snapshot([["100.25", "1.5"], ["100", "2"]], [["100.75", "0.00004"], ["101", "1"]])
    assert (book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size) == (100.25, 1.5, 100.75, 0.00004)
    assert (book.mid, book.spread) == (100.5, 0.5)
    assert book.bids(1).tolist() == [[100.25, 1.5]]
    assert book.depth_within("SELL", 1000) == 1.00004
    assert book.vwap("BUY", 0.00004) == (100.75, 0.00004)
