"""Own resting orders by price."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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


@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 6), st.sampled_from("abc"), st.integers(0, 3))))
def test_it_is_in_order_after_every_change(changes: list[tuple[Side, int, str, int]]) -> None:
    ladder, wanted = Ladder(SYMBOL), dict[tuple[Side, int], dict[str, int]]()
    for side, price, key, size in changes:
        ladder.put(side, D(price), key, D(size))
        wanted.setdefault((side, price), {})[key] = size
        for rows, each in ((ladder.bids, Side.BUY), (ladder.asks, Side.SELL)):
            sums = [(at, sum(sizes.values())) for (whose, at), sizes in wanted.items() if whose is each]
            assert rows == sorted((row for row in sums if row[1]), reverse=each is Side.BUY)
            assert ladder.best(each) == (rows[0][0] if rows else None)
        assert len(ladder) == len(ladder.bids) + len(ladder.asks)


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
