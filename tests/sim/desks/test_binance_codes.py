"""What Binance says when it says no."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from csbook.sim import exchange
from csbook.sim.desks.binance_codes import KINDS, Coded, invalid, missing, refused, unexpected
from csbook.sim.exchange import Refusal


def said(operation: str, refusal: Refusal) -> tuple[int, Any]:
    answer = refused(operation, refusal)
    return answer.status, json.loads(answer.body)


def test_every_kind_of_refusal_has_its_code() -> None:
    """The exchange lists its kinds; what is filled ends the order instead, and is told by nobody."""
    listed = set(re.findall(r'"([a-z_]+)"', exchange.Refusal.__doc__ or ""))
    assert set(KINDS) == listed - {"filled"} and len(listed) > 20
    for kind, (code, words) in KINDS.items():
        status, answer = said("place", Refusal(422, "the exchange's own", kind))
        assert (status, answer) == (429 if kind == "rate" else 400, {"code": code, "msg": words})


@pytest.mark.parametrize("kind", ["unknown_order", "ended"])
def test_a_cancel_has_a_code_of_its_own(kind: str) -> None:
    assert said("cancel", Refusal(404, "no such order", kind))[1]["code"] == -2011
    assert said("amend", Refusal(404, "no such order", kind))[1]["code"] == -2013


def test_refusals_with_a_code() -> None:
    assert said("place", Coded(-2015, "who?", 401)) == (401, {"code": -2015, "msg": "who?"})
    for make, code in ((missing, -1102), (unexpected, -1106), (invalid, -1130)):
        status, answer = said("place", make("price"))
        assert (status, answer["code"]) == (400, code) and "'price'" in answer["msg"]
    assert said("place", Refusal(422, "something else"))[1] == {"code": -1102, "msg": "something else"}


def test_the_codes_are_the_sheet_s(shared_data: Path) -> None:
    sheet = shared_data.parent / "venues" / "binance.md"
    table = set(map(int, re.findall(r"-(\d{4})\b", sheet.read_text(encoding="utf-8").partition("| Code |")[2])))
    # of the venue's pages: what stands for the parameter, not for the order
    more = {1100, 1106, 1115, 1116, 4002, 5027}
    assert {-code for code, _ in KINDS.values()} - table - {4005} == more
