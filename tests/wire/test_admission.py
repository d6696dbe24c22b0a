from __future__ import annotations

from csbook.wire.admission import Denied, Topics
from csbook.wire.session import Confirmed, Lost, Refused, Unconfirmed, Unknown


def test_ready_when_every_topic_is_confirmed() -> None:
    topics = Topics(["order", "wallet"])
    assert not topics.ready and topics.judged([Confirmed(("order",))]) == [] and not topics.ready
    assert topics.judged([Unknown("x"), Confirmed(("wallet", "more"))]) == [Unknown("x")] and topics.ready


def test_a_topic_that_cannot_be_had_is_a_loss() -> None:
    topics = Topics(["order", "wallet"])
    assert topics.judged([Refused(("order",), 404, "no such topic")]) == [
        Lost("order was refused: no such topic (code 404)")
    ]
    assert topics.judged([Unconfirmed(("order", "wallet"), 5.0)]) == [
        Lost("order, wallet was not confirmed within 5 s")
    ]
    assert not topics.ready


def test_not_let_in_is_a_loss_of_its_own_kind() -> None:
    assert isinstance(Denied("no"), Lost) and Denied("no").reason == "no" and Denied("no") != Lost("no")
