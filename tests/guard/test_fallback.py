from __future__ import annotations

import random
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.guard.fallback import Fallback, Mode, Poll
from csbook.types import Alert

PARTS = ("orders", "positions", "balances")
NEVER = float("inf")


def fallback(**options: Any) -> Fallback:
    return Fallback({part: RateBudget(20, 60.0) for part in PARTS}, **options)


def settled(now: float = 0.0, **options: Any) -> Fallback:
    """With the stream up, and reconciled at that time."""
    made = fallback(**options)
    made.back(now)
    assert made.verdict(now) == Poll(PARTS, "the private stream is back")
    made.answered(now)
    assert made.mode is Mode.STREAM
    return made


def test_a_start_is_a_return() -> None:
    made = fallback()
    assert made.mode is Mode.RETURNING
    assert made.due(7.0) == 7.0
    assert made.verdict(7.0) is not None
    assert made.due(7.1) == NEVER and made.verdict(7.1) is None  # one at a time
    assert made.answered(7.5) == [] and made.mode is Mode.STREAM  # nothing was lost before
    assert fallback(up=True).mode is Mode.STREAM


def test_reconciliation_on_a_timer() -> None:
    made = settled(reconcile_every=60.0)
    asked = []
    now = 0.0
    while now < 250.0:
        now = made.due(now)
        poll = made.verdict(now)
        assert poll == Poll(PARTS, "periodic reconciliation")
        asked.append(now)
        assert made.answered(now + 0.3) == []
    assert asked == [60.0, 120.0, 180.0, 240.0, 300.0]


def test_a_lost_stream_is_polled_at_once_and_then_evenly() -> None:
    made = settled(keep=8)
    assert made.lost(10.0) == [Alert("degrade", "the private stream is lost; the account is polled every 5 s")]
    assert made.lost(10.1) == []
    asked = []
    now = 10.0
    while now < 60.0:
        now = made.due(now)
        poll = made.verdict(now)
        assert poll is not None and poll.reason == "the private stream is lost"
        asked.append(now)
        made.answered(now + 0.4)
    assert asked[:4] == [10.0, 15.0, 20.0, 25.0]


def test_and_back() -> None:
    """What was asked for before the return does not count: the event that was missed may be younger."""
    made = settled()
    made.lost(10.0)
    assert made.verdict(10.0) is not None
    made.back(10.2)
    assert made.answered(10.4) == [] and made.mode is Mode.RETURNING
    assert made.due(10.4) == 10.4
    poll = made.verdict(10.4)
    assert poll is not None and poll.reason == "the private stream is back"
    made.failed(10.6)
    assert made.mode is Mode.RETURNING and made.due(10.7) == 11.6
    assert made.verdict(11.6) is not None
    assert len(made.answered(11.8)) == 1
    assert made.mode is Mode.STREAM and made.due(12.0) == 71.8


def test_lost_again_before_it_was_reconciled() -> None:
    made = settled()
    made.lost(10.0)
    made.back(11.0)
    assert made.verdict(11.0) is not None
    assert len(made.lost(11.1)) == 1
    assert made.answered(11.2) == [] and made.mode is Mode.POLLING
    assert made.due(11.2) == 16.0


def test_failures_wait_longer_and_are_told_once() -> None:
    made = settled()
    made.lost(10.0)
    told, waits, now = [], [], 10.0
    for _ in range(7):
        assert made.verdict(now) is not None
        told += made.failed(now)
        waits.append(made.due(now) - now)
        now = made.due(now)
    assert waits == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    text = "3 requests for the account failed in a row, and the stream does not tell either"
    assert told == [Alert("degrade", text)]
    assert made.verdict(now) is not None
    made.answered(now)
    assert made.failures == 0
    assert made.verdict(now + 5.0) is not None
    made.failed(now + 5.0, wait=30.0)
    assert made.due(now + 5.0) == now + 35.0


def test_a_demand_is_heard_at_once() -> None:
    made = settled()
    made.demand(20.0)
    assert made.due(20.0) == 20.0
    assert made.verdict(20.0) is not None


def test_some_requests_are_always_left_to_others() -> None:
    dice = random.Random(4)
    budgets = {part: RateBudget(20, 60.0) for part in PARTS}
    made = Fallback(budgets, keep=8, poll_every=0.1)
    now = 0.0
    for _ in range(500):
        now = max(made.due(now), now)
        assert made.verdict(now) is not None
        happened = dice.random()
        now += dice.uniform(0.0, 2.0)
        made.answered(now) if happened < 0.8 else made.failed(now)
        if happened < 0.1:
            made.lost(now)
        elif happened < 0.2:
            made.back(now)
        elif happened < 0.3:
            made.demand(now)
        for budget in budgets.values():
            assert sum(at > now - 60.0 for at in budget._spent) <= 12


def test_what_others_spend_is_waited_for() -> None:
    budgets = {part: RateBudget(20, 60.0) for part in PARTS}
    made = Fallback(budgets, keep=8)
    for _ in range(15):
        budgets["orders"].spend(3.0)
    made.lost(4.0)
    assert made.due(4.0) == 63.0
    assert made.verdict(62.9) is None


@pytest.mark.parametrize(
    "bad", [{"keep": 20}, {"keep": -1}, {"poll_every": 0.0}, {"reconcile_every": 0.0}, {"reconcile_every": -1.0}]
)
def test_no_such_fallback(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        fallback(**bad)
    with pytest.raises(ValueError, match="budgets is empty"):
        Fallback({})


def test_an_answer_to_nothing() -> None:
    with pytest.raises(ValueError, match="none is under way"):
        fallback().answered(0.0)


def test_what_is_demanded_while_a_poll_is_under_way_is_asked_for_again() -> None:
    made = fallback(up=True)
    made.demand(1.0)
    assert made.verdict(1.0) is not None
    made.demand(1.5)  # seen after the poll was asked for: its answer may be older
    made.answered(2.0)
    assert made.due(2.0) == 2.0 and made.verdict(2.0) is not None
    made.answered(3.0)
    assert made.due(3.0) > 60.0
