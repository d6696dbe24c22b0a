"""A router and the connections that bring its streams: one, or several that race.

With several, the first arrival of an update wins and the Router ignores the repeats; the books notice a loss only when
the last connection is gone. Here the router's news goes out: changes of state to the taps, lost changes to the mender.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from csbook._core import Router
from csbook.net.resync import Mender
from csbook.net.taps import Taps
from csbook.types import State

__all__ = ["Lane", "Runner"]


class Runner(Protocol):
    """A connection of a lane."""

    def heard(self) -> float:
        """When its last frame came, in monotonic seconds; minus infinity: none yet."""

    def resubscribe(self, names: tuple[str, ...]) -> bool:
        """Leave and enter these streams; False where the connection does not stand."""

    def publish(self) -> None:
        """Tell of the books that changed outside of a frame."""


class Lane:
    """What connections that bring the same streams have in common. Implements ``resync.Patient``."""

    def __init__(
        self,
        router: Router,
        names: Mapping[str, tuple[str, ...]],
        *,
        taps: Taps,
        mender: Mender | None = None,
        resubscribe: bool = False,
    ) -> None:
        self.router = router
        self.names = dict(names)  # symbol -> its streams
        self.runners: list[Runner] = []
        self.epoch = 0
        self._taps = taps
        self._mender = mender
        self._resubscribe = resubscribe
        self._standing: set[int] = set()

    @property
    def racing(self) -> bool:
        """Whether another connection stands beside each."""
        return len(self._standing) > 1

    def enter(self, runner: Runner) -> int:
        """The number that a connection has on this lane."""
        self.runners.append(runner)
        return len(self.runners) - 1

    def joined(self, source: int) -> None:
        """A connection stands."""
        self._standing.add(source)
        self.router.join(source)

    def left(self, source: int, reason: str) -> None:
        """A connection is lost; after the last one no book is LIVE. Told before anything is awaited."""
        self._standing.discard(source)
        if not self._standing:
            self.epoch += 1
        self.router.leave(source, reason)
        self.moved()

    def drop(self, symbol: str, reason: str) -> None:
        """A symbol is no longer subscribed: its book leaves LIVE."""
        if self.names.pop(symbol, None) is not None and symbol in self.router.books:
            self.router.disconnected([symbol], reason)
            self.moved()

    def stale(self, symbol: str, reason: str) -> None:
        """A connection has been silent for too long."""
        self.router.mark_stale(symbol, reason)
        self.moved()

    def distrust(self, symbol: str, reason: str) -> None:
        """A book was found to be wrong: it is in GAP, and mended as after any."""
        self.router.distrust(symbol, reason)
        self.moved()

    def waiting(self) -> None:
        """The router keeps a change that cannot be applied yet."""
        if self._mender is not None and not self._resubscribe:
            for symbol in self.router.wants_snapshot():
                if symbol in self.names:
                    self._mender.want(self, symbol)

    def moved(self) -> None:
        """The router has changes of state to take."""
        moves = self.router.take_moves()
        self._taps.moved(moves)
        if self._mender is not None and self._resubscribe:
            for book, _, new, _ in moves:
                if new is State.GAP and book.symbol in self.names:
                    self._mender.want(self, book.symbol)

    def changed(self) -> None:
        """The router has changed books that no frame announces."""
        if self.runners:
            self.runners[0].publish()

    def resubscribe(self, symbol: str) -> bool:
        """Leave and enter the streams of a symbol, on every connection that stands."""
        names = self.names.get(symbol, ())
        asked = [runner.resubscribe(names) for runner in self.runners] if names else []
        return any(asked)
