"""Recorded markets: after every message the book is the oracle's, and its touch is the venue's own.

The recordings hold no gap, no duplicate and no disorder; those are made here, by seed. What they are and where they
come from is told in their own README, beside them.
"""

from __future__ import annotations

import json
import random
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import csbook
from csbook import Outcome, State
from oracle import (
    DiffFeed,
    OracleBook,
    Recording,
    ReplaceFeed,
    as_text,
    core_raw,
    dump,
    hft_depth,
    scaled,
    seed_depth,
    sio_depth,
    sio_event,
)

LIVE = (State.LIVE, State.CROSSED)


class Market(NamedTuple):
    path: str
    symbols: tuple[str, ...]
    decimals: tuple[int, int]
    applied: int  # changes applied, as an independent count of the recording says
    compared: int  # and touches that the venue's own quotes can judge


SUSHI = ("SUSHIUSDT", "CTKUSDT")
COINM = ("BCHUSD_PERP", "LINKUSD_PERP", "BTCUSD_211231", "TRXUSD_PERP", "EOSUSD_PERP")
MARKETS = [
    Market("binance_usdm/hftbacktest_btcusdt_20240808.gz", ("BTCUSDT",), (8, 8), 6545, 6500),
    Market("binance_usdm/hftbacktest_ethusdt_20240718_1of2.gz", ("ETHUSDT",), (2, 3), 3266, 3200),
    Market("binance_usdm/cryptofeed_20210722_sushiusdt_ctkusdt.txt.gz", SUSHI, (5, 0), 432, 400),
    Market("binance_coinm/cryptofeed_20210722_5sym.txt.gz", COINM, (8, 8), 946, 850),
    Market("binance_coinm/hftbacktest_ethusd_perp_20240808_1of2.gz", ("ETHUSD_PERP",), (4, 2), 22885, 22800),
]
BY_NAME = pytest.mark.parametrize("market", MARKETS, ids=lambda market: Path(market.path).name.split(".")[0])


@cache
def recorded(path: Path, symbol: str) -> list[tuple[int, str, str, bytes]]:
    return list(Recording(path, symbol))


def messages(shared_data: Path, market: Market) -> list[tuple[int, str, str, bytes]]:
    return recorded(shared_data / market.path, market.symbols[0])


class Side:
    """A market seen by the core in one way: by the fast path or by the slow."""

    def __init__(self, market: Market, feed: str) -> None:
        scales = dict(zip(("price_decimals", "size_decimals"), market.decimals, strict=True))
        self.books = {name: csbook.Book(name, **scales) for name in market.symbols}
        self.router = csbook.Router("binance", self.books)
        self.feed = getattr(self.router, feed)

    def take(self, message: tuple[int, str, str, bytes]) -> Outcome:
        at, kind, symbol, payload = message
        if kind == "rest":
            return self.router.feed_snapshot(symbol, payload, at)
        return self.feed(payload, at)


@BY_NAME
def test_every_message_of_a_recording(shared_data: Path, market: Market) -> None:
    fast, slow = Side(market, "feed"), Side(market, "feed_parsed")
    oracles = {name: DiffFeed(OracleBook(*market.decimals)) for name in market.symbols}
    quotes: dict[str, list[tuple[int, tuple[int, ...]]]] = {name: [] for name in market.symbols}
    touches: list[tuple[str, int, tuple[int, ...]]] = []
    applied = declined = 0
    for number, message in enumerate(messages(shared_data, market)):
        _, kind, symbol, payload = message
        outcome = fast.take(message)
        assert slow.take(message) is outcome
        read = json.loads(payload)
        data = read if kind == "rest" else read["data"]
        if kind == "socket" and data["e"] != "depthUpdate":
            assert outcome is Outcome.COLD
            if data["e"] == "bookTicker":
                quotes[data["s"]].append((data["u"], quote_of(data, market.decimals)))
            continue
        symbol = symbol or data["s"]
        oracle, book = oracles[symbol], fast.books[symbol]
        wanted = oracle.snapshot(data) if kind == "rest" else oracle.feed(data)
        assert outcome.name == wanted
        assert book.state.name == oracle.state
        assert same_levels(book, oracle.book), number
        digest = book.digest()
        assert slow.books[symbol].digest() == digest
        if applied % 50 == 0:
            assert core_raw(book) == oracle.book.raw()
            book._check()
        if oracle.state == "LIVE":
            assert book.sequence == oracle.book.sequence == data["u"] if kind == "socket" else book.sequence
            applied += kind == "socket"
            touch = oracle.book.touch()
            assert touch is not None
            top = book.top()
            assert (top.bid_raw, top.bid_size_raw, top.ask_raw, top.ask_size_raw) == touch
            touches.append((symbol, book.sequence, touch))
            if applied % 200 == 1:
                assert digest == oracle.book.digest()
    assert applied == market.applied
    for name, oracle in oracles.items():
        assert fast.books[name].digest() == oracle.book.digest()
        assert fast.books[name].counts["absent_deletes"] == oracle.book.absent_deletes
    counts = fast.router.counts
    assert counts["gap"] == counts["refused"] == counts["declined"] == declined
    assert counts["quotes"] == sum(map(len, quotes.values()))
    assert compare_touches(touches, quotes) >= market.compared


