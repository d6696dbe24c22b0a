"""The local venue's door: one port on loopback for REST and WebSockets. The only file that knows aiohttp.

It speaks the public side of the ``coinswitch`` dialect: ``GET .../order_book`` and ``.../time``, and sockets at the
dialect's market path, whose last part is an address and no subscription. aiohttp shakes hands and reads; what is
written to a socket is ``connection``'s business, except the end of a conversation. The secret of the key pair is
never shown in a repr.

The venue is as strict as its limits say, per client address: more sockets, or more new ones in the window, are turned
away with 429; a text that is no good request gets an error answer; a binary message ends the connection with 1003.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from types import TracebackType
from typing import Any

from csbook import json
from csbook.clock import Clock, LiveClock
from csbook.errors import ConnectError, UsageError
from csbook.sim import commands
from csbook.sim.board import Board
from csbook.sim.connection import Conduct, Connection, Farewell
from csbook.sim.faults import Faults, as_faults
from csbook.sim.floor import Floor
from csbook.sim.market import Market
from csbook.sim.recording import packaged
from csbook.venues import dialect as dialect_of
from csbook.venues.dialect import Limits

try:
    from aiohttp import WSMessage, WSMsgType, web
except ImportError as error:  # pragma: no cover
    raise ImportError("the local venue needs aiohttp: pip install 'csbook[cli]'") from error

__all__ = ["SYMBOLS", "LocalVenue"]

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")

LONGEST_REQUEST = 64 * 1024
BACKLOG = 10_000  # trades that wait for one slow client
GOODBYE_S = 1.0  # a client has so long to answer a close frame

TextLevels = list[tuple[str, str]]


class LocalVenue:
    """An exchange on loopback, to be used as ``async with LocalVenue() as venue``.

    ``faults`` are texts as in ``faults.py`` or a ``Faults``; ``seed`` decides which messages they strike. ``speed``
    multiplies the recorded time, 0 is as fast as the clients read. ``start_at`` is in seconds into the recording.
    ``limits`` are the dialect's unless given.
    """

    def __init__(
        self,
        venue: str = "coinswitch",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        symbols: Iterable[str] = SYMBOLS,
        speed: float = 1.0,
        faults: Faults | str | Iterable[str] = (),
        seed: int = 0,
        depth_interval_ms: float = 0.0,
        ticker_interval_ms: float = 1000.0,
        ping_interval_s: float = 20.0,
        pong_deadline_s: float | None = None,
        slow_after_s: float = 5.0,
        limits: Limits | None = None,
        envelope: bool = False,
        clock: Clock | None = None,
        start_at: float = 0.0,
    ) -> None:
        if venue != "coinswitch":
            raise UsageError(f"venue {venue!r}: the local venue speaks coinswitch")
        if isinstance(symbols, str):
            raise UsageError(f"symbols {symbols!r}: several names are expected, as in ['BTCUSDT']")
        for name, value, least in (
            ("speed", speed, 0.0),
            ("depth_interval_ms", depth_interval_ms, 0.0),
            ("ticker_interval_ms", ticker_interval_ms, 1.0),
            ("ping_interval_s", ping_interval_s, 0.001),
            ("pong_deadline_s", 1.0 if pong_deadline_s is None else pong_deadline_s, 0.001),
            ("slow_after_s", slow_after_s, 0.001),
        ):
            if not least <= value < float("inf"):
                raise UsageError(f"{name} is {value}, and at least {least:g} is expected")
        if not 0 <= port <= 65535:
            raise UsageError(f"port is {port}, and 0 (any free one) to 65535 is expected")
        self._dialect = dialect_of(venue)
        self._limits = limits or self._dialect.limits
        self._host = _loopback(host)
        self._wanted_port = port
        self._clock = clock or LiveClock()
        self._market = Market(packaged(), [symbol.upper() for symbol in symbols], start_at)
        self._board = Board(
            self._market,
            self._dialect,
            depth_interval_ms=depth_interval_ms,
            ticker_interval_ms=ticker_interval_ms,
            envelope=envelope,
        )
        self._conduct = Conduct(
            faults=as_faults(faults),
            seed=seed,
            ping_interval_s=ping_interval_s,
            pong_deadline_s=self._limits.pong_deadline_s if pong_deadline_s is None else pong_deadline_s,
            slow_after_s=slow_after_s,
            backlog=BACKLOG,
            messages_per_second=self._limits.messages_per_second,
        )
        self._floor = Floor(self._market, self._board, self._conduct, self._clock, speed)
        self._runner: web.AppRunner | None = None
        self._marching: asyncio.Task[None] | None = None
        self._port = 0
        self._open: dict[str, int] = {}  # sockets by client address
        self._opened: dict[str, deque[float]] = {}  # when, in the window
        self._number = 0
        self._keys = ("", "")

    def __repr__(self) -> str:
        where = self.ws_url if self._runner else "not open"
        return f"<LocalVenue {self._dialect.name} {where} {','.join(self._market.listings)}>"

    # -- where it is and who one is there

    @property
    def port(self) -> int:
        return self._port

    @property
    def ws_url(self) -> str:
        return f"ws://{self._authority()}"

    @property
    def rest_url(self) -> str:
        return f"http://{self._authority()}"

    @property
    def api_key(self) -> str:
        return self._keys[0]

    @property
    def api_secret(self) -> str:
        return self._keys[1]

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._market.listings)

    @property
    def counts(self) -> dict[str, int]:
        """What has happened so far, and what was injected; the names are in ``connection.COUNTERS``."""
        return dict(self._conduct.counts)

    # -- what one can do to it

    @property
    def faults(self) -> Faults:
        return self._conduct.faults

    @faults.setter
    def faults(self, faults: Faults | str | Iterable[str]) -> None:
        """From the next message on; delays and stalls in progress end."""
        self._conduct.faults = as_faults(faults)
        self._floor.rouse()

    def pause(self) -> None:
        """The market stands still; every subscriber is sent the newest depth."""
        self._floor.pause()

    def resume(self) -> None:
        """The market goes on where it stood."""
        self._floor.resume()

    async def publish(self) -> None:
        """Send the current depth to every subscriber, whatever the faults; returns when it is written."""
        await self._floor.publish()

    async def disconnect_all(self, code: int | None = None) -> None:
        """End every connection: without a word, or with a close code. Returns when they are gone."""
        connections = list(self._floor.connections)
        for connection in connections:
            connection.hang_up(Farewell(code, "going away" if code else ""))
        for connection in connections:
            await connection.gone.wait()

    def final_book(self, symbol: str, depth: int) -> tuple[TextLevels, TextLevels, int]:
        """Bids and asks as they are now, best first, as (price, size) texts, and the id of the last update."""
        if symbol.upper() not in self._market.listings:
            raise UsageError(f"unknown symbol {symbol!r}; this venue has: {', '.join(self.symbols)}")
        return self._board.book(symbol.upper(), depth)

    # -- opening and closing

    async def __aenter__(self) -> LocalVenue:
        if self._port:
            raise UsageError("a local venue is opened once; make a new one")
        application = web.Application(middlewares=[_in_json])
        application.router.add_get(self._dialect.market_path, self._market_socket)
        application.router.add_get("/trade/api/v2/futures/order_book", self._order_book)
        application.router.add_get("/trade/api/v2/time", self._time)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=GOODBYE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._wanted_port).start()
        except OSError as error:
            await runner.cleanup()
            where = f"{self._host}:{self._wanted_port}"
            why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise ConnectError(f"the local venue cannot listen on {where}: {why}", url=f"http://{where}") from error
        self._runner = runner
        self._port = runner.addresses[0][1]
        self._keys = (secrets.token_hex(16), secrets.token_hex(32))
        self._floor.start()
        self._marching = asyncio.create_task(self._floor.run(), name="csbook local venue: market")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None and self._marching is not None
        self._marching.cancel()
        try:
            await self.disconnect_all(1001)
        finally:
            await self._runner.cleanup()
            self._runner = None
            (ended,) = await asyncio.gather(self._marching, return_exceptions=True)
        if error is None and isinstance(ended, Exception):
            raise ended

    def _authority(self) -> str:
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    # -- REST

    async def _time(self, request: web.Request) -> web.Response:
        return _json({"serverTime": self._floor.now_ms()})

    async def _order_book(self, request: web.Request) -> web.Response:
        symbol = request.query.get("symbol", "").upper()
        if request.query.get("exchange") != "EXCHANGE_2":
            return _json({"message": "exchange must be EXCHANGE_2"}, 400)
        if symbol not in self._market.listings:
            return _json({"message": f"unknown symbol {symbol[:32]!r}"}, 400)
        bids, asks, _ = self._board.book(symbol, max(self._dialect.depths))
        return _json({"data": {"timestamp": self._floor.now_ms(), "bids": bids, "asks": asks, "symbol": symbol}})

    # -- sockets

    async def _market_socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(timeout=GOODBYE_S, autoping=False, compress=False, max_msg_size=LONGEST_REQUEST)
        if not socket.can_prepare(request).ok:
            return _json({"message": "a WebSocket upgrade is expected here"}, 426)
        address = request.remote or ""
        refusal = self._refusal(address)
        if refusal:
            self._conduct.counts["turned_away"] += 1
            return _json({"message": refusal}, 429)
        self._open[address] = self._open.get(address, 0) + 1
        try:
            await socket.prepare(request)
            if request.transport is None:  # gone already
                return socket
            self._conduct.counts["connections"] += 1
            self._number += 1
            await self._converse(Connection(self._number, request.transport, self._conduct), socket)
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

    async def _converse(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        """Read until the client is gone or told to go."""
        self._floor.enter(connection)
        writing = asyncio.create_task(self._write(connection, socket))
        try:
            async for message in socket:
                self._hear(connection, message)
        finally:
            connection.hang_up(Farewell(None))  # where nobody did before
            try:
                await writing
            finally:
                self._floor.leave(connection)

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
        match message.type:
            case _ if connection.farewell is not None:
                return
            case WSMsgType.TEXT:
                self._conduct.counts["requests"] += 1
                held = connection.streams
                reply = commands.answer(message.data, held, self._board.streams, self._limits.streams_per_connection)
                self._conduct.counts["refused"] += reply.refused
                connection.confirm(reply.payload)
                self._floor.unsubscribe(connection, reply.unsubscribe)
                self._floor.subscribe(connection, reply.subscribe)
            case WSMsgType.PING:
                connection.pong(message.data)
            case WSMsgType.PONG:
                connection.heard_pong()
            case WSMsgType.BINARY:
                connection.hang_up(Farewell(1003, "text only"))


def _loopback(host: str) -> str:
    """The address to listen on; anything but loopback is refused, for the venue has no other protection."""
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise UsageError(f"host {host!r}: the local venue serves loopback only, 127.0.0.1 or ::1")
    return str(address)


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body), status=status, content_type="application/json")


@web.middleware
async def _in_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors of the router as JSON."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _json({"message": f"{error.reason}: {request.method} {request.path}"}, error.status)
