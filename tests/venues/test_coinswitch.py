"""The seed dialect against the text that it was taken from (sections 2.1, 4.1 and 4.2 of the guide)."""

from __future__ import annotations

from csbook.venues.coinswitch import DIALECT


def test_the_public_address() -> None:
    address = DIALECT.ws_origin + DIALECT.market_path.format(stream="btcusdt@ticker")
    assert address == "wss://api-trading.coinswitch.co/pro/realtime-rates-socket/futures/btcusdt@ticker"
    assert DIALECT.rest_origin == "https://coinswitch.co"


def test_the_stream_names() -> None:
    symbol = DIALECT.venue_symbol("BTCUSDT")
    names = [DIALECT.book_stream.format(symbol=symbol, depth=depth) for depth in DIALECT.depths]
    assert names == ["btcusdt@depth5", "btcusdt@depth10", "btcusdt@depth20"]
    assert DIALECT.trade_stream.format(symbol=symbol) == "btcusdt@trade"
    assert DIALECT.ticker_stream.format(symbol=symbol) == "btcusdt@ticker"
    assert DIALECT.all_tickers_stream == "!ticker@arr"


def test_what_follows_from_the_depth_payload() -> None:
    """It names no symbol and carries no chain of ids: a socket a stream, and a lost connection is STALE, not GAP."""
    assert not DIALECT.named_depth and not DIALECT.sequenced


def test_it_is_told_as_what_it_is() -> None:
    assert not DIALECT.official and DIALECT.instead == "coinswitch-sio"
    assert "unofficial" in DIALECT.title


def test_the_limits() -> None:
    assert DIALECT.limits.streams_per_connection == 1024
    assert DIALECT.limits.pong_deadline_s == 600
