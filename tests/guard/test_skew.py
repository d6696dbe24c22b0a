from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csbook.guard.skew import ClockSkew, SkewVerdict

NOW = 1_700_000_000_000_000_000


def ask(skew: ClockSkew, now: float, offset: float, there: float = 0.02, back: float = 0.02) -> list[str]:
    """The venue's clock is ``offset`` ahead; the question takes ``there`` and the answer ``back`` seconds."""
    sent = NOW + int(now * 1e9)
    said = (sent + int((there + offset) * 1e9)) // 1_000_000
    alerts = skew.answered(sent, sent + int((there + back) * 1e9), said, now + there + back)
    assert all(alert.kind == "degrade" for alert in alerts)
    return [alert.text for alert in alerts]


def test_before_the_first_answer() -> None:
    skew = ClockSkew()
    assert (skew.verdict, skew.offset_ns, skew.error_ns) == (SkewVerdict.UNKNOWN, None, None)
    assert skew.due(3.0) == 3.0


def test_a_clock_that_is_right() -> None:
    skew = ClockSkew(every=600.0)
    assert ask(skew, 0.0, 0.0) == []
    assert skew.verdict is SkewVerdict.FINE
    assert skew.due(1.0) == pytest.approx(600.04)


@pytest.mark.parametrize(
    ("offset", "verdict", "text"),
    [
        (4.5, SkewVerdict.FINE, ""),
        (-4.5, SkewVerdict.FINE, ""),
        (5.5, SkewVerdict.OFF, "5.50 s behind the venue's; beyond 5 s it may refuse requests"),
        (-7.0, SkewVerdict.OFF, "7.00 s ahead of the venue's; beyond 5 s it may refuse requests"),
        (59.0, SkewVerdict.OFF, "59.00 s behind the venue's; beyond 5 s it may refuse requests"),
        (90.0, SkewVerdict.REFUSED, "90.00 s behind the venue's; beyond 60 s it refuses every request"),
    ],
)
def test_the_bounds(offset: float, verdict: SkewVerdict, text: str) -> None:
    skew = ClockSkew()
    said = ask(skew, 0.0, offset)
    assert skew.verdict is verdict
    assert said == ([f"this machine's clock is {text}"] if text else [])
    assert ask(skew, 1.0, offset) == []  # told once


def test_what_a_slow_answer_cannot_tell_is_no_verdict() -> None:
    skew = ClockSkew()
    assert ask(skew, 0.0, 5.5, there=1.0, back=1.0) == []
    assert skew.verdict is SkewVerdict.UNKNOWN
    assert ask(skew, 1.0, 5.5) != []
    assert skew.verdict is SkewVerdict.OFF
    skew = ClockSkew()
    ask(skew, 0.0, 90.0)
    ask(skew, 1000.0, 59.5, there=1.0, back=1.0)  # may still be beyond
    assert skew.verdict is SkewVerdict.REFUSED


def test_back_to_fine_is_told() -> None:
    skew = ClockSkew()
    ask(skew, 0.0, 7.0)
    (text,) = ask(skew, 100.0, 0.25)  # the venue's clock was set: the old answer contradicts
    assert text == "this machine's clock is 0.25 s behind the venue's again, which is fine"
    assert skew.verdict is SkewVerdict.FINE


def test_the_quickest_answer_knows_best() -> None:
    skew = ClockSkew()
    ask(skew, 0.0, 0.1, there=0.001, back=0.001)
    for now in range(1, 5):
        ask(skew, float(now), 0.1, there=0.9, back=0.0)
    assert skew.offset_ns == pytest.approx(0.1e9, abs=3e6)
    assert skew.error_ns is not None and skew.error_ns < 4_000_000


def test_an_old_answer_knows_less() -> None:
    skew = ClockSkew()
    ask(skew, 0.0, 0.1, there=0.001, back=0.001)
    ask(skew, 3600.0, 0.3, there=0.05, back=0.05)
    assert skew.offset_ns == pytest.approx(0.3e9, abs=60e6)


def test_a_wall_clock_that_was_set() -> None:
    skew = ClockSkew()
    ask(skew, 0.0, 0.0)
    skew.look(NOW + 10_000_000_000, 10.0)
    assert skew.verdict is SkewVerdict.FINE and skew.due(10.0) > 10.0
    skew.look(NOW + 15_000_000_000, 11.0)  # four seconds forward
    assert skew.verdict is SkewVerdict.UNKNOWN and skew.offset_ns is None and skew.due(11.0) == 11.0


def test_a_clock_set_back_between_question_and_answer() -> None:
    skew = ClockSkew()
    assert skew.answered(NOW, NOW - 1, NOW // 1_000_000, 1.0) == []
    assert skew.verdict is SkewVerdict.UNKNOWN and skew.due(1.0) == 1.0


def test_a_refused_signature_asks_at_once() -> None:
    skew = ClockSkew()
    ask(skew, 0.0, 0.0)
    skew.refused(5.0)
    assert skew.due(5.0) == 5.0


@pytest.mark.parametrize(("working", "hard"), [(0.0, 1.0), (5.0, 4.0)])
def test_no_such_bounds(working: float, hard: float) -> None:
    with pytest.raises(ValueError, match="working"):
        ClockSkew(working=working, hard=hard)


@given(
    st.floats(-100, 100),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 2)), min_size=1, max_size=20),
)
def test_the_truth_is_within_the_error(offset: float, trips: list[tuple[float, float]]) -> None:
    """However lopsided the round trips are; and no verdict is ever wrong."""
    skew = ClockSkew()
    for number, (there, back) in enumerate(trips):
        ask(skew, 10.0 * number, offset, there, back)
        assert skew.offset_ns is not None and skew.error_ns is not None
        assert abs(skew.offset_ns - offset * 1e9) <= skew.error_ns + 10
    if skew.verdict is SkewVerdict.FINE:
        assert abs(offset) <= 5.001
    if skew.verdict is SkewVerdict.OFF:
        assert abs(offset) >= 4.999
    if skew.verdict is SkewVerdict.REFUSED:
        assert abs(offset) >= 59.999
