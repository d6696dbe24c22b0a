from __future__ import annotations

import pytest

from csbook.clock import TapeClock
from csbook.errors import UsageError
from csbook.sim.budget import RATES, Budget


@pytest.mark.parametrize("operation", RATES)
def test_the_sheet_s_limits_in_a_sliding_window(operation: str) -> None:
    clock = TapeClock()
    budget = Budget(clock, {})
    count, seconds = RATES[operation]
    for _ in range(count):
        assert budget.refusal("a", operation) == ""
        clock.advance(1)
    assert f"limited to {count} in 60 s" in budget.refusal("a", operation)
    assert budget.refusal("b", operation) == "", "another account has its own"
    clock.advance(round(seconds * 1e9) - count - 1)
    assert budget.refusal("a", operation) != "", "a refused request does not count, but the first still does"
    clock.advance(1)
    assert budget.refusal("a", operation) == ""
    assert budget.refusal("a", operation) != ""


def test_the_numbers_are_the_sheet_s() -> None:
    assert RATES["place"] == (20, 60.0)
    assert RATES["cancel"] == RATES["cancel_all"] == (10, 60.0)
    assert {RATES[name] for name in ("order", "open", "closed", "positions", "wallet")} == {(20, 60.0)}


def test_other_limits_and_none() -> None:
    clock = TapeClock()
    budget = Budget(clock, {"place": (1, 0.5)})
    assert [budget.refusal("a", "place") != "" for _ in range(2)] == [False, True]
    assert budget.refusal("a", "listen") == "", "no limit is known"
    free = Budget(clock, None)
    assert all(free.refusal("a", "place") == "" for _ in range(1000))


@pytest.mark.parametrize("rates", [{"nothing": (1, 1.0)}, {"place": (-1, 1.0)}, {"place": (1, 0.0)}])
def test_limits_that_are_none(rates: dict[str, tuple[int, float]]) -> None:
    with pytest.raises(UsageError, match="is expected for one of place"):
        Budget(TapeClock(), rates)
