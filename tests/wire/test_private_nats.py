"""The private talk over NATS, by the fact sheet's sections 6.4 and 7.4."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from csbook.credentials import Secret
from csbook.guard.budget import RateBudget
from csbook.wire.admission import Denied, PrivateSession
from csbook.wire.private_nats import PrivateNatsSession
from csbook.wire.session import Event, Lost, Malformed, News

SUBJECTS = ("v1.f.ex1.private.subAccountId.71.order", "v1.f.ex1.private.subAccountId.71.trade")
INFO = b'INFO {"server_id":"N","max_payload":1048576,"headers":true,"auth_required":true} \r\n'
LOGIN = {"user": Secret("socket-key-that-nobody-sees"), "pass": Secret('a "quoted" signature, hidden')}


class Talk:
    def __init__(self, *, greeted: bool = True) -> None:
        self.session: PrivateSession = PrivateNatsSession(
            pace=RateBudget(100), subjects=SUBJECTS, login=LOGIN, confirm_within=5.0
        )
        self.session.opened(0.0)
        if greeted:
            assert self.told(INFO) == []
            self.sent()

    def sent(self, now: float = 0.0) -> bytes:
        return b"".join(self.session.frames(now))

    def told(self, payload: bytes) -> list[Event]:
        events = self.session.hear(payload)
        assert events is not None
        return events

    def message(self, payload: bytes, subject: str = SUBJECTS[0]) -> list[Event]:
        return self.told(b"MSG %b 1 %d\r\n%b\r\n" % (subject.encode(), len(payload), payload))


def test_connect_says_whose_it_is_and_the_subjects_follow() -> None:
    talk = Talk(greeted=False)
    assert talk.session.binary and talk.session.framed
    assert talk.sent() == b"" and talk.session.next_time(0.0) == 5.0
    talk.told(INFO)
    connect, *rest = talk.sent().split(b"\r\n")
    said = json.loads(connect.removeprefix(b"CONNECT "))
    assert (said["user"], said["pass"]) == tuple(value.reveal() for value in LOGIN.values())
    assert rest == [*(f"SUB {subject} {i}".encode() for i, subject in enumerate(SUBJECTS, 1)), b"PING", b""]
    assert not talk.session.ready
    assert talk.told(b"PONG\r\n") == [] and talk.session.ready


@pytest.mark.parametrize(
    "text",
    ["Authorization Violation", "Authentication Required", "User Authentication Revoked", "authorization violation"],
)
def test_a_login_that_is_refused(text: str) -> None:
    talk = Talk()
    assert talk.told(f"-ERR '{text}'\r\n".encode()) == [Denied(f"the login was refused: {text}")]
    assert not talk.session.ready


def test_a_subject_that_is_refused_keeps_it_from_standing() -> None:
    talk = Talk()
    text = f'Permissions Violation for Subscription to "{SUBJECTS[1]}"'
    assert talk.told(f"-ERR '{text}'\r\nPONG\r\n".encode()) == [Lost(f"{SUBJECTS[1]} was refused: {text} (code 0)")]
    assert not talk.session.ready


def test_the_ends() -> None:
    assert Talk(greeted=False).session.overdue(5.0) == [Lost("no INFO of the server within 5 s")]
    assert Talk().session.overdue(5.0) == [Lost(f"{', '.join(SUBJECTS)} was not confirmed within 5 s")]
    (lost,) = Talk().told(b"-ERR 'Stale Connection'\r\n")
    assert type(lost) is Lost and "Stale Connection" in lost.reason
    talk = Talk()
    talk.told(b"PONG\r\n")
    assert b"PING" in talk.sent(20.0) and talk.session.overdue(30.0) == [Lost("a ping was not answered")]


def test_what_comes_is_news_with_numbers_as_they_were_written() -> None:
    talk = Talk()
    assert talk.message(b'{"z":0.10000000000000000001}') == [
        News(SUBJECTS[0], {"z": Decimal("0.10000000000000000001")})
    ]
    assert talk.message(b"[1,2]", "elsewhere") == [News("elsewhere", [1, 2])]
    headed = b"NATS/1.0\r\nX: y\r\n\r\n"
    (news,) = talk.told(b"HMSG s 1 %d %d\r\n%b{}\r\n" % (len(headed), len(headed) + 2, headed))
    assert news == News("s", {})


@pytest.mark.parametrize("payload", [b"", b"no json", b'{"a":NaN}', b"\xff"])
def test_a_message_that_cannot_be_read_ends_nothing(payload: bytes) -> None:
    talk = Talk()
    (event,) = talk.message(payload)
    assert isinstance(event, Malformed)
    assert talk.message(b"{}") == [News(SUBJECTS[0], {})]


def test_an_operation_that_cannot_be_read_ends_it() -> None:
    malformed, lost = Talk().told(b"MSG x\r\n")
    assert isinstance(malformed, Malformed) and isinstance(lost, Lost)


def test_nothing_of_the_login_is_shown() -> None:
    talk = Talk()
    shown = repr(talk.session) + repr(talk.told(b"-ERR 'Authorization Violation'\r\n"))
    assert not [value for value in LOGIN.values() if value.reveal() in shown]
