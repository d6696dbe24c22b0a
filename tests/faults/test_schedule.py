"""Some tens of the schedules that ``make faults`` runs by the thousand, and whether they would see what is wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from csbook.account import Account
from csbook.account.fills import Fills
from csbook.account.orders import Entry
from csbook.sim.desks import served
from csbook.trader import Trader
from csbook.venues.binance_trading import BinanceTrading
from faults.schedule import Divergence, Schedule

FOUND = {
    # two changes of one ms, of which the first came last; news of before a change after the end; two changes at once
    "binance": (2165, 2252, 2959),
    # an execution without a leg, before its order; a flat position that came after the fill; size of before a change,
    # and the same of a fill in the ms of the change
    "bybit": (138, 571, 199, 2149),
    # one leg is listed as a position is; a clock 90 s behind and a fill that a list had seen; a list of before the fill
    "coinswitch": (1098, 1736, 1890),
}
RUNS = [(venue, seed) for venue in served() for seed in (*range(1, 16), *FOUND.get(venue, ()))]


@pytest.mark.parametrize(("venue", "seed"), RUNS)
def test_the_books_are_the_same_in_the_end(venue: str, seed: int) -> None:
    Schedule(seed, venue).run()


@pytest.mark.parametrize("venue", served())
def test_a_seed_replays(venue: str) -> None:
    once, again = Schedule(7, venue), Schedule(7, venue)
    once.run()
    again.run()
    assert once.done == again.done and len(once.notes) > 20


ADD, IDS = Fills.add, count()


def fails(venue: str, limit: int = 40) -> bool:
    for seed in range(1, limit):
        try:
            Schedule(seed, venue).run()
        except Divergence:
            return True
    return False


@pytest.mark.parametrize(
    ("venue", "owner", "name", "wrong"),
    [
        (
            "coinswitch", Fills, "add",
            lambda self, fill, filled: ADD(self, replace(fill, trade_id=str(next(IDS))), filled),
        ),
        ("coinswitch", Account, "unknown", lambda self, key, reason, now_ns: self.refused(key, reason, now_ns)),
        ("coinswitch", Trader, "_restored", lambda self: None),
        ("binance", BinanceTrading, "read_fills", lambda self, body, at: ()),
        ("binance", Entry, "open_size", property(lambda self: self.order.remaining - Decimal("0.001"))),
    ],
    ids=[
        "fills count twice", "what is unknown counts as refused", "a return is not reconciled",
        "lost fills are not counted", "an order counts for less than it is",
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch, venue: str, owner: Any, name: str, wrong: Any) -> None:
    monkeypatch.setattr(owner, name, wrong)
    assert fails(venue)
