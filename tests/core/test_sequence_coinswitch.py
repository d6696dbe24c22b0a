"""The rules of sequence of CoinSwitch: whole books by their ids, and changes that join them."""

from __future__ import annotations

import random
import time

import pytest

import csbook
from csbook import Outcome, State
from oracle import OracleBook, ReplaceFeed, diff, dump, hft_depth, seed_depth, sio_depth
from sequenced import ASKS, BIDS, MS, Pair

WHOLE = {
    "coinswitch": (seed_depth, ("lastUpdateId", "bids", "asks")),
    "coinswitch-sio": (sio_depth, ("timestamp", "bids", "asks")),
    "coinswitch-hft": (hft_depth, ("t", "b", "a")),
}
replacing = pytest.mark.parametrize("venue", WHOLE)


def replace_pair(venue: str = "coinswitch") -> tuple[csbook.Book, csbook.Router, ReplaceFeed]:
    book = csbook.Book("BTCUSDT")
    router = csbook.Router(venue, [book], depth=20 if venue == "coinswitch" else None)
    return book, router, ReplaceFeed(OracleBook(), WHOLE[venue][1])


@replacing
@pytest.mark.parametrize("seed", range(5))
def test_replacing_in_any_order(seed: int, venue: str) -> None:
    rng = random.Random(seed)
    (book, router, model), shape = replace_pair(venue), WHOLE[venue][0]
    for _ in range(400):
        if rng.random() < 0.02:
            router.disconnected()
            model.disconnected()
            assert book.state.name == model.state
        centre = rng.randrange(1000, 1010)
        bids = [[str(centre - at), str(rng.randrange(1, 9))] for at in range(rng.randrange(1, 8))]
        asks = [[str(centre + at + rng.randrange(2)), "2"] for at in range(0, 8, 2)]
        message = shape(rng.randrange(50), bids, asks)
        assert router.feed(dump(message)).name == model.feed(message)
        assert book.state.name == model.state
        assert book.digest() == model.book.digest()
        book._check()


@replacing
def test_a_lower_id_is_old_and_an_equal_one_replaces(venue: str) -> None:
    (book, router, _), shape = replace_pair(venue), WHOLE[venue][0]
    assert router.feed(dump(shape(10, BIDS, ASKS))) is Outcome.APPLIED
    assert router.feed(dump(shape(9, [["1", "1"]], []))) is Outcome.IGNORED
    assert book.best_bid == 100.0
    assert router.feed(dump(shape(10, [["1", "1"]], []))) is Outcome.APPLIED
    assert book.bids().tolist() == [[1.0, 1.0]]
    router.disconnected()
    assert book.state is State.STALE
    assert book.bids().tolist() == [[1.0, 1.0]]
    assert router.feed(dump(shape(3, BIDS, ASKS))) is Outcome.APPLIED
    assert (book.state, book.sequence) == (State.LIVE, 3)


@replacing
def test_a_refusal_leaves_the_state_of_a_replaced_book(venue: str) -> None:
    (book, router, _), shape = replace_pair(venue), WHOLE[venue][0]
    assert router.feed(b"{") is Outcome.REFUSED
    assert book.state is State.EMPTY
    router.feed(dump(shape(10, BIDS, ASKS)))
    before = book.digest()
    assert router.feed(dump(shape(11, [["1", "-1"]], ASKS))) is Outcome.REFUSED
    assert (book.state, book.digest()) == (State.LIVE, before)
    assert router.feed(dump(shape(10, BIDS, ASKS))) is Outcome.APPLIED


@replacing
def test_a_crossed_replaced_book_waits_for_the_next(venue: str) -> None:
    (book, router, _), shape = replace_pair(venue), WHOLE[venue][0]
    for at in range(60):
        assert router.feed(dump(shape(at, [["5", "1"]], [["4", "1"]]))) is Outcome.APPLIED
        assert book.state is State.CROSSED
    assert router.feed(dump(shape(99, [["5", "1"]], [["6", "1"]]))) is Outcome.APPLIED
    assert book.state is State.LIVE


def test_only_older_ids_for_a_second_is_stale() -> None:
    book, router, _ = replace_pair()
    now = time.time_ns()
    router.feed(dump(seed_depth(100, BIDS, ASKS)), now)
    for _ in range(3):
        assert router.feed(dump(seed_depth(5, BIDS, ASKS)), now) is Outcome.IGNORED
    assert book.state is State.LIVE or time.time_ns() - now >= 10**9
    time.sleep(1.1)
    for _ in range(2):
        assert router.feed(dump(seed_depth(6, BIDS, ASKS)), now + 1_200 * MS) is Outcome.IGNORED
    assert book.state is State.STALE
    assert router.feed(dump(seed_depth(101, BIDS, ASKS)), now + 1_300 * MS) is Outcome.APPLIED
    assert book.state is State.LIVE


