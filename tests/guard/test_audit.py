"""Verdicts of an audit: what stood still is compared, and what moved, lagged or flickered raises no alarm."""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csbook import Book, Router, Side, State
from csbook.guard.audit import Audited, Copy, Finding, Watch
from csbook.guard.audit import compare as compared_with
from oracle import Recording

BIDS = [["100", "1"], ["99", "2"], ["98", "3"], ["97", "4"], ["96", "5"]]
ASKS = [["101", "1"], ["102", "2"], ["103", "3"], ["104", "4"], ["105", "5"]]


Sides = tuple[Any, Any]


def copy(bids: Any = BIDS, asks: Any = ASKS) -> Sides:
    return bids, asks


def compare(before: Sides, after: Sides, told: Sides) -> Audited:
    """Two looks at a book, and a snapshot."""
    book, other = (Book("BTCUSDT", price_decimals=0, size_decimals=0) for _ in range(2))
    book.apply_snapshot(*before)
    watch = Watch(book)
    book.apply_snapshot(*after)
    watch.look(book)
    other.apply_snapshot(*told)
    return compared_with(watch, Copy(other))


def without(levels: Any, *prices: str) -> list[list[str]]:
    return [level for level in levels if level[0] not in prices]


def test_the_same_book_has_nothing_wrong() -> None:
    audited = compare(copy(), copy(), copy())
    assert audited == Audited(8, frozenset()) and not audited.lost  # the worst of a snapshot is its edge
    assert str(audited) == "nothing wrong in 8 levels compared"


def test_a_level_that_left_between_two_looks_did_not_stand_still() -> None:
    book, other = (Book("BTCUSDT", price_decimals=0, size_decimals=0) for _ in range(2))
    book.apply_snapshot(BIDS, ASKS)
    other.apply_snapshot(without(BIDS, "98"), [*ASKS, ["100.0", "1"]])
    watch = Watch(book)
    for bids, asks in ((without(BIDS, "98"), [*ASKS, ["100.0", "2"]]), ([], []), (BIDS, ASKS)):
        book.apply_snapshot(bids, asks)
        watch.look(book)
    assert compared_with(watch, Copy(other)) == Audited(0, frozenset())


def test_a_book_that_did_not_change_is_not_read() -> None:
    class Counted:
        reads, updates = 0, 5

        def __getattr__(self, name: str) -> Any:
            self.reads += 1
            return np.array([5] if "bid" in name else [6], dtype=np.int64)

    book = Counted()
    watch = Watch(book)
    watch.look(book)
    assert book.reads == 4
    book.updates += 1
    watch.look(book)
    assert book.reads == 8


def test_a_copy_is_one() -> None:
    book = Book("BTCUSDT", price_decimals=0, size_decimals=0)
    book.apply_snapshot(BIDS, ASKS)
    before = Copy(book)
    book.apply_snapshot([["50", "1"]], [["51", "1"]])
    assert before.prices[Side.BUY].tolist() == [100, 99, 98, 97, 96]
    assert before.sizes[Side.SELL].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_each_kind_on_each_side(side: Side) -> None:
    ours, price = (BIDS, "98") if side is Side.BUY else (ASKS, "103")

    def told(levels: list[list[str]]) -> Sides:
        return copy(levels, ASKS) if side is Side.BUY else copy(BIDS, levels)

    ghost = compare(copy(), copy(), told(without(ours, price)))
    assert ghost.findings == {Finding(side, int(price), 3, 0)}
    wrong = compare(copy(), copy(), told([*without(ours, price), [price, "9"]]))
    assert wrong.findings == {Finding(side, int(price), 3, 9)}
    mine = told(without(ours, price))
    missing = compare(mine, mine, copy())
    assert missing.findings == {Finding(side, int(price), 0, 3)}
    for audited, kind in ((ghost, "ghost"), (wrong, "wrong size"), (missing, "missing")):
        assert (audited.count(kind), audited.count(kind, side), audited.count(kind, Side(1 - side))) == (1, 1, 0)
        assert audited.compared == 8 and not audited.lost
        assert [found.kind for found in audited.findings] == [kind]


def test_a_ghost_in_front_of_the_snapshots_best() -> None:
    audited = compare(copy(), copy(), copy(without(BIDS, "100"), ASKS))
    assert audited.findings == {Finding(Side.BUY, 100, 1, 0)}


def test_what_moved_proves_nothing() -> None:
    moved = copy([*without(BIDS, "98"), ["98", "9"]], ASKS)
    for before, after in ((moved, copy()), (copy(), moved), (copy(without(BIDS, "98"), ASKS), copy())):
        for told in (copy(without(BIDS, "98"), ASKS), copy([*without(BIDS, "98"), ["98", "7"]], ASKS)):
            assert compare(before, after, told) == Audited(7, frozenset())
            assert compare(after, before, told) == Audited(7, frozenset())


def test_beyond_the_edges_nothing_is_said() -> None:
    short = copy(BIDS[:3], ASKS[:3])
    assert compare(copy(), copy(), short) == Audited(4, frozenset())  # 98 and 103 are the edges
    assert compare(short, short, copy()) == Audited(6, frozenset())  # what lies behind ours may be cut off
    assert compare(copy(), short, copy()).findings == frozenset()
    assert compare(copy(), copy(), copy(BIDS[:2], [])).findings == frozenset()
    assert compare(copy(), copy(), copy([], [])) == Audited(0, frozenset())


