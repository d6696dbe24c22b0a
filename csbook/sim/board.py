"""What the venue publishes: market events in, messages per stream out.

Sans-I/O. The board knows which streams there are (from the dialect's ``Speech``, which also has the words) and which of
them somebody watches; nothing is written for a stream that nobody does. A message is encoded once, whoever and however
many get it.

* depth, whole: whenever the best N levels have changed, at most once per interval of market time (0: every time). The
  id may jump, and never falls. ``settle`` says what a market that comes to rest still owes.
* depth, by changes: every level that has changed since the message before, at its size of now, a level that has changed
  and changed back included; so a snapshot of any moment can be joined. Nothing is left out and ids follow one another,
  so whoever misses a message can tell.
* trade: each one, at once.
* ticker: once per ``ticker_interval_ms`` of market time, if there was a trade; all that changed together on the
  stream of all tickers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from csbook import json
from csbook.sim.dialects import speech_of
from csbook.sim.market import Listing, Market
from csbook.sim.recording import Deal
from csbook.sim.speech import ALL, Channel, Ids, Message, Mode, Said, TextLevels
from csbook.sim.textbook import Level
from csbook.sim.ticker import Ticker
from csbook.sim.trace import Trace
from csbook.venues.dialect import Dialect

__all__ = ["Board", "Message"]


@dataclass(slots=True, eq=False)
class _Depth:
    """A depth stream and what was last said on it."""

    channel: Channel
    listing: Listing
    top: tuple[list[Level], list[Level]] | None = None
    update_id: int = -1
    event_ms: int = 0
    due_ms: float = 0.0  # not before
    again_ms: float = 0.0  # not later, where the channel wants that
    owed: bool = False  # the book may have changed since
    trace: Trace | None = None  # CHANGES, while it is watched
    touched: dict[tuple[bool, int], int] = field(default_factory=dict)  # the same: (bid, price) -> size
    pending: list[tuple[int, bool, int, int]] = field(default_factory=list)  # EACH: id, bid, price, size


@dataclass(slots=True)
class _Texts:
    """Decimal texts of one symbol, written once."""

    listing: Listing
    write_size: Callable[[int], str]
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
                size_text = sizes[size] = self.write_size(size)
            texts.append((price_text, size_text))
        return texts


class Board:
    """The streams of a market. ``told`` hears of every depth message that is made, before it is encoded."""

    def __init__(
        self,
        market: Market,
        dialect: Dialect,
        *,
        depth_interval_ms: float = 0.0,
        ticker_interval_ms: float = 1000.0,
        envelope: bool = False,
    ) -> None:
        self.speech = speech = speech_of(dialect, market.listings)
        self.told: Callable[[Said], object] | None = None
        self._depth_interval_ms = depth_interval_ms
        self._ticker_interval_ms = ticker_interval_ms
        speech.envelope = envelope
        self._texts = {
            symbol: _Texts(listing, lambda size, listing=listing: speech.size_text(listing.instrument, size))  # type: ignore[misc]
            for symbol, listing in market.listings.items()
        }
        self._tickers = {symbol: Ticker(listing.instrument) for symbol, listing in market.listings.items()}
        self._tickers_due_ms = ticker_interval_ms
        self._all_tickers = dialect.all_tickers_stream
        self._depths = {
            channel.stream: _Depth(channel, market.listings[channel.symbol]) for channel in speech.channels()
        }
        self._trade_streams = {symbol: speech.trade_streams(symbol) for symbol in market.listings}
        self._ticker_stream = {symbol: speech.ticker_stream(symbol) for symbol in market.listings}
        self._tallies = {
            depth.channel.symbol: Trace(depth.listing, ALL)
            for depth in self._depths.values()
            if depth.channel.ids is Ids.LEVELS
        }
        for tally in self._tallies.values():  # as high as the venue's own; some clients hold them against ms
            tally.sequence = 10**12 + tally.sequence % 10**12
        trades = (stream for streams in self._trade_streams.values() for stream in streams)
        named = {*self._depths, *trades, *self._ticker_stream.values(), self._all_tickers}
        self.streams = speech.streams = frozenset(named - {""})
        self._watched: set[str] = set()
        self._watched_depths: dict[str, list[_Depth]] = {symbol: [] for symbol in market.listings}

    @property
    def symbols(self) -> tuple[str, ...]:
        """As the market lists them."""
        return tuple(self._texts)

    def listing(self, symbol: str) -> Listing:
        return self._texts[symbol].listing

    # -- who watches

    @property
    def watched(self) -> bool:
        """Whether anything is."""
        return bool(self._watched)

    def watch(self, stream: str, event_ms: int) -> Message | None:
        """Somebody subscribed: publish the stream from now on. What the newcomer gets at once, if anything."""
        self._watched.add(stream)
        if (depth := self._depths.get(stream)) is not None:
            return self._newcomer(depth, event_ms)
        if stream == self._all_tickers:
            tickers = [t.message(event_ms) for t in self._tickers.values() if t.trades]
            return self._message(stream, json.dumps(tickers), True) if tickers else None
        for symbol, name in self._ticker_stream.items():
            if name == stream and self._tickers[symbol].trades:
                return self._message(stream, self.speech.ticker(self._tickers[symbol].message(event_ms)), True)
        return None

    def forget(self, stream: str) -> None:
        """Nobody is subscribed any more."""
        self._watched.discard(stream)
        if (depth := self._depths.get(stream)) is not None:
            watched = self._watched_depths[depth.channel.symbol]
            if depth in watched:
                watched.remove(depth)
            depth.trace, depth.touched, depth.pending = None, {}, []

    # -- what there is to say

    def event(self, at_ms: float, listing: Listing, deal: Deal | None, event_ms: int) -> Iterator[Message]:
        """The messages of one event of the market, which took place at ``event_ms`` of wall time."""
        symbol = listing.instrument.symbol
        if deal is not None:
            self._tickers[symbol].add(deal)
            for stream in self._trade_streams[symbol]:
                if stream in self._watched:
                    yield self._message(stream, self.speech.trade(listing, deal, event_ms, stream), False)
            return
        for depth in self._watched_depths[symbol]:
            depth.owed = True
            if depth.trace is not None:
                depth.touched.update(((bid, price), size) for bid, price, size in depth.trace.look())
        if self._watched_depths[symbol]:
            self._count(symbol)
        for depth in self._watched_depths[symbol]:
            yield from self._changed(depth, at_ms, event_ms)

    def flush(self, at_ms: float, event_ms: int) -> Iterator[Message]:
        """The messages that have waited for their interval to pass."""
        for depth in self._all_watched_depths():
            yield from self._changed(depth, at_ms, event_ms)
            if depth.channel.again_ms and at_ms >= depth.again_ms:
                depth.again_ms = at_ms + depth.channel.again_ms
                yield self._whole(depth, event_ms)
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
                    yield self._message(self._ticker_stream[symbol], self.speech.ticker(said), True)
        if together and self._all_tickers in self._watched:
            yield self._message(self._all_tickers, json.dumps(together), True)

    def due_ms(self) -> float:
        """The market time at which ``flush`` has something to do."""
        watched = self._all_watched_depths()
        owed = [depth.due_ms for depth in watched if depth.owed]
        again = [depth.again_ms for depth in watched if depth.channel.again_ms]
        return min([self._tickers_due_ms, *owed, *again])

    def settle(self, event_ms: int = 0) -> Iterator[Message]:
        """The market stands still: what each watched depth stream has not said of the book's last update."""
        for depth in self._all_watched_depths():
            if depth.channel.mode is not Mode.WHOLE:
                yield from self._changes(depth, event_ms)
            elif depth.top is None or self._is_behind(depth):
                yield self._whole(depth, event_ms)

    def repeat(self, event_ms: int = 0) -> Iterator[Message]:
        """The current depth of each watched depth stream, said before or not; by changes: what was not said yet."""
        for depth in self._all_watched_depths():
            if depth.channel.mode is Mode.WHOLE:
                yield self._whole(depth, event_ms)
                continue
            yield from self._changes(depth, event_ms)
            if depth.channel.ids is Ids.OWN:
                yield self._opening(depth, event_ms)

    def book(self, symbol: str, depth: int) -> tuple[TextLevels, TextLevels, int]:
        """Bids and asks as text, best first, and the id of the last update."""
        texts = self._texts[symbol]
        bids, asks = texts.listing.top(depth)
        return texts.of(bids), texts.of(asks), self._count(symbol)

    def told_id(self, stream: str) -> int:
        """The id of what a stream that counts its own messages has said, or would have if anybody watched it."""
        depth = self._depths[stream]
        if depth not in self._watched_depths[depth.channel.symbol]:
            self._forward(depth)
        return depth.update_id

    # -- how it is said

    def _all_watched_depths(self) -> list[_Depth]:
        return [depth for depths in self._watched_depths.values() for depth in depths]

    def _newcomer(self, depth: _Depth, event_ms: int) -> Message | None:
        watched = self._watched_depths[depth.channel.symbol]
        fresh = depth not in watched
        if fresh:
            watched.append(depth)
            depth.due_ms, depth.owed = 0.0, False
            self._begin(depth)
        if depth.channel.ids is Ids.OWN:
            return self._opening(depth, event_ms)
        if depth.channel.mode is not Mode.WHOLE:
            return None
        top, update_id = depth.top, depth.update_id
        message = self._whole(depth, event_ms)
        if not fresh:  # the others have only heard what was said before, and are owed the rest
            depth.update_id = update_id
            if depth.top != top:
                depth.top, depth.owed = None, True
        return message

    def _begin(self, depth: _Depth) -> None:
        """The first one watches: what it is told from now on starts here."""
        if depth.channel.ids is Ids.OWN:
            self._forward(depth)
        if depth.channel.mode is Mode.CHANGES:
            depth.trace = Trace(depth.listing, depth.channel.depth)
            if depth.channel.ids is Ids.MARKET:
                depth.update_id = depth.listing.update_id
        elif depth.channel.mode is Mode.EACH:
            self._count(depth.channel.symbol)  # whatever nobody has watched is counted

    def _forward(self, depth: _Depth) -> None:
        """A stream that counts its own messages and that nobody watches: as if it had said what there is to say."""
        top = depth.listing.top(depth.channel.depth)
        if depth.top is None:
            depth.update_id = depth.listing.update_id
        elif depth.top != top:
            depth.update_id += 1
        depth.top = top

    def _changed(self, depth: _Depth, at_ms: float, event_ms: int) -> Iterator[Message]:
        if not depth.owed or at_ms < depth.due_ms:
            return
        depth.owed = False
        said = False
        if depth.channel.mode is not Mode.WHOLE:
            for message in self._changes(depth, event_ms):
                said = True
                yield message
        elif depth.listing.top(depth.channel.depth) != depth.top:
            said = True
            yield self._whole(depth, event_ms)
        if said:
            depth.due_ms = at_ms + max(self._depth_interval_ms, depth.channel.interval_ms)
            depth.again_ms = at_ms + depth.channel.again_ms

    def _is_behind(self, depth: _Depth) -> bool:
        if depth.channel.ids is Ids.OWN:
            return depth.top != depth.listing.top(depth.channel.depth)
        return depth.update_id != self._count(depth.channel.symbol)

    def _count(self, symbol: str) -> int:
        """The id of the symbol's last update; where levels are counted, all of them are."""
        tally = self._tallies.get(symbol)
        if tally is None:
            return self._texts[symbol].listing.update_id
        begin = tally.sequence
        for number, change in enumerate(tally.look(), begin + 1):
            for depth in self._watched_depths[symbol]:
                if depth.channel.mode is Mode.EACH:
                    depth.pending.append((number, *change))
        return tally.sequence

    def _whole(self, depth: _Depth, event_ms: int) -> Message:
        before = depth.update_id
        top = depth.listing.top(depth.channel.depth)
        if depth.channel.ids is Ids.OWN:
            depth.update_id += top != depth.top
        else:
            depth.update_id = self._count(depth.channel.symbol)
        depth.top = top
        return self._say(depth, *top, before, event_ms, whole=True)

    def _opening(self, depth: _Depth, event_ms: int) -> Message:
        """What the stream has said, to somebody who was not there."""
        assert depth.top is not None
        return self._say(depth, *depth.top, depth.update_id - 1, event_ms, whole=True)

    def _changes(self, depth: _Depth, event_ms: int) -> Iterator[Message]:
        """What has changed and was not said yet."""
        self._count(depth.channel.symbol)
        pending, depth.pending = depth.pending, []
        for number, bid, price, size in pending:
            depth.update_id = number
            bids, asks = ([(price, size)], []) if bid else ([], [(price, size)])
            yield self._say(depth, bids, asks, number - 1, event_ms)
        touched, depth.touched = depth.touched, {}
        if not touched:
            return
        before = depth.update_id
        depth.update_id = before + 1 if depth.channel.ids is Ids.OWN else depth.listing.update_id
        if depth.channel.ids is Ids.OWN:
            depth.top = depth.listing.top(depth.channel.depth)
        bids = sorted(((price, size) for (bid, price), size in touched.items() if bid), reverse=True)
        asks = sorted((price, size) for (bid, price), size in touched.items() if not bid)
        yield self._say(depth, bids, asks, before, event_ms)

    def _say(
        self, depth: _Depth, bids: list[Level], asks: list[Level], before: int, event_ms: int, *, whole: bool = False
    ) -> Message:
        channel = depth.channel
        texts = self._texts[channel.symbol]
        depth.event_ms = event_ms = max(depth.event_ms, event_ms)  # the venue is late at times, and never goes back
        said = Said(
            channel=channel,
            bids=texts.of(bids),
            asks=texts.of(asks),
            first_id=before + 1,
            last_id=depth.update_id,
            previous_id=before,
            market_id=depth.listing.update_id,
            event_ms=event_ms,
            whole=whole,
        )
        if self.told is not None:
            self.told(said)
        return self._message(channel.stream, self.speech.depth(said), channel.mode is Mode.WHOLE)

    def _message(self, stream: str, payload: bytes, replaceable: bool) -> Message:
        return Message(stream, self.speech.wrap(stream, payload), replaceable)
