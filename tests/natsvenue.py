"""A nats-server on loopback with its WebSocket door; it is not ours, and neither is its publisher."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

SUBJECT = "v1.f.public.futures.depth-update."


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class NatsVenue:
    """A nats-server with its WebSocket door, and a publisher that is not ours either."""

    def __init__(self, program: str, config: Path, ws: int, tcp: int, login: dict[str, str]) -> None:
        self.url = f"ws://127.0.0.1:{ws}"
        self.publisher: Any = None
        self._program = program
        self._config = config
        self._tcp = tcp
        self._login = login
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        client = pytest.importorskip("nats", reason="nats-py is not installed")
        null = asyncio.subprocess.DEVNULL
        arguments = (self._program, "-c", str(self._config))
        self._process = await asyncio.create_subprocess_exec(*arguments, stdout=null, stderr=null)
        self.publisher = None
        async with asyncio.timeout(40):
            while self.publisher is None:
                try:
                    where = f"nats://127.0.0.1:{self._tcp}"
                    self.publisher = await client.connect(
                        where, allow_reconnect=False, reconnect_time_wait=0.02, **self._login
                    )
                except (OSError, client.errors.Error):
                    await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self.publisher is not None:
            await self.publisher.close()
        if self._process is not None:
            process, self._process = self._process, None
            process.terminate()
            await process.wait()

    async def publish(self, symbol: str, payload: str, headers: dict[str, str] | None = None) -> None:
        await self.say(SUBJECT + symbol, payload, headers)

    async def say(self, subject: str, payload: str, headers: dict[str, str] | None = None) -> None:
        await self.publisher.publish(subject, payload.encode(), headers=headers)
        await self.publisher.flush()


@asynccontextmanager
async def nats_venue(
    folder: Path, authorization: str = "", login: dict[str, str] | None = None
) -> AsyncIterator[NatsVenue]:
    """``authorization`` is that block of the server's configuration, ``login`` what the publisher is let in with."""
    program = shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("nats-server is not installed")
    ws, tcp = free_port(), free_port()
    config = folder / "nats.conf"
    config.write_text(
        f"host: 127.0.0.1\nport: {tcp}\nping_interval: 1\n{authorization}\n"
        f"websocket {{\n  host: 127.0.0.1\n  port: {ws}\n  no_tls: true\n}}\n"
    )
    venue = NatsVenue(program, config, ws, tcp, login or {})
    try:
        await venue.start()
        yield venue
    finally:
        await venue.stop()
