"""Bybit's conversation: ``{"op":..,"args":[..],"req_id":..}``, pings as messages, data under topics.

Fact sheet bybit, sections 1 and 3. Topics of one request succeed or fail together, the arguments of one connection may
have 21,000 characters in all, and an answer may come without its ``req_id``: then it is for the oldest request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from csbook import json
from csbook.errors import BadMessage
from csbook.types import Ticker, Trade
from csbook.wire import records
from csbook.wire.heartbeat import Heartbeat
from csbook.wire.requests import Requests
from csbook.wire.session import Event, Lost, Malformed, Pace, Record, Unknown

__all__ = ["OpSession"]

Reader = Callable[[Mapping[str, Any], Mapping[str, Any], int], Trade | Ticker | None]

_ROOM = 20_000  # of the characters that all arguments of a connection may have together
_PING = b'{"op":"ping"}'
_OTHERS_BUSINESS = "orderbook.1."  # the core fuses those that are newer than the last


class OpSession:
    """One public connection to Bybit. See ``wire.session.Session`` for the meaning of the methods.

    ``readers`` maps the first word of a topic to what makes a record of one entry: (entry, its message, wall time).
    None from it: the entry is no news.
    """

    __slots__ = ("_heartbeat", "_pace", "_readers", "_requests")

    binary = False
    framed = False

    def __init__(
        self,
        *,
        pace: Pace,
        readers: Mapping[str, Reader],
        confirm_within: float = 10.0,
        batch: int = 10,
        ping_interval: float = 20.0,
        ping_timeout: float = 10.0,
    ) -> None:
        self._pace = pace
        self._readers = readers
        self._requests = Requests(pace, within=confirm_within, batch=batch, room=_ROOM)
        self._heartbeat = Heartbeat(ping_interval, ping_timeout)

    def opened(self, now: float) -> None:
        """Pings count from here."""
        self._heartbeat.begin(now)

    def subscribe(self, streams: Iterable[str]) -> None:
        self._requests.add(streams, leaving=False)

    def unsubscribe(self, streams: Iterable[str]) -> None:
        self._requests.add(streams, leaving=True)

    def frames(self, now: float) -> list[bytes]:
        out = []
        if self._heartbeat.beat(now):
            self._pace.spend(now)
            out.append(_PING)
        for number, request in self._requests.send(now):
            name = "unsubscribe" if request.leaving else "subscribe"
            out.append(json.dumps({"op": name, "args": request.streams, "req_id": str(number)}))
        return out

    def overdue(self, now: float) -> list[Event]:
        dead: list[Event] = [Lost("a ping was not answered")] if self._heartbeat.dead(now) else []
        return [*self._requests.overdue(now), *dead]

    def next_time(self, now: float) -> float | None:
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
        if isinstance(message.get("topic"), str):
            return self._data(message["topic"], message, receive_time_ns)
        name = message.get("op")
        if name == "pong" or (name == "ping" and "ret_msg" in message):
            return []
        if name not in ("subscribe", "unsubscribe"):
            return [Unknown(name if isinstance(name, str) else "unnamed")]
        wanted = message.get("req_id")
        if isinstance(wanted, str) and wanted.isascii() and wanted.isdecimal():
            number: int | None = int(wanted[:18])
        else:
            number = self._requests.oldest(leaving=name == "unsubscribe")
        if message.get("success") is True:
            return self._requests.accepted(number)
        return self._requests.refused(number, 0, str(message.get("ret_msg", "")))

    def _data(self, topic: str, message: Mapping[str, Any], receive_time_ns: int) -> list[Event]:
        if topic.startswith(_OTHERS_BUSINESS):
            return []
        kind = topic.partition(".")[0]
        reader = self._readers.get(kind)
        if reader is None:
            return [Unknown(kind)]
        data = message.get("data")
        events: list[Event] = []
        for entry in data if isinstance(data, list) else [data]:
            if not isinstance(entry, dict):
                what = type(entry).__name__
                events.append(Malformed(BadMessage(f"{topic}: data holds a {what}; expected objects", field="data")))
                continue
            try:
                record = reader(entry, message, receive_time_ns)
            except BadMessage as error:
                events.append(Malformed(error))
            else:
                events += [] if record is None else [Record(record)]
        return events
