"""A connection on a transport that only remembers: what is written, when, and what the faults make of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from csbook.sim.board import Message
from csbook.sim.connection import COUNTERS, HIGH_WATER, Conduct, Connection, Farewell
from csbook.sim.faults import KINDS, Faults
from csbook.sim.frames import TEXT, frame


class Wire(asyncio.Transport):
    """Takes everything, and is as full as it is told to be."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.full = 0
        self.closing = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.full

    def is_closing(self) -> bool:
        return self.closing

    def abort(self) -> None:
        self.closing = True


def conduct(**changes: Any) -> Conduct:
    usual = Conduct(Faults(), 7, 60.0, 60.0, 1.0, 100, 10)
    return replace(usual, **changes)


@asynccontextmanager
async def running(conduct: Conduct) -> AsyncIterator[tuple[Connection, Wire]]:
    wire = Wire()
    connection = Connection(1, wire, conduct)
    task = asyncio.create_task(connection.run())
    try:
        yield connection, wire
    finally:
        connection.hang_up(Farewell(None))
        await task


def message(number: int, stream: str = "x@trade", *, replaceable: bool = False) -> Message:
    return Message(stream, b'{"n":"%d"}' % number, replaceable)


def offer(connection: Connection, *numbers: int, **options: bool) -> None:
    for number in numbers:
        it = message(number)
        connection.offer(it, frame(TEXT, it.payload), **options)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.001)
    pytest.fail("waited in vain")


def numbers(wire: Wire) -> list[int]:
    """The messages written, put together again."""
    found, data, payload = [], b"".join(wire.writes), b""
    while data:
        size = data[1]
        payload += data[2 : 2 + size]
        if data[0] & 0x80:
            found.append(int(json.loads(payload)["n"]))
            payload = b""
        data = data[2 + size :]
    return found


async def test_messages_go_out_in_order() -> None:
    how = conduct()
    async with running(how) as (connection, wire):
        offer(connection, 1, 2, 3)
        assert not connection.idle
        await until(lambda: connection.idle)
        assert numbers(wire) == [1, 2, 3]
        assert not connection.behind
    assert how.counts["messages"] == 3
    assert set(how.counts) == set(COUNTERS)
    assert all(name == name.lower() for name in COUNTERS)


async def test_confirmations_go_ahead() -> None:
    async with running(conduct()) as (connection, wire):
        offer(connection, 1)
        connection.confirm(b'{"n":"0"}')
        await until(lambda: connection.idle)
        assert numbers(wire) == [0, 1]


async def test_a_newer_one_takes_the_place() -> None:
    how = conduct()
    async with running(how) as (connection, wire):
        for number, stream in ((1, "a"), (2, "b"), (3, "a"), (4, "a")):
            it = message(number, stream, replaceable=True)
            connection.offer(it, frame(TEXT, it.payload))
        await until(lambda: connection.idle)
        assert numbers(wire) == [4, 2]
    assert (how.counts["conflated"], how.counts["messages"]) == (2, 2)


async def test_what_a_client_has_left_is_not_sent() -> None:
    async with running(conduct()) as (connection, wire):
        offer(connection, 1)
        it = message(2, "a", replaceable=True)
        connection.offer(it, frame(TEXT, it.payload))
        connection.retract("x@trade")
        await until(lambda: connection.idle)
        assert numbers(wire) == [2]


async def test_a_queue_has_an_end() -> None:
    how = conduct(backlog=5)
    async with running(how) as (connection, _):
        offer(connection, *range(6))
        assert connection.farewell == Farewell(1008, "too slow")
        offer(connection, 7)
    assert how.counts["slow"] == 1


async def test_a_client_that_does_not_read() -> None:
    how = conduct(slow_after_s=0.05)
    async with running(how) as (connection, wire):
        wire.full = HIGH_WATER + 1
        offer(connection, 1)
        await asyncio.sleep(0.01)
        assert connection.behind
        wire.full = 0
        await until(lambda: connection.idle)
        assert numbers(wire) == [1]
        wire.full = HIGH_WATER + 1
        offer(connection, 2)
        await until(lambda: connection.farewell is not None)
        assert connection.farewell == Farewell(1008, "too slow")
    assert how.counts["slow"] == 1


async def test_pings_and_their_answers() -> None:
    how = conduct(ping_interval_s=0.02, pong_deadline_s=0.15)
    async with running(how) as (connection, wire):
        await until(lambda: wire.writes == [b"\x89\x00"])
        connection.heard_pong()
        connection.heard_pong()
        await until(lambda: connection.farewell is not None)
        assert connection.farewell == Farewell(1008, "no pong")
    assert (how.counts["pongs"], how.counts["no_pong"]) == (1, 1)
    assert how.counts["pings"] >= 3


async def test_a_clients_ping_is_answered() -> None:
    async with running(conduct()) as (connection, wire):
        connection.pong(b"hello")
        await until(lambda: wire.writes == [b"\x8a\x05hello"])


async def test_messages_a_second() -> None:
    how = conduct(messages_per_second=3)
    async with running(how) as (connection, _):
        for now in (0.0, 0.1, 0.2, 1.05, 1.15, 1.25):
            connection.heard_from(now)
        assert connection.farewell is None
        connection.heard_from(1.3)
        assert connection.farewell == Farewell(1008, "too many messages")
    assert how.counts["too_fast"] == 1


