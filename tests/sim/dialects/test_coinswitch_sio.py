from __future__ import annotations

import json
from typing import Any

import pytest

from csbook.sim.speech import NotServed

BOOK = "FETCH_ORDER_BOOK_CS_PRO"
QUERY = {"EIO": "4", "transport": "websocket"}


def test_a_conversation(stage: Any) -> None:
    talk = stage("coinswitch-sio").speech.talk("/pro/realtime-rates-socket/futures", QUERY)
    (opening,) = talk.greet().answers
    assert opening[:1] == b"0" and json.loads(opening[1:])["pingInterval"] == 20_000
    asked = json.dumps([BOOK, {"event": "subscribe", "pair": "BTCUSDT"}]).encode()
    assert talk.hear(b"40/other,", ()).answers[0].startswith(b"44/other,")
    assert talk.hear(b"40/exchange_2,", ()).answers[0].startswith(b"40/exchange_2,{")
    taken = talk.hear(b"42/exchange_2," + asked, ())
    assert b'"success":true' in taken.answers[0] and len(taken.subscribe) == 1
    assert talk.hear(b"42/exchange_2," + asked.replace(b"BTC", b"XYZ"), ()).refused
    assert talk.hear(b"3", ()).alive
    assert talk.dress(taken.subscribe[0], b"{}") == b'42/exchange_2,["%b",{}]' % BOOK.encode()


def test_the_first_packet_must_join(stage: Any) -> None:
    talk = stage("coinswitch-sio").speech.talk("/spot", QUERY)
    assert talk.hear(b'42/coinswitchx,["x",{}]', ()).end
    with pytest.raises(NotServed):
        stage("coinswitch-sio").speech.talk("/spot", {"EIO": "3"})


def test_both_shapes(stage: Any) -> None:
    s = stage("coinswitch-sio")
    flat = s.watch(f"/exchange_2 {BOOK}:BTCUSDT")
    s.speech.envelope = True
    wrapped = s.watch(f"/exchange_2 {BOOK}:BTCUSDT")
    assert flat["s"] == wrapped["data"]["symbol"] == "BTCUSDT"
    assert flat["bids"] == wrapped["data"]["bids"]
    assert s.watch(f"/coinswitchx {BOOK}:BTC,USDT")["s"] == "BTC,USDT"
