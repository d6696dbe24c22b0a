"""Numbers as text: exact, and of a width that does not jump."""

from __future__ import annotations

import math

import pytest

from csbook import Book
from csbook.cli import figures
from csbook.cli.figures import Grid


@pytest.mark.parametrize(
    ("raw", "scale", "shown", "text"),
    [
        (6180010000000, 8, 1, "61800.1"),
        (6180000000000, 8, 0, "61800"),
        (5, 8, 8, "0.00000005"),
        (100000000, 8, 3, "1.000"),
        (-150, 2, 2, "-1.50"),
        (9223372036854775807, 8, 8, "92233720368.54775807"),
        (7, 0, 0, "7"),
    ],
)
def test_exact_is_the_text_of_the_integer(raw: int, scale: int, shown: int, text: str) -> None:
    assert figures.exact(raw, scale, shown) == text


@pytest.mark.parametrize(
    ("raws", "scale", "decimals"),
    [([6180010000000, 6180000000000], 8, 1), ([100000000], 8, 0), ([1], 8, 8), ([], 8, 0), ([0], 8, 0), ([70], 1, 0)],
)
def test_needed_decimals(raws: list[int], scale: int, decimals: int) -> None:
    assert figures.needed(raws, scale) == decimals


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "-"),
        (850, "850 ns"),
        (6_123, "6.12 us"),
        (61_230, "61.2 us"),
        (999_400, "999 us"),
        (999_700, "1.00 ms"),
        (1_500_000_000, "1.50 s"),
    ],
)
def test_duration_has_three_digits(ns: int, text: str) -> None:
    assert figures.duration(ns) == text


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (-1, "-"),
        (0, "0 ms"),
        (12_900_000, "12 ms"),
        (3_250_000_000, "3.2 s"),
        (125_000_000_000, "2 min 05 s"),
        (7_500_000_000_000, "2 h 05 min"),
    ],
)
def test_age(ns: int, text: str) -> None:
    assert figures.age(ns) == text


def test_clock_time_is_utc() -> None:
    assert figures.clock_time(1723161256_501_999_999) == "23:54:16.501"
    assert figures.clock_time(0, millis=False) == "00:00:00"


def test_quantities_without_a_number_are_a_dash() -> None:
    assert figures.quantity(math.nan) == figures.quantity(math.inf) == figures.quantity(None) == "-"
    assert figures.quantity(0.416, 2, signed=True) == "+0.42"
    assert figures.count(1234567.4) == "1,234,567"


def test_printable_takes_the_power_from_a_text() -> None:
    assert figures.printable("a\x1b[2Jb\nc é") == "a?[2Jb?c é"


def test_a_grid_only_grows() -> None:
    grid = Grid(Book("X", price_decimals=2, size_decimals=3))
    grid.grow([10050], [1500, 2])
    assert (grid.price(10050), grid.size(1500), grid.price_width) == ("100.5", "1.500", 5)
    grid.grow([12345678], [7])
    widths = (grid.price_width, grid.size_width, grid.total_width)
    grid.grow([100], [1000])
    grid.grow([], [])
    assert (grid.price_width, grid.size_width, grid.total_width) == widths
    assert grid.price(100) == "1.00"
