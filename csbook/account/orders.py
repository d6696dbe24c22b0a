"""One order as reports tell of it: statuses as a lattice, quantities that never fall.

Reports come in any order, any number of times, or not at all, so what is known of an order must not depend on the
order in which it was learned. Two things decide its status: the strongest *word* that was said about it, and what it
has *filled*.

    words, weakest first    PENDING < UNKNOWN < NEW < PARTIALLY_FILLED < CANCELED < REJECTED < EXPIRED < FILLED

    word said before  | a weaker or equal word | a stronger word | filled rises           | filled reaches the size
    ------------------+------------------------+-----------------+------------------------+------------------------
    PENDING, UNKNOWN  | stays                  | takes it        | PARTIALLY_FILLED       | FILLED
    NEW               | stays                  | takes it        | PARTIALLY_FILLED       | FILLED
    PARTIALLY_FILLED  | stays                  | takes it        | stays                  | FILLED
    CANCELED, EXPIRED | stays                  | takes it        | stays                  | FILLED
    REJECTED          | stays                  | takes it        | CANCELED               | FILLED
    FILLED            | stays                  | (none)          | stays                  | stays

Terminal stays terminal. A fill that comes to light after CANCELED raises ``filled`` and, when it completes the order,
makes it FILLED: venues say both when a cancel races a fill (fact sheets: binance 4.2, bybit 4.1), and the fill is the
truth. Between two terminal words the more particular one stands (a list that knows only CANCELED does not hide
EXPIRED).

One exception: a REJECTED that the venue never said (an order that was not sent, or that the venue did not know when
asked) is our own conclusion, and any word of the venue's undoes it.

A terminal word without a quantity leaves open what the order filled: ``unsure`` until a report tells it.
"""

from __future__ import annotations

from decimal import Decimal

from csbook.account.door import number
from csbook.account.fills import Fills
from csbook.account.path import Path
from csbook.errors import BadMessage
from csbook.exact import ZERO, add, average, multiply, subtract
from csbook.types import Fill, Order, OrderStatus, Side
from csbook.wire.private import OrderReport

__all__ = ["Entry", "check_report", "join", "status_of"]

PENDING, NEW, PARTIALLY_FILLED = OrderStatus.PENDING, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED
FILLED, CANCELED, REJECTED = OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED
EXPIRED, UNKNOWN = OrderStatus.EXPIRED, OrderStatus.UNKNOWN

_WORDS = (PENDING, UNKNOWN, NEW, PARTIALLY_FILLED, CANCELED, REJECTED, EXPIRED, FILLED)
_RANK = [_WORDS.index(status) for status in OrderStatus]  # by the status' value
_NEW_RANK = _RANK[NEW]
_ENDED = _RANK[CANCELED]  # from here on a word is terminal


def join(a: OrderStatus, b: OrderStatus) -> OrderStatus:
    """The stronger of two words."""
    return a if _RANK[a] >= _RANK[b] else b


def status_of(word: OrderStatus, filled: Decimal, size: Decimal) -> OrderStatus:
    """The status that follows from the strongest word and the cumulative quantity."""
    if filled and filled >= size:
        return FILLED
    rank = _RANK[word]
    if rank >= _ENDED:
        return CANCELED if word is REJECTED and filled else word
    return PARTIALLY_FILLED if filled else word


def check_report(report: OrderReport) -> None:
    """Raise BadMessage naming the field; O(1)."""
    if not report.symbol or not (report.client_order_id or report.order_id):
        field = "client_order_id" if report.symbol else "symbol"
        raise BadMessage("an order report needs a symbol, and a client order id or an order id", field=field)
    number(report.size, "size")
    number(report.price, "price", low=None)  # some instruments trade below zero
    number(report.filled, "filled")
    number(report.average_price, "average_price", low=None)
    number(report.commission, "commission", low=None)
    number(report.realised_pnl, "realised_pnl", low=None)
    if report.fill is not None:
        check_fill(report.fill)


def check_fill(fill: Fill) -> None:
    number(fill.price, "fill.price", low=None)
    number(fill.size, "fill.size")
    if not fill.size:
        raise BadMessage("fill.size is 0; expected base quantity", field="fill.size")
    number(fill.commission, "fill.commission", low=None)
    number(fill.realised_pnl, "fill.realised_pnl", low=None)


