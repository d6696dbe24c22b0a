"""What follows a trip of the kill switch: cancelling, until the venue itself shows no open order.

First one request that cancels all. Then the open orders are read, and what is left is cancelled one by one, while
cancelling all is tried again where it failed or left many. Every request may fail, or end with nobody knowing what
came of it: then the next reading tells. It never gives up; where it gets no further it says so.

It ends only when a whole list that was asked for after the cancelling is empty, and no order is on its way: one whose
placing has no known outcome may still come to rest. After cancelling all, the venue is given a moment to do it before
single requests are spent on what it still shows, and so is an order that it shows as being cancelled.

Each of the three kinds of request has a budget of the halt's own. What was spent before it is known to whoever sends,
who keeps a part of each limit back for a halt (``ReservedBudget``), so that the first request of all is never waited
for; a request that could not be sent has failed, and says how long to wait.

One request is under way at a time. Pure: times are arguments, in monotonic seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from csbook.guard.budget import RateBudget
from csbook.types import Alert

__all__ = ["Ask", "Halting", "Step"]

NEVER = float("inf")
ALL_WITHIN = 1.0  # s that cancelling all may take once the venue took the request
ONE_WITHIN = 10.0  # s that an order may be shown as being cancelled
MANY = 5  # orders left, from which on one request for all is worth trying again
READ_WAITS = (0.25, 3.0)  # s, the first and the longest between two readings
RETRY_WAITS = (0.5, 8.0)  # s, the same between a failure and the next try
TELL_AT_MOST_EVERY = 300.0  # s
FAILURES_TOLD = 3  # in a row


class Ask(enum.StrEnum):
    """What to ask of the venue."""

    CANCEL_ALL = "cancel all"
    CANCEL = "cancel"
    READ = "read open orders"


@dataclass(frozen=True, slots=True)
class Step:
    """One request. ``order_id`` is of a CANCEL; ``cursor`` of a READ that goes on where the last one ended."""

    ask: Ask
    order_id: str = ""
    cursor: int | None = None


class _Retry:
    """When a request that failed may be tried again."""

    __slots__ = ("_wait", "at")

    def __init__(self, at: float) -> None:
        self.at = at
        self._wait = RETRY_WAITS[0]

    def failed(self, now: float, at_least: float) -> None:
        self.at = now + max(self._wait, at_least)
        self._wait = min(2.0 * self._wait, RETRY_WAITS[1])

    def worked(self, now: float) -> None:
        self.at = now
        self._wait = RETRY_WAITS[0]


class Halting:
    """One halt, from the trip on. ``step`` gives what to send; each step is answered before the next is given."""

    def __init__(
        self, now: float, *, cancel_all: RateBudget, cancel: RateBudget, read: RateBudget, patience: float = 30.0
    ) -> None:
        self._budgets = {Ask.CANCEL_ALL: cancel_all, Ask.CANCEL: cancel, Ask.READ: read}
        self._patience = patience
        self._began = now
        self.requests = 0  # sent so far
        self._pending: Step | None = None
        self._done = False
        self._retries = {ask: _Retry(now) for ask in Ask}
        self._all_wanted = True
        self._all_taken = -NEVER  # when the venue last took the request
        self._read_wait = READ_WAITS[0]
        self._read_at = now
        self._cursor: int | None = None
        self._page: dict[str, bool] = {}  # the list that is being read
        self._left: list[str] = []  # to be cancelled one by one
        self._canceling: dict[str, float] = {}  # order id -> since when it is being cancelled
        self._open: int | None = None  # as of the last whole list; None: never read
        self._unsettled = 0
        self._failures = 0  # in a row
        self._failure = ""
        self._tell_every = patience
        self._tell_at = now + patience
        self._alerts: list[Alert] = []

    @property
    def is_done(self) -> bool:
        """The venue showed no open order, and none is on its way."""
        return self._done

    @property
    def open_orders(self) -> int | None:
        """How many the venue showed when it was last read; None before that."""
        return self._open

    # -- what to do

    def step(self, now: float) -> Step | None:
        """The request to send now, and to answer for; None: not before ``due``."""
        if self._pending is not None or self._done:
            return None
        # cancelling all comes first until the venue took it; it may do nothing, and must not be in the way then
        order = (Ask.CANCEL_ALL, Ask.CANCEL) if self._all_taken == -NEVER else (Ask.CANCEL, Ask.CANCEL_ALL)
        for ask in (*order, Ask.READ):
            if self._ready_at(ask, now) <= now:
                self._budgets[ask].spend(now)
                self.requests += 1
                order_id = self._left.pop(0) if ask is Ask.CANCEL else ""
                self._pending = Step(ask, order_id, self._cursor if ask is Ask.READ else None)
                return self._pending
        return None

    def due(self, now: float) -> float:
        """When ``step`` or ``alerts`` has something next; infinity once it is done."""
        if self._alerts:
            return now
        if self._done:
            return NEVER
        steps = [self._ready_at(ask, now) for ask in Ask] if self._pending is None else []
        return max(now, min(*steps, self._tell_at) if steps else self._tell_at)

    def _ready_at(self, ask: Ask, now: float) -> float:
        wanted = {Ask.CANCEL_ALL: self._all_wanted, Ask.CANCEL: bool(self._left), Ask.READ: True}[ask]
        if not wanted:
            return NEVER
        at = max(self._retries[ask].at, now + self._budgets[ask].wait(now))
        return max(at, self._read_at) if ask is Ask.READ else at

    # -- what came of it

    def cancelled(self, now: float) -> None:
        """The venue took the request to cancel, one or all."""
        step = self._answered(Ask.CANCEL_ALL, Ask.CANCEL)
        self._failures = 0
        if step.ask is Ask.CANCEL_ALL:
            # each further time after a longer pause: it may be taken, and do nothing
            self._retries[step.ask].failed(now, 0.0)
            self._all_wanted = False
            self._all_taken = now
            self._left.clear()
        else:
            self._retries[step.ask].worked(now)
        if not self._left:
            self._restart_reading(now)

    def failed(self, now: float, reason: str, wait: float = 0.0) -> None:
        """The request failed, or nobody knows what came of it. ``wait``: how long the venue asks to be left alone."""
        step = self._answered(*Ask)
        self._failures += 1
        self._failure = f"{step.ask}: {reason}"
        self._retries[step.ask].failed(now, wait)
        if step.ask is Ask.READ:
            self._forget_page()
        else:
            self._restart_reading(now)  # what came of it shows there
        if self._failures == FAILURES_TOLD:
            self._tell(now)

    def read(
        self, now: float, orders: Mapping[str, bool], *, cursor: int | None = None, unsettled: int = 0
    ) -> list[Alert]:
        """The open orders as the venue shows them: id to whether it is being cancelled already.

        ``cursor``: there may be more of them from there on. ``unsettled``: orders that were sent and of which nobody
        knows whether the venue has them. What is to be told is returned, and that it is done is among it.
        """
        self._answered(Ask.READ)
        self._failures = 0
        self._retries[Ask.READ].worked(now)
        fresh = orders.keys() - self._page.keys()
        self._page.update(orders)
        if cursor is not None and fresh:
            self._cursor = cursor
            self._read_at = now
            return []
        page = self._page
        self._forget_page()
        self._judge(now, page, unsettled)
        return self.alerts(now)

    def alerts(self, now: float) -> list[Alert]:
        """What a person should know now: no progress for ``patience``, the same failure again and again, the end."""
        if not self._done and now >= self._tell_at:
            self._tell(now)
        told, self._alerts = self._alerts, []
        return told

    # -- what it means

    def _judge(self, now: float, page: dict[str, bool], unsettled: int) -> None:
        before = self._open
        self._open, self._unsettled = len(page), unsettled
        if not page and not unsettled:
            self._done = True
            self._left.clear()
            took = f"{now - self._began:.1f} s, {self.requests} requests"
            self._alerts.append(Alert("halt", f"the venue shows no open order ({took})"))
            return
        if before is None or len(page) < before:
            self._tell_every = self._patience
            self._tell_at = now + self._patience
            self._read_wait = READ_WAITS[0]
        since = self._canceling
        self._canceling = {order_id: since.get(order_id, now) for order_id, canceling in page.items() if canceling}
        if now - self._all_taken >= ALL_WITHIN:
            self._left = [i for i in page if now - self._canceling.get(i, -NEVER) >= ONE_WITHIN]
            self._all_wanted = self._all_wanted or len(self._left) > MANY
        self._read_at = now + self._read_wait
        self._read_wait = min(2.0 * self._read_wait, READ_WAITS[1])

    def _tell(self, now: float) -> None:
        text = f"open orders {now - self._began:.0f} s after the halt: {'?' if self._open is None else self._open}"
        text += f", and {self._unsettled} on their way" if self._unsettled else ""
        text += (
            f"; {self._failures} requests failed in a row, the last one was {self._failure}" if self._failures else ""
        )
        self._alerts.append(Alert("halt", text))
        self._tell_at = now + self._tell_every
        self._tell_every = min(2.0 * self._tell_every, TELL_AT_MOST_EVERY)

    def _restart_reading(self, now: float) -> None:
        """What is read of the list so far may be of before the last cancel: it is read from its beginning."""
        self._forget_page()
        self._read_at = now

    def _forget_page(self) -> None:
        self._page = {}
        self._cursor = None

    def _answered(self, *asks: Ask) -> Step:
        step = self._pending
        if step is None or step.ask not in asks:
            raise ValueError(f"the answer is for {' or '.join(asks)}; under way is {step.ask if step else 'nothing'}")
        self._pending = None
        return step
