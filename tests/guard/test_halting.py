from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csbook.guard.budget import RateBudget
from csbook.guard.halting import NEVER, Ask, Halting, Step
from csbook.types import Alert

LIMITS = {Ask.CANCEL_ALL: 10, Ask.CANCEL: 10, Ask.READ: 20}  # a minute, as the venue's fact sheet has them


@dataclass
class Venue:
    """The venue's half, as small as it can be: open orders, limits it enforces, and everything that can go wrong.

    An order is cancelled ``takes`` seconds after it was asked for; until then it is shown as being cancelled where
    ``tells`` is set, and as open where not. ``deaf`` orders are not reached by cancelling all.
    """

    orders: dict[str, float] = field(default_factory=dict)  # id -> when it is gone
    dice: random.Random = field(default_factory=random.Random)
    takes: float = 0.0
    tells: bool = True
    deaf: frozenset[str] = frozenset()
    broken: float = 0.0  # share of the requests that fail, half of them after they were carried out
    broken_until: float = NEVER
    only: Ask | None = None  # what breaks; None: everything
    arriving: list[tuple[float, str]] = field(default_factory=list)  # orders that were on their way at the halt
    page: int = 1000
    served: dict[Ask, deque[float]] = field(default_factory=lambda: {ask: deque() for ask in Ask})
    refused: int = 0
    log: list[tuple[float, Step]] = field(default_factory=list)

    def settle(self, now: float) -> None:
        for at, order_id in self.arriving:
            if at <= now:
                self.orders[order_id] = NEVER
        self.arriving = [(at, order_id) for at, order_id in self.arriving if at > now]
        self.orders = {order_id: gone for order_id, gone in self.orders.items() if gone > now}

    def serve(self, step: Step, now: float) -> dict[str, bool] | str | None:
        """The answer: a list, None for done, or text for a failure."""
        self.log.append((now, step))
        self.settle(now)
        served = self.served[step.ask]
        while served and served[0] <= now - 60.0 + 1e-6:
            served.popleft()
        if len(served) >= LIMITS[step.ask]:
            self.refused += 1
            return "429"
        served.append(now)
        broken = now < self.broken_until and self.only in (None, step.ask) and self.dice.random() < self.broken
        if broken and self.dice.random() < 0.5:
            return "503"
        answer: dict[str, bool] | None = None
        if step.ask is Ask.READ:
            shown = sorted(i for i in self.orders if step.cursor is None or int(i) >= step.cursor)
            answer = {i: self.tells and self.orders[i] < NEVER for i in shown[: self.page]}
        else:
            chosen = set(self.orders) - self.deaf if step.ask is Ask.CANCEL_ALL else {step.order_id}
            for order_id in chosen & self.orders.keys():
                self.orders[order_id] = min(self.orders[order_id], now + self.takes)
        self.settle(now)
        return "timeout" if broken else answer


def budgets(already: int = 0, at: float = 0.0) -> dict[str, RateBudget]:
    made = {ask: RateBudget(limit, 60.0) for ask, limit in LIMITS.items()}
    for ask, budget in made.items():
        for _ in range(min(already, LIMITS[ask])):
            budget.spend(at)
    return {"cancel_all": made[Ask.CANCEL_ALL], "cancel": made[Ask.CANCEL], "read": made[Ask.READ]}


def fifty() -> dict[str, float]:
    return {f"{number:04}": NEVER for number in range(1, 51)}


def run(venue: Venue, halting: Halting, *, round_trip: float = 0.05, until: float = 3600.0) -> tuple[float, list[str]]:
    """Model time until it is done, and what was told."""
    now, told = 0.0, []
    while not halting.is_done:
        told += [alert.text for alert in halting.alerts(now)]
        step = halting.step(now)
        if step is None:
            due = halting.due(now)
            assert due > now or halting.is_done
            now = max(due, now + 1e-6)
            continue
        assert now < until, (told, venue.log[-5:])
        now += round_trip / 2
        answer = venue.serve(step, now)
        now += round_trip / 2
        if isinstance(answer, str):
            halting.failed(now, answer, 5.0 if answer == "429" else 0.0)
        elif answer is None:
            halting.cancelled(now)
        else:
            cursor = int(max(answer)) if answer and len(answer) == venue.page else None
            unsettled = len(venue.arriving)
            told += [alert.text for alert in halting.read(now, answer, cursor=cursor, unsettled=unsettled)]
    return now, told


