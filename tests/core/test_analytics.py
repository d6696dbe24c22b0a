"""Numbers about the market, against exact fractions."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from fractions import Fraction

import pytest

import csbook
from csbook import Side, _core
from oracle import OracleBook, as_text, dump, seed_depth

CLOSE = 1e-13  # relative; a few roundings of a double


def pair(
    bids: list[list[str]], asks: list[list[str]], decimals: tuple[int, int] = (8, 8)
) -> tuple[csbook.Book, OracleBook]:
    book = csbook.Book("X", price_decimals=decimals[0], size_decimals=decimals[1])
    oracle = OracleBook(*decimals)
    book.apply_snapshot(bids, asks)
    oracle.snapshot(bids, asks)
    return book, oracle


def markets(seed: int, count: int) -> Iterator[tuple[csbook.Book, OracleBook, random.Random]]:
    rng = random.Random(seed)
    for _ in range(count):
        decimals = rng.choice([(2, 3), (8, 8), (1, 0), (5, 2)])
        centre = rng.randrange(10**4, 10**7)
        bids, asks = (
            [
                [as_text(centre + sign * step, decimals[0]), as_text(rng.randrange(1, 10**6), decimals[1])]
                for step in rng.sample(range(1, 400), rng.randrange(1, 60))
            ]
            for sign in (-1, 1)
        )
        yield *pair(bids, asks, decimals), rng


def test_of_the_touch() -> None:
    for book, oracle, _ in markets(1, 300):
        assert math.isclose(book.mid, oracle.mid(), rel_tol=CLOSE)
        assert math.isclose(book.microprice, oracle.microprice(), rel_tol=CLOSE)
        assert math.isclose(book.spread, oracle.spread(), rel_tol=1e-9)


def test_the_spread_is_that_of_the_exact_prices() -> None:
    """Not the difference of two doubles: 100.6 - 100.5 is 0.1 and not 0.09999999999999432."""
    book, _ = pair([["100.5", "1"]], [["100.6", "1"]])
    assert book.spread == 0.1
    for book, oracle, _ in markets(2, 200):
        assert book.spread == float(oracle.spread())


def test_the_microprice_leans_to_the_thin_side() -> None:
    book, _ = pair([["99", "3"]], [["101", "1"]])
    assert book.mid == 100.0
    assert book.microprice == (99 * 1 + 101 * 3) / 4 == 100.5


def test_imbalance() -> None:
    for book, oracle, rng in markets(3, 200):
        assert math.isclose(book.imbalance(), oracle.imbalance(), rel_tol=CLOSE, abs_tol=1e-15)
        for levels in (1, 2, 5, rng.randrange(1, 80), 10**6):
            wanted = oracle.imbalance(levels)
            assert math.isclose(book.imbalance(levels), wanted, rel_tol=1e-12, abs_tol=1e-15)
            assert -1 < book.imbalance(levels=levels) < 1
    book, _ = pair([["99", "3"], ["98", "9"]], [["101", "1"]])
    assert book.imbalance(1) == 0.5
    assert book.imbalance(2) == 11 / 13


@pytest.mark.parametrize("levels", [0, -1])
def test_imbalance_over_no_levels(levels: int) -> None:
    book, _ = pair([["99", "3"]], [["101", "1"]])
    with pytest.raises(csbook.errors.UsageError):
        book.imbalance(levels)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_walking_the_book(side: Side) -> None:
    """A buyer walks the asks. What is asked for is no multiple of a level, so the last level is touched in part."""
    for book, oracle, rng in markets(4, 60):
        levels = oracle.levels(1 - side)
        whole = sum(size for _, size in levels)
        for _ in range(8):
            size = float(whole) * rng.choice([0.001, 0.3, 0.77, 0.99, 1.5, 40.0]) * rng.uniform(0.5, 1)
            wanted = min(Fraction(size), whole)
            price, filled, last = oracle.walk(side, wanted)
            got_price, got_filled = book.vwap(side, size)
            assert math.isclose(got_price, price, rel_tol=1e-12)
            assert math.isclose(got_filled, filled, rel_tol=1e-12)
            near = any(
                abs(sum(s for _, s in levels[:k]) - Fraction(size)) < Fraction(1, 10**6) for k in range(len(levels))
            )
            if not near:
                assert book.impact(side, size) == float(last)


def test_walking_by_hand() -> None:
    book, _ = pair([["99", "1"], ["98", "2"]], [["101", "1"], ["103", "3"]])
    assert book.vwap("BUY", 1.0) == (101.0, 1.0)
    assert book.vwap("BUY", 2.0) == (102.0, 2.0)
    assert book.vwap("BUY", 4.0) == ((101 + 3 * 103) / 4, 4.0)
    assert book.vwap("BUY", 100.0) == ((101 + 3 * 103) / 4, 4.0)
    assert book.vwap("SELL", 1.0) == (99.0, 1.0)
    assert book.vwap("SELL", 3.0) == (pytest.approx((99 + 2 * 98) / 3, rel=CLOSE), 3.0)
    assert book.impact("BUY", 0.5) == 101.0
    assert book.impact("BUY", 1.0) == 101.0
    assert book.impact("BUY", 1.5) == 103.0
    assert book.impact("BUY", 100.0) == 103.0
    assert book.impact("SELL", 1.0) == 99.0
    assert book.impact("SELL", 1.00000001) == 98.0


def test_a_size_means_its_shortest_text() -> None:
    """0.8 takes eight levels of 0.1, though the double 0.8 is a little more than eight tenths."""
    asks = [[str(100 + at), "0.1"] for at in range(1, 11)]
    book, oracle = pair([["99", "1"]], asks)
    for tenths in range(1, 11):
        size = tenths / 10
        price, filled = book.vwap("BUY", size)
        assert filled == size
        assert math.isclose(price, oracle.walk(0, Fraction(tenths, 10))[0], rel_tol=CLOSE)
        assert book.impact("BUY", size) == 100.0 + tenths


def test_walking_into_nothing() -> None:
    book, _ = pair([["99", "1"]], [])
    price, filled = book.vwap("BUY", 1.0)
    assert math.isnan(price)
    assert filled == 0.0
    assert math.isnan(book.impact("BUY", 1.0))
    assert book.vwap("SELL", 1.0) == (99.0, 1.0)
    assert math.isnan(book.depth_within("BUY", 5.0)) or book.depth_within("BUY", 5.0) == 0.0


@pytest.mark.parametrize("walk", ["vwap", "impact"])
def test_a_size_that_changes_the_book_is_asked_first(walk: str) -> None:
    """What a number does while it becomes a float is done before the levels are looked at: a ladder's are a copy."""
    book = csbook.Book("X", price_decimals=0, size_decimals=0)
    router = csbook.Router("binance", book)
    levels = [[str(price), "1"] for price in range(1_000, 2_000)]
    router.feed_snapshot("X", dump(seed_depth(1, [["9", "1"]], levels)))
    assert book.impact("BUY", 2) == 1001

    class Meddling:
        def __float__(self) -> float:
            book.clear("a test")
            return 1.0

    found = getattr(book, walk)("BUY", Meddling())
    assert math.isnan(found[0] if walk == "vwap" else found)


