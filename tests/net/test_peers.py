"""CoinSwitch's two official conversations with servers that are not ours: python-socketio, and nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import picows
import pytest
from aiohttp import web

import csbook
from csbook import State
from csbook.errors import SubscribeError
from csbook.net.setting import Policy
from natsvenue import SUBJECT, nats_venue
from scripted import until

BOOK, TRADES = "FETCH_ORDER_BOOK_CS_PRO", "FETCH_TRADES_CS_PRO"
POLICY = Policy(backoff_base=0.02, backoff_cap=0.1, confirm_within=2.0)


def book(symbol: str, at: int, bid: str = "100.5") -> dict[str, Any]:
    return {"s": symbol, "timestamp": at, "bids": [[bid, "1"]], "asks": [["101.000", "2"]]}


class SocketIoVenue:
    """A python-socketio server with the venue's path, namespace and events."""

    def __init__(self, namespace: str, path: str, **options: Any) -> None:
        self._socketio = pytest.importorskip("socketio", reason="python-socketio is not installed")
        self.namespace = namespace
        self.path = path
        self.server = self._socketio.AsyncServer(async_mode="aiohttp", namespaces=[namespace], **options)
        self.subscribed: list[tuple[str, str]] = []
        self.refused: set[str] = set()
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SocketIoVenue]:
        application = web.Application()
        self.server.attach(application, socketio_path=self.path)
        for event in (BOOK, TRADES, "FETCH_CANDLESTICK_CS_PRO"):
            self.server.on(event, self._handler(event), namespace=self.namespace)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await self.server.shutdown()
            await runner.cleanup()

    def _handler(self, event: str) -> Any:
        async def subscribe(sid: str, said: dict[str, str]) -> None:
            self.subscribed.append((event, said["pair"]))
            good = said["pair"] not in self.refused
            await self.server.enter_room(sid, event, namespace=self.namespace)
            await self.server.emit(event, {"success": good, "message": "no"}, to=sid, namespace=self.namespace)

        return subscribe

    async def push(self, event: str, payload: Any) -> None:
        await self.server.emit(event, payload, room=event, namespace=self.namespace)


def futures(**options: Any) -> SocketIoVenue:
    return SocketIoVenue("/exchange_2", "/pro/realtime-rates-socket/futures/exchange_2", **options)


def feed(venue: str, url: str, symbols: list[str], **options: Any) -> csbook.Feed:
    return csbook.Feed(venue, symbols, url=url, _policy=POLICY, **options)


async def test_socketio_books_and_trades() -> None:
    async with (
        futures().open() as venue,
        feed("coinswitch-sio", venue.url, ["BTCUSDT", "ETHUSDT"], channels=["book", "trades", "candles"]) as live,
    ):
        assert sorted(venue.subscribed) == sorted(
            (event, pair + ("_1" if event.startswith("FETCH_CAND") else ""))
            for event in (BOOK, TRADES, "FETCH_CANDLESTICK_CS_PRO")
            for pair in ("BTCUSDT", "ETHUSDT")
        )
        trades = live.trades()
        await venue.push(BOOK, book("BTCUSDT", 5))
        wrapped = book("", 7) | {"symbol": "ETHUSDT"}
        del wrapped["s"]
        await venue.push(BOOK, {"data": wrapped})
        await venue.push(TRADES, {"E": 1, "m": False, "p": "100", "q": "1", "s": "BTCUSDT"})
        await until(lambda: all(each.state is State.LIVE for each in live.books.values()))
        assert (live.books["BTCUSDT"].best_bid, live.books["BTCUSDT"].best_ask) == (100.5, 101.0)
        assert (await anext(trades)).side is csbook.Side.BUY
        await venue.push(BOOK, book("BTCUSDT", 4, "90"))  # older
        await venue.push(BOOK, book("BTCUSDT", 6, "99"))
        await until(lambda: live.books["BTCUSDT"].best_bid == 99)
        stats = live.stats()
        assert (stats["ignored"], stats["refused"], stats["unknown"]) == (1, 0, 0)


async def test_socketio_spot_has_a_socket_of_its_own() -> None:
    spot = SocketIoVenue("/coinswitchx", "/pro/realtime-rates-socket/spot/coinswitchx")
    async with spot.open() as venue, feed("coinswitch-sio", venue.url, ["BTC/INR"]) as live:
        assert venue.subscribed == [(BOOK, "BTC,INR")]
        await venue.push(BOOK, book("BTC,INR", 5, "5700000.000000000000") | {"asks": []})
        await until(lambda: live.books["BTC/INR"].best_bid == 5_700_000)


async def test_socketio_a_refused_pair_is_named() -> None:
    async with futures().open() as venue:
        venue.refused.add("NOPEUSDT")
        with pytest.raises(SubscribeError) as caught:
            async with feed("coinswitch-sio", venue.url, ["NOPEUSDT"]):
                pass
        assert caught.value.stream == f"{BOOK}:NOPEUSDT"


