"""What the tests of the local venue share: the session it was packed from, and a client that sees single frames."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

MARKET_PATH = "/pro/realtime-rates-socket/futures/"


@pytest.fixture(scope="session")
def session_path() -> Path:
    """The recorded session, where this checkout stands beside the shared data."""
    path = Path(__file__).parents[3] / "shared/data/binance_usdm/hftbacktest_btcusdt_20240808.gz"
    if not path.exists():
        pytest.skip(f"the recorded session is not here: {path.name}")
    return path


class RawClient:
    """A WebSocket client down to the byte: nothing is answered or put together unless a test does it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._buffer = b""
        self.chunks: list[int] = []  # bytes of each read that ended inside a frame

    async def send(self, opcode: int, payload: bytes) -> None:
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else struct.pack(">BH", 0x80 | 126, len(payload))
        self.writer.write(bytes([0x80 | opcode]) + size + mask + masked)
        await self.writer.drain()

    async def ask(self, method: str, *params: str, request_id: int = 1) -> None:
        request = {"method": method, "params": list(params), "id": request_id}
        await self.send(1, json.dumps(request).encode())

    async def frame(self, within: float = 5.0) -> tuple[int, bool, bytes]:
        """The next frame: opcode, final, payload. Opcode -1 is the end of the connection."""
        async with asyncio.timeout(within):
            while (found := self._parsed()) is None:
                try:
                    chunk = await self._reader.read(1 << 16)
                except ConnectionError:
                    chunk = b""
                if not chunk:
                    return -1, True, b""
                self._buffer += chunk
                if self._parsed(take=False) is None:
                    self.chunks.append(len(chunk))
            return found

    def _parsed(self, take: bool = True) -> tuple[int, bool, bytes] | None:
        data = self._buffer
        if len(data) < 2:
            return None
        assert not data[1] & 0x80, "a server never masks"
        size, start = data[1], 2
        if size == 126:
            if len(data) < 4:
                return None
            size, start = struct.unpack_from(">H", data, 2)[0], 4
        if len(data) < start + size:
            return None
        if take:
            self._buffer = data[start + size :]
        return data[0] & 0x0F, bool(data[0] & 0x80), data[start : start + size]

    async def text(self) -> str:
        """The next whole text message, pings skipped; "" at the end."""
        whole = b""
        while True:
            opcode, final, payload = await self.frame()
            if opcode in (8, -1):
                return ""
            if opcode in (0, 1):
                whole += payload
                if final:
                    return whole.decode()

    async def end(self) -> int | None:
        """Read up to the end: the close code, or None where there was no close frame. The close is answered."""
        while True:
            opcode, _, payload = await self.frame()
            if opcode == 8:
                await self.send(8, payload[:2])
                return int(struct.unpack_from(">H", payload)[0])
            if opcode == -1:
                return None


Dial = Callable[[Any], Coroutine[Any, Any, RawClient]]


@pytest.fixture
async def dial() -> AsyncIterator[Dial]:
    """``await dial(venue)`` is a RawClient; it is closed after the test."""
    open_ones: list[RawClient] = []

    async def connect(venue: Any) -> RawClient:
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)  # so that not reading is soon noticed
        plug.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plug, ("127.0.0.1", venue.port))
        reader, writer = await asyncio.open_connection(sock=plug)
        client = RawClient(reader, writer)
        open_ones.append(client)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {MARKET_PATH}btcusdt@depth20 HTTP/1.1\r\nHost: localhost\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return client

    yield connect
    for client in open_ones:
        client.writer.close()
        with suppress(ConnectionError):
            await client.writer.wait_closed()
