"""The demo's venue in its own process: it starts, says why when it does not, and is never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from csbook.cli import child
from csbook.cli.child import VenueProcess
from csbook.errors import ConnectError, CsbookError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are looked at as on POSIX")


def number_of(venue: VenueProcess) -> int:
    assert venue._process is not None
    return venue._process.pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def test_it_listens_and_goes() -> None:
    async with VenueProcess(["BTCUSDT"]) as venue:
        pid = number_of(venue)
        await venue.listening()
        assert venue.ws_url.startswith("ws://127.0.0.1:")
        assert venue.rest_url == venue.ws_url.replace("ws", "http")
        assert venue.credentials is not None and len(venue.credentials.api_key) >= 16
        assert os.getpgid(pid) != os.getpgid(0)  # a Ctrl-C in the terminal does not reach it
        assert not is_gone(pid)
    assert is_gone(pid)


async def test_it_goes_when_the_block_fails_or_is_given_up() -> None:
    pids = []
    with pytest.raises(RuntimeError, match="boom"):
        async with VenueProcess(["BTCUSDT"]) as venue:
            pids.append(number_of(venue))
            raise RuntimeError("boom")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), VenueProcess(["BTCUSDT"]) as venue:
            pids.append(number_of(venue))
            await venue.listening()
    assert all(is_gone(pid) for pid in pids)


async def test_what_it_complains_of_is_the_error() -> None:
    with pytest.raises(CsbookError, match=r"^symbol 'A_B': 2 to 20 capitals and digits are expected"):
        async with VenueProcess(["A_B"]) as venue:
            await venue.listening()


async def test_one_that_does_not_answer_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "START_WITHIN_S", 0.2)
    monkeypatch.setattr(child, "STOP_WITHIN_S", 0.2)
    with pytest.raises(ConnectError, match=r"did not start within 0\.2 s"):
        async with VenueProcess(["BTCUSDT"]) as venue:
            pid = number_of(venue)
            os.kill(pid, signal.SIGSTOP)
            await venue.listening()
    assert is_gone(pid)