async def test_socketio_heartbeats_keep_the_connection() -> None:
    """The server drops a client that does not answer within a second of its ping."""
    async with (
        futures(ping_interval=1, ping_timeout=1).open() as venue,
        feed("coinswitch-sio", venue.url, ["BTCUSDT"]) as live,
    ):
        await asyncio.sleep(2.3)
        await venue.push(BOOK, book("BTCUSDT", 5))
        await until(lambda: live.books["BTCUSDT"].state is State.LIVE)
        assert live.stats()["reconnects"] == 0


async def test_socketio_a_client_that_is_kicked_comes_back() -> None:
    async with futures().open() as venue, feed("coinswitch-sio", venue.url, ["BTCUSDT"]) as live:
        await venue.push(BOOK, book("BTCUSDT", 5))
        await until(lambda: live.books["BTCUSDT"].state is State.LIVE)
        (sid,) = [sid for sid, _ in venue.server.manager.get_participants("/exchange_2", None)]
        await venue.server.disconnect(sid, namespace="/exchange_2")
        await until(lambda: live.books["BTCUSDT"].state is State.STALE)
        await until(lambda: len(venue.subscribed) == 2)
        await venue.push(BOOK, book("BTCUSDT", 4))  # the floor went with the connection
        await until(lambda: live.books["BTCUSDT"].state is State.LIVE)
        assert live.stats()["reconnects"] == 1


# -- NATS ------------------------------------------------------------------------------------------------------------


def depth(symbol: str, at: int, levels: int = 1) -> str:
    bids = ",".join(f'["{100 - i}.5","{i + 1}"]' for i in range(levels))
    return f'{{"t":{at + 2},"m":"{symbol}","b":[{bids}],"a":[["101.5","3"]],"e":"COINSWITCHX","E":{at}}}'


async def test_nats_books(tmp_path: Path) -> None:
    async with nats_venue(tmp_path) as venue, feed("coinswitch-hft", venue.url, ["BTCUSDT", "ETH/USDT"]) as live:
        await venue.publish("BTC/USDT", depth("BTC/USDT", 5))
        await venue.publish("ETH/USDT", f"[{depth('ETH/USDT', 6, 3)}]", headers={"x": "y"})
        await venue.publish("SOL/USDT", depth("SOL/USDT", 7))
        await until(lambda: all(each.state is State.LIVE for each in live.books.values()))
        assert live.books["BTCUSDT"].symbol == "BTC/USDT" and live.books["BTCUSDT"].best_bid == 100.5
        assert len(live.books["ETH/USDT"].bid_prices) == 3
        changes = live.books["BTCUSDT"].updates
        for i in range(200):
            await venue.publisher.publish(SUBJECT + "BTC/USDT", depth("BTC/USDT", 100 + i).encode())
        await venue.publisher.flush()
        await until(lambda: live.books["BTCUSDT"].updates == changes + 200)
        assert live.stats()["refused"] == 0


async def test_nats_frames_cut_for_browsers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes us for a browser sends 4,096 bytes a message, wherever that cuts."""
    original = picows.ws_connect
    frames: list[int] = []

    async def as_browser(*args: Any, **options: Any) -> Any:
        return await original(*args, **options, extra_headers={"User-Agent": "Mozilla/5.0"})

    monkeypatch.setattr(picows, "ws_connect", as_browser)
    async with nats_venue(tmp_path) as venue, feed("coinswitch-hft", venue.url, ["BTCUSDT"]) as live:
        before = live.stats()["messages"]
        payload = depth("BTC/USDT", 5, 90).replace('"1"', '"1' + "0" * 9 + '.00000000"')
        several = ",".join([payload] * 8)
        await venue.publish("BTC/USDT", f"[{several}]")
        await until(lambda: live.books["BTCUSDT"].state is State.LIVE)
        frames.append(int(live.stats()["messages"]) - int(before))
        assert len(live.books["BTCUSDT"].bid_prices) == 90
        assert frames[0] >= len(several) // 4096


async def test_nats_heartbeats_and_a_lost_server(tmp_path: Path) -> None:
    async with nats_venue(tmp_path) as venue, feed("coinswitch-hft", venue.url, ["BTCUSDT"]) as live:
        await venue.publish("BTC/USDT", depth("BTC/USDT", 5))
        await until(lambda: live.books["BTCUSDT"].state is State.LIVE)
        (stream,) = live._supervisor.streams  # type: ignore[union-attr]
        await asyncio.sleep(1.5)  # the server pings every second, and hangs up on who does not answer
        assert stream.is_connected and live.stats()["reconnects"] == 0
    assert live.books["BTCUSDT"].state is State.STALE
