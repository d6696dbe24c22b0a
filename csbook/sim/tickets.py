"""An order as the venue keeps it, and as a frozen record; how it is told to clients is a desk's business.

Prices and sizes are whole counts of the symbol's own ticks and last decimal (``market.Instrument``), so matching is
integer arithmetic; money is Decimal and exact. Only an average price has to be rounded, to ``MONEY``, half even.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from csbook.sim.market import Instrument
from csbook.types import Order, OrderStatus, Side

if TYPE_CHECKING:
    from csbook.sim.accounts import Account

__all__ = ["MONEY", "Draft", "Ticket", "plain", "price_of", "size_of"]

MONEY = Decimal("1e-8")


def plain(number: Decimal) -> str:
    """Decimal text without an exponent, and without zeros that say nothing."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def price_of(instrument: Instrument, ticks: int) -> Decimal:
    """A price in ticks, exactly."""
    return Decimal(ticks * instrument.tick).scaleb(-instrument.price_decimals)


def size_of(instrument: Instrument, units: int) -> Decimal:
    """A size in its last decimal, exactly."""
    return Decimal(units).scaleb(-instrument.size_decimals)


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody asks for, before it is judged."""

    symbol: str
    side: Side
    type: str  # LIMIT or MARKET
    size: Decimal
    price: Decimal | None = None
    time_in_force: str = "GTC"
    reduce_only: bool = False
    client_order_id: str = ""
    position_side: str = "BOTH"
    post_only: bool = False


@dataclass(slots=True, eq=False)
class Ticket:
    """One order, from its acceptance on."""

    account: Account
    instrument: Instrument
    id: int
    side: Side
    type: str
    time_in_force: str
    size: int
    price: int | None  # None: MARKET
    reduce_only: bool
    client_order_id: str
    position_side: str
    created_ns: int
    updated_ns: int
    post_only: bool = False
    status: OrderStatus = OrderStatus.NEW
    reason: str = ""  # why it ended, where nobody asked for it: see ``exchange``
    filled: int = 0
    value: int = 0  # sum of ticks times units filled
    fee: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    canceling: bool = False
    resting: bool = False
    ahead: int = 0  # recorded size in front of it at its price

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def open(self) -> bool:
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)

    @property
    def remaining(self) -> int:
        return self.size - self.filled if self.open else 0

    @property
    def price_text(self) -> str:
        return "0" if self.price is None else self.instrument.price_text(self.price)

    @property
    def average(self) -> Decimal | None:
        """None: nothing was filled."""
        if not self.filled:
            return None
        mean = Decimal(self.value * self.instrument.tick) / self.filled
        return mean.scaleb(-self.instrument.price_decimals).quantize(MONEY, ROUND_HALF_EVEN)

    def record(self) -> Order:
        """The order as it stands, exactly."""
        instrument = self.instrument
        return Order(
            symbol=instrument.symbol,
            side=self.side,
            type=self.type,
            size=size_of(instrument, self.size),
            price=None if self.price is None else price_of(instrument, self.price),
            status=self.status,
            client_order_id=self.client_order_id,
            order_id=str(self.id),
            time_in_force=self.time_in_force,
            filled=size_of(instrument, self.filled),
            average_price=self.average,
            reduce_only=self.reduce_only,
            post_only=self.post_only,
            position_side=self.position_side,
            canceling=self.canceling and self.open,
            created_time_ns=self.created_ns,
            event_time_ns=self.updated_ns,
        )
