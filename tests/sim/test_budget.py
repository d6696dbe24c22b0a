from __future__ import annotations

import pytest

from csbook.clock import TapeClock
from csbook.errors import UsageError
from csbook.sim.budget import Budget

RATES = {"place": (20, 60.0), "cancel": (10, 60.0), "others": (100, 5.0)}


@pytest.mark.parametrize("operation", RATES)
def test_limits_in_a_sliding_window(operation: str) -> None:
    clock = TapeClock()
    budget = Budget(clock, {}, RATES)
    count, seconds = RATES[operation]
    for _ in range(count):
        assert budget.refusal("a", operation) == ""
        clock.advance(1)
    assert f"limited to {count} in {seconds:g} s" in budget.refusal("a", operation)
    assert budget.refusal("b", operation) == "", "another account has its own"
    clock.advance(round(seconds * 1e9) - count - 1)
    assert budget.refusal("a", operation) != "", "a refused request does not count, but the first still does"
    clock.advance(1)
    assert budget.refusal("a", operation) == ""
    assert budget.refusal("a", operation) != ""


def test_other_limits_and_none() -> None:
    clock = TapeClock()
    budget = Budget(clock, {"place": (1, 0.5)}, RATES)
    assert [budget.refusal("a", "place") != "" for _ in range(2)] == [False, True]
    assert budget.refusal("a", "listen") == "", "no limit is known"
    assert (budget.limit("place"), budget.limit("cancel"), budget.limit("listen")) == ((1, 0.5), (10, 60.0), None)
    free = Budget(clock, None, RATES)
    assert free.limit("place") is None
    assert all(free.refusal("a", "place") == "" for _ in range(1000))


@pytest.mark.parametrize("rates", [{"nothing": (1, 1.0)}, {"place": (-1, 1.0)}, {"place": (1, 0.0)}])
def test_limits_that_are_none(rates: dict[str, tuple[int, float]]) -> None:
    with pytest.raises(UsageError, match="is expected for one of place"):
        Budget(TapeClock(), rates, RATES)


def test_a_request_counts_for_all_of_its_limits_or_for_none() -> None:
    clock = TapeClock()
    budget = Budget(clock, {}, {"short": (1, 1.0), "long": (2, 10.0)})
    assert budget.refusal("a", "short", "long", "unknown") == ""
    assert "short is limited to 1 in 1 s" in budget.refusal("a", "short", "long")
    assert [budget.used("a", name) for name in ("short", "long", "unknown")] == [1, 1, 0]
    clock.advance(10**9)
    assert budget.refusal("a", "short", "long") == ""
    clock.advance(10**9)
    assert "long is limited to 2 in 10 s" in budget.refusal("a", "short", "long")
    assert [budget.used("a", name) for name in ("short", "long")] == [0, 2]
