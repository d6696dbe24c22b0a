"""Binance USD-M: routed sockets, diffs with U, u and pu, REST snapshots with a weight. Fact sheet binance, 1 to 3, 5.

A stream that is asked for on the wrong route, or that there is not, is acknowledged and stays silent. The retired
addresses without a route get the public streams, as they do at the venue. The recorded first ids of messages are not
kept, so U is always the one after pu.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Mapping

from csbook import json
from csbook.clock import Clock
from csbook.sim import commands
from csbook.sim.board import Board
from csbook.sim.dialects.coinswitch import diff
from csbook.sim.exchange import HIGHEST_PRICE, MOST_MARKET_UNITS, MOST_UNITS
from csbook.sim.market import Instrument, Listing
from csbook.sim.recording import Deal
from csbook.sim.speech import ALL, Channel, Mode, NotServed, Reply, Response, Said, Speech, Talk, split_symbol
from csbook.sim.textbook import decimal_text

__all__ = ["SPEECH", "Binance"]

DEPTH, RULES, TIME, PING = "/fapi/v1/depth", "/fapi/v1/exchangeInfo", "/fapi/v1/time", "/fapi/v1/ping"
WEIGHTS = {5: 2, 10: 2, 20: 2, 50: 2, 100: 5, 500: 10, 1000: 20}  # of a snapshot, by its limit
SPEEDS = {"": 250.0, "@100ms": 100.0, "@500ms": 500.0}
ON_MARKET = re.compile(r".*@(aggTrade|ticker|miniTicker|markPrice.*|kline_.*|forceOrder)|!.*@arr")


class _Talk(Talk):
    """``combined``: each message stands in an envelope with its stream's name."""

    def __init__(self, route: str, combined: bool, streams: Collection[str], limit: int, asked: list[str]) -> None:
        self._route = route
        self._combined = combined
        self._streams = streams
        self._limit = limit
        self._asked = asked
        self._silent: dict[str, None] = {}  # acknowledged, and nothing will come

    def greet(self) -> Reply:
        return Reply(subscribe=[stream for stream in self._asked if self._serves(stream)])

    def _serves(self, stream: str) -> bool:
        on_market = ON_MARKET.fullmatch(stream) is not None
        return stream in self._streams and on_market == (self._route == "market")

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        if (property_set := self._property(said)) is not None:
            return property_set
        known = [*held, *self._silent]
        answer = commands.answer(said, known, None, self._limit)
        new = list(answer.subscribe)
        self._silent.update((stream, None) for stream in new if not self._serves(stream))
        for stream in answer.unsubscribe:
            self._silent.pop(stream, None)
        return Reply(
            [answer.payload],
            [stream for stream in new if self._serves(stream)],
            [stream for stream in answer.unsubscribe if stream in held],
            answer.refused,
        )

    def _property(self, said: bytes) -> Reply | None:
        try:
            request = json.loads(said)
        except json.JSONDecodeError:
            return None
        match request:
            case {"method": "SET_PROPERTY", "params": ["combined", bool(combined)], "id": request_id}:
                self._combined = combined
                return Reply([json.dumps({"result": None, "id": request_id})])
            case {"method": "GET_PROPERTY", "params": ["combined"], "id": request_id}:
                return Reply([json.dumps({"result": self._combined, "id": request_id})])
        return None

    def form(self, stream: str) -> Hashable:
        return self._combined

    def dress(self, stream: str, payload: bytes) -> bytes:
        return b'{"stream":"%b","data":%b}' % (stream.encode(), payload) if self._combined else payload


