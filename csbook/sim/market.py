"""The replayed market: every symbol's book and trades at a moment of market time.

Sans-I/O, and without a clock: market time is a number of ms since the replay began, and moves when it is told to. At
the end of the session it starts over from the snapshot; update ids and trade ids go on rising.

Only BTCUSDT is recorded. Every other symbol is *derived* from the same session, and is no record of that symbol: its
prices are the recorded ones times a fixed factor, its sizes the recorded ones times a power of ten, it runs some
seconds ahead, and its ids start elsewhere. All of that is exact: the factor is a whole number of the symbol's own
last decimal.

| symbol | price | size | ahead by |
|---|---|---|---|
| ETHUSDT | x 0.04 | x 10 | 67 s |
| SOLUSDT | x 0.002 | x 100 | 131 s |
| XRPUSDT | x 0.00001 | x 1000 | 197 s |
| DOGEUSDT | x 0.000002 | x 1000 | 263 s |

Any other name of capitals and digits takes the factors of one of these, chosen by a checksum of its name, and an
offset from the same checksum.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import heapify, heapreplace
from itertools import islice
from typing import Protocol
from zlib import crc32

from csbook.errors import UsageError
from csbook.sim.recording import Change, Deal, Recording
from csbook.sim.textbook import Level, TextBook, decimal_text

__all__ = ["Instrument", "Listing", "Market", "Overlay", "instrument"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """How a symbol is derived from the recorded one."""

    symbol: str
    tick: int  # one recorded tick, of the last price decimal
    price_decimals: int
    size_decimals: int  # the recorded size, written with so many decimals
    ahead_ms: int
    first_update_id: int  # added to the recorded ids
    first_trade_id: int

    def price_text(self, price: int) -> str:
        """The decimal text of a price in recorded ticks."""
        return decimal_text(price * self.tick, self.price_decimals)

    def size_text(self, size: int) -> str:
        """The decimal text of a recorded size."""
        return decimal_text(size, self.size_decimals)


# symbol -> tick, price decimals, size decimals, ahead by ms
_DERIVED = {
    "ETHUSDT": (4, 3, 2, 67_000),
    "SOLUSDT": (2, 4, 1, 131_000),
    "XRPUSDT": (1, 6, 0, 197_000),
    "DOGEUSDT": (2, 7, 0, 263_000),
}


def instrument(symbol: str, recording: Recording) -> Instrument:
    """The instrument of that name: the recorded one, or one derived from it."""
    if not re.fullmatch(r"[A-Z0-9]{2,20}", symbol):
        raise UsageError(f"symbol {symbol!r}: 2 to 20 capitals and digits are expected, as in 'BTCUSDT'")
    if symbol == recording.symbol:
        return Instrument(symbol, recording.tick, recording.price_decimals, recording.size_decimals, 0, 0, 0)
    mark = crc32(symbol.encode())
    factors = _DERIVED.get(symbol)
    if factors is None:
        tick, price_decimals, size_decimals, _ = list(_DERIVED.values())[mark % len(_DERIVED)]
        factors = (tick, price_decimals, size_decimals, mark % 300_000)
    far = 1 + mark % 1000
    return Instrument(symbol, *factors, first_update_id=far * 10**9, first_trade_id=far * 10**7)


class Overlay(Protocol):
    """What orders of this venue's accounts have made of a recorded book."""

    updates: int  # changes of the book that were not recorded; added to the recorded ids

    def top(self, depth: int) -> tuple[list[Level], list[Level]]:
        """The best bids and asks, best first."""


