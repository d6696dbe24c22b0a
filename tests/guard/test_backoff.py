from __future__ import annotations

import pytest

from csbook.guard.backoff import Backoff


def waits(backoff: Backoff, count: int, now: float = 0.0) -> list[float]:
    return [backoff.lost(now) for _ in range(count)]


def test_doubles_up_to_the_cap() -> None:
    assert waits(Backoff(dice=lambda: 0.0), 7) == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_jitter_only_takes_off() -> None:
    assert waits(Backoff(jitter=0.25, dice=lambda: 1.0), 6) == [0.75, 1.5, 3.0, 6.0, 12.0, 22.5]
    for wait, rule in zip(waits(Backoff(), 6), [1.0, 2.0, 4.0, 8.0, 16.0, 30.0], strict=True):
        assert 0.75 * rule <= wait <= rule


def test_a_healthy_minute_forgives() -> None:
    backoff = Backoff(dice=lambda: 0.0)
    assert waits(backoff, 3) == [1.0, 2.0, 4.0]
    backoff.opened(100.0)
    assert backoff.lost(159.9) == 8.0
    backoff.opened(200.0)
    assert backoff.lost(260.0) == 1.0


def test_a_failed_dial_after_a_healthy_connection_is_the_second_try() -> None:
    backoff = Backoff(dice=lambda: 0.0)
    backoff.opened(0.0)
    assert [backoff.lost(1000.0), backoff.lost(2000.0), backoff.lost(9000.0)] == [1.0, 2.0, 4.0]


def test_never_overflows() -> None:
    assert waits(Backoff(dice=lambda: 0.0), 5000)[-1] == 30.0


@pytest.mark.parametrize("bad", [{"base": 0.0}, {"base": 2.0, "cap": 1.0}, {"jitter": 1.0}, {"jitter": -0.1}])
def test_nonsense_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="no such backoff"):
        Backoff(**bad)