class Entry:
    """An order and what the account remembers beside it. ``order`` is replaced, never changed."""

    __slots__ = (
        "answers", "commissions", "cost", "displayed", "estimated", "fills", "heard_ns", "inferred", "key", "lists",
        "may_fill", "order", "path", "realised", "told_at", "unknown_ns", "unsure", "vanished", "wanted", "word",
    )  # fmt: skip

    def __init__(self, key: str, order: Order) -> None:
        self.key = key
        self.order = order
        self.word = order.status  # the strongest one
        self.inferred = False  # REJECTED by our own conclusion
        self.unsure = False  # ended, and nobody has said with how much filled
        self.vanished = False  # not among the open orders, and nobody has said why
        self.wanted = False  # fills did not come: they, or its totals, have to be asked for
        self.answers = 0  # how often it was told without them
        self.lists = 0  # how often its fills were listed without them
        self.unknown_ns = 0  # when its outcome became unknown
        self.fills = Fills()
        self.path = Path(1 if order.side is Side.BUY else -1)
        self.may_fill = ZERO  # as counted in the exposure
        self.told_at = ZERO  # the cumulative quantity of `average_price`
        self.cost = ZERO  # what its known quantity cost, price times size, as far as prices are known
        self.realised = ZERO  # as counted in the position
        self.heard_ns = 0  # by our clock: the last news of it
        self.estimated = ZERO  # what it realised by our own figures, until the venue tells its own
        self.commissions: dict[str, Decimal] = {}  # as counted in the account
        self.displayed: tuple[Decimal, Decimal] | None = None  # price and size in the ladder

    @property
    def open_size(self) -> Decimal:
        """What may still fill: the rest of an order that is not known to have ended with a known quantity."""
        order = self.order
        if order.is_terminal and not self.unsure:
            return ZERO
        rest = subtract(order.size, order.filled)
        return rest if rest > 0 else ZERO

    @property
    def unresolved(self) -> bool:
        """Whether its outcome, or its fills, have to be asked for."""
        return self.wanted or self.open_ended

    @property
    def open_ended(self) -> bool:
        """Whether it is not known what became of it, or with how much filled."""
        order = self.order
        return self.unsure or order.status is UNKNOWN or (self.vanished and not order.is_terminal)

    def wanting(self, tells_fills: bool) -> bool:
        """Neither its fills nor its totals account for all that it filled, and it has ended; where fills can be asked
        for that does not matter, but its totals stand for them only if they tell all that fills do.
        """
        order = self.order
        return (tells_fills or order.is_terminal) and not self.fills.whole(order.filled, entirely=tells_fills)

    @property
    def missing(self) -> Decimal:
        """How much it has filled beyond its known fills."""
        rest = subtract(self.order.filled, self.fills.size)
        return rest if rest > 0 else ZERO

    def learn(self, report: OrderReport, now_ns: int) -> bool:
        """Take in what a report says of the order, its fill already added to ``fills``. True if ``order`` says more."""
        order = self.order
        word = report.status
        told = report.filled
        size = order.size
        newer = report.event_time_ns >= order.event_time_ns
        if (
            newer
            and report.event_time_ns == order.event_time_ns
            and (_RANK[word] < _RANK[self.word] or (report.fill is not None and word is self.word))
        ):
            # of one moment, and what it had come to by then is known; a fill says how the order stood before it
            newer = self.inferred
        if newer and report.size is not None:
            size = report.size
        if word is FILLED and told is None:
            told = size
        filled = order.filled
        if told is not None and told > filled:
            filled = told
        if self.fills.size > filled:
            filled = self.fills.size
        if self.wanted and report.fill is None and told == filled:
            self.answers += 1
        if self.inferred and _RANK[word] >= _NEW_RANK:
            self.inferred = False
            self.word = word
        else:
            word = join(self.word, word)
            self.word = word
        if _RANK[report.status] >= _ENDED:
            self.unsure = told is None and (self.unsure or not order.is_terminal) and word is not REJECTED
        status = status_of(word, filled, size)
        if status is FILLED:
            self.unsure = False
        ended = status in (FILLED, CANCELED, REJECTED, EXPIRED)
        if not ended and self.vanished:
            self.vanished = False
        mean = order.average_price
        if report.average_price is not None and report.average_price and (told or ZERO) >= self.told_at:
            mean = report.average_price
            self.told_at = told or ZERO
        elif filled > self.told_at and self.fills.size == filled:
            mean = average(self.fills.value, filled)
        price = report.price if newer and report.price is not None else order.price
        # what each field says, in the order of Order's fields: the constructor by position is the quick one
        fresh = Order(
            order.symbol,
            order.side,
            report.type if newer and report.type is not None else order.type,
            size,
            price,
            status,
            order.client_order_id,
            order.order_id or report.order_id,
            report.time_in_force if newer and report.time_in_force is not None else order.time_in_force,
            filled,
            mean,
            report.reduce_only if newer and report.reduce_only is not None else order.reduce_only,
            report.post_only if newer and report.post_only is not None else order.post_only,
            order.position_side,
            order.own,
            (order.canceling or report.canceling) and not ended,
            report.reason or ("" if order.status is UNKNOWN and status is not UNKNOWN else order.reason),
            report.created_time_ns or order.created_time_ns,
            report.event_time_ns if newer else order.event_time_ns,
            report.receive_time_ns or now_ns,
        )
        changed = (
            status is not order.status
            or filled != order.filled
            or size != order.size
            or price != order.price
            or fresh.order_id != order.order_id
            or fresh.canceling != order.canceling
            or mean != order.average_price
            or fresh.reason != order.reason
            or fresh.type != order.type
            or fresh.time_in_force != order.time_in_force
            or fresh.reduce_only != order.reduce_only
            or fresh.post_only != order.post_only
        )
        self.order = fresh
        return changed

    def price_of(self, size: Decimal, report: OrderReport) -> Decimal | None:
        """The price of ``size`` that was learned now: the fill's, what the average implies, or the limit; None:
        unknown.
        """
        fill = report.fill
        order = self.order
        if fill is not None and fill.size == size:
            return fill.price
        if report.average_price and report.filled is not None and report.filled == order.filled:
            rest = subtract(multiply(report.average_price, order.filled), self.cost)
            return average(rest, size)
        if fill is not None:
            return fill.price
        return order.average_price or order.price

    def paid(self, size: Decimal, price: Decimal | None) -> None:
        if price is not None:
            self.cost = add(self.cost, multiply(size, price))
