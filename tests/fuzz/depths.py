"""The target of deep books: hundreds of levels a side, and changes on the grid of ticks, beside it and far away.

A book fed by changes keeps deep sides in another form than shallow ones; whatever the form, it is what two dicts say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

from csbook import Book

from ..oracle import INT64_MAX, core_raw
from .target import Failure, Target

TICKS = (1, 10, 7, 2**20, 2**40)
MIDDLES = (5_000, 400_000, 2**40, 2**53 + 1, INT64_MAX - 10)
LEVELS = (300, 0, 520)  # a side, at first
Sides = tuple[dict[int, int], dict[int, int]]


@cache
def opened(tick: int, middle: int, levels: int) -> Sides:
    """Levels on the grid on both sides of the middle, as far as there is room. Not to be changed: it is kept."""
    first = max(1, middle // tick)
    return (
        {(first - step) * tick: 1 + step % 9 for step in range(1, levels + 1) if first > step},
        {(first + step) * tick: 2 + step % 7 for step in range(levels) if (first + step) * tick <= INT64_MAX},
    )


def raw(sides: Sides) -> tuple[list[int], list[int], list[int], list[int]]:
    bids, asks = sorted(sides[0], reverse=True), sorted(sides[1])
    return bids, [sides[0][price] for price in bids], asks, [sides[1][price] for price in asks]


def shown(side: dict[int, int]) -> list[list[int]]:
    return [[price, side[price]] for price in side]


def deep() -> Callable[[bytes], None]:
    """A byte for the scene, then four for a change: how, by how many ticks, and how large."""

    def one(data: bytes) -> None:
        if not data:
            return
        number, tick_at = divmod(data[0], len(TICKS))
        number, middle_at = divmod(number, len(MIDDLES))
        tick, middle = TICKS[tick_at], MIDDLES[middle_at]
        start = opened(tick, middle, LEVELS[number % len(LEVELS)])
        book = Book("BTCUSDT", price_decimals=0, size_decimals=0, capacity=4)
        book.apply_snapshot(shown(start[0]), shown(start[1]))
        truth: Sides = (dict(start[0]), dict(start[1]))
        changes: Sides = ({}, {})
        for at in range(1, len(data) - 3, 4):
            how, size = data[at], data[at + 3]
            side = how & 1
            ticks = int.from_bytes(data[at + 1 : at + 3], "little", signed=True) * (1, 1, 1, 64)[how >> 1 & 3]
            price = (middle // tick + ticks) * tick + (how >> 3 & 3) // 3
            if how >> 5 & 3 == 3:
                price = middle + ticks
            changes[side][max(1, min(price, INT64_MAX))] = size
            if how & 0x80:
                put(book, truth, changes)
                changes = ({}, {})
        put(book, truth, changes)
        if core_raw(book) != raw(truth):
            raise Failure("the deep book is another book")

    return one


def put(book: Book, truth: Sides, changes: Sides) -> None:
    """Changes into the book and into the dicts; then the touch and the book's own check."""
    book.apply_delta(shown(changes[0]), shown(changes[1]))
    for side, changed in zip(truth, changes, strict=True):
        for price, size in changed.items():
            if size:
                side[price] = size
            else:
                side.pop(price, None)
    book._check()
    top = book.top()
    bid, ask = max(truth[0], default=0), min(truth[1], default=0)
    if (bid and top.bid_raw != bid) or (ask and top.ask_raw != ask):
        raise Failure(f"the touch is {top.bid_raw} and {top.ask_raw}")


def deep_seeds() -> Iterator[bytes]:
    for scene in range(75):
        changes = b"".join(
            bytes((kind, step * 37 % 256, (0, 255, step % 30, 256 - step % 30 - 1)[step % 4], step % 3))
            for step, kind in enumerate((0, 1, 128, 129, 4, 135, 24, 153, 97, 224, 6, 7, 134))
        )
        yield bytes((scene,)) + changes
        yield bytes((scene,)) + b"".join(bytes((128 + number % 2, number, 0, 0)) for number in range(30))


def targets() -> list[Target]:
    return [Target("deep", deep, deep_seeds, text=False, longest=257)]