@pytest.mark.parametrize("size", [-1.0, float("nan"), float("-inf")])
def test_walking_for_a_size_that_cannot_be(size: float) -> None:
    book, _ = pair([["99", "1"]], [["101", "1"]])
    for walk in (book.vwap, book.impact):
        with pytest.raises(csbook.errors.UsageError):
            walk("BUY", size)
    with pytest.raises(csbook.errors.UsageError):
        book.depth_within("BUY", size)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_depth_within(side: Side) -> None:
    """The side is that of the book: BUY are the bids."""
    for book, oracle, rng in markets(5, 40):
        for bps in (0.0, 0.5, 1.0, 7.3, 50.0, 10_000.0, rng.uniform(0, 400)):
            exact = Fraction(str(bps))
            bound = oracle.mid() * exact / 10_000
            close = any(0 < abs(abs(p - oracle.mid()) - bound) < bound / 10**9 for p, _ in oracle.levels(side))
            if not close:
                assert math.isclose(book.depth_within(side, bps), oracle.depth_within(side, exact), rel_tol=1e-12)


def test_depth_within_includes_its_bound() -> None:
    book, _ = pair([["9999", "1"], ["9998", "2"], ["9990", "4"]], [["10001", "8"], ["10002", "16"]])
    assert book.depth_within("BUY", 0.99) == 0.0
    assert book.depth_within("BUY", 1.0) == 1.0
    assert book.depth_within("BUY", 2.0) == 3.0
    assert book.depth_within("BUY", 9.99) == 3.0
    assert book.depth_within("BUY", 10.0) == 7.0
    assert book.depth_within("SELL", 1.0) == 8.0
    assert book.depth_within("SELL", 2.0) == 24.0


