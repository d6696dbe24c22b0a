"""Binance USD-M diffs to readable touch, on a book that has seen all the laps before: it is as aged as it gets."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType

from benches.messages import RECORDING, recorded_changes, seeded_changes
from benches.peers import REFERENCE
from benches.rounds import race
from benches.words import Plan, Table, Target

TARGETS = {
    "21 changes": [Target("csbook", "ratio", 0.40, "Binance diff of 21 changes: at most 0.40 x orjson.loads alone")]
}


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    count = 40 if plan.quick else 500
    courses = {
        "21 changes": seeded_changes(count),
        "recorded": recorded_changes(count, 20 if plan.quick else 1000),
    }
    for case, course in courses.items():
        if course is None:
            yield Table("delta", case, f"left out: the recording {RECORDING.name} is not here")
            continue
        table = Table("delta", case, course.about, reference=REFERENCE, targets=TARGETS.get(case, []))
        jobs = {peer.NAME: partial(peer.delta, course.start) for peer in peers if hasattr(peer, "delta")}
        yield race(table, course, jobs, plan)
