"""The plain JSON WebSocket: SUBSCRIBE and UNSUBSCRIBE by stream name, answers by id, records as events.

* Requests are ``{"method":"SUBSCRIBE","params":[..],"id":n}``, ids are 1, 2, 3 ... of the connection; the answer is
  ``{"result":null,"id":n}`` or ``{"error":{"code":..,"msg":..},"id":n}``. Data may come before the answer.
* Many streams go into one request, so that the venue's message rate is no obstacle. A refusal does not say which of
  them it means: the batch is halved and asked again until the refused stream stands alone.
* An answer counts from the moment its request was sent; requests that the pace holds back have no deadline yet.
* A message may stand in an envelope ``{"stream":..,"data":..}``; an array is one record after the other.
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
from csbook.wire.session import Confirmed, Event, Malformed, Pace, Record, Refused, Unconfirmed, Unknown

__all__ = ["PlainSession"]

_READERS: dict[str, Callable[[Mapping[str, Any], int], Trade | Ticker]] = {
    "trade": records.trade,
    "24hrTicker": records.ticker,
}


@dataclass(slots=True)
class _Request:
    method: str
    streams: tuple[str, ...]
    deadline: float = 0.0

    @property
    def leaving(self) -> bool:
        return self.method == "UNSUBSCRIBE"


class PlainSession:
    """One connection's talk in plain JSON. See ``wire.session.Session`` for the meaning of the methods."""

    __slots__ = ("_asked", "_batch", "_confirm_within", "_last_id", "_pace", "_waiting")

    def __init__(self, *, pace: Pace, confirm_within: float = 10.0, batch: int = 128) -> None:
        self._pace = pace
        self._confirm_within = confirm_within
        self._batch = batch
        self._last_id = 0
        self._waiting: deque[_Request] = deque()  # not sent yet
        self._asked: dict[int, _Request] = {}  # sent, by id; oldest first, so the first has the nearest deadline

    def subscribe(self, streams: Iterable[str]) -> None:
        self._request("SUBSCRIBE", streams)

    def unsubscribe(self, streams: Iterable[str]) -> None:
        self._request("UNSUBSCRIBE", streams)

    def _request(self, method: str, streams: Iterable[str]) -> None:
        names = tuple(streams)
        for start in range(0, len(names), self._batch):
            self._waiting.append(_Request(method, names[start : start + self._batch]))

    def frames(self, now: float) -> list[bytes]:
        out: list[bytes] = []
        while self._waiting and self._pace.wait(now) <= 0.0:
            request = self._waiting.popleft()
            self._pace.spend(now)
            self._last_id += 1
            request.deadline = now + self._confirm_within
            self._asked[self._last_id] = request
            out.append(json.dumps({"method": request.method, "params": request.streams, "id": self._last_id}))
        return out

    def overdue(self, now: float) -> list[Event]:
        late = [number for number, request in self._asked.items() if request.deadline <= now]
        requests = [self._asked.pop(number) for number in late]
        return [Unconfirmed(request.streams, self._confirm_within, request.leaving) for request in requests]

    def next_time(self, now: float) -> float | None:
        times = [request.deadline for request in self._asked.values()]
        if self._waiting:
            times.append(now + self._pace.wait(now))
        return min(times, default=None)

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
        number = message["id"]
        request = self._asked.pop(number, None) if type(number) is int else None
        if request is None:
            return [Unknown("answer")]
        if message.get("error") is None:
            if message.get("result") is None:
                return [Confirmed(request.streams, request.leaving)]
            error = BadMessage(f"an answer with the result {message['result']!r:.60}; expected null", field="result")
            return [Malformed(error), Refused(request.streams, 0, str(error), request.leaving)]
        if len(request.streams) > 1:
            middle = len(request.streams) // 2
            self._waiting.appendleft(_Request(request.method, request.streams[middle:]))
            self._waiting.appendleft(_Request(request.method, request.streams[:middle]))
            return []
        fault = message["error"]
        code, text = (fault.get("code"), fault.get("msg")) if isinstance(fault, dict) else (None, fault)
        return [Refused(request.streams, code if type(code) is int else 0, str(text)[:200], request.leaving)]
