"""Which of the own resting orders a book contains: the grace between news of an order and the depth that shows it.

News of an order and depth come by different ways. A book contains a change of an own order from the first depth
message on that is later than the change: by the venue's event times where both have one, else by the times of
arrival. In a tie it does not yet. So after an ack the order is not taken out of a book that cannot have it, and after
a cancel or fill it is still taken out of the book that still shows it. Changes are taken up in the order in which
they became known. What comes in doubt is bounded by the book itself: never more is taken out of a level than it has.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from weakref import ref

from csbook._core import Book, OwnSizes, Top
from csbook.errors import PrecisionError
from csbook.types import Side

__all__ = ["Shown", "Step", "raw"]

# (side, price, signed change of size, the venue's time or 0, time of arrival)
Step = tuple[Side, Decimal, Decimal, int, int]


def raw(value: Decimal, decimals: int, field: str) -> int:
    """The integer at that scale; PrecisionError where it does not fit."""
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, digits)))
    shift = exponent + decimals
    if shift >= 0:
        number *= int(10**shift)
    else:
        number, rest = divmod(number, int(10**-shift))
        if rest:
            raise PrecisionError(
                f"{field} {value} has more decimals than the book, which has {decimals}", field=field, needed=-exponent
            )
    if number >= 1 << 63:
        raise PrecisionError(f"{field} {value} is too large for a book of {decimals} decimals", field=field)
    return -number if sign else number


class Shown:
    """The own sizes that one book contains."""

    __slots__ = ("_own", "_waiting", "book")

    def __init__(self, book: Book) -> None:
        self.book = ref(book)
        self._own = OwnSizes(price_decimals=book.price_decimals, size_decimals=book.size_decimals)
        self._waiting: deque[Step] = deque()

    def change(self, step: Step) -> None:
        self._waiting.append(step)

    def net(self, book: Book) -> Top:
        """The touch without own sizes. Raises PrecisionError for an own price or size that does not fit the book's
        scales.
        """
        if self._waiting:
            self._take_up(book)
        return self._own.net(book)

    def _take_up(self, book: Book) -> None:
        event_ns = book.event_time_ns
        receive_ns = book.receive_time_ns
        waiting = self._waiting
        while waiting:
            side, price, change, step_event_ns, step_receive_ns = waiting[0]
            if not (step_event_ns < event_ns if step_event_ns and event_ns else step_receive_ns < receive_ns):
                return
            at = raw(price, book.price_decimals, "price")
            by = raw(change, book.size_decimals, "size")
            waiting.popleft()
            if at > 0:
                self._own.add(side, at, by)
