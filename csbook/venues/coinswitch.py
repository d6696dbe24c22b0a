"""CoinSwitch PRO futures, the unofficial plain-WebSocket dialect.

Sources: the integration guide that the project was created from (sections 2.1, 3.1, 4.2). The venue's own site
documents other transports (Socket.IO and NATS); this dialect is not official and may be refused by the live venue.
The guide leaves three things open; csbook takes Binance's shape, which the guide says the venue resembles:
confirmations (``{"result":null,"id":n}`` or ``{"error":{"code":..,"msg":..},"id":n}``), 1,024 streams a socket,
and ten messages a second from a client.

The private half is in ``coinswitch_trading``.
"""

from __future__ import annotations

from csbook.venues.dialect import Dialect, Limits

__all__ = ["DIALECT"]

DIALECT = Dialect(
    name="coinswitch",
    title="CoinSwitch PRO futures (unofficial WebSocket)",
    ws_origin="wss://api-trading.coinswitch.co",
    rest_origin="https://coinswitch.co",
    market_path="/pro/realtime-rates-socket/futures/{stream}",
    depths=(5, 10, 20),
    default_depth=20,
    book_stream="{symbol}@depth{depth}",
    changes_stream="{symbol}@depth",
    anchor_depth=20,
    trade_stream="{symbol}@trade",
    ticker_stream="{symbol}@ticker",
    all_tickers_stream="!ticker@arr",
    lower_case_symbols=True,
    named_depth=False,
    sequenced=False,
    limits=Limits(
        streams_per_connection=1024,
        messages_per_second=10,
        connections=50,
        connects_per_window=300,
        connect_window_s=300.0,
        pong_deadline_s=600.0,
    ),
    stale_after_s=5.0,
    official=False,
    instead="coinswitch-sio",
)
