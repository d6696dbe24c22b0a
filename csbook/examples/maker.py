"""A market maker to be read from top to bottom: one small order a side, only while the book can be trusted.

``csbook demo --trade`` shows it at work, and ``docs/market-maker.md`` goes through it. It shows how the parts
go together, and is no way to make money: it knows nothing that the market does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from csbook import Book, Feed, Order, Side, State, Trader
from csbook.account import Change, FillSeen, OrderChanged
from csbook.errors import CsbookError
from csbook.guard.budget import RateBudget

__all__ = ["Maker"]

MAX_AGE_NS = 2_000_000_000  # an older touch is no ground for a price
EVERY_S = 0.5  # it looks again so often, and whenever something happened to an order or to the book
PLACES = (2, 6.5)  # in so many seconds: the venue allows 20 orders a minute
CANCELS = (2, 21.0)  # it allows 10 a minute, of which the trader keeps 4 for a halt


class Maker:
    """Quotes ``size`` on both sides of the microprice, so many ticks away from it, and leans against what it holds."""

    def __init__(
        self, feed: Feed, trader: Trader, symbol: str, size: str = "0.010", away: int = 40, lean: int = 5, most: int = 5
    ) -> None:
        self.trader, self.symbol = trader, symbol
        self.book = feed.books[symbol]
        self.tick = trader.instruments[symbol].tick
        self.size = Decimal(size)
        self.limit = self.size * most  # of the position, long or short, whatever may still fill included
        self.away = float(self.tick) * away
        self.lean = float(self.tick) * lean  # for every ``size`` that is held
        self._places, self._cancels = RateBudget(*PLACES), RateBudget(*CANCELS)
        self._news = asyncio.Event()
        self._pulling: asyncio.Task[None] | None = None
        feed.on_state(self._on_state)
        trader.on_event(self._on_event)

    async def run(self) -> None:
        """Quote until cancelled. What is out then is the trader's to cancel: ``cancel_on_exit``."""
        while True:
            quotes = self.quotes()
            if not quotes and not self.trader.halted:
                await self._pull()
            for side in Side:
                try:
                    await self._mend(side, quotes.get(side))
                except CsbookError as error:  # refused, rejected, halted, not sent: nothing is out that is not known
                    logging.getLogger("csbook.examples").warning("%s %s: %s", self.symbol, side, error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._news.wait()
            self._news.clear()

    def quotes(self) -> dict[Side, Decimal]:
        """The price that each side should have now; a side that is missing should have no order."""
        top = self.trader.account.net_of_own(self.book)  # one's own order is no opinion of the market
        if self.trader.halted or not top.tradable(MAX_AGE_NS):
            return {}
        heavy = top.bid_size / (top.bid_size + top.ask_size)
        held = self.trader.account.exposure(self.symbol).position
        fair = top.bid + (top.ask - top.bid) * heavy - self.lean * float(held / self.size)
        bid, ask = min(fair - self.away, top.bid), max(fair + self.away, top.ask)  # to rest, not to take
        found = {}
        if held + self.size <= self.limit:
            found[Side.BUY] = (Decimal(bid) / self.tick).to_integral_value(ROUND_FLOOR) * self.tick
        if held - self.size >= -self.limit:
            found[Side.SELL] = (Decimal(ask) / self.tick).to_integral_value(ROUND_CEILING) * self.tick
        return found

    async def _mend(self, side: Side, price: Decimal | None) -> None:
        """One request at most to bring a side to its price. There is no amending here: cancel, then place again."""
        out = [order for order in self.trader.account.open_orders(self.symbol) if order.side is side]
        if out:
            if not out[0].canceling and self._is_off(out[0], price) and _may(self._cancels):
                await self.trader.cancel(out[0])
        elif price is not None and self._fits(side) and _may(self._places):
            await self.trader.place(self.symbol, side, size=self.size, price=price)

    def _is_off(self, order: Order, price: Decimal | None) -> bool:
        return price is None or order.price is None or abs(float(order.price - price)) > 3 * self.away

    def _fits(self, side: Side) -> bool:
        """Whether one more order keeps the limit, even if all that is out or unknown fills."""
        held = self.trader.account.exposure(self.symbol)
        return held.long + self.size <= self.limit if side is Side.BUY else held.short - self.size >= -self.limit

    def _on_state(self, book: Book, old: State, new: State, reason: str) -> None:
        """Before anything else runs when the book can no longer be trusted: take the quotes out of the market."""
        if book is self.book and new is not State.LIVE:
            self._pulling = asyncio.ensure_future(self._pull())
        self._news.set()

    async def _pull(self) -> None:
        if any(not order.canceling for order in self.trader.account.open_orders(self.symbol)):
            with contextlib.suppress(CsbookError):  # what is left is tried again, and cancelled one by one
                await self.trader.cancel_all(self.symbol)

    def _on_event(self, change: Change) -> None:
        if isinstance(change, FillSeen | OrderChanged):
            self._news.set()


def _may(budget: RateBudget) -> bool:
    """Whether one more request is within the pace; then it is counted."""
    now = time.monotonic()
    free = not budget.wait(now)
    if free:
        budget.spend(now)
    return free
