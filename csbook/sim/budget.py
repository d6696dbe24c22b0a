"""How often an account may ask: so many requests that count for a limit in any window of so many seconds.

The limits are those of a desk. A request that is refused costs nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from csbook.clock import Clock
from csbook.errors import UsageError

__all__ = ["Budget"]


class Budget:
    """What has been asked for lately. ``rates`` replaces some of the ``usual`` ones; None: no limits at all."""

    def __init__(
        self,
        clock: Clock,
        rates: Mapping[str, tuple[int, float]] | None,
        usual: Mapping[str, tuple[int, float]],
    ) -> None:
        for name, (count, seconds) in (rates or {}).items():
            if name not in usual or count < 0 or seconds <= 0:
                known = ", ".join(usual)
                raise UsageError(
                    f"rates: {name}: {(count, seconds)}; (requests, seconds) is expected for one of {known}"
                )
        self._rates = {} if rates is None else {**usual, **rates}
        self._clock = clock
        self._asked: dict[tuple[str, str], deque[int]] = {}

    def refusal(self, owner: str, *names: str) -> str:
        """Count one request for all of these limits. Why it is refused, or nothing. O(1) amortised."""
        limited = [name for name in names if name in self._rates]
        for name in limited:
            count, seconds = self._rates[name]
            if self.used(owner, name) >= count:
                return f"too many requests: {name} is limited to {count} in {seconds:g} s"
        for name in limited:
            self._asked[owner, name].append(self._clock.monotonic_ns())
        return ""

    def limit(self, name: str) -> tuple[int, float] | None:
        """How many requests in how many seconds; None: as many as one likes."""
        return self._rates.get(name)

    def used(self, owner: str, name: str) -> int:
        """How many requests count for a limit now."""
        if name not in self._rates:
            return 0
        since = self._clock.monotonic_ns() - round(self._rates[name][1] * 1e9)
        asked = self._asked.setdefault((owner, name), deque())
        while asked and asked[0] <= since:
            asked.popleft()
        return len(asked)
