"""The rules of sequence, against their independent model: no book is LIVE and wrong."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest

from csbook import Outcome, State
from oracle import OracleBook, core_raw, diff, dump, seed_depth
from sequenced import ASKS, BIDS, MS, Pair

# -- binance: the boundary cases of anchoring, one by one ------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "last", "previous", "update", "state"),
    [
        (11, 20, 10, 9, "SYNCING"),  # older than the buffer: fetch again
        (11, 20, 10, 10, "LIVE"),  # L == pu: nothing was published between
        (11, 20, 10, 11, "LIVE"),
        (11, 20, 10, 15, "LIVE"),
        (11, 20, 10, 20, "LIVE"),  # u == L is an anchor
        (11, 20, 10, 21, "SYNCING"),  # u < L: dropped, the next may join
        (15, 20, 10, 12, "LIVE"),  # L in the hole between pu and U: ids are not contiguous
        (15, 20, 10, 14, "LIVE"),
        (15, 20, 5, 8, "LIVE"),
        (15, 20, 10, 9, "SYNCING"),
        (20, 20, 19, 20, "LIVE"),
        (20, 20, 19, 19, "LIVE"),
        (20, 20, 19, 18, "SYNCING"),
        (20, 20, 19, 21, "SYNCING"),
    ],
)
def test_one_buffered_change_and_a_snapshot(first: int, last: int, previous: int, update: int, state: str) -> None:
    pair = Pair()
    assert pair.feed(first, last, previous, [["100", "5"]], [["101", "0"]]) is Outcome.BUFFERED
    assert pair.book.state is State.SYNCING
    pair.snapshot(update)
    assert pair.book.state.name == state
    if state == "LIVE":
        assert pair.book.sequence == last
        assert pair.book.bids().tolist() == [[100.0, 5.0], [99.0, 2.0]]
        assert pair.book.asks().tolist() == [[102.0, 4.0]]
        assert pair.feed(last + 5, last + 9, last, [["98", "1"]]) is Outcome.APPLIED


@pytest.mark.parametrize("update", range(8, 24))
def test_the_same_change_after_the_snapshot(update: int) -> None:
    """No change was buffered: the snapshot waits in SYNCING for the one that joins it."""
    pair = Pair()
    assert pair.snapshot(update) is Outcome.BUFFERED
    assert pair.book.state is State.SYNCING
    assert not pair.book.tradable(10**18)
    assert pair.book.bids().tolist() == [[100.0, 1.0], [99.0, 2.0]]
    outcome = pair.feed(13, 20, 10, [["100", "5"]])
    if 10 <= update <= 20:
        assert (outcome, pair.book.state) == (Outcome.APPLIED, State.LIVE)
    elif update > 20:
        assert (outcome, pair.book.state) == (Outcome.IGNORED, State.SYNCING)
        assert pair.feed(21, 30, 20) is Outcome.APPLIED
    else:
        assert pair.book.state is not State.LIVE


@pytest.mark.parametrize("update", range(75))
def test_a_chain_of_buffered_changes_and_any_snapshot(update: int) -> None:
    pair = Pair()
    for at in range(1, 7):
        pair.feed(at * 10 + 3, at * 10 + 9, at * 10 - 1, [["100", str(at)]], [["101", str(at % 3)]])
    pair.snapshot(update)
    assert pair.book.state is (State.LIVE if 9 <= update <= 69 else State.SYNCING)
    pair.feed(75, 79, 69, [["97", "1"]])
    pair.feed(85, 89, 79, [["97", "0"]])


def test_continuity_while_live() -> None:
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    assert pair.feed(25, 30, 20, [["100", "7"]]) is Outcome.APPLIED
    assert pair.feed(25, 30, 20, [["100", "9"]]) is Outcome.IGNORED
    assert pair.feed(11, 29, 10, [["100", "9"]]) is Outcome.IGNORED
    assert pair.feed(31, 31, 30) is Outcome.APPLIED
    assert pair.book.sequence == 31
    assert pair.feed(33, 40, 32, [["100", "9"]]) is Outcome.GAP
    assert pair.book.state is State.GAP
    assert pair.book.bids().tolist() == [[100.0, 7.0], [99.0, 2.0]]
    assert pair.router.counts["gap"] == 1


@pytest.mark.parametrize("previous", [0, 19, 21, 24, 25, 29, 30, 31])
def test_only_pu_counts_on_binance(previous: int) -> None:
    """U of the next may well be last + 1: without the right pu it is a gap all the same."""
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    assert pair.feed(21, 30, previous, [["100", "7"]]) is Outcome.GAP
    assert pair.book.state is State.GAP


def test_a_gap_heals_by_the_change_that_showed_it() -> None:
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    assert pair.feed(41, 50, 40, [["100", "8"]]) is Outcome.GAP
    assert pair.feed(51, 60, 50, [["100", "9"]]) is Outcome.BUFFERED
    assert pair.book.state is State.GAP
    assert pair.router.wants_snapshot() == ["BTCUSDT"]
    assert pair.snapshot(39) is Outcome.IGNORED
    assert pair.book.state is State.GAP
    assert pair.snapshot(40) is Outcome.APPLIED
    assert pair.book.state is State.LIVE
    assert pair.book.best_bid_size == 9.0
    assert pair.router.wants_snapshot() == []


def test_a_gap_healed_before_its_first_change_is_joined() -> None:
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    pair.feed(41, 50, 40)
    assert pair.snapshot(77) is Outcome.BUFFERED
    assert pair.book.state is State.SYNCING
    assert pair.feed(51, 60, 50) is Outcome.IGNORED
    assert pair.feed(61, 80, 60) is Outcome.APPLIED


def test_snapshots_that_are_too_old_are_refetched_and_the_buffer_kept() -> None:
    pair = Pair()
    for at in range(5):
        pair.feed(100 + at * 10, 109 + at * 10, 99 + at * 10, [["100", str(at + 1)]])
    before = pair.book.digest()
    for update in (1, 50, 98):
        assert pair.snapshot(update, [["5", "1"]], [["6", "1"]]) is Outcome.IGNORED
        assert pair.book.state is State.SYNCING
        assert pair.book.digest() == before
        assert pair.router.wants_snapshot() == ["BTCUSDT"]
    assert pair.snapshot(99) is Outcome.APPLIED
    assert pair.book.sequence == 149
    assert pair.book.best_bid_size == 5.0


def test_a_snapshot_while_live_is_ignored() -> None:
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    for update in (1, 20, 500):
        before = pair.book.digest(), pair.book.updates
        assert pair.snapshot(update, [["5", "1"]], [["6", "1"]]) is Outcome.IGNORED
        assert (pair.book.digest(), pair.book.updates) == before
        assert pair.book.state is State.LIVE


def test_a_second_snapshot_before_the_anchor_replaces_the_first() -> None:
    pair = Pair()
    pair.snapshot(15)
    pair.snapshot(30, [["98", "1"]], [["103", "1"]])
    assert pair.feed(11, 20, 10) is Outcome.IGNORED
    assert pair.feed(21, 40, 20) is Outcome.APPLIED
    assert pair.book.bids().tolist() == [[98.0, 1.0]]


def test_a_snapshot_no_change_can_join_any_more() -> None:
    pair = Pair()
    pair.snapshot(15)
    pair.feed(51, 60, 50, [["100", "8"]])
    assert pair.book.state is not State.LIVE
    assert pair.router.wants_snapshot() == ["BTCUSDT"]
    pair.feed(61, 70, 60, [["100", "9"]])
    assert pair.snapshot(55) is Outcome.APPLIED
    assert pair.book.best_bid_size == 9.0


def test_a_break_inside_the_buffer_is_never_joined() -> None:
    pair = Pair()
    pair.feed(11, 20, 10, [["100", "5"]])
    pair.feed(31, 40, 30, [["100", "6"]])
    pair.snapshot(15)
    assert pair.book.state is not State.LIVE
    pair.feed(41, 50, 40, [["100", "7"]])
    pair.snapshot(45)
    assert pair.book.state is State.LIVE
    assert pair.book.best_bid_size == 7.0


def test_a_buffer_keeps_what_it_was_given() -> None:
    """The reader's memory is its own again after feed returns."""
    pair = Pair()
    memory = bytearray(dump(diff(11, 20, 10, [["100", "5"]])))
    assert pair.router.feed(memoryview(memory)) is Outcome.BUFFERED
    memory[:] = b"x" * len(memory)
    memory.clear()
    assert pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(20, BIDS, ASKS))) is Outcome.APPLIED
    assert pair.book.best_bid_size == 5.0


