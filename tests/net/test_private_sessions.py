"""Private streams that begin with a conversation, against a real server."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from csbook.credentials import Credentials
from csbook.errors import ConnectError, CredentialsError, UsageError
from csbook.net.origin import http_origin, websocket_origin
from csbook.net.private import PrivateStream
from csbook.net.rest import Rest, RestPolicy
from csbook.net.setting import Policy, Setting
from csbook.net.timing import Timing
from csbook.types import Alert
from csbook.venues import dialect, trading_table
from csbook.venues.trading import Trading
from csbook.wire.private import OrderReport, PositionReport
from csbook.wire.session import Malformed, Unknown
from doorkeeper import Caller, Doorkeeper
from scripted import open_sockets, until
from v5_samples import ORDER, POSITION

QUICK = Policy(backoff_base=0.01, backoff_cap=0.04, dial_within=2.0, pong_within=5.0, confirm_within=2.0)
KEYS = Credentials("the-api-key-of-all", "the-secret-of-all", "the-phrase-of-all")
NEWS = {"id": "1", "topic": "order", "creationTime": 1, "data": [ORDER]}


class Bench:
    def __init__(self, venue: Doorkeeper, name: str, policy: Policy) -> None:
        self.table: Trading = trading_table(name)
        self.news: list[Any] = []
        self.alerts: list[Alert] = []
        timing = Timing()
        self.rest = Rest(
            self.table, KEYS, http_origin(venue.rest_url), timing=timing, policy=RestPolicy(tries=1, warm_every=1e9)
        )
        self.stream = PrivateStream(
            self.rest,
            self.table,
            setting=Setting(websocket_origin(venue.ws_url), "", 100, 60.0, policy=policy),
            timing=timing,
            on_reports=self.news.append,
            on_lost=lambda reason: self.news.append(f"lost: {reason}"),
            on_restored=lambda: self.news.append("restored"),
            on_alert=self.alerts.append,
        )

    def reports(self) -> list[Any]:
        return [each for news in self.news if isinstance(news, list) for each in news]


async def let_in(caller: Caller, message: Any) -> None:
    """As Bybit does, whatever the login."""
    if message["op"] in ("auth", "subscribe"):
        await caller.say({"success": True, "ret_msg": "", "op": message["op"], "conn_id": "x"})


@asynccontextmanager
async def stand(
    name: str = "bybit", policy: Policy = QUICK, *, opened: bool = True
) -> AsyncIterator[tuple[Doorkeeper, Bench]]:
    before = open_sockets()
    async with Doorkeeper() as venue:
        venue.rest["GET", "/v5/market/time"] = lambda asked: (200, {"retCode": 0, "result": {}, "time": 1700000000000})
        venue.answer = let_in
        bench = Bench(venue, name, policy)
        await bench.rest.open()
        try:
            if opened:
                await bench.stream.open()
            yield venue, bench
        finally:
            await bench.stream.close()
            await bench.rest.close()
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


async def test_a_login_then_topics_then_it_stands() -> None:
    async with stand() as (venue, bench):
        caller = await venue.caller(0)
        login, topics = caller.heard
        assert caller.path == "/v5/private" and login["op"] == "auth" and login["args"][0] == KEYS.api_key
        assert topics["args"] == ["order", "execution", "position", "wallet"]
        assert bench.news == ["restored"] and bench.stream.is_connected
        await caller.say(NEWS)
        await until(bench.reports)
        (report,) = bench.reports()
        assert isinstance(report, OrderReport) and report.client_order_id == "c-1"


async def test_the_login_is_signed_by_the_servers_time() -> None:
    async with stand() as (venue, bench):
        login = (await venue.caller(0)).heard[0]
        expires = login["args"][1]
        assert 1700000000000 < expires < 1700000060000  # the venue's clock stands there, this machine's does not
        assert json.loads(bench.table.login(KEYS, expires - 5000))["args"] == login["args"]


async def test_it_does_not_stand_before_every_topic_is_confirmed_and_hears_all_the_same() -> None:
    async def slow(caller: Caller, message: Any) -> None:
        if message["op"] == "auth":
            await let_in(caller, message)

    async with stand(opened=False) as (venue, bench):
        venue.answer = slow
        opening = asyncio.ensure_future(bench.stream.open())
        caller = await venue.caller(0)
        await until(lambda: len(caller.heard) == 2)
        await caller.say(NEWS)
        await until(bench.reports)
        assert not opening.done() and not bench.stream.is_connected and "restored" not in bench.news
        await let_in(caller, caller.heard[1])
        await opening
        assert bench.news[-1] == "restored" and bench.stream.is_connected


async def refuse(caller: Caller, message: Any) -> None:
    echo = f"Request not authorized {KEYS.api_key}"
    await caller.say({"success": False, "ret_msg": echo, "op": message["op"]})


async def test_a_login_that_is_refused_is_a_matter_of_the_key() -> None:
    async with stand(opened=False) as (venue, bench):
        venue.answer = refuse
        with pytest.raises(CredentialsError, match="the login was refused: Request not authorized") as caught:
            await bench.stream.open()
        assert [alert.kind for alert in bench.alerts] == ["key"] and bench.news == []
        assert "authorized <hidden>" in str(caught.value) and KEYS.api_key not in str(bench.alerts)
        text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert KEYS.api_key not in text and KEYS.api_secret.reveal() not in text


async def test_a_topic_that_is_refused_keeps_it_from_standing() -> None:
    async def answer(caller: Caller, message: Any) -> None:
        await (let_in if message["op"] == "auth" else refuse)(caller, message)

    async with stand(opened=False) as (venue, bench):
        venue.answer = answer
        with pytest.raises(ConnectError, match="was refused: Request not authorized"):
            await bench.stream.open()
        assert bench.news == [] and not bench.stream.is_connected


async def test_a_login_that_is_not_answered() -> None:
    async def say_nothing(caller: Caller, message: Any) -> None: ...

    async with stand(policy=replace(QUICK, confirm_within=0.02), opened=False) as (venue, bench):
        venue.answer = say_nothing
        with pytest.raises(ConnectError, match=r"no answer to the login within 0\.02 s"):
            await bench.stream.open()


async def test_a_connection_that_ends_before_it_stands() -> None:
    async def hang_up(caller: Caller, message: Any) -> None:
        await caller.socket.close(code=1001, message=b"restart")

    async with stand(opened=False) as (venue, bench):
        venue.answer = hang_up
        with pytest.raises(ConnectError, match="did not come to stand: closed by the venue: 1001 restart"):
            await bench.stream.open()


async def test_given_up_while_it_is_opening() -> None:
    async def say_nothing(caller: Caller, message: Any) -> None: ...

    async with stand(opened=False) as (venue, bench):
        venue.answer = say_nothing
        opening = asyncio.ensure_future(bench.stream.open())
        await venue.caller(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert bench.news == []


async def test_a_reconnect_logs_in_anew_and_every_loss_has_its_return() -> None:
    async with stand() as (venue, bench):
        left = [refuse, refuse]

        async def answer(caller: Caller, message: Any) -> None:
            await (left.pop() if left else let_in)(caller, message)

        venue.answer = answer
        await (await venue.caller(0)).socket.close(code=1001)
        await until(lambda: bench.stream.is_connected)
        assert bench.news == ["restored", "lost: closed by the venue: 1001", "restored"]
        assert len(venue.callers) == 4 and [each.heard[0]["op"] for each in venue.callers] == ["auth"] * 4
        assert {alert.kind for alert in bench.alerts} == {"key", "stream"}


async def test_older_news_of_a_position_is_dropped_and_a_new_connection_counts_anew() -> None:
    def news(seq: int) -> Any:
        return {"topic": "position", "creationTime": 1, "data": [{**POSITION, "seq": seq}]}

    async with stand() as (venue, bench):
        caller = await venue.caller(0)
        for seq in (7, 6, 8):
            await caller.say(news(seq))
        await until(lambda: len(bench.reports()) == 2)
        await caller.socket.close()
        await until(lambda: bench.news.count("restored") == 2)
        await (await venue.caller(1)).say(news(5))
        await until(lambda: len(bench.reports()) == 3)
        assert [each.sequence for each in bench.reports() if isinstance(each, PositionReport)] == [7, 8, 5]


async def test_what_the_conversation_does_not_know_is_counted() -> None:
    async with stand() as (venue, bench):
        caller = await venue.caller(0)
        for said in ({"op": "surprise"}, "[]", {"topic": "greeks", "data": []}, "{"):
            await caller.say(said)
        await until(lambda: bench.stream.malformed == 2)
        assert bench.stream.unknown == {"surprise": 1, "greeks": 1}
        kinds = [type(each) for each in bench.reports()]
        assert kinds == [Unknown, Malformed]  # of the conversation the listener hears nothing


async def test_no_key_and_no_signature_shows_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.get_running_loop().set_debug(True)
    for name in ("", "csbook", "csbook.net", "csbook.net.private", "asyncio", "picows", "aiohttp"):
        caplog.set_level(1, name or None)
    async with stand() as (venue, bench):
        caller = await venue.caller(0)
        signature = caller.heard[0]["args"][2]
        await caller.say({"op": "x"})
        await caller.socket.close()
        await until(lambda: bench.news.count("restored") == 2)
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp")]
    for record in ours:
        said = f"{record.getMessage()} {record.args!r} {record.exc_text}"
        assert not any(word in said for word in (KEYS.api_key, "the-secret-of-all", signature)), record
    assert logging.getLogger("csbook.net.private").level <= 1 and ours


# -- a token that comes with its place ------------------------------------------------------------------------------

BULLET = ("POST", "/api/v1/bullet-private")
ACCOUNT = {
    "topic": "/contractAccount/wallet", "subject": "walletBalance.change", "channelType": "private",
    "data": {"currency": "USDT", "walletBalance": 81.072921258123456789, "version": "5"},
}  # fmt: skip


def bullet(venue: Doorkeeper, endpoint: str) -> None:
    """Give out a token, a new one each time."""
    made = iter(range(100))

    def give(asked: Any) -> Any:
        server = {"endpoint": endpoint, "pingInterval": 18000, "pingTimeout": 10000}
        return 200, {"code": "200000", "data": {"token": f"token-{next(made)}-of-one", "instanceServers": [server]}}

    venue.rest[BULLET] = give


async def ack(caller: Caller, message: Any) -> None:
    if message["type"] == "subscribe":
        await caller.say({"id": message["id"], "type": "ack"})


async def greet(caller: Caller) -> None:
    await caller.say({"id": "x", "type": "welcome"})


@asynccontextmanager
async def stand_by_token(path: str = "/push/", **how: Any) -> AsyncIterator[tuple[Doorkeeper, Bench]]:
    async with stand("kucoin", opened=False, **how) as (venue, bench):
        bullet(venue, f"wss://ws-api-futures.kucoin.com{path}")
        venue.answer, venue.welcome = ack, greet
        await bench.stream.open()
        yield venue, bench


async def test_a_token_is_good_for_one_dial_and_its_endpoint_gives_the_path() -> None:
    async with stand_by_token() as (venue, bench):
        first = await venue.caller(0)
        assert first.path.startswith("/push?token=token-0-of-one&connectId=")
        assert [each["topic"] for each in first.heard] == [
            "/contractMarket/tradeOrders", "/contractAccount/wallet", "/contract/positionAll",
        ]  # fmt: skip
        await first.socket.close()
        await until(lambda: bench.news.count("restored") == 2)
        assert (await venue.caller(1)).path.startswith("/push?token=token-1-of-one&")
        assert bench.stream.token.made == 2 and bench.stream.token.extended == 0
        (asked, _) = [each for each in venue.asked if each.path == BULLET[1]]
        assert asked.headers["kc-api-key"] == KEYS.api_key


async def test_an_endpoint_without_a_path() -> None:
    async with stand_by_token("/") as (venue, _):
        assert (await venue.caller(0)).path.startswith("/?token=token-0-of-one&")


async def test_where_no_other_host_is_asked_for_the_endpoint_is_dialled() -> None:
    async with stand("kucoin", opened=False) as (venue, bench):
        bullet(venue, f"{venue.ws_url}/named/")
        venue.answer, venue.welcome = ack, greet
        default = websocket_origin(dialect("kucoin").ws_origin)
        bench.stream._setting = replace(bench.stream._setting, origin=default)
        await bench.stream.open()
        assert (await venue.caller(0)).path.startswith("/named?token=")


@pytest.mark.parametrize("endpoint", ["ws://example.com/", "http://127.0.0.1/", "wss://user:pass@example.com/"])
async def test_an_endpoint_that_is_not_encrypted_is_not_dialled(endpoint: str) -> None:
    async with stand("kucoin", opened=False) as (venue, bench):
        bullet(venue, endpoint)
        with pytest.raises(ConnectError, match="the endpoint of the venue's token"):
            await bench.stream.open()
        assert venue.callers == []


async def test_numbers_are_exact_over_the_stream() -> None:
    async with stand_by_token() as (venue, bench):
        text = json.dumps(ACCOUNT).replace(str(81.072921258123456789), "81.072921258123456789")
        await (await venue.caller(0)).say(text)
        await until(bench.reports)
        assert str(bench.reports()[0].wallet) == "81.072921258123456789"


async def test_a_welcome_that_does_not_come() -> None:
    async with stand("kucoin", replace(QUICK, confirm_within=0.02), opened=False) as (venue, bench):
        bullet(venue, "wss://ws-api-futures.kucoin.com/")
        with pytest.raises(ConnectError, match=r"no welcome within 0\.02 s"):
            await bench.stream.open()


async def test_no_token_shows_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("", "csbook", "csbook.net", "csbook.net.private", "asyncio", "picows"):
        caplog.set_level(1, name or None)
    async with stand_by_token() as (venue, bench):
        await (await venue.caller(0)).say({"id": "x", "type": "error", "code": 401, "data": "token-0-of-one"})
        await until(lambda: bench.news.count("restored") == 2)
        assert "token-0-of-one" not in str(bench.news) and "is no longer good" in str(bench.news)
    ours = [record for record in caplog.records if not record.name.startswith("aiohttp")]
    assert ours and not any("token-0" in f"{record.getMessage()} {record.args!r}" for record in ours)


@pytest.mark.parametrize("name", ["coinswitch-hft", "coinswitch-sio"])
async def test_a_venue_without_a_private_stream_says_what_is_missing(name: str) -> None:
    async with Doorkeeper() as venue:
        with pytest.raises(UsageError, match=f"{name} has no private stream: .* polled over REST"):
            Bench(venue, name, QUICK)
