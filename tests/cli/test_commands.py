"""The command line itself: names, options, help."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

import csbook
from csbook.cli import account, halt, run
from csbook.cli.account import Where
from csbook.cli.commands import csbook as group
from csbook.cli.commands import invoke
from csbook.errors import UsageError

ACCOUNT = {"--venue", "--rest-url", "--setting", "--credentials", "--json"}


def test_the_commands() -> None:
    commands = ["balances", "cancel-all", "demo", "halt", "orders", "positions", "rearm", "sim", "watch"]
    assert sorted(group.commands) == commands


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("demo", {"--venue", "--trade", "--speed", "--metrics", "--seconds", "--json"}),
        ("orders", {*ACCOUNT, "--symbol"}),
        ("positions", {*ACCOUNT, "--symbol"}),
        ("balances", ACCOUNT),
        ("cancel-all", {*ACCOUNT, "--symbol"}),
        ("halt", {*ACCOUNT, "--reason", "--by", "--no-cancel"}),
        ("rearm", {*ACCOUNT, "--by"}),
        ("watch", {"--venue", "--ws-url", "--rest-url", "--depth", "--spin", "--metrics", "--seconds", "--json"}),
        ("sim", {"--venue", "--port", "--speed", "--fault", "--symbols", "--seed", "--seconds", "--json"}),
    ],
)
def test_the_options(name: str, options: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert {word.strip("[],.") for word in said.split() if word.startswith("--")} == {*options, "--help"}


def test_no_command_is_a_call_for_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke([]) == 0
    assert "Usage: csbook" in capsys.readouterr().out


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, dict[str, Any]]]:
    """What the commands ask ``run`` for, instead of doing it."""
    found: list[tuple[str, Any, dict[str, Any]]] = []

    def noting(name: str) -> Any:
        async def note(*arguments: Any, **options: Any) -> None:
            found.append((name, arguments, options))

        return note

    def fake_run(main: Coroutine[Any, Any, None], *, spin: bool = False) -> None:
        with pytest.raises(StopIteration):
            main.send(None)
        found.append(("run", (), {"spin": spin}))

    for name in ("demo", "watch", "sim"):
        monkeypatch.setattr(run, name, noting(name))
    for name in ("orders", "positions", "balances", "cancel_all"):
        monkeypatch.setattr(account, name, noting(name))
    for name in ("halt", "rearm"):
        monkeypatch.setattr(halt, name, noting(name))
    monkeypatch.setattr(csbook, "run", fake_run)
    return found


def test_demo_shows_the_recorded_symbol(asked: list[tuple[str, Any, dict[str, Any]]]) -> None:
    invoke(["demo"])
    invoke(["demo", "ETHUSDT", "BTCUSDT", "--seconds", "2.5", "--json"])
    invoke(["demo", "--trade", "--speed", "4", "--metrics", "9101"])
    assert [view for name, view, _ in asked if name == "demo"] == [
        (run.View("coinswitch", ("BTCUSDT",)),),
        (run.View("coinswitch", ("ETHUSDT", "BTCUSDT"), seconds=2.5, json=True),),
        (run.View("coinswitch", ("BTCUSDT",), trade=True, speed=4.0, metrics=("127.0.0.1", 9101)),),
    ]


def test_the_maker_trades_where_there_are_orders(asked: list[tuple[str, Any, dict[str, Any]]]) -> None:
    invoke(["demo", "--trade", "--venue", "binance"])
    assert asked[0] == ("demo", (run.View("binance", ("BTCUSDT",), trade=True),), {})
    asked.clear()
    with pytest.raises(UsageError, match=r"--venue .*binance.* not coinswitch-sio"):
        invoke(["demo", "--trade", "--venue", "coinswitch-sio"])
    assert asked == []


def test_watch_takes_it_all(asked: list[tuple[str, Any, dict[str, Any]]]) -> None:
    where = ["--ws-url", "ws://127.0.0.1:1", "--rest-url", "http://127.0.0.1:1", "--metrics", "9101"]
    invoke(["watch", "BTCUSDT", "--venue", "coinswitch", *where, "--depth", "10", "--spin", "--seconds", "3"])
    view = run.View(
        "coinswitch",
        ("BTCUSDT",),
        depth=10,
        ws_url="ws://127.0.0.1:1",
        rest_url="http://127.0.0.1:1",
        seconds=3.0,
        metrics=("127.0.0.1", 9101),
    )
    assert asked == [("watch", (view,), {}), ("run", (), {"spin": True})]


def test_sim_takes_lists_in_every_spelling(asked: list[tuple[str, Any, dict[str, Any]]]) -> None:
    invoke(["sim", "--symbols", "A1,B2", "--symbols", "C3", "--fault", "drop=0.1,split=0.2", "delay=0.1:50ms"])
    options = asked[0][2]
    assert options["symbols"] == ["A1", "B2", "C3"]
    assert options["faults"] == ["drop=0.1", "split=0.2", "delay=0.1:50ms"]
    assert (options["port"], options["speed"], options["seed"], options["seconds"]) == (0, 1.0, 0, None)


def test_the_commands_of_an_account(asked: list[tuple[str, Any, dict[str, Any]]]) -> None:
    at = ["--venue", "coinswitch", "--rest-url", "http://127.0.0.1:1"]
    where = Where("coinswitch", "http://127.0.0.1:1")
    invoke(["orders", *at, "--symbol", "btcusdt"])
    invoke(["positions", *at, "--json"])
    invoke(["balances", *at, "--credentials", "a-file"])
    invoke(["cancel-all", *at, "--setting", "exchange=c2c1", "--setting", "x=a=b"])
    invoke(["halt", *at, "--reason", "why", "--by", "ann", "--no-cancel"])
    invoke(["halt", *at])
    invoke(["rearm", *at])
    assert [call for call in asked if call[0] != "run"] == [
        ("orders", (where, "BTCUSDT"), {}),
        ("positions", (Where("coinswitch", "http://127.0.0.1:1", json=True), None), {}),
        ("balances", (Where("coinswitch", "http://127.0.0.1:1", "a-file"),), {}),
        ("cancel_all", (replace(where, settings={"exchange": "c2c1", "x": "a=b"}), None), {}),
        ("halt", (where, "why", "ann"), {"cancel": False}),
        ("halt", (where, None, None), {"cancel": True}),
        ("rearm", (where, None), {}),
    ]


@pytest.mark.parametrize("speed", ["0", "-1", "nan"])
def test_a_speed_that_is_none(speed: str) -> None:
    with pytest.raises(UsageError, match="--speed is"):
        invoke(["demo", "--speed", speed])


def test_keys_have_no_option() -> None:
    """They would stand in the list of processes and in the shell's history."""
    for command in group.commands.values():
        assert not {"--api-key", "--api-secret", "--key", "--secret"} & {o for p in command.params for o in p.opts}
