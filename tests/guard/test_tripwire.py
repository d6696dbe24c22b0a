from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest

from csbook.guard.tripwire import NEVER, Cause, Tripped, Tripwire, Tripwires

D = Decimal


def causes(tripped: list[Tripped]) -> list[Cause]:
    return [one.cause for one in tripped]


def test_calm() -> None:
    wires = Tripwires(Tripwire(loss=D(100)))
    wires.stream(True, 0.0)
    wires.book("BTCUSDT", True, 0.0)
    for now in range(1000):
        assert wires.judge(float(now), exposed=5, quoted={"BTCUSDT"}, profit=D(0)) == []
    assert wires.due(5.0, exposed=5, quoted={"BTCUSDT"}) == NEVER


def test_the_private_stream_is_lost_with_orders_out() -> None:
    wires = Tripwires(Tripwire(stream_lost_after=10.0))
    wires.stream(False, 100.0)
    wires.stream(False, 105.0)  # only the first loss counts
    assert wires.judge(200.0, exposed=0) == []
    assert wires.due(102.0, exposed=0) == NEVER
    assert wires.due(102.0, exposed=3) == 110.0
    assert wires.judge(109.9, exposed=3) == []
    (one,) = wires.judge(110.0, exposed=3)
    assert one == Tripped(Cause.STREAM, "the private stream is lost for 10 s and 3 orders are out")
    assert wires.judge(111.0, exposed=3) == []
    assert wires.due(111.0, exposed=3) == NEVER
    wires.stream(True, 112.0)
    assert wires.judge(150.0, exposed=3) == []
    wires.stream(False, 150.0)
    assert causes(wires.judge(160.0, exposed=1)) == [Cause.STREAM]


def test_an_order_that_comes_out_later() -> None:
    wires = Tripwires(Tripwire(stream_lost_after=10.0))
    wires.stream(False, 100.0)
    assert wires.judge(500.0) == []
    assert wires.due(500.0, exposed=1) == 500.0
    assert causes(wires.judge(500.0, exposed=1)) == [Cause.STREAM]


def test_quotes_on_a_stale_book() -> None:
    wires = Tripwires(Tripwire(book_stale_after=5.0))
    wires.book("BTCUSDT", False, 10.0)
    wires.book("ETHUSDT", False, 12.0)
    wires.book("BTCUSDT", False, 14.0)  # another state that is not LIVE: the time goes on
    assert wires.judge(100.0, quoted={"SOLUSDT"}) == []
    assert wires.due(11.0, quoted={"ETHUSDT"}) == 17.0
    (one,) = wires.judge(15.0, quoted={"BTCUSDT", "ETHUSDT"})
    assert one == Tripped(Cause.BOOK, "BTCUSDT is quoted, and its book is not LIVE for 5 s")
    assert [one.reason.split()[0] for one in wires.judge(17.0, quoted=["BTCUSDT", "ETHUSDT"])] == ["ETHUSDT"]
    wires.book("BTCUSDT", True, 18.0)
    wires.book("BTCUSDT", False, 19.0)
    assert wires.judge(23.9, quoted={"BTCUSDT"}) == []
    assert causes(wires.judge(24.0, quoted={"BTCUSDT"})) == [Cause.BOOK]


def test_a_storm_of_rejects() -> None:
    wires = Tripwires(Tripwire(rejects=3, rejects_window=10.0))
    for now in (0.0, 6.0, 12.0, 18.0):
        wires.rejected(now)
        assert wires.judge(now) == []
    wires.rejected(19.0)
    (one,) = wires.judge(19.0)
    assert one == Tripped(Cause.REJECTS, "3 orders were rejected within 10 s")
    wires.rejected(19.5)
    assert wires.judge(19.5) == []  # the same storm
    assert wires.judge(60.0) == []
    for now in (70.0, 70.1, 70.2):
        wires.rejected(now)
    assert causes(wires.judge(70.2)) == [Cause.REJECTS]


