"""Views: read-only, alive for as long as they are held, and changed only by a read."""

from __future__ import annotations

import gc
import random
import sys

import numpy as np
import pytest

import csbook
from oracle import OracleBook, as_float, as_text

FLOATS = ("bid_prices", "bid_sizes", "ask_prices", "ask_sizes")
RAWS = tuple(f"{name}_raw" for name in FLOATS)
ALL = FLOATS + RAWS


def ladder(side: int, levels: int, size: int = 1, start: int = 10_000) -> list[list[str]]:
    step = 1 if side else -1
    return [[as_text(start + step * at, 2), str(size)] for at in range(1, levels + 1)]


def filled(levels: int = 20, **options: int) -> csbook.Book:
    book = csbook.Book("X", price_decimals=2, size_decimals=3, **options)
    book.apply_snapshot(ladder(0, levels), ladder(1, levels))
    return book


@pytest.mark.parametrize("name", ALL)
def test_what_a_view_is(name: str) -> None:
    view = getattr(filled(), name)
    assert isinstance(view, np.ndarray)
    assert view.dtype == (np.int64 if name.endswith("raw") else np.float64)
    assert view.dtype.isnative
    assert view.shape == (20,)
    assert view.flags.c_contiguous
    assert view.flags.aligned
    assert not view.flags.owndata
    assert view.base is not None


@pytest.mark.parametrize("name", ALL)
def test_nobody_writes_through_a_view(name: str) -> None:
    book = filled()
    view = getattr(book, name)
    before = view.tolist()
    assert not view.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 5
    with pytest.raises(ValueError, match="WRITEABLE"):
        view.flags.writeable = True
    with pytest.raises(ValueError, match="WRITEABLE"):
        view[2:].flags.writeable = True
    with pytest.raises(ValueError, match="read-only"):
        np.add(view, 1, out=view)
    with pytest.raises((TypeError, BufferError, ValueError)):
        memoryview(view)[0] = 1
    assert getattr(book, name).tolist() == before
    book._check()


@pytest.mark.parametrize("name", ALL)
def test_a_view_changes_at_the_first_read_after_an_update(name: str) -> None:
    book = filled()
    view = getattr(book, name)
    kept = view.copy()
    book.apply_snapshot(ladder(0, 20, 7, 9_000), ladder(1, 20, 8, 9_000))
    assert view.tolist() == kept.tolist()
    fresh = getattr(book, name)
    assert fresh.tolist() != kept.tolist()
    expected = OracleBook(2, 3)
    expected.snapshot(ladder(0, 20, 7, 9_000), ladder(1, 20, 8, 9_000))
    raw = dict(zip(RAWS, expected.raw(), strict=True))
    if name.endswith("raw"):
        assert fresh.tolist() == raw[name]
    else:
        decimals = 2 if "prices" in name else 3
        assert fresh.tolist() == [as_float(value, decimals) for value in raw[f"{name}_raw"]]


def test_reading_one_view_leaves_no_other_behind() -> None:
    """Each view is judged by its own age, whichever was read before it."""
    rng = random.Random(11)
    book, oracle = filled(), OracleBook(2, 3)
    oracle.snapshot(ladder(0, 20), ladder(1, 20))
    for _ in range(400):
        price, size = as_text(rng.randrange(9_900, 10_100), 2), rng.choice(["0", "1", "2.5"])
        side = rng.randrange(2)
        change = ([[price, size]], []) if side == 0 else ([], [[price, size]])
        book.apply_delta(*change)
        oracle.delta(*change)
        for name in rng.sample(ALL, rng.randrange(4)):
            raw = dict(zip(RAWS, oracle.raw(), strict=True))[name if name.endswith("raw") else f"{name}_raw"]
            decimals = 2 if "prices" in name else 3
            want = raw if name.endswith("raw") else [as_float(value, decimals) for value in raw]
            assert getattr(book, name).tolist() == want, name


