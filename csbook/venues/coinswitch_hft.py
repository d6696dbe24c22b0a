"""CoinSwitch PRO's official low-latency surface: NATS over WebSocket. Fact sheet coinswitch, section 6.

Depth messages are whole books, one or several in an array; public subjects need no login. What a trade and a ticker
look like is not documented, so they are not offered. Symbols are spelled BASE/QUOTE.
"""

from __future__ import annotations

from functools import partial

from csbook.venues.dialect import Dialect, Limits
from csbook.wire.nats import NatsSession

__all__ = ["DIALECT"]

_DEPTH = "v1.f.public.futures.depth-update."
_QUOTES = ("USDT", "USDC", "INR")


def _spell(symbol: str) -> str:
    """BTC/USDT for BTCUSDT."""
    upper = symbol.upper()
    if "/" in upper:
        return upper
    for quote in _QUOTES:
        base = upper.removesuffix(quote)
        if base and base != upper:
            return f"{base}/{quote}"
    return upper


DIALECT = Dialect(
    name="coinswitch-hft",
    title="CoinSwitch PRO futures (HFT, NATS)",
    ws_origin="wss://pc-nats-prod.coinswitch.co",
    rest_origin="https://dma.coinswitch.co",
    market_path="/",
    depths=(),
    default_depth=None,
    book_stream=f"{_DEPTH}{{symbol}}",
    trade_stream="",
    ticker_stream="",
    all_tickers_stream="",
    lower_case_symbols=False,
    named_depth=True,
    sequenced=False,
    limits=Limits(
        streams_per_connection=1000,  # none is documented
        messages_per_second=10,
        connections=50,
        connects_per_window=300,
        connect_window_s=300.0,
        pong_deadline_s=240.0,
    ),
    stale_after_s=30.0,  # our own ping is answered every 20 s
    quiet=True,
    converse=partial(NatsSession, depth=_DEPTH, readers={}),
    spell=_spell,
    slashes=True,
)
