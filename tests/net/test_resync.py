"""Mending books: a real Router and queue, a REST answer that the test holds in its hand."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from csbook import Book, Router, State
from csbook.clock import LiveClock
from csbook.errors import ConnectError, RequestError
from csbook.guard.budget import RateBudget
from csbook.guard.resync import ResyncQueue
from csbook.net.lane import Lane
from csbook.net.origin import http_origin
from csbook.net.resync import Mender, rest_budget, resync_queue
from csbook.net.taps import Taps
from csbook.venues import dialect
from oracle import diff, dump, seed_depth
from scripted import until

BIDS, ASKS = [["100", "1"]], [["101", "1"]]


class Venue:
    """REST by hand: each request waits for an answer, bytes or an error."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    async def fetch(self, symbol: str) -> bytes:
        self.asked.append(symbol)
        answer = await self.answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer


class Bench:
    def __init__(self, venue: str = "binance", *, resubscribe: bool = False) -> None:
        self.rest = Venue()
        self.taps = Taps()
        self.errors: list[Exception] = []
        self.moves: list[str] = []
        self.told: list[int] = []
        self.taps.on_error.append(self.errors.append)
        self.taps.on_state.append(lambda _, old, new, why: self.moves.append(f"{old}->{new}"))
        queue: ResyncQueue[Any] = ResyncQueue(RateBudget(1000), base=0.001, cap=0.004, spread=0.0)
        fetch = None if resubscribe else self.rest.fetch
        self.mender = Mender(queue, fetch=fetch, taps=self.taps, clock=LiveClock())
        self.book = Book("BTCUSDT")
        self.router = Router(venue, [self.book])
        names = {"BTCUSDT": ("btcusdt@depth",)}
        self.lane = Lane(self.router, names, taps=self.taps, mender=self.mender, resubscribe=resubscribe)
        self.resubscribed: list[tuple[str, ...]] = []
        self.stands = True
        self.lane.enter(self)
        self.lane.joined(0)

    # -- as a runner of the lane

    def heard(self) -> float:
        return 0.0

    def resubscribe(self, names: tuple[str, ...]) -> bool:
        self.resubscribed.append(names)
        return self.stands

    def publish(self) -> None:
        self.told += [book.sequence for book in self.router.take_changed()]

    def feed(self, payload: bytes) -> None:
        if self.router.feed(payload).name == "BUFFERED":
            self.lane.waiting()
        self.lane.moved()


async def test_a_snapshot_is_asked_for_once_and_joined() -> None:
    bench = Bench()
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    bench.feed(dump(diff(13, 14, 12, [["99", "5"]], [])))
    await until(lambda: bench.rest.asked)
    bench.rest.answers.put_nowait(dump(seed_depth(11, BIDS, ASKS)))
    await until(lambda: bench.book.state is State.LIVE)
    assert bench.rest.asked == ["BTCUSDT"] and bench.book.sequence == 14
    assert bench.moves == ["EMPTY->SYNCING", "SYNCING->LIVE"] and bench.told == [14]
    assert (bench.mender.resyncs, bench.mender.retries) == (0, 0)  # a first snapshot mends no gap
    await bench.mender.close()


async def test_a_snapshot_older_than_the_buffer_is_asked_for_again_and_the_buffer_kept() -> None:
    bench = Bench()
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    for snapshot in (5, 9):
        bench.rest.answers.put_nowait(dump(seed_depth(snapshot, BIDS, ASKS)))
    await until(lambda: len(bench.rest.asked) == 3)
    assert bench.book.state is State.SYNCING
    bench.rest.answers.put_nowait(dump(seed_depth(12, BIDS, ASKS)))
    await until(lambda: bench.book.state is State.LIVE)
    assert bench.mender.retries == 2 and bench.errors == []
    await bench.mender.close()


async def test_a_gap_is_mended_and_counted() -> None:
    bench = Bench()
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    bench.rest.answers.put_nowait(dump(seed_depth(12, BIDS, ASKS)))
    await until(lambda: bench.book.state is State.LIVE)
    bench.feed(dump(diff(15, 16, 14, BIDS, ASKS)))
    assert bench.book.state is State.GAP  # before anything is awaited
    bench.feed(dump(diff(17, 18, 16, BIDS, ASKS)))
    bench.rest.answers.put_nowait(dump(seed_depth(17, BIDS, ASKS)))
    await until(lambda: bench.book.state is State.LIVE)
    assert bench.book.sequence == 18 and bench.mender.resyncs == 1
    await bench.mender.close()


@pytest.mark.parametrize(
    "failure",
    [RequestError("answered 503", status=503), ConnectError("no answer"), b"{", b'{"lastUpdateId":12,"bids":[]}'],
)
async def test_a_failure_is_told_and_tried_again(failure: Any) -> None:
    bench = Bench()
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    bench.rest.answers.put_nowait(failure)
    await until(lambda: bench.errors)
    bench.rest.answers.put_nowait(dump(seed_depth(12, BIDS, ASKS)))
    await until(lambda: bench.book.state is State.LIVE)
    assert len(bench.errors) == 1 and bench.mender.retries == 1
    await bench.mender.close()