def same_levels(book: csbook.Book, oracle: OracleBook) -> bool:
    """Every level of both sides, price and size."""
    (bids, asks), (bid_sizes, ask_sizes) = oracle.keys, oracle.sizes
    return (
        np.array_equal(book.bid_prices_raw[::-1], bids)
        and np.array_equal(book.bid_sizes_raw[::-1], bid_sizes)
        and np.array_equal(book.ask_prices_raw, asks)
        and np.array_equal(book.ask_sizes_raw, ask_sizes)
    )


def quote_of(data: dict[str, Any], decimals: tuple[int, int]) -> tuple[int, ...]:
    return tuple(scaled(data[key], decimals[at % 2]) for at, key in enumerate("bBaA"))


def compare_touches(
    touches: list[tuple[str, int, tuple[int, ...]]], quotes: dict[str, list[tuple[int, tuple[int, ...]]]]
) -> int:
    """After a change that ends at u, the latest quote with id <= u must be the top of the book.

    Quotes and changes arrive interleaved and not in order of id, so this is judged at the end; not where the first
    quote since the book went live, or the next after u, is not in the recording.
    """
    compared = 0
    first = {name: min(u for symbol, u, _ in touches if symbol == name) for name in quotes}
    for name, said in quotes.items():
        ids = [update for update, _ in said]
        assert ids == sorted(ids)
        for symbol, update, touch in touches:
            at = bisect_right(ids, update)
            if symbol == name and 0 < at < len(ids) and ids[at - 1] >= first[name]:
                assert said[at - 1][1] == touch, (name, update)
                compared += 1
    return compared


def test_the_venues_quotes_lead_the_fused_top(shared_data: Path) -> None:
    """The fused top is the newest of what is known, by update id, at every message."""
    market = MARKETS[1]
    side = Side(market, "feed")
    book = side.books["ETHUSDT"]
    newest: tuple[int, tuple[int, ...]] = (0, ())
    led = 0
    for message in messages(shared_data, market):
        side.take(message)
        data = json.loads(message[3]).get("data", {})
        if data.get("e") == "bookTicker" and data["u"] > newest[0]:
            newest = data["u"], quote_of(data, market.decimals)
        if book.state is not State.LIVE:
            continue
        top, fused = book.top(), book.fused_top()
        own = top.bid_raw, top.bid_size_raw, top.ask_raw, top.ask_size_raw
        seen = fused.bid_raw, fused.bid_size_raw, fused.ask_raw, fused.ask_size_raw
        if newest[0] > book.sequence:
            assert seen == newest[1]
            led += seen != own
        elif newest[0] < book.sequence:
            assert seen == own
    assert led > 1000


PARTS = [
    ("binance_usdm/hftbacktest_ethusdt_20240718_{}of2.gz", "ETHUSDT", 5656),
    ("binance_coinm/hftbacktest_ethusd_perp_20240808_{}of2.gz", "ETHUSD_PERP", 16246),
]


