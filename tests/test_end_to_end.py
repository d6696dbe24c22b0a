"""The feed against the local venue over loopback, with each fault injected.

What must hold whatever breaks: the final book is the venue's, the counters tell what happened, a price is LIVE only
while it may be traded on, and nothing is left open at the end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from csbook import Book, Feed, State
from csbook.loop import _cores, run
from csbook.net.setting import Policy
from scripted import open_sockets, until

pytest.importorskip("aiohttp")

from csbook.sim import LocalVenue

SYMBOLS = ("BTCUSDT", "ETHUSDT")
POLICY = Policy(backoff_base=0.01, backoff_cap=0.1, pong_within=1.0, confirm_within=5.0)


@dataclass
class Watch:
    """Everything that the feed said, in order, and what was wrong the moment it was said."""

    moves: list[tuple[str, State, State, str]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    sequences: dict[str, int] = field(default_factory=dict)
    states: dict[str, State] = field(default_factory=dict)
    calls: int = 0

    def listen(self, feed: Feed) -> None:
        feed.on_book(self.book)
        feed.on_state(self.state)
        feed.on_error(self.errors.append)

    def book(self, book: Book) -> None:
        self.calls += 1
        book._check()
        known = self.states.get(book.symbol, State.EMPTY)
        if book.state is not known:
            self.wrong.append(f"{book.symbol} is {book.state} in on_book, and on_state said {known}")
        if book.state is State.LIVE:
            if book.sequence < self.sequences.get(book.symbol, 0):
                self.wrong.append(f"{book.symbol} went back to {book.sequence}")
            if book.best_bid >= book.best_ask:
                self.wrong.append(f"{book.symbol} is LIVE and crossed")
        self.sequences[book.symbol] = book.sequence

    def state(self, book: Book, old: State, new: State, reason: str) -> None:
        self.moves.append((book.symbol, old, new, reason))
        if self.states.get(book.symbol, State.EMPTY) is not old:
            self.wrong.append(f"{book.symbol} came from {self.states.get(book.symbol)}, and on_state says {old}")
        if not reason:
            self.wrong.append("a move without a reason")
        self.states[book.symbol] = new
        if new is not State.LIVE:
            if book.tradable(10**15):
                self.wrong.append(f"{book.symbol} is {new} and tradable")
            self.sequences.pop(book.symbol, None)  # a new connection may begin lower

    async def stay(self, feed: Feed, stale_after: float) -> None:
        """Look at every book all the time: is one LIVE that nobody feeds?"""
        while True:
            assert feed._supervisor is not None
            for stream in feed._supervisor.streams:
                for book in () if stream.router is None else stream.router.books.values():
                    if book.state is State.LIVE and not stream.is_connected:
                        self.wrong.append(f"{book.symbol} is LIVE without a connection")
                    quiet = (time.monotonic_ns() - stream.intake.heard_ns) / 1e9
                    if book.state is State.LIVE and quiet > stale_after + 0.25:  # the machine may be busy
                        self.wrong.append(f"{book.symbol} is LIVE after {quiet:.2f} s of silence")
            await asyncio.sleep(0.005)

    def reasons(self, old: State, new: State) -> list[str]:
        return [reason for _, a, b, reason in self.moves if (a, b) == (old, new)]


@asynccontextmanager
async def stand(depth: int = 20, **options: Any) -> AsyncIterator[tuple[LocalVenue, Feed, Watch]]:
    before = open_sockets()
    feed_options = {name: options.pop(name) for name in ("stale_after", "channels") if name in options}
    options = {"speed": 20.0, "seed": 1, **options}
    async with LocalVenue(symbols=SYMBOLS, **options) as sim:
        watch = Watch()
        feed = Feed("coinswitch", SYMBOLS, depth=depth, url=sim.ws_url, _policy=POLICY, **feed_options)
        watch.listen(feed)
        async with feed:
            watching = asyncio.ensure_future(watch.stay(feed, feed_options.get("stale_after", 5.0)))
            try:
                yield sim, feed, watch
            finally:
                watching.cancel()
        assert all(book.state is not State.LIVE for book in feed.books.values())
        assert watch.wrong == []
        assert feed.stats()["callback_errors"] == 0
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


def raw(levels: list[tuple[str, str]]) -> list[tuple[int, int]]:
    """The venue's text at the book's scale of 8 and 8, exactly."""
    return [(int(Decimal(price).scaleb(8)), int(Decimal(size).scaleb(8))) for price, size in levels]


def same(book: Book, sim: LocalVenue, depth: int = 20) -> bool:
    bids, asks, sequence = sim.final_book(book.symbol, depth)
    return (
        book.state is State.LIVE
        and book.sequence == sequence
        and list(zip(book.bid_prices_raw.tolist(), book.bid_sizes_raw.tolist(), strict=True)) == raw(bids)
        and list(zip(book.ask_prices_raw.tolist(), book.ask_sizes_raw.tolist(), strict=True)) == raw(asks)
    )


async def settle(sim: LocalVenue, feed: Feed, depth: int = 20) -> None:
    """The market stands still, the faults end: every book becomes the venue's."""
    sim.pause()
    sim.faults = ()  # type: ignore[assignment]
    async with asyncio.timeout(40):
        while not all(same(book, sim, depth) for book in feed.books.values()):
            await sim.publish()
            await asyncio.sleep(0.02)


