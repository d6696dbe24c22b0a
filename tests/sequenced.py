"""A book of changes in the core beside its independent model: both are told the same, and compared after it."""

from __future__ import annotations

from typing import Any

import csbook
from csbook import Outcome, State
from oracle import DiffFeed, OracleBook, core_raw, diff, dump, seed_depth

MS = 1_000_000
BIDS, ASKS = [["100", "1"], ["99", "2"]], [["101", "3"], ["102", "4"]]


class Pair:
    """A book of changes in the core and in the model; both see every message and are compared after it."""

    def __init__(self, venue: str = "binance", feed: str = "feed", **options: Any) -> None:
        self.book = csbook.Book("BTCUSDT")
        depth = 0 if venue == "coinswitch" else None
        self.router = csbook.Router(venue, [self.book], depth=depth, **options)
        self.take = getattr(self.router, feed)
        self.model = DiffFeed(OracleBook(), bounded=venue == "coinswitch")
        self.loose = False

    def feed(self, first: int, last: int, previous: int | None, bids: Any = (), asks: Any = ()) -> Outcome:
        message = diff(first, last, previous, bids, asks)
        synced = self.model.state in ("LIVE", "CROSSED") or self.model.held is not None
        again = not synced and any(last <= each["u"] for each in self.model.buffer)
        outcome, wanted = self.take(dump(message)), self.model.feed(message)
        if again and outcome is Outcome.IGNORED:  # seen before, or waiting once more: both are true
            wanted = "IGNORED"
        return self.compare(outcome, wanted)

    def snapshot(self, update: int, bids: Any = BIDS, asks: Any = ASKS) -> Outcome:
        message = seed_depth(update, bids, asks)
        return self.compare(self.router.feed_snapshot("BTCUSDT", dump(message)), self.model.snapshot(message))

    def compare(self, outcome: Outcome, wanted: str | None) -> Outcome:
        self.book._check()
        live = self.model.state in ("LIVE", "CROSSED")
        self.loose = not live and (self.loose or wanted is None)
        if wanted is None:
            assert outcome is not Outcome.APPLIED
        else:
            assert outcome.name == wanted
        if self.loose:  # SYNCING or GAP: the design names neither
            assert self.book.state in (State.SYNCING, State.GAP)
            return outcome
        assert self.book.state.name == self.model.state
        assert core_raw(self.book) == self.model.book.raw()
        if self.book.state is State.LIVE:
            assert self.book.digest() == self.model.book.digest()
        return outcome
