from __future__ import annotations

import random
from dataclasses import replace

import pytest

from csbook.guard.watchdog import NEVER, Patience, Verdict, VerdictKind, Watchdog

QUIET = Patience(stale_after=5.0, pong_within=10.0, first_data_within=None, data_within=None)


def watchdog(patience: Patience = QUIET, opened: float = 100.0) -> Watchdog:
    dog = Watchdog(patience)
    dog.opened(opened)
    return dog


def kinds(verdicts: list[Verdict]) -> list[VerdictKind]:
    return [verdict.kind for verdict in verdicts]


def test_frames_keep_it_calm() -> None:
    dog = watchdog()
    for now in range(100, 200):
        assert dog.judge(now + 0.5, float(now), {}) == []
        assert dog.due(now + 0.5, float(now), {}) == now + 5.0


def test_silence_is_stale_once_then_dead() -> None:
    dog = watchdog()
    assert dog.judge(104.999, NEVER, {}) == []
    verdicts = dog.judge(105.0, NEVER, {})
    assert kinds(verdicts) == [VerdictKind.STALE, VerdictKind.PROBE]
    assert verdicts[0].reason == "no frame for 5 s"
    assert dog.due(105.0, NEVER, {}) == 110.0  # a frame at once, and another silence, is called then
    assert dog.due(112.0, NEVER, {}) == 115.0
    assert dog.judge(114.0, NEVER, {}) == []
    verdicts = dog.judge(115.0, NEVER, {})
    assert kinds(verdicts) == [VerdictKind.DEAD]
    assert "15 s" in verdicts[0].reason


def test_an_answered_probe_begins_the_next_silence() -> None:
    dog = watchdog()
    dog.judge(105.0, NEVER, {})
    assert dog.due(105.3, 105.2, {}) == pytest.approx(110.2)
    assert dog.judge(106.0, 105.2, {}) == []
    assert kinds(dog.judge(110.2, 105.2, {})) == [VerdictKind.STALE, VerdictKind.PROBE]
    assert kinds(dog.judge(120.2, 105.2, {})) == [VerdictKind.DEAD]


def test_a_new_connection_begins_anew() -> None:
    dog = watchdog()
    dog.judge(105.0, NEVER, {})
    dog.opened(200.0)
    assert dog.judge(204.0, 104.0, {}) == []
    assert dog.due(204.0, 104.0, {}) == 205.0


def test_first_data_is_owed_from_the_confirmation() -> None:
    dog = watchdog(replace(QUIET, first_data_within=10.0))
    assert dog.judge(104.0, 104.0, {"BTCUSDT": NEVER}) == []
    dog.confirmed(101.0)
    dog.confirmed(109.0)  # only the first counts
    assert dog.due(110.0, 110.0, {"BTCUSDT": NEVER}) == 111.0
    assert dog.judge(110.9, 110.0, {"BTCUSDT": 99.0}) == []
    (dead,) = dog.judge(111.0, 110.0, {"BTCUSDT": 99.0})  # what came before this connection does not count
    assert dead == Verdict(VerdictKind.DEAD, "no first data for BTCUSDT within 10 s")
    assert dog.judge(111.0, 110.0, {"BTCUSDT": 103.0}) == []


def test_data_that_dries_up() -> None:
    dog = watchdog(replace(QUIET, first_data_within=10.0, data_within=60.0))
    dog.confirmed(101.0)
    heard = 162.5  # pongs still come
    assert dog.due(162.5, heard, {"BTCUSDT": 103.0}) == 163.0
    assert dog.judge(162.9, heard, {"BTCUSDT": 103.0}) == []
    assert dog.judge(163.0, heard, {"BTCUSDT": 103.0}) == [Verdict(VerdictKind.DEAD, "no data for BTCUSDT for 60 s")]


def test_nothing_is_owed_without_books() -> None:
    dog = watchdog(replace(QUIET, first_data_within=1.0, data_within=1.0))
    dog.confirmed(101.0)
    assert dog.judge(103.0, 102.0, {}) == []


def test_a_channel_that_is_never_silent() -> None:
    dog = watchdog(replace(QUIET, silence_after=2.0))
    ages = {"BTCUSDT": 101.0, "ETHUSDT": 102.5, "SOLUSDT": NEVER}
    assert dog.due(102.9, 102.9, ages) == 103.0
    verdicts = dog.judge(103.0, 103.0, ages)
    assert verdicts == [Verdict(VerdictKind.STALE, "no book message for 2 s", "BTCUSDT")]
    assert dog.judge(103.5, 103.5, ages) == []  # said already
    assert dog.due(103.5, 103.5, ages) == 104.5
    assert dog.due(103.5, 103.5, {"SOLUSDT": NEVER}) == 105.5  # its first message may come at once
    ages["BTCUSDT"] = 104.0
    assert [v.symbol for v in dog.judge(106.0, 106.0, ages)] == ["BTCUSDT", "ETHUSDT"]


@pytest.mark.parametrize("seed", range(40))
def test_judging_when_due_finds_what_judging_always_finds(seed: int) -> None:
    """The timer is no source of error: looking at the due times alone sees each verdict, in time."""
    dice = random.Random(seed)
    patience = Patience(
        stale_after=2.0,
        pong_within=dice.choice((1.0, 3.0)),
        silence_after=dice.choice((None, 1.0, 1.5)),
        first_data_within=dice.choice((None, 4.0)),
        data_within=dice.choice((None, 3.0, 9.0)),
    )
    frames, books, now = [100.0], [], 100.0
    while now < 130.0:
        now = round(now + dice.choice((0.1, 0.3, 1.2, 2.1, 2.5)), 2)
        frames.append(now)
        if dice.random() < 0.7:
            books.append(now)

    def last(now: float, times: list[float]) -> float:
        return max((at for at in times if at <= now), default=NEVER)

    def run(only_when_due: bool) -> list[tuple[float, VerdictKind, str]]:
        dog = watchdog(patience)
        dog.confirmed(100.2)
        found = []
        due = 0.0
        for step in range(3000):
            now = round(100.0 + step / 100, 2)
            data = {"X": last(now, books)}
            if only_when_due and now < due - 1e-9:
                continue
            for verdict in dog.judge(now + 1e-9, last(now, frames), data):
                found.append((now, verdict.kind, verdict.reason))
                if verdict.kind is VerdictKind.DEAD:
                    return found
            due = dog.due(now, last(now, frames), data)
        return found

    assert run(only_when_due=True) == run(only_when_due=False)
