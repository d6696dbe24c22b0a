"""Which book is mended next, and when, so that a storm of gaps never earns a ban.

A book that lost a change is mended by one request to the venue: a snapshot by REST, or a fresh subscription. The queue
serves one venue: a budget says how many requests there may be in any window, at most ``at_once`` are under way, each
first try waits for a random part of ``spread`` when others are waiting too, and a try that did not help is repeated
after 2, 4, 8 ... times ``base`` seconds with jitter. A book is never given up: it is not LIVE until it is mended. Pure:
the time and the dice are arguments.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from csbook.guard.budget import RateBudget

__all__ = ["ResyncQueue"]

KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(slots=True)
class _Case:
    due: float
    tries: int = 0
    under_way: bool = False


class ResyncQueue(Generic[KeyT]):
    """The books of one feed that wait to be mended, by any key. Times are monotonic seconds."""

    __slots__ = ("_at_once", "_base", "_budget", "_cap", "_cases", "_dice", "_paused", "_spread")

    def __init__(
        self,
        budget: RateBudget,
        *,
        at_once: int = 4,
        base: float = 0.25,
        cap: float = 30.0,
        spread: float = 0.25,
        dice: Callable[[], float] = random.random,
    ) -> None:
        if at_once < 1 or base <= 0.0 or cap < base or spread < 0.0:
            raise ValueError(f"no such queue: at_once {at_once}, base {base}, cap {cap}, spread {spread}")
        self._budget = budget  # shared by all queues to the same venue
        self._at_once = at_once
        self._base = base
        self._cap = cap
        self._spread = spread
        self._dice = dice
        self._cases: dict[KeyT, _Case] = {}
        self._paused = float("-inf")

    def __len__(self) -> int:
        return len(self._cases)

    def __contains__(self, key: KeyT) -> bool:
        return key in self._cases

    def want(self, key: KeyT, now: float) -> bool:
        """This book needs mending. True when it was not in the queue yet."""
        if key in self._cases:
            return False
        wait = self._spread * self._dice() if self._cases else 0.0
        self._cases[key] = _Case(now + wait)
        return True

    def done(self, key: KeyT) -> None:
        """It is mended, or nobody wants it any more."""
        self._cases.pop(key, None)

    def again(self, key: KeyT, now: float) -> None:
        """The try did not help: the next one waits longer."""
        case = self._cases.get(key)
        if case is None:
            return
        wait = min(self._cap, self._base * 2.0 ** min(case.tries, 64))
        case.tries += 1
        case.under_way = False
        case.due = now + wait * (1.0 - 0.5 * self._dice())

    def pause(self, until: float) -> None:
        """The venue asked for silence: nothing is sent before that."""
        self._paused = max(self._paused, until)

    def take(self, now: float) -> KeyT | None:
        """The book to mend now, if one is due; it is under way until ``done`` or ``again``."""
        if self.next_time(now) is None or now < self._paused or self._budget.wait(now) > 0.0:
            return None
        key, case = min(self._waiting(), key=lambda item: item[1].due)
        if case.due > now:
            return None
        case.under_way = True
        self._budget.spend(now)
        return key

    def next_time(self, now: float) -> float | None:
        """When ``take`` will next have something; None: not before ``want``, ``again`` or ``done``."""
        waiting = self._waiting()
        if not waiting or len(self._cases) - len(waiting) >= self._at_once:
            return None
        due = min(case.due for _, case in waiting)
        return max(due, self._paused, now + self._budget.wait(now) if due <= now else due)

    def _waiting(self) -> list[tuple[KeyT, _Case]]:
        return [(key, case) for key, case in self._cases.items() if not case.under_way]
