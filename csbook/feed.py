"""Live books from a venue: ``connect`` and the ``Feed`` it makes. Composition only.

The arguments are judged here, before anything is sent; sockets, limits and reconnection are the supervisor's; what a
message means is the core's and the session's; who hears of it is the taps'.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self, TypeVar

from csbook._core import Book, Router
from csbook.clock import LiveClock
from csbook.errors import UsageError
from csbook.net.agenda import Agenda, Chore
from csbook.net.audit import Auditor
from csbook.net.dial import Route
from csbook.net.fetch import Fetcher
from csbook.net.locate import Locate, bullet
from csbook.net.origin import Origin, http_origin, websocket_origin
from csbook.net.reader import choose
from csbook.net.resync import Mender, rest_budget, resync_queue
from csbook.net.setting import Policy, Setting
from csbook.net.supervisor import Supervisor, Wanted
from csbook.net.taps import Books, Records, Taps
from csbook.net.ticks import TickWatch
from csbook.net.timing import Timing
from csbook.types import Candle, Instrument, Ticker, Trade
from csbook.venues import Dialect
from csbook.venues import dialect as dialect_of
from csbook.venues.instruments import scales_of

__all__ = ["Feed", "connect"]

COUNTERS = (
    "messages", "bytes", "updates", "gaps", "resyncs", "resync_retries", "reconnects", "declined", "refused",
    "dropped", "ignored", "cold", "quotes", "records", "unknown", "callback_errors", "pings", "connections", "streams",
    "audits", "ghosts", "missing", "wrong_sizes", "off_grid",
    "latency_p50_ns", "latency_p99_ns",
)  # fmt: skip

_OF_BOOKS = ("book", "touch")
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_/-]{0,30}", re.ASCII)
_PROXY = re.compile(r"(?:https?|socks[45]h?)://[!-~]+", re.ASCII)

CallbackT = TypeVar("CallbackT", bound=Callable[..., object])


def connect(
    venue: str,
    symbols: Iterable[str] | str,
    *,
    depth: int | None = None,
    channels: Iterable[str] = ("book",),
    url: str | None = None,
    rest_url: str | None = None,
    scales: Mapping[str, tuple[int, int]] | None = None,
    connections: int = 1,
    stale_after: float | None = None,
    max_lag: float | None = None,
    audit: float | None = None,
    proxy: str | None = None,
    source_address: str | tuple[str, int] | None = None,
    busy_poll_us: int | None = None,
) -> Feed:
    """A feed of ``venue``, to be entered with ``async with``.

    ``depth`` is the number of levels, one that the venue offers; 0 is every level, kept by changes; None is what the
    venue does best (20 at coinswitch). ``channels``: "book", "touch" (the venue's own best bid and ask, for
    ``Book.fused_top``), "trades", "tickers", "candles" for each symbol, "all_tickers" for the whole venue, as far as
    the venue has them. ``url`` and ``rest_url`` replace scheme, host, port and a leading path. ``scales`` maps a symbol
    to its (price decimals, size decimals); otherwise they follow from the venue's tick and lot, or are 8 and 8 where
    it does not tell them. ``connections`` is the number of sockets that bring each book, the first arrival counts.
    ``stale_after`` and ``max_lag`` are in seconds: the longest silence, and the largest receive time minus event time,
    that a LIVE book may have. ``audit``: so many seconds apart one book after the other is compared with a snapshot by
    REST, and is in GAP where it is wrong; None: never. Books that come whole with each message are not audited.
    ``proxy`` is an http, https, socks4 or socks5 URL, ``source_address`` a local address or (address, port),
    ``busy_poll_us`` the microseconds that the kernel polls the device for a read (Linux).

    Entering ends when every subscription is confirmed. Raises UsageError for arguments that cannot be, at once; on
    entering LimitError, ConnectError and SubscribeError.
    """
    return Feed(
        venue,
        symbols,
        depth=depth,
        channels=channels,
        url=url,
        rest_url=rest_url,
        scales=scales,
        connections=connections,
        stale_after=stale_after,
        max_lag=max_lag,
        audit=audit,
        proxy=proxy,
        source_address=source_address,
        busy_poll_us=busy_poll_us,
    )


class Feed:
    """Live books, trades and tickers of one venue. Made by ``connect``; entered once.

    All of it belongs to the loop's thread. A book of ``books`` lives as long as somebody holds it; it is not LIVE any
    more once the feed is left or its symbol unsubscribed.
    """

    def __init__(
        self,
        venue: str,
        symbols: Iterable[str] | str,
        *,
        depth: int | None = None,
        channels: Iterable[str] = ("book",),
        url: str | None = None,
        rest_url: str | None = None,
        scales: Mapping[str, tuple[int, int]] | None = None,
        connections: int = 1,
        stale_after: float | None = None,
        max_lag: float | None = None,
        audit: float | None = None,
        proxy: str | None = None,
        source_address: str | tuple[str, int] | None = None,
        busy_poll_us: int | None = None,
        _policy: Policy | None = None,
    ) -> None:
        given = (symbols,) if isinstance(symbols, str) else tuple(symbols)
        dialect = _market(dialect_of(venue), given)
        self.books: dict[str, Book] = {}  # by the symbols that were asked for
        self.instruments: dict[str, Instrument] = {}  # the same; empty where the venue's rules were not asked for
        self._dialect = dialect
        self._channels = _channels(channels, dialect)
        self._symbols = _symbols(given, slashes=dialect.slashes, allow_none=self._channels == ("all_tickers",))
        self._depth = _depth(depth, dialect)
        if isinstance(connections, bool) or not isinstance(connections, int) or not 1 <= connections <= 8:
            raise UsageError(f"connections is {connections!r}; expected 1 to 8, the sockets that bring each book")
        self._connections = connections
        self._scales = _scales(scales)
        self._max_lag_ns = 0 if max_lag is None else int(_seconds("max_lag", max_lag) * 1e9)
        route = _route(proxy, source_address, busy_poll_us)
        origin = websocket_origin(url if url is not None else dialect.ws_origin)
        self._fetcher = _fetcher(dialect, self._depth, url, rest_url, route)
        self._audit_s = None if audit is None else _seconds("audit", audit)
        if audit is not None and self._by_changes and dialect.rest is not None and self._fetcher is None:
            raise UsageError(f"audit needs rest_url, beside url: {dialect.title} must be asked at the same venue")
        self._setting = Setting(
            origin=origin,
            path=dialect.path("book"),
            messages_per_second=dialect.limits.messages_per_second,
            stale_after=dialect.stale_after_s if stale_after is None else _seconds("stale_after", stale_after),
            silence_after=None if self._depth is None else dialect.silence_after_s.get(self._depth),
            quiet=dialect.quiet,
            converse=dialect.converse,
            locate=_locate(dialect, self._fetcher, None if url is None else origin),
            hint=_hint(dialect),
            route=route,
            policy=_policy or Policy(),
        )
        self._taps = Taps()
        self._wanted: dict[str, dict[str, None]] = {}  # channel -> symbols
        self._timing = Timing()
        self._ticks = TickWatch(
            self.books,
            self.instruments,
            period=self._setting.policy.ticks_within,
            taps=self._taps,
            timing=self._timing,
        )
        self._auditor: Auditor | None = None
        self._agenda: Agenda | None = None
        self._supervisor: Supervisor | None = None
        self._entered = False
        self._last_stats: dict[str, int | str] = {}

    def __repr__(self) -> str:
        state = "open" if self._supervisor is not None else "closed" if self._entered else "not entered"
        return f"<Feed {self._dialect.name} {' '.join(self.books or self._symbols)} {state}>"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError("a feed is entered once; make a new one with csbook.connect")
        self._entered = True
        mender = self._mender()
        self._supervisor = Supervisor(
            self._dialect,
            setting=self._setting,
            taps=self._taps,
            route_books=self._route_books,
            connections=self._connections,
            mender=mender,
        )
        self._auditor = self._audits(self._supervisor, mender)
        chores: dict[str, Chore] = {"look at the ticks": self._ticks}
        if self._auditor is not None:
            chores["audit"] = self._auditor
        self._agenda = Agenda(self._timing, chores)
        self._agenda.start()
        try:
            await self._subscribe(self._symbols, self._channels)
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def _leave(self) -> None:
        supervisor = self._supervisor
        if supervisor is not None:
            self._last_stats = self.stats()
            self._supervisor = None
            try:
                await supervisor.close()
            finally:
                if self._agenda is not None:
                    await self._agenda.close()
                if self._fetcher is not None:
                    await self._fetcher.close()
                self._taps.close()

    # -- who listens ------------------------------------------------------------------------------------------------

    def on_book(self, callback: CallbackT) -> CallbackT:
        """``callback(book)`` once for each changed book of a burst, with its newest state. The hot path: be quick."""
        self._taps.on_book.append(callback)
        return callback

    def on_state(self, callback: CallbackT) -> CallbackT:
        """``callback(book, old, new, reason)`` before the first await after the change: the moment to pull quotes."""
        self._taps.on_state.append(callback)
        return callback

    def on_trade(self, callback: CallbackT) -> CallbackT:
        """``callback(trade)`` with every ``Trade`` of the channel "trades"; never, while that is not subscribed."""
        self._taps.on_trade.append(callback)
        return callback

    def on_error(self, callback: CallbackT) -> CallbackT:
        """``callback(error)``: what a callback raised, a refused message, a failed reconnect. The feed goes on."""
        self._taps.on_error.append(callback)
        return callback

    def on_alert(self, callback: CallbackT) -> CallbackT:
        """``callback(alert)`` with an ``Alert``: schema drift, degrade, halt."""
        self._taps.on_alert.append(callback)
        return callback

    def __aiter__(self) -> Books:
        """The changed books, newest state, each once however often it changed; ends when the feed is left."""
        return self._taps.books(book for book in self.books.values() if book.updates)

    def trades(self, limit: int = 4096) -> Records[Trade]:
        """The trades from now on. At most ``limit`` wait; then the oldest are lost, and counted as ``dropped``.

        Raises UsageError where the channel is not subscribed.
        """
        self._demand("trades")
        return self._taps.records(Trade, limit)

    def tickers(self, limit: int = 4096) -> Records[Ticker]:
        """The tickers from now on, bounded as ``trades`` is."""
        self._demand("tickers", "all_tickers")
        return self._taps.records(Ticker, limit)

    def candles(self, limit: int = 4096) -> Records[Candle]:
        """The candles from now on, each as often as the venue sends it, bounded as ``trades`` is."""
        self._demand("candles")
        return self._taps.records(Candle, limit)

    def _demand(self, *channels: str) -> None:
        if not any(channel in self._channels or self._wanted.get(channel) for channel in channels):
            names = " or ".join(map(repr, channels))
            raise UsageError(f"the feed has no channel {names}; it has {', '.join(self._channels)}")

    # -- what is subscribed -----------------------------------------------------------------------------------------

    async def subscribe(self, symbols: Iterable[str] | str, channels: Iterable[str] | None = None) -> None:
        """Add symbols, by default on the feed's channels; ends when they are confirmed.

        What is subscribed already stays as it is. Raises as ``connect`` does; then nothing was added.
        """
        wanted = self._channels if channels is None else _channels(channels, self._dialect)
        slashes = self._dialect.slashes
        await self._subscribe(_symbols(symbols, slashes=slashes, allow_none=wanted == ("all_tickers",)), wanted)

    async def unsubscribe(self, symbols: Iterable[str] | str) -> None:
        """Remove symbols from every channel; their books leave LIVE and ``books``. UsageError for unknown ones."""
        supervisor = self._open()
        gone = _symbols(symbols, slashes=self._dialect.slashes)
        for symbol in gone:
            if not any(symbol in held for held in self._wanted.values()):
                raise UsageError(f"{symbol} is not subscribed")
        names = [
            name
            for channel, held in self._wanted.items()
            if channel not in _OF_BOOKS
            for symbol in gone
            if symbol in held
            for name in self._dialect.streams(channel, symbol)
        ]
        for held in self._wanted.values():
            for symbol in gone:
                held.pop(symbol, None)
        await supervisor.remove([self._dialect.spell(symbol) for symbol in gone], names)
        for symbol in gone:
            self.books.pop(symbol, None)

    async def _subscribe(self, symbols: tuple[str, ...], channels: tuple[str, ...]) -> None:
        supervisor = self._open()
        fresh: list[tuple[str, str]] = []
        for channel in channels:
            held = self._wanted.setdefault(channel, {})
            for symbol in ("",) if channel == "all_tickers" else symbols:
                if symbol not in held:
                    held[symbol] = None
                    fresh.append((channel, symbol))
        names: dict[str, dict[str, None]] = {}  # of the streams that feed a book
        others: dict[str, str] = {}
        try:
            for channel, symbol in fresh:
                streams = self._dialect.streams(channel, symbol, self._depth)
                if channel not in _OF_BOOKS:
                    others.update(dict.fromkeys(streams, self._dialect.path(channel)))
                elif channel == "book" or symbol in names:
                    names.setdefault(symbol, {}).update(dict.fromkeys(streams))
                else:
                    raise UsageError(f"the touch of {symbol} comes with its book: subscribe to both at once")
            await self._learn(names)
            books = {symbol: self._book(symbol) for symbol in names}
            self.books.update(books)
            await supervisor.add([Wanted(books[symbol], tuple(names[symbol])) for symbol in names], others)
            if self._agenda is not None:
                self._agenda.wake()
        except BaseException:
            for channel, symbol in fresh:
                self._wanted[channel].pop(symbol, None)
                if channel == "book":
                    self.books.pop(symbol, None)
            raise

    def _open(self) -> Supervisor:
        if self._supervisor is None:
            raise UsageError("the feed is not open: it serves inside of its async with block")
        return self._supervisor

    async def _learn(self, symbols: Iterable[str]) -> None:
        """Ask for the rules of the symbols that no scales were given for."""
        rest, fetcher = self._dialect.rest, self._fetcher
        missing = [symbol for symbol in symbols if symbol not in self._scales and symbol not in self.instruments]
        if rest is None or fetcher is None or rest.read_instruments is None or not missing:
            return
        found: dict[str, Instrument] = {}
        for path in dict.fromkeys(rest.instruments.format(symbol=self._dialect.spell(symbol)) for symbol in missing):
            found.update(rest.read_instruments(await fetcher.get(path)))
        for symbol in missing:
            instrument = found.get(self._dialect.spell(symbol))
            if instrument is None:
                raise UsageError(f"{self._dialect.title} lists no {symbol}")
            self.instruments[symbol] = instrument

    def _book(self, symbol: str) -> Book:
        instrument = self.instruments.get(symbol)
        default = (8, 8) if instrument is None else scales_of(instrument)
        price_decimals, size_decimals = self._scales.get(symbol, default)
        return Book(self._dialect.spell(symbol), price_decimals=price_decimals, size_decimals=size_decimals)

    def _route_books(self, books: list[Book]) -> Router:
        return Router(self._dialect.table, books, depth=self._depth, max_lag_ns=self._max_lag_ns)

    def _mender(self) -> Mender | None:
        """Who mends the books that lose a change; nobody where each message is a whole book."""
        dialect, rest, fetcher = self._dialect, self._dialect.rest, self._fetcher
        if dialect.resubscribe:
            return Mender(resync_queue(dialect, self._setting.origin), fetch=None, taps=self._taps, clock=LiveClock())
        if self._depth != 0 or rest is None or not rest.snapshot or fetcher is None:
            return None

        async def fetch(symbol: str) -> bytes:
            return await fetcher.get(rest.snapshot.format(symbol=symbol))

        return Mender(resync_queue(dialect, fetcher.origin), fetch=fetch, taps=self._taps, clock=LiveClock())

    @property
    def _by_changes(self) -> bool:
        """Whether what the books lose stays lost: only such books are audited."""
        return self._depth != 1 if self._dialect.resubscribe else self._depth == 0

    def _audits(self, supervisor: Supervisor, mender: Mender | None) -> Auditor | None:
        rest, fetcher = self._dialect.rest, self._fetcher
        if self._audit_s is None or not self._by_changes or rest is None or fetcher is None or rest.read_book is None:
            return None

        async def fetch(symbol: str) -> bytes:
            return await fetcher.get(rest.comparable.format(symbol=symbol))

        return Auditor(
            every=self._audit_s,
            window=self._setting.policy.audit_window,
            fetch=fetch,
            read=rest.read_book,
            budget=rest_budget(self._dialect.name, rest, fetcher.origin),
            lanes=lambda: supervisor.lanes,
            taps=self._taps,
            timing=self._timing,
            mender=mender,
        )

    # -- how it goes ------------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, int | str]:
        """Counters since the feed was entered, and two percentiles; the last ones once it is left.

        messages, bytes: data received. updates: depth messages applied. ignored: older than the book. refused:
        malformed. declined: read by the slow path. cold: not depth; records: trades and tickers of these. unknown: of
        no known kind. gaps. resyncs: books mended after one; resync_retries: tries that did not help. reconnects.
        quotes: the venue's own best bids and asks that were fused. audits, and what they found: ghosts, missing,
        wrong_sizes. off_grid: prices that are no multiple of their symbol's tick.
        dropped: records lost to slow readers. callback_errors. pings: those answered. connections, streams: open now.
        reader: "pointer" or "buffer". latency_p50_ns, latency_p99_ns: from the read of the socket to the book.
        """
        supervisor = self._supervisor
        stats: dict[str, int | str] = dict.fromkeys(COUNTERS, 0)
        if supervisor is None:
            stats.update(self._last_stats)
        else:
            stats.update(supervisor.counts())
            stats["connections"] = sum(stream.is_connected for stream in supervisor.streams)
            stats["streams"] = sum(len(stream.names) for stream in supervisor.streams)
            stats["latency_p50_ns"] = supervisor.latency(0.50)
            stats["latency_p99_ns"] = supervisor.latency(0.99)
        if self._auditor is not None:
            stats.update(self._auditor.counts)
        stats["off_grid"] = self._ticks.off_grid
        stats["dropped"] = self._taps.dropped
        stats["callback_errors"] = self._taps.callback_errors
        stats["reader"] = choose()[0]
        return stats


def _market(dialect: Dialect, symbols: tuple[str, ...]) -> Dialect:
    """The dialect that speaks for these symbols: a venue's spot market may have one of its own."""
    spot = [symbol for symbol in symbols if isinstance(symbol, str) and "/" in symbol]
    if not dialect.spot or not spot:
        return dialect
    if len(spot) < len(symbols):
        raise UsageError(f"{dialect.title}: spot symbols ({spot[0]}) and futures go into feeds of their own")
    return dialect_of(dialect.spot)


