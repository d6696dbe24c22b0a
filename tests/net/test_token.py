"""The life of a listenKey against a real server; time stands unless it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from counterparty import LISTEN_KEY, Counterparty, status
from csbook.errors import ConnectError, CredentialsError
from csbook.net.origin import http_origin
from csbook.net.rest import Rest, RestPolicy
from csbook.net.token import Token
from csbook.types import Alert
from csbook.venues.coinswitch_trading import TRADING
from scripted import until
from standing import StandingTime

MINUTE = 60.0


class Bench:
    def __init__(self, venue: Counterparty, time: StandingTime, dice: Callable[[], float]) -> None:
        self.time = time
        self.venue = venue
        self.over: list[str] = []
        self.alerts: list[Alert] = []
        self.rest = Rest(
            TRADING,
            venue.credentials,
            http_origin(venue.rest_url),
            timing=time.timing,
            policy=RestPolicy(tries=1, warm_every=1e9),
        )
        self.token = Token(
            self.rest,
            TRADING,
            timing=time.timing,
            on_over=self.over.append,
            on_alert=self.alerts.append,
            dice=dice,
        )

    async def extensions(self, count: int) -> None:
        await until(lambda: len(self.venue.of(LISTEN_KEY, "PUT")) == count)
        await until(lambda: self.token.extended + self.token.extensions_failed == count)
        await self.time.settle()

    def texts(self) -> str:
        return "\n".join([*self.over, *(alert.text for alert in self.alerts)])


@asynccontextmanager
async def stand(dice: Callable[[], float] = lambda: 0.0) -> AsyncIterator[Bench]:
    time = StandingTime()
    async with Counterparty() as venue:
        venue.now_ms = lambda: time.clock.now_ns() // 1_000_000
        bench = Bench(venue, time, dice)
        await bench.rest.open()
        try:
            yield bench
        finally:
            bench.token.drop()
            await bench.rest.close()
        assert not any(made in bench.texts() or made in repr(bench.token) for made in venue.made)
    await until(lambda: len(asyncio.all_tasks()) == 1)


async def test_a_fresh_key_each_time() -> None:
    async with stand() as bench:
        first, second = await bench.token.fresh(), await bench.token.fresh()
        assert [first.reveal(), second.reveal()] == bench.venue.made and bench.token.made == 2
        assert bench.token.name == second.fingerprint
        (asked, _) = bench.venue.of(LISTEN_KEY)
        assert (asked.method, asked.body) == ("POST", b"")
        bench.token.drop()
        assert bench.token.name == "none"


@pytest.mark.parametrize(("dice", "age"), [(0.0, 30.0), (0.5, 40.0), (1.0, 50.0)])
async def test_it_is_extended_between_30_and_50_minutes(dice: float, age: float) -> None:
    async with stand(lambda: dice) as bench:
        await bench.token.fresh()
        for count in (1, 2, 3):
            await bench.time.move(age * MINUTE - 1.0)
            assert len(bench.venue.of(LISTEN_KEY, "PUT")) == count - 1
            await bench.time.move(1.0)
            await bench.extensions(count)
        assert not bench.over and not bench.alerts


async def test_an_extension_that_fails_is_told_and_tried_again() -> None:
    async with stand() as bench:
        key = await bench.token.fresh()
        bench.venue.answers["PUT", LISTEN_KEY] = status(503, f"no {key.reveal()} today")
        await bench.time.move(30 * MINUTE)
        await bench.extensions(1)
        (alert,) = bench.alerts
        assert alert.kind == "key"
        assert alert.text.startswith(f"listenKey {key.fingerprint} was not extended, no answer: the venue answered 503")
        del bench.venue.answers["PUT", LISTEN_KEY]
        bench.venue.answers["PUT", LISTEN_KEY] = bench.venue._extend_token
        await bench.time.move(1.0)
        await bench.extensions(2)
        assert bench.token.extended == 1 and not bench.over


async def test_one_that_is_never_extended_is_over_after_an_hour() -> None:
    async with stand() as bench:
        key = await bench.token.fresh()
        bench.venue.answers["PUT", LISTEN_KEY] = status(503)
        await bench.time.move(30 * MINUTE)
        count = 1
        while not bench.over:
            await bench.extensions(count)
            count += 1
            await bench.time.move(bench.time.next)
        assert bench.over == [f"listenKey {key.fingerprint} is over: it was not extended in time"]
        assert bench.time.timing.now() >= 3600.0 and bench.token.name == "none"
        assert count >= 30  # 1, 2, 4 .. 60, 60 s apart


async def test_the_venue_knows_none_that_is_alive() -> None:
    async with stand() as bench:
        await bench.token.fresh()
        bench.venue.tokens.clear()
        await bench.time.move(30 * MINUTE)
        await until(lambda: bench.over)
        assert (
            "the venue knows none that is alive (the venue answered 400: there is no live listenKey)" in bench.over[0]
        )
        await bench.time.move(120 * MINUTE)
        assert len(bench.over) == 1 and len(bench.venue.of(LISTEN_KEY, "PUT")) == 1


async def test_told_apart_a_refused_api_key_and_too_many_requests() -> None:
    async with stand() as bench:
        await bench.token.fresh()
        bench.venue.key = "another"
        await bench.time.move(30 * MINUTE)
        await bench.extensions(1)
        assert "was not extended, the api key was refused" in bench.alerts[-1].text
        bench.venue.key = bench.rest._credentials.api_key
        bench.venue.answers["PUT", LISTEN_KEY] = status(429)
        await bench.time.move(2.0)
        await until(lambda: bench.token.extensions_failed == 2)
        assert "was not extended, too many requests" in bench.alerts[-1].text and not bench.over


async def test_a_clock_that_is_off_does_not_cost_the_key() -> None:
    async with stand() as bench:
        await bench.token.fresh()
        bench.venue.offset_ms = 300_000
        await bench.time.move(30 * MINUTE)
        await until(lambda: bench.token.extended == 1)
        assert not bench.over and bench.rest.offset_ns == 300_000_000_000


async def test_the_stream_tells_that_it_expired() -> None:
    async with stand() as bench:
        key = await bench.token.fresh()
        bench.token.expired()
        bench.token.expired()
        assert bench.over == [f"listenKey {key.fingerprint} is over: the venue says that it expired"]
        await bench.time.move(120 * MINUTE)
        assert not bench.venue.of(LISTEN_KEY, "PUT")


async def test_refused_at_the_dial() -> None:
    async with stand() as bench:
        key = await bench.token.fresh()
        bench.token.refused()
        assert [alert.text for alert in bench.alerts] == [f"listenKey {key.fingerprint} was refused by the stream"]
        assert bench.token.name == "none" and not bench.over


async def test_none_can_be_made() -> None:
    async with stand() as bench:
        bench.venue.answers["POST", LISTEN_KEY] = status(503, "busy")
        with pytest.raises(ConnectError, match="no listenKey: the venue answered 503: busy"):
            await bench.token.fresh()
        bench.venue.answers["POST", LISTEN_KEY] = lambda asked: (200, {"listenKey": "not/a/key"})
        with pytest.raises(ConnectError, match="no listenKey: the answer holds no listenKey") as caught:
            await bench.token.fresh()
        assert "not/a/key" not in str(caught.value)
        bench.venue.key = "another"
        with pytest.raises(CredentialsError, match="no listenKey: the venue answered 401"):
            await bench.token.fresh()
        assert bench.token.name == "none"


async def test_what_the_dropped_key_had_planned_does_not_happen() -> None:
    async with stand() as bench:
        await bench.token.fresh()
        await bench.time.move(20 * MINUTE)
        await bench.token.fresh()
        await bench.time.move(10 * MINUTE)
        assert not bench.venue.of(LISTEN_KEY, "PUT")
        await bench.time.move(20 * MINUTE)
        await bench.extensions(1)


async def test_old_keys_stay_hidden() -> None:
    async with stand() as bench:
        keys = [await bench.token.fresh() for _ in range(3)]
        for key in keys:
            assert bench.token.hidden(f"GET /ws/{key.reveal()} HTTP/1.1") == f"GET /ws/<{key.fingerprint}> HTTP/1.1"
