"""CoinSwitch's official sockets: Engine.IO 4 and Socket.IO 5 by hand, futures and spot. Fact sheet coinswitch, 4 and 7.

Books are told whole, in either of the two shapes that futures are known in: flat, or with ``envelope`` under ``data``.
How many levels the venue shows is unknown; here it is ``LEVELS``. Of a confirmation only the key ``success`` is known.
Candles are not served, and are refused. Spot shows the same market under its pairs, BTC,USDT.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from secrets import token_urlsafe

from csbook import json
from csbook.clock import Clock
from csbook.sim.board import Board
from csbook.sim.dialects.coinswitch import ORDER_BOOK, TIME, order_book
from csbook.sim.frames import TEXT, frame
from csbook.sim.market import Listing
from csbook.sim.recording import Deal
from csbook.sim.speech import Channel, NotServed, Reply, Response, Said, Speech, Talk, split_symbol

__all__ = ["LEVELS", "SPEECH", "CoinSwitchSio"]

LEVELS = 20
BOOK, TRADES, TICKER = "FETCH_ORDER_BOOK_CS_PRO", "FETCH_TRADES_CS_PRO", "FETCH_TICKER_INFO_CS_PRO"
FUTURES, SPOT = "/exchange_2", "/coinswitchx"
_ROOT = "/pro/realtime-rates-socket"


class _Talk(Talk):
    """``namespaces`` are those of the address. A stream is namespace, event and pair."""

    beat = frame(TEXT, b"2")
    hears_pongs = False

    def __init__(self, namespace: str, streams: Collection[str], limit: int, opening: Mapping[str, object]) -> None:
        self._namespace = namespace
        self._streams = streams
        self._limit = limit
        self._opening = opening
        self._joined = False

    def greet(self) -> Reply:
        return Reply([b"0" + json.dumps(self._opening)])

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        kind = said[:1]
        if kind == b"3":
            return Reply(request=False, alive=True)
        if kind == b"1":
            return Reply(request=False, end="closed by the client")
        if kind != b"4":
            return Reply(request=False)
        return self._packet(said[1:2], said[2:], held)

    def _packet(self, kind: bytes, rest: bytes, held: Collection[str]) -> Reply:
        namespace, text = "/", rest
        if rest[:1] == b"/":
            name, _, text = rest.partition(b",")
            namespace = name.decode("utf-8", "replace")
        if kind == b"0":
            if namespace != self._namespace:
                return Reply([f'44{namespace[:64]},{{"message":"Invalid namespace"}}'.encode()], refused=True)
            self._joined = True
            sid = json.dumps({"sid": token_urlsafe(12)})
            return Reply([b"40%b,%b" % (namespace.encode(), sid)])
        if not self._joined:  # the first packet must be a CONNECT
            return Reply(refused=True, end="not connected to a namespace")
        if kind == b"1":
            self._joined = False
            return Reply(unsubscribe=list(held))
        if kind != b"2" or namespace != self._namespace:
            return Reply(refused=True)
        return self._event(text.lstrip(b"0123456789"), held)

    def _event(self, text: bytes, held: Collection[str]) -> Reply:
        try:
            match json.loads(text):
                case [str(event), {"event": "subscribe" | "unsubscribe" as what, "pair": str(pair)}]:
                    stream = f"{self._namespace} {event}:{pair.upper()}"
                case _:
                    return Reply(refused=True)
        except json.JSONDecodeError:
            return Reply(refused=True)
        if what == "unsubscribe":
            return Reply(unsubscribe=[stream] if stream in held else [])
        if stream not in self._streams or (stream not in held and len(held) >= self._limit):
            why = "invalid pair" if stream not in self._streams else "too many subscriptions"
            return Reply([self._packed(event, json.dumps({"success": False, "message": why}))], refused=True)
        good = json.dumps({"success": True, "message": "subscribed"})
        return Reply([self._packed(event, good)], [] if stream in held else [stream])

    def _packed(self, event: str, payload: bytes) -> bytes:
        return b"42%b,[%b,%b]" % (self._namespace.encode(), json.dumps(event), payload)

    def dress(self, stream: str, payload: bytes) -> bytes:
        return self._packed(stream.partition(" ")[2].partition(":")[0], payload)


class CoinSwitchSio(Speech):
    """Both markets, whichever of their two dialects it was asked for."""

    paths = tuple(
        f"{_ROOT}{market}{slash}"
        for market in ("/futures/exchange_2", "/futures", "/spot/coinswitchx", "/spot")
        for slash in ("", "/")
    )
    calls = (("GET", ORDER_BOOK), ("GET", TIME))

    def channels(self) -> Iterable[Channel]:
        for symbol in self.symbols:
            for namespace, pair in _pairs(symbol):
                yield Channel(f"{namespace} {BOOK}:{pair}", symbol, depth=LEVELS, kind=pair)

    def trade_streams(self, symbol: str) -> tuple[str, ...]:
        return tuple(f"{namespace} {TRADES}:{pair}" for namespace, pair in _pairs(symbol))

    def ticker_stream(self, symbol: str) -> str:
        return f"{FUTURES} {TICKER}:{symbol}"

    def depth(self, said: Said) -> bytes:
        levels = {"timestamp": said.event_ms, "bids": said.bids, "asks": said.asks}
        pair = said.channel.kind
        if self.envelope and "," not in pair:
            return json.dumps({"data": {"symbol": pair, **levels}})
        return json.dumps({"s": pair, **levels})

    def trade(self, listing: Listing, deal: Deal, event_ms: int, stream: str) -> bytes:
        pair = stream.rpartition(":")[2]
        said: dict[str, object] = {
            "E": event_ms - deal.lag_ms,
            "m": deal.buyer_is_maker,
            "p": listing.instrument.price_text(deal.price),
            "q": listing.instrument.size_text(deal.size),
            "s": pair,
        }
        if "," in pair:
            said |= {"t": str(deal.id), "e": SPOT[1:]}
        return json.dumps(said)

    def ticker(self, told: Mapping[str, str | int]) -> bytes:
        """Of what the venue's has, what is known here."""
        return json.dumps({told["s"]: {name: told[name] for name in ("s", "E", "c", "P")}})

    # -- the conversation, and REST

    def talk(self, path: str, query: Mapping[str, str]) -> Talk:
        if query.get("EIO") != "4" or query.get("transport") != "websocket":
            raise NotServed(400, {"code": 5, "message": "Unsupported protocol version"})
        opening = {
            "sid": token_urlsafe(15),
            "upgrades": [],
            "pingInterval": round(self.ping_interval_s * 1000),
            "pingTimeout": round(self.pong_deadline_s * 1000),
            "maxPayload": 1_000_000,
        }
        namespace = SPOT if "/spot" in path else FUTURES
        return _Talk(namespace, self.streams, self.streams_per_connection, opening)

    def call(self, path: str, query: Mapping[str, str], board: Board, clock: Clock) -> Response:
        now_ms = clock.now_ns() // 1_000_000
        if path == TIME:
            return Response(json.dumps({"serverTime": now_ms}))
        return order_book(query, board, now_ms, LEVELS)


def _pairs(symbol: str) -> tuple[tuple[str, str], ...]:
    return (FUTURES, symbol), (SPOT, ",".join(split_symbol(symbol)))


SPEECH = CoinSwitchSio
