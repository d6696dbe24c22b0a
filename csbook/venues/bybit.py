"""Bybit V5 linear. Fact sheet bybit: 1 (hosts, limits), 2 (order book), 2.3 (rules), 3 (trades and tickers).

Snapshots come in the stream; a gap is mended by subscribing again, since REST counts another stream's ids. Depth 1 is
pushed at least every 3 s, so 4 s of silence there mean something.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from csbook.types import Instrument, Trade
from csbook.venues.dialect import BookAnswer, Dialect, Limits, Rest
from csbook.venues.instruments import Rules
from csbook.wire import records
from csbook.wire.op import OpSession

__all__ = ["DIALECT"]


def _trade(entry: Mapping[str, Any], message: Mapping[str, Any], receive_time_ns: int) -> Trade:
    """One row of ``publicTrade``: ``S`` is the taker's side."""
    name = entry.get("i")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise records.bad(entry, "i", "a trade id")
    return Trade(
        symbol=records.symbol(entry),
        id=name,
        price=records.decimal(entry, "p", positive=True),
        size=records.decimal(entry, "v", positive=True),
        side=records.side(entry, "S"),
        trade_time_ns=records.time_ns(entry, "T"),
        event_time_ns=records.time_ns(message, "ts"),
        receive_time_ns=receive_time_ns,
    )


def _instruments(payload: bytes) -> dict[str, Instrument]:
    found = {}
    for row in Rules(payload, code="retCode", good=0).part("result").rows("list"):
        lot = row.part("lotSizeFilter")
        found[row.text("symbol")] = Instrument(
            symbol=row.text("symbol"),
            tick=row.part("priceFilter").step("tickSize"),
            lot=lot.step("qtyStep"),
            min_size=lot.maybe("minOrderQty"),
            max_size=lot.maybe("maxOrderQty"),
            min_notional=lot.maybe("minNotionalValue"),
            status=row.text("status", ""),
        )
    return found


def _book(payload: bytes) -> BookAnswer:
    """Its ``u`` is that of the 1,000 levels, whatever the book's depth: only its time says how old it is."""
    answer = Rules(payload, code="retCode", good=0, what="the book").part("result")
    return BookAnswer(answer.levels("b"), answer.levels("a"), time_ns=answer.integer("ts") * 1_000_000)


DIALECT = Dialect(
    name="bybit",
    title="Bybit V5 linear",
    ws_origin="wss://stream.bybit.com",
    rest_origin="https://api.bybit.com",
    market_path="/v5/public/linear",
    depths=(1, 50, 200, 1000),
    default_depth=50,
    book_stream="orderbook.{depth}.{symbol}",
    touch_stream="orderbook.1.{symbol}",
    trade_stream="publicTrade.{symbol}",
    ticker_stream="",
    all_tickers_stream="",
    lower_case_symbols=False,
    named_depth=True,
    sequenced=True,
    limits=Limits(
        streams_per_connection=600,  # 21,000 characters of arguments, at most 31 and some a topic
        messages_per_second=10,
        connections=500,
        connects_per_window=500,
        connect_window_s=300.0,
        pong_deadline_s=600.0,
    ),
    stale_after_s=5.0,
    silence_after_s={1: 4.0},
    converse=partial(OpSession, readers={"publicTrade": _trade}),
    resubscribe=True,
    rest=Rest(
        calls_per_window=60,
        window_s=5.0,
        instruments="/v5/market/instruments-info?category=linear&symbol={symbol}",
        read_instruments=_instruments,
        read_book=_book,
        audit="/v5/market/orderbook?category=linear&symbol={symbol}&limit=200",
    ),
)