# -- refusals, losses and bounds -------------------------------------------------------------------------------------


def test_a_refused_change_is_a_lost_change() -> None:
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    before = core_raw(pair.book)
    assert pair.router.feed(dump(diff(21, 30, 20, [["100", "x"]]))) is Outcome.REFUSED
    assert pair.book.state is State.GAP
    assert core_raw(pair.book) == before
    assert pair.router.feed(dump(diff(31, 40, 30, [["100", "6"]]))) is Outcome.BUFFERED
    assert pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(35, BIDS, ASKS))) is Outcome.APPLIED
    assert (pair.book.state, pair.book.best_bid_size) == (State.LIVE, 6.0)


def test_a_refusal_while_buffering_is_never_joined_over() -> None:
    """The change that was lost lies between two that were kept."""
    pair = Pair()
    pair.feed(11, 20, 10, [["100", "5"]])
    assert pair.router.feed(b'{"e":"depthUpdate","s":"BTCUSDT","U":21,"u":30,"pu":20,"b":[["100","x"]],"a":[]}') in (
        Outcome.REFUSED,
    )
    pair.router.feed(dump(diff(31, 40, 30, [["99", "6"]])))
    pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(15, BIDS, ASKS)))
    assert pair.book.state is not State.LIVE


def test_a_refused_snapshot_costs_nothing() -> None:
    pair = Pair()
    pair.feed(11, 20, 10, [["100", "5"]])
    for bad in (b"", b"{", b"[]", b'{"lastUpdateId":15}', b'{"lastUpdateId":15,"bids":[["1"]],"asks":[]}', b"null"):
        before = pair.book.digest()
        assert pair.router.feed_snapshot("BTCUSDT", bad) is Outcome.REFUSED
        assert pair.book.digest() == before
        assert pair.book.state is State.SYNCING
    assert pair.snapshot(15) is Outcome.APPLIED