def test_an_empty_side_misses_what_is_told() -> None:
    empty = copy([], ASKS)
    assert compare(empty, empty, copy()).count("missing", Side.BUY) == 4


def test_only_what_is_found_twice_counts() -> None:
    first = compare(copy(), copy(), copy(without(BIDS, "98", "99"), ASKS))
    second = compare(copy(), copy(), copy([*without(BIDS, "98", "99"), ["99", "7"]], without(ASKS, "103")))
    assert first.confirmed(second).findings == {Finding(Side.BUY, 98, 3, 0)}


def test_when_a_book_is_lost() -> None:
    def audited(ghosts: int, wrong: int, compared: int, *, spread: bool = False) -> Audited:
        found = [Finding(Side(i % 2) if spread else Side.BUY, i + 1, 5, 0) for i in range(ghosts)]
        found += [Finding(Side.SELL, 1000 + i, 5, 6) for i in range(wrong)]
        return Audited(compared, frozenset(found))

    assert not audited(2, 0, 100).lost and audited(3, 0, 10**6).lost
    assert not audited(2, 8, 1000).lost and audited(0, 11, 1000).lost and not audited(0, 2, 10).lost
    assert not audited(4, 0, 1000, spread=True).lost  # two a side
    assert str(audited(3, 1, 50)) == "3 ghosts, 1 of a wrong size in 50 levels compared"


# -- a recorded market, and a REST whose answers are old

MARKET = "binance_usdm/hftbacktest_ethusdt_20240718_1of2.gz"
SECOND = 1_000_000_000
WINDOW, LAG, LOOK = 3 * SECOND, 2 * SECOND, SECOND // 20


class Replay:
    """The true book, LIVE, at every message of a recording; and beside it one that is disturbed."""

    def __init__(self, path: Path) -> None:
        self.true, self.book = (Book("ETHUSDT", price_decimals=2, size_decimals=3) for _ in range(2))
        self.routers = [Router("binance", [self.true]), Router("binance", [self.book])]
        self.times: list[int] = []
        self.past: list[Copy] = []
        self.messages = [message for message in Recording(path, "ETHUSDT") if b"bookTicker" not in message[3]]

    def run(self) -> Any:
        """Yields the time after each message that left the true book LIVE; it was copied then."""
        for at, kind, symbol, payload in self.messages:
            for router in self.routers:
                if kind == "rest":
                    router.feed_snapshot(symbol, payload, at)
                elif json.loads(payload)["data"]["e"] == "depthUpdate":
                    router.feed(payload, at)
            if self.true.state is State.LIVE:
                self.times.append(at)
                self.past.append(Copy(self.true))
                yield at

    def told(self, at: int, levels: int = 500) -> Copy:
        """The answer of REST to a request at that time: as old as the lag, and cut off."""
        past = self.past[max(0, bisect_right(self.times, at - LAG) - 1)]
        cut = Copy.__new__(Copy)
        cut.prices = {side: past.prices[side][:levels] for side in Side}
        cut.sizes = {side: past.sizes[side][:levels] for side in Side}
        return cut


def audits(replay: Replay, disturb: Any = None) -> list[Audited]:
    """Audits one after the other over the whole recording, each confirmed by a second."""
    found: list[Audited] = []
    watch: Watch | None = None
    begun = looked = 0
    first: Audited | None = None
    for at in replay.run():
        if disturb is not None:
            disturb(at)
        if watch is None:
            watch, begun, looked = Watch(replay.book), at, at
            continue
        if at - looked >= LOOK:
            looked = at
            watch.look(replay.book)
        if at - begun >= WINDOW:
            watch.look(replay.book)
            audited = compared_with(watch, replay.told(at))
            watch = None
            if first is None and audited.findings:
                first = audited
                continue
            found.append(audited if first is None else first.confirmed(audited))
            first = None
    return found


def test_a_lagging_rest_raises_no_alarm(shared_data: Path) -> None:
    found = audits(Replay(shared_data / MARKET))
    assert len(found) > 50
    assert min(audited.compared for audited in found) > 100
    assert sum(len(audited.findings) for audited in found) == 0


def test_planted_errors_are_found(shared_data: Path) -> None:
    """Levels that a change lost would have deleted, set or resized: each is found until a change mends it."""
    replay = Replay(shared_data / MARKET)
    rng = random.Random(3)
    planted: dict[str, int] = {}

    def disturb(at: int) -> None:
        if planted or len(replay.times) < 100:
            return
        book = replay.book
        still = [int(price) for price in book.bid_prices_raw[200:400]]
        missing, wrong = rng.sample(still, 2)
        between = next(price for price in range(still[-1], still[0]) if price not in set(still))
        planted.update(ghost=between, missing=missing, wrong=wrong)
        rows = [[between, 1], [missing, 0], [wrong, 10**9]]
        levels = [[f"{price / 100:.2f}", f"{size / 1000:.3f}"] for price, size in rows]
        book.apply_delta(levels, [], sequence=book.sequence)

    found = audits(replay, disturb)
    seen = {finding.price: finding.kind for audited in found for finding in audited.findings}
    assert seen.get(planted["ghost"]) == "ghost"
    assert seen.get(planted["missing"]) == "missing" and seen.get(planted["wrong"]) == "wrong size"
    assert set(seen) == set(planted.values())
