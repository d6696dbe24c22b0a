from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from csbook.errors import BadMessage

KEPT: int
LONGEST: int

class FloatFound(Exception):
    """A decimal came as a JSON number: read the message again with load_exact."""

def bad(message: Mapping[str, Any], key: str, expected: str) -> BadMessage:
    """The error for a field that is missing or not what it has to be."""

def decimal(message: Mapping[str, Any], key: str, *, positive: bool = False) -> Decimal:
    """A decimal number, from text or from a JSON number."""

def maybe_decimal(message: Mapping[str, Any], key: str) -> Decimal | None:
    """The same; None where the message has none."""

def integer(message: Mapping[str, Any], key: str) -> int:
    """A whole number of at least 0."""

def time_ns(message: Mapping[str, Any], key: str) -> int:
    """Milliseconds since the epoch, in ns."""

def symbol(message: Mapping[str, Any], key: str = "s") -> str:
    """A symbol, in upper case."""

def word(message: Mapping[str, Any], key: str) -> str:
    """An identifier or a word: text, or a whole number as text; "" where the message has none."""

def remembered() -> tuple[int, int]:
    """How many numbers and how many symbols are remembered, at most KEPT of each."""
