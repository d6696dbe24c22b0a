"""Faults of signed requests: what a client is told, and what the venue has done."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from csbook.clock import TapeClock
from csbook.sim import Faults
from csbook.sim.faults import REQUEST_KINDS
from customer import FUTURES, customers


@pytest.mark.parametrize("kind", REQUEST_KINDS)
async def test_each_fault_and_whether_the_order_was_placed(kind: str) -> None:
    async with customers(faults=Faults(**{kind: 1.0})) as (venue, customer):
        if kind.endswith("lost"):
            with pytest.raises(aiohttp.ClientConnectionError):
                await customer.place("BUY", "0.001", "61000.0", client_order_id="one")
        else:
            status, said = await customer.place("BUY", "0.001", "61000.0", client_order_id="one")
            assert (status, list(said)) == (int(kind[-3:]), ["message"])
        assert len(venue.account.orders) == kind.startswith("answer")
        assert venue.counts[kind] == 1
        venue.faults = ()
        status, said = await customer.ask("GET", f"{FUTURES}/order", query="client_order_id=one")
        assert status == (200 if kind.startswith("answer") else 404)


@pytest.mark.parametrize("kind", ["request_lost", "answer_lost"])
async def test_an_answer_that_does_not_come(kind: str) -> None:
    clock = TapeClock(1_700_000_000_000_000_000)
    async with customers(clock=clock, faults=f"{kind}=1:3600s") as (venue, customer):
        asking = asyncio.create_task(customer.place("BUY", "0.001", "61000.0"))
        await asyncio.sleep(0.05)
        assert not asking.done()
        assert len(venue.account.orders) == (kind == "answer_lost")
        venue.advance(3600 * 10**9)
        with pytest.raises(aiohttp.ClientConnectionError):
            await asyncio.wait_for(asking, 10)


async def test_answers_held_back_do_not_keep_the_venue_open() -> None:
    clock = TapeClock(1_700_000_000_000_000_000)
    async with asyncio.timeout(40):
        async with customers(clock=clock, faults="answer_lost=1:3600s") as (_, customer):
            asking = asyncio.create_task(customer.place("BUY", "0.001", "61000.0"))
            await asyncio.sleep(0.02)
        with pytest.raises(aiohttp.ClientError):
            await asking


async def test_the_same_seed_strikes_the_same_requests_of_an_operation_whatever_else_is_asked() -> None:
    async def found(seed: int, polls: int) -> list[int]:
        faults = ["request_429=0.3", "answer_503=0.3"]
        async with customers(faults=faults, seed=seed) as (_, customer):
            said = []
            for _ in range(20):
                said.append((await customer.place("BUY", "0.001", "61000.0"))[0])
                for _ in range(polls):
                    await customer.ask("POST", f"{FUTURES}/orders/open")
            return said

    first = await found(1, 0)
    assert set(first) == {200, 429, 503}
    assert first == await found(1, 2)
    assert first != await found(2, 0)


async def test_a_header_that_is_no_text_is_nobody_s() -> None:
    async with customers() as (venue, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", venue.port)
        head = f"x-api-timestamp: {venue._floor.now_ms()}\r\nx-api-signature: no\r\nConnection: close\r\n\r\n"
        writer.write(
            f"GET {FUTURES}/positions HTTP/1.1\r\nHost: x\r\nx-api-key: ".encode() + b"\xff\r\n" + head.encode()
        )
        assert (await reader.readline()).split()[1] == b"401"
        writer.close()
        await writer.wait_closed()
