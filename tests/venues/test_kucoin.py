"""KuCoin's table against its fact sheet."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.errors import BadMessage
from csbook.types import Instrument
from csbook.venues.dialect import BookAnswer
from csbook.venues.kucoin import DIALECT

XBT = {
    "symbol": "XBTUSDTM", "tickSize": 0.1, "lotSize": 1, "multiplier": 0.001, "maxOrderQty": 1000000, "status": "Open",
}  # fmt: skip


def read(answer: Any) -> dict[str, Instrument]:
    assert DIALECT.rest is not None and DIALECT.rest.read_instruments is not None
    return DIALECT.rest.read_instruments(json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("symbol", "spelled"),
    [
        ("BTCUSDT", "XBTUSDTM"), ("btcusdt", "XBTUSDTM"), ("ETHUSDT", "ETHUSDTM"), ("XBTUSDTM", "XBTUSDTM"),
        ("XBTUSDM", "XBTUSDM"), ("BTCUSD", "XBTUSDM"), ("ETHUSDC", "ETHUSDCM"), ("XBTMZ26", "XBTMZ26"),
        ("USDT", "USDT"),
    ],
)  # fmt: skip
def test_spelling(symbol: str, spelled: str) -> None:
    assert DIALECT.spell(symbol) == spelled
    assert DIALECT.streams("book", symbol, 0) == (f"/contractMarket/level2:{spelled}",)


def test_contracts_and_base_quantity_are_told_apart() -> None:
    rules = read({"code": "200000", "data": XBT})["XBTUSDTM"]
    assert (rules.tick, rules.lot, rules.multiplier) == (Decimal("0.1"), Decimal(1), Decimal("0.001"))
    assert read({"code": "200000", "data": XBT | {"multiplier": -1}})["XBTUSDTM"].multiplier == -1


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"code": "404000", "msg": "no such contract"}, "code"),
        ({"code": "200000", "data": None}, "data"),
        ({"code": "200000", "data": XBT | {"tickSize": 0}}, "data.tickSize"),
        ({"code": "200000", "data": XBT | {"multiplier": True}}, "data.multiplier"),
        ({"code": "200000", "data": XBT | {"lotSize": "NaN"}}, "data.lotSize"),
    ],
)
def test_spoilt_rules(answer: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        read(answer)
    assert caught.value.field == field


def test_a_book_by_rest() -> None:
    """Its numbers are JSON numbers, read exactly (section 2.3)."""
    assert DIALECT.rest is not None and DIALECT.rest.read_book is not None
    payload = (
        b'{"code":"200000","data":{"sequence":1697895963339,"bids":[[66964.8,25596]],"asks":[[66968.10,1]],"ts":1}}'
    )
    read = DIALECT.rest.read_book(payload)
    assert read == BookAnswer([[Decimal("66964.8"), 25596]], [[Decimal("66968.10"), 1]], sequence=1697895963339)
    with pytest.raises(BadMessage, match="code 429000"):
        DIALECT.rest.read_book(b'{"code":"429000","msg":"too many"}')