async def flow(feed: Feed, watch: Watch, calls: int = 300, within: float = 20.0) -> None:
    await until(lambda: watch.calls >= calls, within)


@pytest.mark.parametrize("depth", [5, 10, 20])
async def test_no_fault(depth: int) -> None:
    async with stand(depth) as (sim, feed, watch):
        await flow(feed, watch)
        sim.pause()
        await until(lambda: all(same(book, sim, depth) for book in feed.books.values()))
        stats = feed.stats()
        assert watch.moves == [(symbol, State.EMPTY, State.LIVE, "message applied") for symbol in watch.states]
        assert watch.errors == []
        assert {name: stats[name] for name in ("refused", "ignored", "reconnects", "declined", "gaps", "unknown")} == {
            "refused": 0, "ignored": 0, "reconnects": 0, "declined": 0, "gaps": 0, "unknown": 0,
        }  # fmt: skip
        assert stats["updates"] >= watch.calls
        assert 0 < stats["latency_p50_ns"] <= stats["latency_p99_ns"]


@pytest.mark.parametrize("fault", ["drop=0.2", "duplicate=0.3", "delay=0.02:30ms", "split=0.3"])
async def test_faults_that_a_replacing_book_does_not_feel(fault: str) -> None:
    async with stand(faults=[fault]) as (sim, feed, watch):
        await flow(feed, watch)
        await until(lambda: sim.counts[fault.partition("=")[0]] > 3)
        await settle(sim, feed)
        stats = feed.stats()
        assert (stats["refused"], stats["reconnects"], stats["ignored"]) == (0, 0, 0)
        assert watch.errors == []
        assert {new for _, _, new, _ in watch.moves} == {State.LIVE}


async def test_reorder() -> None:
    """A message that was overtaken is older than the book: ignored and counted."""
    async with stand(faults=["reorder=0.3"]) as (sim, feed, watch):
        await flow(feed, watch)
        await until(lambda: feed.stats()["ignored"] > 5)
        await settle(sim, feed)
        assert feed.stats()["ignored"] <= sim.counts["reorder"]
        assert watch.errors == []


async def test_malformed() -> None:
    async with stand(faults=["malformed=0.1"]) as (sim, feed, watch):
        await flow(feed, watch)
        await until(lambda: sim.counts["malformed"] > 10)
        await settle(sim, feed)
        stats = feed.stats()
        assert stats["refused"] + stats["unknown"] == sim.counts["malformed"]
        assert len(watch.errors) == stats["refused"]
        assert stats["reconnects"] == 0
        assert {new for _, _, new, _ in watch.moves} == {State.LIVE}  # a replaced book needs only the next message


