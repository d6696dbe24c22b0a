from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from csbook import Book, Router, State
from csbook.errors import ConnectError, LimitError, SubscribeError
from csbook.net import supervisor as module
from csbook.net.origin import websocket_origin
from csbook.net.setting import Policy, Setting
from csbook.net.supervisor import Supervisor, Wanted
from csbook.net.taps import Taps
from csbook.venues import dialect
from scripted import ScriptedVenue, confirm, depth, open_sockets, refuse, until

SEED = dialect("coinswitch")
POLICY = Policy(backoff_base=0.01, backoff_cap=0.05, confirm_within=0.5)


def limited(**limits: Any) -> Any:
    return replace(SEED, limits=replace(SEED.limits, **limits))


@asynccontextmanager
async def stand(seed: Any = SEED, connections: int = 1) -> AsyncIterator[tuple[ScriptedVenue, Supervisor]]:
    before = open_sockets()
    async with ScriptedVenue() as venue:
        setting = Setting(
            origin=websocket_origin(venue.url),
            path="/{stream}",
            messages_per_second=100,
            stale_after=5.0,
            policy=POLICY,
        )

        def route_books(books: list[Book]) -> Router:
            return Router("coinswitch", books, depth=20)

        supervisor = Supervisor(seed, setting=setting, taps=Taps(), route_books=route_books, connections=connections)
        try:
            yield venue, supervisor
        finally:
            await supervisor.close()
            assert module._budget(seed, str(setting.origin)).open == 0
            assert supervisor.streams == []
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


def books(*symbols: str) -> list[Wanted]:
    return [Wanted(Book(symbol), (f"{symbol.lower()}@depth20",)) for symbol in symbols]


def at(names: list[str], path: str = "/{stream}") -> dict[str, str]:
    return dict.fromkeys(names, path)


def state(wanted: list[Wanted], symbol: str) -> State:
    return next(each.book.state for each in wanted if each.book.symbol == symbol)


async def test_each_unnamed_depth_stream_has_a_socket_of_its_own() -> None:
    async with stand() as (venue, supervisor):
        wanted = books("BTCUSDT", "ETHUSDT", "SOLUSDT")
        await supervisor.add(wanted, at(["btcusdt@trade", "ethusdt@trade", "!ticker@arr"]))
        by_path = {client.path: client for client in venue.clients}
        assert sorted(by_path) == ["/btcusdt@depth20", "/btcusdt@trade", "/ethusdt@depth20", "/solusdt@depth20"]
        assert by_path["/btcusdt@trade"].streams == ["btcusdt@trade", "ethusdt@trade", "!ticker@arr"]
        await by_path["/ethusdt@depth20"].send(depth(7))
        await until(lambda: state(wanted, "ETHUSDT") is State.LIVE)
        assert state(wanted, "BTCUSDT") is State.EMPTY


async def test_named_depth_streams_share() -> None:
    seed = replace(limited(streams_per_connection=2), named_depth=True)
    async with stand(seed) as (venue, supervisor):
        wanted = books("A", "B", "C")
        await supervisor.add(wanted, {})
        assert sorted(client.streams for client in venue.clients) == [["a@depth20", "b@depth20"], ["c@depth20"]]
        client = next(client for client in venue.clients if len(client.streams) == 2)
        await client.send(b'{"stream":"b@depth20","data":' + depth(7) + b"}")
        await until(lambda: state(wanted, "B") is State.LIVE)
        assert state(wanted, "A") is State.EMPTY


async def test_sockets_are_filled_up_to_the_limit() -> None:
    async with stand(limited(streams_per_connection=3)) as (venue, supervisor):
        await supervisor.add([], at([f"s{i}@trade" for i in range(7)]))
        assert sorted(len(client.streams) for client in venue.clients) == [1, 3, 3]
        await supervisor.add([], at(["t0@trade", "t1@trade", "t2@trade", "s0@trade"]))
        assert sorted(len(client.streams) for client in venue.clients) == [1, 3, 3, 3]


async def test_two_thousand_streams_need_two_sockets_and_few_messages() -> None:
    async with stand() as (venue, supervisor):
        await supervisor.add([], at([f"s{i}@trade" for i in range(2000)]))
        assert sorted(len(client.streams) for client in venue.clients) == [976, 1024]
        assert all(len(client.requests) <= 10 for client in venue.clients)


async def test_too_many_sockets_are_refused_before_anything_is_sent() -> None:
    async with stand(limited(connections=2)) as (venue, supervisor):
        with pytest.raises(LimitError, match=r"3 more connections are needed; .* allows 2 .* 0 are open"):
            await supervisor.add(books("A", "B", "C"), {})
        assert venue.attempts == 0
        await supervisor.add(books("A", "B"), {})
        with pytest.raises(LimitError):
            await supervisor.add(books("C"), {})
        await supervisor.remove(["A"], [])
        await supervisor.add(books("C"), {})


async def test_the_limit_is_one_for_all_feeds_of_an_origin() -> None:
    seed = limited(connections=2)
    async with stand(seed) as (_, supervisor):
        await supervisor.add(books("A"), {})
        other = Supervisor(seed, setting=supervisor._setting, taps=Taps(), route_books=supervisor._route_books)
        await other.add(books("A"), {})
        with pytest.raises(LimitError):
            await supervisor.add(books("B"), {})
        await other.close()
        await supervisor.add(books("B"), {})


