from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from csbook.clock import TapeClock
from csbook.errors import UsageError
from csbook.sim import LocalVenue, Terms
from csbook.sim.exchange import News
from csbook.types import OrderStatus
from customer import FUTURES, customers, heard
from pit import Pit

START = 1_700_000_000_000_000_000


def short(event: dict[str, Any]) -> str:
    """An event in a word or two."""
    if event["e"] == "ORDER_TRADE_UPDATE":
        return f"{event['o']['X']} {event['o']['z']}"
    return str(event.get("a", {}).get("m", event["e"]))


async def test_events_in_the_order_of_what_happened() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock) as (venue, customer):
        stream = await customer.listen()
        ask, size = venue.final_book("BTCUSDT", 1)[1][0]
        await customer.place("BUY", str(Decimal(size) + Decimal("0.010")), ask, client_order_id="c")
        order = venue.account.orders[0]
        venue.cross(order.order_id, "0.004")
        venue.cancel_by_hand(order.order_id)
        money = ["BALANCE_UPDATE", "POSITION_UPDATE"]
        events = await heard(stream, 8)
        assert list(map(short, events)) == [
            "NEW 0.000",
            f"PARTIALLY_FILLED {size}", *money,
            f"PARTIALLY_FILLED {Decimal(size) + Decimal('0.004')}", *money,
            f"CANCELED {Decimal(size) + Decimal('0.004')}",
        ]  # fmt: skip
        taken, made = events[1]["o"], events[4]["o"]
        assert (taken["m"], made["m"]) == (False, True)
        assert (taken["t"], made["t"]) == (taken["t"], taken["t"] + 1)
        assert [str(f.trade_id) for f in venue.account.fills] == [str(taken["t"]), str(made["t"])]
        assert Decimal(taken["n"]) == Decimal(ask) * Decimal(size) * Decimal("0.0005")
        assert events[5]["a"]["B"][0]["wb"] == format(venue.account.wallet["USDT"].normalize(), "f")
        assert all(event["E"] == START // 10**6 for event in events)


async def test_a_position_as_an_event_of_its_own() -> None:
    async with customers(position_event=True) as (_, customer):
        stream = await customer.listen()
        await customer.place("SELL", "0.001", None)
        assert list(map(short, await heard(stream, 4))) == [
            "NEW 0.000", "FILLED 0.001", "BALANCE_UPDATE", "POSITION_UPDATE",
        ]  # fmt: skip


async def test_two_accounts_meet_and_each_hears_its_own() -> None:
    terms = {"a": Terms(), "b": Terms()}
    async with customers("a", "b", accounts=terms) as (venue, a, b):
        first, second = await a.listen(), await b.listen()
        price, there = venue.final_book("BTCUSDT", 1)[1][0]
        await a.place("SELL", "0.005", price)
        await b.place("BUY", str(Decimal(there) + Decimal("0.001")), price)
        size, money = Decimal(there) + Decimal("0.001"), ["BALANCE_UPDATE", "POSITION_UPDATE"]
        took = [short(event) for event in await heard(second, 7)]
        assert took == ["NEW 0.000", f"PARTIALLY_FILLED {there}", *money, f"FILLED {size}", *money]
        gave = [short(event) for event in await heard(first, 4)]
        assert gave == ["NEW 0.000", "PARTIALLY_FILLED 0.001", *money]
        assert venue.accounts["b"].positions["BTCUSDT"].size == size
        assert venue.accounts["a"].positions["BTCUSDT"].size == Decimal("-0.001")
        assert venue.accounts["a"].fills[0].trade_id == venue.accounts["b"].fills[1].trade_id


async def test_a_cancel_that_takes_its_time_may_lose_the_race() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock, cancel_latency_s=0.05) as (venue, customer):
        stream = await customer.listen()
        for _ in range(2):
            await customer.place("BUY", "0.002", "61000.0")
        slow, quick = venue.account.orders
        for order in (slow, quick):
            assert (await customer.cancel(order.order_id))[1]["data"]["status"] == "CANCELLATION_RAISED"
        assert (await customer.cancel(slow.order_id))[0] == 200, "asking twice is no error"
        assert [order.canceling for order in venue.account.open_orders] == [True, True]
        _, said = await customer.ask("GET", f"{FUTURES}/order", query=f"order_id={slow.order_id}")
        assert said["data"]["order"]["status"] == "CANCELLATION_RAISED"
        assert venue.due_ns is not None
        venue.cross(slow.order_id)
        venue.advance(50_000_000)
        assert [order.status for order in venue.account.orders] == [OrderStatus.FILLED, OrderStatus.CANCELED]
        words = [short(event) for event in await heard(stream, 6)]
        assert words == [
            "NEW 0.000", "NEW 0.000", "FILLED 0.002", "BALANCE_UPDATE", "POSITION_UPDATE", "CANCELED 0.000",
        ]  # fmt: skip


