"""Interleaved rounds: every contender has its turn in each, in an order that rotates, and medians over rounds are kept.

A turn is a lap, or as many as make a millisecond: who is quick is not to be measured with the caches and branch
predictors that the one before left behind. First each contender is checked on lap 0, message by message, against the
judge: who is wrong, or raises, is not timed. Garbage collection is off while a round runs, for everybody, and done
between two rounds.
"""

from __future__ import annotations

import gc
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

from benches.words import Answer, Course, Drain, Figure, Job, Plan, Table

SAME = 1e-9  # relative; an answer in float that differs by more is another answer
FEWEST = 3  # rounds that even the slowest contender runs
TURN_NS = 1_000_000
MOST = 32  # laps a turn


class WrongAnswer(Exception):
    """A contender says something else than the judge."""


@dataclass(slots=True)
class Runner:
    """A contender that has passed the check."""

    name: str
    job: Job
    step: Callable[[Any], Answer]
    drain: Drain
    times: dict[int, float]  # ns per message, by round
    laps: int = 0  # run so far, the checked one left out
    turn: int = 1  # laps a round
    spent_ns: int = 0


@contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection of its own accord, and what exists now is never looked at by one."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def flat(value: Any) -> list[float]:
    """Any answer as floats: numbers, arrays and lists of pairs."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [number for part in value for number in flat(part)]
    return [float(value)]


def same(given: Any, wanted: Any) -> bool:
    left, right = flat(given), flat(wanted)
    return len(left) == len(right) and all(
        a == b or math.isclose(a, b, rel_tol=SAME) for a, b in zip(left, right, strict=True)
    )


def check(runner: Runner, course: Course) -> None:
    """Lap 0, message by message. Raises WrongAnswer, or whatever the contender raises."""
    lap = course.lap(0)
    messages = lap if runner.job.prepare is None else runner.job.prepare(lap)
    if not runner.job.applies:
        runner.drain(messages)
        return
    if runner.job.own_check is not None:
        given = runner.job.own_check(messages)
    else:
        given = [runner.step(message) for message in messages]
    if runner.job.as_columns is not None:
        given = [tuple(runner.job.as_columns(value) for value in answer) for answer in given]
    for at, (answer, wanted) in enumerate(zip(given, course.answers, strict=True)):
        if not same(answer, wanted):
            raise WrongAnswer(f"message {at}: {answer!r}, the judge says {wanted!r}")
    if runner.job.levels is not None and course.final is not None and not same(runner.job.levels(), course.final):
        raise WrongAnswer("the touch was right, and the levels below it are not the judge's")
    rewind(runner, course, 0)


def rewind(runner: Runner, course: Course, number: int) -> None:
    message = course.rewind(number)
    if message is not None and runner.job.own_check is None:
        runner.step(message if runner.job.prepare is None else runner.job.prepare([message])[0])


def entrants(jobs: Mapping[str, Callable[[], Job]], course: Course, table: Table) -> list[Runner]:
    """Those who give the judge's answers; the others are named in the table."""
    found = []
    for name, build in jobs.items():
        try:
            job = build()
            runner = Runner(name, job, job.step(), job.drain(), {})
            check(runner, course)
        except Exception as error:
            table.wrong[name] = f"{type(error).__name__}: {str(error)[:200]}"
        else:
            found.append(runner)
    return found


def run_lap(runner: Runner, course: Course) -> tuple[int, int]:
    """The contender's next lap: ns spent, and messages."""
    prepare, drain = runner.job.prepare, runner.drain
    runner.laps += 1
    lap = course.lap(runner.laps)
    spent = 0
    for _ in range(course.repeats):
        messages = lap if prepare is None else prepare(lap)
        began = perf_counter_ns()
        drain(messages)
        spent += perf_counter_ns() - began
    rewind(runner, course, runner.laps)
    return spent, len(lap) * course.repeats


def take_turn(runner: Runner, course: Course, number: int) -> None:
    """One round of one contender."""
    done = [run_lap(runner, course) for _ in range(runner.turn)]
    spent, messages = (sum(column) for column in zip(*done, strict=True))
    runner.times[number] = spent / messages
    runner.spent_ns += spent
    runner.turn = min(max(TURN_NS * runner.turn // max(spent, 1), 1), MOST)


def race(
    table: Table, course: Course, jobs: Mapping[str, Callable[[], Job]], plan: Plan, *, subtract: str | None = None
) -> Table:
    """Run it and fill the table's figures. ``subtract`` names the contender whose time is the loop's own cost."""
    runners = entrants(jobs, course, table)
    with quiet():
        for number in range(1, plan.rounds + 1):
            turn = number % max(len(runners), 1)
            for runner in [*runners[turn:], *runners[:turn]]:
                if number <= FEWEST or runner.spent_ns < plan.budget_s * 1e9:
                    take_turn(runner, course, number)
            gc.collect()  # the cycles that some contenders leave behind; all that is older is frozen
    by_name = {runner.name: runner.times for runner in runners}
    empty = by_name.pop(subtract, {}) if subtract else {}
    reference = by_name.get(table.reference or "", {})
    for runner in runners:
        if runner.name != subtract:
            table.figures.append(figure(runner, reference, empty))
    return table


def figure(runner: Runner, reference: Mapping[int, float], empty: Mapping[int, float]) -> Figure:
    times = [time - empty.get(number, 0.0) for number, time in runner.times.items()]
    ratios = [time / reference[number] for number, time in runner.times.items() if number in reference]
    return Figure(
        runner.name,
        statistics.median(times),
        percentile(times, 0.99),
        statistics.median(ratios) if ratios else None,
        len(times),
        runner.job.note,
        runner.job.whole,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
