"""What keeps a connection up, on a venue that does what the test says; tests/net/test_stream.py has the public one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from csbook.errors import ConnectError, CredentialsError, CsbookError
from csbook.net.link import Link
from csbook.net.origin import websocket_origin
from csbook.net.setting import Policy, Setting
from scripted import CONTINUATION, ScriptedVenue, frame, open_sockets, until
from standing import StandingTime

QUICK = Policy(backoff_base=0.01, backoff_cap=0.04, dial_within=2.0, pong_within=0.2)


class Talk(Link):
    """Writes down what it is told."""

    def __init__(self, venue: ScriptedVenue, *, stale_after: float = 5.0, time: StandingTime | None = None) -> None:
        policy = replace(QUICK, pong_within=1.0) if time is not None else QUICK
        setting = Setting(websocket_origin(venue.url), "/talk", 100, stale_after, policy=policy)
        super().__init__(setting, name="talk", timing=time.timing if time is not None else None)
        self.notes: list[str] = []
        self.address_error: CsbookError | None = None

    async def open(self) -> None:
        await self._dial()
        self._keep_up()

    async def _address(self) -> str:
        if self.address_error is not None:
            error, self.address_error = self.address_error, None
            raise error
        return self._setting.origin.url(self._setting.path)

    def _greet(self) -> None:
        self._backoff.opened(self._now())
        self.notes.append("greet")

    def _lost(self, reason: str) -> None:
        self.notes.append(f"lost: {reason}")

    def _failed(self, error: CsbookError) -> None:
        self.notes.append(f"failed: {error}")

    def cold(self, payload: bytes, receive_time_ns: int) -> None:
        self.notes.append(payload.decode())


@asynccontextmanager
async def stand(**options: Any) -> AsyncIterator[tuple[ScriptedVenue, Talk]]:
    before = open_sockets()
    async with ScriptedVenue() as venue:
        talk = Talk(venue, **options)
        try:
            yield venue, talk
        finally:
            await talk.close()
            assert not talk.is_connected
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


async def test_messages_then_a_loss_then_the_next_connection() -> None:
    async with stand() as (venue, talk):
        await talk.open()
        await venue.clients[0].send("one", "two")
        await until(lambda: "two" in talk.notes)
        venue.clients[0].drop()
        await until(lambda: len(venue.clients) == 2 and talk.is_connected)
        await venue.clients[1].send("three")
        await until(lambda: "three" in talk.notes)
        assert talk.notes == ["greet", "one", "two", "lost: connection lost", "greet", "three"]
        await until(lambda: talk.reconnects == 1)


async def test_what_the_venue_closes_and_what_breaks_the_protocol() -> None:
    async with stand() as (venue, talk):
        await talk.open()
        await venue.clients[0].hang_up(1008, "go away")
        await until(lambda: len(venue.clients) == 2 and talk.is_connected)
        await venue.clients[1].write(frame("x", CONTINUATION))
        await until(lambda: len(venue.clients) == 3 and talk.is_connected)
        losses = [note for note in talk.notes if note.startswith("lost")]
        assert losses == ["lost: closed by the venue: 1008 go away", "lost: protocol error: a fragment of no message"]


async def test_pings_are_answered() -> None:
    async with stand() as (venue, talk):
        await talk.open()
        await venue.clients[0].write(frame(b"abc", 9))
        await until(lambda: venue.clients[0].pongs == [b"abc"])
        assert talk.pings == 1


async def test_a_silence_is_probed_and_an_answer_ends_it() -> None:
    async with stand(stale_after=0.02) as (venue, talk):
        await talk.open()
        await until(lambda: len(venue.clients[0].pings) >= 3)
        assert talk.notes == ["greet"]


async def test_a_probe_that_is_not_answered_is_a_loss() -> None:
    async with stand(stale_after=0.02) as (venue, talk):
        venue.answered_pings = False
        await talk.open()
        await until(lambda: any("a ping was not answered" in note for note in talk.notes))


async def test_by_a_clock_that_stands_nothing_happens_until_it_moves() -> None:
    time = StandingTime()
    async with stand(time=time) as (venue, talk):
        await talk.open()
        await time.move(4.0)
        await venue.clients[0].send("one")
        await until(lambda: "one" in talk.notes)
        await time.move(1.0)  # the look at 5 s sees that something came
        await time.move(4.5)
        assert not venue.clients[0].pings
        await time.move(0.5)
        await until(lambda: venue.clients[0].pings)
        await until(lambda: talk.intake.heard_ns != talk._heard_ns)
        await time.move(1.0)
        assert talk.is_connected
        venue.clients[0].drop()
        await until(lambda: not talk.is_connected)
        await time.settle()
        assert len(venue.clients) == 1
        await time.move(0.01)
        await until(lambda: len(venue.clients) == 2)


async def test_a_try_that_fails_is_told_and_another_follows() -> None:
    async with stand() as (venue, talk):
        await talk.open()
        venue.status = 503
        talk.address_error = CredentialsError("no key")
        venue.clients[0].drop()
        await until(lambda: sum("503" in note for note in talk.notes) >= 2)
        venue.status = 101
        await until(lambda: talk.is_connected)
        assert talk.notes[2] == "failed: no key"


async def test_the_first_dial_fails() -> None:
    async with stand() as (venue, talk):
        venue.status = 401
        with pytest.raises(ConnectError, match="the venue answered 401") as caught:
            await talk.open()
        trace = caught.value.__traceback__
        while trace is not None:
            assert "/talk" not in repr(trace.tb_frame.f_locals.get("url", "")), "an address may carry a key"
            trace = trace.tb_next


async def test_cancelled_while_it_dials() -> None:
    async with stand() as (venue, talk):
        venue.mute = True
        opening = asyncio.ensure_future(talk.open())
        await until(lambda: venue.attempts)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


async def test_shut_is_for_good() -> None:
    async with stand() as (venue, talk):
        await talk.open()
        talk.shut("enough")
        assert talk.notes == ["greet", "lost: enough"] and not talk.is_connected
        await venue.clients[0].gone.wait()
        await asyncio.sleep(0.03)
        assert venue.attempts == 1


async def test_shut_while_the_handshake_is_under_way() -> None:
    async with stand() as (venue, talk):
        talk._closed = True
        await talk._dial()
        assert not talk.is_connected and talk.notes == []
        await venue.clients[0].gone.wait()


async def test_a_bug_of_the_keeper_is_not_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    async with stand() as (venue, talk):
        await talk.open()

        def broken(error: CsbookError) -> None:
            raise ZeroDivisionError

        talk._failed = broken  # type: ignore[method-assign]
        venue.status = 503
        venue.clients[0].drop()
        await until(lambda: "the keeper of a connection failed" in caplog.text)
        assert not talk.is_connected
