"""A trader at CoinSwitch HFT whose login is known: a real nats-server that asks for one, REST by the doorkeeper."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook.errors import ConnectError, CredentialsError, UsageError
from csbook.net.setting import Policy
from csbook.trader import Trader
from csbook.types import OrderStatus
from doorkeeper import Doorkeeper
from hftvenue import KEYS, SIGNATURE, SOCKET_KEY, Rest
from natsvenue import NatsVenue, nats_venue
from scripted import until
from v5_samples import ORDER

pytest.importorskip("cryptography", reason="Ed25519 needs the package cryptography")

POLICY = Policy(backoff_base=0.02, backoff_cap=0.1, confirm_within=2.0)
SUBJECT = "v1.f.ex1.private.subAccountId.71"
USERS = (
    f"authorization {{ users = [ {{user: publisher, password: p}}, "
    f'{{user: "{SOCKET_KEY}", password: "{SIGNATURE}", permissions: {{subscribe: "{SUBJECT}.>"}}}} ] }}'
)
PUBLISHER = {"user": "publisher", "password": "p"}
KNOWN = {"login": "user_pass", "sub_account_id": 71}


def trader_of(rest: Rest, nats: NatsVenue, folder: Path, settings: dict[str, object]) -> Trader:
    return Trader(
        "coinswitch-hft", credentials=KEYS, rest_url=rest.venue.rest_url, ws_url=nats.url, state_dir=folder,
        settings=settings, _policy=POLICY,
    )  # fmt: skip


@asynccontextmanager
async def venue(folder: Path, authorization: str = USERS, login: dict[str, str] = PUBLISHER) -> AsyncIterator[Any]:
    async with nats_venue(folder, authorization, login) as nats, Doorkeeper() as doors:
        yield Rest(doors), nats


TOKEN = 'authorization {{ token: "{}" }}'


@pytest.mark.parametrize(
    ("settings", "authorization", "login"),
    [
        (KNOWN, USERS, PUBLISHER),
        (
            {"login": "auth_token", "sub_account_id": "71"}, TOKEN.format(SIGNATURE), {"token": SIGNATURE},
        ),
        (
            {"login": {"auth_token": "{api_key}:{expires}:{signature}"}, "sub_account_id": "71"},
            TOKEN.format(f"{SOCKET_KEY}:1756461000000:{SIGNATURE}"),
            {"token": f"{SOCKET_KEY}:1756461000000:{SIGNATURE}"},
        ),
    ],
    ids=["user_pass", "auth_token", "fields"],
)  # fmt: skip
async def test_a_login_that_is_known_and_messages_that_are_hints(
    tmp_path: Path, settings: dict[str, object], authorization: str, login: dict[str, str]
) -> None:
    async with (
        venue(tmp_path, authorization, login) as (rest, nats),
        trader_of(rest, nats, tmp_path, settings) as trader,
    ):
        await until(lambda: trader._fallback.mode == "stream")
        assert rest.signatures == 1
        order = await trader.place("BTCUSDT", "BUY", size="1", price="72.5", client_order_id="mine-1")
        assert order.status is OrderStatus.UNKNOWN
        row = {
            **ORDER, "orderId": "o-1", "orderLinkId": "mine-1", "side": "Buy", "qty": "1", "positionIdx": 0,
            "cumExecQty": "0.4", "avgPrice": "72.5", "cumExecFee": "0", "orderStatus": "PartiallyFilled",
        }  # fmt: skip
        rest.rows = [row]
        await nats.say(f"{SUBJECT}.order", '{"sub_account_id": 71, "status": "PartiallyFilled", "x": 1.5}')
        await nats.say(f"{SUBJECT}.trade", '[{"whatever": "it holds"}]')
        await until(lambda: trader.account.orders["mine-1"].filled == Decimal("0.4"))
        await until(lambda: trader.stats()["hints"] == 2)


async def test_messages_that_cannot_be_read_and_of_others(tmp_path: Path) -> None:
    async with venue(tmp_path) as (rest, nats), trader_of(rest, nats, tmp_path, KNOWN) as trader:
        alerts: list[str] = []
        trader.on_alert(lambda alert: alerts.append(alert.text))
        await until(lambda: trader._fallback.mode == "stream")
        for payload, count in (("no json", 1), ('{"a": NaN}', 2), ("", 3), ("7", 4)):
            snapshots = trader.stats()["snapshots"]
            await nats.say(f"{SUBJECT}.order", payload)
            await until(lambda count=count: trader.stats()["hints"] == count)
            await until(lambda snapshots=snapshots: trader.stats()["snapshots"] > snapshots)
        assert trader.stats()["malformed"] == 3
        events = trader.stats()["events"]
        await nats.say(f"{SUBJECT}.order", '{"sub_account_id": "72"}')
        await until(lambda: trader.stats()["events"] > events)
        assert trader.stats()["hints"] == 4 and any("another sub-account" in text for text in alerts)


async def test_a_lost_server_is_polled_for_and_found_again(tmp_path: Path) -> None:
    async with venue(tmp_path) as (rest, nats), trader_of(rest, nats, tmp_path, KNOWN) as trader:
        await until(lambda: trader._fallback.mode == "stream")
        await nats.stop()
        await until(lambda: trader._fallback.mode == "polling")
        snapshots = trader.stats()["snapshots"]
        await until(lambda: trader.stats()["snapshots"] > snapshots)
        await nats.start()
        await until(lambda: trader._fallback.mode == "stream")
        assert trader.stats()["reconnects"] == 1 and rest.signatures > 1  # each dial has credentials of its own
        await nats.say(f"{SUBJECT}.trade", "{}")
        await until(lambda: trader.stats()["hints"] == 1)


async def test_a_login_that_is_refused_shows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with venue(tmp_path) as (rest, nats):
        rest.signature = "another-signature-77aa"
        trader = trader_of(rest, nats, tmp_path, KNOWN)
        alerts: list[str] = []
        trader.on_alert(lambda alert: alerts.append(alert.text))
        with pytest.raises(CredentialsError, match="login was refused: Authorization Violation") as caught:
            async with trader:
                pass
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        for text in (shown, caplog.text, str(alerts), repr(trader)):
            assert not {word for word in (SOCKET_KEY, rest.signature, KEYS.api_key) if word in text}


async def test_a_login_that_is_refused_later_is_told_and_the_account_polled(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with venue(tmp_path) as (rest, nats), trader_of(rest, nats, tmp_path, KNOWN) as trader:
        alerts: list[str] = []
        trader.on_alert(lambda alert: alerts.append(alert.text))
        await until(lambda: trader._fallback.mode == "stream")
        rest.signature = "another-signature-77aa"
        await nats.stop()
        await nats.start()
        await until(lambda: any("did not let this account in" in text for text in alerts))
        snapshots = trader.stats()["snapshots"]
        await until(lambda: trader.stats()["snapshots"] > snapshots)
        assert trader._fallback.mode == "polling"
        rest.signature = SIGNATURE
        await until(lambda: trader._fallback.mode == "stream")
    for text in (caplog.text, str(alerts)):
        assert not {word for word in (SOCKET_KEY, SIGNATURE, "another-signature-77aa", KEYS.api_key) if word in text}


async def test_subjects_of_somebody_else_are_not_had(tmp_path: Path) -> None:
    async with venue(tmp_path) as (rest, nats):
        with pytest.raises(ConnectError, match=r"subAccountId.72.order was refused: Permissions Violation"):
            async with trader_of(rest, nats, tmp_path, {**KNOWN, "sub_account_id": 72}):
                pass


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, {"api_key": SOCKET_KEY, "expires": 1}), "no 'signature' of the socket's credentials"),
        ((200, {"retCode": 10001, "retMsg": "Invalid parameter", "result": {}}), "Invalid parameter"),
        ((200, {"api_key": SOCKET_KEY, "expires": 1, "signature": "two words"}), "no 'signature'"),
    ],
)  # fmt: skip
async def test_credentials_that_are_none(tmp_path: Path, answer: Any, words: str) -> None:
    async with venue(tmp_path) as (rest, nats):
        rest.venue.rest["GET", "/dma/api/v1/socket/signature"] = lambda asked: answer
        with pytest.raises(ConnectError, match=words) as caught:
            async with trader_of(rest, nats, tmp_path, KNOWN):
                pass
        assert SOCKET_KEY not in str(caught.value)


def test_settings_are_named() -> None:
    for settings, words in (
        ({"login": "user_pass"}, "together or not at all"), ({"sub_account_id": "7"}, "together or not at all"),
        (KNOWN | {"login": "magic"}, "none of user_pass, auth_token, fields"),
        (KNOWN | {"login": {"user": "{key}"}}, "name nothing but {api_key}, {expires}, {signature}"),
        (KNOWN | {"login": {}}, "'login' is none of"), (KNOWN | {"login": {"user": 7}}, "'login' is none of"),
        (KNOWN | {"sub_account_id": "7.>"}, "'sub_account_id' is no id"), (KNOWN | {"x": 1}, "no setting 'x'"),
        (KNOWN | {"sub_account_id": True}, "is no id"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=words.replace("{", r"\{")):
            csbook.trade("coinswitch-hft", credentials=KEYS, settings=settings)
