"""A trader at the local Bybit, over loopback: what its account says is what the venue's books say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.account import OrderChanged
from csbook.credentials import Credentials
from csbook.errors import CredentialsError, HaltedError, OrderRefused, OrderRejected, RequestError
from csbook.guard.tripwire import Tripwire
from csbook.sim import LocalVenue, Terms
from csbook.trader import Trader
from csbook.types import Order, OrderStatus
from trading import Heard, answered, come, exchange, no_sockets, resting, shifted, touch, trader_of
from trading import trading as trading_anywhere
from virtual import Virtual, virtually

D = Decimal
HEDGED = {"accounts": {"default": Terms(hedge=True)}}


@asynccontextmanager
async def trading(
    time: Virtual, folder: Path, *, venue: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[LocalVenue, Trader, Heard]]:
    chosen = {"venue": "bybit", **(venue or {})}
    async with trading_anywhere(time, folder, venue=chosen, **options) as opened:
        yield opened


async def rested(venue: LocalVenue, trader: Trader, number: int = 0, side: str = "BUY", size: str = "0.010") -> Order:
    """An order whose verdict has come."""
    key = (await resting(venue, trader, number, side, size)).client_order_id
    await come(lambda: trader.account.orders[key].status is OrderStatus.NEW)
    return trader.account.orders[key]


def now(trader: Trader, order: Order) -> Order:
    return trader.account.orders[order.client_order_id]


def same_books(venue: LocalVenue, trader: Trader) -> None:
    """Position, money and what was paid, to the last digit."""
    mine, truth = trader.account, venue.account
    position, other = mine.positions["BTCUSDT"], truth.positions["BTCUSDT"]
    assert (position.size, position.entry_price) == (other.size, other.entry_price)
    assert (position.realised_pnl, position.commission) == (other.realised_pnl, other.commission)
    assert mine.balances["USDT"].wallet == truth.wallet["USDT"]
    assert sorted(fill.trade_id for fill in mine.fills) == sorted(fill.trade_id for fill in truth.fills)


# -- the ways that work ---------------------------------------------------------------------------------------------


@virtually
async def test_a_round(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        order = await resting(venue, trader)
        assert order.status is OrderStatus.UNKNOWN and "taken in" in order.reason
        await come(lambda: now(trader, order).status is OrderStatus.NEW)
        venue.cross(order.order_id, "0.004")
        await come(lambda: now(trader, order).filled)
        same_books(venue, trader)
        amended = await trader.amend(order.client_order_id, size="0.008", price=(order.price or D(0)) + 1)
        await come(lambda: now(trader, order).size == D("0.008"))
        assert now(trader, order).price == venue.account.open_orders[0].price == (amended.price or D(0)) + 1
        await trader.cancel(order)
        await come(lambda: now(trader, order).is_terminal)
        assert (now(trader, order).status, now(trader, order).filled) == (OrderStatus.CANCELED, D("0.004"))
        (closed,) = await trader.closed_orders()
        assert (closed.order_id, closed.filled, closed.own) == (order.order_id, D("0.004"), True)
        taken = await trader.place("BTCUSDT", "SELL", size="0.004", type="MARKET")
        await come(lambda: now(trader, taken).status is OrderStatus.FILLED)
        await come(lambda: not trader.account.positions["BTCUSDT"].size)
        same_books(venue, trader)
        portfolio = await trader.portfolio()
        assert portfolio.positions == () and portfolio.balances[0].wallet == venue.account.wallet["USDT"]
        seen = [change.order.status for change in heard.changes if isinstance(change, OrderChanged)]
        assert list(dict.fromkeys(seen)) == [
            OrderStatus.PENDING, OrderStatus.UNKNOWN, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED,
            OrderStatus.CANCELED, OrderStatus.FILLED,
        ]  # fmt: skip
        assert heard.texts("key") == heard.texts("stream") == []


@virtually
async def test_what_others_do_is_seen(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        bid, ask = touch(venue)
        by_hand = venue.place_by_hand("BTCUSDT", "SELL", "0.005", ask + 10)
        await come(lambda: f"#{by_hand.order_id}" in trader.account.orders)
        own = await rested(venue, trader)
        assert {order.order_id for order in await trader.open_orders()} == {own.order_id, by_hand.order_id}
        venue.cross(by_hand.order_id)
        await come(lambda: trader.account.exposure("BTCUSDT").position == D("-0.005"))
        await venue.quiet()
        same_books(venue, trader)
        venue.amend_by_hand(own.order_id, size="0.020", price=bid - 200)
        await come(lambda: now(trader, own).size == D("0.020"))
        assert trader.account.exposure("BTCUSDT").long == D("0.015")


@pytest.mark.parametrize(
    ("fields", "status", "why"),
    [
        ({"post_only": True}, OrderStatus.CANCELED, "EC_PostOnlyWillTakeLiquidity"),
        ({"time_in_force": "FOK", "size": "15"}, OrderStatus.CANCELED, "EC_NoEnoughQtyToFill"),
        ({"time_in_force": "IOC", "away": -5}, OrderStatus.CANCELED, "EC_NoImmediateQtyToFill"),
        ({"time_in_force": "FOK"}, OrderStatus.FILLED, ""),
        ({"time_in_force": "IOC"}, OrderStatus.FILLED, ""),
        ({"post_only": True, "away": -5}, OrderStatus.NEW, ""),
    ],
)
@virtually
async def test_the_verdict_comes_on_the_stream(
    time: Virtual, tmp_path: Path, fields: dict[str, Any], status: OrderStatus, why: str
) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        _, ask = touch(venue)
        asked = {"size": "0.002", "price": ask + fields.get("away", 0), **fields}
        asked.pop("away", None)
        order = await trader.place("BTCUSDT", "BUY", **asked)
        await come(lambda: now(trader, order).status is status)
        assert now(trader, order).reason == why and now(trader, order).post_only == bool(fields.get("post_only"))
        assert trader.account.exposure("BTCUSDT").long == (0 if status is OrderStatus.CANCELED else D("0.002"))


@virtually
async def test_hedge_mode(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=HEDGED) as (venue, trader, _):
        for side, leg in (("BUY", "LONG"), ("SELL", "SHORT"), ("SELL", "LONG")):
            size = "0.010" if (side, leg) != ("SELL", "LONG") else "0.004"
            await trader.place("BTCUSDT", side, size=size, type="MARKET", position_side=leg)
        await come(lambda: trader.account.positions["BTCUSDT"].size == D("-0.004"))
        legs = {leg.position_side: leg.size for leg in trader.account.positions["BTCUSDT"].legs}
        assert legs == {"LONG": D("0.006"), "SHORT": D("-0.010")}
        with pytest.raises(OrderRejected, match="position_side") as caught:
            await trader.place("BTCUSDT", "BUY", size="0.001", type="MARKET")
        assert caught.value.code == "10001"
        same_books(venue, trader)


@virtually
async def test_a_loss_halts_and_everything_is_cancelled(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        for number in range(5):
            await rested(venue, trader, number)
        await trader.halt("enough")
        assert venue.account.open_orders == () and trader.halted
        with pytest.raises(HaltedError):
            await resting(venue, trader)
        await come(lambda: not trader.account.open_orders())
        assert heard.texts("halt")[1].startswith("the venue shows no open order")
        trader.rearm()
        await rested(venue, trader, 9)
        assert set(await trader.cancel_all()) == {order.order_id for order in venue.account.orders[-1:]}
        await come(lambda: not trader.account.open_orders())


# -- what is lost ---------------------------------------------------------------------------------------------------


@virtually
async def test_events_that_are_lost_are_found(time: Virtual, tmp_path: Path) -> None:
    """Executions, too: only they say what an order has realised."""
    async with trading(time, tmp_path) as (venue, trader, _):
        first, second = await rested(venue, trader), await rested(venue, trader, 5, "SELL", "0.020")
        venue.faults = "event_drop=1"
        venue.cross(first.order_id, "0.004")
        venue.cross(first.order_id)
        venue.cross(second.order_id, "0.015")
        await venue.quiet()
        venue.faults = ()
        await come(lambda: now(trader, first).status is OrderStatus.FILLED)
        await come(lambda: len(trader.account.fills) == 3)
        assert venue.account.positions["BTCUSDT"].realised_pnl > 0
        same_books(venue, trader)
        assert now(trader, second).is_resting and now(trader, second).average_price == second.price


@virtually
async def test_executions_alone_complete_an_order(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        order = await rested(venue, trader)
        told, desk = venue._desk.events, venue._desk
        desk.events = lambda news: [each for each in told(news) if each[0] == "execution"]  # type: ignore[method-assign]
        venue.cross(order.order_id, "0.004")
        venue.cross(order.order_id)
        await come(lambda: now(trader, order).status is OrderStatus.FILLED)
        assert now(trader, order).average_price == order.price


@pytest.mark.parametrize(
    ("fault", "reached"),
    [("answer_503=1", True), ("request_503=1", False), ("answer_lost=1", True), ("request_lost=1", False)],
)
@virtually
async def test_an_outcome_that_nobody_knows(time: Virtual, tmp_path: Path, fault: str, reached: bool) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = (fault, "event_drop=1")
        order = await resting(venue, trader)
        assert order.status is OrderStatus.UNKNOWN and answered(venue) == int(reached)
        venue.faults = ()
        await come(lambda: not trader.account.to_resolve)
        assert now(trader, order).status is (OrderStatus.NEW if reached else OrderStatus.REJECTED)
        assert answered(venue) == int(reached), "never sent again"


@virtually
async def test_a_cancel_that_a_fill_outruns(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue={"cancel_latency_s": 1.0}) as (venue, trader, _):
        order = await rested(venue, trader)
        assert (await trader.cancel(order)).canceling
        venue.cross(order.order_id)
        await come(lambda: now(trader, order).status is OrderStatus.FILLED)
        assert now(trader, order).reason == "" and not now(trader, order).canceling
        assert await trader.cancel(order) is now(trader, order)
        same_books(venue, trader)


@virtually
async def test_a_stream_that_is_away_and_logins_that_end(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, rules=Tripwire(stream_lost_after=None)) as (venue, trader, heard):
        order = await rested(venue, trader)
        limits, venue._sockets._limits = venue._sockets._limits, no_sockets(venue)
        assert venue.expire_listen_keys() == 1
        venue.cross(order.order_id, "0.004")
        await come(lambda: now(trader, order).filled == D("0.004"))
        assert any("polled every" in text for text in heard.texts("degrade"))
        venue._sockets._limits = limits
        await come(lambda: any("is back and the account reconciled" in text for text in heard.texts("degrade")[1:]))
        await come(lambda: len(trader.account.fills) == 1)
        same_books(venue, trader)
        venue.cross(order.order_id)
        await come(lambda: now(trader, order).status is OrderStatus.FILLED)
        same_books(venue, trader)


@pytest.mark.parametrize("fault", ["request_lost=1", "request_429=1", "request_503=1", "answer_lost=1", "answer_503=1"])
@virtually
async def test_a_login_that_is_struck_is_tried_again(time: Virtual, tmp_path: Path, fault: str) -> None:
    async with trading(time, tmp_path, rules=Tripwire(stream_lost_after=None)) as (venue, trader, heard):
        await venue.disconnect_streams()
        fate = venue._desk.fate
        venue._desk.fate = lambda operation: fault.removesuffix("=1")
        await asyncio.sleep(30)
        assert not trader._stream.are_connected  # type: ignore[union-attr]
        if fault.startswith(("request_4", "request_5", "answer_5")):
            assert "did not let this account in" in heard.texts("key")[0]
        venue._desk.fate = fate
        await come(lambda: trader._stream.are_connected)  # type: ignore[union-attr]
        order = await rested(venue, trader)
        assert order.order_id


# -- what is refused ------------------------------------------------------------------------------------------------


@virtually
async def test_the_venue_rejects(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time, venue="bybit") as venue:
        bid, _ = touch(venue)
        venue.place_by_hand("BTCUSDT", "BUY", "0.001", bid - 10, client_order_id="once")
        venue.cancel_by_hand(venue.account.open_orders[0].order_id)
        async with trader_of(time, venue, tmp_path) as trader:
            for fields, code in (
                ({"size": "900"}, "110007"),
                ({"reduce_only": True}, "110017"),
                ({"client_order_id": "once"}, "110072"),
            ):
                with pytest.raises(OrderRejected) as caught:
                    await trader.place("BTCUSDT", "BUY", **{"size": "1", "price": bid - 10, **fields})  # type: ignore[arg-type]
                assert caught.value.code == code and caught.value.order.status is OrderStatus.REJECTED
            with pytest.raises(OrderRefused) as refused:
                await trader.place("BTCUSDT", "BUY", size="0.001", price="4999.9")
            assert refused.value.field == "size", "worth less than the least, which its rules say"
            assert answered(venue) == 1 and trader.account.exposure("BTCUSDT").long == 0


@virtually
async def test_an_order_that_is_gone_is_not_amended(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        order = await rested(venue, trader)
        same = await trader.amend(order, size=order.size, price=order.price)
        assert (same.size, same.price) == (order.size, order.price), "nothing modified is no failure"
        venue.faults = "event_drop=1"
        venue.cancel_by_hand(order.order_id)
        await venue.quiet()
        venue.faults = ()
        with pytest.raises(OrderRejected, match="did not amend") as caught:
            await trader.amend(order, size="0.005")
        assert caught.value.code == "110001"
        await come(lambda: now(trader, order).status is OrderStatus.CANCELED)


@virtually
async def test_limits(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        for number in range(10):
            await resting(venue, trader, number, size="0.001")
        with pytest.raises(RequestError, match="the limit of 'place' is used up"):
            await resting(venue, trader)
        assert answered(venue) == 10
        await asyncio.sleep(1.6)
        venue.faults = "request_429=1"
        with pytest.raises(RequestError, match="code 10429"):
            await resting(venue, trader)
        venue.faults = ()
        assert "none for 1 s" in heard.texts("rate")[0]
        await asyncio.sleep(1.6)
        await rested(venue, trader, 50)


@virtually
async def test_an_address_that_is_shut_out(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue={"weights": (20, 5.0)}) as (venue, trader, heard):
        with pytest.raises(RequestError):
            for number in range(20):
                await resting(venue, trader, number, size="0.001")
                await asyncio.sleep(0.2)
        assert "this address is shut out, says the venue: none for 600 s" in heard.texts("rate")[0]
        placed = answered(venue)
        with pytest.raises(RequestError, match="free again in"):
            await resting(venue, trader)
        assert answered(venue) == placed
        await asyncio.sleep(601)
        await rested(venue, trader, 50)


@pytest.mark.parametrize("offset", [-7200.0, 7200.0, -6.0, 1.5])
@virtually
async def test_a_clock_that_is_off(time: Virtual, tmp_path: Path, offset: float) -> None:
    """For requests and for the login."""
    async with trading(time, tmp_path, _timing=shifted(time, offset)) as (venue, trader, heard):
        assert "this machine's clock is" in heard.texts("clock")[0]
        order = await rested(venue, trader)
        venue.cross(order.order_id)
        await come(lambda: now(trader, order).status is OrderStatus.FILLED)
        same_books(venue, trader)


@virtually
async def test_keys_that_are_wrong(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time, venue="bybit") as venue:
        for wrong in (Credentials(venue.api_key, "0" * 64), Credentials("nobody-at-all", venue.api_secret)):
            with pytest.raises(CredentialsError, match="did not let this account in") as caught:
                async with trader_of(time, venue, tmp_path, credentials=wrong):
                    pass
            assert "0" * 64 not in str(caught.value) and venue.api_key not in str(caught.value)
