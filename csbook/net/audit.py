"""Books against snapshots by REST, one symbol after the other, in the background.

``guard.audit`` says what a comparison is worth. Here it is asked for: looks at the book for some seconds, a snapshot, a
last look; and all of it once more where something seemed wrong. An audit never takes the requests that mending books
may need: it waits until half of the venue's budget is free. A book that is found wrong is in GAP from that moment, and
is mended as after any gap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from math import inf

from csbook._core import Book
from csbook.errors import CsbookError
from csbook.guard.audit import Audited, Copy, Watch, compare
from csbook.guard.budget import RateBudget
from csbook.net.lane import Lane
from csbook.net.resync import Fetch, Mender
from csbook.net.taps import Taps
from csbook.net.timing import Timing
from csbook.types import Alert, State
from csbook.venues.dialect import BookAnswer

__all__ = ["Auditor"]

_LOG = logging.getLogger("csbook.net")
_LOOK = 0.05  # seconds between two looks: an order that comes and goes is mostly seen to
_TOLD = {1, 4, 16}  # of the failures in a row, those that are told


class Auditor:
    """The audits of one feed. A chore of the agenda; every ``every`` seconds one symbol has its turn.

    ``window`` is how long the book is looked at before the request: a snapshot may be so old and still be judged.
    """

    def __init__(
        self,
        *,
        every: float,
        window: float,
        fetch: Fetch,
        read: Callable[[bytes], BookAnswer],
        budget: RateBudget,
        lanes: Callable[[], Iterable[Lane]],
        taps: Taps,
        timing: Timing,
        mender: Mender | None = None,
    ) -> None:
        self.counts = dict.fromkeys(("audits", "ghosts", "missing", "wrong_sizes"), 0)
        self._every = every
        self._window = window
        self._fetch = fetch
        self._read = read
        self._budget = budget
        self._lanes = lanes
        self._taps = taps
        self._timing = timing
        self._mender = mender
        self._next = timing.now() + every
        self._turn = 0
        self._failures = 0

    def due(self, now: float) -> float:
        return self._next

    async def run(self, now: float) -> None:
        self._next = inf
        wait = self._every
        try:
            targets = [(lane, symbol) for lane in self._lanes() for symbol in lane.names]
            if targets:
                self._turn += 1
                await self._audit(*targets[self._turn % len(targets)])
                self._failures = 0
        except CsbookError as error:
            self._failures += 1
            if self._mender is not None:
                wait = max(wait, self._mender.heed(error))
            if self._failures in _TOLD:
                self._taps.error(error)
        finally:
            self._next = self._timing.now() + wait

    async def _audit(self, lane: Lane, symbol: str) -> None:
        audited = await self._compare(lane, symbol)
        if audited is not None and audited.findings:  # a suspicion; what is wrong is wrong the second time as well
            second = await self._compare(lane, symbol)
            audited = None if second is None else audited.confirmed(second)
        if audited is None:
            _LOG.info("no audit of %s: the book or the snapshot could not be judged", symbol)
            return
        self.counts["audits"] += 1
        self.counts["ghosts"] += audited.count("ghost")
        self.counts["missing"] += audited.count("missing")
        self.counts["wrong_sizes"] += audited.count("wrong size")
        if audited.lost:
            reason = f"audit: {audited}"
            lane.distrust(symbol, reason)
            self._taps.alert(Alert("audit", f"{symbol}: {audited}; the book is synchronised again"))
        elif audited.findings:
            _LOG.warning("audit of %s: %s", symbol, audited)

    async def _compare(self, lane: Lane, symbol: str) -> Audited | None:
        """One comparison; None: the book was not LIVE all the while, or the snapshot is older than the first look."""
        book, epoch = lane.router.books[symbol], lane.epoch
        if book.state is not State.LIVE:
            return None
        watch, sequence, time_ns = Watch(book), book.sequence, book.event_time_ns
        begun = self._timing.now()
        while (wait := self._ahead(begun)) > 0.0:
            await self._timing.sleep(min(wait, _LOOK))
            watch.look(book)
        self._budget.spend(self._timing.now())
        asked = asyncio.ensure_future(self._fetch(symbol))
        try:
            while not asked.done():
                await asyncio.wait((asked,), timeout=_LOOK)
                watch.look(book)
            answer = self._read(asked.result())
        finally:
            asked.cancel()
        told = Book(symbol, price_decimals=book.price_decimals, size_decimals=book.size_decimals)
        told.apply_snapshot(answer.bids, answer.asks)
        if symbol not in lane.names or lane.epoch != epoch or book.state is not State.LIVE:
            return None
        if (answer.sequence and answer.sequence < sequence) or (answer.time_ns and answer.time_ns < time_ns):
            return None
        return compare(watch, Copy(told))

    def _ahead(self, begun: float) -> float:
        """Seconds until the request: the window has to pass, and half of the budget to be free."""
        now = self._timing.now()
        return max(begun + self._window - now, self._budget.wait(now, max(1, self._budget.limit // 2)))