def test_the_buffer_is_bounded() -> None:
    filler = [[f"{price}.5", "1.25"] for price in range(200, 260)]
    pair = Pair(buffer_limit=50)
    assert pair.router.buffer_limit == 50
    payloads = [dump(diff(at * 10 + 1, at * 10 + 10, at * 10, filler)) for at in range(3000)]
    tracemalloc.start()
    try:
        for payload in payloads:
            assert pair.router.feed(payload) is Outcome.BUFFERED
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000
    assert pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(15, BIDS, ASKS))) is not Outcome.APPLIED
    assert pair.book.state is not State.LIVE
    latest = len(payloads) * 10
    pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(latest, [["100", "1"]], ASKS)))
    pair.router.feed(dump(diff(latest + 1, latest + 10, latest, [["99", "2"]])))
    assert pair.book.state in (State.LIVE, State.CROSSED)
    assert pair.book.sequence == latest + 10
    assert {100.0, 99.0} <= set(pair.book.bid_prices.tolist())


@pytest.mark.parametrize("extra", [0, 1, 7])
def test_a_buffer_that_overflowed_is_never_joined_over(extra: int) -> None:
    """Whatever was let go, no snapshot from before it makes the book LIVE and wrong."""
    joined = 0
    for update in range(0, 260, 3):
        pair = Pair(buffer_limit=5)
        then, now = OracleBook(), OracleBook()
        for at in range(5 + extra):
            change = diff(at * 20 + 1, at * 20 + 20, at * 20, [[str(50 + at), "1"]])
            pair.router.feed(dump(change))
            now.delta(change["b"], [])
            if change["u"] <= update:
                then.delta(change["b"], [])
        levels = [[f"{price}e-8", "1"] for price in then.bid_prices]
        pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(update, levels, ASKS)))
        if pair.book.state is State.LIVE:
            assert pair.book.bid_prices_raw.tolist() == now.bid_prices
            joined += 1
    assert joined > 30


