"""Sums that never round."""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext

import pytest

from csbook.exact import add, average, decimals_of, magnitude, multiply, negate, parts, shift, stripped, subtract

LARGE = Decimal("9" * 40)
SMALL = Decimal("1e-40")


def test_extremes_add_up_without_a_lost_digit() -> None:
    total = add(LARGE, SMALL)
    assert subtract(total, LARGE) == SMALL
    assert subtract(add(multiply(LARGE, LARGE), multiply(SMALL, SMALL)), multiply(LARGE, LARGE)) == Decimal("1e-80")
    assert (LARGE + SMALL) - LARGE != SMALL, "the ambient context loses it; that is why it is not used"


def test_the_ambient_context_has_no_say() -> None:
    with localcontext(prec=2):
        assert add(Decimal("1.2345"), Decimal("1")) == Decimal("2.2345")
        assert negate(Decimal("1.2345")) == Decimal("-1.2345")


def test_a_sum_that_would_round_is_an_error() -> None:
    with pytest.raises(Inexact):
        add(Decimal("1e300"), Decimal("1e-300"))


def test_an_average_is_rounded_half_even_to_40_digits() -> None:
    assert average(Decimal(2), Decimal(3)) == Decimal("0." + "6" * 39 + "7")
    assert average(Decimal(1), Decimal(4)) == Decimal("0.25")


@pytest.mark.parametrize("digits", [1, 28])
def test_nothing_that_has_a_name_here_rounds(digits: int) -> None:
    with localcontext(prec=digits):
        assert shift(Decimal(123456789), -4) == Decimal("12345.6789")
        assert str(stripped(Decimal("123.4500"))) == "123.45"
        assert parts(Decimal("123.456"), Decimal("0.1")) == (1234, Decimal("0.056"))
        assert magnitude(Decimal("-123.456")) == Decimal("123.456")


@pytest.mark.parametrize(
    ("step", "decimals"),
    [("0.10", 1), ("0.001", 3), ("1", 0), ("50", 0), ("5E-9", 9), ("1E+2", 0), ("0.25", 2), ("0.0120", 3)],
)
def test_the_decimals_of_a_step(step: str, decimals: int) -> None:
    with localcontext(prec=1):
        assert decimals_of(Decimal(step)) == decimals
