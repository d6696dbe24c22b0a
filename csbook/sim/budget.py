"""How often an account may ask: so many requests of an operation in any window of so many seconds.

The numbers are the venue's (fact sheet 1.10, per key). A request that is refused costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from csbook.clock import Clock
from csbook.errors import UsageError

__all__ = ["RATES", "Budget"]

RATES: dict[str, tuple[int, float]] = {
    "place": (20, 60.0),
    "cancel": (10, 60.0),
    "cancel_all": (10, 60.0),
    "order": (20, 60.0),
    "open": (20, 60.0),
    "closed": (20, 60.0),
    "positions": (20, 60.0),
    "wallet": (20, 60.0),
    "instruments": (100, 60.0),
}


class Budget:
    """What has been asked for lately. ``rates`` replaces some of RATES; None: no limits at all."""

    def __init__(self, clock: Clock, rates: Mapping[str, tuple[int, float]] | None) -> None:
        for name, (count, seconds) in (rates or {}).items():
            if name not in RATES or count < 0 or seconds <= 0:
                known = ", ".join(RATES)
                raise UsageError(
                    f"rates: {name}: {(count, seconds)}; (requests, seconds) is expected for one of {known}"
                )
        self._rates = {} if rates is None else {**RATES, **rates}
        self._clock = clock
        self._asked: dict[tuple[str, str], deque[int]] = {}

    def refusal(self, owner: str, operation: str) -> str:
        """Count one request. Why it is refused, or nothing. O(1) amortised."""
        limit = self._rates.get(operation)
        if limit is None:
            return ""
        count, seconds = limit
        now = self._clock.monotonic_ns()
        asked = self._asked.setdefault((owner, operation), deque())
        while asked and asked[0] <= now - round(seconds * 1e9):
            asked.popleft()
        if len(asked) >= count:
            return f"too many requests: {operation} is limited to {count} in {seconds:g} s"
        asked.append(now)
        return ""
