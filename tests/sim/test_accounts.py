from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from csbook.errors import UsageError
from csbook.sim.accounts import Account, Holding, Terms
from csbook.sim.market import Instrument
from csbook.sim.tickets import Ticket
from csbook.types import OrderStatus, Side

IT = Instrument("BTCUSDT", 10, 2, 3, 0, 0, 0)  # ticks of 0.10, sizes of 0.001


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"balance": "much"}, "balance is 'much'"),
        ({"balance": "NaN"}, "balance is 'NaN'"),
        ({"maker_rate": 0.1}, "maker_rate is 0.1"),
        ({"taker_rate": "inf"}, "taker_rate is 'inf'"),
        ({"leverage": 0}, "leverage is 0"),
        ({"leverage": 126}, "leverage is 126"),
        ({"leverage": 1.5}, "leverage is 1.5"),
    ],
)
def test_terms_that_cannot_be(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Terms(**options)


def test_a_position_grows_shrinks_flips_and_closes() -> None:
    holding = Holding(IT, "BOTH")
    said = [
        (2, "100.0", "0", 2, "100.0"),
        (2, "101.0", "0", 4, "100.5"),
        (-1, "103.5", "0.003", 3, "100.5"),
        (-5, "99.5", "-0.003", -2, "99.5"),  # the rest starts over at the price of the fill
        (-1, "101.0", "0", -3, "100.0"),
        (3, "98.0", "0.006", 0, None),
        (-2, "50.0", "0", -2, "50.0"),
    ]
    for signed, price, realised, size, entry in said:
        assert holding.apply(signed, Decimal(price), 7) == Decimal(realised)
        assert (holding.size, holding.entry) == (size, None if entry is None else Decimal(entry))
    assert holding.realised == Decimal("0.006")


@pytest.mark.parametrize("seed", range(20))
def test_a_position_is_that_of_fractions_up_to_the_rounding_of_its_entry(seed: int) -> None:
    rng, holding = random.Random(seed), Holding(IT, "BOTH")
    size, cost, realised = 0, Fraction(0), Fraction(0)
    for turn in range(200):
        signed, price = rng.choice([-1, 1]) * rng.randint(1, 9), Decimal(rng.randint(600_000, 610_000)) / 10
        if size and (size > 0) != (signed > 0):
            closed = min(abs(size), abs(signed))
            entry = cost / size
            realised += (Fraction(price) - entry) * (closed if size > 0 else -closed) / 1000
            cost -= entry * (closed if size > 0 else -closed)
            opened = signed + (closed if size > 0 else -closed) * 1
            size += signed
            if opened and abs(signed) > closed:
                cost = Fraction(price) * size
        else:
            cost, size = cost + Fraction(price) * signed, size + signed
        holding.apply(signed, price, turn)
        assert holding.size == size
        assert (holding.entry is None) is (size == 0)
        bound = Fraction(turn + 1, 10**8)
        if holding.entry is not None:
            assert abs(Fraction(holding.entry) - cost / size) <= bound
            assert holding.entry == holding.entry.quantize(Decimal("1e-8"))
        assert abs(Fraction(holding.realised) - realised) <= bound


def ticket(account: Account, side: str, size: int, price: int | None, **more: Any) -> Ticket:
    number = len(account.tickets) + 1
    usual = {"reduce_only": False, "position_side": "BOTH", "created_ns": 1, "updated_ns": 1}
    order = Ticket(
        account, IT, number, Side[side], "LIMIT", "GTC", size, price, client_order_id="", **{**usual, **more}
    )
    account.tickets[number] = account.working[number] = order
    return order


def test_a_fill_moves_everything_together_and_exactly() -> None:
    account = Account("a", Terms(balance="1000.00000001", maker_rate="-0.00001", taker_rate="0.0007"))
    buy, sell = ticket(account, "BUY", 3, 600_001), ticket(account, "SELL", 3, 600_003)
    first = account.apply(buy, 600_001, 3, 71, True, 5)
    second = account.apply(sell, 600_003, 1, 72, False, 6)
    assert first.commission == Decimal("60000.1") * Decimal("0.003") * Decimal("-0.00001")
    assert second.realised_pnl == Decimal("0.2") * Decimal("0.001")
    assert second.commission == Decimal("60000.3") * Decimal("0.001") * Decimal("0.0007")
    assert account.fills == (first, second)
    assert first.commission is not None
    assert account.wallet["USDT"] == (
        Decimal("1000.00000001") + Decimal("0.0002") - first.commission - second.commission
    )
    assert account.balances["USDT"].wallet == account.wallet["USDT"]
    position = account.positions["BTCUSDT"]
    assert (position.size, position.entry_price) == (Decimal("0.002"), Decimal("60000.1"))
    assert position.commission == first.commission + second.commission
    assert (buy.fee, sell.realised) == (first.commission, Decimal("0.0002"))
    assert (account.room("BTCUSDT", Side.SELL, "BOTH"), account.room("BTCUSDT", Side.BUY, "BOTH")) == (2, 0)


def test_margin_binds_what_would_open() -> None:
    account = Account("a", Terms(balance="1000", leverage=3, maker_rate="0", taker_rate="0"))
    account.apply(ticket(account, "BUY", 2, 600_000), 600_000, 2, 1, True, 1)
    account.working.clear()
    assert account.position_margin() == Decimal(40)
    ticket(account, "SELL", 1, 700_000)  # closes
    ticket(account, "SELL", 3, 700_000)  # closes one and opens two
    ticket(account, "SELL", 5, 700_000, reduce_only=True)
    assert account.order_margin() == Decimal("46.66666667"), "rounded up"
    ticket(account, "BUY", 1, 500_000)
    assert account.order_margin("BTCUSDT") == Decimal("46.66666667") + Decimal("16.66666667")
    assert account.order_margin("ETHUSDT") == 0
    assert account.available() == 1000 - Decimal(40) - Decimal("63.33333334")
    assert account.balances["USDT"].available == account.available()


def test_an_order_that_has_ended_binds_nothing() -> None:
    account = Account("a")
    order = ticket(account, "BUY", 1, 500_000)
    assert account.order_margin() > 0
    order.status = OrderStatus.CANCELED
    assert account.order_margin() == 0
