"""One side of a book under any stream of inserts, updates and deletes, against the oracle after every step."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import csbook
from oracle import OracleBook, as_text, core_raw

Level = list[str]


class Pair:
    """The core's book and the oracle's, fed the same, compared after every step."""

    def __init__(self, decimals: tuple[int, int] = (2, 3), **options: Any) -> None:
        self.core = csbook.Book("X", price_decimals=decimals[0], size_decimals=decimals[1], **options)
        self.oracle = OracleBook(*decimals, max_levels=options.get("max_levels"))
        self.sequence = 0

    def snapshot(self, bids: list[Level], asks: list[Level]) -> None:
        self.sequence += 3
        self.core.apply_snapshot(bids, asks, sequence=self.sequence)
        self.oracle.snapshot(bids, asks, self.sequence)
        self.compare()

    def delta(self, bids: list[Level], asks: list[Level]) -> None:
        self.sequence += 1
        self.core.apply_delta(bids, asks, sequence=self.sequence)
        self.oracle.delta(bids, asks, self.sequence)
        self.compare()

    def compare(self) -> None:
        self.core._check()
        assert core_raw(self.core) == self.oracle.raw()
        assert self.core.digest() == self.oracle.digest()


class Market:
    """Seeded changes around a centre that wanders, so that both ends of a side grow and shrink."""

    def __init__(self, seed: int, decimals: tuple[int, int] = (2, 3)) -> None:
        self.rng = random.Random(seed)
        self.decimals = decimals
        self.centre = 6_000_000

    def level(self, side: int, width: int, deletes: float) -> Level:
        rng = self.rng
        near = int(rng.paretovariate(0.8)) if rng.random() < 0.6 else rng.randrange(1, width)
        price = max(1, self.centre - near if side == 0 else self.centre + near)
        size = 0 if rng.random() < deletes else rng.randrange(1, 10**6)
        return [as_text(price, self.decimals[0]), as_text(size, self.decimals[1])]

    def change(self, most: int, width: int, deletes: float) -> tuple[list[Level], list[Level]]:
        self.centre += self.rng.randrange(-3, 4)
        bids, asks = ([self.level(side, width, deletes) for _ in range(self.rng.randrange(most))] for side in (0, 1))
        if self.rng.random() < 0.5:  # as venues mostly send them
            for levels in (bids, asks):
                levels.sort(key=lambda level: float(level[0]), reverse=self.rng.random() < 0.5)
        return bids, asks


@pytest.mark.parametrize("seed", range(6))
def test_a_long_stream_on_a_small_book(seed: int) -> None:
    market, pair = Market(seed), Pair(capacity=1 + seed)
    pair.snapshot(*market.change(20, 30, 0.0))
    for _ in range(600):
        pair.delta(*market.change(6, 30, 0.5))
    assert len(pair.oracle.keys[0]) > 3


@pytest.mark.parametrize(("levels", "steps"), [(1, 200), (5, 300), (20, 300), (100, 200), (1000, 60), (5000, 12)])
def test_books_of_many_sizes(levels: int, steps: int) -> None:
    market, pair = Market(levels), Pair()
    bids = [[as_text(market.centre - at, 2), as_text(at + 1, 3)] for at in range(1, levels + 1)]
    asks = [[as_text(market.centre + at, 2), as_text(at + 1, 3)] for at in range(1, levels + 1)]
    pair.snapshot(bids, asks)
    for step in range(steps):
        pair.delta(*market.change(60, levels * 2, 0.6))
        if step % 50 == 49:
            market.rng.shuffle(bids)
            pair.snapshot(bids, asks[: market.rng.randrange(levels + 1)])


@pytest.mark.parametrize("capacity", [1, 2, 3, 64, 1000])
def test_growth_from_either_end(capacity: int) -> None:
    """One level at a time: always a new best, always a new worst, and from the middle."""
    for order in ("best", "worst", "middle"):
        pair = Pair(capacity=capacity)
        pair.snapshot([], [])
        for at in range(1, 200):
            bid = {"best": 1000 + at, "worst": 1000 - at, "middle": 1000 + (at if at % 2 else -at)}[order]
            ask = {"best": 3000 - at, "worst": 3000 + at, "middle": 3000 + (at if at % 2 else -at)}[order]
            pair.delta([[as_text(bid, 2), "1"]], [[as_text(ask, 2), "2"]])


def test_emptied_from_either_end() -> None:
    for order in (1, -1):
        pair = Pair(capacity=2)
        prices = [as_text(price, 2) for price in range(100, 260)]
        pair.snapshot([[price, "1"] for price in prices], [])
        for price in prices[::order]:
            pair.delta([[price, "0"]], [])
        assert core_raw(pair.core) == ([], [], [], [])
        pair.delta([["5", "1"]], [["6", "1"]])


def test_a_whole_side_moves_at_once() -> None:
    """Every level goes and as many come, far away, in one message."""
    pair = Pair()
    here, there = range(5000, 5300), range(9000, 9300)
    pair.snapshot([[as_text(price, 2), "1"] for price in here], [])
    for _ in range(6):
        gone = [[as_text(price, 2), "0"] for price in here]
        come = [[as_text(price, 2), "1.5"] for price in there]
        pair.delta(gone + come, [])
        pair.delta(come[::-1], gone)
        here, there = there, here


@pytest.mark.parametrize("order", ["rising", "falling", "any"])
@pytest.mark.parametrize("seed", range(4))
def test_many_changes_in_one_message(order: str, seed: int) -> None:
    """From a few to more than a thousand inserts, updates and deletes at once, dense and sparse, near and far."""
    rng = random.Random(seed)
    pair = Pair(capacity=rng.choice((1, 64, 700)))
    pair.snapshot(*([[as_text(price, 2), "1"] for price in rng.sample(range(1, 4000), 600)] for _ in "ba"))
    for _ in range(60):
        sides = []
        for _ in "ba":
            width = rng.choice((30, 600, 4000))
            start = rng.randrange(1, 4001 - width + 1)
            prices = rng.sample(
                range(start, start + width), rng.randrange(min(width, rng.choice((4, 40, 300, 1100))) + 1)
            )
            if order != "any":
                prices.sort(reverse=order == "falling")
            deletes = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
            sides.append([[as_text(p, 2), "0" if rng.random() < deletes else str(rng.randrange(1, 9))] for p in prices])
        pair.delta(*sides)


def test_one_price_many_times_in_one_message() -> None:
    """The last entry of a price counts, in snapshots and in changes."""
    rng = random.Random(5)
    for _ in range(300):
        pair = Pair(capacity=2)
        for _ in range(5):
            sides = [[[str(rng.randrange(1, 6)), str(rng.randrange(3))] for _ in range(rng.randrange(9))] for _ in "ba"]
            (pair.snapshot if rng.random() < 0.4 else pair.delta)(sides[0], sides[1])


def test_oddities_are_counted() -> None:
    book = csbook.Book("X")
    assert dict(book.counts) == {"absent_deletes": 0, "unsorted": 0, "merged": 0, "zero_sizes": 0}
    book.apply_snapshot([["3", "1"], ["2", "1"], ["1", "1"]], [["4", "1"], ["5", "1"]])
    assert not any(book.counts.values())
    book.apply_snapshot([["1", "1"], ["2", "1"], ["3", "1"]], [["4", "1"], ["5", "1"]])
    assert book.counts["unsorted"] == 1
    book.apply_snapshot([["1", "1"], ["3", "1"], ["2", "1"]], [["5", "1"], ["4", "1"]])
    assert book.counts["unsorted"] == 3
    assert book.counts["merged"] == 0
    book.apply_snapshot([["3", "1"], ["2", "1"], ["2.0", "5"], ["2.00", "6"]], [])
    assert book.counts["merged"] == 2
    assert book.bids().tolist() == [[3.0, 1.0], [2.0, 6.0]]
    assert book.counts["zero_sizes"] == 0
    book.apply_snapshot([["3", "1"], ["2", "0"], ["1", "0.00"]], [["4", "0"]])
    assert book.counts["zero_sizes"] == 3
    assert (book.bids().tolist(), book.asks().tolist()) == ([[3.0, 1.0]], [])
    assert book.counts["absent_deletes"] == 0
    book.apply_delta([["2.5", "0"], ["3", "0"]], [["9", "0"]])
    assert book.counts["absent_deletes"] == 2
    assert book.bids().tolist() == []


def test_max_levels_keeps_the_best() -> None:
    pair = Pair(max_levels=3)
    pair.snapshot(
        [[str(price), "1"] for price in (5, 9, 7, 8, 6)], [[str(price), "1"] for price in (14, 11, 13, 12, 10)]
    )
    assert pair.core.bid_prices.tolist() == [9.0, 8.0, 7.0]
    assert pair.core.ask_prices.tolist() == [10.0, 11.0, 12.0]
    pair.delta([["9.5", "1"]], [["9.75", "2"]])
    assert pair.core.bid_prices.tolist() == [9.5, 9.0, 8.0]
    assert pair.core.ask_prices.tolist() == [9.75, 10.0, 11.0]
    pair.delta([["9.5", "0"]], [])
    assert pair.core.bid_prices.tolist() == [9.0, 8.0]
    pair.delta([["1", "1"], ["2", "1"]], [])
    assert pair.core.bid_prices.tolist() == [9.0, 8.0, 2.0]


@pytest.mark.parametrize("most", [1, 2, 5, 50])
def test_max_levels_under_a_stream(most: int) -> None:
    """Pruned after the whole message, so that the order within it does not matter."""
    market, pair = Market(most), Pair(max_levels=most, capacity=2)
    for step in range(300):
        (pair.snapshot if step % 40 == 0 else pair.delta)(*market.change(10, most * 2 + 5, 0.3))
        assert len(pair.core.bid_prices_raw) <= most


def test_the_digest_sees_everything_and_nothing_else() -> None:
    base = csbook.Book("X", price_decimals=2, size_decimals=3)
    base.apply_snapshot([["5", "1"], ["4", "2"]], [["6", "1"]], sequence=9)
    same = csbook.Book("OTHER", price_decimals=2, size_decimals=3, capacity=500)
    same.apply_snapshot([], [["6", "0.5"], ["7", "3"]], sequence=1, event_time_ns=5)
    same.apply_delta([["4.0", "2.00"], ["5", "1"]], [["7", "0"], ["6", "1"]], sequence=9)
    assert same.digest() == base.digest()
    assert 0 <= base.digest() < 2**64
    seen = {base.digest()}
    for bids, asks, sequence, decimals in (
        ([["5", "1"], ["4", "2"]], [["6", "1"]], 10, (2, 3)),
        ([["5", "1"], ["4", "2"]], [["6", "1"]], 9, (3, 3)),
        ([["5", "1"], ["4", "2"]], [["6", "1"]], 9, (2, 4)),
        ([["5", "1"], ["4", "2.001"]], [["6", "1"]], 9, (2, 3)),
        ([["5", "1"], ["4.01", "2"]], [["6", "1"]], 9, (2, 3)),
        ([["5", "1"]], [["4", "2"], ["6", "1"]], 9, (2, 3)),
        ([["5", "1"], ["4", "2"]], [], 9, (2, 3)),
    ):
        other = csbook.Book("X", price_decimals=decimals[0], size_decimals=decimals[1])
        other.apply_snapshot(bids, asks, sequence=sequence)
        seen.add(other.digest())
        if sequence == 10:
            assert other.digest(sequence=False) == base.digest(sequence=False)
            assert other.digest(False) == base.digest(False)
    assert len(seen) == 8


def test_the_digest_by_hand() -> None:
    """The documented arithmetic on an empty book and on one level, worked out here without the oracle."""

    def h(*words: int) -> int:
        state = 0x9E3779B97F4A7C15
        for word in words:
            state = (state ^ word) * 0xFF51AFD7ED558CCD % 2**64
            state ^= state >> 32
        return state

    book = csbook.Book("X", price_decimals=1, size_decimals=0)
    assert book.digest() == h(1, 0, 0, 0, 0)
    assert book.digest(sequence=False) == h(1, 0, 0, 0)
    book.apply_snapshot([["5.5", "7"]], [], sequence=3)
    assert book.digest() == h(1, 0, 1, 0, 3, 55, 7)
    book.apply_delta([], [["6", "8"]], sequence=4)
    assert book.digest() == h(1, 0, 1, 1, 4, 55, 7, 60, 8)
    book.apply_delta([], [], sequence=2**63 - 1)
    assert book.digest() == h(1, 0, 1, 1, 2**63 - 1, 55, 7, 60, 8)
    book.apply_delta([], [], sequence=-1)
    assert book.digest() == h(1, 0, 1, 1, 2**64 - 1, 55, 7, 60, 8)


LEVELS = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=8)


class AnyStream(RuleBasedStateMachine):
    @initialize(capacity=st.integers(1, 4), most=st.one_of(st.none(), st.integers(1, 12)))
    def start(self, capacity: int, most: int | None) -> None:
        self.pair = Pair(capacity=capacity, max_levels=most)

    @rule(bids=LEVELS, asks=LEVELS)
    def snapshot(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        self.pair.snapshot([[str(p), str(s)] for p, s in bids], [[str(p), str(s)] for p, s in asks])

    @rule(bids=LEVELS, asks=LEVELS)
    def delta(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        self.pair.delta([[str(p), str(s)] for p, s in bids], [[str(p), str(s)] for p, s in asks])

    @rule(bids=LEVELS)
    def refused(self, bids: list[tuple[int, int]]) -> None:
        with pytest.raises(csbook.BadMessage):
            self.pair.core.apply_delta([*([str(p), str(s)] for p, s in bids), ["1", "x"]], [["1", "1"]])

    @invariant()
    def equal(self) -> None:
        if hasattr(self, "pair"):
            self.pair.compare()


AnyStream.TestCase.settings = settings(max_examples=60, stateful_step_count=25, derandomize=True, deadline=None)
TestAnyStream = AnyStream.TestCase
