from __future__ import annotations

import json
from typing import Any

import pytest

from csbook.sim.commands import Answer, answer

STREAMS = ["btcusdt@depth5", "btcusdt@depth20", "btcusdt@trade"]


def ask(request: Any, held: tuple[str, ...] = (), limit: int = 10) -> tuple[Answer, Any]:
    text = request if isinstance(request, str) else json.dumps(request)
    reply = answer(text, held, STREAMS, limit)
    return reply, json.loads(reply.payload)


def test_subscribe() -> None:
    reply, said = ask({"method": "SUBSCRIBE", "params": [STREAMS[0], STREAMS[2], STREAMS[0]], "id": 4}, (STREAMS[2],))
    assert said == {"result": None, "id": 4}
    assert (reply.subscribe, reply.unsubscribe, reply.refused) == ([STREAMS[0]], [], False)


def test_unsubscribe() -> None:
    reply, said = ask({"method": "UNSUBSCRIBE", "params": STREAMS, "id": 5}, (STREAMS[1],))
    assert said == {"result": None, "id": 5}
    assert (reply.subscribe, reply.unsubscribe) == ([], [STREAMS[1]])


def test_list() -> None:
    _, said = ask({"method": "LIST_SUBSCRIPTIONS", "id": 6}, (STREAMS[1], STREAMS[0]))
    assert said == {"result": [STREAMS[1], STREAMS[0]], "id": 6}


@pytest.mark.parametrize(
    ("request_", "code", "request_id"),
    [
        ("{", 3, None),
        ("", 3, None),
        ("[]", 1, None),
        ("7", 1, None),
        ({"method": "LIST_SUBSCRIPTIONS"}, 1, None),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 0}, 1, None),
        ({"method": "LIST_SUBSCRIPTIONS", "id": -3}, 1, None),
        ({"method": "LIST_SUBSCRIPTIONS", "id": True}, 1, None),
        ({"method": "LIST_SUBSCRIPTIONS", "id": "1"}, 1, None),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 1.0}, 1, None),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 1 << 63}, 1, None),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 1, "extra": 1}, 0, 1),
        ({"method": "subscribe", "params": STREAMS, "id": 2}, 2, 2),
        ({"params": STREAMS, "id": 2}, 2, 2),
        ({"method": ["SUBSCRIBE"], "id": 2}, 2, 2),
        ({"method": "SUBSCRIBE", "id": 3}, 1, 3),
        ({"method": "SUBSCRIBE", "params": [], "id": 3}, 1, 3),
        ({"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 3}, 1, 3),
        ({"method": "SUBSCRIBE", "params": [1], "id": 3}, 1, 3),
        ({"method": "SUBSCRIBE", "params": ["btcusdt@trade", "nosuch@trade"], "id": 3}, 2, 3),
        ({"method": "SUBSCRIBE", "params": ["BTCUSDT@trade"], "id": 3}, 2, 3),
        ({"method": "SUBSCRIBE", "params": ["btcusdt@depth7"], "id": 3}, 2, 3),
        ({"method": "UNSUBSCRIBE", "params": [None], "id": 3}, 1, 3),
    ],
)
def test_refused_whole(request_: Any, code: int, request_id: int | None) -> None:
    reply, said = ask(request_)
    assert reply.refused
    assert (reply.subscribe, reply.unsubscribe) == ([], [])
    assert set(said) == {"error", "id"}
    assert said["id"] == request_id
    assert said["error"]["code"] == code
    assert said["error"]["msg"]


def test_no_more_streams_than_allowed() -> None:
    reply, said = ask({"method": "SUBSCRIBE", "params": STREAMS, "id": 1}, limit=2)
    assert said["error"]["code"] == 2
    assert "2 are allowed" in said["error"]["msg"]
    assert not reply.subscribe
    reply, _ = ask({"method": "SUBSCRIBE", "params": STREAMS[:2], "id": 1}, held=(STREAMS[0],), limit=2)
    assert reply.subscribe == [STREAMS[1]]