@pytest.mark.parametrize("status", [OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED])
async def test_by_hand(status: OrderStatus) -> None:
    async with customers() as (venue, customer):
        stream = await customer.listen()
        placed = venue.place_by_hand("btcusdt", "buy", "0.003", "61000.0", client_order_id="web-1")
        assert (placed.status, placed.price, placed.own) == (OrderStatus.NEW, Decimal("61000.0"), False)
        ended = venue.cancel_by_hand(placed.order_id, status)
        assert ended.status is status
        events = await heard(stream, 2)
        assert [event["o"]["x"] for event in events] == ["NEW", str(status)]
        assert events[0]["o"]["c"] == "web-1"
        market = venue.place_by_hand("BTCUSDT", "SELL", Decimal("0.001"))
        assert (market.type, market.status, market.client_order_id) == ("MARKET", OrderStatus.FILLED, "")


async def test_a_trade_on_demand_takes_its_turn() -> None:
    async with customers() as (venue, customer):
        price, before = venue.final_book("BTCUSDT", 1)[0][0]
        await customer.place("BUY", "0.010", price)
        assert venue.final_book("BTCUSDT", 1)[0][0] == (price, str(Decimal(before) + Decimal("0.010")))
        venue.trade("BTCUSDT", price, before, "SELL")
        assert venue.account.fills == ()
        venue.trade("BTCUSDT", price, "0.004", "SELL")
        venue.trade("BTCUSDT", price, "0.004", "BUY")  # on the other side
        (fill,) = venue.account.fills
        assert (fill.size, fill.is_maker) == (Decimal("0.004"), True)
        assert venue.account.open_orders[0].remaining == Decimal("0.006")


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda venue, order: venue.place_by_hand("BTCUSDT", "BUY", "0.0001", "61000.0"), "too small"),
        (lambda venue, order: venue.place_by_hand("BTCUSDT", "HOLD", "0.001"), "side is 'HOLD'"),
        (lambda venue, order: venue.place_by_hand("BTCUSDT", "BUY", "x"), "size 'x' is no number"),
        (lambda venue, order: venue.place_by_hand("BTCUSDT", "BUY", "0.001", account="who"), "unknown account 'who'"),
        (lambda venue, order: venue.place_by_hand("NOPE", "BUY", "0.001"), "symbol 'NOPE'"),
        (lambda venue, order: venue.cancel_by_hand("1"), "order '1' is not open"),
        (lambda venue, order: venue.cancel_by_hand(order, OrderStatus.FILLED), "status is FILLED"),
        (lambda venue, order: venue.cross(order, "0.003"), "size is 0.003"),
        (lambda venue, order: venue.cross(order, "0.0001"), "size 0.0001 is not a multiple"),
        (lambda venue, order: venue.trade("BTCUSDT", "61000.01", "1", "BUY"), "price 61000.01 is not a multiple"),
        (lambda venue, order: venue.trade("BTCUSDT", "61000", "0", "BUY"), "size is 0"),
        (lambda venue, order: venue.expire_listen_keys("who"), "unknown account 'who'"),
        (lambda venue, order: venue.advance(1), "not one that can be moved"),
    ],
)
async def test_what_cannot_be_done_by_hand(call: Any, named: str) -> None:
    async with customers() as (venue, _):
        order = venue.place_by_hand("BTCUSDT", "BUY", "0.002", "61000.0")
        with pytest.raises(UsageError, match=named):
            call(venue, order.order_id)
        assert venue.account.open_orders == (order,)


