"""The fields of a JSON message, one by one, exact: decimals, whole numbers, times, symbols, words.

Decimals stay text from the wire to the Decimal. Where one comes as a JSON number FloatFound asks for the message to be
read a second time with the source text kept, since a float has lost digits. Whatever is missing, of another type or
out of range raises BadMessage with the key and what was expected.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from csbook.errors import BadMessage
from csbook.json import JSONDecodeError, loads

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

_DECIMAL = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
_SYMBOL = re.compile(r"[A-Za-z0-9_/.:-]{1,31}", re.ASCII)
_LATEST_MS = (2**63 - 1) // 1_000_000
_LONGEST = 256  # characters of an identifier or a word
_KEPT = 4096

ReadT = TypeVar("ReadT")

# What was read lately, text -> value: the prices, sizes and symbols of an account come again and again.
_numbers: dict[str, Decimal] = {}
_symbols: dict[str, str] = {}


class FloatFound(Exception):
    """A decimal came as a JSON number: read the message again with load_exact."""


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


def bad(message: Mapping[str, Any], key: str, expected: str) -> BadMessage:
    """The error for a field that is missing or not what it has to be."""
    got = repr(message[key]) if key in message else "nothing"
    if len(got) > 60:
        got = f"{got[:57]}..."
    return BadMessage(f"{_kind(message)}: field {key!r} is {got}; expected {expected}", field=key)


def _kind(message: Mapping[str, Any]) -> str:
    kind, name = message.get("e"), message.get("s", message.get("symbol"))
    said = kind if isinstance(kind, str) else "a row"
    return f"{said[:60]} of {name[:31]}" if isinstance(name, str) else said[:60]


def decimal(message: Mapping[str, Any], key: str, *, positive: bool = False) -> Decimal:
    """A decimal number, from text or from a JSON number."""
    try:
        number = _numbers[message[key]]
    except (KeyError, TypeError):  # not read lately, or no text
        number = _new_decimal(message, key, message.get(key), positive)
    if positive and number <= 0:
        raise _no_decimal(message, key, positive)
    return number


def _new_decimal(message: Mapping[str, Any], key: str, value: Any, positive: bool) -> Decimal:
    if isinstance(value, float):
        raise FloatFound
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _no_decimal(message, key, positive)
    if not _DECIMAL.fullmatch(str(value)):
        raise _no_decimal(message, key, positive)
    number = Decimal(value)
    if isinstance(value, str):
        if len(_numbers) >= _KEPT:
            _numbers.clear()
        _numbers[value] = number
    return number


def _no_decimal(message: Mapping[str, Any], key: str, positive: bool) -> BadMessage:
    return bad(message, key, "a decimal number above 0, as text" if positive else "a decimal number, as text")


def maybe_decimal(message: Mapping[str, Any], key: str) -> Decimal | None:
    """The same; None where the message has none."""
    try:
        return _numbers[message[key]]
    except (KeyError, TypeError):  # not read lately, or no text
        value = message.get(key)
        return None if value is None else _new_decimal(message, key, value, False)


def optional(message: Mapping[str, Any], key: str) -> Decimal | None:
    """A decimal that may be absent, null or empty text."""
    return None if message.get(key) == "" else maybe_decimal(message, key)


def integer(message: Mapping[str, Any], key: str) -> int:
    """A whole number of at least 0."""
    value = message.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise bad(message, key, "a whole number of at least 0")
    return value


def maybe_integer(message: Mapping[str, Any], key: str) -> int | None:
    return None if message.get(key) is None else integer(message, key)


def time_ns(message: Mapping[str, Any], key: str) -> int:
    """Milliseconds since the epoch, in ns."""
    value = message.get(key)
    if type(value) is not int or not 0 <= value <= _LATEST_MS:
        raise bad(message, key, "milliseconds since the epoch")
    return value * 1_000_000


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


def symbol(message: Mapping[str, Any], key: str = "s") -> str:
    """A symbol, in upper case."""
    try:
        return _symbols[message[key]]
    except (KeyError, TypeError):  # not read lately, or no text
        value = message.get(key)
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise bad(message, key, "a symbol")
    if len(_symbols) >= _KEPT:
        _symbols.clear()
    return _symbols.setdefault(value, value.upper())


def word(message: Mapping[str, Any], key: str) -> str:
    """An identifier or a word: text, or a whole number as text; "" where the message has none."""
    value = message.get(key)
    if type(value) is str and len(value) <= _LONGEST:
        return value
    if value is None:
        return ""
    if type(value) is not int or not -(2**63) <= value < 2**64:
        raise bad(message, key, f"text of at most {_LONGEST} characters, or a whole number")
    return str(value)
