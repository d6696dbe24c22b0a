"""What a venue tolerates, kept on our side, so that the venue never has to enforce it.

A RateBudget counts events in a sliding window: a burst is free as long as no window of that length ever holds more
than the limit, whatever way the venue cuts its own windows. A ConnectionBudget is shared by all sockets to one
origin: how many are open, how many were opened lately. Pure: times are arguments, in seconds.
"""

from __future__ import annotations

from collections import deque

__all__ = ["ConnectionBudget", "RateBudget"]


class RateBudget:
    """At most ``limit`` events in any ``window`` seconds.

    Several may draw on one budget: who asks with ``keep`` leaves so many events to those who ask with less.
    """

    __slots__ = ("_spent", "limit", "window")

    def __init__(self, limit: int, window: float = 1.0) -> None:
        if limit < 1 or window <= 0.0:
            raise ValueError(f"no such budget: {limit} in {window} s")
        self.limit = limit
        self.window = window
        self._spent: deque[float] = deque(maxlen=limit)  # the oldest of the last `limit` events decides

    def wait(self, now: float, keep: int = 0) -> float:
        """Seconds until one more event, and ``keep`` at once after it, are within the limit; 0 when it is now."""
        mine = self.limit - keep
        if mine < 1:
            raise ValueError(f"keep is {keep}; expected less than the limit, {self.limit}")
        if len(self._spent) < mine:
            return 0.0
        return max(0.0, self._spent[-mine] + self.window - now)

    def spend(self, now: float) -> None:
        """An event took place, within the limit or not."""
        self._spent.append(now)


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
