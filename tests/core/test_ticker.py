"""The clock of a router: right to 0.1 us whatever the counter does, forwards only, and asked seldom."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from csbook import Book, Router, _core

MS = 1_000_000
Reading = tuple[int, int, int]


def readings(
    *, hertz: float, step_ns: int, until_ns: int, start_ns: int = 5_000 * MS, counter: int = 10**12, took: int = 60
) -> Iterator[Reading]:
    """A clock and a counter of one rate, read again and again."""
    for ns in range(0, until_ns, step_ns):
        yield counter + int(ns * hertz / 1e9), took, start_ns + ns


def forwards(said: list[tuple[int, bool]]) -> bool:
    return all(later[0] >= earlier[0] for earlier, later in pairwise(said))


@pytest.mark.parametrize("hertz", [0.8e9, 2.4e9, 2.999e9, 4.7e9])
def test_it_is_right_and_seldom_asks(hertz: float) -> None:
    read = list(readings(hertz=hertz, step_ns=3_001, until_ns=3_000 * MS))
    said = _core._ticker(read)
    assert max(abs(ns - true) for (ns, _), (_, _, true) in zip(said, read, strict=True)) <= 100
    late = [asked for (_, asked), (_, _, true) in zip(said, read, strict=True) if true > 5_020 * MS]
    assert sum(late) == pytest.approx(2_980, abs=40)  # once a millisecond
    assert forwards(said)


def test_a_slow_stream_asks_every_time() -> None:
    read = list(readings(hertz=3e9, step_ns=2 * MS, until_ns=1_000 * MS))
    assert _core._ticker(read) == [(true, True) for _, _, true in read]


def test_nothing_is_learnt_from_a_reading_that_was_interrupted() -> None:
    """The counter was read, then the thread slept for 4 ms, then the clock was read."""
    rng = random.Random(3)
    read, slept = [], 0
    for counter, took, true in readings(hertz=3e9, step_ns=50_003, until_ns=2_000 * MS):
        at = counter + 3 * slept
        if rng.random() < 0.2:
            slept += 4 * MS
            took += 12 * MS
        read.append((at, took, true + slept))
    said = _core._ticker(read)
    for (ns, asked), (_, took, true) in zip(said, read, strict=True):
        slow = took > 2_000
        assert abs(ns - true) <= 100 or (slow and not asked)  # where it does not ask, there is no reading to sleep in
    assert 0 < sum(asked for _, asked in said[2_000:]) < 38_000


def test_a_rate_that_changes_is_noticed_at_the_next_reading() -> None:
    """As when a virtual machine is moved to another processor."""
    read = list(readings(hertz=3e9, step_ns=2_003, until_ns=100 * MS))
    last = read[-1]
    read += list(
        readings(hertz=2e9, step_ns=2_003, until_ns=1_500 * MS, start_ns=last[2] + 2_003, counter=last[0] + 4_006)
    )
    said = _core._ticker(read)
    wrong = [abs(ns - true) for (ns, _), (_, _, true) in zip(said, read, strict=True)]
    moved = last[2]
    assert max(wrong) < 600_000  # for at most a millisecond and a half of the new counter
    assert max(w for w, (_, _, true) in zip(wrong, read, strict=True) if true > moved + 2 * MS) <= 100
    quiet = [asked for (_, asked), (_, _, true) in zip(said, read, strict=True) if true > moved + 50 * MS]
    assert sum(quiet) < len(quiet) / 100  # it is believed again


def test_after_three_mistakes_it_is_not_believed_again() -> None:
    read: list[Reading] = []
    start, counter = 5_000 * MS, 10**12
    for _ in range(4):
        read += list(readings(hertz=3e9, step_ns=10_007, until_ns=60 * MS, start_ns=start, counter=counter))
        start, counter = read[-1][2] + 10_007, read[-1][0] + 900_000_000  # 0.3 s in 10 us
    said = _core._ticker(read)
    last = len(read) // 4 * 3 + 150  # what had been said before lies up to a millisecond ahead
    assert all(asked for _, asked in said[last:])
    assert [ns for ns, _ in said[last:]] == [true for _, _, true in read[last:]]
    assert not all(asked for _, asked in said[: len(read) // 4])


@pytest.mark.parametrize("counter", [0, 17, 10**11, 2**63 + 5, 2**64 - 1])
def test_a_counter_that_jumps_is_noticed(counter: int) -> None:
    read = list(readings(hertz=3e9, step_ns=10_007, until_ns=60 * MS))
    after = read[-1][2] + 10_007
    read += [
        ((counter + at) % 2**64, took, true)
        for at, took, true in readings(hertz=3e9, step_ns=10_007, until_ns=60 * MS, start_ns=after, counter=0)
    ]
    said = _core._ticker(read)
    for (ns, _), (_, _, true) in zip(said, read, strict=True):
        assert abs(ns - true) <= (MS if true < after + 2 * MS else 100)
    assert forwards(said)


def test_errors_of_single_readings_do_not_add_up() -> None:
    """Between the counter and the clock pass up to 0.6 us, another time with each reading."""
    rng = random.Random(5)
    read = [
        (counter, took + 1_800, true + rng.randrange(600))
        for counter, took, true in readings(hertz=3e9, step_ns=20_011, until_ns=5_000 * MS)
    ]
    said = _core._ticker(read)
    assert max(abs(ns - true) for (ns, _), (_, _, true) in zip(said, read, strict=True)) < 1_300
    # no reading was taken for a mistake
    assert sum(asked for _, asked in said[1_000:]) == pytest.approx(4_980, abs=100)
    assert forwards(said)


def test_a_counter_that_runs_a_little_faster_is_never_far_ahead() -> None:
    """Each reading of the clock puts it right. It comes as soon as the counter says that a millisecond is over."""
    read = list(readings(hertz=3e9, step_ns=249_960, until_ns=500 * MS))
    counter, _, before = read[-1]
    read += list(readings(hertz=3e9 * 1.0002, step_ns=249_960, until_ns=500 * MS, start_ns=before, counter=counter))
    said = _core._ticker(read)
    assert max(abs(ns - true) for (ns, _), (_, _, true) in zip(said, read, strict=True)) <= 300
    assert forwards(said)


def test_no_rate_is_taken_over_a_silence() -> None:
    """What the counter did in it is not known: it may have jumped."""
    read = list(readings(hertz=3e9, step_ns=10_007, until_ns=60 * MS))
    counter, _, before = read[-1]
    read += list(
        readings(hertz=3e9, step_ns=10_007, until_ns=60 * MS, start_ns=before + 400 * MS, counter=counter + 2**35)
    )
    said = _core._ticker(read)
    assert max(abs(ns - true) for (ns, _), (_, _, true) in zip(said, read, strict=True)) <= 100


@pytest.mark.parametrize("seed", range(20))
def test_it_never_goes_back_while_the_clock_and_the_counter_do_not(seed: int) -> None:
    rng = random.Random(seed)
    counter, ns, hertz, read = rng.randrange(2**40), rng.randrange(10**12), 3e9, []
    for _ in range(20_000):
        step = rng.choice([100, 1_000, 20_000, 20_000, 900_000 if rng.random() < 0.1 else 10_000])
        ns += step
        if rng.random() < 0.0003:
            hertz = rng.choice([1e9, 2.5e9, 3e9, 5e9])
        counter += int(step * hertz / 1e9)
        if rng.random() < 0.0002:
            counter += rng.randrange(2**34)
        read.append((counter, rng.choice([50, 50, 50, 5_000]), ns))
    said = _core._ticker(read)
    assert forwards(said)


def test_a_book_is_stamped_with_the_monotonic_clock() -> None:
    """Long enough for the counter to be believed; what a machine without a steady one does is the same."""
    book = Book("BTCUSDT")
    feed = Router("coinswitch", [book], depth=20).feed
    payload = b'{"lastUpdateId":5,"bids":[["100","1"]],"asks":[["101","1"]]}'
    end = time.monotonic_ns() + 60 * MS
    before = 0
    while before < end:
        before = time.monotonic_ns()
        feed(payload)
        age = book.age_ns()
        now = time.monotonic_ns()
        assert 0 <= age <= now - before + 2_000
