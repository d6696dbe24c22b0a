"""What a venue tolerates, kept on our side, so that the venue never has to enforce it.

A RateBudget counts events in a sliding window: a burst is free as long as no window of that length ever holds more
than the limit, whatever way the venue cuts its own windows. A ReservedBudget keeps a part of it for what cannot wait.
A ConnectionBudget is shared by all sockets to one origin: how many are open, how many were opened lately. Pure: times
are arguments, in seconds.
"""

from __future__ import annotations

import math
from collections import deque

__all__ = ["ConnectionBudget", "RateBudget", "ReservedBudget"]


class RateBudget:
    """At most ``limit`` events in any ``window`` seconds."""

    __slots__ = ("_spent", "limit", "window")

    def __init__(self, limit: int, window: float = 1.0) -> None:
        if limit < 1 or window <= 0.0:
            raise ValueError(f"no such budget: {limit} in {window} s")
        self.limit = limit
        self.window = window
        self._spent: deque[float] = deque(maxlen=limit)  # the oldest of the last `limit` events decides

    def wait(self, now: float, count: int = 1) -> float:
        """Seconds until ``count`` more events are within the limit; 0 when they are now."""
        over = len(self._spent) + count - self.limit  # so many of the oldest have to leave the window first
        if over <= 0:
            return 0.0
        return max(0.0, self._spent[over - 1] + self.window - now) if count <= self.limit else math.inf

    def spend(self, now: float, count: int = 1) -> None:
        """Events took place, within the limit or not."""
        for _ in range(count):
            self._spent.append(now)


class ReservedBudget:
    """At most ``limit`` events in any ``window`` seconds, the last ``reserve`` of them for urgent ones alone."""

    __slots__ = ("_all", "_usual")

    def __init__(self, limit: int, window: float, reserve: int = 0) -> None:
        self._all = RateBudget(limit, window)
        self._usual = RateBudget(limit - reserve, window)

    def wait(self, now: float, *, urgent: bool = False, count: int = 1) -> float:
        """Seconds until ``count`` more events of that kind are within the limit."""
        every = self._all.wait(now, count)
        return every if urgent else max(every, self._usual.wait(now, count))

    def spend(self, now: float, *, urgent: bool = False, count: int = 1) -> None:
        """Events took place. What is urgent takes nothing off the share of the others, as far as the limit has room."""
        self._all.spend(now, count)
        if not urgent:
            self._usual.spend(now, count)


class ConnectionBudget:
    """The sockets to one origin: so many open at most, so many opened at most in any ``window`` seconds."""

    __slots__ = ("_dials", "connections", "open")

    def __init__(self, connections: int, per_window: int, window: float) -> None:
        self.connections = connections
        self.open = 0
        self._dials = RateBudget(per_window, window)

    def admits(self, count: int) -> bool:
        """Whether ``count`` more sockets may be open."""
        return self.open + count <= self.connections

    def take(self, count: int = 1) -> None:
        """Reserve places; they are held until given back, a reconnecting socket keeps its own."""
        if not self.admits(count):
            raise ValueError(f"{self.open} of {self.connections} connections are open, {count} more do not fit")
        self.open += count

    def give_back(self, count: int = 1) -> None:
        self.open -= count

    def wait(self, now: float) -> float:
        """Seconds until one more dial is within the limit."""
        return self._dials.wait(now)

    def dialled(self, now: float) -> None:
        """A dial was begun, whether it succeeds or not."""
        self._dials.spend(now)
