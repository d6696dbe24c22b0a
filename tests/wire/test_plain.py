from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.types import Trade
from csbook.wire.plain import PlainSession
from csbook.wire.session import Confirmed, Event, Malformed, Record, Refused, Unconfirmed, Unknown

TRADE = (
    b'{"e":"trade","E":1672531234567,"s":"BTCUSDT","t":12345,"p":"30150.00","q":"0.1","b":88,"a":92,'
    b'"T":1672531234560,"m":true}'
)
TICKER = b'{"e":"24hrTicker","E":1672531234567,"s":"%s","c":"30150.00"}'


class Talk:
    """A session and the requests that it sent."""

    def __init__(self, limit: int = 10, **options: Any) -> None:
        self.session = PlainSession(pace=RateBudget(limit), **options)

    def sent(self, now: float = 0.0) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.session.frames(now)]

    def told(self, message: Any) -> list[Event]:
        return self.session.receive(message if isinstance(message, bytes) else json.dumps(message).encode(), 5)


def test_a_subscription_is_confirmed_by_its_id() -> None:
    talk = Talk()
    talk.session.subscribe(["btcusdt@depth20"])
    talk.session.subscribe(["btcusdt@trade", "btcusdt@ticker"])
    assert talk.sent() == [
        {"method": "SUBSCRIBE", "params": ["btcusdt@depth20"], "id": 1},
        {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@ticker"], "id": 2},
    ]
    assert talk.sent() == []
    assert talk.told({"result": None, "id": 2}) == [Confirmed(("btcusdt@trade", "btcusdt@ticker"))]
    assert talk.told({"id": 1, "result": None}) == [Confirmed(("btcusdt@depth20",))]
    assert talk.session.next_time(0.0) is None


def test_unsubscribe() -> None:
    talk = Talk()
    talk.session.unsubscribe(["a@trade"])
    assert talk.sent() == [{"method": "UNSUBSCRIBE", "params": ["a@trade"], "id": 1}]
    assert talk.told({"result": None, "id": 1}) == [Confirmed(("a@trade",), leaving=True)]
    talk.session.unsubscribe(["b@trade", "c@trade"])
    talk.sent()
    assert talk.session.overdue(1e9) == [Unconfirmed(("b@trade", "c@trade"), 10.0, leaving=True)]


def test_nothing_to_ask() -> None:
    talk = Talk()
    talk.session.subscribe([])
    assert talk.sent() == []


def test_data_before_the_confirmation() -> None:
    talk = Talk()
    talk.session.subscribe(["btcusdt@trade"])
    talk.sent()
    assert [type(event) for event in talk.told(TRADE)] == [Record]
    assert talk.told({"result": None, "id": 1}) == [Confirmed(("btcusdt@trade",))]


def test_a_refusal() -> None:
    talk = Talk()
    talk.session.subscribe(["x@depth20"])
    talk.sent()
    assert talk.told({"error": {"code": 2, "msg": "unknown stream"}, "id": 1}) == [
        Refused(("x@depth20",), 2, "unknown stream")
    ]
    assert talk.session.next_time(0.0) is None


@pytest.mark.parametrize("error", ["no", {"code": "2"}, {}, {"code": True, "msg": 5}, 7])
def test_a_refusal_in_another_shape(error: Any) -> None:
    talk = Talk()
    talk.session.subscribe(["x"])
    talk.sent()
    (refused,) = talk.told({"error": error, "id": 1})
    assert isinstance(refused, Refused)
    assert (refused.streams, refused.code) == (("x",), 0)


def test_a_refused_batch_is_halved_until_the_bad_one_stands_alone() -> None:
    names = [f"s{i}@trade" for i in range(11)]
    talk = Talk(limit=1000)
    talk.session.subscribe(names)
    confirmed: list[str] = []
    refused: list[str] = []
    asked = 0
    while requests := talk.sent():
        for request in requests:
            asked += 1
            bad = "s6@trade" in request["params"] or "s10@trade" in request["params"]
            answer = {"error": {"code": 2, "msg": "unknown stream"}} if bad else {"result": None}
            for event in talk.told({**answer, "id": request["id"]}):
                assert isinstance(event, Confirmed | Refused)
                (refused if isinstance(event, Refused) else confirmed).extend(event.streams)
    assert refused == ["s6@trade", "s10@trade"]
    assert sorted(confirmed + refused) == sorted(names)
    assert asked < 16


def test_no_confirmation_by_the_deadline() -> None:
    talk = Talk(confirm_within=10.0)
    talk.session.subscribe(["a", "b"])
    talk.sent(now=3.0)
    assert talk.session.next_time(3.0) == 13.0
    assert talk.session.overdue(12.9) == []
    assert talk.session.overdue(13.0) == [Unconfirmed(("a", "b"), 10.0)]
    assert talk.session.overdue(99.0) == []
    assert talk.told({"result": None, "id": 1}) == [Unknown("answer")]  # too late


def test_many_streams_in_few_messages_and_these_are_paced() -> None:
    talk = Talk(limit=10, batch=4)
    talk.session.subscribe([f"s{i}" for i in range(46)])
    first = talk.sent(now=0.0)
    assert [len(request["params"]) for request in first] == [4] * 10
    assert talk.sent(now=0.5) == []
    assert talk.session.next_time(0.5) == 1.0
    rest = talk.sent(now=1.0)
    assert [len(request["params"]) for request in rest] == [4, 2]
    assert [request["id"] for request in first + rest] == list(range(1, 13))


def test_the_deadline_begins_when_the_request_is_sent() -> None:
    talk = Talk(limit=1, batch=1, confirm_within=0.5)
    talk.session.subscribe(["a", "b"])
    talk.sent(now=0.0)
    assert talk.session.overdue(0.5) == [Unconfirmed(("a",), 0.5)]
    assert talk.session.overdue(50.0) == []
    talk.sent(now=50.0)
    assert talk.session.overdue(50.5) == [Unconfirmed(("b",), 0.5)]


def test_what_others_spend_counts() -> None:
    pace = RateBudget(2)
    session = PlainSession(pace=pace)
    pace.spend(0.0)
    pace.spend(0.0)  # two pongs
    session.subscribe(["a"])
    assert session.frames(0.5) == []
    assert len(session.frames(1.0)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"result": None, "id": 2},
        {"result": None, "id": "1"},
        {"result": None, "id": True},
        {"result": None, "id": None},
        {"error": {}, "id": [1]},
        {"result": None, "id": 1.0},
    ],
)
def test_answers_to_nothing(answer: Any) -> None:
    talk = Talk()
    talk.session.subscribe(["a"])
    talk.sent()
    assert talk.told(answer) == [Unknown("answer")]
    assert talk.session.next_time(0.0) is not None  # still waiting


