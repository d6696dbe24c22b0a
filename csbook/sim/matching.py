"""One symbol's orders of this venue's accounts, matched by price and time, among themselves and with the replay.

Sans-I/O, whole numbers only. What is published is the recorded book, less what was taken from it, plus our orders.
Rules:

* An order that comes in takes the best price first; at one price what the recording had there before an order rested
  goes ahead of that order, then the order, then the rest. What is taken from a recorded level stays taken until the
  replay says something of that level again.
* An order that rests has the recorded size at its price ahead of it. That shrinks as trades print there, and is never
  more than what still stands there: who leaves a queue is taken to have stood behind us.
* A recorded trade fills our orders at better prices than its own first, in full up to its size, then those at its
  price whose turn it is; orders are filled at their own price. A recorded change that crosses our orders fills them
  from the level that crosses.
* Two orders of one account never meet: the newer one ends (EXPIRED).
* An order that may only reduce is filled up to what there is to close; when there is nothing it ends.

Each match is a public trade with an id of its own. A recorded trade that fills us is printed in parts, which add up
to it; ids go on without a hole.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import merge

from csbook.sim.accounts import Account
from csbook.sim.market import Listing
from csbook.sim.recording import Deal
from csbook.sim.textbook import Level
from csbook.sim.tickets import Ticket
from csbook.types import Side

__all__ = ["Match", "Matcher"]


@dataclass(frozen=True, slots=True)
class Match:
    """One execution. A side that is None is the recorded market."""

    maker: Ticket | None
    taker: Ticket | None
    price: int
    size: int
    id: int


class _Queues:
    """The resting orders of one side: by price, each price's in order of time."""

    __slots__ = ("at", "bid", "prices")

    def __init__(self, bid: bool) -> None:
        self.bid = bid
        self.prices: list[int] = []  # rising
        self.at: dict[int, list[Ticket]] = {}

    def best_first(self) -> list[int]:
        return self.prices[::-1] if self.bid else self.prices[:]

    def put(self, ticket: Ticket) -> None:
        assert ticket.price is not None
        queue = self.at.get(ticket.price)
        if queue is None:
            queue = self.at[ticket.price] = []
            insort(self.prices, ticket.price)
        queue.append(ticket)

    def remove(self, ticket: Ticket, price: int) -> None:
        queue = self.at[price]
        queue.remove(ticket)
        if not queue:
            del self.at[price]
            del self.prices[bisect_left(self.prices, price)]

    def size(self, price: int) -> int:
        return sum(ticket.remaining for ticket in self.at.get(price, ()))


