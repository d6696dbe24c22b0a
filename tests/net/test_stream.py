from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from csbook import Book, Router, State
from csbook.errors import BadMessage, ConnectError, SubscribeError
from csbook.guard.budget import ConnectionBudget
from csbook.net.lane import Lane
from csbook.net.origin import websocket_origin
from csbook.net.setting import Policy, Setting
from csbook.net.stream import Stream
from csbook.net.taps import Taps
from csbook.types import Trade
from scripted import CLOSE, PING, TEXT, Client, ScriptedVenue, confirm, depth, frame, open_sockets, refuse, until

QUICK = Policy(backoff_base=0.01, backoff_cap=0.08, dial_within=2.0, confirm_within=0.3, pong_within=0.2)
NAME = "btcusdt@depth20"


class Bench:
    """A stream on a scripted venue, with all its news written down."""

    def __init__(self, venue: ScriptedVenue, names: Iterable[str], *, book: bool, **options: Any) -> None:
        policy = replace(QUICK, **options.pop("policy", {}))
        options = {"messages_per_second": 100, "stale_after": 5.0, **options}
        setting = Setting(origin=websocket_origin(venue.url), path="/ws/{stream}", policy=policy, **options)
        self.taps = Taps()
        self.news: list[Any] = []
        self.taps.on_book.append(lambda book: self.news.append((book.sequence, str(book.state))))
        self.taps.on_state.append(lambda _, old, new, reason: self.news.append(f"{old}->{new}: {reason}"))
        self.taps.on_error.append(self.news.append)
        self.book = Book("BTCUSDT")
        self.budget = ConnectionBudget(50, 300, 300.0)
        self.router = Router("coinswitch", [self.book], depth=20)
        lane = Lane(self.router, {"BTCUSDT": tuple(names)}, taps=self.taps) if book else None
        self.stream = Stream(names, setting=setting, budget=self.budget, taps=self.taps, lane=lane)

    def errors(self) -> list[Exception]:
        return [item for item in self.news if isinstance(item, Exception)]


@asynccontextmanager
async def stand(*names: str, book: bool = True, **options: Any) -> AsyncIterator[tuple[ScriptedVenue, Bench]]:
    """A venue and a stream that is not open yet; at the end nothing may be left of it."""
    before = open_sockets()
    async with ScriptedVenue() as venue:
        bench = Bench(venue, names or (NAME,), book=book, **options)
        try:
            yield venue, bench
        finally:
            await bench.stream.close()
            assert bench.book.state is not State.LIVE
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


async def live(venue: ScriptedVenue, bench: Bench, number: int = 0, sequence: int = 5) -> Client:
    """Make the book LIVE on the so-manieth connection."""
    client = await venue.client(number)
    await client.send(depth(sequence))
    await until(lambda: bench.book.state is State.LIVE and bench.book.sequence == sequence)
    return client


# -- opening --------------------------------------------------------------------------------------------------------


async def test_open_is_subscribed_and_confirmed() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = venue.clients[0]
        assert client.path == "/ws/btcusdt@depth20"
        assert client.requests == [{"method": "SUBSCRIBE", "params": [NAME], "id": 1}]
        assert bench.stream.is_connected
        assert bench.book.state is State.EMPTY


async def test_data_may_come_before_the_confirmation_and_with_the_handshake() -> None:
    async with stand() as (venue, bench):

        async def greet(client: Client) -> None:
            await client.send(depth(5))

        venue.greeting = greet
        await bench.stream.open()
        assert bench.news == ["EMPTY->LIVE: message applied", (5, "LIVE")]


async def test_a_refused_stream_is_named() -> None:
    async with stand() as (venue, bench):
        venue.answer = refuse
        with pytest.raises(SubscribeError, match=rf"stream {NAME} refused: unknown stream \(code 2\)") as caught:
            await bench.stream.open()
        assert (caught.value.stream, caught.value.code) == (NAME, 2)
        assert not bench.stream.is_connected


async def test_a_stream_that_is_never_confirmed_is_named() -> None:
    async with stand() as (venue, bench):
        venue.answer = lambda request: None
        with pytest.raises(SubscribeError, match=r"no confirmation of btcusdt@depth20 within 0\.3 s") as caught:
            await bench.stream.open()
        assert (caught.value.stream, caught.value.code) == (NAME, None)


async def test_one_of_many_is_refused() -> None:
    names = [f"s{i}@trade" for i in range(9)]
    async with stand(*names, book=False) as (venue, bench):
        venue.answer = lambda request: refuse(request) if "s4@trade" in request["params"] else confirm(request)
        with pytest.raises(SubscribeError) as caught:
            await bench.stream.open()
        assert caught.value.stream == "s4@trade"


