"""What may be sent: everything that is wrong with an order is named, with what would do instead."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csbook.errors import OrderRefused, UsageError
from csbook.types import Instrument, Side
from csbook.venues.coinswitch_trading import TRADING
from csbook.venues.grid import drafted, steps
from csbook.venues.trading import Draft

BTC = Instrument("BTCUSDT", Decimal("0.10"), Decimal("0.001"), Decimal("0.002"), Decimal("1000.000"))
RIGHT: dict[str, Any] = {
    "symbol": "BTCUSDT", "side": "BUY", "size": "0.010", "price": "60000.1", "type": "LIMIT", "time_in_force": "GTC",
    "post_only": False, "reduce_only": False, "position_side": None, "client_order_id": "mine-1",
}  # fmt: skip


class Lacking:
    """A venue that can do nothing but place."""

    title = "a small venue"
    abilities: frozenset[str] = frozenset()
    order_types = ("LIMIT", "MARKET")
    times_in_force = ("GTC",)


def made(instrument: Instrument | None = BTC, trading: Any = TRADING, **other: Any) -> Draft:
    asked = {**RIGHT, **other}
    return drafted(trading, instrument, asked.pop("symbol"), asked.pop("side"), **asked)


def refused(field: str, **other: Any) -> OrderRefused:
    with pytest.raises(OrderRefused) as caught:
        made(**other)
    assert caught.value.field == field and str(caught.value).endswith("; nothing was sent")
    return caught.value


def test_a_right_order_goes_out_as_it_is() -> None:
    assert made() == Draft("BTCUSDT", Side.BUY, "LIMIT", "0.010", "60000.1", "mine-1")
    other = made(side=Side.SELL, size=1, price=None, type="market", position_side="LONG", reduce_only=True)
    assert other == Draft("BTCUSDT", Side.SELL, "MARKET", "1", None, "mine-1", "GTC", True, False, "LONG")
    assert made(side="sell", time_in_force="ioc").time_in_force == "IOC"


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("1E+1"), "10"), (Decimal("2E-3"), "0.002"), ("1e1", "10"), (5, "5")]
)
def test_numbers_are_written_out(value: Any, text: str) -> None:
    assert made(size=value).size == text


def test_an_absurd_price_on_the_grid_is_exact() -> None:
    assert made(price="1e30").price == "1" + "0" * 30


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("size", "0.0025", ("0.002", "0.003")),
        ("size", "0.001", ("0.002",)),
        ("size", "0", ("0.002",)),
        ("size", "-1", ("0.002",)),
        ("size", "1000.001", ("1000.000",)),
        ("price", "60000.15", ("60000.10", "60000.20")),
        ("price", "0.05", ("0.10",)),
        ("price", "0", ("0.10",)),
        (
            "price",
            "12345678901234567890123456789.15",
            ("12345678901234567890123456789.10", "12345678901234567890123456789.20"),
        ),
        ("price", "60000.10000000000000000000000000000001", ("60000.10", "60000.20")),
    ],
)
def test_off_the_grid(field: str, value: str, nearest: tuple[str, ...]) -> None:
    error = refused(field, **{field: value})
    assert error.nearest == nearest
    for each in error.nearest:  # what is proposed would do
        assert made(**{field: each})


@pytest.mark.parametrize("field", ["size", "price"])
@pytest.mark.parametrize(
    "value",
    [
        "nan", "-NaN", "inf", Decimal("Infinity"), "", "one", None, True, 0.1, b"1", [1], "1e31", "1e-31", 10**5000,
        "9" * 5000, Decimal("sNaN"),
    ],
    ids=lambda value: str(value)[:8] if not isinstance(value, int) else type(value).__name__,
)  # fmt: skip
def test_what_is_no_number(field: str, value: Any) -> None:
    error = refused(field, **{field: value})
    assert error.nearest == () and len(str(error)) < 250
    if isinstance(value, float):
        assert "is the float 0.1, which is not exact" in str(error)


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_any_decimal_is_judged(value: Decimal) -> None:
    """It is on the grid and goes out exactly, or it is refused; nothing else happens."""
    try:
        draft = made(price=value)
    except OrderRefused as error:
        assert error.field == "price"
        for near in error.nearest:
            assert made(price=near).price == near
    else:
        assert draft.price is not None and Decimal(draft.price) == value
        assert Decimal(draft.price).as_tuple().exponent <= 0  # type: ignore[operator]


@pytest.mark.parametrize(
    ("field", "other", "text"),
    [
        ("symbol", {"instrument": None, "symbol": "XYZ"}, "'XYZ' is not listed by CoinSwitch"),
        ("side", {"side": "LONG"}, "expected BUY or SELL"),
        ("side", {"side": 3}, "expected BUY or SELL"),
        ("type", {"type": "STOP"}, "has: LIMIT, MARKET"),
        ("type", {"type": None}, "has: LIMIT, MARKET"),
        ("time_in_force", {"time_in_force": "GTX"}, "has: GTC, IOC, FOK"),
        ("post_only", {"post_only": True}, "has no post_only orders"),
        ("post_only", {"post_only": "no"}, "expected True or False"),
        ("reduce_only", {"reduce_only": 1}, "expected True or False"),
        ("reduce_only", {"reduce_only": True, "trading": Lacking()}, "a small venue has no reduce_only orders"),
        ("position_side", {"position_side": "long"}, "expected LONG, SHORT or BOTH"),
        ("position_side", {"position_side": "LONG", "trading": Lacking()}, "has no hedge mode"),
        ("price", {"type": "MARKET"}, "a MARKET order has no price"),
        ("client_order_id", {"client_order_id": ""}, "1 to 36"),
        ("client_order_id", {"client_order_id": "x" * 37}, "1 to 36"),
        ("client_order_id", {"client_order_id": "a b"}, "1 to 36"),
        ("client_order_id", {"client_order_id": "é"}, "1 to 36"),
        ("client_order_id", {"client_order_id": 5}, "1 to 36"),
    ],
)
def test_what_is_wrong_is_named(field: str, other: dict[str, Any], text: str) -> None:
    assert text in str(refused(field, **other))


def test_a_limit_order_needs_a_price() -> None:
    assert "a LIMIT order needs a price" in str(refused("price", price=None))


def test_the_least_value_of_an_order() -> None:
    rich = Instrument("BTCUSDT", Decimal("0.10"), Decimal("0.001"), min_notional=Decimal(100))
    error = refused("size", instrument=rich, size="0.001", price="30000")
    assert "30.000 is less than the least value of an order, 100" in str(error)
    assert error.nearest == ("0.004",) and made(rich, size="0.004", price="30000")
    assert made(rich, size="0.001", price=None, type="MARKET")  # whose value nobody knows
    richer = Instrument("BTCUSDT", Decimal("0.10"), Decimal("0.001"), min_notional=Decimal("123456.7"))
    error = refused("size", instrument=richer, size="4.115", price="30000.1")
    assert "123450.4115 is less than" in str(error) and error.nearest == ("4.116",)
    assert made(richer, size="4.116", price="30000.1")


def test_price_steps_of_the_caller() -> None:
    assert steps(None) == {}
    assert steps({"btcusdt": "0.5", "ETHUSDT": Decimal("0.01")}) == {
        "BTCUSDT": Decimal("0.5"),
        "ETHUSDT": Decimal("0.01"),
    }
    for wrong in ("x", "0", "-1", "nan", 0.5, None):
        with pytest.raises(UsageError, match=r"ticks\['BTCUSDT'\] is .*expected a number above 0"):
            steps({"BTCUSDT": wrong})
