from __future__ import annotations

import random

import pytest

from csbook.guard.budget import RateBudget
from csbook.guard.resync import ResyncQueue


def queue(limit: int = 100, window: float = 1.0, **options: float) -> ResyncQueue[str]:
    options = {"dice": lambda: 0.5, **options}  # type: ignore[dict-item]
    return ResyncQueue(RateBudget(limit, window), **options)  # type: ignore[arg-type]


def test_one_book_is_mended_at_once() -> None:
    cases = queue()
    assert cases.next_time(5.0) is None and cases.take(5.0) is None
    assert cases.want("A", 5.0) and not cases.want("A", 5.0)
    assert cases.next_time(5.0) == 5.0
    assert cases.take(5.0) == "A"
    assert cases.take(5.0) is None and cases.next_time(5.0) is None  # it is under way
    cases.done("A")
    assert len(cases) == 0 and "A" not in cases


def test_a_try_that_did_not_help_is_repeated_later_and_later() -> None:
    cases = queue(base=1.0, cap=8.0)
    cases.want("A", 0.0)
    now, waits = 0.0, []
    for _ in range(6):
        assert cases.take(now) == "A"
        cases.again("A", now)
        due = cases.next_time(now)
        assert due is not None
        assert cases.take(due - 1e-6) is None
        waits.append(due - now)
        now = due
    assert waits == [0.75, 1.5, 3.0, 6.0, 6.0, 6.0]  # half of the jitter is taken off: 1 - 0.5 * 0.5


def test_the_second_of_a_storm_is_spread() -> None:
    cases = queue(spread=2.0)
    cases.want("A", 0.0)
    cases.want("B", 0.0)
    assert cases.take(0.0) == "A" and cases.take(0.0) is None
    assert cases.next_time(0.0) == 1.0
    assert cases.take(1.0) == "B"


def test_no_more_at_once_than_allowed() -> None:
    cases = queue(at_once=2, spread=0.0)
    for name in "ABC":
        cases.want(name, 0.0)
    assert {cases.take(0.0), cases.take(0.0)} == {"A", "B"}
    assert cases.take(0.0) is None and cases.next_time(0.0) is None
    cases.done("A")
    assert cases.take(0.0) == "C"


def test_a_pause_holds_everything_back() -> None:
    cases = queue()
    cases.want("A", 0.0)
    cases.pause(60.0)
    assert cases.take(59.9) is None and cases.next_time(0.0) == 60.0
    assert cases.take(60.0) == "A"


def test_what_is_not_wanted_any_more_is_not_taken_again() -> None:
    cases = queue()
    cases.want("A", 0.0)
    assert cases.take(0.0) == "A"
    cases.done("A")
    cases.again("A", 0.0)
    assert cases.next_time(9.0) is None


@pytest.mark.parametrize("bad", [{"at_once": 0}, {"base": 0.0}, {"cap": 0.1, "base": 1.0}, {"spread": -1.0}])
def test_what_cannot_be(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no such queue"):
        queue(**bad)


@pytest.mark.parametrize("seed", range(10))
def test_a_storm_never_exceeds_the_budget(seed: int) -> None:
    """300 books at once, tries that fail at random: no window holds more requests than allowed, and all are mended."""
    dice = random.Random(seed)
    cases = ResyncQueue[int](RateBudget(20, 1.0), at_once=4, base=0.1, cap=2.0, dice=dice.random)
    for book in range(300):
        cases.want(book, 0.0)
    now, sent, under_way = 0.0, [], []
    while len(cases):
        while (book := cases.take(now)) is not None:  # type: ignore[assignment]
            sent.append(now)
            under_way.append((now + dice.uniform(0.01, 0.3), book))
        assert len(under_way) <= 4
        due = cases.next_time(now)
        ends = min((end for end, _ in under_way), default=None)
        now = min(time for time in (due, ends) if time is not None)
        for end, book in [item for item in under_way if item[0] <= now]:
            under_way.remove((end, book))
            if dice.random() < 0.3:
                cases.again(book, now)
            else:
                cases.done(book)
        assert now < 120.0
    assert len(sent) >= 300
    for i in range(len(sent) - 20):
        assert sent[i + 20] - sent[i] >= 1.0 - 1e-9
