"""orjson and sorted lists of float with bisect: the fastest book without a compiled one."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from benches.peers._lists import TOUCH_OF_LISTS, Lists, parse_all, reading, vwap_of, within
from benches.words import Job

NAME = "orjson + bisect lists"
PACKAGES = ("orjson",)


def _names(bids: Lists, asks: Lists) -> dict[str, Any]:
    return {
        "loads": orjson.loads,
        "replace_bids": bids.replace,
        "replace_asks": asks.replace,
        "change_bids": bids.change,
        "change_asks": asks.change,
        "bid_keys": bids.keys,
        "ask_keys": asks.keys,
        "bid_sizes": bids.sizes,
        "ask_sizes": asks.sizes,
    }


def _job(text: str, **more: Any) -> Job:
    bids, asks = Lists(-1.0), Lists(1.0)
    return Job(f"{text}\n{TOUCH_OF_LISTS}", _names(bids, asks), levels=lambda: (bids.levels(), asks.levels()), **more)


def snapshot(levels: int) -> Job:
    return _job('body = loads(message)\nreplace_bids(body["bids"])\nreplace_asks(body["asks"])')


def parsed(levels: int) -> Job:
    return _job('replace_bids(message["bids"])\nreplace_asks(message["asks"])', prepare=parse_all)


def delta(start: bytes) -> Job:
    job = _job('data = loads(message)["data"]\nchange_bids(data["b"])\nchange_asks(data["a"])')
    body = orjson.loads(start)
    job.names["replace_bids"](body["bids"])
    job.names["replace_asks"](body["asks"])
    return job


def hold(payload: bytes) -> tuple[Lists, Lists]:
    bids, asks = Lists(-1.0), Lists(1.0)
    body = orjson.loads(payload)
    bids.replace(body["bids"])
    asks.replace(body["asks"])
    return bids, asks


def _columns(bids: Lists, asks: Lists) -> tuple[Any, ...]:
    return -np.array(bids.keys[:20]), np.array(bids.sizes[:20]), np.array(asks.keys[:20]), np.array(asks.sizes[:20])


def _imbalance(bid_sizes: list[float], ask_sizes: list[float]) -> float:
    bid, ask = sum(bid_sizes[:5]), sum(ask_sizes[:5])
    return (bid - ask) / (bid + ask)


def _within(bids: Lists, asks: Lists, bps: float) -> float:
    worst = (asks.keys[0] - bids.keys[0]) / 2 * (1 - bps / 10_000)
    return within((-key for key in bids.keys), bids.sizes, worst)


def reads(payload: bytes) -> dict[str, Job]:
    bids, asks = hold(payload)
    names = {
        **_names(bids, asks), "bids": bids, "asks": asks,
        "columns": _columns, "vwap_of": vwap_of, "imbalance": _imbalance, "within": _within,
    }  # fmt: skip
    texts = {
        "arrays_20": "value = columns(bids, asks)",
        "vwap": "value = vwap_of(ask_keys, ask_sizes, 10.0)",
        "imbalance": "value = imbalance(bid_sizes, ask_sizes)",
        "within": "value = within(bids, asks, 10.0)",
    }
    return reading(TOUCH_OF_LISTS, texts, names)
