from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from csbook.clock import LiveClock
from csbook.errors import UsageError
from csbook.sim.dialects import speech_of, spoken
from csbook.venues import names


def ask(talk: Any, method: str, *params: str, held: tuple[str, ...] = ()) -> Any:
    return talk.hear(json.dumps({"method": method, "params": list(params), "id": 1}).encode(), held)


def test_every_venue_is_spoken(stage: Any) -> None:
    assert spoken() == names()
    for name in names():
        assert stage(name).board.streams
    from dataclasses import replace

    from csbook.venues import dialect

    with pytest.raises(UsageError, match="speaks"):
        speech_of(replace(dialect("binance"), name="nobody"), [])


def test_diffs_chain(stage: Any) -> None:
    s = stage("binance")
    assert s.watch("btcusdt@depth@100ms") is None
    begin = s.board.book("BTCUSDT", 1)[2]
    told = s.run(5000)
    assert len(told) > 20
    assert told[0]["pu"] == begin
    assert all(after["pu"] == before["u"] < after["U"] <= after["u"] for before, after in pairwise(told))
    assert all(after["E"] - before["E"] >= 100 for before, after in pairwise(told))


def test_a_stream_on_the_wrong_route_is_acknowledged_and_silent(stage: Any) -> None:
    s = stage("binance")
    talk = s.speech.talk("/public/stream", {})
    reply = ask(talk, "SUBSCRIBE", "btcusdt@aggTrade", "btcusdt@bookTicker", "nope@depth")
    assert json.loads(reply.answers[0]) == {"result": None, "id": 1}
    assert reply.subscribe == ["btcusdt@bookTicker"]
    listed = talk.hear(b'{"method":"LIST_SUBSCRIPTIONS","id":2}', ("btcusdt@bookTicker",))
    assert len(json.loads(listed.answers[0])["result"]) == 3
    assert ask(s.speech.talk("/market/ws", {}), "SUBSCRIBE", "btcusdt@aggTrade").subscribe == ["btcusdt@aggTrade"]


def test_the_address_and_a_property_decide_on_the_envelope(stage: Any) -> None:
    s = stage("binance")
    talk = s.speech.talk("/public/stream", {"streams": "btcusdt@depth/btcusdt@aggTrade"})
    assert talk.greet().subscribe == ["btcusdt@depth"]
    assert talk.dress("x@depth", b"1") == b'{"stream":"x@depth","data":1}'
    talk.hear(b'{"method":"SET_PROPERTY","params":["combined",false],"id":5}', ())
    assert talk.dress("x@depth", b"1") == b"1"


def test_rest(stage: Any) -> None:
    s = stage("binance")

    def call(path: str, **query: str) -> Any:
        response = s.speech.call(path, query, s.board, LiveClock())
        return response.status, json.loads(response.body)

    status, book = call("/fapi/v1/depth", symbol="BTCUSDT", limit="5")
    assert status == 200 and len(book["bids"]) == 5 and book["lastUpdateId"] == s.board.book("BTCUSDT", 1)[2]
    assert call("/fapi/v1/depth", symbol="BTCUSDT", limit="7")[0] == 400
    assert call("/fapi/v1/depth", symbol="NOPE")[0] == 400
    (rules,) = call("/fapi/v1/exchangeInfo")[1]["symbols"]
    assert rules["filters"][0]["tickSize"] == "0.10"
    assert [s.speech.weight("/fapi/v1/depth", {"limit": limit}) for limit in ("5", "100", "1000")] == [2, 5, 20]
