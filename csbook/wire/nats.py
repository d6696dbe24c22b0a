"""NATS over WebSocket: a byte stream of operations, wherever the frames are cut.

Fact sheet coinswitch, sections 6 and 7.4. The server's INFO comes first, CONNECT and SUBs follow, and a PING behind the
SUBs: its PONG confirms all of them, since the server works in order. ``-ERR`` with a subject is a refusal of that
subject. Both sides ping; silence after our own ping is the end. Payloads of depth subjects are the core's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from csbook import json
from csbook.errors import BadMessage
from csbook.types import Ticker, Trade
from csbook.wire import records
from csbook.wire.heartbeat import Heartbeat
from csbook.wire.session import Confirmed, Depth, Event, Lost, Malformed, Pace, Record, Refused, Unconfirmed, Unknown

__all__ = ["NatsSession"]

Reader = Callable[[Any, int], list[Trade | Ticker]]

_LINE = 4096  # bytes that a control line may have; INFO may be longer
_INFO = 64 * 1024
_PAYLOAD = 16 * 1024 * 1024  # the payload limit of the core
_BEGIN = b'{"verbose":false,"pedantic":false,"lang":"python","version":"csbook","protocol":1'


@dataclass(slots=True)
class _Flush:
    """A PING behind some SUBs: its PONG confirms them."""

    streams: tuple[str, ...]
    deadline: float


class NatsSession:
    """One connection. See ``wire.session.Session`` for the meaning of the methods.

    A stream is a subject. ``depth`` is what the subjects of books begin with; ``readers`` maps the beginnings of other
    subjects to what makes records of their payloads.
    """

    __slots__ = (
        "_buffer",
        "_depth",
        "_flushes",
        "_greeted",
        "_heartbeat",
        "_info_by",
        "_need",
        "_numbers",
        "_pace",
        "_readers",
        "_replies",
        "_waiting",
        "_within",
    )

    binary = True
    framed = True

    def __init__(
        self,
        *,
        pace: Pace,
        depth: str,
        readers: Mapping[str, Reader],
        confirm_within: float = 10.0,
        ping_interval: float = 20.0,
        ping_timeout: float = 10.0,
    ) -> None:
        self._pace = pace
        self._depth = depth.encode()
        self._readers = readers
        self._within = confirm_within
        self._heartbeat = Heartbeat(ping_interval, ping_timeout)
        self._buffer = bytearray()  # an operation that is not whole yet
        self._need = 0  # how long it will be, where that is known
        self._greeted = False  # the server's INFO came
        self._info_by: float | None = None
        self._numbers: dict[str, int] = {}  # subject -> sid
        self._waiting: deque[tuple[str, bool]] = deque()  # subject, leaving
        self._flushes: deque[_Flush] = deque()
        self._replies = bytearray()

    def opened(self, now: float) -> None:
        """The server speaks first."""
        self._info_by = now + self._within
        self._heartbeat.begin(now)

    def subscribe(self, streams: Iterable[str]) -> None:
        self._waiting += [(stream, False) for stream in streams]

    def unsubscribe(self, streams: Iterable[str]) -> None:
        self._waiting += [(stream, True) for stream in streams]

    def frames(self, now: float) -> list[bytes]:
        if not self._greeted:
            return []
        out, self._replies = bytes(self._replies), bytearray()
        if self._waiting and self._pace.wait(now) <= 0.0:
            entered = []
            while self._waiting:
                subject, leaving = self._waiting.popleft()
                if leaving:
                    number = self._numbers.pop(subject, None)
                    out += b"" if number is None else b"UNSUB %d\r\n" % number
                else:
                    number = self._numbers[subject] = max(self._numbers.values(), default=0) + 1
                    out += b"SUB %b %d\r\n" % (subject.encode(), number)
                    entered.append(subject)
            out += b"PING\r\n"
            self._flushes.append(_Flush(tuple(entered), now + self._within))
        elif self._heartbeat.beat(now):
            out += b"PING\r\n"
            self._flushes.append(_Flush((), now + self._within))
        if not out:
            return []
        self._pace.spend(now)
        return [out]

    def overdue(self, now: float) -> list[Event]:
        if not self._greeted:
            late = self._info_by is not None and now >= self._info_by
            return [Lost(f"no INFO of the server within {self._within:g} s")] if late else []
        if self._heartbeat.dead(now):
            return [Lost("a ping was not answered")]
        events: list[Event] = []
        for flush in self._flushes:
            if flush.streams and flush.deadline <= now:
                events.append(Unconfirmed(flush.streams, self._within))
                flush.streams = ()
        return events

    def next_time(self, now: float) -> float | None:
        if not self._greeted:
            return self._info_by
        if self._replies:
            return now
        times = [flush.deadline for flush in self._flushes if flush.streams]
        times += [now + self._pace.wait(now)] if self._waiting else []
        beat = self._heartbeat.next_time()
        return min(times if beat is None else [*times, beat], default=None)

    # -- what comes -------------------------------------------------------------------------------------------------

    def receive(self, payload: bytes, receive_time_ns: int) -> list[Event]:
        self._heartbeat.heard()
        events: list[Event] = []
        data = payload
        if self._buffer:
            self._buffer += payload
            if len(self._buffer) < self._need:
                return []
            data = bytes(self._buffer)
        self._need = 0
        at = 0
        try:
            while at < len(data):
                taken = self._operation(data, at, receive_time_ns, events)
                if taken == at:
                    break
                at = taken
        except BadMessage as error:  # where an operation ends is not known any more
            self._buffer.clear()
            return [*events, Malformed(error), Lost(f"protocol error: {error}")]
        self._buffer[:] = data[at:]
        return events

    def _operation(self, data: bytes, at: int, receive_time_ns: int, events: list[Event]) -> int:
        """Take the operation at ``at``; where it ends, or ``at`` while it is not whole."""
        end = data.find(b"\r\n", at, at + _INFO)
        if end < 0:
            limit = _INFO if data[at : at + 4].upper() == b"INFO" else _LINE
            if len(data) - at > limit:
                raise BadMessage(f"a control line of more than {limit} bytes", field="line", offset=at)
            return at
        words = data[at:end].split()
        verb = words[0].upper() if words else b""
        if verb == b"MSG" or verb == b"HMSG":
            return self._message(data, at, end + 2, words, receive_time_ns, events)
        match verb:
            case b"PING":
                self._replies += b"PONG\r\n"
            case b"PONG":
                if self._flushes and (streams := self._flushes.popleft().streams):
                    events.append(Confirmed(streams))
            case b"INFO":
                self._info(data[at + 4 : end])
            case b"-ERR":
                events.append(self._error(data[at + 4 : end].strip(b" \t'").decode("utf-8", "replace")[:200]))
            case b"+OK" | b"":
                pass
            case _:
                raise BadMessage(f"no operation of NATS: {data[at : at + 16]!r}", field="line", offset=at)
        return end + 2

    def _message(
        self, data: bytes, at: int, body: int, words: list[bytes], receive_time_ns: int, events: list[Event]
    ) -> int:
        headed = words[0].upper() == b"HMSG"
        sizes = words[-2:] if headed else words[-1:]
        if not (4 if not headed else 5) <= len(words) <= (5 if not headed else 6) or not all(
            size.isdigit() and len(size) <= 9 for size in sizes
        ):
            raise BadMessage(f"a message line that is none: {data[at : at + 64]!r}", field="line", offset=at)
        head, total = (int(sizes[0]), int(sizes[1])) if headed else (0, int(sizes[0]))
        if head > total or total > _PAYLOAD:
            raise BadMessage(f"a message of {total} bytes, {head} of them headers", field="size", offset=at)
        end = body + total
        if len(data) < end + 2:
            self._need = end + 2 - at
            return at
        if data[end : end + 2] != b"\r\n":
            raise BadMessage("a payload that does not end where its line says", field="payload", offset=end)
        events += self._brought(words[1], data[body + head : end], receive_time_ns)
        return end + 2

    def _brought(self, subject: bytes, payload: bytes, receive_time_ns: int) -> list[Event]:
        """What the message of a subject is."""
        if subject.startswith(self._depth):
            return [Depth(payload)]
        return self._records(subject.decode("utf-8", "replace"), payload, receive_time_ns)

    def _records(self, subject: str, payload: bytes, receive_time_ns: int) -> list[Event]:
        reader = next((reader for begin, reader in self._readers.items() if subject.startswith(begin)), None)
        if reader is None:
            return [Unknown(subject[:64])]
        try:
            try:
                return [Record(record) for record in reader(records.load(payload), receive_time_ns)]
            except records.FloatFound:
                return [Record(record) for record in reader(records.load_exact(payload), receive_time_ns)]
        except BadMessage as error:
            return [Malformed(error)]

    def _info(self, text: bytes) -> None:
        said = records.load(text.strip())
        if not isinstance(said, dict):
            raise BadMessage("INFO is no JSON object", field="INFO")
        if self._greeted:
            return
        self._greeted = True
        fields = b"".join(b",%b:%b" % (json.dumps(key), json.dumps(value)) for key, value in self._fields().items())
        self._replies += b"CONNECT %b%b}\r\n" % (_BEGIN, fields)

    def _fields(self) -> Mapping[str, str]:
        """Further fields of CONNECT, at the moment when it is sent."""
        return {}

    def _error(self, text: str) -> Event:
        for subject in self._numbers:
            if f'"{subject}"' in text:
                for flush in self._flushes:  # the PONG behind it confirms the others
                    flush.streams = tuple(stream for stream in flush.streams if stream != subject)
                return Refused((subject,), 0, text)
        return Lost(f"the server reports an error: {text}")
