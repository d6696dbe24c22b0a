"""Several private connections as one: two feeds of a server that is not ours, and what becomes of the whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from csbook.credentials import Credentials
from csbook.errors import ConnectError, CredentialsError, UsageError
from csbook.net.connections import Connections
from csbook.net.origin import http_origin, websocket_origin
from csbook.net.rest import Rest, RestPolicy
from csbook.net.setting import Policy, Setting
from csbook.net.timing import Timing
from csbook.venues import trading_table
from csbook.wire.private import Hint
from scripted import open_sockets, until
from spotvenue import SpotVenue, spot_venue

pytest.importorskip("cryptography", reason="Ed25519 needs the package cryptography")

KEYS = Credentials("the-public-half-of-a-pair", bytes(range(32)).hex())
QUICK = Policy(backoff_base=0.01, backoff_cap=0.04, dial_within=2.0, pong_within=5.0, confirm_within=2.0)


class Bench:
    def __init__(self, venue: SpotVenue) -> None:
        self.news: list[Any] = []
        table, timing = trading_table("coinswitch-sio-spot"), Timing()
        self.rest = Rest(
            table, KEYS, http_origin(venue.rest_url), timing=timing, policy=RestPolicy(tries=1, warm_every=1e9)
        )
        self.connections = Connections(
            self.rest,
            table,
            setting=Setting(websocket_origin(venue.ws_url), "", 100, 60.0, policy=QUICK),
            timing=timing,
            on_reports=self.news.extend,
            on_lost=lambda reason: self.news.append("lost"),
            on_restored=lambda: self.news.append("restored"),
        )

    def told(self, word: str) -> int:
        return self.news.count(word)


@asynccontextmanager
async def stand(*, opened: bool = True) -> AsyncIterator[tuple[SpotVenue, Bench]]:
    async with spot_venue() as venue:
        bench = Bench(venue)
        await bench.rest.open()
        try:
            if opened:
                await bench.connections.open()
                await until(lambda: bench.connections.are_connected)
            yield venue, bench
        finally:
            await bench.connections.close()
            await bench.rest.close()


async def test_they_stand_when_the_last_one_does() -> None:
    async with stand(opened=False) as (venue, bench):
        venue.balances.answer = None  # it stands by news alone, or after a while
        opening = asyncio.ensure_future(bench.connections.open())
        await until(lambda: bench.connections.streams[0].is_connected and venue.balances.heard)
        assert not opening.done() and not bench.connections.are_connected and not bench.told("restored")
        await venue.balances.push({"any": "news"})
        await opening
        assert bench.connections.are_connected and bench.told("restored") == 1
        assert Hint("a balance update") in bench.news


async def test_the_first_loss_is_told_and_the_last_return() -> None:
    async with stand() as (venue, bench):
        venue.orders.answer = venue.balances.answer = None
        await venue.orders.kick()
        await until(lambda: bench.told("lost"))
        assert not bench.connections.are_connected
        await venue.balances.push({"what": "still stands is heard"})
        await until(lambda: Hint("a balance update") in bench.news)
        await venue.balances.kick()
        await until(lambda: len(venue.balances.heard) == len(venue.orders.heard) == 2)
        await venue.orders.push({"i": "1"})
        await until(lambda: bench.connections.streams[0].is_connected)
        assert (bench.told("lost"), bench.told("restored")) == (1, 1)
        await venue.balances.push({"i": "1"})
        await until(lambda: bench.connections.are_connected)
        assert (bench.told("lost"), bench.told("restored"), bench.connections.reconnects) == (1, 2, 2)


async def test_one_that_is_refused_leaves_none_open() -> None:
    async with stand(opened=False) as (venue, bench):
        before = open_sockets()
        venue.balances.answer = {"success": False, "message": "no"}
        with pytest.raises(CredentialsError, match="the subscription was refused: no"):
            await bench.connections.open()
        await until(lambda: open_sockets() <= before)
        assert not any(stream.is_connected for stream in bench.connections.streams)


async def test_opening_that_is_given_up_leaves_none_open() -> None:
    async with stand(opened=False) as (venue, bench):
        before = open_sockets()
        venue.balances.answer = None
        opening = asyncio.ensure_future(bench.connections.open())
        await until(lambda: bench.connections.streams[0].is_connected and venue.balances.heard)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert not any(stream.is_connected for stream in bench.connections.streams)
        await until(lambda: open_sockets() <= before)


async def test_a_connection_that_cannot_be_had() -> None:
    async with stand(opened=False) as (venue, bench):
        venue.balances.server.on("connect", lambda sid, environ: False, namespace=venue.balances.namespace)
        with pytest.raises(ConnectError, match="the namespace was refused"):
            await bench.connections.open()


async def test_what_is_malformed_is_counted_for_all() -> None:
    async with stand() as (venue, bench):
        await venue.orders.push({"i": {}, "X": "OPEN"})
        await venue.orders.push({"i": "1", "X": "OPEN", "z": "-1"})
        await until(lambda: bench.news.count(Hint("an order update")) == 2)
        assert bench.connections.malformed == 2 and bench.connections.are_connected


async def test_a_venue_without_a_private_stream() -> None:
    async with spot_venue() as venue:
        rest = Rest(trading_table("coinswitch-sio"), KEYS, http_origin(venue.rest_url))
        with pytest.raises(UsageError, match="no private stream"):
            Connections(
                rest,
                trading_table("coinswitch-sio"),
                setting=Setting(websocket_origin(venue.ws_url), "", 100, 60.0),
                timing=Timing(),
                on_reports=lambda events: None,
                on_lost=lambda reason: None,
                on_restored=lambda: None,
            )