@pytest.mark.parametrize("bps", [0.1, 0.2, 0.3, 0.6, 0.7, 1.1, 1.3, 2.3])
def test_depth_within_includes_a_bound_that_is_no_double(bps: float) -> None:
    """The bound is the decimal one: 0.1 bps of 10,000 is 0.1."""
    away = Fraction(str(bps))
    low, high = (f"{float(10_000 + sign * away):.1f}" for sign in (-1, 1))
    book, oracle = pair([[low, "1"]], [[high, "2"]], (1, 0))
    assert oracle.mid() == 10_000
    assert book.depth_within("BUY", bps) == 1.0
    assert book.depth_within("SELL", bps) == 2.0


def test_depth_within_at_the_end_of_the_scale() -> None:
    """Prices near the largest int64, and bounds beyond it."""
    most = 2**63 - 1
    book, _ = pair([["9200000000000000000", "1"]], [["9200000100000000000", "2"], ["9220000000000000000", "4"]], (0, 0))
    assert book.depth_within("SELL", 0.1) == 2.0
    assert book.depth_within("SELL", 30.0) == 6.0
    book, _ = pair([["9000000000000000000", "1"]], [["9100000000000000000", "2"], [str(most), "4"]], (0, 0))
    assert book.depth_within("SELL", 60.0) == 2.0
    for bps in (1000.0, 1e6, 1e300):
        assert book.depth_within("SELL", bps) == 6.0
        assert book.depth_within("BUY", bps) == 1.0


@pytest.mark.parametrize("scanner", ["plain", "avx2"])
def test_sums_of_sizes_small_and_large(scanner: str) -> None:
    """Exact, then rounded once: whether all sizes are small, one is large, or the sum is above any int64."""
    before = _core._scanner()
    try:
        _core._scanner(scanner)
    except csbook.errors.UsageError:
        pytest.skip(f"this processor does not run the {scanner} variant")
    try:
        rng = random.Random(6)
        for bits in (1, 20, 45, 46, 47, 53, 62, 63):
            for count in (1, 2, 3, 4, 7, 8, 33, 200):
                sizes = [rng.randrange(2 ** (bits - 1), 2**bits) for _ in range(count)]
                for most in (0, 2**45, 2**46 - 1, 2**46, 2**62, 2**63 - 1):
                    sizes[rng.randrange(count)] = most or sizes[0]
                    asks = [[str(10**9 + at), str(size)] for at, size in enumerate(sizes, 1)]
                    book, _ = pair([[str(10**9), "1"]], asks, (0, 0))
                    assert book.depth_within("SELL", 10.0) == float(sum(sizes))
    finally:
        _core._scanner(before)


def test_large_books_do_not_overflow() -> None:
    """Products of int64 prices and sizes need more than 64 bits; sums of sizes too."""
    big = str(2**63 - 1)
    asks = [[str(9 * 10**18 + at), big] for at in range(1, 6)]
    bids = [[str(9 * 10**18 - at), big] for at in range(1, 6)]
    book, oracle = pair(bids, asks, (0, 0))
    size = float(4 * (2**63 - 1))
    assert math.isclose(book.vwap("BUY", size)[0], 9e18, rel_tol=CLOSE)
    assert math.isclose(book.vwap("BUY", 1e30)[1], 5 * (2**63 - 1), rel_tol=CLOSE)
    assert math.isclose(book.depth_within("BUY", 1.0), 5 * (2**63 - 1), rel_tol=CLOSE)
    assert book.imbalance(5) == 0.0
    assert math.isclose(book.mid, oracle.mid(), rel_tol=CLOSE)
    assert math.isclose(book.microprice, oracle.microprice(), rel_tol=CLOSE)
