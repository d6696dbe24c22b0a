"""What is asked of an account by commands in processes of their own, at a local venue in another."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook.cli import account
from csbook.cli.account import Where
from csbook.errors import ConnectError, CredentialsError, RequestError, UsageError
from csbook.net.desk import RequestFailed
from csbook.sim import LocalVenue
from csbook.venues import trading_table
from csbook.wire.request import Answer, Failure, Request, Verdict
from doorkeeper import Doorkeeper
from hftvenue import KEYS, Rest
from spotvenue import spot_venue
from v5_samples import ORDER, POSITION

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
async def local() -> AsyncIterator[LocalVenue]:
    async with LocalVenue(symbols=["BTCUSDT", "ETHUSDT"], speed=0.001) as venue:
        yield venue


@pytest.fixture
def where(local: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> Where:
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_KEY", local.api_key)
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_SECRET", local.api_secret)
    return Where("coinswitch", local.rest_url, json=True)


def as_person(where: Where) -> Where:
    return Where(where.venue, where.rest_url, where.credentials)


def one(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1
    found: dict[str, Any] = json.loads(out)
    return found


async def test_orders_are_those_of_the_venue(
    local: LocalVenue, where: Where, capsys: pytest.CaptureFixture[str]
) -> None:
    await account.orders(where)
    assert one(capsys)["orders"] == []
    await account.orders(as_person(where))
    assert capsys.readouterr().out == "no open orders\n"
    local.place_by_hand("BTCUSDT", "BUY", "0.010", "60000.1", client_order_id="by-hand")
    local.place_by_hand("ETHUSDT", "SELL", "0.5", "3000", client_order_id="c5b00c00-x")
    await account.orders(where)
    said = one(capsys)
    assert (said["venue"], said["rest_url"]) == ("coinswitch", local.rest_url)
    assert [(o["symbol"], o["side"], o["size"], o["own"]) for o in said["orders"]] == [
        ("BTCUSDT", "BUY", "0.010", False),
        ("ETHUSDT", "SELL", "0.50", True),
    ]
    assert [o["order_id"] for o in said["orders"]] == [order.order_id for order in local.account.open_orders]
    await account.orders(where, "ETHUSDT")
    assert [o["symbol"] for o in one(capsys)["orders"]] == ["ETHUSDT"]


async def test_positions_and_balances_are_exact(
    local: LocalVenue, where: Where, capsys: pytest.CaptureFixture[str]
) -> None:
    await account.positions(as_person(where))
    assert capsys.readouterr().out == "no positions\n"
    local.place_by_hand("BTCUSDT", "BUY", "0.020")
    await account.positions(where)
    (held,) = one(capsys)["positions"]
    (truth,) = local.account.positions.values()
    assert held["symbol"] == "BTCUSDT"
    assert (Decimal(held["size"]), Decimal(held["entry_price"])) == (truth.size, truth.entry_price)
    await account.positions(where, "ETHUSDT")
    assert one(capsys)["positions"] == []
    await account.balances(where)
    (asset,) = one(capsys)["balances"]
    assert (asset["asset"], Decimal(asset["wallet"])) == ("USDT", local.account.wallet["USDT"])


async def test_cancel_all_says_what_it_did(local: LocalVenue, where: Where, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [local.place_by_hand("BTCUSDT", "BUY", "0.010", str(60000 + at)).order_id for at in range(3)]
    other = local.place_by_hand("ETHUSDT", "SELL", "0.5", "3000").order_id
    await account.cancel_all(where, "BTCUSDT")
    said = one(capsys)
    assert (said["symbol"], sorted(said["canceled"]), said["open_orders"]) == ("BTCUSDT", ids, 0)
    assert [order.order_id for order in local.account.open_orders] == [other]
    await account.cancel_all(as_person(where))
    assert capsys.readouterr().out == f"cancelled 1 order: {other}\ncoinswitch shows 0 open orders\n"
    await account.cancel_all(as_person(where))
    assert capsys.readouterr().out == "coinswitch named no order\ncoinswitch shows 0 open orders\n"
    assert local.account.open_orders == ()


async def test_a_refused_key_is_told_without_it(
    local: LocalVenue, where: Where, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_SECRET", "not-the-secret")
    with pytest.raises(CredentialsError, match=rf"^{local.rest_url} refused the key: .*401") as caught:
        await account.balances(where)
    assert capsys.readouterr() == ("", "")
    assert "not-the-secret" not in str(caught.value) and local.api_key not in str(caught.value)


async def test_an_outcome_that_nobody_knows_is_told(
    local: LocalVenue, where: Where, capsys: pytest.CaptureFixture[str]
) -> None:
    local.faults = "answer_503=1"
    with pytest.raises(RequestError, match="whether it was carried out is not known") as caught:
        await account.cancel_all(where)
    assert caught.value.unknown
    assert capsys.readouterr().out == ""


async def test_nobody_is_there(where: Where) -> None:
    with pytest.raises(ConnectError, match=r"cannot trade at http://127\.0\.0\.1:9"):
        await account.orders(Where("coinswitch", "http://127.0.0.1:9"))


def test_where_refuses_what_cannot_be(where: Where) -> None:
    with pytest.raises(UsageError, match="cannot trade on 'nowhere'"):
        _ = Where("nowhere").origin
    with pytest.raises(UsageError, match="--rest-url is 'http://example"):
        _ = Where("coinswitch", "http://example.com").origin


def test_the_hint_is_for_the_venue_itself(where: Where) -> None:
    assert where.hint == ""
    assert Where("coinswitch").hint.endswith("the official one to try is 'coinswitch-sio')")
    assert Where("coinswitch-sio").hint == ""


class Answers:
    """What a venue would say to the question for its rules."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    async def send(self, request: Request, *, patience: float) -> Answer:
        assert request.endpoint == "instruments"
        return self._answer


