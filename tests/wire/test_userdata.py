"""Private events: the guide's own (3.2), Binance's documented ones, and real messages of an account."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.types import OrderStatus, Side
from csbook.wire.private import BalanceReport, KeyExpired, OrderReport, PositionReport
from csbook.wire.session import Malformed, Unknown
from csbook.wire.userdata import read

SEED_ORDER: dict[str, Any] = {
    "e": "ORDER_TRADE_UPDATE", "E": 1672531234567, "T": 1672531234566,
    "o": {
        "s": "BTCUSDT", "c": "my_order_id_123", "S": "BUY", "o": "LIMIT", "f": "GTC", "q": "1.000", "p": "30000.00",
        "x": "TRADE", "X": "PARTIALLY_FILLED", "i": 8295823, "l": "0.500", "z": "0.500", "L": "30000.00",
        "n": "0.00001", "N": "USDT", "T": 1672531234566, "t": 12345, "rp": "0.00",
    },
}  # fmt: skip


def event(**changes: Any) -> bytes:
    """The guide's order event with some fields of the order changed; None leaves one out."""
    o = {**SEED_ORDER["o"], **changes}
    return json.dumps({**SEED_ORDER, "o": {k: v for k, v in o.items() if v is not None}}).encode()


def report(payload: bytes) -> OrderReport:
    (found,) = read(payload, 7)
    assert isinstance(found, OrderReport), found
    return found


def test_every_field_of_the_guides_order_event() -> None:
    found = report(event())
    assert found.fill is not None
    assert found == OrderReport(
        symbol="BTCUSDT",
        status=OrderStatus.PARTIALLY_FILLED,
        client_order_id="my_order_id_123",
        order_id="8295823",
        side=Side.BUY,
        type="LIMIT",
        time_in_force="GTC",
        size=Decimal("1.000"),
        price=Decimal("30000.00"),
        filled=Decimal("0.500"),
        fill=found.fill,
        event_time_ns=1672531234567_000_000,
        receive_time_ns=7,
    )
    fill = found.fill
    assert (fill.symbol, fill.side, fill.price, fill.size) == ("BTCUSDT", Side.BUY, Decimal("30000.00"), Decimal("0.5"))
    assert (fill.trade_id, fill.order_id, fill.client_order_id) == ("12345", "8295823", "my_order_id_123")
    assert (fill.commission, fill.commission_asset, fill.realised_pnl) == (Decimal("0.00001"), "USDT", Decimal(0))
    assert (fill.trade_time_ns, fill.event_time_ns) == (1672531234566_000_000, 1672531234567_000_000)
    assert (fill.is_maker, fill.position_side, fill.receive_time_ns) == (None, "BOTH", 7)
    assert str(found.size) == "1.000"  # to the last digit


def test_the_fields_that_the_guide_does_not_have() -> None:
    found = report(event(m=True, R=True, ps="LONG", ap="29999.50", f="GTX"))
    assert (found.reduce_only, found.position_side, found.average_price) == (True, "LONG", Decimal("29999.50"))
    assert found.post_only is True and found.fill is not None
    assert (found.fill.is_maker, found.fill.position_side) == (True, "LONG")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("NEW", OrderStatus.NEW),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED),
        ("FILLED", OrderStatus.FILLED),
        ("CANCELED", OrderStatus.CANCELED),
        ("REJECTED", OrderStatus.REJECTED),
        ("EXPIRED", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", OrderStatus.EXPIRED),
    ],
)
def test_the_statuses(said: str, status: OrderStatus) -> None:
    found = report(event(X=said, x=said, l="0"))
    assert (found.status, found.fill) == (status, None)


@pytest.mark.parametrize("said", ["PENDING_CANCEL", "", 5, ["NEW"]])
def test_a_status_that_nobody_told_of_is_kept_as_unknown(said: Any) -> None:
    found, told = read(event(X=said), 7)
    assert isinstance(found, OrderReport) and found.status is OrderStatus.UNKNOWN and "not known" in found.reason
    assert told == Unknown(f"ORDER_TRADE_UPDATE status {said!r}")


def test_a_fill_is_told_by_an_execution_that_fills() -> None:
    assert report(event(x="NEW", l="0.5")).fill is None
    assert report(event(x="CANCELED", X="CANCELED", l="0.5")).fill is None  # the size of an older fill
    assert report(event(x="CALCULATED")).fill is not None
    assert report(event(x=None)).fill is not None
    assert report(event(l="0")).fill is None
    assert report(event(l=None)).fill is None


