from __future__ import annotations

from itertools import pairwise
from typing import Any


def test_the_diff_stream_joins_the_depth_of_any_moment(stage: Any) -> None:
    s = stage("coinswitch")
    assert s.watch("btcusdt@depth") is None
    snapshot = s.watch("btcusdt@depth20")
    told = [message for message in s.run(3000) if "e" in message]
    assert told[0]["pu"] <= snapshot["lastUpdateId"] <= told[0]["u"]
    assert all(after["pu"] == before["u"] for before, after in pairwise(told))
