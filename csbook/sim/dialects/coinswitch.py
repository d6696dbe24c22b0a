"""CoinSwitch's unofficial plain WebSocket, as the integration guide has it; its diff stream is in Binance's shape.

The recording has no order ids, so a trade's ``b`` and ``a`` are made up: twice the trade id for the order that rested,
one more for the one that came; they rise with the trades and name no order anywhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from csbook import json
from csbook.clock import Clock
from csbook.sim import commands
from csbook.sim.board import Board
from csbook.sim.market import Listing
from csbook.sim.recording import Deal
from csbook.sim.speech import Channel, Mode, Reply, Response, Said, Speech, Talk

__all__ = ["SPEECH", "CoinSwitch", "diff", "order_book"]

TIME, ORDER_BOOK = "/trade/api/v2/time", "/trade/api/v2/futures/order_book"


def diff(said: Said, symbol: str) -> bytes:
    """A message of a diff stream: fact sheet binance, section 2.1."""
    return json.dumps(
        {
            "e": "depthUpdate",
            "E": said.event_ms,
            "T": said.event_ms,
            "s": symbol,
            "U": said.first_id,
            "u": said.last_id,
            "pu": said.previous_id,
            "b": said.bids,
            "a": said.asks,
        }
    )


def order_book(query: Mapping[str, str], board: Board, now_ms: int, depth: int) -> Response:
    """The official book by REST: fact sheet coinswitch, section 2.6."""
    symbol = query.get("symbol", "").upper()
    if query.get("exchange") != "EXCHANGE_2":
        return Response(b'{"message":"exchange must be EXCHANGE_2"}', 400)
    if symbol not in board.symbols:
        return Response(json.dumps({"message": f"unknown symbol {symbol[:32]!r}"}), 400)
    bids, asks, _ = board.book(symbol, depth)
    return Response(json.dumps({"data": {"timestamp": now_ms, "bids": bids, "asks": asks, "symbol": symbol}}))


class _Talk(Talk):
    def __init__(self, streams: Collection[str], limit: int) -> None:
        self._streams = streams
        self._limit = limit

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        answer = commands.answer(said, held, self._streams, self._limit)
        return Reply([answer.payload], answer.subscribe, answer.unsubscribe, answer.refused)


class CoinSwitch(Speech):
    """The path of a socket ends with a stream's name, which is an address and no subscription."""

    calls = (("GET", ORDER_BOOK), ("GET", TIME))

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.paths = (self.dialect.market_path,)

    def channels(self) -> Iterable[Channel]:
        for symbol in self.symbols:
            for depth in self.dialect.depths:
                yield Channel(self._named(self.dialect.book_stream, symbol, depth=depth), symbol, depth=depth)
            yield Channel(self._named(self.dialect.changes_stream, symbol), symbol, Mode.CHANGES)

    def depth(self, said: Said) -> bytes:
        if said.channel.mode is Mode.CHANGES:
            return diff(said, said.channel.symbol)
        return json.dumps({"lastUpdateId": said.last_id, "bids": said.bids, "asks": said.asks})

    def trade(self, listing: Listing, deal: Deal, event_ms: int, stream: str) -> bytes:
        rested, came = 2 * deal.id, 2 * deal.id + 1
        buyer, seller = (rested, came) if deal.buyer_is_maker else (came, rested)
        return json.dumps(
            {
                "e": "trade",
                "E": event_ms,
                "s": listing.instrument.symbol,
                "t": deal.id,
                "p": listing.instrument.price_text(deal.price),
                "q": listing.instrument.size_text(deal.size),
                "b": buyer,
                "a": seller,
                "T": event_ms - deal.lag_ms,
                "m": deal.buyer_is_maker,
            }
        )

    def wrap(self, stream: str, payload: bytes) -> bytes:
        return b'{"stream":"%b","data":%b}' % (stream.encode(), payload) if self.envelope else payload

    def talk(self, path: str, query: Mapping[str, str]) -> Talk:
        return _Talk(self.streams, self.streams_per_connection)

    def call(self, path: str, query: Mapping[str, str], board: Board, clock: Clock) -> Response:
        now_ms = clock.now_ns() // 1_000_000
        if path == TIME:
            return Response(json.dumps({"serverTime": now_ms}))
        return order_book(query, board, now_ms, max(self.dialect.depths))


SPEECH = CoinSwitch
