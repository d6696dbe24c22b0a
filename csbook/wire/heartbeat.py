"""Pings that are messages: the client sends them at an interval, and an answer is owed within a time.

Any frame of the venue counts as its answer: what is asked is whether it is still there.
"""

from __future__ import annotations

__all__ = ["Heartbeat"]


class Heartbeat:
    """The pings of one connection. Times are monotonic seconds."""

    __slots__ = ("_due", "_interval", "_owed", "_within")

    def __init__(self, interval: float, within: float) -> None:
        if interval <= 0.0 or within <= 0.0:
            raise ValueError(f"no such heartbeat: every {interval} s, answered within {within} s")
        self._interval = interval
        self._within = within
        self._due: float | None = None  # when the next ping is sent; None: not begun
        self._owed: float | None = None  # when the answer to the last one is late

    def begin(self, now: float) -> None:
        """The first ping is an interval away."""
        self._due = now + self._interval

    def beat(self, now: float) -> bool:
        """Whether a ping is to be sent now; it counts as sent."""
        if self._due is None or now < self._due:
            return False
        self._due = now + self._interval
        if self._owed is None:
            self._owed = now + self._within
        return True

    def heard(self) -> None:
        """Something came from the venue."""
        self._owed = None

    def dead(self, now: float) -> bool:
        """Whether an answer is late."""
        return self._owed is not None and now >= self._owed

    def next_time(self) -> float | None:
        """When ``beat`` or ``dead`` will next be true."""
        if self._due is None:
            return self._owed
        return self._due if self._owed is None else min(self._due, self._owed)
