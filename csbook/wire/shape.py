"""What a message is expected to look like, as data: fields, the JSON kinds that each may have, what may be left out.

A venue writes its messages down as nested tables and ``shape`` reads them::

    shape({
        "e": TEXT,
        "E": INTEGER,
        "N?": TEXT,                          a field that may be absent
        "x": DECIMAL | NULL,                 one of several kinds
        "o": {"q": DECIMAL},                 an object
        "B?": [{"wb": DECIMAL}],             an array of objects
        "bids": [[DECIMAL]],                 an array of arrays
    })

Only the form is described. What a value means, and whether it is in range, is judged by whoever reads the message.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

__all__ = [
    "ARRAY",
    "BOOLEAN",
    "DECIMAL",
    "INTEGER",
    "NULL",
    "NUMBER",
    "OBJECT",
    "TEXT",
    "Field",
    "Kind",
    "Shape",
    "kind_of",
    "shape",
]

DECIMAL_TEXT = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


class Kind(enum.Flag):
    """The kinds of a JSON value. ``DECIMAL`` is text that is a decimal number; ``NUMBER`` any JSON number."""

    DECIMAL = enum.auto()
    WORDS = enum.auto()  # text that is no decimal number
    INTEGER = enum.auto()
    FRACTION = enum.auto()  # a number with a fraction or an exponent
    BOOLEAN = enum.auto()
    OBJECT = enum.auto()
    ARRAY = enum.auto()
    NULL = enum.auto()
    OTHER = enum.auto()  # nothing that JSON knows
    TEXT = DECIMAL | WORDS
    NUMBER = INTEGER | FRACTION


TEXT, DECIMAL, INTEGER, NUMBER = Kind.TEXT, Kind.DECIMAL, Kind.INTEGER, Kind.NUMBER
BOOLEAN, OBJECT, ARRAY, NULL = Kind.BOOLEAN, Kind.OBJECT, Kind.ARRAY, Kind.NULL

NAMES = {
    TEXT: "text",
    DECIMAL: "a decimal number as text",
    Kind.WORDS: "text that is no decimal number",
    NUMBER: "a number",
    INTEGER: "a whole number",
    Kind.FRACTION: "a number with a fraction",
    BOOLEAN: "true or false",
    OBJECT: "an object",
    ARRAY: "an array",
    NULL: "null",
    Kind.OTHER: "no JSON",
}
_KINDS: dict[type, Kind] = {
    bool: BOOLEAN,
    int: INTEGER,
    float: Kind.FRACTION,
    Decimal: Kind.FRACTION,  # how a number is read that must stay exact
    dict: OBJECT,
    list: ARRAY,
    type(None): NULL,
}


def kind_of(value: object) -> Kind:
    """The kind of a decoded JSON value, always one of the single ones."""
    if type(value) is str:
        return DECIMAL if DECIMAL_TEXT.fullmatch(value) else Kind.WORDS
    return _KINDS.get(type(value), Kind.OTHER)


def named(kinds: Kind) -> str:
    """Kinds in words: "text or null"."""
    if kinds in NAMES:
        return NAMES[kinds]
    wide = [kind for kind in (TEXT, NUMBER) if kind in kinds]
    rest = [kind for kind in kinds if not any(kind in part for part in wide)]
    return " or ".join(NAMES[kind] for kind in (*wide, *rest))


@dataclass(frozen=True, slots=True)
class Field:
    """One field, or each element of an array."""

    kinds: Kind
    required: bool = True
    shape: Shape | None = None  # of an object
    items: Field | None = None  # of an array, each

    def __str__(self) -> str:
        return named(self.kinds)


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of an object, by name."""

    fields: Mapping[str, Field]


def shape(table: Mapping[str, Any]) -> Shape:
    """The shape that a table writes down. Raises ValueError for a table that cannot be read."""
    fields: dict[str, Field] = {}
    for name, entry in table.items():
        bare = name.removesuffix("?")
        if not bare or bare in fields:
            raise ValueError(f"field {name!r} is named twice, or has no name")
        fields[bare] = _field(bare, entry, required=bare == name)
    return Shape(MappingProxyType(fields))


def _field(name: str, entry: object, required: bool = True) -> Field:
    if isinstance(entry, Kind) and entry:
        return Field(entry, required)
    if isinstance(entry, Mapping):
        return Field(OBJECT, required, shape=shape(entry))
    if isinstance(entry, Shape):
        return Field(OBJECT, required, shape=entry)
    if isinstance(entry, list) and len(entry) == 1:
        return Field(ARRAY, required, items=_field(f"{name}[]", entry[0]))
    raise ValueError(f"field {name!r} is {entry!r}; expected a kind, a table, or a list of one of these")
