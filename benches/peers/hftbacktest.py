"""hftbacktest: its depth inside its own compiled loop. Applies only: it reads no messages, its data are arrays.

A lap becomes an array of events, a message a time; the start is applied before the clock runs. Only the local side of
the simulation is fed, so nothing is applied twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    ROIVectorMarketDepthBacktest,
    event_dtype,
)
from numba import njit

from benches.words import Answer, Job

NAME = "hftbacktest, own loop"
PACKAGES = ("hftbacktest", "numba")
STEP_NS = 1000
TICK = 0.01
RANGE = 0.05  # of the price, on both sides: what its vector of levels covers; the rest it leaves out


@njit
def _walk(backtest: Any, touches: Any) -> None:
    for at in range(len(touches)):
        backtest.elapse(STEP_NS)
        depth = backtest.depth(0)
        touches[at, 0] = depth.best_bid
        touches[at, 1] = depth.best_ask


class Lap:
    """A backtest that stands at the lap's first message."""

    def __init__(self, start: bytes, messages: Sequence[bytes]) -> None:
        rows: list[tuple[int, int, float, float]] = []
        body = orjson.loads(start)
        for at, (bids, asks) in enumerate(
            [
                (body["bids"], body["asks"]),
                *((data["b"], data["a"]) for data in (orjson.loads(message)["data"] for message in messages)),
            ]
        ):
            for side, pairs in ((BUY_EVENT, bids), (SELL_EVENT, asks)):
                kind = DEPTH_EVENT | LOCAL_EVENT | side
                rows.extend((kind, (at + 1) * STEP_NS, float(price), float(size)) for price, size in pairs)
        # the clock starts at the first event
        events = np.zeros(len(rows) + 1, event_dtype)
        for name, column in zip(("ev", "local_ts", "px", "qty"), zip(*rows, strict=True), strict=True):
            events[name][:-1] = column
        events["exch_ts"] = events["local_ts"]
        events[-1] = events[-2]
        events[-1]["local_ts"] = events[-1]["exch_ts"] = (len(messages) + 9) * STEP_NS
        self.events = events
        middle = (float(body["bids"][0][0]) + float(body["asks"][0][0])) / 2
        asset = (
            BacktestAsset().data(events).linear_asset(1.0).constant_order_latency(0, 0).risk_adverse_queue_model()
            .no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(TICK).lot_size(0.001)
            .roi_lb(middle * (1 - RANGE)).roi_ub(middle * (1 + RANGE))
        )  # fmt: skip
        self.backtest = ROIVectorMarketDepthBacktest([asset])
        self.touches = np.zeros((len(messages), 2))
        self.backtest.elapse(STEP_NS // 2)

    def __len__(self) -> int:
        return len(self.touches)

    def __del__(self) -> None:
        if hasattr(self, "backtest"):
            self.backtest.close()


def _drain(lap: Any) -> None:
    _walk(lap.backtest, lap.touches)


def _check(lap: Any) -> list[Answer]:
    _drain(lap)
    return [(bid, ask) for bid, ask in lap.touches.tolist()]


def delta(start: bytes) -> Job:
    return Job(
        "pass", {}, note="applies only, reads no messages; inside its own compiled loop", whole=False,
        prepare=lambda messages: Lap(start, messages), own_drain=_drain, own_check=_check,
    )  # fmt: skip
