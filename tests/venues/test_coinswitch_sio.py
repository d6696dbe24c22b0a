"""The official sockets' table against the fact sheet (sections 4.1 and 4.2)."""

from __future__ import annotations

import pytest

from csbook import connect
from csbook.errors import UsageError
from csbook.venues.coinswitch_sio import DIALECT, SPOT


def test_the_documented_addresses() -> None:
    assert DIALECT.ws_origin + DIALECT.path("book") == (
        "wss://ws.coinswitch.co/pro/realtime-rates-socket/futures/exchange_2/?EIO=4&transport=websocket"
    )
    assert SPOT.path("book") == "/pro/realtime-rates-socket/spot/coinswitchx/?EIO=4&transport=websocket"


def test_the_documented_events() -> None:
    assert DIALECT.streams("book", "btcusdt") == ("FETCH_ORDER_BOOK_CS_PRO:BTCUSDT",)
    assert DIALECT.streams("trades", "BTCUSDT") == ("FETCH_TRADES_CS_PRO:BTCUSDT",)
    assert DIALECT.streams("candles", "BTCUSDT") == ("FETCH_CANDLESTICK_CS_PRO:BTCUSDT_1",)
    assert SPOT.streams("candles", "BTC/INR") == ("FETCH_CANDLESTICK_CS_PRO:BTC/INR",)
    assert "tickers" in DIALECT.channels and "tickers" not in SPOT.channels


def test_no_loss_can_be_noticed_and_no_depth_be_chosen() -> None:
    assert not DIALECT.sequenced and DIALECT.offered == () and DIALECT.default_depth is None
    with pytest.raises(UsageError, match=r"depth is 20; .* one depth channel"):
        connect("coinswitch-sio", ["BTCUSDT"], depth=20)


def test_spot_and_futures_are_told_apart_by_their_symbols() -> None:
    assert "coinswitch-sio-spot" in repr(connect("coinswitch-sio", ["BTC/INR"]))
    assert "coinswitch-sio " in repr(connect("coinswitch-sio", ["BTCUSDT"]))
    with pytest.raises(UsageError, match=r"spot symbols \(BTC/INR\) and futures"):
        connect("coinswitch-sio", ["BTCUSDT", "BTC/INR"])


def test_the_dialects_are_official() -> None:
    assert DIALECT.official and SPOT.official and SPOT.table == DIALECT.table == "coinswitch-sio"
