"""CoinSwitch HFT's REST on loopback, by the doorkeeper: the credentials of the private socket among what it tells."""

from __future__ import annotations

from typing import Any

from csbook.credentials import Credentials
from doorkeeper import Asked, Doorkeeper

KEYS = Credentials("the-public-half-of-a-pair", bytes(range(32)).hex())
SOCKET_KEY, SIGNATURE = "socket-key-that-is-secret", "signature-5f3e9a71c2"


def enveloped(result: Any) -> Any:
    return lambda asked: (200, {"retCode": 0, "retMsg": "OK", "result": result, "time": 1700000000000})


class Rest:
    """The doorkeeper as the venue's REST, and what it tells."""

    def __init__(self, venue: Doorkeeper) -> None:
        self.venue = venue
        self.rows: list[dict[str, Any]] = []  # orders
        self.positions: list[dict[str, Any]] = []
        self.coins: list[dict[str, Any]] = []
        self.signature = SIGNATURE
        rules = {
            "symbol": "BTCUSDT", "status": "Trading", "priceFilter": {"tickSize": "0.10"},
            "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "100"},
        }  # fmt: skip
        venue.rest.update(
            {
                ("GET", "/v5/market/time"): enveloped({}),
                ("GET", "/v5/market/instruments-info"): enveloped({"list": [rules]}),
                ("GET", "/v5/order/realtime"): lambda asked: enveloped({"list": self.rows})(asked),
                ("GET", "/v5/position/list"): lambda asked: enveloped({"list": self.positions})(asked),
                ("GET", "/v5/account/wallet-balance"): lambda asked: enveloped({"list": [{"coin": self.coins}]})(asked),
                ("POST", "/v5/order/create"): enveloped({"orderId": "o-1", "orderLinkId": "mine-1"}),
                ("GET", "/dma/api/v1/socket/signature"): self._signed,
            }
        )

    def _signed(self, asked: Asked) -> tuple[int, Any]:
        assert asked.headers["x-auth-signature"]
        return 200, {"api_key": SOCKET_KEY, "expires": 1756461000000, "signature": self.signature}

    @property
    def signatures(self) -> int:
        return sum(asked.path.endswith("/socket/signature") for asked in self.venue.asked)
