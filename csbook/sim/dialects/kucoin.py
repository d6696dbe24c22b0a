"""KuCoin futures, classic: a token, a welcome, one changed level a message, contracts. Fact sheet kucoin, 1 to 3.

One contract is one unit of the recorded size's last decimal, so every size is a whole number of contracts. A symbol's
``sequence`` counts the levels that have changed, whoever is told of them, on all of its topics and in REST.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from secrets import token_urlsafe
from typing import Any

from csbook import json
from csbook.clock import Clock
from csbook.sim.board import Board
from csbook.sim.market import Instrument, Listing
from csbook.sim.recording import Deal
from csbook.sim.speech import ALL, Channel, Ids, Mode, Reply, Response, Said, Speech, Talk, TextLevels, split_symbol
from csbook.sim.textbook import decimal_text

__all__ = ["SPEECH", "KuCoin"]

TOKEN, SNAPSHOT, TIME = "/api/v1/bullet-public", "/api/v1/level2/snapshot", "/api/v1/timestamp"
CONTRACT, CONTRACTS = "/api/v1/contracts/{symbol}", "/api/v1/contracts/active"
TOKEN_LIFE_NS = 24 * 3600 * 10**9
TOKENS = 10_000  # kept; older ones are forgotten
AT_ONCE = 100  # topics of one request
DEPTHS = "/contractMarket/level2Depth"


class _Talk(Talk):
    beat = None
    hears_pongs = False

    def __init__(self, streams: Collection[str], limit: int, name: str, why: str) -> None:
        self._streams = streams
        self._limit = limit
        self._name = name
        self._why = why  # it is turned away

    def greet(self) -> Reply:
        if self._why:
            return Reply([_error(self._name, 401, self._why)], end=self._why)
        return Reply([json.dumps({"id": self._name, "type": "welcome"})])

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        try:
            request = json.loads(said)
        except json.JSONDecodeError:
            request = None
        if not isinstance(request, dict) or not isinstance(request.get("id"), str):
            return Reply([_error("", 400, "an object with a textual id is expected")], refused=True)
        name: str = request["id"]
        match request.get("type"):
            case "ping":
                return Reply([json.dumps({"id": name, "type": "pong"})], request=False, alive=True)
            case "subscribe" | "unsubscribe" as kind:
                return self._asked(name, kind == "subscribe", request, held)
            case kind:
                return Reply([_error(name, 404, f"type {str(kind)[:32]} is not supported")], refused=True)

    def _asked(self, name: str, entering: bool, request: Mapping[str, Any], held: Collection[str]) -> Reply:
        topic = str(request.get("topic", ""))
        kind, _, symbols = topic.partition(":")
        streams = list(dict.fromkeys(f"{kind}:{symbol}" for symbol in symbols.split(",")))
        if any(stream not in self._streams for stream in streams):
            return Reply([_error(name, 404, f"topic {topic[:64]} is not found")], refused=True)
        answers = [json.dumps({"id": name, "type": "ack"})] if request.get("response") else []
        if not entering:
            return Reply(answers, unsubscribe=[stream for stream in streams if stream in held])
        new = [stream for stream in streams if stream not in held]
        if len(streams) > AT_ONCE or len(held) + len(new) > self._limit:
            return Reply([_error(name, 509, "exceed max subscription count limitation")], refused=True)
        return Reply(answers, new)


def _error(name: str, code: int, text: str) -> bytes:
    return json.dumps({"id": name, "type": "error", "code": code, "data": text})


class KuCoin(Speech):
    weights = (2000, 30.0)
    calls = (("POST", TOKEN), ("GET", SNAPSHOT), ("GET", TIME), ("GET", CONTRACTS), ("GET", CONTRACT))

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.paths = (self.dialect.market_path,)
        self._tokens: deque[tuple[str, int]] = deque(maxlen=TOKENS)  # and when they were given out
        self._clock: Clock | None = None

    def channels(self) -> Iterable[Channel]:
        for symbol in self.symbols:
            yield Channel(self._named(self.dialect.changes_stream, symbol), symbol, Mode.EACH, ids=Ids.LEVELS)
            for depth in self.dialect.depths:
                stream = self._named(self.dialect.book_stream, symbol, depth=depth)
                yield Channel(stream, symbol, depth=depth, interval_ms=100.0, ids=Ids.LEVELS)
            stream = self._named(self.dialect.touch_stream, symbol)
            yield Channel(stream, symbol, depth=1, ids=Ids.LEVELS, kind="touch")

    def size_text(self, instrument: Instrument, size: int) -> str:
        return str(size)

    def depth(self, said: Said) -> bytes:
        channel = said.channel
        if channel.mode is Mode.EACH:
            side, (price, size) = ("buy", said.bids[0]) if said.bids else ("sell", said.asks[0])
            data = {"sequence": said.last_id, "change": f"{price},{side},{size}", "timestamp": said.event_ms}
            return _message(channel.stream, "level2", said.last_id, json.dumps(data))
        if channel.kind == "touch":
            (bid, bid_size), (ask, ask_size) = said.bids[0], said.asks[0]
            touch = {
                "symbol": self.name(channel.symbol),
                "sequence": said.last_id,
                "bestBidSize": int(bid_size),
                "bestBidPrice": bid,
                "bestAskPrice": ask,
                "bestAskSize": int(ask_size),
                "ts": said.event_ms * 1_000_000,
            }
            return _message(channel.stream, "tickerV2", said.last_id, json.dumps(touch))
        levels = {
            "bids": [(price, int(size)) for price, size in said.bids],
            "asks": [(price, int(size)) for price, size in said.asks],
            "sequence": said.last_id,
            "timestamp": said.event_ms,
            "ts": said.event_ms,
        }
        return _message(channel.stream, "level2", said.event_ms, json.dumps(levels))

    def trade(self, listing: Listing, deal: Deal, event_ms: int, stream: str) -> bytes:
        symbol = listing.instrument.symbol
        rested, came = f"{2 * deal.id:024x}", f"{2 * deal.id + 1:024x}"
        data = {
            "symbol": self.name(symbol),
            "sequence": deal.id,
            "side": "sell" if deal.buyer_is_maker else "buy",
            "size": deal.size,
            "price": listing.instrument.price_text(deal.price),
            "takerOrderId": came,
            "makerOrderId": rested,
            "tradeId": str(deal.id),
            "ts": (event_ms - deal.lag_ms) * 1_000_000,
        }
        return _message(stream, "match", deal.id, json.dumps(data))

    # -- the conversation, and REST

    def talk(self, path: str, query: Mapping[str, str]) -> Talk:
        token = query.get("token", "")
        now = 0 if self._clock is None else self._clock.monotonic_ns()
        good = any(known == token and now - given < TOKEN_LIFE_NS for known, given in self._tokens)
        why = "" if good else "token is expired"
        return _Talk(self.streams, self.streams_per_connection, query.get("connectId", ""), why)

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        return {TOKEN: 10, SNAPSHOT: 3, CONTRACT: 3, CONTRACTS: 3}.get(path, 2)

    def over(self) -> Response:
        return Response(b'{"code":"429000","msg":"Too many requests"}', 429)

    def call(self, path: str, query: Mapping[str, str], board: Board, clock: Clock) -> Response:
        self._clock = clock
        if path == TOKEN:
            return _data(json.dumps(self._token(clock)))
        if path == TIME:
            return _data(json.dumps(clock.now_ns() // 1_000_000))
        if path == CONTRACTS:
            return _data(b"[%b]" % b",".join(self._contract(board.listing(name).instrument) for name in board.symbols))
        asked = query.get("symbol", "")
        symbol = self.by_name.get(asked.upper())
        if symbol is None:
            return Response(json.dumps({"code": "404000", "msg": f"symbol {asked[:32]} is not found"}), 404)
        if path == CONTRACT:
            return _data(self._contract(board.listing(symbol).instrument))
        bids, asks, sequence = board.book(symbol, ALL)
        return _data(
            b'{"sequence":%d,"symbol":"%b","bids":%b,"asks":%b,"ts":%d}'
            % (sequence, self.name(symbol).encode(), _numbers(bids), _numbers(asks), clock.now_ns())
        )

    def _token(self, clock: Clock) -> dict[str, object]:
        token = token_urlsafe(48)
        self._tokens.append((token, clock.monotonic_ns()))
        server = {
            "endpoint": f"{self.ws_url}/",
            "encrypt": False,
            "protocol": "websocket",
            "pingInterval": 18000,
            "pingTimeout": 10000,
        }
        return {"token": token, "instanceServers": [server]}

    def _contract(self, instrument: Instrument) -> bytes:
        """Section 2.5; the numbers are JSON numbers."""
        base, quote = split_symbol(instrument.symbol)
        name = self.name(instrument.symbol)
        words = {
            "symbol": name,
            "rootSymbol": quote,
            "type": "FFWCSX",
            "baseCurrency": "XBT" if base == "BTC" else base,
            "quoteCurrency": quote,
            "settleCurrency": quote,
            "status": "Open",
            "isInverse": False,
            "isQuanto": False,
            "firstOpenDate": 1585555200000,
            "expireDate": None,
            "nextFundingRateTime": 28_800_000,
            "fundingRateGranularity": 28_800_000,
            "maxLeverage": 100,
        }
        numbers = {
            "tickSize": decimal_text(instrument.tick, instrument.price_decimals),
            "lotSize": "1",
            "multiplier": decimal_text(1, instrument.size_decimals),
            "maxOrderQty": "1000000",
            "maxPrice": "1000000",
            "makerFeeRate": "0.0002",
            "takerFeeRate": "0.0006",
        }
        plain = ",".join(f'"{key}":{value}' for key, value in numbers.items())
        return json.dumps(words)[:-1] + b"," + plain.encode() + b"}"


def _message(topic: str, subject: str, number: int, data: bytes) -> bytes:
    head = b'{"topic":"%b","type":"message","subject":"%b","sn":%d,"data":' % (topic.encode(), subject.encode(), number)
    return head + data + b"}"


def _data(data: bytes) -> Response:
    return Response(b'{"code":"200000","data":%b}' % data)


def _numbers(levels: TextLevels) -> bytes:
    """Levels as JSON numbers, digit by digit as the text."""
    return b"[%b]" % ",".join(f"[{price},{size}]" for price, size in levels).encode()


SPEECH = KuCoin
