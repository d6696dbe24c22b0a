"""The venue's back office: accounts, orders and their events. Sans-I/O but for its clock and its alarms.

Orders come as drafts, from REST or by hand, and are judged by the same rules: ``Refusal`` says why not, and with
which HTTP status. What happens to an order moves its account first and is told afterwards, in this order: the order,
the wallet, the position. ``tell`` gets each event of an account, ``publish`` each symbol whose public book has
changed, with the trades that were printed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from csbook.clock import Clock
from csbook.sim.accounts import QUOTE, Account, Terms
from csbook.sim.alarms import Alarms
from csbook.sim.events import balance_event, order_event, position_event
from csbook.sim.market import Instrument, Listing, Market
from csbook.sim.matching import Match, Matcher
from csbook.sim.recording import Deal
from csbook.sim.tickets import Draft, Ticket, plain, price_of, size_of
from csbook.types import OrderStatus, Side

__all__ = ["DEFAULT", "FIRST_ORDER_ID", "Exchange", "Refusal"]

DEFAULT = "default"
FIRST_ORDER_ID = 8_000_001
MOST_UNITS = 10**6  # of the last decimal, in one LIMIT order
MOST_MARKET_UNITS = 10**5
HIGHEST_PRICE = Decimal(10) ** 12


class Refusal(Exception):
    """An order or a request that is not carried out: HTTP status, and a text that names the field."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Exchange:
    """All accounts and all orders of a market."""

    def __init__(
        self,
        market: Market,
        alarms: Alarms,
        accounts: Mapping[str, Terms],
        *,
        cancel_latency_s: float = 0.0,
        position_event: bool = False,
    ) -> None:
        self.accounts = {name: Account(name, terms) for name, terms in accounts.items()}
        self.tell: Callable[[Account, bytes], None] = lambda account, event: None
        self.publish: Callable[[Listing, list[Deal]], None] = lambda listing, prints: None
        self._market = market
        self._alarms = alarms
        self._clock: Clock = alarms.clock
        self._cancel_latency_s = cancel_latency_s
        self._position_event = position_event
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
            raise Refusal(422, f"symbol {symbol[:32]!r} is unknown; this venue has: {known}")
        return listing.instrument

    def mark(self, instrument: Instrument) -> Decimal:
        """The middle of the published book, or what there is of it."""
        bids, asks = self._market.listings[instrument.symbol].top(1)
        prices = [price_of(instrument, side[0][0]) for side in (bids, asks) if side]
        return sum(prices, Decimal(0)) / len(prices) if prices else Decimal(0)

    # -- orders

    def place(self, account: Account, draft: Draft) -> Ticket:
        """Accept an order, and match it. Raises Refusal; then nothing has changed."""
        ticket = self._judged(account, draft)
        matcher = self._matcher(ticket.symbol)
        kill = ticket.time_in_force == "FOK" and matcher.within_reach(ticket, ticket.price)[0] < ticket.size
        self._last_id = ticket.id
        account.tickets[ticket.id] = account.working[ticket.id] = ticket
        if ticket.client_order_id:
            account.by_client_id[ticket.client_order_id] = ticket
        self._say(ticket)
        if not kill:
            matcher.take(ticket)
        if ticket.open:
            if ticket.time_in_force == "GTC" and ticket.type == "LIMIT" and matcher.cap(ticket):
                matcher.rest(ticket)
            else:
                self._end(ticket, OrderStatus.EXPIRED)
        self._publish(matcher)
        return ticket

    def find(self, account: Account, order_id: str, client_order_id: str) -> Ticket:
        """An order of an account, by either id. Raises Refusal (404)."""
        ticket = None
        if order_id:
            ticket = account.tickets.get(int(order_id)) if order_id.isdecimal() and len(order_id) < 20 else None
        elif client_order_id:
            ticket = account.by_client_id.get(client_order_id)
        if ticket is None:
            name, value = ("order_id", order_id) if order_id else ("client_order_id", client_order_id)
            raise Refusal(404, f"{name} {value[:64]!r}: there is no such order")
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Ask for the end of an order. Raises Refusal (400) where it has ended."""
        if not ticket.open:
            raise Refusal(
                400, f"order_id {ticket.id}: the order is {ticket.as_rest()['status']} and cannot be cancelled"
            )
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
        return _on_grid(field, size, size_of(instrument, 1))

    def ticks(self, symbol: str, price: Decimal, field: str = "price") -> int:
        """A price in whole ticks of its symbol. Raises Refusal (422) for what is off the grid."""
        instrument = self.instrument(symbol)
        if not Decimal(0) < price < HIGHEST_PRICE:
            raise Refusal(
                422, f"{field} {_short(price)} is out of range; above 0 and below {HIGHEST_PRICE} is expected"
            )
        return _on_grid(field, price, price_of(instrument, 1))

    # -- how an order is judged

    def _judged(self, account: Account, draft: Draft) -> Ticket:
        instrument = self.instrument(draft.symbol)
        symbol = instrument.symbol
        if draft.type not in ("LIMIT", "MARKET"):
            raise Refusal(422, f"order_type {draft.type[:32]!r} is not offered; LIMIT or MARKET is expected")
        if draft.time_in_force not in ("GTC", "IOC", "FOK"):
            raise Refusal(422, f"time_in_force {draft.time_in_force[:32]!r}: GTC, IOC or FOK is expected")
        most = MOST_UNITS if draft.type == "LIMIT" else MOST_MARKET_UNITS
        least, largest = size_of(instrument, 1), size_of(instrument, most)
        if not draft.size >= least:
            raise Refusal(422, f"quantity {_short(draft.size)} is too small; at least {plain(least)} is expected")
        if draft.size > largest:
            raise Refusal(422, f"quantity {_short(draft.size)} is too large; at most {plain(largest)} is expected")
        size = self.units(symbol, draft.size, "quantity")
        price = None
        if draft.type == "LIMIT":
            if draft.price is None:
                raise Refusal(422, "price is missing; a LIMIT order needs one")
            price = self.ticks(symbol, draft.price)
        elif draft.price is not None:
            raise Refusal(422, "price is not expected with a MARKET order")
        wanted = ("LONG", "SHORT") if account.terms.hedge else ("BOTH",)
        if draft.position_side not in wanted:
            raise Refusal(422, f"position_side {draft.position_side[:16]!r}: {' or '.join(wanted)} is expected")
        first = account.by_client_id.get(draft.client_order_id) if draft.client_order_id else None
        if first is not None:
            raise Refusal(422, f"client_order_id {draft.client_order_id!r} was used before, for order {first.id}")
        now = self._clock.now_ns()
        ticket = Ticket(
            account=account,
            instrument=instrument,
            id=self._last_id + 1,
            side=draft.side,
            type=draft.type,
            time_in_force=draft.time_in_force,
            size=size,
            price=price,
            reduce_only=draft.reduce_only,
            client_order_id=draft.client_order_id,
            position_side=draft.position_side,
            created_ns=now,
            updated_ns=now,
        )
        self._check_closing(ticket)
        self._check_margin(ticket)
        return ticket

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
            if (other.symbol, other.side, other.position_side) == leg and closes(other)
        )
        room = account.room(*leg) - promised
        if ticket.size > room:
            left = plain(size_of(ticket.instrument, max(0, room)))
            name = "reduce_only" if ticket.reduce_only else "position_side"
            raise Refusal(422, f"{name}: the order would increase the position; there is {left} left to reduce")

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
        available = account.available()
        if needed > max(available, Decimal(0)):
            raise Refusal(
                400, f"balance is insufficient: quantity needs {plain(needed)} {QUOTE} of {plain(available)} available"
            )

    # -- what happens to it

    def _matcher(self, symbol: str) -> Matcher:
        matcher = self._matchers.get(symbol)
        if matcher is None:
            listing = self._market.listings[symbol]
            matcher = self._matchers[symbol] = Matcher(listing, self._settle, self._expire)
            listing.overlay = matcher
        return matcher

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
            at_ms = at_ns // 1_000_000
            self.tell(account, order_event(ticket, at_ms, fill, match))
            self.tell(account, balance_event(account, at_ms))
            holding = account.holding(ticket.instrument, ticket.position_side)
            mark = self.mark(ticket.instrument)
            self.tell(account, position_event(holding, mark, at_ms, alone=self._position_event))
            self._end_idle(account, ticket)

    def _end_idle(self, account: Account, cause: Ticket) -> None:
        """Orders that may only close, and have nothing left to close, end."""
        matcher = self._matcher(cause.symbol)
        for other in list(account.working.values()):
            if other.resting and other is not cause and other.symbol == cause.symbol and not matcher.cap(other):
                self._end(other, OrderStatus.EXPIRED)
        if cause.resting and cause.open and not matcher.cap(cause):
            self._end(cause, OrderStatus.EXPIRED)

    def _expire(self, ticket: Ticket) -> None:
        self._end(ticket, OrderStatus.EXPIRED)

    def _end(self, ticket: Ticket, status: OrderStatus) -> None:
        self._matcher(ticket.symbol).remove(ticket)
        ticket.status = status
        ticket.updated_ns = self._clock.now_ns()
        ticket.account.working.pop(ticket.id, None)
        self._say(ticket)

    def _say(self, ticket: Ticket) -> None:
        self.tell(ticket.account, order_event(ticket, ticket.updated_ns // 1_000_000))

    def _publish(self, matcher: Matcher) -> None:
        prints, matcher.prints = matcher.prints, []
        self.publish(matcher.listing, prints)


def _on_grid(field: str, value: Decimal, step: Decimal) -> int:
    if not value.is_finite() or len(value.as_tuple().digits) > 24:
        raise Refusal(422, f"{field} {_short(value)} is no number that the venue takes")
    count, rest = divmod(value, step)
    if rest:
        below = count * step
        near = f"{plain(below)} or {plain(below + step)}"
        raise Refusal(422, f"{field} {_short(value)} is not a multiple of {plain(step)}; {near} is")
    return int(count)


def _short(value: Decimal) -> str:
    return str(value)[:40]
