"""What can be asked of a venue and told to it, typed: requests of the trading table sent by ``Rest``, answers read.

A request that did not succeed raises ``RequestFailed`` with the table's verdict; so does an answer that cannot be read:
it was carried out or not, nobody knows, so its verdict is UNKNOWN.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from csbook.errors import BadMessage
from csbook.net.rest import Rest
from csbook.net.timing import Timing
from csbook.types import Order, Side
from csbook.venues.trading import Draft, Page, Trading
from csbook.wire.pages import Pages
from csbook.wire.private import BalanceReport, OrderReport, PositionReport, Snapshot
from csbook.wire.request import Answer, Failure, Request, Verdict

__all__ = ["Desk", "RequestFailed", "order_of"]

_PAGES = 100  # of one list
_PATIENCE_S = 5.0  # for the venue's limits, of a question
_RECENT_NS = 7 * 86_400 * 10**9
_MARGIN_MS = 60_000  # a window that ends now ends when the request arrives

ReadT = TypeVar("ReadT")


class RequestFailed(Exception):
    """A request that did not succeed, or whose answer is none."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure

    @property
    def wait(self) -> float:
        """How long the venue asks to be left alone, in seconds."""
        return self.failure.retry_after_s or 0.0


class Desk:
    """One account at one venue."""

    def __init__(self, rest: Rest, trading: Trading, timing: Timing) -> None:
        self.trading = trading
        self.strange: list[str] = []  # words of the venue that are not known, each once
        self._rest = rest
        self._timing = timing

    # -- commands: sent once ----------------------------------------------------------------------------------------

    async def place(self, draft: Draft) -> OrderReport:
        request = self.trading.place(draft)
        answer = await self._sent(request)
        return self._one(request, answer)

    async def cancel(
        self, symbol: str, *, order_id: str = "", client_order_id: str = "", urgent: bool = False
    ) -> OrderReport:
        request = self.trading.cancel(symbol, order_id=order_id, client_order_id=client_order_id)
        answer = await self._sent(request, urgent=urgent)
        return self._one(request, answer)

    async def amend(self, draft: Draft, *, order_id: str = "") -> OrderReport:
        request = self.trading.amend(draft, order_id=order_id)
        answer = await self._sent(request)
        return self._one(request, answer)

    async def cancel_all(self, symbol: str | None = None, *, urgent: bool = False) -> tuple[str, ...]:
        """The ids that the venue says it cancels; it may say none.

        Where it cancels those of one symbol at a time, the symbols are those of the orders that it shows as open; where
        it cannot at all, each of these orders is cancelled by itself.
        """
        if "cancel_all" not in self.trading.abilities:
            return await self._cancel_each(symbol, urgent)
        symbols: list[str | None] = [symbol]
        if symbol is None and self.trading.cancel_all_by_symbol:
            page = await self.open_page(urgent=urgent)
            symbols = list(dict.fromkeys(order.symbol for order in page.orders))
        canceled: list[str] = []
        for each in symbols:
            request: Request | None = self.trading.cancel_all(each)
            for _ in range(_PAGES):
                assert request is not None
                answer = await self._sent(request, urgent=urgent)
                canceled += self._read(answer, lambda answer=answer: self.trading.read_canceled(answer.body))  # type: ignore[misc]
                request = self._more(request, answer)
                if request is None:
                    break
        return tuple(canceled)

    async def _cancel_each(self, symbol: str | None, urgent: bool) -> tuple[str, ...]:
        """All at once; one that has ended meanwhile is no failure."""
        orders, _, _ = await self.open_orders(symbol, urgent=urgent)
        open_ = [(order.symbol, order.order_id) for order in orders if not order.canceling]
        cancels = (self.cancel(whose, order_id=each, urgent=urgent) for whose, each in open_)
        ended = await asyncio.gather(*cancels, return_exceptions=True)
        for error in ended:
            if isinstance(error, RequestFailed) and error.failure.verdict in (Verdict.NOT_FOUND, Verdict.REJECTED):
                continue
            if isinstance(error, BaseException):
                raise error
        failed = (isinstance(error, RequestFailed) for error in ended)
        return tuple(each for (_, each), gone in zip(open_, failed, strict=True) if not gone)

    # -- questions: asked again where they fail ---------------------------------------------------------------------

    async def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> tuple[OrderReport, int]:
        """What became of an order, and when it was asked (wall ns)."""
        request = self.trading.order(symbol, order_id=order_id, client_order_id=client_order_id)
        answer = await self._sent(request, patience=_PATIENCE_S)
        return self._one(request, answer), answer.asked_ns

    async def open_page(self, symbol: str | None = None, cursor: int | None = None, *, urgent: bool = False) -> Page:
        """One page of the open orders."""
        return (await self._page(self.trading.open_orders(symbol, to_ms=cursor), urgent=urgent))[0]

    async def open_orders(
        self, symbol: str | None = None, *, urgent: bool = False
    ) -> tuple[tuple[OrderReport, ...], int, int]:
        """Every page of them, and when the first was asked for and the last was answered (wall ns)."""
        found: dict[str, OrderReport] = {}
        cursor: int | None = None
        asked_ns = 0
        for _ in range(_PAGES):
            page, answer = await self._page(self.trading.open_orders(symbol, to_ms=cursor), urgent=urgent)
            asked_ns = asked_ns or answer.asked_ns
            fresh = {order.order_id or order.client_order_id: order for order in page.orders} | found
            grown, found, cursor = len(fresh) > len(found), fresh, page.cursor_ms
            if cursor is None or not grown:
                return tuple(found.values()), asked_ns, answer.answered_ns
        raise RequestFailed(Failure(Verdict.UNKNOWN, f"the list of open orders has more than {_PAGES} pages"))

    async def closed_orders(self, symbol: str | None = None, since_ns: int | None = None) -> tuple[OrderReport, ...]:
        """The orders that ended since then; without a time those of the last seven days."""
        now_ns = self._timing.now_ns() + self._rest.offset_ns
        since_ms = (now_ns - _RECENT_NS if since_ns is None else since_ns) // 1_000_000
        window_ms = int(self.trading.list_window_s * 1000) - _MARGIN_MS
        pages = Pages(now_ms=now_ns // 1_000_000, since_ms=since_ms, window_ms=window_ms)
        while not pages.done:
            if pages.requests >= _PAGES:
                raise RequestFailed(Failure(Verdict.UNKNOWN, f"the list of orders has more than {_PAGES} pages"))
            span = pages.next
            request = self.trading.closed_orders(symbol, from_ms=span.from_ms, to_ms=span.to_ms)
            page, answer = await self._page(request)
            self._read(answer, lambda page=page: pages.take(page.orders, page.cursor_ms))  # type: ignore[misc]
        return pages.orders

    async def fills(self, symbol: str, order_id: str) -> tuple[OrderReport, ...]:
        """All executions of one order, one report each."""
        found: list[OrderReport] = []
        for part in await self._parts(self.trading.fills(symbol, order_id=order_id), patience=_PATIENCE_S):
            found += self._read(part, lambda part=part: self.trading.read_fills(part.body, part.answered_ns))  # type: ignore[misc]
        return tuple(found)

    async def positions(self) -> tuple[tuple[PositionReport, ...], Answer]:
        found: list[PositionReport] = []
        parts = await self._parts(self.trading.positions(), patience=_PATIENCE_S)
        for part in parts:
            found += self._read(part, lambda part=part: self.trading.read_positions(part.body, part.answered_ns))  # type: ignore[misc]
        return tuple(found), replace(parts[-1], asked_ns=parts[0].asked_ns)

    async def balances(self) -> tuple[tuple[BalanceReport, ...], Answer]:
        answer = await self._sent(self.trading.balances(), patience=_PATIENCE_S)
        return self._read(answer, lambda: self.trading.read_balances(answer.body, answer.answered_ns)), answer

    async def portfolio(self) -> Snapshot:
        """Positions and balances."""
        positions, first = await self.positions()
        balances, last = await self.balances()
        return Snapshot(first.asked_ns, last.answered_ns, positions=positions, balances=balances)

    async def snapshot(self) -> Snapshot:
        """The whole account."""
        orders, asked_ns, _ = await self.open_orders()
        portfolio = await self.portfolio()
        return Snapshot(asked_ns, portfolio.answered_ns, orders, portfolio.positions, portfolio.balances)

    # -- how it is asked --------------------------------------------------------------------------------------------

    async def _sent(self, request: Request, *, urgent: bool = False, patience: float = 0.0) -> Answer:
        answer = await self._rest.send(request, urgent=urgent, patience=patience)
        if answer.failure is not None:
            raise RequestFailed(answer.failure)
        # from here on by the venue's clock, which the times in its answers are of
        ahead_ns = self._rest.venue_ns() - self._timing.now_ns()
        return replace(answer, asked_ns=answer.asked_ns + ahead_ns, answered_ns=answer.answered_ns + ahead_ns)

    async def _page(self, request: Request, *, urgent: bool = False) -> tuple[Page, Answer]:
        """One list of the table, all its parts together."""
        parts = await self._parts(request, urgent=urgent, patience=0.0 if urgent else _PATIENCE_S)
        pages = [
            self._read(part, lambda part=part: self.trading.read_orders(part.body, part.answered_ns))  # type: ignore[misc]
            for part in parts
        ]
        for page in pages:
            self._note(page)
        if len(pages) == 1:
            return pages[0], parts[0]
        orders = {order.order_id or order.client_order_id: order for page in pages for order in page.orders}
        whole = Page(tuple(orders.values()), pages[-1].cursor_ms)
        return whole, replace(parts[-1], asked_ns=parts[0].asked_ns)

    async def _parts(self, request: Request, *, urgent: bool = False, patience: float = 0.0) -> list[Answer]:
        """What a question is answered with, part by part."""
        parts: list[Answer] = []
        following: Request | None = request
        while following is not None:
            if len(parts) >= _PAGES:
                text = f"the answer to {request.endpoint!r} has more than {_PAGES} parts"
                raise RequestFailed(Failure(Verdict.UNKNOWN, text))
            answer = await self._sent(following, urgent=urgent, patience=patience)
            parts.append(answer)
            following = self._more(following, answer)
        return parts

    def _more(self, request: Request, answer: Answer) -> Request | None:
        return self._read(answer, lambda: self.trading.more(request, answer.body))

    def _one(self, request: Request, answer: Answer) -> OrderReport:
        page = self._read(answer, lambda: self.trading.read_order(request, answer.body, answer.answered_ns))
        self._note(page)
        return page.orders[0]

    def _read(self, answer: Answer, reader: Callable[[], ReadT]) -> ReadT:
        try:
            return reader()
        except BadMessage as error:
            text = f"the answer cannot be read: {error}"
            raise RequestFailed(Failure(Verdict.UNKNOWN, text, answer.status)) from None

    def _note(self, page: Page) -> None:
        self.strange += [word for word in page.unknown if word not in self.strange and len(self.strange) < 64]


def order_of(report: OrderReport, own_prefix: str) -> Order:
    """An order as one report tells it, of which nothing else is known."""
    return Order(
        report.symbol,
        report.side if report.side is not None else Side.BUY,
        report.type or "",
        report.size or Decimal(0),
        report.price,
        report.status,
        report.client_order_id,
        report.order_id,
        report.time_in_force or "GTC",
        report.filled or Decimal(0),
        report.average_price,
        bool(report.reduce_only),
        bool(report.post_only),
        report.position_side or "BOTH",
        report.client_order_id.startswith(own_prefix),
        report.canceling,
        report.reason,
        report.created_time_ns,
        report.event_time_ns,
        report.receive_time_ns,
    )
