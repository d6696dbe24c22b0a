"""Audits: a real router and lane, and a REST that the test holds in its hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from csbook import Book, Router, State
from csbook.clock import LiveClock
from csbook.errors import BadMessage, ConnectError, RequestError
from csbook.guard.budget import RateBudget
from csbook.guard.resync import ResyncQueue
from csbook.net.audit import Auditor
from csbook.net.lane import Lane
from csbook.net.resync import Mender
from csbook.net.taps import Taps
from csbook.net.timing import Timing
from csbook.types import Alert
from csbook.venues.dialect import BookAnswer
from oracle import diff, dump, seed_depth
from scripted import until

BIDS = [["100", "1"], ["99", "2"], ["98", "3"], ["97", "4"]]
ASKS = [["101", "1"], ["102", "2"], ["103", "3"], ["104", "4"]]


class Bench:
    def __init__(self, *symbols: str, budget: RateBudget | None = None, mender: Mender | None = None) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[str], BookAnswer | Exception] = lambda symbol: BookAnswer(BIDS, ASKS)
        self.during: Callable[[str], None] = lambda symbol: None
        self.alerts: list[Alert] = []
        self.errors: list[Exception] = []
        self.moves: list[str] = []
        taps = Taps()
        taps.on_alert.append(self.alerts.append)
        taps.on_error.append(self.errors.append)
        taps.on_state.append(lambda book, old, new, why: self.moves.append(f"{book.symbol} {old}->{new}: {why}"))
        self.router = Router("binance", [Book(symbol) for symbol in symbols or ("A",)])
        self.lane = Lane(self.router, {symbol: (symbol,) for symbol in self.router.books}, taps=taps)
        self.lane.joined(0)
        for symbol in self.router.books:
            self.router.feed(dump(diff(11, 12, 10, symbol=symbol)))
            self.router.feed_snapshot(symbol, dump(seed_depth(12, BIDS, ASKS)))
        self.lane.moved()
        self.moves.clear()
        self.auditor = Auditor(
            every=60.0,
            window=0.001,
            fetch=self.fetch,
            read=lambda payload: self.answers.pop(payload),
            budget=budget or RateBudget(1000),
            lanes=lambda: [self.lane],
            taps=taps,
            timing=Timing(),
            mender=mender,
        )
        self.answers: dict[bytes, BookAnswer] = {}

    def book(self, symbol: str = "A") -> Book:
        return self.router.books[symbol]

    async def fetch(self, symbol: str) -> bytes:
        self.asked.append(symbol)
        self.during(symbol)
        found = self.answer(symbol)
        if isinstance(found, Exception):
            raise found
        self.answers[key := b"%d" % len(self.asked)] = found
        return key

    async def audit(self) -> dict[str, int]:
        await self.auditor.run(0.0)
        return self.auditor.counts


def counts(audits: int, ghosts: int = 0, missing: int = 0, wrong_sizes: int = 0) -> dict[str, int]:
    return {"audits": audits, "ghosts": ghosts, "missing": missing, "wrong_sizes": wrong_sizes}


async def test_a_book_that_agrees() -> None:
    bench = Bench()
    before = bench.auditor.due(0.0)
    assert await bench.audit() == counts(1)
    assert bench.asked == ["A"] and bench.alerts == bench.errors == bench.moves == []
    assert bench.auditor.due(0.0) >= before  # the next one counts from the end of this


async def test_each_book_has_its_turn() -> None:
    bench = Bench("A", "B", "C")
    for _ in range(6):
        await bench.audit()
    assert sorted(bench.asked) == ["A", "A", "B", "B", "C", "C"] and sorted(bench.asked[:3]) == ["A", "B", "C"]


async def test_a_few_wrong_levels_are_counted_and_no_more() -> None:
    bench = Bench()
    bench.answer = lambda symbol: BookAnswer(BIDS, [*ASKS[:1], ["102", "9"], *ASKS[2:], ["105", "5"]])
    assert await bench.audit() == counts(1, wrong_sizes=1)
    bench.answer = lambda symbol: BookAnswer([*BIDS[:2], ["98.5", "1"], *BIDS[2:]], [ASKS[0], *ASKS[2:], ["105", "1"]])
    assert await bench.audit() == counts(2, ghosts=1, missing=1, wrong_sizes=1)
    assert bench.asked == ["A"] * 4  # each suspicion was looked at twice
    assert bench.book().state is State.LIVE and bench.alerts == []


async def test_many_ghosts_lose_the_book() -> None:
    bench = Bench()
    bench.answer = lambda symbol: BookAnswer([["97", "4"], ["90", "1"]], ASKS)
    assert await bench.audit() == counts(1, ghosts=3)
    told = "3 ghosts in 7 levels compared"
    assert bench.moves == [f"A LIVE->GAP: audit: {told}"]
    assert bench.alerts == [Alert("audit", f"A: {told}; the book is synchronised again")]
    assert await bench.audit() == counts(1, ghosts=3)  # a book that is not LIVE is not audited
    assert len(bench.asked) == 2


async def test_what_the_second_look_does_not_confirm_is_nothing() -> None:
    bench = Bench()
    bench.answer = lambda symbol: BookAnswer(BIDS if len(bench.asked) > 1 else BIDS[3:], ASKS)
    assert await bench.audit() == counts(1)
    assert len(bench.asked) == 2 and bench.book().state is State.LIVE


async def test_what_changes_while_it_is_asked_proves_nothing() -> None:
    bench = Bench()
    at = [12]

    def change(symbol: str) -> None:
        bench.router.feed(dump(diff(at[0] + 1, at[0] + 1, at[0], [["99", str(at[0])]], [], symbol="A")))
        at[0] += 1

    bench.during = change
    bench.answer = lambda symbol: BookAnswer([row for row in BIDS if row[0] != "99"], ASKS)
    assert await bench.audit() == counts(1)
    assert len(bench.asked) == 1


@pytest.mark.parametrize("old", [{"sequence": 11}, {"time_ns": 1_699_999_999_999_000_000}])
async def test_a_snapshot_older_than_the_first_look_proves_nothing(old: dict[str, int]) -> None:
    bench = Bench()
    bench.answer = lambda symbol: BookAnswer(BIDS[:1], ASKS[:1], **old)
    assert await bench.audit() == counts(0)
    bench.answer = lambda symbol: BookAnswer(BIDS, ASKS, **{key: value + 10**6 for key, value in old.items()})
    assert await bench.audit() == counts(1)


async def test_a_book_that_was_lost_in_between_is_not_judged() -> None:
    for loss in ("disconnected", "gap", "unsubscribed"):
        bench = Bench()
        bench.answer = lambda symbol: BookAnswer(BIDS[3:], ASKS)

        def lose(symbol: str, bench: Bench = bench, loss: str = loss) -> None:
            if loss == "disconnected":
                bench.lane.left(0, "cut")
            elif loss == "gap":
                bench.router.feed(dump(diff(21, 22, 20, symbol="A")))
            else:
                bench.lane.drop("A", "unsubscribed")

        bench.during = lose
        assert await bench.audit() == counts(0) and bench.alerts == []
        assert await bench.audit() == counts(0)


async def test_failures_are_told_now_and_then() -> None:
    bench = Bench()
    bench.answer = lambda symbol: ConnectError("no answer", url="x")
    for _ in range(5):
        await bench.audit()
    assert len(bench.errors) == 2 and bench.auditor.counts == counts(0)
    bench.answer = lambda symbol: BookAnswer([["x", "1"]], ASKS)
    await bench.audit()
    bench.answer = lambda symbol: BookAnswer(BIDS, ASKS)
    assert await bench.audit() == counts(1)
    bench.answer = lambda symbol: BookAnswer([["100.123456789", "1"]], ASKS)
    await bench.audit()
    assert isinstance(bench.errors[-1], BadMessage) and len(bench.errors) == 3


async def test_a_venue_that_asks_for_silence_has_it() -> None:
    queue: ResyncQueue[Any] = ResyncQueue(RateBudget(1000))
    mender = Mender(queue, fetch=None, taps=Taps(), clock=LiveClock())
    bench = Bench(mender=mender)
    bench.answer = lambda symbol: RequestError("banned", status=418)
    now = Timing().now()
    await bench.audit()
    assert bench.auditor.due(0.0) >= now + 120.0
    queue.want("X", now)
    assert queue.take(now + 1.0) is None  # what mends the books is silent as well


async def test_half_of_the_budget_is_left_to_those_who_mend() -> None:
    budget = RateBudget(4, 3600.0)
    bench = Bench(budget=budget)
    await bench.audit()
    assert budget.wait(Timing().now(), 3) == 0.0
    for _ in range(2):
        budget.spend(Timing().now())
    running = asyncio.ensure_future(bench.audit())
    await asyncio.sleep(0.02)
    assert not running.done() and len(bench.asked) == 1 and budget.wait(Timing().now()) == 0.0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_cancelled_while_it_asks() -> None:
    bench = Bench()
    started, ended = asyncio.Event(), []

    async def never(symbol: str) -> bytes:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(symbol)
        raise AssertionError

    bench.auditor._fetch = never
    running = asyncio.ensure_future(bench.audit())
    await started.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: ended == ["A"])


async def test_without_books_there_is_nothing_to_do() -> None:
    bench = Bench()
    bench.lane.names.clear()
    assert await bench.audit() == counts(0) and bench.asked == []
