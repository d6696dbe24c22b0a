"""Asking for the whole account, and for orders whose outcome is open, at the local venue."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.errors import BadMessage
from csbook.types import OrderStatus
from csbook.wire.private import Snapshot
from trading import come, resting, touch, trading
from virtual import Virtual, virtually

D = Decimal


@virtually
async def test_the_account_is_read_once_a_minute(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (_, trader, heard):
        assert trader.stats()["snapshots"] == 1
        await asyncio.sleep(601)
        assert trader.stats()["snapshots"] == 11 and heard.alerts == []


@virtually
async def test_polls_that_fail_are_told_and_tried_again(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        venue.faults = "request_503=1"
        trader._ask()
        await asyncio.sleep(120)
        assert trader.stats()["snapshots"] == 1
        assert heard.texts("degrade") == ["3 requests for the account failed in a row"]
        venue.faults = ()
        await come(lambda: trader.stats()["snapshots"] == 2)


@virtually
async def test_a_snapshot_that_cannot_be_is_refused(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (_, trader, heard):
        snapshot = trader._desk.snapshot

        async def wrong() -> Snapshot:
            return Snapshot(0, 0)

        trader._desk.snapshot = wrong  # type: ignore[method-assign]
        trader._ask()
        await asyncio.sleep(1)
        assert "a snapshot of the account was refused: asked_ns is 0" in heard.texts("schema")[0]
        trader._desk.snapshot = snapshot  # type: ignore[method-assign]
        await come(lambda: trader.stats()["snapshots"] == 2)


@virtually
async def test_a_poll_that_is_given_up_can_be_asked_again(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = "request_lost=1:3600s"
        now = time.timing.now() + 100
        run = asyncio.ensure_future(trader._polling.run(now))
        await asyncio.sleep(0.1)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert trader._fallback.due(now) < float("inf")


@virtually
async def test_a_lost_order_is_asked_for_until_it_is_late_enough(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        venue.faults = "request_503=1"
        order = await resting(venue, trader)
        venue.faults = ()
        await come(lambda: trader.stats()["questions"])
        assert len(trader._resolving) == 1
        await come(lambda: not trader.account.to_resolve)
        ended = trader.account.orders[order.client_order_id]
        assert (ended.status, ended.reason) == (OrderStatus.REJECTED, "the venue knows no such order")
        assert 5 < trader.stats()["questions"] <= 20
        assert any("is unknown for 30 s" in text for text in heard.texts("degrade"))
        await asyncio.sleep(1)
        assert len(trader._resolving) == 0 and not trader._resolving._signed


@virtually
async def test_questions_that_fail_are_asked_again(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = ("answer_503=1", "event_drop=1")
        order = await resting(venue, trader)
        venue.faults = "request_503=1"
        await asyncio.sleep(20)
        assert trader.account.orders[order.client_order_id].status is OrderStatus.UNKNOWN
        venue.faults = ()
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.NEW)


@virtually
async def test_an_answer_that_cannot_be_is_refused(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        venue.faults = ("answer_503=1", "event_drop=1")
        order = await resting(venue, trader)
        venue.faults = ()
        asked = trader._desk.order

        async def wrong(*given: Any, **named: Any) -> Any:
            raise BadMessage("it is upside down")

        trader._desk.order = wrong  # type: ignore[method-assign]
        await come(lambda: heard.texts("schema"))
        assert "what the venue says of an order was refused: it is upside down" in heard.texts("schema")
        trader._desk.order = asked  # type: ignore[method-assign]
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.NEW)


@virtually
async def test_an_order_that_vanished(time: Virtual, tmp_path: Path) -> None:
    """It is no longer among the open ones and nobody said why: it is asked for, here by the venue's id."""
    async with trading(time, tmp_path) as (venue, trader, _):
        bid, _ = touch(venue)
        nameless = venue.place_by_hand("BTCUSDT", "BUY", "0.005", bid - 10)
        await come(lambda: f"#{nameless.order_id}" in trader.account.orders)
        venue.faults = "event_drop=1"
        venue.cancel_by_hand(nameless.order_id)
        await venue.quiet()
        venue.faults = ()
        await come(lambda: trader.account.orders[f"#{nameless.order_id}"].status is OrderStatus.CANCELED)


@virtually
async def test_fills_that_were_lost_are_made_good_by_totals(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        order = await resting(venue, trader)
        venue.cross(order.order_id, "0.004")
        await come(lambda: trader.account.orders[order.client_order_id].filled)
        venue.faults = "event_drop=1"
        venue.cross(order.order_id, "0.002")
        await venue.quiet()
        venue.faults = ()
        venue.cross(order.order_id)
        await come(lambda: trader.account.orders[order.client_order_id].is_terminal)
        truth = venue.account.positions["BTCUSDT"]
        await come(lambda: trader.account.positions["BTCUSDT"].commission == truth.commission)
        assert trader.account.realised_pnl("BTCUSDT") == truth.realised_pnl
        assert trader.account.exposure("BTCUSDT").settled
