"""Lists that come in parts, and cancels that take so many or one symbol at a time: over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from csbook.credentials import Credentials
from csbook.net.desk import Desk, RequestFailed
from csbook.net.origin import http_origin
from csbook.net.rest import Rest, RestPolicy
from csbook.net.timing import Timing
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.trading import Draft
from csbook.wire.request import Verdict
from doorkeeper import Asked, Doorkeeper
from v5_samples import ORDER, POSITION

KEYS = Credentials("the-api-key-of-all", "the-secret-of-all")
DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "0.010", "60000.0", "mine-1")


@asynccontextmanager
async def stand(name: str) -> AsyncIterator[tuple[Doorkeeper, Desk]]:
    async with Doorkeeper() as venue:
        venue.rest["GET", "/v5/market/time"] = lambda asked: (200, {"retCode": 0, "result": {}, "time": 1700000000000})
        venue.rest["GET", "/fapi/v1/time"] = lambda asked: (200, {"serverTime": 1700000000000})
        table, timing = trading_table(name), Timing()
        rest = Rest(table, KEYS, http_origin(venue.rest_url), timing=timing, policy=RestPolicy(tries=1, warm_every=1e9))
        await rest.open()
        try:
            yield venue, Desk(rest, table, timing)
        finally:
            await rest.close()


def parts(rows: list[Any], size: int) -> Any:
    """Answer a list so many rows at a time; the cursor is the number of the next one."""

    def answer(asked: Asked) -> tuple[int, Any]:
        at = int(parse_qs(asked.query).get("cursor", ["0"])[0])
        following = str(at + size) if at + size < len(rows) else ""
        return 200, {"retCode": 0, "result": {"list": rows[at : at + size], "nextPageCursor": following}, "time": 1}

    return answer


def of(venue: Doorkeeper, path: str) -> list[Asked]:
    return [asked for asked in venue.asked if asked.path == path]


async def test_every_part_of_the_open_orders_and_of_the_positions() -> None:
    async with stand("bybit") as (venue, desk):
        orders = [{**ORDER, "orderId": str(i), "orderLinkId": ""} for i in range(120)]
        venue.rest["GET", "/v5/order/realtime"] = parts(orders, 50)
        venue.rest["GET", "/v5/position/list"] = parts([{**POSITION, "symbol": f"C{i}USDT"} for i in range(3)], 2)
        found, asked_ns, answered_ns = await desk.open_orders()
        assert [order.order_id for order in found] == [str(i) for i in range(120)] and asked_ns < answered_ns
        assert len(of(venue, "/v5/order/realtime")) == 3
        positions, answer = await desk.positions()
        assert [each.symbol for each in positions] == ["C0USDT", "C1USDT", "C2USDT"]
        assert answer.asked_ns < answer.answered_ns
        venue.rest["GET", "/v5/order/realtime"] = parts([{**ORDER, "orderStatus": "Odd"}] * 3, 2)
        await desk.open_orders()
        assert desk.strange == ["order status 'Odd'"]


async def test_a_list_without_an_end_is_given_up() -> None:
    async with stand("bybit") as (venue, desk):
        page = {"retCode": 0, "result": {"list": [POSITION], "nextPageCursor": "again"}, "time": 1}
        venue.rest["GET", "/v5/position/list"] = lambda asked: (200, page)
        desk._rest._budgets.clear()
        with pytest.raises(RequestFailed, match="more than 100 parts") as caught:
            await desk.positions()
        assert caught.value.failure.verdict is Verdict.UNKNOWN


async def test_all_are_cancelled_though_a_call_takes_500() -> None:
    async with stand("bybit") as (venue, desk):
        left = [500, 500, 7]

        def answer(asked: Asked) -> tuple[int, Any]:
            rows = [{"orderId": str(i), "orderLinkId": ""} for i in range(left.pop(0))]
            return 200, {"retCode": 0, "result": {"list": rows, "success": "1"}, "time": 1}

        venue.rest["POST", "/v5/order/cancel-all"] = answer
        assert len(await desk.cancel_all()) == 1007 and left == []


async def test_where_one_symbol_is_cancelled_at_a_time_the_open_orders_name_them() -> None:
    async with stand("binance") as (venue, desk):
        order = {"orderId": 1, "status": "NEW", "side": "BUY", "origQty": "1", "executedQty": "0"}
        rows = [{**order, "orderId": i, "symbol": name} for i, name in enumerate(("BTCUSDT", "ETHUSDT", "BTCUSDT"))]
        venue.rest["GET", "/fapi/v1/openOrders"] = lambda asked: (200, rows)
        venue.rest["DELETE", "/fapi/v1/allOpenOrders"] = lambda asked: (200, {"code": 200, "msg": "done"})
        assert await desk.cancel_all(urgent=True) == ()
        named = [parse_qs(asked.query)["symbol"] for asked in of(venue, "/fapi/v1/allOpenOrders")]
        assert named == [["BTCUSDT"], ["ETHUSDT"]]
        rows.clear()
        assert await desk.cancel_all() == () and len(of(venue, "/fapi/v1/allOpenOrders")) == 2
        await desk.cancel_all("XRPUSDT")  # asks for no list
        assert len(of(venue, "/fapi/v1/openOrders")) == 2 and len(of(venue, "/fapi/v1/allOpenOrders")) == 3


async def test_an_amend() -> None:
    async with stand("bybit") as (venue, desk):
        ids = {"retCode": 0, "result": {"orderId": "5", "orderLinkId": "mine-1"}, "time": 1}
        venue.rest["POST", "/v5/order/amend"] = lambda asked: (200, ids)
        report = await desk.amend(DRAFT, order_id="5")
        assert (report.order_id, report.status, report.canceling) == ("5", OrderStatus.PENDING, False)
        venue.rest["POST", "/v5/order/amend"] = lambda asked: (200, {**ids, "retCode": 110001})
        with pytest.raises(RequestFailed) as caught:
            await desk.amend(DRAFT, order_id="5")
        assert caught.value.failure.verdict is Verdict.NOT_FOUND
