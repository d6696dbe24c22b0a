"""What a dialect has to say for itself so that the local venue can speak it.

Sans-I/O. The market, the board, the faults and the sockets are the same for every venue; a ``Speech`` says which
streams there are and puts what happens into the venue's words, and a ``Talk`` is one connection's conversation in them.
Each dialect is one file of ``sim.dialects``.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from csbook import json
from csbook.sim.frames import PING, TEXT, frame
from csbook.venues.dialect import Dialect

if TYPE_CHECKING:
    from csbook.clock import Clock
    from csbook.sim.board import Board
    from csbook.sim.market import Instrument, Listing
    from csbook.sim.recording import Deal

__all__ = [
    "ALL", "Channel", "Ids", "Message", "Mode", "NotServed", "Reply", "Response", "Said", "Speech", "Talk",
    "TextLevels", "split_symbol",
]  # fmt: skip

ALL = 1 << 30  # levels
TextLevels = list[tuple[str, str]]

_QUOTES = ("USDT", "USDC", "USD", "INR")


class Mode(enum.Enum):
    """What the messages of a depth stream are."""

    WHOLE = "whole"  # the best levels, each time
    CHANGES = "changes"  # the levels that have changed since the last message
    EACH = "each"  # one level a message


class Ids(enum.Enum):
    """What the ids of a depth stream count."""

    MARKET = "market"  # the id of the book's last update
    OWN = "own"  # the messages of this stream; a newcomer is told what it has said so far, as a whole
    LEVELS = "levels"  # the levels of the symbol that have changed


@dataclass(frozen=True, slots=True)
class Message:
    """One data message. ``replaceable``: a newer one of the stream makes it worthless."""

    stream: str
    payload: bytes
    replaceable: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """A depth stream: its name, its symbol as the market lists it, and how it is told."""

    stream: str
    symbol: str
    mode: Mode = Mode.WHOLE
    depth: int = ALL
    interval_ms: float = 0.0  # of market time, at least, between two messages
    ids: Ids = Ids.MARKET
    kind: str = ""  # what else its words depend on
    again_ms: float = 0.0  # what was said is said again after so long a silence; 0: never


@dataclass(frozen=True, slots=True)
class Said:
    """What one depth message says; sizes are as the venue counts them, and "0" deletes where it is no ``whole``."""

    channel: Channel
    bids: TextLevels
    asks: TextLevels
    first_id: int
    last_id: int
    previous_id: int  # the last id of the message before
    market_id: int
    event_ms: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes of something that a client said."""

    answers: list[bytes] = field(default_factory=list)  # payloads, in this order
    subscribe: list[str] = field(default_factory=list)  # new ones only
    unsubscribe: list[str] = field(default_factory=list)
    refused: bool = False
    request: bool = True  # False: no request, but a sign of life
    alive: bool = False  # the sign of life that the venue waits for
    end: str = ""  # why the connection ends, if it does


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of REST."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class NotServed(Exception):
    """A request that is turned away, with the venue's own words."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(str(status))
        self.response = Response(json.dumps(body), status)


class Talk:
    """One connection's conversation. ``form`` names the clients that get the very same bytes for a stream."""

    opcode: ClassVar[int] = TEXT  # of what is sent and understood
    beat: bytes | None = frame(PING, b"")  # the venue's ping; None: the client has to ping
    hears_pongs: ClassVar[bool] = True  # whether a pong frame is the answer to it

    def greet(self) -> Reply:
        """What is said before the client says anything, and what its address asked for."""
        return Reply()

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        """One message of a connection that holds the streams ``held``."""
        raise NotImplementedError

    def form(self, stream: str) -> Hashable:
        return None

    def dress(self, stream: str, payload: bytes) -> bytes:
        """A data message as this connection is sent it."""
        return payload

    def cuts(self, data: bytes) -> list[bytes]:
        """A dressed message as the payloads of frames."""
        return [data]


class Speech:
    """One dialect. The board is given with the questions that need it."""

    paths: tuple[str, ...] = ()  # of public sockets, as aiohttp spells patterns
    calls: tuple[tuple[str, str], ...] = ()  # of public REST: method, and path in the same way
    weights: tuple[int, float] | None = None  # what REST may cost an address in a window of so many seconds

    def __init__(self, dialect: Dialect, symbols: Iterable[str]) -> None:
        self.dialect = dialect
        self.symbols = tuple(symbols)
        self.envelope = False
        self.ping_interval_s = 20.0  # this, and what follows, is the server's to set
        self.pong_deadline_s = dialect.limits.pong_deadline_s
        self.streams_per_connection = dialect.limits.streams_per_connection
        self.ws_url = ""
        self.streams: frozenset[str] = frozenset()  # all that there are, for the board to set
        self.by_name = {dialect.venue_symbol(symbol).upper(): symbol for symbol in self.symbols}

    # -- the streams

    def channels(self) -> Iterable[Channel]:
        """The depth streams of all symbols."""
        raise NotImplementedError

    def trade_streams(self, symbol: str) -> tuple[str, ...]:
        """The streams of a symbol's trades."""
        return (self._named(self.dialect.trade_stream, symbol),) if self.dialect.trade_stream else ()

    def ticker_stream(self, symbol: str) -> str:
        """The stream of a symbol's ticker; "" where there is none."""
        return self._named(self.dialect.ticker_stream, symbol)

    def _named(self, template: str, symbol: str, **more: object) -> str:
        return template.format(symbol=self.name(symbol), **more) if template else ""

    def name(self, symbol: str) -> str:
        """A symbol as the venue spells it in the names of streams."""
        return self.dialect.venue_symbol(symbol)

    # -- what is said on them

    def depth(self, said: Said) -> bytes:
        raise NotImplementedError

    def trade(self, listing: Listing, deal: Deal, event_ms: int, stream: str) -> bytes:
        """A trade, on one of its streams."""
        raise NotImplementedError

    def ticker(self, told: Mapping[str, str | int]) -> bytes:
        """A ticker; ``told`` is what ``sim.ticker`` tells."""
        return json.dumps(told)

    def wrap(self, stream: str, payload: bytes) -> bytes:
        """A message with its envelope, where ``envelope`` asks for one that is not the connection's."""
        return payload

    def size_text(self, instrument: Instrument, size: int) -> str:
        """A size as the venue counts it."""
        return instrument.size_text(size)

    # -- the conversation, and REST

    def talk(self, path: str, query: Mapping[str, str]) -> Talk:
        """The conversation of a new connection. Raises NotServed."""
        raise NotImplementedError

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        """What a call costs."""
        return 1

    def over(self) -> Response:
        """The answer to a call that is one too many."""
        return Response(b'{"message":"too many requests"}', 429)

    def call(self, path: str, query: Mapping[str, str], board: Board, clock: Clock) -> Response:
        """Answer a call; ``path`` is the pattern in ``calls``, what stands in its braces is in ``query``."""
        raise NotImplementedError


def split_symbol(symbol: str) -> tuple[str, str]:
    """Base and quote: ("BTC", "USDT"). What has no known quote is quoted in USDT."""
    for quote in _QUOTES:
        base = symbol.removesuffix(quote)
        if base and base != symbol:
            return base, quote
    return symbol, "USDT"
