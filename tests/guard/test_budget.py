from __future__ import annotations

import random

import pytest

from csbook.guard.budget import ConnectionBudget, RateBudget, ReservedBudget


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


def test_keeping_leaves_the_limit_whole() -> None:
    """Who waits until five more fit, and spends one, leaves four to others at any time."""
    dice = random.Random(5)
    budget, now = RateBudget(10, 60.0), 0.0
    for _ in range(300):
        now += dice.expovariate(0.2) + budget.wait(now, 5)
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


def test_several_events_at_once() -> None:
    budget = RateBudget(5, 10.0)
    budget.spend(0.0, 3)
    budget.spend(4.0)
    assert budget.wait(5.0) == budget.wait(5.0, 1) == 0.0
    assert budget.wait(5.0, 2) == 5.0  # the three of time 0 have to leave
    assert budget.wait(5.0, 5) == 9.0
    assert budget.wait(5.0, 6) == float("inf")


def test_a_part_is_kept_for_what_is_urgent() -> None:
    budget = ReservedBudget(5, 10.0, reserve=2)
    for now in (0.0, 1.0, 2.0):
        assert budget.wait(now) == 0.0
        budget.spend(now)
    assert budget.wait(3.0) == 7.0 and budget.wait(3.0, urgent=True) == 0.0
    budget.spend(3.0, urgent=True)
    budget.spend(3.0, urgent=True)
    assert budget.wait(4.0, urgent=True) == 6.0
    assert budget.wait(10.0) == 0.0  # the first usual one left; what was urgent took nothing of that share


def test_what_is_urgent_may_use_all_of_it_and_the_others_wait_then() -> None:
    budget = ReservedBudget(3, 10.0, reserve=1)
    for _ in range(3):
        budget.spend(0.0, urgent=True)
    assert budget.wait(1.0) == budget.wait(1.0, urgent=True) == 9.0
