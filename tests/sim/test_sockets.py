"""Who is let in at the private door, and how one behaves there; the public one is in test_server."""

from __future__ import annotations

from dataclasses import replace

import aiohttp
import pytest

from csbook.venues import dialect
from customer import customers


async def refused(session: aiohttp.ClientSession, url: str) -> int:
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await session.ws_connect(url)
    return caught.value.status


async def test_an_unknown_key_is_turned_away_at_the_upgrade() -> None:
    async with customers() as (venue, customer):
        assert await refused(customer.session, f"{venue.ws_url}/ws/{'0' * 64}") == 401
        key = await customer.key()
        async with customer.session.get(f"{venue.rest_url}/ws/{key}") as answer:
            assert answer.status == 426
            assert key not in await answer.text()


async def test_private_streams_count_as_connections() -> None:
    limits = replace(dialect("coinswitch").limits, connections=1)
    async with customers(limits=limits) as (venue, customer):
        stream = await customer.listen()
        assert await refused(customer.session, f"{venue.ws_url}/ws/{await customer.key()}") == 429
        await stream.close()
        await (await customer.listen()).close()


async def test_nothing_can_be_asked_there() -> None:
    async with customers() as (_, customer):
        stream = await customer.listen()
        await stream.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})
        assert (await stream.receive_json(timeout=5))["error"]["code"] == 2
        await stream.send_bytes(b"{}")
        assert (await stream.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE
        assert stream.close_code == 1003


async def test_it_pings() -> None:
    async with customers(ping_interval_s=0.01) as (venue, customer):
        stream = await customer.session.ws_connect(f"{venue.ws_url}/ws/{await customer.key()}", autoping=False)
        while not venue.counts["pongs"]:
            message = await stream.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.PING
            await stream.pong(message.data)
        assert venue.counts["pings"] >= 1
