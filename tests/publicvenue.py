"""One market on loopback in the words of a venue: its REST, its sockets, its ids. Written from the fact sheets alone.

The venue holds the true book. ``change`` moves it and tells the subscribers, ``lose`` moves it and tells nobody, so
that the next change shows a hole. Numbers are told as the venue writes them.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

BUY, SELL = "buy", "sell"


@dataclass(eq=False)
class Market:
    """The true book of a symbol, by price text."""

    symbol: str
    bids: dict[str, str] = field(default_factory=lambda: {"100.0": "1", "99.9": "2", "99.8": "3", "99.7": "4"})
    asks: dict[str, str] = field(default_factory=lambda: {"100.1": "1", "100.2": "2", "100.3": "3", "100.4": "4"})
    id: int = 1000
    previous: int = 1000  # the id of the last change that was told or lost
    tick: str = "0.10"
    lot: str = "0.001"

    def set(self, side: str, price: str, size: str) -> None:
        levels = self.bids if side == BUY else self.asks
        if float(size):
            levels[price] = size
        else:
            levels.pop(price, None)

    @property
    def sides(self) -> tuple[list[list[str]], list[list[str]]]:
        """Best first."""
        bids = sorted(self.bids.items(), key=lambda level: -float(level[0]))
        asks = sorted(self.asks.items(), key=lambda level: float(level[0]))
        return [list(level) for level in bids], [list(level) for level in asks]


class Socket:
    """One connection."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.ws = ws
        self.path = request.path
        self.query = dict(request.query)
        self.heard: list[Any] = []  # what the client said, parsed
        self.streams: set[str] = set()

    async def send(self, message: Any) -> None:
        with suppress(ConnectionError):
            await self.ws.send_str(json.dumps(message))

    async def cut(self) -> None:
        """End it without a close frame."""
        assert self.ws._req is not None and self.ws._req.transport is not None
        self.ws._req.transport.abort()


class PublicVenue:
    """``async with Binance("BTCUSDT") as venue``; ``venue.url`` and ``venue.rest_url`` are where it listens."""

    def __init__(self, *symbols: str) -> None:
        self.markets = {symbol: Market(symbol) for symbol in symbols}
        self.sockets: list[Socket] = []
        self.asked: list[str] = []  # path and query of every request by REST
        self.status = 200  # of the next snapshots by REST
        self.old: dict[str, Any] = {}  # symbol -> the answer that REST gives instead of the true book
        self._runner: web.AppRunner | None = None

    # -- for the test

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def rest_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def _port(self) -> int:
        assert self._runner is not None
        return int(self._runner.addresses[0][1])

    def listening(self, stream: str) -> list[Socket]:
        return [socket for socket in self.sockets if stream in socket.streams and not socket.ws.closed]

    async def change(self, symbol: str, side: str, price: str, size: str, *, told: bool = True) -> None:
        """A change of the book; ``told`` False: it is lost on its way to every subscriber."""
        market = self.markets[symbol]
        market.set(side, price, size)
        stream, message = self.told(market, side, price, size)
        if told:
            await self.publish(stream, message)

    async def lose(self, symbol: str, side: str, price: str, size: str) -> None:
        await self.change(symbol, side, price, size, told=False)

    async def publish(self, stream: str, message: Any) -> None:
        for socket in self.listening(stream):
            await socket.send(message)

    async def quote(self, symbol: str, *, ahead: int = 1, bid: str = "100.05", ask: str = "100.06") -> None:
        """The best bid and ask of an id so many after the book's."""
        await self.publish(*self.quoted(self.markets[symbol], ahead, bid, ask))

    # -- what a venue says

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def told(self, market: Market, side: str, price: str, size: str) -> tuple[str, Any]:
        """The stream and the message of a change."""
        raise NotImplementedError

    def quoted(self, market: Market, ahead: int, bid: str, ask: str) -> tuple[str, Any]:
        raise NotImplementedError

    async def greet(self, socket: Socket) -> None:
        """What a new connection hears first."""

    async def answer(self, socket: Socket, said: Any) -> None:
        raise NotImplementedError

    # -- serving

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None
        for socket in self.sockets:
            if not socket.ws.closed:
                with suppress(Exception):
                    await asyncio.wait_for(socket.ws.close(), 0.5)
        await self._runner.cleanup()

    async def rest(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if self.status != 200:
            return web.json_response({"msg": "no"}, status=self.status)
        name = request.query.get("symbol") or request.match_info.get("symbol", "")
        if name and name not in self.markets:
            return self.unlisted(name)
        answer = self.old.get(name) if "instrument" not in request.path else None
        return web.json_response(answer if answer is not None else self.by_path(request.path, self.markets.get(name)))

    def unlisted(self, name: str) -> web.Response:
        return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)

    def by_path(self, path: str, market: Market | None) -> Any:
        """The answer of a GET."""
        raise NotImplementedError

    def book(self, symbol: str) -> Any:
        """What REST says of the book now."""
        raise NotImplementedError

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if not self.admits(request):
            return web.Response(status=403)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        socket = Socket(ws, request)
        self.sockets.append(socket)
        await self.greet(socket)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                said = json.loads(message.data)
                socket.heard.append(said)
                await self.answer(socket, said)
        return ws

    def admits(self, request: web.Request) -> bool:
        return True


