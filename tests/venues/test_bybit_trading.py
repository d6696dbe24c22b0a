"""The trading table of Bybit: its signatures, its private topics, and recorded messages."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.account import Account
from csbook.credentials import Credentials, Secret
from csbook.guard.budget import RateBudget
from csbook.json import dumps
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from csbook.venues.bybit import DIALECT
from csbook.venues.bybit_trading import TRADING
from csbook.venues.trading import Draft, Place, Trading
from csbook.wire.newest import Newest
from csbook.wire.private import BalanceReport, OrderReport, PositionReport, Snapshot
from csbook.wire.session import Malformed, Unknown
from v5_samples import EXECUTION, ORDER, POSITION

KEYS = Credentials("testkey", "testsecret")


def event(topic: str, *rows: Any) -> list[Any]:
    return TRADING.read_event({"id": "1", "topic": topic, "creationTime": 1672364262474, "data": list(rows)}, 7)


def test_it_is_found_by_name() -> None:
    table: Trading = trading_table("bybit")
    assert table is TRADING and (table.name, table.title) == (DIALECT.name, DIALECT.title)
    assert not table.has_token and table.token_renewal_s is None and table.open_list_is_whole


def test_the_vector_of_the_sheet_is_what_a_limit_order_sends() -> None:
    """But for the client order id behind it, which theirs has not."""
    request = TRADING.place(Draft("BTCUSDT", Side.BUY, "LIMIT", "0.001", "15000", "c-1"))
    assert request.body == (
        b'{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.001","price":"15000",'
        b'"timeInForce":"GTC","orderLinkId":"c-1"}'
    )
    bare = replace(request, body=request.body.replace(b',"orderLinkId":"c-1"', b""))
    signed = TRADING.sign(bare, KEYS, 1658384314791)
    assert signed.headers == {
        "Content-Type": "application/json",
        "X-BAPI-API-KEY": "testkey",
        "X-BAPI-TIMESTAMP": "1658384314791",
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": "0bab8ea81b259dac2eca7a635ab40612efa8c060753254660d86d0f2296b8582",
    }


def test_the_vector_of_a_query() -> None:
    request = replace(TRADING.positions("BTCUSDT"), query="category=linear&symbol=BTCUSDT")
    signed = TRADING.sign(request, KEYS, 1658384314791)
    assert signed.query == request.query
    assert signed.headers["X-BAPI-SIGN"] == "da6213487e070e4d08e4f5d0cd9dadd8684519516f65ce3109007d2770aff690"
    assert TRADING.sign(TRADING.server_time(), KEYS, 1).headers == {}


def test_the_login_is_signed_for_a_moment_that_has_not_come() -> None:
    said = json.loads(TRADING.login(KEYS, 1662350400000 - 5000))
    assert said == {
        "req_id": "login",
        "op": "auth",
        "args": [
            "testkey",
            1662350400000,
            "b38c4f23eca76c513b6542823c0882c502bdea24e31f6d6af028af804c5c850a",
        ],
    }


def test_the_conversation() -> None:
    assert TRADING.stream_path(Secret("")) == "/v5/private"
    session = TRADING.converse(pace=RateBudget(10), confirm_within=5.0, login=lambda: b"login", place=Place())
    assert session is not None
    session.opened(0.0)
    assert session.frames(0.0) == [b"login"]
    session.hear({"success": True, "op": "auth"})
    (asking,) = session.frames(0.0)
    assert json.loads(asking)["args"] == ["order", "execution", "position", "wallet"]


def test_limits_by_the_second() -> None:
    assert {name: TRADING.limits[name].count for name in ("place", "amend", "cancel", "cancel_all")} == dict.fromkeys(
        ("place", "amend", "cancel", "cancel_all"), 10
    )
    assert TRADING.pools["order"] == TRADING.pools["open_orders"] == ("realtime", "address")
    assert (TRADING.limits["address"].count, TRADING.limits["address"].window_s) == (600, 5.0)


# -- events ---------------------------------------------------------------------------------------------------------


def test_a_message_may_carry_several_rows() -> None:
    order, fill = event("order", ORDER) + event("execution.linear", EXECUTION)
    assert isinstance(order, OrderReport) and order.status is OrderStatus.PARTIALLY_FILLED
    assert isinstance(fill, OrderReport) and fill.fill is not None
    assert [row.fill.trade_id for row in event("execution", EXECUTION, {**EXECUTION, "execId": "2"})] == [
        "0ab1bdf7-4219-438b-b30a-32ec863018f7",
        "2",
    ]
    assert event("execution", {**EXECUTION, "execType": "Funding"}) == []


def test_other_categories_are_named_and_left_out() -> None:
    assert event("order", {**ORDER, "category": "spot"}, ORDER)[0] == Unknown("order of category spot")
    assert event("position", {**POSITION, "category": "inverse"}) == [Unknown("position of category inverse")]


def test_news_of_a_position_that_is_older_is_dropped() -> None:
    newest = Newest()
    rows = [event("position", {**POSITION, "seq": seq, "size": str(seq)}) for seq in (5, 7, 6, 7)]
    kept = [report for events in rows for report in newest.of(events)]
    assert [report.size for report in kept if isinstance(report, PositionReport)] == [-5, -7, -7]


def test_a_position_that_was_never_traded_is_no_news_after_a_fill() -> None:
    """The order that first trades a symbol is told with a flat position, which may come late."""
    account = Account()
    (fill,) = event("execution", EXECUTION)
    assert isinstance(fill, OrderReport)
    account.apply(fill, 7)
    held = {**POSITION, "symbol": "BTCUSDT", "side": "Sell", "size": "0.5"}
    (position,) = event("position", {**held, "updatedTime": EXECUTION["execTime"]})
    asked_ns = 1746270401_000_000_000
    account.reconcile(Snapshot(asked_ns, asked_ns + 1, positions=(position,)), asked_ns + 2)
    (flat,) = event("position", {**held, "side": "", "size": "0", "seq": -1, "updatedTime": "0"})
    account.apply(flat, asked_ns + 3)
    assert account.positions["BTCUSDT"].size == Decimal("-0.5") and account.exposure("BTCUSDT").settled


def test_a_wallet_lists_the_coins_that_moved() -> None:
    coins = [{"coin": "USDT", "walletBalance": "1.50"}, {"coin": "", "walletBalance": "1"}, 5]
    good, *bad = event("wallet", {"accountType": "UNIFIED", "coin": coins})
    assert good == BalanceReport("USDT", Decimal("1.50"), event_time_ns=1672364262474_000_000, receive_time_ns=7)
    assert [type(each) for each in bad] == [Malformed, Malformed]
    assert [type(each) for each in event("wallet", {"coin": {}})] == [Malformed]


def test_a_spoilt_row_is_dropped_alone() -> None:
    events = event("order", 5, {**ORDER, "side": "Up"}, ORDER, {**ORDER, "orderStatus": "Odd"})
    assert [type(each) for each in events] == [Malformed, Malformed, OrderReport, OrderReport, Unknown]


@pytest.mark.parametrize("message", [{"topic": "order"}, {"topic": "order", "data": [], "creationTime": "x"}])
def test_a_malformed_message(message: Any) -> None:
    assert [type(each) for each in TRADING.read_event(message, 7)] == [Malformed]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"topic": "greeks", "data": []}, "greeks"), ({"op": "auth", "success": True}, "auth"), ([], "unnamed"),
        ({"topic": 5}, "unnamed"), ({"topic": "execution.fast", "data": []}, "execution.fast"),
    ],
)  # fmt: skip
def test_what_nobody_asked_for_is_named(message: Any, kind: str) -> None:
    assert TRADING.read_event(message, 7) == [Unknown(kind)]


def test_recorded_messages(shared_data: Path) -> None:
    """Every one is read into reports, is of the conversation, or is named; none is malformed."""
    session = TRADING.converse(pace=RateBudget(10), confirm_within=5.0, login=lambda: b"", place=Place())
    assert session is not None
    reports: list[Any] = []
    named, spoken = set(), 0
    with gzip.open(shared_data / "private" / "bybit_v5.tsv.gz", "rt") as lines:
        for line in lines:
            message = json.loads(line.split("\t")[1])
            told = session.hear(message)
            spoken += told is not None
            for each in TRADING.read_event(message, 7) if told is None else told:
                assert not isinstance(each, Malformed), (line, each)
                if isinstance(each, Unknown):
                    named.add(each.kind)
                else:
                    reports.append(each)
    assert spoken == 2
    assert named == {
        "answer", "execution.fast", "greeks", "order of category option", "order of category spot", "spread.execution",
    }  # fmt: skip
    orders = [each for each in reports if isinstance(each, OrderReport) and each.fill is None]
    canceled = [each for each in orders if each.status is OrderStatus.CANCELED]
    assert [(each.order_id, each.price, each.filled, each.reason) for each in canceled] == [
        ("f75f8b4c-0ce8-4af5-85f6-4e8a9c39ea0e", Decimal(69000), Decimal(0), "")
    ]
    closing = [each for each in orders if each.order_id == "e0a20406-983a-4e46-b577-2975583c5467"][-1]
    assert (closing.status, closing.average_price, closing.commission, closing.reduce_only) == (
        OrderStatus.FILLED, Decimal("76408.66"), Decimal("0.24450773"), True,
    )  # fmt: skip
    fills = [each.fill for each in reports if isinstance(each, OrderReport) and each.fill is not None]
    assert [(fill.symbol, fill.size, fill.commission) for fill in fills] == [
        ("XRPUSDT", Decimal(25), Decimal("0.005061"))
    ]
    positions = [each for each in reports if isinstance(each, PositionReport)]
    assert [str(each.size) for each in positions if each.symbol == "BTCUSDT"] == [
        "0", "0.002", "0.003", "0.004", "0.005", "0.006", "0", "0",
    ]  # fmt: skip
    wallets = {each.asset: each.wallet for each in reports if isinstance(each, BalanceReport)}
    assert wallets["USDT"] == Decimal("11728.54414904") and wallets["BREAK"] == Decimal("201.34882644")


def test_rules() -> None:
    row = {
        "symbol": "BTCUSDT", "status": "Trading", "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001"},
    }  # fmt: skip
    found = TRADING.read_instruments(dumps({"retCode": 0, "result": {"list": [row]}}), {"BTCUSDT": Decimal(1)})
    assert (found["BTCUSDT"].tick, found["BTCUSDT"].lot) == (Decimal(1), Decimal("0.001"))
