"""A list of orders, asked for part by part: cursors inside a window, windows back to where the asking ends.

Sans-I/O: ``next`` is the span to ask for, ``take`` is told what came. Orders may come and go between two parts; one
that stands in two of them is kept once, as the first told it.
"""

from __future__ import annotations

from dataclasses import dataclass

from csbook.errors import BadMessage
from csbook.wire.private import OrderReport

__all__ = ["Pages", "Span"]


@dataclass(frozen=True, slots=True)
class Span:
    """From and to, ms since the epoch by the venue's clock. ``to_ms`` None: until now."""

    from_ms: int
    to_ms: int | None


class Pages:
    """The orders from ``since_ms`` until now, in windows of at most ``window_ms``."""

    __slots__ = ("_from", "_orders", "_since", "_to", "_window", "done", "requests")

    def __init__(self, *, now_ms: int, since_ms: int, window_ms: int) -> None:
        self._orders: dict[str, OrderReport] = {}
        self._since = since_ms
        self._window = window_ms
        self._to: int | None = None  # until now: an order of this very moment must not fall out by a clock's error
        self._from = max(since_ms, now_ms - window_ms)
        self.done = False
        self.requests = 0

    @property
    def next(self) -> Span:
        """What to ask for; only while ``done`` is False."""
        return Span(self._from, self._to)

    def take(self, orders: tuple[OrderReport, ...], cursor_ms: int | None) -> None:
        """One part came. Raises BadMessage where the cursor does not go back, which would never end."""
        self.requests += 1
        for order in orders:
            self._orders.setdefault(order.order_id or order.client_order_id, order)
        if cursor_ms is not None and cursor_ms > self._from:
            if self._to is not None and cursor_ms >= self._to:
                raise BadMessage(f"the cursor of a list stays at {cursor_ms}; expected it to go back", field="cursor")
            self._to = cursor_ms
            return
        self._to = self._from
        self._from = max(self._since, self._from - self._window)
        self.done = self._to <= self._since

    @property
    def orders(self) -> tuple[OrderReport, ...]:
        """Those that came so far."""
        return tuple(self._orders.values())
