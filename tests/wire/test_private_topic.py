"""KuCoin's private talk, by the examples of the fact sheet (sections 1 and 4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.wire.admission import PrivateSession
from csbook.wire.private_topic import PrivateTopicSession
from csbook.wire.session import Event, Lost, Malformed

TOPICS = ("/contractMarket/tradeOrders", "/contractAccount/wallet", "/contract/positionAll")


class Talk:
    def __init__(self) -> None:
        self.session: PrivateSession = PrivateTopicSession(pace=RateBudget(100), topics=TOPICS, confirm_within=5.0)
        self.session.opened(0.0)

    def sent(self, now: float = 0.0) -> list[Any]:
        return [json.loads(frame) for frame in self.session.frames(now)]

    def told(self, message: Any) -> list[Event] | None:
        return self.session.hear(message)


def test_nothing_is_said_before_the_welcome() -> None:
    talk = Talk()
    assert talk.sent() == [] and talk.session.next_time(0.0) == 5.0
    assert talk.session.overdue(5.0) == [Lost("no welcome within 5 s")]


def test_the_topics_are_private_and_have_no_symbol() -> None:
    talk = Talk()
    assert talk.told({"id": "x", "type": "welcome"}) == []
    assert talk.sent() == [
        {"id": str(i + 1), "type": "subscribe", "topic": topic, "privateChannel": True, "response": True}
        for i, topic in enumerate(TOPICS)
    ]
    for i in range(len(TOPICS)):
        assert not talk.session.ready
        assert talk.told({"id": str(i + 1), "type": "ack"}) == []
    assert talk.session.ready


def test_a_topic_that_is_refused() -> None:
    talk = Talk()
    talk.told({"id": "x", "type": "welcome"})
    talk.sent()
    events = talk.told({"id": "2", "type": "error", "code": 404, "data": "topic /contractAccount/wallet is not found"})
    assert events == [
        Lost("/contractAccount/wallet was refused: topic /contractAccount/wallet is not found (code 404)")
    ]
    assert talk.session.overdue(5.0) == [
        Lost("/contractMarket/tradeOrders was not confirmed within 5 s"),
        Lost("/contract/positionAll was not confirmed within 5 s"),
    ]


def test_an_old_token() -> None:
    talk = Talk()
    events = talk.told({"id": "x", "type": "error", "code": "401", "data": "token is expired"})
    assert events == [Lost("the token is no longer good: token is expired (code 401)")]


def test_the_client_pings() -> None:
    talk = Talk()
    talk.told({"id": "x", "type": "welcome"})
    for i in range(len(talk.sent())):
        talk.told({"id": str(i + 1), "type": "ack"})
    assert talk.sent(18.0) == [{"id": "p1", "type": "ping"}]
    assert talk.told({"id": "p1", "type": "pong"}) == [] and talk.session.overdue(30.0) == []
    talk.sent(36.0)
    assert talk.session.overdue(46.0) == [Lost("a ping was not answered")]


@pytest.mark.parametrize("more", [{"type": "message"}, {}, {"channelType": "private"}])
def test_news_is_the_tables_with_or_without_a_type(more: Any) -> None:
    news = {"topic": "/contractMarket/tradeOrders", "subject": "orderChange", "data": {}}
    assert Talk().told({**news, **more}) is None


@pytest.mark.parametrize("message", [[], "x", None])
def test_what_is_no_object(message: Any) -> None:
    (event,) = Talk().told(message) or []
    assert isinstance(event, Malformed)
