"""JSON for all that is not hot: orjson where it is installed, elsewhere the standard library made as strict.

orjson cannot be installed on free-threaded Python. Both accept the same texts and give the same values: UTF-8 alone, no
NaN and no Infinity, at most 1,024 containers deep, no half of a surrogate pair, no number whose float is infinite, an
integer beyond 64 bits as float, nothing after the value. No other import of csbook, no I/O.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import accumulate
from json.decoder import JSONDecodeError, JSONDecoder
from json.encoder import JSONEncoder
from math import isinf
from typing import Any

__all__ = ["JSONDecodeError", "Literal", "dumps", "loads", "plain_dumps", "plain_loads"]

MAX_NESTING = 1024
SHALLOW = 200  # containers that the standard library's recursion can take, wherever it is called from

_BLANK = re.compile(r"[ \t\n\r]*")
_TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[^][{}]+")
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}
_PAIR = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rf"\\(?:{_PAIR}|(u[dD][89a-fA-F])|.)", re.DOTALL)


class _Refused(Exception):
    """The standard library would take it."""


def _integer(text: str) -> int | float:
    if len(text) > 20:
        return _number(text)
    value = int(text)
    return value if -(2**63) <= value < 2**64 else float(value)


def _number(text: str) -> float:
    value = float(text)
    if isinf(value):
        raise _Refused("a number that is infinite as a float")
    return value


def _constant(text: str) -> None:
    raise _Refused(f"{text} is no JSON")


_DECODER = JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)
_ENCODER = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def plain_loads(payload: bytes | bytearray | memoryview | str) -> Any:
    """``loads`` by the standard library."""
    try:
        if isinstance(payload, str):
            payload.encode()
            text = payload
        else:
            text = bytes(payload).decode()
    except (UnicodeEncodeError, UnicodeDecodeError) as error:
        raise JSONDecodeError(f"no UTF-8: {error.reason}", "", error.start) from None
    if text.count("[") + text.count("{") > SHALLOW and _depth(text) > SHALLOW:
        value = _walked(text)
    else:
        try:
            value = _DECODER.decode(text)
        except _Refused:
            value = _walked(text)  # which knows where it is
    if "\\u" in text:
        for escape in _ESCAPE.finditer(text):
            if escape[1]:
                raise JSONDecodeError("half of a surrogate pair", text, escape.start())
    return value


def _depth(text: str) -> int:
    """Containers inside each other; means nothing where the text is no JSON."""
    brackets = _BRACKETS.sub("", _TEXT.sub("", text))
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _next(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()


def _walked(text: str) -> Any:
    """The value of a text, with a stack of its own instead of recursion."""
    stack: list[tuple[list[Any] | dict[str, Any], str]] = []  # the containers around, and the key that a value is for
    at = _next(text, 0)
    while True:
        value: Any
        opening = text[at : at + 1]
        if opening and opening in "[{":
            if len(stack) == MAX_NESTING:
                raise JSONDecodeError(f"nested deeper than {MAX_NESTING}", text, at)
            value = [] if opening == "[" else {}
            inside = _next(text, at + 1)
            if text[inside : inside + 1] != _closing(value):
                key, at = _key(text, inside) if opening == "{" else ("", inside)
                stack.append((value, key))
                continue
            at = inside + 1
        else:
            value, at = _scalar(text, at)
        while True:  # a value has ended, and perhaps what is around it
            at = _next(text, at)
            if not stack:
                if at < len(text):
                    raise JSONDecodeError("more after the value", text, at)
                return value
            around, key = stack.pop()
            if isinstance(around, dict):
                around[key] = value
            else:
                around.append(value)
            mark = text[at : at + 1]
            if mark == ",":
                at = _next(text, at + 1)
                if isinstance(around, dict):
                    key, at = _key(text, at)
                stack.append((around, key))
                break
            if mark != _closing(around):
                raise JSONDecodeError(f"expected a comma or {_closing(around)}", text, at)
            value = around
            at += 1


def _closing(container: list[Any] | dict[str, Any]) -> str:
    return "]" if isinstance(container, list) else "}"


def _key(text: str, at: int) -> tuple[str, int]:
    """A key with its colon, and where its value begins."""
    if text[at : at + 1] != '"':
        raise JSONDecodeError("expected a key", text, at)
    key, at = _DECODER.raw_decode(text, at)
    at = _next(text, at)
    if text[at : at + 1] != ":":
        raise JSONDecodeError("expected a colon", text, at)
    return key, _next(text, at + 1)


def _scalar(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except _Refused as refusal:
        raise JSONDecodeError(str(refusal), text, at) from None


class Literal:
    """JSON text that ``dumps`` writes as it stands: a decimal number that must keep its digits."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"Literal({self.text!r})"


def plain_dumps(value: Any) -> bytes:
    """``dumps`` by the standard library."""
    return _written(value).encode()


def _written(value: Any) -> str:
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key of JSON is a str")
        return "{" + ",".join(f"{_ENCODER.encode(key)}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    return _ENCODER.encode(value)


def _choose() -> tuple[Any, Any]:
    try:
        import orjson
    except ImportError:
        return plain_loads, plain_dumps

    def literal(value: Any) -> orjson.Fragment:
        if isinstance(value, Literal):
            return orjson.Fragment(value.text)
        raise TypeError(f"{type(value).__name__} has no JSON")

    return orjson.loads, partial(orjson.dumps, default=literal)


_loads, _dumps = _choose()


def loads(payload: bytes | bytearray | memoryview | str) -> Any:
    """The value of a JSON text. Raises JSONDecodeError with ``msg`` and ``pos``, in characters. O(n)."""
    return _loads(payload)


def dumps(value: Any) -> bytes:
    """Compact JSON in UTF-8 of dicts with str keys, lists, tuples, str, int of 64 bits, bool, None and Literal.

    Raises TypeError for a key that is no str. O(n).
    """
    result: bytes = _dumps(value)
    return result