def _depth(depth: int | None, dialect: Dialect) -> int | None:
    if depth is None:
        return dialect.default_depth
    if isinstance(depth, bool) or depth not in dialect.offered:
        offered = ", ".join(map(str, dialect.offered)) or "one depth channel, whose levels it decides on"
        raise UsageError(f"depth is {depth!r}; {dialect.title} offers {offered}")
    return depth


def _fetcher(
    dialect: Dialect, depth: int | None, url: str | None, rest_url: str | None, route: Route
) -> Fetcher | None:
    """Who asks by REST. One half of a venue is never mixed with another one's other half."""
    if rest_url is not None:
        http_origin(rest_url)
    if dialect.rest is None:
        return None
    if url is not None and rest_url is None:
        if dialect.rest.token or (dialect.rest.snapshot and depth == 0):
            raise UsageError(f"url is given and rest_url is not: {dialect.title} needs both, of the same venue")
        return None
    return Fetcher(http_origin(rest_url if rest_url is not None else dialect.rest_origin), route=route)


def _locate(dialect: Dialect, fetcher: Fetcher | None, origin: Origin | None) -> Locate | None:
    if dialect.rest is None or not dialect.rest.token or fetcher is None:
        return None
    return bullet(fetcher, dialect.rest.token, origin)


def _symbols(symbols: Iterable[str] | str, *, slashes: bool = False, allow_none: bool = False) -> tuple[str, ...]:
    given = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    for symbol in given:
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol) or ("/" in symbol and not slashes):
            raise UsageError(f"{symbol!r} is no symbol; expected 1 to 31 letters, digits, '_' or '-', as in 'BTCUSDT'")
    upper = tuple(symbol.upper() for symbol in given)
    twice = {symbol for symbol in upper if upper.count(symbol) > 1}
    if twice:
        raise UsageError(f"symbols are named twice: {', '.join(sorted(twice))}")
    if not upper and not allow_none:
        raise UsageError("no symbol was given")
    return upper


