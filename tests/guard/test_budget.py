from __future__ import annotations

import random

import pytest

from csbook.guard.budget import ConnectionBudget, RateBudget


def test_a_burst_is_free_and_then_it_waits() -> None:
    budget = RateBudget(3)
    for at in (0.0, 0.1, 0.2):
        assert budget.wait(at) == 0.0
        budget.spend(at)
    assert budget.wait(0.25) == pytest.approx(0.75)
    assert budget.wait(0.999) == pytest.approx(0.001)
    assert budget.wait(1.0) == 0.0
    budget.spend(1.0)
    assert budget.wait(1.05) == pytest.approx(0.05)


def test_no_window_ever_holds_more_than_the_limit() -> None:
    dice = random.Random(7)
    budget, now, sent = RateBudget(10), 0.0, []
    for _ in range(500):
        now += dice.choice((0.0, 0.0, 0.01, 0.3)) + budget.wait(now)
        budget.spend(now)
        sent.append(now)
    assert all(b - a >= 1.0 - 1e-9 for a, b in zip(sent, sent[10:], strict=False))


def test_what_was_spent_beyond_the_limit_counts() -> None:
    budget = RateBudget(2)
    for at in (0.0, 0.1, 0.2):  # pongs cannot wait
        budget.spend(at)
    assert budget.wait(0.3) == pytest.approx(0.8)


@pytest.mark.parametrize(("limit", "window"), [(0, 1.0), (-1, 1.0), (1, 0.0)])
def test_no_such_budget(limit: int, window: float) -> None:
    with pytest.raises(ValueError, match="no such budget"):
        RateBudget(limit, window)


def test_connections() -> None:
    budget = ConnectionBudget(3, per_window=2, window=10.0)
    assert budget.admits(3)
    assert not budget.admits(4)
    budget.take(2)
    assert budget.open == 2
    with pytest.raises(ValueError, match="2 of 3"):
        budget.take(2)
    assert budget.open == 2
    budget.give_back()
    assert budget.admits(2)


def test_new_connections_in_a_window() -> None:
    budget = ConnectionBudget(100, per_window=2, window=10.0)
    for at in (0.0, 1.0):
        assert budget.wait(at) == 0.0
        budget.dialled(at)
    assert budget.wait(4.0) == pytest.approx(6.0)
    assert budget.wait(10.0) == 0.0