@pytest.mark.parametrize("venue", ["binance", "coinswitch"])
def test_a_lost_connection(venue: str) -> None:
    pair = Pair(venue)
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    levels = core_raw(pair.book)
    pair.router.take_moves()
    pair.router.disconnected(reason="the cable")
    assert pair.book.state is State.GAP
    assert core_raw(pair.book) == levels
    moves = pair.router.take_moves()
    assert moves == [(pair.book, State.LIVE, State.GAP, "the cable")]
    assert pair.router.feed(dump(diff(51, 60, 50, [["100", "9"]]))) is Outcome.BUFFERED
    assert pair.book.state is State.GAP
    assert pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(55, BIDS, ASKS))) is Outcome.APPLIED
    assert (pair.book.state, pair.book.best_bid_size) == (State.LIVE, 9.0)


def test_what_was_buffered_before_a_loss_is_never_joined_over_it() -> None:
    pair = Pair()
    pair.feed(11, 20, 10, [["100", "5"]])
    pair.router.disconnected()
    pair.router.feed(dump(diff(31, 40, 30, [["99", "6"]])))
    pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(15, BIDS, ASKS)))
    assert pair.book.state is not State.LIVE


def test_crossed_for_twenty_messages_is_a_gap() -> None:
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    router, book = pair.router, pair.book
    states = []
    start = time.monotonic()
    for at in range(21, 45):
        router.feed(dump(diff(at, at, at - 1, [["101.5", str(at)]])))
        states.append(book.state)
    assert states[0] is State.CROSSED
    assert State.LIVE not in states
    turn = states.index(State.GAP)
    assert turn <= 20
    assert turn >= 18 or time.monotonic() - start >= 1.0  # a second of it is enough as well
    assert states[:turn] == [State.CROSSED] * turn
    assert set(states[turn:]) == {State.GAP}
    assert router.wants_snapshot() == ["BTCUSDT"]


def test_crossed_now_and_then_is_none() -> None:
    pair = Pair()
    pair.feed(11, 20, 10)
    pair.snapshot(20)
    for at in range(21, 121):
        pair.feed(at, at, at - 1, [["101.5", "0" if at % 10 == 0 else "1"]])
    assert pair.book.state is State.LIVE


def test_too_long_on_the_way_is_stale() -> None:
    pair = Pair(max_lag_ns=500 * MS)
    start = 1_700_000_000_000

    def feed(at: int, lag_ms: int) -> Outcome:
        message = diff(at, at, at - 1, [["100", str(at)]], event_ms=start + at)
        return pair.router.feed(dump(message), (start + at + lag_ms) * MS)

    assert feed(20, 0) is Outcome.BUFFERED
    assert pair.router.feed_snapshot("BTCUSDT", dump(seed_depth(20, BIDS, ASKS)), (start + 20) * MS) is Outcome.APPLIED
    assert pair.book.state is State.LIVE
    for at, lag_ms, state in (
        (21, 499, "LIVE"),
        (22, 501, "STALE"),
        (23, 2000, "STALE"),
        (24, 3, "LIVE"),
        (25, -900, "LIVE"),
    ):
        assert feed(at, lag_ms) is Outcome.APPLIED
        assert (pair.book.state.name, pair.book.sequence) == (state, at)
        assert pair.book.event_time_ns == (start + at) * MS
    pair.router.max_lag_ns = 0
    assert feed(26, 10_000) is Outcome.APPLIED
    assert pair.book.state is State.LIVE


