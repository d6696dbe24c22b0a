"""When trading must stop by itself: pure verdicts from what happened, and when.

* the private stream is lost for ``stream_lost_after`` while an order is open, pending or unknown;
* a book on which quotes stand is not LIVE for ``book_stale_after``;
* so many orders were rejected within a window: whatever the reason is, sending more will not mend it;
* realised and unrealised profit together are below ``-loss``.

A verdict is given once; again only after its condition was gone, or after ``reset``. None switches a rule off.
All times are monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from csbook.guard.latchfile import Cause

__all__ = ["Tripped", "Tripwire", "Tripwires"]

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Tripped:
    """The kill switch is to be tripped, and why."""

    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Tripwire:
    """The rules. ``loss`` is an amount of the quote currency above 0; times are seconds."""

    stream_lost_after: float | None = 10.0
    book_stale_after: float | None = 5.0
    rejects: int | None = 10
    rejects_window: float = 60.0
    loss: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("stream_lost_after", "book_stale_after", "rejects_window"):
            seconds = getattr(self, name)
            if seconds is not None and not 0.0 < seconds < NEVER:
                raise ValueError(f"{name} is {seconds!r}; expected seconds above 0")
        if self.rejects is not None and self.rejects < 1:
            raise ValueError(f"rejects is {self.rejects!r}; expected at least 1")
        if self.loss is not None and not (isinstance(self.loss, Decimal) and self.loss.is_finite() and self.loss > 0):
            raise ValueError(f"loss is {self.loss!r}; expected a Decimal above 0")


class Tripwires:
    """The rules at work on one account. Until told otherwise, the stream is up and every book is LIVE."""

    def __init__(self, rules: Tripwire | None = None) -> None:
        self._rules = rules or Tripwire()
        self._lost: float | None = None  # since when
        self._stale: dict[str, float] = {}  # symbol -> since when
        self._rejected: deque[float] = deque(maxlen=self._rules.rejects or 1)
        self._told: set[tuple[Cause, str]] = set()

    # -- what happens

    def stream(self, up: bool, now: float) -> None:
        """The private stream stands, or is lost."""
        if up:
            self._lost = None
            self._told.discard((Cause.STREAM, ""))
        elif self._lost is None:
            self._lost = now

    def book(self, symbol: str, live: bool, now: float) -> None:
        """A book is LIVE, or in any other state."""
        if live:
            self._stale.pop(symbol, None)
            self._told.discard((Cause.BOOK, symbol))
        else:
            self._stale.setdefault(symbol, now)

    def rejected(self, now: float) -> None:
        """The venue rejected an order."""
        self._rejected.append(now)

    def reset(self) -> None:
        """The kill switch was re-armed: what still holds is told again, rejections count anew."""
        self._told.clear()
        self._rejected.clear()

    # -- what follows

    def judge(
        self, now: float, *, exposed: int = 0, quoted: Collection[str] = (), profit: Decimal | None = None
    ) -> list[Tripped]:
        """What is to be tripped now. ``exposed``: orders that are open, pending or unknown. ``quoted``: the symbols
        of the resting ones. ``profit``: realised and unrealised; None where it is not known.
        """
        rules = self._rules
        found: list[tuple[str, Tripped]] = []
        if rules.stream_lost_after is not None and exposed and self._lost is not None:
            lost = now - self._lost
            if lost >= rules.stream_lost_after:
                orders = "1 order is" if exposed == 1 else f"{exposed} orders are"
                reason = f"the private stream is lost for {rules.stream_lost_after:g} s and {orders} out"
                found.append(("", Tripped(Cause.STREAM, reason)))
        if rules.book_stale_after is not None:
            for symbol, since in self._stale.items():
                if symbol in quoted and now - since >= rules.book_stale_after:
                    reason = f"{symbol} is quoted, and its book is not LIVE for {rules.book_stale_after:g} s"
                    found.append((symbol, Tripped(Cause.BOOK, reason)))
        found += self._storm(now)
        if rules.loss is not None and profit is not None:
            # what is no number can hide any loss
            if not profit.is_finite() or profit < -rules.loss:
                found.append(("", Tripped(Cause.LOSS, f"the profit is {profit:f}, the limit -{rules.loss:f}")))
            else:
                self._told.discard((Cause.LOSS, ""))
        fresh = [(name, tripped) for name, tripped in found if (tripped.cause, name) not in self._told]
        self._told.update((tripped.cause, name) for name, tripped in fresh)
        return [tripped for _, tripped in fresh]

    def _storm(self, now: float) -> list[tuple[str, Tripped]]:
        rules = self._rules
        if rules.rejects is None:
            return []
        if len(self._rejected) < rules.rejects or now - self._rejected[0] > rules.rejects_window:
            self._told.discard((Cause.REJECTS, ""))
            return []
        reason = f"{rules.rejects} orders were rejected within {rules.rejects_window:g} s"
        return [("", Tripped(Cause.REJECTS, reason))]

    def due(self, now: float, *, exposed: int = 0, quoted: Collection[str] = ()) -> float:
        """When time alone could trip something: judge then, if nothing happens before. Infinity: never."""
        rules = self._rules
        due = [NEVER]
        told = (Cause.STREAM, "") in self._told
        if rules.stream_lost_after is not None and exposed and self._lost is not None and not told:
            due.append(self._lost + rules.stream_lost_after)
        if rules.book_stale_after is not None:
            for symbol, since in self._stale.items():
                if symbol in quoted and (Cause.BOOK, symbol) not in self._told:
                    due.append(since + rules.book_stale_after)
        return max(now, min(due))
