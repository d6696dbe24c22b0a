"""A venue that does what a test tells it, down to the bytes: a WebSocket server on loopback."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from struct import pack
from types import TracebackType
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


def frame(payload: bytes | str, opcode: int = TEXT, *, final: bool = True, reserved: int = 0) -> bytes:
    data = payload.encode() if isinstance(payload, str) else payload
    first = opcode | (0x80 if final else 0) | reserved
    if len(data) < 126:
        return bytes((first, len(data))) + data
    if len(data) < 1 << 16:
        return pack(">BBH", first, 126, len(data)) + data
    return pack(">BBQ", first, 127, len(data)) + data


def depth(sequence: int, bid: str = "100.0", ask: str = "101.0", size: str = "1") -> bytes:
    """One depth message of the seed dialect."""
    return json.dumps({"lastUpdateId": sequence, "bids": [[bid, size]], "asks": [[ask, size]]}).encode()


class Client:
    """One connection, seen from the venue."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
        self._reader = reader
        self._writer = writer
        self.path = path
        self.requests: list[dict[str, Any]] = []
        self.request_times: list[float] = []
        self.pongs: list[bytes] = []
        self.pings: list[bytes] = []
        self.close_code: int | None = None
        self.gone = asyncio.Event()

    @property
    def streams(self) -> list[str]:
        """What it subscribed to, in order."""
        return [name for request in self.requests if request["method"] == "SUBSCRIBE" for name in request["params"]]

    async def write(self, *frames: bytes) -> None:
        """All in one write."""
        self._writer.write(b"".join(frames))
        await self._writer.drain()

    async def send(self, *payloads: bytes | str) -> None:
        await self.write(*(frame(payload) for payload in payloads))

    def drop(self) -> None:
        """End the connection without a word."""
        self._writer.transport.abort()

    async def hang_up(self, code: int, reason: str = "") -> None:
        await self.write(frame(pack(">H", code) + reason.encode(), CLOSE))

    async def read(self) -> tuple[int, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(await self._reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self._reader.readexactly(8), "big")
        mask = await self._reader.readexactly(4)
        data = await self._reader.readexactly(size)
        return first & 0xF, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


class ScriptedVenue:
    """``async with ScriptedVenue() as venue``. Confirms every subscription unless ``answer`` says otherwise."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.clients: list[Client] = []
        self.attempts = 0
        self.status = 101  # of the handshake
        self.mute = False  # accept the socket and say nothing
        self.greeting: Callable[[Client], Awaitable[None]] | None = None  # when a client is there
        self.answer: Callable[[dict[str, Any]], bytes | None] = confirm
        self.answered_pings = True
        self._context = context
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self._new = asyncio.Event()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> ScriptedVenue:
        await self.listen(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    async def stop_listening(self) -> int:
        """New clients are refused; returns the port."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        self._server.close()
        return port

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, ssl=self._context)

    async def client(self, number: int = 0) -> Client:
        """The so-manieth client that came, once it has asked for something or something else was heard of it."""
        async with asyncio.timeout(40):
            while len(self.clients) <= number or not self.clients[number].requests:
                self._new.clear()
                await self._new.wait()
        return self.clients[number]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        client: Client | None = None
        self.attempts += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if self.mute:
                await reader.read()
                return
            key = next(line[19:] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key: "))
            if self.status != 101:
                writer.write(f"HTTP/1.1 {self.status} No\r\nContent-Length: 0\r\n\r\n".encode())
                return
            accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
            answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            writer.write(answer + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            client = Client(reader, writer, head.split(" ")[1])
            self.clients.append(client)
            if self.greeting is not None:
                await self.greeting(client)
            while True:
                await self._hear(client, *await client.read())
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the streams of asyncio log a handler that was cancelled
        finally:
            if client is not None:
                client.gone.set()
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _hear(self, client: Client, opcode: int, data: bytes) -> None:
        if opcode == TEXT:
            request = json.loads(data)
            client.requests.append(request)
            client.request_times.append(asyncio.get_running_loop().time())
            answer = self.answer(request)
            if answer is not None:
                await client.send(answer)
        elif opcode == PING:
            client.pings.append(data)
            if self.answered_pings:
                await client.write(frame(data, PONG))
        elif opcode == PONG:
            client.pongs.append(data)
        elif opcode == CLOSE:
            client.close_code = int.from_bytes(data[:2], "big")
        self._new.set()


def confirm(request: dict[str, Any]) -> bytes:
    return json.dumps({"result": None, "id": request["id"]}).encode()


def refuse(request: dict[str, Any], code: int = 2, text: str = "unknown stream") -> bytes:
    return json.dumps({"error": {"code": code, "msg": text}, "id": request["id"]}).encode()


async def until(condition: Callable[[], object], within: float = 30.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - a condition of any kind has no event
            await asyncio.sleep(0.002)


def open_sockets() -> int:
    """The sockets of this process, or 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        return 0
    found = 0
    for link in folder.iterdir():
        with suppress(OSError):
            found += "socket:" in str(link.readlink())
    return found