def test_stale_by_hand_and_back() -> None:
    pair = Pair()
    assert not pair.router.mark_stale("BTCUSDT", "silence")
    pair.feed(11, 20, 10)
    assert not pair.router.mark_stale("BTCUSDT", "silence")
    pair.snapshot(20)
    assert pair.router.mark_stale("BTCUSDT", "silence")
    assert pair.book.state is State.STALE
    assert not pair.router.mark_stale("BTCUSDT", "silence")
    assert pair.router.feed(dump(diff(11, 20, 10))) is Outcome.IGNORED
    assert pair.router.feed(dump(diff(21, 30, 20))) is Outcome.APPLIED
    assert pair.book.state is State.LIVE
    pair.router.mark_stale("BTCUSDT", "silence")
    assert pair.router.feed(dump(diff(41, 50, 40))) is Outcome.GAP
    assert pair.book.state is State.GAP
    assert not pair.router.mark_stale("BTCUSDT", "silence")
    assert pair.book.state is State.GAP


# -- any stream ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", ["binance", "coinswitch"])
@pytest.mark.parametrize("feed", ["feed", "feed_parsed"])
@pytest.mark.parametrize("seed", range(8))
def test_any_stream_of_losses_and_snapshots(venue: str, seed: int, feed: str) -> None:
    """Changes are dropped and repeated, snapshots come early, late and in vain; the model names every outcome."""
    rng = random.Random(seed)
    pair, truth = Pair(venue, feed), OracleBook()
    with_pu = venue == "binance" or seed % 2 == 0
    truth.snapshot([["1000", "1"]], [["1001", "1"]], 10)
    past = [(10, truth.raw())]
    last, recent = 10, []
    seen = set()
    for _ in range(900):
        first = last + 1 + (rng.randrange(4) if with_pu else 0)
        step = diff(first, first + rng.randrange(9), last if with_pu else None)
        step["b"] = [[str(rng.randrange(980, 1001)), str(rng.randrange(3))] for _ in range(rng.randrange(3))]
        step["a"] = [[str(rng.randrange(1001, 1020)), str(rng.randrange(3))] for _ in range(rng.randrange(3))]
        last = step["u"]
        truth.delta(step["b"], step["a"], last)
        past.append((last, truth.raw()))
        recent = [*recent[-3:], step]
        sends = [] if rng.random() < 0.04 else [step]
        if rng.random() < 0.1:
            sends.append(rng.choice(recent))
        for message in sends:
            seen.add(pair.feed(message["U"], message["u"], message.get("pu"), message["b"], message["a"]))
        if pair.model.state not in ("LIVE", "CROSSED") and rng.random() < 0.2:
            update, raw = rng.choice(past[-8:])
            bids, asks = ([[f"{p}e-8", f"{s}e-8"] for p, s in zip(raw[at], raw[at + 1], strict=True)] for at in (0, 2))
            seen.add(pair.snapshot(update, bids, asks))
        if pair.book.state is State.LIVE:
            assert pair.book.sequence <= last
            shown, whole = core_raw(pair.book), dict(past)[pair.book.sequence]
            if venue == "coinswitch":  # as far as the snapshot went, and without a hole
                whole = tuple(list(part)[: len(mine)] for part, mine in zip(whole, shown, strict=True))
                shown = tuple(list(mine) for mine in shown)
            assert shown == whole
    assert {Outcome.APPLIED, Outcome.IGNORED, Outcome.BUFFERED, Outcome.GAP} <= seen
