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


def test_the_record() -> None:
    order = ticket()
    assert (order.remaining, order.average) == (300, None)
    order.filled, order.value = 3, 600_000 * 2 + 600_001
    order.status = OrderStatus.PARTIALLY_FILLED
    record = order.record()
    assert (record.price, record.size, record.filled) == (Decimal("2400.000"), Decimal("3.00"), Decimal("0.03"))
    assert record.average_price == Decimal("2400.00133333"), "rounded to 1e-8"
    assert (record.order_id, record.client_order_id) == ("9", "mine")