def test_one_reject_can_be_enough() -> None:
    wires = Tripwires(Tripwire(rejects=1))
    assert wires.judge(0.0) == []
    wires.rejected(0.0)
    assert causes(wires.judge(0.0)) == [Cause.REJECTS]


def test_the_loss_limit() -> None:
    wires = Tripwires(Tripwire(loss=D("100")))
    for profit in (D("5"), None, D("-99.99999999"), D("-100")):
        assert wires.judge(0.0, profit=profit) == []
    (one,) = wires.judge(0.0, profit=D("-100.00000001"))
    assert one == Tripped(Cause.LOSS, "the profit is -100.00000001, the limit -100")
    assert wires.judge(0.0, profit=D("-250")) == []
    assert wires.judge(0.0, profit=D("-10")) == []
    assert causes(wires.judge(0.0, profit=D("-101"))) == [Cause.LOSS]


@pytest.mark.parametrize("profit", [D("nan"), D("snan"), D("-inf"), D("inf")])
def test_a_profit_that_is_no_number_is_a_loss(profit: Decimal) -> None:
    assert causes(Tripwires(Tripwire(loss=D(1))).judge(0.0, profit=profit)) == [Cause.LOSS]


def test_rules_that_are_off() -> None:
    wires = Tripwires(Tripwire(stream_lost_after=None, book_stale_after=None, rejects=None, loss=None))
    wires.stream(False, 0.0)
    wires.book("BTCUSDT", False, 0.0)
    for _ in range(100):
        wires.rejected(0.0)
    assert wires.judge(1e6, exposed=9, quoted={"BTCUSDT"}, profit=D("-1e9")) == []
    assert wires.due(1e6, exposed=9, quoted={"BTCUSDT"}) == NEVER


def test_after_rearming_what_still_holds_is_told_again() -> None:
    wires = Tripwires(Tripwire(rejects=2, loss=D(1)))
    wires.stream(False, 0.0)
    wires.book("BTCUSDT", False, 0.0)
    wires.rejected(99.0)
    wires.rejected(99.0)

    def judged() -> list[Cause]:
        return causes(wires.judge(100.0, exposed=1, quoted={"BTCUSDT"}, profit=D(-2)))

    assert judged() == [Cause.STREAM, Cause.BOOK, Cause.REJECTS, Cause.LOSS]
    assert judged() == []
    wires.reset()
    assert judged() == [Cause.STREAM, Cause.BOOK, Cause.LOSS]  # those rejects were seen by whoever re-armed


@pytest.mark.parametrize(
    "bad",
    [
        {"stream_lost_after": 0.0},
        {"book_stale_after": -1.0},
        {"rejects_window": float("inf")},
        {"stream_lost_after": float("nan")},
        {"rejects": 0},
        {"loss": D(0)},
        {"loss": D("nan")},
        {"loss": 100.0},
    ],
)
def test_no_such_rule(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Tripwire(**bad)


@pytest.mark.parametrize("seed", range(30))
def test_judging_when_due_finds_what_judging_always_finds(seed: int) -> None:
    dice = random.Random(seed)
    events = sorted((round(dice.uniform(0, 60), 1), dice.randrange(4)) for _ in range(40))

    def run(always: bool) -> list[tuple[float, Cause]]:
        wires = Tripwires(Tripwire(stream_lost_after=3.0, book_stale_after=2.0, rejects=4, rejects_window=5.0))
        found, due, exposed = [], 0.0, 1
        for step in range(700):
            now = step / 10
            happened = [what for at, what in events if at == now]
            for what in happened:
                wires.stream(what == 0, now) if what < 2 else wires.book("X", what == 2, now)
                exposed = what
            if always or happened or now >= due - 1e-9:
                found += [(now, one.cause) for one in wires.judge(now + 1e-9, exposed=exposed, quoted={"X"})]
            due = wires.due(now, exposed=exposed, quoted={"X"})
        return found

    assert run(always=True) == run(always=False) != []
