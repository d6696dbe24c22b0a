"""The venue's sockets: who is admitted, what is read from them, and how a conversation ends.

aiohttp shakes hands and reads; what is written is ``connection``'s business, except the end of a conversation. The
venue is as strict as its limits say, per client address: more sockets, or more new ones in the window, are turned away
with 429; a request that is no good gets an error answer; a message of the wrong kind, binary where the dialect talks
in text, ends the connection with 1003. Who may open a private stream, and what can be asked there, is the desk's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from csbook import json
from csbook.sim.connection import Conduct, Connection, Farewell
from csbook.sim.desk import Desk
from csbook.sim.floor import Floor
from csbook.sim.frames import TEXT
from csbook.sim.speech import NotServed, Reply, Response
from csbook.sim.streams import Streams
from csbook.venues.dialect import Limits

try:
    from aiohttp import WSMessage, WSMsgType, web
except ImportError as error:  # pragma: no cover
    raise ImportError("the local venue needs aiohttp: pip install 'csbook[cli]'") from error

__all__ = ["Sockets", "as_answer", "as_json"]

LONGEST_REQUEST = 64 * 1024
GOODBYE_S = 1.0  # a client has so long to answer a close frame


def as_json(body: object, status: int = 200) -> web.Response:
    """An answer."""
    return web.Response(body=json.dumps(body), status=status, content_type="application/json")


def as_answer(response: Response) -> web.Response:
    """The same, of what a dialect says."""
    return web.Response(
        body=response.body, status=response.status, headers=response.headers, content_type="application/json"
    )


class Sockets:
    """The door for public sockets and private streams."""

    def __init__(self, floor: Floor, streams: Streams, desk: Desk, conduct: Conduct, limits: Limits) -> None:
        self._floor = floor
        self._streams = streams
        self._desk = desk
        self._conduct = conduct
        self._limits = limits
        self._open: dict[str, int] = {}  # sockets by client address
        self._opened: dict[str, deque[float]] = {}  # when, in the window
        self._number = 0

    async def market(self, request: web.Request) -> web.StreamResponse:
        """A public socket."""
        try:
            talk = self._floor.board.speech.talk(*_asked(request))
        except NotServed as refusal:
            return as_answer(refusal.response)

        def admitted(transport: asyncio.Transport) -> Connection:
            self._number += 1
            connection = Connection(self._number, transport, self._conduct, talk=talk)
            self._floor.enter(connection)
            return connection

        return await self._socket(request, admitted, self._floor.leave)

    async def private(self, request: web.Request) -> web.StreamResponse:
        """A private stream."""
        try:
            talk = self._desk.admit(*_asked(request))
        except NotServed as refusal:
            return as_answer(refusal.response)

        def admitted(transport: asyncio.Transport) -> Connection:
            connection = Connection(
                0,
                transport,
                self._conduct,
                talk=talk,
                private=self._streams.name(talk.account),
                expire=lambda: self._streams.expire(talk.account),
            )
            self._streams.enter(connection, talk)
            return connection

        return await self._socket(request, admitted, self._streams.leave)

    async def _socket(
        self,
        request: web.Request,
        admitted: Callable[[asyncio.Transport], Connection],
        leave: Callable[[Connection], None],
    ) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=GOODBYE_S, autoping=False, compress=False, max_msg_size=LONGEST_REQUEST)
        if not socket.can_prepare(request).ok:
            return as_json({"message": "a WebSocket upgrade is expected here"}, 426)
        address = request.remote or ""
        refusal = self._refusal(address)
        if refusal:
            self._conduct.counts["turned_away"] += 1
            return as_json({"message": refusal}, 429)
        self._open[address] = self._open.get(address, 0) + 1
        try:
            await socket.prepare(request)
            if request.transport is None:  # gone already
                return socket
            self._conduct.counts["connections"] += 1
            await self._converse(admitted(request.transport), socket, leave)
        finally:
            self._open[address] -= 1
        return socket

    def _refusal(self, address: str) -> str:
        """Why a socket from that address is not admitted, or nothing."""
        limits = self._limits
        if self._open.get(address, 0) >= limits.connections:
            return f"too many connections: {limits.connections} are allowed"
        now = asyncio.get_running_loop().time()
        opened = self._opened.setdefault(address, deque())
        while opened and opened[0] <= now - limits.connect_window_s:
            opened.popleft()
        if len(opened) >= limits.connects_per_window:
            return f"too many new connections: {limits.connects_per_window} in {limits.connect_window_s:g} s"
        opened.append(now)
        return ""

    async def _converse(
        self, connection: Connection, socket: web.WebSocketResponse, leave: Callable[[Connection], None]
    ) -> None:
        """Read until the client is gone or told to go."""
        writing = asyncio.create_task(self._write(connection, socket))
        try:
            self._obey(connection, connection.talk.greet())
            async for message in socket:
                self._hear(connection, message)
        finally:
            connection.hang_up(Farewell(None))  # where nobody did before
            try:
                await writing
            finally:
                leave(connection)

    async def _write(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        farewell = await connection.run()
        if socket.closed:
            return
        if farewell.code is not None:
            try:
                async with asyncio.timeout(GOODBYE_S):
                    await socket.close(code=farewell.code, message=farewell.reason.encode())
                    return
            except TimeoutError:
                pass
        connection.abort()

    def _hear(self, connection: Connection, message: WSMessage) -> None:
        connection.heard_from(asyncio.get_running_loop().time())
        textual = connection.talk.opcode == TEXT
        match message.type:
            case _ if connection.farewell is not None:
                return
            case WSMsgType.TEXT if textual:
                self._answer(connection, message.data.encode())
            case WSMsgType.BINARY if not textual:
                self._answer(connection, message.data)
            case WSMsgType.PING:
                connection.pong(message.data)
            case WSMsgType.PONG:
                if connection.talk.hears_pongs:
                    connection.heard_pong()
            case WSMsgType.TEXT | WSMsgType.BINARY:
                connection.hang_up(Farewell(1003, "text only" if textual else "binary only"))

    def _answer(self, connection: Connection, said: bytes) -> None:
        reply = connection.talk.hear(said, connection.streams)
        self._conduct.counts["requests"] += reply.request
        self._conduct.counts["refused"] += reply.refused
        if reply.alive:
            connection.heard_pong()
        self._obey(connection, reply)

    def _obey(self, connection: Connection, reply: Reply) -> None:
        for payload in reply.answers:
            connection.confirm(payload)
        self._floor.unsubscribe(connection, reply.unsubscribe)
        self._floor.subscribe(connection, reply.subscribe)
        if reply.end:
            connection.part(reply.end)


def _asked(request: web.Request) -> tuple[str, dict[str, str]]:
    """The pattern of a request's path, and what stands in its query and in the pattern's braces."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical, {**request.query, **request.match_info}
