from __future__ import annotations

import asyncio

import pytest

from csbook.clock import TapeClock
from csbook.net.timing import Timing, VenueTiming
from standing import StandingTime


async def test_the_clock_of_the_machine_by_default() -> None:
    timing = Timing()
    before = timing.now()
    assert timing.now_ns() > 1_600_000_000_000_000_000
    await timing.sleep(0.001)
    assert timing.now() > before


async def test_time_moves_when_it_is_moved() -> None:
    time = StandingTime()
    sleeping = asyncio.ensure_future(time.timing.sleep(3600.0))
    await time.move(3599.0)
    assert not sleeping.done()
    await time.move(1.0)
    assert sleeping.done() and time.timing.now() == 3600.0


@pytest.mark.parametrize("standing", [False, True])
async def test_what_is_quick_enough_is_not_cut(standing: bool) -> None:
    timing = StandingTime().timing if standing else Timing()
    async with timing.within(5.0):
        await asyncio.sleep(0)
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


async def test_what_takes_too_long_is_cut() -> None:
    time = StandingTime()

    async def cut() -> str:
        try:
            async with time.timing.within(5.0):
                await asyncio.Event().wait()
        except TimeoutError:
            return "cut"
        return "not cut"

    task = asyncio.ensure_future(cut())
    await asyncio.sleep(0)
    await time.move(4.9)
    assert not task.done()
    await time.move(0.1)
    assert await task == "cut"
    with pytest.raises(TimeoutError):
        async with Timing().within(0.001):
            await asyncio.Event().wait()


async def test_a_cancellation_is_no_timeout() -> None:
    time = StandingTime()

    async def waiting() -> None:
        async with time.timing.within(5.0):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("standing", [False, True])
async def test_later(standing: bool) -> None:
    time = StandingTime()
    timing = time.timing if standing else Timing()
    called: list[int] = []
    timing.later(0.001, lambda: called.append(1))
    timing.later(0.001, lambda: called.append(2)).cancel()
    await asyncio.sleep(0)
    await time.move(0.001)
    await asyncio.sleep(0.01)
    assert called == [1]


def test_the_venues_time_is_another_wall_time_by_the_same_clock() -> None:
    timing = Timing(TapeClock(5))
    theirs = VenueTiming(timing, lambda: 77)
    assert (theirs.now_ns(), theirs.now(), theirs.sleep) == (77, timing.now(), timing.sleep)
