"""What a report of a position can have seen of an order."""

from __future__ import annotations

import pytest

from account.reports import D
from csbook.account.path import Held, Path, Point, seen, unseen

SKEW = 10


def stream(time: int) -> Held:
    return Held(D(0), time, 999)


def answer(asked: int, answered: int, time: int = 0) -> Held:
    return Held(D(0), time, answered, None, asked, answered)


@pytest.mark.parametrize(
    ("time", "heard", "held", "was_seen", "was_unseen"),
    [
        (4, 50, stream(5), True, False),
        (5, 50, stream(5), False, False),  # within one millisecond nothing is certain
        (6, 50, stream(5), False, True),
        (0, 50, stream(5), False, False),
        (6, 50, stream(0), False, False),
        (6, 19, answer(20, 30), True, False),  # we had heard of it before we asked
        (6, 20, answer(20, 30), False, False),
        (39, 50, answer(20, 30), False, False),
        (40, 50, answer(20, 30), False, False),
        (41, 50, answer(20, 30), False, True),  # stamped after the answer by more than the skew
        (4, 50, answer(20, 30, 5), True, False),
        (5, 50, answer(20, 30, 5), False, False),
        (6, 50, answer(20, 30, 5), False, True),
        (6, 19, answer(20, 30, 5), True, False),
    ],
)
def test_seen_and_unseen(time: int, heard: int, held: Held, was_seen: bool, was_unseen: bool) -> None:
    point = Point(time, heard, D(1), D(0))
    assert seen(point, held) is was_seen
    assert unseen(point, held, SKEW) is was_unseen


def test_a_fill_before_at_and_after_a_report() -> None:
    path = Path(1)
    path.grow(5, 50, D(1), D(0))
    assert path.bounds(stream(4), SKEW) == (1, 1)
    assert path.bounds(stream(5), SKEW) == (1, 0)
    assert path.bounds(stream(6), SKEW) == (0, 0)


def test_a_gap_may_lie_on_either_side() -> None:
    path = Path(1)
    path.confirm(2, D(0))
    path.grow(9, 50, D(3), D(2))  # two of them went by between 2 and 9
    assert path.bounds(stream(1), SKEW) == (3, 3), "nothing had been filled at 2"
    assert path.bounds(stream(5), SKEW) == (3, 1)
    assert path.bounds(stream(10), SKEW) == (0, 0)
    path.recall(4, 51, D(2), D(1))  # and then one of them comes to light
    assert path.bounds(stream(5), SKEW) == (1, 1)
    assert path.bounds(stream(3), SKEW) == (3, 2)


def test_a_quantity_without_a_time_or_a_past() -> None:
    path = Path(1)
    path.grow(0, 50, D(1), None)
    assert path.bounds(stream(5), SKEW) == (1, 0)
    assert path.bounds(answer(60, 70), SKEW) == (0, 0)


def test_an_order_that_was_sent_after_the_answer_was_not_seen_by_it() -> None:
    path = Path(1)
    path.placed_ns = 31
    path.grow(1, 50, D(1), D(0))
    assert path.bounds(answer(20, 30), SKEW) == (1, 1)
    path.placed_ns = 30
    assert path.bounds(answer(20, 30), SKEW) == (1, 0)


def test_what_all_reports_have_seen_is_folded() -> None:
    path = Path(-1)
    path.grow(5, 50, D(1), D(0))
    path.grow(7, 51, D(2), D(1))
    assert not path.settle([])
    assert not path.settle([stream(6), stream(8)])
    assert (path.settled, len(path.points)) == (1, 1)
    assert path.bounds(stream(6), SKEW) == (1, 1)
    assert path.settle([stream(8)])
    assert (path.settled, path.points) == (2, [])
