"""Subscribing in batches: what every session that is answered by request has to keep in mind.

Many streams go into one request, so that the venue's message rate is no obstacle. A refusal does not say which of them
it means: the batch is halved and asked again until the refused stream stands alone. An answer counts from the moment
its request was sent; requests that the pace holds back have no deadline yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from csbook.wire.session import Confirmed, Event, Pace, Refused, Unconfirmed, Unknown

__all__ = ["Request", "Requests"]

_NOBODYS: list[Event] = [Unknown("answer")]  # to a request that was never made, or was given up


@dataclass(slots=True)
class Request:
    """One message that asks for streams, or gives them up."""

    streams: tuple[str, ...]
    leaving: bool
    deadline: float = 0.0


class Requests:
    """The requests of one connection, waiting and asked. Ids are 1, 2, 3 ... of the connection."""

    __slots__ = ("_asked", "_batch", "_last_id", "_pace", "_room", "_waiting", "_within")

    def __init__(self, pace: Pace, *, within: float, batch: int, room: int = 0) -> None:
        self._pace = pace
        self._within = within
        self._batch = batch
        self._room = room  # characters that the streams of one request may have; 0: any number
        self._last_id = 0
        self._waiting: deque[Request] = deque()  # not sent yet
        self._asked: dict[int, Request] = {}  # sent, by id; oldest first, so the first has the nearest deadline

    def add(self, streams: Iterable[str], *, leaving: bool) -> None:
        batch: list[str] = []
        size = 0
        for stream in streams:
            if batch and (len(batch) >= self._batch or (self._room and size + len(stream) > self._room)):
                self._waiting.append(Request(tuple(batch), leaving))
                batch, size = [], 0
            batch.append(stream)
            size += len(stream)
        if batch:
            self._waiting.append(Request(tuple(batch), leaving))

    def send(self, now: float) -> list[tuple[int, Request]]:
        """The requests to send now, as far as the pace allows, with their ids."""
        out: list[tuple[int, Request]] = []
        while self._waiting and self._pace.wait(now) <= 0.0:
            request = self._waiting.popleft()
            self._pace.spend(now)
            self._last_id += 1
            request.deadline = now + self._within
            self._asked[self._last_id] = request
            out.append((self._last_id, request))
        return out

    def oldest(self, *, leaving: bool) -> int | None:
        """The id of the request that an answer without an id is for."""
        return next((number for number, request in self._asked.items() if request.leaving is leaving), None)

    def accepted(self, number: int | None) -> list[Event]:
        """The venue said yes to this request."""
        request = self._take(number)
        return list(_NOBODYS) if request is None else [Confirmed(request.streams, request.leaving)]

    def refused(self, number: int | None, code: int, text: str, *, all_of_them: bool = False) -> list[Event]:
        """The venue said no: to one of the streams, which is looked for, or to ``all_of_them``."""
        request = self._take(number)
        if request is None:
            return list(_NOBODYS)
        if len(request.streams) > 1 and not all_of_them:
            middle = len(request.streams) // 2
            self._waiting.appendleft(Request(request.streams[middle:], request.leaving))
            self._waiting.appendleft(Request(request.streams[:middle], request.leaving))
            return []
        return [Refused(request.streams, code, text[:200], request.leaving)]

    def _take(self, number: int | None) -> Request | None:
        return None if number is None else self._asked.pop(number, None)

    def overdue(self, now: float) -> list[Event]:
        """The requests whose answer is late, each once."""
        late = [number for number, request in self._asked.items() if request.deadline <= now]
        requests = [self._asked.pop(number) for number in late]
        return [Unconfirmed(request.streams, self._within, request.leaving) for request in requests]

    def next_time(self, now: float) -> float | None:
        """When ``send`` or ``overdue`` will next have something."""
        times = [request.deadline for request in self._asked.values()]
        if self._waiting:
            times.append(now + self._pace.wait(now))
        return min(times, default=None)
