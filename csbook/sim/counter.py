"""The counter of the desk: signed requests as aiohttp brings them, and the faults that strike them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from csbook.sim.connection import Conduct
from csbook.sim.desk import Desk, Request
from csbook.sim.faults import request_verdict
from csbook.sim.public import PublicCalls
from csbook.sim.sockets import as_answer

__all__ = ["Counter"]


class Counter:
    """Serves the paths of the desk's operations."""

    def __init__(self, desk: Desk, public: PublicCalls, conduct: Conduct) -> None:
        self._desk = desk
        self._public = public
        self._conduct = conduct
        self._asked: dict[str, int] = {}  # requests so far, by operation
        self._closing = asyncio.Event()
        desk.fate = self.fate

    def close(self) -> None:
        """Answers that are held back are given up."""
        self._closing.set()

    def fate(self, operation: str) -> str:
        """The fault that strikes the next request for an operation, counted; "" for none."""
        conduct = self._conduct
        index = self._asked[operation] = self._asked.get(operation, -1) + 1
        fate = request_verdict(conduct.faults, conduct.seed, operation, index).kind
        if fate:
            conduct.counts[fate] += 1
        return fate

    async def serve(self, request: web.Request) -> web.Response:
        """One request. What the client sent is whole before anything is decided."""
        conduct = self._conduct
        conduct.alarms.ring()
        operation = self._desk.operations[request.method, request.path]
        asked = Request(
            operation,
            request.raw_path.partition("?")[2],
            {name.lower(): _text(value) for name, value in request.headers.items()},
            await request.read(),
        )
        fate = self.fate(operation)
        match fate:
            case "request_lost":
                return await self._lose(request, conduct.faults.request_lost_s)
            case "request_429":
                return as_answer(self._desk.throttled())
            case "request_503":
                return as_answer(self._desk.unavailable(carried_out=False))
        if self._public.is_over(request.remote or "", self._desk.weight(operation, request.query)):
            conduct.counts["limited"] += 1
            return self._public.over()
        answer = self._desk.answer(asked)
        match fate:
            case "answer_lost":
                return await self._lose(request, conduct.faults.answer_lost_s)
            case "answer_503":
                return as_answer(self._desk.unavailable(carried_out=True))
        return as_answer(answer)

    async def _lose(self, request: web.Request, seconds: float) -> web.Response:
        """Close the connection without a word, after so long."""
        if seconds:
            await self._conduct.alarms.wait(self._closing, seconds)
        if request.transport is not None:
            request.transport.close()
        return web.Response()  # goes nowhere


def _text(value: str) -> str:
    """A header with bytes that are no text shown as such: nothing that anybody has signed."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
