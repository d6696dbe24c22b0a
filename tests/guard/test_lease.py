from __future__ import annotations

import pytest

from csbook.guard.lease import Lease, Step

MINUTE = 60.0


def lease(dice: float = 0.0) -> Lease:
    return Lease(life=60 * MINUTE, renewal=(30 * MINUTE, 50 * MINUTE), dice=lambda: dice)


def test_without_a_key_a_new_one_is_needed() -> None:
    assert lease().step(0.0) == (Step.RENEW, 0.0) and not lease().is_alive


@pytest.mark.parametrize(("dice", "age"), [(0.0, 30 * MINUTE), (0.5, 40 * MINUTE), (1.0, 50 * MINUTE)])
def test_it_is_extended_at_an_age_that_is_drawn(dice: float, age: float) -> None:
    key = lease(dice)
    key.granted(100.0)
    assert key.step(100.0) == (Step.WAIT, age)
    assert key.step(100.0 + age - 1.0) == (Step.WAIT, 1.0)
    assert key.step(100.0 + age) == (Step.EXTEND, 0.0)
    key.granted(100.0 + age)
    assert key.step(100.0 + age) == (Step.WAIT, age)
    assert key.expires == 100.0 + age + 60 * MINUTE


def test_an_extension_that_fails_is_tried_again_until_the_key_is_dead() -> None:
    key = lease()
    key.granted(0.0)
    now, waits = 30 * MINUTE, []
    while True:
        assert key.step(now) == (Step.EXTEND, 0.0)
        key.failed(now)
        step, wait = key.step(now)
        if step is Step.RENEW or now + wait >= 60 * MINUTE:
            break
        waits.append(wait)
        now += wait
    assert waits[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert key.step(60 * MINUTE - 0.1)[0] in (Step.WAIT, Step.EXTEND)
    assert key.step(60 * MINUTE) == (Step.RENEW, 0.0)
    assert not key.is_alive


def test_one_success_forgives_the_failures() -> None:
    key = lease()
    key.granted(0.0)
    for _ in range(5):
        key.failed(30 * MINUTE)
    key.granted(31 * MINUTE)
    key.failed(61 * MINUTE)
    assert key.step(61 * MINUTE) == (Step.WAIT, 1.0)


def test_a_key_that_is_over_is_never_good_again() -> None:
    key = lease()
    key.granted(0.0)
    key.over()
    assert key.step(1.0) == (Step.RENEW, 0.0)


def test_a_wait_never_goes_beyond_the_end() -> None:
    key = lease(1.0)
    key.granted(0.0)
    key.failed(59.5 * MINUTE)
    key.failed(59.5 * MINUTE)
    for _ in range(8):
        key.failed(59.5 * MINUTE)
    assert key.step(59.5 * MINUTE) == (Step.WAIT, 0.5 * MINUTE)


@pytest.mark.parametrize("renewal", [(0.0, 10.0), (20.0, 10.0), (10.0, 60.0), (-1.0, 5.0)])
def test_no_such_lease(renewal: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="no such lease"):
        Lease(life=60.0, renewal=renewal)
