"""What stands before an own order: bounds that hold whoever leaves."""

from __future__ import annotations

import random

import pytest

import csbook
from account.reports import MS, SYMBOL, D, filled, order, report
from csbook.account import Account
from csbook.errors import UsageError
from csbook.types import Side, Trade


class Level:
    """The bids at 100 as a venue's queue: entries of [size, ours]."""

    def __init__(self, dated: bool = True) -> None:
        self.account = Account()
        self.book = csbook.Book(SYMBOL, price_decimals=1, size_decimals=1)
        self.dated = dated
        self.ms = 10
        self.trades = 0

    def depth(self, size: str, at: int | None = None) -> None:
        self.ms = at or self.ms + 1
        self.book.apply_snapshot(
            [("100", size), ("99", "9")],
            [("101", "3")],
            event_time_ns=self.ms * MS if self.dated else 0,
            receive_time_ns=self.ms * MS,
        )
        self.account.on_depth(self.book)

    def trade(self, size: str, at: int | None = None, price: str = "100", side: Side = Side.SELL) -> None:
        self.trades += 1
        self.ms = max(self.ms, at or self.ms + 1)
        time = (at or self.ms) * MS
        self.account.on_trade(Trade(SYMBOL, self.trades, D(price), D(size), side, time, time, self.ms * MS))

    def join(self, size: str = "2") -> None:
        self.account.placing(order("a", size=size), self.ms * MS)

    def ack(self, size: str = "2") -> None:
        self.ms += 1
        self.account.apply(report("NEW", "0", at=self.ms, size=size), self.ms * MS)

    @property
    def ahead(self) -> tuple[object, object] | None:
        return self.account.queue("a")


def test_a_deep_queue_is_exact() -> None:
    level = Level()
    level.join()
    level.depth("123456.7")
    level.ack()
    level.depth("123458.7")
    assert level.ahead == (D("123456.7"), D("123456.7"))


def joined(dated: bool = True) -> Level:
    """Ten before us, ours of two."""
    level = Level(dated)
    level.join()
    level.depth("10")
    level.ack()
    level.depth("12")
    return level


def test_the_start() -> None:
    level = Level()
    level.join()
    assert level.ahead is None
    level.depth("10")
    level.ack()
    assert level.ahead is None, "no depth has shown it"
    level.depth("15")
    assert level.ahead == (10, 13), "three came with it, before or behind"


def test_what_comes_stands_behind() -> None:
    level = joined()
    level.depth("20")
    assert level.ahead == (10, 10)


def test_what_leaves_untraded_stood_before_or_behind() -> None:
    level = joined()
    level.depth("20")
    level.depth("15")
    assert level.ahead == (5, 10)
    level.depth("5")
    assert level.ahead == (0, 3), "no more can be ahead than there is"


def test_trades_take_from_the_front_once() -> None:
    level = joined()
    level.trade("4")
    assert level.ahead == (6, 6)
    level.depth("8")
    assert level.ahead == (6, 6)
    level.depth("7", at=30)
    level.trade("1", at=29)  # the depth had it already
    assert level.ahead == (5, 5)


def test_a_trade_that_is_newer_than_the_depth_that_comes_after_it() -> None:
    level = joined()
    level.trade("4", at=30)
    level.depth("12", at=29)
    assert level.ahead == (6, 6)
    level.depth("8", at=31)
    assert level.ahead == (6, 6)


def test_a_trade_of_other_prices_and_sides() -> None:
    level = joined()
    level.trade("4", side=Side.BUY)
    level.trade("4", price="101")
    assert level.ahead == (10, 10)
    level.trade("1", price="99.5")
    assert level.ahead == (0, 0), "it went through us"


def test_a_fill_of_ours_means_that_we_are_first() -> None:
    level = joined()
    level.account.apply(filled("1", "1", "1", at=20), 20 * MS)
    assert level.ahead == (0, 0)


def test_without_event_times_a_late_trade_is_doubted() -> None:
    level = joined(dated=False)
    level.depth("20")
    level.depth("16")
    level.trade("4")
    low, high = level.ahead or (None, None)
    assert (low, high) == (2, 6)
    level.trade("1")
    assert level.ahead == (1, 5)


def test_a_price_beyond_the_book_teaches_nothing() -> None:
    level = joined()
    level.book.apply_snapshot([("105", "1")], [("106", "3")], event_time_ns=50 * MS)
    level.account.on_depth(level.book)
    assert level.ahead == (10, 10)


def test_who_has_no_place() -> None:
    account = Account()
    account.placing(order("m", price=None), 1)
    assert account.queue("m") is None
    account.placing(order("a"), 1)
    account.apply(report("CANCELED", "0", at=5), 6)
    assert account.queue("a") is None
    with pytest.raises(UsageError, match="nobody"):
        account.queue("nobody")


def test_the_truth_lies_between_the_bounds() -> None:
    """A queue of others and us at random: one change between two depths, trades before or after the depth that has
    them.
    """
    for seed in range(400):
        chance = random.Random(seed)
        others = [chance.randrange(1, 9) for _ in range(chance.randrange(5))]
        level = Level()
        level.join()
        level.depth(str(sum(others) or 0.1)) if others else None
        level.ack()
        queue: list[tuple[int, bool]] = [*((size, False) for size in others), (2, True)]
        level.depth(str(sum(size for size, _ in queue)))
        for _ in range(chance.randrange(12)):
            ahead = next(i for i, (_, ours) in enumerate(queue) if ours)
            kind = chance.randrange(3)
            traded = 0
            if kind == 0:
                queue.append((chance.randrange(1, 9), False))
            elif kind == 1 and len(queue) > 1:
                gone = chance.choice([i for i in range(len(queue)) if i != ahead])
                del queue[gone]
            elif ahead:
                traded = chance.randrange(1, sum(size for size, _ in queue[:ahead]) + 1)
                left = traded
                while left:
                    size, ours = queue[0]
                    took = min(size, left)
                    left -= took
                    queue[0] = (size - took, ours)
                    if queue[0][0] == 0:
                        del queue[0]
            total = str(sum(size for size, _ in queue))
            if traded and chance.randrange(2):
                now = level.ms + 1
                level.depth(total, at=now + 1)
                level.trade(str(traded), at=now)
            else:
                if traded:
                    level.trade(str(traded))
                level.depth(total)
            truth = sum(size for size, _ in queue[: next(i for i, (_, ours) in enumerate(queue) if ours)])
            bounds = level.account.queue("a")
            assert bounds is not None
            assert bounds[0] <= truth <= bounds[1], (seed, bounds, truth)
