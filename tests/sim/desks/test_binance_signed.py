"""The fact sheet's own signatures (5.1), and whose a request is."""

from __future__ import annotations

import pytest

from csbook.sim.accounts import Account
from csbook.sim.desks.binance_codes import Coded
from csbook.sim.desks.binance_signed import check, fields, owner

KEY = "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83"
SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
AT = 1591702613943
MINE = Account("mine", api_key=KEY, api_secret=SECRET)
# vector A, all in the query; vector B, the query and then the body with no "&" between them
ALL = "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000&timestamp=1591702613943"
ALL_SIGNED = "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9"
QUERY = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
BODY = "quantity=1&price=9000&recvWindow=5000&timestamp=1591702613943"
BOTH_SIGNED = "30baaf0fab549bbeda7f5ef201898b34122da25fd23c646cac2c529aebe670a4"


def judge(query: str, body: str = "", now_ms: int = AT) -> int:
    """The code; 0 where it is let in."""
    try:
        check(MINE, query, body.encode(), fields(query, body.encode()), now_ms)
    except Coded as refusal:
        for secret in (KEY, SECRET, ALL_SIGNED, BOTH_SIGNED):
            assert secret not in refusal.message
        return refusal.code
    return 0


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"{ALL}&signature={ALL_SIGNED}", ""),
        ("", f"{ALL}&signature={ALL_SIGNED}"),
        (f"signature={ALL_SIGNED}&{ALL}", ""),
        (QUERY, f"{BODY}&signature={BOTH_SIGNED}"),
        (f"{QUERY}&signature={BOTH_SIGNED}", BODY),
    ],
)
def test_known_answers(query: str, body: str) -> None:
    assert judge(query, body) == 0
    assert judge(query.replace("9000", "9001"), body.replace("9000", "9001")) == -1022


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (ALL, -1102),
        (f"{ALL}&signature=", -1102),
        (f"{ALL}&signature={BOTH_SIGNED}", -1022),
        (f"{ALL}&signature={ALL_SIGNED.upper()}", -1022),
        (f"{ALL}&signature=é", -1022),
        (f"{ALL[:-13]}now&signature={ALL_SIGNED}", -1100),
        (f"{ALL[:-13]}{'1' * 30}&signature={ALL_SIGNED}", -1100),
        (f"{ALL[:-13]}²&signature={ALL_SIGNED}", -1100),
        (f"symbol=BTCUSDT&signature={ALL_SIGNED}", -1102),
    ],
)
def test_what_is_not_signed(query: str, code: int) -> None:
    assert judge(query) == code


def test_the_window() -> None:
    signed = f"{ALL}&signature={ALL_SIGNED}"
    assert judge(signed, now_ms=AT + 5000) == judge(signed, now_ms=AT - 999) == 0
    assert judge(signed, now_ms=AT + 5001) == judge(signed, now_ms=AT - 1000) == -1021


def test_whose_key_it_is() -> None:
    accounts = [Account("other"), MINE]
    assert owner({"x-mbx-apikey": KEY}, accounts) is MINE
    for sent, code in (("", -2014), ("nobody", -2015), ("é", -2015)):
        with pytest.raises(Coded) as caught:
            owner({"x-mbx-apikey": sent}, accounts)
        assert (caught.value.code, caught.value.status) == (code, 401)
    with pytest.raises(Coded):
        owner({}, accounts)


def test_the_query_counts_and_what_is_empty_is_not_there() -> None:
    assert fields("a=1&b=&c=%20x", b"a=2&d=4&e") == {"a": "1", "c": " x", "d": "4"}
    with pytest.raises(Coded) as caught:
        fields("", b"a=\xff")
    assert caught.value.code == -1100