def test_no_price_and_no_average() -> None:
    found = report(event(o="MARKET", p="0", ap="0.0"))
    assert (found.price, found.average_price, found.type) == (None, None, "MARKET")


def test_numbers_as_json_numbers_are_read_to_the_last_digit() -> None:
    text = event().replace(b'"30000.00"', b"30000.123456789012345678").replace(b'"0.500"', b"0.500")
    found = report(text)
    assert found.price == Decimal("30000.123456789012345678") and str(found.filled) == "0.500"
    assert found.fill is not None and found.fill.price == found.price


def test_ids_are_text_whatever_they_come_as() -> None:
    assert report(event(i="018f-uuid", t="t1")).order_id == "018f-uuid"
    only = report(event(c=None))
    assert (only.client_order_id, only.order_id) == ("", "8295823")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"S": "HOLD"}, "S"), ({"S": None}, "S"), ({"S": []}, "S"), ({"s": ""}, "s"), ({"q": "nan"}, "q"),
        ({"z": True}, "z"),
        ({"p": "1_0"}, "p"), ({"i": None, "c": None}, "i"), ({"i": True}, "i"), ({"L": "0"}, "L"), ({"L": None}, "L"),
        ({"m": "yes"}, "m"), ({"R": 1}, "R"), ({"T": "now"}, "T"), ({"n": "x"}, "n"), ({"c": ["x"]}, "c"),
        ({"c": "x" * 300}, "c"), ({"ps": 1.5}, "ps"),
    ],
)  # fmt: skip
def test_a_malformed_order_is_dropped_and_names_the_field(changes: Any, field: str) -> None:
    (found,) = read(event(**changes), 7)
    assert isinstance(found, Malformed) and found.error.field == field


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"{", b"5", b"[]", b"null", b'"ORDER_TRADE_UPDATE"', b'{"e":"ORDER_TRADE_UPDATE"}',
        b'{"e":"ORDER_TRADE_UPDATE","E":1,"o":[]}', b'{"e":"ACCOUNT_UPDATE","E":1}',
        b'{"e":"ACCOUNT_UPDATE","E":1,"a":{"B":{}}}', b'{"e":"ACCOUNT_UPDATE","E":-1,"a":{"B":[]}}',
        b'{"e":"POSITION_UPDATE","E":1}', b'{"e":"POSITION_UPDATE","E":1,"a":{}}', b"[" * 5000,
        b'{"e":"ORDER_TRADE_UPDATE","E":1,"o":{"q":1.5}', b'{"stream":"x","data":null}',
    ],
)  # fmt: skip
def test_what_is_no_event_is_malformed(payload: bytes) -> None:
    (found,) = read(payload, 7)
    assert isinstance(found, Malformed)


# -- balances and positions -----------------------------------------------------------------------------------------

BALANCE = {"a": "USDT", "wb": "122624.12345678", "cw": "100.12345678", "bc": "50.12345678"}
POSITION = {"s": "BTCUSDT", "pa": "-10", "ep": "6563.86", "cr": "-45.04", "up": "-1423.1", "mt": "cross", "ps": "SHORT"}


def account(**a: Any) -> bytes:
    return json.dumps({"e": "ACCOUNT_UPDATE", "E": 5, "a": a}).encode()


def test_balances() -> None:
    assert read(account(m="BALANCE_UPDATE", B=[BALANCE]), 7) == [
        BalanceReport(
            "USDT", Decimal("122624.12345678"), reason="BALANCE_UPDATE", event_time_ns=5_000_000, receive_time_ns=7
        )
    ]


def test_positions() -> None:
    expected = PositionReport(
        "BTCUSDT",
        Decimal(-10),
        Decimal("6563.86"),
        "SHORT",
        margin_type="cross",
        reason="POSITION_UPDATE",
        event_time_ns=5_000_000,
        receive_time_ns=7,
    )
    assert read(account(m="POSITION_UPDATE", P=[POSITION]), 7) == [expected]


def test_both_in_one_event_and_a_reason_that_nobody_told_of() -> None:
    found = read(account(m="AIRDROP", B=[BALANCE], P=[POSITION]), 7)
    assert [type(each) for each in found] == [BalanceReport, PositionReport]
    assert [each.reason for each in found] == ["AIRDROP", "AIRDROP"]  # type: ignore[union-attr]