class Binance(PublicVenue):
    """USD-M futures: fact sheet binance, sections 1 and 2."""

    def routes(self) -> list[web.RouteDef]:
        rest = [web.get(path, self.rest) for path in ("/fapi/v1/depth", "/fapi/v1/exchangeInfo")]
        return [*rest, web.get("/public/stream", self.stream), web.get("/market/stream", self.stream)]

    def by_path(self, path: str, market: Market | None) -> Any:
        if path.endswith("depth"):
            assert market is not None
            return self.book(market.symbol)
        listed = [
            {
                "symbol": market.symbol, "status": "TRADING", "pricePrecision": 5,
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": market.tick},
                    {"filterType": "LOT_SIZE", "stepSize": market.lot, "minQty": market.lot, "maxQty": "1000"},
                ],
            }
            for market in self.markets.values()
        ]  # fmt: skip
        return {"symbols": listed}

    def book(self, symbol: str) -> Any:
        market = self.markets[symbol]
        bids, asks = market.sides
        return {"lastUpdateId": market.id, "E": 5, "T": 4, "bids": bids, "asks": asks}

    def told(self, market: Market, side: str, price: str, size: str) -> tuple[str, Any]:
        market.id += 3
        row = [[price, size]]
        data = {
            "e": "depthUpdate", "E": 1000, "T": 999, "s": market.symbol, "U": market.id - 1, "u": market.id,
            "pu": market.previous, "b": row if side == BUY else [], "a": row if side == SELL else [],
        }  # fmt: skip
        market.previous = market.id
        name = f"{market.symbol.lower()}@depth@100ms"
        return name, {"stream": name, "data": data}

    def quoted(self, market: Market, ahead: int, bid: str, ask: str) -> tuple[str, Any]:
        name = f"{market.symbol.lower()}@bookTicker"
        data = {
            "e": "bookTicker", "u": market.id + ahead, "E": 1, "T": 1, "s": market.symbol,
            "b": bid, "B": "7", "a": ask, "A": "8",
        }  # fmt: skip
        return name, {"stream": name, "data": data}

    async def answer(self, socket: Socket, said: Any) -> None:
        if said["method"] == "SUBSCRIBE":
            socket.streams.update(said["params"])
        else:
            socket.streams.difference_update(said["params"])
        await socket.send({"result": None, "id": said["id"]})


class Bybit(PublicVenue):
    """V5 linear: fact sheet bybit, sections 1 and 2. A subscription to a book brings its snapshot."""

    def __init__(self, *symbols: str, depth: int = 50) -> None:
        super().__init__(*symbols)
        self.depth = depth
        self.u = 70

    def routes(self) -> list[web.RouteDef]:
        rest = [web.get(f"/v5/market/{name}", self.rest) for name in ("orderbook", "instruments-info")]
        return [*rest, web.get("/v5/public/linear", self.stream)]

    def by_path(self, path: str, market: Market | None) -> Any:
        assert market is not None
        if path.endswith("orderbook"):
            return self.book(market.symbol)
        row = {
            "symbol": market.symbol, "status": "Trading", "priceFilter": {"tickSize": market.tick},
            "lotSizeFilter": {"qtyStep": market.lot, "minOrderQty": market.lot, "maxOrderQty": "1000"},
        }  # fmt: skip
        return {"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": [row]}}

    def unlisted(self, name: str) -> web.Response:
        return web.json_response({"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": []}})

    def book(self, symbol: str) -> Any:
        market = self.markets[symbol]
        bids, asks = market.sides
        result = {"s": symbol, "b": bids, "a": asks, "ts": 9999, "u": 123456, "seq": market.id, "cts": 9998}
        return {"retCode": 0, "retMsg": "OK", "result": result}

    def _message(self, market: Market, kind: str, bids: Any, asks: Any, depth: int, seq: int) -> Any:
        data = {"s": market.symbol, "b": bids, "a": asks, "u": self.u, "seq": seq}
        return {"topic": f"orderbook.{depth}.{market.symbol}", "type": kind, "ts": 1000, "data": data, "cts": 999}

    def told(self, market: Market, side: str, price: str, size: str) -> tuple[str, Any]:
        self.u += 1
        market.id += 7
        row = [[price, size]]
        bids, asks = (row, []) if side == BUY else ([], row)
        message = self._message(market, "delta", bids, asks, self.depth, market.id)
        return message["topic"], message

    def quoted(self, market: Market, ahead: int, bid: str, ask: str) -> tuple[str, Any]:
        message = self._message(market, "snapshot", [[bid, "7"]], [[ask, "8"]], 1, market.id + ahead)
        return message["topic"], message

    async def answer(self, socket: Socket, said: Any) -> None:
        if said["op"] == "ping":
            await socket.send({"success": True, "ret_msg": "pong", "op": "ping"})
            return
        answer = {"success": True, "ret_msg": "", "conn_id": "c", "req_id": said["req_id"], "op": said["op"]}
        await socket.send(answer)
        for topic in said["args"]:
            if said["op"] == "unsubscribe":
                socket.streams.discard(topic)
                continue
            socket.streams.add(topic)
            if topic.startswith(f"orderbook.{self.depth}."):
                market = self.markets[topic.rpartition(".")[2]]
                await socket.send(self._message(market, "snapshot", *market.sides, self.depth, market.id))


