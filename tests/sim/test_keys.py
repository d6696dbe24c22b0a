from __future__ import annotations

import pytest

from csbook.clock import TapeClock
from csbook.sim.accounts import Account
from csbook.sim.exchange import Refusal
from csbook.sim.keys import ListenKeys


def test_keys_live_for_an_hour_from_the_last_renewal_of_any() -> None:
    clock = TapeClock()
    keys = ListenKeys(clock)
    mine, other = Account("mine"), Account("other")
    with pytest.raises(Refusal, match="has no live one") as caught:
        keys.extend(mine)
    assert caught.value.status == 400
    first, foreign = keys.new(mine), keys.new(other)
    clock.advance(1800 * 10**9)
    second = keys.new(mine)
    assert len({first, second, foreign}) == 3
    assert [keys.owner(key) for key in (first, second, foreign)] == [mine, mine, other]
    clock.advance(1799 * 10**9)
    keys.extend(mine)  # both of them
    assert keys.expired() == []
    clock.advance(1 * 10**9)
    assert keys.owner(foreign) is None
    assert keys.expired() == [foreign]
    clock.advance(3599 * 10**9 - 1)
    assert keys.owner(first) is mine
    assert keys.owner(second) is mine
    clock.advance(1)
    assert keys.owner(first) is keys.owner(second) is None
    with pytest.raises(Refusal):
        keys.extend(mine)
    assert sorted(keys.expired()) == sorted([first, second])


def test_keys_end_on_demand() -> None:
    keys = ListenKeys(TapeClock())
    mine, other = Account("mine"), Account("other")
    a, b, c = keys.new(mine), keys.new(mine), keys.new(other)
    assert keys.expire(mine) == [a, b]
    assert keys.owner(a) is None
    assert keys.owner(c) is other
    assert keys.expire() == [c]
    assert keys.owner("") is None


def test_keys_that_are_given_back() -> None:
    keys = ListenKeys(TapeClock())
    mine, other = Account("mine"), Account("other")
    ended: list[list[str]] = []
    keys.ended = ended.append
    key, foreign = keys.new(mine), keys.new(other)
    keys.give_back(mine)
    assert ended == [[key]]
    assert keys.owner(key) is None and keys.owner(foreign) is other
