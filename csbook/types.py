"""The words of the trade: enums and frozen records. No behaviour, no I/O; of csbook the arithmetic alone."""

from __future__ import annotations

import enum
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from functools import reduce
from typing import Any, TypeVar

from csbook.exact import ZERO, add, multiply, subtract

__all__ = [
    "Alert",
    "Balance",
    "Candle",
    "Fill",
    "Instrument",
    "Order",
    "OrderStatus",
    "Outcome",
    "Portfolio",
    "Position",
    "Side",
    "State",
    "Ticker",
    "Trade",
]

RecordT = TypeVar("RecordT")


def quick(record: type[RecordT]) -> type[RecordT]:
    """A frozen dataclass with slots, made at the price of one that is not frozen.

    A frozen one of twenty fields takes microseconds to make, a call a field; news of an order makes three. Here the
    fields are set while the object is of a class that differs in nothing but being mutable.
    """
    told = fields(record)  # type: ignore[arg-type]
    mutable = type(record.__name__, (), {"__slots__": tuple(field.name for field in told)})
    scope: dict[str, Any] = {"become": object.__setattr__, "mutable": mutable, "record": record}
    scope |= {f"default_{field.name}": field.default for field in told}
    names = (field.name if field.default is MISSING else f"{field.name}=default_{field.name}" for field in told)
    lines = [f"def __init__(self, {', '.join(names)}):", "    become(self, '__class__', mutable)"]
    lines += [f"    self.{field.name} = {field.name}" for field in told]
    exec("\n".join([*lines, "    self.__class__ = record"]), scope)
    made: Any = scope["__init__"]
    made.__qualname__ = f"{record.__name__}.__init__"
    made.__annotations__ = dict(record.__init__.__annotations__)
    made.__module__ = record.__module__
    record.__init__ = made  # type: ignore[method-assign]
    return record


class _Name(enum.IntEnum):
    """An integer enum that prints its name."""

    def __str__(self) -> str:
        return self.name


class Side(_Name):
    """A side of the market. BUY is the bids of a book and an aggressive buyer of a trade."""

    BUY = 0
    SELL = 1


class State(_Name):
    """Whether a book can be trusted. Only LIVE may be traded on."""

    EMPTY = 0
    SYNCING = 1
    LIVE = 2
    GAP = 3
    STALE = 4
    CROSSED = 5


class Outcome(_Name):
    """What a payload did to its book."""

    APPLIED = 0
    IGNORED = 1
    BUFFERED = 2
    GAP = 3
    COLD = 4
    REFUSED = 5


class OrderStatus(_Name):
    """Where an order stands. UNKNOWN: it was sent, and nobody said what became of it; it may be working."""

    PENDING = 0
    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5
    EXPIRED = 6
    UNKNOWN = 7


@dataclass(frozen=True, slots=True)
class Trade:
    """One public trade. ``side`` is the aggressor's; price and size are exact; times are ns since the epoch."""

    symbol: str
    id: int | str  # as the venue counts or names them
    price: Decimal
    size: Decimal
    side: Side
    trade_time_ns: int
    event_time_ns: int
    receive_time_ns: int
    buyer_order_id: int | None = None
    seller_order_id: int | None = None


@dataclass(frozen=True, slots=True)
class Ticker:
    """24-hour rolling statistics of a symbol. Volumes are base and quote quantity; times are ns since the epoch."""

    symbol: str
    last: Decimal
    last_size: Decimal | None
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    change: Decimal | None
    change_percent: Decimal | None
    weighted_average: Decimal | None
    base_volume: Decimal | None
    quote_volume: Decimal | None
    event_time_ns: int
    receive_time_ns: int


