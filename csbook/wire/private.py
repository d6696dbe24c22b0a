"""The news of an account in one shape, whatever venue and channel they came by.

A report says what one message said, and no more: what the message left out is None. Three sources make them: an event
of the private stream, the answer to a request, and a row of a list that was asked for. Numbers are exact. Venues make
reports, the account reads them; how a report changes what is known of an order is the account's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from csbook.types import Fill, OrderStatus, Side, quick

__all__ = ["BalanceReport", "Hint", "KeyExpired", "OrderReport", "PositionReport", "Report", "Snapshot"]


@quick
@dataclass(frozen=True, slots=True)
class OrderReport:
    """News of one order. Sizes are base quantity, times ns since the epoch, 0 where the message has none.

    At least one of ``client_order_id`` and ``order_id`` is not empty. ``status`` is the venue's word in ours; a venue
    that ends a partly filled order with a status of its own is CANCELED with ``filled`` above 0. ``symbol`` is empty
    where the message has none: such a report is about an order that is known by its ``order_id``.
    """

    symbol: str
    status: OrderStatus
    client_order_id: str = ""
    order_id: str = ""
    side: Side | None = None
    type: str | None = None
    time_in_force: str | None = None
    size: Decimal | None = None
    price: Decimal | None = None  # None too where the order has no limit price
    filled: Decimal | None = None  # cumulative
    average_price: Decimal | None = None
    reduce_only: bool | None = None
    post_only: bool | None = None
    position_side: str | None = None
    canceling: bool = False  # the venue is about to cancel it; it may still fill
    reason: str = ""
    fill: Fill | None = None  # the execution that this message tells of
    commission: Decimal | None = None  # of the whole order up to `filled`: a cost above 0
    commission_asset: str = ""
    realised_pnl: Decimal | None = None  # of the whole order up to `filled`, before commission
    created_time_ns: int = 0
    event_time_ns: int = 0
    receive_time_ns: int = 0


@quick
@dataclass(frozen=True, slots=True)
class PositionReport:
    """News of one position: its whole size, not a change. ``position_side`` "BOTH", or "LONG" and "SHORT" (hedge).

    ``event_time_ns`` is compared with that of order reports: an event's own, a row's time of its last update, or 0.
    """

    symbol: str
    size: Decimal  # signed: above 0 long
    entry_price: Decimal | None = None
    position_side: str = "BOTH"
    leverage: Decimal | None = None
    margin_type: str = ""
    reason: str = ""  # the venue's word for what moved it
    event_time_ns: int = 0
    receive_time_ns: int = 0
    sequence: int | None = None  # the venue's own count: a lower one is older news of the same position


@quick
@dataclass(frozen=True, slots=True)
class BalanceReport:
    """News of one asset: its whole balance, not a change."""

    asset: str
    wallet: Decimal
    available: Decimal | None = None
    reason: str = ""
    event_time_ns: int = 0
    receive_time_ns: int = 0
    sequence: int | None = None  # the venue's own count: a lower one is older news of the same asset


@dataclass(frozen=True, slots=True)
class KeyExpired:
    """The venue says that the key of this private stream is no longer good; the stream will stay silent."""

    event_time_ns: int = 0


@dataclass(frozen=True, slots=True)
class Hint:
    """Something happened to the account, and the message does not say enough of it: it has to be asked for."""

    what: str  # in a few words, none of them the message's


Report: TypeAlias = OrderReport | PositionReport | BalanceReport | KeyExpired


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What REST said of the account, asked for and answered at these times (ns since the epoch, this machine's clock).

    ``orders`` are all that are open, ``positions`` all that are not flat, ``balances`` all there are. A part that was
    not asked for is None. Parts are asked for one after the other, orders first: what the orders' rows tell as filled
    has then been seen by the positions.
    """

    asked_ns: int
    answered_ns: int
    orders: tuple[OrderReport, ...] | None = None
    positions: tuple[PositionReport, ...] | None = None
    balances: tuple[BalanceReport, ...] | None = None
