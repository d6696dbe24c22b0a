from __future__ import annotations

import pytest

from csbook.wire.heartbeat import Heartbeat


def test_a_ping_an_interval_and_an_answer_within_its_time() -> None:
    heart = Heartbeat(20.0, 10.0)
    assert heart.next_time() is None and not heart.beat(99.0)
    heart.begin(100.0)
    assert heart.next_time() == 120.0
    assert not heart.beat(119.9) and heart.beat(120.0) and not heart.beat(120.0)
    assert heart.next_time() == 130.0 and not heart.dead(129.9) and heart.dead(130.0)
    heart.heard()
    assert not heart.dead(999.0) and heart.next_time() == 140.0


def test_the_answer_to_the_first_unanswered_ping_decides() -> None:
    heart = Heartbeat(5.0, 12.0)
    heart.begin(0.0)
    assert heart.beat(5.0) and heart.beat(10.0) and heart.beat(15.0)
    assert heart.dead(17.0) and not heart.dead(16.9)


@pytest.mark.parametrize(("interval", "within"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_what_cannot_be(interval: float, within: float) -> None:
    with pytest.raises(ValueError, match="no such heartbeat"):
        Heartbeat(interval, within)
