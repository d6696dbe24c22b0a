from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.errors import BadMessage
from csbook.types import Side, Ticker, Trade
from csbook.wire.records import FloatFound, load, load_exact, ticker, trade

TRADE: dict[str, Any] = {
    "e": "trade", "E": 1672531234567, "s": "BTCUSDT", "t": 12345, "p": "30150.00", "q": "0.1",
    "b": 88, "a": 92, "T": 1672531234560, "m": True,
}  # fmt: skip
TICKER: dict[str, Any] = {
    "e": "24hrTicker", "E": 1672531234567, "s": "BTCUSDT", "p": "150.00", "P": "0.500", "w": "30100.00",
    "c": "30150.00", "Q": "0.1", "o": "30000.00", "h": "30500.00", "l": "29800.00", "v": "10000.00",
    "q": "301000000.00",
}  # fmt: skip


def test_a_trade() -> None:
    assert trade(TRADE, 7) == Trade(
        symbol="BTCUSDT",
        id=12345,
        price=Decimal("30150.00"),
        size=Decimal("0.1"),
        side=Side.SELL,
        trade_time_ns=1672531234560_000_000,
        event_time_ns=1672531234567_000_000,
        receive_time_ns=7,
        buyer_order_id=88,
        seller_order_id=92,
    )


def test_the_side_is_the_aggressors() -> None:
    assert trade({**TRADE, "m": False}, 0).side is Side.BUY  # the seller was the maker: a buyer came


def test_a_trade_without_order_ids() -> None:
    bare = {key: value for key, value in TRADE.items() if key not in "ab"}
    assert (trade(bare, 0).buyer_order_id, trade(bare, 0).seller_order_id) == (None, None)


def test_a_ticker() -> None:
    assert ticker(TICKER, 9) == Ticker(
        symbol="BTCUSDT",
        last=Decimal("30150.00"),
        last_size=Decimal("0.1"),
        open=Decimal("30000.00"),
        high=Decimal("30500.00"),
        low=Decimal("29800.00"),
        change=Decimal("150.00"),
        change_percent=Decimal("0.500"),
        weighted_average=Decimal("30100.00"),
        base_volume=Decimal("10000.00"),
        quote_volume=Decimal("301000000.00"),
        event_time_ns=1672531234567_000_000,
        receive_time_ns=9,
    )


def test_a_ticker_may_lack_all_but_the_last_price() -> None:
    spare = ticker({"e": "24hrTicker", "E": 1, "s": "X", "c": "2"}, 0)
    assert (spare.last, spare.open, spare.quote_volume) == (Decimal(2), None, None)


def test_negative_changes() -> None:
    assert ticker({**TICKER, "p": "-3.50", "P": "-0.1"}, 0).change == Decimal("-3.50")


@pytest.mark.parametrize("text", ["0.1", "0.12345678901234567890123", "9007199254740993.5", "1E+2", "1e-8"])
def test_numbers_are_exact_even_as_json_numbers(text: str) -> None:
    source = json.dumps({**TRADE, "q": "@"}).replace('"@"', text).encode()
    with pytest.raises(FloatFound):
        trade(load(source), 0)
    assert trade(load_exact(source), 0).size == Decimal(text)


def test_whole_json_numbers() -> None:
    assert trade({**TRADE, "p": 30150}, 0).price == Decimal(30150)


BAD_DECIMALS = [
    None, True, "", " 1", "1 ", "+1", "1_000", "NaN", "Infinity", "-Infinity", "0x10", "1.2.3", "1,5", ".", "1.", ".5",
    "١٢", "1e999", "1" * 31, [], {}, "0", "-1", 0, -5,
]  # fmt: skip


@pytest.mark.parametrize("bad", BAD_DECIMALS, ids=repr)
def test_a_bad_price_names_the_field(bad: Any) -> None:
    with pytest.raises(
        BadMessage, match=r"trade of BTCUSDT: field 'p' is .*; expected a decimal number above"
    ) as caught:
        trade({**TRADE, "p": bad}, 0)
    assert caught.value.field == "p"


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        *[("t", bad) for bad in (None, "1", 1.0, -1, True, 2**63)],
        *[("E", bad) for bad in (None, "1", -1, 2**63, 1.5, False)],
        *[("T", bad) for bad in (None, [], 10**15)],
        *[("m", bad) for bad in (None, 0, 1, "true")],
        *[("s", bad) for bad in (None, "", 5, "A" * 32, "BTC USDT", "BTC\n")],
        *[("b", bad) for bad in ("1", 1.5, -1)],
        *[("q", bad) for bad in (None, "0", "-0.1")],
    ],
)
def test_every_field_is_judged(key: str, bad: Any) -> None:
    with pytest.raises(BadMessage) as caught:
        trade({**TRADE, key: bad}, 0)
    assert caught.value.field == key
    assert repr(key) in str(caught.value)


@pytest.mark.parametrize("key", ["E", "s", "t", "p", "q", "T", "m"])
def test_a_missing_field(key: str) -> None:
    with pytest.raises(BadMessage, match="is nothing; expected") as caught:
        trade({name: value for name, value in TRADE.items() if name != key}, 0)
    assert caught.value.field == key


@pytest.mark.parametrize("key", ["c", "o", "Q", "v", "P"])
def test_a_bad_ticker(key: str) -> None:
    with pytest.raises(BadMessage) as caught:
        ticker({**TICKER, key: "much"}, 0)
    assert caught.value.field == key


def test_long_values_are_cut_in_the_text() -> None:
    with pytest.raises(BadMessage) as caught:
        trade({**TRADE, "p": "9" * 10_000}, 0)
    assert len(str(caught.value)) < 200
    with pytest.raises(BadMessage) as caught:
        trade({**TRADE, "s": "x" * 10_000, "p": "much"}, 0)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("payload", [b"", b"{", b'{"a":1}x', b"nonsense", b"\xff\xfe", b"[NaN]"])
def test_no_json(payload: bytes) -> None:
    with pytest.raises(BadMessage, match="not JSON") as caught:
        load(payload)
    assert caught.value.offset >= 0


def test_what_the_exact_reader_cannot_take_is_malformed() -> None:
    deep = b'{"p":1.5,"x":' + b"[" * 1000 + b"]" * 1000 + b"}"
    assert load(deep)["p"] == 1.5
    try:
        assert load_exact(deep)["p"] == Decimal("1.5")
    except BadMessage as error:
        assert "not JSON that can be read exactly" in str(error)
    with pytest.raises(BadMessage):
        load_exact(b'{"p":1.5,"t":' + b"1" * 5000 + b"}")
