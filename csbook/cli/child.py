"""The local venue of the demo, in a process of its own: the feed's latency is measured without it.

It is ``csbook sim`` on a free port of loopback, with this interpreter and this csbook. It cannot be left behind: it
ends when it is told to, and also when its standard input does, which is when this process is gone, however it went.
A Ctrl-C in the terminal reaches this process alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import csbook
from csbook.credentials import Credentials
from csbook.errors import ConnectError, CsbookError

__all__ = ["VenueProcess"]

START_WITHIN_S = 20.0
STOP_WITHIN_S = 3.0


class VenueProcess:
    """``async with VenueProcess(["BTCUSDT"]) as venue``: started. ``await venue.listening()``: at ``venue.ws_url``."""

    def __init__(self, symbols: Iterable[str], venue: str = "coinswitch", speed: float = 1.0) -> None:
        self._venue = venue
        self._symbols = tuple(symbols)
        self._speed = speed
        self._process: asyncio.subprocess.Process | None = None
        self._complaints: deque[str] = deque(maxlen=20)
        self._hearing: asyncio.Task[None] | None = None
        self.ws_url = ""
        self.rest_url = ""
        self.credentials: Credentials | None = None  # of its demo account, once it listens, where it has one

    async def __aenter__(self) -> Self:
        arguments = ["sim", "--venue", self._venue, "--port", "0", "--json", "--end-with-input"]
        arguments += ["--speed", f"{self._speed!r}"]
        for symbol in self._symbols:
            arguments += ["--symbols", symbol]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "csbook", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
        )
        self._process = process
        self._hearing = asyncio.create_task(self._hear(process))
        return self

    async def listening(self) -> None:
        """Until it listens. Raises CsbookError with what it says where it does not."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert self._hearing is not None
        try:
            async with asyncio.timeout(START_WITHIN_S):
                text = await process.stdout.readline()
                if not text:
                    await self._hearing
        except TimeoutError:
            raise ConnectError(f"the local venue did not start within {START_WITHIN_S:g} s") from None
        if not text:
            last = self._complaints[-1] if self._complaints else "the local venue ended without a word"
            raise CsbookError(last.removeprefix("csbook: "))
        said: dict[str, str] = json.loads(text)
        self.ws_url, self.rest_url = said["ws_url"], said["rest_url"]
        if "api_key" in said:
            self.credentials = Credentials(said["api_key"], said["api_secret"])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """Read what it complains of, so that it is never held up by a full pipe."""
        assert process.stderr is not None
        async for line in process.stderr:
            self._complaints.append(line.decode("utf-8", "replace").strip())

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if process.stdin is not None:
                process.stdin.close()
            if process.returncode is None:
                process.terminate()
            async with asyncio.timeout(STOP_WITHIN_S):
                await process.wait()
        except (TimeoutError, ProcessLookupError):
            pass
        finally:
            if process.returncode is None:
                process.kill()
            if self._hearing is not None:
                self._hearing.cancel()
        await process.wait()


def _environment() -> dict[str, str]:
    """With this csbook in front of any other."""
    root = str(Path(csbook.__file__).resolve().parents[1])
    before = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, before] if before else [root])}
