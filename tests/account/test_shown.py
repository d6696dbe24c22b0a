"""Which own orders a book contains, and the touch without them."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

import csbook
from account.reports import MS, SYMBOL, D, filled, order, report
from csbook.account import Account
from csbook.account.shown import raw
from csbook.errors import PrecisionError
from csbook.types import Side


def book(
    at: int, bids: list[tuple[str, str]], received: int | None = None, made: csbook.Book | None = None
) -> csbook.Book:
    made = made or csbook.Book(SYMBOL, price_decimals=2, size_decimals=3)
    made.apply_snapshot(bids, [("105", "4")], event_time_ns=at * MS, receive_time_ns=(received or at) * MS)
    return made


def quoting(size: str = "2") -> Account:
    account = Account()
    account.placing(order("a", size=size), 1)
    account.apply(report("NEW", "0", at=10, size=size), 11 * MS)
    return account


def touch(top: csbook.Top) -> tuple[float, float]:
    return top.bid, top.bid_size


def test_an_order_is_in_the_book_from_the_first_depth_after_its_ack() -> None:
    account = quoting()
    made = book(10, [("100", "2"), ("99", "1")])
    assert touch(account.net_of_own(made)) == (100, 2), "a tie is no proof"
    book(11, [("100", "2"), ("99", "1")], made=made)
    assert touch(account.net_of_own(made)) == (99, 1)
    assert touch(made.top()) == (100, 2), "the book is as it was"


def test_a_cancelled_order_is_in_it_until_the_first_depth_after_the_cancel() -> None:
    account = quoting()
    made = book(11, [("100", "5"), ("99", "1")])
    assert touch(account.net_of_own(made)) == (100, 3)
    account.apply(report("CANCELED", "0", at=12), 13 * MS)
    assert touch(account.net_of_own(made)) == (100, 3)
    book(13, [("100", "3"), ("99", "1")], made=made)
    assert touch(account.net_of_own(made)) == (100, 3)


def test_a_fill_takes_its_part() -> None:
    account = quoting()
    made = book(11, [("100", "5"), ("99", "1")])
    account.net_of_own(made)
    account.apply(filled("1", "0.5", "0.5", at=12), 13 * MS)
    assert touch(account.net_of_own(made)) == (100, 3)
    book(14, [("100", "4.5"), ("99", "1")], made=made)
    assert touch(account.net_of_own(made)) == (100, 3)


def test_without_event_times_arrival_decides() -> None:
    account = quoting()
    made = csbook.Book(SYMBOL, price_decimals=2, size_decimals=3)
    made.apply_snapshot([("100", "2"), ("99", "1")], [], receive_time_ns=11 * MS)
    assert touch(account.net_of_own(made)) == (100, 2)
    made.apply_snapshot([("100", "2"), ("99", "1")], [], receive_time_ns=12 * MS)
    assert touch(account.net_of_own(made)) == (99, 1)


def test_never_a_negative_size_and_nan_where_all_is_own() -> None:
    account = quoting("7")
    made = book(11, [("100", "5"), ("99", "1")])
    assert touch(account.net_of_own(made)) == (99, 1)
    book(12, [("100", "5")], made=made)
    top = account.net_of_own(made)
    assert math.isnan(top.bid) and math.isnan(top.bid_size)
    assert (top.bid_raw, top.bid_size_raw, top.ask) == (0, 0, 105)


def test_each_book_has_its_own_scales_and_its_own_grace() -> None:
    account = quoting()
    early, late = book(10, [("100", "2")]), csbook.Book(SYMBOL, price_decimals=4, size_decimals=1)
    late.apply_snapshot([("100", "2"), ("98", "1")], [], event_time_ns=20 * MS)
    assert touch(account.net_of_own(early)) == (100, 2)
    assert touch(account.net_of_own(late)) == (98, 1)
    account.apply(report("CANCELED", "0", at=30), 31 * MS)
    assert touch(account.net_of_own(late)) == (98, 1)
    other = csbook.Book("ETHUSDT", price_decimals=2, size_decimals=3)
    other.apply_snapshot([("100", "2")], [], event_time_ns=40 * MS)
    assert touch(account.net_of_own(other)) == (100, 2)


@pytest.mark.parametrize(("size", "price"), [("2.0001", "100"), ("2", "100.001"), ("1e17", "100")])
def test_what_does_not_fit_the_book_is_refused(size: str, price: str) -> None:
    account = Account()
    account.placing(order("a", size=size, price=price), 1)
    account.apply(report("NEW", "0", at=10, size=size, price=price), 11 * MS)
    made = book(11, [("100", "5")])
    for _ in range(2):
        with pytest.raises(PrecisionError):
            account.net_of_own(made)


def test_a_book_that_is_gone_costs_nothing() -> None:
    account = quoting()
    account.net_of_own(book(11, [("100", "5")]))
    account.net_of_own(book(12, [("100", "5")]))
    assert sum(shown.book() is not None for shown in account._resting._shown[SYMBOL]) <= 1
    assert len(account._resting._shown[SYMBOL]) == 1


@pytest.mark.computes
def test_the_walk_against_plain_dicts() -> None:
    import random

    chance = random.Random(7)
    for round_ in range(200):
        account = Account()
        own: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}
        for number in range(chance.randrange(20)):
            side = Side(chance.randrange(2))
            price = D(100) - chance.randrange(8) if side is Side.BUY else D(101) + chance.randrange(8)
            size = D(1 + chance.randrange(4)) / 2
            account.placing(order(str(number), side, str(size), str(price)), 1)
            account.apply(report("NEW", "0", 5, str(number), side, str(size), str(price)), 6)
            own[side][price] = own[side].get(price, D(0)) + size
        bids = {D(100) - i: D(1 + chance.randrange(6)) / 2 for i in range(10) if chance.random() < 0.8}
        asks = {D(101) + i: D(1 + chance.randrange(6)) / 2 for i in range(10) if chance.random() < 0.8}
        made = csbook.Book(SYMBOL, price_decimals=1, size_decimals=1)
        made.apply_snapshot(
            sorted(bids.items(), reverse=True), sorted(asks.items()), event_time_ns=10 * MS, receive_time_ns=10 * MS
        )
        top = account.net_of_own(made)
        left = [(p, s - own[Side.BUY].get(p, 0)) for p, s in sorted(bids.items(), reverse=True)]
        wanted = next(((p, s) for p, s in left if s > 0), (D(0), D(0)))
        assert (D(top.bid_raw) / 10, D(top.bid_size_raw) / 10) == wanted, round_
        left = [(p, s - own[Side.SELL].get(p, 0)) for p, s in sorted(asks.items())]
        wanted = next(((p, s) for p, s in left if s > 0), (D(0), D(0)))
        assert (D(top.ask_raw) / 10, D(top.ask_size_raw) / 10) == wanted, round_


def test_raw_is_exact() -> None:
    assert raw(D("100.50"), 2, "price") == raw(D("1.005e2"), 2, "price") == 10050
    assert raw(D("-0.5"), 1, "size") == -5
    assert raw(D("100.5000"), 1, "price") == 1005
    with pytest.raises(PrecisionError, match="price"):
        raw(D("0.001"), 2, "price")
