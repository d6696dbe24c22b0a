"""Books that lost a change are mended here: by a REST snapshot that the waiting changes join, or by subscribing again.

``guard.resync`` says when and in which order; the Router judges what a snapshot is worth. Only the book that is
concerned is touched, what waits for it is kept over every retry, and until a change has joined a snapshot the book is
not LIVE. An answer that was asked for before a connection was lost is thrown away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from csbook._core import Router
from csbook.clock import Clock
from csbook.errors import BadMessage, CsbookError, RequestError
from csbook.guard.budget import RateBudget
from csbook.guard.resync import ResyncQueue
from csbook.net.origin import Origin
from csbook.net.taps import Taps
from csbook.types import Outcome, State
from csbook.venues.dialect import Dialect, Rest

__all__ = ["Fetch", "Mender", "Patient", "rest_budget", "resync_queue"]

_LOG = logging.getLogger("csbook.net")
_PAUSE_S = {429: 10.0, 418: 120.0, 403: 600.0}  # what an address owes a venue that says so
_TOLD = {1, 4, 16}  # of the tries in a row, those whose failure is told


_BUDGETS: dict[tuple[str, str], RateBudget] = {}  # the venue counts by address, so all feeds of a process share one


def resync_queue(dialect: Dialect, origin: Origin) -> ResyncQueue[tuple[Patient, str]]:
    """A queue within what the venue at that origin allows."""
    if dialect.rest is not None and not dialect.resubscribe:
        return ResyncQueue(rest_budget(dialect.name, dialect.rest, origin))
    fresh = RateBudget(dialect.limits.messages_per_second, 2.0)  # a resync is two messages
    return ResyncQueue(_BUDGETS.setdefault((dialect.name, str(origin)), fresh))


def rest_budget(name: str, rest: Rest, origin: Origin) -> RateBudget:
    """What the venue of that name allows of snapshots by REST, at that origin."""
    return _BUDGETS.setdefault((name, str(origin)), RateBudget(rest.calls_per_window, rest.window_s))


class Patient(Protocol):
    """A connection whose books can be mended."""

    @property
    def router(self) -> Router | None: ...

    @property
    def epoch(self) -> int:
        """Grows with each loss of the connection."""

    def resubscribe(self, symbol: str) -> bool:
        """Leave and enter the depth stream of a symbol; False where there is no connection to do it on."""

    def moved(self) -> None:
        """The router has changes of state to take."""

    def changed(self) -> None:
        """The router has changed books that no frame announces."""


Fetch = Callable[[str], Awaitable[bytes]]


class Mender:
    """The resyncs of one feed."""

    def __init__(
        self,
        queue: ResyncQueue[tuple[Patient, str]],
        *,
        fetch: Fetch | None,
        taps: Taps,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.resyncs = 0  # books that were mended after a gap
        self.retries = 0  # tries that did not help
        self._queue = queue
        self._fetch = fetch
        self._taps = taps
        self._clock = clock
        self._sleep = sleep
        self._failures: dict[tuple[Patient, str], int] = {}
        self._asked_at: dict[tuple[Patient, str], int] = {}  # the book's updates when its stream was entered anew
        self._gaps: set[tuple[Patient, str]] = set()
        self._woken = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._tries: set[asyncio.Task[None]] = set()

    def want(self, patient: Patient, symbol: str) -> None:
        """This book needs a snapshot. Nothing is awaited; asked twice is asked once."""
        key = (patient, symbol)
        router = patient.router
        if router is not None and self._asked_at.get(key, router.books[symbol].updates) != router.books[symbol].updates:
            self._done(key)  # its snapshot came, and another change was lost before anybody looked
        if self._queue.want(key, self._now()):
            if router is not None and router.books[symbol].state is State.GAP:
                self._gaps.add(key)
            self._woken.set()
            if self._running is None:
                self._running = asyncio.get_running_loop().create_task(self._run(), name="csbook resync")

    def heed(self, error: CsbookError) -> float:
        """Where the venue asked for silence, nothing is sent before that; how many seconds it is."""
        seconds = _PAUSE_S.get(error.status, 0.0) if isinstance(error, RequestError) else 0.0
        if seconds:
            self._queue.pause(self._now() + seconds)
        return seconds

    def forget(self, patient: Patient) -> None:
        """The connection is closed for good."""
        for key in [key for key in self._failures.keys() | self._gaps if key[0] is patient]:
            self._done(key)

    async def close(self) -> None:
        tasks = [task for task in (self._running, *self._tries) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            while (key := self._queue.take(self._now())) is not None:
                task = loop.create_task(self._mend(key), name=f"csbook resync {key[1]}")
                self._tries.add(task)
                task.add_done_callback(self._ended)
            due = self._queue.next_time(self._now())
            if due is None:
                await self._woken.wait()
                continue
            waiting = loop.create_task(self._woken.wait())
            sleeping = asyncio.ensure_future(self._sleep(max(0.001, due - self._now())))
            try:
                await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
                sleeping.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tries.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            context = {"message": "csbook: a resync failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)

    async def _mend(self, key: tuple[Patient, str]) -> None:
        patient, symbol = key
        router = patient.router
        if router is None or symbol not in router.books:
            self._done(key)
            return
        try:
            helped = self._resubscribe(key) if self._fetch is None else await self._snapshot(key, router)
        except CsbookError as error:
            helped = False
            self.retries += 1
            self.heed(error)
            self._tell(key, error)
        if helped:
            self._done(key)
        else:
            self._failures[key] = self._failures.get(key, 0) + 1
            self._queue.again(key, self._now())

    def _resubscribe(self, key: tuple[Patient, str]) -> bool:
        patient, symbol = key
        assert patient.router is not None
        if patient.router.books[symbol].state is not State.GAP:
            return True
        if self._failures.get(key, 0) % 2 == 0:  # in between it is only looked whether the snapshot came
            self._asked_at[key] = patient.router.books[symbol].updates
            return not patient.resubscribe(symbol)  # no connection: the next one brings a snapshot anyway
        return False

    async def _snapshot(self, key: tuple[Patient, str], router: Router) -> bool:
        patient, symbol = key
        if symbol not in router.wants_snapshot():
            return True  # mended by the stream itself, or the connection was lost: its next change will ask
        epoch = patient.epoch
        assert self._fetch is not None
        payload = await self._fetch(symbol)
        if patient.epoch != epoch:
            return False
        outcome = router.feed_snapshot(symbol, payload, self._clock.now_ns())
        patient.moved()
        patient.changed()
        if outcome is Outcome.REFUSED:
            refusal = router.refusal
            raise BadMessage(f"the snapshot of {symbol} was refused: {refusal}", field=getattr(refusal, "field", ""))
        if outcome is Outcome.IGNORED:
            self.retries += 1
            _LOG.info("the snapshot of %s is older than the changes that wait; it is asked for again", symbol)
        return outcome is not Outcome.IGNORED or symbol not in router.wants_snapshot()

    def _done(self, key: tuple[Patient, str]) -> None:
        self._queue.done(key)
        self._failures.pop(key, None)
        self._asked_at.pop(key, None)
        if key in self._gaps:
            self._gaps.discard(key)
            self.resyncs += 1

    def _tell(self, key: tuple[Patient, str], error: CsbookError) -> None:
        if self._failures.get(key, 0) + 1 in _TOLD:
            self._taps.error(error)
