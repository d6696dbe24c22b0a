"""The door of an account lets in only what its sums can hold."""

from __future__ import annotations

from decimal import Decimal

import pytest

from csbook.account.door import number
from csbook.errors import BadMessage
from csbook.exact import ZERO


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
