"""Own resting orders where they meet the market: in a ladder by price, in the books that show them, in the queue.

Sizes of the account are base quantity. Where a venue counts contracts (fact sheet kucoin, section 2.1), its books and
trades do, too: own sizes are taken out of a book in contracts, depth and trades come to a queue in base quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from csbook._core import Book, Top
from csbook.account.ladder import Ladder
from csbook.account.orders import Entry
from csbook.account.queue import Place
from csbook.account.shown import Shown
from csbook.exact import ONE, ZERO, multiply, negate, parts, subtract
from csbook.types import Instrument, Trade

__all__ = ["Resting"]


class Resting:
    """Brought up to an order by ``show`` after each change of it. O(1)."""

    def __init__(self) -> None:
        self._ladders: dict[str, Ladder] = {}
        self._shown: dict[str, list[Shown]] = {}
        self._places: dict[str, dict[str, Place]] = {}
        self._multipliers: dict[str, Decimal] = {}  # of symbols that are counted in contracts

    def learn(self, instruments: Mapping[str, Instrument]) -> None:
        """What a contract is of these symbols; before any order of them."""
        self._multipliers = {name: each.multiplier for name, each in instruments.items() if each.multiplier != ONE}

    def ladder(self, symbol: str) -> Ladder:
        ladder = self._ladders.get(symbol)
        if ladder is None:
            ladder = self._ladders[symbol] = Ladder(symbol)
        return ladder

    def show(self, entry: Entry) -> None:
        """What rests of an order now, and its place in the queue from before it rests until it has ended."""
        order = entry.order
        price = order.price
        places = self._places.get(order.symbol)
        if places is None:
            places = self._places[order.symbol] = {}
        place = places.get(entry.key)
        if price is not None and not order.is_terminal:
            if place is None or place.order.price != price:
                places[entry.key] = Place(order, self._multipliers.get(order.symbol, ONE))
            else:
                place.order = order
            self._rest(entry, (price, order.remaining) if order.is_resting else None)
            return
        if place is not None:
            del places[entry.key]
        self._rest(entry, None)

    def hide(self, entry: Entry) -> None:
        """The order goes by another name from now on, or is another one's."""
        self._rest(entry, None)
        self._places.get(entry.order.symbol, {}).pop(entry.key, None)

    def _rest(self, entry: Entry, now: tuple[Decimal, Decimal] | None) -> None:
        was = entry.displayed
        if now == was:
            return
        entry.displayed = now
        order = entry.order
        ladder = self.ladder(order.symbol)
        if was is not None and (now is None or was[0] != now[0]):
            ladder.put(order.side, was[0], entry.key, ZERO)
        if now is not None:
            ladder.put(order.side, now[0], entry.key, now[1])
        books = self._shown.get(order.symbol)
        if books is None:
            return
        steps = []
        if was is not None:
            if now is None or was[0] != now[0]:
                steps.append((was[0], negate(was[1])))
            else:
                steps.append((was[0], subtract(now[1], was[1])))
        if now is not None and (was is None or was[0] != now[0]):
            steps.append(now)
        for shown in books:
            for price, change in steps:
                counted = self._counted(order.symbol, change)
                shown.change((order.side, price, counted, order.event_time_ns, order.receive_time_ns))

    def _counted(self, symbol: str, size: Decimal) -> Decimal:
        """A size as the book counts it. An order is of whole contracts."""
        multiplier = self._multipliers.get(symbol)
        return size if multiplier is None else parts(size, multiplier)[0]

    def net_of_own(self, book: Book, entries: Iterable[Entry]) -> Top:
        """The touch without own orders; ``entries`` are all that may rest, for a book not asked about before."""
        known = self._shown.get(book.symbol, [])
        for shown in known:
            if shown.book() is book:
                return shown.net(book)
        shown = Shown(book)
        for entry in entries:
            order = entry.order
            if entry.displayed is not None and order.symbol == book.symbol:
                price, size = entry.displayed
                counted = self._counted(order.symbol, size)
                shown.change((order.side, price, counted, order.event_time_ns, order.receive_time_ns))
        self._shown[book.symbol] = [*(other for other in known if other.book() is not None), shown]
        return shown.net(book)

    def queue(self, entry: Entry) -> tuple[Decimal, Decimal] | None:
        place = self._places.get(entry.order.symbol, {}).get(entry.key)
        return None if place is None else place.bounds()

    def on_depth(self, book: Book) -> None:
        for place in self._places.get(book.symbol, {}).values():
            place.on_depth(book)

    def on_trade(self, trade: Trade) -> None:
        places = self._places.get(trade.symbol)
        if not places:
            return
        multiplier = self._multipliers.get(trade.symbol)
        if multiplier is not None:
            trade = replace(trade, size=multiply(trade.size, multiplier))
        for place in places.values():
            place.on_trade(trade)
