"""A customer of the local venue in the words of Binance USD-M: written without csbook's client."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from csbook.sim.accounts import Account
from customer import Customer, customers

__all__ = ["LISTEN", "ORDER", "Usdm", "signature", "usdm"]

ORDER = "/fapi/v1/order"
LISTEN = "/fapi/v1/listenKey"


def signature(account: Account, text: str) -> str:
    return hmac.new(account.api_secret.encode(), text.encode(), sha256).hexdigest()


class Usdm(Customer):
    """Asks with everything in the query, unless ``form`` says what goes into a body."""

    async def ask(
        self, method: str, path: str, *, query: str = "", form: dict[str, Any] | None = None, **fields: Any
    ) -> tuple[int, Any]:
        """One request: the status and the object of the answer. A field that is None is left out."""
        now_ms = self._clock.now_ns() // 1_000_000
        asked = {name: value for name, value in {"timestamp": now_ms, **fields}.items() if value is not None}
        body = urlencode(form or {})
        if path == LISTEN:
            asked = fields
        text = query or urlencode(asked)
        if path != LISTEN:
            text += f"&signature={signature(self.account, text + body)}"
        return await self.send(method, f"{path}?{text}" if text else path, body)

    async def send(self, method: str, target: str, body: str = "", **headers: str) -> tuple[int, Any]:
        """One request as it is, with the account's key unless ``headers`` has another."""
        told = {"X-MBX-APIKEY": self.account.api_key, "Content-Type": "application/x-www-form-urlencoded"}
        url = URL(self.venue.rest_url + target, encoded=True)
        async with self.session.request(method, url, data=body or None, headers={**told, **headers}) as answer:
            self.headers = answer.headers
            return answer.status, await answer.json()

    async def place(self, side: str, size: str, price: str | None, **more: Any) -> tuple[int, Any]:
        fields = {"symbol": "BTCUSDT", "side": side, "quantity": size}
        fields |= {"type": "MARKET"} if price is None else {"type": "LIMIT", "price": price, "timeInForce": "GTC"}
        return await self.ask("POST", ORDER, **{**fields, **more})

    async def cancel(self, order_id: str) -> tuple[int, Any]:
        return await self.ask("DELETE", ORDER, symbol="BTCUSDT", orderId=order_id)

    async def key(self) -> str:
        status, said = await self.ask("POST", LISTEN)
        assert status == 200, said
        return str(said["listenKey"])

    async def listen(self, path: str = "/private/ws?listenKey={key}") -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(self.venue.ws_url + path.format(key=await self.key()))


def usdm(*names: str, **options: Any) -> Any:
    """A venue and customers, as ``customers`` does."""
    return customers(*names, kind=Usdm, venue="binance", **options)
