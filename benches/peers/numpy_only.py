"""A book of numpy arrays alone: prices and sizes a side, sorted; a message's changes are merged in one go."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import orjson

from benches.peers._lists import parse_all, reading
from benches.words import Job, Levels

NAME = "orjson + numpy arrays"
PACKAGES = ("orjson", "numpy")
TOUCH = "bid = -bids.keys[0]\nask = asks.keys[0]"


class Arrays:
    """Keys rise: the price, negative for bids."""

    __slots__ = ("keys", "sign", "sizes")

    def __init__(self, sign: float) -> None:
        self.sign = sign
        self.keys: Any = np.empty(0)
        self.sizes: Any = np.empty(0)

    @staticmethod
    def columns(pairs: list[Any]) -> tuple[Any, Any]:
        both = np.fromiter(map(float, chain.from_iterable(pairs)), float, 2 * len(pairs))
        return both[::2], both[1::2]

    def replace(self, pairs: list[Any]) -> None:
        prices, self.sizes = self.columns(pairs)
        self.keys = self.sign * prices

    def change(self, pairs: list[Any]) -> None:
        if not pairs:
            return
        prices, sizes = self.columns(pairs)
        keys = self.sign * prices
        at = self.keys.searchsorted(keys)
        here = self.keys.take(at, mode="clip") == keys
        self.sizes[at[here]] = sizes[here]
        new = ~here & (sizes != 0)
        if new.any():
            order = keys[new].argsort()
            where = at[new][order]
            self.keys = np.insert(self.keys, where, keys[new][order])
            self.sizes = np.insert(self.sizes, where, sizes[new][order])
        if (here & (sizes == 0)).any():
            kept = self.sizes != 0
            self.keys, self.sizes = self.keys[kept], self.sizes[kept]

    def levels(self) -> Levels:
        return list(zip((self.sign * self.keys).tolist(), self.sizes.tolist(), strict=True))


def _job(text: str, start: bytes | None = None, **more: Any) -> Job:
    bids, asks = Arrays(-1.0), Arrays(1.0)
    if start is not None:
        body = orjson.loads(start)
        bids.replace(body["bids"])
        asks.replace(body["asks"])
    names = {"loads": orjson.loads, "bids": bids, "asks": asks}
    return Job(f"{text}\n{TOUCH}", names, levels=lambda: (bids.levels(), asks.levels()), **more)


def snapshot(levels: int) -> Job:
    return _job('body = loads(message)\nbids.replace(body["bids"])\nasks.replace(body["asks"])')


def parsed(levels: int) -> Job:
    return _job('bids.replace(message["bids"])\nasks.replace(message["asks"])', prepare=parse_all)


def delta(start: bytes) -> Job:
    return _job('data = loads(message)["data"]\nbids.change(data["b"])\nasks.change(data["a"])', start)


def hold(payload: bytes) -> Any:
    names = _job("pass", payload).names
    return names["bids"], names["asks"]


def _vwap(asks: Arrays, size: float) -> float:
    reached = asks.sizes.cumsum()
    last = int(reached.searchsorted(size))
    taken = asks.sizes[: last + 1].copy()
    taken[last] -= reached[last] - size
    return float(taken @ asks.keys[: last + 1] / size)


def _imbalance(bids: Arrays, asks: Arrays) -> float:
    bid, ask = bids.sizes[:5].sum(), asks.sizes[:5].sum()
    return float((bid - ask) / (bid + ask))


def _within(bids: Arrays, asks: Arrays, bps: float) -> float:
    worst = (asks.keys[0] - bids.keys[0]) / 2 * (1 - bps / 10_000)
    return float(bids.sizes[: bids.keys.searchsorted(-worst, "right")].sum())


def reads(payload: bytes) -> dict[str, Job]:
    bids, asks = hold(payload)
    names = {"bids": bids, "asks": asks, "vwap": _vwap, "imbalance": _imbalance, "within": _within}
    texts = {
        "arrays_20": "value = -bids.keys[:20], bids.sizes[:20], asks.keys[:20], asks.sizes[:20]",
        "vwap": "value = vwap(asks, 10.0)",
        "imbalance": "value = imbalance(bids, asks)",
        "within": "value = within(bids, asks, 10.0)",
    }
    return reading(TOUCH, texts, names)