async def test_our_orders_stand_in_the_public_book_and_its_id_rises() -> None:
    root = "/pro/realtime-rates-socket/futures/"
    async with customers() as (venue, customer):
        start = venue.final_book("BTCUSDT", 20)
        public = await customer.session.ws_connect(f"{venue.ws_url}{root}btcusdt@depth20")
        await public.send_json({"method": "SUBSCRIBE", "params": ["btcusdt@depth20", "btcusdt@trade"], "id": 1})
        assert (await heard(public, 2))[1]["lastUpdateId"] == start[2]
        price, before = start[1][0]
        _, said = await customer.place("SELL", "0.007", price)
        (shown,) = await heard(public, 1)
        assert shown["asks"] == [[price, str(Decimal(before) + Decimal("0.007"))], *map(list, start[1][1:])]
        assert shown["lastUpdateId"] > start[2]
        assert (await rest_book(customer))["asks"] == shown["asks"]
        venue.cross(said["data"]["order_id"], "0.003")
        trade, depth = await heard(public, 2)
        assert (trade["q"], trade["p"], trade["m"]) == ("0.003", price, False)
        assert trade["t"] == int(venue.account.fills[0].trade_id)
        assert depth["asks"][0][1] == str(Decimal(before) + Decimal("0.004"))
        assert depth["lastUpdateId"] > shown["lastUpdateId"]
        await customer.cancel(said["data"]["order_id"])
        (last,) = await heard(public, 1)
        bids, asks, update_id = venue.final_book("BTCUSDT", 20)
        assert (bids, asks) == start[:2]
        assert last["lastUpdateId"] == update_id > depth["lastUpdateId"]


async def rest_book(customer: Any) -> Any:
    url = f"{customer.venue.rest_url}{FUTURES}/order_book?exchange=EXCHANGE_2&symbol=BTCUSDT"
    async with customer.session.get(url) as answer:
        return (await answer.json())["data"]


def test_every_fill_has_a_sequence_of_its_own() -> None:
    pit = Pit([], [(99, 100)], [(101, 50), (102, 30)])
    seen: list[int] = []

    def tell(news: News) -> None:
        if news.fill is not None and news.ticket.account.name == "a":
            seen.append(pit.exchange.sequence("TSTUSDT"))

    pit.exchange.tell = tell
    start = pit.exchange.sequence("TSTUSDT")
    pit.place("b", "SELL", 100, 5)
    pit.place("b", "SELL", 100, 7)
    pit.place("a", "BUY", 102, 70)
    assert len(seen) == 4 and seen == sorted(set(seen)) and seen[0] > start


async def test_the_replay_fills_an_order_and_goes_on_unharmed() -> None:
    """A whole stretch of the recording with orders at its touch: books stay uncrossed, the account adds up."""
    async with customers() as (venue, _), LocalVenue(symbols=["BTCUSDT"], speed=0) as still:
        still.pause()
        for turn in range(150):
            bids, asks, _ = venue.final_book("BTCUSDT", 1)
            for side, price in (("BUY", bids[0][0]), ("SELL", asks[0][0])):
                venue.place_by_hand("BTCUSDT", side, "0.003", price)
            venue.step(20)
            still.step(20)
            bids, asks, update_id = venue.final_book("BTCUSDT", 20)
            assert Decimal(bids[0][0]) < Decimal(asks[0][0]), turn
            assert update_id > still.final_book("BTCUSDT", 1)[2]
        account = venue.account
        makers = [fill for fill in account.fills if fill.is_maker]
        assert len(makers) > 30
        assert {order.status for order in account.orders} >= {OrderStatus.FILLED, OrderStatus.NEW}
        held = sum((f.size if str(f.side) == "BUY" else -f.size for f in account.fills), Decimal(0))
        paid = sum((f.commission or Decimal(0) for f in account.fills), Decimal(0))
        won = sum((f.realised_pnl or Decimal(0) for f in account.fills), Decimal(0))
        assert account.positions["BTCUSDT"].size == held
        assert account.wallet["USDT"] == 100_000 + won - paid
        for order in list(account.open_orders):
            venue.cancel_by_hand(order.order_id)
        venue.step(20_000)  # every level that was taken from has been said again
        still.step(20_000)
        bids, asks, _ = venue.final_book("BTCUSDT", 5)
        assert (bids, asks) == still.final_book("BTCUSDT", 5)[:2]
