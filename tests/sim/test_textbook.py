from __future__ import annotations

import random

import pytest

from csbook.sim.textbook import TextBook, decimal_text


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (6180020, 2, "61800.20"),
        (5, 3, "0.005"),
        (0, 2, "0.00"),
        (-5, 2, "-0.05"),
        (-12345, 2, "-123.45"),
        (2909, 0, "2909"),
        (-7, 0, "-7"),
    ],
)
def test_decimal_text(units: int, decimals: int, text: str) -> None:
    assert decimal_text(units, decimals) == text


def test_best_first_on_both_sides() -> None:
    book = TextBook()
    book.replace([(10, 1), (12, 2), (11, 3)], [(15, 1), (13, 2), (14, 3)], 7)
    assert book.bids(2) == [(12, 2), (11, 3)]
    assert book.asks(9) == [(13, 2), (14, 3), (15, 1)]
    assert book.update_id == 7


def test_a_size_of_zero_deletes_and_may_be_absent() -> None:
    book = TextBook()
    book.replace([(10, 1), (11, 1)], [(12, 1)], 1)
    book.change([(11, 0), (9, 0)], [(12, 5)], 2)
    assert (book.bids(5), book.asks(5), book.update_id) == ([(10, 1)], [(12, 5)], 2)
    book.replace([], [(13, 1)], 3)
    assert (book.bids(5), book.asks(5)) == ([], [(13, 1)])


def test_against_plain_sorting() -> None:
    rng = random.Random(1)
    book, bids, asks = TextBook(), {}, {}
    for step in range(500):
        for levels, side in ((bids, 0), (asks, 1)):
            change = [(rng.randrange(40), rng.randrange(4)) for _ in range(3)]
            book.change(change if side == 0 else [], change if side == 1 else [], step)
            for price, size in change:
                if size:
                    levels[price] = size
                else:
                    levels.pop(price, None)
        depth = rng.randrange(1, 30)
        assert book.bids(depth) == sorted(bids.items(), reverse=True)[:depth]
        assert book.asks(depth) == sorted(asks.items())[:depth]


def test_sizes_and_prices_of_a_side() -> None:
    book = TextBook()
    book.replace([(99, 5), (97, 1), (98, 2)], [(102, 4), (101, 3)], 7)
    assert [book.size(True, price) for price in (99, 98, 96)] == [5, 2, 0]
    assert [book.size(False, price) for price in (101, 99)] == [3, 0]
    assert list(book.walk(True)) == [99, 98, 97]
    assert list(book.walk(False)) == [101, 102]
