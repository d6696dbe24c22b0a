"""KuCoin's talk, by the examples of the fact sheet (sections 1 and 3)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.types import Side, Trade
from csbook.venues.kucoin import DIALECT
from csbook.wire.session import Confirmed, Event, Lost, Malformed, Record, Refused, Session, Unconfirmed, Unknown

BOOK = "/contractMarket/level2:XBTUSDTM"
DEAL = "/contractMarket/execution:XBTUSDTM"
MATCH = {
    "symbol": "XBTUSDTM", "sequence": 1794100537695, "side": "buy", "size": 2, "price": "90503.9",
    "takerOrderId": "a", "makerOrderId": "b", "tradeId": "1794100537695", "ts": 1731898619520000000,
}  # fmt: skip


class Talk:
    def __init__(self, *, welcome: bool = True, **options: float) -> None:
        self.session: Session = DIALECT.converse(pace=RateBudget(100), confirm_within=5.0, **options)
        self.session.opened(0.0)
        if welcome:
            assert self.told({"id": "x", "type": "welcome"}) == []

    def sent(self, now: float = 0.0) -> list[Any]:
        return [json.loads(frame) for frame in self.session.frames(now)]

    def told(self, message: Any) -> list[Event]:
        return self.session.receive(json.dumps(message).encode(), 7)


def test_nothing_is_said_before_the_welcome() -> None:
    talk = Talk(welcome=False)
    talk.session.subscribe([BOOK])
    assert talk.sent(4.0) == [] and talk.session.overdue(4.9) == []
    assert talk.session.next_time(0.0) == 5.0
    talk.told({"id": "x", "type": "welcome"})
    assert talk.session.next_time(4.9) == 4.9
    assert len(talk.sent(4.9)) == 1


def test_a_welcome_that_does_not_come() -> None:
    talk = Talk(welcome=False)
    talk.session.subscribe([BOOK])
    assert talk.session.overdue(5.0) == [Lost("no welcome within 5 s")]


def test_subscribing_joins_the_symbols_of_a_topic() -> None:
    talk = Talk()
    talk.session.subscribe([BOOK, "/contractMarket/level2:ETHUSDTM", DEAL])
    first, second = talk.sent()
    assert first == {
        "id": "1", "type": "subscribe", "topic": "/contractMarket/level2:XBTUSDTM,ETHUSDTM",
        "privateChannel": False, "response": True,
    }  # fmt: skip
    assert second["topic"] == DEAL
    assert talk.told({"id": "1", "type": "ack"}) == [Confirmed((BOOK, "/contractMarket/level2:ETHUSDTM"))]
    talk.session.unsubscribe([DEAL])
    assert [request["type"] for request in talk.sent()] == ["unsubscribe"]
    assert talk.told({"id": "3", "type": "ack"}) == [Confirmed((DEAL,), True)]
    assert [type(event) for event in talk.session.overdue(5.0)] == [Unconfirmed]


def test_a_refused_topic() -> None:
    talk = Talk()
    talk.session.subscribe([BOOK])
    talk.sent()
    text = "topic /contractMarket/level2:XBTUSDTM is not found"
    assert talk.told({"id": "1", "type": "error", "code": 404, "data": text}) == [Refused((BOOK,), 404, text)]
    assert talk.told({"id": "1", "type": "error", "code": "509", "data": "x"}) == [Unknown("answer")]


def test_an_expired_token_ends_the_conversation() -> None:
    assert Talk().told({"id": "1", "type": "error", "code": 401, "data": "token expired"}) == [
        Lost("the token is no longer good: token expired (code 401)")
    ]


def test_the_pings_follow_the_token() -> None:
    talk = Talk(ping_interval=3.0, ping_timeout=2.0)
    assert talk.sent(2.9) == []
    assert talk.sent(3.0) == [{"id": "p1", "type": "ping"}]
    assert talk.told({"id": "p1", "type": "pong"}) == []
    assert talk.sent(6.0) == [{"id": "p2", "type": "ping"}]
    assert talk.session.overdue(8.0) == [Lost("a ping was not answered")]


def test_trades_are_contracts_and_nanoseconds() -> None:
    message = {"topic": DEAL, "type": "message", "subject": "match", "sn": 1, "data": MATCH}
    at = 1731898619520000000
    wanted = Trade("XBTUSDTM", "1794100537695", Decimal("90503.9"), Decimal(2), Side.BUY, at, at, 7)
    assert Talk().told(message) == [Record(wanted)]
    assert Talk().session.receive(json.dumps(message).replace('"90503.9"', "90503.9").encode(), 7) == [Record(wanted)]


@pytest.mark.parametrize("field", ["symbol", "side", "size", "price", "tradeId", "ts"])
def test_a_spoilt_trade(field: str) -> None:
    for spoilt in ({**MATCH, field: []}, {k: v for k, v in MATCH.items() if k != field}):
        (event,) = Talk().told({"topic": DEAL, "type": "message", "data": spoilt})
        assert isinstance(event, Malformed) and event.error.field == field


@pytest.mark.parametrize(
    ("message", "events"),
    [
        ({"topic": "/contract/instrument:X", "type": "message", "data": {}}, [Unknown("/contract/instrument")]),
        ({"topic": "/contractMarket/tickerV2:X", "type": "message", "data": {}}, []),  # the core's, if it is newer
        ({"topic": "/contractMarket/ticker:X", "type": "message", "data": {}}, [Unknown("/contractMarket/ticker")]),
        ({"type": "message"}, [Unknown("unnamed")]),
        ({"type": "notice"}, []),
        ({"type": "command"}, []),
        ({"type": 3}, [Unknown("unnamed")]),
        ({"type": "ack", "id": 1}, [Unknown("answer")]),
    ],
)
def test_what_nobody_asked_for(message: Any, events: list[Event]) -> None:
    assert Talk().told(message) == events


@pytest.mark.parametrize("payload", [b"", b"[1]", b"{", b'{"topic":"/contractMarket/execution:X","type":"message"}'])
def test_what_is_no_message(payload: bytes) -> None:
    assert [type(event) for event in Talk().session.receive(payload, 0)] == [Malformed]
