"""Binance's table against its fact sheet."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.errors import BadMessage
from csbook.types import Instrument
from csbook.venues.binance import DIALECT
from csbook.venues.dialect import BookAnswer

ROW: dict[str, Any] = {
    "symbol": "BTCUSDT", "status": "TRADING", "pricePrecision": 2, "quantityPrecision": 3, "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "261.10", "maxPrice": "809484"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "1000"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001", "minQty": "0.001", "maxQty": "120"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ],
}  # fmt: skip


def read(*rows: Any) -> dict[str, Instrument]:
    assert DIALECT.rest is not None and DIALECT.rest.read_instruments is not None
    return DIALECT.rest.read_instruments(json.dumps({"symbols": list(rows)}).encode())


def test_the_addresses() -> None:
    assert DIALECT.ws_origin + DIALECT.path("book") == "wss://fstream.binance.com/public/stream"
    assert DIALECT.ws_origin + DIALECT.path("trades") == "wss://fstream.binance.com/market/stream"
    assert DIALECT.rest is not None
    assert DIALECT.rest.snapshot.format(symbol="BTCUSDT") == "/fapi/v1/depth?symbol=BTCUSDT&limit=1000"


def test_the_snapshots_stay_within_half_of_the_weight() -> None:
    assert DIALECT.rest is not None and DIALECT.rest.window_s == 60.0
    assert DIALECT.rest.calls_per_window * 20 <= 2400 / 2


def test_the_rules_are_those_of_the_filters_and_not_the_precisions() -> None:
    want = Instrument(
        "BTCUSDT", Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(1000), Decimal(100), status="TRADING"
    )
    assert read(ROW) == {"BTCUSDT": want}
    few = [each for each in ROW["filters"] if each["filterType"] != "MIN_NOTIONAL"]
    assert read(ROW | {"filters": few})["BTCUSDT"].min_notional is None


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (ROW | {"filters": []}, "filters"),
        (ROW | {"filters": [ROW["filters"][0] | {"tickSize": "0"}, ROW["filters"][1]]}, "tickSize"),
        ({key: value for key, value in ROW.items() if key != "symbol"}, "symbol"),
        (7, "symbols"),
    ],
)
def test_spoilt_rules(row: Any, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        read(row)
    assert field in caught.value.field


def test_a_book_by_rest() -> None:
    assert DIALECT.rest is not None and DIALECT.rest.read_book is not None
    assert DIALECT.rest.comparable == DIALECT.rest.snapshot
    answer = {"lastUpdateId": 12, "E": 5, "bids": [["1.0", "2"]], "asks": [["1.1", "3"]]}
    assert DIALECT.rest.read_book(json.dumps(answer).encode()) == BookAnswer(
        [["1.0", "2"]], [["1.1", "3"]], sequence=12
    )
    for key, value in (("lastUpdateId", -1), ("lastUpdateId", 1.5), ("bids", {}), ("asks", None)):
        with pytest.raises(BadMessage) as caught:
            DIALECT.rest.read_book(json.dumps(answer | {key: value}).encode())
        assert caught.value.field == key and str(caught.value).startswith("the book: ")
