"""What is asked of a venue and told to it, typed: against a venue that answers what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from counterparty import FUTURES, Answering, Asked, Counterparty, status
from csbook.net.desk import Desk, RequestFailed, order_of
from csbook.net.origin import http_origin
from csbook.net.rest import Rest, RestPolicy
from csbook.types import OrderStatus, Side
from csbook.venues.coinswitch_trading import TRADING
from csbook.venues.trading import Draft
from csbook.wire.private import OrderReport
from csbook.wire.request import Verdict
from virtual import Virtual, virtually

DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "0.010", "60000.0", "mine-1")
OPEN, CLOSED = f"{FUTURES}/orders/open", f"{FUTURES}/orders/closed"


def row(number: int, at_ms: int = 5, **other: Any) -> dict[str, Any]:
    return {
        "order_id": str(number), "symbol": "BTCUSDT", "side": "BUY", "status": "RAISED", "order_type": "LIMIT",
        "quantity": "1", "exec_quantity": "0", "price": "100", "created_at": at_ms, "updated_at": at_ms, **other,
    }  # fmt: skip


def said(data: Any) -> Answering:
    return lambda asked: (200, {"data": data})


@asynccontextmanager
async def stand(time: Virtual, **policy: Any) -> AsyncIterator[tuple[Counterparty, Desk]]:
    async with Counterparty() as venue:
        venue.now_ms = lambda: time.clock.now_ns() // 1_000_000
        rest = Rest(
            TRADING, venue.credentials, http_origin(venue.rest_url), timing=time.timing, policy=RestPolicy(**policy)
        )
        await rest.open()
        try:
            yield venue, Desk(rest, TRADING, time.timing)
        finally:
            await rest.close()


async def failed(asking: Any) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        await asking
    return caught.value


@virtually
async def test_commands(time: Virtual) -> None:
    async with stand(time) as (venue, desk):
        venue.answers["POST", f"{FUTURES}/order"] = said(row(7, client_order_id="mine-1"))
        venue.answers["DELETE", f"{FUTURES}/order"] = said(row(7, status="CANCELLATION_RAISED"))
        venue.answers["POST", f"{FUTURES}/cancel_all"] = said({"orders_ids": [7, "8"]})
        placed = await desk.place(DRAFT)
        assert (placed.order_id, placed.client_order_id, placed.status) == ("7", "mine-1", OrderStatus.NEW)
        assert (await desk.cancel("BTCUSDT", order_id="7")).canceling
        assert await desk.cancel_all() == ("7", "8")
        bodies = [asked.json for asked in venue.asked if asked.method != "GET"]
        assert bodies[0]["price"] == "60000.0" and bodies[1] == {"exchange": "EXCHANGE_2", "order_id": "7"}


@virtually
async def test_a_failure_has_the_tables_verdict(time: Virtual) -> None:
    async with stand(time, tries=1) as (venue, desk):
        for code, verdict in ((422, Verdict.REJECTED), (404, Verdict.NOT_FOUND), (500, Verdict.UNKNOWN)):
            venue.answers["POST", f"{FUTURES}/order"] = status(code, "no")
            error = await failed(desk.place(DRAFT))
            assert error.failure.verdict is verdict and str(error) == f"the venue answered {code}: no"
        venue.answers["POST", f"{FUTURES}/order"] = status(429, "slow", Retry_After="7")
        assert (await failed(desk.place(DRAFT))).wait == 7.0


@virtually
async def test_an_answer_that_cannot_be_read_leaves_the_outcome_open(time: Virtual) -> None:
    async with stand(time) as (venue, desk):
        for body in (b"", b"{", b"[]", b'{"data":null}', b'{"data":{"order_id":"7","side":"UP"}}'):
            venue.answers["POST", f"{FUTURES}/order"] = lambda asked, body=body: (200, body)  # type: ignore[misc]
            error = await failed(desk.place(DRAFT))
            assert error.failure.verdict is Verdict.UNKNOWN and "the answer cannot be read" in str(error)


@virtually
async def test_open_orders_are_read_to_the_last_page(time: Virtual) -> None:
    async with stand(time) as (venue, desk):
        pages = {None: ([row(3), row(2)], 4), 4: ([row(2), row(1)], 1), 1: ([row(1)], 0)}

        def answer(asked: Asked) -> Any:
            rows, cursor = pages[asked.json.get("to_time")]
            return 200, {"data": {"orders": rows, "cursor": cursor}}

        venue.answers["POST", OPEN] = answer
        orders, asked_ns, answered_ns = await desk.open_orders()
        assert {order.order_id for order in orders} == {"1", "2", "3"}  # the last page brought nothing new
        assert len(venue.of(OPEN)) == 3 and 0 < asked_ns <= answered_ns


@virtually
async def test_a_list_without_an_end(time: Virtual, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csbook.net.desk._PAGES", 5)
    async with stand(time) as (venue, desk):
        number = iter(range(10**6))
        venue.answers["POST", OPEN] = lambda asked: (
            200,
            {"data": {"orders": [row(next(number))], "cursor": 10**9 - next(number)}},
        )
        error = await failed(desk.open_orders())
        assert "more than 5 pages" in str(error)

        def older(asked: Asked) -> Any:
            end = asked.json.get("to_time", time.clock.now_ns() // 1_000_000)
            return 200, {"data": {"orders": [row(next(number), end)], "cursor": end - 1}}

        venue.answers["POST", CLOSED] = older
        error = await failed(desk.closed_orders())
        assert "more than 5 pages" in str(error)


@virtually
async def test_closed_orders_go_back_seven_days_within_the_window(time: Virtual) -> None:
    async with stand(time) as (venue, desk):
        venue.answers["POST", CLOSED] = said({"orders": [], "cursor": None})
        now_ms = time.clock.now_ns() // 1_000_000
        assert await desk.closed_orders() == ()
        spans = [(asked.json["from_time"], asked.json.get("to_time", now_ms)) for asked in venue.of(CLOSED)]
        assert min(start for start, _ in spans) <= now_ms - 7 * 86_400_000 <= now_ms <= max(end for _, end in spans)
        assert all(end - start <= 7 * 86_400_000 - 1000 for start, end in spans)
        venue.asked.clear()
        since = (now_ms - 1000) * 1_000_000
        assert await desk.closed_orders("BTCUSDT", since) == ()
        (asked,) = venue.of(CLOSED)
        assert asked.json["from_time"] == now_ms - 1000 and asked.json["symbol"] == "BTCUSDT"


@virtually
async def test_words_that_are_not_known_are_noted_once(time: Virtual) -> None:
    async with stand(time) as (venue, desk):
        rows = [row(number, status="FROZEN") for number in (1, 2)]
        venue.answers["POST", OPEN] = said({"orders": rows, "cursor": None})
        for _ in range(2):
            orders, _, _ = await desk.open_orders()
        assert desk.strange == ["order status 'FROZEN'"]
        assert {order.status for order in orders} == {OrderStatus.UNKNOWN}


@virtually
async def test_a_snapshot_is_whole_or_none(time: Virtual) -> None:
    async with stand(time, tries=1) as (venue, desk):
        venue.answers["POST", OPEN] = said({"orders": [row(1)], "cursor": None})
        venue.answers["GET", f"{FUTURES}/positions"] = said([])
        wallet = {"base_asset": "USDT", "balances": {"total_balance": "5.5", "total_available_balance": "5"}}
        venue.answers["GET", f"{FUTURES}/wallet_balance"] = said({"base_asset_balances": [wallet]})
        snapshot = await desk.snapshot()
        assert snapshot.orders is not None and snapshot.positions == () and snapshot.balances is not None
        assert snapshot.balances[0].wallet == Decimal("5.5") and 0 < snapshot.asked_ns <= snapshot.answered_ns
        assert [asked.path.rpartition("/")[2] for asked in venue.asked[-3:]] == ["open", "positions", "wallet_balance"]
        venue.answers["GET", f"{FUTURES}/wallet_balance"] = status(500)
        assert (await failed(desk.snapshot())).failure.verdict is Verdict.UNKNOWN


@virtually
async def test_questions_wait_for_the_limits(time: Virtual) -> None:
    async with stand(time) as (venue, desk):
        venue.answers["GET", f"{FUTURES}/positions"] = said([])
        for _ in range(20):
            await desk.positions()
        error = await failed(desk.positions())  # 60 s are more patience than there is
        assert error.failure.verdict is Verdict.UNSENT and error.wait > 50
        await asyncio.sleep(57)
        await desk.positions()
        assert len(venue.of(f"{FUTURES}/positions")) == 21


def test_an_order_as_one_report_tells_it() -> None:
    order = order_of(OrderReport("BTCUSDT", OrderStatus.NEW, "mm-1", "7"), "mm")
    assert (order.side, order.size, order.type, order.own) == (Side.BUY, 0, "", True)
    full = OrderReport(
        "BTCUSDT", OrderStatus.CANCELED, "x", "7", Side.SELL, "LIMIT", "IOC", Decimal(2), Decimal(5), Decimal(1),
        Decimal(5), True, False, "LONG", True, "why",
    )  # fmt: skip
    order = order_of(full, "mm")
    assert (order.side, order.size, order.filled, order.price) == (Side.SELL, 2, 1, 5)
    assert (order.position_side, order.reduce_only, order.reason, order.own) == ("LONG", True, "why", False)
