from __future__ import annotations

import random
from itertools import pairwise

import pytest

from csbook.guard.budget import RateBudget
from csbook.guard.resolve import Absence, Resolver
from csbook.types import Alert

NEVER = float("inf")


def resolver(**options: float) -> Resolver:
    return Resolver(RateBudget(20, 60.0), **options)  # type: ignore[arg-type]


def test_nothing_to_resolve() -> None:
    made = resolver()
    assert (len(made), made.due(5.0), made.verdict(5.0), made.alerts(1e6)) == (0, NEVER, None, [])


def test_most_are_found_by_the_first_question() -> None:
    made = resolver()
    made.add("a", signed=99.0, now=100.0)
    assert made.due(100.0) == 100.0
    assert made.verdict(100.0) == "a"
    assert made.due(100.1) == NEVER and made.verdict(100.1) is None
    made.resolved("a")
    assert len(made) == 0
    assert not made.absent("a", 100.2)  # the answer comes after the stream told of it
    made.failed("a", 100.2)
    assert made.due(100.3) == NEVER


def test_not_found_counts_only_once_the_request_can_no_longer_arrive() -> None:
    """Signed at 99, so it is refused from 159 on; a second for the clocks, five until what was taken would show."""
    made = resolver()
    made.add("a", signed=99.0, now=100.0)
    asked, now = [], 100.0
    for _ in range(100):
        now = made.due(now)
        assert made.verdict(now) == "a"
        asked.append(now)
        if made.absent("a", now + 0.05):
            break
        now += 0.05
    assert asked[-1] == 99.0 + 60.0 + 1.0 + 5.0
    assert len(asked) <= 14
    assert asked[1] - asked[0] == pytest.approx(0.3) and max(b - a for a, b in pairwise(asked)) < 11
    assert len(made) == 0 and made.due(now) == NEVER


def test_a_question_that_was_asked_too_early_does_not_count_however_late_its_answer_is() -> None:
    made = resolver()
    made.add("a", signed=0.0, now=0.0)
    made.verdict(65.9)
    assert not made.absent("a", 300.0)
    assert made.verdict(301.0) == "a"
    assert made.absent("a", 301.1)


def test_failed_questions_are_asked_again() -> None:
    made = resolver()
    made.add("a", signed=0.0, now=0.0)
    made.verdict(0.0)
    made.failed("a", 0.1)
    assert made.due(0.1) == pytest.approx(0.35)
    made.verdict(0.35)
    made.failed("a", 0.4, wait=30.0)
    assert made.due(0.4) == pytest.approx(30.4)
    made.verdict(100.0)
    made.failed("a", 100.0)  # a failure is no absence, however late
    assert len(made) == 1


def test_added_twice_is_known_already() -> None:
    made = resolver()
    made.add("a", signed=0.0, now=0.0)
    made.verdict(0.0)
    made.add("a", signed=500.0, now=500.0)
    assert len(made) == 1 and made.verdict(66.0) is None  # the first question is still under way
    assert not made.absent("a", 66.0)
    made.verdict(67.0)
    assert made.absent("a", 67.1)


def test_the_one_that_waited_longest_comes_first() -> None:
    made = resolver()
    for number, name in enumerate("abc"):
        made.add(name, signed=0.0, now=float(number))
    order = []
    for _ in range(3):
        name = made.verdict(5.0)
        assert name is not None
        order.append(name)
    assert order == ["a", "b", "c"]


def test_what_is_unknown_for_long_is_told_once() -> None:
    made = resolver(tell_after=30.0)
    made.add("a", signed=0.0, now=0.0)
    made.verdict(1.0)
    made.failed("a", 1.0)
    assert made.alerts(29.9) == []
    assert made.alerts(30.0) == [Alert("degrade", "order a is unknown for 30 s, asked for 1 times")]
    assert made.alerts(90.0) == []


def test_two_hundred_at_once_stay_within_the_limit() -> None:
    """Some requests are left to others all the time, and everybody's turn comes."""
    dice = random.Random(9)
    budget = RateBudget(20, 60.0)
    made = Resolver(budget, keep=4)
    for number in range(200):
        made.add(str(number), signed=0.0, now=0.0)
    now, questions = 0.0, 0
    while len(made):
        now = made.due(now)
        name = made.verdict(now)
        assert name is not None
        questions += 1
        assert sum(at > now - 60.0 for at in budget._spent) <= 16
        if dice.random() < 0.2:
            made.failed(name, now)
        elif dice.random() < 0.5:
            made.resolved(name)
        else:
            made.absent(name, now)
    assert questions < 500 and now < 1800.0


def test_other_bounds() -> None:
    made = Resolver(RateBudget(20, 60.0), absence=Absence(window=1.0, settle=0.5, skew=0.0))
    made.add("a", signed=0.0, now=0.0)
    made.verdict(0.0)
    assert not made.absent("a", 0.0)
    made.verdict(1.5)
    assert made.absent("a", 1.6)
    with pytest.raises(ValueError, match="keep is 20"):
        Resolver(RateBudget(20, 60.0), keep=20)
