"""Targets of framing: the plain session, its records, and the intake that puts fragments together.

A session of another dialect is one more name in SPOKEN, and in SAID what its server says where that is new.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from picows import WSMsgType
from picows.picows import _make_test_ws_frame

from csbook import Book, Outcome, Router
from csbook.errors import BadMessage
from csbook.guard.budget import RateBudget
from csbook.net._buffer_reader import BufferReader
from csbook.net._intake import Intake
from csbook.net.reader import choose
from csbook.types import Side, Ticker, Trade
from csbook.venues import binance, bybit, coinswitch_hft, coinswitch_sio, kucoin
from csbook.venues.dialect import Dialect
from csbook.wire import records
from csbook.wire.plain import PlainSession
from csbook.wire.session import Confirmed, Event, Lost, Malformed, Record, Refused, Unconfirmed, Unknown

from .mutate import NUMBERS, TOKENS
from .samples import Market
from .target import Failure, Target

TRADE = (
    b'{"e":"trade","E":1672531234567,"s":"BTCUSDT","t":12345,"p":"30150.00","q":"0.1","b":88,"a":92,'
    b'"T":1672531234560,"m":true}'
)
TICKER = (
    b'{"e":"24hrTicker","E":1672531234567,"s":"ETHUSDT","c":"2000.10","Q":"0.5","o":"1990","h":"2010.5","l":"1980.25",'
    b'"p":"-10.10","P":"-0.5","w":"1999.99","v":"12345.678","q":"24691356.0"}'
)
WORDS = (
    *(token for token in TOKENS if len(token) <= 32), *NUMBERS[:24],
    b'"id":1', b'"result":null', b'"error":', b'"code":2', b'"msg":"no"', b'"e":"trade"',
    b'"e":"24hrTicker"', b"\n>", b"\n<", b"\n@", b"btcusdt@trade ",
)  # fmt: skip

# -- records -------------------------------------------------------------------------------------------------------

TRADE_KEYS = {"p": "price", "q": "size", "t": "id", "b": "buyer_order_id", "a": "seller_order_id"}
TICKER_KEYS = {
    "c": "last", "Q": "last_size", "o": "open", "h": "high", "l": "low", "p": "change", "P": "change_percent",
    "w": "weighted_average", "v": "base_volume", "q": "quote_volume",
}  # fmt: skip


def exact(record: Trade | Ticker, body: Mapping[str, Any]) -> None:
    """A record says what the message says, to the last digit, a zero's sign aside; ``body`` holds numbers as text."""
    for key, name in (TRADE_KEYS if isinstance(record, Trade) else TICKER_KEYS).items():
        source, value = body.get(key), getattr(record, name)
        if source is None:
            if value is not None:
                raise Failure(f"{name} is {value!r}, and the message has none")
        elif Decimal(source) != value or Decimal(source).as_tuple()[1:] != Decimal(value).as_tuple()[1:]:
            raise Failure(f"{name} is {value!r}; the message says {source!r}")
    if record.event_time_ns != int(body["E"]) * 10**6:
        raise Failure(f"event_time_ns is {record.event_time_ns}; the message says {body['E']}")
    if record.symbol != body["s"].upper():
        raise Failure(f"symbol is {record.symbol!r}; the message says {body['s']!r}")
    if isinstance(record, Trade) and record.side is not (Side.SELL if body["m"] is True else Side.BUY):
        raise Failure(f"side is {record.side}; the message says {body['m']!r}")


def as_text(payload: bytes) -> Any:
    return json.loads(payload, parse_float=str, parse_int=str)


def record() -> Callable[[bytes], None]:
    def one(data: bytes) -> None:
        try:
            message = records.load(data)
        except BadMessage:
            return
        if not isinstance(message, dict):
            return
        for read in (records.trade, records.ticker):
            try:
                try:
                    made = read(message, 5)
                except records.FloatFound:
                    made = read(records.load_exact(data), 5)
            except BadMessage as error:
                if not str(error) or len(str(error)) > 300:
                    raise Failure(f"an error of {len(str(error))} characters") from error
                continue
            exact(made, as_text(data))

    return one


def record_seeds() -> Iterator[bytes]:
    for message in (TRADE, TICKER):
        yield message
        yield re.sub(rb'"(-?[0-9.]+)"', rb"\1", message)
        for key in json.loads(message):
            yield json.dumps({name: value for name, value in json.loads(message).items() if name != key}).encode()


# -- the plain session ---------------------------------------------------------------------------------------------


