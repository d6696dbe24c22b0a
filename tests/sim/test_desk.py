"""The desk that all private dialects share."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.sim.desk import PrivateTalk, decimal_of
from csbook.sim.exchange import Refusal


@pytest.mark.parametrize(
    ("value", "exact"),
    [("0.10", "0.10"), (5, "5"), (Decimal("0.1"), "0.1"), (Decimal("1E-3"), "0.001"), ("007", "7"), ("-1", "-1")],
)
def test_numbers_are_exact(value: Any, exact: str) -> None:
    assert decimal_of("price", value) == Decimal(exact)


@pytest.mark.parametrize(
    "value", ["", " 1", "1e5", "nan", "0x1", "1.", ".5", "１", True, None, [], 0.5, Decimal("1E+999999"), "9" * 21]
)
def test_what_is_no_number_names_its_field(value: Any) -> None:
    with pytest.raises(Refusal, match=r"price .* is no number"):
        decimal_of("price", value)


def test_a_stream_where_nothing_can_be_asked() -> None:
    talk = PrivateTalk()
    assert talk.wants("anything")
    reply = talk.hear(b'{"method":"SUBSCRIBE","params":["btcusdt@depth20"],"id":1}', ())
    assert reply.refused and not reply.subscribe
    assert "error" in json.loads(reply.answers[0])
