"""What became of an order whose placing had no known outcome: when to ask for it by its client order id.

A request that timed out, or ended with a 5xx, may have been carried out and may still be. It is never sent again; the
order counts as exposure until the venue says what it is:

* found: whatever the venue says of it holds from then on;
* not found, asked for too early: it may still arrive. It is asked for again;
* not found, asked for late enough: it never reached the venue, and never will.

Late enough is ``settle`` seconds after the last moment at which the venue could have taken the request. The venue
refuses a signature that is more than 60 s off its clock (coinswitch fact sheet, 1.7), so that moment is ``window``
seconds after signing, by the venue's clock; ``skew``, what the two clocks may differ by, comes on top.

Asking early is worth it: nearly all orders are found by the first question. The pauses grow, the last question falls on
the moment from which "not found" counts, and the endpoint's budget is kept: ``keep`` requests are left to others. Pure:
times are arguments, in monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from csbook.guard.budget import RateBudget
from csbook.types import Alert

__all__ = ["Absence", "Resolver"]

WAITS = (0.25, 10.0)  # s, the first and the longest between two questions


@dataclass(frozen=True, slots=True)
class Absence:
    """How late a "not found" must have been asked for to count, in seconds."""

    window: float = 60.0  # that the venue takes a signed request for
    settle: float = 5.0  # until an order that it took shows when asked for
    skew: float = 1.0  # between the venue's clock and ours

    def counts_from(self, signed: float) -> float:
        return signed + self.window + self.skew + self.settle


@dataclass(slots=True)
class _Unknown:
    counts_from: float
    since: float
    next: float
    wait: float = WAITS[0]
    asked: float | None = None  # when the question under way was asked
    questions: int = field(default=0)
    told: bool = False


class Resolver:
    """The unknown orders of one account."""

    def __init__(
        self, budget: RateBudget, *, keep: int = 4, absence: Absence | None = None, tell_after: float = 30.0
    ) -> None:
        if not 0 <= keep < budget.limit:
            raise ValueError(f"keep is {keep}; expected less than the limit, {budget.limit}")
        self._budget = budget
        self._keep = keep
        self._absence = absence or Absence()
        self._tell_after = tell_after
        self._unknown: dict[str, _Unknown] = {}

    def __len__(self) -> int:
        return len(self._unknown)

    # -- what happens

    def add(self, client_order_id: str, signed: float, now: float) -> None:
        """An order's outcome is not known. ``signed``: when its request was signed. Known to be unknown: no change."""
        if client_order_id not in self._unknown:
            self._unknown[client_order_id] = _Unknown(self._absence.counts_from(signed), now, now)

    def resolved(self, client_order_id: str) -> None:
        """The order was found, or was heard of in any other way."""
        self._unknown.pop(client_order_id, None)

    def absent(self, client_order_id: str, now: float) -> bool:
        """The venue does not know it. True: it never will, and the order is resolved; False: it is asked for again."""
        order = self._answered(client_order_id)
        if order is None:
            return False
        asked, order.asked = order.asked, None
        assert asked is not None
        if asked >= order.counts_from:
            del self._unknown[client_order_id]
            return True
        self._again(order, now, 0.0)
        return False

    def failed(self, client_order_id: str, now: float, wait: float = 0.0) -> None:
        """The question failed. ``wait``: how long the venue asks to be left alone."""
        order = self._answered(client_order_id)
        if order is not None:
            order.asked = None
            self._again(order, now, wait)

    # -- what follows

    def verdict(self, now: float) -> str | None:
        """The client order id to ask for now, the one that has waited longest; None: not before ``due``."""
        if self.due(now) > now:
            return None
        waiting = [(order.next, name) for name, order in self._unknown.items() if order.asked is None]
        _, name = min(waiting)
        order = self._unknown[name]
        order.asked = now
        order.questions += 1
        self._budget.spend(now)
        return name

    def due(self, now: float) -> float:
        """When ``verdict`` gives the next question; infinity where none is waiting."""
        soonest = min((order.next for order in self._unknown.values() if order.asked is None), default=None)
        return float("inf") if soonest is None else max(soonest, now + self._budget.wait(now, self._keep + 1))

    def alerts(self, now: float) -> list[Alert]:
        """The orders that are unknown for too long; each is told once."""
        alerts: list[Alert] = []
        for name, order in self._unknown.items():
            if not order.told and now - order.since >= self._tell_after:
                order.told = True
                text = f"order {name} is unknown for {self._tell_after:g} s, asked for {order.questions} times"
                alerts.append(Alert("degrade", text))
        return alerts

    def _answered(self, client_order_id: str) -> _Unknown | None:
        """The order that the question was about; None where it was heard of meanwhile."""
        order = self._unknown.get(client_order_id)
        return None if order is None or order.asked is None else order

    def _again(self, order: _Unknown, now: float, at_least: float) -> None:
        wait = max(order.wait, at_least)
        order.wait = min(2.0 * order.wait, WAITS[1])
        order.next = now + wait
        if now < order.counts_from < order.next and now + at_least <= order.counts_from:
            order.next = order.counts_from
