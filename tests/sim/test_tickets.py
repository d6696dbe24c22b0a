from __future__ import annotations

from decimal import Decimal

import pytest

from csbook.sim.accounts import Account
from csbook.sim.market import Instrument
from csbook.sim.tickets import Ticket, plain, price_of, size_of
from csbook.types import OrderStatus, Side

IT = Instrument("ETHUSDT", 4, 3, 2, 0, 0, 0)


def ticket() -> Ticket:
    return Ticket(Account("a"), IT, 9, Side.SELL, "LIMIT", "GTC", 300, 600_000, False, "mine", "BOTH", 10**18, 10**18)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1E+3", "1000"),
        ("0.500", "0.5"),
        ("-0", "0"),
        ("0.000", "0"),
        ("100", "100"),
        ("-1.20", "-1.2"),
        ("1e-9", "0.000000001"),
    ],
)
def test_plain_text(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_units() -> None:
    assert price_of(IT, 600_001) == Decimal("2400.004")
    assert size_of(IT, 5) == Decimal("0.05")


def test_the_record_and_rest_say_the_same() -> None:
    order = ticket()
    assert (order.remaining, order.average) == (300, None)
    order.filled, order.value = 3, 600_000 * 2 + 600_001
    order.status = OrderStatus.PARTIALLY_FILLED
    record, rest = order.record(), order.as_rest()
    assert (record.price, record.size, record.filled) == (Decimal("2400.000"), Decimal("3.00"), Decimal("0.03"))
    assert record.average_price == Decimal("2400.00133333"), "rounded to 1e-8"
    assert (record.order_id, record.client_order_id) == (rest["order_id"], rest["client_order_id"]) == ("9", "mine")
    assert (rest["price"], rest["quantity"], rest["exec_quantity"]) == ("2400.000", "3.00", "0.03")
    assert rest["avg_execution_price"] == "2400.00133333"
    assert rest["created_at"] == 10**12


@pytest.mark.parametrize(
    ("status", "filled", "word"),
    [
        (OrderStatus.NEW, 0, "RAISED"),
        (OrderStatus.PARTIALLY_FILLED, 1, "RAISED"),
        (OrderStatus.FILLED, 300, "EXECUTED"),
        (OrderStatus.CANCELED, 0, "CANCELLED"),
        (OrderStatus.CANCELED, 1, "PARTIALLY_EXECUTED"),
        (OrderStatus.EXPIRED, 1, "PARTIALLY_EXECUTED"),
        (OrderStatus.EXPIRED, 0, "CANCELLED"),
        (OrderStatus.REJECTED, 0, "FAILED"),
    ],
)
def test_rest_s_words(status: OrderStatus, filled: int, word: str) -> None:
    order = ticket()
    order.status, order.filled, order.value = status, filled, filled * 600_000
    assert order.as_rest()["status"] == word
    assert order.as_rest(cancel=True)["status"] == "CANCELLATION_RAISED"
    order.canceling = True
    assert order.as_rest()["status"] == ("CANCELLATION_RAISED" if word == "RAISED" else word)
    assert order.record().canceling is (word == "RAISED")
