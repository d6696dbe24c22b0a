"""The whole venue over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from csbook.clock import TapeClock
from csbook.errors import ConnectError, UsageError
from csbook.sim import Faults, LocalVenue
from csbook.sim.faults import EVENT_KINDS, KINDS, REQUEST_KINDS
from csbook.sim.server import SYMBOLS
from csbook.venues import dialect
from customer import LISTEN, customers

LIMITS = dialect("coinswitch").limits
ROOT = "/pro/realtime-rates-socket/futures/"
BOOK = "/trade/api/v2/futures/order_book"


def btc(**options: Any) -> LocalVenue:
    """A venue of one symbol: it opens faster."""
    return LocalVenue(symbols=["BTCUSDT"], **options)


async def subscribed(session: aiohttp.ClientSession, venue: LocalVenue, *streams: str) -> Any:
    socket = await session.ws_connect(venue.ws_url + ROOT + streams[0])
    await socket.send_json({"method": "SUBSCRIBE", "params": streams, "id": 1})
    assert await socket.receive_json(timeout=5) == {"result": None, "id": 1}
    return socket


async def test_what_it_says_of_itself() -> None:
    async with LocalVenue() as venue:
        assert venue.ws_url == f"ws://127.0.0.1:{venue.port}"
        assert venue.rest_url == f"http://127.0.0.1:{venue.port}"
        assert venue.symbols == SYMBOLS
        assert len(venue.api_key) >= 32
        assert len(venue.api_secret) >= 32
        assert venue.api_secret not in repr(venue)
        assert venue.api_key not in repr(venue)
        assert venue.ws_url in repr(venue)
        assert set(venue.counts.values()) == {0}
        async with LocalVenue(symbols=["btcusdt"]) as other:
            assert (other.api_key, other.api_secret) != (venue.api_key, venue.api_secret)
            assert other.symbols == ("BTCUSDT",)
        with pytest.raises(UsageError, match="once"):
            await other.__aenter__()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"venue": "kraken"}, "kraken"),
        ({"host": "0.0.0.0"}, "loopback"),
        ({"host": "192.168.1.1"}, "loopback"),
        ({"host": "example.com"}, "loopback"),
        ({"port": 70000}, "port"),
        ({"symbols": "BTCUSDT"}, "symbols"),
        ({"symbols": []}, "symbol"),
        ({"symbols": ["BTC_USDT"]}, "symbol"),
        ({"speed": -1}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"start_at": 1e6}, "start_at"),
        ({"faults": ["drop=2"]}, "drop"),
        ({"ping_interval_s": 0}, "ping_interval_s"),
        ({"pong_deadline_s": 0}, "pong_deadline_s"),
        ({"depth_interval_ms": -1}, "depth_interval_ms"),
    ],
)
def test_what_cannot_be(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        LocalVenue(**options)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_port_in_use_is_one_clear_line(host: str) -> None:
    async with btc(host=host) as venue:
        with pytest.raises(ConnectError) as caught:
            async with btc(host=host, port=venue.port):
                pass
        assert str(caught.value) == f"the local venue cannot listen on 127.0.0.1:{venue.port}: the port is in use"
        port = venue.port
    async with btc(host=host, port=port) as again:
        assert again.port == port


# -- REST


async def test_rest() -> None:
    clock = TapeClock(1_700_000_000_123_456_789)
    async with LocalVenue(clock=clock) as venue, aiohttp.ClientSession(venue.rest_url) as session:
        async with session.get("/trade/api/v2/time") as answer:
            assert await answer.json() == {"serverTime": 1_700_000_000_123}
        async with session.get(BOOK, params={"exchange": "EXCHANGE_2", "symbol": "ethusdt"}) as answer:
            said = await answer.json()
        bids, asks, _ = venue.final_book("ETHUSDT", 20)
        assert said == {
            "data": {
                "timestamp": 1_700_000_000_123,
                "bids": [list(level) for level in bids],
                "asks": [list(level) for level in asks],
                "symbol": "ETHUSDT",
            }
        }
        for path, params, status in (
            (BOOK, {"exchange": "EXCHANGE_2", "symbol": "NOPE"}, 400),
            (BOOK, {"exchange": "EXCHANGE_2"}, 400),
            (BOOK, {"symbol": "BTCUSDT"}, 400),
            ("/nowhere", {}, 404),
            ("/ws/abc", {}, 401),
            (ROOT + "btcusdt@trade", {}, 426),
        ):
            async with session.get(path, params=params) as answer:
                assert answer.status == status
                assert list(await answer.json()) == ["message"]
        async with session.post("/trade/api/v2/time") as answer:
            assert answer.status == 405
            assert await answer.json()


# -- the public streams


async def test_data_starts_after_subscribing_and_ends_after_unsubscribing() -> None:
    async with btc(speed=20) as venue, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(venue.ws_url + ROOT + "btcusdt@trade")
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive(timeout=0.1)
        await socket.close()
        socket = await subscribed(session, venue, "btcusdt@depth5", "btcusdt@trade")
        kinds = {tuple(sorted(await socket.receive_json(timeout=5))) for _ in range(50)}
        assert len(kinds) == 2
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@trade", "btcusdt@depth5"], "id": 2})
        while await socket.receive_json(timeout=5) != {"result": None, "id": 2}:
            pass
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 3})
        assert await socket.receive_json(timeout=5) == {"result": [], "id": 3}
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive(timeout=0.1)


async def test_shapes_and_times() -> None:
    streams = ("ethusdt@depth10", "ethusdt@trade", "ethusdt@ticker", "!ticker@arr")
    async with LocalVenue(speed=20) as venue, aiohttp.ClientSession() as session:
        socket = await subscribed(session, venue, *streams)
        found: dict[str, Any] = {}
        async with asyncio.timeout(40):
            while len(found) < 4:
                said = await socket.receive_json()
                if isinstance(said, list):
                    found["array"] = said[0]
                else:
                    found[said.get("e", "depth")] = said
        now = time.time() * 1000
        assert list(found["depth"]) == ["lastUpdateId", "bids", "asks"]
        assert [len(found["depth"][side]) for side in ("bids", "asks")] == [10, 10]
        assert list(found["trade"]) == ["e", "E", "s", "t", "p", "q", "b", "a", "T", "m"]
        assert list(found["24hrTicker"]) == ["e", "E", "s", "p", "P", "w", "c", "Q", "o", "h", "l", "v", "q"]
        assert list(found["array"]) == list(found["24hrTicker"])
        assert found["trade"]["s"] == found["24hrTicker"]["s"] == "ETHUSDT"
        for said in (found["trade"], found["24hrTicker"]):
            assert -5000 < said["E"] - now <= 1, "the replay looks live"
        assert 2400 < Decimal(found["trade"]["p"]) < 2500


async def test_envelopes() -> None:
    async with btc(envelope=True, speed=20) as venue, aiohttp.ClientSession() as session:
        socket = await subscribed(session, venue, "btcusdt@depth5")
        said = await socket.receive_json(timeout=5)
        assert said["stream"] == "btcusdt@depth5"
        assert len(said["data"]["bids"]) == 5


async def test_the_recording_starts_over() -> None:
    """The session ends at 61660 and begins at 61800."""
    async with LocalVenue(speed=20, start_at=344.0, symbols=["BTCUSDT"]) as venue, aiohttp.ClientSession() as session:
        socket = await subscribed(session, venue, "btcusdt@depth5", "btcusdt@trade")
        depths: list[Any] = []
        trades: list[Any] = []
        async with asyncio.timeout(40):
            while not depths or float(depths[-1]["bids"][0][0]) < 61750 or len(trades) < 5:
                said = await socket.receive_json()
                (trades if "e" in said else depths).append(said)
        assert float(depths[0]["bids"][0][0]) < 61700
        ids = [said["lastUpdateId"] for said in depths]
        assert ids == sorted(set(ids))
        assert [t["t"] for t in trades] == list(range(trades[0]["t"], trades[0]["t"] + len(trades)))


async def test_a_refused_subscription() -> None:
    async with btc() as venue, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(venue.ws_url + ROOT + "nosuch@depth20")
        for request, code in (
            ('{"method":"SUBSCRIBE","params":["nosuch@depth20"],"id":1}', 2),
            ("no json", 3),
            ('{"method":"BUY","id":2}', 2),
        ):
            await socket.send_str(request)
            said = await socket.receive_json(timeout=5)
            assert said["error"]["code"] == code
        assert (venue.counts["requests"], venue.counts["refused"]) == (3, 3)
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 9})
        assert await socket.receive_json(timeout=5) == {"result": [], "id": 9}


# -- limits and manners


async def test_streams_on_a_connection() -> None:
    limits = replace(LIMITS, streams_per_connection=2)
    async with LocalVenue(limits=limits) as venue, aiohttp.ClientSession() as session:
        socket = await session.ws_connect(venue.ws_url + ROOT + "btcusdt@trade")
        params = ["btcusdt@trade", "ethusdt@trade", "solusdt@trade"]
        await socket.send_json({"method": "SUBSCRIBE", "params": params, "id": 1})
        assert "2 are allowed" in (await socket.receive_json(timeout=5))["error"]["msg"]


async def test_connections() -> None:
    async with btc(limits=replace(LIMITS, connections=1)) as venue, aiohttp.ClientSession() as session:
        first = await subscribed(session, venue, "btcusdt@trade")
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(venue.ws_url + ROOT + "btcusdt@trade")
        assert caught.value.status == 429
        await first.close()
        second = await subscribed(session, venue, "btcusdt@trade")
        assert venue.counts["turned_away"] == 1
        assert venue.counts["connections"] == 2
        await second.close()


async def test_connections_in_a_window() -> None:
    limits = replace(LIMITS, connects_per_window=2, connect_window_s=0.2)
    async with btc(limits=limits) as venue, aiohttp.ClientSession() as session:
        for _ in range(2):
            await (await subscribed(session, venue, "btcusdt@trade")).close()
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(venue.ws_url + ROOT + "btcusdt@trade")
        await asyncio.sleep(0.25)
        await (await subscribed(session, venue, "btcusdt@trade")).close()


async def test_messages_a_second(dial: Any) -> None:
    async with btc(limits=replace(LIMITS, messages_per_second=5)) as venue:
        client = await dial(venue)
        for number in range(6):
            await client.ask("LIST_SUBSCRIPTIONS", request_id=number + 1)
        assert await client.end() == 1008
        assert venue.counts["too_fast"] == 1


async def test_text_only(dial: Any) -> None:
    async with btc() as venue:
        client = await dial(venue)
        await client.send(2, b"{}")
        assert await client.end() == 1003
        client = await dial(venue)
        await client.send(1, b"\xff\xfe")
        assert await client.end() == 1007


async def test_pings(dial: Any) -> None:
    async with btc(ping_interval_s=0.03, pong_deadline_s=0.2) as venue:
        client = await dial(venue)
        for _ in range(3):
            opcode, final, payload = await client.frame()
            assert (opcode, final, payload) == (9, True, b"")
            await client.send(10, payload)
        await client.send(9, b"and you?")
        while (await client.frame()) != (10, True, b"and you?"):
            pass
        assert await client.end() == 1008, "no more answers, no more connection"
        assert venue.counts["pongs"] >= 3
        assert venue.counts["no_pong"] == 1


async def test_a_slow_client_is_dropped_and_the_others_go_on(dial: Any) -> None:
    async with LocalVenue(speed=0, slow_after_s=0.1) as venue, aiohttp.ClientSession() as session:
        slow = await dial(venue)
        await slow.ask("SUBSCRIBE", *(f"{s.lower()}@depth20" for s in SYMBOLS))
        socket = await subscribed(session, venue, "btcusdt@trade")
        async with asyncio.timeout(40):
            while not venue.counts["slow"]:
                await socket.receive()
        for _ in range(100):
            await socket.receive_json(timeout=5)
        await socket.close()


# -- control


async def test_at_rest_the_client_has_the_newest_book() -> None:
    async with LocalVenue(speed=20, symbols=["SOLUSDT"]) as venue, aiohttp.ClientSession() as session:
        for depth in (5, 20):
            venue.resume()
            socket = await subscribed(session, venue, f"solusdt@depth{depth}")
            newest: Any = {}
            for _ in range(30):
                newest = await socket.receive_json(timeout=5)
            venue.pause()
            bids, asks, update_id = venue.final_book("SOLUSDT", depth)
            while newest.get("lastUpdateId") != update_id:
                newest = await socket.receive_json(timeout=5)
            assert newest["bids"] == [list(level) for level in bids]
            assert newest["asks"] == [list(level) for level in asks]
            await asyncio.sleep(0.1)
            assert venue.final_book("solusdt", depth) == (bids, asks, update_id)
            await venue.publish()
            assert await socket.receive_json(timeout=5) == newest
        with pytest.raises(UsageError, match="unknown symbol"):
            venue.final_book("NOPE", 5)


@pytest.mark.parametrize("code", [None, 1012])
async def test_disconnect_all(dial: Any, code: int | None) -> None:
    async with btc(speed=20) as venue:
        clients = [await dial(venue) for _ in range(3)]
        for client in clients:
            await client.ask("SUBSCRIBE", "btcusdt@depth20")
            assert await client.text()
        ends = [asyncio.create_task(client.end()) for client in clients]
        await venue.disconnect_all(code)
        assert await asyncio.gather(*ends) == [code] * 3


async def test_leaving_the_block_says_goodbye(dial: Any) -> None:
    async with btc() as venue:
        client = await dial(venue)
        await client.ask("SUBSCRIBE", "btcusdt@depth20")
        end = asyncio.create_task(client.end())
        await asyncio.sleep(0.05)
    assert await end == 1001


# -- faults


@pytest.mark.parametrize("kind", KINDS)
async def test_each_fault_is_seen_and_counted(dial: Any, kind: str) -> None:
    """By a client that reads depth, whose ids tell what became of the messages."""
    faults = Faults(**{kind: 1.0 if kind == "stall" else 0.2}, stall_s=0.25, delay_s=0.01)
    async with LocalVenue(speed=50, faults=faults, seed=1, symbols=["BTCUSDT"]) as venue:
        client = await dial(venue)
        await client.ask("SUBSCRIBE", "btcusdt@depth20")
        ids: list[int] = []
        bad = fragments = 0
        started = time.monotonic()
        payload = b""
        while len(ids) < 60 and time.monotonic() - started < (0.6 if kind == "stall" else 5.0):
            opcode, final, part = await client.frame()
            if opcode in (-1, 8):
                break
            fragments += not final
            payload += part
            if final:
                try:
                    said = json.loads(payload)
                    all(Decimal(text) for side in ("bids", "asks") for level in said.get(side, ()) for text in level)
                    ids += [said["lastUpdateId"]] if "bids" in said else []
                except (ValueError, TypeError, ArithmeticError):
                    bad += 1
                payload = b""
        counts = venue.counts
    assert counts[kind] > 0
    assert not any(counts[other] for other in KINDS if other != kind)
    assert (bad > 0) is (kind == "malformed")
    assert (fragments > 0) is (kind == "split")
    assert (len(set(ids)) < len(ids)) is (kind == "duplicate")
    assert (ids != sorted(ids)) is (kind == "reorder")
    if kind == "split":
        assert client.chunks, "some frame came in pieces"
    if kind in ("disconnect", "stall"):
        assert len(ids) < 60


async def test_the_same_seed_does_the_same() -> None:
    async def heard(seed: int) -> list[str]:
        faults = ("drop=0.1", "duplicate=0.1", "reorder=0.1", "malformed=0.1", "split=0.1")
        async with btc(speed=0, faults=faults, seed=seed) as venue, aiohttp.ClientSession() as session:
            socket = await subscribed(session, venue, "btcusdt@depth5")
            return [await socket.receive_str(timeout=5) for _ in range(120)]

    first = await heard(1)
    assert first == await heard(1)
    assert first != await heard(2)


async def test_faults_can_be_switched_off_and_the_book_comes_out_right() -> None:
    faults = ("drop=0.2", "duplicate=0.1", "reorder=0.2", "malformed=0.2", "split=0.1", "stall=0.05:60s")
    async with btc(speed=50, faults=faults) as venue, aiohttp.ClientSession() as session:
        socket = await subscribed(session, venue, "btcusdt@depth20")
        await asyncio.sleep(0.3)
        assert venue.faults.drop == 0.2
        venue.pause()
        venue.faults = ()
        assert not venue.faults
        await venue.publish()
        bids, asks, update_id = venue.final_book("BTCUSDT", 20)
        last = ""
        with pytest.raises(asyncio.TimeoutError):
            while True:
                last = await socket.receive_str(timeout=0.2)
        assert json.loads(last) == {
            "lastUpdateId": update_id,
            "bids": [list(level) for level in bids],
            "asks": [list(level) for level in asks],
        }
        venue.faults = "drop=1"
        venue.resume()
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive_str(timeout=0.2)
        await venue.publish()
        await socket.receive_str(timeout=5)
        with pytest.raises(UsageError, match="drop"):
            venue.faults = "drop=7"


def test_on_uvloop() -> None:
    """Its transports are others: fragments, cuts, aborts and farewells must work on them too."""
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        faults = ("split=0.4", "disconnect=0.02")
        async with btc(speed=50, faults=faults, seed=2) as venue, aiohttp.ClientSession() as session:
            seen = 0
            while not venue.counts["disconnect"] or not venue.counts["split"]:
                socket = await subscribed(session, venue, "btcusdt@depth20")
                async for message in socket:
                    assert "lastUpdateId" in message.json()
                    seen += 1
            assert seen >= venue.counts["split"] > 0
            venue.faults = ()
            socket = await subscribed(session, venue, "btcusdt@depth20")
            end = asyncio.create_task(venue.disconnect_all(1012))
            async for message in socket:
                assert "lastUpdateId" in message.json()
            assert socket.close_code == 1012
            await end

    uvloop.run(main())


# -- the house


def open_files() -> int:
    path = Path("/proc/self/fd")
    return len(list(path.iterdir())) if path.exists() else 0


@pytest.mark.parametrize("faults", [(), ("disconnect=0.05", "stall=0.01:60s", "split=0.2")])
async def test_nothing_is_left_behind(dial: Any, faults: tuple[str, ...]) -> None:
    before_tasks, before_files = asyncio.all_tasks(), open_files()
    async with btc(speed=20, faults=faults) as venue:
        clients = [await dial(venue) for _ in range(5)]
        for client in clients:
            await client.ask("SUBSCRIBE", "btcusdt@depth20", "btcusdt@trade", "!ticker@arr")
        await asyncio.sleep(0.2)
        clients[0].writer.transport.abort()
    for client in clients:
        client.writer.close()
        await asyncio.gather(client.writer.wait_closed(), return_exceptions=True)
    await asyncio.sleep(0.02)
    assert asyncio.all_tasks() == before_tasks
    assert open_files() == before_files


async def test_nothing_private_is_left_behind_and_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Every fault at once, answers that never come, streams that nobody reads."""
    caplog.set_level(1)
    before_tasks, before_files = asyncio.all_tasks(), open_files()
    faults = [f"{kind}=0.1" for kind in (*EVENT_KINDS, *REQUEST_KINDS)]
    clock = TapeClock(1_700_000_000_000_000_000)
    secrets = []
    async with customers(clock=clock, faults=[*faults, "answer_lost=0.1:3600s"]) as (venue, customer):
        asking = [asyncio.create_task(customer.ask("POST", LISTEN)) for _ in range(20)]
        await asyncio.wait(asking, timeout=0.1)
        done = [task for task in asking if task.done() and not task.exception()]
        keys = [task.result()[1]["listenKey"] for task in done if task.result()[0] == 200]
        assert len(keys) > 3
        assert not all(task.done() for task in asking), "some are never answered"
        streams = [await customer.session.ws_connect(f"{venue.ws_url}/ws/{key}") for key in keys]
        for number in range(50):
            venue.place_by_hand("BTCUSDT", "BUY", "0.001", "61000.0", client_order_id=str(number))
        await venue.quiet()
        venue.expire_listen_keys()
        await streams[0].close()
        secrets = [*keys, venue.api_secret, venue.api_key]
    await asyncio.gather(*asking, return_exceptions=True)
    await asyncio.sleep(0.02)
    assert asyncio.all_tasks() == before_tasks
    assert open_files() == before_files
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    for secret in secrets:
        assert secret not in logged
        assert secret not in repr(venue)
        assert secret not in repr(vars(venue))


async def test_a_clock_that_is_moved_moves_the_market_at_once() -> None:
    clock = TapeClock(1_700_000_000_000_000_000)
    async with LocalVenue(symbols=["BTCUSDT"], clock=clock) as venue:
        first = venue.final_book("BTCUSDT", 5)
        venue.advance(5 * 10**9)
        later = venue.final_book("BTCUSDT", 5)
        assert later[2] > first[2]
        assert venue.due_ns is None


async def test_a_market_that_fails_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("broken market")

    with pytest.raises(RuntimeError, match="broken market"):
        async with btc(speed=20) as venue:
            monkeypatch.setattr(venue._market, "advance", broken)
            await asyncio.sleep(0.1)


def test_importing_is_cheap_and_the_client_is_not_needed() -> None:
    """aiohttp comes with LocalVenue, the reading side of csbook never; the venues' tables name its conversations."""
    program = (
        "import sys, csbook.sim; assert 'aiohttp' not in sys.modules;"
        "csbook.sim.LocalVenue; assert 'aiohttp' in sys.modules;"
        "never = ('csbook.net', 'csbook.feed', 'csbook.guard', 'csbook.account', 'numpy', 'picows');"
        "print([name for name in sys.modules if name.startswith(never)])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"
