"""What several peers share: reading JSON, and the books that a Python programmer writes in twenty lines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benches.words import Job, Levels
from csbook.json import loads

TOUCH_OF_LISTS = "bid = -bid_keys[0]\nask = ask_keys[0]"


def parse_all(payloads: Sequence[bytes]) -> list[Any]:
    return [loads(payload) for payload in payloads]


def reading(touch: str, texts: Mapping[str, str], names: Mapping[str, Any], turned: Any = None) -> dict[str, Job]:
    """The Jobs of ``reads``: the touch, and what else leaves a ``value``; ``turned`` for arrays that are pairs."""
    jobs = {"touch": Job(touch, names)}
    for read, text in texts.items():
        jobs[read] = Job(text, names, leaves=("value",), as_columns=turned if read == "arrays_20" else None)
    return jobs


def columns_of(pairs: Sequence[Any]) -> list[Any]:
    """Bids and asks as (n, 2) arrays into the four columns that the judge gives."""
    return [column for side in pairs for column in (side[:, 0], side[:, 1])]


class Lists:
    """A side in two lists, best first: keys that rise (the price, negative for bids) and sizes beside them."""

    __slots__ = ("keys", "sign", "sizes")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: list[float] = []
        self.sizes: list[float] = []

    def replace(self, pairs: Iterable[Sequence[Any]]) -> None:
        """As the venue sends it: best first."""
        sign = self.sign
        self.keys[:] = [sign * float(pair[0]) for pair in pairs]
        self.sizes[:] = [float(pair[1]) for pair in pairs]

    def change(self, pairs: Iterable[Sequence[Any]]) -> None:
        keys, sizes, sign = self.keys, self.sizes, self.sign
        for price, size_text in pairs:
            key, size = sign * float(price), float(size_text)
            at = bisect_left(keys, key)
            here = at < len(keys) and keys[at] == key
            if size:
                if here:
                    sizes[at] = size
                else:
                    keys.insert(at, key)
                    sizes.insert(at, size)
            elif here:
                del keys[at]
                del sizes[at]

    def levels(self) -> Levels:
        return [(self.sign * key, size) for key, size in zip(self.keys, self.sizes, strict=True)]


def vwap_of(prices: Iterable[float], sizes: Iterable[float], size: float) -> float:
    """The average price of taking ``size``, best first."""
    left, paid = size, 0.0
    for price, here in zip(prices, sizes, strict=True):
        if here >= left:
            paid += left * price
            left = 0.0
            break
        paid += here * price
        left -= here
    return paid / (size - left)


def within(prices: Iterable[float], sizes: Iterable[float], worst: float) -> float:
    """The size of bids at ``worst`` or better, best first."""
    total = 0.0
    for price, size in zip(prices, sizes, strict=True):
        if price < worst:
            break
        total += size
    return total
