"""How much stands before an own resting order at its price: a lower and an upper bound.

A book of levels does not say who stands where, so two things are not known of what leaves a level without having been
traded: whether it stood before us (then less is ahead) or behind us. The lower bound has all of it leave before us,
the upper bound all of it behind us, as far as there is somebody; trades take from the front; what comes stands
behind. At the start, what the level had before our order is ahead for certain, and what came with it may be. Changes
are seen net from one depth message to the next, and the bounds hold for that: what leaves and comes back in between
has not been seen.

Depth and trades come by different ways. A trade that the level's last change already shows explains that change
instead of being one more: by event times where both have one; where the depth has none, the lower bound takes it for
one more and the upper bound for the explanation. A fill of ours, or a trade beyond our price, means that nothing is
ahead any more.
"""

from __future__ import annotations

from decimal import Decimal

from csbook._core import Book, level_size
from csbook.account.shown import raw
from csbook.exact import ONE, ZERO, add, multiply, shift, subtract
from csbook.types import Order, Side, Trade

__all__ = ["Place"]


def _least(value: Decimal) -> Decimal:
    return value if value > 0 else ZERO


class Place:
    """The place of one order in the queue at its price. A message is O(log levels)."""

    __slots__ = (
        "_depth_event_ns",
        "_explained_high",
        "_explained_low",
        "_found",
        "_fresh",
        "_high",
        "_left",
        "_low",
        "_multiplier",
        "_others",
        "_raw_price",
        "_reached",
        "_size_before",
        "order",
    )  # fmt: skip

    def __init__(self, order: Order, multiplier: Decimal = ONE) -> None:
        self.order = order
        self._multiplier = multiplier  # base quantity of what the book counts
        self._size_before: Decimal | None = None  # the level's, in the last depth message that cannot have our order
        self._others: Decimal | None = None  # what the level had beside our order in the last one; None: not joined yet
        self._low = self._high = ZERO  # as of before that message
        self._left = ZERO  # what then left the level, beyond the trades that were known
        self._explained_low = self._explained_high = ZERO  # trades that came later and are in what left
        self._fresh: list[
            tuple[int, Decimal, bool]
        ] = []  # trades after that message: event time, size, if it may be in it
        self._depth_event_ns = 0
        self._reached = False
        self._raw_price = -1, 0  # decimals of the book, and the price at that scale
        self._found = -1  # the level in the last message, raw

    def bounds(self) -> tuple[Decimal, Decimal] | None:
        """(lower, upper) base quantity ahead; None until a depth message has shown the order."""
        if self._reached or self.order.filled:
            return ZERO, ZERO
        if self._others is None:
            return None
        low = subtract(self._low, max(self._left, self._explained_low))
        high = min(subtract(self._high, self._explained_high), self._others)
        for _, size, shown in self._fresh:
            low = subtract(low, size)
            if not shown:
                high = subtract(high, size)
        low, high = _least(low), _least(high)
        return min(low, high), high

    def on_depth(self, book: Book) -> None:
        """A depth message was applied to the book of its symbol."""
        order = self.order
        price = order.price
        if price is None or self._reached:
            return
        decimals = book.price_decimals
        if self._raw_price[0] != decimals:
            self._raw_price = decimals, raw(price, decimals, "price")
        found = level_size(book, order.side, self._raw_price[1])
        if found < 0:
            return  # beyond what the book shows: nothing was learned
        if found == self._found and not (self._fresh or self._left or self._explained_high):
            self._depth_event_ns = book.event_time_ns
            return  # the usual: nothing has happened at this price
        level = multiply(shift(Decimal(found), -book.size_decimals), self._multiplier)
        event_ns, receive_ns = book.event_time_ns, book.receive_time_ns
        if self._others is None:
            acked = order.is_resting and (
                order.event_time_ns < event_ns
                if order.event_time_ns and event_ns
                else order.receive_time_ns < receive_ns
            )
            if not acked:
                self._size_before = level
                return
            others = _least(subtract(level, order.remaining))
            before = self._size_before
            self._low = ZERO if before is None else min(before, others)
            self._high = self._others = others
            self._depth_event_ns = event_ns
            return
        # trades that are later than this message have not been seen by it
        later = [trade for trade in self._fresh if event_ns and trade[0] > event_ns]
        self._fresh = [trade for trade in self._fresh if trade not in later]
        bounds = self.bounds()
        assert bounds is not None
        expected = self._others
        for _, size, shown in self._fresh:
            if not shown:
                expected = subtract(expected, size)
        others = _least(subtract(level, order.remaining))
        self._low, self._high = bounds
        self._fresh = later
        self._left = _least(subtract(_least(expected), others))
        self._explained_low = self._explained_high = ZERO
        self._others = others
        self._depth_event_ns = event_ns
        self._found = found

    def on_trade(self, trade: Trade) -> None:
        """A public trade of its symbol, in base quantity."""
        order = self.order
        price = order.price
        if price is None or self._reached or trade.side is order.side:
            return
        if trade.price != price:
            if self._others is not None and (trade.price < price) == (order.side is Side.BUY):
                self._reached = self._after_ack(trade)
            return
        if self._others is None:
            return
        if self._depth_event_ns and trade.event_time_ns:
            if trade.event_time_ns <= self._depth_event_ns:
                self._explained_low = add(self._explained_low, trade.size)
                self._explained_high = add(self._explained_high, trade.size)
                return
        elif self._left:
            # the depth may show it: the upper bound counts it as far as it can be no part of what left
            part = min(trade.size, subtract(self._left, min(self._explained_high, self._left)))
            self._explained_high = add(self._explained_high, part)
            rest = subtract(trade.size, part)
            self._fresh.append((trade.event_time_ns, part, True))
            if rest:
                self._fresh.append((trade.event_time_ns, rest, False))
            return
        self._fresh.append((trade.event_time_ns, trade.size, False))

    def _after_ack(self, trade: Trade) -> bool:
        order = self.order
        if order.event_time_ns and trade.event_time_ns:
            return trade.event_time_ns > order.event_time_ns
        return trade.receive_time_ns > order.receive_time_ns
