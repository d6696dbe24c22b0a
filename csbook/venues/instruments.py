"""The rules of symbols as venues tell them, and books by REST, read exactly; and what follows from them for a book."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from csbook.errors import BadMessage
from csbook.exact import decimals_of
from csbook.types import Instrument
from csbook.venues.dialect import Dialect

__all__ = ["Rules", "read_rules", "scales_of"]

_ROOM = 2  # decimals beyond the grid, so that a finer tick later on still fits


def scales_of(instrument: Instrument) -> tuple[int, int]:
    """The price and size decimals of a book: those of tick and lot and two more, 18 at most."""
    return min(18, decimals_of(instrument.tick) + _ROOM), min(18, decimals_of(instrument.lot) + _ROOM)


def read_rules(dialect: Dialect, payload: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
    """The rules as the dialect reads them, with the price steps of ``ticks`` in the place of the venue's."""
    assert dialect.rest is not None and dialect.rest.read_instruments is not None, dialect.name
    found = dialect.rest.read_instruments(payload)
    return {name: replace(each, tick=ticks[name]) if name in ticks else each for name, each in found.items()}


class Rules:
    """A REST answer, or an object in it, read field by field. Whatever is missing or of another type is a BadMessage.

    ``code`` and ``good``: the field of the envelope that says whether it is an answer at all. ``what`` was asked for.
    """

    def __init__(
        self,
        payload: bytes | Mapping[str, Any],
        *,
        code: str = "",
        good: object = None,
        at: str = "",
        what: str = "the symbols' rules",
    ) -> None:
        self._at = at
        self._what = what
        if isinstance(payload, bytes):
            try:
                value = json.loads(payload, parse_float=Decimal)
            except (ValueError, ArithmeticError, RecursionError) as error:
                raise BadMessage(f"{what}: no JSON: {error}") from None
            if not isinstance(value, dict):
                raise BadMessage(f"{what}: a JSON {type(value).__name__}; expected an object")
            self._value: Mapping[str, Any] = value
        else:
            self._value = payload
        if code and self._value.get(code) != good:
            told = ", ".join(
                f"{key} {str(self._value[key])[:80]}" for key in (code, "retMsg", "msg") if key in self._value
            )
            raise BadMessage(f"the venue refused to tell {what}: {told or 'no ' + code}", field=code)

    def _bad(self, key: str, expected: str) -> BadMessage:
        got = repr(self._value[key])[:60] if key in self._value else "nothing"
        path = f"{self._at}.{key}" if self._at else key
        return BadMessage(f"{self._what}: {path} is {got}; expected {expected}", field=path)

    def part(self, key: str) -> Rules:
        """The object at ``key``."""
        value = self._value.get(key)
        if not isinstance(value, dict):
            raise self._bad(key, "an object")
        return Rules(value, at=f"{self._at}.{key}" if self._at else key, what=self._what)

    def rows(self, key: str) -> Iterator[Rules]:
        """The objects of the array at ``key``."""
        value = self._value.get(key)
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise self._bad(key, "an array of objects")
        for i, row in enumerate(value):
            yield Rules(row, at=f"{self._at}.{key}[{i}]" if self._at else f"{key}[{i}]")

    def filter(self, name: str, *, optional: bool = False) -> Rules:
        """The filter of that type, in Binance's way of saying rules."""
        for row in self.rows("filters"):
            if row._value.get("filterType") == name:
                return row
        if optional:
            return Rules({}, at=name)
        raise self._bad("filters", f"a filter {name}")

    def text(self, key: str, default: str | None = None) -> str:
        """The text at ``key``; ``default`` where the field is absent and one is given."""
        value = self._value.get(key, default)
        if value == default is not None:
            return default
        if not isinstance(value, str) or not value or len(value) > 64:
            raise self._bad(key, "a text")
        return value

    def levels(self, key: str) -> list[Any]:
        """The array of levels at ``key``, numbers exact."""
        value = self._value.get(key)
        if not isinstance(value, list):
            raise self._bad(key, "an array of levels")
        return value

    def integer(self, key: str) -> int:
        """The whole number at ``key``, not below 0."""
        found = self.number(key)
        if found != found.to_integral_value() or not 0 <= found < 2**63:
            raise self._bad(key, "an integer from 0 to 2**63 - 1")
        return int(found)

    def number(self, key: str) -> Decimal:
        """The exact number at ``key``, a text or a JSON number."""
        found = self.maybe(key)
        if found is None:
            raise self._bad(key, "a number")
        return found

    def maybe(self, key: str) -> Decimal | None:
        """The same, or None where the field is absent."""
        value = self._value.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            raise self._bad(key, "a number")
        try:
            found = Decimal(value)
        except ArithmeticError:
            raise self._bad(key, "a number") from None
        if not found.is_finite():
            raise self._bad(key, "a finite number")
        return found

    def step(self, key: str) -> Decimal:
        """A tick or a lot: above 0."""
        found = self.number(key)
        if found <= 0:
            raise self._bad(key, "a number above 0")
        return found
