"""A venue's private side that does what a test tells it: REST and WebSockets of the seed dialect, on loopback.

It checks every signature with nothing of csbook's, and writes down what it was asked. What it answers is a test's: a
function a path, which may also drop the connection or never answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from aiohttp import WSCloseCode, web

from csbook.credentials import Credentials
from scripted import until

FUTURES = "/trade/api/v2/futures"
TIME = "/trade/api/v2/time"
LISTEN_KEY = "/trade/api/v2/user/listenKey"


@dataclass
class Asked:
    method: str
    path: str
    query: str
    body: bytes
    headers: dict[str, str]
    connection: int  # which one it came over, by its order

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Drop(Exception):
    """Raised by an answer: hang up without a word."""


class Silence(Exception):
    """Raised by an answer: never answer."""


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]
Answering = Callable[[Asked], Answer | Awaitable[Answer]]


def status(code: int, message: str = "", **headers: str) -> Answering:
    """Always this status with this message."""
    return lambda asked: (
        code,
        {"message": message},
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


class Counterparty:
    """``async with Counterparty() as venue``."""

    def __init__(self) -> None:
        self.key = secrets.token_hex(16)
        self.secret = secrets.token_hex(32)
        self.asked: list[Asked] = []
        self.offset_ms = 0  # of its clock
        self.now_ms: Callable[[], int] = lambda: int(time.time() * 1000)
        self.tokens: list[str] = []  # alive
        self.made: list[str] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.refuse_upgrade = 0
        self.refusal = "Invalid Access"  # of a wrong signature, key or timestamp
        self.answers: dict[tuple[str, str], Answering] = {
            ("GET", TIME): lambda asked: (200, {"serverTime": self.time_ms()}),
            ("POST", LISTEN_KEY): self._new_token,
            ("PUT", LISTEN_KEY): self._extend_token,
        }
        self._connections: list[object] = []
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._over = asyncio.Event()

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.key, self.secret)

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def hidden(self) -> list[str]:
        """What nobody may see: keys, secrets, listenKeys and every signature that was sent."""
        signatures = [asked.headers.get("x-api-signature", "") for asked in self.asked]
        return [word for word in [self.key, self.secret, *self.made, *signatures] if word]

    def time_ms(self) -> int:
        return self.now_ms() + self.offset_ms

    def of(self, path: str, method: str = "") -> list[Asked]:
        """What was asked of a path."""
        return [each for each in self.asked if each.path == path and method in ("", each.method)]

    async def __aenter__(self) -> Counterparty:
        app = web.Application()
        app.router.add_get("/ws/{token}", self._stream)
        app.router.add_route("*", "/{path:.*}", self._rest)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Nobody listens any more; ``__aenter__`` starts again at the same port."""
        self._over.set()
        for socket in self.sockets:
            with suppress(Exception):
                await socket.close(code=WSCloseCode.GOING_AWAY)
        if self._runner is not None:
            await self._runner.cleanup()
        self._over.clear()

    async def socket(self, number: int) -> web.WebSocketResponse:
        """The so-manieth private stream, once it is there."""
        await until(lambda: len(self.sockets) > number)
        return self.sockets[number]

    # -- REST -------------------------------------------------------------------------------------------------------

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if transport not in self._connections:
            self._connections.append(transport)
        asked = Asked(
            request.method,
            request.path,
            request.query_string,
            await request.read(),
            {name.lower(): value for name, value in request.headers.items()},
            self._connections.index(transport),
        )
        self.asked.append(asked)
        answering = self.answers.get((asked.method, asked.path), status(404, "no such path"))
        refusal = self._refusal(asked)
        try:
            given: Any = refusal or answering(asked)
            if isinstance(given, Awaitable):
                given = await given
        except Drop:
            assert transport is not None
            transport.abort()
            return web.Response()
        except Silence:
            await self._over.wait()
            return web.Response()
        code, body, headers = (*given, {})[:3]
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=code, body=raw, headers=headers, content_type="application/json")

    def _refusal(self, asked: Asked) -> Answer | None:
        if asked.path == TIME:
            return None
        headers, timestamp = asked.headers, asked.headers.get("x-api-timestamp", "")
        payload = asked.body or asked.query.encode()
        text = (timestamp + self.key).encode() + (b"" if asked.path == LISTEN_KEY else payload)
        right = hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()
        is_right = headers.get("x-api-key") == self.key and hmac.compare_digest(
            right, headers.get("x-api-signature", "")
        )
        if not is_right or abs(self.time_ms() - int(timestamp)) > 60_000:
            return 401, {"message": self.refusal}
        return None

    def _new_token(self, asked: Asked) -> Answer:
        token = secrets.token_urlsafe(24)
        self.tokens.append(token)
        self.made.append(token)
        return 200, {"listenKey": token}

    def _extend_token(self, asked: Asked) -> Answer:
        return (200, {}) if self.tokens else (400, {"message": "there is no live listenKey"})

    # -- the private stream -----------------------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        token = request.match_info["token"]
        if token not in self.tokens or self.refuse_upgrade:
            self.refuse_upgrade = max(0, self.refuse_upgrade - 1)
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for _ in socket:
            pass
        return socket
