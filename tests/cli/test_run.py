"""The commands in processes of their own: the venue and those who watch it, without a terminal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.cli.report import COUNTERS
from csbook.sim.desks import served

Process = Callable[..., subprocess.Popen[str]]
Command = Callable[..., subprocess.CompletedProcess[str]]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as on POSIX")


def strict(text: str) -> Any:
    """The one line of JSON that a text is, without the numbers that JSON does not have."""
    assert text.count("\n") == 1
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def check_summary(found: dict[str, Any], *symbols: str) -> None:
    assert set(found) == {*COUNTERS, "books"}
    assert all(isinstance(found[name], int) for name in COUNTERS)
    assert found["messages"] > found["updates"] > 0
    assert 0 < found["latency_p50_ns"] <= found["latency_p99_ns"]
    assert list(found["books"]) == list(symbols)
    for book in found["books"].values():
        assert set(book) == {"state", "bid", "bid_size", "ask", "ask_size", "sequence"}
        assert book["state"] == "LIVE"
        assert 0 < book["bid"] < book["ask"]
        assert book["bid_size"] > 0 < book["ask_size"]
        assert book["sequence"] > 0


def venues_of(parent: int) -> list[int]:
    """The processes that this one started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(folder.name))
    return found


def runs(pid: int) -> bool:
    """A process that nobody has asked about since it ended does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int]) -> None:
    late = time.monotonic() + 5
    while any(runs(pid) for pid in pids):
        assert time.monotonic() < late, f"{pids} were left behind"
        time.sleep(0.02)


def test_sim_says_where_it_listens(venue: dict[str, str]) -> None:
    assert set(venue) == {"venue", "ws_url", "rest_url", "api_key", "api_secret"}
    assert venue["venue"] == "coinswitch"
    port = int(venue["ws_url"].removeprefix("ws://127.0.0.1:"))
    assert venue["rest_url"] == f"http://127.0.0.1:{port}"
    assert len(venue["api_key"]) >= 16
    assert len(venue["api_secret"]) >= 32


def test_demo_in_json(csbook_command: Command) -> None:
    ended = csbook_command("demo", "--seconds", "0.8", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found = strict(ended.stdout)
    check_summary(found, "BTCUSDT")
    assert (found["gaps"], found["reconnects"], found["refused"], found["declined"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("venue", served())
def test_a_maker_in_json(csbook_command: Command, venue: str) -> None:
    ended = csbook_command("demo", "--trade", "--venue", venue, "--speed", "20", "--seconds", "2", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    found = strict(ended.stdout)
    more = {
        name: found.pop(name)
        for name in ("symbol", "orders", "fills", "open_orders", "position", "entry_price", "pnl", "halted")
    }
    check_summary(found, "BTCUSDT")
    assert (more["symbol"], more["halted"]) == ("BTCUSDT", None)
    assert more["orders"] >= 2 and more["fills"] >= 1
    assert more["pnl"] is not None and Decimal(more["pnl"]) != 0


def test_a_maker_in_plain_lines(csbook_command: Command) -> None:
    ended = csbook_command("demo", "ETHUSDT", "BTCUSDT", "--trade", "--speed", "5", "--seconds", "1.4")
    assert (ended.returncode, ended.stderr) == (0, "")
    own = [line for line in ended.stdout.splitlines() if " own " in line]
    assert {line.split()[1] for line in own} == {"ETHUSDT"}
    assert " x " in own[-1] or "fills" in own[-1]
    assert ended.stdout.splitlines()[-1].startswith("ETHUSDT own: orders ")


def test_watch_in_json(csbook_command: Command, venue: dict[str, str]) -> None:
    where = ("--venue", "coinswitch", "--ws-url", venue["ws_url"], "--rest-url", venue["rest_url"])
    ended = csbook_command("watch", "ethusdt", "BTCUSDT", *where, "--depth", "5", "--seconds", "0.4", "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    check_summary(strict(ended.stdout), "ETHUSDT", "BTCUSDT")


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="spinning takes a core of its own")
def test_watch_spinning(csbook_command: Command, venue: dict[str, str]) -> None:
    ended = csbook_command(
        *("watch", "BTCUSDT", "--venue", "coinswitch", "--ws-url", venue["ws_url"]),
        *("--spin", "--seconds", "0.3", "--json"),
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    check_summary(strict(ended.stdout), "BTCUSDT")


def test_plain_lines_where_there_is_no_terminal(csbook_command: Command, venue: dict[str, str]) -> None:
    where = ("--venue", "coinswitch", "--ws-url", venue["ws_url"])
    ended = csbook_command("watch", "BTCUSDT", "ETHUSDT", *where, "--seconds", "0.9")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "\x1b" not in ended.stdout
    lines = ended.stdout.splitlines()
    moves = [line for line in lines if "->" in line]
    ticks = [line for line in lines if "updates/s" in line]
    assert [line.split()[1] for line in ticks] == ["BTCUSDT", "ETHUSDT"]
    assert all(" LIVE " in line and " x " in line and " bps " in line and " p50 " in line for line in ticks)
    assert all(line.split()[2:5] == ["EMPTY", "->", "LIVE:"] for line in moves)
    assert lines[-4].startswith("0.9 s: messages ")
    assert lines[-1].startswith("ETHUSDT LIVE: bid ")


def test_a_symbol_that_the_venue_does_not_have(csbook_command: Command, venue: dict[str, str]) -> None:
    ended = csbook_command("watch", "NOPEUSDT", "--venue", "coinswitch", "--ws-url", venue["ws_url"], "--json")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert "nopeusdt@" in ended.stderr


@POSIX
def test_a_reader_that_has_seen_enough(csbook_process: Process, venue: dict[str, str]) -> None:
    where = ("--venue", "coinswitch", "--ws-url", venue["ws_url"])
    with csbook_process("watch", "BTCUSDT", *where, "--seconds", "20") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


@POSIX
def test_a_signal_ends_the_demo_with_its_summary(csbook_process: Process) -> None:
    with csbook_process("demo") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        venues = venues_of(process.pid) if sys.platform == "linux" else []
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert "BTCUSDT" in first
    assert (process.returncode, err) == (0, "")
    assert "BTCUSDT LIVE: bid " in out.splitlines()[-1]
    if sys.platform == "linux":
        assert len(venues) == 1
        wait_until_gone(venues)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_demo_that_is_killed_takes_its_venue_along(csbook_process: Process) -> None:
    with csbook_process("demo") as process:
        late = time.monotonic() + 10
        while not (venues := venues_of(process.pid)):
            assert time.monotonic() < late
            time.sleep(0.02)
        process.kill()
        process.wait(timeout=5)
    assert len(venues) == 1
    wait_until_gone(venues)


def test_a_lost_connection_is_told(csbook_process: Process, csbook_command: Command) -> None:
    with csbook_process("sim", "--fault", "disconnect=0.15", "drop=0.01", "--symbols", "BTCUSDT") as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["ws_url"]
        ended = csbook_command("watch", "BTCUSDT", "--venue", "coinswitch", "--ws-url", url, "--seconds", "1.5")
        process.terminate()
        process.communicate(timeout=10)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert " BTCUSDT LIVE -> STALE: " in ended.stdout
