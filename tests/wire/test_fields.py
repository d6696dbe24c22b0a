"""The fields one by one; tests/wire/test_records.py reads whole messages through them."""

from __future__ import annotations

import re
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csbook.errors import BadMessage
from csbook.wire import fields
from csbook.wire._fields import KEPT, LONGEST, remembered
from csbook.wire.fields import FloatFound


@pytest.mark.parametrize(
    ("value", "number"),
    [("30000.10", "30000.10"), ("-0", "-0"), (5, "5"), (Decimal("1E-8"), "1E-8"), ("1e3", "1E+3")],
)
def test_a_decimal_is_exact(value: Any, number: str) -> None:
    for _ in range(2):  # the second time it may be remembered
        found = fields.decimal({"p": value}, "p")
        assert str(found) == number == str(fields.maybe_decimal({"p": value}, "p"))


@pytest.mark.parametrize(
    "value",
    ["nan", "Infinity", "1_0", " 1", "", "\u0661", True, [], {}, "1" * 31, "1e100", 10**31, None, Decimal("NaN")],
)
def test_no_decimal(value: Any) -> None:
    with pytest.raises(BadMessage, match="field 'p' is") as caught:
        fields.decimal({"e": "trade", "s": "BTCUSDT", "p": value}, "p")
    assert caught.value.field == "p" and "trade of BTCUSDT" in str(caught.value)


def test_any_mapping_will_do() -> None:
    message = MappingProxyType({"p": "1.5", "s": "btcusdt", "T": 5, "i": 7})
    assert (fields.decimal(message, "p"), fields.maybe_decimal(message, "q")) == (Decimal("1.5"), None)
    assert (fields.symbol(message), fields.time_ns(message, "T"), fields.word(message, "i")) == (
        "BTCUSDT",
        5_000_000,
        "7",
    )
    assert (fields.integer(message, "T"), fields.word(message, "q")) == (5, "")


def test_what_a_message_that_is_no_mapping_raises_is_not_hidden() -> None:
    message: Any = ["p"]
    for reader in (fields.decimal, fields.maybe_decimal, fields.integer, fields.time_ns, fields.symbol, fields.word):
        with pytest.raises(AttributeError):
            reader(message, "p")


DECIMAL = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)


@given(st.text("0123456789.-eE+ \0\u0661", max_size=8) | st.from_regex(DECIMAL, fullmatch=True) | st.text())
@example("1" * 30 + "." + "1" * 30)
@example("-" + "1" * 31)
@example("1." + "1" * 31)
@example("1\0")
@example("1.5\n")
def test_which_texts_are_decimals(text: str) -> None:
    if DECIMAL.fullmatch(text):
        for _ in range(2):
            assert str(fields.decimal({"p": text}, "p")) == str(Decimal(text))
    else:
        with pytest.raises(BadMessage, match="a decimal number, as text"):
            fields.decimal({"p": text}, "p")


def test_a_float_asks_for_a_second_reading() -> None:
    for reader in (fields.decimal, fields.maybe_decimal):
        with pytest.raises(FloatFound):
            reader({"p": 0.1}, "p")
    assert fields.decimal(fields.load_exact(b'{"p":0.1000}'), "p") == Decimal("0.1000")


def test_above_zero() -> None:
    assert fields.decimal({"p": "1"}, "p", positive=True) == 1
    for value in ("0", "-1", "0.0"):
        with pytest.raises(BadMessage, match="above 0"):
            fields.decimal({"p": value}, "p", positive=True)
        assert fields.decimal({"p": value}, "p") <= 0


def test_what_is_absent_may_be() -> None:
    assert fields.maybe_decimal({}, "p") is None and fields.maybe_integer({"p": None}, "p") is None
    with pytest.raises(BadMessage, match="is nothing"):
        fields.decimal({}, "p")


def test_the_memory_of_numbers_and_symbols_is_bounded() -> None:
    for i in range(10_000):
        assert fields.decimal({"p": f"{i}.5"}, "p") == Decimal(f"{i}.5")
        assert fields.symbol({"s": f"s{i}usdt"}) == f"S{i}USDT"
        assert max(remembered()) <= KEPT
    assert min(remembered()) > 0


@pytest.mark.parametrize(("value", "text"), [("x", "x"), (5, "5"), (None, ""), (-(2**63), str(-(2**63))), ("", "")])
def test_a_word(value: Any, text: str) -> None:
    assert fields.word({"i": value}, "i") == text


@pytest.mark.parametrize("value", [1.5, True, [], "x" * (LONGEST + 1), 10**4000])
def test_no_word(value: Any) -> None:
    with pytest.raises(BadMessage, match="field 'i'"):
        fields.word({"i": value}, "i")


@pytest.mark.parametrize("value", [-1, 2**63, True, "5", 1.0, None])
def test_no_time_and_no_integer(value: Any) -> None:
    with pytest.raises(BadMessage):
        fields.time_ns({"T": value}, "T")
    with pytest.raises(BadMessage):
        fields.integer({"T": value}, "T")


@pytest.mark.parametrize("value", ["", "a b", "x" * 32, 5, None, "\u00fc", ["BTCUSDT"]])
def test_no_symbol(value: Any) -> None:
    with pytest.raises(BadMessage, match="a symbol"):
        fields.symbol({"symbol": value}, "symbol")


def test_not_json() -> None:
    with pytest.raises(BadMessage) as caught:
        fields.load(b'{"a":}')
    assert caught.value.offset >= 0
    for text in (b'{"a":}', b"[" * 100_000, b'{"a":1e9999999999999999999}'):
        with pytest.raises(BadMessage):
            fields.load_exact(text)


def test_an_optional_decimal_may_be_empty() -> None:
    assert fields.optional({"p": ""}, "p") is None is fields.optional({}, "p")
    assert fields.optional({"p": "0.10"}, "p") == Decimal("0.10")
    with pytest.raises(BadMessage):
        fields.optional({"p": " "}, "p")


@pytest.mark.parametrize(("value", "ns"), [(5, 5_000_000), ("5", 5_000_000), ("", 0), (None, 0), (0, 0)])
def test_milliseconds_that_may_be_absent(value: Any, ns: int) -> None:
    assert fields.ms({"at": value}, "at") == ns and fields.ms({}, "at") == 0


@pytest.mark.parametrize("value", [-1, 2**53, "x", True, 1.5, "\u0661", "9" * 17])
def test_no_milliseconds(value: Any) -> None:
    with pytest.raises(BadMessage, match="milliseconds"):
        fields.ms({"at": value}, "at")


@pytest.mark.parametrize(
    ("value", "said"), [(True, True), (False, False), (None, None), ("true", True), ("False", False)]
)
def test_a_flag(value: Any, said: bool | None) -> None:
    assert fields.flag({"m": value}, "m") is said


@pytest.mark.parametrize("value", [1, 0, "yes", "", []])
def test_no_flag(value: Any) -> None:
    with pytest.raises(BadMessage, match="true or false"):
        fields.flag({"m": value}, "m")


def test_what_is_read_exactly_is_read_twice_at_most() -> None:
    seen: list[Any] = []

    def read(message: Any) -> Decimal:
        seen.append(message)
        return fields.decimal(message, "p")

    assert fields.exactly(b'{"p":0.12345678901234567890}', read) == Decimal("0.12345678901234567890")
    assert fields.exactly(b'{"p":"1"}', read) == 1 and len(seen) == 3
    with pytest.raises(BadMessage, match="not JSON"):
        fields.exactly(b"{", read)
