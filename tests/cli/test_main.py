"""The door: one line and an exit code, whatever goes wrong; and ``python -m csbook``."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import csbook
from csbook.cli import commands
from csbook.cli.main import main

WATCH = ("watch", "BTCUSDT", "--venue", "coinswitch")
NOWHERE = ("--ws-url", "ws://127.0.0.1:9")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frob"], ["frob", "--help"]),
        (["demo", "--frob"], ["--frob", "csbook demo --help"]),
        (["demo", "!!"], ["'!!' is no symbol"]),
        (["demo", "BTCUSDT", "btcusdt"], ["named twice"]),
        (["demo", "--seconds", "0"], ["--seconds is 0"]),
        (["demo", "--seconds", "nan"], ["--seconds is nan"]),
        (["demo", "--seconds", "soon"], ["--seconds", "'soon'"]),
        (["watch", "--venue", "coinswitch"], ["SYMBOL"]),
        (["watch", "BTCUSDT"], ["--venue"]),
        (["watch", "BTCUSDT", "--venue", "mtgox"], ["unknown venue 'mtgox'", "coinswitch"]),
        ([*WATCH, "--depth", "7"], ["depth is 7", "5, 10, 20"]),
        ([*WATCH, "--depth", "many"], ["--depth", "'many'"]),
        ([*WATCH, "--ws-url", "ws://example.com"], ["--ws-url", "loopback"]),
        ([*WATCH, "--ws-url", "example.com"], ["--ws-url", "wss://"]),
        ([*WATCH, "--rest-url", "http://example.com"], ["--rest-url", "loopback"]),
        ([*WATCH, *NOWHERE], ["ws://127.0.0.1:9", "coinswitch-sio"]),
        ([*WATCH, *NOWHERE, "--json"], ["ws://127.0.0.1:9", "coinswitch-sio"]),
        (["sim", "--venue", "mtgox"], ["'mtgox'", "coinswitch"]),
        (["sim", "--fault", "gremlin=1"], ["gremlin", "disconnect"]),
        (["sim", "--fault", "drop"], ["drop", "0.01"]),
        (["sim", "--fault", "drop=2"], ["drop", "2"]),
        (["sim", "--fault", "drop=0.1", "gremlin=1"], ["gremlin"]),
        (["sim", "gremlin"], ["gremlin"]),
        (["sim", "--port", "70000"], ["70000"]),
        (["sim", "--speed", "-1"], ["speed is -1"]),
        (["sim", "--symbols", "A_B"], ["A_B"]),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("csbook: ")
    assert [word for word in words if word not in said.err] == []


def test_a_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["sim", "--port", str(port)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"127.0.0.1:{port}: the port is in use" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("click", ["demo"]),
        ("aiohttp", ["sim"]),
        ("aiohttp", ["demo", "--json"]),
        ("aiohttp", ["demo", "--trade", "--json"]),
        ("aiohttp", ["orders", "--venue", "coinswitch"]),
        ("aiohttp", ["halt", "--venue", "coinswitch"]),
    ],
)
def test_an_extra_that_is_missing_is_named(name: str, arguments: list[str]) -> None:
    assert_missing(name, arguments)


def test_rich_is_missed_before_anything_is_open() -> None:
    assert_missing("rich", ["demo"], "sys.stdout.isatty = lambda: True")


def test_the_extra_for_metrics() -> None:
    arguments = ["watch", "BTCUSDT", "--venue", "coinswitch", "--metrics", "9101"]
    assert_missing("prometheus_client", arguments, extra="metrics")
    assert_missing("prometheus_client", ["demo", "--trade", "--metrics", "9101", "--json"], extra="metrics")


def assert_missing(name: str, arguments: list[str], before: str = "", extra: str = "cli") -> None:
    """Without that package, and without it in the processes that are started."""
    text = f"""
import os, sys, tempfile
folder = tempfile.mkdtemp()
open(os.path.join(folder, "sitecustomize.py"), "w").write("import sys; sys.modules[{name!r}] = None")
os.environ["PYTHONPATH"] = os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])
sys.modules[{name!r}] = None
{before}
from csbook.cli.main import main
code = main({arguments!r})
__import__("shutil").rmtree(folder)
sys.exit(code)
"""
    ended = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f'csbook: {name} is not installed: pip install "csbook[{extra}]"\n'


def test_another_import_error_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "invoke", raising(ImportError("no such name", name="csbook.nowhere")))
    with pytest.raises(ImportError):
        main(["demo"])


def raising(error: BaseException) -> Callable[[list[str]], Any]:
    def invoke(arguments: list[str]) -> int:
        raise error

    return invoke


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "invoke", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["demo"])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), asyncio.CancelledError()])
def test_given_up_before_anything_was_open(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "invoke", raising(error))
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "csbook: stopped\n"


def test_what_a_venue_says_cannot_write_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "invoke", raising(csbook.CsbookError("no\x1b[2J\n  way")))
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == "csbook: no?[2J way\n"


def test_the_module_is_the_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "csbook", "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"csbook {csbook.__version__}\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as on POSIX")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_descriptor_is_no_trouble(closed: str) -> None:
    line = f'"$0" -m csbook sim --seconds 0.1 {closed}'
    ended = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert bool(ended.stdout) == (closed != ">&-")
