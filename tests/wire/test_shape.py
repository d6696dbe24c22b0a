from __future__ import annotations

from decimal import Decimal

import pytest

from csbook import json
from csbook.wire.shape import (
    ARRAY,
    BOOLEAN,
    DECIMAL,
    INTEGER,
    NULL,
    NUMBER,
    OBJECT,
    TEXT,
    Field,
    Kind,
    Shape,
    kind_of,
    named,
    shape,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b'"1.50"', DECIMAL),
        (b'"-0"', DECIMAL),
        (b'"1e-7"', DECIMAL),
        (b'"BTCUSDT"', Kind.WORDS),
        (b'""', Kind.WORDS),
        (b'"nan"', Kind.WORDS),
        (b'"1_000"', Kind.WORDS),
        (b'"1,5"', Kind.WORDS),
        ('"\u0661"'.encode(), Kind.WORDS),  # a digit, though not one of ours
        (b"1", INTEGER),
        (b"1.0", Kind.FRACTION),
        (b"true", BOOLEAN),
        (b"null", NULL),
        (b"{}", OBJECT),
        (b"[]", ARRAY),
    ],
)
def test_the_kind_of_a_value(text: bytes, kind: Kind) -> None:
    assert kind_of(json.loads(text)) is kind


def test_an_exact_number_is_a_number_and_no_text() -> None:
    assert kind_of(Decimal("0.1")) in NUMBER
    assert kind_of(Decimal("0.1")) not in DECIMAL
    assert kind_of(b"x") is Kind.OTHER


def test_kinds_in_words() -> None:
    assert named(DECIMAL) == "a decimal number as text"
    assert named(TEXT | NULL) == "text or null"
    assert named(INTEGER | DECIMAL) == "a decimal number as text or a whole number"
    assert named(NUMBER | TEXT) == "text or a number"


def test_a_table_is_read() -> None:
    read = shape({"e": TEXT, "N?": TEXT | NULL, "o": {"q": DECIMAL}, "B?": [{"wb": DECIMAL}], "bids": [[DECIMAL]]})
    assert list(read.fields) == ["e", "N", "o", "B", "bids"]
    assert read.fields["N"] == Field(TEXT | NULL, required=False)
    assert read.fields["o"].shape == Shape({"q": Field(DECIMAL)})
    balances = read.fields["B"]
    assert (balances.kinds, balances.required) == (ARRAY, False)
    assert balances.items is not None and balances.items.shape == Shape({"wb": Field(DECIMAL)})
    assert read.fields["bids"].items == Field(ARRAY, items=Field(DECIMAL))
    assert shape({"a": read}).fields["a"].shape is read


def test_a_shape_is_not_changed_by_accident() -> None:
    with pytest.raises(TypeError):
        shape({"e": TEXT}).fields["f"] = Field(TEXT)  # type: ignore[index]


@pytest.mark.parametrize("bad", [{"a": "text"}, {"a": [TEXT, TEXT]}, {"a": []}, {"a": Kind(0)}, {"?": TEXT}])
def test_a_table_that_cannot_be_read(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="field"):
        shape(bad)


def test_a_field_named_twice() -> None:
    with pytest.raises(ValueError, match="named twice"):
        shape({"a": TEXT, "a?": TEXT})
