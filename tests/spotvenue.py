"""CoinSwitch spot on loopback: its private sockets by python-socketio, its REST by the doorkeeper."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from doorkeeper import Asked, Doorkeeper

BASE = "/trade/api/v2"
SOCKETS = "/pro/realtime-rates-socket/spot"
ORDERS, BALANCES = "FETCH_ORDER_UPDATES", "FETCH_BALANCE_UPDATES"


class Feed:
    """One private socket: a Socket.IO server with a path and a namespace of its own."""

    def __init__(self, path: str, namespace: str, event: str, **options: Any) -> None:
        socketio = pytest.importorskip("socketio", reason="python-socketio is not installed")
        self.path = f"{SOCKETS}/{path}"
        self.namespace = namespace
        self.event = event
        self.server = socketio.AsyncServer(async_mode="aiohttp", namespaces=[namespace], **options)
        self.server.on(event, self._subscribe, namespace=namespace)
        self.heard: list[dict[str, str]] = []
        self.answer: Any = {"success": True, "message": "subscribed"}  # to a subscription; None: nothing

    async def _subscribe(self, sid: str, said: dict[str, str]) -> None:
        self.heard.append(said)
        await self.server.enter_room(sid, "in", namespace=self.namespace)
        if self.answer is not None:
            await self.server.emit(self.event, self.answer, to=sid, namespace=self.namespace)

    async def push(self, payload: Any, event: str | None = None) -> None:
        await self.server.emit(event or self.event, payload, room="in", namespace=self.namespace)

    async def kick(self) -> None:
        for sid, _ in list(self.server.manager.get_participants(self.namespace, None)):
            await self.server.disconnect(sid, namespace=self.namespace)

    async def hang_up(self) -> None:
        """End the connections under Socket.IO."""
        for sid in list(self.server.eio.sockets):
            await self.server.eio.disconnect(sid)


class SpotVenue:
    """Both sockets and the REST of one account, whose orders and holdings a test sets."""

    def __init__(self, **options: Any) -> None:
        self.orders = Feed("order-updates", "/orderupdates", ORDERS, **options)
        self.balances = Feed("balance-updates", "/balanceupdates", BALANCES, **options)
        self.rest = Doorkeeper()
        self.rows: dict[str, dict[str, Any]] = {}  # orders by id, as the venue tells them
        self.holdings: list[dict[str, Any]] = [{"currency": "INR", "main_balance": 100000, "blocked_balance_order": 0}]
        self.ws_url = ""
        precision = {"coinswitchx": {"BTC/INR": {"base": 5, "quote": 2, "limit": 0}}}
        self.rest.rest.update(
            {
                ("GET", f"{BASE}/time"): lambda asked: (200, {"serverTime": 1700000000000}),
                ("POST", f"{BASE}/exchangePrecision"): lambda asked: (200, {"data": precision}),
                ("GET", f"{BASE}/user/portfolio"): lambda asked: (200, {"data": self.holdings}),
                ("GET", f"{BASE}/orders"): self._listed,
                ("GET", f"{BASE}/order"): self._told,
                ("POST", f"{BASE}/order"): self._placed,
                ("DELETE", f"{BASE}/order"): self._canceled,
            }
        )

    @property
    def rest_url(self) -> str:
        return self.rest.rest_url

    def asked(self, method: str, path: str) -> list[Asked]:
        return [each for each in self.rest.asked if (each.method, each.path) == (method, f"{BASE}/{path}")]

    def _listed(self, asked: Asked) -> tuple[int, Any]:
        is_open = "open=true" in asked.query
        ended = ("EXECUTED", "CANCELLED", "EXPIRED", "DISCARDED")
        return 200, {"data": [row for row in self.rows.values() if (row["status"] not in ended) == is_open]}

    def _told(self, asked: Asked) -> tuple[int, Any]:
        for row in self.rows.values():
            if asked.query in (f"client_order_id={row['client_order_id']}", f"order_id={row['order_id']}"):
                return 200, {"data": row}
        return 404, {"message": "no such order"}

    def _placed(self, asked: Asked) -> tuple[int, Any]:
        said = json.loads(asked.body)
        order_id = f"o-{len(self.rows) + 1}"
        self.rows[order_id] = {
            "order_id": order_id, "symbol": said["symbol"], "price": said["price"], "average_price": 0,
            "orig_qty": said["quantity"], "executed_qty": 0, "status": "OPEN", "side": said["side"],
            "exchange": said["exchange"], "order_source": "API_TRADING", "client_order_id": said["client_order_id"],
            "created_time": 1700000000000, "updated_time": 1700000000000,
        }  # fmt: skip
        return 200, {"data": self.rows[order_id]}

    def _canceled(self, asked: Asked) -> tuple[int, Any]:
        row = self.rows.get(json.loads(asked.body)["order_id"])
        if row is None or row["status"] != "OPEN":
            return 400, {"message": "it is not open"}
        row["status"] = "CANCELLED"
        return 200, {"data": row}


@asynccontextmanager
async def spot_venue(**options: Any) -> AsyncIterator[SpotVenue]:
    venue = SpotVenue(**options)
    application = web.Application()
    for feed in (venue.orders, venue.balances):
        feed.server.attach(application, socketio_path=feed.path)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.ws_url = f"ws://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with venue.rest:
            yield venue
    finally:
        for feed in (venue.orders, venue.balances):
            await feed.server.shutdown()
        await runner.cleanup()
