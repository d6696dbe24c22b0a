"""Commands carried out: an order placed, one cancelled, all cancelled, each sent once, and what then holds of it.

Before a request leaves, what it may do stands in the account. Its answer lands there too, beside what the stream says.
Where nobody knows the outcome the order is UNKNOWN, and whoever resolves is called; an answer that says nothing of the
order is such an outcome. What was refused for certain is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from csbook.account import Account, Change
from csbook.errors import BadMessage, CredentialsError, OrderRefused, OrderRejected, TradeError, UsageError
from csbook.net.desk import Desk, RequestFailed
from csbook.net.inquiry import Resolving
from csbook.net.timing import Timing
from csbook.types import Alert, Order, OrderStatus
from csbook.venues.trading import Draft
from csbook.wire.private import OrderReport
from csbook.wire.request import Failure, Verdict

__all__ = ["Commands", "error_of"]

_NO = (Verdict.REJECTED, Verdict.DUPLICATE, Verdict.NOT_FOUND)  # the venue's own


class Commands:
    """Those of one account. ``ask`` is called where the account has to be asked for, ``rejected`` for a rejection."""

    def __init__(
        self,
        desk: Desk,
        account: Account,
        resolving: Resolving,
        timing: Timing,
        *,
        took: Callable[[Iterable[Change]], object],
        tell: Callable[[Iterable[Alert]], object],
        ask: Callable[[], object],
        rejected: Callable[[], object],
    ) -> None:
        self.counts = {"placed": 0, "rejected": 0, "unknown": 0, "canceled": 0}
        self._desk = desk
        self._account = account
        self._resolving = resolving
        self._timing = timing
        self._took = took
        self._tell = tell
        self._ask = ask
        self._rejected = rejected
        self._amending: set[str] = set()  # keys of orders whose change is under way

    async def place(self, draft: Draft, within: float | None) -> Order:
        """Raises OrderRefused for a client order id that is known, OrderRejected, and RequestError."""
        key = draft.client_order_id
        order = Order(
            draft.symbol,
            draft.side,
            draft.type,
            Decimal(draft.size),
            None if draft.price is None else Decimal(draft.price),
            OrderStatus.PENDING,
            key,
            time_in_force=draft.time_in_force,
            reduce_only=draft.reduce_only,
            post_only=draft.post_only,
            position_side=draft.position_side or "BOTH",
        )
        self._took(self._account.placing(order, self._timing.now_ns()))
        self._resolving.sent(key, self._timing.now())
        self.counts["placed"] += 1
        try:
            if within is None:
                report = await self._desk.place(draft)
            else:
                async with self._timing.within(within):
                    report = await self._desk.place(draft)
        except RequestFailed as error:
            self._not_placed(key, error.failure)
        except TimeoutError:
            self._not_known(key, f"no answer within {within:g} s")
        except BaseException:
            self._not_known(key, "given up while it was under way")
            raise
        else:
            self._placed(key, report)
        return self._account.orders[key]

    def _placed(self, key: str, report: OrderReport) -> None:
        # the answer is about what was asked, whether it repeats the client's id or not
        self.answered(report if report.client_order_id else replace(report, client_order_id=key))
        order = self._account.orders[key]
        if order.status is OrderStatus.PENDING and report.status is OrderStatus.PENDING and order.order_id:
            # the venue took it in, and says what becomes of it on the stream, or when it is asked
            text = "taken in by the venue, which has not said yet what became of it"
            self._took(self._account.unknown(key, text, self._timing.now_ns()))
            return
        if order.status is OrderStatus.PENDING:
            self._not_known(key, "the answer is about another order")
            return
        self._resolving.settled(key)
        if order.status is OrderStatus.REJECTED:
            self._rejection()
            raise OrderRejected(f"{self._desk.trading.title} rejected the order: {order.reason}", order=order)

    async def cancel(self, key: str) -> Order:
        """Raises UsageError for an order that is not known, OrderRejected, and RequestError."""
        known = self._account.orders.get(key)
        if known is None:
            raise UsageError(f"no order {key!r} is known")
        if known.is_terminal:
            return known
        self._took(self._account.canceling(key, self._timing.now_ns()))
        try:
            report = await self._desk.cancel(
                known.symbol, order_id=known.order_id, client_order_id=known.client_order_id
            )
        except RequestFailed as error:
            return await self._not_canceled(key, known, error.failure)
        self.counts["canceled"] += 1
        self.answered(report)
        return self._now(key, known)

    async def amend(self, known: Order, draft: Draft) -> Order:
        """Raises OrderRejected and RequestError. What became of the order is asked for where the change failed.

        One change of an order at a time, else OrderRefused: a second one that leaves the size alone would bring back
        the size of before, which is more than the answer to the first one says.
        """
        key = key_of(known)
        if key in self._amending:
            raise OrderRefused(f"order {key!r} is being amended; nothing was sent", field="order")
        self._amending.add(key)
        try:
            report = await self._desk.amend(draft, order_id=known.order_id)
        except RequestFailed as error:
            self._ask()
            if error.failure.verdict in _NO:
                text = f"{self._desk.trading.title} did not amend the order: {error.failure.text}"
                raise OrderRejected(text, order=self._now(key, known), code=error.failure.code) from None
            if error.failure.verdict is not Verdict.UNKNOWN:
                raise error_of(error.failure, "the change") from None
        else:
            self.answered(report if report.client_order_id or report.order_id else replace(report, client_order_id=key))
        finally:
            self._amending.discard(key)
        return self._now(key, known)

    async def cancel_all(self, symbol: str | None) -> tuple[str, ...]:
        """Raises RequestError. What became of the orders is asked for in any case."""
        now_ns = self._timing.now_ns()
        keys = [key_of(order) for order in self._account.open_orders(symbol) if not order.canceling]
        for key in keys:
            self._took(self._account.canceling(key, now_ns))
        try:
            return await self._desk.cancel_all(symbol)
        except RequestFailed as error:
            if error.failure.verdict is not Verdict.UNKNOWN:
                for key in keys:
                    self._uncancel(key, error.failure)
            raise error_of(error.failure, "cancel_all") from None
        finally:
            self._ask()

    def answered(self, report: OrderReport) -> None:
        """What an answer says of an order."""
        try:
            self._took(self._account.apply(report, self._timing.now_ns()))
        except BadMessage as error:
            self._tell([Alert("schema", f"an answer about an order was refused: {error}")])
            self._ask()

    # -- what did not work ------------------------------------------------------------------------------------------

    def _not_placed(self, key: str, failure: Failure) -> None:
        """Say what became of an order whose placing failed; raises unless nobody knows."""
        if failure.verdict is Verdict.UNKNOWN:
            self._not_known(key, failure.text)
            return
        self._resolving.settled(key)
        self._took(self._account.refused(key, failure.text, self._timing.now_ns()))
        order = self._account.orders[key]
        if failure.verdict in _NO:
            self._rejection()
            text = f"{self._desk.trading.title} rejected the order: {failure.text}"
            raise OrderRejected(text, order=order, code=failure.code)
        raise error_of(failure, "the order")

    def _not_known(self, key: str, reason: str) -> None:
        self.counts["unknown"] += 1
        self._took(self._account.unknown(key, reason, self._timing.now_ns()))

    async def _not_canceled(self, key: str, known: Order, failure: Failure) -> Order:
        if failure.verdict is Verdict.UNKNOWN:
            self._ask()
            return self._now(key, known)
        self._uncancel(key, failure)
        if failure.verdict not in _NO:
            raise error_of(failure, "the cancel")
        # it may have ended while the request was on its way
        try:
            report, _ = await self._desk.order(
                known.symbol, order_id=known.order_id, client_order_id=known.client_order_id
            )
            self.answered(report)
        except RequestFailed:
            self._ask()
        known = self._now(key, known)
        if known.is_terminal:
            return known
        text = f"{self._desk.trading.title} did not cancel the order: {failure.text}"
        raise OrderRejected(text, order=known, code=failure.code)

    def _uncancel(self, key: str, failure: Failure) -> None:
        if key in self._account.orders:
            self._took(self._account.cancel_refused(key, failure.text, self._timing.now_ns()))

    def _now(self, key: str, known: Order) -> Order:
        """The order as it stands, by whatever name it goes by now."""
        order = self._account.orders.get(key)
        if order is None and known.order_id:
            order = self._account.order(order_id=known.order_id, symbol=known.symbol)
        return known if order is None else order

    def _rejection(self) -> None:
        self.counts["rejected"] += 1
        self._rejected()


def key_of(order: Order) -> str:
    """What the account knows an order by."""
    return order.client_order_id or f"#{order.order_id}"


def error_of(failure: Failure, what: str) -> TradeError:
    """A failure as an exception; ``what`` names the request."""
    if failure.verdict is Verdict.KEY:
        return CredentialsError(f"{what}: {failure.text}")
    return failure.error(what)
