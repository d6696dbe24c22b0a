"""Private streams over real sockets: who hears what, when keys end, and what the faults make of events."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from csbook.clock import TapeClock
from csbook.sim import Faults
from csbook.sim.faults import EVENT_KINDS
from customer import LISTEN, Customer, customers, heard

START = 1_700_000_000_000_000_000
HOUR = 3600 * 10**9


async def rest_of(stream: aiohttp.ClientWebSocketResponse) -> tuple[list[Any], int | None]:
    """Everything up to the end of the stream, and its close code."""
    said = []
    async with asyncio.timeout(40):
        async for message in stream:
            said.append(message.json())
    return said, stream.close_code


async def waiting(stream: aiohttp.ClientWebSocketResponse) -> list[Any]:
    """What is there to be read now."""
    said = []
    with pytest.raises(asyncio.TimeoutError):
        while True:
            said.append(await stream.receive_json(timeout=0.03))
    return said


def numbers(events: list[Any]) -> list[str]:
    return [event["o"]["c"] for event in events if event["e"] == "ORDER_TRADE_UPDATE"]


def place(customer: Customer, *names: str) -> None:
    for name in names:
        customer.venue.place_by_hand("BTCUSDT", "BUY", "0.001", "61000.0", client_order_id=name)


async def test_every_stream_of_the_account_hears_every_event() -> None:
    async with customers() as (venue, customer):
        key = await customer.key()
        streams = [await customer.listen(), await customer.listen()]
        streams += [await customer.session.ws_connect(f"{venue.ws_url}/ws/{key}") for _ in range(2)]
        place(customer, "1", "2")
        await venue.quiet()
        for stream in streams:
            assert numbers(await heard(stream, 2)) == ["1", "2"]
        await streams[0].close()
        place(customer, "3")
        assert numbers(await heard(streams[3], 1)) == ["3"]
        assert venue.counts["events"] == 3


async def test_a_key_ends_an_hour_after_its_last_renewal() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock) as (venue, customer):
        key = await customer.key()
        stream = await customer.session.ws_connect(f"{venue.ws_url}/ws/{key}")
        venue.advance(HOUR - 10**9)
        assert await customer.ask("PUT", LISTEN) == (200, {})
        venue.advance(HOUR - 1)
        place(customer, "1")
        venue.advance(1)
        said, code = await rest_of(stream)
        assert numbers(said) == ["1"]
        assert said[-1] == {"e": "listenKeyExpired", "E": (START + 2 * HOUR - 10**9) // 10**6}
        assert code == 1008
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await customer.session.ws_connect(f"{venue.ws_url}/ws/{key}")
        assert caught.value.status == 401
        assert (await customer.ask("PUT", LISTEN))[0] == 400
        assert (await customer.listen()).closed is False


async def test_a_key_that_ends_in_silence() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock, silent_expiry=True) as (venue, customer):
        stream = await customer.listen()
        venue.advance(HOUR)
        place(customer, "1")
        assert await waiting(stream) == []
        assert not stream.closed


async def test_keys_end_on_demand() -> None:
    async with customers() as (venue, customer):
        streams = [await customer.listen() for _ in range(2)]
        await customer.key()  # nobody listens by this one
        assert venue.expire_listen_keys("default") == 3
        for stream in streams:
            said, code = await rest_of(stream)
            assert ([event["e"] for event in said], code) == (["listenKeyExpired"], 1008)
        assert venue.expire_listen_keys() == 0


async def test_streams_can_be_ended_alone() -> None:
    async with customers() as (venue, customer):
        stream = await customer.listen()
        public = await customer.session.ws_connect(f"{venue.ws_url}/pro/realtime-rates-socket/futures/x")
        ending = asyncio.create_task(venue.disconnect_streams(1012))
        assert await rest_of(stream) == ([], 1012)
        await ending
        await public.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        assert await public.receive_json(timeout=5) == {"result": [], "id": 1}


# -- faults


@pytest.mark.parametrize("kind", ["event_drop", "event_duplicate", "event_reorder"])
async def test_lost_doubled_and_swapped(kind: str) -> None:
    names = [str(number) for number in range(30)]
    async with customers(faults=Faults(**{kind: 0.3}), seed=5) as (venue, customer):
        stream = await customer.listen()
        place(customer, *names)
        await venue.quiet()
        found = numbers(await waiting(stream))
        struck = venue.counts[kind]
    assert struck > 3
    assert len(found) == {"event_drop": 30 - struck, "event_duplicate": 30 + struck, "event_reorder": 30}[kind]
    assert (set(found) == set(names)) is (kind != "event_drop")
    assert (found == sorted(found, key=int)) is (kind != "event_reorder")


async def test_the_same_seed_strikes_the_same_events_of_the_same_stream() -> None:
    async def found(seed: int, turn: int) -> list[str]:
        faults = ["event_drop=0.2", "event_duplicate=0.2", "event_reorder=0.2"]
        async with customers(faults=faults, seed=seed) as (venue, customer):
            for _ in range(turn):
                await (await customer.listen()).close()
            stream = await customer.listen()
            place(customer, *map(str, range(30)))
            await venue.quiet()
            return numbers(await waiting(stream))

    first = await found(1, 0)
    assert first == await found(1, 0)
    assert first != await found(2, 0)
    assert first != await found(1, 1), "each stream has a fate of its own"


async def test_a_delayed_event_comes_after_the_answer_by_the_venue_s_clock() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock, faults="event_delay=1:50ms") as (venue, customer):
        stream = await customer.listen()
        await customer.place("BUY", "0.001", "61000.0", client_order_id="1")
        await customer.place("BUY", "0.001", "61000.0", client_order_id="2")
        assert await waiting(stream) == [], "answered, and nothing was said"
        await venue.quiet(rouse=False)
        due = venue.due_ns
        assert due is not None
        assert 5_000_000 <= due - clock.monotonic_ns() <= 50_000_000
        venue.advance(50_000_000)
        assert numbers(await heard(stream, 1)) == ["1"]
        assert await waiting(stream) == [], "the next is delayed by itself"
        await venue.quiet()
        assert numbers(await heard(stream, 1)) == ["2"]
        assert venue.counts["event_delay"] == 2


async def test_a_disconnect_in_the_middle_of_a_burst() -> None:
    codes = set()
    for seed in range(8):
        async with customers(faults="event_disconnect=0.2", seed=seed) as (venue, customer):
            stream = await customer.listen()
            place(customer, *map(str, range(40)))
            said, code = await rest_of(stream)
            codes.add(code)
            assert numbers(said) == [str(number) for number in range(len(said))]
            assert len(said) < 40
            assert len(venue.account.orders) == 40
    assert codes == {1001, 1006}


async def test_a_key_that_expires_in_the_middle_of_a_burst() -> None:
    async with customers(faults="event_expire=0.1", seed=3) as (venue, customer):
        streams = [await customer.listen() for _ in range(2)]
        place(customer, *map(str, range(40)))
        for stream in streams:
            said, code = await rest_of(stream)
            assert (said[-1]["e"], code) == ("listenKeyExpired", 1008)
        assert (await customer.ask("PUT", LISTEN))[0] == 400
        assert venue.counts["event_expire"] >= 1


async def test_faults_of_events_leave_the_public_streams_alone_and_the_other_way_round() -> None:
    rates = dict.fromkeys(EVENT_KINDS, 0.16)
    async with customers(faults=Faults(**rates)) as (venue, customer):
        public = await customer.session.ws_connect(f"{venue.ws_url}/pro/realtime-rates-socket/futures/x")
        await public.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth5", "btcusdt@trade"], "id": 1})
        venue.step(200)
        ids = [event["lastUpdateId"] for event in (await waiting(public))[1:] if "lastUpdateId" in event]
        assert ids == sorted(set(ids))
        assert venue.counts["event_drop"] == 0
        venue.faults = "drop=1"
        stream = await customer.listen()
        place(customer, "1")
        assert numbers(await heard(stream, 1)) == ["1"]
