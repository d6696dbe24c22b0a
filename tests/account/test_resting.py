"""Orders where they meet the market: what changes of an order reach the ladder, the books and the queue."""

from __future__ import annotations

import csbook
from account.reports import MS, SYMBOL, D, order, report, snapshot
from csbook.account import Account
from csbook.types import Instrument, Trade


def book(at: int, *bids: tuple[str, str]) -> csbook.Book:
    made = csbook.Book(SYMBOL, price_decimals=2, size_decimals=3)
    made.apply_snapshot(bids, [("105", "4")], event_time_ns=at * MS, receive_time_ns=at * MS)
    return made


def test_an_amended_price_moves_the_order_everywhere() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(report("NEW", "0", at=5), 6)
    made = book(6, ("100", "3"), ("99", "4"))
    assert account.net_of_own(made).bid_size == 1
    account.apply(report("NEW", "0", at=7, price="99"), 8)
    assert account.ladder(SYMBOL).bids == [(99, 2)]
    made.apply_snapshot([("100", "1"), ("99", "6")], [("105", "4")], event_time_ns=9 * MS)
    top = account.net_of_own(made)
    assert (top.bid, top.bid_size) == (100, 1)
    account.on_depth(made)
    assert account.queue("a") == (0, 4), "a new price is a new place"


def test_a_larger_size_adds_to_what_the_book_shows() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(report("NEW", "0", at=5), 6)
    made = book(6, ("100", "3"))
    assert account.net_of_own(made).bid_size == 1
    account.apply(report("NEW", "0", at=7, size="2.5"), 8)
    made.apply_snapshot([("100", "3.5")], [], event_time_ns=9 * MS)
    assert account.net_of_own(made).bid_size == 1


def test_a_book_in_contracts() -> None:
    """Own sizes are base quantity everywhere; what the book and its trades count is contracts of a thousandth."""
    account = Account()
    account.learn({SYMBOL: Instrument(SYMBOL, D("0.01"), D("0.001"), multiplier=D("0.001"))})
    account.placing(order(), 1)
    account.on_depth(book(4, ("100", "500")))
    account.apply(report("NEW", "0", at=5), 6)
    made = book(6, ("100", "2500"), ("99", "9"))
    assert account.net_of_own(made).bid_size == 500  # contracts, as in the book
    account.on_depth(made)
    assert account.queue("a") == (D("0.5"), D("0.5"))
    account.on_trade(Trade(SYMBOL, 1, D(100), D(200), csbook.Side.SELL, 7 * MS, 7 * MS, 7 * MS))
    assert account.queue("a") == (D("0.3"), D("0.3"))
    account.apply(report("NEW", "0", at=8, size="2.25"), 9)
    made.apply_snapshot([("100", "2550"), ("99", "9")], [("105", "4")], event_time_ns=9 * MS)
    assert account.net_of_own(made).bid_size == 300
    assert account.ladder(SYMBOL).bids == [(100, D("2.25"))]


def test_an_order_that_gets_its_name_late_is_in_the_ladder_once() -> None:
    account = Account(own_prefix="a")
    account.reconcile(snapshot(1, 2, orders=(report("NEW", "0", at=5, client="", order_id="a-id"),)), 3)
    assert account.ladder(SYMBOL).at(csbook.Side.BUY, D(100)) == {"#a-id": 2}
    account.apply(report("NEW", "0", at=6), 7)
    assert account.ladder(SYMBOL).at(csbook.Side.BUY, D(100)) == {"a": 2}
    assert list(account.orders) == ["a"]
    assert account.orders["a"].own
