"""The matcher on small markets made here, against one that is slow and obvious."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import pytest

from csbook.sim.accounts import QUOTE
from csbook.sim.recording import Change, Deal
from csbook.sim.tickets import Ticket
from csbook.types import OrderStatus
from pit import Levels, Pit
from slow_match import Slow


def filled(*tickets: Ticket) -> list[int]:
    return [ticket.filled for ticket in tickets]


def change(bids: Levels, asks: Levels) -> Change:
    return Change(1, 2000, bids, asks)


def deal(price: int, size: int, buyer_is_maker: bool, trade_id: int = 500) -> Deal:
    return Deal(1, 0, trade_id, price, size, buyer_is_maker)


def test_a_queue_is_passed_before_our_turn() -> None:
    pit = Pit([deal(99, 30, True), change([(99, 70)], []), deal(99, 80, True, 501)], [(99, 100)], [(101, 50)])
    mine = pit.place("a", "BUY", 99, 20)
    assert (mine.ahead, pit.listing.top(1)) == (100, ([(99, 120)], [(101, 50)]))
    pit.step()
    assert (mine.ahead, mine.filled) == (70, 0)
    pit.step()
    pit.step()
    assert filled(mine) == [10]
    assert [(p.id, p.size, p.price) for p in pit.prints] == [(500, 30, 99), (501, 10, 99), (502, 70, 99)]
    (fill,) = pit.account("a").fills
    assert (fill.price, fill.size, fill.is_maker, fill.trade_id) == (Decimal("49.5"), Decimal("0.10"), True, "501")


def test_who_leaves_the_queue_is_taken_to_stand_behind_us_and_who_comes_does() -> None:
    pit = Pit([change([(99, 40)], []), change([(99, 90)], []), deal(99, 45, True)], [(99, 100)], [(101, 50)])
    mine = pit.place("a", "BUY", 99, 20)
    for ahead in (40, 40):
        pit.step()
        assert mine.ahead == ahead
    pit.step()
    assert filled(mine) == [5]


def test_a_trade_through_our_price_needs_no_queue_and_pays_our_price() -> None:
    pit = Pit([deal(98, 30, True)], [(99, 100)], [(101, 50)])
    mine, deeper = pit.place("a", "BUY", 99, 20), pit.place("a", "BUY", 98, 20)
    pit.step()
    assert filled(mine, deeper) == [20, 10]
    assert [(p.price, p.size) for p in pit.prints] == [(99, 20), (98, 10)]


def test_a_change_that_crosses_fills_at_our_price_and_the_rest_goes_on() -> None:
    pit = Pit([change([(99, 0)], [(98, 15), (97, 2)]), change([], [(98, 30)])], [(99, 100)], [(101, 50)])
    mine = pit.place("a", "BUY", 99, 20)
    pit.step()
    assert filled(mine) == [17]
    assert pit.listing.top(2) == ([(99, 3)], [(101, 50)]), "never crossed in public"
    pit.step()
    assert filled(mine) == [20]
    assert {fill.price for fill in pit.account("a").fills} == {Decimal("49.5")}
    assert pit.listing.top(1)[1] == [(98, 27)]


def test_what_was_taken_stays_taken_until_the_replay_says_something_of_the_level() -> None:
    pit = Pit([change([], [(102, 5)]), change([], [(101, 50)])], [(99, 100)], [(101, 50), (102, 10)])
    first = pit.place("a", "BUY", 101, 50, "IOC")
    second = pit.place("a", "BUY", 101, 1, "IOC")
    assert filled(first, second) == [50, 0]
    assert second.status is OrderStatus.EXPIRED
    assert pit.listing.top(1)[1] == [(102, 10)]
    pit.step()
    assert pit.listing.top(1)[1] == [(102, 5)]
    pit.step()
    assert pit.listing.top(1)[1] == [(101, 50)]
    assert filled(pit.place("a", "BUY", 101, 1, "IOC")) == [1]


def test_between_accounts_by_price_then_time_with_the_recording_in_its_place() -> None:
    pit = Pit([], [(99, 100)], [(101, 50)])
    early = pit.place("a", "SELL", 101, 10)
    better = pit.place("a", "SELL", 100, 5)
    late = pit.place("a", "SELL", 101, 10)
    taker = pit.place("b", "BUY", 101, 62)
    assert filled(better, early, late, taker) == [5, 7, 0, 62]
    assert [(f.price, f.size) for f in pit.account("b").fills] == [
        (Decimal("50.0"), Decimal("0.05")),
        (Decimal("50.5"), Decimal("0.50")),
        (Decimal("50.5"), Decimal("0.07")),
    ]
    assert pit.account("a").positions["TSTUSDT"].size == Decimal("-0.12")
    assert pit.account("b").positions["TSTUSDT"].size == Decimal("0.62")


def test_orders_of_one_account_never_meet_the_newer_one_ends() -> None:
    pit = Pit([], [(99, 100)], [(102, 50)])
    pit.place("a", "SELL", 101, 10)
    other = pit.place("b", "SELL", 100, 3)
    mine = pit.place("a", "BUY", 102, 20)
    assert filled(other, mine) == [3, 3]
    assert mine.status is OrderStatus.EXPIRED
    assert mine.record().filled == Decimal("0.03")
    assert len(pit.account("a").open_orders) == 1


@pytest.mark.parametrize(("size", "full"), [(60, True), (61, False)])
def test_all_or_nothing(size: int, full: bool) -> None:
    pit = Pit([], [(99, 100)], [(101, 50), (102, 10), (103, 10)])
    ticket = pit.place("a", "BUY", 102, size, "FOK")
    assert filled(ticket) == [size if full else 0]
    assert ticket.status is (OrderStatus.FILLED if full else OrderStatus.EXPIRED)
    assert pit.listing.top(1)[1] == ([(103, 10)] if full else [(101, 50)])


def test_all_or_nothing_stops_at_our_own_order() -> None:
    pit = Pit([], [(99, 100)], [(101, 50)])
    pit.place("a", "SELL", 101, 10)
    assert filled(pit.place("a", "BUY", 101, 50, "FOK")) == [50]
    assert filled(pit.place("a", "BUY", 101, 1, "FOK")) == [0]


def test_a_market_order_walks_the_book_and_the_rest_ends() -> None:
    pit = Pit([], [(99, 4), (98, 6)], [(101, 50)])
    ticket = pit.place("a", "SELL", None, 20)
    assert (ticket.filled, ticket.status) == (10, OrderStatus.EXPIRED)
    assert ticket.average == (Decimal("49.5") * 4 + Decimal(49) * 6) / 10
    assert pit.listing.top(5)[0] == []


def test_reduce_only_fills_up_to_the_position_and_ends_with_it() -> None:
    pit = Pit([deal(105, 100, False)], [(99, 100)], [(110, 50)])
    pit.place("a", "BUY", None, 0 + 1)
    pit.place("a", "BUY", 110, 19)
    closing = pit.place("a", "SELL", 104, 15, reduce_only=True)
    pit.place("a", "SELL", 103, 12)  # takes most of the position first
    pit.step()
    assert (closing.filled, closing.status) == (8, OrderStatus.EXPIRED)
    assert pit.account("a").positions["TSTUSDT"].size == 0
    assert pit.account("a").open_orders == ()


def test_ids_rise_without_holes_and_the_book_s_id_with_every_change() -> None:
    pit = Pit([deal(99, 5, True, 500), change([(98, 1)], []), deal(99, 200, True, 501)], [(99, 10)], [(101, 50)])
    pit.step()
    mine = pit.place("a", "BUY", 99, 20)
    seen = [pit.listing.update_id]
    pit.place("b", "SELL", 99, 12)
    seen.append(pit.listing.update_id)
    pit.step()
    seen.append(pit.listing.update_id)
    pit.step()
    seen.append(pit.listing.update_id)
    assert seen == sorted(set(seen))
    assert [p.id for p in pit.prints] == list(range(500, 500 + len(pit.prints)))
    assert mine.filled == 20


# -- against the slow one


def stream(rng: random.Random, count: int) -> tuple[list[Change | Deal], Levels, Levels]:
    """A recorded market of few prices and small sizes, so that everything meets; never crossed in itself."""
    middle, update, trade = 100, 1000, 500
    bids = {price: rng.randint(1, 9) for price in range(90, 100)}
    asks = {price: rng.randint(1, 9) for price in range(101, 111)}
    first = (sorted(bids.items(), reverse=True), sorted(asks.items()))
    events: list[Change | Deal] = []
    for at in range(count):
        if rng.random() < 0.4:
            maker = rng.random() < 0.5
            side = bids if maker else asks
            best = (max(side) if maker else min(side)) if side else middle
            price = best + rng.choice([0, 0, 0, -1, 1, -2, 2])
            events.append(Deal(at, 0, trade, price, rng.randint(1, 12), maker))
            trade += 1
            continue
        middle += rng.choice([0, 0, 0, -1, 1, -3, 3])
        said: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for mine, changes, gone in ((bids, said[0], middle), (asks, said[1], middle)):
            for price in list(mine):
                if price >= gone if mine is bids else price <= gone:
                    del mine[price]
                    changes[price] = 0
            for _ in range(rng.randint(0, 3)):
                price = middle - rng.randint(1, 6) if mine is bids else middle + rng.randint(1, 6)
                changes[price] = mine[price] = rng.randint(0, 9)
                if not mine[price]:
                    del mine[price]
        update += rng.randint(1, 3)
        events.append(Change(at, update, sorted(said[0].items(), reverse=True), sorted(said[1].items())))
    return events, *first


@pytest.mark.parametrize("seed", range(24))
def test_it_is_the_slow_one_s_match_on_a_random_market(seed: int) -> None:
    rng = random.Random(seed)
    events, bids, asks = stream(rng, 250)
    pit, slow = Pit(events, bids, asks), Slow()
    for side, levels in (("BUY", bids), ("SELL", asks)):
        for price, size in levels:
            slow.change(side, price, size)
    tickets: dict[int, Ticket] = {}
    traded = 0
    for event in events:
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            if tickets and rng.random() < 0.3:
                ticket = rng.choice(list(tickets.values()))
                pit.exchange.close(ticket, OrderStatus.CANCELED)
                slow.cancel(ticket.id)
                continue
            account, side = rng.choice("ab"), rng.choice(["BUY", "SELL"])
            best = pit.listing.top(1)[side == "BUY"]
            near = best[0][0] if best else 100
            price = None if rng.random() < 0.1 else near + rng.choice([-6, -3, -2, -1, 0, 0, 1, 2])
            tif = rng.choice(["GTC", "GTC", "GTC", "IOC", "FOK"])
            size = rng.randint(1, 25)
            before = set(pit.account(account).tickets)
            ticket = pit.place(account, side, price, size, tif)
            assert before < set(pit.account(account).tickets)
            tickets[ticket.id] = ticket
            slow.place(ticket.id, account, side, price, size, tif)
        printed = sum(p.size for p in pit.prints)
        pit.step()
        if isinstance(event, Deal):
            slow.deal(event.price, event.size, event.buyer_is_maker)
            traded += event.size
            assert sum(p.size for p in pit.prints) - printed == event.size, "the parts add up to the trade"
        else:
            for side, levels in (("BUY", event.bids), ("SELL", event.asks)):
                for price, size in levels:
                    slow.change(side, price, size)
            slow.crossed()
        found = pit.listing.top(50)
        assert found == (slow.top("BUY", 50), slow.top("SELL", 50))
        assert not found[0] or not found[1] or found[0][0][0] < found[1][0][0]
    for ticket in tickets.values():
        assert ticket.remaining == (slow.orders[ticket.id]["left"] if ticket.open else 0)
        assert ticket.size - ticket.filled == slow.orders[ticket.id]["left"]
        was = slow.orders[ticket.id]["status"]
        assert str(ticket.status) == ("PARTIALLY_FILLED" if was == "NEW" and ticket.filled else was)
    assert len(slow.fills) > 20
    ids = [p.id for p in pit.prints]
    assert ids == list(range(500, 500 + len(ids)))
    conserved(pit, slow)


def conserved(pit: Pit, slow: Slow) -> None:
    """Fills, positions, fees and wallets say the same thing, to the last digit."""
    for name in "ab":
        account = pit.account(name)
        mine = [
            (order, price, size, order == maker)
            for maker, taker, price, size in slow.fills
            for order in (maker, taker)
            if order is not None and slow.orders[order]["account"] == name
        ]
        said: Counter[tuple[int, Decimal, bool]] = Counter()
        for f in account.fills:
            said[int(f.order_id), f.price, bool(f.is_maker)] += int(f.size * 100)
        right: Counter[tuple[int, Decimal, bool]] = Counter()
        for order, price, size, maker in mine:
            right[order, Decimal(price) / 2, maker] += size
        assert said == right
        signs = {"BUY": 1, "SELL": -1}
        held = sum(signs[slow.orders[order]["side"]] * size for order, _, size, _ in mine)
        cash = -sum(signs[slow.orders[order]["side"]] * price * size for order, price, size, _ in mine)
        fees = sum(Decimal(price * size) / 200 * Decimal("0.0002" if m else "0.0005") for _, price, size, m in mine)
        position = account.positions["TSTUSDT"]
        assert position.size == Decimal(held) / 100
        assert position.commission == fees
        assert position.realised_pnl == sum((f.realised_pnl or Decimal(0) for f in account.fills), Decimal(0))
        assert account.wallet[QUOTE] == Decimal("1e9") + position.realised_pnl - fees
        worth = position.realised_pnl - (position.entry_price or Decimal(0)) * position.size
        assert abs(worth - Decimal(cash) / 200) <= Decimal("1e-8") * len(mine), "entry prices are rounded to 1e-8"
    both = [maker is not None and taker is not None for maker, taker, _, _ in slow.fills]
    assert any(both), "accounts met"
