from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from csbook.clock import LiveClock


def call(s: Any, path: str, **query: str) -> Any:
    return json.loads(s.speech.call(path, query, s.board, LiveClock()).body)


def test_changes_join_the_snapshot_one_by_one(stage: Any) -> None:
    s = stage("kucoin")
    assert s.watch("/contractMarket/level2:XBTUSDTM") is None
    snapshot = call(s, "/api/v1/level2/snapshot", symbol="XBTUSDTM")["data"]
    told = [message["data"] for message in s.run(2000)]
    assert told[0]["sequence"] == snapshot["sequence"] + 1
    assert all(after["sequence"] == before["sequence"] + 1 for before, after in pairwise(told))
    sides = {"buy": dict(map(tuple, snapshot["bids"])), "sell": dict(map(tuple, snapshot["asks"]))}
    for change in told:
        price, side, size = change["change"].split(",")
        sides[side][float(price)] = int(size)
        assert max(p for p, q in sides["buy"].items() if q) < min(p for p, q in sides["sell"].items() if q)
    after = call(s, "/api/v1/level2/snapshot", symbol="XBTUSDTM")["data"]
    assert after["sequence"] == told[-1]["sequence"]
    assert {p: q for p, q in sides["buy"].items() if q} == dict(map(tuple, after["bids"]))


def test_what_nobody_watches_is_counted(stage: Any) -> None:
    s = stage("kucoin")
    before = s.board.book("BTCUSDT", 1)[2]
    s.run(2000)
    assert s.board.book("BTCUSDT", 1)[2] > before


def test_a_welcome_for_a_token(stage: Any) -> None:
    s = stage("kucoin")
    token = call(s, "/api/v1/bullet-public")["data"]["token"]
    talk = s.speech.talk("/", {"token": token, "connectId": "me"})
    assert json.loads(talk.greet().answers[0]) == {"id": "me", "type": "welcome"}
    turned_away = s.speech.talk("/", {"token": "old"}).greet()
    assert turned_away.end and json.loads(turned_away.answers[0])["code"] == 401

    def say(**request: Any) -> Any:
        return talk.hear(json.dumps(request).encode(), ())

    good = say(id="1", type="subscribe", topic="/contractMarket/level2:XBTUSDTM", response=True)
    assert good.subscribe and json.loads(good.answers[0]) == {"id": "1", "type": "ack"}
    assert json.loads(say(id="2", type="subscribe", topic="/nope:XBTUSDTM").answers[0])["code"] == 404
    assert say(id="3", type="ping").alive
    assert talk.hear(b"{", ()).refused


def test_contracts(stage: Any) -> None:
    contract = call(stage("kucoin"), "/api/v1/contracts/{symbol}", symbol="XBTUSDTM")["data"]
    assert (contract["tickSize"], contract["multiplier"], contract["lotSize"]) == (0.1, 0.001, 1)
