"""Deep books that changes are applied to: a window of ticks and a tail, held against dict and sorted at every change.

A book becomes a ladder by a snapshot of at least 256 levels a side on a venue of changes; nothing that a reader can ask
tells it from a book of arrays, which the twin is (``max_levels`` keeps it one).
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest

from csbook import Book, Outcome, Router, State

Changes = Sequence[tuple[int, int]]


class Deep:
    """A ladder, a twin of arrays and two dicts, fed alike. Prices and sizes are raw integers at scale 0."""

    def __init__(self, levels: int = 400, *, step: int = 10, middle: int = 1_000_000, decimals: int = 0) -> None:
        self.unit = 10**decimals
        self.book = Book("X", price_decimals=decimals, size_decimals=0)
        self.twin = Book("X", price_decimals=decimals, size_decimals=0, max_levels=100_000)
        self.routers = [Router("binance", self.book), Router("binance", self.twin)]
        self.id = 1
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.snapshot(
            {middle - step * (i + 1): i + 1 for i in range(levels)}, {middle + step * i: i + 1 for i in range(levels)}
        )

    def text(self, side: Changes) -> str:
        return json.dumps([[str(price), str(size)] for price, size in side])

    def snapshot(self, bids: dict[int, int], asks: dict[int, int]) -> None:
        self.bids, self.asks = dict(bids), dict(asks)
        ordered = sorted(bids.items(), reverse=True), sorted(asks.items())
        payload = f'{{"lastUpdateId":{self.id},"bids":{self.text(ordered[0])},"asks":{self.text(ordered[1])}}}'
        for router in self.routers:
            router.disconnected()
            assert router.feed_snapshot("X", payload.encode()) is Outcome.BUFFERED
        self.compare()

    def change(self, bids: Changes, asks: Changes) -> None:
        last, self.id = self.id, self.id + 1
        ids = f'"U":{self.id},"u":{self.id},"pu":{last}'
        payload = f'{{"e":"depthUpdate","s":"X",{ids},"b":{self.text(bids)},"a":{self.text(asks)}}}'.encode()
        for router in self.routers:
            assert router.feed(payload) is Outcome.APPLIED, router.last_refusal
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, size in changes:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)
        self.compare()

    def compare(self) -> None:
        book, twin = self.book, self.twin
        book._check()
        bids = sorted(self.bids.items(), reverse=True)
        asks = sorted(self.asks.items())
        raw = [(price * self.unit, size) for price, size in bids]
        assert list(zip(book.bid_prices_raw.tolist(), book.bid_sizes_raw.tolist(), strict=True)) == raw
        raw = [(price * self.unit, size) for price, size in asks]
        assert list(zip(book.ask_prices_raw.tolist(), book.ask_sizes_raw.tolist(), strict=True)) == raw
        assert book.digest() == twin.digest()
        assert book.counts == twin.counts
        assert book.state is twin.state
        top, other = book.top(), twin.top()
        for name in ("bid_raw", "bid_size_raw", "ask_raw", "ask_size_raw", "sequence", "updates", "state"):
            assert getattr(top, name) == getattr(other, name), name
        assert (book.best_bid, book.best_bid_size) == (
            (bids[0]) if bids else (pytest.approx(float("nan"), nan_ok=True),) * 2
        )


def read_alike(deep: Deep) -> None:
    """Every read, in an order that makes a partial reading come before a whole one."""
    for book, twin in ((deep.book, deep.twin),):
        for read in (
            lambda b: b.bids(3).tolist(),
            lambda b: b.imbalance(7),
            lambda b: b.asks(40).tolist(),
            lambda b: (b.mid, b.spread, b.microprice, b.best_ask, b.best_ask_size),
            lambda b: b.vwap("BUY", 1000),
            lambda b: b.vwap("SELL", 1e12),
            lambda b: b.impact("SELL", 77.0),
            lambda b: (b.depth_within("BUY", 12.5), b.depth_within("SELL", 1000)),
            lambda b: b.bids().tolist(),
            lambda b: [view.tolist() for view in (b.bid_prices, b.bid_sizes, b.ask_prices, b.ask_sizes)],
            lambda b: b.digest(sequence=False),
            lambda b: repr(b),
        ):
            assert read(book) == read(twin)


def test_every_read_is_that_of_a_book_of_arrays() -> None:
    deep = Deep()
    read_alike(deep)
    deep.change([(999_990, 0), (999_985, 7)], [(1_000_000, 0), (1_000_003, 9)])  # off the grid, at the touch
    read_alike(deep)
    assert (deep.book.best_bid, deep.book.best_ask) == (999_985, 1_000_003)
    assert deep.book.__sizeof__() > 65_536 > deep.twin.__sizeof__()  # it is a ladder, and the twin is none


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("step", [1, 10, 7])
def test_a_market_that_wanders(seed: int, step: int) -> None:
    """Changes around a touch that walks and jumps, far outliers and prices off the grid."""
    rng = random.Random(seed)
    deep = Deep(300, step=step)
    middle = 1_000_000
    for _ in range(120):
        jump = rng.choice([0, 0, 0, rng.randint(-50, 50), rng.randint(-900, 900), rng.choice([-1, 1]) * 3000, 9000])
        middle = max(200_000, middle + step * (jump if rng.random() < 0.4 else rng.randint(-3, 3)))
        middle -= middle % step
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for price in [p for p in deep.bids if p >= middle]:  # the market moved through them
            bids[price] = 0
        for price in [p for p in deep.asks if p <= middle - step]:
            asks[price] = 0
        for _ in range(rng.choice([1, 5, 30])):
            reach = rng.choice([3, 40, 400, 6000])
            off = rng.choice([0, 0, 0, 0, 1]) * rng.randint(0, step - 1)
            bids.setdefault(max(1, middle - step * rng.randint(1, reach) - off), rng.choice([0, 1, 5]))
            asks.setdefault(middle + step * rng.randint(0, reach) + off, rng.choice([0, 1, 5]))
        order = rng.choice([-1, 1])
        deep.change(sorted(bids.items())[::order], sorted(asks.items())[::order])
        if rng.random() < 0.1:
            read_alike(deep)


def test_a_side_runs_dry_and_fills_again() -> None:
    deep = Deep(300)
    deep.change([(price, 0) for price in sorted(deep.bids)], [])
    assert deep.book.best_bid != deep.book.best_bid and len(deep.book.bid_prices) == 0
    deep.change([(5, 1)], [])  # far below the window, and the only bid there is
    assert deep.book.best_bid == 5
    deep.change([(999_990, 3), (5, 0)], [])
    assert deep.book.best_bid == 999_990
    deep.change([(price, 0) for price in list(deep.bids)], [(price, 0) for price in list(deep.asks)])
    assert deep.book.state is State.LIVE and deep.book.digest() == deep.twin.digest()


def test_it_grows() -> None:
    """More levels than were reserved, inside of the window and outside."""
    rng = random.Random(3)
    deep = Deep(256, step=1)
    for _ in range(8):
        asks = sorted({1_000_000 + rng.randint(0, 40_000) for _ in range(700)})
        deep.change([], [(price, rng.randint(1, 9)) for price in asks])
    assert len(deep.asks) > 4000
    read_alike(deep)


def test_absent_deletes_are_counted_in_window_and_tail() -> None:
    deep = Deep(300)
    deep.change([(1, 0), (999_980, 0), (999_980, 0), (999_981, 0)], [(90_000_000, 0)])
    assert deep.book.counts["absent_deletes"] == 4


def test_it_crosses_and_uncrosses() -> None:
    deep = Deep(300)
    deep.change([(1_000_000, 4)], [])
    assert deep.book.state is State.CROSSED
    deep.change([(1_000_000, 0)], [])
    assert deep.book.state is State.LIVE


def test_a_new_snapshot_lays_it_anew() -> None:
    deep = Deep(300)
    for middle, step, levels in (
        (5_000_000, 1, 500),
        (3_000, 5, 300),
        (70_000_000, 100_000, 300),
        (900, 1, 20),
        (10**6, 1, 400),
    ):
        deep.snapshot(
            {middle - step * (i + 1): 2 for i in range(levels) if middle > step * (i + 1)},
            {middle + step * i: 3 for i in range(levels)},
        )
        deep.change([(max(1, middle - step), 8)], [(middle, 8)])
        read_alike(deep)


def test_a_cleared_book_starts_again() -> None:
    deep = Deep(300)
    for book in (deep.book, deep.twin):
        book.clear("by hand")
        assert book.state is State.EMPTY and len(book.ask_prices) == 0
        book._check()
    deep.snapshot(deep.bids, deep.asks)
    deep.change([], [(1_000_000, 0)])


def test_by_hand_on_top_of_a_ladder() -> None:
    """apply_snapshot and apply_delta of a Book do not ask how it is stored."""
    deep = Deep(300)
    for book in (deep.book, deep.twin):
        book.apply_delta([[999_991, 1], [7, 1]], [[1_000_000, 0]])
    assert deep.book.digest() == deep.twin.digest()
    for book in (deep.book, deep.twin):
        book.apply_snapshot([[10, 1]], [[11, 1]])
        book.apply_delta([[9, 1]], [[11, 0], [12, 1]])
        book._check()
    assert deep.book.digest() == deep.twin.digest()


def test_large_scales_and_prices() -> None:
    """Raw prices far beyond 2^53 still find their slots."""
    deep = Deep(300, step=1, middle=9_000_000, decimals=12)
    deep.change([(8_999_999, 0), (8_999_990, 5)], [(9_000_000, 0), (9_000_290, 6)])
    assert deep.book.top().bid_raw == 8_999_998 * 10**12


def test_views_outlive_what_they_show() -> None:
    deep = Deep(300)
    view = deep.book.bid_prices
    before = view.copy()
    deep.change([(999_990, 0)], [])
    view_now = deep.book.bid_prices
    assert before[0] == 999_990 and view_now[0] == 999_980
    kept = deep.book.ask_prices
    del deep
    assert kept[0] == 1_000_000


def test_the_wire_way_and_the_parsed_way_build_the_same_ladder() -> None:
    books = [Book("X") for _ in range(2)]
    routers = [Router("bybit", book) for book in books]
    rows = (
        [[f"{60000 - i * 0.1:.1f}", "1.5"] for i in range(300)],
        [[f"{60000.1 + i * 0.1:.1f}", "2"] for i in range(300)],
    )
    rng = random.Random(5)
    for u in range(1, 60):
        kind = "snapshot" if u in (1, 30) else "delta"
        b, a = (
            rows if kind == "snapshot" else ([[f"{59990 + rng.randint(0, 99) / 10:.1f}", rng.choice(["0", "3"])]], [])
        )
        payload = json.dumps(
            {"topic": "orderbook.200.X", "type": kind, "ts": 1, "data": {"s": "X", "b": b, "a": a, "u": u}}
        ).encode()
        assert routers[0].feed(payload) is routers[1].feed_parsed(payload) is Outcome.APPLIED
        assert books[0].digest() == books[1].digest()
        books[0]._check()


def test_known_levels_of_the_window_need_no_room() -> None:
    """A side that is as long as it may be still takes new sizes, and a new level for one that goes."""
    most = 131_072
    book = Book("X", price_decimals=0, size_decimals=0)
    router = Router("binance", book)
    bids = [[str(price), "1"] for price in range(most, 0, -1)]
    ids = json.dumps({"e": "depthUpdate", "s": "X", "U": 1, "u": 1, "pu": 0})[:-1]
    assert router.feed(f'{ids},"b":[],"a":[]}}'.encode()) is Outcome.BUFFERED
    snapshot = json.dumps({"lastUpdateId": 1, "bids": bids, "asks": []})
    assert router.feed_snapshot("X", snapshot.encode()) is Outcome.APPLIED
    for at, (levels, outcome) in enumerate(
        (
            ([most, 3], Outcome.APPLIED),
            ([most, 0, most + 9, 2], Outcome.APPLIED),
            ([most + 8, 1], Outcome.REFUSED),
        ),
        1,
    ):
        changes = [[str(price), str(size)] for price, size in zip(levels[::2], levels[1::2], strict=True)]
        ids = json.dumps({"e": "depthUpdate", "s": "X", "U": at + 1, "u": at + 1, "pu": at})[:-1]
        assert router.feed(f'{ids},"b":{json.dumps(changes)},"a":[]}}'.encode()) is outcome
        book._check()
    assert len(book.bid_prices_raw) == most
    assert book.top().bid_raw == most + 9


def test_a_deep_book_with_max_levels_keeps_them() -> None:
    """A ladder would hold all levels; a book that is to be pruned is none, however many come."""
    bids = [[str(1000 - at), "1"] for at in range(400)]
    asks = [[str(1001 + at), "1"] for at in range(400)]
    book = Book("X", price_decimals=0, size_decimals=0, max_levels=300)
    router = Router("binance", book)
    assert router.feed(b'{"e":"depthUpdate","s":"X","U":1,"u":1,"pu":0,"b":[],"a":[]}') is Outcome.BUFFERED
    snapshot = json.dumps({"lastUpdateId": 1, "bids": bids, "asks": asks})
    assert router.feed_snapshot("X", snapshot.encode()) is Outcome.APPLIED
    assert book.bid_prices_raw.tolist() == list(range(1000, 700, -1))
    change = b'{"e":"depthUpdate","s":"X","U":2,"u":2,"pu":1,"b":[["700","1"]],"a":[["1001","0"],["1301","5"]]}'
    assert router.feed(change) is Outcome.APPLIED
    assert book.bid_prices_raw.tolist() == list(range(1000, 700, -1))
    assert book.ask_prices_raw.tolist() == list(range(1002, 1302))
    book._check()


def test_a_reader_who_wants_more_than_the_last_gets_it() -> None:
    """Each kind of reader comes first once, from the one that wants least to the one that wants all."""
    readers = [
        lambda book: book.imbalance(1),
        lambda book: book.imbalance(7),
        lambda book: book.bids(3).tolist(),
        lambda book: book.asks(300).tolist(),
        lambda book: (book.vwap("BUY", 5_000), book.impact("SELL", 70_000)),
        lambda book: book.depth_within("SELL", 30),
        lambda book: book.digest(),
        lambda book: (book.bid_prices.tolist(), book.ask_sizes_raw.tolist()),
    ]
    for at in range(len(readers)):
        deep = Deep(400)
        deep.change([(999_990 - 10 * at, 1000 + at)], [(1_000_000 + 10 * at, 0)])
        # a change that nobody has read after
        for router in deep.routers:
            router.feed(b'{"e":"depthUpdate","s":"X","U":3,"u":3,"pu":2,"b":[["999980","7"]],"a":[["1000090","8"]]}')
        for reader in readers[at:] + readers:
            assert reader(deep.book) == reader(deep.twin)
