"""Whether a book that is fed by changes agrees with a snapshot that the venue told by REST. Pure.

The two are never of one moment, so only what stood still is compared: a level that the book held at one size in every
look at it, from some seconds before the request until after the answer; and a price where no look found anything. A
snapshot that is older than the first look proves nothing at all. Of one side, by price:

* ghost: held by the book, not in the snapshot, and better than the snapshot's worst level;
* missing: in the snapshot, not in the book, and better than the worst level of both;
* wrong size: held by both, at two sizes.

A level that went away and came back between two looks seems to have stood still. So a finding is only a suspicion until
a second audit has made it again, with the same sizes: an order that comes and goes is not caught twice in the same way,
and a change that was lost stays lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from csbook.types import Side

__all__ = ["Audited", "Copy", "Finding", "Levels", "Watch", "compare"]

Ints = npt.NDArray[np.int64]

MOST_GHOSTS = 2  # of a side and audit, without the book being declared lost
MOST_SHARE = 0.01  # of the levels compared that may be wrong in any way
_FAR = 2**63 - 1


class Levels(Protocol):
    """What of a book is read here."""

    @property
    def updates(self) -> int: ...
    @property
    def bid_prices_raw(self) -> Ints: ...
    @property
    def bid_sizes_raw(self) -> Ints: ...
    @property
    def ask_prices_raw(self) -> Ints: ...
    @property
    def ask_sizes_raw(self) -> Ints: ...


class Copy:
    """A book's levels at one moment, at its scale: prices and sizes a side, best first. O(levels)."""

    __slots__ = ("prices", "sizes")

    def __init__(self, book: Levels) -> None:
        self.prices = {Side.BUY: book.bid_prices_raw.copy(), Side.SELL: book.ask_prices_raw.copy()}
        self.sizes = {Side.BUY: book.bid_sizes_raw.copy(), Side.SELL: book.ask_sizes_raw.copy()}


class _Still:
    """What one side held all the while, and every price that it ever held. A key grows from the best level on."""

    __slots__ = ("keys", "reach", "seen", "sizes")

    def __init__(self, keys: Ints, sizes: Ints) -> None:
        self.keys, self.sizes = keys, sizes
        self.seen = keys
        self.reach = int(keys[-1]) if len(keys) else _FAR

    def look(self, keys: Ints, sizes: Ints) -> None:
        if len(keys):
            self.reach = min(self.reach, int(keys[-1]))
            at = np.minimum(np.searchsorted(keys, self.keys), len(keys) - 1)
            still = (keys[at] == self.keys) & (sizes[at] == self.sizes)
            self.keys, self.sizes = self.keys[still], self.sizes[still]
            self.seen = np.union1d(self.seen, keys)
        else:
            self.keys, self.sizes = keys, sizes


class Watch:
    """What of a book stands still, from the first look on. A look is O(levels), some tens of microseconds."""

    __slots__ = ("_version", "sides")

    def __init__(self, book: Levels) -> None:
        self._version = book.updates
        copy = Copy(book)
        self.sides = {side: _Still(*_keys(side, copy)) for side in Side}

    def look(self, book: Levels) -> None:
        if book.updates != self._version:
            self._version = book.updates
            copy = Copy(book)
            for side, still in self.sides.items():
                still.look(*_keys(side, copy))


def _keys(side: Side, copy: Copy) -> tuple[Ints, Ints]:
    return (-copy.prices[side] if side is Side.BUY else copy.prices[side]), copy.sizes[side]


class Finding(NamedTuple):
    """A price where book and snapshot disagree; 0: no level. Raw integers at the book's scale."""

    side: Side
    price: int
    held: int
    told: int

    @property
    def kind(self) -> str:
        """ "ghost", "missing" or "wrong size"."""
        return "ghost" if not self.told else "missing" if not self.held else "wrong size"


@dataclass(frozen=True, slots=True)
class Audited:
    """What one comparison came to. ``compared`` counts the levels of both sides that could be judged."""

    compared: int
    findings: frozenset[Finding]

    def confirmed(self, second: Audited) -> Audited:
        """What both say."""
        return Audited(second.compared, self.findings & second.findings)

    def count(self, kind: str, side: Side | None = None) -> int:
        return sum(found.kind == kind and side in (None, found.side) for found in self.findings)

    @property
    def lost(self) -> bool:
        """Whether so much is wrong that the book cannot be trusted."""
        ghosts = max(self.count("ghost", side) for side in Side)
        return ghosts > MOST_GHOSTS or len(self.findings) > max(MOST_GHOSTS, MOST_SHARE * self.compared)

    def __str__(self) -> str:
        kinds = (("ghost", "ghosts"), ("missing", "missing"), ("wrong size", "of a wrong size"))
        told = [f"{self.count(kind)} {words}" for kind, words in kinds if self.count(kind)]
        return f"{', '.join(told) or 'nothing wrong'} in {self.compared} levels compared"


def compare(watch: Watch, told: Copy) -> Audited:
    """The last look at the book was behind the answer ``told``. O(levels)."""
    compared = 0
    findings: list[Finding] = []
    for side, still in watch.sides.items():
        count, found = _side(side, still, *_keys(side, told))
        compared += count
        findings += found
    return Audited(compared, frozenset(findings))


def _side(side: Side, still: _Still, there: Ints, sizes: Ints) -> tuple[int, Iterable[Finding]]:
    if not len(there):
        return 0, ()
    sign = -1 if side is Side.BUY else 1
    edge = there[-1]
    held = still.keys < edge
    keys, mine = still.keys[held], still.sizes[held]
    at = np.searchsorted(there, keys)  # every key is better than the last, so each place is one of `there`
    told = np.where(there[at] == keys, sizes[at], 0)
    wrong = told != mine
    findings = [
        Finding(side, int(sign * key), int(size), int(said))
        for key, size, said in zip(keys[wrong], mine[wrong], told[wrong], strict=True)
    ]
    absent = (there < min(int(edge), still.reach)) & ~np.isin(there, still.seen, assume_unique=True)
    findings += [
        Finding(side, int(sign * key), 0, int(said)) for key, said in zip(there[absent], sizes[absent], strict=True)
    ]
    return len(keys) + int(absent.sum()), findings
