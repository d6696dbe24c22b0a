"""Lists of string pairs, as orjson gives them, into a book: 20 levels a side, to readable touch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType

from benches.messages import Snapshots
from benches.peers import REFERENCE
from benches.rounds import race
from benches.words import Plan, Table, Target

TARGET = Target("csbook", "ratio", 0.6, "20 + 20 string pairs to book: at most 0.6 x orjson.loads of that message")


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    levels = 20
    course = Snapshots(levels, 32 if plan.quick else 256)
    table = Table(
        "parsed",
        f"{levels} levels",
        "the lists of the task snapshot, already parsed; the reference is the parsing of the same message",
        reference=REFERENCE,
        targets=[TARGET],
    )
    jobs = {peer.NAME: partial(peer.parsed, levels) for peer in peers if hasattr(peer, "parsed")}
    yield race(table, course, jobs, plan)
