"""NATS by the fact sheet's section 7.4 and the recorded bytes of a real server, cut anywhere, and what goes wrong."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from csbook.guard.budget import RateBudget
from csbook.wire.nats import NatsSession
from csbook.wire.session import Confirmed, Depth, Event, Lost, Malformed, Record, Refused, Session, Unconfirmed, Unknown

DEPTH = "v1.depth."
INFO = b'INFO {"server_id":"N","max_payload":1048576,"headers":true} \r\n'


def read(message: Any, receive_time_ns: int) -> list[Any]:
    return [("ltp", message, receive_time_ns)]


class Talk:
    def __init__(self, *, greeted: bool = True, **options: Any) -> None:
        self.session: Session = NatsSession(
            pace=RateBudget(100), depth=DEPTH, readers={"v1.ltp.": read}, confirm_within=5.0, **options
        )
        self.session.opened(0.0)
        if greeted:
            assert self.told(INFO) == []
            self.sent()

    def sent(self, now: float = 0.0) -> bytes:
        return b"".join(self.session.frames(now))

    def told(self, payload: bytes) -> list[Event]:
        return self.session.receive(payload, 7)


def test_it_is_a_stream_of_bytes() -> None:
    assert Talk().session.binary and Talk().session.framed


def test_the_server_speaks_first() -> None:
    talk = Talk(greeted=False)
    talk.session.subscribe(["v1.depth.BTC/USDT", "v1.depth.ETH/USDT"])
    assert talk.sent() == b"" and talk.session.next_time(0.0) == 5.0
    assert talk.told(INFO) == [] and talk.session.next_time(0.0) == 0.0
    connect, first, second, ping, end = talk.sent().split(b"\r\n")
    said = json.loads(connect.removeprefix(b"CONNECT "))
    assert said["verbose"] is False and said["protocol"] == 1
    assert [first, second, ping, end] == [b"SUB v1.depth.BTC/USDT 1", b"SUB v1.depth.ETH/USDT 2", b"PING", b""]
    assert talk.told(b"PONG\r\n") == [Confirmed(("v1.depth.BTC/USDT", "v1.depth.ETH/USDT"))]


def test_leaving_and_entering_again() -> None:
    talk = Talk()
    talk.session.subscribe(["v1.depth.A"])
    talk.sent()
    talk.session.unsubscribe(["v1.depth.A", "v1.depth.never"])
    talk.session.subscribe(["v1.depth.B"])
    assert talk.sent() == b"UNSUB 1\r\nSUB v1.depth.B 1\r\nPING\r\n"


def test_no_info_and_no_pong() -> None:
    assert Talk(greeted=False).session.overdue(5.0) == [Lost("no INFO of the server within 5 s")]
    talk = Talk()
    talk.session.subscribe(["v1.depth.A"])
    talk.sent(1.0)
    assert talk.session.overdue(5.9) == []
    assert talk.session.overdue(6.0) == [Unconfirmed(("v1.depth.A",), 5.0)]
    assert talk.told(b"PONG\r\n") == []  # too late


def test_both_sides_ping() -> None:
    talk = Talk(ping_interval=20.0, ping_timeout=10.0)
    talk.told(b"PING\r\n")
    assert talk.session.next_time(1.0) == 1.0 and talk.sent(1.0) == b"PONG\r\n"
    assert talk.sent(20.0) == b"PING\r\n"
    assert talk.told(b"PONG\r\n") == [] and talk.session.overdue(39.0) == []
    assert talk.sent(40.0) == b"PING\r\n"
    assert talk.session.overdue(50.0) == [Lost("a ping was not answered")]


def test_messages_of_every_kind() -> None:
    talk = Talk()
    head = b"NATS/1.0\r\nA: b\r\n\r\n"
    events = talk.told(
        b"MSG v1.depth.A 1 3\r\n[1]\r\n"
        b"msg\tv1.depth.B  2 inbox.x 2\r\n{}\r\n"
        b"HMSG v1.depth.C 3 %d %d\r\n%b[7]\r\n"
        % (len(head), len(head) + 3, head)
        + b"MSG v1.ltp.A 4 3\r\n1.5\r\nMSG v1.other 5 0\r\n\r\n+OK\r\n"
    )
    assert events == [
        Depth(b"[1]"), Depth(b"{}"), Depth(b"[7]"), Record(("ltp", 1.5, 7)), Unknown("v1.other"),  # type: ignore[arg-type]
    ]  # fmt: skip


def test_a_record_that_is_none_costs_nothing_else() -> None:
    events = Talk().told(b"MSG v1.ltp.A 4 1\r\n{\r\nMSG v1.depth.A 1 1\r\n7\r\n")
    assert [type(event) for event in events] == [Malformed, Depth]


def test_a_subject_that_is_not_permitted() -> None:
    talk = Talk()
    talk.session.subscribe(["v1.depth.A", "v1.depth.B"])
    talk.sent()
    text = 'Permissions Violation for Subscription to "v1.depth.A"'
    assert talk.told(f"-ERR '{text}'\r\n".encode()) == [Refused(("v1.depth.A",), 0, text)]
    assert talk.told(b"PONG\r\n") == [Confirmed(("v1.depth.B",))]


def test_any_other_error_is_the_end() -> None:
    assert Talk().told(b"-ERR 'Authorization Violation'\r\n") == [
        Lost("the server reports an error: Authorization Violation")
    ]


@pytest.mark.parametrize("seed", range(20))
def test_frames_may_be_cut_anywhere(seed: int) -> None:
    dice = random.Random(seed)
    stream, want = INFO, []
    for i in range(60):
        payload = bytes(dice.choice(b"[]{}\r\nMSG 0") for _ in range(dice.randrange(200)))
        if dice.random() < 0.3:
            head = b"NATS/1.0\r\n\r\n"
            stream += b"HMSG v1.depth.X %d %d %d\r\n%b" % (i, len(head), len(head) + len(payload), head)
        else:
            stream += b"MSG v1.depth.X %d %d\r\n" % (i, len(payload))
        stream += payload + b"\r\n" + dice.choice([b"", b"PING\r\n", b"PONG\r\n", b"+OK\r\n"])
        want.append(Depth(payload))
    talk, got, at = Talk(greeted=False), [], 0
    while at < len(stream):
        size = dice.choice([1, 2, 7, 64, 4096])
        got += talk.told(stream[at : at + size])
        at += size
    assert got == want


@pytest.mark.parametrize(
    "stream",
    [
        b"HELLO x\r\n", b"MSG v1.depth.A 1\r\n", b"MSG v1.depth.A 1 x\r\n", b"MSG v1.depth.A 1 -1\r\n",
        b"MSG v1.depth.A 1 99999999\r\n", b"MSG v1.depth.A 1 9999999999\r\n", b"MSG a b c d 3\r\nabc\r\n",
        b"HMSG v1.depth.A 1 9 3\r\nabc\r\n", b"MSG v1.depth.A 1 3\r\nabcde\r\n", b"INFO 7\r\n", b"INFO {\r\n",
        b"x" * 5000, b"INFO " + b"x" * 70000,
    ],
)  # fmt: skip
def test_what_is_no_stream_ends_the_conversation(stream: bytes) -> None:
    events = Talk().told(stream)
    assert [type(event) for event in events] == [Malformed, Lost]


def test_a_large_message_in_small_frames_is_not_read_again_and_again() -> None:
    talk, size = Talk(), 4_000_000
    assert talk.told(b"MSG v1.depth.A 1 %d\r\n" % size) == []
    for _ in range(size // 4000):
        assert talk.told(b"x" * 4000) == []
    assert talk.told(b"\r\n") == [Depth(b"x" * size)]
