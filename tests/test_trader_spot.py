"""A trader at CoinSwitch spot: two private sockets of servers that are not ours, REST by the doorkeeper."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook.credentials import Credentials
from csbook.errors import ConnectError, CredentialsError, OrderRefused, UsageError
from csbook.net.setting import Policy
from csbook.trader import Trader
from csbook.types import OrderStatus
from scripted import until
from spotvenue import BALANCES, SpotVenue, spot_venue

pytest.importorskip("cryptography", reason="Ed25519 needs the package cryptography")

KEYS = Credentials("the-public-half-of-a-pair", bytes(range(32)).hex())
POLICY = Policy(backoff_base=0.02, backoff_cap=0.1, confirm_within=2.0)
D = Decimal


def trader_of(venue: SpotVenue, folder: Path, **options: Any) -> Trader:
    return Trader(
        "coinswitch-sio-spot", credentials=KEYS, rest_url=venue.rest_url, ws_url=venue.ws_url, state_dir=folder,
        _policy=POLICY, **options,
    )  # fmt: skip


@asynccontextmanager
async def trading(folder: Path, **options: Any) -> AsyncIterator[tuple[SpotVenue, Trader]]:
    async with spot_venue() as venue, trader_of(venue, folder, **options) as trader:
        await until(lambda: trader._fallback.mode == "stream")
        yield venue, trader


async def test_each_feed_has_a_connection_and_is_told_the_key_alone(tmp_path: Path) -> None:
    async with trading(tmp_path) as (venue, trader):
        said = [{"event": "subscribe", "apikey": KEYS.api_key}]
        assert venue.orders.heard == venue.balances.heard == said
        assert trader._stream is not None and trader._stream.are_connected
        assert trader.account.balances["INR"].wallet == 100_000 and not trader.account.positions


async def test_an_update_is_joined_with_its_order_and_makes_the_account_ask(tmp_path: Path) -> None:
    async with trading(tmp_path, settings={"expiry_s": 3600}) as (venue, trader):
        order = await trader.place("btc/inr", "BUY", size="0.00050", price="5700000.5", client_order_id="mine-1")
        assert (order.status, order.order_id, order.symbol) == (OrderStatus.NEW, "o-1", "BTC/INR")
        (placed,) = venue.asked("POST", "order")
        assert placed.body == (
            b'{"side":"BUY","symbol":"BTC/INR","type":"LIMIT","price":5700000.5,"quantity":0.00050,'
            b'"exchange":"coinswitchx","client_order_id":"mine-1","expiry_period":3600}'
        )
        snapshots = trader.stats()["snapshots"]
        venue.rows["o-1"] |= {"executed_qty": 0.0002, "average_price": 5700000, "status": "PARTIALLY_EXECUTED"}
        venue.holdings.append({"currency": "BTC", "main_balance": "0.0002", "blocked_balance_order": "0"})
        for _ in range(2):  # told twice, counted once
            await venue.orders.push({"i": "o-1", "X": "PARTIALLY_EXECUTED", "z": "0.0002", "later": [1.5, None]})
        await until(lambda: trader.account.orders["mine-1"].filled == D("0.0002"))
        await until(lambda: trader.account.orders["mine-1"].average_price == 5_700_000)  # which REST alone tells
        assert trader.account.orders["mine-1"].status is OrderStatus.PARTIALLY_FILLED
        await until(lambda: trader.account.balances["BTC"].wallet == D("0.0002"))
        exposure = trader.account.exposure("BTC/INR")
        assert (exposure.position, exposure.long) == (D("0.0002"), D("0.0005"))
        assert trader.stats()["hints"] == 2 and trader.stats()["snapshots"] > snapshots
        assert trader.account.positions["BTC/INR"].size == D("0.0002")


async def test_what_ends_an_order(tmp_path: Path) -> None:
    async with trading(tmp_path) as (venue, trader):
        for number, (word, status) in enumerate(
            {
                "CANCELLED": OrderStatus.CANCELED, "EXPIRED": OrderStatus.EXPIRED, "EXECUTED": OrderStatus.FILLED,
            }.items(),
            1,
        ):  # fmt: skip
            name, order_id = f"mine-{number}", f"o-{number}"
            await trader.place("BTC/INR", "BUY", size="0.001", price="5700000", client_order_id=name)
            filled = "0.001" if word == "EXECUTED" else "0"
            venue.rows[order_id] |= {"status": word, "executed_qty": float(filled)}
            await venue.orders.push({"i": order_id, "X": word, "z": filled})
            await until(lambda name=name: trader.account.orders[name].is_terminal)
            assert trader.account.orders[name].status is status
        assert trader.account.open_orders() == []


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        (BALANCES, {"data": [{"whatever": 1}]}), (BALANCES, "text"), ("WALLET", {"x": 1}), (BALANCES, b"\x00binary"),
        (BALANCES, None),
    ],
)  # fmt: skip
async def test_whatever_the_balances_bring_is_a_hint(tmp_path: Path, event: str, payload: Any) -> None:
    async with trading(tmp_path) as (venue, trader):
        venue.holdings[0]["main_balance"] = 99.5
        await venue.balances.push(payload, event)
        await until(lambda: trader.account.balances["INR"].wallet == D("99.5"))
        assert trader.account.balances["INR"].available == D("99.5") and trader.stats()["hints"] == 1
        assert trader._stream is not None and trader._stream.are_connected


@pytest.mark.parametrize(
    "payload",
    [
        {"i": "o-7", "X": "OPEN", "z": "0"},  # an order of somebody else, placed by hand
        {"i": "o-7", "X": "NEVER_HEARD_OF"}, {"i": "o-7"}, {"order": "o-7"}, ["o-7"], None, 7,
        {"i": "o-7", "X": "OPEN", "z": "-1"}, {"i": "o-7", "X": "OPEN", "z": "many"},
        {"i": {}, "X": "OPEN"}, {"data": [{"i": "o-7", "X": "OPEN", "z": "0"}]},
    ],
)  # fmt: skip
async def test_an_update_that_says_too_little_is_a_hint(tmp_path: Path, payload: Any) -> None:
    async with trading(tmp_path) as (venue, trader):
        venue.rows["o-7"] = {
            "order_id": "o-7", "symbol": "BTC/INR", "price": 1, "orig_qty": 2e-05, "executed_qty": 0, "status": "OPEN",
            "side": "SELL", "client_order_id": "by-hand", "created_time": 1700000000000,
        }  # fmt: skip
        await venue.orders.push(payload)
        await until(lambda: "by-hand" in trader.account.orders)
        assert trader.account.orders["by-hand"].size == D("0.00002") and trader.stats()["hints"] == 1
        assert trader._stream is not None and trader._stream.reconnects == 0


@pytest.mark.parametrize("rudely", [False, True])
async def test_one_feed_lost_is_the_stream_lost_until_it_is_back(tmp_path: Path, rudely: bool) -> None:
    async with trading(tmp_path) as (venue, trader):
        alerts: list[str] = []
        trader.on_alert(lambda alert: alerts.append(alert.text))
        venue.holdings[0]["main_balance"] = 5  # nobody tells
        await (venue.balances.hang_up() if rudely else venue.balances.kick())
        await until(lambda: trader.account.balances["INR"].wallet == 5)
        await until(lambda: any("back and the account reconciled" in text for text in alerts))
        assert any("stream is lost; the account is polled" in text for text in alerts)
        assert trader.stats()["reconnects"] == 1 and len(venue.balances.heard) == 2 and len(venue.orders.heard) == 1


async def test_heartbeats_keep_both_connections(tmp_path: Path) -> None:
    async with spot_venue(ping_interval=1, ping_timeout=1) as venue, trader_of(venue, tmp_path) as trader:
        first = trader._stream
        assert first is not None  # its fourth message is a ping, and the server hangs up on who does not answer
        await until(lambda: all(stream.messages >= 5 for stream in first.streams))
        assert trader.stats()["reconnects"] == 0


async def test_a_key_that_is_refused_and_nothing_that_shows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with spot_venue() as venue:
        venue.orders.answer = {"success": False, "message": f"no such key {KEYS.api_key}"}
        trader = trader_of(venue, tmp_path)
        alerts: list[str] = []
        trader.on_alert(lambda alert: alerts.append(alert.text))
        with pytest.raises(CredentialsError, match="the subscription was refused: no such key <hidden>") as caught:
            async with trader:
                pass
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        for text in (shown, caplog.text, str(alerts), repr(trader), repr(trader._stream)):
            assert KEYS.api_key not in text
        assert any("did not let this account in" in text for text in alerts)


async def test_no_answer_to_a_subscription_is_no_refusal(tmp_path: Path) -> None:
    async with spot_venue() as venue:
        venue.orders.answer = None
        async with trader_of(venue, tmp_path) as trader:
            assert trader._stream is not None and trader._stream.are_connected
            assert (trader.stats()["events"], trader.stats()["hints"]) == (0, 0)


async def test_a_venue_without_the_namespace(tmp_path: Path) -> None:
    async with spot_venue() as venue:
        venue.balances.server.on("connect", lambda sid, environ: False, namespace=venue.balances.namespace)
        with pytest.raises(ConnectError, match="did not come to stand: the namespace was refused"):
            async with trader_of(venue, tmp_path):
                pass


async def test_a_halt_cancels_one_by_one(tmp_path: Path) -> None:
    async with trading(tmp_path) as (venue, trader):
        for number in range(3):
            await trader.place("BTC/INR", "BUY", size="0.001", price="57", client_order_id=f"mine-{number}")
        await trader.halt("enough")
        assert [json.loads(each.body) for each in venue.asked("DELETE", "order")] == [
            {"order_id": f"o-{number}"} for number in (1, 2, 3)
        ]
        await until(lambda: trader.account.open_orders() == [])  # each is asked for
        assert {order.status for order in trader.account.orders.values()} == {OrderStatus.CANCELED}


async def test_cancel_all_names_what_it_cancelled(tmp_path: Path) -> None:
    async with trading(tmp_path) as (venue, trader):
        for number in range(2):
            await trader.place("BTC/INR", "SELL", size="0.001", price="57", client_order_id=f"mine-{number}")
        venue.rows["o-3"] = {**venue.rows["o-1"], "order_id": "o-3", "client_order_id": "x", "status": "OPEN"}
        listed = venue.rest.rest["GET", "/trade/api/v2/orders"]
        ghost = {**venue.rows["o-1"], "order_id": "o-9", "client_order_id": "gone"}  # ended while it was on its way
        venue.rest.rest["GET", "/trade/api/v2/orders"] = lambda asked: (
            200,
            {"data": [*listed(asked)[1]["data"], ghost]},
        )
        assert sorted(await trader.cancel_all("BTC/INR")) == ["o-1", "o-2", "o-3"]


async def test_what_spot_lacks_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with trading(tmp_path) as (venue, trader):
        for more in (
            {"type": "MARKET", "price": None},
            {"time_in_force": "IOC"},
            {"reduce_only": True},
            {"post_only": True},
        ):
            with pytest.raises(OrderRefused):
                await trader.place("BTC/INR", "BUY", **({"size": "0.001", "price": "57"} | more))
        with pytest.raises(OrderRefused, match="no multiple"):
            await trader.place("BTC/INR", "BUY", size="0.000015", price="57")
        order = await trader.place("BTC/INR", "BUY", size="0.001", price="57")
        with pytest.raises(OrderRefused, match="cannot amend"):
            await trader.amend(order, price="58")
        assert len(venue.asked("POST", "order")) == 1
        assert (await trader.cancel(order)).status is OrderStatus.CANCELED


def test_settings_are_named() -> None:
    for settings, words in (
        ({"login": "x"}, "has no setting 'login'; it has: exchange, expiry_s"), ({"expiry_s": 0}, "expected a whole"),
        ({"exchange": "wazirx"}, "expected one of coinswitchx, c2c1, c2c2"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words):
            csbook.trade("coinswitch-sio-spot", credentials=KEYS, settings=settings)
