"""CoinSwitch spot's private talk, by the fact sheet's sections 5.1 and 7."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.wire.admission import Denied, PrivateSession
from csbook.wire.private_socketio import REFUSED_WITHIN, PrivateSocketIoSession
from csbook.wire.session import Event, Lost, Malformed, News, Unknown

OPEN = b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
EVENT = "FETCH_ORDER_UPDATES"
LOGIN = b'["FETCH_ORDER_UPDATES",{"event":"subscribe","apikey":"the-key"}]'


class Talk:
    def __init__(self, *, asked: bool = True, limit: int = 100, login: Callable[[], bytes] = lambda: LOGIN) -> None:
        self.session: PrivateSession = PrivateSocketIoSession(
            pace=RateBudget(limit), namespace="/orderupdates", login=login, confirm_within=5.0
        )
        self.session.opened(0.0)
        if asked:
            self.told(OPEN)
            self.sent()
            assert self.told(b'40/orderupdates,{"sid":"y"}') == []
            self.sent()

    def sent(self, now: float = 0.0) -> list[bytes]:
        return self.session.frames(now)

    def told(self, payload: bytes) -> list[Event]:
        events = self.session.hear(payload)
        assert events is not None
        return events

    def event(self, payload: Any, name: str = EVENT) -> list[Event]:
        return self.told(f"42/orderupdates,{json.dumps([name, payload])}".encode())


def test_the_namespace_then_whose_it_is() -> None:
    talk = Talk(asked=False)
    assert not talk.session.binary and talk.session.framed
    assert talk.sent() == [] and talk.session.next_time(0.0) == 5.0
    talk.told(OPEN)
    assert talk.sent() == [b"40/orderupdates,"] and not talk.session.ready
    talk.told(b'40/orderupdates,{"sid":"y"}')
    assert talk.session.next_time(0.0) == 0.0
    assert talk.sent() == [b"42/orderupdates," + LOGIN] and talk.sent() == []


def test_the_login_is_made_when_it_is_sent_and_within_the_pace() -> None:
    made: list[float] = []
    talk = Talk(asked=False, limit=1, login=lambda: LOGIN if made.append(1) is None else b"")  # type: ignore[func-returns-value]
    talk.told(OPEN)
    talk.sent()
    talk.told(b'40/orderupdates,{"sid":"y"}')
    assert talk.sent(0.5) == [] and made == []
    due = talk.session.next_time(0.5)
    assert due is not None and 0.5 < due <= 1.0
    assert talk.sent(due) == [b"42/orderupdates," + LOGIN] and made == [1]


def test_it_stands_when_it_is_confirmed() -> None:
    talk = Talk()
    assert not talk.session.ready
    assert talk.event({"success": True, "message": "subscribed"}) == [] and talk.session.ready


def test_it_stands_with_its_first_news() -> None:
    talk = Talk()
    assert talk.event({"i": "7"}) == [News(EVENT, {"i": "7"})] and talk.session.ready


def test_it_stands_when_nobody_said_no() -> None:
    talk = Talk()
    assert talk.session.next_time(0.0) == REFUSED_WITHIN
    assert talk.session.overdue(REFUSED_WITHIN - 0.01) == [] and not talk.session.ready
    assert talk.session.overdue(REFUSED_WITHIN) == [] and talk.session.ready
    assert talk.session.next_time(REFUSED_WITHIN) != REFUSED_WITHIN  # the next thing is a ping that does not come


@pytest.mark.parametrize(
    ("more", "words"),
    [({"message": "no such key"}, "no such key"), ({"error": "x" * 900}, "x" * 200), ({}, "no reason was given")],
)
@pytest.mark.parametrize("late", [False, True])
def test_a_refusal_whenever_it_comes(more: dict[str, str], words: str, late: bool) -> None:
    talk = Talk()
    if late:
        talk.session.overdue(REFUSED_WITHIN)
    assert talk.event({"success": False, **more}) == [Denied(f"the subscription was refused: {words}")]
    assert talk.session.ready is late


def test_every_event_is_news_with_numbers_as_they_were_written() -> None:
    talk = Talk()
    (news,) = talk.told(b'42/orderupdates,["WALLET",{"z":0.10000000000000000001,"n":[1.50]}]')
    assert isinstance(news, News) and news.channel == "WALLET"
    assert news.data == {"z": Decimal("0.10000000000000000001"), "n": [Decimal("1.50")]}
    assert str(news.data["n"][0]) == "1.50"
    assert talk.told(b'42/orderupdates,["ALONE"]') == [News("ALONE", None)]
    (long,) = talk.event(1, "N" * 900)
    assert isinstance(long, News) and long.channel == "N" * 64


@pytest.mark.parametrize(
    "payload",
    [
        b'42/orderupdates,["X",{"z":NaN}]', b'42/orderupdates,{"i":1}', b"42/orderupdates,[", b"42/orderupdates,[7]",
        b"9", b"",
    ],
)  # fmt: skip
def test_what_cannot_be_read(payload: bytes) -> None:
    talk = Talk()
    (event,) = talk.told(payload)
    assert isinstance(event, Malformed) and not talk.session.ready


def test_what_comes_in_pieces_or_for_others() -> None:
    talk = Talk()
    assert talk.told(b'451-/orderupdates,["X",{"_placeholder":true,"num":0}]') == [Unknown("binary event")]
    assert talk.told(b"\x00\x01") == []  # its attachment
    assert talk.told(b'42/another,["X",{}]') == [Unknown("namespace /another")]


def test_the_ends() -> None:
    assert Talk(asked=False).session.overdue(5.0) == [Lost("the namespace was not joined within 5 s")]
    talk = Talk(asked=False)
    talk.told(OPEN)
    assert talk.told(b'44/orderupdates,{"message":"Invalid"}') == [
        Lost('the namespace was refused: {"message":"Invalid"}')
    ]
    assert Talk().told(b"41/orderupdates,") == [Lost("the server left the namespace")]
    assert Talk().session.overdue(45.0) == [Lost("no ping of the server for 45 s")]


def test_pings_are_answered() -> None:
    talk = Talk()
    talk.told(b"2")
    talk.session.overdue(9.0)
    assert talk.session.next_time(9.0) == 9.0 and talk.sent(9.0) == [b"3"]
    assert talk.session.overdue(53.0) == [] and talk.session.overdue(54.0) == [Lost("no ping of the server for 45 s")]
