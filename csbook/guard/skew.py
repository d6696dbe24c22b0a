"""How far this machine's clock is from the venue's, judged from the venue's answers to "what time is it?".

The answer was made somewhere between the question and its arrival: the offset is known to half the round trip, and the
quickest of the last answers knows best, though it knows less from second to second. Beyond ``working`` the venue may
refuse requests, beyond ``hard`` it does (coinswitch fact sheet, 1.7: stay within 5 s, 401 beyond 60 s). What is
uncertain is no verdict: an offset is only called beyond a bound where all of its interval is, and within it where all
of it is.

A clock that was set makes old answers worthless: ours, when wall and monotonic time drift apart; the venue's, when a
new answer contradicts them.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass

from csbook.types import Alert

__all__ = ["ClockSkew", "SkewVerdict"]

SET_BY_NS = 500_000_000  # what a clock that is only disciplined does not do between two looks
RESOLUTION_NS = 1_000_000  # of the venue's answer
DRIFT_NS = 200_000  # a second, between two clocks that nobody disciplines


class SkewVerdict(enum.StrEnum):
    """The offset is not known, within the working bound, beyond it, or beyond the hard one."""

    UNKNOWN = "unknown"
    FINE = "fine"
    OFF = "off"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class _Answer:
    offset_ns: int
    error_ns: int
    at: float

    def error_at(self, now: float) -> int:
        return self.error_ns + int((now - self.at) * DRIFT_NS)


class ClockSkew:
    """One venue's clock against ours. ``now_ns`` is this machine's wall clock, ``now`` monotonic seconds."""

    def __init__(
        self,
        *,
        working: float = 5.0,
        hard: float = 60.0,
        every: float = 600.0,
    ) -> None:
        if not 0.0 < working <= hard:
            raise ValueError(f"working is {working} and hard {hard}; expected 0 < working <= hard")
        self._working_ns = int(working * 1e9)
        self._hard_ns = int(hard * 1e9)
        self._every = every
        self._answers: deque[_Answer] = deque(maxlen=8)
        self._best: _Answer | None = None
        self._next = float("-inf")
        self._base_ns: int | None = None  # wall minus monotonic
        self._verdict = SkewVerdict.UNKNOWN

    @property
    def verdict(self) -> SkewVerdict:
        """As of the last answer."""
        return self._verdict

    @property
    def offset_ns(self) -> int | None:
        """The venue's clock minus ours, by the answer that knew best when the last one came; None before the first."""
        return None if self._best is None else self._best.offset_ns

    @property
    def error_ns(self) -> int | None:
        """How far ``offset_ns`` may be off, as of the last answer."""
        return None if self._best is None else self._best.error_at(self._answers[-1].at)

    def answered(self, sent_ns: int, received_ns: int, venue_ms: int, now: float) -> list[Alert]:
        """The venue said ``venue_ms``, asked at ``sent_ns`` and received at ``received_ns``."""
        self._next = now + self._every
        self.look(received_ns, now)
        if received_ns < sent_ns:  # the clock was set back in between: this says nothing
            self._next = now
            return []
        middle = (sent_ns + received_ns) // 2
        error = (received_ns - sent_ns) // 2 + RESOLUTION_NS
        fresh = _Answer(venue_ms * 1_000_000 + RESOLUTION_NS // 2 - middle, error, now)
        if any(abs(old.offset_ns - fresh.offset_ns) > old.error_at(now) + error for old in self._answers):
            self._answers.clear()
        self._answers.append(fresh)
        self._best = min(self._answers, key=lambda answer: answer.error_at(now))
        return self._judge(self._best.offset_ns, self._best.error_at(now))

    def refused(self, now: float) -> None:
        """The venue refused a signature: it may be the clock, so it is asked at once."""
        self._next = min(self._next, now)

    def look(self, now_ns: int, now: float) -> None:
        """Notice a wall clock that was set. Costs nothing; call it before ``due``."""
        base = now_ns - int(now * 1e9)
        if self._base_ns is not None and abs(base - self._base_ns) > SET_BY_NS:
            self._answers.clear()
            self._best = None
            self._verdict = SkewVerdict.UNKNOWN
            self._next = min(self._next, now)
        self._base_ns = base

    def due(self, now: float) -> float:
        """When the venue should be asked for its time again."""
        return max(now, self._next)

    def _judge(self, offset: int, error: int) -> list[Alert]:
        size = abs(offset)
        before, now = self._verdict, self._verdict
        if size - error > self._hard_ns:
            now = SkewVerdict.REFUSED
        elif size - error > self._working_ns:
            if now is not SkewVerdict.REFUSED or size + error <= self._hard_ns:
                now = SkewVerdict.OFF
        elif size + error <= self._working_ns:
            now = SkewVerdict.FINE
        self._verdict = now
        if now is before or {before, now} == {SkewVerdict.UNKNOWN, SkewVerdict.FINE}:
            return []
        seconds = offset / 1e9
        what = f"this machine's clock is {abs(seconds):.2f} s {'behind' if seconds > 0 else 'ahead of'} the venue's"
        if now is SkewVerdict.FINE:
            return [Alert("degrade", f"{what} again, which is fine")]
        bound = self._hard_ns if now is SkewVerdict.REFUSED else self._working_ns
        follows = "it refuses every request" if now is SkewVerdict.REFUSED else "it may refuse requests"
        return [Alert("degrade", f"{what}; beyond {bound / 1e9:g} s {follows}")]