def kinds(venue: Venue) -> list[str]:
    return [step.ask.value for _, step in venue.log]


def test_fifty_open_orders_and_a_venue_that_works() -> None:
    """The whole halt is two requests and two round trips; the first goes out with the trip."""
    venue = Venue(fifty())
    halting = Halting(0.0, **budgets())
    assert halting.due(0.0) == 0.0
    took, told = run(venue, halting)
    assert kinds(venue) == ["cancel all", "read open orders"]
    assert (venue.log[0][0], took) == (pytest.approx(0.025), pytest.approx(0.1))
    assert told == ["the venue shows no open order (0.1 s, 2 requests)"]
    assert halting.due(took) == NEVER and halting.step(took) is None and halting.open_orders == 0


@pytest.mark.parametrize("tells", [True, False])
def test_cancelling_takes_a_moment(tells: bool) -> None:
    """No single request is spent on what cancelling all has reached."""
    venue = Venue(fifty(), takes=0.8, tells=tells)
    took, _ = run(venue, Halting(0.0, **budgets()))
    assert Counter(kinds(venue)) == {"cancel all": 1, "read open orders": 3}
    assert took < 2.0


def test_a_few_that_cancelling_all_does_not_reach() -> None:
    venue = Venue(fifty(), deaf=frozenset({"0007", "0033"}))
    took, _ = run(venue, Halting(0.0, **budgets()))
    assert Counter(kinds(venue)) == {"cancel all": 1, "read open orders": 5, "cancel": 2}
    assert took < 2.5


def test_fifty_that_must_be_cancelled_one_by_one() -> None:
    """Ten a minute is what the venue allows, so the last ten have to wait for the fifth minute."""
    venue = Venue(fifty(), deaf=frozenset(fifty()))
    took, told = run(venue, Halting(0.0, **budgets()))
    count = Counter(kinds(venue))
    assert count["cancel"] == 50 and count["cancel all"] <= 40
    assert 240.0 <= took < 260.0
    assert venue.refused == 0
    assert told[-1].startswith("the venue shows no open order")


def test_cancelling_all_that_does_nothing_is_not_in_the_way() -> None:
    """Reading the list takes so long that cancelling all could always be tried again first."""
    venue = Venue(fifty(), deaf=frozenset(fifty()), page=7)
    took, _ = run(venue, Halting(0.0, **budgets()), round_trip=3.0)
    assert took < 600.0 and venue.refused == 0


def test_the_limits_are_the_venues_even_after_a_busy_minute() -> None:
    """Its own budgets are spent when the halt comes: it waits for them, and is never refused."""
    venue = Venue(fifty())
    for ask in Ask:
        venue.served[ask].extend([0.0] * LIMITS[ask])
    took, told = run(venue, Halting(1.0, **budgets(already=20)))
    assert venue.refused == 0 and 60.0 <= took < 62.0
    assert told[0] == "open orders 30 s after the halt: ?"


def test_what_others_kept_back_is_there_for_a_halt() -> None:
    spent = budgets()
    for budget in spent.values():
        while budget.wait(0.0, 4) == 0.0:
            budget.spend(0.0)
    venue = Venue(fifty())
    took, _ = run(venue, Halting(0.0, **spent))
    assert took == pytest.approx(0.1)


def test_cancelling_all_fails_and_is_tried_again() -> None:
    venue = Venue(fifty(), broken=1.0, broken_until=20.0, only=Ask.CANCEL_ALL, dice=random.Random(1))
    took, _ = run(venue, Halting(0.0, **budgets()))
    assert took < 30.0
    assert venue.refused == 0


def test_a_venue_that_is_gone_for_ten_minutes() -> None:
    venue = Venue(fifty(), broken=1.0, broken_until=600.0, dice=random.Random(2))
    venue.dice.random = lambda: 0.0  # type: ignore[method-assign]  # nothing is carried out
    took, told = run(venue, Halting(0.0, **budgets()))
    assert 600.0 <= took < 615.0
    assert told[0].startswith("open orders 1 s after the halt: ?; 3 requests failed in a row, the last one was ")
    assert 4 <= len(told) <= 12  # it is told again, less and less often
    assert Counter(kinds(venue))["cancel all"] > 50  # and it never gave up


def test_an_order_on_its_way_is_waited_for() -> None:
    venue = Venue(fifty(), arriving=[(4.0, "0099"), (8.0, "0100")])
    took, told = run(venue, Halting(0.0, **budgets()))
    assert took > 8.0 and not venue.orders
    assert Counter(kinds(venue))["cancel"] == 2
    assert told == [f"the venue shows no open order ({took:.1f} s, {len(venue.log)} requests)"]


