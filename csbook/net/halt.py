"""A halt carried out: ``guard.halting`` says what to send next, this sends it, until the venue shows no open order.

All of it goes over the part of the venue's limits that is kept for a halt. What the readings show goes to the account,
too. Whoever waits for the end waits on a future; a second halt while one is under way waits for the same end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from math import inf

from csbook.account import Account, Change
from csbook.errors import BadMessage, HaltedError
from csbook.guard.budget import RateBudget
from csbook.guard.halting import Ask, Halting, Step
from csbook.net.commands import key_of
from csbook.net.desk import Desk, RequestFailed
from csbook.net.timing import Timing
from csbook.types import Alert, OrderStatus
from csbook.venues.trading import Limit
from csbook.wire.request import Verdict

__all__ = ["Halts"]

_GONE = (Verdict.NOT_FOUND, Verdict.REJECTED)  # answers to a cancel: it ended before, the next reading tells
_OPEN_ENDED = (OrderStatus.PENDING, OrderStatus.UNKNOWN)


class Halts:
    """The halts of one account, one at a time. A chore of the agenda. ``ask``: the account has to be asked for."""

    def __init__(
        self,
        desk: Desk,
        account: Account,
        timing: Timing,
        *,
        took: Callable[[Iterable[Change]], object],
        tell: Callable[[Iterable[Alert]], object],
        ask: Callable[[], object],
    ) -> None:
        self.carried_out = 0
        self._desk = desk
        self._account = account
        self._timing = timing
        self._took = took
        self._tell = tell
        self._ask = ask
        self._halting: Halting | None = None
        self._ended: asyncio.Future[None] | None = None
        self._closed = False
        self._symbols: dict[str, str] = {}  # order id -> symbol, of the last reading

    @property
    def under_way(self) -> bool:
        return self._halting is not None

    def begin(self) -> asyncio.Future[None]:
        """Start cancelling; the future ends when the venue shows no open order. Nothing is awaited."""
        if self._closed:
            ended = asyncio.get_running_loop().create_future()
            self._fail(ended)
            return ended
        if self._halting is None or self._ended is None or self._ended.done():
            limits = self._desk.trading.limits
            self._halting = Halting(
                self._timing.now(),
                cancel_all=_budget(limits, "cancel_all"),
                cancel=_budget(limits, "cancel"),
                read=_budget(limits, "open_orders"),
            )
            self._ended = asyncio.get_running_loop().create_future()
        return self._ended

    def close(self) -> None:
        """The trader is left. Whoever waits is told that it did not end; a halt begun from now on does not, either."""
        self._closed = True
        self._halting = None
        if self._ended is not None and not self._ended.done():
            self._fail(self._ended)

    @staticmethod
    def _fail(ended: asyncio.Future[None]) -> None:
        text = "the trader was left before the venue showed no open order"
        ended.set_exception(HaltedError(text, reason=text))
        ended.exception()  # nobody has to look

    def due(self, now: float) -> float:
        return inf if self._halting is None else self._halting.due(now)

    async def run(self, now: float) -> None:
        halting = self._halting
        if halting is None:
            return
        self._tell(halting.alerts(now))
        step = halting.step(now)
        if step is not None:
            try:
                await self._take(halting, step)
            except RequestFailed as error:
                self._failed(halting, step, error)
            except BadMessage as error:
                halting.failed(self._timing.now(), f"an answer was refused: {error}")
            except BaseException:
                halting.failed(self._timing.now(), "given up")
                raise
        if halting.is_done:
            self.carried_out += 1
            self._halting = None
            if self._ended is not None and not self._ended.done():
                self._ended.set_result(None)
            self._ask()  # how they ended is another question

    async def _take(self, halting: Halting, step: Step) -> None:
        match step.ask:
            case Ask.CANCEL_ALL:
                sending = asyncio.ensure_future(self._desk.cancel_all(urgent=True))
                try:
                    await asyncio.sleep(0)  # it is on its way before anything else is done
                    for order in self._account.open_orders():
                        self._flag(key_of(order))
                    await sending
                finally:
                    sending.cancel()
                halting.cancelled(self._timing.now())
            case Ask.CANCEL:
                symbol = self._symbols.get(step.order_id, "")
                report = await self._desk.cancel(symbol, order_id=step.order_id, urgent=True)
                halting.cancelled(self._timing.now())
                self._took(self._account.apply(report, self._timing.now_ns()))
            case Ask.READ:
                page = await self._desk.open_page(cursor=step.cursor, urgent=True)
                for report in page.orders:
                    self._symbols[report.order_id] = report.symbol
                    self._took(self._account.apply(report, self._timing.now_ns()))
                shown = {report.order_id: report.canceling for report in page.orders}
                unsettled = sum(order.status in _OPEN_ENDED for order in self._account.open_orders())
                now = self._timing.now()
                self._tell(halting.read(now, shown, cursor=page.cursor_ms, unsettled=unsettled))

    def _flag(self, key: str) -> None:
        self._took(self._account.canceling(key, self._timing.now_ns()))

    def _failed(self, halting: Halting, step: Step, error: RequestFailed) -> None:
        now = self._timing.now()
        if step.ask is Ask.CANCEL and error.failure.verdict in _GONE:
            halting.cancelled(now)
        else:
            halting.failed(now, str(error), error.wait)


def _budget(limits: Mapping[str, Limit], endpoint: str) -> RateBudget:
    """All that a limit allows: what was spent before the halt is known to whoever sends."""
    limit = limits.get(endpoint)
    return RateBudget(600, 60.0) if limit is None else RateBudget(limit.count, limit.window_s)
