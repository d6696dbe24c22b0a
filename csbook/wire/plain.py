"""The plain JSON WebSocket: SUBSCRIBE and UNSUBSCRIBE by stream name, answers by id, records as events.

* Requests are ``{"method":"SUBSCRIBE","params":[..],"id":n}``; the answer is ``{"result":null,"id":n}`` or
  ``{"error":{"code":..,"msg":..},"id":n}``. Data may come before the answer.
* A message may stand in an envelope ``{"stream":..,"data":..}``; an array is one record after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from csbook import json
from csbook.errors import BadMessage
from csbook.types import Ticker, Trade
from csbook.wire import records
from csbook.wire.requests import Requests
from csbook.wire.session import Event, Malformed, Pace, Record, Unknown

__all__ = ["PlainSession"]

_READERS: dict[str, Callable[[Mapping[str, Any], int], Trade | Ticker]] = {
    "trade": records.trade,
    "aggTrade": records.aggregate_trade,
    "24hrTicker": records.ticker,
}
_OTHERS_BUSINESS = ("bookTicker",)  # the core fuses those that are newer than the last


class PlainSession:
    """One connection's talk in plain JSON. See ``wire.session.Session`` for the meaning of the methods."""

    __slots__ = ("_requests",)

    binary = False
    framed = False

    def __init__(self, *, pace: Pace, confirm_within: float = 10.0, batch: int = 128) -> None:
        self._requests = Requests(pace, within=confirm_within, batch=batch)

    def opened(self, now: float) -> None:
        """Nobody says anything first."""

    def subscribe(self, streams: Iterable[str]) -> None:
        self._requests.add(streams, leaving=False)

    def unsubscribe(self, streams: Iterable[str]) -> None:
        self._requests.add(streams, leaving=True)

    def frames(self, now: float) -> list[bytes]:
        return [
            json.dumps(
                {"method": "UNSUBSCRIBE" if request.leaving else "SUBSCRIBE", "params": request.streams, "id": number}
            )
            for number, request in self._requests.send(now)
        ]

    def overdue(self, now: float) -> list[Event]:
        return self._requests.overdue(now)

    def next_time(self, now: float) -> float | None:
        return self._requests.next_time(now)

    def receive(self, payload: bytes, receive_time_ns: int) -> list[Event]:
        try:
            message = records.load(payload)
            try:
                return self._events(message, receive_time_ns)
            except records.FloatFound:
                return self._events(records.load_exact(payload), receive_time_ns)
        except BadMessage as error:
            return [Malformed(error)]

    def _events(self, message: Any, receive_time_ns: int) -> list[Event]:
        if isinstance(message, dict) and "id" in message and ("result" in message or "error" in message):
            return self._answer(message)
        if isinstance(message, dict) and isinstance(message.get("stream"), str) and "data" in message:
            message = message["data"]
        if isinstance(message, list):
            return [self._record(entry, receive_time_ns) for entry in message]
        if isinstance(message, dict) and message.get("e") in _OTHERS_BUSINESS:
            return []
        return [self._record(message, receive_time_ns)]

    def _record(self, message: Any, receive_time_ns: int) -> Event:
        if not isinstance(message, dict):
            kind = type(message).__name__
            return Malformed(BadMessage(f"a message that is a JSON {kind}; expected an object", field=""))
        name = message.get("e")
        reader = _READERS.get(name) if isinstance(name, str) else None
        if reader is None:
            return Unknown(name if isinstance(name, str) else "depth" if "bids" in message else "unnamed")
        try:
            return Record(reader(message, receive_time_ns))
        except BadMessage as error:
            return Malformed(error)

    def _answer(self, message: Mapping[str, Any]) -> list[Event]:
        number = message["id"] if type(message["id"]) is int else None
        fault = message.get("error")
        if fault is not None:
            code, text = (fault.get("code"), fault.get("msg")) if isinstance(fault, dict) else (None, fault)
            return self._requests.refused(number, code if type(code) is int else 0, str(text))
        if message.get("result") is None:
            return self._requests.accepted(number)
        error = BadMessage(f"an answer with the result {message['result']!r:.60}; expected null", field="result")
        events = self._requests.refused(number, 0, str(error), all_of_them=True)
        return events if isinstance(events[0], Unknown) else [Malformed(error), *events]
