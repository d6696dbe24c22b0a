from __future__ import annotations

import time

import pytest

from csbook.clock import Clock, LiveClock, TapeClock


def test_the_live_clock_is_the_machines() -> None:
    clock: Clock = LiveClock()
    before = time.time_ns()
    now = clock.now_ns()
    assert before <= now <= time.time_ns()
    first = clock.monotonic_ns()
    assert first <= clock.monotonic_ns() <= time.monotonic_ns()


def test_a_tape_clock_stands_until_it_is_moved() -> None:
    tape = TapeClock(1_700_000_000_000_000_000)
    clock: Clock = tape
    assert (clock.now_ns(), clock.monotonic_ns()) == (1_700_000_000_000_000_000, 0)
    tape.advance(5)
    tape.advance(0)
    assert (clock.now_ns(), clock.monotonic_ns()) == (1_700_000_000_000_000_005, 5)


def test_a_tape_clock_never_goes_back() -> None:
    clock = TapeClock(10)
    with pytest.raises(ValueError, match="advance"):
        clock.advance(-1)
    assert clock.now_ns() == 10
