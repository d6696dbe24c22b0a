"""How long to wait before a connection is tried again.

The n-th loss in a row waits ``base * 2**n`` up to ``cap``; jitter takes a random part off, so that clients that were
cut off together do not come back together and no wait is ever longer than the rule says. A connection that stood for
``healthy_after`` forgives what was before it. Pure: the time and the dice are arguments.
"""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["Backoff"]


class Backoff:
    """The waits of one connection, in seconds."""

    __slots__ = ("_attempt", "_base", "_cap", "_dice", "_healthy_after", "_jitter", "_opened")

    def __init__(
        self,
        *,
        base: float = 1.0,
        cap: float = 30.0,
        jitter: float = 0.25,
        healthy_after: float = 60.0,
        dice: Callable[[], float] = random.random,
    ) -> None:
        if base <= 0.0 or cap < base or not 0.0 <= jitter < 1.0:
            raise ValueError(f"no such backoff: base {base}, cap {cap}, jitter {jitter}")
        self._base = base
        self._cap = cap
        self._jitter = jitter
        self._healthy_after = healthy_after
        self._dice = dice
        self._attempt = 0
        self._opened: float | None = None

    def opened(self, now: float) -> None:
        """The connection stands; it forgives the past once it stood for long enough."""
        self._opened = now

    def lost(self, now: float) -> float:
        """The connection is gone, or could not be opened: the seconds to wait before the next try."""
        if self._opened is not None and now - self._opened >= self._healthy_after:
            self._attempt = 0
        self._opened = None
        # 2.0 ** 64 is far beyond any cap; a float power of an unbounded count would overflow
        wait = min(self._cap, self._base * 2.0 ** min(self._attempt, 64))
        self._attempt += 1
        return wait * (1.0 - self._jitter * self._dice())