class Matcher:
    """The orders of one symbol; the listing's overlay.

    ``settle`` is called with each match and moves the accounts; ``expire`` when an order ends otherwise than by being
    filled or cancelled. ``prints`` are the public trades that came of it, for the caller to take.
    """

    def __init__(self, listing: Listing, settle: Callable[[Match], None], expire: Callable[[Ticket], None]) -> None:
        self.listing = listing
        self.updates = 0
        self.prints: list[Deal] = []
        self._settle = settle
        self._expire = expire
        self._queues = (_Queues(True), _Queues(False))  # by Side
        self._taken: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._trades = 0  # printed without being recorded; added to the recorded ids

    # -- what is published

    def top(self, depth: int) -> tuple[list[Level], list[Level]]:
        """The best bids and asks, best first. O(depth + own levels)."""
        return self._top(True, depth), self._top(False, depth)

    def _top(self, bid: bool, depth: int) -> list[Level]:
        queues, taken, book = self._queues[not bid], self._taken[not bid], self.listing.book
        recorded = (book.bids if bid else book.asks)(depth + len(taken))
        if not queues.prices and not taken:
            return recorded
        levels = dict(recorded)
        for price, size in taken.items():
            if price in levels:
                levels[price] -= size
        for price in queues.prices:
            levels[price] = levels.get(price, 0) + queues.size(price)
        return sorted(((price, size) for price, size in levels.items() if size), reverse=bid)[:depth]

    def standing(self, bid: bool, price: int) -> int:
        """What of the recorded size at a price has not been taken."""
        return self.listing.book.size(bid, price) - self._taken[not bid].get(price, 0)

    # -- orders

    def cap(self, ticket: Ticket) -> int:
        """How much of an order may be filled now."""
        if not ticket.open:
            return 0
        account = ticket.account
        if ticket.reduce_only or account.closing(ticket.side, ticket.position_side):
            return min(ticket.remaining, account.room(ticket.symbol, ticket.side, ticket.position_side))
        return ticket.remaining

    def take(self, ticket: Ticket) -> None:
        """Match an order that comes in, as far as its price goes."""
        bid = ticket.side is Side.SELL  # the side that it takes from
        for price in self._prices(bid, ticket.price):
            self._take_level(ticket, bid, price)
            if not self.cap(ticket):
                break

    def rest(self, ticket: Ticket) -> None:
        """Queue what is left of an order."""
        assert ticket.price is not None
        ticket.ahead = self.standing(ticket.side is Side.BUY, ticket.price)
        ticket.resting = True
        self._queues[ticket.side].put(ticket)
        self.updates += 1

    def remove(self, ticket: Ticket, price: int | None = None) -> None:
        """Take an order off the book; ``price`` is where it stands, if that is no longer its own."""
        if ticket.resting:
            price = ticket.price if price is None else price
            assert price is not None
            ticket.resting = False
            self._queues[ticket.side].remove(ticket, price)
            self.updates += 1

    def meets(self, ticket: Ticket) -> bool:
        """Whether an order would meet another, recorded or ours, as far as its price goes."""
        bid = ticket.side is Side.SELL
        return any(
            self.standing(bid, price) > 0 or self._queues[not bid].size(price)
            for price in self._prices(bid, ticket.price)
        )

    def within_reach(self, ticket: Ticket, price: int | None) -> tuple[int, int]:
        """How much an order would be filled now, up to that price, and the last price that it would pay."""
        bid = ticket.side is Side.SELL
        left, last = ticket.size, 0
        used: dict[Account, int] = {}  # of what makers that may only reduce can close
        for level in self._prices(bid, price):
            own = False
            here = self.standing(bid, level)
            for maker in self._queues[not bid].at.get(level, ()):
                if maker.account is ticket.account:
                    here, own = here - (self.standing(bid, level) - maker.ahead), True
                    break
                cap = self.cap(maker)
                if cap < maker.remaining or maker.reduce_only:
                    room = maker.account.room(maker.symbol, maker.side, maker.position_side)
                    cap = min(maker.remaining, max(0, room - used.get(maker.account, 0)))
                    used[maker.account] = used.get(maker.account, 0) + cap
                here += cap
            if here:
                left, last = left - min(left, here), level
            if own or not left:
                break
        return ticket.size - left, last

    def _prices(self, bid: bool, limit: int | None) -> Iterator[int]:
        """The prices of a side, best first, up to a limit; recorded or ours."""
        before = None
        for price in merge(self.listing.book.walk(bid), self._queues[not bid].best_first(), reverse=bid):
            if limit is not None and (price < limit if bid else price > limit):
                return
            if price != before:
                yield price
            before = price

    def _take_level(self, ticket: Ticket, bid: bool, price: int) -> None:
        for maker in list(self._queues[not bid].at.get(price, ())):
            if not maker.open:
                continue
            self._take_recorded(ticket, bid, price, maker.ahead)
            if not self.cap(ticket):
                return
            if maker.account is ticket.account:
                self._expire(ticket)
                return
            size = min(self.cap(ticket), self.cap(maker))
            if size:
                self._match(maker, ticket, price, size, self._next_id())
                self._tidy(maker)
            else:
                self.remove(maker)
                self._expire(maker)
            if not self.cap(ticket):
                return
        self._take_recorded(ticket, bid, price, self.standing(bid, price))

    def _take_recorded(self, ticket: Ticket, bid: bool, price: int, most: int) -> None:
        size = min(self.cap(ticket), most)
        if size > 0:
            self._consume(bid, price, size)
            self._match(None, ticket, price, size, self._next_id())

    def _consume(self, bid: bool, price: int, size: int) -> None:
        taken = self._taken[not bid]
        taken[price] = taken.get(price, 0) + size
        self.updates += 1
        for ticket in self._queues[not bid].at.get(price, ()):
            ticket.ahead = max(0, ticket.ahead - size)

    # -- the replay

    def changed(self) -> None:
        """The recorded book has changed, as the listing's ``news`` says."""
        news = self.listing.news
        for bid in (True, False):
            taken, queues = self._taken[not bid], self._queues[not bid]
            if news is None:
                taken.clear()
                touched = queues.best_first()
            else:
                touched = [price for price, _ in (news.bids if bid else news.asks)]
                for price in touched:
                    taken.pop(price, None)
            for price in touched:
                for ticket in queues.at.get(price, ()):
                    ticket.ahead = min(ticket.ahead, self.standing(bid, price))
        for bid in (True, False):
            self._crossed(bid)

    def _crossed(self, bid: bool) -> None:
        """Fill our orders of a side from the recorded levels of the other that have come to them."""
        queues = self._queues[not bid]
        for price in queues.best_first():
            for maker in list(queues.at.get(price, ())):
                for level in self.listing.book.walk(not bid):
                    if (level > price if bid else level < price) or not self.cap(maker):
                        break
                    size = min(self.cap(maker), self.standing(not bid, level))
                    if size:
                        self._consume(not bid, level, size)
                        self._match(maker, None, price, size, self._next_id())
                self._tidy(maker)

    def traded(self, deal: Deal) -> None:
        """A recorded trade; ``prints`` gets it, in parts where it fills us."""
        bid = deal.buyer_is_maker
        queues = self._queues[not bid]
        left, rest, parts = deal.size, deal.size, 0  # of the trade: to be matched, and not with us
        for price in queues.best_first():
            if (price < deal.price if bid else price > deal.price) or not left:
                break
            gone = 0  # of the recorded queue
            for maker in list(queues.at.get(price, ())):
                if price == deal.price:
                    passed = min(left, max(0, maker.ahead - gone))
                    gone, left = gone + passed, left - passed
                size = min(left, self.cap(maker))
                if size:
                    left, rest = left - size, rest - size
                    self._match(maker, None, price, size, deal.id + self._trades + parts)
                    parts += 1
                    self._tidy(maker)
                if not left:
                    break
            if price == deal.price:
                for maker in queues.at.get(price, ()):
                    maker.ahead = max(0, maker.ahead - gone - left)
        if rest:
            self._print(deal.price, rest, bid, deal.id + self._trades + parts, deal.lag_ms)
            parts += 1
        self._trades += parts - 1

    # -- on demand

    def print(self, deal: Deal) -> None:
        """A trade that was not recorded; its id is given here."""
        self.traded(Deal(0, 0, self.listing.next_trade_id, deal.price, deal.size, deal.buyer_is_maker))
        self._trades += 1

    def cross(self, ticket: Ticket, size: int) -> None:
        """The market takes from one order at its own price, whoever stands before it."""
        assert ticket.price is not None
        size = min(size, self.cap(ticket))
        if size:
            self._match(ticket, None, ticket.price, size, self._next_id())
        self._tidy(ticket)

    # -- the common end

    def _next_id(self) -> int:
        """The id of a trade between two recorded ones."""
        trade_id = self.listing.next_trade_id + self._trades
        self._trades += 1
        return trade_id

    def _match(self, maker: Ticket | None, taker: Ticket | None, price: int, size: int, trade_id: int) -> None:
        came = taker.side if taker is not None else Side(1 - maker.side) if maker is not None else Side.BUY
        self._print(price, size, came is Side.SELL, trade_id, 0)
        if maker is not None:
            self.updates += 1
        self._settle(Match(maker, taker, price, size, trade_id))

    def _print(self, price: int, size: int, buyer_is_maker: bool, trade_id: int, lag_ms: int) -> None:
        self.prints.append(Deal(0, lag_ms, trade_id, price, size, buyer_is_maker))

    def _tidy(self, ticket: Ticket) -> None:
        """Take a filled order off the book."""
        if ticket.resting and not ticket.open:
            self.remove(ticket)
