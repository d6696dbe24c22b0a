"""Payload bytes to readable touch: a snapshot of 5, 20, 50 and 1,000 levels a side, 8 decimals.

And 20 levels where nothing is warm: 4,000 different messages, which no branch predictor knows by heart, and messages
before each of which 64 MB of something else were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType
from typing import Any

from benches.messages import Snapshots
from benches.peers import REFERENCE
from benches.rounds import race
from benches.words import Job, Levels, Plan, Table, Target

TARGETS = {
    levels: [
        Target("csbook", "ratio", limit, f"{text} levels, bytes to touch: at most {limit:.2f} x orjson.loads alone")
    ]
    for levels, text, limit in ((5, "5", 0.17), (20, "20", 0.10), (1000, "1,000", 0.08))
}
COLD_PEERS = ("csbook", "orjson_alone", "limit", "msgspec_floats", "orjson_bisect")
OTHER = bytearray(64 << 20)


class Single(Snapshots):
    """A lap is one message, another one each time."""

    def __init__(self, levels: int, count: int) -> None:
        super().__init__(levels, count)
        self.answers = self.answers[:1]
        self.final: tuple[Levels, Levels] | None = None

    def lap(self, number: int) -> list[bytes]:
        return super().lap(number // len(self.tails))[number % len(self.tails) :][:1]


def cold(build: Callable[[], Job]) -> Job:
    """The same job, with something else in the caches when it begins."""
    job = build()
    inner = job.prepare

    def prepare(messages: Sequence[Any]) -> Any:
        prepared = messages if inner is None else inner(messages)
        OTHER.count(1)
        return prepared

    return replace(job, prepare=prepare)


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    for levels in (5, 20) if plan.quick else (5, 20, 50, 1000):
        course = Snapshots(levels, 32 if plan.quick else 256 if levels < 1000 else 200)
        size = sum(map(len, course.lap(0))) // len(course.tails)
        table = Table(
            "snapshot",
            f"{levels} levels",
            f"seeded, CoinSwitch's shape, {len(course.tails)} different messages of {size:,} bytes",
            reference=REFERENCE,
            targets=TARGETS.get(levels, []),
        )
        jobs = {peer.NAME: partial(peer.snapshot, levels) for peer in peers if hasattr(peer, "snapshot")}
        yield race(table, course, jobs, plan)
    yield from unwarmed(plan, [peer for peer in peers if peer.__name__.rpartition(".")[2] in COLD_PEERS])


def unwarmed(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    count = 64 if plan.quick else 4000
    jobs = {peer.NAME: partial(peer.snapshot, 20) for peer in peers}
    table = Table("snapshot", "20 levels, 4,000 messages", f"{count:,} different messages in turn", reference=REFERENCE)
    yield race(table, Snapshots(20, count), jobs, plan)
    table = Table(
        "snapshot", "20 levels, cold", "before each message 64 MB of something else are read", reference=REFERENCE
    )
    chilled = {name: partial(cold, build) for name, build in jobs.items()}
    yield race(table, Single(20, 16 if plan.quick else 256), chilled, plan)
