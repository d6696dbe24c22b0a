from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from csbook.guard.ticks import Ticks


def prices(*raw: int) -> np.ndarray:
    return np.array(raw, dtype=np.int64)


def test_on_the_grid() -> None:
    ticks = Ticks(Decimal("0.10"), 3)
    assert ticks.step == 100
    assert ticks.look(prices(), prices()) == [] and ticks.look(prices(100, 500, 10**17), prices(0)) == []
    assert ticks.off_grid == 0


def test_a_price_off_the_grid_is_counted_once() -> None:
    ticks = Ticks(Decimal("0.10"), 3)
    assert ticks.look(prices(300, 250), prices(401)) == [250, 401]
    assert ticks.look(prices(300, 250), prices(401, 499)) == [499]
    assert ticks.off_grid == 3


@pytest.mark.parametrize(
    ("tick", "decimals", "step"),
    [("5", 0, 5), ("0.5", 1, 5), ("0.25", 1, 0), ("1E+1", 2, 1000), ("12345.6", 1, 123456)],
)
def test_the_step_at_a_scale(tick: str, decimals: int, step: int) -> None:
    ticks = Ticks(Decimal(tick), decimals)
    assert ticks.step == step
    assert bool(ticks.look(prices(7))) is (step != 0)


def test_large_and_exact() -> None:
    """Where a float could not tell the two apart."""
    ticks = Ticks(Decimal("0.000000000000000002"), 18)
    assert ticks.look(prices(9_007_199_254_740_992, 9_007_199_254_740_993)) == [9_007_199_254_740_993]


def test_the_memory_is_bounded() -> None:
    ticks = Ticks(Decimal(2), 0)
    odd = np.arange(1, 4001, 2, dtype=np.int64)
    assert len(ticks.look(odd)) == 2000
    assert len(ticks.look(odd)) == 1000  # the first thousand are remembered