def test_an_answer_with_a_result() -> None:
    talk = Talk()
    talk.session.subscribe(["a"])
    talk.sent()
    malformed, refused = talk.told({"result": ["a"], "id": 1})
    assert isinstance(malformed, Malformed)
    assert malformed.error.field == "result"
    assert isinstance(refused, Refused)
    assert refused.streams == ("a",)


def test_a_trade_is_a_record() -> None:
    (event,) = Talk().told(TRADE)
    assert isinstance(event, Record)
    assert isinstance(event.record, Trade)
    assert (event.record.price, event.record.receive_time_ns) == (Decimal("30150.00"), 5)


def test_an_envelope() -> None:
    (event,) = Talk().told(b'{"stream":"btcusdt@trade","data":' + TRADE + b"}")
    assert isinstance(event, Record)


def test_an_array_of_tickers_one_of_them_bad() -> None:
    events = Talk().told(b"[" + b",".join((TICKER % b"A", b'{"e":"24hrTicker","s":"B"}', TICKER % b"C", b"5")) + b"]")
    assert [type(event) for event in events] == [Record, Malformed, Record, Malformed]
    assert isinstance(events[1], Malformed)
    assert events[1].error.field == "c"


def test_json_numbers_keep_their_digits() -> None:
    (event,) = Talk().told(TRADE.replace(b'"0.1"', b"0.12345678901234567890"))
    assert isinstance(event, Record)
    assert isinstance(event.record, Trade)
    assert event.record.size == Decimal("0.12345678901234567890")


@pytest.mark.parametrize("payload", [b"", b"{", b"nonsense", b"5", b"null", b'"text"', b'{"e":"trade"}', b"[1]"])
def test_malformed(payload: bytes) -> None:
    (event,) = Talk().told(payload)
    assert isinstance(event, Malformed)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b'{"e":"kline","s":"X"}', "kline"),
        (b'{"lastUpdateId":1,"bids":[],"asks":[]}', "depth"),
        (b"{}", "unnamed"),
        (b'{"e":5}', "unnamed"),
        (b'{"error":{"code":3,"msg":"Invalid JSON"},"id":null}', "answer"),
    ],
)
def test_unknown(payload: bytes, kind: str) -> None:
    assert Talk().told(payload) == [Unknown(kind)]


def test_an_empty_array_says_nothing() -> None:
    assert Talk().told(b"[]") == []
