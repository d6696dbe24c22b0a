"""Socket.IO by the recorded frames of a real server, by the fact sheet's section 7, and by what goes wrong."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.types import Candle, Side, Ticker, Trade
from csbook.venues.coinswitch_sio import DIALECT, SPOT
from csbook.wire.session import Confirmed, Event, Lost, Malformed, Record, Refused, Session, Unconfirmed, Unknown

BOOK, TRADES = "FETCH_ORDER_BOOK_CS_PRO", "FETCH_TRADES_CS_PRO"
OPEN = b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
FRAMES = Path(__file__).resolve().parents[2].parent / "shared/venues/samples/socketio_frames.txt"


class Talk:
    def __init__(self, dialect: Any = DIALECT, *, joined: bool = True, limit: int = 100) -> None:
        self.session: Session = dialect.converse(pace=RateBudget(limit), confirm_within=5.0)
        self.session.opened(0.0)
        if joined:
            self.told(OPEN)
            self.sent()
            namespace = "/coinswitchx" if dialect is SPOT else "/exchange_2"
            assert self.told(f'40{namespace},{{"sid":"y"}}'.encode()) == []

    def sent(self, now: float = 0.0) -> list[bytes]:
        return self.session.frames(now)

    def told(self, payload: bytes) -> list[Event]:
        return self.session.receive(payload, 7)

    def event(self, name: str, payload: Any, namespace: str = "/exchange_2") -> list[Event]:
        return self.told(f"42{namespace},{json.dumps([name, payload])}".encode())


def test_the_order_of_the_first_words() -> None:
    talk = Talk(joined=False)
    talk.session.subscribe([f"{BOOK}:BTCUSDT"])
    assert talk.sent() == [] and talk.session.next_time(0.0) == 5.0
    assert talk.told(OPEN) == [] and talk.session.next_time(0.0) == 0.0
    assert talk.sent() == [b"40/exchange_2,"]
    assert talk.sent() == []
    assert talk.told(b'40/exchange_2,{"sid":"y"}') == []
    assert talk.sent() == [b'42/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",{"event":"subscribe","pair":"BTCUSDT"}]']


def test_spot_pairs_have_a_comma() -> None:
    talk = Talk(SPOT)
    talk.session.subscribe([f"{BOOK}:BTC/INR"])
    talk.session.unsubscribe([f"{TRADES}:BTC/INR"])
    assert talk.sent() == [
        b'42/coinswitchx,["FETCH_ORDER_BOOK_CS_PRO",{"event":"subscribe","pair":"BTC,INR"}]',
        b'42/coinswitchx,["FETCH_TRADES_CS_PRO",{"event":"unsubscribe","pair":"BTC,INR"}]',
    ]


def test_a_confirmation_is_for_the_oldest_request_of_its_event() -> None:
    talk = Talk()
    talk.session.subscribe([f"{BOOK}:A", f"{TRADES}:A", f"{BOOK}:B"])
    talk.sent()
    assert talk.event(TRADES, {"success": True}) == [Confirmed((f"{TRADES}:A",))]
    assert talk.event(BOOK, {"success": True, "message": "ok"}) == [Confirmed((f"{BOOK}:A",))]
    assert talk.event(BOOK, {"success": False, "message": "no such pair"}) == [
        Refused((f"{BOOK}:B",), 0, "no such pair")
    ]
    assert talk.event(BOOK, {"success": True}) == [Unknown("answer")]


def test_a_confirmation_that_names_its_pair() -> None:
    talk = Talk()
    talk.session.subscribe([f"{BOOK}:A", f"{BOOK}:B"])
    talk.sent()
    assert talk.event(BOOK, {"success": True, "pair": "b"}) == [Confirmed((f"{BOOK}:B",))]


def test_no_confirmation() -> None:
    talk = Talk()
    talk.session.subscribe([f"{BOOK}:A"])
    talk.sent(1.0)
    assert talk.session.overdue(5.9) == []
    assert talk.session.overdue(6.0) == [Unconfirmed((f"{BOOK}:A",), 5.0)]
    assert talk.session.overdue(6.0) == []


def test_the_pace_holds_subscriptions_back() -> None:
    talk = Talk(limit=2)
    talk.session.subscribe([f"{BOOK}:{name}" for name in "ABC"])
    assert len(talk.sent(0.5)) == 1  # the join was one
    assert talk.session.next_time(0.5) == 1.0
    assert len(talk.sent(1.0)) == 1


def test_a_ping_is_answered_whatever_the_pace_and_owed_in_time() -> None:
    talk = Talk(limit=1)
    assert talk.session.next_time(0.0) == 45.0
    assert talk.told(b"2") == [] and talk.session.next_time(10.0) == 10.0
    assert talk.sent(10.0) == [b"3"]
    assert talk.told(b"2probe") == [] and talk.sent(20.0) == [b"3probe"]
    assert talk.session.overdue(64.9) == []
    assert talk.session.overdue(65.0) == [Lost("no ping of the server for 45 s")]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"1", "Engine.IO close"),
        (b"41/exchange_2,", "left the namespace"),
        (b'44/exchange_2,"Unable to connect"', "refused: .*Unable to connect"),
        (b'44/exchange_2,{"message":"no"}', "refused: .*no"),
    ],
)
def test_the_end_of_a_conversation(payload: bytes, reason: str) -> None:
    (event,) = Talk().told(payload)
    assert isinstance(event, Lost)
    assert re.search(reason, event.reason)


def test_a_namespace_that_is_never_joined() -> None:
    talk = Talk(joined=False)
    talk.told(OPEN)
    talk.sent()
    assert talk.session.overdue(5.0) == [Lost("the namespace was not joined within 5 s")]


@pytest.mark.parametrize(
    ("payload", "events"),
    [
        (b"6", []), (b"5", []), (b"3probe", []), (b'43/exchange_2,7["joined"]', []),
        (b'42/nope,["x",1]', [Unknown("namespace /nope")]),
        (b'42["x",1]', [Unknown("namespace /")]),
        (b'42/exchange_2,["depth-update",{}]', [Unknown("depth-update")]),
        (b'42/exchange_2,12["depth-update",{}]', [Unknown("depth-update")]),
        (b'42/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",{"s":"X"}]', [Unknown("book of another symbol")]),
    ],
)  # fmt: skip
def test_what_is_nobodys_business(payload: bytes, events: list[Event]) -> None:
    assert Talk().told(payload) == events


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"9", b"hello", b"49/exchange_2,", b"0", b"0{}", b'0{"pingInterval":"25000","pingTimeout":1}',
        b'0{"pingInterval":true,"pingTimeout":1}', b"42/exchange_2,", b"42/exchange_2,{}", b"42/exchange_2,[]",
        b"42/exchange_2,[7]", b"45/exchange_2,[1]", b"450-/exchange_2,[1]", b"4599999-/exchange_2,[1]",
    ],
)  # fmt: skip
def test_what_is_no_packet(payload: bytes) -> None:
    assert [type(event) for event in Talk().told(payload)] == [Malformed]


def test_the_attachments_of_an_event_are_not_taken_for_packets() -> None:
    talk = Talk()
    assert talk.told(b'452-/exchange_2,["bin",{"d":{"_placeholder":true,"num":0}}]') == [Unknown("binary event")]
    assert talk.told(b"1") == [] and talk.told(b"\x00\x01") == []
    assert talk.told(b"2") == [] and talk.sent(1.0) == [b"3"]


def test_trades_in_every_wrapping() -> None:
    entry = {"E": 1721980284679, "m": True, "p": "292579", "q": 0.5, "s": "BTC,INR", "t": "x1", "e": "coinswitchx"}
    at = 1721980284679_000_000
    want = Record(Trade("BTC/INR", "x1", Decimal(292579), Decimal("0.5"), Side.SELL, at, at, 7))
    for payload in (entry, [entry], {"data": entry}, {"data": [entry]}):
        assert Talk(SPOT).event(TRADES, payload, "/coinswitchx") == [want]
    nameless = {key: value for key, value in entry.items() if key != "t"} | {"s": "BTCUSDT"}
    (event,) = Talk().event(TRADES, nameless)
    assert isinstance(event, Record) and event.record.symbol == "BTCUSDT"


def test_candles_and_tickers() -> None:
    candle = {
        "o": "1.5", "h": "2", "l": "1", "c": "1.7", "v": "10", "q": "17", "s": "BTCUSDT", "i": "5", "t": 600000,
        "T": 899999, "ts": 700000, "x": False,
    }  # fmt: skip
    (event,) = Talk().event("FETCH_CANDLESTICK_CS_PRO", candle)
    assert isinstance(event, Record) and isinstance(event.record, Candle)
    assert (event.record.interval_s, event.record.closed, event.record.close) == (300, False, Decimal("1.7"))
    ticker = {"BTCUSDT": {"s": "BTCUSDT", "E": 5, "c": "100.5", "P": -1.25, "r": 0.0001}}
    (event,) = Talk().event("FETCH_TICKER_INFO_CS_PRO", ticker)
    assert isinstance(event, Record) and isinstance(event.record, Ticker)
    assert (event.record.last, event.record.change_percent) == (Decimal("100.5"), Decimal("-1.25"))


@pytest.mark.parametrize("field", ["E", "m", "p", "q", "s"])
def test_a_spoilt_trade(field: str) -> None:
    entry: dict[str, Any] = {"E": 1, "m": True, "p": "2", "q": "3", "s": "BTCUSDT"}
    for spoilt in ({**entry, field: []}, {k: v for k, v in entry.items() if k != field}):
        (event,) = Talk().event(TRADES, spoilt)
        assert isinstance(event, Malformed) and event.error.field == field


def test_the_recorded_frames_of_a_real_server() -> None:
    if not FRAMES.exists():
        pytest.skip("the shared samples are not here")
    talk, kinds = Talk(joined=False), []
    for line in FRAMES.read_text().split("# --- second")[0].splitlines():
        if line.startswith("S->C TEXT   '"):
            events = talk.told(line[13:-1].encode())
            talk.sent()
            kinds += [type(event).__name__ for event in events]
        elif line.startswith("S->C BINARY"):
            assert talk.told(b"\x00\x01\x02") == []
    assert "Malformed" not in kinds and kinds.count("Lost") == 1  # kicked
