"""Bybit's talk, by the examples of the fact sheet (sections 1 and 3)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.types import Side, Trade
from csbook.venues.bybit import DIALECT
from csbook.wire.session import Confirmed, Event, Lost, Malformed, Record, Refused, Session, Unconfirmed, Unknown

TRADE = {
    "topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1672304486868, "data": [
        {"T": 1672304486865, "s": "BTCUSDT", "S": "Buy", "v": "0.001", "p": "16578.50", "L": "PlusTick",
         "i": "20f43950-d8dd-5b31-9112-a178eb6023af", "BT": False, "seq": 1783284617},
    ],
}  # fmt: skip


class Talk:
    def __init__(self, limit: int = 100) -> None:
        self.session: Session = DIALECT.converse(pace=RateBudget(limit), confirm_within=5.0)
        self.session.opened(0.0)

    def sent(self, now: float = 0.0) -> list[Any]:
        return [json.loads(frame) for frame in self.session.frames(now)]

    def told(self, message: Any) -> list[Event]:
        return self.session.receive(json.dumps(message).encode(), 7)


def test_subscribing() -> None:
    talk = Talk()
    talk.session.subscribe(["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"])
    assert talk.sent() == [{"op": "subscribe", "args": ["orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"], "req_id": "1"}]
    answer = {"success": True, "ret_msg": "", "conn_id": "x", "req_id": "1", "op": "subscribe"}
    assert talk.told(answer) == [Confirmed(("orderbook.50.BTCUSDT", "publicTrade.BTCUSDT"))]
    talk.session.unsubscribe(["publicTrade.BTCUSDT"])
    assert talk.sent() == [{"op": "unsubscribe", "args": ["publicTrade.BTCUSDT"], "req_id": "2"}]
    assert talk.told(answer | {"op": "unsubscribe", "req_id": "2"}) == [Confirmed(("publicTrade.BTCUSDT",), True)]


def test_an_answer_without_its_id_is_for_the_oldest_request() -> None:
    talk = Talk()
    talk.session.subscribe(["a"])
    talk.session.unsubscribe(["b"])
    talk.sent()
    assert talk.told({"success": True, "ret_msg": "", "req_id": "", "op": "unsubscribe"}) == [Confirmed(("b",), True)]
    assert talk.told({"success": True, "ret_msg": "", "op": "subscribe"}) == [Confirmed(("a",))]
    assert talk.told({"success": True, "ret_msg": "", "op": "subscribe"}) == [Unknown("answer")]


def test_topics_fail_together_and_the_bad_one_is_found() -> None:
    talk = Talk()
    talk.session.subscribe([f"orderbook.50.{name}" for name in "ABC"])
    found: list[Event] = []
    for _ in range(5):
        for request in talk.sent():
            bad = "orderbook.50.B" in request["args"]
            text = "error:handler not found" if bad else ""
            answer = {"success": not bad, "ret_msg": text, "req_id": request["req_id"], "op": "subscribe"}
            found += talk.told(answer)
    assert Refused(("orderbook.50.B",), 0, "error:handler not found") in found
    assert {n for event in found if isinstance(event, Confirmed) for n in event.streams} == {
        "orderbook.50.A", "orderbook.50.C",
    }  # fmt: skip


def test_requests_are_small_and_late_answers_are_told() -> None:
    talk = Talk()
    talk.session.subscribe([f"t.{i}" for i in range(25)])
    assert [len(request["args"]) for request in talk.sent()] == [10, 10, 5]
    assert [type(event) for event in talk.session.overdue(5.0)] == [Unconfirmed] * 3


@pytest.mark.parametrize(
    "pong",
    [
        {"success": True, "ret_msg": "pong", "conn_id": "x", "req_id": "", "op": "ping"},
        {"req_id": "test", "op": "pong", "args": ["1675418560633"], "conn_id": "x"},
    ],
)
def test_the_client_pings(pong: dict[str, Any]) -> None:
    talk = Talk()
    assert talk.session.next_time(0.0) == 20.0
    assert talk.sent(19.9) == []
    assert talk.sent(20.0) == [{"op": "ping"}]
    assert talk.told(pong) == []
    assert talk.session.overdue(31.0) == []
    assert talk.sent(40.0) == [{"op": "ping"}]
    assert talk.session.overdue(49.9) == []
    assert talk.session.overdue(50.0) == [Lost("a ping was not answered")]


def test_trades() -> None:
    assert Talk().told(TRADE) == [
        Record(
            Trade(
                "BTCUSDT", "20f43950-d8dd-5b31-9112-a178eb6023af", Decimal("16578.50"), Decimal("0.001"), Side.BUY,
                1672304486865_000_000, 1672304486868_000_000, 7,
            )
        )
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["T", "s", "S", "v", "p", "i"])
def test_a_spoilt_trade_is_dropped_alone(field: str) -> None:
    good = TRADE["data"][0]  # type: ignore[index]
    for spoilt in ({**good, field: []}, {k: v for k, v in good.items() if k != field}):
        events = Talk().told(TRADE | {"data": [spoilt, good]})
        assert [type(event) for event in events] == [Malformed, Record]
        assert isinstance(events[0], Malformed) and events[0].error.field == field


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"topic": "tickers.BTCUSDT", "data": {}}, Unknown("tickers")),
        ({"topic": "orderbook.50.BTCUSDT", "data": {}}, Unknown("orderbook")),
        ({"op": "auth", "success": True}, Unknown("auth")),
        ({"hello": 1}, Unknown("unnamed")),
    ],
)
def test_what_nobody_asked_for(message: Any, event: Event) -> None:
    assert Talk().told(message) == [event]


def test_quotes_are_the_cores_business() -> None:
    assert Talk().told({"topic": "orderbook.1.BTCUSDT", "type": "snapshot", "data": {}}) == []


@pytest.mark.parametrize("payload", [b"", b"[1]", b"{", b"7", b'{"topic":"publicTrade.X","data":[3]}'])
def test_what_is_no_message(payload: bytes) -> None:
    events = Talk().session.receive(payload, 0)
    assert [type(event) for event in events] == [Malformed]
