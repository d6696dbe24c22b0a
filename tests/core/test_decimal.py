"""Numbers: every text becomes exactly its value at the scale, or is refused."""

from __future__ import annotations

import gzip
import random
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csbook
from csbook import Outcome
from csbook.errors import BadMessage, PrecisionError
from oracle import DOUBLE_EXACT, GRAMMAR, as_float, as_text, dump, judge, seed_depth

SCALES = (0, 2, 8, 18)
BIT = {scale: 1 << at for at, scale in enumerate(SCALES)}


def suite(shared_data: Path) -> list[str]:
    """Every decimal text of the suite, once each."""
    texts: dict[str, None] = {}
    for path in sorted((shared_data / "decimal").glob("*.txt.gz")):
        with gzip.open(path, "rt", encoding="ascii") as lines:
            for line in lines:
                texts[line.split()[3]] = None
    return list(texts)


def check_as_size(book: csbook.Book, text: str, decimals: int) -> None:
    verdict, value = judge(text, decimals)
    before = book.digest()
    if verdict == "fits":
        book.apply_snapshot([["1", text]], [])
        if value == 0:
            assert len(book.bid_sizes_raw) == 0
            return
        assert int(book.bid_sizes_raw[0]) == value
        assert Decimal(value).scaleb(-decimals) == Decimal(text)
        if value < DOUBLE_EXACT:
            assert book.best_bid_size == float(text)
        assert book.best_bid_size == as_float(value, decimals)
        return
    with pytest.raises(PrecisionError if verdict == "unfit" else BadMessage) as caught:
        book.apply_snapshot([["1", text]], [])
    if verdict == "unfit" and value > decimals:
        assert caught.value.needed == value
    assert book.digest() == before


def check_as_price(book: csbook.Book, text: str, decimals: int) -> None:
    verdict, value = judge(text, decimals)
    before = book.digest()
    if verdict == "fits" and value > 0:
        book.apply_snapshot([], [[text, "1"]])
        assert int(book.ask_prices_raw[0]) == value
        assert book.best_ask == as_float(value, decimals)
        if value < DOUBLE_EXACT:
            assert book.best_ask == float(text)
        return
    with pytest.raises(PrecisionError if verdict == "unfit" else BadMessage):
        book.apply_snapshot([], [[text, "1"]])
    assert book.digest() == before


@pytest.mark.parametrize("decimals", SCALES)
def test_the_suite_through_apply(shared_data: Path, decimals: int) -> None:
    book = csbook.Book("X", price_decimals=decimals, size_decimals=decimals)
    fits = 0
    for text in suite(shared_data):
        check_as_size(book, text, decimals)
        check_as_price(book, text, decimals)
        fits += judge(text, decimals)[0] == "fits"
    assert fits > 100


@pytest.mark.parametrize("decimals", SCALES)
@pytest.mark.parametrize("quoted", [True, False], ids=["strings", "numbers"])
def test_the_suite_through_feed(shared_data: Path, decimals: int, quoted: bool) -> None:
    """As JSON strings and as JSON numbers, where a leading zero or a bare point is no number at all."""
    book = csbook.Book("X", price_decimals=decimals, size_decimals=decimals)
    router = csbook.Router("coinswitch", [book])
    for text in suite(shared_data):
        verdict, value = judge(text, decimals)
        shown = f'"{text}"' if quoted else text
        if not quoted and text != "0" and text.startswith("0") and text[1:2].isdigit():
            verdict = "refused"
        price = router.feed(f'{{"lastUpdateId":1,"bids":[[{shown},"1"]],"asks":[]}}'.encode())
        assert price is (Outcome.APPLIED if verdict == "fits" and value > 0 else Outcome.REFUSED), text
        if price is Outcome.APPLIED:
            assert int(book.bid_prices_raw[0]) == value
        before = book.digest()
        size = router.feed(f'{{"lastUpdateId":1,"bids":[],"asks":[["1",{shown}]]}}'.encode())
        assert size is (Outcome.APPLIED if verdict == "fits" else Outcome.REFUSED), text
        if size is Outcome.APPLIED:
            assert book.ask_sizes_raw.tolist() == ([value] if value else [])
        else:
            assert book.digest() == before


DIGITS = st.text("0123456789", min_size=1, max_size=24)
TEXTS = st.one_of(
    DIGITS,
    st.builds("{}.{}".format, DIGITS, DIGITS),
    st.builds("{}{}{}".format, DIGITS, st.sampled_from(["e", "E", "e+", "e-", "E-"]), st.integers(0, 40)),
    st.builds("{}.{}e{}".format, DIGITS, DIGITS, st.integers(-40, 40)),
    st.text("0123456789.eE+- ", max_size=12),
    st.text(max_size=6),
)


