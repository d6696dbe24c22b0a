"""The ladder on a real terminal: what is shown, which keys there are, and how the terminal is left."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import sys
from collections.abc import Callable
from typing import Any

import pytest

from csbook.cli import screen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

Terminal = Callable[..., Any]
WATCH = ("--venue", "coinswitch", "--ws-url")


def is_clean(output: bytes) -> bool:
    """The alternate screen was entered and left, and the cursor is back."""
    shown, hidden = output.rfind(b"\x1b[?25h"), output.rfind(b"\x1b[?25l")
    return output.count(b"\x1b[?1049h") == output.count(b"\x1b[?1049l") == 1 and shown > hidden > -1


def test_ctrl_c_leaves_a_clean_terminal_and_a_summary(terminal: Terminal, venue: dict[str, str]) -> None:
    seen = terminal("watch", "BTCUSDT", *WATCH, venue["ws_url"], press=[("messages", b""), ("▸", b"\x03")])
    assert seen.exit_code == 0
    assert is_clean(seen.output)
    assert seen.mode_kept
    said = seen.after_the_screen().split("\r\n")
    assert re.fullmatch(r"(\x1b\[\?25h)?\d+\.\d s: messages [\d,]+, updates [\d,]+, gaps 0, .*", said[0])
    assert re.fullmatch(r"wire to book: p50 .*s, p99 .*s", said[1])
    assert re.fullmatch(r"BTCUSDT LIVE: bid .* x .*, ask .* x .*, sequence \d+", said[2])
    assert said[3:] == [""]
    shown = seen.screen()
    for word in (
        "BTCUSDT",
        venue["ws_url"],
        "LIVE",
        "age",
        "microprice",
        "imbalance",
        "spread",
        "bps",
        "p99",
        "q quit",
    ):
        assert word in shown


async def test_ctrl_c_does_not_cut_off_what_is_being_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that is not told otherwise drops what it has not shown yet, in the middle of a character."""
    pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")
    master, slave = pty.openpty()
    try:
        monkeypatch.setattr(screen, "_terminal", lambda: os.dup(slave))
        with screen._keys(asyncio.get_running_loop(), lambda key: None) as taken:
            assert taken
            os.set_blocking(slave, False)
            left = os.write(slave, bytes(100_000))  # more than the other end takes in at once
            os.write(master, b"\x03")
            while left and select.select([master], [], [], 5)[0]:
                left -= len(os.read(master, left))
            assert left == 0
    finally:
        os.close(master)
        os.close(slave)


def test_keys_change_the_symbol_and_quit(terminal: Terminal, venue: dict[str, str]) -> None:
    """The symbol in the corner of the frame: Tab goes on, 1 goes to the first, any other letter does nothing."""
    press = [("╭─", b""), ("LIVE", b"\tx"), ("ETHUSDT \x1b[0m\x1b", b"1"), ("╭─", b"q")]
    arguments = ("watch", "BTCUSDT", "ETHUSDT", *WATCH, venue["ws_url"])
    seen = terminal(*arguments, press=press, size=(80, 24), env={"NO_COLOR": "1"})
    assert seen.exit_code == 0
    assert is_clean(seen.output)
    assert seen.mode_kept
    corners = re.findall(r"╭─(?:\x1b\[[0-9;]*m)* (\w+) ", seen.screen())
    assert {"BTCUSDT", "ETHUSDT"} == set(corners)
    assert "38;" not in seen.screen()
    assert "tab next" in seen.screen()


@pytest.mark.parametrize("size", [(40, 10), (7, 3)])
def test_a_small_terminal(terminal: Terminal, venue: dict[str, str], size: tuple[int, int]) -> None:
    seen = terminal("watch", "BTCUSDT", *WATCH, venue["ws_url"], press=[("LIVE", b"q")], size=size)
    assert seen.exit_code == 0
    assert is_clean(seen.output)


def test_a_dumb_terminal_gets_plain_lines(terminal: Terminal, venue: dict[str, str]) -> None:
    arguments = ("watch", "BTCUSDT", *WATCH, venue["ws_url"])
    seen = terminal(*arguments, press=[("updates/s", b"\x03")], env={"TERM": "dumb"})
    assert seen.exit_code == 0
    assert b"\x1b[" not in seen.output
    assert b"s: messages " in seen.output


def test_json_on_a_terminal_has_no_screen(terminal: Terminal, venue: dict[str, str]) -> None:
    seen = terminal("watch", "BTCUSDT", *WATCH, venue["ws_url"], "--json", "--seconds", "0.3", press=[])
    assert seen.exit_code == 0
    assert json.loads(seen.output)["books"]["BTCUSDT"]["state"] == "LIVE"


def test_a_maker_is_halted_and_rearmed_by_keys(terminal: Terminal) -> None:
    """Its orders, position and profit are shown; h halts it, r re-arms it."""
    press = [("h halt  r re-arm", b""), (" 1", b"h"), ("HALTED", b"r"), ("h halt", b""), ("h halt", b"q")]
    seen = terminal("demo", "--trade", "--speed", "5", press=press, env={"NO_COLOR": "1"})
    assert seen.exit_code == 0
    assert is_clean(seen.output)
    assert seen.mode_kept
    shown = seen.screen()
    for word in ("own", "position", "entry", "P&L", "orders, fills", " HALTED ", "HALTED  by hand"):
        assert word in shown
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.rpartition("╭─")[2])
    assert "HALTED" not in last
    assert re.search(r"BTCUSDT own: orders \d+, fills \d+, position [-\d.]+, P&L ", seen.after_the_screen())
