"""The fields of a JSON message, one by one, exact: decimals, whole numbers, times, symbols, words.

Decimals stay text from the wire to the Decimal. Where one comes as a JSON number FloatFound asks for the message to be
read a second time with the source text kept, since a float has lost digits. Whatever is missing, of another type or
out of range raises BadMessage with the key and what was expected.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from csbook.errors import BadMessage
from csbook.json import JSONDecodeError, loads
from csbook.wire._fields import FloatFound, bad, decimal, integer, maybe_decimal, symbol, time_ns, word

__all__ = [
    "FloatFound",
    "bad",
    "decimal",
    "exactly",
    "flag",
    "integer",
    "load",
    "load_exact",
    "load_strict",
    "maybe_decimal",
    "maybe_integer",
    "ms",
    "optional",
    "symbol",
    "time_ns",
    "word",
]

ReadT = TypeVar("ReadT")


def load(payload: bytes) -> Any:
    """The JSON value of a payload. Raises BadMessage with the offset of what is wrong."""
    try:
        return loads(payload)
    except JSONDecodeError as error:
        raise BadMessage(f"not JSON: {error.msg} at byte {error.pos}", offset=error.pos) from None


def load_exact(payload: bytes) -> Any:
    """The same, with the numbers that have a fraction or an exponent as Decimal."""
    try:
        return json.loads(payload, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise BadMessage(f"not JSON that can be read exactly: {error}") from None


def load_strict(payload: bytes) -> Any:
    """The same of what ``load`` takes: nothing in it is a float, not even NaN."""
    load(payload)
    return load_exact(payload)


def exactly(payload: bytes, read: Callable[[Any], ReadT]) -> ReadT:
    """What ``read`` makes of a payload; it is read once more with its source text kept where digits would be lost."""
    try:
        return read(load(payload))
    except FloatFound:
        return read(load_exact(payload))


def optional(message: Mapping[str, Any], key: str) -> Decimal | None:
    """A decimal that may be absent, null or empty text."""
    return None if message.get(key) == "" else maybe_decimal(message, key)


def maybe_integer(message: Mapping[str, Any], key: str) -> int | None:
    return None if message.get(key) is None else integer(message, key)


def ms(message: Mapping[str, Any], key: str) -> int:
    """Milliseconds since the epoch that may be absent, null or text, in ns; 0 where there are none."""
    value = message.get(key)
    if value is None or value == "":
        return 0
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17 else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**53:
        raise bad(message, key, "milliseconds since the epoch")
    return number * 1_000_000


def flag(message: Mapping[str, Any], key: str) -> bool | None:
    """True or false, as such or as text; None where the message has none."""
    value = message.get(key)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise bad(message, key, "true or false")
