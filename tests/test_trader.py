"""Orders and the account, end to end over loopback: the ways that work, and each way in which something does not."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import csbook
from counterparty import FUTURES, Counterparty
from csbook.account import FillSeen, OrderChanged
from csbook.credentials import Credentials
from csbook.errors import (
    ConnectError,
    CredentialsError,
    HaltedError,
    OrderRefused,
    RequestError,
    UsageError,
)
from csbook.guard.tripwire import Tripwire
from csbook.sim import LocalVenue, Terms
from csbook.trader import OWN, Trader
from csbook.types import Order, OrderStatus, Side, State, Trade
from scripted import until
from trading import answered, come, exchange, keys_of, no_sockets, resting, touch, trader_of, trading
from virtual import Virtual, virtually

D = Decimal


# -- the ways that work ------------------------------------------------------------------------------------------------


@virtually
async def test_a_round(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        assert repr(trader) == "<Trader coinswitch open>" and not trader.halted
        order = await resting(venue, trader)
        assert (order.status, order.own, order.filled) == (OrderStatus.NEW, True, 0)
        assert order.client_order_id.startswith(OWN) and len(order.client_order_id) == 36
        venue.cross(order.order_id, "0.004")
        await come(lambda: trader.account.orders[order.client_order_id].filled)
        assert trader.account.positions["BTCUSDT"].size == D("0.004")
        (fill,) = trader.account.fills
        assert (fill.size, fill.price) == (D("0.004"), order.price)
        ended = await trader.cancel(order)
        await come(lambda: trader.account.orders[order.client_order_id].is_terminal)
        ended = trader.account.orders[order.client_order_id]
        assert (ended.status, ended.filled) == (OrderStatus.CANCELED, D("0.004"))
        assert await trader.cancel(ended) is ended  # nothing is sent
        assert venue.counts["events"] == 5
        seen = [change.order.status for change in heard.changes if isinstance(change, OrderChanged)]
        assert list(dict.fromkeys(seen)) == [
            OrderStatus.PENDING, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.CANCELED,
        ]  # fmt: skip
        assert sum(isinstance(change, FillSeen) for change in heard.changes) == 1
        stats = trader.stats()
        assert (stats["placed"], stats["canceled"], stats["fills"], stats["open_orders"]) == (1, 1, 1, 0)
    assert repr(trader) == "<Trader coinswitch closed>"


@virtually
async def test_questions(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        bid, ask = touch(venue)
        taken = await trader.place("btcusdt", "SELL", size="0.020", type="MARKET")
        assert (taken.status, taken.filled) == (OrderStatus.FILLED, D("0.020"))
        own = await resting(venue, trader, 1)
        by_hand = venue.place_by_hand("BTCUSDT", "SELL", "0.005", ask + 50)
        assert {order.order_id for order in await trader.open_orders()} == {own.order_id, by_hand.order_id}
        await asyncio.sleep(0.01)
        (closed,) = await trader.closed_orders()
        assert (closed.order_id, closed.filled, closed.own) == (taken.order_id, D("0.020"), True)
        portfolio = await trader.portfolio()
        (position,) = portfolio.positions
        assert (position.size, position.entry_price) == (D("-0.020"), venue.account.positions["BTCUSDT"].entry_price)
        (balance,) = portfolio.balances
        assert (balance.wallet, balance.available) == (venue.account.wallet["USDT"], venue.account.available())
        assert bid > 0


@virtually
async def test_cancel_all(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        orders = [await resting(venue, trader, number) for number in range(3)]
        assert set(await trader.cancel_all("BTCUSDT")) == {order.order_id for order in orders}
        await come(lambda: not trader.account.open_orders())
        assert not venue.account.open_orders
        assert await trader.cancel_all() == ()


@virtually
async def test_an_order_that_cannot_be_is_not_sent(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        with pytest.raises(OrderRefused) as caught:
            await trader.place("BTCUSDT", "BUY", size="0.0105", price="60000")
        assert caught.value.nearest == ("0.010", "0.011")
        for wrong in ({"symbol": "NOPE"}, {"symbol": 5}, {"post_only": True}, {"price": "nan"}):
            with pytest.raises(OrderRefused):
                await trader.place(**{"symbol": "BTCUSDT", "side": "BUY", "size": "1", "price": "60000", **wrong})
        order = await resting(venue, trader)
        with pytest.raises(OrderRefused, match="is known already"):
            await trader.place("BTCUSDT", "BUY", size="1", price="60000", client_order_id=order.client_order_id)
        with pytest.raises(OrderRefused, match="cannot amend an order") as caught:
            await trader.amend(order, price="1")
        assert caught.value.field == "amend"
        assert answered(venue) == 1 and trader.stats()["placed"] == 1


@virtually
async def test_what_others_do_is_seen(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        bid, _ = touch(venue)
        by_hand = venue.place_by_hand("BTCUSDT", "BUY", "0.005", bid - 10, client_order_id="by-hand")
        await come(lambda: "by-hand" in trader.account.orders)
        assert not trader.account.orders["by-hand"].own
        assert (await trader.cancel("by-hand")).canceling
        await come(lambda: trader.account.orders["by-hand"].is_terminal)
        nameless = venue.place_by_hand("BTCUSDT", "BUY", "0.005", bid - 10)
        await come(lambda: f"#{nameless.order_id}" in trader.account.orders)
        await trader.cancel(trader.account.orders[f"#{nameless.order_id}"])
        assert not venue.account.open_orders and by_hand.order_id
        with pytest.raises(UsageError, match="no order 'what' is known"):
            await trader.cancel("what")


@virtually
async def test_hedge_mode(time: Virtual, tmp_path: Path) -> None:
    hedging = {"accounts": {"default": Terms(hedge=True)}}
    async with trading(time, tmp_path, venue=hedging) as (_, trader, _):
        for side, leg in (("BUY", "LONG"), ("SELL", "SHORT")):
            await trader.place("BTCUSDT", side, size="0.010", type="MARKET", position_side=leg)
        await come(lambda: len(trader.account.positions["BTCUSDT"].legs) == 2)
        position = trader.account.positions["BTCUSDT"]
        assert {leg.position_side: leg.size for leg in position.legs} == {"LONG": D("0.010"), "SHORT": D("-0.010")}
        assert position.size == 0


@virtually
async def test_a_book_that_is_followed(time: Virtual, tmp_path: Path) -> None:
    """Its state serves the rule on stale books, its depth and trades the queue estimates."""

    class Feed:
        def __init__(self, book: csbook.Book) -> None:
            self.books = {book.symbol: book}

        def on_book(self, callback: Any) -> None:
            self.book = callback

        def on_state(self, callback: Any) -> None:
            self.state = callback

        def on_trade(self, callback: Any) -> None:
            self.trade = callback

    rules = Tripwire(book_stale_after=5.0)
    async with trading(time, tmp_path, rules=rules) as (venue, trader, _):
        book = csbook.Book("BTCUSDT")
        book.apply_snapshot([["60000.0", "1.5"]], [["60000.1", "0.5"]])
        feed: Any = Feed(book)
        trader.follow(feed)
        order = await resting(venue, trader)
        shown_ns = order.receive_time_ns + 1
        book.apply_snapshot([[str(order.price), "1.510"]], [["70000.1", "0.5"]], receive_time_ns=shown_ns)
        feed.book(book)
        assert trader.account.queue(order.client_order_id) == (0, D("1.500"))
        feed.trade(Trade("BTCUSDT", 1, order.price, D("0.4"), Side.SELL, 0, 0, 0))
        assert trader.account.queue(order.client_order_id) == (0, D("1.100"))
        await asyncio.sleep(0.01)
        await asyncio.sleep(60)
        assert not trader.halted
        book.clear("gone")
        feed.state(book, State.LIVE, book.state, "gone")
        await come(lambda: trader.halted)
        assert "its book is not LIVE for 5 s" in repr(trader)
        await come(lambda: not venue.account.open_orders)


# -- what cannot be ----------------------------------------------------------------------------------------------------


def test_arguments_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Credentials("k" * 16, "s" * 16)
    with pytest.raises(UsageError, match="cannot trade on 'mars'"):
        csbook.trade("mars", credentials=credentials)
    with pytest.raises(UsageError, match="given together"):
        csbook.trade("coinswitch", credentials=credentials, rest_url="http://127.0.0.1:1")
    with pytest.raises(UsageError, match="https"):
        csbook.trade("coinswitch", credentials=credentials, rest_url="http://example.com", ws_url="ws://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"ticks\['BTCUSDT'\]"):
        csbook.trade("coinswitch", credentials=credentials, ticks={"BTCUSDT": "x"})
    monkeypatch.delenv("CSBOOK_COINSWITCH_API_KEY", raising=False)
    with pytest.raises(CredentialsError, match="CSBOOK_COINSWITCH_API_KEY"):
        csbook.trade("coinswitch")
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_KEY", "k" * 16)
    monkeypatch.setenv("CSBOOK_COINSWITCH_API_SECRET", "s" * 16)
    trader = csbook.trade("coinswitch", cancel_on_exit=True, state_dir=tmp_path)
    assert repr(trader) == "<Trader coinswitch not entered>" and "s" * 16 not in repr(vars(trader))


@virtually
async def test_only_inside_of_its_block(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        trader = trader_of(time, venue, tmp_path)
        calls = (
            lambda: trader.place("BTCUSDT", "BUY", size="1", price="1"), lambda: trader.cancel("x"), trader.cancel_all,
            lambda: trader.amend("x"), trader.open_orders, trader.closed_orders, trader.portfolio,
        )  # fmt: skip

        async def refused() -> None:
            for call in calls:
                with pytest.raises(UsageError, match="inside of its async with block"):
                    await call()
            with pytest.raises(UsageError, match="inside of its async with block"):
                trader.rearm()

        await refused()
        with pytest.raises(UsageError, match="there is nothing to halt before"):
            trader.halt()
        async with trader:
            pass
        await refused()
        with pytest.raises(UsageError, match="entered once"):
            async with trader:
                pass


@virtually
async def test_entering_fails_and_leaves_nothing(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        wrong = Credentials(venue.api_key, "0" * 64)
        with pytest.raises(CredentialsError, match="the symbols' rules: the venue answered 401") as caught:
            async with trader_of(time, venue, tmp_path, credentials=wrong):
                pass
        assert "0" * 64 not in str(caught.value)
        venue.faults = "request_503=1"
        with pytest.raises(RequestError, match="the symbols' rules: the venue answered 503"):
            async with trader_of(time, venue, tmp_path):
                pass
        venue.faults = ()
        url = venue.rest_url
        with pytest.raises(UsageError, match="expected an absolute path"), pytest.MonkeyPatch.context() as patch:
            patch.setenv("CSBOOK_STATE_DIR", "relative")
            async with Trader("coinswitch", credentials=wrong, rest_url=url, ws_url=venue.ws_url, _timing=time.timing):
                pass
    with pytest.raises(ConnectError, match="cannot trade at"):
        async with Trader("coinswitch", credentials=wrong, rest_url=url, ws_url=url.replace("http", "ws")):
            pass


@virtually
async def test_rules_that_cannot_be_read(time: Virtual, tmp_path: Path) -> None:
    async with Counterparty() as venue:
        venue.now_ms = lambda: time.clock.now_ns() // 1_000_000
        venue.answers["GET", f"{FUTURES}/instrument_info"] = lambda asked: (200, {"data": {"BTCUSDT": {}}})
        with pytest.raises(RequestError, match="the symbols' rules: "):
            async with Trader(
                "coinswitch", credentials=venue.credentials, rest_url=venue.rest_url, ws_url=venue.ws_url,
                state_dir=tmp_path, _timing=time.timing,
            ):  # fmt: skip
                pass


@virtually
async def test_entering_may_be_given_up(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        venue.faults = "request_503=0.9"
        trader = trader_of(time, venue, tmp_path)
        entering = asyncio.ensure_future(trader.__aenter__())
        await asyncio.sleep(0)
        entering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await entering
        with pytest.raises(UsageError):
            await trader.cancel_all()


# -- the private stream ------------------------------------------------------------------------------------------------


@virtually
async def test_a_lost_stream_is_polled_and_comes_back(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path, rules=Tripwire(stream_lost_after=None)) as (venue, trader, heard):
        order = await resting(venue, trader)
        limits, venue._sockets._limits = venue._sockets._limits, no_sockets(venue)
        await venue.disconnect_streams()
        venue.cross(order.order_id)
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.FILLED)
        assert trader.account.positions["BTCUSDT"].size == D("0.010")
        assert any("polled every 5 s" in text for text in heard.texts("degrade"))
        venue._sockets._limits = limits
        await come(lambda: any("is back and the account reconciled" in text for text in heard.texts("degrade")[1:]))
        assert trader.stats()["reconnects"] == 1


@virtually
async def test_events_that_are_lost_are_found(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, _):
        order = await resting(venue, trader)
        venue.faults = "event_drop=1"
        venue.cross(order.order_id)
        await venue.quiet()
        venue.faults = ()
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.FILLED)
        await come(lambda: not trader.account.to_resolve)
        truth = venue.account.positions["BTCUSDT"]
        mine = trader.account.positions["BTCUSDT"]
        assert (mine.size, mine.entry_price, mine.commission) == (truth.size, truth.entry_price, truth.commission)
        assert trader.account.balances["USDT"].wallet == venue.account.wallet["USDT"]


@virtually
async def test_an_event_that_is_malformed_is_made_good(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        order = await resting(venue, trader)
        await asyncio.sleep(0.01)
        tell = venue._streams.tell
        venue._streams.tell = lambda account, event, topic: tell(account, event[:-9], topic)  # type: ignore
        venue.cross(order.order_id)
        await venue.quiet()
        venue._streams.tell = tell  # type: ignore[method-assign]
        began = time.clock.now_ns()
        await come(lambda: trader.account.orders[order.client_order_id].status is OrderStatus.FILLED)
        assert time.clock.now_ns() - began < 30e9  # it does not wait for the next round
        assert heard.texts("schema") and trader.stats()["malformed"] == 3


@virtually
async def test_an_event_that_cannot_be_is_refused(time: Virtual, tmp_path: Path) -> None:
    async with trading(time, tmp_path) as (venue, trader, heard):
        order = await resting(venue, trader)
        (connection,) = venue._streams.connections
        event = {
            "e": "ORDER_TRADE_UPDATE", "E": 1, "T": 1,
            "o": {"s": "BTCUSDT", "c": order.client_order_id, "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "1", "p": "1",
                  "x": "NEW", "X": "NEW", "i": int(order.order_id), "l": "0", "z": "0", "L": "0", "T": 1, "t": 0},
        }  # fmt: skip
        venue._streams.tell(venue.account, json.dumps(event).encode())
        await come(lambda: any("a private event was refused: side is SELL" in text for text in heard.texts("schema")))
        assert trader.account.orders[order.client_order_id].side is Side.BUY and connection.farewell is None


@virtually
async def test_a_message_that_does_not_look_as_it_should(time: Virtual, tmp_path: Path) -> None:
    """What is new is told once; a field that must be there and has another kind halts."""
    async with trading(time, tmp_path) as (venue, trader, heard):
        await resting(venue, trader)
        for _ in range(3):
            venue._streams.tell(venue.account, b'{"e":"SOMETHING_NEW","E":5}')
            venue._streams.tell(venue.account, b'{"e":"ACCOUNT_UPDATE","E":5,"a":{"m":"X","B":[]},"new":1}')
        await venue.quiet()
        await asyncio.sleep(1)
        assert not trader.halted and 2 <= len(heard.texts("schema")) <= 4
        venue._streams.tell(venue.account, b'{"e":"ACCOUNT_UPDATE","E":"5","a":{"m":"X","B":[]}}')
        await come(lambda: trader.halted)
        assert "field 'E'" in repr(trader)
        await come(lambda: not venue.account.open_orders)


# -- coming and going --------------------------------------------------------------------------------------------------


@virtually
async def test_orders_stay_unless_asked_for(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        async with trader_of(time, venue, tmp_path) as trader:
            order = await resting(venue, trader)
        assert len(venue.account.open_orders) == 1
        async with trader_of(time, venue, tmp_path) as trader:  # a restart knows its own
            known: Order = trader.account.orders[order.client_order_id]
            assert known.own and known.status is OrderStatus.NEW
            assert trader.account.exposure("BTCUSDT").long == D("0.010")
            await trader.cancel(known)
        assert not venue.account.open_orders


@virtually
async def test_leaving_cancels_where_that_is_wanted(time: Virtual, tmp_path: Path) -> None:
    async with exchange(time) as venue:
        with pytest.raises(ZeroDivisionError):
            async with trader_of(time, venue, tmp_path, cancel_on_exit=True) as trader:
                for number in range(3):
                    await resting(venue, trader, number)
                raise ZeroDivisionError
        assert not venue.account.open_orders and not trader.halted
        async with trader_of(time, venue, tmp_path, cancel_on_exit=True) as trader:
            assert not trader.halted  # nothing was latched
            venue.faults = "request_503=1"

            async def late() -> None:
                await asyncio.sleep(3)
                with pytest.raises(HaltedError, match="are being cancelled"):
                    await resting(venue, trader)
                venue.faults = ()

            await_late = asyncio.ensure_future(late())
            venue.faults = ()
            await resting(venue, trader)
            venue.faults = "request_503=1"
        await await_late
        assert not venue.account.open_orders


@virtually
async def test_callbacks_that_raise_are_told(time: Virtual, tmp_path: Path) -> None:
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))
    async with trading(time, tmp_path) as (venue, trader, heard):
        trader.on_event(lambda change: 1 / 0)
        trader.on_alert(lambda alert: [][1])
        await resting(venue, trader)
        await trader.halt()
        assert {type(context["exception"]) for context in told} == {ZeroDivisionError, IndexError}
        assert "<lambda> raised" in told[0]["message"] and heard.texts("halt")


async def test_a_trader_by_the_clocks_of_the_machine(tmp_path: Path) -> None:
    """Once with nothing injected at all."""
    async with LocalVenue(symbols=["BTCUSDT"], speed=0.0) as venue:
        venue.pause()
        async with csbook.trade(
            "coinswitch", credentials=keys_of(venue.account), rest_url=venue.rest_url, ws_url=venue.ws_url,
            state_dir=tmp_path, cancel_on_exit=True,
        ) as trader:  # fmt: skip
            order = await resting(venue, trader)
            await until(lambda: trader.stats()["events"])
            assert trader.account.orders[order.client_order_id].status is OrderStatus.NEW
        assert not venue.account.open_orders
