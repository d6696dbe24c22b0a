"""What more costs: a change near the touch on deeper and deeper books, and messages for more and more books."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType

from benches.messages import FIRST_ID, Snapshots, near_touch_changes
from benches.peers import REFERENCE
from benches.rounds import race
from benches.words import Answer, Figure, Job, Levels, Plan, Table, Target

DEPTHS = (20, 100, 1000, 10_000)
BOOKS = (1, 10, 100, 1000)
DEPTH_TARGET = Target("csbook", "median", 1.5, "a near-touch change from 20 to 10,000 levels: at most 1.5 x the cost")
BOOKS_TARGET = Target("csbook", "median", 3, "1,000 books round robin: at most 3 x the cost of one")
PEERS = ("csbook", "orjson_alone", "orjson_sorteddict", "orjson_bisect")


class RoundRobin:
    """Snapshots in their stream's envelope, one symbol after the other; the same content however many symbols."""

    repeats = 1

    def __init__(self, books: int, count: int) -> None:
        self.symbols = [f"S{at:04}USDT" for at in range(books)]
        self.course = Snapshots(20, 250)
        self.count = count
        self.answers: list[Answer] = [(0,)] * count  # Outcome.APPLIED
        touches = {self.symbol(at): self.course.answers[at % 250] for at in range(count)}
        sides = [[(touches[symbol][which], 0.0) for symbol in self.symbols] for which in (0, 1)]
        self.final: tuple[Levels, Levels] | None = (sides[0], sides[1])

    def symbol(self, at: int) -> str:
        return self.symbols[at % len(self.symbols)]

    def lap(self, number: int) -> list[bytes]:
        tails, first = self.course.tails, FIRST_ID + number * self.count
        return [
            b'{"stream":"%b@depth20","data":{"lastUpdateId":%d%b}'
            % (self.symbol(at).lower().encode(), first + at, tails[at % 250])
            for at in range(self.count)
        ]

    def rewind(self, number: int) -> bytes | None:
        return None


def _many(course: RoundRobin) -> Job:
    from csbook import Book, Router

    books = [Book(symbol) for symbol in course.symbols]
    router = Router("coinswitch", books)

    def touches() -> tuple[Levels, Levels]:
        return [(book.best_bid, 0.0) for book in books], [(book.best_ask, 0.0) for book in books]

    return Job("outcome = feed(message)", {"feed": router.feed}, leaves=("outcome",), levels=touches)


def growth(case: str, figures: dict[int, Table], target: Target) -> Table:
    """The largest against the smallest, for who was in both."""
    few, many = min(figures), max(figures)
    table = Table("scaling", case, f"{many:,} against {few:,}, medians", unit="x", targets=[target])
    for figure in figures[many].figures:
        base = figures[few].figure(figure.contender)
        if base is not None:
            value = figure.median / base.median
            table.figures.append(Figure(figure.contender, value, value, rounds=figure.rounds))
    return table


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    chosen = [peer for peer in peers if peer.__name__.rpartition(".")[2] in PEERS]
    count = 50 if plan.quick else 400
    found: dict[int, Table] = {}
    for levels in DEPTHS[:2] if plan.quick else DEPTHS:
        course = near_touch_changes(count, levels)
        table = Table("scaling", f"near-touch change, {levels:,} levels", course.about, reference=REFERENCE)
        jobs = {peer.NAME: partial(peer.delta, course.start) for peer in chosen}
        found[levels] = race(table, course, jobs, plan)
        yield table
    yield growth("near-touch change, growth with depth", found, DEPTH_TARGET)

    found = {}
    for number in BOOKS[:2] if plan.quick else BOOKS:
        robin = RoundRobin(number, 100 if plan.quick else 2000)
        about = "snapshots of 20 levels in their stream's envelope, one book after the other"
        table = Table("scaling", f"{number:,} books round robin", about)
        found[number] = race(table, robin, {"csbook": partial(_many, robin)}, plan)
        yield table
    yield growth("a message, growth with the number of books", found, BOOKS_TARGET)