@pytest.mark.parametrize(("path", "symbol", "changes"), PARTS, ids=["usdm", "coinm"])
def test_a_recording_without_a_snapshot_is_never_live(shared_data: Path, path: str, symbol: str, changes: int) -> None:
    side = Side(Market(path, (symbol,), (8, 8), 0, 0), "feed")
    book = side.books[symbol]
    for message in Recording(shared_data / path.format(2)):
        assert side.take(message) in (Outcome.BUFFERED, Outcome.COLD)
        assert book.state in (State.EMPTY, State.SYNCING)
    assert side.router.counts["buffered"] == changes
    assert side.router.wants_snapshot() == [symbol]
    assert core_raw(book) == ([], [], [], [])
    assert not book.tradable(10**18)


def test_the_second_part_continues_the_first(shared_data: Path) -> None:
    path, symbol, changes = PARTS[0]
    side = Side(Market(path, (symbol,), (2, 3), 0, 0), "feed")
    model = DiffFeed(OracleBook(2, 3))
    for part in (1, 2):
        for message in Recording(shared_data / path.format(part), symbol):
            outcome = side.take(message)
            assert outcome is not Outcome.GAP
            data = json.loads(message[3])
            if message[1] == "rest":
                model.snapshot(data)
            elif data["data"]["e"] == "depthUpdate":
                model.feed(data["data"])
    assert side.router.counts["applied"] > changes
    assert side.books[symbol].state is State.LIVE
    assert side.books[symbol].digest() == model.book.digest()


# -- the same markets, with what a network can do to them ------------------------------------------------------------


class Truth(NamedTuple):
    """A stretch of changes, the whole book after each, and its digest by update id."""

    start: bytes  # a snapshot of the whole book just before the first change
    changes: list[tuple[int, bytes]]  # last id, payload
    snapshots: list[bytes]  # of the whole book after each change
    digests: dict[int, int]


@pytest.fixture(scope="module")
def truth(shared_data: Path) -> Truth:
    market = MARKETS[1]
    model = DiffFeed(OracleBook(*market.decimals))
    start = b""
    changes: list[tuple[int, bytes]] = []
    snapshots: list[bytes] = []
    digests: dict[int, int] = {}
    for _, kind, _, payload in messages(shared_data, market):
        read = json.loads(payload)
        if kind == "rest":
            model.snapshot(read)
            start = whole(model.book)
        elif read["data"]["e"] == "depthUpdate" and model.feed(read["data"]) == "APPLIED":
            changes.append((read["data"]["u"], payload))
            digests[model.last] = model.book.digest()
            snapshots.append(whole(model.book))
            if len(changes) == 700:
                break
    digests[json.loads(start)["lastUpdateId"]] = 0
    return Truth(start, changes, snapshots, digests)


def whole(book: OracleBook) -> bytes:
    """A REST answer that shows every level there is."""
    prices, sizes = book.price_decimals, book.size_decimals
    sides = [
        [[as_text(price, prices), as_text(size, sizes)] for price, size in zip(*levels, strict=True)]
        for levels in (book.raw()[:2], book.raw()[2:])
    ]
    return dump(seed_depth(book.sequence, *sides))


def disturbed(truth: Truth, rng: random.Random, drop: float, twice: float, swap: float) -> Iterator[tuple[int, bytes]]:
    """The changes in an order that a bad network might bring, each with its place in the good one."""
    out = []
    for at, (_, payload) in enumerate(truth.changes):
        if rng.random() >= drop:
            out += [(at, payload)] * (1 + (rng.random() < twice))
    for at in range(len(out) - 1):
        if rng.random() < swap:
            far = min(len(out) - 1, at + rng.randrange(1, 4))
            out[at], out[far] = out[far], out[at]
    yield from out


@pytest.mark.parametrize("feed", ["feed", "feed_parsed"])
@pytest.mark.parametrize(
    ("drop", "twice", "swap"), [(0.03, 0, 0), (0, 0, 0.03), (0.02, 0.1, 0.05), (0.3, 0.3, 0.3)], ids=str
)
@pytest.mark.parametrize("seed", range(3))
def test_no_book_is_live_and_wrong(truth: Truth, feed: str, drop: float, twice: float, swap: float, seed: int) -> None:
    rng = random.Random(seed)
    side = Side(MARKETS[1], feed)
    book, router = side.books["ETHUSDT"], side.router
    live = gaps = 0
    furthest = 0

    def judge(where: object) -> None:
        nonlocal live
        if book.state in LIVE:
            live += 1
            assert book.digest() == truth.digests[book.sequence], where
            assert book.sequence <= truth.changes[furthest][0], where

    for step, (at, payload) in enumerate(disturbed(truth, rng, drop, twice, swap)):
        furthest = max(furthest, at)
        gaps += side.feed(payload) is Outcome.GAP
        judge(step)
        if router.wants_snapshot() and rng.random() < 0.3:
            old = max(0, furthest - rng.randrange(6))
            router.feed_snapshot("ETHUSDT", truth.snapshots[old] if at else truth.start)
            judge(step)
    book._check()
    assert gaps > 0
    assert live > 20