async def test_disconnect() -> None:
    async with stand(faults=["disconnect=0.02"]) as (sim, feed, watch):
        await until(lambda: feed.stats()["reconnects"] >= 6, within=20.0)
        await settle(sim, feed)
        losses = watch.reasons(State.LIVE, State.STALE)
        assert losses
        assert all("closed by the venue: 1001" in reason or reason == "connection lost" for reason in losses)
        assert len(watch.reasons(State.STALE, State.LIVE)) == len(losses)
        assert feed.stats()["reconnects"] == sim.counts["disconnect"]


async def test_stall() -> None:
    async with stand(faults=["stall=0.01:600ms"], stale_after=0.15) as (sim, feed, watch):
        await until(lambda: len(watch.reasons(State.LIVE, State.STALE)) >= 2, within=20.0)
        await settle(sim, feed)
        assert set(watch.reasons(State.LIVE, State.STALE)) <= {"no frame for 0.15 s", "connection lost"}
        assert sim.counts["stall"] >= 1


async def test_everything_at_once() -> None:
    faults = "drop=0.05 duplicate=0.05 reorder=0.05 delay=0.01:20ms split=0.05 disconnect=0.005 malformed=0.02"
    async with stand(faults=faults.split(), channels=("book", "trades", "tickers")) as (sim, feed, watch):
        trades = feed.trades(limit=100_000)
        await flow(feed, watch, calls=1500, within=30.0)
        await until(lambda: feed.stats()["reconnects"] >= 1, within=20.0)
        await settle(sim, feed)
        assert (await anext(trades)).symbol in SYMBOLS


async def test_the_venue_goes_away_and_comes_back() -> None:
    before = open_sockets()
    watch = Watch()
    async with LocalVenue(symbols=SYMBOLS, speed=20.0) as sim:
        port = sim.port
        feed = Feed("coinswitch", SYMBOLS, url=sim.ws_url, _policy=POLICY)
        watch.listen(feed)
        await feed.__aenter__()
        await flow(feed, watch, calls=50)
    await until(lambda: all(book.state is State.STALE for book in feed.books.values()))
    await asyncio.sleep(0.2)
    assert all(book.state is State.STALE for book in feed.books.values())
    assert watch.errors  # every failed try is told
    async with LocalVenue(symbols=SYMBOLS, speed=20.0, port=port) as sim:
        await until(lambda: all(book.state is State.LIVE for book in feed.books.values()))
        await settle(sim, feed)
        await feed.__aexit__(None, None, None)
    assert watch.wrong == []
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


async def test_pings_are_answered_within_the_deadline() -> None:
    async with stand(ping_interval_s=0.05, pong_deadline_s=0.5) as (sim, feed, _):
        await until(lambda: feed.stats()["pings"] >= 10)
        assert sim.counts["no_pong"] == 0
        assert sim.counts["too_fast"] == 0
        assert feed.stats()["reconnects"] == 0


@pytest.mark.parametrize("spin", [False, True])
def test_on_the_loop_that_users_run(spin: bool) -> None:
    """uvloop where it is installed; the tests above run on asyncio's own."""

    async def main() -> None:
        async with stand(faults=["disconnect=0.01", "malformed=0.02", "split=0.05"]) as (sim, feed, watch):
            await flow(feed, watch)
            await until(lambda: feed.stats()["reconnects"] >= 1)
            await settle(sim, feed)

    if spin and len(_cores()) < 2:
        pytest.skip("spinning takes two cores")
    run(main(), spin=spin)


async def test_envelopes() -> None:
    async with stand(envelope=True) as (sim, feed, watch):
        await flow(feed, watch, calls=50)
        await settle(sim, feed)


async def test_the_safe_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSBOOK_READER", "buffer")
    async with stand(faults=["split=0.2", "malformed=0.05"]) as (sim, feed, watch):
        await flow(feed, watch)
        await settle(sim, feed)
        assert feed.stats()["reader"] == "buffer"
