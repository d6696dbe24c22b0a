"""A customer of the local venue with plain signed HTTP requests: written without csbook's client."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiohttp

from csbook.clock import Clock, LiveClock
from csbook.sim import LocalVenue
from csbook.sim.accounts import Account

FUTURES = "/trade/api/v2/futures"
LISTEN = "/trade/api/v2/user/listenKey"


def signed(account: Account, at_ms: int, payload: bytes) -> dict[str, str]:
    """The headers of a request."""
    text = f"{at_ms}{account.api_key}".encode() + payload
    return {
        "x-api-key": account.api_key,
        "x-api-timestamp": str(at_ms),
        "x-api-signature": hmac.new(account.api_secret.encode(), text, sha256).hexdigest(),
        "content-type": "application/json",
    }


class Customer:
    """Asks, and hears."""

    def __init__(self, venue: LocalVenue, session: aiohttp.ClientSession, account: Account, clock: Clock) -> None:
        self.venue = venue
        self.session = session
        self.account = account
        self._clock = clock

    async def ask(self, method: str, path: str, *, query: str = "", **body: Any) -> tuple[int, Any]:
        """One request: the status and the object of the answer."""
        data = json.dumps({"exchange": "EXCHANGE_2", **body}).encode() if body or method == "DELETE" else b""
        if method == "POST" and path != LISTEN and not body:
            data = b'{"exchange":"EXCHANGE_2"}'
        headers = signed(self.account, self._clock.now_ns() // 1_000_000, data or query.encode())
        url = self.venue.rest_url + path + (f"?{query}" if query else "")
        async with self.session.request(method, url, data=data or None, headers=headers) as answer:
            return answer.status, await answer.json()

    async def place(self, side: str, size: str, price: str | None, **more: Any) -> tuple[int, Any]:
        fields = {"symbol": "BTCUSDT", "side": side, "quantity": size, **more}
        fields |= {"order_type": "MARKET"} if price is None else {"order_type": "LIMIT", "price": price}
        return await self.ask("POST", f"{FUTURES}/order", **fields)

    async def cancel(self, order_id: str) -> tuple[int, Any]:
        return await self.ask("DELETE", f"{FUTURES}/order", order_id=order_id)

    async def key(self) -> str:
        status, said = await self.ask("POST", LISTEN)
        assert status == 200, said
        return str(said["listenKey"])

    async def listen(self) -> aiohttp.ClientWebSocketResponse:
        """A private stream by a key of its own."""
        return await self.session.ws_connect(f"{self.venue.ws_url}/ws/{await self.key()}")


@asynccontextmanager
async def customers(
    *names: str, clock: Clock | None = None, kind: type[Customer] = Customer, **options: Any
) -> AsyncIterator[Any]:
    """A venue of one symbol that stands still, and a customer for each account, of the kind that speaks its dialect."""
    options = {"symbols": ["BTCUSDT"], "speed": 0.0, "rates": None, **options}
    async with LocalVenue(clock=clock, **options) as venue, aiohttp.ClientSession() as session:
        venue.pause()
        accounts = [venue.accounts[name] for name in names] or [venue.account]
        yield venue, *(kind(venue, session, account, clock or LiveClock()) for account in accounts)


async def heard(stream: aiohttp.ClientWebSocketResponse, count: int) -> list[Any]:
    """So many events."""
    return [await stream.receive_json(timeout=5) for _ in range(count)]
