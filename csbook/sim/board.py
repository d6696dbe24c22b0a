"""What the venue publishes: market events in, messages per stream out.

Sans-I/O. The board knows the streams' names (from the venue's table) and which of them somebody watches; nothing is
written for a stream that nobody does. A message is encoded once, whoever and however many get it.

* depth: whenever the best N levels have changed, at most once per ``depth_interval_ms`` of market time (0: every
  time). The id is that of the book, so it may jump, and never falls. ``settle`` says what a market that comes to rest
  still owes.
* trade: each one, at once. The recording has no order ids, so ``b`` and ``a`` are made up: twice the trade id for the
  order that rested, one more for the one that came; they rise with the trades and name no order anywhere else.
* ticker: once per ``ticker_interval_ms`` of market time, if there was a trade; all that changed together on the
  stream of all tickers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from csbook import json
from csbook.sim.market import Listing, Market
from csbook.sim.recording import Deal
from csbook.sim.textbook import Level
from csbook.sim.ticker import Ticker
from csbook.venues.dialect import Dialect

__all__ = ["Board", "Message"]

TextLevels = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Message:
    """One data message. ``replaceable``: a newer one of the stream makes it worthless."""

    stream: str
    payload: bytes
    replaceable: bool


@dataclass(slots=True, eq=False)
class _Depth:
    """A depth stream and what was last said on it."""

    stream: str
    listing: Listing
    depth: int
    top: tuple[list[Level], list[Level]] | None = None
    update_id: int = -1
    due_ms: float = 0.0  # not before
    owed: bool = False  # the book may have changed since


@dataclass(slots=True)
class _Texts:
    """Decimal texts of one symbol, written once."""

    listing: Listing
    prices: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, str] = field(default_factory=dict)

    def of(self, levels: list[Level]) -> TextLevels:
        prices, sizes = self.prices, self.sizes
        texts = []
        for price, size in levels:
            price_text = prices.get(price)
            if price_text is None:
                price_text = prices[price] = self.listing.instrument.price_text(price)
            size_text = sizes.get(size)
            if size_text is None:
                size_text = sizes[size] = self.listing.instrument.size_text(size)
            texts.append((price_text, size_text))
        return texts


class Board:
    """The streams of a market."""

    def __init__(
        self,
        market: Market,
        dialect: Dialect,
        *,
        depth_interval_ms: float = 0.0,
        ticker_interval_ms: float = 1000.0,
        envelope: bool = False,
    ) -> None:
        self._depth_interval_ms = depth_interval_ms
        self._ticker_interval_ms = ticker_interval_ms
        self._envelope = envelope
        self._texts = {symbol: _Texts(listing) for symbol, listing in market.listings.items()}
        self._tickers = {symbol: Ticker(listing.instrument) for symbol, listing in market.listings.items()}
        self._tickers_due_ms = ticker_interval_ms
        self._all_tickers = dialect.all_tickers_stream
        self._depths: dict[str, _Depth] = {}
        self._trade_stream: dict[str, str] = {}
        self._ticker_stream: dict[str, str] = {}
        for symbol, listing in market.listings.items():
            name = dialect.venue_symbol(symbol)
            self._trade_stream[symbol] = dialect.trade_stream.format(symbol=name)
            self._ticker_stream[symbol] = dialect.ticker_stream.format(symbol=name)
            for depth in dialect.depths:
                stream = dialect.book_stream.format(symbol=name, depth=depth)
                self._depths[stream] = _Depth(stream, listing, depth)
        self.streams = frozenset(
            {*self._depths, *self._trade_stream.values(), *self._ticker_stream.values(), self._all_tickers}
        )
        self._watched: set[str] = set()
        self._watched_depths: dict[str, list[_Depth]] = {symbol: [] for symbol in market.listings}

    # -- who watches

    @property
    def watched(self) -> bool:
        """Whether anything is."""
        return bool(self._watched)

    def watch(self, stream: str, event_ms: int) -> Message | None:
        """Somebody subscribed: publish the stream from now on. What the newcomer gets at once, if anything."""
        self._watched.add(stream)
        if (depth := self._depths.get(stream)) is not None:
            return self._newcomer(depth)
        if stream == self._all_tickers:
            tickers = [t.message(event_ms) for t in self._tickers.values() if t.trades]
            return self._message(stream, json.dumps(tickers), True) if tickers else None
        for symbol, name in self._ticker_stream.items():
            if name == stream and self._tickers[symbol].trades:
                return self._message(stream, json.dumps(self._tickers[symbol].message(event_ms)), True)
        return None

    def forget(self, stream: str) -> None:
        """Nobody is subscribed any more."""
        self._watched.discard(stream)
        if (depth := self._depths.get(stream)) is not None:
            watched = self._watched_depths[depth.listing.instrument.symbol]
            if depth in watched:
                watched.remove(depth)

    # -- what there is to say

    def event(self, at_ms: float, listing: Listing, deal: Deal | None, event_ms: int) -> Iterator[Message]:
        """The messages of one event of the market, which took place at ``event_ms`` of wall time."""
        symbol = listing.instrument.symbol
        if deal is not None:
            self._tickers[symbol].add(deal)
            if (stream := self._trade_stream[symbol]) in self._watched:
                yield self._message(stream, self._trade(listing, deal, event_ms), False)
            return
        for depth in self._watched_depths[symbol]:
            depth.owed = True
            yield from self._changed(depth, at_ms)

    def flush(self, at_ms: float, event_ms: int) -> Iterator[Message]:
        """The messages that have waited for their interval to pass."""
        if self._depth_interval_ms:
            for depths in self._watched_depths.values():
                for depth in depths:
                    yield from self._changed(depth, at_ms)
        if at_ms < self._tickers_due_ms:
            return
        self._tickers_due_ms = at_ms + self._ticker_interval_ms
        together = []
        for symbol, ticker in self._tickers.items():
            if not ticker.fresh:
                continue
            ticker.fresh = False
            alone = self._ticker_stream[symbol] in self._watched
            if alone or self._all_tickers in self._watched:
                said = ticker.message(event_ms)
                together.append(said)
                if alone:
                    yield self._message(self._ticker_stream[symbol], json.dumps(said), True)
        if together and self._all_tickers in self._watched:
            yield self._message(self._all_tickers, json.dumps(together), True)

    def due_ms(self) -> float:
        """The market time at which ``flush`` has something to do."""
        return min([self._tickers_due_ms, *(depth.due_ms for depth in self._all_watched_depths() if depth.owed)])

    def settle(self) -> Iterator[Message]:
        """The market stands still: each watched depth stream whose last message is not of the book's last update."""
        for depth in self._all_watched_depths():
            if depth.update_id != depth.listing.update_id or depth.top is None:
                yield self._depth_message(depth)

    def repeat(self) -> Iterator[Message]:
        """The current depth of each watched depth stream, said before or not."""
        for depth in self._all_watched_depths():
            yield self._depth_message(depth)

    def book(self, symbol: str, depth: int) -> tuple[TextLevels, TextLevels, int]:
        """Bids and asks as text, best first, and the id of the last update."""
        listing = self._texts[symbol].listing
        bids, asks = listing.top(depth)
        return self._texts[symbol].of(bids), self._texts[symbol].of(asks), listing.update_id

    # -- how it is said

    def _all_watched_depths(self) -> list[_Depth]:
        return [depth for depths in self._watched_depths.values() for depth in depths]

    def _newcomer(self, depth: _Depth) -> Message:
        watched = self._watched_depths[depth.listing.instrument.symbol]
        top, update_id = depth.top, depth.update_id
        message = self._depth_message(depth)
        if depth not in watched:
            watched.append(depth)
            depth.due_ms, depth.owed = 0.0, False
        else:  # the others have only heard what was said before, and are owed the rest
            depth.update_id = update_id
            if depth.top != top:
                depth.top, depth.owed = None, True
        return message

    def _changed(self, depth: _Depth, at_ms: float) -> Iterator[Message]:
        if not depth.owed or at_ms < depth.due_ms:
            return
        depth.owed = False
        if depth.listing.top(depth.depth) != depth.top:
            depth.due_ms = at_ms + self._depth_interval_ms
            yield self._depth_message(depth)

    def _depth_message(self, depth: _Depth) -> Message:
        symbol = depth.listing.instrument.symbol
        depth.top = depth.listing.top(depth.depth)
        bids, asks, depth.update_id = self.book(symbol, depth.depth)
        return self._message(
            depth.stream, json.dumps({"lastUpdateId": depth.update_id, "bids": bids, "asks": asks}), True
        )

    def _trade(self, listing: Listing, deal: Deal, event_ms: int) -> bytes:
        rested, came = 2 * deal.id, 2 * deal.id + 1
        buyer, seller = (rested, came) if deal.buyer_is_maker else (came, rested)
        return json.dumps(
            {
                "e": "trade",
                "E": event_ms,
                "s": listing.instrument.symbol,
                "t": deal.id,
                "p": listing.instrument.price_text(deal.price),
                "q": listing.instrument.size_text(deal.size),
                "b": buyer,
                "a": seller,
                "T": event_ms - deal.lag_ms,
                "m": deal.buyer_is_maker,
            }
        )

    def _message(self, stream: str, payload: bytes, replaceable: bool) -> Message:
        if self._envelope:
            payload = b'{"stream":"%b","data":%b}' % (stream.encode(), payload)
        return Message(stream, payload, replaceable)