@dataclass(frozen=True, slots=True)
class Candle:
    """The prices of one interval. Volumes are base and quote quantity; times are ns since the epoch.

    ``closed``: the interval is over and the candle is final; the same candle comes several times before.
    """

    symbol: str
    interval_s: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    base_volume: Decimal | None
    quote_volume: Decimal | None
    start_time_ns: int
    end_time_ns: int
    closed: bool
    receive_time_ns: int


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should look at.

    ``kind`` is "schema", "audit" (a book was wrong), "degrade" or "halt"; of the private half also "clock" (this
    machine's is off), "key" (it was refused), "rate" (the venue says that there were too many requests), "stream" and
    "order".
    """

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Instrument:
    """The rules of one symbol. Prices are quote currency; sizes are base quantity; None: the venue does not say."""

    symbol: str
    tick: Decimal  # a price is a multiple of it
    lot: Decimal  # a size is a multiple of it
    min_size: Decimal | None = None
    max_size: Decimal | None = None
    min_notional: Decimal | None = None
    multiplier: Decimal = Decimal(1)  # base quantity of one contract, where the venue counts contracts
    status: str = ""  # the venue's word


@quick
@dataclass(frozen=True, slots=True)
class Order:
    """One order as it was known at a moment. Sizes are base quantity; times are ns since the epoch, 0 if unknown.

    ``order_id`` is the venue's, "" until it is known; ``client_order_id`` is "" where the venue told none. ``own``:
    placed through this account object; others were placed by hand or by another process.
    """

    symbol: str
    side: Side
    type: str  # "LIMIT", "MARKET" or the venue's word
    size: Decimal
    price: Decimal | None  # None: no limit price
    status: OrderStatus
    client_order_id: str
    order_id: str = ""
    time_in_force: str = "GTC"
    filled: Decimal = Decimal(0)  # cumulative
    average_price: Decimal | None = None
    reduce_only: bool = False
    post_only: bool = False
    position_side: str = "BOTH"  # "BOTH", or "LONG" and "SHORT" in hedge mode
    own: bool = False
    canceling: bool = False  # a cancel was sent or confirmed as requested; it may still fill
    reason: str = ""  # why it was rejected, or is unknown
    created_time_ns: int = 0
    event_time_ns: int = 0  # the venue's, of the newest news
    receive_time_ns: int = 0

    @property
    def remaining(self) -> Decimal:
        """What may still fill: 0 in a terminal status."""
        return ZERO if self.status in _TERMINAL else max(subtract(self.size, self.filled), ZERO)

    @property
    def is_terminal(self) -> bool:
        """FILLED, CANCELED, REJECTED or EXPIRED: nothing can happen to it any more."""
        return self.status in _TERMINAL

    @property
    def is_resting(self) -> bool:
        """NEW or PARTIALLY_FILLED: known to work at the venue."""
        return self.status in _RESTING


_TERMINAL = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED, OrderStatus.EXPIRED})
_RESTING = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED})


@quick
@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order. Price is quote currency, size base quantity; None: the venue did not say."""

    symbol: str
    side: Side
    price: Decimal
    size: Decimal
    trade_id: str
    order_id: str
    client_order_id: str
    commission: Decimal | None = None  # a cost above 0, a rebate below
    commission_asset: str = ""
    realised_pnl: Decimal | None = None  # of this fill, before commission
    is_maker: bool | None = None
    position_side: str = "BOTH"
    trade_time_ns: int = 0
    event_time_ns: int = 0
    receive_time_ns: int = 0


@quick
@dataclass(frozen=True, slots=True)
class Position:
    """What is held of one symbol. ``size`` is signed: above 0 long. Base quantity, quote currency, ns.

    In hedge mode the position of a symbol is the sum of its two ``legs``; in one-way mode ``legs`` is empty.
    """

    symbol: str
    size: Decimal
    entry_price: Decimal | None  # None: flat, or two legs at once
    realised_pnl: Decimal = Decimal(0)  # since the account was opened here, before commission
    commission: Decimal = Decimal(0)  # paid since then, in the quote asset
    position_side: str = "BOTH"
    leverage: Decimal | None = None
    margin_type: str = ""
    event_time_ns: int = 0
    legs: tuple[Position, ...] = ()

    def unrealised_pnl(self, price: Decimal) -> Decimal:
        """At that price; 0 when flat."""
        if self.legs:
            return reduce(add, (leg.unrealised_pnl(price) for leg in self.legs))
        return ZERO if self.entry_price is None else multiply(subtract(price, self.entry_price), self.size)


@quick
@dataclass(frozen=True, slots=True)
class Balance:
    """What is held of one asset. ``available`` is None where the venue does not say."""

    asset: str
    wallet: Decimal
    available: Decimal | None = None
    event_time_ns: int = 0


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What the venue said is held: every position that is not flat, and every asset."""

    positions: tuple[Position, ...]
    balances: tuple[Balance, ...]
