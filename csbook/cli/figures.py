"""Numbers as a trader reads them: exact decimals on a common grid, durations in three digits, counts with commas.

Pure text. A price or a size is formatted from the book's int64 and never through a float, so that the screen shows
what the venue sent. Everything here is ASCII; the ladder puts the micro sign in where the terminal has one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from csbook._core import Book

__all__ = [
    "NOTHING",
    "Grid",
    "age",
    "clock_time",
    "count",
    "duration",
    "exact",
    "needed",
    "printable",
    "quantity",
]

NOTHING = "-"  # stands where there is no number

_DAY_S = 86_400


def printable(text: str) -> str:
    """Text of another's making, without anything that a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def needed(raws: Iterable[int], scale: int) -> int:
    """The decimals without which one of these numbers, at a scale of so many decimals, would lose a digit."""
    common = math.gcd(*raws)
    if common == 0:
        return 0
    while scale > 0 and common % 10 == 0:
        common //= 10
        scale -= 1
    return scale


def exact(raw: int, scale: int, shown: int) -> str:
    """An int64 at ``scale`` decimals, written with ``shown`` of them."""
    digits = str(abs(raw) // 10 ** (scale - shown))
    sign = "-" if raw < 0 else ""
    if shown == 0:
        return sign + digits
    digits = digits.rjust(shown + 1, "0")
    return f"{sign}{digits[:-shown]}.{digits[-shown:]}"


def quantity(value: float | None, decimals: int = 2, *, signed: bool = False) -> str:
    """A float with so many decimals; a dash for nan and for none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"


def count(number: float) -> str:
    """A whole number with commas."""
    return f"{round(number):,}"


def duration(ns: int) -> str:
    """A latency in three digits and its unit; a dash for zero, which means that none was measured."""
    if ns <= 0:
        return NOTHING
    for limit, unit, divisor in ((1_000, "ns", 1), (999_500, "us", 1_000), (999_500_000, "ms", 1_000_000)):
        if ns < limit:
            return f"{ns / divisor:.{_decimals(ns / divisor, unit)}f} {unit}"
    return f"{ns / 1e9:.2f} s"


def _decimals(value: float, unit: str) -> int:
    if unit == "ns":
        return 0
    return 2 if value < 9.995 else 1 if value < 99.95 else 0


def age(ns: int) -> str:
    """How old something is, coarser the older it is; a dash for -1, which means never."""
    if ns < 0:
        return NOTHING
    if ns < 1_000_000_000:
        return f"{ns // 1_000_000} ms"
    seconds = ns / 1e9
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def clock_time(ns: int, *, millis: bool = True) -> str:
    """The UTC time of day of ns since the epoch."""
    seconds, rest = divmod(ns, 1_000_000_000)
    of_day = seconds % _DAY_S
    text = f"{of_day // 3600:02d}:{of_day // 60 % 60:02d}:{of_day % 60:02d}"
    return f"{text}.{rest // 1_000_000:03d}" if millis else text


class Grid:
    """The decimals and widths of one symbol's columns. They only grow, so that the columns stand still."""

    __slots__ = (
        "price_decimals",
        "price_scale",
        "price_width",
        "size_decimals",
        "size_scale",
        "size_width",
        "total_width",
    )

    def __init__(self, book: Book) -> None:
        self.price_scale = book.price_decimals
        self.size_scale = book.size_decimals
        self.price_decimals = 0
        self.size_decimals = 0
        self.price_width = 5
        self.size_width = 5
        self.total_width = 5

    def grow(self, prices: list[int], sizes: list[int]) -> None:
        """Make room for these prices and sizes, and for the sum of the sizes."""
        if not prices or not sizes:
            return
        self.price_decimals = max(self.price_decimals, needed(prices, self.price_scale))
        self.size_decimals = max(self.size_decimals, needed(sizes, self.size_scale))
        self.price_width = max(self.price_width, len(self.price(max(prices))))
        self.size_width = max(self.size_width, len(self.size(max(sizes))))
        self.total_width = max(self.total_width, len(self.size(sum(sizes))))

    def price(self, raw: int) -> str:
        return exact(raw, self.price_scale, self.price_decimals)

    def size(self, raw: int) -> str:
        return exact(raw, self.size_scale, self.size_decimals)
