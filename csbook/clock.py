"""The only reader of time above the core. A clock is an argument wherever time matters: tests and replays own it."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "LiveClock", "TapeClock"]


class Clock(Protocol):
    """Two times, both in ns."""

    def now_ns(self) -> int:
        """Wall time since the epoch, comparable with a venue's event time."""

    def monotonic_ns(self) -> int:
        """A time that never goes back; only differences mean anything."""


class LiveClock:
    """The clocks of the machine: CLOCK_REALTIME and CLOCK_MONOTONIC."""

    __slots__ = ()

    now_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)


class TapeClock:
    """A clock that stands until it is moved."""

    __slots__ = ("_now", "_origin")

    def __init__(self, now_ns: int = 0) -> None:
        self._now = now_ns
        self._origin = now_ns

    def now_ns(self) -> int:
        return self._now

    def monotonic_ns(self) -> int:
        return self._now - self._origin

    def advance(self, ns: int) -> None:
        """Move forward by ``ns``; a clock never goes back."""
        if ns < 0:
            raise ValueError(f"a clock cannot go back: advance({ns})")
        self._now += ns
