"""What the venue has to do later: callbacks by the time of its clock.

On the machine's own clock the event loop wakes them. On any other clock time passes when its owner says so: nothing
is called until ``ring`` is, and nobody sleeps for real. Alarms of the same time go off in the order they were set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from csbook.clock import Clock, LiveClock

__all__ = ["Alarms"]

NEVER_NS = 1 << 62


class Alarms:
    """Callbacks that wait for their time; ``monotonic_ns`` of the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._live = isinstance(clock, LiveClock)
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0
        self._handle: asyncio.TimerHandle | None = None
        self._armed_ns = NEVER_NS

    @property
    def due_ns(self) -> int | None:
        """When the next one goes off, in monotonic ns; None: there is none. One called off may still be counted."""
        return self._queue[0][0] if self._queue else None

    def set(self, seconds: float, callback: Callable[[], None]) -> int:
        """Call back after so long. Returns the time in monotonic ns. O(log n)."""
        due = self.clock.monotonic_ns() + round(seconds * 1e9)
        self._count += 1
        heappush(self._queue, (due, self._count, callback))
        self._arm()
        return due

    def ring(self) -> None:
        """Call everything that is due."""
        now = self.clock.monotonic_ns()
        while self._queue and self._queue[0][0] <= now:
            heappop(self._queue)[2]()

    def clear(self) -> None:
        """Forget all."""
        self._queue.clear()
        if self._handle is not None:
            self._handle.cancel()
            self._handle, self._armed_ns = None, NEVER_NS

    async def wait(self, until: asyncio.Event, seconds: float) -> None:
        """Return when the event is set, or after so long by the clock."""
        over = asyncio.Event()
        self.set(seconds, over.set)
        waits = [asyncio.ensure_future(event.wait()) for event in (until, over)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _arm(self) -> None:
        if not self._live or not self._queue or self._queue[0][0] >= self._armed_ns:
            return
        if self._handle is not None:
            self._handle.cancel()
        self._armed_ns = self._queue[0][0]
        late = (self._armed_ns - self.clock.monotonic_ns()) / 1e9
        self._handle = asyncio.get_running_loop().call_later(max(late, 0.0), self._woken)

    def _woken(self) -> None:
        self._handle, self._armed_ns = None, NEVER_NS
        self.ring()
        self._arm()