@pytest.mark.parametrize(
    ("first", "last", "update", "state"),
    [
        (11, 20, 9, "SYNCING"),
        (11, 20, 10, "LIVE"),  # U == L + 1
        (11, 20, 15, "LIVE"),
        (11, 20, 19, "LIVE"),
        (11, 20, 21, "SYNCING"),
        (20, 20, 19, "LIVE"),
        (20, 20, 18, "SYNCING"),
    ],
)
def test_changes_without_pu(first: int, last: int, update: int, state: str) -> None:
    pair = Pair("coinswitch")
    assert pair.router.sequenced
    assert pair.feed(first, last, None, [["100", "5"]]) is Outcome.BUFFERED
    pair.snapshot(update)
    assert pair.book.state.name == state
    if state == "LIVE":
        assert pair.feed(last + 1, last + 5, None, [["98", "1"]]) is Outcome.APPLIED
        assert pair.feed(last + 2, last + 5, None) is Outcome.IGNORED
        assert pair.feed(last + 7, last + 9, None) is Outcome.GAP


def test_a_change_that_ends_at_the_snapshot_has_nothing_new() -> None:
    """Without pu, u == L is neither before the snapshot nor its anchor; the next one is."""
    book = csbook.Book("BTCUSDT")
    router = csbook.Router("coinswitch", [book], depth=0)
    router.feed(dump(diff(11, 20, None, [["100", "5"]])))
    router.feed(dump(diff(21, 30, None, [["99", "7"]])))
    assert router.feed_snapshot("BTCUSDT", dump(seed_depth(20, [["100", "5"]], ASKS))) is Outcome.APPLIED
    assert (book.state, book.sequence) == (State.LIVE, 30)
    assert book.bids().tolist() == [[100.0, 5.0]]  # 99 lies beyond the snapshot


@pytest.mark.parametrize(("first", "previous", "outcome"), [(21, 19, "GAP"), (40, 20, "APPLIED"), (21, 20, "APPLIED")])
def test_where_pu_is_sent_it_decides(first: int, previous: int, outcome: str) -> None:
    pair = Pair("coinswitch")
    pair.feed(11, 20, 10)
    pair.snapshot(15)
    assert pair.feed(first, first + 5, previous).name == outcome


# -- changes that join a snapshot of few levels: only the prices that it covered are shown -----------------------------


def bounded() -> Pair:
    pair = Pair("coinswitch")
    pair.feed(11, 20, 10)
    pair.snapshot(15)
    assert pair.book.state is State.LIVE
    return pair


def test_prices_beyond_the_snapshot_are_not_shown() -> None:
    pair = bounded()
    assert pair.feed(21, 22, 20, [["98.9", "5"], ["99.5", "6"]], [["102.1", "7"], ["102", "8"]]) is Outcome.APPLIED
    assert pair.book.bids().tolist() == [[100.0, 1.0], [99.5, 6.0], [99.0, 2.0]]
    assert pair.book.asks().tolist() == [[101.0, 3.0], [102.0, 8.0]]
    assert pair.feed(23, 24, 22, [["98.9", "0"]], [["102.1", "0"]]) is Outcome.APPLIED
    assert pair.book.counts["absent_deletes"] == 0  # nothing was deleted that is not known


def test_a_side_that_is_used_up_needs_the_next_snapshot() -> None:
    pair = bounded()
    assert pair.feed(21, 22, 20, [["100", "0"], ["99", "0"], ["98", "9"]]) is Outcome.APPLIED
    assert pair.book.state is State.GAP
    assert pair.router.take_moves()[-1][3] == "the market left the prices that its snapshot covered"
    pair.feed(23, 24, 22, [["98", "8"]])
    pair.snapshot(24, [["98", "8"], ["97", "1"]], [["101", "3"]])
    assert pair.feed(25, 26, 24, [["97.5", "4"]]) is Outcome.APPLIED
    assert pair.book.state is State.LIVE and pair.book.bids().tolist() == [[98.0, 8.0], [97.5, 4.0], [97.0, 1.0]]


def test_a_side_that_is_used_up_while_changes_are_joined() -> None:
    pair = Pair("coinswitch")
    pair.feed(11, 20, 10, [["100", "0"], ["99", "0"]])
    pair.feed(21, 22, 20, [["98", "5"]])
    assert pair.snapshot(15) is Outcome.GAP
    assert pair.book.state is State.GAP


def test_an_empty_side_of_the_snapshot_bounds_nothing() -> None:
    pair = Pair("coinswitch")
    pair.feed(11, 20, 10)
    pair.snapshot(15, [], [["101", "3"]])
    assert pair.feed(21, 22, 20, [["1", "5"]], [["200", "1"]]) is Outcome.APPLIED
    assert pair.book.best_bid == 1 and pair.book.state is State.LIVE
    assert pair.book.asks().tolist() == [[101.0, 3.0]]
