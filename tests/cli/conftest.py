"""What the tests of the command share: a running local venue, commands in processes of their own, and a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook import Book, Side, Trade
from csbook.cli.quoting import Own

ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES", "TERM")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "csbook", *arguments]


@pytest.fixture(scope="session")
def csbook_process() -> Callable[..., subprocess.Popen[str]]:
    """Start ``csbook`` with these arguments in a process of its own."""

    def start(*arguments: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            **more,
        )

    return start


@pytest.fixture(scope="session")
def csbook_command(
    csbook_process: Callable[..., subprocess.Popen[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``csbook`` with these arguments to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        with csbook_process(*arguments) as process:
            out, err = process.communicate(timeout=30)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def venue(csbook_process: Callable[..., subprocess.Popen[str]]) -> Iterator[dict[str, str]]:
    """A ``csbook sim`` that runs as long as the tests, and what it said when it began to listen."""
    with csbook_process("sim", "--symbols", "BTCUSDT,ETHUSDT", "--json") as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
        assert (process.returncode, out, err) == (0, "", "")


@dataclass(frozen=True)
class Session:
    """What a command did to its terminal."""

    exit_code: int
    output: bytes
    mode_kept: bool  # the terminal was left in the mode in which it was found

    def after_the_screen(self) -> str:
        """What was said once the alternate screen was left."""
        return self.output.rpartition(b"\x1b[?1049l")[2].decode()

    def screen(self) -> str:
        """What was said before that."""
        return self.output.rpartition(b"\x1b[?1049l")[0].decode()


@pytest.fixture
def terminal() -> Callable[..., Session]:
    """Run ``csbook`` on a terminal; ``press`` these keys when that text has been seen, one pair after the other."""
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
    import fcntl
    import select
    import struct
    import termios

    def run(
        *arguments: str,
        press: list[tuple[str, bytes]],
        size: tuple[int, int] = (100, 30),
        env: Mapping[str, str] | None = None,
    ) -> Session:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        before = termios.tcgetattr(slave)

        def take() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            command(*arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment(**(env or {})),
            preexec_fn=take,
        )
        output, seen, keys = b"", 0, list(press)
        late = time.monotonic() + 15
        try:
            while time.monotonic() < late and process.poll() is None:
                if select.select([master], [], [], 0.02)[0]:
                    output += os.read(master, 65536)
                if keys and keys[0][0].encode() in output[seen:]:
                    seen = len(output)
                    os.write(master, keys.pop(0)[1])
            assert process.poll() is not None, output[-2000:]
            while select.select([master], [], [], 0)[0]:
                output += os.read(master, 65536)
            return Session(process.returncode, output, termios.tcgetattr(slave) == before)
        finally:
            process.kill()
            process.wait()
            os.close(master)
            os.close(slave)

    return run


@pytest.fixture
def book() -> Book:
    """BTCUSDT, ten levels a side, LIVE: 61800.0 x 1.5 to 61800.1 x 0.5."""
    book = Book("BTCUSDT")
    bids = [[f"{61800 - at / 10:.1f}", f"{1.5 + at:.3f}"] for at in range(10)]
    asks = [[f"{61800.1 + at / 10:.1f}", f"{0.5 + at:.3f}"] for at in range(10)]
    book.apply_snapshot(bids, asks, sequence=7)
    return book


@pytest.fixture
def own() -> Own:
    """A maker with 0.01 on both sides of ``book``, the bid two ticks and the ask one tick behind the touch."""
    return Own(
        bids=[(Decimal("61799.8"), Decimal("0.010"))],
        asks=[(Decimal("61800.2"), Decimal("0.010")), (Decimal("61900"), Decimal("0.020"))],
        position=Decimal("-0.010"),
        entry=Decimal("61801.25"),
        pnl=Decimal("-0.17780"),
        orders=12,
        fills=5,
        halted=None,
    )


@pytest.fixture
def trades() -> list[Trade]:
    """Thirty trades of BTCUSDT, newest first, from 23:54:16.501 UTC on back."""
    newest = 1723161256_501_000_000
    return [
        Trade(
            symbol="BTCUSDT",
            id=100 - at,
            price=Decimal("61800.1") - at % 2 * Decimal("0.1"),
            size=Decimal("0.0120"),
            side=Side.SELL if at % 2 else Side.BUY,
            trade_time_ns=newest - at * 10_000_000,
            event_time_ns=0,
            receive_time_ns=0,
        )
        for at in range(30)
    ]
