"""A trader at the local venue in the words of Binance USD-M: all of it over loopback."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook.errors import HaltedError, OrderRefused, OrderRejected, RequestError
from csbook.guard.tripwire import Tripwire
from csbook.sim import LocalVenue, Terms
from csbook.types import OrderStatus, Side
from scripted import until
from trading import Heard, come, exchange, keys_of, resting, touch, trader_of, trading
from virtual import Virtual, virtually

D = Decimal
VENUE = {"venue": "binance"}


@virtually
async def test_a_round(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=VENUE) as (venue, trader, heard):
        assert trader.account.balances["USDT"].wallet == 100_000
        assert trader.instruments["BTCUSDT"].tick == D("0.1")
        bid, _ = touch(venue)
        order = await trader.place("BTCUSDT", "BUY", size="0.010", price=bid - 10, post_only=True)
        assert (order.status, order.time_in_force, order.post_only) == (OrderStatus.NEW, "GTX", True)
        venue.cross(order.order_id, "0.004")
        await come(lambda: trader.account.fills)
        (fill,) = trader.account.fills
        assert (fill.size, fill.price, fill.is_maker) == (D("0.004"), bid - 10, True)
        assert fill.commission == venue.account.fills[0].commission and fill.commission_asset == "USDT"
        assert trader.account.positions["BTCUSDT"].size == D("0.004")
        assert trader.account.balances["USDT"].wallet == venue.account.balances["USDT"].wallet
        changed = await trader.amend(order, price=bid - 20, size="0.006")
        assert (changed.price, changed.size, changed.remaining) == (bid - 20, D("0.006"), D("0.002"))
        (truth,) = venue.account.open_orders
        assert (truth.price, truth.size) == (bid - 20, D("0.006"))
        ended = await trader.cancel(order)
        assert (ended.status, ended.filled) == (OrderStatus.CANCELED, D("0.004"))
        taken = await trader.place("BTCUSDT", "SELL", size="0.004", type="MARKET", reduce_only=True)
        await come(lambda: trader.account.orders[taken.client_order_id].status is OrderStatus.FILLED)
        assert trader.account.positions["BTCUSDT"].size == 0
        assert trader.account.realised_pnl("BTCUSDT") == venue.account.positions["BTCUSDT"].realised_pnl
        assert await trader.open_orders() == []
        closed = await trader.closed_orders("BTCUSDT")
        assert {each.order_id for each in closed} == {each.order_id for each in venue.account.orders}
        portfolio = await trader.portfolio()
        assert portfolio.balances[0].available == venue.account.balances["USDT"].available
        assert heard.texts() == []


@virtually
async def test_what_the_venue_refuses(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=VENUE, rules=Tripwire(rejects=None)) as (venue, trader, _):
        bid, ask = touch(venue)
        for fields, code in (
            ({"price": ask, "post_only": True}, "-5022"),
            ({"price": bid - 10, "time_in_force": "FOK"}, "-5021"),
            ({"price": bid - 10, "reduce_only": True}, "-2022"),
            ({"price": bid - 10, "size": "900"}, "-2019"),
        ):
            with pytest.raises(OrderRejected) as caught:
                await trader.place("BTCUSDT", "BUY", **{"size": "0.001", **fields})
            assert caught.value.code == code
            assert caught.value.order is not None and caught.value.order.status is OrderStatus.REJECTED
        with pytest.raises(OrderRefused, match="least value"):
            await trader.place("BTCUSDT", "BUY", size="0.001", price="1000")
        assert venue.account.orders == () and not trader.account.open_orders()
        order = await resting(venue, trader)
        with pytest.raises(OrderRejected, match="did not amend") as caught:
            await trader.amend(order)
        assert caught.value.code == "-5027"
        venue.cancel_by_hand(order.order_id)
        ended = await trader.cancel(order)
        assert ended.status is OrderStatus.CANCELED, "it had ended, and was asked for"


@virtually
async def test_one_change_of_an_order_at_a_time(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=VENUE) as (venue, trader, _):
        order = await resting(venue, trader)
        assert order.price is not None
        first = asyncio.ensure_future(trader.amend(order, size="0.004"))
        await asyncio.sleep(0)
        with pytest.raises(OrderRefused, match="being amended") as caught:
            await trader.amend(order, price=order.price - 1)
        assert caught.value.field == "order"
        assert (await first).size == D("0.004")
        changed = await trader.amend(order, price=order.price - 1)
        (truth,) = venue.account.open_orders
        assert (changed.size, changed.price) == (truth.size, truth.price) == (D("0.004"), order.price - 1)


@virtually
async def test_all_orders_of_all_symbols_are_cancelled(time: Virtual, tmp_path: Path) -> None:
    options = {**VENUE, "symbols": ["BTCUSDT", "ETHUSDT"]}
    async with trading(time, tmp_path, venue=options) as (venue, trader, _):
        for number in range(3):
            await resting(venue, trader, number)
        venue.place_by_hand("ETHUSDT", "BUY", "0.01", "2000.000")
        await come(lambda: len(trader.account.open_orders()) == 4)
        await trader.cancel_all()
        assert venue.account.open_orders == ()
        await come(lambda: not trader.account.open_orders())
        assert {order.status for order in trader.account.orders.values()} == {OrderStatus.CANCELED}


@virtually
async def test_both_legs_in_hedge_mode(time: Virtual, tmp_path: Path) -> None:
    options = {**VENUE, "accounts": {"h": Terms(hedge=True)}}
    async with trading(time, tmp_path, venue=options) as (_, trader, _):
        for side, size, leg in (("BUY", "0.010", "LONG"), ("SELL", "0.004", "SHORT"), ("SELL", "0.003", "LONG")):
            await trader.place("BTCUSDT", side, size=size, type="MARKET", position_side=leg)
        await come(lambda: len(trader.account.fills) == 3)
        legs = {leg.position_side: leg.size for leg in trader.account.positions["BTCUSDT"].legs}
        assert legs == {"LONG": D("0.007"), "SHORT": D("-0.004")}
        with pytest.raises(OrderRejected) as caught:
            await trader.place("BTCUSDT", "BUY", size="0.010", type="MARKET")
        assert caught.value.code == "-4061"


@virtually
async def test_the_lease_of_the_listen_key(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=VENUE) as (venue, trader, heard):
        assert trader._stream is not None
        await asyncio.sleep(4 * 3600)
        assert len(venue._listen_keys.live(venue.account)) == 1, "it was extended, again and again"
        assert trader.stats()["reconnects"] == 0 and heard.texts("key") == []
        venue.expire_listen_keys()
        await come(lambda: trader.stats()["reconnects"] == 1)
        await come(lambda: "reconciled" in " ".join(heard.texts("degrade")))
        (told,) = heard.texts("key")
        assert "the venue says that it expired" in told
        (key,) = venue._listen_keys.live(venue.account)
        assert all(key not in text for text in heard.texts())
        order = await resting(venue, trader)
        venue.cross(order.order_id)
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.FILLED)


@virtually
async def test_a_stream_that_falls_silent_is_noticed_by_the_next_extension(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue={**VENUE, "silent_expiry": True}) as (venue, trader, heard):
        venue.expire_listen_keys()
        order = await resting(venue, trader)
        venue.cross(order.order_id)
        await asyncio.sleep(1900)
        assert trader.stats()["reconnects"] == 1
        assert any("the venue knows none that is alive" in text for text in heard.texts("key"))
        assert trader.account.orders[order.client_order_id].status is OrderStatus.FILLED


@virtually
async def test_what_was_lost_with_the_stream_is_asked_for(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=VENUE) as (venue, trader, _):
        order = await resting(venue, trader)
        venue.faults = "event_drop=1"  # type: ignore[assignment]
        venue.cross(order.order_id, "0.004")
        venue.place_by_hand("BTCUSDT", "SELL", "0.002")
        await venue.quiet()
        venue.faults = ()  # type: ignore[assignment]
        await venue.disconnect_streams()
        await come(lambda: len(trader.account.fills) == 1)
        assert trader.account.orders[order.client_order_id].filled == D("0.004")
        assert trader.account.positions["BTCUSDT"].size == D("0.002")
        assert trader.account.balances["USDT"].wallet == venue.account.balances["USDT"].wallet
        assert trader.account.fills[0].commission == venue.account.fills[0].commission


@virtually
async def test_an_outcome_that_nobody_knows_is_asked_for(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=VENUE) as (venue, trader, _):
        bid, _ = touch(venue)
        for fault in ("answer_503", "answer_lost"):
            venue.faults = (f"{fault}=1", "event_drop=1")  # type: ignore[assignment]
            order = await trader.place("BTCUSDT", "BUY", size="0.001", price=bid - 100)
            assert order.status is OrderStatus.UNKNOWN
            venue.faults = ()  # type: ignore[assignment]
            await come(lambda: not trader.account.to_resolve)
            assert trader.account.orders[order.client_order_id].status is OrderStatus.NEW
        assert len(venue.account.orders) == 2, "nothing was sent twice"


@virtually
async def test_a_503_that_was_not_carried_out_is_no_open_outcome(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, venue=VENUE) as (venue, trader, _):
        bid, _ = touch(venue)
        venue.faults = "request_503=1"  # type: ignore[assignment]
        with pytest.raises(RequestError, match="overloaded"):
            await trader.place("BTCUSDT", "BUY", size="0.001", price=bid - 100)
        assert not trader.account.open_orders() and not trader.account.to_resolve


@virtually
async def test_the_kill_switch(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time, **VENUE) as venue:
        async with trader_of(time, venue, tmp_path) as trader:
            for number in range(3):
                await resting(venue, trader, number)
            venue.place_by_hand("BTCUSDT", "SELL", "0.001", touch(venue)[1] + 100)
            await asyncio.wait_for(trader.halt("enough"), 60)
            assert venue.account.open_orders == () and trader.halted
            with pytest.raises(HaltedError):
                await resting(venue, trader)
        async with trader_of(time, venue, tmp_path) as again:
            assert again.halted and "enough" in again.halt_reason, "it is kept over restarts"
            again.rearm()
            await come(lambda: not again._halts.under_way)
            order = await resting(venue, again)
            assert order.status is OrderStatus.NEW


@virtually
async def test_a_restart_finds_what_is_there(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time, **VENUE) as venue:
        async with trader_of(time, venue, tmp_path) as trader:
            order = await resting(venue, trader)
            await trader.place("BTCUSDT", "BUY", size="0.002", type="MARKET")
        venue.place_by_hand("BTCUSDT", "SELL", "0.001", touch(venue)[1] + 100)
        async with trader_of(time, venue, tmp_path) as again:
            found = {each.order_id: each for each in again.account.open_orders()}
            assert len(found) == 2 and found[order.order_id].own
            assert sorted(each.own for each in found.values()) == [False, True]
            assert again.account.positions["BTCUSDT"].size == D("0.002")


@virtually
async def test_no_secret_is_told(time: Virtual, tmp_path: Path, caplog: Any) -> None:
    caplog.set_level(0)
    async with trading(time, tmp_path, venue=VENUE) as (venue, trader, heard):
        (key,) = venue._listen_keys.live(venue.account)
        await venue.disconnect_streams()
        await come(lambda: trader.stats()["reconnects"] == 1)
        await resting(venue, trader)
        shown = " ".join([*heard.texts(), caplog.text, repr(trader), repr(venue), str(trader.stats())])
        for secret in (key, venue.api_secret, venue.api_key):
            assert secret not in shown


async def test_by_the_clock_of_this_machine(tmp_path: Path) -> None:
    """As a user has it: ``csbook.trade`` and nothing replaced."""
    async with LocalVenue("binance", symbols=["BTCUSDT"], speed=0) as venue:
        venue.pause()
        async with csbook.trade(
            "binance",
            credentials=keys_of(venue.account),
            rest_url=venue.rest_url,
            ws_url=venue.ws_url,
            state_dir=tmp_path,
            cancel_on_exit=True,
        ) as trader:
            heard = Heard(trader)
            order = await resting(venue, trader)
            venue.cross(order.order_id, "0.004")
            await until(lambda: trader.account.orders[order.client_order_id].filled == D("0.004"))
            assert trader.account.fills[0].side is Side.BUY
            assert heard.texts() == []
        assert venue.account.open_orders == ()
