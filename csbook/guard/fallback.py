"""When the account is asked for over REST: instead of the private stream, after it, and now and then beside it.

* Stream lost: open orders and portfolio are polled, at once and then as often as the venue's limits allow. ``keep``
  requests of each limit are left to others: to resolving unknown orders, and to a halt.
* Stream back: polling goes on until one whole answer that was asked for after the return has been reconciled. What the
  stream said while it was away never comes.
* Stream up: one reconciliation every ``reconcile_every`` seconds, since a stream that loses a message does not say so.

One poll is under way at a time. A failed one is tried again after a pause that grows. Pure: times are arguments, in
monotonic seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from csbook.guard.budget import RateBudget
from csbook.types import Alert

__all__ = ["Fallback", "Mode", "Poll"]

RETRY_WAITS = (1.0, 15.0)  # s, the first and the longest between a failure and the next try
FAILURES_TOLD = 3  # in a row


class Mode(enum.StrEnum):
    """Where the account's news comes from."""

    STREAM = "stream"
    POLLING = "polling"  # the stream is lost
    RETURNING = "returning"  # the stream is back, and what was missed is not yet reconciled


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask for these parts now; they make one snapshot."""

    parts: tuple[str, ...]
    reason: str


class Fallback:
    """The polling of one account. ``budgets``: part to the budget of its request, in the order they are asked for.

    ``poll_every``: seconds between polls while the stream is lost, None for what the tightest budget allows.
    """

    def __init__(
        self,
        budgets: Mapping[str, RateBudget],
        *,
        keep: int = 8,
        poll_every: float | None = None,
        reconcile_every: float = 60.0,
        up: bool = False,
    ) -> None:
        if not budgets:
            raise ValueError("budgets is empty; expected at least one part to ask for")
        for part, budget in budgets.items():
            if not 0 <= keep < budget.limit:
                raise ValueError(f"keep is {keep}; expected less than the {budget.limit} requests of {part!r}")
        for name, seconds in (("poll_every", poll_every), ("reconcile_every", reconcile_every)):
            if seconds is not None and not seconds > 0.0:
                raise ValueError(f"{name} is {seconds}; expected seconds above 0")
        self._budgets = dict(budgets)
        self._keep = keep
        allowed = max(budget.window / (budget.limit - keep) for budget in budgets.values())
        self.poll_every = allowed if poll_every is None else max(allowed, poll_every)
        self.reconcile_every = reconcile_every
        self.mode = Mode.STREAM if up else Mode.RETURNING  # a start is a return: nothing is known yet
        self._next = float("-inf")
        self._asked: float | None = None  # when what is under way was asked for
        self._demanded = False  # since what is under way was asked for
        self._told = False  # that the stream is lost
        self._returned = float("-inf")
        self._retry_wait = RETRY_WAITS[0]
        self.failures = 0  # in a row

    # -- what happens

    def lost(self, now: float) -> list[Alert]:
        """The private stream is lost."""
        if self.mode is Mode.POLLING:
            return []
        self.mode = Mode.POLLING
        self._next = now
        self._told = True
        return [Alert("degrade", f"the private stream is lost; the account is polled every {self.poll_every:g} s")]

    def back(self, now: float) -> list[Alert]:
        """The private stream stands again, or for the first time."""
        self.mode = Mode.RETURNING
        self._returned = now
        self._next = now
        return []

    def answered(self, now: float) -> list[Alert]:
        """All parts of the poll came, and were reconciled."""
        asked = self._ended()
        self.failures = 0
        self._retry_wait = RETRY_WAITS[0]
        if self.mode is Mode.RETURNING and asked >= self._returned:
            self.mode = Mode.STREAM
            self._next = now if self._demanded else now + self.reconcile_every
            told, self._told = self._told, False
            return [Alert("degrade", "the private stream is back and the account reconciled")] if told else []
        self._next = asked + (self.reconcile_every if self.mode is Mode.STREAM else self.poll_every)
        if self.mode is Mode.RETURNING or self._demanded:
            self._next = now  # it was asked for before
        return []

    def failed(self, now: float, wait: float = 0.0) -> list[Alert]:
        """The poll, or a part of it, failed. ``wait``: how long the venue asks to be left alone."""
        self._ended()
        self.failures += 1
        self._next = now + max(self._retry_wait, wait)
        self._retry_wait = min(2.0 * self._retry_wait, RETRY_WAITS[1])
        if self.failures != FAILURES_TOLD:
            return []
        blind = "" if self.mode is Mode.STREAM else ", and the stream does not tell either"
        return [Alert("degrade", f"{self.failures} requests for the account failed in a row{blind}")]

    def demand(self, now: float) -> None:
        """Reconcile as soon as the limits allow: something was seen that cannot be right."""
        self._demanded = True
        self._next = min(self._next, now)

    # -- what follows

    def verdict(self, now: float) -> Poll | None:
        """The poll to send now, and to answer for; None: not before ``due``."""
        if self._asked is not None or self.due(now) > now:
            return None
        for budget in self._budgets.values():
            budget.spend(now)
        self._asked = now
        self._demanded = False
        reason = {
            Mode.STREAM: "periodic reconciliation",
            Mode.POLLING: "the private stream is lost",
            Mode.RETURNING: "the private stream is back",
        }[self.mode]
        return Poll(tuple(self._budgets), reason)

    def due(self, now: float) -> float:
        """When ``verdict`` gives the next poll; infinity while one is under way."""
        if self._asked is not None:
            return float("inf")
        free = max(budget.wait(now, self._keep + 1) for budget in self._budgets.values())
        return max(self._next, now + free)

    def _ended(self) -> float:
        if self._asked is None:
            raise ValueError("an answer to a poll, and none is under way")
        asked, self._asked = self._asked, None
        return asked
