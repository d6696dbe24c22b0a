"""Bybit's private talk, by the examples of the fact sheet (section 4) and a recorded login."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.wire.admission import Denied, PrivateSession
from csbook.wire.private_op import PrivateOpSession
from csbook.wire.session import Event, Lost, Malformed, Unknown

TOPICS = ("order", "execution", "position", "wallet")
YES = {"success": True, "ret_msg": "", "op": "auth", "conn_id": "crjtta1qo29j6gv0ald0-56p3o"}


class Talk:
    def __init__(self, limit: int = 100) -> None:
        self.logins = 0
        self.session: PrivateSession = PrivateOpSession(
            pace=RateBudget(limit), topics=TOPICS, login=self.login, confirm_within=5.0
        )
        self.session.opened(0.0)

    def login(self) -> bytes:
        self.logins += 1
        return b'{"op":"auth","args":["key",1,"sign"]}'

    def sent(self, now: float = 0.0) -> list[Any]:
        return [json.loads(frame) for frame in self.session.frames(now)]

    def told(self, message: Any) -> list[Event] | None:
        return self.session.hear(message)


def test_the_login_comes_first_and_the_topics_after_it_was_accepted() -> None:
    talk = Talk()
    assert talk.session.next_time(0.0) == 0.0
    assert talk.sent() == [{"op": "auth", "args": ["key", 1, "sign"]}]
    assert talk.sent(1.0) == [] and talk.logins == 1 and talk.session.next_time(1.0) == 5.0
    assert talk.told(YES) == [] and not talk.session.ready and talk.session.next_time(1.0) == 1.0
    assert talk.sent(1.0) == [{"op": "subscribe", "args": list(TOPICS), "req_id": "1"}]
    assert talk.told({"success": True, "ret_msg": "", "op": "subscribe", "conn_id": "x"}) == []
    assert talk.session.ready
    assert talk.told(YES) == [] and talk.sent(2.0) == []  # said twice, subscribed once


def test_news_is_the_tables() -> None:
    talk = Talk()
    assert talk.told({"topic": "order", "id": "1", "creationTime": 1, "data": []}) is None


def test_a_login_that_is_refused() -> None:
    talk = Talk()
    talk.sent()
    events = talk.told({"success": False, "ret_msg": "Params Error", "op": "auth"})
    assert events == [Denied("the login was refused: Params Error")]


def test_a_login_that_is_not_answered() -> None:
    talk = Talk()
    assert talk.session.overdue(100.0) == []  # not sent yet
    talk.sent(0.0)
    assert talk.session.overdue(4.9) == []
    assert talk.session.overdue(5.0) == [Lost("no answer to the login within 5 s")]


def test_a_topic_that_is_refused_or_not_confirmed() -> None:
    talk = Talk()
    talk.sent()
    talk.told(YES)
    found: list[Event] = []
    for _ in range(4):
        for request in talk.sent():
            bad = "wallet" in request["args"]
            answer = {"success": not bad, "ret_msg": "no", "req_id": request["req_id"], "op": "subscribe"}
            found += talk.told(answer) or []
    assert found == [Lost("wallet was refused: no (code 0)")] and not talk.session.ready
    talk = Talk()
    talk.sent()
    talk.told(YES)
    talk.sent()
    assert talk.session.overdue(5.0) == [Lost("order, execution, position, wallet was not confirmed within 5 s")]


@pytest.mark.parametrize(
    "pong",
    [
        {"req_id": "test", "op": "pong", "args": ["1675418560633"], "conn_id": "x"},
        {"success": True, "ret_msg": "pong", "conn_id": "x", "req_id": "", "op": "ping"},
    ],
)
def test_the_pings_of_every_connection(pong: Any) -> None:
    talk = Talk()
    talk.sent()
    talk.told(YES)
    talk.sent()
    talk.told({"success": True, "ret_msg": "", "op": "subscribe"})
    assert talk.session.next_time(1.0) == 20.0 and talk.sent(20.0) == [{"op": "ping"}]
    assert talk.told(pong) == [] and talk.session.overdue(31.0) == []
    assert talk.sent(40.0) == [{"op": "ping"}]
    assert talk.session.overdue(50.0) == [Lost("a ping was not answered")]


def test_news_is_an_answer_to_a_ping() -> None:
    talk = Talk()
    talk.sent()
    talk.told(YES)
    talk.sent()
    talk.sent(20.0)
    talk.told({"topic": "order", "data": []})
    assert talk.session.overdue(31.0) == [
        Lost("order, execution, position, wallet was not confirmed within 5 s")
    ]  # and no ping


def test_the_pace_holds_for_the_login_too() -> None:
    pace = RateBudget(1, 10.0)
    pace.spend(0.0)
    session = PrivateOpSession(pace=pace, topics=TOPICS, login=lambda: b"x")
    session.opened(0.0)
    assert session.frames(0.0) == [] and session.next_time(0.0) == 10.0 and session.frames(10.0) == [b"x"]


@pytest.mark.parametrize("message", [[], "x", None, 5])
def test_what_is_no_object(message: Any) -> None:
    (event,) = Talk().told(message) or []
    assert isinstance(event, Malformed)


def test_what_nobody_asked_for() -> None:
    assert Talk().told({"op": "surprise"}) == [Unknown("surprise")]
    assert Talk().told({"data": 1}) == [Unknown("unnamed")]
