"""Levels from Python objects: every kind of number, of pair and of iterable."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csbook
from csbook.errors import BadMessage, PrecisionError
from oracle import judge

BIDS = [["100.5", "1"], ["100.4", "2"], ["100.3", "3"]]
ASKS = [["100.6", "4"], ["100.7", "5"]]


def filled() -> csbook.Book:
    book = csbook.Book("X")
    book.apply_snapshot(BIDS, ASKS)
    return book


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"), (0.1, "0.1"), (1e-8, "1e-08"), (1e16, "1e+16"), (0.30000000000000004, "0.30000000000000004"),
        (b"61800.20", "61800.20"), (Decimal("61800.20"), "61800.20"), (Decimal("1E+3"), "1E+3"),
        (Decimal("1E-8"), "1E-8"), (10**18, str(10**18)), (123456.789, "123456.789"),
        (np.float64(0.1), "0.1"), (np.int64(7), "7"),
    ],
    ids=str,
)  # fmt: skip
def test_the_kinds_of_number_that_apply_takes(value: object, text: str) -> None:
    for decimals in (0, 8, 17):
        book = csbook.Book("X", price_decimals=decimals, size_decimals=decimals)
        verdict, raw = judge(text, decimals)
        if verdict == "fits":
            book.apply_snapshot([[value, value]], [])
            assert book.bid_prices_raw.tolist() == book.bid_sizes_raw.tolist() == [raw]
        else:
            with pytest.raises(PrecisionError):
                book.apply_snapshot([[value, value]], [])


@settings(max_examples=300, derandomize=True, deadline=None)
@given(value=st.floats(min_value=1e-9, max_value=1e12))
def test_a_float_means_its_shortest_text(value: float) -> None:
    book = csbook.Book("X")
    verdict, raw = judge(repr(value), 8)
    if verdict == "fits" and raw:
        book.apply_snapshot([[value, 1.0]], [])
        assert int(book.bid_prices_raw[0]) == raw
    else:
        with pytest.raises(PrecisionError):
            book.apply_snapshot([[value, 1.0]], [])


def test_arrays_of_levels() -> None:
    rng = np.random.default_rng(4)
    prices = np.round(100 + np.cumsum(rng.integers(1, 9, 500)) / 100, 2)
    sizes = np.round(rng.uniform(0.001, 9, 500), 3)
    array = np.column_stack([prices, sizes])
    texts = [[repr(float(price)), repr(float(size))] for price, size in array]
    one, other = csbook.Book("X"), csbook.Book("X")
    for of_one, of_other in ((array, texts), (array[::-1], texts[::-1]), (array[::3], texts[::3])):
        one.apply_snapshot([], of_one)
        other.apply_snapshot([], of_other)
        assert one.digest() == other.digest()
        assert one.asks().tolist() == sorted([float(p), float(s)] for p, s in of_other)
    whole = np.array([[5, 1], [4, 2]], dtype=np.int64)
    one.apply_delta(whole, np.empty((0, 2)))
    assert one.bid_prices_raw.tolist() == [500_000_000, 400_000_000]
    for wrong in (np.zeros((2, 3)) + 1, np.ones(4), np.ones((2, 2, 2)), np.array([[np.nan, 1]]), np.array([[-1.0, 1]])):
        before = one.digest()
        with pytest.raises((BadMessage, TypeError)):
            one.apply_snapshot(wrong, [])
        assert one.digest() == before


def test_iterables_of_every_kind() -> None:
    expected = filled().digest(sequence=False)
    for bids, asks in (
        (tuple(map(tuple, BIDS)), tuple(map(tuple, ASKS))),
        (iter(BIDS), iter(ASKS)),
        ((level for level in BIDS), map(tuple, ASKS)),
        (dict(BIDS).items(), [tuple(level) for level in ASKS]),
    ):
        book = csbook.Book("X")
        book.apply_snapshot(bids, asks)
        assert book.digest(sequence=False) == expected


def test_an_iterable_that_touches_the_book_meanwhile() -> None:
    """All input is read into scratch first: whatever the caller's iterator does, the book stays whole."""
    book = filled()

    def meddling() -> Iterator[list[str]]:
        yield ["100.2", "1"]
        book.apply_snapshot([["50", "1"], ["49", "1"]], [["51", "1"]])
        yield ["100.1", "1"]
        book.clear("meanwhile")
        yield ["100.0", "1"]

    book.apply_snapshot(meddling(), ASKS)
    book._check()
    assert book.bid_prices.tolist() == [100.2, 100.1, 100.0]
    assert book.ask_prices.tolist() == [100.6, 100.7]
    book.apply_delta(meddling(), meddling())
    book._check()
    assert set(book.bid_prices.tolist()) >= {100.2, 100.1, 100.0}


class Meddler(Decimal):
    """A number that empties a list when it is asked what it is."""

    victim: list[object]

    def __str__(self) -> str:
        self.victim.clear()
        return "1"


@pytest.mark.parametrize("whose", ["side", "row"])
@pytest.mark.parametrize("apply", ["apply_snapshot", "apply_delta"])
def test_levels_that_change_while_they_are_read(apply: str, whose: str) -> None:
    book = csbook.Book("X")
    book.apply_snapshot([["1", "1"]], [])
    before = book.digest()
    meddler = Meddler(1)
    row = [meddler, "2"]
    side = [["5", "1"], row, ["4", "1"], ["3", "1"]]
    meddler.victim = side if whose == "side" else row
    if whose == "side":
        with pytest.raises(BadMessage):
            getattr(book, apply)([], side)
        assert book.digest() == before
    else:
        getattr(book, apply)([], side)
        assert book.asks().tolist() == [[1.0, 2.0], [3.0, 1.0], [4.0, 1.0], [5.0, 1.0]]
    book._check()


@pytest.mark.parametrize("price", ["0", "0.00", b"0", 0, 0.0, -0.0, Decimal(0), np.int64(0)])
@pytest.mark.parametrize("apply", ["apply_snapshot", "apply_delta"])
def test_a_price_of_zero_is_none(apply: str, price: object) -> None:
    book = csbook.Book("X")
    for side in ([], [[price, "1"]]), ([["1", "1"], (price, "1")], []), ([], [[price, "0"]]):
        with pytest.raises(BadMessage):
            getattr(book, apply)(*side)
    assert book.updates == 0
