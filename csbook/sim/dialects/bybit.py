"""Bybit V5 linear: topics by ``op``, snapshots in the stream, deltas whose u runs by one. Fact sheet bybit, 1 to 3.

Each topic counts its own messages in ``u``; ``seq`` is the id of the recorded book. REST tells the u of the topic with
1000 levels, as at the venue.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from uuid import uuid4

from csbook import json
from csbook.clock import Clock
from csbook.sim.board import Board
from csbook.sim.market import Instrument, Listing
from csbook.sim.recording import Deal
from csbook.sim.speech import Channel, Ids, Mode, Reply, Response, Said, Speech, Talk, split_symbol
from csbook.sim.textbook import decimal_text

__all__ = ["SPEECH", "Bybit"]

BOOK, RULES, TIME = "/v5/market/orderbook", "/v5/market/instruments-info", "/v5/market/time"
CADENCE_MS = {1: 10.0, 50: 20.0, 200: 100.0, 1000: 200.0}
AGAIN_MS = 3000.0  # depth 1 is said again after so long
LONGEST_ARGUMENTS = 21_000  # characters, of a connection


class _Talk(Talk):
    beat = None
    hears_pongs = False

    def __init__(self, streams: Collection[str]) -> None:
        self._streams = streams
        self._name = str(uuid4())

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        try:
            request = json.loads(said)
        except json.JSONDecodeError:
            return self._refused({}, "error:invalid JSON")
        if not isinstance(request, dict):
            return self._refused({}, "error:an object is expected")
        name, topics = request.get("op"), request.get("args")
        if name == "ping":
            return Reply([self._said(request, True, "pong")], request=False, alive=True)
        if name not in ("subscribe", "unsubscribe"):
            return self._refused(request, f"error:unknown op {str(name)[:32]}")
        if not isinstance(topics, list) or not topics or not all(isinstance(topic, str) for topic in topics):
            return self._refused(request, "error:args must be an array of topics")
        asked = list(dict.fromkeys(topics))
        for topic in asked:
            if topic not in self._streams:
                return self._refused(request, f"error:handler not found,topic:{topic[:64]}")
            if (topic in held) == (name == "subscribe"):
                return self._refused(request, f"error:{'already' if topic in held else 'not'} subscribed,topic:{topic}")
        if name == "unsubscribe":
            return Reply([self._said(request, True, "")], unsubscribe=asked)
        if sum(map(len, [*held, *asked])) > LONGEST_ARGUMENTS:
            return self._refused(request, "error:too many args")
        return Reply([self._said(request, True, "")], asked)

    def _refused(self, request: Mapping[str, Any], why: str) -> Reply:
        return Reply([self._said(request, False, why)], refused=True)

    def _said(self, request: Mapping[str, Any], success: bool, text: str) -> bytes:
        return json.dumps(
            {
                "success": success,
                "ret_msg": text,
                "conn_id": self._name,
                "req_id": str(request.get("req_id", "")),
                "op": str(request.get("op", "")),
            }
        )


class Bybit(Speech):
    weights = (600, 5.0)
    calls = (("GET", BOOK), ("GET", RULES), ("GET", TIME))

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.paths = (self.dialect.market_path,)

    def channels(self) -> Iterable[Channel]:
        for symbol in self.symbols:
            for depth in self.dialect.depths:
                yield Channel(
                    self._topic(symbol, depth),
                    symbol,
                    Mode.WHOLE if depth == 1 else Mode.CHANGES,
                    depth=depth,
                    interval_ms=CADENCE_MS[depth],
                    ids=Ids.OWN,
                    again_ms=AGAIN_MS if depth == 1 else 0.0,
                )

    def _topic(self, symbol: str, depth: int) -> str:
        return self._named(self.dialect.book_stream, symbol, depth=depth)

    def depth(self, said: Said) -> bytes:
        return json.dumps(
            {
                "topic": said.channel.stream,
                "type": "snapshot" if said.whole else "delta",
                "ts": said.event_ms,
                "data": {
                    "s": said.channel.symbol,
                    "b": said.bids,
                    "a": said.asks,
                    "u": said.last_id,
                    "seq": said.market_id,
                },
                "cts": said.event_ms,
            }
        )

    def trade(self, listing: Listing, deal: Deal, event_ms: int, stream: str) -> bytes:
        symbol = listing.instrument.symbol
        entry = {
            "T": event_ms - deal.lag_ms,
            "s": symbol,
            "S": "Sell" if deal.buyer_is_maker else "Buy",
            "v": listing.instrument.size_text(deal.size),
            "p": listing.instrument.price_text(deal.price),
            "L": "PlusTick",
            "i": str(deal.id),
            "BT": False,
            "seq": listing.update_id,
        }
        return json.dumps({"topic": stream, "type": "snapshot", "ts": event_ms, "data": [entry]})

    # -- the conversation, and REST

    def talk(self, path: str, query: Mapping[str, str]) -> Talk:
        return _Talk(self.streams)

    def over(self) -> Response:
        return Response(b'{"retCode":10006,"retMsg":"access too frequent"}', 403)

    def call(self, path: str, query: Mapping[str, str], board: Board, clock: Clock) -> Response:
        now_ns = clock.now_ns()
        now_ms = now_ns // 1_000_000
        if path == TIME:
            return _result({"timeSecond": str(now_ns // 10**9), "timeNano": str(now_ns)}, now_ms)
        if path == RULES and query.get("category") == "spot":
            return _result({"category": "spot", "list": []}, now_ms)  # there is no such market here
        if query.get("category") != "linear":
            return _error("Illegal category", now_ms)
        symbol = query.get("symbol", "").upper()
        if symbol and symbol not in board.symbols:
            return _error("params error: Symbol Invalid", now_ms)
        if path == RULES:
            rules = [_rules(board.listing(name).instrument) for name in board.symbols if symbol in ("", name)]
            return _result({"category": "linear", "list": rules, "nextPageCursor": ""}, now_ms)
        limit = query.get("limit", "25")
        if not symbol or not limit.isdecimal() or not 1 <= int(limit) <= 1000:
            return _error("params error", now_ms)
        bids, asks, market_id = board.book(symbol, int(limit))
        told = {
            "s": symbol,
            "b": bids,
            "a": asks,
            "ts": now_ms,
            "u": board.told_id(self._topic(symbol, 1000)),
            "seq": market_id,
            "cts": now_ms,
        }
        return _result(told, now_ms)


def _result(result: object, now_ms: int) -> Response:
    return Response(json.dumps({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": now_ms}))


def _error(text: str, now_ms: int) -> Response:
    """The venue says so with 200."""
    return Response(json.dumps({"retCode": 10001, "retMsg": text, "result": {}, "retExtInfo": {}, "time": now_ms}))


def _rules(instrument: Instrument) -> dict[str, object]:
    """Section 2.3."""
    base, quote = split_symbol(instrument.symbol)
    tick = decimal_text(instrument.tick, instrument.price_decimals)
    lot = decimal_text(1, instrument.size_decimals)
    most = decimal_text(1_000_000, instrument.size_decimals)
    return {
        "symbol": instrument.symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": base,
        "quoteCoin": quote,
        "settleCoin": quote,
        "launchTime": "1584230400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(instrument.price_decimals),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": tick, "maxPrice": "10000000", "tickSize": tick},
        "lotSizeFilter": {
            "qtyStep": lot,
            "minOrderQty": lot,
            "maxOrderQty": most,
            "maxMktOrderQty": decimal_text(100_000, instrument.size_decimals),
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
    }


SPEECH = Bybit