async def test_a_venue_that_asks_for_silence_gets_it() -> None:
    bench = Bench()
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    bench.rest.answers.put_nowait(RequestError("answered 429", status=429))
    await until(lambda: bench.errors)
    due = bench.mender._queue.next_time(LiveClock().monotonic_ns() / 1e9)
    assert due is not None and due - LiveClock().monotonic_ns() / 1e9 > 5.0
    await bench.mender.close()


async def test_an_answer_from_before_a_loss_is_thrown_away() -> None:
    bench = Bench()
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    await until(lambda: bench.rest.asked)
    bench.lane.left(0, "cut")
    bench.lane.joined(0)
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    bench.rest.answers.put_nowait(dump(seed_depth(11, [["1", "1"]], ASKS)))
    await until(lambda: len(bench.rest.asked) == 2)
    assert bench.book.state is State.GAP and bench.book.updates == 0
    bench.rest.answers.put_nowait(dump(seed_depth(12, BIDS, ASKS)))
    await until(lambda: bench.book.state is State.LIVE)
    assert bench.book.best_bid == 100
    await bench.mender.close()


def bybit(kind: str, u: int) -> bytes:
    data = {"s": "BTCUSDT", "b": BIDS, "a": ASKS, "u": u, "seq": 1}
    return json.dumps({"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": 1, "data": data}).encode()


async def test_where_snapshots_come_in_the_stream_a_gap_is_mended_by_subscribing_again() -> None:
    bench = Bench("bybit", resubscribe=True)
    bench.feed(bybit("snapshot", 10))
    bench.feed(bybit("delta", 12))
    assert bench.book.state is State.GAP
    await until(lambda: bench.resubscribed)
    bench.feed(bybit("snapshot", 13))
    await until(lambda: bench.mender.resyncs == 1)
    assert bench.resubscribed == [("btcusdt@depth",)] and bench.book.state is State.LIVE
    await bench.mender.close()


async def test_subscribing_again_is_repeated_when_nothing_comes_of_it() -> None:
    bench = Bench("bybit", resubscribe=True)
    bench.feed(bybit("snapshot", 10))
    bench.feed(bybit("delta", 12))
    await until(lambda: len(bench.resubscribed) >= 3)
    bench.feed(bybit("snapshot", 13))
    await until(lambda: bench.mender.resyncs == 1)
    await bench.mender.close()


async def test_a_change_that_is_lost_right_behind_the_new_snapshot_is_mended_at_once() -> None:
    """The look at what came of the first try may be a minute away."""
    bench = Bench("bybit", resubscribe=True)
    bench.mender._queue._base = bench.mender._queue._cap = 60.0
    for last in (10, 20, 30):
        bench.feed(bybit("snapshot", last))
        assert bench.book.state is State.LIVE
        bench.feed(bybit("delta", last + 2))
        assert bench.book.state is State.GAP
        await until(lambda last=last: len(bench.resubscribed) == last // 10)  # type: ignore[misc]
    assert bench.mender.resyncs == 2
    await bench.mender.close()


async def test_without_a_connection_the_next_one_mends() -> None:
    bench = Bench("bybit", resubscribe=True)
    bench.feed(bybit("snapshot", 10))
    bench.stands = False
    bench.lane.left(0, "cut")
    await until(lambda: len(bench.mender._queue) == 0)
    await bench.mender.close()


async def test_a_book_that_is_dropped_is_not_mended() -> None:
    bench = Bench()
    bench.feed(dump(diff(11, 12, 10, BIDS, ASKS)))
    await until(lambda: bench.rest.asked)
    bench.lane.drop("BTCUSDT", "unsubscribed")
    bench.rest.answers.put_nowait(dump(seed_depth(1, BIDS, ASKS)))
    await until(lambda: len(bench.mender._queue) == 0)
    assert bench.book.state is not State.LIVE
    bench.feed(dump(diff(13, 14, 12, BIDS, ASKS)))
    await asyncio.sleep(0.01)
    assert bench.rest.asked == ["BTCUSDT"]
    await bench.mender.close()


def test_the_queues_of_an_origin_share_its_budget() -> None:
    origin = http_origin("http://127.0.0.1:9")
    first, second = resync_queue(dialect("binance"), origin), resync_queue(dialect("binance"), origin)
    assert first is not second and first._budget is second._budget
    assert resync_queue(dialect("binance"), http_origin("http://127.0.0.1:8"))._budget is not first._budget


def test_audits_and_resyncs_share_what_the_venue_allows() -> None:
    origin = http_origin("http://127.0.0.1:9")
    for name, shared in (("binance", True), ("kucoin", True), ("bybit", False)):  # Bybit's are messages of a socket
        found = dialect(name)
        assert found.rest is not None
        budget = rest_budget(name, found.rest, origin)
        assert (resync_queue(found, origin)._budget is budget) or not shared
        assert rest_budget(name, found.rest, origin) is budget
        assert budget.limit == found.rest.calls_per_window
