"""Arithmetic of money: exact, or not at all. No other import of csbook.

The ambient context of ``decimal`` belongs to the program around: it rounds to 28 digits, or to as few as somebody has
set, and says nothing. Here every sum and product is made in a context that raises rather than round, and is wide enough
for all that comes from a venue. Only an average is inexact by its nature; it is rounded half-even to 40 digits.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, Overflow

__all__ = [
    "DIGITS",
    "ONE",
    "ZERO",
    "add",
    "average",
    "decimals_of",
    "magnitude",
    "multiply",
    "negate",
    "parts",
    "shift",
    "stripped",
    "subtract",
]

DIGITS = 40

_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, Overflow])
_ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])

ZERO, ONE = Decimal(0), Decimal(1)

add = _EXACT.add
subtract = _EXACT.subtract
multiply = _EXACT.multiply
shift = _EXACT.scaleb  # (number, places): number * 10**places
stripped = _EXACT.normalize  # without trailing zeros
parts = _EXACT.divmod  # (number, step): how many whole steps, and the rest
negate = Decimal.copy_negate  # unary minus would round, and so would abs
magnitude = Decimal.copy_abs


def average(value: Decimal, size: Decimal) -> Decimal:
    """value / size, rounded half-even to 40 digits."""
    return _ROUNDED.divide(value, size)


def decimals_of(number: Decimal) -> int:
    """How many decimals a number, or a multiple of it, can have: 1 for 0.10, 0 for 5 and 50."""
    exponent = stripped(number).as_tuple().exponent
    assert isinstance(exponent, int), number
    return max(0, -exponent)
