"""KuCoin's conversation: a welcome first, then topics by request, pings as messages.

Fact sheet kucoin, section 1. What is sent before ``{"type":"welcome"}`` is lost, so everything waits for it. Several
symbols share a request after the colon of one topic. Only the client's own pings keep the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from csbook import json
from csbook.errors import BadMessage
from csbook.types import Ticker, Trade
from csbook.wire import records
from csbook.wire.heartbeat import Heartbeat
from csbook.wire.requests import Request, Requests
from csbook.wire.session import Event, Lost, Malformed, Pace, Record, Unknown

__all__ = ["TopicSession"]

Reader = Callable[[Mapping[str, Any], int], Trade | Ticker]

_EXPIRED = 401
_OTHERS_BUSINESS = "/contractMarket/tickerV2"  # the core fuses those that are newer than the last


class TopicSession:
    """One public connection to KuCoin. See ``wire.session.Session`` for the meaning of the methods.

    A stream is a topic with one symbol, ``/contractMarket/level2:XBTUSDTM``. ``readers`` maps a topic without its
    symbol to what makes a record of the message's data. ``ping_interval`` and ``ping_timeout`` come with the token.
    """

    __slots__ = (
        "_heartbeat", "_last_ping", "_pace", "_private", "_readers", "_requests", "_welcome_by", "_welcomed", "_within",
    )  # fmt: skip

    binary = False
    framed = False

    def __init__(
        self,
        *,
        pace: Pace,
        readers: Mapping[str, Reader],
        confirm_within: float = 10.0,
        batch: int = 100,
        ping_interval: float = 18.0,
        ping_timeout: float = 10.0,
        private: bool = False,
    ) -> None:
        self._pace = pace
        self._private = private
        self._readers = readers
        self._within = confirm_within
        self._requests = Requests(pace, within=confirm_within, batch=batch)
        self._heartbeat = Heartbeat(ping_interval, ping_timeout)
        self._welcomed = False
        self._welcome_by: float | None = None
        self._last_ping = 0

    def opened(self, now: float) -> None:
        """The welcome is owed from here."""
        self._welcome_by = now + self._within
        self._heartbeat.begin(now)

    def subscribe(self, streams: Iterable[str]) -> None:
        self._add(streams, leaving=False)

    def unsubscribe(self, streams: Iterable[str]) -> None:
        self._add(streams, leaving=True)

    def _add(self, streams: Iterable[str], *, leaving: bool) -> None:
        by_topic: dict[str, list[str]] = {}
        for stream in streams:
            by_topic.setdefault(stream.partition(":")[0], []).append(stream)
        for named in by_topic.values():  # a request has one topic
            self._requests.add(named, leaving=leaving)

    def frames(self, now: float) -> list[bytes]:
        if not self._welcomed:
            return []
        out = []
        if self._heartbeat.beat(now):
            self._pace.spend(now)
            self._last_ping += 1
            out.append(b'{"id":"p%d","type":"ping"}' % self._last_ping)
        return out + [_asking(number, request, self._private) for number, request in self._requests.send(now)]

    def overdue(self, now: float) -> list[Event]:
        if not self._welcomed:
            late = self._welcome_by is not None and now >= self._welcome_by
            return [Lost(f"no welcome within {self._within:g} s")] if late else []
        dead: list[Event] = [Lost("a ping was not answered")] if self._heartbeat.dead(now) else []
        return [*self._requests.overdue(now), *dead]

    def next_time(self, now: float) -> float | None:
        if not self._welcomed:
            return self._welcome_by
        times = [self._heartbeat.next_time(), self._requests.next_time(now)]
        return min((time for time in times if time is not None), default=None)

    def receive(self, payload: bytes, receive_time_ns: int) -> list[Event]:
        self._heartbeat.heard()
        try:
            message = records.load(payload)
            try:
                return self._events(message, receive_time_ns)
            except records.FloatFound:
                return self._events(records.load_exact(payload), receive_time_ns)
        except BadMessage as error:
            return [Malformed(error)]

    def _events(self, message: Any, receive_time_ns: int) -> list[Event]:
        if not isinstance(message, dict):
            kind = type(message).__name__
            raise BadMessage(f"a message that is a JSON {kind}; expected an object", field="")
        match message.get("type"):
            case "message":
                return self._data(message, receive_time_ns)
            case "welcome":
                self._welcomed = True
                return []
            case "pong" | "notice" | "command":
                return []
            case "ack":
                return self._requests.accepted(_number(message))
            case "error":
                return self._error(message)
            case other:
                return [Unknown(other if isinstance(other, str) else "unnamed")]

    def _error(self, message: Mapping[str, Any]) -> list[Event]:
        code, text = message.get("code"), str(message.get("data", ""))[:200]
        number = code if type(code) is int else int(code) if isinstance(code, str) and code.isdecimal() else 0
        if number == _EXPIRED:
            return [Lost(f"the token is no longer good: {text} (code {number})")]
        return self._requests.refused(_number(message), number, text)

    def _data(self, message: Mapping[str, Any], receive_time_ns: int) -> list[Event]:
        topic = str(message.get("topic", ""))
        kind = topic.partition(":")[0]
        reader, data = self._readers.get(kind), message.get("data")
        if reader is None:
            return [] if kind == _OTHERS_BUSINESS else [Unknown(kind[:64] or "unnamed")]
        if not isinstance(data, dict):
            what = type(data).__name__
            raise BadMessage(f"{topic[:64]}: data is a {what}; expected an object", field="data")
        return [Record(reader(data, receive_time_ns))]


def _asking(number: int, request: Request, private: bool) -> bytes:
    topic = request.streams[0].partition(":")[0]
    symbols = ",".join(stream.partition(":")[2] for stream in request.streams)
    return json.dumps(
        {
            "id": str(number),
            "type": "unsubscribe" if request.leaving else "subscribe",
            "topic": f"{topic}:{symbols}" if symbols else topic,
            "privateChannel": private,
            "response": True,
        }
    )


def _number(message: Mapping[str, Any]) -> int | None:
    text = message.get("id")
    return int(text[:18]) if isinstance(text, str) and text.isascii() and text.isdecimal() else None
