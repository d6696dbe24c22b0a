from __future__ import annotations

from csbook.guard.budget import RateBudget
from csbook.wire.requests import Requests
from csbook.wire.session import Confirmed, Refused, Unconfirmed, Unknown


def requests(limit: int = 100, **options: int) -> Requests:
    return Requests(RateBudget(limit, 1.0), within=5.0, **{"batch": 3, **options})


def test_streams_go_out_in_batches() -> None:
    asked = requests()
    asked.add("abcde", leaving=False)
    assert [(number, request.streams) for number, request in asked.send(0.0)] == [(1, ("a", "b", "c")), (2, ("d", "e"))]
    assert asked.send(0.0) == []
    assert asked.accepted(2) == [Confirmed(("d", "e"))]
    assert asked.accepted(2) == [Unknown("answer")] == asked.accepted(None)


def test_a_request_has_no_more_characters_than_there_is_room_for() -> None:
    asked = requests(room=5, batch=10)
    asked.add(["aaa", "bb", "c", "dddddddd", "e"], leaving=True)
    assert [request.streams for _, request in asked.send(0.0)] == [("aaa", "bb"), ("c",), ("dddddddd",), ("e",)]


def test_the_pace_holds_requests_back() -> None:
    asked = requests(limit=1)
    asked.add("abcd", leaving=False)
    assert [number for number, _ in asked.send(0.0)] == [1]
    assert asked.next_time(0.0) == 1.0
    assert [number for number, _ in asked.send(1.0)] == [2]
    assert asked.overdue(5.9) == [Unconfirmed(("a", "b", "c"), 5.0)]
    assert asked.overdue(6.0) == [Unconfirmed(("d",), 5.0)]


def test_a_refused_stream_is_looked_for() -> None:
    asked = requests()
    asked.add("abc", leaving=False)
    sent = asked.send(0.0)
    found = []
    while sent:
        for number, request in sent:
            if "b" in request.streams:
                found += asked.refused(number, 7, "no b")
            else:
                found += asked.accepted(number)
        sent = asked.send(0.0)
    assert Refused(("b",), 7, "no b") in found
    assert {name for event in found if isinstance(event, Confirmed) for name in event.streams} == {"a", "c"}


def test_all_of_a_request_may_be_refused() -> None:
    asked = requests()
    asked.add("ab", leaving=True)
    asked.send(0.0)
    assert asked.oldest(leaving=False) is None and asked.oldest(leaving=True) == 1
    assert asked.refused(1, 0, "x" * 300, all_of_them=True) == [Refused(("a", "b"), 0, "x" * 200, True)]
    assert asked.refused(1, 0, "again") == [Unknown("answer")]
