"""A venue of any dialect on loopback, for what its private side has to say: REST by path, and sockets by script."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aiohttp import WSMsgType, web

from scripted import until


@dataclass
class Caller:
    """One socket, seen from the venue."""

    socket: web.WebSocketResponse
    path: str  # with its query
    heard: list[Any] = field(default_factory=list)

    async def say(self, message: Any) -> None:
        await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))


@dataclass
class Asked:
    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]


async def nothing(caller: Caller, message: Any = None) -> None:
    """Say nothing."""


class Doorkeeper:
    """``async with Doorkeeper() as venue``. ``welcome`` is called for each socket, ``answer`` for each message."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.callers: list[Caller] = []
        self.rest: dict[tuple[str, str], Callable[[Asked], tuple[int, Any] | tuple[int, Any, dict[str, str]]]] = {}
        self.welcome: Callable[[Caller], Awaitable[None]] = nothing
        self.answer: Callable[[Caller, Any], Awaitable[None]] = nothing
        self.status = 101  # of the handshake
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Doorkeeper:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for caller in self.callers:
            with suppress(Exception):
                await caller.socket.close()
        assert self._runner is not None
        await self._runner.cleanup()

    async def caller(self, number: int) -> Caller:
        """The so-manieth socket, once it is there."""
        await until(lambda: len(self.callers) > number)
        return self.callers[number]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(request.method, request.path, request.query_string, await request.read(), headers)
        self.asked.append(asked)
        answering = self.rest.get((asked.method, asked.path))
        given: Any = answering(asked) if answering is not None else (404, {})
        status, body, more = (*given, {})[:3]
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=raw, headers=more, content_type="application/json")

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.status != 101:
            return web.Response(status=self.status)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        caller = Caller(socket, request.path_qs)
        self.callers.append(caller)
        await self.welcome(caller)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                said = json.loads(message.data)
                caller.heard.append(said)
                await self.answer(caller, said)
        return socket