def test_empty_lists_and_absent_ones_say_nothing() -> None:
    assert read(account(m="BALANCE_UPDATE", B=[], P=[]), 7) == []
    assert read(account(m="BALANCE_UPDATE"), 7) == []


def test_only_what_must_be_there() -> None:
    (found,) = read(account(P=[{"s": "BTCUSDT", "pa": "0", "ep": "0.00"}]), 7)
    assert found == PositionReport("BTCUSDT", Decimal(0), event_time_ns=5_000_000, receive_time_ns=7)


def test_a_bad_entry_leaves_its_neighbours() -> None:
    found = read(account(B=[{"a": "BNB"}, BALANCE, 5, {"wb": "1"}], P=[{**POSITION, "ps": "UP"}, POSITION]), 7)
    assert [type(each).__name__ for each in found] == [
        "Malformed", "BalanceReport", "Malformed", "Malformed", "Malformed", "PositionReport",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body", [{"a": {"P": [POSITION]}}, {"P": [POSITION]}, POSITION, {"a": POSITION}, {"a": {"m": "", "P": [POSITION]}}]
)
def test_position_updates_of_their_own(body: dict[str, Any]) -> None:
    (found,) = read(json.dumps({"e": "POSITION_UPDATE", "E": 5, **body}).encode(), 7)
    assert isinstance(found, PositionReport)
    assert (found.symbol, found.size, found.position_side) == ("BTCUSDT", Decimal(-10), "SHORT")


def test_the_end_of_a_key() -> None:
    assert read(b'{"e":"listenKeyExpired","E":1576653824250}', 7) == [KeyExpired(1576653824250_000_000)]
    assert read(b'{"e":"listenKeyExpired"}', 7) == [KeyExpired(0)]


def test_unknown_kinds_by_name_and_never_the_name_of_the_stream() -> None:
    assert read(b'{"e":"TRADE_LITE","E":1}', 7) == [Unknown("TRADE_LITE")]
    assert read(b'{"stream":"a-listen-key","data":{"x":1}}', 7) == [Unknown("unnamed")]
    assert read(b'{"e":5}', 7) == [Unknown("unnamed")]


def test_an_envelope() -> None:
    assert report(b'{"stream":"key","data":' + event() + b"}").order_id == "8295823"


# -- real ones ------------------------------------------------------------------------------------------------------

UNKNOWN = {
    "ACCOUNT_CONFIG_UPDATE": 42, "ALGO_UPDATE": 1, "CONDITIONAL_ORDER_TRIGGER_REJECT": 1, "GRID_UPDATE": 1,
    "MARGIN_CALL": 1, "STRATEGY_UPDATE": 1, "balanceUpdate": 1, "executionReport": 2, "outboundAccountPosition": 1,
}  # fmt: skip


def test_every_recorded_message_is_read_or_named(shared_data: Path) -> None:
    with gzip.open(shared_data / "private" / "binance_usdm.tsv.gz", "rt") as lines:
        messages = [line.rstrip("\n").split("\t", 1)[1].encode() for line in lines]
    unknown: dict[str, int] = {}
    kinds: dict[type, int] = {}
    for payload in messages:
        raw = json.loads(payload)
        raw = raw.get("data", raw)
        found = read(payload, 7)
        for each in found:
            kinds[type(each)] = kinds.get(type(each), 0) + 1
            if isinstance(each, Unknown):
                unknown[each.kind] = unknown.get(each.kind, 0) + 1
        if raw["e"] == "ORDER_TRADE_UPDATE":
            (order,) = found
            assert isinstance(order, OrderReport)
            o = raw["o"]
            assert (order.symbol, order.order_id, order.client_order_id) == (o["s"], str(o["i"]), o["c"])
            assert (str(order.size), str(order.filled), order.status.name) == (o["q"], o["z"], o["X"])
            assert (order.fill is not None) == (o["x"] == "TRADE")
            if order.fill is not None:
                assert (str(order.fill.size), str(order.fill.price), order.fill.trade_id) == (
                    o["l"],
                    o["L"],
                    str(o["t"]),
                )
        elif raw["e"] == "ACCOUNT_UPDATE":
            assert len(found) == len(raw["a"]["B"]) + len(raw["a"]["P"])
    assert len(messages) == 113 and unknown == UNKNOWN
    assert kinds[OrderReport] == 33 and Malformed not in kinds
