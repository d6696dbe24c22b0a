from __future__ import annotations

import pytest

from csbook.clock import TapeClock
from csbook.sim.accounts import Account
from csbook.sim.exchange import Refusal
from csbook.sim.keys import ListenKeys, identify

NOW = 1_700_000_000_000
KEY, SECRET = "0123456789abcdef", "fedcba9876543210"
# printf '%s' '1700000000000' '0123456789abcdef' '{"a":1}' | openssl dgst -sha256 -hmac fedcba9876543210
BODY_SIGNATURE = "d7babcf62e84acea7d94207cc91253e5f83bf268ee40290ba8ac3afc40d51918"
# the same without the body
EMPTY_SIGNATURE = "a15d35f27a0f4a923a56a88af56177ca44c1834d961b024d9b1c2b78844bf026"


def headers(**changes: str) -> dict[str, str]:
    usual = {"x-api-key": KEY, "x-api-timestamp": str(NOW), "x-api-signature": BODY_SIGNATURE}
    return {name: value for name, value in {**usual, **changes}.items() if value != "-"}


ACCOUNTS = [Account("other"), Account("mine", api_key=KEY, api_secret=SECRET)]


def test_known_answers() -> None:
    assert identify(headers(), b'{"a":1}', ACCOUNTS, NOW) is ACCOUNTS[1]
    assert identify(headers(**{"x-api-signature": EMPTY_SIGNATURE}), b"", ACCOUNTS, NOW) is ACCOUNTS[1]


@pytest.mark.parametrize("off", [-60_000, 60_000])
def test_the_clock_may_be_a_minute_off(off: int) -> None:
    assert identify(headers(), b'{"a":1}', ACCOUNTS, NOW + off) is ACCOUNTS[1]
    with pytest.raises(Refusal, match="60 s from the server"):
        identify(headers(), b'{"a":1}', ACCOUNTS, NOW + off + (1 if off > 0 else -1))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"x-api-key": "-"}, "x-api-key is missing"),
        ({"x-api-timestamp": "-"}, "x-api-timestamp is missing"),
        ({"x-api-signature": ""}, "x-api-signature is missing"),
        ({"x-api-key": "nobody"}, "x-api-key is unknown"),
        ({"x-api-timestamp": "now"}, "whole number of ms"),
        ({"x-api-timestamp": "1" * 30}, "whole number of ms"),
        ({"x-api-timestamp": "-5"}, "whole number of ms"),
        ({"x-api-timestamp": "²"}, "whole number of ms"),
        ({"x-api-timestamp": str(NOW // 1000)}, "60 s"),
        ({"x-api-signature": EMPTY_SIGNATURE}, "x-api-signature is not"),
        ({"x-api-signature": BODY_SIGNATURE.upper()}, "x-api-signature is not"),
        ({"x-api-signature": "é"}, "x-api-signature is not"),
    ],
)
def test_refusals_name_the_header_and_repeat_nothing(changes: dict[str, str], named: str) -> None:
    with pytest.raises(Refusal) as caught:
        identify(headers(**changes), b'{"a":1}', ACCOUNTS, NOW)
    assert caught.value.status == 401
    assert named in caught.value.message
    for secret in (KEY, SECRET, BODY_SIGNATURE, EMPTY_SIGNATURE):
        assert secret not in caught.value.message


def test_the_secret_is_in_no_repr() -> None:
    assert SECRET not in repr(ACCOUNTS[1])
    assert KEY not in repr(ACCOUNTS[1])
    assert Account("a").api_secret != Account("a").api_secret


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
