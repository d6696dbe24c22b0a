"""The private stream against a real server: keys, events, losses, and what shows of it."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from counterparty import LISTEN_KEY, Counterparty, status
from csbook.credentials import fingerprint
from csbook.errors import ConnectError, CredentialsError
from csbook.net.origin import http_origin, websocket_origin
from csbook.net.private import PrivateStream
from csbook.net.rest import Rest, RestPolicy
from csbook.net.setting import Policy, Setting
from csbook.net.timing import Timing
from csbook.types import Alert
from csbook.venues.coinswitch_trading import TRADING
from csbook.wire.private import BalanceReport, KeyExpired, OrderReport
from csbook.wire.session import Malformed, Unknown
from scripted import open_sockets, until
from standing import StandingTime

QUICK = Policy(backoff_base=0.01, backoff_cap=0.04, dial_within=2.0, pong_within=0.2)
ORDER = {
    "e": "ORDER_TRADE_UPDATE", "E": 1672531234567, "T": 1672531234566,
    "o": {
        "s": "BTCUSDT", "c": "my_order_id_123", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1.000", "p": "30000.00",
        "x": "NEW", "X": "NEW", "i": 8295823, "l": "0", "z": "0", "L": "0", "T": 1672531234566, "t": 0,
    },
}  # fmt: skip


class Bench:
    def __init__(self, venue: Counterparty, time: StandingTime | None, stale_after: float) -> None:
        self.news: list[Any] = []
        self.messages: list[Any] = []
        self.alerts: list[Alert] = []
        timing = time.timing if time is not None else Timing()
        self.rest = Rest(
            TRADING,
            venue.credentials,
            http_origin(venue.rest_url),
            timing=timing,
            policy=RestPolicy(tries=1, warm_every=1e9),
        )
        policy = replace(QUICK, pong_within=5.0) if time is not None else QUICK
        setting = Setting(websocket_origin(venue.ws_url), "", 100, stale_after, policy=policy)
        self.stream = PrivateStream(
            self.rest,
            TRADING,
            setting=setting,
            timing=timing,
            on_reports=self.news.append,
            on_lost=lambda reason: self.news.append(f"lost: {reason}"),
            on_restored=lambda: self.news.append("restored"),
            on_message=lambda message, receive_time_ns: self.messages.append(message),
            on_alert=self.alerts.append,
        )

    def reports(self) -> list[Any]:
        return [each for news in self.news if isinstance(news, list) for each in news]

    def texts(self) -> str:
        return "\n".join([*(str(news) for news in self.news), *(alert.text for alert in self.alerts)])


@asynccontextmanager
async def stand(
    time: StandingTime | None = None, stale_after: float = 5.0, *, opened: bool = True
) -> AsyncIterator[tuple[Counterparty, Bench]]:
    before = open_sockets()
    async with Counterparty() as venue:
        if time is not None:
            venue.now_ms = lambda: time.clock.now_ns() // 1_000_000
        bench = Bench(venue, time, stale_after)
        await bench.rest.open()
        try:
            if opened:
                await bench.stream.open()
                await venue.socket(0)
            yield venue, bench
        finally:
            await bench.stream.close()
            await bench.rest.close()
        for made in venue.made:
            assert made not in bench.texts()
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


async def test_events_become_reports() -> None:
    async with stand() as (venue, bench):
        assert bench.news == ["restored"] and bench.stream.is_connected
        await venue.sockets[0].send_str(json.dumps(ORDER))
        await venue.sockets[0].send_str('{"e":"ACCOUNT_UPDATE","E":5,"a":{"B":[{"a":"USDT","wb":"1.50"}]}}')
        await until(lambda: len(bench.reports()) == 2)
        order, balance = bench.reports()
        assert isinstance(order, OrderReport) and order.order_id == "8295823"
        assert order.receive_time_ns > 1_600_000_000_000_000_000
        assert isinstance(balance, BalanceReport) and str(balance.wallet) == "1.50"
        assert bench.messages[0] == ORDER and bench.stream.messages == 2


async def test_json_numbers_to_the_last_digit() -> None:
    async with stand() as (venue, bench):
        text = json.dumps(ORDER).replace('"30000.00"', "30000.123456789012345678")
        await venue.sockets[0].send_str(text)
        await until(bench.reports)
        assert bench.reports()[0].price == Decimal("30000.123456789012345678")


async def test_what_is_unknown_or_malformed_is_told_once_a_kind_and_the_stream_goes_on() -> None:
    async with stand() as (venue, bench):
        for text in ('{"e":"TRADE_LITE","E":1}', '{"e":"TRADE_LITE","E":2}', "{", '{"e":"ACCOUNT_UPDATE","E":5}'):
            await venue.sockets[0].send_str(text)
        await venue.sockets[0].send_str(json.dumps(ORDER))
        await until(lambda: len(bench.reports()) == 5)
        kinds = [type(each) for each in bench.reports()]
        assert kinds == [Unknown, Unknown, Malformed, Malformed, OrderReport]
        assert bench.stream.unknown == {"TRADE_LITE": 2} and bench.stream.malformed == 2
        assert [alert.kind for alert in bench.alerts] == ["schema"] * 3


async def test_a_callback_that_raises_is_told_and_costs_nothing() -> None:
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: failures.append(context["exception"]))
    async with stand() as (venue, bench):
        bench.stream._on_message = lambda message, receive_time_ns: 1 / 0
        await venue.sockets[0].send_str(json.dumps(ORDER))
        await until(bench.reports)
        assert [type(each) for each in failures] == [ZeroDivisionError] and bench.stream.is_connected


async def test_a_loss_is_told_first_and_the_next_connection_has_a_new_key() -> None:
    async with stand() as (venue, bench):
        await venue.sockets[0].close(code=1001, message=b"restart")
        await venue.socket(1)
        await until(lambda: bench.stream.is_connected and bench.stream.reconnects)
        assert bench.news == ["restored", "lost: closed by the venue: 1001 restart", "restored"]
        assert len(venue.made) == 2 == len(venue.of(LISTEN_KEY, "POST")) and bench.stream.reconnects == 1


async def test_a_key_that_expires_while_the_stream_tells_of_it() -> None:
    async with stand() as (venue, bench):
        await venue.sockets[0].send_str('{"e":"listenKeyExpired","E":1576653824250}')
        await venue.socket(1)
        await until(lambda: bench.stream.is_connected)
        assert bench.reports() == [KeyExpired(1576653824250_000_000)]
        reason = f"listenKey {fingerprint(venue.made[0])} is over: the venue says that it expired"
        assert f"lost: {reason}" in bench.news
        assert [alert.text for alert in bench.alerts] == [reason]
        assert len(venue.made) == 2


async def test_a_key_that_expires_in_silence() -> None:
    time = StandingTime()
    async with stand(time, stale_after=1e6) as (venue, bench):
        venue.answers["PUT", LISTEN_KEY] = status(503)
        for _ in range(200):
            failed = bench.stream.token.extensions_failed
            await time.settle()
            await time.move(time.next)
            await until(lambda: bench.stream.token.extensions_failed > failed or not bench.stream.is_connected)  # noqa: B023
            if not bench.stream.is_connected:
                break
        assert "it was not extended in time" in bench.texts()
        await time.move(1.0)
        await venue.socket(1)


async def test_a_key_that_is_refused_at_the_dial() -> None:
    async with stand() as (venue, bench):
        venue.refuse_upgrade = 2
        await venue.sockets[0].close()
        await venue.socket(1)
        await until(lambda: bench.stream.is_connected)
        assert len(venue.made) == 4
        told = [alert.text for alert in bench.alerts]
        assert told[0] == f"listenKey {fingerprint(venue.made[1])} was refused by the stream"
        assert "the private stream is down" in told[1] and "the venue answered 401" in told[1]


async def test_the_first_connection_fails() -> None:
    async with stand(opened=False) as (venue, bench):
        venue.refuse_upgrade = 1
        with pytest.raises(ConnectError, match="the venue answered 401") as caught:
            await bench.stream.open()
        assert caught.value.__cause__ is None and caught.value.__context__ is None
        text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
        assert venue.made[0] not in text
    async with stand(opened=False) as (venue, bench):
        venue.key = "another"
        with pytest.raises(CredentialsError, match="no listenKey"):
            await bench.stream.open()


async def test_a_venue_that_refuses_the_api_key_later_is_tried_again() -> None:
    async with stand() as (venue, bench):
        right, venue.key = venue.key, "another"
        await venue.sockets[0].close()
        await until(lambda: any("no listenKey: the venue answered 401" in alert.text for alert in bench.alerts))
        venue.key = right
        await venue.socket(1)


async def test_silence_is_normal_while_pings_are_answered() -> None:
    async with stand(stale_after=0.02) as (_, bench):
        await asyncio.sleep(0.1)
        assert bench.news == ["restored"] and bench.stream.is_connected


async def test_by_a_standing_clock_reports_carry_its_time() -> None:
    time = StandingTime()
    async with stand(time) as (venue, bench):
        await venue.sockets[0].send_str(json.dumps(ORDER))
        await until(bench.reports)
        assert bench.reports()[0].receive_time_ns == time.clock.now_ns()


async def test_shut_forgets_the_key() -> None:
    async with stand() as (_, bench):
        bench.stream.shut("enough")
        assert bench.news[-1] == "lost: enough" and bench.stream.token.name == "none"


async def test_no_key_shows_in_any_log(caplog: pytest.LogCaptureFixture) -> None:
    """picows logs the request line, and what it received, at its lowest level."""
    asyncio.get_running_loop().set_debug(True)
    for name in ("", "csbook", "csbook.net", "csbook.net.private", "asyncio", "picows", "aiohttp"):
        caplog.set_level(1, name or None)
    async with stand() as (venue, bench):
        await venue.sockets[0].send_str(json.dumps(ORDER))
        await until(bench.reports)
        venue.refuse_upgrade = 1
        await venue.sockets[0].close()
        await venue.socket(1)
        await until(lambda: bench.stream.is_connected)
        hidden = venue.hidden
    assert f"/ws/<{fingerprint(venue.made[0])}>" in caplog.text  # the request line was logged, without the key
    for record in caplog.records:
        said = f"{record.getMessage()} {record.args!r} {record.exc_text} {record.exc_info}"
        assert not any(word in said for word in hidden), record
    assert logging.getLogger("csbook.net.private").level <= 1
