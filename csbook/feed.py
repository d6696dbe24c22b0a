"""Live books from a venue: ``connect`` and the ``Feed`` it makes. Composition only.

The arguments are judged here, before anything is sent; sockets, limits and reconnection are the supervisor's; what a
message means is the core's and the session's; who hears of it is the taps'.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from csbook._core import Book, Router
from csbook.errors import UsageError
from csbook.net.dial import Route
from csbook.net.origin import http_origin, websocket_origin
from csbook.net.reader import choose
from csbook.net.setting import Policy, Setting
from csbook.net.supervisor import Supervisor
from csbook.net.taps import Books, Records, Taps
from csbook.types import Ticker, Trade
from csbook.venues import Dialect
from csbook.venues import dialect as dialect_of

__all__ = ["Feed", "connect"]

CHANNELS = ("book", "trades", "tickers", "all_tickers")
COUNTERS = (
    "messages", "bytes", "updates", "gaps", "resyncs", "reconnects", "declined", "refused", "dropped", "ignored",
    "cold", "records", "unknown", "callback_errors", "pings", "connections", "streams",
    "latency_p50_ns", "latency_p99_ns",
)  # fmt: skip

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,30}", re.ASCII)
_PROXY = re.compile(r"(?:https?|socks[45]h?)://[!-~]+", re.ASCII)

CallbackT = TypeVar("CallbackT", bound=Callable[..., object])


def connect(
    venue: str,
    symbols: Iterable[str] | str,
    *,
    depth: int = 20,
    channels: Iterable[str] = ("book",),
    url: str | None = None,
    rest_url: str | None = None,
    scales: Mapping[str, tuple[int, int]] | None = None,
    connections: int = 1,
    stale_after: float | None = None,
    max_lag: float | None = None,
    proxy: str | None = None,
    source_address: str | tuple[str, int] | None = None,
    busy_poll_us: int | None = None,
) -> Feed:
    """A feed of ``venue``, to be entered with ``async with``.

    ``depth`` is the number of levels, one that the venue offers. ``channels``: "book", "trades", "tickers" for each
    symbol, "all_tickers" for the whole venue. ``url`` and ``rest_url`` replace scheme, host, port and a leading path.
    ``scales`` maps a symbol to its (price decimals, size decimals), 8 and 8 otherwise. ``stale_after`` and ``max_lag``
    are in seconds: the longest silence, and the largest receive time minus event time, that a LIVE book may have.
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
        depth: int = 20,
        channels: Iterable[str] = ("book",),
        url: str | None = None,
        rest_url: str | None = None,
        scales: Mapping[str, tuple[int, int]] | None = None,
        connections: int = 1,
        stale_after: float | None = None,
        max_lag: float | None = None,
        proxy: str | None = None,
        source_address: str | tuple[str, int] | None = None,
        busy_poll_us: int | None = None,
        _policy: Policy | None = None,
    ) -> None:
        dialect = dialect_of(venue)
        self.books: dict[str, Book] = {}
        self._dialect = dialect
        self._channels = _channels(channels, dialect)
        self._symbols = _symbols(symbols, allow_none=self._channels == ("all_tickers",))
        if depth not in dialect.depths:
            offered = ", ".join(map(str, dialect.depths))
            raise UsageError(f"depth is {depth!r}; {dialect.title} offers {offered}")
        if connections != 1:
            raise UsageError(f"connections is {connections!r}; {dialect.title} is read over 1 connection a stream")
        self._depth = depth
        self._scales = _scales(scales)
        self._max_lag_ns = 0 if max_lag is None else int(_seconds("max_lag", max_lag) * 1e9)
        if rest_url is not None:
            http_origin(rest_url)
        self._setting = Setting(
            origin=websocket_origin(url if url is not None else dialect.ws_origin),
            path=dialect.market_path,
            messages_per_second=dialect.limits.messages_per_second,
            stale_after=dialect.stale_after_s if stale_after is None else _seconds("stale_after", stale_after),
            silence_after=dialect.silence_after_s.get("book"),
            hint=_hint(dialect),
            route=_route(proxy, source_address, busy_poll_us),
            policy=_policy or Policy(),
        )
        self._taps = Taps()
        self._wanted: dict[str, dict[str, None]] = {}  # channel -> symbols
        self._supervisor: Supervisor | None = None
        self._entered = False
        self._last_stats: dict[str, int | str] = {}

    def __repr__(self) -> str:
        state = "open" if self._supervisor is not None else "closed" if self._entered else "not entered"
        return f"<Feed {self._dialect.name} {' '.join(self.books)} {state}>"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError("a feed is entered once; make a new one with csbook.connect")
        self._entered = True
        self._supervisor = Supervisor(
            self._dialect, setting=self._setting, taps=self._taps, route_books=self._route_books
        )
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

    def candles(self, limit: int = 4096) -> Any:
        """Raises UsageError: no venue that csbook speaks offers candles."""
        raise UsageError(f"{self._dialect.title} offers no candles")

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
        await self._subscribe(_symbols(symbols, allow_none=wanted == ("all_tickers",)), wanted)

    async def unsubscribe(self, symbols: Iterable[str] | str) -> None:
        """Remove symbols from every channel; their books leave LIVE and ``books``. UsageError for unknown ones."""
        supervisor = self._open()
        gone = _symbols(symbols)
        for symbol in gone:
            if not any(symbol in held for held in self._wanted.values()):
                raise UsageError(f"{symbol} is not subscribed")
        names = [self._stream_name(c, s) for c, held in self._wanted.items() for s in gone if s in held and c != "book"]
        for held in self._wanted.values():
            for symbol in gone:
                held.pop(symbol, None)
        await supervisor.remove(gone, names)
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
        books = {symbol: self._book(symbol) for channel, symbol in fresh if channel == "book"}
        self.books.update(books)
        try:
            await supervisor.add(
                {self._stream_name("book", symbol): book for symbol, book in books.items()},
                [self._stream_name(channel, symbol) for channel, symbol in fresh if channel != "book"],
            )
        except BaseException:
            for channel, symbol in fresh:
                self._wanted[channel].pop(symbol, None)
            for symbol in books:
                self.books.pop(symbol, None)
            raise

    def _open(self) -> Supervisor:
        if self._supervisor is None:
            raise UsageError("the feed is not open: it serves inside of its async with block")
        return self._supervisor

    def _book(self, symbol: str) -> Book:
        price_decimals, size_decimals = self._scales.get(symbol, (8, 8))
        return Book(symbol, price_decimals=price_decimals, size_decimals=size_decimals)

    def _route_books(self, books: list[Book]) -> Router:
        return Router(self._dialect.name, books, depth=self._depth, max_lag_ns=self._max_lag_ns)

    def _stream_name(self, channel: str, symbol: str) -> str:
        dialect = self._dialect
        template = {
            "book": dialect.book_stream,
            "trades": dialect.trade_stream,
            "tickers": dialect.ticker_stream,
            "all_tickers": dialect.all_tickers_stream,
        }[channel]
        return template.format(symbol=dialect.venue_symbol(symbol), depth=self._depth)

    # -- how it goes ------------------------------------------------------------------------------------------------

    def stats(self) -> dict[str, int | str]:
        """Counters since the feed was entered, and two percentiles; the last ones once it is left.

        messages, bytes: data received. updates: depth messages applied. ignored: older than the book. refused:
        malformed. declined: read by the slow path. cold: not depth; records: trades and tickers of these. unknown: of
        no known kind. gaps, resyncs, reconnects. dropped: records lost to slow readers. callback_errors. pings: those
        answered. connections, streams: open now. reader: "pointer" or "buffer". latency_p50_ns, latency_p99_ns: from
        the read of the socket to the book.
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
        stats["dropped"] = self._taps.dropped
        stats["callback_errors"] = self._taps.callback_errors
        stats["reader"] = choose()[0]
        return stats


def _symbols(symbols: Iterable[str] | str, *, allow_none: bool = False) -> tuple[str, ...]:
    given = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    for symbol in given:
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
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
        if channel not in CHANNELS:
            raise UsageError(f"unknown channel {channel!r}; {dialect.title} has: {', '.join(CHANNELS)}")
    if not given:
        raise UsageError(f"no channel was given; {dialect.title} has: {', '.join(CHANNELS)}")
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
