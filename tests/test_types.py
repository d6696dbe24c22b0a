from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from decimal import Decimal, localcontext

import pytest

from csbook import Outcome, Side, State, Ticker, Trade
from csbook.types import Balance, Fill, Instrument, Order, OrderStatus, Position


@pytest.mark.parametrize("kind", [Side, State, Outcome, OrderStatus])
def test_enums_print_their_name(kind: type[Side] | type[State] | type[Outcome] | type[OrderStatus]) -> None:
    for member in kind:
        assert str(member) == f"{member}" == member.name
        assert kind(int(member)) is member


def test_the_order_of_the_states_is_the_cores() -> None:
    assert [state.name for state in State] == ["EMPTY", "SYNCING", "LIVE", "GAP", "STALE", "CROSSED"]
    assert [outcome.name for outcome in Outcome] == ["APPLIED", "IGNORED", "BUFFERED", "GAP", "COLD", "REFUSED"]


def test_records_never_change_after_birth() -> None:
    trade = Trade("BTCUSDT", 1, Decimal("1.5"), Decimal("2"), Side.SELL, 3, 4, 5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        trade.price = Decimal("9")  # type: ignore[misc]
    assert trade == dataclasses.replace(trade)
    for record in (Trade, Ticker, Instrument, Order, Fill, Position, Balance):
        assert "__dict__" not in dir(record) and hasattr(record, "__slots__")


def order(status: OrderStatus, filled: str = "0") -> Order:
    return Order("BTCUSDT", Side.BUY, "LIMIT", Decimal("2"), Decimal("100"), status, "c1", filled=Decimal(filled))


def test_what_an_order_may_still_fill() -> None:
    assert order(OrderStatus.PARTIALLY_FILLED, "0.5").remaining == Decimal("1.5")
    assert order(OrderStatus.UNKNOWN).remaining == 2
    assert order(OrderStatus.CANCELED, "0.5").remaining == 0
    assert order(OrderStatus.NEW, "3").remaining == 0
    resting = [status.name for status in OrderStatus if order(status).is_resting]
    terminal = [status.name for status in OrderStatus if order(status).is_terminal]
    assert resting == ["NEW", "PARTIALLY_FILLED"]
    assert terminal == ["FILLED", "CANCELED", "REJECTED", "EXPIRED"]


def test_unrealised_profit_is_exact_and_signed() -> None:
    short = Position("BTCUSDT", Decimal("-0.3"), Decimal("100.1"), position_side="SHORT")
    long = Position("BTCUSDT", Decimal("0.1"), Decimal("90"), position_side="LONG")
    both = Position("BTCUSDT", Decimal("-0.2"), None, legs=(long, short))
    assert short.unrealised_pnl(Decimal("100")) == Decimal("0.03")
    assert both.unrealised_pnl(Decimal("100")) == Decimal("1.03")
    assert Position("BTCUSDT", Decimal(0), None).unrealised_pnl(Decimal("1")) == 0


@pytest.mark.parametrize("digits", [1, 5, 28])
def test_the_context_of_the_program_rounds_nothing(digits: int) -> None:
    made = Order("X", Side.BUY, "LIMIT", Decimal("123456.789"), None, OrderStatus.NEW, "c1", filled=Decimal("0.000001"))
    long = Position("X", Decimal("123456.789"), Decimal("100000.01"), position_side="LONG")
    short = Position("X", Decimal("-0.001"), Decimal("100000.01"), position_side="SHORT")
    both = Position("X", Decimal("123456.788"), None, legs=(long, short))
    with localcontext(prec=digits):
        assert made.remaining == Decimal("123456.788999")
        assert long.unrealised_pnl(Decimal("100000.02")) == Decimal("1234.56789")
        assert both.unrealised_pnl(Decimal("100000.02")) == Decimal("1234.56788")


def test_quick_records_are_frozen_all_the_same() -> None:
    made = order(OrderStatus.NEW)
    with pytest.raises(FrozenInstanceError):
        made.filled = Decimal(1)  # type: ignore[misc]
    with pytest.raises(TypeError, match="missing"):
        Order("BTCUSDT")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword"):
        Order("BTCUSDT", Side.BUY, "LIMIT", Decimal(1), None, OrderStatus.NEW, "c1", nothing=1)  # type: ignore[call-arg]
    assert type(made) is Order and made == order(OrderStatus.NEW) and hash(made) == hash(order(OrderStatus.NEW))
    assert replace(made, filled=Decimal(1)).filled == 1 and made.filled == 0
    assert pickle.loads(pickle.dumps(made)) == made and copy.deepcopy(made) == made
    told = inspect.signature(Order)
    assert list(told.parameters) == [field.name for field in fields(Order)]
    assert told.parameters["time_in_force"].default == "GTC"
