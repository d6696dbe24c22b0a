"""Arithmetic of money: exact, or not at all.

The ambient context of ``decimal`` rounds to 28 digits and says nothing. Here every sum and product is made in a
context that raises rather than round, wide enough for all that the door lets in: a number of at most 40 digits, below
1e41, with no digit beyond 1e-79. Only an average is inexact by its nature; it is rounded half-even to 40 digits.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow

from csbook.errors import BadMessage

__all__ = ["ZERO", "add", "average", "multiply", "negate", "number", "subtract"]

DIGITS = 40

_EXACT = Context(prec=400, traps=[Inexact, InvalidOperation, Overflow])
_DOOR = Context(prec=DIGITS, Emax=DIGITS, Emin=-DIGITS, traps=[Inexact, InvalidOperation, Overflow])
_ROUNDED = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])

ZERO = Decimal(0)
_LIMIT = Decimal(10) ** (DIGITS + 1)
_LOWEST = -_LIMIT

add = _EXACT.add
subtract = _EXACT.subtract
multiply = _EXACT.multiply
negate = Decimal.copy_negate  # unary minus would round
_pass = _DOOR.plus


def number(value: Decimal | None, field: str, *, low: Decimal | None = ZERO) -> None:
    """Raise BadMessage unless it is None, or finite, not below ``low`` and within the width of the arithmetic."""
    if value is None:
        return
    try:
        if (_LOWEST if low is None else low) <= value < _LIMIT:  # a nan raises
            _pass(value)
            return
    except (TypeError, DecimalException):
        pass
    least = "" if low is None else f" of at least {low}"
    raise BadMessage(f"{field} is {value!r}; expected a Decimal{least} with at most {DIGITS} digits", field=field)


def average(value: Decimal, size: Decimal) -> Decimal:
    """value / size, rounded half-even to 40 digits."""
    return _ROUNDED.divide(value, size)
