"""The venue's back office: accounts, orders and their events. Sans-I/O but for its clock and its alarms.

Orders come as drafts, from REST or by hand, and are judged by the same rules: ``Refusal`` says why not. What happens to
an order moves its account first and is told afterwards. ``tell`` gets the news of each order, for a desk to put into
words, ``publish`` each symbol whose public book has changed, with the trades that were printed.

An order that ends without being asked to has a ``reason``: ``post_only`` (it would have taken), ``fok`` (it could not
fill whole), ``ioc`` (the rest found nothing), ``reduce_only`` (there is nothing left to close), ``self_trade`` (it met
one of its own account).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from csbook.clock import Clock
from csbook.sim.accounts import QUOTE, Account, Terms
from csbook.sim.alarms import Alarms
from csbook.sim.market import Instrument, Listing, Market
from csbook.sim.matching import Match, Matcher
from csbook.sim.recording import Deal
from csbook.sim.tickets import Draft, Ticket, plain, price_of, size_of
from csbook.types import Fill, OrderStatus, Side

__all__ = [
    "DEFAULT", "FIRST_ORDER_ID", "HIGHEST_PRICE", "MOST_MARKET_UNITS", "MOST_UNITS", "Exchange", "News", "OrderRules",
    "Refusal",
]  # fmt: skip

DEFAULT = "default"
FIRST_ORDER_ID = 8_000_001
MOST_UNITS = 10**6  # of the last decimal, in one LIMIT order
MOST_MARKET_UNITS = 10**5
HIGHEST_PRICE = Decimal(10) ** 12


_EXECUTIONS = {
    OrderStatus.NEW: "NEW",
    OrderStatus.PARTIALLY_FILLED: "TRADE",
    OrderStatus.FILLED: "TRADE",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.REJECTED: "REJECTED",
    OrderStatus.EXPIRED: "EXPIRED",
}


class Refusal(Exception):
    """An order or a request that is not carried out: HTTP status, and a text that names the field.

    ``kind`` is for dialects with codes and words of their own: "rate", "number", "symbol", "type", "time_in_force",
    "too_small", "too_large", "size_step", "price_missing", "price_unexpected", "price_range", "price_step",
    "notional", "position_side", "duplicate", "reduce_only", "margin", "post_only", "fok", "unknown_order", "ended",
    "unmodified", "filled" (an amended size that is filled already), "listen_key", or "".
    """

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind


@dataclass(frozen=True, slots=True)
class OrderRules:
    """What a venue wants of orders, beside the grid."""

    post_only: bool = False  # there are such orders
    refuses_at_once: bool = False  # a post-only order that would take, or a FOK that cannot fill; else they end
    min_notional: Decimal = Decimal(0)  # of a LIMIT order at its price, unless it may only reduce
    ids_come_back: bool = False  # a client order id may be used again when its order has ended
    names_orders: bool = False  # an order that comes without one is given a client order id


@dataclass(frozen=True, slots=True)
class News:
    """What happened to an order, which is already as it was left.

    ``execution`` is NEW, TRADE, AMENDMENT, CANCELED, EXPIRED or REJECTED; a TRADE has its fill and its match.
    """

    ticket: Ticket
    execution: str
    at_ms: int
    fill: Fill | None = None
    match: Match | None = None


class Exchange:
    """All accounts and all orders of a market."""

    def __init__(
        self,
        market: Market,
        alarms: Alarms,
        accounts: Mapping[str, Terms],
        *,
        cancel_latency_s: float = 0.0,
        rules: OrderRules | None = None,
    ) -> None:
        self.accounts = {name: Account(name, terms) for name, terms in accounts.items()}
        self.tell: Callable[[News], None] = lambda news: None
        self.publish: Callable[[Listing, list[Deal]], None] = lambda listing, prints: None
        self._market = market
        self._alarms = alarms
        self._clock: Clock = alarms.clock
        self._cancel_latency_s = cancel_latency_s
        self._rules = rules or OrderRules()
        self._matchers: dict[str, Matcher] = {}
        self._last_id = FIRST_ORDER_ID - 1

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._market.listings)

    def instrument(self, symbol: str) -> Instrument:
        """Raises Refusal for a symbol that is not listed."""
        listing = self._market.listings.get(symbol)
        if listing is None:
            known = ", ".join(self._market.listings)
            raise Refusal(422, f"symbol {symbol[:32]!r} is unknown; this venue has: {known}", "symbol")
        return listing.instrument

    def mark(self, instrument: Instrument) -> Decimal:
        """The middle of the published book, or what there is of it."""
        bids, asks = self._market.listings[instrument.symbol].top(1)
        prices = [price_of(instrument, side[0][0]) for side in (bids, asks) if side]
        return sum(prices, Decimal(0)) / len(prices) if prices else Decimal(0)

    def sequence(self, symbol: str) -> int:
        """The id of the last update of a symbol's book: it rises with every fill."""
        return self._market.listings[symbol].update_id

    # -- orders

    def place(self, account: Account, draft: Draft) -> Ticket:
        """Accept an order, and match it. Raises Refusal; then nothing has changed."""
        ticket = self._judged(account, draft)
        matcher = self._matcher(ticket.symbol)
        stop = ""
        if ticket.post_only and matcher.meets(ticket):
            stop = "post_only"
        elif ticket.time_in_force == "FOK" and matcher.within_reach(ticket, ticket.price)[0] < ticket.size:
            stop = "fok"
        if stop and self._rules.refuses_at_once:
            why = "it would take" if stop == "post_only" else "it cannot be filled whole"
            raise Refusal(400, f"time_in_force: the order is not placed, since {why}", stop)
        self._last_id = ticket.id
        account.tickets[ticket.id] = account.working[ticket.id] = ticket
        if ticket.client_order_id:
            account.by_client_id[ticket.client_order_id] = ticket
        self._say(ticket)
        self._enter(ticket, stop)
        self._publish(matcher)
        return ticket

    def amend(self, ticket: Ticket, size: Decimal | None = None, price: Decimal | None = None) -> None:
        """Give an open LIMIT order another size, another price, or both. Raises Refusal; then nothing has changed.

        It keeps its place in the queue where it only becomes smaller, and comes in anew otherwise: it may take, and
        ends where it may not.
        """
        if not ticket.open or ticket.canceling:
            raise Refusal(400, f"order_id {ticket.id}: the order is {ticket.status} and cannot be amended", "ended")
        if ticket.price is None:
            raise Refusal(422, f"order_type: a LIMIT order is expected, and order {ticket.id} is {ticket.type}", "type")
        units = ticket.size if size is None else self._sized(ticket.instrument, size, ticket.type)
        ticks = ticket.price if price is None else self.ticks(ticket.symbol, price)
        if (units, ticks) == (ticket.size, ticket.price):
            raise Refusal(400, f"order_id {ticket.id}: nothing would be modified", "unmodified")
        if units <= ticket.filled:
            done = plain(size_of(ticket.instrument, ticket.filled))
            raise Refusal(400, f"quantity: {done} of the order is filled; more than that is expected", "filled")
        account = ticket.account
        bound, available = account.order_margin(), account.available()
        before = ticket.size, ticket.price
        ticket.size, ticket.price = units, ticks
        try:
            self._check_notional(ticket)
            self._check_closing(ticket)
            self._check_covered(account.order_margin() - bound, available)
        except Refusal:
            ticket.size, ticket.price = before
            raise
        matcher = self._matcher(ticket.symbol)
        ticket.updated_ns = self._clock.now_ns()
        if ticks == before[1] and units < before[0]:
            matcher.updates += 1
            self._say(ticket, "AMENDMENT")
        else:
            matcher.remove(ticket, before[1])
            self._say(ticket, "AMENDMENT")
            self._enter(ticket, "post_only" if ticket.post_only and matcher.meets(ticket) else "")
        self._publish(matcher)

    def find(self, account: Account, order_id: str, client_order_id: str) -> Ticket:
        """An order of an account, by either id. Raises Refusal (404)."""
        ticket = None
        if order_id:
            ticket = account.tickets.get(int(order_id)) if order_id.isdecimal() and len(order_id) < 20 else None
        elif client_order_id:
            ticket = account.by_client_id.get(client_order_id)
        if ticket is None:
            name, value = ("order_id", order_id) if order_id else ("client_order_id", client_order_id)
            raise Refusal(404, f"{name} {value[:64]!r}: there is no such order", "unknown_order")
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Ask for the end of an order. Raises Refusal (400) where it has ended."""
        if not ticket.open:
            raise Refusal(400, f"order_id {ticket.id}: the order is {ticket.status} and cannot be cancelled", "ended")
        if ticket.canceling:
            return
        ticket.canceling = True
        if self._cancel_latency_s:
            ticket.updated_ns = self._clock.now_ns()
            self._alarms.set(self._cancel_latency_s, lambda: self.close(ticket, OrderStatus.CANCELED))
        else:
            self.close(ticket, OrderStatus.CANCELED)

    def cancel_all(self, account: Account, symbol: str | None = None) -> list[Ticket]:
        """The same for all open orders; those that were asked to end by this call."""
        asked = [
            ticket for ticket in account.working.values() if symbol in (None, ticket.symbol) and not ticket.canceling
        ]
        for ticket in asked:
            if ticket.open:  # the end of another may have ended it
                self.cancel(ticket)
        return asked

    def close(self, ticket: Ticket, status: OrderStatus) -> None:
        """End an order now, if it is open."""
        if ticket.open:
            self._end(ticket, status)
            self._publish(self._matcher(ticket.symbol))

    # -- the market

    def moved(self, listing: Listing, deal: Deal | None) -> list[Deal]:
        """The replay took a step in a symbol that has an overlay. Returns the trades to print."""
        matcher = self._matcher(listing.instrument.symbol)
        if deal is None:
            matcher.changed()
        else:
            matcher.traded(deal)
        prints, matcher.prints = matcher.prints, []
        return prints

    def trade(self, symbol: str, price: int, size: int, side: Side) -> None:
        """Somebody trades, as if it had been recorded; ``side`` is the aggressor's."""
        matcher = self._matcher(symbol)
        matcher.print(Deal(0, 0, 0, price, size, side is Side.SELL))
        self._publish(matcher)

    def cross(self, ticket: Ticket, size: int | None = None) -> None:
        """The market fills an order that rests, by so much (or all), at its own price."""
        matcher = self._matcher(ticket.symbol)
        if ticket.resting:
            matcher.cross(ticket, ticket.remaining if size is None else size)
            self._publish(matcher)

    def units(self, symbol: str, size: Decimal, field: str = "size") -> int:
        """A size in whole units of its symbol. Raises Refusal (422) for what is off the grid."""
        instrument = self.instrument(symbol)
        return _on_grid(field, size, size_of(instrument, 1), "size_step")

    def ticks(self, symbol: str, price: Decimal, field: str = "price") -> int:
        """A price in whole ticks of its symbol. Raises Refusal (422) for what is off the grid."""
        instrument = self.instrument(symbol)
        if not Decimal(0) < price < HIGHEST_PRICE:
            raise Refusal(
                422,
                f"{field} {_short(price)} is out of range; above 0 and below {HIGHEST_PRICE} is expected",
                "price_range",
            )
        return _on_grid(field, price, price_of(instrument, 1), "price_step")

    # -- how an order is judged

    def _judged(self, account: Account, draft: Draft) -> Ticket:
        instrument = self.instrument(draft.symbol)
        symbol = instrument.symbol
        if draft.type not in ("LIMIT", "MARKET"):
            raise Refusal(422, f"order_type {draft.type[:32]!r} is not offered; LIMIT or MARKET is expected", "type")
        if draft.time_in_force not in ("GTC", "IOC", "FOK"):
            raise Refusal(
                422, f"time_in_force {draft.time_in_force[:32]!r}: GTC, IOC or FOK is expected", "time_in_force"
            )
        if draft.post_only and not (self._rules.post_only and (draft.type, draft.time_in_force) == ("LIMIT", "GTC")):
            raise Refusal(422, "post_only: the order must be LIMIT and GTC, at a venue that has such", "time_in_force")
        size = self._sized(instrument, draft.size, draft.type)
        price = None
        if draft.type == "LIMIT":
            if draft.price is None:
                raise Refusal(422, "price is missing; a LIMIT order needs one", "price_missing")
            price = self.ticks(symbol, draft.price)
        elif draft.price is not None:
            raise Refusal(422, "price is not expected with a MARKET order", "price_unexpected")
        wanted = ("LONG", "SHORT") if account.terms.hedge else ("BOTH",)
        if draft.position_side not in wanted:
            text = f"position_side {draft.position_side[:16]!r}: {' or '.join(wanted)} is expected"
            raise Refusal(422, text, "position_side")
        first = account.by_client_id.get(draft.client_order_id) if draft.client_order_id else None
        if first is not None and (first.open or not self._rules.ids_come_back):
            text = f"client_order_id {draft.client_order_id!r} was used before, for order {first.id}"
            raise Refusal(422, text, "duplicate")
        now, order_id = self._clock.now_ns(), self._last_id + 1
        ticket = Ticket(
            account=account,
            instrument=instrument,
            id=order_id,
            side=draft.side,
            type=draft.type,
            time_in_force=draft.time_in_force,
            size=size,
            price=price,
            reduce_only=draft.reduce_only,
            client_order_id=draft.client_order_id or (f"web_{order_id}" if self._rules.names_orders else ""),
            position_side=draft.position_side,
            created_ns=now,
            updated_ns=now,
            post_only=draft.post_only,
        )
        self._check_notional(ticket)
        self._check_closing(ticket)
        self._check_margin(ticket)
        return ticket

    def _sized(self, instrument: Instrument, size: Decimal, kind: str) -> int:
        """A size in whole units, if an order may have it."""
        most = MOST_UNITS if kind == "LIMIT" else MOST_MARKET_UNITS
        least, largest = size_of(instrument, 1), size_of(instrument, most)
        if not size >= least:
            text = f"quantity {_short(size)} is too small; at least {plain(least)} is expected"
            raise Refusal(422, text, "too_small")
        if size > largest:
            text = f"quantity {_short(size)} is too large; at most {plain(largest)} is expected"
            raise Refusal(422, text, "too_large")
        return self.units(instrument.symbol, size, "quantity")

    def _check_notional(self, ticket: Ticket) -> None:
        least = self._rules.min_notional
        if ticket.price is None or ticket.reduce_only:
            return
        notional = price_of(ticket.instrument, ticket.price) * size_of(ticket.instrument, ticket.size)
        if notional < least:
            text = f"quantity: the order is worth {plain(notional)}, and at least {plain(least)} is expected"
            raise Refusal(400, text, "notional")

    def _check_closing(self, ticket: Ticket) -> None:
        """An order that may only close must not ask for more than what other such orders leave."""
        account = ticket.account

        def closes(other: Ticket) -> bool:
            return other.reduce_only or account.closing(other.side, other.position_side)

        if not closes(ticket):
            return
        leg = (ticket.symbol, ticket.side, ticket.position_side)
        promised = sum(
            other.remaining
            for other in account.working.values()
            if other is not ticket and (other.symbol, other.side, other.position_side) == leg and closes(other)
        )
        room = account.room(*leg) - promised
        if ticket.remaining > room:
            left = plain(size_of(ticket.instrument, max(0, room)))
            name = "reduce_only" if ticket.reduce_only else "position_side"
            text = f"{name}: the order would increase the position; there is {left} left to reduce"
            raise Refusal(422, text, "reduce_only")

    def _check_margin(self, ticket: Ticket) -> None:
        account = ticket.account
        if ticket.reduce_only or account.closing(ticket.side, ticket.position_side):
            return
        price = ticket.price
        if price is None:
            reach, last = self._matcher(ticket.symbol).within_reach(ticket, None)
            if not reach:
                return
            ticket.price = last
        try:
            needed = account.order_margin(extra=ticket) - account.order_margin()
        finally:
            ticket.price = price
        self._check_covered(needed, account.available())

    @staticmethod
    def _check_covered(needed: Decimal, available: Decimal) -> None:
        if needed > max(available, Decimal(0)):
            text = f"balance is insufficient: quantity needs {plain(needed)} {QUOTE} of {plain(available)} available"
            raise Refusal(400, text, "margin")

    # -- what happens to it

    def _matcher(self, symbol: str) -> Matcher:
        matcher = self._matchers.get(symbol)
        if matcher is None:
            listing = self._market.listings[symbol]
            matcher = self._matchers[symbol] = Matcher(listing, self._settle, self._expire)
            listing.overlay = matcher
        return matcher

    def _enter(self, ticket: Ticket, stop: str) -> None:
        """Match an order that comes in, unless something stops it, and queue what is left of it."""
        matcher = self._matcher(ticket.symbol)
        if not stop:
            matcher.take(ticket)
        if not ticket.open:
            return
        if stop:
            self._end(ticket, OrderStatus.CANCELED if stop == "post_only" else OrderStatus.EXPIRED, stop)
        elif ticket.type != "LIMIT" or ticket.time_in_force != "GTC":
            self._end(ticket, OrderStatus.EXPIRED, "fok" if ticket.time_in_force == "FOK" else "ioc")
        elif matcher.cap(ticket):
            matcher.rest(ticket)
        else:
            self._end(ticket, OrderStatus.EXPIRED, "reduce_only")

    def _settle(self, match: Match) -> None:
        at_ns = self._clock.now_ns()
        for ticket, is_maker in ((match.maker, True), (match.taker, False)):
            if ticket is None:
                continue
            account = ticket.account
            fill = account.apply(ticket, match.price, match.size, match.id, is_maker, at_ns)
            ticket.status = OrderStatus.FILLED if ticket.filled == ticket.size else OrderStatus.PARTIALLY_FILLED
            if not ticket.open:
                account.working.pop(ticket.id, None)
            self.tell(News(ticket, "TRADE", at_ns // 1_000_000, fill, match))
            self._end_idle(account, ticket)

    def _end_idle(self, account: Account, cause: Ticket) -> None:
        """Orders that may only close, and have nothing left to close, end."""
        matcher = self._matcher(cause.symbol)
        for other in list(account.working.values()):
            if other.resting and other is not cause and other.symbol == cause.symbol and not matcher.cap(other):
                self._end(other, OrderStatus.EXPIRED, "reduce_only")
        if cause.resting and cause.open and not matcher.cap(cause):
            self._end(cause, OrderStatus.EXPIRED, "reduce_only")

    def _expire(self, ticket: Ticket) -> None:
        """The matcher has no use for it: it has nothing to close, or it met one of its own account."""
        self._end(
            ticket, OrderStatus.EXPIRED, "self_trade" if self._matcher(ticket.symbol).cap(ticket) else "reduce_only"
        )

    def _end(self, ticket: Ticket, status: OrderStatus, reason: str = "") -> None:
        self._matcher(ticket.symbol).remove(ticket)
        ticket.status, ticket.reason = status, reason
        ticket.updated_ns = self._clock.now_ns()
        ticket.account.working.pop(ticket.id, None)
        self._say(ticket)

    def _say(self, ticket: Ticket, execution: str = "") -> None:
        self.tell(News(ticket, execution or _EXECUTIONS[ticket.status], ticket.updated_ns // 1_000_000))

    def _publish(self, matcher: Matcher) -> None:
        prints, matcher.prints = matcher.prints, []
        self.publish(matcher.listing, prints)


def _on_grid(field: str, value: Decimal, step: Decimal, kind: str) -> int:
    if not value.is_finite() or len(value.as_tuple().digits) > 24:
        raise Refusal(422, f"{field} {_short(value)} is no number that the venue takes", "number")
    count, rest = divmod(value, step)
    if rest:
        below = count * step
        near = f"{plain(below)} or {plain(below + step)}"
        raise Refusal(422, f"{field} {_short(value)} is not a multiple of {plain(step)}; {near} is", kind)
    return int(count)


def _short(value: Decimal) -> str:
    return str(value)[:40]
