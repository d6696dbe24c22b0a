"""Trades and tickers from JSON, exact.

The keys are those of the public trade and 24-hour ticker events in Binance's shape. Prices and sizes stay decimal text
from the wire to the Decimal; where a venue sends them as JSON numbers the message is read a second time with the source
text kept, since a float has lost digits. Whatever is missing, of another type or out of range raises BadMessage with
the key and what was expected; no record is ever half filled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from csbook.errors import BadMessage
from csbook.types import Side, Ticker, Trade

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

_DECIMAL = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z0-9_/.:-]{1,31}", re.ASCII)
_LATEST_MS = (2**63 - 1) // 1_000_000


class FloatFound(Exception):
    """A decimal came as a JSON number: read the message again with load_exact."""


def load(payload: bytes) -> Any:
    """The JSON value of a payload. Raises BadMessage with the offset of what is wrong."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadMessage(f"not JSON: {error.msg} at byte {error.pos}", offset=error.pos) from None


def load_exact(payload: bytes) -> Any:
    """The same, with the numbers that have a fraction or an exponent as Decimal."""
    try:
        return json.loads(payload, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise BadMessage(f"not JSON that can be read exactly: {error}") from None


def _kind(message: Mapping[str, Any]) -> str:
    name = message.get("s")
    return f"{message.get('e')} of {name}" if isinstance(name, str) else f"{message.get('e')}"


def bad(message: Mapping[str, Any], key: str, expected: str) -> BadMessage:
    """What is wrong with a field, told with its message's kind and symbol."""
    got = repr(message[key]) if key in message else "nothing"
    if len(got) > 60:
        got = f"{got[:57]}..."
    return BadMessage(f"{_kind(message)}: field {key!r} is {got}; expected {expected}", field=key)


def decimal(message: Mapping[str, Any], key: str, *, positive: bool = False) -> Decimal:
    """The exact number at ``key``. Raises FloatFound where it came as a JSON number with a fraction."""
    value = message.get(key)
    expected = "a decimal number above 0, as text" if positive else "a decimal number, as text"
    if isinstance(value, float):
        raise FloatFound
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise bad(message, key, expected)
        number = Decimal(value)
    elif isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        if not _DECIMAL.fullmatch(str(value)):
            raise bad(message, key, expected)
        number = Decimal(value)
    else:
        raise bad(message, key, expected)
    if positive and number <= 0:
        raise bad(message, key, expected)
    return number


def maybe_decimal(message: Mapping[str, Any], key: str) -> Decimal | None:
    """The same, or None where the field is absent."""
    return None if message.get(key) is None else decimal(message, key)


def integer(message: Mapping[str, Any], key: str) -> int:
    """The whole number at ``key``, 0 or above."""
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise bad(message, key, "a whole number of at least 0")
    return value


def maybe_integer(message: Mapping[str, Any], key: str) -> int | None:
    """The same, or None where the field is absent."""
    return None if message.get(key) is None else integer(message, key)


def time_ns(message: Mapping[str, Any], key: str) -> int:
    """The time at ``key``, milliseconds on the wire, in ns."""
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LATEST_MS:
        raise bad(message, key, "milliseconds since the epoch")
    return value * 1_000_000


def symbol(message: Mapping[str, Any], key: str = "s") -> str:
    """The symbol at ``key``, in capitals."""
    value = message.get(key)
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise bad(message, key, "a symbol")
    return value.upper()


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
