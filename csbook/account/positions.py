"""What is held, and what it could become: one rule for fills and position reports that come in any order.

Two sources tell of a position. Reports tell its whole size at some moment, and may be late, doubled, or from before the
newest fill. Own orders tell how it moves, and may be late, doubled, or lost. The rule:

* ``by fills`` = ``base`` + all that the known orders have filled. The base is what they do not explain: a position
  from before, or trades by hand. It is learned from a reconciliation alone, and only from one in which nothing was in
  doubt.
* A report allows an *interval* of positions as of now: its size, and every known fill that it may not have seen
  (``path.py`` says when that is certain). An interval is a point unless a fill shares the report's millisecond or its
  time is not known.
* While ``by fills`` lies in the interval of every report that is held, it is the position, and it is exact. While it
  does not (a report ran ahead of the fill that it includes, a fill was lost, or somebody traded by hand) the interval
  is the answer: the best guess for the size, its ends for the worst cases.
* A report that is certainly older than another is forgotten; of those that cannot be put in order all are held.

Worst cases. ``long`` = the highest position + all that may still buy, ``short`` = the lowest - all that may still
sell. An order may still fill from before it is sent until it is known to have ended *and* with how much; in that time
its whole size is counted, as filled or as open, so a lost or late fill moves nothing but the boundary between the
two. It follows, with no assumption on order or loss of messages, that neither is short of what own orders can have
done at the venue. What others did with the same account shows when the first position report shows it.

Proof of the interval. Let the report be taken at some moment, P its size, f an order's quantity then and F its
quantity known now. The position now is at least what the known fills made of it: P + sum over buys of (F - f) - sum
over sells of (F - f), and each F - f lies between what the report has certainly not seen and what it may not have
seen. What of an order is not known yet is part of its open size, which the worst case counts in full.

P&L. The venue's realised figure wins where it is told; otherwise each closing quantity realises (price - entry) *
quantity against the average entry, in the order in which fills became known. The entry price is the venue's as long
as its newest report has the position's size, else the average of the fills, rounded half-even to 40 digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from csbook.account.path import Held, Path, Point, seen, unseen
from csbook.exact import ZERO, add, average, multiply, negate, subtract
from csbook.types import Position

__all__ = ["Exposure", "Ledger", "Leg"]


@dataclass(frozen=True, slots=True)
class Exposure:
    """A position and its worst cases, signed base quantity.

    ``long`` is the position if everything that may still buy fills and nothing else does, ``short`` likewise for sells.
    ``settled``: the fills and the venue's reports agree, so that ``position`` is exact.
    """

    position: Decimal
    long: Decimal
    short: Decimal
    settled: bool = True


class Ledger:
    """Signed size and average entry of what fills made: the computed side of the P&L."""

    __slots__ = ("entry", "size")

    def __init__(self) -> None:
        self.size = ZERO
        self.entry: Decimal | None = None

    def trade(self, change: Decimal, price: Decimal | None) -> Decimal:
        """Take in a signed quantity; what it realised, 0 where a price is not known."""
        size = self.size
        total = add(size, change)
        realised = ZERO
        if not size or (size > 0) == (change > 0):
            if not size:
                self.entry = price
            elif self.entry is not None and price is not None:
                value = add(multiply(self.entry, size), multiply(price, change))
                self.entry = average(value, total)
        else:
            closed = negate(size) if change.copy_abs() >= size.copy_abs() else change  # signed like the change
            if self.entry is not None and price is not None:
                realised = multiply(subtract(self.entry, price), closed)
            if not total:
                self.entry = None
            elif (total > 0) != (size > 0):
                self.entry = price
        self.size = total
        return realised


class Leg:
    """The position of one symbol on one side. O(1) while no fill is in doubt, else O(fills in doubt)."""

    __slots__ = (
        "anchor", "base", "changed_ns", "commission", "estimated", "floor_ns", "high", "ledger", "leverage", "low",
        "margin_type", "may_buy", "may_sell", "net", "paths", "position_side", "realised", "reports", "settled", "size",
        "skew_ns", "symbol",
    )  # fmt: skip

    def __init__(self, symbol: str, position_side: str, skew_ns: int) -> None:
        self.symbol = symbol
        self.position_side = position_side
        self.skew_ns = skew_ns
        self.net = ZERO  # what the known orders have filled, signed
        self.may_buy = ZERO
        self.may_sell = ZERO
        self.base: Decimal | None = ZERO
        self.anchor: Held | None = None  # the report that the base was learned from
        self.reports: list[Held] = []
        self.paths: set[Path] = set()  # those with fills in doubt
        self.floor_ns = 0  # the newest venue time of a position event
        self.ledger = Ledger()
        self.realised = ZERO  # as the venue told it
        self.estimated = ZERO  # as computed here where it tells nothing
        self.commission = ZERO
        self.leverage: Decimal | None = None
        self.margin_type = ""
        self.changed_ns = 0
        self.size = self.low = self.high = ZERO
        self.settled = True

    @property
    def is_listed(self) -> bool:
        """Whether nothing but lists has told of it."""
        quiet = not (self.net or self.may_buy or self.may_sell or self.paths)
        return quiet and all(held.asked_ns for held in self.reports)

    # -- fills

    def may(self, sign: int, change: Decimal) -> None:
        """What may still fill has changed by that much."""
        if sign > 0:
            self.may_buy = add(self.may_buy, change)
        else:
            self.may_sell = add(self.may_sell, change)

    def grow(
        self, path: Path, time_ns: int, received_ns: int, filled: Decimal, before: Decimal | None, price: Decimal | None
    ) -> Decimal:
        """An order's quantity rose to ``filled``; what that realised by the average entry."""
        rise = subtract(filled, path.known)
        change = rise if path.sign > 0 else negate(rise)
        if self.anchor is not None and self.base is not None:
            self._question_base(self.anchor, self.base, path, Point(time_ns, received_ns, filled, before), change)
        path.grow(time_ns, received_ns, filled, before)
        self.paths.add(path)
        self.net = add(self.net, change)
        if time_ns > self.changed_ns:
            self.changed_ns = time_ns
        return self.ledger.trade(change, price)

    def _question_base(self, anchor: Held, base: Decimal, path: Path, point: Point, change: Decimal) -> None:
        """News of a fill that the base may have in it already: taken out where that is certain, or the base is given
        up.
        """
        if seen(point, anchor):
            self.base = subtract(base, change)
            return
        if 0 < anchor.answered_ns < path.placed_ns:
            return
        whole = point.before is not None and point.before <= path.known
        start = Point(path.known_time_ns, point.received_ns, path.known, path.known)
        if unseen(point, anchor, self.skew_ns) and (whole or unseen(start, anchor, self.skew_ns)):
            return
        self.base = None

    def forget(self, path: Path) -> None:
        """The order is no longer remembered: what is known of it is taken for seen."""
        self.paths.discard(path)

    # -- reports

    def report(self, held: Held) -> bool:
        """Take in a report of the whole size; False where it is older than what is held."""
        if not held.asked_ns:
            if 0 < held.time_ns < self.floor_ns:
                return False
            for old in self.reports:
                if 0 < held.time_ns <= old.floor_ns:
                    return False
        else:
            for old in self.reports:
                before = old.floor_ns if old.asked_ns else old.time_ns
                if old.received_ns < held.asked_ns and before > held.floor_ns:
                    held.floor_ns = before
        now = []
        for old in self.reports:
            if old.time_ns < held.time_ns and not old.asked_ns and not held.asked_ns:
                continue  # the usual: an event after an event
            order = _newer(held, old, self.skew_ns)
            if order < 0:
                return False
            if order == 0:
                now.append(old)
        now.append(held)
        self.reports = now
        time_ns = held.time_ns
        if time_ns > self.floor_ns and not held.asked_ns:
            self.floor_ns = time_ns
        if time_ns > self.changed_ns:
            self.changed_ns = time_ns
        return True

    def confirm(self, held: Held) -> bool:
        """Take in the usual report; False, and nothing has changed, for any other one: ``report`` and ``evaluate`` it.

        The usual one is an event, newer than the event before it, that has the size of the fills, none of which is
        certainly newer: its interval has them in it, so they agree as before.
        """
        reports, time_ns = self.reports, held.time_ns
        if len(reports) != 1 or not self.settled or held.asked_ns or held.size != self.size:
            return False
        old = reports[0]
        if old.asked_ns or old.time_ns >= time_ns or time_ns < self.floor_ns:
            return False
        paths = self.paths
        for path in paths:
            if path.latest_ns > time_ns:
                return False
        self.reports = reports = [held]
        for path in tuple(paths):
            if path.settle(reports):
                paths.discard(path)
        self.floor_ns = time_ns
        if time_ns > self.changed_ns:
            self.changed_ns = time_ns
        self._book_entry(held)
        return True

    def learn_base(self) -> None:
        """After a reconciliation: what the orders do not explain, if one report is held and leaves nothing open."""
        if self.settled or len(self.reports) != 1 or self.low != self.high:
            return
        self.base = subtract(self.low, self.net)
        self.anchor = self.reports[0]
        self.evaluate()

    # -- the answer

    def evaluate(self) -> None:
        """Size, interval and whether they agree, after fills or reports."""
        reports, paths, base = self.reports, self.paths, self.base
        by_fills = None if base is None else add(base, self.net)
        if not reports:
            self.size = self.low = self.high = self.net if by_fills is None else by_fills
            self.settled = True
            return
        newest = reports[-1]
        for path in tuple(paths):
            if path.settle(reports):
                paths.discard(path)
        low = high = guess = None
        agree = by_fills is not None
        for held in reports:
            least = most = likely = held.size
            for path in paths:
                doubt, fresh = path.bounds(held, self.skew_ns)
                if path.sign > 0:
                    most = add(most, doubt)
                    least = add(least, fresh)
                    likely = add(likely, fresh)
                else:
                    most = subtract(most, fresh)
                    least = subtract(least, doubt)
                    likely = subtract(likely, fresh)
            if by_fills is not None and not least <= by_fills <= most:
                agree = False
            if low is None or least < low:
                low = least
            if high is None or most > high:
                high = most
            guess = likely
        assert low is not None and high is not None and guess is not None
        self.settled = agree
        if agree and by_fills is not None:
            low = high = guess = by_fills
        self.low, self.high, self.size = low, high, guess
        if agree and newest.size == guess:
            # never before they agree: a fill that is still to come would realise nothing
            self._book_entry(newest)

    def _book_entry(self, newest: Held) -> None:
        """The average entry is the venue's: its newest report has the size that the fills have."""
        ledger, size = self.ledger, self.size
        if newest.entry_price is not None or ledger.size != size:
            ledger.entry = newest.entry_price if size else None
        ledger.size = size

    @property
    def entry_price(self) -> Decimal | None:
        """The venue's while its newest report has this size, else the average of the fills; None when flat."""
        if not self.size:
            return None
        if self.reports:
            newest = self.reports[-1]
            if newest.entry_price is not None and newest.size == self.size:
                return newest.entry_price
        return self.ledger.entry

    def position(self) -> Position:
        estimated = self.estimated
        return Position(
            self.symbol,
            self.size,
            self.entry_price,
            add(self.realised, estimated) if estimated else self.realised,
            self.commission,
            self.position_side,
            self.leverage,
            self.margin_type,
            self.changed_ns,
        )


