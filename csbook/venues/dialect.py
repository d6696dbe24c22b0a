"""What a venue's file of facts has to say: a frozen record of hosts, paths, channels, control messages and limits.

Only facts live here. How a conversation runs is ``wire``'s business, when to give up is ``guard``'s, and how a
depth message is laid out is in the core's table of the same name (``core/tables.pxi``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Dialect", "Limits"]


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
class Dialect:
    """The public side of one venue."""

    name: str
    title: str
    ws_origin: str  # scheme and host; ``url=`` replaces it
    rest_origin: str
    market_path: str  # path of a public socket; ``{stream}`` is the first stream asked for
    depths: tuple[int, ...]  # levels of the depth channel that the venue offers
    default_depth: int
    book_stream: str  # ``{symbol}`` in the venue's spelling, ``{depth}``
    trade_stream: str
    ticker_stream: str
    all_tickers_stream: str
    lower_case_symbols: bool  # in stream names
    named_depth: bool  # False: a depth message does not say its symbol, so a depth stream has a socket of its own
    sequenced: bool  # True: a lost change can be noticed, so a lost connection is a GAP and not a STALE
    limits: Limits
    stale_after_s: float  # no frame of any kind for so long: the books are STALE
    silence_after_s: dict[str, float] = field(default_factory=dict)  # channel -> longest silence that is normal
    official: bool = True
    instead: str = ""  # what to try when the venue refuses an unofficial dialect

    def venue_symbol(self, symbol: str) -> str:
        """A symbol as stream names spell it."""
        return symbol.lower() if self.lower_case_symbols else symbol.upper()
