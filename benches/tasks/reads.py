"""Reading a book: what a strategy asks between two messages.

Times are of the statement alone: the cost of the loop around it is measured in the same rounds, as the contender "empty
loop", and subtracted. A read after an update is timed on books that were updated a moment before, eight at a time, so
that they are as warm as the reader of a feed finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import ModuleType
from typing import Any

from benches.judge import JudgeBook
from benches.messages import Snapshots
from benches.rounds import race
from benches.words import Answer, Job, Levels, Plan, Table, Target

EMPTY = "empty loop"
BATCH = 8
ARRAYS = "20 levels of both sides as float64"
DEEP = ", deep book"
TOUCH_TARGET = Target("csbook", "median", 60, "best_bid and best_ask: at most 60 ns")
TOP_TARGET = Target("csbook", "median", 90, "top(), one consistent read: at most 90 ns")
FIELDS_TARGET = Target("csbook", "median", 90, "the same with its four fields read: at most 90 ns")
VWAP_TARGET = Target("csbook", "median", 120, "vwap of 10: at most 120 ns")
IMBALANCE_TARGET = Target("csbook", "median", 120, "imbalance of 5 levels: at most 120 ns")
WITHIN_TARGET = Target("csbook", "median", 200, "size within 10 bps on 1,000 levels: at most 200 ns")
SAME_TARGET = Target("csbook", "median", 120, "20 levels of both sides as views, nothing changed: at most 120 ns")
VIEWS_TARGET = Target(
    "csbook", "median", 400, "20 levels of both sides as float64 views after an update: at most 400 ns"
)


@dataclass
class ReadCourse:
    """The same question again and again."""

    answer: Answer
    messages: Sequence[Any]
    repeats: int = 1
    answers: Sequence[Answer] = field(init=False)
    final: tuple[Levels, Levels] | None = None

    def __post_init__(self) -> None:
        self.answers = [self.answer] * len(self.messages)

    def lap(self, number: int) -> Sequence[Any]:
        return self.messages

    def rewind(self, number: int) -> bytes | None:
        return None


class FreshCourse(ReadCourse):
    """A new message for each book before each question."""

    def __init__(self, answer: Answer, snapshots: Snapshots, repeats: int) -> None:
        super().__init__(answer, snapshots.lap(0), repeats)
        self.snapshots = snapshots

    def lap(self, number: int) -> Sequence[Any]:
        return self.snapshots.lap(number)


def columns(judge: JudgeBook, levels: int) -> list[list[float]]:
    """Prices and sizes of both sides, bids first."""
    return [list(column) for side in judge.levels() for column in zip(*side[:levels], strict=True)]


def question(
    case: str, about: str, key: str, course: ReadCourse, jobs: dict[str, dict[str, Job]], plan: Plan, *targets: Target
) -> Table:
    """One table: who has an answer to ``key``, or to another one that does the same."""
    keys = key.split("|")
    table = Table("reads", case, about, targets=list(targets))
    entries: dict[str, Callable[[], Job]] = {EMPTY: lambda: Job("pass", {}, applies=False)}
    for name, reads in jobs.items():
        for found in keys:
            if found in reads:
                entries[name] = lambda job=reads[found]: job
                break
    return race(table, course, entries, plan, subtract=EMPTY)


def answered(peers: list[ModuleType], payload: bytes) -> dict[str, dict[str, Job]]:
    return {peer.NAME: peer.reads(payload) for peer in peers if hasattr(peer, "reads")}


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    small, large = Snapshots(20, BATCH).lap(0)[0], Snapshots(1000, 1).lap(0)[0]
    times = 50 if plan.quick else 400
    judge = JudgeBook()
    touch = judge.feed(large)
    best = [size for side in judge.levels() for _, size in side[:1]]
    values = {
        "touch": (touch, "best_bid and best_ask", [TOUCH_TARGET]),
        "top": ((), "top()", [TOP_TARGET]),
        "top_fields": ((*touch, *best), "top() and its four fields", [FIELDS_TARGET]),
        "vwap": ((judge.vwap_buy(Decimal(10)),), "vwap of buying 10", [VWAP_TARGET]),
        "imbalance": ((judge.imbalance(5),), "imbalance of 5 levels", [IMBALANCE_TARGET]),
        "within": ((judge.bids_within(Decimal(10)),), "bids within 10 bps", [WITHIN_TARGET]),
    }
    jobs = answered(peers, large)
    for key, (answer, case, targets) in values.items():
        yield question(case, "1,000 levels a side", key, ReadCourse(answer, [None] * times), jobs, plan, *targets)

    deep = columns(judge, 20)
    judge.feed(small)
    shallow = columns(judge, 20)
    for levels, key, wanted, payload in ((20, "views|arrays_20", shallow, small), (1000, "arrays_20", deep, large)):
        course = ReadCourse((wanted,), [None] * times)
        yield question(
            f"{ARRAYS}, nothing changed{DEEP * (levels > 20)}",
            f"a book of {levels:,} levels a side",
            key,
            course,
            answered(peers, payload),
            plan,
            *([SAME_TARGET] if levels == 20 else []),
        )

    for levels, key, targets, repeats in ((20, "views|arrays_20", [VIEWS_TARGET], 40), (1000, "arrays_20", [], 2)):
        yield fresh_question(levels, key, targets, repeats, plan, peers)


def fresh_reads(peer: ModuleType, payload: bytes) -> dict[str, Job]:
    """The peer's own, or its arrays of a book that was made just before: who caches nothing cannot tell them apart."""
    if hasattr(peer, "fresh"):
        found: dict[str, Job] = peer.fresh(payload)
        return found
    job: Job | None = peer.reads(payload).get("arrays_20")
    if job is None or not hasattr(peer, "hold"):
        return {}
    parts = ("book",) if "book" in job.names else ("bids", "asks")
    names = {name: value for name, value in job.names.items() if name not in parts}
    text = f"{', '.join(parts)} = message\n{job.text}"
    return {"arrays_20": replace(job, text=text, names=names, prepare=lambda payloads: list(map(peer.hold, payloads)))}


def fresh_question(
    levels: int, key: str, targets: list[Target], repeats: int, plan: Plan, peers: list[ModuleType]
) -> Table:
    """Every book of a batch has a message of its own, and an answer."""
    course = Snapshots(levels, BATCH)
    judge = JudgeBook()
    answers = []
    for message in course.lap(0):
        judge.feed(message)
        answers.append((columns(judge, 20),))
    reading = FreshCourse((), course, repeats)
    reading.answers = answers
    jobs = {peer.NAME: fresh_reads(peer, course.lap(0)[0]) for peer in peers if hasattr(peer, "reads")}
    case = f"{ARRAYS}, after an update{DEEP * (levels > 20)}"
    return question(case, f"a book of {levels:,} levels a side", key, reading, jobs, plan, *targets)
