from __future__ import annotations

from decimal import Decimal

import pytest

from csbook.errors import BadMessage
from csbook.types import Instrument
from csbook.venues.instruments import Rules, scales_of


def test_a_book_has_room_for_a_finer_tick() -> None:
    assert scales_of(Instrument("X", Decimal("0.10"), Decimal("0.001"))) == (3, 5)
    assert scales_of(Instrument("X", Decimal("1E-17"), Decimal(10))) == (18, 2)


def test_numbers_are_exact_whatever_they_are_written_as() -> None:
    rules = Rules(b'{"a":0.1,"b":"0.10","c":7,"d":1e-9,"e":null}')
    assert [rules.number(key) for key in "abcd"] == [Decimal("0.1"), Decimal("0.10"), Decimal(7), Decimal("1E-9")]
    assert rules.maybe("e") is None and rules.maybe("f") is None
    with pytest.raises(BadMessage, match=r"e is None; expected a number"):
        rules.number("e")


@pytest.mark.parametrize("payload", [b"", b"[]", b"7", b"{", b"\xff", b'{"a":' * 5000])
def test_what_are_no_rules(payload: bytes) -> None:
    with pytest.raises(BadMessage):
        Rules(payload)


def test_a_fault_names_its_place() -> None:
    rules = Rules(b'{"list":[{"x":{"y":"a"}},{"x":3}],"odd":[1]}')
    first, second = rules.rows("list")
    with pytest.raises(BadMessage) as caught:
        first.part("x").number("y")
    assert caught.value.field == "list[0].x.y"
    with pytest.raises(BadMessage) as caught:
        second.part("x")
    assert caught.value.field == "list[1].x"
    with pytest.raises(BadMessage, match="array of objects"):
        list(rules.rows("odd"))


def test_whole_numbers_and_levels() -> None:
    rules = Rules(b'{"a":5,"b":"7","c":5.5,"d":-1,"e":1e30,"f":[["1",2.50]],"g":{}}', what="the book")
    assert (rules.integer("a"), rules.integer("b"), rules.levels("f")) == (5, 7, [["1", Decimal("2.50")]])
    for key in "cdeg":
        with pytest.raises(BadMessage, match=f"the book: {key} is"):
            rules.integer(key)
    with pytest.raises(BadMessage, match=r"the book: g is .*; expected an array of levels"):
        rules.levels("g")
    with pytest.raises(BadMessage, match="the book: no JSON"):
        Rules(b"{", what="the book")