class KuCoin(PublicVenue):
    """Futures: fact sheet kucoin, sections 1 to 3. A token first, then a welcome; what is said before it is lost."""

    ping_interval = 18_000  # ms, as the token says

    def __init__(self, *symbols: str) -> None:
        super().__init__(*symbols)
        self.tokens: list[str] = []
        self.used: list[str] = []
        self.welcomes = True

    def routes(self) -> list[web.RouteDef]:
        rest = [web.get(f"/api/v1/{name}", self.rest) for name in ("level2/snapshot", "contracts/{symbol}")]
        return [*rest, web.post("/api/v1/bullet-public", self._token), web.get("/endpoint", self.stream)]

    async def _token(self, request: web.Request) -> web.Response:
        self.tokens.append(f"token {len(self.tokens)}/+=")
        server = {
            "endpoint": f"{self.url}/endpoint", "protocol": "websocket", "encrypt": False,
            "pingInterval": self.ping_interval, "pingTimeout": 10_000,
        }  # fmt: skip
        data = {"token": self.tokens[-1], "instanceServers": [server]}
        return web.json_response({"code": "200000", "data": data})

    def admits(self, request: web.Request) -> bool:
        token = request.query.get("token", "")
        known = token in self.tokens and token not in self.used and bool(request.query.get("connectId"))
        self.used.append(token)
        return known

    async def greet(self, socket: Socket) -> None:
        if self.welcomes:
            await socket.send({"id": socket.query["connectId"], "type": "welcome"})

    def by_path(self, path: str, market: Market | None) -> Any:
        assert market is not None
        if path.endswith("snapshot"):
            return self.book(market.symbol)
        row = {
            "symbol": market.symbol, "status": "Open", "tickSize": float(market.tick), "lotSize": 1,
            "multiplier": 0.001, "maxOrderQty": 1_000_000, "isInverse": False,
        }  # fmt: skip
        return {"code": "200000", "data": row}

    def unlisted(self, name: str) -> web.Response:
        return web.json_response({"code": "404000", "msg": "Contract does not exist"})

    def book(self, symbol: str) -> Any:
        market = self.markets[symbol]
        bids, asks = ([[float(price), int(size)] for price, size in side] for side in market.sides)
        data = {"sequence": market.id, "symbol": symbol, "bids": bids, "asks": asks, "ts": 1_729_168_101_216_000_000}
        return {"code": "200000", "data": data}

    def told(self, market: Market, side: str, price: str, size: str) -> tuple[str, Any]:
        market.id += 1
        topic = f"/contractMarket/level2:{market.symbol}"
        data = {"sequence": market.id, "change": f"{price},{side},{size}", "timestamp": 1_731_897_467_182}
        return topic, {"topic": topic, "type": "message", "subject": "level2", "sn": 5, "data": data}

    def quoted(self, market: Market, ahead: int, bid: str, ask: str) -> tuple[str, Any]:
        topic = f"/contractMarket/tickerV2:{market.symbol}"
        data = {
            "symbol": market.symbol, "sequence": market.id + ahead, "bestBidSize": 7, "bestBidPrice": bid,
            "bestAskPrice": ask, "bestAskSize": 8, "ts": 1_731_665_526_461_000_000,
        }  # fmt: skip
        return topic, {"topic": topic, "type": "message", "subject": "tickerV2", "data": data}

    async def answer(self, socket: Socket, said: Any) -> None:
        if said["type"] == "ping":
            await socket.send({"id": said["id"], "type": "pong", "timestamp": 1})
            return
        topic, _, symbols = said["topic"].partition(":")
        names = {f"{topic}:{symbol}" for symbol in symbols.split(",")}
        socket.streams = socket.streams | names if said["type"] == "subscribe" else socket.streams - names
        await socket.send({"id": said["id"], "type": "ack"})


VENUES = {"binance": Binance, "bybit": Bybit, "kucoin": KuCoin}
