"""Errors at the door: which one, with which fields, and that nothing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest

import csbook
from csbook.errors import BadMessage, CsbookError, PrecisionError, UsageError
from oracle import MAX_LEVELS, core_raw

GOOD_BIDS = [["100.5", "1"], ["100.4", "2"], ["100.3", "3"], ["100.2", "4"]]
GOOD_ASKS = [["100.6", "1"], ["100.7", "2"]]


def full_book(**options: Any) -> csbook.Book:
    book = csbook.Book("BTCUSDT", **options)
    book.apply_snapshot(GOOD_BIDS, GOOD_ASKS, sequence=7, event_time_ns=11, receive_time_ns=12)
    return book


def everything(book: csbook.Book) -> tuple[Any, ...]:
    return (
        book.digest(), core_raw(book), book.state, book.sequence, book.event_time_ns, book.receive_time_ns, book.updates
    )  # fmt: skip


def methods(book: csbook.Book) -> Iterator[Callable[..., None]]:
    yield book.apply_snapshot
    yield book.apply_delta


BAD_VALUES: list[Any] = [
    "", " 1", "1 ", "+1", "-1", "-0", "-0.0", ".5", "5.", "1e", "1e+", "1.e5", "e5", "1,5", "1_0", "0x1", "nan", "inf",
    "Infinity", "1.2.3", "1e5.5", "1e--5", "\u0661", "\uff11", "1\x00", "\x001", b"", b"1 ", b"\xff", -1, -1.5, -0.0,
    float("nan"), float("inf"), float("-inf"), Decimal("-1"), Decimal("NaN"), Decimal("Infinity"), Decimal("-0"),
    None, [], ["1"], {}, object(), True, 1j,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: ascii(value)[:24])
def test_a_bad_value_is_refused_by_field(value: Any) -> None:
    book = full_book()
    before = everything(book)
    for apply in methods(book):
        with pytest.raises(BadMessage) as caught:
            apply([*GOOD_BIDS[:3], [value, "1"]], [])
        assert caught.value.field == "bids[3].price"
        assert caught.value.offset == -1
        with pytest.raises(BadMessage) as caught:
            apply(GOOD_BIDS, [["100.6", value]])
        assert caught.value.field == "asks[0].size"
        assert not isinstance(caught.value, PrecisionError)
        assert everything(book) == before
    book._check()


@pytest.mark.parametrize("price", ["0", "0.0", "0.00000000", "0e5", 0, 0.0, Decimal(0), b"0"], ids=ascii)
def test_a_price_of_zero_is_refused(price: Any) -> None:
    book = full_book()
    before = everything(book)
    for apply in methods(book):
        with pytest.raises(BadMessage) as caught:
            apply([], [[price, "1"]])
        assert caught.value.field == "asks[0].price"
        assert everything(book) == before


LEVELS_OF_WRONG_SHAPE: list[Any] = [
    ["1"], [], ["1", "2", "3"], "12", b"12", {"1": "1", "2": "2"}, {"1", "2"}, None, 5, 1.5, "1", ("1",), [["1", "2"]],
]  # fmt: skip


@pytest.mark.parametrize("level", LEVELS_OF_WRONG_SHAPE, ids=ascii)
def test_a_level_has_exactly_two_elements(level: Any) -> None:
    book = full_book()
    before = everything(book)
    for apply in methods(book):
        with pytest.raises(BadMessage) as caught:
            apply([["100.1", "1"], level], GOOD_ASKS)
        assert caught.value.field.startswith("bids[1]")
        assert everything(book) == before


@pytest.mark.parametrize("levels", [None, 5, 1.5, "ab", b"ab", "1", {"100": "1"}, object()], ids=lambda v: ascii(v)[:9])
def test_levels_that_are_no_levels(levels: Any) -> None:
    book = full_book()
    before = everything(book)
    for apply in methods(book):
        with pytest.raises((BadMessage, TypeError)):
            apply(levels, GOOD_ASKS)
        with pytest.raises((BadMessage, TypeError)):
            apply(GOOD_BIDS, levels)
        assert everything(book) == before


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("0.123456789", 9),
        ("1.000000001", 9),
        ("1.0000000010000", 9),
        ("1e-9", 9),
        ("123e-11", 11),
        ("0.000000000000000001", 18),
        ("9.223372036854775807", 18),
        ("9.223372036854775808", -1),
        ("0.0000000000000000001", -1),
        ("1e-400", -1),
        ("1e-99999999999999999999", -1),
        ("1e400", -1),
        ("9223372036854775808", -1),
        ("1e99999999999999999999", -1),
    ],
)
def test_a_precision_error_names_the_decimals_needed(text: str, needed: int) -> None:
    book = full_book()
    before = everything(book)
    for at, field in enumerate(("price", "size")):
        level = ["100.1", "1"]
        level[at] = text
        for apply in methods(book):
            with pytest.raises(PrecisionError) as caught:
                apply([], [["200", "1"], level])
            assert caught.value.needed == needed
            assert caught.value.field == f"asks[1].{field}"
            assert everything(book) == before


@pytest.mark.parametrize(
    ("text", "holds"),
    [("92233720368.54775808", False), ("1e12", True), ("9223372036854775807", True), ("100000000000", True)],
)
def test_an_overflow_at_this_scale_names_one_that_holds_it(text: str, holds: bool) -> None:
    """``needed`` is -1 only where no scale would do."""
    book = full_book()
    with pytest.raises(PrecisionError) as caught:
        book.apply_delta([[text, "1"]], [])
    assert (caught.value.needed >= 0) == holds
    if holds:
        other = csbook.Book("X", price_decimals=caught.value.needed)
        other.apply_snapshot([[text, "1"]], [])
        assert int(other.bid_prices_raw[0]) == int(Decimal(text).scaleb(caught.value.needed))


def test_the_largest_values_fit_exactly() -> None:
    for decimals in range(19):
        book = csbook.Book("X", price_decimals=decimals, size_decimals=decimals)
        largest = str(Decimal(2**63 - 1).scaleb(-decimals))
        book.apply_snapshot([[largest, largest]], [])
        assert core_raw(book)[:2] == ([2**63 - 1], [2**63 - 1])
        above = f"{Decimal(2**63).scaleb(-decimals):f}"
        with pytest.raises(PrecisionError):
            book.apply_delta([[above, "1"]], [])
        with pytest.raises(PrecisionError):
            book.apply_delta([["1" if decimals else "5", above]], [])
        assert len(book.bid_prices_raw) == 1


def test_all_is_read_before_anything_is_changed() -> None:
    """The last entry of the last side is bad: not one level of the others went in."""
    book = full_book()
    before = everything(book)
    for apply in methods(book):
        with pytest.raises(BadMessage):
            apply([["1", "1"], ["2", "2"]], [["300", "1"], ["301", "x"]], sequence=99, event_time_ns=99)
        assert everything(book) == before
    book._check()


def test_an_error_inside_an_iterable_comes_through_and_changes_nothing() -> None:
    def broken() -> Iterator[list[str]]:
        yield ["1", "1"]
        raise RuntimeError("from the caller's own code")

    book = full_book()
    before = everything(book)
    for apply in methods(book):
        with pytest.raises(RuntimeError, match="caller's own"):
            apply(broken(), GOOD_ASKS)
        with pytest.raises(RuntimeError, match="caller's own"):
            apply(GOOD_BIDS, broken())
        assert everything(book) == before


def test_too_many_levels_are_refused() -> None:
    book = full_book()
    before = everything(book)
    for apply in methods(book):
        with pytest.raises(BadMessage):
            apply(((str(price), "1") for price in range(1, MAX_LEVELS + 2)), [])
        assert everything(book) == before


@pytest.mark.parametrize(
    "options",
    [
        {"price_decimals": -1}, {"price_decimals": 19}, {"size_decimals": -1}, {"size_decimals": 19}, {"capacity": 0},
        {"capacity": -1}, {"capacity": MAX_LEVELS + 1}, {"max_levels": 0}, {"max_levels": -5},
    ],
    ids=str,
)  # fmt: skip
def test_constructor_values_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        csbook.Book("BTCUSDT", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"price_decimals": "8"}, {"size_decimals": 8.5}, {"capacity": "64"}, {"capacity": None}, {"max_levels": "5"},
        {"price_decimals": None},
    ],
    ids=str,
)  # fmt: skip
def test_constructor_values_of_wrong_type(options: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        csbook.Book("BTCUSDT", **options)


@pytest.mark.parametrize("symbol", ["", "X" * 32, "BTC\u20acUSD", "\u00e9", "X" * 1000], ids=ascii)
def test_symbols_that_cannot_be(symbol: str) -> None:
    with pytest.raises(UsageError):
        csbook.Book(symbol)


@pytest.mark.parametrize("symbol", [None, 5, b"BTCUSDT", ["BTCUSDT"]], ids=ascii)
def test_symbols_of_wrong_type(symbol: Any) -> None:
    with pytest.raises(TypeError):
        csbook.Book(symbol)


def test_the_longest_symbol() -> None:
    assert csbook.Book("X" * 31).symbol == "X" * 31


@pytest.mark.parametrize("name", ["sequence", "event_time_ns", "receive_time_ns"])
def test_numbers_beside_the_levels(name: str) -> None:
    book = full_book()
    before = everything(book)
    for apply in methods(book):
        for wrong in (2**63, 2**200, 1.5, "1", None):
            with pytest.raises(UsageError if isinstance(wrong, int) else TypeError):
                apply(GOOD_BIDS, GOOD_ASKS, **{name: wrong})
            assert everything(book) == before
    for apply in methods(book):
        apply(GOOD_BIDS, GOOD_ASKS, **{name: 2**63 - 1})
        assert getattr(book, name) == 2**63 - 1


def test_an_unknown_venue_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        csbook.Router("nyse", [csbook.Book("BTCUSDT")])
    assert "binance" in str(caught.value)
    assert "coinswitch" in str(caught.value)
    assert "nyse" in str(caught.value)


def test_the_tree_of_errors() -> None:
    assert issubclass(PrecisionError, BadMessage)
    assert issubclass(BadMessage, CsbookError)
    assert issubclass(BadMessage, ValueError)
    assert issubclass(UsageError, ValueError)
    assert csbook.BadMessage is BadMessage


def test_a_refusal_says_why() -> None:
    router = csbook.Router("coinswitch", [csbook.Book("BTCUSDT")])
    assert router.feed(b'{"lastUpdateId":1,"bids":[["1","x"]],"asks":[]}') is csbook.Outcome.REFUSED
    assert isinstance(router.last_refusal, str)
    assert router.last_refusal