def test_what_is_on_its_way_for_long_is_told() -> None:
    _, told = run(Venue(arriving=[(40.0, "0099")]), Halting(0.0, **budgets()))
    assert told[0] == "open orders 30 s after the halt: 0, and 1 on their way"


def test_an_order_that_is_being_cancelled_for_too_long_is_cancelled_again() -> None:
    venue = Venue({"0001": 1e9})
    halting = Halting(0.0, **budgets())
    for now in (0.0, 0.1):
        assert halting.step(now) is not None
        halting.cancelled(now) if now == 0.0 else halting.read(now, {"0001": True})
    asked = []
    now = 0.2
    while now < 14.0:
        step = halting.step(now)
        if step is None:
            now = halting.due(now)
        elif step.ask is Ask.READ:
            halting.read(now, {"0001": True})
        else:
            asked.append((step, round(now, 1)))
            venue.orders.clear()
            halting.cancelled(now)
    assert asked[0][0] == Step(Ask.CANCEL, "0001") and 10.1 <= asked[0][1] <= 13.2


def test_pages() -> None:
    """A list of several pages counts once it is whole; the same page for ever is an end, too."""
    venue = Venue(fifty(), page=20, deaf=frozenset({"0049"}))
    run(venue, Halting(0.0, **budgets()))
    halting = Halting(0.0, **budgets())
    halting.step(0.0)
    halting.cancelled(0.0)
    assert halting.step(0.0) == Step(Ask.READ)
    halting.read(0.0, {"a": False, "b": False}, cursor=7)
    assert halting.open_orders is None
    assert halting.step(0.0) == Step(Ask.READ, cursor=7)
    halting.read(0.0, {"b": False, "c": False}, cursor=7)
    assert halting.step(0.0) == Step(Ask.READ, cursor=7)
    halting.read(0.0, {"b": False, "c": False}, cursor=7)
    assert halting.open_orders == 3


def test_a_list_that_breaks_off_is_read_from_its_beginning() -> None:
    halting = Halting(0.0, **budgets())
    halting.step(0.0)
    halting.cancelled(0.0)
    halting.step(0.0)
    halting.read(0.0, {"a": False}, cursor=7)
    halting.step(0.0)
    halting.failed(0.0, "503")
    assert halting.step(0.5) == Step(Ask.READ)
    assert halting.read(0.5, {}) == [Alert("halt", "the venue shows no open order (0.5 s, 4 requests)")]


def test_an_answer_to_nothing() -> None:
    halting = Halting(0.0, **budgets())
    with pytest.raises(ValueError, match="under way is nothing"):
        halting.cancelled(0.0)
    halting.step(0.0)
    assert halting.step(0.0) is None  # one at a time
    with pytest.raises(ValueError, match="under way is cancel all"):
        halting.read(0.0, {})


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    orders=st.integers(0, 60),
    deaf=st.integers(0, 60),
    takes=st.sampled_from([0.0, 0.3, 2.0, 15.0]),
    broken=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    until=st.sampled_from([5.0, 90.0]),
    page=st.sampled_from([7, 25, 1000]),
    arriving=st.lists(st.floats(0.0, 40.0), max_size=4),
    round_trip=st.sampled_from([0.001, 0.05, 3.0]),
    tells=st.booleans(),
)
def test_whatever_happens_it_ends_with_none_open(
    seed: int,
    orders: int,
    deaf: int,
    takes: float,
    broken: float,
    until: float,
    page: int,
    arriving: list[float],
    round_trip: float,
    tells: bool,
) -> None:
    ids = [f"{number:04}" for number in range(orders)]
    venue = Venue(
        dict.fromkeys(ids, NEVER),
        random.Random(seed),
        takes=takes,
        tells=tells,
        deaf=frozenset(ids[:deaf]),
        broken=broken,
        broken_until=until,
        arriving=[(at, f"9{number:03}") for number, at in enumerate(arriving)],
        page=page,
    )
    halting = Halting(0.0, **budgets())
    took, told = run(venue, halting, round_trip=round_trip, until=3000.0)
    venue.settle(took)
    assert not venue.orders and not venue.arriving
    assert venue.refused == 0
    assert told[-1].startswith("the venue shows no open order")
    assert len(told) < 40