class Binance(Speech):
    weights = (2400, 60.0)
    paths = tuple(
        f"{route}{form}"
        for route in ("", "/public", "/market")
        for form in ("/ws", "/ws/{streams:.+}", "/stream")
    )  # fmt: skip
    calls = (("GET", DEPTH), ("GET", RULES), ("GET", TIME), ("GET", PING))

    def channels(self) -> Iterable[Channel]:
        for symbol in self.symbols:
            name = self.name(symbol)
            for suffix, interval in SPEEDS.items():
                yield Channel(f"{name}@depth{suffix}", symbol, Mode.CHANGES, interval_ms=interval, kind="diff")
                for depth in self.dialect.depths:
                    yield Channel(
                        f"{name}@depth{depth}{suffix}", symbol, depth=depth, interval_ms=interval, kind="diff"
                    )
            yield Channel(self._named(self.dialect.touch_stream, symbol), symbol, depth=1, kind="touch")

    def depth(self, said: Said) -> bytes:
        if said.channel.kind == "diff":
            return diff(said, said.channel.symbol)
        (bid, bid_size), (ask, ask_size) = said.bids[0], said.asks[0]
        return json.dumps(
            {
                "e": "bookTicker",
                "u": said.last_id,
                "s": said.channel.symbol,
                "b": bid,
                "B": bid_size,
                "a": ask,
                "A": ask_size,
                "T": said.event_ms,
                "E": said.event_ms,
            }
        )

    def trade(self, listing: Listing, deal: Deal, event_ms: int, stream: str) -> bytes:
        return json.dumps(
            {
                "e": "aggTrade",
                "E": event_ms,
                "s": listing.instrument.symbol,
                "a": deal.id,
                "p": listing.instrument.price_text(deal.price),
                "q": listing.instrument.size_text(deal.size),
                "f": deal.id,
                "l": deal.id,
                "T": event_ms - deal.lag_ms,
                "m": deal.buyer_is_maker,
            }
        )

    # -- the conversation, and REST

    def talk(self, path: str, query: Mapping[str, str]) -> Talk:
        route = "market" if path.startswith("/market") else "public"
        asked = [stream for stream in query.get("streams", "").split("/") if stream]
        if len(asked) > self.streams_per_connection:
            raise NotServed(400, {"code": -1, "msg": "too many streams"})
        combined = path.endswith("/stream")
        return _Talk(route, combined, self.streams, self.streams_per_connection, list(dict.fromkeys(asked)))

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        if path != DEPTH:
            return 1
        limit = query.get("limit", "500")
        return WEIGHTS.get(int(limit), 1) if limit.isdecimal() else 1

    def over(self) -> Response:
        return Response(b'{"code":-1003,"msg":"Too many requests."}', 429, {"Retry-After": "10"})

    def call(self, path: str, query: Mapping[str, str], board: Board, clock: Clock) -> Response:
        now_ms = clock.now_ns() // 1_000_000
        if path == PING:
            return Response(b"{}")
        if path == TIME:
            return Response(json.dumps({"serverTime": now_ms}))
        if path == RULES:
            rules = [_rules(board.listing(symbol).instrument) for symbol in board.symbols]
            return Response(json.dumps({"timezone": "UTC", "serverTime": now_ms, "symbols": rules}))
        symbol, limit = query.get("symbol", "").upper(), query.get("limit", "500")
        if symbol not in board.symbols:
            return Response(b'{"code":-1121,"msg":"Invalid symbol."}', 400)
        if not limit.isdecimal() or int(limit) not in WEIGHTS:
            return Response(b'{"code":-4021,"msg":"limit is not valid depth limit."}', 400)
        bids, asks, update_id = board.book(symbol, min(int(limit), ALL))
        return Response(json.dumps({"lastUpdateId": update_id, "E": now_ms, "T": now_ms, "bids": bids, "asks": asks}))


def _rules(instrument: Instrument) -> dict[str, object]:
    """A symbol of ``exchangeInfo``: section 2.4."""
    base, quote = split_symbol(instrument.symbol)
    tick = decimal_text(instrument.tick, instrument.price_decimals)
    lot = decimal_text(1, instrument.size_decimals)
    lots, market_lots = (
        {"minQty": lot, "maxQty": decimal_text(most, instrument.size_decimals), "stepSize": lot}
        for most in (MOST_UNITS, MOST_MARKET_UNITS)
    )
    return {
        "symbol": instrument.symbol,
        "pair": instrument.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": quote,
        "marginAsset": quote,
        "pricePrecision": instrument.price_decimals,
        "quantityPrecision": instrument.size_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": str(int(HIGHEST_PRICE) - 1), "tickSize": tick},
            {"filterType": "LOT_SIZE", **lots},
            {"filterType": "MARKET_LOT_SIZE", **market_lots},
            {"filterType": "MIN_NOTIONAL", "notional": "5"},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


SPEECH = Binance
