"""Two Routers over equal books, told the same: one takes its fast path, the other the slow one.

After every step both must have given the same outcome and stand in the same state with equal books, ``_check()`` of a
book that changed must pass, and what was not applied must have left every level where it was. A refusal may move a book
in one way only: from any state but EMPTY to GAP, where a lost message would be noticed at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from csbook import Book, Outcome, Router, State

from .edge import Edge
from .target import Failure

Books = Sequence[tuple[str, int, int]]  # symbol, decimals of prices, of sizes


def look(router: Router) -> list[Any]:
    """All there is to see of a router but its levels, which digests stand for."""
    return [
        {**router.counts, "declined": 0},
        router.wants_snapshot(),
        [(book.symbol, old, new) for book, old, new, _ in router.take_moves()],
        [book.symbol for book in router.take_changed()],
        [
            (
                book.state,
                book.digest(),
                book.event_time_ns,
                book.receive_time_ns,
                book.updates,
                book.counts,
                fused(book),
            )
            for book in router.books.values()
        ],
    ]


def fused(book: Book) -> tuple[int, ...]:
    top = book.fused_top()
    return top.bid_raw, top.bid_size_raw, top.ask_raw, top.ask_size_raw


class Pair:
    def __init__(self, venue: str, books: Books, edge: Edge, **options: Any) -> None:
        self.edge = edge
        self.fast, self.slow = (
            Router(
                venue,
                [Book(symbol, price_decimals=price, size_decimals=size, capacity=4) for symbol, price, size in books],
                **options,
            )
            for _ in range(2)
        )

    @property
    def books(self) -> list[Book]:
        """Those of the fast path."""
        return list(self.fast.books.values())

    def feed(self, payload: bytes, now: int = 0) -> Outcome:
        """One payload from the stream, to both."""
        return self.tell(
            lambda: self.fast.feed(self.edge.place(payload), now), lambda: self.slow.feed_parsed(payload, now)
        )

    def feed_snapshot(self, symbol: str, payload: bytes, now: int = 0) -> Outcome:
        """One answer of REST, to both; it has no slow path of its own to be told to."""
        return self.tell(
            lambda: self.fast.feed_snapshot(symbol, self.edge.place(payload), now),
            lambda: self.slow.feed_snapshot(symbol, payload, now),
            rest=True,
        )

    def tell(self, fast: Callable[[], Outcome], slow: Callable[[], Outcome], *, rest: bool = False) -> Outcome:
        before = [(book.digest(), book.state) for book in self.fast.books.values()]
        sequenced = self.fast.sequenced
        one, two = fast(), slow()
        if one is not two:
            reasons = f"{self.fast.last_refusal!r}, {self.slow.last_refusal!r}"
            raise Failure(f"the fast path says {one}, the slow path {two}: {reasons}")
        changed = self.compare()
        for (digest, _), book in zip(before, self.fast.books.values(), strict=True):
            if digest == book.digest():
                continue
            if one not in (Outcome.APPLIED, Outcome.BUFFERED):
                raise Failure(f"{book.symbol}: {one}, and the book changed")
            if book.symbol not in changed:
                raise Failure(f"{book.symbol} changed, and take_changed does not say so")
        if one is Outcome.REFUSED:
            self._refused([state for _, state in before], rest=rest, sequenced=sequenced)
        return one

    def _refused(self, before: list[State], *, rest: bool, sequenced: bool) -> None:
        if not self.fast.last_refusal:
            raise Failure("a refusal without a reason")
        for state, book in zip(before, self.fast.books.values(), strict=True):
            if book.state is state:
                continue
            if rest or not sequenced or state is State.EMPTY or book.state is not State.GAP:
                raise Failure(f"{book.symbol}: a refused payload moved the book from {state} to {book.state}")

    def compare(self) -> list[str]:
        """Hold the two against each other; the symbols that changed since the last time."""
        one, two = look(self.fast), look(self.slow)
        if one != two:
            raise Failure(f"the fast path ends in {one}, the slow path in {two}")
        changed: list[str] = one[3]
        for symbol in changed:
            for router in (self.fast, self.slow):
                router.books[symbol]._check()
        return changed

    def both(self, step: Callable[[Router], Any]) -> None:
        """The same step on both that is no payload."""
        if step(self.fast) != step(self.slow):
            raise Failure("the same step, and two answers")
        self.compare()