async def test_the_rules_are_learned_where_sizes_need_them() -> None:
    table = trading_table("kucoin")
    assert table.needs_instruments
    refused = Answer(1, 2, 503, failure=Failure(Verdict.UNKNOWN, "503", 503))
    for answer, verdict in ((refused, Verdict.UNKNOWN), (Answer(1, 2, 200, b"{}"), Verdict.REJECTED)):
        with pytest.raises(RequestFailed) as caught:
            await account._learn(Answers(answer), table)  # type: ignore[arg-type]
        assert caught.value.failure.verdict is verdict


def test_keys_from_a_private_file_alone(where: Where, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys"
    path.write_text("API_KEY=from-the-file\nAPI_SECRET=s\n", encoding="utf-8")
    path.chmod(0o600)
    assert Where("coinswitch", credentials=str(path)).keys().api_key == "from-the-file"
    if os.name == "posix":
        path.chmod(0o640)
        with pytest.raises(CredentialsError, match="others can read it"):
            Where("coinswitch", credentials=str(path)).keys()
    monkeypatch.delenv("CSBOOK_COINSWITCH_API_KEY")
    with pytest.raises(CredentialsError, match="CSBOOK_COINSWITCH_API_KEY must be set"):
        Where("coinswitch").keys()


async def test_other_processes_trade_with_what_sim_printed(
    csbook_command: Command, venue: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The venue in one process, a trader in this one, a command in a third; they meet at the venue."""
    at = ("--venue", "coinswitch", "--rest-url", venue["rest_url"])
    names = "CSBOOK_COINSWITCH_API_KEY and CSBOOK_COINSWITCH_API_SECRET"
    ended = await asyncio.to_thread(csbook_command, "orders", *at)
    told = f"csbook: no credentials for 'coinswitch': {names} must be set\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", told)
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_KEY", venue["api_key"])
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_SECRET", venue["api_secret"])
    trader = csbook.trade("coinswitch", rest_url=venue["rest_url"], ws_url=venue["ws_url"], state_dir=tmp_path)
    async with asyncio.timeout(60), trader:
        order = await trader.place("BTCUSDT", "BUY", size="0.010", price=60000)
        ended = await asyncio.to_thread(csbook_command, "orders", *at, "--json")
        assert (ended.returncode, ended.stderr) == (0, "")
        (shown,) = json.loads(ended.stdout)["orders"]
        assert (shown["order_id"], shown["client_order_id"]) == (order.order_id, order.client_order_id)
        assert (shown["own"], Decimal(shown["price"])) == (True, 60000)
        ended = await asyncio.to_thread(csbook_command, "cancel-all", *at, "--symbol", "btcusdt", "--json")
        assert json.loads(ended.stdout)["canceled"] == [order.order_id]
        while trader.account.open_orders():  # noqa: ASYNC110 - the stream tells this process of it
            await asyncio.sleep(0.01)


@pytest.fixture
def official(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of the official surfaces, where the commands look for them."""
    pytest.importorskip("cryptography", reason="Ed25519 needs the package cryptography")
    for surface in ("SIO_SPOT", "HFT"):
        monkeypatch.setenv(f"CSBOOK_COINSWITCH_{surface}_API_KEY", KEYS.api_key)
        monkeypatch.setenv(f"CSBOOK_COINSWITCH_{surface}_API_SECRET", KEYS.api_secret.reveal())


@pytest.mark.usefixtures("official")
async def test_spot(capsys: pytest.CaptureFixture[str]) -> None:
    async with spot_venue() as venue:
        venue.rest.rest["GET", "/trade/api/v2/time"] = lambda asked: (200, {"serverTime": time.time_ns() // 1_000_000})
        where = Where("coinswitch-sio-spot", venue.rest_url, json=True)
        venue.holdings.append({"currency": "BTC", "main_balance": "0.25", "blocked_balance_order": "0.0019"})
        venue.rows["o-1"] = {
            "order_id": "o-1", "symbol": "BTC/INR", "price": 5700000, "orig_qty": 5e-05, "executed_qty": 0,
            "status": "OPEN", "side": "SELL", "client_order_id": "by-hand", "created_time": 1700000000000,
        }  # fmt: skip
        await account.orders(where)
        (order,) = one(capsys)["orders"]
        assert (order["symbol"], order["size"], order["price"]) == ("BTC/INR", "0.00005", "5700000")
        await account.positions(where)
        (held,) = one(capsys)["positions"]
        assert (held["symbol"], held["size"]) == ("BTC/INR", "0.2519")
        await account.balances(where)
        assert [(each["asset"], each["wallet"]) for each in one(capsys)["balances"]] == [
            ("INR", "100000"),
            ("BTC", "0.2519"),
        ]
        await account.cancel_all(where)
        said = one(capsys)
        assert (said["canceled"], said["open_orders"], venue.rows["o-1"]["status"]) == (["o-1"], 0, "CANCELLED")
        await account.orders(Where(where.venue, where.rest_url, json=True, settings={"exchange": "c2c2"}))
        assert one(capsys)["orders"] == [] and venue.asked("GET", "orders")[-1].query == "open=true&exchanges=c2c2"
        with pytest.raises(UsageError, match="has no setting 'exchanges'"):
            await account.orders(Where(where.venue, where.rest_url, settings={"exchanges": "c2c2"}))


@pytest.mark.usefixtures("official")
async def test_hft(capsys: pytest.CaptureFixture[str]) -> None:
    async with Doorkeeper() as doors:
        rest = Rest(doors)
        now = {"retCode": 0, "result": {}, "time": time.time_ns() // 1_000_000}
        doors.rest["GET", "/v5/market/time"] = lambda asked: (200, now)
        rest.rows = [ORDER]
        rest.positions = [POSITION]
        rest.coins = [{"coin": "USDT", "walletBalance": "1000.50"}]
        where = Where("coinswitch-hft", doors.rest_url, json=True)
        await account.orders(where)
        (order,) = one(capsys)["orders"]
        assert (order["symbol"], order["order_id"]) == (ORDER["symbol"], ORDER["orderId"])
        await account.positions(where)
        (held,) = one(capsys)["positions"]
        assert (held["symbol"], Decimal(held["size"])) == (POSITION["symbol"], -75)
        await account.balances(where)
        (asset,) = one(capsys)["balances"]
        assert (asset["asset"], asset["wallet"]) == ("USDT", "1000.50")
        assert all("x-auth-signature" in asked.headers for asked in doors.asked if "/market/" not in asked.path)
