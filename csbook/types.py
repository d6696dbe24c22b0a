"""The words of the trade: enums and frozen records. No behaviour, no I/O, no other import of csbook."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Alert", "Outcome", "Side", "State", "Ticker", "Trade"]


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


@dataclass(frozen=True, slots=True)
class Trade:
    """One public trade. ``side`` is the aggressor's; price and size are exact; times are ns since the epoch."""

    symbol: str
    id: int
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
class Alert:
    """Something that a person should look at. ``kind`` is "schema", "degrade" or "halt"."""

    kind: str
    text: str
