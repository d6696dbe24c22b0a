"""Payload bytes to readable touch: a snapshot of 5, 20, 50 and 1,000 levels a side, 8 decimals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType

from benches.messages import Snapshots
from benches.peers import REFERENCE
from benches.rounds import race
from benches.words import Plan, Table, Target

TARGETS = {20: Target("csbook", "ratio", 0.25, "20 levels, bytes to touch: at most 0.25 x orjson.loads alone")}


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    for levels in (5, 20) if plan.quick else (5, 20, 50, 1000):
        course = Snapshots(levels, 32 if plan.quick else 256 if levels < 1000 else 200)
        size = sum(map(len, course.lap(0))) // len(course.tails)
        table = Table(
            "snapshot",
            f"{levels} levels",
            f"seeded, CoinSwitch's shape, {len(course.tails)} different messages of {size:,} bytes",
            reference=REFERENCE,
            targets=[TARGETS[levels]] if levels in TARGETS else [],
        )
        jobs = {peer.NAME: partial(peer.snapshot, levels) for peer in peers if hasattr(peer, "snapshot")}
        yield race(table, course, jobs, plan)
