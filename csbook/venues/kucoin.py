"""KuCoin futures, the classic feed. Fact sheet kucoin: 1 (token, talk, limits), 2 (order book), 3 (trades and quotes).

Sizes are contracts, in the book too; ``feed.instruments[symbol].multiplier`` is the base quantity of one. BTCUSDT is
spelled XBTUSDTM here. A topic may bring nothing for any time, since only changes are pushed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from csbook.types import Instrument, Trade
from csbook.venues.dialect import BookAnswer, Dialect, Limits, Rest
from csbook.venues.instruments import Rules
from csbook.wire import records
from csbook.wire.topic import TopicSession

__all__ = ["DIALECT"]

_QUOTES = ("USDT", "USDC", "USD")


def _spell(symbol: str) -> str:
    """XBTUSDTM for BTCUSDT; what ends as a contract's name does stays."""
    upper = symbol.upper()
    for quote in _QUOTES:
        base = upper.removesuffix(quote)
        if base and base != upper:
            return f"{'XBT' if base == 'BTC' else base}{quote}M"
    return upper


def _trade(data: Mapping[str, Any], receive_time_ns: int) -> Trade:
    """``match`` of ``/contractMarket/execution``: the taker's side, contracts, ``ts`` in ns."""
    name = data.get("tradeId")
    if not isinstance(name, str) or not 0 < len(name) <= 64:
        raise records.bad(data, "tradeId", "a trade id")
    at = records.integer(data, "ts")
    return Trade(
        symbol=records.symbol(data, "symbol"),
        id=name,
        price=records.decimal(data, "price", positive=True),
        size=records.decimal(data, "size", positive=True),
        side=records.side(data, "side"),
        trade_time_ns=at,
        event_time_ns=at,
        receive_time_ns=receive_time_ns,
    )


def _instruments(payload: bytes) -> dict[str, Instrument]:
    """One contract: its numbers are JSON numbers. An inverse contract has the multiplier -1: one is one quote unit."""
    row = Rules(payload, code="code", good="200000").part("data")
    symbol = row.text("symbol")
    return {
        symbol: Instrument(
            symbol=symbol,
            tick=row.step("tickSize"),
            lot=row.step("lotSize"),
            min_size=row.step("lotSize"),
            max_size=row.maybe("maxOrderQty"),
            multiplier=row.number("multiplier"),
            status=row.text("status", ""),
        )
    }


def _book(payload: bytes) -> BookAnswer:
    answer = Rules(payload, code="code", good="200000", what="the book").part("data")
    return BookAnswer(answer.levels("bids"), answer.levels("asks"), sequence=answer.integer("sequence"))


DIALECT = Dialect(
    name="kucoin",
    title="KuCoin futures",
    ws_origin="wss://ws-api-futures.kucoin.com",
    rest_origin="https://api-futures.kucoin.com",
    market_path="/",
    depths=(5, 50),
    default_depth=0,
    changes_stream="/contractMarket/level2:{symbol}",
    book_stream="/contractMarket/level2Depth{depth}:{symbol}",
    touch_stream="/contractMarket/tickerV2:{symbol}",
    trade_stream="/contractMarket/execution:{symbol}",
    ticker_stream="",
    all_tickers_stream="",
    lower_case_symbols=False,
    named_depth=True,
    sequenced=True,
    limits=Limits(
        streams_per_connection=300,
        messages_per_second=10,
        connections=50,
        connects_per_window=30,
        connect_window_s=60.0,
        pong_deadline_s=60.0,
    ),
    stale_after_s=30.0,  # a ping is answered every 18 s
    quiet=True,
    converse=partial(TopicSession, readers={"/contractMarket/execution": _trade}),
    spell=_spell,
    rest=Rest(
        snapshot="/api/v1/level2/snapshot?symbol={symbol}",
        calls_per_window=150,  # of weight 3 each: a quarter of the 2,000 in 30 s that an address has
        window_s=30.0,
        instruments="/api/v1/contracts/{symbol}",
        token="/api/v1/bullet-public",
        read_instruments=_instruments,
        read_book=_book,
    ),
)
