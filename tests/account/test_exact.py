"""Sums that never round, and a door that lets in only what they can hold."""

from __future__ import annotations

from decimal import Decimal, Inexact, localcontext

import pytest

from csbook.account.door import number
from csbook.errors import BadMessage
from csbook.exact import ZERO, add, average, multiply, negate, subtract

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


@pytest.mark.parametrize("text", ["0", "1", "0.00000001", "9" * 40, "1e-40", "0e-200"])
def test_what_the_door_lets_in(text: str) -> None:
    number(Decimal(text), "size")


@pytest.mark.parametrize("text", ["nan", "snan", "inf", "-1", "1" * 41, "1e41", "1e999999", "1.1e-80"])
def test_what_it_does_not(text: str) -> None:
    with pytest.raises(BadMessage, match="size") as caught:
        number(Decimal(text), "size")
    assert caught.value.field == "size"


def test_a_float_is_no_money() -> None:
    with pytest.raises(BadMessage, match="price"):
        number(1.5, "price")  # type: ignore[arg-type]


def test_a_figure_may_be_below_zero_where_that_means_something() -> None:
    number(Decimal(-1), "realised_pnl", low=None)
    number(None, "price")
    assert ZERO == 0
