from __future__ import annotations

from csbook.guard.budget import RateBudget
from csbook.wire.plain import PlainSession
from csbook.wire.session import Pace, Session


def test_the_plain_session_is_one() -> None:
    """mypy holds the signatures against the protocol here; the call shows that they are there."""
    pace: Pace = RateBudget(1)
    session: Session = PlainSession(pace=pace)
    session.subscribe(["a"])
    session.unsubscribe(["a"])
    assert session.next_time(0.0) == 0.0
    assert len(session.frames(0.0)) == 1
    assert session.overdue(0.0) == []
    assert session.receive(b"[]", 0) == []
