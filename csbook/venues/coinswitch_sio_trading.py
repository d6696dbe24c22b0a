"""CoinSwitch PRO futures, the private half of the official API: REST alone. Fact sheet coinswitch: 1.5, 1.6 and 2.

* The signature is Ed25519 over method, path with its query, and epoch; the body is not signed. The key is the public
  half in hex, the secret the seed.
* The venue has no private socket for futures. An account lives by polling, within 20 requests a minute of each kind.
  Spot is a wallet and a market of its own, with a table of its own.
* Prices and quantities go out as JSON numbers, digit by digit as they were written.
* A client order id has to be a UUID. An order is cancelled by the venue's id alone, and there are no hedge legs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from csbook import json
from csbook.credentials import Credentials
from csbook.errors import OrderRefused
from csbook.venues.coinswitch_sio import DIALECT, SPOT
from csbook.venues.coinswitch_trading import EXCHANGE, FUTURES, CoinswitchTrading
from csbook.venues.trading import Draft, Trading, check_draft
from csbook.wire import signing
from csbook.wire.request import Request, Signed

__all__ = ["TRADING", "SioTrading", "number"]

_JSON = {"Content-Type": "application/json"}
_NUMBER = re.compile(r"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", re.ASCII)


def number(text: str, field: str) -> json.Literal:
    """Decimal text as a JSON number, untouched. Raises OrderRefused for what is none."""
    if not _NUMBER.fullmatch(text):
        raise OrderRefused(f"{field} is {text!r:.40}; expected a plain decimal number", field=field)
    return json.Literal(text)


class SioTrading(CoinswitchTrading):
    """The table; stateless. See ``venues.trading.Trading`` for the meaning of the methods."""

    name = DIALECT.name
    title = DIALECT.title
    abilities = frozenset({"cancel_all", "reduce_only"})
    client_id = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    has_token = False
    token_renewal_s = None
    stream_lacks = (
        "the venue has no private socket for futures; orders, positions and balances are polled over REST, within its "
        "limits of 20 requests a minute each"
    )
    new_token = Trading.new_token
    extend_token = Trading.extend_token
    read_token = Trading.read_token
    stream_path = Trading.stream_path
    read_event = Trading.read_event
    spot = SPOT.name

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        headers: Mapping[str, str] = request.headers
        if request.signed:
            path = f"{request.path}?{request.query}" if request.query else request.path
            signed = signing.coinswitch_ed25519(credentials, request.method, path, timestamp_ms)
            headers = {**_JSON, **request.headers, **signed}
        return Signed(request.query, headers)

    def place(self, draft: Draft) -> Request:
        check_draft(self, draft)
        body: dict[str, object] = {
            "exchange": EXCHANGE,
            "symbol": draft.symbol,
            "side": draft.side.name,
            "order_type": draft.type,
        }
        if draft.price is not None:
            body["price"] = number(draft.price, "price")
        body |= {"quantity": number(draft.size, "size"), "reduce_only": draft.reduce_only}
        if draft.price is not None:
            body["time_in_force"] = draft.time_in_force
        body["client_order_id"] = draft.client_order_id
        return Request("place", "POST", f"{FUTURES}/order", body=json.dumps(body), headers=_JSON, command=True)

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        if not order_id:
            raise OrderRefused("this venue cancels by its own order id, which is not known yet", field="order_id")
        return super().cancel(symbol, order_id=order_id)


TRADING = SioTrading()