class Talk:
    """A session, and the account of what was asked of it: each stream ends once, or still waits for its answer."""

    def __init__(self, session: PlainSession) -> None:
        self.session = session
        self.asked: Counter[tuple[str, bool]] = Counter()
        self.ended: Counter[tuple[str, bool]] = Counter()

    def ask(self, streams: list[str], *, leaving: bool) -> None:
        (self.session.unsubscribe if leaving else self.session.subscribe)(streams)
        self.asked.update((stream, leaving) for stream in streams)

    def note(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Confirmed | Refused | Unconfirmed):
                self.ended.update((stream, event.leaving) for stream in event.streams)
            elif not isinstance(event, Record | Malformed | Unknown):
                raise Failure(f"{event!r} is no event")

    def settle(self) -> None:
        requests = self.session._requests
        open_ones = [*requests._waiting, *requests._asked.values()]
        waiting = Counter((stream, request.leaving) for request in open_ones for stream in request.streams)
        if self.ended + waiting != self.asked:
            raise Failure(f"asked {self.asked}, ended {self.ended}, open {waiting}")

    def receive(self, payload: bytes) -> None:
        events = self.session.receive(payload, 5)
        self.note(events)
        told = [event for event in events if isinstance(event, Record)]
        if not told:
            return
        message = as_text(payload)
        if isinstance(message, dict) and "data" in message and isinstance(message.get("stream"), str):
            message = message["data"]
        entries = message if isinstance(message, list) else [message]
        if len(entries) != len(events):
            raise Failure(f"{len(entries)} entries, {len(events)} events")
        for event, entry in zip(events, entries, strict=True):
            if isinstance(event, Record):
                exact(event.record, entry)


