"""The kill switch from the command line: with and without a process that trades, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook.cli.account import Where
from csbook.cli.halt import halt, rearm
from csbook.credentials import Credentials
from csbook.errors import ConnectError, CredentialsError, HaltedError, UsageError
from csbook.guard import halting
from csbook.guard.latchfile import LatchFile, latch_path
from csbook.net import rest
from csbook.net.rest import RestPolicy
from csbook.sim import LocalVenue
from spotvenue import spot_venue


@pytest.fixture
async def local() -> AsyncIterator[LocalVenue]:
    async with LocalVenue(symbols=["BTCUSDT"], speed=0.001) as venue:
        yield venue


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("CSBOOK_STATE_DIR", str(folder))
    return folder


@pytest.fixture
def where(local: LocalVenue, state: Path, monkeypatch: pytest.MonkeyPatch) -> Where:
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_KEY", local.api_key)
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_SECRET", local.api_secret)
    return Where("coinswitch", local.rest_url)


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def in_json(where: Where) -> Where:
    return Where(where.venue, where.rest_url, json=True)


def record(state: Path, local: LocalVenue) -> dict[str, Any]:
    path = latch_path(state, "coinswitch", local.rest_url, local.api_key)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


async def test_a_halt_latches_and_cancels(
    local: LocalVenue, where: Where, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [local.place_by_hand("BTCUSDT", "BUY", "0.010", str(60000 + at)).order_id for at in range(12)]
    await halt(where, "maintenance", "ann")
    assert local.account.open_orders == ()
    said = record(state, local)
    assert (said["halted"], said["venue"], said["rest"]) == (True, "coinswitch", local.rest_url)
    assert [(trip["cause"], trip["reason"], trip["by"]) for trip in said["trips"]] == [("hand", "maintenance", "ann")]
    out, err = capsys.readouterr()
    first, kept, shown, canceled = out.splitlines()
    assert err == ""
    assert first == "halted (hand by ann): maintenance"
    assert kept.startswith(f"kept in {state}")
    assert shown.startswith("the venue shows no open order (")
    assert set(canceled.removeprefix("cancelled: ").split(", ")) == set(ids)
    assert local.api_key not in out and local.api_secret not in out


async def test_in_json_it_is_one_object(
    local: LocalVenue, where: Where, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = local.place_by_hand("BTCUSDT", "BUY", "0.010", "60000").order_id
    await halt(in_json(where), None, "ann")
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "venue": "coinswitch",
        "rest_url": local.rest_url,
        "halted": True,
        "reason": "by hand",
        "by": "ann",
        "file": str(latch_path(state, "coinswitch", local.rest_url, local.api_key)),
        "canceled": [order],
    }
    assert err.splitlines()[0] == "halted (hand by ann): by hand"
    await rearm(in_json(where), "bob")
    said = json.loads(capsys.readouterr().out)
    assert (said["rearmed"], said["was"], said["by"]) == (True, "by hand", "bob")
    assert record(state, local)["rearmed"]["by"] == "bob"
    await rearm(in_json(where), "bob")
    said = json.loads(capsys.readouterr().out)
    assert (said["rearmed"], said["was"]) == (False, None)


async def test_the_first_reason_stands(
    local: LocalVenue, where: Where, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await halt(where, "first", "ann", cancel=False)
    await halt(where, "second", "bob", cancel=False)
    assert [trip["reason"] for trip in record(state, local)["trips"]] == ["first", "second"]
    assert "halted already, and now (hand by bob): second" in capsys.readouterr().out
    await rearm(where, "ann")
    assert capsys.readouterr().out == "re-armed by ann; it was halted: first\n"


async def test_without_cancelling_the_orders_stay(local: LocalVenue, where: Where, state: Path) -> None:
    local.place_by_hand("BTCUSDT", "BUY", "0.010", "60000")
    await halt(where, None, None, cancel=False)
    assert len(local.account.open_orders) == 1
    assert record(state, local)["halted"]
    assert record(state, local)["trips"][0]["by"]


async def test_a_process_that_trades_is_halted_and_rearmed(local: LocalVenue, where: Where, state: Path) -> None:
    """Both look at the same file, whoever wrote it."""
    async with (
        asyncio.timeout(20),
        csbook.trade(
            "coinswitch",
            credentials=Credentials(local.api_key, local.api_secret),
            rest_url=local.rest_url,
            ws_url=local.ws_url,
        ) as trader,
    ):
        await trader.place("BTCUSDT", "BUY", size="0.010", price=60000)
        await halt(where, "from outside", "ann")
        assert local.account.open_orders == ()
        await until(lambda: trader.halted)
        assert trader.halt_reason == "from outside"
        with pytest.raises(HaltedError, match="from outside"):
            await trader.place("BTCUSDT", "BUY", size="0.010", price=60000)
        await rearm(where, "ann")
        await until(lambda: not trader.halted)
        assert trader.halt_reason == ""


async def test_requests_that_fail_are_tried_again(
    local: LocalVenue, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at in range(3):
        local.place_by_hand("BTCUSDT", "BUY", "0.010", str(60000 + at))
    monkeypatch.setattr(halting, "RETRY_WAITS", (0.01, 0.02))
    monkeypatch.setattr(rest, "RestPolicy", partial(RestPolicy, backoff_base=0.01))
    local.faults = "request_503=0.4"
    async with asyncio.timeout(60):
        await halt(where, None, "ann")
    assert local.account.open_orders == ()


async def test_a_halt_that_cannot_cancel_stands_and_says_so(
    local: LocalVenue, where: Where, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConnectError, match=r"^halted, and open orders may be left: cannot trade at"):
        await halt(Where("coinswitch", "http://127.0.0.1:9"), None, "ann")
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_SECRET", "wrong")
    with pytest.raises(CredentialsError, match=r"^halted, and open orders may be left: .* refused the key"):
        await halt(where, None, "ann")
    assert record(state, local)["halted"]


async def test_a_halt_that_cannot_be_kept_cancels_and_fails(
    local: LocalVenue, where: Where, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local.place_by_hand("BTCUSDT", "BUY", "0.010", "60000")
    state.write_text("a file is in the way", encoding="utf-8")  # noqa: ASYNC240
    with pytest.raises(UsageError, match=r"could not be kept, and stops nobody: .*; the open orders are cancelled$"):
        await halt(where, None, "ann")
    assert local.account.open_orders == ()
    assert "kept in" not in capsys.readouterr().out
    monkeypatch.setenv("CSBOOK_STATE_DIR", "relative")
    with pytest.raises(UsageError, match="expected an absolute path"):
        await halt(where, None, "ann")


async def test_rearming_is_refused_while_a_file_is_there(where: Where, local: LocalVenue, state: Path) -> None:
    state.mkdir(mode=0o700)  # noqa: ASYNC240
    (state / "HALT").touch()
    with pytest.raises(HaltedError, match="HALT is present; remove it first"):
        await rearm(where, "ann")
    (state / "HALT").unlink()
    await halt(where, None, "ann", cancel=False)
    (state / "HALT").touch()
    with pytest.raises(HaltedError, match="HALT is present; remove it first"):
        await rearm(where, "ann")
    assert record(state, local)["halted"]


async def test_rearming_what_was_never_halted_writes_nothing(
    where: Where, local: LocalVenue, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await rearm(where, "ann")
    assert capsys.readouterr().out == "nothing was halted\n"
    assert LatchFile(latch_path(state, "coinswitch", local.rest_url, local.api_key)).read() is None


@pytest.mark.usefixtures("state")
async def test_a_venue_that_cancels_one_by_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cryptography", reason="Ed25519 needs the package cryptography")
    monkeypatch.setenv("CSBOOK_COINSWITCH_SIO_SPOT_API_KEY", "the-public-half-of-a-pair")
    monkeypatch.setenv("CSBOOK_COINSWITCH_SIO_SPOT_API_SECRET", bytes(range(32)).hex())
    async with spot_venue() as venue:
        for i in range(3):
            venue.rows[f"o-{i}"] = {
                "order_id": f"o-{i}", "symbol": "BTC/INR", "price": 57, "orig_qty": 1, "status": "OPEN", "side": "BUY",
                "client_order_id": f"by-hand-{i}", "created_time": 1700000000000,
            }  # fmt: skip
        await halt(Where("coinswitch-sio-spot", venue.rest_url, json=True), "enough", "ann")
        assert json.loads(capsys.readouterr().out)["canceled"] == ["o-0", "o-1", "o-2"]
        assert {row["status"] for row in venue.rows.values()} == {"CANCELLED"}