async def test_a_venue_that_cannot_be_reached() -> None:
    async with stand(hint=" (try another)") as (venue, bench):
        await venue.stop_listening()
        with pytest.raises(ConnectError, match=r"ws://127.0.0.1:\d+: .*\(try another\)"):
            await bench.stream.open()


async def test_a_connection_lost_before_it_was_confirmed() -> None:
    async with stand(hint=" (try another)") as (venue, bench):

        async def drop(client: Client) -> None:
            client.drop()

        venue.greeting = drop
        with pytest.raises(ConnectError, match=r"(lost|handshake).*\(try another\)"):
            await bench.stream.open()


async def test_opening_can_be_cancelled() -> None:
    async with stand() as (venue, bench):
        venue.answer = lambda request: None
        opening = asyncio.ensure_future(bench.stream.open())
        await venue.client()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert not bench.stream.is_connected
        await until(venue.clients[0].gone.is_set)


async def test_the_pace_is_kept() -> None:
    names = [f"s{i}@trade" for i in range(128 * 4)]
    async with stand(*names, book=False, messages_per_second=2) as (venue, bench):
        began = time.monotonic()
        await bench.stream.open()
        times = venue.clients[0].request_times
        assert len(times) == 4
        assert 0.9 < times[2] - times[0] < 3.0
        assert 0.9 < time.monotonic() - began < 4.0


async def test_no_more_dials_than_the_window_allows() -> None:
    async with stand() as (_, bench):
        bench.stream._budget = ConnectionBudget(50, 1, 0.3)
        bench.stream._budget.dialled(time.monotonic())
        began = time.monotonic()
        await bench.stream.open()
        assert time.monotonic() - began > 0.25


# -- talking --------------------------------------------------------------------------------------------------------


async def test_pings_are_answered_at_once_with_their_payload() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = venue.clients[0]
        await client.write(frame(b"mark", PING))
        await until(lambda: client.pongs == [b"mark"])
        assert bench.stream.pings == 1


async def test_a_burst_is_one_callback_with_the_newest_state() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        bench.news.clear()
        await client.write(*(frame(depth(n)) for n in range(6, 106)))
        await until(lambda: bench.book.sequence == 105)
        assert bench.news == [(105, "LIVE")]


async def test_a_burst_may_end_with_a_ping() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        await client.write(frame(depth(6)), frame(b"", PING))
        await until(lambda: bench.news[-1] == (6, "LIVE"))


async def test_the_book_is_told_before_the_close_frame_takes_it() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        bench.news.clear()
        await client.write(frame(depth(6)), frame(b"\x03\xe9away", CLOSE), frame(depth(7)))
        await until(lambda: len(bench.news) >= 2)
        assert bench.news[:2] == [(6, "LIVE"), "LIVE->STALE: closed by the venue: 1001 away"]


async def test_records_and_what_is_none() -> None:
    async with stand("btcusdt@trade", book=False) as (venue, bench):
        trades = bench.taps.records(Trade, 10)
        alerts: list[Any] = []
        bench.taps.on_alert.append(alerts.append)
        await bench.stream.open()
        good = b'{"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true}'
        await venue.clients[0].send(b'{"e":"trade","s":"X"}', b'{"e":"kline"}', b'{"e":"kline"}', b"garbage", good)
        assert (await anext(trades)).id == 1
        assert [type(error) for error in bench.errors()] == [BadMessage, BadMessage]
        counts = bench.stream.counts()
        assert (counts["refused"], counts["unknown"], counts["records"], counts["messages"]) == (2, 2, 1, 6)
        assert [alert.kind for alert in alerts] == ["schema"]


async def test_a_refused_depth_message_is_an_error_and_no_more() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        await client.send(depth(6, bid="0"), depth(7))
        await until(lambda: bench.book.sequence == 7)
        assert [type(error) for error in bench.errors()] == [BadMessage]
        assert bench.stream.counts()["refused"] == 1


async def test_more_streams_on_an_open_socket() -> None:
    async with stand("a@trade", book=False) as (venue, bench):
        await bench.stream.open()
        await bench.stream.add(["b@trade", "c@trade", "a@trade"])
        assert venue.clients[0].streams == ["a@trade", "b@trade", "c@trade"]
        bench.stream.remove(["a@trade", "nothing"])
        await until(lambda: venue.clients[0].requests[-1] == {"method": "UNSUBSCRIBE", "params": ["a@trade"], "id": 3})
        assert list(bench.stream.names) == ["b@trade", "c@trade"]


