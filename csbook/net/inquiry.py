"""Asking the venue what it knows of the account: whole snapshots, and single orders whose outcome is open.

``guard.fallback`` and ``guard.resolve`` say when, the account says what the answers mean. A snapshot is the open orders
(all of their pages), the positions and the balances; it counts only whole. Where nothing is open about an order but
fills that were lost, its fills are asked for, if the venue lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf

from csbook.account import Account, Change
from csbook.errors import BadMessage
from csbook.guard.fallback import Fallback
from csbook.guard.resolve import Resolver
from csbook.net.desk import Desk, RequestFailed
from csbook.net.timing import Timing
from csbook.types import Alert, Order
from csbook.wire.request import Verdict

__all__ = ["Polling", "Resolving"]

Tell = Callable[[Iterable[Alert]], object]
Took = Callable[[Iterable[Change]], object]


class Polling:
    """Snapshots of the whole account, when the fallback wants one. A chore of the agenda."""

    def __init__(
        self, desk: Desk, account: Account, fallback: Fallback, timing: Timing, *, took: Took, tell: Tell
    ) -> None:
        self.fallback = fallback
        self.snapshots = 0
        self._desk = desk
        self._account = account
        self._timing = timing
        self._took = took
        self._tell = tell

    def due(self, now: float) -> float:
        return self.fallback.due(now)

    async def run(self, now: float) -> None:
        if self.fallback.verdict(now) is None:
            return
        try:
            snapshot = await self._desk.snapshot()
            changes = self._account.reconcile(snapshot, self._timing.now_ns())
        except RequestFailed as error:
            self._tell(self.fallback.failed(self._timing.now(), error.wait))
        except BadMessage as error:
            self._tell([Alert("schema", f"a snapshot of the account was refused: {error}")])
            self._tell(self.fallback.failed(self._timing.now()))
        except BaseException:
            self.fallback.failed(self._timing.now())
            raise
        else:
            self.snapshots += 1
            self._tell(self.fallback.answered(self._timing.now()))
            self._took(changes)


class Resolving:
    """Orders whose outcome is open, one question after the other. A chore of the agenda."""

    def __init__(
        self, desk: Desk, account: Account, resolver: Resolver, timing: Timing, *, took: Took, tell: Tell
    ) -> None:
        self.questions = 0
        self._desk = desk
        self._account = account
        self._resolver = resolver
        self._timing = timing
        self._took = took
        self._tell = tell
        self._signed: dict[str, float] = {}  # key of an order -> when its request was signed, where that matters
        self._known: dict[str, Order] = {}

    def __len__(self) -> int:
        return len(self._known)

    def sent(self, key: str, now: float) -> None:
        """The request that places this order leaves now."""
        self._signed[key] = now

    def settled(self, key: str) -> None:
        """The outcome of placing it is known."""
        self._signed.pop(key, None)

    def due(self, now: float) -> float:
        self._follow(now)
        return self._resolver.due(now)

    async def run(self, now: float) -> None:
        key = self._resolver.verdict(now)
        if key is None:
            return
        order = self._known.get(key)
        if order is None:
            self._resolver.resolved(key)
            return
        self.questions += 1
        try:
            changes = await self._answer(order)
        except RequestFailed as error:
            self._failed(key, now, error)
        except BadMessage as error:
            self._tell([Alert("schema", f"what the venue says of an order was refused: {error}")])
            self._resolver.failed(key, self._timing.now())
        except BaseException:
            self._resolver.failed(key, self._timing.now())
            raise
        else:
            self._took(changes)
            self._follow(self._timing.now())
            if key in self._known:  # found, and still not what it must be
                self._resolver.failed(key, self._timing.now())
        self._tell(self._resolver.alerts(self._timing.now()))

    async def _answer(self, order: Order) -> list[Change]:
        if self._account.lacks_fills(order):
            fills = await self._desk.fills(order.symbol, order.order_id)
            return self._account.listed(order, fills, self._timing.now_ns())
        # the client's id where there is one: the venue's is not known after an outcome that was lost
        report, _ = await self._desk.order(order.symbol, order_id=order.order_id, client_order_id=order.client_order_id)
        return self._account.apply(report, self._timing.now_ns())

    def _failed(self, key: str, asked: float, error: RequestFailed) -> None:
        now = self._timing.now()
        if error.failure.verdict is not Verdict.NOT_FOUND:
            self._resolver.failed(key, now, error.wait)
            return
        if self._resolver.absent(key, now):
            asked_ns = self._timing.now_ns() - round((now - asked) * 1e9)
            self._took(self._account.absent(key, asked_ns))
            self._follow(now)
            if key in self._known:  # the venue has confirmed it before, and now knows nothing of it
                self._resolver.add(key, now, now)
                self._resolver.failed(key, now)

    def _follow(self, now: float) -> None:
        """Take up what the account wants to know, and forget what it knows by now."""
        wanted = {order.client_order_id or f"#{order.order_id}": order for order in self._account.to_resolve}
        for key in self._known.keys() - wanted.keys():
            self._resolver.resolved(key)
            self._signed.pop(key, None)
        for key, order in wanted.items():
            if key not in self._known:
                self._resolver.add(key, self._signed.get(key, -inf), now)
            self._known[key] = order
        self._known = {key: self._known[key] for key in wanted}
