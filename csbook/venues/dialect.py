"""What a venue's file of facts has to say: a frozen record of hosts, paths, channels, control messages and limits.

Only facts live here. How a conversation runs is ``wire``'s business, when to give up is ``guard``'s, and how a
depth message is laid out is in the core's table of the same name (``core/tables.pxi``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from csbook.types import Instrument
from csbook.wire.plain import PlainSession
from csbook.wire.session import Session

__all__ = ["BookAnswer", "Dialect", "Limits", "Rest"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What the venue tolerates, per client address unless it says otherwise."""

    streams_per_connection: int  # subscriptions on one socket
    messages_per_second: int  # that a client may send on one socket, pongs included
    connections: int  # sockets open at once
    connects_per_window: int  # new sockets in connect_window_s
    connect_window_s: float
    pong_deadline_s: float  # the venue hangs up when a ping stays unanswered this long


@dataclass(frozen=True, slots=True)
class BookAnswer:
    """A snapshot by REST as it was told: levels of exact numbers or text, and how old it is."""

    bids: list[Any]
    asks: list[Any]
    sequence: int = 0  # as the book's own counts; 0: it counts otherwise
    time_ns: int = 0  # the venue's time of it, ns since the epoch; 0: not told


@dataclass(frozen=True, slots=True)
class Rest:
    """What of the market is asked for by REST. ``{symbol}`` in a path is the venue's spelling."""

    calls_per_window: int  # of the snapshot call, a part of what the venue allows in all
    window_s: float
    snapshot: str = ""  # path and query of a snapshot that changes can join; "" where the stream brings its own
    instruments: str = ""  # path and query of the rules of all symbols
    token: str = ""  # path that a POST gets the address of a socket from
    read_instruments: Callable[[bytes], dict[str, Instrument]] | None = None
    audit: str = ""  # path and query of a snapshot to compare with, where it is another one
    read_book: Callable[[bytes], BookAnswer] | None = None  # of that snapshot

    @property
    def comparable(self) -> str:
        """Path and query of the snapshot that an audit compares with; "" where there is none."""
        return (self.audit or self.snapshot) if self.read_book is not None else ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """The public side of one venue."""

    name: str
    title: str
    ws_origin: str  # scheme and host; ``url=`` replaces it
    rest_origin: str
    market_path: str  # path of a public socket; ``{stream}`` is the first stream asked for
    depths: tuple[int, ...]  # levels of the depth channels that the venue offers
    default_depth: int | None  # None: the venue has one depth channel, and decides how many levels it shows
    book_stream: str  # ``{symbol}`` in the venue's spelling, ``{depth}``
    trade_stream: str
    ticker_stream: str
    all_tickers_stream: str
    lower_case_symbols: bool  # in stream names
    named_depth: bool  # False: a depth message does not say its symbol, so a depth stream has a socket of its own
    sequenced: bool  # True: a lost change can be noticed, so a lost connection is a GAP and not a STALE
    limits: Limits
    stale_after_s: float  # no frame of any kind for so long: the books are STALE
    silence_after_s: Mapping[int, float] = field(default_factory=dict)  # depth -> longest silence that is normal
    quiet: bool = False  # a subscription may bring nothing for any time: only frames of any kind are owed
    changes_stream: str = ""  # every level, by changes: depth 0
    anchor_depth: int = 0  # the depth channel whose snapshots the changes join, where REST has none
    touch_stream: str = ""  # the venue's own best bid and ask
    candle_stream: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)  # channel -> path, where it is not market_path
    converse: Callable[..., Session] = PlainSession
    spell: Callable[[str], str] = str.upper  # a symbol as the venue's messages spell it
    rest: Rest | None = None
    resubscribe: bool = False  # a gap is mended by subscribing again
    core: str = ""  # the name of the core's table, where it is another one
    slashes: bool = False  # a symbol may be spelled BASE/QUOTE
    spot: str = ""  # the dialect that speaks for symbols with a slash
    official: bool = True
    instead: str = ""  # what to try when the venue refuses an unofficial dialect

    @property
    def table(self) -> str:
        """The core's table that reads its messages."""
        return self.core or self.name

    @property
    def offered(self) -> tuple[int, ...]:
        """The depths that a book can be asked for; 0: every level, by changes."""
        return (0, *self.depths) if self.changes_stream else self.depths

    def venue_symbol(self, symbol: str) -> str:
        """A symbol as stream names spell it."""
        spelled = self.spell(symbol)
        return spelled.lower() if self.lower_case_symbols else spelled

    def path(self, channel: str) -> str:
        """The path of the socket for a channel."""
        return self.paths.get(channel, self.market_path)

    def streams(self, channel: str, symbol: str, depth: int | None = None) -> tuple[str, ...]:
        """The names of the streams that make up a channel of a symbol; none: the venue has no such channel."""
        if channel == "book" and depth == 0:
            templates = [self.changes_stream]
            if self.anchor_depth:
                templates.append(self.book_stream.format(symbol="{symbol}", depth=self.anchor_depth))
        else:
            templates = [
                {
                    "book": self.book_stream,
                    "touch": self.touch_stream,
                    "trades": self.trade_stream,
                    "tickers": self.ticker_stream,
                    "all_tickers": self.all_tickers_stream,
                    "candles": self.candle_stream,
                }[channel]
            ]
        spelled = self.venue_symbol(symbol) if symbol else ""
        return tuple(template.format(symbol=spelled, depth=depth) for template in templates if template)

    @property
    def channels(self) -> tuple[str, ...]:
        """What can be subscribed to."""
        named = ("book", "touch", "trades", "tickers", "all_tickers", "candles")
        return tuple(channel for channel in named if self.streams(channel, "X", self.default_depth))
