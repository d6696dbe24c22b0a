"""CoinSwitch PRO HFT, the private half: REST ``dma`` in V5's shapes. Fact sheet coinswitch: 6.1 and 6.4.

* The signature is the official one, Ed25519 over method, path with its query, and epoch, which is mandatory here; the
  success of an answer is its ``retCode``, whatever HTTP says.
* Documented are the calls that place, list and tell fills and positions. The calls that cancel, that tell the wallet
  and the closed orders are not in the visible part of the official table; public programs use them, as V5 has them.
* Neither the codes nor the limits are published. The codes are read as V5's, and the limits here are our own. An amend
  and post-only orders are not told of, so they are not offered.
* There is a private stream over NATS, and nobody outside knows how to log in to it: see ``stream_lacks``.
"""

from __future__ import annotations

from collections.abc import Mapping

from csbook.credentials import Credentials
from csbook.venues.coinswitch_hft import DIALECT
from csbook.venues.trading import Limit
from csbook.venues.v5 import V5Trading
from csbook.wire import signing
from csbook.wire.request import Request, Signed

__all__ = ["TRADING", "HftTrading"]

_JSON = {"Content-Type": "application/json"}


class HftTrading(V5Trading):
    """The table; stateless. See ``venues.trading.Trading`` for the meaning of the methods."""

    name = DIALECT.name
    title = DIALECT.title
    abilities = frozenset({"cancel_all", "fills", "hedge", "reduce_only"})
    limits: Mapping[str, Limit] = {
        "place": Limit(10, 1.0),
        "cancel": Limit(10, 1.0, reserve=4),
        "cancel_all": Limit(10, 1.0, reserve=3),
        "order": Limit(10, 1.0),
        "open_orders": Limit(10, 1.0, reserve=4),
        "closed_orders": Limit(10, 1.0),
        "fills": Limit(10, 1.0),
        "positions": Limit(10, 1.0),
        "balances": Limit(10, 1.0),
    }
    clock_tolerance_s = 5.0
    ban_s = 0.0
    stream_lacks = (
        "its NATS login is not documented: how api_key, expires and signature of /dma/api/v1/socket/signature travel "
        "(in CONNECT as user, pass or auth_token, or in a message of their own), how they are renewed, and what "
        "fields the order and trade messages have; orders, positions and balances are polled over REST"
    )

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        headers: Mapping[str, str] = request.headers
        if request.signed:
            path = f"{request.path}?{request.query}" if request.query else request.path
            signed = signing.coinswitch_ed25519(credentials, request.method, path, timestamp_ms)
            headers = {**_JSON, **request.headers, **signed}
        return Signed(request.query, headers)


TRADING = HftTrading()
