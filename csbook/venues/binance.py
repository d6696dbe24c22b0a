"""Binance USD-M futures. Fact sheet binance: 1 (hosts, routes, limits), 2 (depth, synchronisation), 5 (rules).

A stream that is asked for on the wrong route is acknowledged and stays silent, so each channel has its path, and first
data is owed. Best bid and ask come on the same route as the depth, wrapped by stream name like everything else.
"""

from __future__ import annotations

from csbook.types import Instrument
from csbook.venues.dialect import BookAnswer, Dialect, Limits, Rest
from csbook.venues.instruments import Rules

__all__ = ["DIALECT"]


def _instruments(payload: bytes) -> dict[str, Instrument]:
    """``exchangeInfo``: tick and step stand in the filters; ``pricePrecision`` is no tick (section 2.4)."""
    found = {}
    for row in Rules(payload).rows("symbols"):
        price, lot = row.filter("PRICE_FILTER"), row.filter("LOT_SIZE")
        notional = row.filter("MIN_NOTIONAL", optional=True)
        found[row.text("symbol")] = Instrument(
            symbol=row.text("symbol"),
            tick=price.step("tickSize"),
            lot=lot.step("stepSize"),
            min_size=lot.maybe("minQty"),
            max_size=lot.maybe("maxQty"),
            min_notional=notional.maybe("notional"),
            status=row.text("status", ""),
        )
    return found


def _book(payload: bytes) -> BookAnswer:
    answer = Rules(payload, what="the book")
    return BookAnswer(answer.levels("bids"), answer.levels("asks"), sequence=answer.integer("lastUpdateId"))


DIALECT = Dialect(
    name="binance",
    title="Binance USD-M futures",
    ws_origin="wss://fstream.binance.com",
    rest_origin="https://fapi.binance.com",
    market_path="/public/stream",
    paths={"trades": "/market/stream", "tickers": "/market/stream", "all_tickers": "/market/stream"},
    depths=(5, 10, 20),
    default_depth=0,
    changes_stream="{symbol}@depth@100ms",
    book_stream="{symbol}@depth{depth}@100ms",
    touch_stream="{symbol}@bookTicker",
    trade_stream="{symbol}@aggTrade",
    ticker_stream="{symbol}@ticker",
    all_tickers_stream="!ticker@arr",
    lower_case_symbols=True,
    named_depth=True,
    sequenced=True,
    limits=Limits(
        streams_per_connection=1024,
        messages_per_second=10,
        connections=50,
        connects_per_window=300,
        connect_window_s=300.0,
        pong_deadline_s=600.0,
    ),
    stale_after_s=5.0,
    rest=Rest(
        snapshot="/fapi/v1/depth?symbol={symbol}&limit=1000",
        calls_per_window=60,  # of weight 20 each: half of the 2,400 a minute that an address has
        window_s=60.0,
        instruments="/fapi/v1/exchangeInfo",
        read_instruments=_instruments,
        read_book=_book,
    ),
)
