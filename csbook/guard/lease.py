"""The life of a listenKey: when to extend it, and when it is over. Pure; times are monotonic seconds.

A key lives for ``life`` seconds from the request that made or last extended it (counted from the asking, not from the
answer, so that the venue never counts shorter). It is extended at an age drawn between the two ``renewal`` ages, so
that many clients do not come at once. An extension that fails is tried again after 1, 2, 4 .. 60 s, until the key must
be taken for dead. A key is over, and a new one must be asked for, when the venue says so, when its time is up, or when
the connection that it served is gone: it is never used twice.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable

__all__ = ["Lease", "Step"]

_LONGEST_RETRY = 60.0
_EARLY = 0.001  # seconds: who is woken so little too early need not sleep again


class Step(enum.Enum):
    """What to do about the key now."""

    WAIT = "wait"
    EXTEND = "extend"
    RENEW = "renew"  # there is none that is good: ask for a new one


class Lease:
    """One key after the other."""

    __slots__ = ("_dice", "_due", "_expires", "_failures", "_life", "_renewal")

    def __init__(self, *, life: float, renewal: tuple[float, float], dice: Callable[[], float] = random.random) -> None:
        earliest, latest = renewal
        if not 0.0 < earliest <= latest < life:
            raise ValueError(f"no such lease: renewal between {earliest} and {latest} of {life} s")
        self._life = life
        self._renewal = renewal
        self._dice = dice
        self._due = 0.0
        self._expires: float | None = None  # None: no key
        self._failures = 0

    @property
    def is_alive(self) -> bool:
        """There is a key; ``step`` says whether it is still good."""
        return self._expires is not None

    @property
    def expires(self) -> float | None:
        return self._expires

    def granted(self, asked: float) -> None:
        """A key was made, or extended, by a request that left at ``asked``."""
        earliest, latest = self._renewal
        self._expires = asked + self._life
        self._due = asked + earliest + (latest - earliest) * self._dice()
        self._failures = 0

    def failed(self, now: float) -> None:
        """The extension failed, and the key may still be good."""
        self._due = now + min(_LONGEST_RETRY, 2.0 ** min(self._failures, 16))
        self._failures += 1

    def over(self) -> None:
        """The key is not to be used any more."""
        self._expires = None

    def step(self, now: float) -> tuple[Step, float]:
        """What to do, and for WAIT the seconds until the next look."""
        if self._expires is None:
            return Step.RENEW, 0.0
        if now + _EARLY >= self._expires:
            self._expires = None
            return Step.RENEW, 0.0
        if now + _EARLY >= self._due:
            return Step.EXTEND, 0.0
        return Step.WAIT, min(self._due, self._expires) - now
