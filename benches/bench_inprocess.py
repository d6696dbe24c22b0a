"""The tasks without processes, under pytest-benchmark: one function a task, one parameter a case and peer.

It times the same Jobs on the same courses as ``python -m benches``, and checks them first in the same way. What it
shows is a lap, so the time of one message is that divided by ``messages`` in the extra information.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from benches import peers
from benches.messages import Changes, Snapshots, seeded_changes
from benches.rounds import Runner, check, rewind
from benches.words import Course, Job

FOUND, MISSING = peers.load()
ROUNDS = 15


def able(function: str) -> Any:
    """Those who can do it."""
    found = [peer for peer in FOUND if hasattr(peer, function)]
    return pytest.mark.parametrize("peer", found, ids=[peer.__name__.rpartition(".")[2] for peer in found])


@cache
def snapshots(levels: int) -> Snapshots:
    return Snapshots(levels, 64)


@cache
def changes() -> Changes:
    return seeded_changes(100)


def bench(benchmark: Any, course: Course, build: Callable[[], Job]) -> None:
    """The judge first; then laps, each with ids of its own, and the way back after each."""
    job = build()
    runner = Runner(job.text, job, job.step(), job.drain(), {})
    check(runner, course)
    number = 0

    def setup() -> tuple[tuple[Any], dict[str, Any]]:
        nonlocal number
        if number:
            rewind(runner, course, number)
        number += 1
        lap = course.lap(number)
        return (lap if job.prepare is None else job.prepare(lap),), {}

    benchmark.extra_info["messages"] = len(course.lap(0))
    benchmark.pedantic(runner.drain, setup=setup, rounds=ROUNDS)


@able("snapshot")
@pytest.mark.parametrize("levels", [5, 20, 50])
def test_snapshot(benchmark: Any, levels: int, peer: ModuleType) -> None:
    benchmark.group = f"snapshot of {levels} levels, bytes to touch"
    bench(benchmark, snapshots(levels), lambda: peer.snapshot(levels))


@able("parsed")
def test_parsed(benchmark: Any, peer: ModuleType) -> None:
    benchmark.group = "lists of 20 + 20 string pairs to book"
    bench(benchmark, snapshots(20), lambda: peer.parsed(20))


@able("delta")
def test_delta(benchmark: Any, peer: ModuleType) -> None:
    benchmark.group = "Binance diff of 21 changes, bytes to touch"
    bench(benchmark, changes(), lambda: peer.delta(changes().start))
