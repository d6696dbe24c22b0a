"""The two processes of the task wire: ``server`` sends, ``clients`` receive, each on a core of its own, over loopback.

Both clocks are one: CLOCK_MONOTONIC (``time.monotonic_ns``), which all processes of a machine share. The time of
sending travels as ``lastUpdateId``, raised by ``EPOCH`` so that it always has 19 digits and only ever rises.
"""

from __future__ import annotations

import os

EPOCH = 10**18
HEAD = b'{"lastUpdateId":'
STREAM = "btcusdt@depth20"
PATH = f"/pro/realtime-rates-socket/futures/{STREAM}"
SUBSCRIBE = f'{{"method":"SUBSCRIBE","params":["{STREAM}"],"id":1}}'.encode()
LEVELS = 20
DIFFERENT = 256  # messages
WARM_UP_S = 0.2  # not counted


def cores() -> list[int]:
    """The cores that this process may use; empty where that cannot be said."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def pin(core: int | None) -> None:
    if core is not None and core >= 0:
        os.sched_setaffinity(0, {core})