def whole(symbol: str, legs: list[Leg]) -> Position:
    """The position of a symbol from its legs: itself in one-way mode, their sum in hedge mode."""
    if len(legs) == 1 and legs[0].position_side == "BOTH":
        return legs[0].position()
    parts = tuple(leg.position() for leg in legs if leg.position_side != "BOTH" or leg.size or leg.realised)
    size = realised = commission = ZERO
    for part in parts:
        size = add(size, part.size)
        realised = add(realised, part.realised_pnl)
        commission = add(commission, part.commission)
    held = [part for part in parts if part.size]
    return Position(
        symbol,
        size,
        held[0].entry_price if len(held) == 1 else None,
        realised,
        commission,
        leverage=next((part.leverage for part in parts if part.leverage is not None), None),
        margin_type=next((part.margin_type for part in parts if part.margin_type), ""),
        event_time_ns=max((part.event_time_ns for part in parts), default=0),
        legs=parts,
    )


def _newer(new: Held, old: Held, skew_ns: int) -> int:
    """1: certainly newer than the old one, -1: certainly not newer, 0: nobody can say."""
    if new.asked_ns and old.asked_ns:
        return 1 if new.asked_ns >= old.asked_ns else -1
    if new.asked_ns:
        if old.received_ns < new.asked_ns:
            return 1  # it was here before the question was put
        if not new.time_ns:
            return -1 if old.time_ns > new.answered_ns + skew_ns else 0
    elif not new.time_ns:
        return 1  # an event without a time: all there is to go by is that it came last
    elif old.asked_ns and not old.time_ns:
        return 1 if new.time_ns > old.answered_ns + skew_ns else 0
    if new.time_ns != old.time_ns:
        return 1 if new.time_ns > old.time_ns else -1
    return -1 if new.size == old.size and not new.asked_ns else 0
