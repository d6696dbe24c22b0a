"""Own resting orders where they meet the market: in a ladder by price, in the books that show them, in the queue."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from csbook._core import Book, Top
from csbook.account.ladder import Ladder
from csbook.account.orders import Entry
from csbook.account.queue import Place
from csbook.account.shown import Shown
from csbook.exact import ZERO, negate, subtract
from csbook.types import Trade

__all__ = ["Resting"]


class Resting:
    """Brought up to an order by ``show`` after each change of it. O(1)."""

    def __init__(self) -> None:
        self._ladders: dict[str, Ladder] = {}
        self._shown: dict[str, list[Shown]] = {}
        self._places: dict[str, dict[str, Place]] = {}

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
                places[entry.key] = Place(order)
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
                shown.change((order.side, price, change, order.event_time_ns, order.receive_time_ns))

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
                shown.change((order.side, price, size, order.event_time_ns, order.receive_time_ns))
        self._shown[book.symbol] = [*(other for other in known if other.book() is not None), shown]
        return shown.net(book)

    def queue(self, entry: Entry) -> tuple[Decimal, Decimal] | None:
        place = self._places.get(entry.order.symbol, {}).get(entry.key)
        return None if place is None else place.bounds()

    def on_depth(self, book: Book) -> None:
        for place in self._places.get(book.symbol, {}).values():
            place.on_depth(book)

    def on_trade(self, trade: Trade) -> None:
        for place in self._places.get(trade.symbol, {}).values():
            place.on_trade(trade)
