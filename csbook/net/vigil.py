"""The rules that halt trading, and the latch, looked at whenever time alone could change what they say.

``guard.tripwire`` and ``guard.killswitch`` judge; what a trip sets off is the caller's ``halt``.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable
from decimal import Decimal

from csbook._core import Book
from csbook.account import Account
from csbook.exact import ZERO, add, subtract
from csbook.guard.killswitch import Cause, KillSwitch
from csbook.guard.tripwire import Tripwires
from csbook.net.timing import Timing
from csbook.types import Alert, State

__all__ = ["Vigil"]


class Vigil:
    """The watch over one account. A chore of the agenda."""

    def __init__(
        self,
        account: Account,
        tripwires: Tripwires,
        timing: Timing,
        *,
        tell: Callable[[Iterable[Alert]], object],
        halt: Callable[[Cause, str], object],
    ) -> None:
        self.switch = KillSwitch(None)  # admits nothing before it is loaded
        self.tripwires = tripwires
        self._account = account
        self._timing = timing
        self._tell = tell
        self._halt = halt
        self._books: dict[str, Book] = {}
        self._lock = threading.Lock()  # of the switch, while a thread waits for the disk

    def trip(self, cause: Cause, reason: str) -> list[Alert]:
        """Latch."""
        with self._lock:
            return self.switch.trip(cause, reason, self._timing.now_ns())

    def rearm(self, by: str) -> Alert:
        """Admit orders again. Raises HaltedError."""
        with self._lock:
            alert = self.switch.rearm(by, self._timing.now_ns())
        self.tripwires.reset()
        return alert

    def rejected(self) -> None:
        """The venue rejected an order."""
        self.tripwires.rejected(self._timing.now())
        self._judge(self._timing.now())

    def follow(self, book: Book) -> None:
        """A book that is quoted on, or will be; called again with every change of its state."""
        self._books[book.symbol] = book
        self.tripwires.book(book.symbol, book.state is State.LIVE, self._timing.now())

    def due(self, now: float) -> float:
        orders = self._account.open_orders()
        quoted = {order.symbol for order in orders}
        return min(self.switch.due(now), self.tripwires.due(now, exposed=len(orders), quoted=quoted))

    async def run(self, now: float) -> None:
        before = self.switch.halted
        self._tell(self.switch.look(now, self._timing.now_ns()))
        if not self.switch.durable:
            self._tell(await asyncio.to_thread(self._sync))
        if self.switch.halted and not before:  # by another process, or by a file
            trip = self.switch.trips[0]
            self._halt(trip.cause, trip.reason)
        self._judge(self._timing.now())

    def _judge(self, now: float) -> None:
        orders = self._account.open_orders()
        quoted = {order.symbol for order in orders}
        for tripped in self.tripwires.judge(now, exposed=len(orders), quoted=quoted, profit=self.profit()):
            self._halt(tripped.cause, tripped.reason)

    def _sync(self) -> list[Alert]:
        with self._lock:
            return self.switch.sync()

    def profit(self) -> Decimal | None:
        """Realised and unrealised less commissions in the quote asset; None where a position's book has no mid."""
        total = ZERO
        for symbol, position in self._account.positions.items():
            total = add(total, subtract(self._account.realised_pnl(symbol), position.commission))
            if position.size or position.legs:
                book = self._books.get(symbol)
                unrealised = None if book is None else self._account.unrealised_pnl(symbol, book)
                if unrealised is None:
                    return None
                total = add(total, unrealised)
        return total