async def test_leaving_is_no_confirmation_of_coming_back() -> None:
    async with stand("a@trade", "b@trade", book=False) as (venue, bench):
        await bench.stream.open()
        held: list[dict[str, Any]] = []

        def answer(request: dict[str, Any]) -> bytes | None:
            if request["method"] == "SUBSCRIBE":
                held.append(request)
                return None
            return refuse(request)

        venue.answer = answer
        bench.stream.remove(["b@trade"])
        adding = asyncio.ensure_future(bench.stream.add(["b@trade"]))
        await until(lambda: held)
        await asyncio.sleep(0.02)
        assert not adding.done()
        await venue.clients[0].send(confirm(held[0]))
        await adding
        assert bench.errors() == []


async def test_closing_tells_those_who_wait() -> None:
    async with stand("a@trade", book=False, policy={"backoff_base": 60.0, "backoff_cap": 60.0}) as (venue, bench):
        await bench.stream.open()
        venue.clients[0].drop()
        await until(lambda: not bench.stream.is_connected)
        adding = asyncio.ensure_future(bench.stream.add(["b@trade"]))
        await asyncio.sleep(0)
        await bench.stream.close()
        with pytest.raises(ConnectError, match="feed closed"):
            await adding


async def test_a_refused_addition_leaves_the_rest() -> None:
    async with stand("a@trade", book=False) as (venue, bench):
        await bench.stream.open()
        venue.answer = refuse
        with pytest.raises(SubscribeError) as caught:
            await bench.stream.add(["b@trade"])
        assert caught.value.stream == "b@trade"
        assert list(bench.stream.names) == ["a@trade"]
        assert bench.stream.is_connected
        assert bench.errors() == []


# -- losing and coming back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["drop", "close"])
async def test_a_loss_takes_the_book_from_live_and_it_comes_back(how: str) -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench, sequence=900)
        bench.news.clear()
        if how == "drop":
            client.drop()
        else:
            await client.hang_up(1012, "restart")
        await until(lambda: bench.news)
        assert bench.book.state is State.STALE
        assert bench.book.best_bid == 100.0  # kept, and not to be traded on
        await live(venue, bench, number=1, sequence=5)  # lower: the floor is gone
        assert bench.news[0].startswith("LIVE->STALE: ")
        assert bench.news[1] == "STALE->LIVE: message applied"
        await until(lambda: bench.stream.reconnects == 1)
        assert venue.clients[1].streams == [NAME]
        if how == "close":
            await until(client.gone.is_set)
            assert client.close_code == 1000


async def test_it_keeps_trying_and_says_so() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        port = await venue.stop_listening()
        client.drop()
        await until(lambda: len(bench.errors()) >= 4)
        assert all(isinstance(error, ConnectError) for error in bench.errors())
        assert bench.book.state is State.STALE
        assert bench.stream.reconnects == 0
        await venue.listen(port)
        await live(venue, bench, number=1)
        assert bench.stream.reconnects == 1


async def test_the_waits_double_and_are_capped() -> None:
    times: list[float] = []
    policy = {"backoff_base": 0.05, "backoff_cap": 0.2, "backoff_jitter": 0.0}
    async with stand(policy=policy) as (venue, bench):
        await bench.stream.open()
        await venue.stop_listening()
        bench.taps.on_error.append(lambda _: times.append(time.monotonic()))
        lost = time.monotonic()
        venue.clients[0].drop()
        await until(lambda: len(times) == 5)
        waits = [b - a for a, b in zip([lost, *times], times, strict=False)]
        for wait, rule in zip(waits, [0.05, 0.1, 0.2, 0.2, 0.2], strict=True):
            assert rule <= wait < rule + 1.0


async def test_closing_during_the_backoff() -> None:
    async with stand(policy={"backoff_base": 60.0, "backoff_cap": 60.0}) as (venue, bench):
        await bench.stream.open()
        venue.clients[0].drop()
        await until(lambda: not bench.stream.is_connected)
        began = time.monotonic()
        await bench.stream.close()
        assert time.monotonic() - began < 5.0


async def test_closing_during_a_dial() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        venue.mute = True
        venue.clients[0].drop()
        await until(lambda: venue.attempts == 2)
        await bench.stream.close()
        assert bench.stream.reconnects == 0


async def test_a_refusal_at_a_reconnect_is_an_error_and_is_tried_again() -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        venue.answer = refuse
        venue.clients[0].drop()
        await until(lambda: len(bench.errors()) >= 2)
        assert all(isinstance(error, SubscribeError) and error.stream == NAME for error in bench.errors())
        venue.answer = confirm
        await until(lambda: venue.clients[-1].streams and bench.stream.is_connected and not bench.stream._refused)