@settings(max_examples=600, derandomize=True, deadline=None)
@given(text=TEXTS, decimals=st.integers(0, 18))
def test_any_text_at_any_scale(text: str, decimals: int) -> None:
    book = csbook.Book("X", price_decimals=decimals, size_decimals=decimals)
    check_as_size(book, text, decimals)
    check_as_price(book, text, decimals)


def near_misses(rng: random.Random) -> list[str]:
    """A good number with one character changed, dropped or put in."""
    out = []
    for _ in range(400):
        text = rng.choice(["123.456", "0.00000001", "1e-8", "61800.20", "92233720368.54775807", "1.5E+3", "007"])
        at = rng.randrange(len(text) + 1)
        odd = rng.choice(["", ".", "e", "E", "+", "-", " ", "0", "9", "x", "/", ":", "\x00", "\n", "\u0665"])
        out.append(text[:at] + odd + text[at + rng.randrange(2) :])
    return out


def test_near_misses() -> None:
    book = csbook.Book("X")
    for text in near_misses(random.Random(8)):
        check_as_size(book, text, 8)
        check_as_price(book, text, 8)


@pytest.mark.parametrize("decimals", range(19))
def test_every_scale_near_its_edges(decimals: int) -> None:
    book = csbook.Book("X", price_decimals=decimals, size_decimals=decimals)
    edge = 2**63 - 1
    for raw in (1, 9, 10, 10**decimals - 1 or 1, 10**decimals, DOUBLE_EXACT - 1, DOUBLE_EXACT + 1, edge - 1, edge):
        text = as_text(raw, decimals)
        if raw < 10**decimals or decimals == 0 or "." in text:
            assert GRAMMAR.fullmatch(text)
        check_as_size(book, text, decimals)
        check_as_price(book, text, decimals)
        for longer in (text + "0" * 40, "0" * 40 + text) if "." in text else ("0" * 40 + text,):
            check_as_size(book, longer, decimals)
    check_as_size(book, as_text(edge + 1, decimals), decimals)
    check_as_price(book, as_text(10**30, decimals), decimals)


def test_trailing_zeros_are_no_digits() -> None:
    book = csbook.Book("X", price_decimals=0, size_decimals=3)
    book.apply_snapshot([["1471201.000000000000", "0.005000000000"]], [])
    assert (int(book.bid_prices_raw[0]), int(book.bid_sizes_raw[0])) == (1471201, 5)
    book.apply_snapshot([["1471201" + "." + "0" * 5000, "1" + "0" * 3 + "e-3"]], [])
    assert (int(book.bid_prices_raw[0]), int(book.bid_sizes_raw[0])) == (1471201, 1000)


def test_zero_in_every_spelling() -> None:
    for zero in ("0", "0.0", "000", "0.000000000000000000000000", "0e0", "0e-999", "0E+999", "0e99999999999999999999"):
        book = csbook.Book("X", price_decimals=0, size_decimals=0)
        book.apply_snapshot([["5", "1"], ["4", "1"]], [])
        book.apply_delta([["5", zero]], [])
        assert book.bid_prices_raw.tolist() == [4], zero


def test_floats_of_the_book_are_those_of_the_text() -> None:
    """The mirror divides by the power of ten; a product with its inverse is wrong in the last bit."""
    rng = random.Random(17)
    for decimals in (1, 2, 3, 5, 8, 12, 17):
        raws = sorted(rng.sample(range(1, DOUBLE_EXACT), 2000))
        texts = [as_text(raw, decimals) for raw in raws]
        book = csbook.Book("X", price_decimals=decimals, size_decimals=decimals)
        book.apply_snapshot([], [[text, text] for text in texts])
        assert book.ask_prices.tolist() == [float(text) for text in texts]
        assert book.ask_sizes.tolist() == [float(text) for text in texts]
        assert book.asks().tolist() == [[float(text)] * 2 for text in texts]


def test_the_same_number_in_other_words_is_the_same_level() -> None:
    book = csbook.Book("X")
    router = csbook.Router("coinswitch", [book])
    spelled = [["100", "1"], ["100.0", "2"], ["1e2", "3"], ["0100", "4"], ["1.00E+2", "5"], ["10000e-2", "6"]]
    assert router.feed(dump(seed_depth(1, spelled, []))) is Outcome.APPLIED
    assert book.bids().tolist() == [[100.0, 6.0]]
    assert book.counts["merged"] == 5
