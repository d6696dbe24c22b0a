"""Halts at the local venue: what trips them, what they do, and what is in their way."""

from __future__ import annotations

import asyncio
import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest

import csbook
from csbook.errors import (
    HaltedError,
    OrderRejected,
)
from csbook.guard.latchfile import Cause, LatchFile, latch_path
from csbook.guard.tripwire import Tripwire
from csbook.sim import LocalVenue
from csbook.types import OrderStatus
from scripted import until
from trading import Heard, answered, come, exchange, keys_of, no_sockets, resting, touch, trader_of, trading
from virtual import Virtual, virtually

D = Decimal


@virtually
async def test_a_halt_by_hand(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        for number in range(5):
            await resting(venue, trader, number)
        ended = trader.halt("enough")
        assert trader.halted and repr(trader) == "<Trader coinswitch open halted: enough>"
        with pytest.raises(HaltedError, match="halted: enough; nothing was sent"):
            await resting(venue, trader)
        await ended
        assert not venue.account.open_orders and answered(venue) == 5
        await come(lambda: not trader.account.open_orders())
        assert heard.texts("halt")[0] == "halted (hand): enough"
        assert heard.texts("halt")[1].startswith("the venue shows no open order")
        trader.rearm("the tester")
        assert not trader.halted and heard.texts("halt")[2] == "re-armed by the tester; it was halted: enough"
        assert (await resting(venue, trader)).status is OrderStatus.NEW


@virtually
async def test_re_armed_before_the_orders_are_cancelled(time: Virtual, tmp_path: Path) -> None:
    """What would be placed now would be cancelled with the rest: it is refused until that is done."""
    async with trading(time, tmp_path) as (venue, trader, _):
        await resting(venue, trader)
        ended = trader.halt("enough")
        trader.rearm()
        with pytest.raises(HaltedError, match="the open orders are being cancelled; nothing was sent"):
            await resting(venue, trader)
        await ended
        assert (await resting(venue, trader)).status is OrderStatus.NEW
        assert trader.halt("again") is not ended


@virtually
async def test_halts_by_a_file(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        await resting(venue, trader)
        (tmp_path / "HALT").write_text("maintenance\n")
        await come(lambda: trader.halted, 2.0)
        await come(lambda: not venue.account.open_orders)
        with pytest.raises(HaltedError, match="HALT is present; remove it first"):
            trader.rearm()
        assert trader.halted
        (tmp_path / "HALT").unlink()
        await asyncio.sleep(5)
        assert trader.halted  # removing it is not re-arming
        trader.rearm()
        await asyncio.sleep(5)
        assert not trader.halted


@virtually
async def test_halts_and_re_arms_by_another_process(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        await resting(venue, trader)
        other = trader._switch()
        other.load(0)
        other.trip(Cause.HAND, "from afar", 1, "somebody")
        await come(lambda: trader.halted, 3.0)
        assert any("halted elsewhere (hand by somebody): from afar" in text for text in heard.texts("halt"))
        await come(lambda: not venue.account.open_orders)
        other.look(1e9, 1)
        other.rearm("somebody", time.clock.now_ns())
        await come(lambda: not trader.halted, 3.0)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signal here")
def test_a_halt_by_a_signal(tmp_path: Path) -> None:
    async def main() -> None:
        async with LocalVenue(symbols=["BTCUSDT"], speed=0.0) as venue:
            venue.pause()
            async with csbook.trade(
                "coinswitch", credentials=keys_of(venue.account), rest_url=venue.rest_url, ws_url=venue.ws_url,
                state_dir=tmp_path,
            ) as trader:  # fmt: skip
                trader.halt_on(signal.SIGUSR1)
                await resting(venue, trader)
                os.kill(os.getpid(), signal.SIGUSR1)
                await until(lambda: trader.halted and not venue.account.open_orders)
                assert "signal SIGUSR1" in repr(trader)

    asyncio.run(main())
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


@virtually
async def test_a_storm_of_rejections(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, rules=Tripwire(rejects=3)) as (venue, trader, _):
        bid, _ = touch(venue)
        kept = await resting(venue, trader)
        for _ in range(3):
            with pytest.raises(OrderRejected):
                await trader.place("BTCUSDT", "BUY", size="900", price=bid - 10)
        await come(lambda: trader.halted, 1.0)
        await come(lambda: trader.account.orders[kept.client_order_id].is_terminal)
        trader.rearm()
        await asyncio.sleep(5)
        assert not trader.halted


@virtually
async def test_a_loss(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, rules=Tripwire(loss=D("0.5"))) as (_, trader, _):
        for side in ("BUY", "SELL"):
            await trader.place("BTCUSDT", side, size="0.010", type="MARKET")
        await come(lambda: trader.halted, 5.0)
        assert "the profit is -0.6" in repr(trader)


@virtually
async def test_a_stream_that_stays_away_with_orders_out(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, rules=Tripwire(stream_lost_after=10.0)) as (venue, trader, _):
        await resting(venue, trader)
        venue._sockets._limits = no_sockets(venue)
        await venue.disconnect_streams()
        await asyncio.sleep(9)
        assert not trader.halted
        await come(lambda: trader.halted, 3.0)
        await come(lambda: not venue.account.open_orders)


@virtually
async def test_a_halt_that_meets_trouble(time: Virtual, tmp_path: Path) -> None:
    """The venue answers nothing, then only half: it goes on until the venue shows no open order."""
    async with trading(time, tmp_path) as (venue, trader, heard):
        for number in range(8):
            await resting(venue, trader, number)
        venue.faults = "request_503=1"
        ended = trader.halt()
        await asyncio.sleep(60)
        assert not ended.done() and len(venue.account.open_orders) == 8
        assert any("requests failed in a row" in text for text in heard.texts("halt"))
        venue.faults = ("request_lost=0.3", "answer_503=0.3", "request_429=0.2", "event_drop=0.5")
        await asyncio.wait_for(ended, 3600)
        assert not venue.account.open_orders


@virtually
async def test_a_halt_waits_for_what_is_on_its_way(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        venue.faults = "request_lost=1:3s"
        placing = asyncio.ensure_future(resting(venue, trader))
        await asyncio.sleep(1)
        venue.faults = ()
        ended = trader.halt()
        assert (await placing).status is OrderStatus.UNKNOWN
        await asyncio.wait_for(ended, 300)
        assert [order.status for order in trader.account.orders.values()] == [OrderStatus.REJECTED]


@virtually
async def test_a_restart_with_a_halt(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        async with trader_of(time, venue, tmp_path) as trader:
            await resting(venue, trader)
            left = trader.halt("before the night")
        with pytest.raises(HaltedError, match="the trader was left before"):
            await left
        with pytest.raises(HaltedError, match="the trader was left before"):
            await trader.halt("too late")
        venue.place_by_hand("BTCUSDT", "BUY", "0.001", touch(venue)[0] - 10)
        trader = trader_of(time, venue, tmp_path)
        heard = Heard(trader)
        async with trader:
            assert trader.halted and heard.texts("halt")[0].endswith("before the start: before the night")
            with pytest.raises(HaltedError, match="before the night"):
                await resting(venue, trader)
            await come(lambda: not venue.account.open_orders)
            trader.rearm()
        async with trader_of(time, venue, tmp_path) as trader:
            assert not trader.halted


@virtually
async def test_a_halt_file_from_before_the_start(time: Virtual, tmp_path: Path) -> None:
    (tmp_path / "HALT").touch()
    async with exchange(time) as venue:
        venue.place_by_hand("BTCUSDT", "BUY", "0.001", touch(venue)[0] - 10)
        async with trader_of(time, venue, tmp_path) as trader:
            assert trader.halted
            await come(lambda: not venue.account.open_orders)


@virtually
async def test_a_halt_state_that_cannot_be_read(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        path = latch_path(tmp_path, "coinswitch", venue.rest_url, venue.api_key)
        path.write_bytes(b"{")
        path.chmod(0o600)
        trader = trader_of(time, venue, tmp_path)
        async with trader:
            assert trader.halted
            trader.rearm()
            assert not trader.halted
        record = LatchFile(path).read()
        assert record is not None and not record.halted
