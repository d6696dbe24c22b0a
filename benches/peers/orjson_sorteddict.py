"""orjson and two SortedDict of float, keys negative for bids: what most Python market makers write first."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import orjson
from sortedcontainers import SortedDict

from benches.peers._lists import parse_all, reading, vwap_of, within
from benches.words import Job, Levels

NAME = "orjson + SortedDict"
PACKAGES = ("orjson", "sortedcontainers")
TOUCH = "bid = -bids.peekitem(0)[0]\nask = asks.peekitem(0)[0]"


def _replace(bids: Any, asks: Any, body: Any) -> None:
    bids.clear()
    bids.update((-float(price), float(size)) for price, size in body["bids"])
    asks.clear()
    asks.update((float(price), float(size)) for price, size in body["asks"])


def _change(side: Any, sign: float, pairs: Any) -> None:
    for price, size_text in pairs:
        key, size = sign * float(price), float(size_text)
        if size:
            side[key] = size
        else:
            side.pop(key, None)


def _names() -> dict[str, Any]:
    return {"loads": orjson.loads, "bids": SortedDict(), "asks": SortedDict(), "replace": _replace, "change": _change}


def _levels(names: dict[str, Any]) -> tuple[Levels, Levels]:
    return [(-key, size) for key, size in names["bids"].items()], list(names["asks"].items())


def snapshot(levels: int) -> Job:
    names = _names()
    return Job(f"replace(bids, asks, loads(message))\n{TOUCH}", names, levels=lambda: _levels(names))


def parsed(levels: int) -> Job:
    names = _names()
    return Job(f"replace(bids, asks, message)\n{TOUCH}", names, prepare=parse_all, levels=lambda: _levels(names))


def delta(start: bytes) -> Job:
    names = _names()
    _replace(names["bids"], names["asks"], orjson.loads(start))
    text = 'data = loads(message)["data"]\nchange(bids, -1.0, data["b"])\nchange(asks, 1.0, data["a"])\n'
    return Job(text + TOUCH, names, levels=lambda: _levels(names))


def hold(payload: bytes) -> Any:
    names = _names()
    _replace(names["bids"], names["asks"], orjson.loads(payload))
    return names["bids"], names["asks"]


def _columns(bids: Any, asks: Any) -> tuple[Any, ...]:
    return (
        -np.array(list(islice(bids, 20))), np.array(list(islice(bids.values(), 20))),
        np.array(list(islice(asks, 20))), np.array(list(islice(asks.values(), 20))),
    )  # fmt: skip


def _imbalance(bids: Any, asks: Any) -> float:
    bid, ask = sum(islice(bids.values(), 5)), sum(islice(asks.values(), 5))
    return float((bid - ask) / (bid + ask))


def _within(bids: Any, asks: Any, bps: float) -> float:
    best = -bids.peekitem(0)[0]
    worst = (best + asks.peekitem(0)[0]) / 2 * (1 - bps / 10_000)
    return within((-key for key in bids), bids.values(), worst)


def reads(payload: bytes) -> dict[str, Job]:
    bids, asks = hold(payload)
    names = {
        "bids": bids, "asks": asks, "columns": _columns, "vwap_of": vwap_of, "imbalance": _imbalance, "within": _within
    }  # fmt: skip
    texts = {
        "arrays_20": "value = columns(bids, asks)",
        "vwap": "value = vwap_of(asks, asks.values(), 10.0)",
        "imbalance": "value = imbalance(bids, asks)",
        "within": "value = within(bids, asks, 10.0)",
    }
    return reading(TOUCH, texts, names)