@pytest.mark.parametrize("seed", range(3))
def test_duplicates_alone_cost_no_gap(truth: Truth, seed: int) -> None:
    rng = random.Random(seed)
    side = Side(MARKETS[1], "feed")
    book = side.books["ETHUSDT"]
    side.feed(truth.changes[0][1])
    assert side.router.feed_snapshot("ETHUSDT", truth.start) is Outcome.APPLIED
    sent: list[bytes] = [truth.changes[0][1]]
    for update, payload in truth.changes[1:]:
        assert side.feed(payload) is Outcome.APPLIED
        sent.append(payload)
        for _ in range(rng.randrange(3)):
            assert side.feed(rng.choice(sent[-20:])) is Outcome.IGNORED
        assert book.state is State.LIVE
        assert (book.sequence, book.digest()) == (update, truth.digests[update])
    assert side.router.counts["gap"] == 0


def test_bytes_broken_at_random_are_never_live_and_wrong(truth: Truth) -> None:
    """A broken change is refused or, where it still reads as one, is at fault itself; the next good snapshot heals."""
    rng = random.Random(1)
    side = Side(MARKETS[1], "feed")
    book, router = side.books["ETHUSDT"], side.router
    refused = healed = 0
    for at, (update, payload) in enumerate(truth.changes):
        if rng.random() < 0.05:
            cut = rng.randrange(len(payload))
            outcome = side.feed(payload[:cut])
            assert outcome in (Outcome.REFUSED, Outcome.COLD)
            refused += outcome is Outcome.REFUSED
            assert outcome is Outcome.COLD or book.state not in LIVE
            continue
        side.feed(payload)
        if book.state in LIVE:
            assert book.digest() == truth.digests[update]
        elif router.wants_snapshot():
            healed += router.feed_snapshot("ETHUSDT", truth.snapshots[at]) is Outcome.APPLIED
            assert book.state is State.LIVE
    assert refused > 10
    assert healed > 10


@pytest.mark.parametrize("feed", ["feed", "feed_parsed"])
@pytest.mark.parametrize("venue", ["coinswitch-sio", "coinswitch-hft"])
def test_the_same_market_told_as_whole_books(truth: Truth, venue: str, feed: str) -> None:
    """The best fifty levels of a recorded book after each change, in some disorder, as two venues write it."""
    rng = random.Random(venue)
    book = csbook.Book("BTC/USDT", price_decimals=2, size_decimals=3)
    router = csbook.Router(venue, [book])
    words = ("timestamp", "bids", "asks") if venue == "coinswitch-sio" else ("t", "b", "a")
    model = ReplaceFeed(OracleBook(2, 3), words)
    seen = set()
    for step in range(0, 600, 5):
        at = max(0, step - rng.randrange(1, 12)) if rng.random() < 0.2 else step
        read = json.loads(truth.snapshots[at])
        sides = read["bids"][:50], read["asks"][:50]
        message = (sio_depth if venue == "coinswitch-sio" else hft_depth)(read["lastUpdateId"], *sides, "btc/usdt")
        wanted = model.feed(message)
        if venue == "coinswitch-sio":
            payload = rng.choice((dump(message), sio_event(message), sio_event({"data": message}, "/exchange_2,4")))
        else:
            payload = rng.choice((dump(message), dump([message]), dump([hft_depth(1, [], [], "ETH/USDT"), message])))
        assert getattr(router, feed)(payload).name == wanted
        assert book.state.name == model.state
        assert book.digest() == model.book.digest()
        seen.add(wanted)
        if rng.random() < 0.02:
            router.disconnected()
            model.disconnected()
    assert seen == {"APPLIED", "IGNORED"}
    assert router.counts["declined"] == (0 if feed == "feed" else 120)