def _channels(channels: Iterable[str], dialect: Dialect) -> tuple[str, ...]:
    given = (channels,) if isinstance(channels, str) else tuple(channels)
    for channel in given:
        if channel not in dialect.channels:
            raise UsageError(f"unknown channel {channel!r}; {dialect.title} has: {', '.join(dialect.channels)}")
    if not given:
        raise UsageError(f"no channel was given; {dialect.title} has: {', '.join(dialect.channels)}")
    if "touch" in given and "book" not in given:
        raise UsageError("the channel 'touch' comes with 'book': the touch is fused into the book")
    return tuple(dict.fromkeys(given))


def _scales(scales: Mapping[str, tuple[int, int]] | None) -> dict[str, tuple[int, int]]:
    checked: dict[str, tuple[int, int]] = {}
    for symbol, scale in (scales or {}).items():
        try:
            price_decimals, size_decimals = scale
            Book(symbol, price_decimals=price_decimals, size_decimals=size_decimals)
        except (TypeError, ValueError) as error:
            how = "(price decimals, size decimals), each from 0 to 18"
            raise UsageError(f"scales[{symbol!r}] is {scale!r}; expected {how} ({error})") from None
        checked[symbol.upper()] = (price_decimals, size_decimals)
    return checked


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < 1e6:
        raise UsageError(f"{name} is {value!r}; expected seconds above 0")
    return float(value)


def _route(proxy: str | None, source_address: str | tuple[str, int] | None, busy_poll_us: int | None) -> Route:
    if proxy is not None and not (isinstance(proxy, str) and _PROXY.fullmatch(proxy)):
        raise UsageError("proxy is no address; expected http://, https://, socks4:// or socks5:// and host[:port]")
    if busy_poll_us is not None:
        if isinstance(busy_poll_us, bool) or not isinstance(busy_poll_us, int) or not 0 <= busy_poll_us <= 1_000_000:
            raise UsageError(f"busy_poll_us is {busy_poll_us!r}; expected microseconds from 0 to 1000000")
        if sys.platform != "linux":
            raise UsageError("busy_poll_us is offered on Linux only")
    return Route(
        proxy=proxy,
        source_address=(source_address, 0) if isinstance(source_address, str) else source_address,
        busy_poll_us=busy_poll_us,
    )


def _hint(dialect: Dialect) -> str:
    if dialect.official:
        return ""
    return f" ({dialect.name!r} is no official interface of the venue; the official one to try is {dialect.instead!r})"
