"""Bybit's table against its fact sheet and the recorded rules of its contracts."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pytest

from csbook.errors import BadMessage
from csbook.types import Instrument
from csbook.venues.bybit import DIALECT
from csbook.venues.dialect import BookAnswer

RULES = Path(__file__).resolve().parents[2].parent / "shared/data/metadata/bybit_linear_instruments_20260809.jsonl.gz"


def read(answer: object) -> dict[str, Instrument]:
    assert DIALECT.rest is not None and DIALECT.rest.read_instruments is not None
    return DIALECT.rest.read_instruments(json.dumps(answer).encode())


def test_the_streams() -> None:
    assert DIALECT.ws_origin + DIALECT.path("book") == "wss://stream.bybit.com/v5/public/linear"
    assert DIALECT.streams("book", "btcusdt", 200) == ("orderbook.200.BTCUSDT",)
    assert DIALECT.streams("touch", "BTCUSDT") == ("orderbook.1.BTCUSDT",)
    assert DIALECT.offered == (1, 50, 200, 1000)


def test_a_connections_topics_stay_within_its_characters() -> None:
    longest = len("orderbook.1000.") + 20
    assert DIALECT.limits.streams_per_connection * longest <= 21_000


def test_depth_one_may_not_be_silent_for_long() -> None:
    assert DIALECT.silence_after_s == {1: 4.0}


def test_the_recorded_rules_of_800_contracts() -> None:
    if not RULES.exists():
        pytest.skip("the shared data is not here")
    with gzip.open(RULES) as lines:
        rows = [json.loads(line) for line in lines]
    found = read({"retCode": 0, "result": {"list": rows}})
    assert len(found) == len(rows) == 800
    for row in rows:
        rules = found[row["symbol"]]
        assert rules.tick == Decimal(row["priceFilter"]["tickSize"])
        assert rules.lot == Decimal(row["lotSizeFilter"]["qtyStep"])


def test_a_refusal_is_told() -> None:
    with pytest.raises(BadMessage, match=r"10001.*Illegal category") as caught:
        read({"retCode": 10001, "retMsg": "Illegal category", "result": {}})
    assert caught.value.field == "retCode"


def test_a_book_by_rest() -> None:
    """Its ``u`` is of another stream, so it has a time alone (section 2.1)."""
    assert DIALECT.rest is not None and DIALECT.rest.read_book is not None
    assert DIALECT.rest.comparable == DIALECT.rest.audit
    result = {"s": "X", "b": [["1.0", "2"]], "a": [["1.1", "3"]], "ts": 1_672_304_484_978, "u": 7, "seq": 9}
    read = DIALECT.rest.read_book(json.dumps({"retCode": 0, "result": result}).encode())
    assert read == BookAnswer([["1.0", "2"]], [["1.1", "3"]], time_ns=1_672_304_484_978_000_000)
    with pytest.raises(BadMessage, match="the venue refused to tell the book: retCode 10001"):
        DIALECT.rest.read_book(json.dumps({"retCode": 10001, "result": result}).encode())
    with pytest.raises(BadMessage, match=r"the book: result\.b is nothing"):
        DIALECT.rest.read_book(b'{"retCode":0,"result":{"a":[]}}')
