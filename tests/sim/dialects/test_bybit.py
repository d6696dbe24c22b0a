from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from csbook.clock import LiveClock


def say(talk: Any, held: tuple[str, ...] = (), **request: Any) -> Any:
    return talk.hear(json.dumps(request).encode(), held)


def test_a_snapshot_and_then_deltas_by_one(stage: Any) -> None:
    s = stage("bybit")
    first = s.watch("orderbook.50.BTCUSDT")
    assert first["type"] == "snapshot" and len(first["data"]["b"]) == 50
    told = [first, *s.run(3000)]
    assert len(told) > 30 and {each["type"] for each in told[1:]} == {"delta"}
    assert all(after["data"]["u"] == before["data"]["u"] + 1 for before, after in pairwise(told))
    sides: dict[str, dict[str, str]] = {"b": {}, "a": {}}
    for message in told:
        for side, levels in sides.items():
            levels |= dict(message["data"][side])
            for price in [price for price, size in levels.items() if not float(size)]:
                del levels[price]
    bids, asks, _ = s.board.book("BTCUSDT", 50)
    assert (sides["b"], sides["a"]) == (dict(bids), dict(asks))


def test_depth_1_is_said_again(stage: Any) -> None:
    s = stage("bybit")
    first = s.watch("orderbook.1.BTCUSDT")
    (again,) = [json.loads(m.payload) for m in s.board.flush(10_000, 1)]
    assert again["data"]["u"] == first["data"]["u"] and again["type"] == "snapshot"


def test_topics_succeed_or_fail_together(stage: Any) -> None:
    talk = stage("bybit").speech.talk("", {})
    good, bad = "orderbook.50.BTCUSDT", "orderbook.51.BTCUSDT"
    refused = say(talk, op="subscribe", args=[good, bad], req_id="7")
    assert refused.refused and not refused.subscribe
    assert json.loads(refused.answers[0])["success"] is False
    taken = say(talk, op="subscribe", args=[good], req_id="8")
    assert taken.subscribe == [good] and json.loads(taken.answers[0])["req_id"] == "8"
    assert say(talk, (good,), op="subscribe", args=[good]).refused
    assert say(talk, (good,), op="unsubscribe", args=[good]).unsubscribe == [good]
    pong = say(talk, op="ping")
    assert pong.alive and json.loads(pong.answers[0])["ret_msg"] == "pong"
    assert talk.hear(b"{", ()).refused


def test_rest(stage: Any) -> None:
    s = stage("bybit")

    def call(path: str, **query: str) -> Any:
        return json.loads(s.speech.call(path, query, s.board, LiveClock()).body)

    (rules,) = call("/v5/market/instruments-info", category="linear", symbol="BTCUSDT")["result"]["list"]
    assert rules["lotSizeFilter"]["qtyStep"] == "0.001"
    first = s.watch("orderbook.1000.BTCUSDT")
    book = call("/v5/market/orderbook", category="linear", symbol="BTCUSDT", limit="3")["result"]
    assert book["u"] == first["data"]["u"] and len(book["b"]) == 3
    assert call("/v5/market/orderbook", category="linear", symbol="NOPE")["retCode"] == 10001
