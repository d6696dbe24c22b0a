"""CoinSwitch PRO's official sockets: Socket.IO v4, futures and spot. Fact sheet coinswitch, sections 4 and 7.

Every push is a whole book; how many levels it has is the venue's choice, and no loss can be noticed. Spot symbols are
spelled BASE/QUOTE (BASE,QUOTE on the wire) and go over a socket of their own. The documented path of futures comes in
two forms; the full one is used. A subscription that is confirmed may stay silent as long as its market does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from csbook.errors import BadMessage
from csbook.types import Candle, Side, Ticker, Trade
from csbook.venues.dialect import Dialect, Limits
from csbook.wire import records
from csbook.wire.socketio import SocketIoSession

__all__ = ["DIALECT", "SPOT"]

_BOOK, _TRADES = "FETCH_ORDER_BOOK_CS_PRO", "FETCH_TRADES_CS_PRO"
_CANDLES, _TICKER = "FETCH_CANDLESTICK_CS_PRO", "FETCH_TICKER_INFO_CS_PRO"


def _entries(payload: Any) -> list[Mapping[str, Any]]:
    """The objects of a push: flat, an array, or either under ``data``."""
    if isinstance(payload, dict) and "data" in payload:
        payload = payload["data"]
    entries = payload if isinstance(payload, list) else [payload]
    for entry in entries:
        if not isinstance(entry, dict):
            raise BadMessage(f"a push that holds a {type(entry).__name__}; expected objects", field="data")
    return entries


def _symbol(entry: Mapping[str, Any]) -> str:
    value = entry.get("s")
    if not isinstance(value, str) or not 0 < len(value) <= 31 or not value.isascii():
        raise records.bad(entry, "s", "a symbol")
    return value.upper().replace(",", "/")


def _trades(payload: Any, receive_time_ns: int) -> list[Trade | Ticker | Candle]:
    """``m`` true: the buyer was the maker. Futures name no trade; ``t`` is then the empty text."""
    found: list[Trade | Ticker | Candle] = []
    for entry in _entries(payload):
        maker, name = entry.get("m"), entry.get("t", "")
        if not isinstance(maker, bool):
            raise records.bad(entry, "m", "true or false")
        if type(name) is not int and not (isinstance(name, str) and len(name) <= 64):
            raise records.bad(entry, "t", "a trade id")
        at = records.time_ns(entry, "E")
        found.append(
            Trade(
                symbol=_symbol(entry),
                id=name,
                price=records.decimal(entry, "p", positive=True),
                size=records.decimal(entry, "q", positive=True),
                side=Side.SELL if maker else Side.BUY,
                trade_time_ns=at,
                event_time_ns=at,
                receive_time_ns=receive_time_ns,
            )
        )
    return found


def _candles(payload: Any, receive_time_ns: int) -> list[Trade | Ticker | Candle]:
    """Section 4.5: ``t`` is the start, ``T`` the end, ``i`` the minutes as text, ``x`` whether it is over."""
    found: list[Trade | Ticker | Candle] = []
    for entry in _entries(payload):
        minutes, closed = entry.get("i"), entry.get("x")
        if not isinstance(minutes, str) or not minutes.isdecimal() or not 0 < int(minutes[:6]) <= 100_000:
            raise records.bad(entry, "i", "minutes, as text")
        if not isinstance(closed, bool):
            raise records.bad(entry, "x", "true or false")
        found.append(
            Candle(
                symbol=_symbol(entry),
                interval_s=int(minutes) * 60,
                open=records.decimal(entry, "o", positive=True),
                high=records.decimal(entry, "h", positive=True),
                low=records.decimal(entry, "l", positive=True),
                close=records.decimal(entry, "c", positive=True),
                base_volume=records.maybe_decimal(entry, "v"),
                quote_volume=records.maybe_decimal(entry, "q"),
                start_time_ns=records.time_ns(entry, "t"),
                end_time_ns=records.time_ns(entry, "T"),
                closed=closed,
                receive_time_ns=receive_time_ns,
            )
        )
    return found


def _tickers(payload: Any, receive_time_ns: int) -> list[Trade | Ticker | Candle]:
    """Section 4.6: an object keyed by symbol. Only the letters that are known are read."""
    found: list[Trade | Ticker | Candle] = []
    for whole in _entries(payload):
        for entry in whole.values():
            if not isinstance(entry, dict):
                raise BadMessage("a ticker push that is not keyed by symbol; expected objects", field="data")
            found.append(
                Ticker(
                    symbol=_symbol(entry),
                    last=records.decimal(entry, "c", positive=True),
                    last_size=None,
                    open=None,
                    high=None,
                    low=None,
                    change=None,
                    change_percent=records.maybe_decimal(entry, "P"),
                    weighted_average=None,
                    base_volume=None,
                    quote_volume=None,
                    event_time_ns=records.time_ns(entry, "E"),
                    receive_time_ns=receive_time_ns,
                )
            )
    return found


_READERS = {_TRADES: _trades, _CANDLES: _candles, _TICKER: _tickers}

DIALECT = Dialect(
    name="coinswitch-sio",
    title="CoinSwitch PRO futures (Socket.IO)",
    ws_origin="wss://ws.coinswitch.co",
    rest_origin="https://coinswitch.co",
    market_path="/pro/realtime-rates-socket/futures/exchange_2/?EIO=4&transport=websocket",
    depths=(),
    default_depth=None,
    book_stream=f"{_BOOK}:{{symbol}}",
    trade_stream=f"{_TRADES}:{{symbol}}",
    ticker_stream=f"{_TICKER}:{{symbol}}",
    all_tickers_stream="",
    candle_stream=f"{_CANDLES}:{{symbol}}_1",
    lower_case_symbols=False,
    named_depth=True,
    sequenced=False,
    limits=Limits(
        streams_per_connection=200,  # none is documented
        messages_per_second=10,
        connections=50,
        connects_per_window=300,
        connect_window_s=300.0,
        pong_deadline_s=20.0,
    ),
    stale_after_s=30.0,  # the server's own ping comes every 25 s
    quiet=True,
    converse=partial(SocketIoSession, namespace="/exchange_2", readers=_READERS, books=(_BOOK,)),
    spot="coinswitch-sio-spot",
    slashes=True,
)

SPOT = replace(
    DIALECT,
    name="coinswitch-sio-spot",
    title="CoinSwitch PRO spot (Socket.IO)",
    market_path="/pro/realtime-rates-socket/spot/coinswitchx/?EIO=4&transport=websocket",
    ticker_stream="",
    candle_stream=f"{_CANDLES}:{{symbol}}",
    converse=partial(SocketIoSession, namespace="/coinswitchx", readers=_READERS, books=(_BOOK,)),
    core="coinswitch-sio",
    spot="",
)
