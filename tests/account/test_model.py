"""The account against a model of a venue: whatever happened, it is the venue's once all is quiet, and never short of
it.

``CSBOOK_MODEL_WORLDS`` and ``CSBOOK_MODEL_SEED`` run more and other worlds, ``CSBOOK_MODEL_EXAMPLES`` more of
hypothesis'; a failing world names its seed, and the seed replays it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from account.world import World

pytestmark = pytest.mark.computes

WORLDS = int(os.environ.get("CSBOOK_MODEL_WORLDS", "1500"))
SEED = int(os.environ.get("CSBOOK_MODEL_SEED", "0"))
EXAMPLES = int(os.environ.get("CSBOOK_MODEL_EXAMPLES", "300"))


def run(seed: int) -> World:
    chance = random.Random(seed)
    made = World(chance.randrange)
    try:
        made.run(chance.randrange(1, 80))
    except Exception as error:
        error.add_note(f"the world of seed {seed}")
        raise
    return made


@pytest.mark.parametrize("part", range(10))
def test_random_worlds(part: int) -> None:
    for seed in range(SEED + part, SEED + WORLDS, 10):
        run(seed)


def test_a_seed_replays_its_world() -> None:
    for seed in range(20):
        first, second = run(seed), run(seed)
        assert dict(first.account.orders) == dict(second.account.orders)
        assert list(first.account.fills) == list(second.account.fills)
        assert dict(first.account.positions) == dict(second.account.positions)
        assert first.account.counts == second.account.counts


def test_the_worlds_hold_what_they_are_about() -> None:
    """Losses, repeats, refusals and hand-made orders do take place, so that a silent model cannot pass."""
    totals: dict[str, int] = {}
    adopted = unsettled = 0
    for seed in range(200):
        made = run(seed)
        for name, count in made.account.counts.items():
            totals[name] = totals.get(name, 0) + count
        adopted += any(not order.own for order in made.account.orders.values())
        unsettled += made.unsettled
    assert totals["duplicates"] > 20
    assert totals["gaps"] > 20
    assert totals["stale"] > 20
    assert adopted > 5
    assert unsettled > 20


class Model(RuleBasedStateMachine):
    """hypothesis chooses, so that what it finds it also makes small."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        self.world = World(self.chooser(data))

    def chooser(self, data: st.DataObject) -> Callable[[int], int]:
        return lambda count: data.draw(st.integers(0, count - 1))

    @rule(data=st.data(), step=st.sampled_from((*World.STEPS, *World.STEPS, "settle", "restart")))
    def step(self, data: st.DataObject, step: str) -> None:
        assert self.world is not None
        self.world.choose = self.chooser(data)
        getattr(self.world, step)()

    @invariant()
    def never_short(self) -> None:
        if self.world is not None:
            self.world.check()

    def teardown(self) -> None:
        if self.world is not None:
            self.world.choose = lambda count: 0  # everything arrives
            self.world.settle()
            self.world.check()


def test_the_model() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Model,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=60,
            deadline=None,
            derandomize=EXAMPLES <= 300,
            suppress_health_check=list(HealthCheck),
        ),
    )
