"""Orders placed and cancelled at the local venue: each outcome, and what then holds of the order."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.errors import (
    CredentialsError,
    OrderRefused,
    OrderRejected,
    RequestError,
)
from csbook.sim.exchange import Refusal
from csbook.types import OrderStatus
from trading import answered, come, exchange, resting, shifted, touch, trader_of, trading
from virtual import Virtual, virtually

D = Decimal


@virtually
async def test_the_venue_rejects(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        bid, _ = touch(venue)
        with pytest.raises(OrderRejected, match="balance is insufficient") as caught:
            await trader.place("BTCUSDT", "BUY", size="900", price=bid - 10)
        order = caught.value.order
        assert order.status is OrderStatus.REJECTED and order.is_terminal and not trader.account.open_orders()
        with pytest.raises(OrderRejected, match="reduce_only"):
            await trader.place("BTCUSDT", "BUY", size="1", price=bid - 10, reduce_only=True)
        venue.place_by_hand("BTCUSDT", "BUY", "0.001", bid - 10, client_order_id="once")
        venue.cancel_by_hand(venue.account.open_orders[0].order_id)
        await come(lambda: "once" in trader.account.orders)
        with pytest.raises(OrderRefused, match="known already"):
            await trader.place("BTCUSDT", "BUY", size="1", price=bid - 10, client_order_id="once")
        assert trader.stats()["rejected"] == 2
        exposure = trader.account.exposure("BTCUSDT")
        assert (exposure.long, exposure.short) == (0, 0)


@virtually
async def test_a_client_order_id_of_the_past(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        bid, _ = touch(venue)
        venue.place_by_hand("BTCUSDT", "BUY", "0.001", bid - 10, client_order_id="once")
        venue.cancel_by_hand(venue.account.open_orders[0].order_id)
        async with trader_of(time, venue, tmp_path) as trader:
            with pytest.raises(OrderRejected, match="used before"):
                await trader.place("BTCUSDT", "BUY", size="1", price=bid - 10, client_order_id="once")
            await asyncio.sleep(200)
            assert trader.account.orders["once"].status is OrderStatus.REJECTED and not trader.account.to_resolve


@pytest.mark.parametrize(
    ("fault", "reached"),
    [
        ("answer_503=1", True), ("request_503=1", False), ("answer_lost=1", True), ("request_lost=1", False),
        ("answer_lost=1:3600s", True), ("request_lost=1:3600s", False),
    ],
)  # fmt: skip
@virtually
async def test_an_outcome_that_nobody_knows(time: Virtual, tmp_path: Path, fault: str, reached: bool) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = (fault, "event_drop=1")
        order = await resting(venue, trader)
        assert order.status is OrderStatus.UNKNOWN and order.reason
        assert answered(venue) == int(reached) and trader.stats()["unknown"] == 1
        assert trader.account.exposure("BTCUSDT").long == D("0.010")
        venue.faults = ()
        began = time.clock.now_ns()
        await come(lambda: not trader.account.to_resolve)
        ended = trader.account.orders[order.client_order_id]
        assert ended.status is (OrderStatus.NEW if reached else OrderStatus.REJECTED)
        assert answered(venue) == int(reached)  # never sent again
        took = (time.clock.now_ns() - began) / 1e9
        assert took < 30 if reached else 55 < took < 150
        assert trader.account.exposure("BTCUSDT").long == (D("0.010") if reached else 0)


@virtually
async def test_a_timeout_of_the_caller(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = ("answer_lost=1:3600s", "event_drop=1")
        bid, _ = touch(venue)
        order = await trader.place("BTCUSDT", "BUY", size="0.010", price=bid - 100, timeout=0.5)
        assert (order.status, order.reason) == (OrderStatus.UNKNOWN, "no answer within 0.5 s")
        venue.faults = ()
        await come(lambda: not trader.account.to_resolve)
        assert trader.account.orders[order.client_order_id].status is OrderStatus.NEW


@virtually
async def test_placing_that_is_given_up(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = ("answer_lost=1:3600s", "event_drop=1")
        placing = asyncio.ensure_future(resting(venue, trader))
        await come(lambda: answered(venue))
        placing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await placing
        (order,) = trader.account.open_orders()
        assert (order.status, order.reason) == (OrderStatus.UNKNOWN, "given up while it was under way")
        venue.faults = ()
        await come(lambda: not trader.account.to_resolve)
        assert trader.account.orders[order.client_order_id].status is OrderStatus.NEW


@virtually
async def test_the_event_comes_before_the_answer(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = "answer_lost=1"
        order = await resting(venue, trader)
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.NEW)
        assert trader.stats()["questions"] <= 1


@virtually
async def test_too_many_requests(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        venue.faults = "request_429=1"
        with pytest.raises(RequestError, match="too many requests") as caught:
            await resting(venue, trader)
        assert not caught.value.unknown and "none for 1 s" in heard.texts("rate")[0]
        venue.faults = ()
        with pytest.raises(RequestError, match=r"free again in 1\.0 s"):
            await resting(venue, trader)
        assert [order.status for order in trader.account.orders.values()] == [OrderStatus.REJECTED] * 2
        assert trader.stats()["rejected"] == 0  # the venue did not judge them
        await asyncio.sleep(1.0)
        assert (await resting(venue, trader)).status is OrderStatus.NEW


@virtually
async def test_the_limit_is_kept_before_the_venue_has_to(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        for number in range(20):
            await resting(venue, trader, number, size="0.001")
        with pytest.raises(RequestError, match="the limit of 'place' is used up"):
            await resting(venue, trader)
        assert answered(venue) == 20 and trader.stats()["open_orders"] == 20
        await asyncio.sleep(61)
        assert (await resting(venue, trader, size="0.001")).status is OrderStatus.NEW


@pytest.mark.parametrize("offset", [-7200.0, 7200.0, 70.0])
@virtually
async def test_a_clock_that_is_off(time: Virtual, tmp_path: Path, offset: float) -> None:
    async with trading(time, tmp_path, _timing=shifted(time, offset)) as (venue, trader, heard):
        assert "this machine's clock is" in heard.texts("clock")[0]
        order = await resting(venue, trader)
        venue.cross(order.order_id)
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.FILLED)
        await asyncio.sleep(200)
        assert trader.account.positions["BTCUSDT"].size == D("0.010")
        assert trader.account.exposure("BTCUSDT").settled


@virtually
async def test_a_clock_that_is_set_meanwhile(time: Virtual, tmp_path: Path) -> None:
    timing = shifted(time, 0.0)
    async with trading(time, tmp_path, _timing=timing) as (venue, trader, heard):
        timing.clock.offset_ns = 3600 * 10**9  # type: ignore[attr-defined]
        assert (await resting(venue, trader)).status is OrderStatus.NEW
        assert "3600.0 s ahead of the venue's" in heard.texts("clock")[0] and answered(venue) == 1


@virtually
async def test_a_key_that_is_refused_later(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        venue.account.api_secret = "1" * 64
        with pytest.raises(CredentialsError, match="the venue answered 401"):
            await resting(venue, trader)
        assert "not let in" in heard.texts("key")[0]
        (order,) = trader.account.orders.values()
        assert order.status is OrderStatus.REJECTED


@virtually
async def test_answers_that_say_nothing(time: Virtual, tmp_path: Path) -> None:
    """An order whose answer cannot be read, or is about another one, is UNKNOWN and is asked for."""
    async with trading(time, tmp_path) as (venue, trader, heard):
        read = trader._trading.read_order
        row: dict[str, Any] = {
            "order_id": "77", "symbol": "BTCUSDT", "side": "SELL", "status": "RAISED", "order_type": "LIMIT",
            "quantity": "1", "exec_quantity": "0", "price": "1",
        }  # fmt: skip
        for body in (b"{", b'{"data":{}}', json.dumps({"data": row}).encode()):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    type(trader._trading),
                    "read_order",
                    lambda self, request, given, at, body=body: read(request, body, at),
                )
                venue.faults = "event_drop=1"
                order = await resting(venue, trader)
            assert order.status is OrderStatus.UNKNOWN, order
            venue.faults = ()
            await come(lambda: not trader.account.to_resolve)
            assert trader.account.orders[order.client_order_id].status is OrderStatus.NEW
        assert any("an answer about an order was refused: side is SELL" in text for text in heard.texts("schema"))
        assert answered(venue) == 3


@virtually
async def test_an_answer_without_the_clients_id(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        read = trader._trading.read_order

        def nameless(self: Any, request: Any, body: bytes, at: int) -> Any:
            data = json.loads(body)
            data["data"].pop("client_order_id")
            return read(request, json.dumps(data).encode(), at)

        venue.faults = "event_drop=1"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(trader._trading), "read_order", nameless)
            order = await resting(venue, trader)
        assert (order.status, order.order_id) == (OrderStatus.NEW, "8000001")
        assert trader.account.exposure("BTCUSDT").long == D("0.010")


# -- cancelling --------------------------------------------------------------------------------------------------------


@virtually
async def test_a_cancel_races_a_fill(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = "event_drop=1"
        order = await resting(venue, trader)
        venue.cross(order.order_id)
        ended = await trader.cancel(order)
        assert (ended.status, ended.filled) == (OrderStatus.FILLED, D("0.010"))
        assert trader.account.exposure("BTCUSDT").long == D("0.010")


@virtually
async def test_a_cancel_that_the_venue_refuses(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        order = await resting(venue, trader)
        other = venue._exchange.cancel

        def no(ticket: Any) -> None:
            raise Refusal(400, "not now")

        venue._exchange.cancel = no  # type: ignore[method-assign]
        with pytest.raises(OrderRejected, match="did not cancel the order: the venue answered 400: not now") as caught:
            await trader.cancel(order.client_order_id)
        venue._exchange.cancel = other  # type: ignore[method-assign]
        assert caught.value.order.is_resting and not caught.value.order.canceling


@virtually
async def test_a_cancel_whose_outcome_nobody_knows(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        order = await resting(venue, trader)
        venue.faults = ("answer_503=1", "event_drop=1")
        known = await trader.cancel(order)
        assert known.is_resting and known.canceling
        venue.faults = ()
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.CANCELED)


@virtually
async def test_a_cancel_that_does_not_leave(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        orders = [await resting(venue, trader, number) for number in range(7)]
        for order in orders[:6]:
            await trader.cancel(order)
        with pytest.raises(RequestError, match="the cancel: not sent"):  # four are kept for a halt
            await trader.cancel(orders[6])
        assert not trader.account.orders[orders[6].client_order_id].canceling
        venue.faults = "request_429=1"
        with pytest.raises(RequestError, match="cancel_all: the venue answered 429"):
            await trader.cancel_all()
        assert not trader.account.orders[orders[6].client_order_id].canceling
        venue.faults = "request_503=1"
        await asyncio.sleep(1.1)
        with pytest.raises(RequestError, match="cancel_all: the venue answered 503") as caught:
            await trader.cancel_all()
        assert caught.value.unknown and trader.account.orders[orders[6].client_order_id].canceling


@virtually
async def test_a_cancel_before_the_order_is_there(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = "request_lost=1"
        order = await resting(venue, trader)
        venue.faults = ()
        with pytest.raises(OrderRejected, match="there is no such order"):
            await trader.cancel(order)
        assert trader.account.orders[order.client_order_id].status is OrderStatus.UNKNOWN
