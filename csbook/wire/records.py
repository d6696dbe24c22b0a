"""Trades and tickers from JSON, exact.

The keys are those of the public trade and 24-hour ticker events in Binance's shape. Prices and sizes stay decimal text
from the wire to the Decimal; where a venue sends them as JSON numbers the message is read a second time with the source
text kept, since a float has lost digits. Whatever is missing, of another type or out of range raises BadMessage with
the key and what was expected; no record is ever half filled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csbook.types import Side, Ticker, Trade
from csbook.wire.fields import (
    FloatFound,
    bad,
    decimal,
    integer,
    load,
    load_exact,
    maybe_decimal,
    maybe_integer,
    symbol,
    time_ns,
)

# The fields are offered here, too: a venue's own records are read with them.
__all__ = [
    "FloatFound",
    "aggregate_trade",
    "bad",
    "decimal",
    "integer",
    "load",
    "load_exact",
    "maybe_decimal",
    "maybe_integer",
    "side",
    "symbol",
    "ticker",
    "time_ns",
    "trade",
]


def side(message: Mapping[str, Any], key: str) -> Side:
    """The aggressor's side, as Buy and Sell in any case."""
    value = message.get(key)
    if not isinstance(value, str) or value.upper() not in Side.__members__:
        raise bad(message, key, "Buy or Sell")
    return Side[value.upper()]


def aggregate_trade(message: Mapping[str, Any], receive_time_ns: int) -> Trade:
    """Fills of one price and side, merged: ``a`` is their id, and no order is named."""
    return _trade(message, receive_time_ns, key="a")


def trade(message: Mapping[str, Any], receive_time_ns: int) -> Trade:
    """One public trade. ``m`` true: the buyer was the maker, so the aggressor sold."""
    return _trade(message, receive_time_ns, key="t")


def _trade(message: Mapping[str, Any], receive_time_ns: int, *, key: str) -> Trade:
    single = key == "t"
    buyer_is_maker = message.get("m")
    if not isinstance(buyer_is_maker, bool):
        raise bad(message, "m", "true or false")
    return Trade(
        symbol=symbol(message),
        id=integer(message, key),
        price=decimal(message, "p", positive=True),
        size=decimal(message, "q", positive=True),
        side=Side.SELL if buyer_is_maker else Side.BUY,
        trade_time_ns=time_ns(message, "T"),
        event_time_ns=time_ns(message, "E"),
        receive_time_ns=receive_time_ns,
        buyer_order_id=maybe_integer(message, "b") if single else None,
        seller_order_id=maybe_integer(message, "a") if single else None,
    )


def ticker(message: Mapping[str, Any], receive_time_ns: int) -> Ticker:
    """24-hour statistics of one symbol; what the venue left out is None."""
    return Ticker(
        symbol=symbol(message),
        last=decimal(message, "c", positive=True),
        last_size=maybe_decimal(message, "Q"),
        open=maybe_decimal(message, "o"),
        high=maybe_decimal(message, "h"),
        low=maybe_decimal(message, "l"),
        change=maybe_decimal(message, "p"),
        change_percent=maybe_decimal(message, "P"),
        weighted_average=maybe_decimal(message, "w"),
        base_volume=maybe_decimal(message, "v"),
        quote_volume=maybe_decimal(message, "q"),
        event_time_ns=time_ns(message, "E"),
        receive_time_ns=receive_time_ns,
    )
