"""Bybit's REST as a customer sees it: every path over a real connection, every code."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from csbook.clock import TapeClock
from csbook.sim import LocalVenue, Terms
from csbook.sim.accounts import Account
from csbook.sim.desks.bybit import CODES, OPERATIONS, RATES, Coded, identify
from csbook.sim.desks.bybit_rows import LEGS
from csbook.sim.exchange import Refusal
from v5customer import LINEAR, heard, signed, v5_customers

START = 1_700_000_000_000_000_000
NOW_MS = START // 1_000_000
MS = 1_000_000
D = Decimal

CREATE, AMEND, CANCEL, CANCEL_ALL = (f"/v5/order/{name}" for name in ("create", "amend", "cancel", "cancel-all"))
REALTIME, HISTORY, EXECUTIONS = "/v5/order/realtime", "/v5/order/history", "/v5/execution/list"
POSITIONS, WALLET = "/v5/position/list", "/v5/account/wallet-balance"


async def test_an_order_s_life() -> None:
    clock = TapeClock(START)
    async with v5_customers(clock=clock) as (venue, customer):
        code, result = await customer.place("Buy", "0.010", "61000.0", orderLinkId="one", timeInForce="GTC")
        assert (code, result) == (0, {"orderId": result["orderId"], "orderLinkId": "one"})
        order_id = result["orderId"]
        row = await customer.order(order_id)
        assert row == row | {
            "symbol": "BTCUSDT", "orderLinkId": "one", "side": "Buy", "orderStatus": "New", "positionIdx": 0,
            "cancelType": "UNKNOWN", "rejectReason": "EC_NoError", "timeInForce": "GTC", "orderType": "Limit",
            "price": "61000.00", "qty": "0.010", "avgPrice": "", "leavesQty": "0.010", "leavesValue": "610",
            "cumExecQty": "0.000", "cumExecValue": "0", "cumExecFee": "0", "cumFeeDetail": {}, "reduceOnly": False,
            "createdTime": str(NOW_MS), "updatedTime": str(NOW_MS),
        }  # fmt: skip
        clock.advance(5 * MS)
        venue.cross(order_id, "0.004")
        row = await customer.order(order_id)
        fee = D("0.004") * 61000 * D("0.0002")
        assert (row["orderStatus"], row["cumExecQty"], row["leavesQty"]) == ("PartiallyFilled", "0.004", "0.006")
        assert (row["avgPrice"], row["cumExecValue"], row["updatedTime"]) == ("61000", "244", str(NOW_MS + 5))
        assert D(row["cumExecFee"]) == D(row["cumFeeDetail"]["USDT"]) == fee
        assert await customer.ask("POST", CANCEL, **LINEAR, orderLinkId="one") == (0, result)
        row = await customer.order(order_id)
        assert (row["orderStatus"], row["cancelType"], row["rejectReason"]) == (
            "Cancelled", "CancelByUser", "EC_PerCancelRequest",
        )  # fmt: skip
        assert (row["cumExecQty"], row["leavesQty"]) == ("0.004", "0.000")
        for path, named in (
            (CANCEL, {"orderId": order_id}),
            (CANCEL, {"orderId": "1"}),
            (AMEND, {"orderId": order_id}),
        ):
            code, _ = await customer.ask("POST", path, **LINEAR, **named, **({"qty": "1"} if path == AMEND else {}))
            assert code == 110001


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"category": "spot"}, 10001, "category must be linear"),
        ({"category": None}, 10001, "category must be linear"),
        ({"symbol": "NOPE"}, 10001, "symbol 'NOPE' is unknown"),
        ({"symbol": None}, 10001, "symbol: a text"),
        ({"side": "BUY"}, 10001, "side 'BUY': Buy or Sell"),
        ({"orderType": "Stop"}, 10001, "orderType 'Stop'"),
        ({"timeInForce": "GTX"}, 10001, "timeInForce 'GTX'"),
        ({"timeInForce": "RPI"}, 10001, "timeInForce 'RPI'"),
        ({"qty": 0.01}, 10001, "qty: a text"),
        ({"qty": "much"}, 10001, "qty 'much' is no number"),
        ({"qty": "0.0015"}, 10001, "0.001 or 0.002 is"),
        ({"qty": "0"}, 10001, "too small"),
        ({"qty": "1001"}, 10001, "too large"),
        ({"qty": "101", "orderType": "Market"}, 10001, "too large"),
        ({"price": "61000.05"}, 10001, "61000 or 61000.1 is"),
        ({"price": "0"}, 110003, "out of range"),
        ({"price": ""}, 10001, "price is missing"),
        ({"price": None}, 10001, "price is missing"),
        ({"qty": "0.001", "price": "4999.9"}, 110094, "at least 5 is expected"),
        ({"qty": "17"}, 110007, "balance is insufficient"),
        ({"reduceOnly": True}, 110017, "0 left to reduce"),
        ({"closeOnTrigger": True}, 110017, "0 left to reduce"),
        ({"reduceOnly": "true"}, 10001, "reduceOnly: true or false"),
        ({"positionIdx": 1}, 10001, "position_side 'LONG': BOTH is expected"),
        ({"positionIdx": 3}, 10001, "positionIdx: a whole number from 0 to 2"),
        ({"triggerPrice": "60000"}, 10001, "triggerPrice: there are no conditional orders"),
        ({"takeProfit": "70000"}, 10001, "takeProfit: there are no conditional orders"),
        ({"orderLinkId": "a" * 37}, 10001, "at most 36"),
        ({"orderLinkId": "a b"}, 10001, "at most 36"),
        ({"orderLinkId": "ä"}, 10001, "at most 36"),
        ({"orderLinkId": 7}, 10001, "orderLinkId: a text"),
        ({"orderLinkId": "taken"}, 110072, "was used before"),
    ],
)
async def test_refusals_of_an_order(fields: dict[str, Any], code: int, named: str) -> None:
    asked = {**LINEAR, "side": "Buy", "orderType": "Limit", "price": "61000.0", "qty": "0.001"}
    async with v5_customers() as (venue, customer):
        await customer.placed("Buy", "0.001", "50000.0", orderLinkId="taken")
        before = venue.account.orders, venue.final_book("BTCUSDT", 20), venue.counts["events"]
        found, text = await customer.ask("POST", CREATE, **{**asked, **fields})
        assert found == code and named in text
        assert (venue.account.orders, venue.final_book("BTCUSDT", 20), venue.counts["events"]) == before


async def test_a_name_is_used_once_even_when_its_order_has_ended() -> None:
    async with v5_customers() as (_, customer):
        order_id = await customer.placed("Buy", "0.001", "50000.0", orderLinkId="once")
        await customer.ask("POST", CANCEL, **LINEAR, orderId=order_id)
        assert (await customer.place("Buy", "0.001", "50000.0", orderLinkId="once"))[0] == 110072


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"null", b"[" * 30_000, b'{"category":"linear"', b"7"])
async def test_bodies_that_are_none(body: bytes) -> None:
    async with v5_customers() as (_, customer):
        headers = signed(customer.account, customer.now_ms, body)
        status, said = await customer.send("POST", CREATE, "", body, headers)
        assert (status, said["retCode"], said["result"]) == (200, 10001, {})


async def test_what_a_time_in_force_does() -> None:
    async with v5_customers() as (venue, customer):
        bid, ask = (D(side[0][0]) for side in venue.final_book("BTCUSDT", 1)[:2])
        fields = {
            **LINEAR,
            "side": "Buy",
            "orderType": "Market",
            "qty": "0.002",
            "price": "1",
            "timeInForce": "PostOnly",
        }
        _, result = await customer.ask("POST", CREATE, **fields)
        market = await customer.order(result["orderId"])
        assert (market["orderStatus"], market["orderType"], market["timeInForce"]) == ("Filled", "Market", "IOC")
        resting = await customer.order(await customer.placed("Buy", "0.002", str(bid), timeInForce="PostOnly"))
        assert (resting["orderStatus"], resting["timeInForce"]) == ("New", "PostOnly")
        for in_force, price, size, why in (
            ("PostOnly", ask, "0.002", "EC_PostOnlyWillTakeLiquidity"),
            ("FOK", ask, "15", "EC_NoEnoughQtyToFill"),
            ("IOC", bid - 10, "0.002", "EC_NoImmediateQtyToFill"),
        ):
            order_id = await customer.placed("Buy", size, str(price), timeInForce=in_force)
            row = await customer.order(order_id)
            assert (row["orderStatus"], row["rejectReason"], row["cumExecQty"]) == ("Cancelled", why, "0.000")
        taken = await customer.order(await customer.placed("Buy", "0.002", str(ask), timeInForce="FOK"))
        assert taken["orderStatus"] == "Filled"


async def test_a_reducing_order_ends_with_its_position() -> None:
    async with v5_customers() as (venue, customer):
        bid, ask = (D(side[0][0]) for side in venue.final_book("BTCUSDT", 1)[:2])
        await customer.placed("Buy", "0.002", None)
        order_id = await customer.placed("Sell", "0.002", str(ask + 100), reduceOnly=True)
        await customer.placed("Sell", "0.002", str(bid - 1), timeInForce="IOC")
        row = await customer.order(order_id)
        assert (row["orderStatus"], row["cancelType"]) == ("Cancelled", "CancelByReduceOnly")


async def test_amends() -> None:
    async with v5_customers() as (venue, customer):
        order_id = await customer.placed("Buy", "0.010", "61000.0", orderLinkId="one")
        ids = {"orderId": order_id, "orderLinkId": "one"}
        assert await customer.ask("POST", AMEND, **LINEAR, orderLinkId="one", price="61000.5") == (0, ids)
        assert await customer.ask("POST", AMEND, **LINEAR, orderId=order_id, qty="0.008") == (0, ids)
        row = await customer.order(order_id)
        assert (row["price"], row["qty"], row["orderStatus"]) == ("61000.50", "0.008", "New")
        venue.cross(order_id, "0.003")
        for fields, code in (
            ({"qty": "0.008", "price": "61000.5"}, 110043),
            ({}, 110043),
            ({"qty": "0.003"}, 10001),
            ({"qty": "17"}, 110007),
            ({"price": "0"}, 110003),
            ({"price": 61000}, 10001),
            ({"stopLoss": "1"}, 10001),
            ({"qty": "0.009", "symbol": "ETHUSDT"}, 110001),
            ({"qty": "0.009", "orderId": "1"}, 110001),
            ({"qty": "0.009", "orderId": ""}, 10001),
        ):
            code_told, _ = await customer.ask("POST", AMEND, **{**LINEAR, "orderId": order_id, **fields})
            assert code_told == code, fields
        (order,) = venue.account.open_orders
        assert (order.size, order.price, order.filled) == (D("0.008"), D("61000.5"), D("0.003"))


async def test_cancel_all_of_a_symbol_a_coin_or_a_base() -> None:
    async with v5_customers(symbols=["BTCUSDT", "ETHUSDT"]) as (venue, customer):

        async def rest() -> set[str]:
            first = await customer.placed("Buy", "0.001", "50000.0")
            second = await customer.placed("Buy", "0.10", "2000.00", symbol="ETHUSDT")
            return {first, second}

        await rest()
        for fields, code in (({}, 10001), ({"symbol": "NOPE"}, 10001)):
            assert (await customer.ask("POST", CANCEL_ALL, category="linear", **fields))[0] == code
        for fields, left in (({"settleCoin": "USDC"}, 2), ({"baseCoin": "ETH"}, 1), ({"symbol": "BTCUSDT"}, 0)):
            code, result = await customer.ask("POST", CANCEL_ALL, category="linear", **fields)
            assert (code, result["success"]) == (0, "1") and len(venue.account.open_orders) == left
        ids = await rest()
        code, result = await customer.ask("POST", CANCEL_ALL, category="linear", settleCoin="USDT")
        assert {row["orderId"] for row in result["list"]} == ids and venue.account.open_orders == ()
        assert (await customer.ask("POST", CANCEL_ALL, category="linear", settleCoin="USDT"))[1]["list"] == []


async def test_500_orders_of_a_symbol_and_as_many_cancels_at_a_time() -> None:
    async with v5_customers(symbols=["BTCUSDT", "ETHUSDT"], weights=(10_000, 5.0)) as (venue, customer):
        for _ in range(500):
            venue.place_by_hand("BTCUSDT", "BUY", "0.001", "50000")
        assert (await customer.place("Buy", "0.001", "50000.0"))[0] == 110020
        await customer.placed("Buy", "0.10", "2000.00", symbol="ETHUSDT")
        _, result = await customer.ask("POST", CANCEL_ALL, category="linear", settleCoin="USDT")
        assert len(result["list"]) == 500 and len(venue.account.open_orders) == 1
        _, result = await customer.ask("POST", CANCEL_ALL, category="linear", settleCoin="USDT")
        assert len(result["list"]) == 1 and venue.account.open_orders == ()
        first, last = (venue.account.orders[at].order_id for at in (0, -1))
        assert await customer.rows(REALTIME, orderId=first) == [], "only the last 500 to end are remembered"
        assert len(await customer.rows(REALTIME, symbol="ETHUSDT", orderId=last)) == 1
        assert len(await customer.rows(HISTORY, orderId=first)) == 1


async def pages(customer: Any, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    """All parts of a list."""
    found: list[list[dict[str, Any]]] = []
    cursor = ""
    while True:
        asked = {**LINEAR, **query, **({"cursor": cursor} if cursor else {})}
        code, result = await customer.ask("GET", path, query="&".join(f"{k}={v}" for k, v in asked.items()))
        assert code == 0, result
        found.append(result["list"])
        cursor = result["nextPageCursor"]
        if not cursor:
            return found


async def test_lists_come_in_parts_the_newest_first() -> None:
    clock = TapeClock(START)
    async with v5_customers(clock=clock) as (venue, customer):
        ids = []
        for number in range(7):
            ids.append(await customer.placed("Buy", "0.004", "61000.0", orderLinkId=f"n{number}"))
            clock.advance((number % 2) * MS)  # some are of one ms
        found = await pages(customer, REALTIME, limit=3)
        assert [[row["orderId"] for row in part] for part in found] == [ids[:3:-1], ids[3:0:-1], ids[:1]]
        for order_id in ids[:5]:
            venue.cross(order_id, "0.002")
            venue.cross(order_id, "0.002")
        found = await pages(customer, HISTORY, limit=4)
        assert [row["orderId"] for part in found for row in part] == ids[4::-1] and len(found) == 2
        found = await pages(customer, EXECUTIONS, limit=3)
        assert [len(part) for part in found] == [3, 3, 3, 1]
        assert [row["orderId"] for part in found for row in part] == [each for each in ids[4::-1] for _ in range(2)]
        assert len({row["execId"] for part in found for row in part}) == 10
        assert await customer.rows(REALTIME, openOnly=1) == (await pages(customer, HISTORY))[0]
        (part,) = await pages(customer, EXECUTIONS, orderLinkId="n2")
        assert [row["orderLinkId"] for row in part] == ["n2", "n2"]
        assert await pages(customer, EXECUTIONS, execType="Funding") == [[]]
        assert await pages(customer, HISTORY, orderStatus="Cancelled") == [[]]
        for path in (REALTIME, HISTORY, EXECUTIONS):
            for wrong in ("limit=0", "limit=101", "limit=x", "cursor=x", "cursor=1_", "category=spot"):
                query = f"category=linear&symbol=BTCUSDT&{wrong}"
                assert (await customer.ask("GET", path, query=query))[0] == 10001, wrong


@pytest.mark.parametrize("path", [REALTIME, HISTORY, EXECUTIONS])
async def test_what_a_list_is_about_is_looked_at_where_it_is_empty_too(path: str) -> None:
    async with v5_customers() as (_, customer):
        for about, code in (
            ("", 10001 if path == REALTIME else 0), ("&symbol=NOPE", 10001), ("&symbol=BTCUSDT", 0),
            ("&baseCoin=BTC", 0), ("&settleCoin=USDC", 0),
        ):  # fmt: skip
            found, result = await customer.ask("GET", path, query=f"category=linear{about}")
            assert found == code and (code or result["list"] == []), about
        assert (await customer.ask("POST", CANCEL_ALL, category="linear"))[0] == 10001
        assert (await customer.ask("POST", CANCEL_ALL, category="linear", symbol="NOPE"))[0] == 10001


async def test_a_list_spans_seven_days() -> None:
    clock = TapeClock(START)
    day_ms = 86_400_000
    async with v5_customers(clock=clock) as (venue, customer):
        for _ in range(2):
            venue.cross(await customer.placed("Buy", "0.004", "61000.0"))
            clock.advance(8 * day_ms * MS)
        for path in (HISTORY, EXECUTIONS):
            times = {"startTime": NOW_MS, "endTime": NOW_MS + day_ms}
            assert len(await customer.rows(path, **times)) == 1
            assert len(await customer.rows(path, endTime=NOW_MS + 9 * day_ms)) == 1
            assert len(await customer.rows(path, startTime=NOW_MS)) == 1
            assert await customer.rows(path) == [], "the last seven days"
            for first, last in ((1, 0), (0, 8 * day_ms), ("x", 0)):
                query = f"category=linear&symbol=BTCUSDT&startTime={first}&endTime={last}"
                assert (await customer.ask("GET", path, query=query))[0] == 10001


async def test_an_execution_and_what_it_realised() -> None:
    async with v5_customers() as (venue, customer):
        first = await customer.placed("Buy", "0.004", "61000.0", orderLinkId="in")
        venue.cross(first, "0.003")
        second = await customer.placed("Sell", "0.005", "62000.0")
        venue.cross(second)
        sold, bought = await customer.rows(EXECUTIONS)
        fills = venue.account.fills
        assert bought == bought | {
            "category": "linear", "symbol": "BTCUSDT", "execId": fills[0].trade_id, "execType": "Trade",
            "execPrice": "61000", "execQty": "0.003", "execValue": "183", "feeCurrency": "USDT", "execPnl": "0",
            "isMaker": True, "leavesQty": "0.001", "closedSize": "0", "orderId": first, "orderLinkId": "in",
            "orderPrice": "61000.00", "orderQty": "0.004", "orderType": "Limit", "side": "Buy",
        }  # fmt: skip
        assert (sold["side"], sold["execPnl"], sold["closedSize"], sold["leavesQty"]) == ("Sell", "3", "0.003", "0.000")
        assert D(bought["execFee"]) + D(sold["execFee"]) == sum(fill.commission for fill in fills)
        assert bought["seq"] < sold["seq"]


async def test_positions_and_the_wallet() -> None:
    async with v5_customers() as (venue, customer):
        (flat,) = await customer.rows(POSITIONS)
        assert (flat["side"], flat["size"], flat["seq"], flat["updatedTime"]) == ("", "0", -1, "0")
        coin = "category=linear&settleCoin=USDT"
        assert (await customer.ask("GET", POSITIONS, query=coin))[1]["list"] == []
        venue.cross(await customer.placed("Sell", "0.004", "62000.0"))
        for query in ("category=linear&symbol=BTCUSDT", coin):
            ((row,),) = [(await customer.ask("GET", POSITIONS, query=query))[1]["list"]]
            assert (row["side"], row["size"], row["avgPrice"], row["positionIdx"]) == ("Sell", "0.004", "62000", 0)
            assert (row["leverage"], row["positionValue"], row["positionIM"]) == ("10", "248", "24.8")
            mark = venue._exchange.mark(venue._exchange.instrument("BTCUSDT"))
            assert D(row["unrealisedPnl"]) == (D(62000) - mark) * D("0.004") and row["seq"] > 0
        for wrong in ("category=linear", "category=linear&symbol=NOPE", "symbol=BTCUSDT"):
            assert (await customer.ask("GET", POSITIONS, query=wrong))[0] == 10001
        assert (await customer.ask("GET", POSITIONS, query="category=linear&settleCoin=USDC"))[1]["list"] == []
        await customer.placed("Buy", "0.010", "61000.0")
        code, result = await customer.ask("GET", WALLET, query="accountType=UNIFIED")
        ((held,), (coin_row,)) = result["list"], result["list"][0]["coin"]
        truth = venue.account.balances["USDT"]
        assert code == 0 and D(coin_row["walletBalance"]) == truth.wallet
        assert D(held["totalAvailableBalance"]) == truth.available and coin_row["availableToWithdraw"] == ""
        assert D(coin_row["totalPositionIM"]) == D("24.8") and D(coin_row["totalOrderIM"]) == D("36.6")
        assert D(held["totalEquity"]) == truth.wallet + D(row["unrealisedPnl"])
        assert (await customer.ask("GET", WALLET, query="accountType=SPOT"))[0] == 10001


async def test_the_legs_of_a_hedged_account() -> None:
    async with v5_customers(accounts={"default": Terms(hedge=True)}) as (venue, customer):
        assert (await customer.place("Buy", "0.004", None))[0] == 10001, "which leg?"
        await customer.placed("Buy", "0.004", None, positionIdx=1)
        await customer.placed("Sell", "0.003", None, positionIdx=2)
        long, short = await customer.rows(POSITIONS)
        assert [(row["positionIdx"], row["side"], row["size"]) for row in (long, short)] == [
            (1, "Buy", "0.004"), (2, "Sell", "0.003"),
        ]  # fmt: skip
        assert (await customer.place("Sell", "0.005", None, positionIdx=1))[0] == 110017
        await customer.placed("Sell", "0.004", None, positionIdx=1, reduceOnly=True)
        long, short = await customer.rows(POSITIONS)
        assert (long["side"], long["size"], short["size"]) == ("", "0", "0.003")
        assert [row["positionIdx"] for row in await customer.rows(HISTORY)] == [1, 2, 1]
        assert [LEGS.index(fill.position_side) for fill in venue.account.fills] == [1, 2, 1]


async def test_the_mode_is_switched_while_nothing_is_held_or_open() -> None:
    async with v5_customers() as (venue, customer):

        async def switched(mode: object, **fields: str) -> int:
            named = fields or {"coin": "USDT"}
            code, _ = await customer.ask("POST", "/v5/position/switch-mode", category="linear", mode=mode, **named)
            return int(code)

        assert [await switched(mode) for mode in (0, 1, "x", None)] == [110025, 10001, 10001, 10001]
        assert await switched(3, symbol="") == 10001
        order_id = await customer.placed("Buy", "0.004", "61000.0")
        assert await switched(3) == 110028
        venue.cross(order_id)
        assert await switched(3) == 110024
        await customer.placed("Sell", "0.004", None)
        assert await switched(3, symbol="BTCUSDT") == 0 and venue.account.terms.hedge
        assert (await switched(3), len(await customer.rows(POSITIONS))) == (110025, 2)
        await customer.placed("Sell", "0.004", None, positionIdx=2)
        assert venue.account.positions["BTCUSDT"].size == D("-0.004")


async def test_what_the_key_and_the_account_are() -> None:
    async with v5_customers() as (_, customer):
        code, result = await customer.ask("GET", "/v5/account/info")
        assert (code, result["unifiedMarginStatus"]) == (0, 5)
        code, result = await customer.ask("GET", "/v5/user/query-api")
        assert (code, result["uta"], result["readOnly"]) == (0, 1, 0)


# -- whose request it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "api_key", "at_ms", "payload", "digest"),
    [
        ("test_secret", "test_api_key", 1700000000000, b"category=linear&symbol=BTCUSDT",
         "fd4f31228a46109dc6673062328693696df9a96c7ff04e6491a45e7f63a0fdd7"),
        ("testsecret", "testkey", 1658384314791,
         b'{"category":"linear","symbol":"BTCUSDT","side":"Buy","orderType":"Limit","qty":"0.001","price":"15000",'
         b'"timeInForce":"GTC"}', "0bab8ea81b259dac2eca7a635ab40612efa8c060753254660d86d0f2296b8582"),
    ],
)  # fmt: skip
def test_the_sheet_s_vectors(secret: str, api_key: str, at_ms: int, payload: bytes, digest: str) -> None:
    account = Account("a", api_key=api_key, api_secret=secret)
    headers = {"x-bapi-api-key": api_key, "x-bapi-timestamp": str(at_ms), "x-bapi-sign": digest}
    assert identify(headers, payload, [account], at_ms) is account, "5000 ms is the usual window"
    with pytest.raises(Coded) as caught:
        identify(headers, payload + b" ", [account], at_ms)
    assert caught.value.code == 10004


@pytest.mark.parametrize(
    ("ahead_ms", "window", "good"),
    [
        (0, "5000", True), (-5000, "5000", True), (-5001, "5000", False), (999, "5000", True), (1000, "5000", False),
        (-20_000, "20000", True), (-5001, "", False),
    ],
)  # fmt: skip
async def test_a_request_is_good_for_its_window(ahead_ms: int, window: str, good: bool) -> None:
    clock = TapeClock(START)
    async with v5_customers(clock=clock) as (_, customer):
        query = "accountType=UNIFIED"
        headers = signed(customer.account, customer.now_ms + ahead_ms, query.encode(), window or "5000")
        if not window:
            del headers["X-BAPI-RECV-WINDOW"]
        status, said = await customer.send("GET", WALLET, query, b"", headers)
        assert (status, said["retCode"]) == (200, 0 if good else 10002)
        assert good or f"server_timestamp[{NOW_MS}]" in said["retMsg"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("X-BAPI-API-KEY", "", 10001), ("X-BAPI-SIGN", None, 10001), ("X-BAPI-TIMESTAMP", "now", 10001),
        ("X-BAPI-RECV-WINDOW", "-1", 10001), ("X-BAPI-RECV-WINDOW", "9" * 17, 10001), ("X-BAPI-API-KEY", "me", 10003),
        ("X-BAPI-SIGN", "0" * 64, 10004), ("X-BAPI-SIGN", "ä", 10004), ("X-BAPI-RECV-WINDOW", "6000", 10004),
    ],
)  # fmt: skip
async def test_who_is_not_let_in(name: str, value: str | None, code: int) -> None:
    async with v5_customers() as (venue, customer):
        body = json.dumps({**LINEAR, "side": "Buy", "orderType": "Market", "qty": "0.001"}).encode()
        headers = signed(customer.account, customer.now_ms, body)
        headers.pop(name) if value is None else headers.update({name: value})
        status, said = await customer.send("POST", CREATE, "", body, headers)
        assert (status, said["retCode"]) == (200, code) and venue.account.orders == ()
        whole = json.dumps(said)
        assert customer.account.api_key not in whole and headers.get("X-BAPI-SIGN", "none")[:16] not in whole


async def test_the_limits_of_an_account_and_what_is_left_of_them() -> None:
    clock = TapeClock(START)
    async with v5_customers(clock=clock, rates={}) as (venue, customer):
        for number in range(10):
            await customer.placed("Buy", "0.001", "50000.0")
            assert customer.headers["X-Bapi-Limit"] == "10"
            assert customer.headers["X-Bapi-Limit-Status"] == str(9 - number)
            assert customer.headers["X-Bapi-Limit-Reset-Timestamp"] == str(NOW_MS + 1000)
        code, text = await customer.place("Buy", "0.001", "50000.0")
        assert (code, len(venue.account.orders)) == (10006, 10) and "place is limited to 10 in 1 s" in text
        assert (await customer.ask("POST", CANCEL_ALL, **LINEAR))[0] == 0, "each has its own"
        clock.advance(1000 * MS)
        await customer.placed("Buy", "0.001", "50000.0")
    async with v5_customers() as (_, customer):
        await customer.placed("Buy", "0.001", "50000.0")
        assert "X-Bapi-Limit" not in customer.headers, "there are none"


async def test_an_address_that_asks_too_often_is_answered_403() -> None:
    async with v5_customers(weights=(3, 5.0)) as (venue, customer):
        for _ in range(2):
            await customer.placed("Buy", "0.001", "50000.0")
        async with customer.session.get(f"{venue.rest_url}/v5/market/time") as answer:
            assert answer.status == 200, "it counts, too"
        body = json.dumps({**LINEAR, "side": "Buy", "orderType": "Market", "qty": "0.001"}).encode()
        status, said = await customer.send("POST", CREATE, "", body, signed(customer.account, customer.now_ms, body))
        assert (status, said["retCode"], len(venue.account.orders)) == (403, 10006, 2)
        assert venue.counts["limited"] == 1


@pytest.mark.parametrize(
    ("fault", "status", "code", "orders"),
    [("request_429", 429, 10429, 0), ("request_503", 503, 10016, 0), ("answer_503", 503, 10016, 1)],
)
async def test_faults_of_requests(fault: str, status: int, code: int, orders: int) -> None:
    async with v5_customers(faults=f"{fault}=1") as (venue, customer):
        body = json.dumps({**LINEAR, "side": "Buy", "orderType": "Market", "qty": "0.001"}).encode()
        told, said = await customer.send("POST", CREATE, "", body, signed(customer.account, customer.now_ms, body))
        assert (told, said["retCode"], len(venue.account.orders), venue.counts[fault]) == (status, code, orders, 1)


# -- what is told ---------------------------------------------------------------------------------------------------


async def test_what_is_told_of_an_order() -> None:
    async with v5_customers() as (venue, customer):
        stream = await customer.listen("order", "execution", "position", "wallet")
        order_id = await customer.placed("Buy", "0.004", "61000.0", orderLinkId="one")
        (topic, new), (_, flat) = await heard(stream, 2)
        assert (topic, new) == ("order", await customer.order(order_id))
        assert (flat["side"], flat["size"], flat["seq"], flat["positionIdx"]) == ("", "0", -1, 0)
        assert "BTCUSDT" not in venue.account.positions, "telling of a position makes none"
        venue.cross(order_id, "0.003")
        found = await heard(stream, 4)
        assert [topic for topic, _ in found] == ["execution", "order", "position", "wallet"]
        (_, execution), (_, order), (_, position), (_, wallet) = found
        assert [execution] == await customer.rows(EXECUTIONS)
        assert (order["orderStatus"], order["cumExecQty"]) == ("PartiallyFilled", "0.003")
        assert (position["side"], position["size"], position["entryPrice"]) == ("Buy", "0.003", "61000")
        assert position["seq"] == execution["seq"] and position["updatedTime"] == execution["execTime"]
        assert wallet["coin"][0]["walletBalance"] == str(venue.account.balances["USDT"].wallet).rstrip("0")
        await customer.ask("POST", AMEND, **LINEAR, orderId=order_id, price="61000.5")
        (_, amended), (_, same) = await heard(stream, 2)
        assert (amended["price"], amended["orderStatus"]) == ("61000.50", "PartiallyFilled")
        assert (same["size"], same["updatedTime"]) == (position["size"], position["updatedTime"])
        await customer.ask("POST", CANCEL, **LINEAR, orderId=order_id)
        (_, canceled), _ = await heard(stream, 2)
        assert (canceled["orderStatus"], canceled["leavesQty"]) == ("Cancelled", "0.000")
        await stream.close()


async def test_a_fill_that_outruns_a_cancel_is_told_twice() -> None:
    async with v5_customers(cancel_latency_s=60.0) as (venue, customer):
        stream = await customer.listen("order")
        order_id = await customer.placed("Buy", "0.004", "61000.0")
        assert (await customer.ask("POST", CANCEL, **LINEAR, orderId=order_id))[0] == 0
        assert (await customer.ask("POST", CANCEL, **LINEAR, orderId=order_id))[0] == 0, "asked for already"
        venue.cross(order_id)
        _, (_, once), (_, again) = await heard(stream, 3)
        assert (once["orderStatus"], once["cancelType"]) == ("Filled", "UNKNOWN")
        assert (again["orderStatus"], again["cancelType"], again["rejectReason"]) == (
            "Filled", "CancelByUser", "EC_OrigClOrdIDDoesNotExist",
        )  # fmt: skip
        await stream.close()


async def test_two_accounts_hear_each_its_own() -> None:
    accounts = {"a": Terms(), "b": Terms()}
    async with v5_customers("a", "b", accounts=accounts) as (venue, one, other):
        streams = [await customer.listen("order", "execution") for customer in (one, other)]
        price, there = venue.final_book("BTCUSDT", 1)[1][0]
        made = await one.placed("Sell", "0.005", price)
        taken = await other.placed("Buy", str(D(there) + D("0.001")), price)
        (_, _), (_, maker), _ = await heard(streams[0], 3)
        *_, (_, taker), _ = await heard(streams[1], 5)
        assert [(row["orderId"], row["isMaker"]) for row in (maker, taker)] == [(made, True), (taken, False)]
        assert maker["execId"] == taker["execId"] and maker["execQty"] == taker["execQty"] == "0.001"
        assert (len(await one.rows(EXECUTIONS)), len(await other.rows(EXECUTIONS))) == (1, 2)
        assert (await one.ask("POST", CANCEL, **LINEAR, orderId=taken))[0] == 110001, "it is another's"
        for stream in streams:
            await stream.close()


async def test_the_venue_has_a_private_part() -> None:
    async with LocalVenue("bybit") as venue:
        assert venue.is_private and len(venue.api_key) == 32
    assert set(RATES) == set(OPERATIONS.values()) and 10001 not in CODES.values()
    assert Coded(5, "x").status == 200 and isinstance(Coded(5, "x"), Refusal)
