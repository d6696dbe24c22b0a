"""Own resting orders by price."""

from __future__ import annotations

from account.reports import SYMBOL, D, filled, order, report
from csbook.account import Account
from csbook.account.ladder import Ladder
from csbook.types import Side


def test_best_first_on_both_sides() -> None:
    ladder = Ladder(SYMBOL)
    for key, side, price, size in (
        ("a", Side.BUY, "99", "1"), ("b", Side.BUY, "100", "2"), ("c", Side.BUY, "100.0", "3"),
        ("d", Side.SELL, "102", "4"), ("e", Side.SELL, "101", "5"),
    ):  # fmt: skip
        ladder.put(side, D(price), key, D(size))
    assert ladder.bids == [(100, 5), (99, 1)]
    assert ladder.asks == [(101, 5), (102, 4)]
    assert (ladder.best(Side.BUY), ladder.best(Side.SELL), len(ladder)) == (100, 101, 4)
    assert ladder.at(Side.BUY, D(100)) == {"b": 2, "c": 3}
    ladder.put(Side.BUY, D(100), "b", D(0))
    ladder.put(Side.BUY, D(100), "c", D(0))
    ladder.put(Side.BUY, D(98), "x", D(0))
    assert ladder.bids == [(99, 1)]
    assert ladder.at(Side.BUY, D(100)) == {}
    assert Ladder(SYMBOL).best(Side.BUY) is None


def test_the_account_keeps_it() -> None:
    account = Account()
    account.placing(order(), 1)
    account.placing(order("m", price=None), 1)
    assert account.ladder(SYMBOL).bids == [], "not known to rest"
    account.apply(report("NEW", at=2), 3)
    account.apply(report("NEW", at=2, client="m", price=None), 3)
    assert account.ladder(SYMBOL).bids == [(100, 2)]
    account.apply(filled("1", "0.5", "0.5", at=4), 5)
    account.canceling("a", 6)
    assert account.ladder(SYMBOL).bids == [(100, D("1.5"))], "a cancel that is on its way has taken nothing yet"
    account.apply(report("PARTIALLY_FILLED", "0.5", at=7, price="99"), 8)
    assert account.ladder(SYMBOL).bids == [(99, D("1.5"))]
    account.apply(report("CANCELED", "0.5", at=9), 10)
    assert account.ladder(SYMBOL).bids == []
