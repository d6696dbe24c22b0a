"""Some tens of the schedules that ``make faults`` runs by the thousand, and whether they would see what is wrong."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from csbook.account import Account
from csbook.account.fills import Fills
from csbook.trader import Trader
from faults.schedule import Divergence, Schedule

# one leg is listed as a position is; a clock 90 s behind, and a fill that a list had seen; a list of before the fill
FOUND = (1098, 1736, 1890)


@pytest.mark.parametrize("seed", [*range(1, 31), *FOUND])
def test_the_books_are_the_same_in_the_end(seed: int) -> None:
    Schedule(seed).run()


def test_a_seed_replays() -> None:
    once, again = Schedule(7), Schedule(7)
    once.run()
    again.run()
    assert once.done == again.done and len(once.notes) > 20


ADD, IDS = Fills.add, count()


def fails(limit: int = 40) -> bool:
    for seed in range(1, limit):
        try:
            Schedule(seed).run()
        except Divergence:
            return True
    return False


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (Fills, "add", lambda self, fill, filled: ADD(self, replace(fill, trade_id=str(next(IDS))), filled)),
        (Account, "unknown", lambda self, key, reason, now_ns: self.refused(key, reason, now_ns)),
        (Trader, "_restored", lambda self: None),
    ],
    ids=["fills count twice", "what is unknown counts as refused", "a return is not reconciled"],
)
def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, wrong: Any) -> None:
    monkeypatch.setattr(owner, name, wrong)
    assert fails()
