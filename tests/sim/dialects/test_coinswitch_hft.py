from __future__ import annotations

import json
from typing import Any

SUBJECT = "v1.f.public.futures.depth-update.BTC/USDT"


def test_a_conversation_in_pieces(stage: Any) -> None:
    talk = stage("coinswitch-hft").speech.talk("/", {})
    assert talk.greet().answers[0].startswith(b"INFO {")
    assert talk.hear(b'CONNECT {"verbose":false}\r\nSUB v1.f.public.fut', ()).subscribe == []
    reply = talk.hear(b"ures.depth-update.BTC/USDT 4\r\nPING\r\n", ())
    assert (reply.subscribe, reply.answers) == ([SUBJECT], [b"PONG\r\n"])
    assert talk.dress(SUBJECT, b"{}") == f"MSG {SUBJECT} 4 2\r\n{{}}\r\n".encode()
    assert talk.hear(b"PONG\r\n", (SUBJECT,)).alive
    assert talk.hear(b"UNSUB 4\r\n", (SUBJECT,)).unsubscribe == [SUBJECT]
    assert talk.hear(b"WHAT\r\n", ()).end


def test_wildcards_bring_arrays(stage: Any) -> None:
    talk = stage("coinswitch-hft").speech.talk("/", {})
    assert talk.hear(b"SUB v1.f.public.futures.depth-update.> 1\r\n", ()).subscribe == [SUBJECT]
    assert talk.dress(SUBJECT, b"{}").endswith(b" 1 4\r\n[{}]\r\n")


def test_private_subjects_and_publishing_are_refused(stage: Any) -> None:
    talk = stage("coinswitch-hft").speech.talk("/", {})
    assert b"Permissions" in talk.hear(b"SUB v1.f.ex1.private.subAccountId.1.order 1\r\n", ()).answers[0]
    assert b"Permissions" in talk.hear(b"PUB x 2\r\nhi\r\n", ()).answers[0]


def test_cuts_lose_nothing(stage: Any) -> None:
    talk = stage("coinswitch-hft").speech.talk("/", {})
    data = json.dumps(list(range(300))).encode()
    cuts = [talk.cuts(data) for _ in range(50)]
    assert all(b"".join(pieces) == data and all(pieces) for pieces in cuts)
    assert len({tuple(map(len, pieces)) for pieces in cuts}) > 20
    assert talk.cuts(b"") == [b""]
