"""Several connections with the same streams: the first arrival wins; a hole is a gap only when nobody fills it."""

from __future__ import annotations

import json
import random
from collections import deque

import pytest

from csbook import Book, Outcome, Router, State
from csbook.errors import UsageError
from oracle import diff, dump, seed_depth

Side = dict[str, str]


class Venue:
    """A market that changes one bid at a time, told in the words of one venue. ``truth[u]`` is the bids after u."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.symbol = "XBTUSDTM" if name == "kucoin" else "BTCUSDT"
        self.truth: list[Side] = [{"100": "1"}]

    @property
    def last(self) -> int:
        return len(self.truth) - 1

    def change(self, dice: random.Random) -> bytes:
        price, size = str(dice.randrange(90, 101)), str(dice.choice([0, 1, 2, 3]))
        now = dict(self.truth[-1])
        now[price] = size
        self.truth.append({p: s for p, s in now.items() if s != "0"})
        u = self.last
        if self.name == "binance":
            return dump(diff(u, u, u - 1, [[price, size]], []))
        if self.name == "bybit":
            return self._bybit("delta", [[price, size]], [])
        data = {"sequence": u, "change": f"{price},buy,{size}", "timestamp": 1}
        return json.dumps({"topic": f"/contractMarket/level2:{self.symbol}", "data": data}).encode()

    def _bybit(self, kind: str, bids: list[list[str]], asks: list[list[str]]) -> bytes:
        data = {"s": self.symbol, "b": bids, "a": asks, "u": self.last + 10, "seq": 1}
        return json.dumps({"topic": f"orderbook.50.{self.symbol}", "type": kind, "ts": 1, "data": data}).encode()

    def welcome(self) -> list[bytes]:
        """What a fresh subscription brings by itself."""
        if self.name != "bybit":
            return []
        return [self._bybit("snapshot", [list(level) for level in self.truth[-1].items()], [["101", "1"]])]

    def rest(self) -> bytes:
        bids, asks = [list(level) for level in self.truth[-1].items()], [["101", "1"]]
        if self.name == "binance":
            return dump(seed_depth(self.last, bids, asks))
        data = {"sequence": self.last, "symbol": self.symbol, "bids": bids, "asks": asks, "ts": 1}
        return json.dumps({"code": "200000", "data": data}).encode()

    def at(self, book: Book) -> Side:
        return self.truth[book.sequence - 10 if self.name == "bybit" else book.sequence]


def bids(book: Book) -> Side:
    return {f"{price:g}": f"{size:g}" for price, size in book.bids()}


def opened(name: str, connections: int) -> tuple[Venue, Book, Router]:
    """A book that is LIVE, and so many connections."""
    venue = Venue(name)
    book = Book(venue.symbol)
    router = Router(name, [book])
    assert router.race_ns == 250_000_000
    router.race_ns = 10**15  # the test may be held up for any time
    for source in range(connections):
        router.join(source)
    dice = random.Random(1)
    for payload in venue.welcome():
        router.feed(payload)
    router.feed(venue.change(dice))
    if name != "bybit":
        router.feed_snapshot(venue.symbol, venue.rest())
        router.feed(venue.change(dice))
    assert book.state is State.LIVE
    return venue, book, router


every_venue = pytest.mark.parametrize("name", ["binance", "bybit", "kucoin"])


@every_venue
def test_a_hole_is_filled_by_the_slower_connection(name: str) -> None:
    venue, book, router = opened(name, 2)
    dice = random.Random(2)
    first, second, third = (venue.change(dice) for _ in range(3))
    router.source = 0
    assert router.feed(second) is Outcome.BUFFERED
    assert router.feed(third) is Outcome.BUFFERED
    assert (book.state, venue.at(book)) == (State.LIVE, venue.truth[-4])
    router.source = 1
    assert router.feed(first) is Outcome.APPLIED
    assert bids(book) == venue.at(book) == venue.truth[-1]
    assert router.feed(second) is Outcome.IGNORED
    assert router.feed(third) is Outcome.IGNORED
    assert router.wants_snapshot() == [] and router.counts["gap"] == 0
    router.source = 0
    assert router.feed(venue.change(dice)) is Outcome.APPLIED


@every_venue
def test_a_hole_in_every_connection_is_a_gap(name: str) -> None:
    venue, book, router = opened(name, 2)
    dice = random.Random(3)
    venue.change(dice)
    beyond = venue.change(dice)
    router.source = 1
    assert router.feed(beyond) is Outcome.BUFFERED
    router.source = 0
    assert router.feed(beyond) is Outcome.GAP
    assert book.state is State.GAP


@every_venue
def test_when_the_slower_connection_dies_the_hole_is_a_gap(name: str) -> None:
    venue, book, router = opened(name, 2)
    dice = random.Random(4)
    venue.change(dice)
    router.source = 1
    router.feed(venue.change(dice))
    router.leave(1, "cut")
    assert book.state is State.LIVE  # the other one may still bring it
    router.join(1)
    router.feed(venue.change(dice))
    router.leave(0, "cut")
    assert book.state is State.GAP
    assert [move[2:] for move in router.take_moves()][-1][0] is State.GAP
    if name != "bybit":  # what waited still serves
        assert router.wants_snapshot() == [venue.symbol]
        assert router.feed_snapshot(venue.symbol, venue.rest()) is not Outcome.IGNORED
        router.feed(venue.change(dice))
        assert (book.state, bids(book)) == (State.LIVE, venue.truth[-1])


@every_venue
def test_the_last_connection_to_leave_is_a_loss(name: str) -> None:
    venue, book, router = opened(name, 2)
    router.leave(0)
    assert book.state is State.LIVE
    assert router.feed(venue.change(random.Random(5))) is Outcome.APPLIED
    router.leave(1, "cut")
    assert book.state is State.GAP
    assert router.take_moves()[-1][3] == "cut"


@every_venue
def test_alone_a_hole_is_a_gap_at_once(name: str) -> None:
    venue, _, router = opened(name, 1)
    dice = random.Random(6)
    venue.change(dice)
    assert router.feed(venue.change(dice)) is Outcome.GAP


def test_a_hole_that_stays_open_for_too_long_is_a_gap() -> None:
    venue, book, router = opened("binance", 2)
    dice = random.Random(7)
    venue.change(dice)
    assert router.feed(venue.change(dice)) is Outcome.BUFFERED
    router.race_ns = 0
    assert router.feed(venue.change(dice)) is Outcome.GAP
    assert book.state is State.GAP


def test_bybit_a_fresh_connections_snapshot_may_be_older_than_the_book() -> None:
    venue, book, router = opened("bybit", 2)
    old = venue.welcome()
    router.feed(venue.change(random.Random(8)))
    assert [router.feed(payload) for payload in old] == [Outcome.IGNORED]
    assert bids(book) == venue.truth[-1]
    router.leave(1)
    assert [router.feed(payload) for payload in old] == [Outcome.APPLIED]  # alone: the venue's word


@pytest.mark.parametrize("source", [-1, 32])
def test_connections_are_numbered(source: int) -> None:
    _, _, router = opened("binance", 1)
    with pytest.raises(UsageError, match="source"):
        router.join(source)
    with pytest.raises(UsageError, match="source"):
        router.leave(source)


@every_venue
@pytest.mark.parametrize("seed", range(12))
def test_races_of_connections_that_lag_and_die(name: str, seed: int) -> None:
    """Whatever arrives when: a LIVE book is that of its update, and while one connection stands nothing is a gap."""
    dice = random.Random(seed)
    connections = dice.choice([2, 3])
    venue, book, router = opened(name, connections)
    queues: list[deque[bytes] | None] = [deque() for _ in range(connections)]
    for _ in range(1500):
        act = dice.random()
        standing = [i for i, queue in enumerate(queues) if queue is not None]
        if act < 0.4:
            message = venue.change(dice)
            for i in standing:
                queue = queues[i]
                assert queue is not None
                queue.append(message)
        elif act < 0.405 and len(standing) > 1 and 0 in standing:
            # what was on its way is lost with the connection; connection 0 always stands, so nothing is missed
            victim = dice.choice([i for i in standing if i != 0])
            queues[victim] = None
            router.leave(victim, "cut")
        elif act < 0.42 and len(standing) < connections:
            back = next(i for i, queue in enumerate(queues) if queue is None)
            queues[back] = deque(venue.welcome())
            router.join(back)
        else:
            i = dice.choice(standing)
            queue = queues[i]
            if queue:
                router.source = i
                router.feed(queue.popleft())
        assert book.state is State.LIVE
        assert bids(book) == venue.at(book)
    for i, queue in enumerate(queues):
        router.source = i
        for payload in queue or ():
            router.feed(payload)
    assert bids(book) == venue.truth[-1]
    assert router.counts["gap"] == 0 and router.counts["refused"] == 0
