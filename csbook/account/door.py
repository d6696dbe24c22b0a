"""What numbers an account lets in, so that its arithmetic (``csbook/exact.py``) never has to round."""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation, Overflow

from csbook.errors import BadMessage
from csbook.exact import DIGITS, ZERO

__all__ = ["number"]

_DOOR = Context(prec=DIGITS, Emax=DIGITS, Emin=-DIGITS, traps=[Inexact, InvalidOperation, Overflow])
_LIMIT = Decimal(10) ** (DIGITS + 1)
_LOWEST = _LIMIT.copy_negate()

_pass = _DOOR.plus


def number(value: Decimal | None, field: str, *, low: Decimal | None = ZERO) -> None:
    """Raise BadMessage unless it is None, or finite, not below ``low`` and of at most 40 digits, below 1e41.

    No digit stands beyond 1e-79.
    """
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
