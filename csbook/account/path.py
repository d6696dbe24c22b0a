"""How an order's cumulative quantity grew, and how much of it a report of a position can have seen.

A position report says the whole position at one moment; our fills say how it moved. To put the two together one has
to know for each fill whether the report has seen it, and that cannot always be known: times are milliseconds and may
tie, events come late, REST answers carry no moment of their own. So two questions are asked instead, and each has a
safe answer:

``seen``   how much of an order the report has certainly seen
``unseen`` how much of what is known by now it has certainly not seen

A report has seen what the venue stamped before it (strictly: within one millisecond nothing is certain), and, where
it answers a question of ours, what we had heard of before we asked. It has not seen what the venue stamped after it,
nor what was filled by an order that we sent after the answer. For an answer without the venue's time, "after" is
after the answer's arrival by more than ``skew_ns``, which says how far the venue's clock may be ahead of ours.

Times of a venue are compared as they stand: event time with event time, and a REST row's time of its last update.
"""

from __future__ import annotations

from decimal import Decimal

from csbook.exact import ZERO, subtract

__all__ = ["Held", "Path", "Point", "seen", "unseen"]


class Held:
    """One report of a position's whole size. ``asked_ns`` is 0 where nobody asked: an event of the stream."""

    __slots__ = ("answered_ns", "asked_ns", "entry_price", "floor_ns", "received_ns", "size", "time_ns")

    def __init__(
        self,
        size: Decimal,
        time_ns: int,
        received_ns: int,
        entry_price: Decimal | None = None,
        asked_ns: int = 0,
        answered_ns: int = 0,
    ) -> None:
        self.size = size
        self.time_ns = time_ns  # the venue's; 0: none
        self.received_ns = received_ns
        self.entry_price = entry_price
        self.asked_ns = asked_ns
        self.answered_ns = answered_ns
        self.floor_ns = 0  # of an answer: the newest venue time that had been heard of before it was asked for


class Point:
    """An order's cumulative quantity at one time of the venue, and what it was just before (None: not known)."""

    __slots__ = ("before", "filled", "received_ns", "time_ns")

    def __init__(self, time_ns: int, received_ns: int, filled: Decimal, before: Decimal | None) -> None:
        self.time_ns = time_ns
        self.received_ns = received_ns
        self.filled = filled
        self.before = before


def seen(point: Point, held: Held) -> bool:
    """Whether the report has certainly seen it."""
    return 0 < point.time_ns < held.time_ns or point.received_ns < held.asked_ns


def unseen(point: Point, held: Held, skew_ns: int) -> bool:
    """Whether the report has certainly not seen it."""
    if held.time_ns:
        return point.time_ns > held.time_ns and point.received_ns >= held.asked_ns
    if point.received_ns < held.asked_ns:
        return False
    return held.asked_ns > 0 and point.time_ns > held.answered_ns + skew_ns


class Path:
    """The growth of one order. Points that every held report has seen are folded into ``settled``."""

    __slots__ = ("known", "known_time_ns", "latest_ns", "placed_ns", "points", "settled", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign  # 1 buys, -1 sells
        self.known = ZERO
        self.settled = ZERO
        self.points: list[Point] = []
        self.known_time_ns = 0  # the venue's newest time at which it was still `known`
        self.latest_ns = 0  # the venue's newest time of a point
        self.placed_ns = 0  # by our clock, before it was sent; 0: not sent by us

    def confirm(self, time_ns: int, filled: Decimal | None) -> None:
        """A report with no news: at that time the quantity was ``filled``."""
        if filled is not None and filled == self.known and time_ns > self.known_time_ns:
            self.known_time_ns = time_ns

    def recall(self, time_ns: int, received_ns: int, filled: Decimal, before: Decimal | None) -> None:
        """Older news: at that time the quantity had been ``filled``, which is no more than what is known."""
        if filled > self.settled:
            self.points.append(Point(time_ns, received_ns, filled, before))
            self.latest_ns = max(self.latest_ns, time_ns)

    def grow(self, time_ns: int, received_ns: int, filled: Decimal, before: Decimal | None) -> None:
        """The quantity rose to ``filled``. ``before``: what it was just before that time, if that is known."""
        if before is not None and before > self.known and self.known_time_ns:
            # some of it went by unseen: between the time when it was still known, and now
            self.points.append(Point(self.known_time_ns, received_ns, self.known, self.known))
            self.latest_ns = max(self.latest_ns, self.known_time_ns)
        self.points.append(Point(time_ns, received_ns, filled, before))
        if time_ns > self.latest_ns:
            self.latest_ns = time_ns
        self.known = filled
        self.known_time_ns = time_ns

    def bounds(self, held: Held, skew_ns: int) -> tuple[Decimal, Decimal]:
        """(what the report may not have seen, what it has certainly not seen) of what is known. O(points)."""
        low, known = self.settled, self.known
        high: Decimal | None = ZERO if 0 < held.answered_ns < self.placed_ns else None
        time_ns, asked_ns = held.time_ns, held.asked_ns
        for point in self.points:  # `seen`, in its place
            before = point.before
            if (0 < point.time_ns < time_ns or point.received_ns < asked_ns) and point.filled > low:
                low = point.filled
            elif before is not None and (high is None or before < high) and unseen(point, held, skew_ns):
                high = before
        certain = ZERO
        if high is not None and high < known:
            certain = subtract(known, max(high, low))
        return subtract(known, low), certain

    def settle(self, reports: list[Held]) -> bool:
        """Fold what all reports have seen; True when nothing is left to be asked."""
        low, settled, points = self.known, self.settled, self.points
        for held in reports:
            reached, time_ns, asked_ns = settled, held.time_ns, held.asked_ns
            for point in points:  # `seen`, in its place
                if (0 < point.time_ns < time_ns or point.received_ns < asked_ns) and point.filled > reached:
                    reached = point.filled
            if reached < low:
                low = reached
        if not reports or (points and low == settled):
            return False
        self.settled = low
        if low == self.known:
            points.clear()
            return True
        self.points = [point for point in points if point.filled > low]
        return False
