"""When silence means something: pure verdicts from times that the reader keeps anyway.

Three things are watched on a connection:

* nothing of any kind for ``stale_after``: its books are STALE, and a ping is sent; nothing for ``pong_within`` more:
  the connection is dead, whatever TCP believes;
* a channel that its venue never leaves silent for longer than ``silence_after`` is: that book is STALE;
* data that a subscription must bring: not one message ``first_data_within`` after it was confirmed, or none for
  ``data_within`` later on, is a subscription that the venue forgot, though it may still answer pings.

Costs nothing while frames flow: the next look is due when a silence could first become too long, and a look that finds
fresh frames only moves it on. All times are monotonic seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Patience", "Verdict", "VerdictKind", "Watchdog"]

NEVER = float("-inf")


class VerdictKind(enum.Enum):
    STALE = "stale"  # the books are not to be trusted; ``symbol`` is the one, or empty for all
    PROBE = "probe"  # send a ping
    DEAD = "dead"  # give the connection up


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: VerdictKind
    reason: str
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each silence may last, in seconds; None: for ever."""

    stale_after: float = 5.0
    pong_within: float = 10.0
    silence_after: float | None = None
    first_data_within: float | None = 10.0
    data_within: float | None = 60.0


@dataclass(slots=True)
class Watchdog:
    """One connection, from its opening to its loss."""

    patience: Patience
    _opened: float = NEVER
    _confirmed: float = NEVER
    _judged: float = NEVER  # the last frame before the silence that was already called stale
    _probed: float | None = None
    _quiet: dict[str, float] = field(default_factory=dict)  # symbol -> the message after which its silence was called

    def opened(self, now: float) -> None:
        """The connection stands: silence counts from now."""
        self._opened = now
        self._confirmed = NEVER
        self._judged = NEVER
        self._probed = None
        self._quiet.clear()

    def confirmed(self, now: float) -> None:
        """Its subscriptions are confirmed: data is owed from now."""
        if self._confirmed == NEVER:
            self._confirmed = now

    def judge(self, now: float, heard: float, data: Mapping[str, float]) -> list[Verdict]:
        """What the silences until ``now`` mean; each is said once.

        ``heard`` is when the last frame of any kind came, ``data`` when the last message of each book did; NEVER
        (minus infinity) where none has. Empty ``data``: nothing on this connection owes data.
        """
        verdicts: list[Verdict] = []
        patience = self.patience
        heard = max(heard, self._opened)
        if self._probed is not None and heard > self._probed:
            self._probed = None
        if now - heard >= patience.stale_after and self._judged != heard:
            self._judged = heard
            self._probed = now
            reason = f"no frame for {patience.stale_after:g} s"
            verdicts += [Verdict(VerdictKind.STALE, reason), Verdict(VerdictKind.PROBE, reason)]
        if self._probed is not None and now - self._probed >= patience.pong_within:
            silence = patience.stale_after + patience.pong_within
            return [*verdicts, Verdict(VerdictKind.DEAD, f"no frame for {silence:g} s, a ping was not answered")]
        if patience.silence_after is not None:
            for symbol, last in data.items():
                if last != NEVER and now - last >= patience.silence_after and self._quiet.get(symbol) != last:
                    self._quiet[symbol] = last
                    reason = f"no book message for {patience.silence_after:g} s"
                    verdicts.append(Verdict(VerdictKind.STALE, reason, symbol))
        dead = self._forgotten(now, data)
        return [*verdicts, Verdict(VerdictKind.DEAD, dead)] if dead else verdicts

    def _forgotten(self, now: float, data: Mapping[str, float]) -> str:
        """Why the data that a subscription owes will not come any more, or nothing."""
        if self._confirmed == NEVER:
            return ""
        patience = self.patience
        for symbol, last in data.items():
            if last < self._opened:
                if patience.first_data_within is not None and now - self._confirmed >= patience.first_data_within:
                    return f"no first data for {symbol} within {patience.first_data_within:g} s"
            elif patience.data_within is not None and now - last >= patience.data_within:
                return f"no data for {symbol} for {patience.data_within:g} s"
        return ""

    def due(self, now: float, heard: float, data: Mapping[str, float]) -> float:
        """When to judge again: before that no verdict is possible, whatever is heard from ``now`` on."""
        patience = self.patience
        heard = max(heard, self._opened)
        # a silence that was called already may end now, and the next one begin
        due = [(now if self._judged == heard else heard) + patience.stale_after]
        if self._probed is not None and heard <= self._probed:
            due.append(self._probed + patience.pong_within)
        for symbol, last in data.items():
            if patience.silence_after is not None:
                began = now if last == NEVER or self._quiet.get(symbol) == last else last
                due.append(began + patience.silence_after)
            if self._confirmed == NEVER:
                continue
            if last < self._opened and patience.first_data_within is not None:
                due.append(self._confirmed + patience.first_data_within)
            if patience.data_within is not None:
                due.append((now if last < self._opened else last) + patience.data_within)
        return min(due)
