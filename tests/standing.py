"""A time that stands until a test moves it, and a sleep that ends when it was moved far enough."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from itertools import count

from csbook.clock import TapeClock
from csbook.net.timing import Timing


class StandingTime:
    """``timing`` is what the parts of the net take."""

    def __init__(self, now_ns: int = 1_700_000_000_000_000_000) -> None:
        self.clock = TapeClock(now_ns)
        self.timing = Timing(self.clock, self.sleep)
        self.slept: list[float] = []  # what was asked for, in order
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()

    @property
    def asleep(self) -> int:
        """How many sleep now."""
        return sum(not future.done() for _, _, future in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self.clock.monotonic_ns() + max(1, round(seconds * 1e9))  # it always takes a moment
        heappush(self._sleepers, (due, next(self._number), future))
        await future

    async def move(self, seconds: float) -> None:
        """Let time pass; who wakes up on the way acts at its own moment."""
        await self.settle()
        end = self.clock.monotonic_ns() + round(seconds * 1e9)
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heappop(self._sleepers)
            if future.done():
                continue
            self.clock.advance(max(0, due - self.clock.monotonic_ns()))
            future.set_result(None)
            await self.settle()
        self.clock.advance(end - self.clock.monotonic_ns())
        await self.settle()

    @property
    def next(self) -> float:
        """Seconds until the first of the sleepers wakes up."""
        due = min(due for due, _, future in self._sleepers if not future.done())
        return (due - self.clock.monotonic_ns()) / 1e9

    async def settle(self) -> None:
        """Let everybody act who can without time or the network."""
        for _ in range(10):
            await asyncio.sleep(0)
