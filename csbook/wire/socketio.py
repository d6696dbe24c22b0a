"""Socket.IO v4 over a raw WebSocket: Engine.IO 4 packets, one a message, and Socket.IO 5 packets in those of type 4.

Fact sheet coinswitch, sections 4 and 7. The order is: the server's ``0{open}``, our ``40/ns,``, its ``40/ns,{sid}``,
then events. The server pings with ``2`` and is answered with ``3``; when no ping comes for as long as the open packet
says, the connection is dead. A subscription is one event per pair, confirmed on the same event by an object with the
key ``success``, which names no pair: it is for the oldest request of its event.

Books go to the core as they are (it knows the packet); what comes here is everything else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from csbook import json
from csbook.errors import BadMessage
from csbook.types import Candle, Ticker, Trade
from csbook.wire import records
from csbook.wire.session import Confirmed, Event, Lost, Malformed, Pace, Record, Refused, Unconfirmed, Unknown

__all__ = ["Load", "SocketIoSession"]

Reader = Callable[[Any, int], list[Trade | Ticker | Candle]]
Load = Callable[[bytes], Any]

_ATTACHMENTS = 16  # binary messages that one event may announce
_LONGEST_PING = 125


@dataclass(slots=True)
class _Ask:
    event: str
    pair: str
    leaving: bool
    deadline: float = 0.0

    @property
    def stream(self) -> str:
        return f"{self.event}:{self.pair}"


class SocketIoSession:
    """One connection in one namespace. See ``wire.session.Session`` for the meaning of the methods.

    A stream is an event and a pair, ``FETCH_TRADES_CS_PRO:BTCUSDT``; a slash in a pair is a comma on the wire.
    ``readers`` maps an event to what makes records of its payload; ``books`` are the events whose payloads are the
    core's.
    """

    __slots__ = (
        "_alive_within",
        "_asked",
        "_attachments",
        "_books",
        "_dead_at",
        "_join",
        "_joined",
        "_open_by",
        "_pace",
        "_prefix",
        "_readers",
        "_replies",
        "_waiting",
        "_within",
    )

    binary = False
    framed = False

    def __init__(
        self,
        *,
        pace: Pace,
        namespace: str,
        readers: Mapping[str, Reader],
        books: tuple[str, ...] = (),
        confirm_within: float = 10.0,
    ) -> None:
        self._pace = pace
        self._prefix = f"{namespace}," if namespace != "/" else ""
        self._readers = readers
        self._books = books
        self._within = confirm_within
        self._waiting: deque[_Ask] = deque()
        self._asked: deque[_Ask] = deque()  # oldest first
        self._replies: list[bytes] = []  # that must go out whatever the pace
        self._join = False  # the namespace is to be asked for
        self._joined = False
        self._attachments = 0  # binary messages that still belong to the last event
        self._open_by: float | None = None  # when the namespace must have been joined
        self._alive_within = 0.0  # the longest time between two pings
        self._dead_at: float | None = None

    def opened(self, now: float) -> None:
        """The server speaks first."""
        self._open_by = now + self._within

    def subscribe(self, streams: Iterable[str]) -> None:
        self._add(streams, leaving=False)

    def unsubscribe(self, streams: Iterable[str]) -> None:
        self._add(streams, leaving=True)

    def _add(self, streams: Iterable[str], *, leaving: bool) -> None:
        for stream in streams:
            event, _, pair = stream.partition(":")
            self._waiting.append(_Ask(event, pair, leaving))

    def frames(self, now: float) -> list[bytes]:
        out, self._replies = self._replies, []
        for _ in out:
            self._pace.spend(now)
        if self._join:
            self._join = False
            self._pace.spend(now)
            out.append(b"40" + self._prefix.encode())
        if out and self._alive_within:  # a ping was answered, or the first one is due
            self._dead_at = now + self._alive_within
        while self._joined and self._waiting and self._pace.wait(now) <= 0.0:
            ask = self._waiting.popleft()
            self._pace.spend(now)
            ask.deadline = now + self._within
            self._asked.append(ask)
            what = {"event": "unsubscribe" if ask.leaving else "subscribe", "pair": ask.pair.replace("/", ",")}
            out.append(b"42" + self._prefix.encode() + json.dumps([ask.event, what]))
            if ask.leaving:  # nothing says that it was heard
                self._asked.pop()
        return out

    def overdue(self, now: float) -> list[Event]:
        if self._open_by is not None and now >= self._open_by:
            return [Lost(f"the namespace was not joined within {self._within:g} s")]
        if self._dead_at is not None and now >= self._dead_at:
            return [Lost(f"no ping of the server for {self._alive_within:g} s")]
        late = [ask for ask in self._asked if ask.deadline <= now]
        for ask in late:
            self._asked.remove(ask)
        return [Unconfirmed((ask.stream,), self._within) for ask in late]

    def next_time(self, now: float) -> float | None:
        if self._replies or self._join:
            return now
        times = [time for time in (self._open_by, self._dead_at) if time is not None]
        times += [self._asked[0].deadline] if self._asked else []
        if self._joined and self._waiting:
            times.append(now + self._pace.wait(now))
        return min(times, default=None)

    # -- what comes -------------------------------------------------------------------------------------------------

    def receive(self, payload: bytes, receive_time_ns: int) -> list[Event]:
        if self._attachments:
            self._attachments -= 1
            return []
        try:
            try:
                return self._packet(payload, receive_time_ns, records.load)
            except records.FloatFound:
                return self._packet(payload, receive_time_ns, records.load_exact)
        except BadMessage as error:
            return [Malformed(error)]

    def _packet(self, payload: bytes, receive_time_ns: int, load: Load) -> list[Event]:
        match payload[:1]:
            case b"4":
                return self._message(payload[1:], receive_time_ns, load)
            case b"2":
                self._replies.append(b"3" + payload[1:_LONGEST_PING])
                self._dead_at = None  # the next ping counts from the answer
                return []
            case b"0":
                return self._opening(load(payload[1:]))
            case b"1":
                return [Lost("closed by the server: an Engine.IO close")]
            case b"3" | b"5" | b"6":
                return []
        raise BadMessage(f"no Engine.IO packet: it begins with {payload[:8]!r}", field="packet", offset=0)

    def _opening(self, said: Any) -> list[Event]:
        fields = ("pingInterval", "pingTimeout")
        if not isinstance(said, dict) or not all(_is_milliseconds(said.get(field)) for field in fields):
            raise BadMessage("the open packet does not say pingInterval and pingTimeout in milliseconds", field="open")
        self._alive_within = (said["pingInterval"] + said["pingTimeout"]) / 1000.0
        self._join = True
        return []

    def _message(self, packet: bytes, receive_time_ns: int, load: Load) -> list[Event]:
        kind, rest = packet[:1], packet[1:]
        count, binary = 0, kind in (b"5", b"6")
        if binary:
            digits, dash, rest = rest.partition(b"-")
            if not dash or not digits.isdigit() or not 0 < int(digits[:4]) <= _ATTACHMENTS:
                raise BadMessage(f"a binary packet announces {digits[:8]!r} attachments", field="packet", offset=1)
            count = int(digits)
        namespace = b"/"
        if rest[:1] == b"/":
            namespace, _, rest = rest.partition(b",")
        if namespace.decode("utf-8", "replace") != (self._prefix[:-1] or "/"):
            return [Unknown(f"namespace {namespace[:32].decode('utf-8', 'replace')}")]
        self._attachments = count
        if binary:
            return [Unknown("binary event")]
        match kind:
            case b"2":
                return self._event(rest.lstrip(b"0123456789"), receive_time_ns, load)
            case b"0":
                self._joined, self._open_by = True, None
                return []
            case b"1":
                return [Lost("the server left the namespace")]
            case b"4":
                return [Lost(f"the namespace was refused: {rest[:100].decode('utf-8', 'replace')}")]
            case b"3":
                return []
        raise BadMessage(f"no Socket.IO packet of type {kind!r}", field="packet", offset=1)

    @staticmethod
    def _named(said: Any) -> tuple[str, Any]:
        """The name and the payload of an event. Raises BadMessage."""
        if not isinstance(said, list) or not said or not isinstance(said[0], str):
            raise BadMessage("an event that is no array with its name first", field="event")
        return said[0], said[1] if len(said) > 1 else None

    def _event(self, text: bytes, receive_time_ns: int, load: Load) -> list[Event]:
        name, payload = self._named(load(text))
        if isinstance(payload, dict) and "success" in payload:
            return self._answer(name, payload)
        if name in self._books:
            return [Unknown("book of another symbol")]
        reader = self._readers.get(name)
        if reader is None:
            return [Unknown(name[:64])]
        return [Record(record) for record in reader(payload, receive_time_ns)]

    def _answer(self, name: str, payload: Mapping[str, Any]) -> list[Event]:
        named = payload.get("pair", payload.get("s"))
        for ask in self._asked:
            if ask.event == name and (
                not isinstance(named, str) or named.upper().replace(",", "/") == ask.pair.upper()
            ):
                self._asked.remove(ask)
                if payload["success"] is False:
                    text = str(payload.get("message", payload.get("error", "no reason was given")))[:200]
                    return [Refused((ask.stream,), 0, text)]
                return [Confirmed((ask.stream,))]
        return [Unknown("answer")]


def _is_milliseconds(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value <= 3_600_000