class Listing:
    """One symbol of the market: its book, its place in the session and the time of its next event.

    ``book`` is the recorded one and nothing else. ``top`` and ``update_id`` are what is published: the same, until an
    ``overlay`` is laid over it. ``news`` is the last change of the book, None when it has started over.
    """

    __slots__ = (
        "_at", "_base_ms", "_lap", "_order", "_recording", "book", "due_ms", "instrument", "news", "overlay",
    )  # fmt: skip

    def __init__(self, recording: Recording, instrument: Instrument, start_ms: int) -> None:
        self.instrument = instrument
        self.book = TextBook()
        self.news: Change | None = None
        self.overlay: Overlay | None = None
        self._recording = recording
        self._order = recording.order
        self._lap, place = divmod(start_ms + instrument.ahead_ms, recording.span_ms)
        self._base_ms = -place  # the market time at which this lap's snapshot was taken
        self._at = 0
        self._open()
        while self.due_ms < 0:
            self.step()

    def step(self) -> Deal | None:
        """Apply the next event: a trade is returned, anything else was a change of the book."""
        if self._at == len(self._order):
            self._lap += 1
            self._base_ms += self._recording.span_ms
            self._at = 0
            self._open()
            return None
        event = self._order[self._at]
        self._at += 1
        self._await_next()
        if isinstance(event, Deal):
            new_id = self._trade_id(event, self._lap)
            return Deal(event.at_ms, event.lag_ms, new_id, event.price, event.size, event.buyer_is_maker)
        self.news = event
        self.book.change(event.bids, event.asks, self._id(event))
        return None

    def _open(self) -> None:
        snapshot = self._recording.changes[0]
        self.news = None
        self.book.replace(snapshot.bids, snapshot.asks, self._id(snapshot))
        self._await_next()

    def _await_next(self) -> None:
        at, order = self._at, self._order
        self.due_ms = self._base_ms + (order[at].at_ms if at < len(order) else self._recording.span_ms)

    def _id(self, change: Change) -> int:
        changes = self._recording.changes
        lap = changes[-1].update_id - changes[0].update_id + 1
        return change.update_id + self.instrument.first_update_id + self._lap * lap

    def _trade_id(self, deal: Deal, lap: int) -> int:
        return deal.id + self.instrument.first_trade_id + lap * len(self._recording.deals)

    @property
    def update_id(self) -> int:
        """The id of the last change of what is published."""
        return self.book.update_id + (0 if self.overlay is None else self.overlay.updates)

    @property
    def next_trade_id(self) -> int:
        """The id that the next recorded trade will have. O(events before it)."""
        for event in islice(self._order, self._at, None):
            if isinstance(event, Deal):
                return self._trade_id(event, self._lap)
        return self._trade_id(self._recording.deals[0], self._lap + 1)

    def top(self, depth: int) -> tuple[list[Level], list[Level]]:
        """The best bids and asks that are published, best first, in recorded units."""
        if self.overlay is not None:
            return self.overlay.top(depth)
        return self.book.bids(depth), self.book.asks(depth)


class Market:
    """All symbols, moving together."""

    def __init__(self, recording: Recording, symbols: Iterable[str], start_at: float = 0.0) -> None:
        """``start_at`` is in seconds into the session, for the recorded symbol; the others are ahead of it."""
        if not 0 <= start_at * 1000 < recording.span_ms:
            raise UsageError(f"start_at is {start_at}; the recorded market has seconds 0 to {recording.span_ms / 1000}")
        self.listings: dict[str, Listing] = {}
        for symbol in symbols:
            self.listings[symbol] = Listing(recording, instrument(symbol, recording), int(start_at * 1000))
        if not self.listings:
            raise UsageError("a venue needs at least one symbol")
        self._queue = [(listing.due_ms, at, listing) for at, listing in enumerate(self.listings.values())]
        heapify(self._queue)

    @property
    def due_ms(self) -> int:
        """The market time of the next event."""
        return self._queue[0][0]

    def step(self) -> tuple[int, Listing, Deal | None]:
        """The next event of all: its market time, its symbol, and the trade unless it changed the book."""
        at_ms, number, listing = self._queue[0]
        deal = listing.step()
        heapreplace(self._queue, (listing.due_ms, number, listing))
        return at_ms, listing, deal

    def advance(self, until_ms: float) -> Iterator[tuple[int, Listing, Deal | None]]:
        """Every event up to and including that time."""
        while self.due_ms <= until_ms:
            yield self.step()
