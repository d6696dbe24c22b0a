"""A customer of the local Bybit with plain signed V5 requests and sockets: written without csbook's client."""

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

LINEAR = {"category": "linear", "symbol": "BTCUSDT"}


def signed(account: Account, at_ms: int, payload: bytes, window: str = "5000") -> dict[str, str]:
    """The headers of a request."""
    text = f"{at_ms}{account.api_key}{window}".encode() + payload
    return {
        "X-BAPI-API-KEY": account.api_key,
        "X-BAPI-TIMESTAMP": str(at_ms),
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": hmac.new(account.api_secret.encode(), text, sha256).hexdigest(),
        "Content-Type": "application/json",
    }


class V5Customer:
    """Asks, and hears."""

    def __init__(self, venue: LocalVenue, session: aiohttp.ClientSession, account: Account, clock: Clock) -> None:
        self.venue = venue
        self.session = session
        self.account = account
        self.headers: dict[str, str] = {}  # of the last answer
        self._clock = clock

    @property
    def now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000

    async def ask(self, method: str, path: str, *, query: str = "", **body: Any) -> tuple[int, Any]:
        """One request: the code of the answer, and its result; its text where it is refused."""
        data = json.dumps(body).encode() if method == "POST" else b""
        status, said = await self.send(
            method, path, query, data, signed(self.account, self.now_ms, data or query.encode())
        )
        assert status == 200 and list(said) == ["retCode", "retMsg", "result", "retExtInfo", "time"], said
        return said["retCode"], said["retMsg"] if said["retCode"] else said["result"]

    async def send(self, method: str, path: str, query: str, data: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        url = self.venue.rest_url + path + (f"?{query}" if query else "")
        async with self.session.request(method, url, data=data or None, headers=headers) as answer:
            self.headers = dict(answer.headers)
            return answer.status, await answer.json()

    async def place(self, side: str, size: str, price: str | None, **more: Any) -> tuple[int, Any]:
        fields = {**LINEAR, "side": side, "qty": size, **more}
        fields |= {"orderType": "Market"} if price is None else {"orderType": "Limit", "price": price}
        return await self.ask("POST", "/v5/order/create", **fields)

    async def placed(self, side: str, size: str, price: str | None, **more: Any) -> str:
        """The id of an order that was taken in."""
        code, result = await self.place(side, size, price, **more)
        assert code == 0, result
        return str(result["orderId"])

    async def rows(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The rows of a list."""
        text = "&".join(f"{name}={value}" for name, value in {**LINEAR, **query}.items())
        code, result = await self.ask("GET", path, query=text)
        assert code == 0, result
        return list(result["list"])

    async def order(self, order_id: str) -> dict[str, Any]:
        (row,) = await self.rows("/v5/order/realtime", orderId=order_id)
        return row

    def login(self, expires_ms: int | None = None) -> dict[str, Any]:
        """The message that logs in."""
        expires = self.now_ms + 5000 if expires_ms is None else expires_ms
        text = f"GET/realtime{expires}".encode()
        signature = hmac.new(self.account.api_secret.encode(), text, sha256).hexdigest()
        return {"req_id": "1", "op": "auth", "args": [self.account.api_key, expires, signature]}

    async def socket(self) -> aiohttp.ClientWebSocketResponse:
        return await self.session.ws_connect(f"{self.venue.ws_url}/v5/private")

    async def listen(self, *topics: str) -> aiohttp.ClientWebSocketResponse:
        """A socket that has logged in and subscribed."""
        socket = await self.socket()
        await socket.send_json(self.login())
        assert (await socket.receive_json(timeout=5))["success"] is True
        await socket.send_json({"req_id": "2", "op": "subscribe", "args": list(topics)})
        assert (await socket.receive_json(timeout=5))["success"] is True
        return socket


@asynccontextmanager
async def v5_customers(*names: str, clock: Clock | None = None, **options: Any) -> AsyncIterator[Any]:
    """A venue of one symbol that stands still, and a customer for each account."""
    options = {"symbols": ["BTCUSDT"], "speed": 0.0, "rates": None, **options}
    async with LocalVenue("bybit", clock=clock, **options) as venue, aiohttp.ClientSession() as session:
        venue.pause()
        accounts = [venue.accounts[name] for name in names] or [venue.account]
        yield venue, *(V5Customer(venue, session, account, clock or LiveClock()) for account in accounts)


async def heard(stream: aiohttp.ClientWebSocketResponse, count: int) -> list[tuple[str, dict[str, Any]]]:
    """So many rows, with their topics."""
    found: list[tuple[str, dict[str, Any]]] = []
    while len(found) < count:
        said = await stream.receive_json(timeout=5)
        found += [(said["topic"], row) for row in said["data"]]
    return found
