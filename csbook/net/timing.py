"""The clock and the waiting of a part of the net, in one seam: whoever injects them decides how long a second is.

With a clock that stands until it is moved, and a ``sleep`` that ends when it was, no test sleeps for real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from csbook.clock import Clock, LiveClock

__all__ = ["Later", "Timing", "VenueTiming"]


class Later(Protocol):
    """Something that will be called, unless it is cancelled."""

    def cancel(self) -> object: ...


class Timing:
    """What time it is, and how to wait. ``sleep(seconds)`` is awaited."""

    __slots__ = ("clock", "sleep")

    def __init__(self, clock: Clock | None = None, sleep: Callable[[float], Awaitable[object]] | None = None) -> None:
        self.clock: Clock = clock if clock is not None else LiveClock()
        self.sleep = sleep if sleep is not None else asyncio.sleep

    def now(self) -> float:
        """Monotonic seconds."""
        return self.clock.monotonic_ns() / 1e9

    def now_ns(self) -> int:
        """Wall time, ns since the epoch."""
        return self.clock.now_ns()

    def within(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Raises TimeoutError where the block takes longer by this clock."""
        return asyncio.timeout(seconds) if self.sleep is asyncio.sleep else self._within(seconds)

    @asynccontextmanager
    async def _within(self, seconds: float) -> AsyncIterator[None]:
        async with asyncio.timeout(None) as limit:
            watch = asyncio.ensure_future(self._expire(limit, seconds))
            try:
                yield
            finally:
                watch.cancel()

    async def _expire(self, limit: asyncio.Timeout, seconds: float) -> None:
        await self.sleep(seconds)
        if not limit.expired():
            limit.reschedule(asyncio.get_running_loop().time())

    def later(self, seconds: float, callback: Callable[[], object]) -> Later:
        """Call back in so many seconds."""
        if self.sleep is asyncio.sleep:
            return asyncio.get_running_loop().call_later(seconds, callback)
        return asyncio.ensure_future(self._call(seconds, callback))

    async def _call(self, seconds: float, callback: Callable[[], object]) -> None:
        await self.sleep(seconds)
        callback()


class VenueTiming(Timing):
    """The same, with the venue's wall time: what is compared with the venue's own times must not be this machine's."""

    __slots__ = ("_now_ns",)

    def __init__(self, timing: Timing, now_ns: Callable[[], int]) -> None:
        super().__init__(timing.clock, timing.sleep)
        self._now_ns = now_ns

    def now_ns(self) -> int:
        return self._now_ns()
