"""The market's march, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from csbook.clock import TapeClock
from csbook.sim.board import Board, Message
from csbook.sim.connection import Conduct, Connection
from csbook.sim.faults import Faults
from csbook.sim.floor import Floor
from csbook.sim.market import Market
from csbook.sim.recording import Deal, packaged
from csbook.venues import dialect

START = 1_700_000_000_000  # ms
STREAMS = ["btcusdt@depth20", "btcusdt@trade"]


class Listener(Connection):
    """Takes messages without a socket."""

    def __init__(self) -> None:
        super().__init__(1, None, None)  # type: ignore[arg-type]
        self.said: list[Message] = []
        self.sound: list[bool] = []
        self.stuck = False
        self.roused = 0

    def offer(self, message: Message, data: bytes, *, sound: bool = False) -> None:
        self.said.append(message)
        self.sound.append(sound)

    def rouse(self) -> None:
        self.roused += 1

    @property
    def behind(self) -> bool:
        return self.stuck

    def of(self, stream: str) -> list[Any]:
        return [json.loads(m.payload) for m in self.said if m.stream == stream]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("waited in vain")


@asynccontextmanager
async def floor(speed: float, **options: Any) -> AsyncIterator[tuple[Floor, Listener, TapeClock]]:
    clock = TapeClock(START * 1_000_000)
    market = Market(packaged(), ["BTCUSDT"])
    conduct = Conduct(Faults(), 0, 60, 60, 1, 100, 10)
    floor = Floor(market, Board(market, dialect("coinswitch"), **options), conduct, clock, speed)
    listener = Listener()
    floor.enter(listener)
    floor.subscribe(listener, STREAMS)
    floor.start()
    task = asyncio.create_task(floor.run())
    try:
        yield floor, listener, clock
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nothing_moves_while_the_clock_stands() -> None:
    async with floor(1.0) as (_, listener, _clock):
        await asyncio.sleep(0.06)
        assert [m.stream for m in listener.said] == ["btcusdt@depth20"], "the one that greets a subscriber"


async def test_recorded_time_is_shifted_to_now() -> None:
    async with floor(1.0) as (_, listener, clock):
        clock.advance(3_000_000_000)
        recorded = [deal for deal in packaged().deals if deal.at_ms <= 3000]
        await until(lambda: len(listener.of("btcusdt@trade")) >= len(recorded))
        trades = listener.of("btcusdt@trade")
        assert [t["t"] for t in trades] == [deal.id for deal in recorded]
        for trade, deal in zip(trades, recorded, strict=True):
            assert abs(trade["E"] - START - deal.at_ms) <= 1
            assert trade["E"] - trade["T"] == deal.lag_ms


async def test_speed_multiplies_recorded_time() -> None:
    async with floor(10.0) as (_, listener, clock):
        clock.advance(300_000_000)
        recorded = [deal for deal in packaged().deals if deal.at_ms <= 3000]
        await until(lambda: len(listener.of("btcusdt@trade")) >= len(recorded))
        trades = listener.of("btcusdt@trade")
        assert len(trades) == len(recorded)
        assert all(abs(t["E"] - START - d.at_ms / 10) <= 1 for t, d in zip(trades, recorded, strict=True))


async def test_at_speed_0_the_market_waits_for_its_clients() -> None:
    async with floor(0.0) as (it, listener, _clock):
        await until(lambda: len(listener.said) > 20)
        listener.stuck = True
        await asyncio.sleep(0.02)
        stuck_at = len(listener.said)
        await asyncio.sleep(0.02)
        assert len(listener.said) == stuck_at
        listener.stuck = False
        await until(lambda: len(listener.said) > stuck_at)
        it.unsubscribe(listener, STREAMS)
        await asyncio.sleep(0)
        left_at = len(listener.said)
        await asyncio.sleep(0.02)
        assert len(listener.said) == left_at, "nobody watches, nothing moves"


async def test_pause_and_resume() -> None:
    async with floor(1.0, depth_interval_ms=100_000) as (it, listener, clock):
        clock.advance(2_000_000_000)
        await until(lambda: len(listener.of("btcusdt@depth20")) == 2)
        await until(lambda: it._market.due_ms > 2000)
        it.pause()
        bids, _asks, update_id = it.board.book("BTCUSDT", 20)
        newest = listener.of("btcusdt@depth20")[-1]
        assert newest["lastUpdateId"] == update_id, "what was still owed"
        assert newest["bids"] == [list(level) for level in bids]
        assert listener.roused
        heard = len(listener.said)
        clock.advance(5_000_000_000)
        await asyncio.sleep(0.06)
        it.pause()
        assert len(listener.said) == heard
        it.resume()
        it.resume()
        clock.advance(1_000_000_000)
        recorded = [deal for deal in packaged().deals if deal.at_ms <= 3000]
        await until(lambda: len(listener.of("btcusdt@trade")) >= len(recorded))
        later = listener.of("btcusdt@trade")
        assert [t["t"] for t in later] == [deal.id for deal in recorded], "nothing was skipped"
        assert abs(later[-1]["E"] - START - 5000 - recorded[-1].at_ms) <= 1, "and it is now again"


async def test_publish_is_sound() -> None:
    async with floor(1.0) as (it, listener, _clock):
        await it.publish()
        assert [m.stream for m in listener.said] == ["btcusdt@depth20"] * 2
        assert listener.sound == [False, True]


async def test_who_leaves_hears_no_more() -> None:
    async with floor(1.0) as (it, listener, clock):
        it.unsubscribe(listener, ["btcusdt@depth20", "no@such"])
        clock.advance(1_000_000_000)
        await until(lambda: bool(listener.of("btcusdt@trade")))
        assert len(listener.of("btcusdt@depth20")) == 1
        it.leave(listener)
        assert listener.gone.is_set()
        assert not it.connections
        assert not it.board.watched
        assert listener.streams == {}


async def test_catching_up_needs_no_sleep() -> None:
    async with floor(2.0) as (it, listener, clock):
        clock.advance(1_500_000_000)
        it.catch_up()
        recorded = [deal for deal in packaged().deals if deal.at_ms <= 3000]
        trades = listener.of("btcusdt@trade")
        assert [t["t"] for t in trades] == [deal.id for deal in recorded]
        assert all(abs(t["E"] - START - d.at_ms / 2) <= 1 for t, d in zip(trades, recorded, strict=True))
        it.pause()
        heard = len(listener.said)
        clock.advance(1_500_000_000)
        it.catch_up()
        assert len(listener.said) == heard


async def test_step_by_step_while_the_market_stands() -> None:
    async with floor(1.0) as (it, listener, _clock):
        it.pause()
        for _ in range(100):
            it.step()
            assert listener.of("btcusdt@depth20")[-1]["lastUpdateId"] == it.board.book("BTCUSDT", 20)[2]
        events = packaged().order[:100]
        assert len(listener.of("btcusdt@trade")) == sum(not hasattr(event, "update_id") for event in events)
        it.resume()
        await asyncio.sleep(0.01)
        assert it._market.due_ms >= events[-1].at_ms


async def test_stir_says_what_orders_have_changed() -> None:
    async with floor(1.0) as (it, listener, _clock):
        listing = it._market.listings["BTCUSDT"]
        bids, asks = listing.top(20)

        class Mine:
            updates = 1

            def top(self, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
                return bids[1:depth], asks[:depth]

        listing.overlay = Mine()
        it.stir(listing, [Deal(0, 0, 77, bids[0][0], bids[0][1], True)])
        (trade,) = listener.of("btcusdt@trade")
        assert (trade["t"], trade["m"], trade["E"], trade["T"]) == (77, True, START, START)
        depth = listener.of("btcusdt@depth20")[-1]
        assert len(depth["bids"]) == 19
        assert depth["lastUpdateId"] == listing.book.update_id + 1
