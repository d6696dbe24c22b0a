from __future__ import annotations

import asyncio

from csbook.clock import LiveClock, TapeClock
from csbook.sim.alarms import Alarms


def test_on_a_clock_that_is_moved_time_passes_when_it_rings() -> None:
    clock, called = TapeClock(), list[str]()
    alarms = Alarms(clock)
    assert alarms.due_ns is None
    alarms.set(2.0, lambda: called.append("late"))
    alarms.set(1.0, lambda: called.append("first"))
    alarms.set(1.0, lambda: called.append("second"))
    assert alarms.due_ns == 1_000_000_000
    clock.advance(999_999_999)
    alarms.ring()
    assert called == []
    clock.advance(1)
    assert called == []
    alarms.ring()
    assert called == ["first", "second"]
    clock.advance(10**9)
    alarms.ring()
    assert called == ["first", "second", "late"]
    assert alarms.due_ns is None


def test_an_alarm_that_sets_another_for_now() -> None:
    alarms, called = Alarms(TapeClock()), list[int]()
    alarms.set(0.0, lambda: (called.append(1), alarms.set(0.0, lambda: called.append(2)))[0])
    alarms.ring()
    assert called == [1, 2]


async def test_on_the_live_clock_the_loop_wakes_them() -> None:
    alarms, rang = Alarms(LiveClock()), asyncio.Event()
    never: list[int] = []
    alarms.set(60.0, lambda: never.append(1))
    alarms.set(0.002, rang.set)
    async with asyncio.timeout(40):
        await rang.wait()
    assert never == []
    alarms.clear()
    assert alarms.due_ns is None
    again = asyncio.Event()
    alarms.set(0.0, again.set)
    async with asyncio.timeout(40):
        await again.wait()


async def test_waiting_ends_with_the_event_or_the_time() -> None:
    clock = TapeClock()
    alarms, event = Alarms(clock), asyncio.Event()
    waiting = asyncio.create_task(alarms.wait(event, 3600.0))
    await asyncio.sleep(0.005)
    assert not waiting.done()
    clock.advance(3600 * 10**9)
    alarms.ring()
    await asyncio.wait_for(waiting, 10)
    event.set()
    await asyncio.wait_for(alarms.wait(event, 3600.0), 10)