async def test_one_refusal_opens_nothing() -> None:
    async with stand() as (venue, supervisor):
        await supervisor.add(books("A"), at(["a@trade"]))
        venue.answer = lambda request: refuse(request) if "c@depth20" in request["params"] else confirm(request)
        with pytest.raises(SubscribeError) as caught:
            await supervisor.add(books("B", "C"), at(["b@trade"]))
        assert caught.value.stream == "c@depth20"
        assert [list(stream.names) for stream in supervisor.streams] == [["a@depth20"], ["a@trade"]]
        await until(lambda: sum(not client.gone.is_set() for client in venue.clients) == 2)


async def test_a_venue_that_is_not_there() -> None:
    async with stand() as (venue, supervisor):
        await venue.stop_listening()
        with pytest.raises(ConnectError) as caught:
            await supervisor.add(books("A", "B"), at(["a@trade"]))
        assert isinstance(caught.value.__cause__, OSError)


async def test_removing() -> None:
    async with stand() as (venue, supervisor):
        wanted = books("A", "B")
        await supervisor.add(wanted, at(["a@trade", "b@trade"]))
        for client in venue.clients:
            if "depth" in client.path:
                await client.send(depth(1))
        await until(lambda: all(book.state is State.LIVE for book in (each.book for each in wanted)))
        await supervisor.remove(["A"], ["a@trade"])
        assert (state(wanted, "A"), state(wanted, "B")) == (State.STALE, State.LIVE)
        assert sorted(name for stream in supervisor.streams for name in stream.names) == ["b@depth20", "b@trade"]
        await supervisor.remove([], ["b@trade"])
        assert len(supervisor.streams) == 1


async def test_the_counters_outlive_the_sockets() -> None:
    async with stand() as (venue, supervisor):
        await supervisor.add(books("A"), {})
        await venue.clients[0].send(depth(1), depth(2))
        await until(lambda: supervisor.counts()["updates"] == 2)
        p50 = supervisor.latency(0.5)
        assert p50 > 0
        await supervisor.remove(["A"], [])
        assert supervisor.counts()["updates"] == 2
        assert supervisor.latency(0.5) == p50


async def test_streams_of_another_path_have_sockets_of_their_own() -> None:
    async with stand() as (venue, supervisor):
        await supervisor.add([], at(["a@trade", "b@trade"], "/market/ws") | at(["a@bookTicker"], "/public/ws"))
        await supervisor.add([], at(["c@trade"], "/market/ws"))
        streams = sorted((client.path, client.streams) for client in venue.clients)
        assert streams == [("/market/ws", ["a@trade", "b@trade", "c@trade"]), ("/public/ws", ["a@bookTicker"])]


async def test_a_book_that_shares_its_socket_leaves_alone() -> None:
    seed = replace(SEED, named_depth=True)
    async with stand(seed) as (venue, supervisor):
        wanted = books("A", "B")
        await supervisor.add(wanted, {})
        for symbol in "ab":
            await venue.clients[0].send(f'{{"stream":"{symbol}@depth20","data":'.encode() + depth(7) + b"}")
        await until(lambda: all(each.book.state is State.LIVE for each in wanted))
        await supervisor.remove(["A"], [])
        assert (state(wanted, "A"), state(wanted, "B")) == (State.STALE, State.LIVE)
        await until(lambda: venue.clients[0].requests[-1]["method"] == "UNSUBSCRIBE")
        assert venue.clients[0].requests[-1]["params"] == ["a@depth20"]
        await venue.clients[0].send(b'{"stream":"b@depth20","data":' + depth(9) + b"}")
        await until(lambda: wanted[1].book.sequence == 9)
        await supervisor.remove(["B"], [])
        assert supervisor.streams == []


async def test_two_connections_feed_one_book() -> None:
    async with stand(connections=2) as (venue, supervisor):
        wanted = books("A")
        await supervisor.add(wanted, {})
        first, second = venue.clients
        assert first.streams == second.streams == ["a@depth20"]
        await first.send(depth(7))
        await second.send(depth(6))
        await second.send(depth(8))
        await until(lambda: wanted[0].book.sequence == 8)
        first.drop()
        await until(lambda: len(venue.clients) == 3)
        assert state(wanted, "A") is State.LIVE
        assert supervisor.counts()["updates"] == 2  # one router, counted once
        await second.send(depth(9))
        await until(lambda: wanted[0].book.sequence == 9)


async def test_the_book_notices_when_the_last_of_two_connections_is_lost() -> None:
    async with stand(connections=2) as (venue, supervisor):
        wanted = books("A")
        await supervisor.add(wanted, {})
        await venue.clients[0].send(depth(7))
        await until(lambda: state(wanted, "A") is State.LIVE)
        await venue.stop_listening()
        venue.clients[0].drop()
        await until(lambda: sum(stream.is_connected for stream in supervisor.streams) == 1)
        assert state(wanted, "A") is State.LIVE
        venue.clients[1].drop()
        await until(lambda: state(wanted, "A") is State.STALE)
