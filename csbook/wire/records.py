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

__all__ = ["load", "load_exact", "ticker", "trade"]

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
    symbol = message.get("s")
    return f"{message.get('e')!s:.20} of {symbol:.31}" if isinstance(symbol, str) else f"{message.get('e')!s:.20}"


def _bad(message: Mapping[str, Any], key: str, expected: str) -> BadMessage:
    got = repr(message[key]) if key in message else "nothing"
    if len(got) > 60:
        got = f"{got[:57]}..."
    return BadMessage(f"{_kind(message)}: field {key!r} is {got}; expected {expected}", field=key)


def _decimal(message: Mapping[str, Any], key: str, *, positive: bool = False) -> Decimal:
    value = message.get(key)
    expected = "a decimal number above 0, as text" if positive else "a decimal number, as text"
    if isinstance(value, float):
        raise FloatFound
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise _bad(message, key, expected)
        number = Decimal(value)
    elif isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
        if not _DECIMAL.fullmatch(str(value)):
            raise _bad(message, key, expected)
        number = Decimal(value)
    else:
        raise _bad(message, key, expected)
    if positive and number <= 0:
        raise _bad(message, key, expected)
    return number


def _maybe_decimal(message: Mapping[str, Any], key: str) -> Decimal | None:
    return None if message.get(key) is None else _decimal(message, key)


def _integer(message: Mapping[str, Any], key: str) -> int:
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise _bad(message, key, "a whole number of at least 0")
    return value


def _maybe_integer(message: Mapping[str, Any], key: str) -> int | None:
    return None if message.get(key) is None else _integer(message, key)


def _time_ns(message: Mapping[str, Any], key: str) -> int:
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LATEST_MS:
        raise _bad(message, key, "milliseconds since the epoch")
    return value * 1_000_000


def _symbol(message: Mapping[str, Any]) -> str:
    value = message.get("s")
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise _bad(message, "s", "a symbol")
    return value.upper()


def trade(message: Mapping[str, Any], receive_time_ns: int) -> Trade:
    """One public trade. ``m`` true: the buyer was the maker, so the aggressor sold."""
    buyer_is_maker = message.get("m")
    if not isinstance(buyer_is_maker, bool):
        raise _bad(message, "m", "true or false")
    return Trade(
        symbol=_symbol(message),
        id=_integer(message, "t"),
        price=_decimal(message, "p", positive=True),
        size=_decimal(message, "q", positive=True),
        side=Side.SELL if buyer_is_maker else Side.BUY,
        trade_time_ns=_time_ns(message, "T"),
        event_time_ns=_time_ns(message, "E"),
        receive_time_ns=receive_time_ns,
        buyer_order_id=_maybe_integer(message, "b"),
        seller_order_id=_maybe_integer(message, "a"),
    )


def ticker(message: Mapping[str, Any], receive_time_ns: int) -> Ticker:
    """24-hour statistics of one symbol; what the venue left out is None."""
    return Ticker(
        symbol=_symbol(message),
        last=_decimal(message, "c", positive=True),
        last_size=_maybe_decimal(message, "Q"),
        open=_maybe_decimal(message, "o"),
        high=_maybe_decimal(message, "h"),
        low=_maybe_decimal(message, "l"),
        change=_maybe_decimal(message, "p"),
        change_percent=_maybe_decimal(message, "P"),
        weighted_average=_maybe_decimal(message, "w"),
        base_volume=_maybe_decimal(message, "v"),
        quote_volume=_maybe_decimal(message, "q"),
        event_time_ns=_time_ns(message, "E"),
        receive_time_ns=receive_time_ns,
    )