# -- faults; seeds are chosen where a detail is drawn


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("drop", []), ("duplicate", [1, 1, 2, 2, 3, 3]), ("split", [1, 2, 3]), ("delay", [1, 2, 3]), ("", [1, 2, 3])],
)
async def test_each_message_struck(kind: str, expected: list[int]) -> None:
    how = conduct(faults=Faults(**({kind: 1.0} if kind else {}), delay_s=0.01))
    async with running(how) as (connection, wire):
        offer(connection, 1, 2, 3)
        await until(lambda: connection.idle)
        assert numbers(wire) == expected
    assert how.counts["messages"] == len(expected)
    for each in KINDS:
        assert how.counts[each] == (3 if each == kind else 0)


async def test_reorder_swaps_with_the_next() -> None:
    how = conduct(faults=Faults(reorder=1.0))
    async with running(how) as (connection, wire):
        offer(connection, 1, 2, 3, 4, 5)
        await until(lambda: connection.idle)
        assert numbers(wire) == [2, 1, 4, 3]
        how.at_rest = True
        connection.rouse()
        await until(lambda: len(wire.writes) == 5)
        assert numbers(wire) == [2, 1, 4, 3, 5]
    assert how.counts["reorder"] == 2


async def test_what_is_held_back_of_a_left_stream_is_forgotten() -> None:
    how = conduct(faults=Faults(reorder=1.0))
    async with running(how) as (connection, wire):
        offer(connection, 1)
        await until(lambda: connection.idle)
        connection.retract("x@trade")
        how.faults = Faults()
        connection.rouse()
        offer(connection, 2)
        await until(lambda: numbers(wire) == [2])


async def test_what_is_held_back_is_let_go_when_faults_end() -> None:
    how = conduct(faults=Faults(reorder=1.0))
    async with running(how) as (connection, wire):
        offer(connection, 1)
        await until(lambda: connection.idle)
        assert wire.writes == []
        how.faults = Faults()
        connection.rouse()
        await until(lambda: numbers(wire) == [1])


async def test_split_frames_and_cut_frames() -> None:
    how = conduct(faults=Faults(split=1.0))
    async with running(how) as (connection, wire):
        offer(connection, *range(100, 160))
        await until(lambda: connection.idle)
        assert numbers(wire) == list(range(100, 160))
    heads = [data[0] for data in wire.writes]
    assert 0x01 in heads, "a first frame that is not the last"
    assert 0x80 in heads, "a last frame that is not the first"
    cuts = [data for data in wire.writes if len(data) < 2 or len(data) - 2 != data[1] & 0x7F]
    assert len(cuts) > 20, "writes that are no whole frame"


async def test_malformed() -> None:
    how = conduct(faults=Faults(malformed=1.0))
    async with running(how) as (connection, wire):
        offer(connection, *range(100, 130))
        await until(lambda: connection.idle)
        sound = {b'{"n":"%d"}' % number for number in range(100, 130)}
        assert not sound & {data[2:] for data in wire.writes}
    assert how.counts["malformed"] == len(wire.writes) == 30


async def test_disconnect_of_both_kinds() -> None:
    ends = set()
    for seed in range(12):
        how = conduct(faults=Faults(disconnect=1.0), seed=seed)
        async with running(how) as (connection, wire):
            offer(connection, 1)
            await until(lambda c=connection: c.farewell is not None)
            ends.add(connection.farewell)
            assert wire.writes == []
        assert how.counts["disconnect"] == 1
    assert ends == {Farewell(None), Farewell(1001, "going away")}


async def test_a_stall_is_silent_and_loses_trades() -> None:
    how = conduct(faults=Faults(stall=1.0, stall_s=0.1), ping_interval_s=0.03, pong_deadline_s=9)
    async with running(how) as (connection, wire):
        offer(connection, 1)
        await asyncio.sleep(0.07)
        offer(connection, 2)
        assert wire.writes == []
        assert not connection.behind
        assert not connection.idle
        how.faults = Faults()
        await until(lambda: len(wire.writes) >= 2)
        assert wire.writes[0] == b'\x81\x09{"n":"1"}', "the message that it struck comes after it"
        assert wire.writes[1] == b"\x89\x00", "and then the pings again"
    assert (how.counts["stall"], how.counts["lost"]) == (1, 1)


async def test_rousing_ends_a_stall() -> None:
    how = conduct(faults=Faults(stall=1.0, stall_s=100.0))
    async with running(how) as (connection, wire):
        offer(connection, 1)
        await asyncio.sleep(0.01)
        assert wire.writes == []
        connection.rouse()
        await until(lambda: numbers(wire) == [1])


async def test_sound_messages_suffer_nothing() -> None:
    how = conduct(faults=Faults(drop=1.0))
    async with running(how) as (connection, wire):
        offer(connection, 1, 2, sound=True)
        await until(lambda: connection.idle)
        assert numbers(wire) == [1, 2]
    assert how.counts["drop"] == 0


async def test_the_same_seed_breaks_the_same_messages() -> None:
    async def written(seed: int) -> list[bytes]:
        faults = Faults(drop=0.2, duplicate=0.2, reorder=0.2, malformed=0.2, split=0.1)
        async with running(conduct(faults=faults, seed=seed)) as (connection, wire):
            offer(connection, *range(80))
            await until(lambda: connection.idle)
            return list(wire.writes)

    assert await written(1) == await written(1)
    assert await written(1) != await written(2)
