from __future__ import annotations

import pytest

from csbook.sim.speech import NotServed, split_symbol


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [("BTCUSDT", ("BTC", "USDT")), ("BTCINR", ("BTC", "INR")), ("USDT", ("USDT", "USDT")), ("XY", ("XY", "USDT"))],
)
def test_symbols_are_split(symbol: str, parts: tuple[str, str]) -> None:
    assert split_symbol(symbol) == parts


def test_who_is_turned_away_is_told_why() -> None:
    response = NotServed(400, {"code": 5}).response
    assert (response.status, response.body) == (400, b'{"code":5}')