async def test_a_refusal_at_a_reconnect_does_not_take_the_others_down() -> None:
    async with stand("a@trade", "b@trade", book=False) as (venue, bench):
        await bench.stream.open()
        venue.answer = lambda request: refuse(request) if "b@trade" in request["params"] else confirm(request)
        venue.clients[0].drop()
        await until(bench.errors)
        await asyncio.sleep(0.05)
        assert len(venue.clients) == 2
        assert bench.stream.is_connected
        assert list(bench.stream.names) == ["a@trade", "b@trade"]


async def test_no_confirmation_at_a_reconnect_is_a_loss() -> None:
    async with stand(policy={"confirm_within": 0.05}) as (venue, bench):
        await bench.stream.open()
        venue.answer = lambda request: None
        venue.clients[0].drop()
        await until(lambda: len(venue.clients) >= 4)
        assert all(isinstance(error, SubscribeError) for error in bench.errors())


async def test_a_stream_that_is_added_while_the_connection_is_down() -> None:
    async with stand("a@trade", book=False) as (venue, bench):
        await bench.stream.open()
        venue.clients[0].drop()
        await until(lambda: not bench.stream.is_connected)
        await bench.stream.add(["b@trade"])
        assert venue.clients[1].streams == ["a@trade", "b@trade"]


@pytest.mark.parametrize(
    "broken",
    [
        frame(b"x", 0),
        frame(b"x", TEXT, reserved=0x40),
        frame(b"x", TEXT, final=False) + frame(b"y", TEXT),
        b"\x83\x00",  # no such opcode
        frame(b"x" * 126, PING),
        b"\x81\x7f" + (1 << 30).to_bytes(8, "big"),  # a frame of a gigabyte
        b"\x81\x85mask12345",
    ],
    ids=["continuation", "reserved", "interleaved", "opcode", "long ping", "huge", "masked"],
)
async def test_a_broken_protocol_is_a_loss(broken: bytes) -> None:
    async with stand() as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        await client.write(broken, frame(depth(6)))
        await live(venue, bench, number=1, sequence=3)
        assert bench.book.sequence == 3
        assert client.close_code in (1000, 1002, 1009)


# -- silence --------------------------------------------------------------------------------------------------------


async def test_silence_is_stale_and_the_next_message_heals() -> None:
    async with stand(stale_after=0.1, policy={"pong_within": 5.0}) as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        began = time.monotonic()
        bench.news.clear()
        await until(lambda: bench.news)
        assert 0.05 < time.monotonic() - began < 1.0
        assert bench.news == ["LIVE->STALE: no frame for 0.1 s"]
        await until(lambda: client.pings)  # is anybody there?
        assert bench.book.state is State.STALE  # a pong is no price
        await client.send(depth(6))
        await until(lambda: bench.book.state is State.LIVE)
        assert bench.stream.reconnects == 0


async def test_frames_of_any_kind_keep_a_book_from_going_stale() -> None:
    async with stand(stale_after=0.5) as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        bench.news.clear()
        for _ in range(14):
            await asyncio.sleep(0.05)
            await client.write(frame(b"", PING))
        assert bench.news == []


async def test_a_dead_connection_is_given_up() -> None:
    async with stand(stale_after=0.05, policy={"pong_within": 0.1}) as (venue, bench):
        venue.answered_pings = False
        await bench.stream.open()
        await live(venue, bench)
        await venue.client(1)
        await until(lambda: bench.stream.reconnects == 1)


async def test_a_quiet_socket_without_books_lives_on() -> None:
    async with stand("a@trade", book=False, stale_after=0.03, policy={"pong_within": 2.0}) as (venue, bench):
        await bench.stream.open()
        await asyncio.sleep(0.3)
        assert len(venue.clients) == 1
        assert len(venue.clients[0].pings) > 2


async def test_first_data_is_owed() -> None:
    async with stand(policy={"first_data_within": 0.1}) as (venue, bench):
        await bench.stream.open()
        await venue.client(1)
        await until(lambda: bench.stream.reconnects >= 1)


async def test_data_that_dries_up_is_asked_for_anew() -> None:
    async with stand(stale_after=0.05, policy={"data_within": 0.3}) as (venue, bench):
        await bench.stream.open()
        await live(venue, bench)
        await venue.client(1)
        assert venue.clients[0].pings  # it did answer pings


async def test_a_channel_that_is_never_silent() -> None:
    async with stand(silence_after=0.1) as (venue, bench):
        await bench.stream.open()
        client = await live(venue, bench)
        bench.news.clear()
        for _ in range(5):
            await asyncio.sleep(0.04)
            await client.write(frame(b"", PING))
        assert bench.news == ["LIVE->STALE: no book message for 0.1 s"]