def session() -> Callable[[bytes], None]:
    """Lines: how it is set up, then messages; a sign in front asks, gives up, or lets time pass."""

    def one(data: bytes) -> None:
        head, *steps = data.split(b"\n")
        number = head[0] if head else 0
        now = 0.0
        talk = Talk(PlainSession(pace=RateBudget((10, 1)[number % 2]), batch=(128, 1, 2, 3)[number // 2 % 4]))
        for step in steps[:48]:
            sign, rest = step[:1], step[1:]
            if sign in (b">", b"<"):
                talk.ask(rest.decode("latin-1").split(), leaving=sign == b"<")
            elif sign == b"@":
                now += len(rest)
                talk.note(talk.session.overdue(now))
            else:
                talk.receive(step)
            for frame in talk.session.frames(now):
                request = json.loads(frame)
                if set(request) != {"method", "params", "id"} or not request["params"]:
                    raise Failure(f"the request {frame!r}")
            talk.session.next_time(now)
            talk.settle()

    return one


def session_seeds() -> Iterator[bytes]:
    yes, no = b'{"result":null,"id":%d}', b'{"error":{"code":2,"msg":"no"},"id":%d}'
    for number in range(8):
        head = bytes((number,))
        yield b"\n".join(
            (head, b">btcusdt@trade ethusdt@ticker a b c", yes % 1, TRADE, b"<a b", no % 2, no % 3, no % 4)
        )
        yield b"\n".join((head, b">a b c d e", no % 1, b"@@@@@@@", no % 2, b"@@@@@@@@@@@@", yes % 3))
        yield b"\n".join((head, b'{"stream":"btcusdt@trade","data":%b}' % TRADE, b"[%b,%b,3]" % (TRADE, TICKER), b"[]"))
        yield b"\n".join((head, b'{"result":1,"id":1}', b">x", b'{"result":1,"id":1}', b"null", b'{"bids":1}', TICKER))


# -- the session of any dialect ------------------------------------------------------------------------------------

SPOKEN = [venue.DIALECT for venue in (binance, bybit, coinswitch_hft, coinswitch_sio, kucoin)]

# What a server may say first, and then; the rest is found by the fuzzer.
SAID: dict[str, tuple[bytes, ...]] = {
    "coinswitch-sio": (
        b'0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
        b'40/exchange_2,{"sid":"y"}',
        b"2",
        b'42/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",{"success":true}]',
        b'42/exchange_2,["FETCH_TRADES_CS_PRO",{"E":1672531234567,"p":"1.5","q":"1","s":"BTCUSDT","m":true}]',
        b'42/exchange_2,["FETCH_CANDLESTICK_CS_PRO",{"o":"1","h":"2","l":"0.5","c":"1.5","v":"7","t":1672531234567}]',
        b'44/exchange_2,{"message":"no"}',
        b'451-/exchange_2,["x",{"_placeholder":true,"num":0}]',
        b"41/exchange_2,",
    ),
    "coinswitch-hft": (
        b'INFO {"server_id":"N","max_payload":1048576,"headers":true} \r\n',
        b"PONG\r\n",
        b"PING\r\n",
        b'MSG v1.depth.BTC/USDT 1 9\r\n{"b":[]} \r\n',
        b'HMSG v1.ltp.BTC/USDT 2 12 24\r\nNATS/1.0\r\n\r\n{"p":"1.5"} \r\n',
        b"-ERR 'Permissions Violation for Subscription to \"a\"'\r\n",
        b"+OK\r\n",
    ),
}
CALM: tuple[bytes, ...] = (
    b'{"result":null,"id":1}', b'{"id":"1","type":"ack"}', b'{"success":true,"op":"subscribe","req_id":"1"}',
    b'{"id":"1","type":"error","code":404,"data":"no"}', b'{"success":false,"ret_msg":"no","op":"subscribe"}',
    b'{"op":"pong"}', b'{"type":"pong","id":"2"}', b'{"id":"w","type":"welcome"}', TRADE, TICKER,
    b'{"topic":"publicTrade.BTCUSDT","ts":1,"data":[{"T":1,"s":"BTCUSDT","S":"Buy","v":"1","p":"2","i":"x"}]}',
    b'{"topic":"/contractMarket/execution:X","data":{"symbol":"X","price":"1","size":2,"side":"buy","ts":1}}',
)  # fmt: skip


def conversation(dialect: Dialect) -> Callable[[], Callable[[bytes], None]]:
    """Lines: a sign in front asks, gives up, lets time pass or ends a piece; the others are what the server says.

    Whatever a server says, the session answers with events and frames, never with an exception; and where it reads a
    stream of bytes, the events do not depend on where the stream is cut.
    """

    def make() -> Callable[[bytes], None]:
        def one(data: bytes) -> None:
            told = converse(dialect, data, step=0)
            if told is not None and converse(dialect, data, step=1) != told:
                raise Failure("the events depend on where the bytes are cut")

        return one

    return make


def converse(dialect: Dialect, data: bytes, *, step: int) -> list[Event] | None:
    """The conversation; its events where the session reads a stream of bytes. ``step``: bytes at a time, 0: all."""
    session = dialect.converse(pace=RateBudget(10), confirm_within=5.0)
    now, events = 0.0, []
    session.opened(now)
    for line in data.split(b"\n|")[:32]:
        sign, rest = line[:1], line[1:]
        if sign in (b">", b"<"):
            streams = rest.decode("latin-1").split()
            (session.subscribe if sign == b">" else session.unsubscribe)(streams)
        elif sign == b"@":
            now += len(rest)
            events += session.overdue(now)
        else:
            size = step if step and session.framed else max(1, len(rest))
            for at in range(0, len(rest), size) or (0,):
                events += session.receive(rest[at : at + size], 5)
        if not all(isinstance(frame, bytes) for frame in session.frames(now)):
            raise Failure("a frame that is no bytes")
        session.next_time(now)
    if not all(isinstance(event, Event) for event in events):
        raise Failure(f"{events} are no events")
    if not session.framed:
        return None
    over = next((at for at, event in enumerate(events) if isinstance(event, Lost)), len(events))  # nobody listens on
    heard = [event for event in events[:over] if not isinstance(event, Malformed)]
    return [*heard, Lost("")] if over < len(events) else heard  # its reason may quote what came along


def conversation_seeds(dialect: Dialect) -> Callable[[], Iterator[bytes]]:
    def seeds() -> Iterator[bytes]:
        said = SAID.get(dialect.name, CALM)
        asked = b">" + " ".join(
            stream.format(symbol="BTCUSDT", depth=20)
            for stream in (dialect.book_stream, dialect.trade_stream, dialect.ticker_stream)
            if stream
        ).encode("latin-1")
        for first in range(len(said)):
            yield b"\n|".join(
                (asked, *(b"." + line for line in said[first:]), b"@" * 12, b"<" + asked[1:], b"." + said[0])
            )
        yield from (b"." + said[0] + b"\n|" + asked + b"\n|." + line for line in said[1:])
        yield from (asked + b"\n|." + line + b"\n|@@@@@" for line in said)

    return seeds


# -- the intake ----------------------------------------------------------------------------------------------------

OPCODES = (0, 1, 2, 8, 9, 10, 1, 0)


class Line:
    """Writes down what an intake tells it, but for the times."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.router: Router | None = None

    def connected(self, transport: Any) -> None:
        self.told.append(("connected",))

    def disconnected(self) -> None:
        self.told.append(("disconnected",))

    def cold(self, payload: bytes, receive_time_ns: int) -> None:
        self.told.append(("cold", payload))

    def refused(self) -> None:
        self.told.append(("refused",))

    def moved(self) -> None:
        assert self.router is not None
        self.told += [("moved", str(old), str(new)) for _, old, new, _ in self.router.take_moves()]

    def failed(self, callback: Any, error: Exception) -> None:
        raise error

    def ping(self, payload: bytes) -> None:
        self.told.append(("ping", payload))

    def closed(self, code: int, reason: bytes) -> None:
        self.told.append(("closed", code, reason))

    def violated(self, code: int, reason: str) -> None:
        self.told.append(("violated", code))


class Wire:
    """An intake behind a reader; ``book`` stands for what came out of it."""

    def __init__(self, kind: Any, *, with_router: bool) -> None:
        self.line = Line()
        self.book = Book("BTCUSDT")
        router = Router("coinswitch", self.book, depth=5) if with_router else None
        self.line.router = router
        self.intake = Intake(self.line, router, [lambda book: self.line.told.append(("book", book.sequence))], print)
        self.reader = kind(self.intake)


class Frames:
    """What frames mean (RFC 6455, 5.4), said once more: whole messages and what is told of the rest."""

    def __init__(self) -> None:
        self.parts: list[bytes] | None = None
        self.told: list[tuple[Any, ...]] = []

    def take(self, opcode: int, final: bool, reserved: bool, payload: bytes) -> None:
        if reserved:
            self.told.append(("violated", 1002))
        elif opcode == 9:
            self.told.append(("ping", payload))
        elif opcode == 8:
            code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 1005
            self.told.append(("closed", code, payload[2:] if len(payload) > 1 else b""))
        elif opcode in (0, 1, 2):
            if (opcode == 0) is (self.parts is None):
                self.told.append(("violated", 1002))
                return
            self.parts = [*(self.parts or []), payload]
            if final:
                self.told.append(("cold", b"".join(self.parts)))
                self.parts = None


def intake() -> Callable[[bytes], None]:
    """Lines: a sign that says opcode, last fragment and reserved bits, then the payload of the frame."""
    readers = (choose()[1], BufferReader)

    def one(data: bytes) -> None:
        wires = [Wire(reader, with_router=routed) for reader in readers for routed in (False, True)]
        frames = Frames()
        for line in data.split(b"\n")[:48]:
            number = line[0] if line else 0
            opcode, final, reserved, payload = OPCODES[number & 7], not number & 8, number & 0x90 == 0x90, line[1:]
            for wire in wires:
                wire.reader.on_ws_frame(None, _make_test_ws_frame(WSMsgType(opcode), payload, final, reserved))
            frames.take(opcode, final, reserved, payload)
        cold, routed, cold_too, routed_too = wires
        if (cold.line.told, routed.line.told) != (cold_too.line.told, routed_too.line.told):
            raise Failure(f"the readers differ: {routed.line.told}, {routed_too.line.told}")
        if cold.line.told != frames.told:
            raise Failure(f"the frames mean {frames.told}, the intake tells {cold.line.told}")
        if routed.book.digest() != routed_too.book.digest():
            raise Failure("the readers end in other books")
        whole(routed, frames)

    return one


def whole(wire: Wire, frames: Frames) -> None:
    """The whole messages, fed to a router by hand, end in the same book and are told alike."""
    book = Book("BTCUSDT")
    router = Router("coinswitch", book, depth=5)
    told: list[tuple[Any, ...]] = []
    for note in frames.told:
        if note[0] != "cold":
            told.append(note)
            continue
        outcome = router.feed(note[1])
        if outcome is Outcome.COLD:
            told.append(note)
        elif outcome is Outcome.REFUSED:
            told.append(("refused",))
    if told != [note for note in wire.line.told if note[0] not in ("moved", "book")]:
        raise Failure(f"by hand {told}, by the intake {wire.line.told}")
    if book.digest() != wire.book.digest() or book.state is not wire.book.state:
        raise Failure("the whole messages end in another book than their fragments")


def intake_seeds() -> Iterator[bytes]:
    market = Market(random.Random(1), "coinswitch", "BTCUSDT", depth=5)
    messages = [market.message() for _ in range(12)]
    text, more, last, ping, close = b"1", b"8", b"0", b"4", b"3"
    for at, message in enumerate(messages):
        cut = len(message) * (at + 1) // 13
        first = b"9" + message[:cut]
        yield text + message
        yield b"\n".join((first, last + message[cut:], text + messages[0]))
        yield b"\n".join((first, ping + b"there?", more + message[cut : cut + 9], last + message[cut + 9 :]))
        yield b"\n".join((first, text + message, last + message[cut:], close + b"\x03\xe9away", last + b"x"))


def targets() -> list[Target]:
    return [
        Target("record", record, record_seeds, WORDS, longest=1024),
        Target("session", session, session_seeds, WORDS, longest=2048),
        *(
            Target(f"session-{dialect.name}", conversation(dialect), conversation_seeds(dialect), WORDS)
            for dialect in SPOKEN
        ),
        Target("intake", intake, intake_seeds, (*WORDS[:30], b"\n1{", b"\n9{", b"\n8", b"\n0", b"\n4")),
    ]