def test_views_outlive_the_book() -> None:
    book = filled(300)
    views = {name: getattr(book, name) for name in ALL}
    kept = {name: view.copy() for name, view in views.items()}
    del book
    gc.collect()
    clutter = [np.full(300, 7.0) for _ in range(200)] + [bytearray(b"\xff" * 2400) for _ in range(200)]
    for name, view in views.items():
        assert view.tolist() == kept[name].tolist()
    assert len(clutter) == 400


def test_views_outlive_growth() -> None:
    book = filled(4, capacity=4)
    held = []
    for levels in (8, 40, 300, 3000):
        held.append([(getattr(book, name), getattr(book, name).tolist()) for name in ALL])
        book.apply_snapshot(ladder(0, levels), ladder(1, levels))
        gc.collect()
        for views in held[-1:]:
            for view, was in views:
                assert view.tolist() == was
        for name in ALL:
            assert len(getattr(book, name)) == levels
    for views in held:
        for view, was in views:
            assert len(view.tolist()) == len(was)
    book._check()


def test_a_view_held_over_many_updates_is_never_torn_memory() -> None:
    """Its content is that of some read, always finite, whatever the book does meanwhile."""
    rng = random.Random(2)
    book = filled(10, capacity=1)
    held: list[np.ndarray] = []
    for _ in range(300):
        levels = rng.randrange(1, 200)
        book.apply_snapshot(ladder(0, levels, 3), ladder(1, levels, 3))
        held.append(getattr(book, rng.choice(FLOATS)))
        if len(held) > 30:
            del held[rng.randrange(30)]
        for view in held:
            assert np.isfinite(view).all()


def test_a_read_between_two_updates_is_one_object_or_an_equal_one() -> None:
    book = filled()
    first, second = book.bid_prices, book.bid_prices
    assert first.tolist() == second.tolist()
    assert np.shares_memory(first, second) or first is not second


def test_references_do_not_pile_up() -> None:
    book = filled()
    for name in ALL:
        getattr(book, name)
    view = book.bid_prices
    before = sys.getrefcount(view.base)
    for _ in range(1000):
        book.apply_delta([["50", "1"]], [])
        for name in ALL:
            getattr(book, name)
    assert sys.getrefcount(view.base) <= before + 2


def test_copies_are_the_callers_own() -> None:
    book = filled(5)
    for read in (book.bids, book.asks):
        whole = read()
        assert whole.shape == (5, 2)
        assert whole.dtype == np.float64
        assert whole.flags.owndata
        assert whole.flags.writeable
        assert whole.flags.c_contiguous
        whole[:] = -1
        assert (read() > 0).all()
        assert read(2).tolist() == read()[:2].tolist()
        assert read(levels=3).shape == (3, 2)
        assert read(99).shape == (5, 2)
        assert read(None).shape == (5, 2)
    kept = book.bids()
    book.apply_snapshot([], [])
    assert kept.tolist() == [[99.99, 1.0], [99.98, 1.0], [99.97, 1.0], [99.96, 1.0], [99.95, 1.0]]
    assert book.bids().shape == (0, 2)
    assert book.bids(3).shape == (0, 2)


def test_views_of_an_empty_side() -> None:
    book = csbook.Book("X")
    for name in ALL:
        view = getattr(book, name)
        assert view.shape == (0,)
        assert view.dtype == (np.int64 if name.endswith("raw") else np.float64)
    book.apply_snapshot(ladder(0, 3), [])
    assert (len(book.bid_prices), len(book.ask_prices)) == (3, 0)
    book.clear("a test")
    assert (len(book.bid_prices), len(book.bid_prices_raw)) == (0, 0)


def test_scalar_reads_need_no_view_and_make_none_stale() -> None:
    book = filled()
    assert book.best_bid == 99.99
    assert book.bid_prices[0] == 99.99
    book.apply_delta([["99.995", "4"]] if book.price_decimals > 2 else [["100", "4"]], [])
    assert book.best_bid == 100.0
    assert book.bid_prices[0] == 100.0
    assert book.bid_sizes[0] == book.best_bid_size == 4.0
