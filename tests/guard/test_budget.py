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


def test_what_one_keeps_another_has() -> None:
    budget = RateBudget(5, 10.0)
    for at in (0.0, 1.0, 2.0):
        assert budget.wait(at, keep=2) == 0.0
        budget.spend(at)
    assert budget.wait(3.0, keep=2) == pytest.approx(7.0)
    for at in (3.0, 4.0):
        assert budget.wait(at) == 0.0
        budget.spend(at)
    assert budget.wait(5.0) == pytest.approx(5.0)
    assert budget.wait(5.0, keep=2) == pytest.approx(7.0)  # the two that were kept are spent: they come back first
    assert budget.wait(12.0, keep=2) == 0.0
    with pytest.raises(ValueError, match="keep is 5"):
        budget.wait(5.0, keep=5)


def test_keeping_leaves_the_limit_whole() -> None:
    """Whatever two spenders do in turn, the one with precedence finds what was kept for it after a pause."""
    dice = random.Random(5)
    budget, now = RateBudget(10, 60.0), 0.0
    for _ in range(300):
        now += dice.expovariate(0.2) + budget.wait(now, keep=4)
        budget.spend(now)
        free = 0
        trial = RateBudget(10, 60.0)
        trial._spent.extend(budget._spent)
        while trial.wait(now) == 0.0:
            trial.spend(now)
            free += 1
        assert free >= 4


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
