"""Forms: what fits is the same in every way that was looked at, and everything else does not fit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from csbook.wire._form import KEPT, Form, Forms


def forms(*known: Form, most: int = -1) -> Forms:
    made = Forms(most)
    for form in known:
        made.add(form)
    return made


ROW = Form(("a", "wb"), (str, str), (None, True))
GOOD = {"e": "x", "E": 5, "B": [{"a": "USDT", "wb": "1.5"}, {"a": "", "wb": "-3"}], "o": {"q": "1", "m": None}}


def order() -> Forms:
    inner = forms(Form(("q", "m"), (str, type(None)), (True, None)), Form(("q", "m"), (str, bool), (True, None)))
    demands = (None, None, forms(ROW, most=3), inner)
    return forms(Form(("e", "E", "B", "o"), (str, int, list, dict), demands))


def test_what_is_alike_fits() -> None:
    known = order()
    assert known.fit(GOOD)
    assert known.fit({**GOOD, "e": "y", "E": -7, "B": [], "o": {"q": "-0.10", "m": True}})
    assert forms(Form((), (), ())).fit({})


@pytest.mark.parametrize(
    "change",
    [
        {"e": 1}, {"e": None}, {"E": 5.0}, {"E": True}, {"E": "5"}, {"z": 1}, {"B": None}, {"B": {}}, {"B": [1]},
        {"B": ({"a": "", "wb": "1"},)}, {"B": [{"a": "", "wb": "1"}, {"a": "", "wb": 1}]}, {"B": [{"a": ""}]},
        {"B": [{"wb": "1", "a": ""}]}, {"B": [{"a": "", "wb": "1", "c": "1"}]}, {"o": {}}, {"o": []}, {"o": None},
        {"o": {"q": "", "m": None}}, {"o": {"q": "1e5", "m": None}}, {"o": {"q": "\u0661", "m": None}},
        {"o": {"q": "1\u00b2", "m": None}}, {"o": {"q": "1,5", "m": None}}, {"o": {"q": "1 ", "m": None}},
        {"o": {"q": "1/", "m": None}}, {"o": {"q": "1:", "m": None}}, {"o": {"q": Decimal(1), "m": None}},
        {"o": {"q": "1", "m": 1}}, {"o": {"m": None, "q": "1"}}, {"o": {"q": "1", "n": None}},
    ],
)  # fmt: skip
def test_what_is_not_alike_does_not_fit(change: dict[str, Any]) -> None:
    assert not order().fit({**GOOD, **change})


@pytest.mark.parametrize("value", [None, 1, "e", [], [GOOD], (), {}])
def test_what_is_no_such_object(value: object) -> None:
    assert not order().fit(value)
    assert not Forms().fit(value), "nothing is known here"


def test_keys_in_another_order_or_of_another_kind() -> None:
    assert not order().fit(dict(reversed(GOOD.items())))
    assert not forms(Form(("1",), (int,), (None,))).fit({1: 1})
    assert forms(Form(("".join(("a", "b")),), (int,), (None,))).fit({"".join(("a", "b")): 1}), "equal, not the same"


def test_of_a_long_array_the_first_elements_count() -> None:
    row, other = {"a": "", "wb": "1"}, {"a": ""}
    few = forms(ROW, most=2)
    assert few.fit([]) and few.fit([row]) and few.fit([row, row, other])
    assert not few.fit([row, other]) and not few.fit(row)
    assert forms(most=0).fit([other])


def test_as_many_as_are_kept() -> None:
    known = Forms()
    made = [Form((str(number),), (int,), (None,)) for number in range(KEPT + 1)]
    for form in made[:KEPT]:
        known.add(form)
    known.add(made[0])
    assert all(known.fit({str(number): 1}) for number in range(KEPT)), "one that is known is not added again"
    known.add(made[KEPT])
    assert not known.fit({"0": 1}) and known.fit({str(KEPT): 1})


def test_no_such_form() -> None:
    with pytest.raises(ValueError, match="1 keys, 2 types"):
        Form(("a",), (int, int), (None,))
    with pytest.raises(TypeError, match="demand is str"):
        Form(("a",), (int,), ("digits",))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Forms().add(None)  # type: ignore[arg-type]
