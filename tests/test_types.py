from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from csbook import Outcome, Side, State, Ticker, Trade


@pytest.mark.parametrize("kind", [Side, State, Outcome])
def test_enums_print_their_name(kind: type[Side] | type[State] | type[Outcome]) -> None:
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
    for record in (Trade, Ticker):
        assert "__dict__" not in dir(record) and hasattr(record, "__slots__")
