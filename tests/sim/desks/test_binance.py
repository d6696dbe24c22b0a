"""REST as a customer sees it: every path over a real connection, every refusal by its code."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from csbook.clock import TapeClock
from csbook.sim import LocalVenue, Terms
from csbook.sim.desks.binance import OPERATIONS, RATES
from csbook.types import OrderStatus
from customer import heard
from usdm import LISTEN, ORDER, signature, usdm

START = 1_700_000_000_000_000_000
MS = 1_000_000
D = Decimal


def ends(said: list[Any]) -> list[tuple[str, str]]:
    """Execution and status of each order event."""
    return [(event["o"]["x"], event["o"]["X"]) for event in said if event["e"] == "ORDER_TRADE_UPDATE"]


async def test_an_order_s_life() -> None:
    clock = TapeClock(START)
    async with usdm(clock=clock) as (venue, customer):
        status, order = await customer.place("BUY", "0.010", "61000.0", newClientOrderId="one")
        assert status == 200
        taken_in = {
            "orderId": order["orderId"],
            "symbol": "BTCUSDT",
            "status": "NEW",
            "clientOrderId": "one",
            "price": "61000.00",
            "avgPrice": "0",
            "origQty": "0.010",
            "executedQty": "0.000",
            "cumQuote": "0",
            "timeInForce": "GTC",
            "type": "LIMIT",
            "reduceOnly": False,
            "closePosition": False,
            "side": "BUY",
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "priceProtect": False,
            "origType": "LIMIT",
            "priceMatch": "NONE",
            "selfTradePreventionMode": "EXPIRE_TAKER",
            "goodTillDate": 0,
            "updateTime": START // MS,
            "cumQty": "0.000",
        }
        assert order == taken_in
        assert (customer.headers["X-MBX-ORDER-COUNT-10S"], customer.headers["X-MBX-ORDER-COUNT-1M"]) == ("0", "0")
        clock.advance(5 * MS)
        venue.cross(str(order["orderId"]), "0.004")
        for named in ({"origClientOrderId": "one"}, {"orderId": order["orderId"]}):
            status, now = await customer.ask("GET", ORDER, symbol="BTCUSDT", **named)
            assert (status, now["status"], now["executedQty"]) == (200, "PARTIALLY_FILLED", "0.004")
            assert (now["avgPrice"], now["cumQuote"]) == ("61000", "244")
            assert (now["time"], now["updateTime"]) == (START // MS, START // MS + 5)
            assert "cumQty" not in now
        _, (listed,) = await customer.ask("GET", "/fapi/v1/openOrders", symbol="BTCUSDT")
        assert listed == now
        assert (await customer.ask("GET", "/fapi/v1/openOrder", symbol="BTCUSDT", orderId=order["orderId"]))[1] == now
        status, ended = await customer.cancel(order["orderId"])
        assert (status, ended["status"], ended["executedQty"]) == (200, "CANCELED", "0.004")
        assert await customer.ask("GET", "/fapi/v1/openOrders") == (200, [])
        _, (listed,) = await customer.ask("GET", "/fapi/v1/allOrders", symbol="BTCUSDT")
        assert listed["status"] == "CANCELED"
        for method, path, code in (
            ("DELETE", ORDER, -2011), ("PUT", ORDER, -2013), ("GET", "/fapi/v1/openOrder", -2013),
        ):  # fmt: skip
            more = {"side": "BUY", "quantity": "0.005", "price": "61000.0"} if method == "PUT" else {}
            status, said = await customer.ask(method, path, symbol="BTCUSDT", orderId=order["orderId"], **more)
            assert (status, said["code"]) == (400, code), "it has ended"
        for method, code in (("GET", -2013), ("DELETE", -2011)):
            for named in ({"orderId": 1}, {"origClientOrderId": "two"}):
                status, said = await customer.ask(method, ORDER, symbol="BTCUSDT", **named)
                assert (status, said["code"]) == (400, code), "there never was one"


async def test_the_answer_is_of_the_taking_in_or_of_the_result() -> None:
    async with usdm() as (venue, customer):
        (_, size), *_ = venue.final_book("BTCUSDT", 1)[1]
        assert D(size) >= D("0.002")
        _, said = await customer.place("BUY", "0.001", None)
        assert (said["status"], said["executedQty"], said["cumQuote"], said["avgPrice"]) == ("NEW", "0.000", "0", "0")
        assert venue.account.orders[0].status is OrderStatus.FILLED
        _, said = await customer.place("BUY", "0.001", None, newOrderRespType="RESULT")
        price = venue.account.fills[1].price
        assert (said["status"], said["executedQty"]) == ("FILLED", "0.001")
        assert (D(said["avgPrice"]), D(said["cumQuote"])) == (price, price / 1000)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol": "NOPE"}, -1121),
        ({"symbol": None}, -1102),
        ({"side": "HOLD"}, -1117),
        ({"side": None}, -1102),
        ({"type": None}, -1102),
        ({"type": "ICEBERG"}, -1116),
        ({"type": "STOP_MARKET"}, -4120),
        ({"type": "TAKE_PROFIT"}, -4120),
        ({"type": "TRAILING_STOP_MARKET"}, -4120),
        ({"timeInForce": "GTD"}, -1115),
        ({"timeInForce": None}, -1102),
        ({"price": None}, -1102),
        ({"price": ""}, -1102),
        ({"price": "cheap"}, -1100),
        ({"price": "0"}, -4001),
        ({"price": "-5"}, -4001),
        ({"price": "1" + "0" * 12}, -4002),
        ({"price": "61000.005"}, -1111),
        ({"price": "61000.05"}, -4014),
        ({"quantity": None}, -1102),
        ({"quantity": "0"}, -4003),
        ({"quantity": "-1"}, -4003),
        ({"quantity": "0.0015"}, -1111),
        ({"quantity": "1000.001"}, -4005),
        ({"quantity": "1e3"}, -1100),
        ({"type": "MARKET", "timeInForce": None}, -1106),
        ({"type": "MARKET", "price": None}, -1106),
        ({"type": "MARKET", "price": None, "timeInForce": None, "quantity": "100.001"}, -4005),
        ({"price": "4000.0", "quantity": "0.001"}, -4164),
        ({"reduceOnly": "maybe"}, -1130),
        ({"reduceOnly": "true"}, -2022),
        ({"positionSide": "LONG"}, -4061),
        ({"positionSide": "UP"}, -4060),
        ({"newClientOrderId": "x" * 37}, -4015),
        ({"newClientOrderId": "a b"}, -4015),
        ({"newOrderRespType": "FULL"}, -1130),
        ({"priceMatch": "QUEUE"}, -1130),
        ({"goodTillDate": "1700000000000"}, -1130),
        ({"selfTradePreventionMode": "EXPIRE_BOTH"}, -1130),
        ({"quantity": "17"}, -2019),
        ({"timeInForce": "GTX", "price": "70000.0"}, -5022),
        ({"timeInForce": "FOK"}, -5021),
    ],
)
async def test_refusals_of_an_order(fields: dict[str, Any], code: int) -> None:
    asked = {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "61000.0",
        "quantity": "0.001",
    }  # fmt: skip
    async with usdm() as (venue, customer):
        before = venue.final_book("BTCUSDT", 20)
        status, said = await customer.ask("POST", ORDER, **{**asked, **fields})
        assert (status, said["code"], list(said)) == (400, code, ["code", "msg"])
        assert isinstance(said["msg"], str) and said["msg"]
        assert venue.account.orders == ()
        assert venue.final_book("BTCUSDT", 20) == before
        assert venue.counts["events"] == 0


async def test_a_price_off_the_tick_but_within_its_digits() -> None:
    async with usdm(symbols=["ETHUSDT"]) as (venue, customer):
        (price, _), *_ = venue.final_book("ETHUSDT", 1)[0]
        assert D(price) % D("0.004") == 0
        asked = {"symbol": "ETHUSDT", "quantity": "0.01"}
        for off, code in (("0.001", -4014), ("0.0001", -1111)):
            status, said = await customer.place("BUY", "0.01", str(D(price) - 100 + D(off)), **asked)
            assert (status, said["code"]) == (400, code)
        status, _ = await customer.place("BUY", "0.01", f"{D(price) - 100:.6f}", **asked)
        assert status == 200, "zeros at the end say nothing"


async def test_a_client_order_id_is_unique_among_open_orders() -> None:
    async with usdm() as (venue, customer):
        await customer.place("BUY", "0.001", "61000.0", newClientOrderId="one")
        status, said = await customer.place("SELL", "0.002", "62000.0", newClientOrderId="one")
        assert (status, said["code"]) == (400, -4116)
        assert [str(order.side) for order in venue.account.orders] == ["BUY"]
        await customer.ask("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="one")
        status, again = await customer.place("SELL", "0.002", "62000.0", newClientOrderId="one")
        assert status == 200
        _, found = await customer.ask("GET", ORDER, symbol="BTCUSDT", origClientOrderId="one")
        assert found["orderId"] == again["orderId"]
        _, said = await customer.place("BUY", "0.001", "61000.0")
        assert said["clientOrderId"] == f"web_{said['orderId']}", "the venue names what nobody has named"


async def test_an_order_is_of_its_symbol() -> None:
    async with usdm(symbols=["BTCUSDT", "ETHUSDT"]) as (_, customer):
        _, order = await customer.place("BUY", "0.001", "61000.0")
        for method, code in (("GET", -2013), ("DELETE", -2011)):
            status, said = await customer.ask(method, ORDER, symbol="ETHUSDT", orderId=order["orderId"])
            assert (status, said["code"]) == (400, code)
        for fields, code in (({}, -1102), ({"orderId": "x"}, -1100), ({"orderId": "9" * 30}, -1100)):
            status, said = await customer.ask("GET", ORDER, symbol="BTCUSDT", **fields)
            assert (status, said["code"]) == (400, code)


# -- times in force


async def test_times_in_force() -> None:
    path = "/private/ws/{key}?events=ORDER_TRADE_UPDATE"
    async with usdm() as (venue, customer), await customer.listen(path) as stream:
        bids, asks, _ = venue.final_book("BTCUSDT", 1)
        bid, ask = D(bids[0][0]), D(asks[0][0])
        for in_force, price, size, last in (
            ("GTX", bid, "0.001", ("NEW", "NEW")),
            ("IOC", bid, "0.001", ("EXPIRED", "EXPIRED")),
            ("IOC", ask, "0.001", ("TRADE", "FILLED")),
            ("FOK", ask, "0.001", ("TRADE", "FILLED")),
        ):
            status, order = await customer.place("BUY", size, str(price), timeInForce=in_force)
            assert (status, order["status"], order["timeInForce"]) == (200, "NEW", in_force)
            events = await heard(stream, 1 if last == ("NEW", "NEW") else 2)
            assert ends(events)[0] == ("NEW", "NEW") and ends(events)[-1] == last
            assert {event["o"]["f"] for event in events} == {in_force}
        before = len(venue.account.orders)
        for in_force, price, code in (("GTX", ask, -5022), ("FOK", bid, -5021)):
            status, said = await customer.place("BUY", "0.001", str(price), timeInForce=in_force)
            assert (status, said["code"]) == (400, code)
        assert len(venue.account.orders) == before, "what is refused never was"


async def test_an_order_that_meets_one_of_its_own_account_has_a_status_of_its_own() -> None:
    async with usdm(accounts={"rich": Terms(balance="1e9")}) as (venue, customer):
        (ask, size), *_ = venue.final_book("BTCUSDT", 1)[1]
        await customer.place("SELL", "0.001", ask)
        _, said = await customer.place("BUY", str(D(size) + 1), ask, newOrderRespType="RESULT")
        assert (said["status"], D(said["executedQty"])) == ("EXPIRED_IN_MATCH", D(size))


# -- amends


async def amend(customer: Any, order: Any, size: str, at: str, **more: Any) -> tuple[int, Any]:
    fields = {"symbol": "BTCUSDT", "orderId": order["orderId"], "side": order["side"], "quantity": size, "price": at}
    status, said = await customer.ask("PUT", ORDER, **{**fields, **more})
    return status, said


async def test_amends() -> None:
    async with usdm() as (venue, customer):
        _, order = await customer.place("BUY", "0.010", "61000.0")
        async with await customer.listen("/private/ws/{key}?events=ORDER_TRADE_UPDATE") as stream:
            status, said = await amend(customer, order, "0.008", "61000.1")
            assert (status, said["status"], said["price"], said["origQty"]) == (200, "NEW", "61000.10", "0.008")
            (event,) = await heard(stream, 1)
            assert ends([event]) == [("AMENDMENT", "NEW")]
            assert (event["o"]["p"], event["o"]["q"]) == ("61000.10", "0.008")
            for fields, code in (
                ({}, -5027),
                ({"side": "SELL"}, -1130),
                ({"quantity": None}, -1102),
                ({"price": None}, -1102),
                ({"price": "61000.05"}, -4014),
                ({"quantity": "0.0001"}, -1111),
                ({"quantity": "17"}, -2019),
                ({"orderId": 1}, -2013),
            ):
                status, said = await amend(customer, order, "0.008", "61000.1", **fields)
                assert (status, said["code"]) == (400, code), fields
            venue.cross(str(order["orderId"]), "0.003")
            status, said = await amend(customer, order, "0.003", "61000.1")
            assert (status, said["status"], said["executedQty"]) == (200, "CANCELED", "0.003")
            assert ends(await heard(stream, 2)) == [("TRADE", "PARTIALLY_FILLED"), ("CANCELED", "CANCELED")]
            _, order = await customer.place("BUY", "0.001", "61000.0", timeInForce="GTX")
            status, said = await amend(customer, order, "0.001", "70000.0")
            assert (status, said["status"], said["executedQty"]) == (200, "CANCELED", "0.000"), "it would have taken"
        _, market = await customer.place("BUY", "0.001", None)
        status, said = await amend(customer, market, "0.001", "61000.0")
        assert (status, said["code"]) == (400, -5025)


# -- lists


async def test_lists_of_orders_and_fills() -> None:
    clock = TapeClock(START)
    async with usdm(clock=clock) as (venue, customer):
        for number in range(12):
            order = venue.place_by_hand("BTCUSDT", "BUY", "0.001", f"{60000 + number}.0")
            if number % 2:
                venue.cross(order.order_id)
            clock.advance(MS)

        async def orders(**fields: Any) -> list[int]:
            status, said = await customer.ask("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", **fields)
            assert status == 200, said
            return [row["orderId"] - 8_000_001 for row in said]

        async def fills(**fields: Any) -> list[int]:
            status, said = await customer.ask("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", **fields)
            assert status == 200, said
            assert [row["id"] for row in said] == sorted(row["id"] for row in said)
            return [row["orderId"] - 8_000_001 for row in said]

        at = START // MS
        assert await orders() == [*range(12)]
        assert await orders(limit=3) == [9, 10, 11], "the newest"
        assert await orders(startTime=at + 2, endTime=at + 4) == [2, 3, 4]
        assert await orders(orderId=8_000_001 + 10) == [10, 11]
        assert await fills() == [1, 3, 5, 7, 9, 11]
        assert await fills(limit=2) == [9, 11]
        assert await fills(startTime=at + 4) == [5, 7, 9, 11]
        assert await fills(startTime=at + 4, limit=2) == [5, 7], "the oldest from there on"
        assert await fills(orderId=8_000_001 + 5) == [5]
        assert await fills(fromId=int(venue.account.fills[3].trade_id)) == [7, 9, 11]
        clock.advance(8 * 86_400 * 10**9)
        assert await orders() == await fills() == [], "of the last seven days, unless it is said otherwise"
        assert await orders(startTime=at) == [*range(12)]
        assert await orders(endTime=at + 3) == [0, 1, 2, 3]
        assert await fills(orderId=8_000_001 + 5) == [5]
        _, rows = await customer.ask("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", startTime=at)
        fill = venue.account.fills[0]
        assert rows[0] == {
            "buyer": True, "commission": "0.0120002", "commissionAsset": "USDT",
            "id": int(fill.trade_id), "maker": True, "orderId": 8_000_002, "price": "60001", "qty": "0.001",
            "quoteQty": "60.001", "realizedPnl": "0", "side": "BUY", "positionSide": "BOTH", "symbol": "BTCUSDT",
            "time": at + 1,
        }  # fmt: skip
        for path, fields, code in (
            ("allOrders", {"symbol": None}, -1102),
            ("allOrders", {"limit": 0}, -1130),
            ("allOrders", {"limit": 1001}, -1130),
            ("allOrders", {"limit": "many"}, -1100),
            ("allOrders", {"startTime": 2, "endTime": 1}, -1023),
            ("allOrders", {"startTime": 1, "endTime": 7 * 86_400_000 + 2}, -1127),
            ("userTrades", {"startTime": -1}, -1100),
            ("userTrades", {"fromId": 1, "startTime": 1}, -1106),
        ):
            status, said = await customer.ask("GET", f"/fapi/v1/{path}", **{"symbol": "BTCUSDT", **fields})
            assert (status, said["code"]) == (400, code), fields


async def test_all_orders_of_a_symbol_are_cancelled() -> None:
    async with usdm(symbols=["BTCUSDT", "ETHUSDT"]) as (venue, customer):
        for _ in range(3):
            await customer.place("BUY", "0.001", "61000.0")
        venue.place_by_hand("ETHUSDT", "BUY", "0.01", "2000.000")
        status, said = await customer.ask("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
        assert (status, said["code"]) == (200, 200)
        assert [order.symbol for order in venue.account.open_orders] == ["ETHUSDT"]
        status, said = await customer.ask("DELETE", "/fapi/v1/allOpenOrders")
        assert (status, said["code"]) == (400, -1102)


# -- the account


async def test_positions_wallet_and_account() -> None:
    terms = {"mm": Terms(balance="1000", leverage=5, maker_rate="-0.0001", taker_rate="0.001")}
    async with usdm("mm", accounts=terms) as (venue, customer):
        assert await customer.ask("GET", "/fapi/v3/positionRisk") == (200, [])
        ask = D(venue.final_book("BTCUSDT", 5)[1][0][0])
        await customer.place("BUY", "0.010", None)
        await customer.place("SELL", "0.015", "70000.0")
        status, (held,) = await customer.ask("GET", "/fapi/v3/positionRisk", symbol="BTCUSDT")
        assert (status, held["positionSide"], held["positionAmt"]) == (200, "BOTH", "0.010")
        mark = D(held["markPrice"])
        assert D(held["entryPrice"]) == ask
        assert D(held["unRealizedProfit"]) == (mark - ask) / 100
        assert D(held["notional"]) == mark / 100
        assert D(held["positionInitialMargin"]) == ask / 500
        assert D(held["openOrderInitialMargin"]) == D("0.005") * 70000 / 5, "what closes binds nothing"
        _, (wallet,) = await customer.ask("GET", "/fapi/v3/balance")
        assert D(wallet["balance"]) == 1000 - ask / 100 * D("0.001") == venue.account.balances["USDT"].wallet
        assert D(wallet["availableBalance"]) == venue.account.balances["USDT"].available
        assert D(wallet["crossUnPnl"]) == D(held["unRealizedProfit"])
        _, account = await customer.ask("GET", "/fapi/v3/account")
        (asset,), (position,) = account["assets"], account["positions"]
        assert D(account["totalWalletBalance"]) == D(asset["walletBalance"]) == D(wallet["balance"])
        assert D(account["totalMarginBalance"]) == D(wallet["balance"]) + D(wallet["crossUnPnl"])
        assert account["availableBalance"] == asset["availableBalance"] == wallet["availableBalance"]
        assert (position["positionAmt"], position["unrealizedProfit"]) == ("0.010", held["unRealizedProfit"])
        _, (bracket,) = await customer.ask("GET", "/fapi/v1/leverageBracket", symbol="BTCUSDT")
        assert (bracket["symbol"], bracket["brackets"][0]["initialLeverage"]) == ("BTCUSDT", 5)


async def test_an_order_that_rests_shows_a_position_of_size_0() -> None:
    async with usdm() as (_, customer):
        await customer.place("BUY", "0.001", "61000.0")
        _, (row,) = await customer.ask("GET", "/fapi/v3/positionRisk")
        assert (row["symbol"], row["positionAmt"], row["entryPrice"], row["updateTime"]) == ("BTCUSDT", "0.000", "0", 0)


async def test_hedge_mode_has_two_legs() -> None:
    async with usdm("h", accounts={"h": Terms(hedge=True)}) as (_, customer):
        for fields, code in (({}, -4061), ({"positionSide": "LONG", "reduceOnly": "false"}, -1106)):
            status, said = await customer.place("BUY", "0.010", None, **fields)
            assert (status, said["code"]) == (400, code)
        for side, size, leg in (("BUY", "0.010", "LONG"), ("SELL", "0.004", "SHORT"), ("SELL", "0.003", "LONG")):
            status, said = await customer.place(side, size, None, positionSide=leg)
            assert (status, said["positionSide"]) == (200, leg)
        status, said = await customer.place("SELL", "0.008", None, positionSide="LONG")
        assert (status, said["code"]) == (400, -2022)
        _, rows = await customer.ask("GET", "/fapi/v3/positionRisk")
        assert [(row["positionSide"], row["positionAmt"]) for row in rows] == [("LONG", "0.007"), ("SHORT", "-0.004")]


async def test_the_position_mode_is_changed_while_nothing_is_held() -> None:
    path = "/fapi/v1/positionSide/dual"
    async with usdm() as (venue, customer):
        assert await customer.ask("GET", path) == (200, {"dualSidePosition": False})

        async def change(hedge: str | None) -> int:
            _, said = await customer.ask("POST", path, dualSidePosition=hedge)
            return int(said["code"])

        assert [await change(hedge) for hedge in (None, "yes", "false")] == [-1102, -1130, -4059]
        await customer.place("BUY", "0.001", "61000.0")
        assert await change("true") == -4067
        await customer.ask("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
        await customer.place("BUY", "0.001", None)
        assert await change("true") == -4068
        await customer.place("SELL", "0.001", None)
        flat = venue.account.positions["BTCUSDT"]
        assert flat.size == 0 and flat.legs == ()
        assert await change("true") == 200
        assert await customer.ask("GET", path) == (200, {"dualSidePosition": True})
        assert venue.account.positions == {}
        await customer.place("BUY", "0.002", None, positionSide="LONG")
        (leg,) = venue.account.positions["BTCUSDT"].legs
        assert (leg.position_side, leg.size) == ("LONG", D("0.002"))


# -- limits


async def test_orders_are_counted() -> None:
    clock = TapeClock(START)
    async with usdm(clock=clock, rates={"orders_10s": (2, 10.0)}) as (venue, customer):
        _, order = await customer.place("BUY", "0.001", "61000.0")
        assert customer.headers["X-MBX-ORDER-COUNT-10S"] == "1"
        assert (await amend(customer, order, "0.001", "61000.1"))[0] == 200
        assert (customer.headers["X-MBX-ORDER-COUNT-10S"], customer.headers["X-MBX-ORDER-COUNT-1M"]) == ("2", "2")
        status, said = await customer.place("BUY", "0.001", "61000.0")
        assert (status, said["code"]) == (429, -1015)
        assert (await customer.cancel(order["orderId"]))[0] == 200, "a cancel is no order"
        venue.advance(10 * 10**9)
        assert (await customer.place("BUY", "0.001", "61000.0"))[0] == 200
    assert RATES == {"orders_10s": (300, 10.0), "orders_1m": (1200, 60.0)}


async def test_a_request_costs_its_address_weight() -> None:
    clock = TapeClock(START)
    async with usdm(clock=clock, weights=(43, 60.0)) as (venue, customer):
        for _ in range(50):
            assert (await customer.place("BUY", "0.001", "61000.0"))[0] == 200, "an order costs nothing"
        for fields, status in (({"symbol": "BTCUSDT"}, 200), ({}, 200), ({}, 429), ({"symbol": "BTCUSDT"}, 200)):
            found, said = await customer.ask("GET", "/fapi/v1/openOrders", **fields)
            assert found == status, said
        assert customer.headers.get("Retry-After") is None
        async with customer.session.get(f"{venue.rest_url}/fapi/v1/depth?symbol=BTCUSDT&limit=5") as answer:
            assert answer.status == 429, "the same weight"
        status, said = await customer.ask("GET", "/fapi/v3/balance")
        assert (status, said["code"], customer.headers["Retry-After"]) == (429, -1003, "10")


# -- who asks


@pytest.mark.parametrize(("operation", "path"), [(name, at) for at, name in OPERATIONS.items()])
async def test_every_request_must_be_signed(operation: str, path: tuple[str, str]) -> None:
    method, target = path
    async with usdm() as (venue, customer):
        for headers, code in (({"X-MBX-APIKEY": ""}, -2014), ({"X-MBX-APIKEY": "who"}, -2015)):
            status, said = await customer.send(method, target, **headers)
            assert (status, said["code"]) == (401, code), operation
        if target == LISTEN:
            return
        now = venue._floor.now_ms()
        signed = f"timestamp={now}&signature={'0' * 64}"
        for query, code in (("", -1102), (f"timestamp={now}", -1102), (signed, -1022)):
            status, said = await customer.send(method, f"{target}?{query}")
            assert (status, said["code"]) == (400, code), operation
            assert venue.api_secret not in str(said) and venue.api_key not in str(said)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"timestamp": 999}, None),
        ({"timestamp": 1000}, -1021),
        ({"timestamp": -5000}, None),
        ({"timestamp": -5001}, -1021),
        ({"timestamp": -60_000, "recvWindow": 60_000}, None),
        ({"timestamp": -60_001, "recvWindow": 60_000}, -1021),
        ({"timestamp": 0, "recvWindow": 60_001}, -1131),
        ({"timestamp": 0, "recvWindow": "wide"}, -1100),
    ],
)
async def test_the_window_of_a_timestamp(fields: dict[str, Any], code: int | None) -> None:
    clock = TapeClock(START)
    async with usdm(clock=clock) as (_, customer):
        at = START // MS + fields["timestamp"]
        status, said = await customer.ask("GET", "/fapi/v3/balance", **{**fields, "timestamp": at})
        assert (status, None if status == 200 else said["code"]) == (200 if code is None else 400, code)


async def test_parameters_stand_in_the_query_or_in_a_form() -> None:
    async with usdm() as (venue, customer):
        form = {"quantity": "0.002", "price": "61000.0", "timeInForce": "GTC"}
        query = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.001"}
        status, said = await customer.ask("POST", ORDER, form=form, **query)
        assert (status, said["origQty"]) == (200, "0.001"), "the query counts"
        text = "symbol=BTCUSDT&side=SELL&type=LIMIT&quantity=0.003&price=70000&timeInForce=GTC"
        text += f"&timestamp={venue._floor.now_ms()}"
        body = f"{text}&signature={signature(customer.account, text)}"
        status, said = await customer.send("POST", ORDER, body)
        assert (status, said["origQty"]) == (200, "0.003")
        status, said = await customer.send("POST", ORDER, body.replace("0.003", "0.004"))
        assert (status, said["code"]) == (400, -1022)
        async with customer.session.post(
            venue.rest_url + ORDER, data=b"symbol=\xff", headers={"X-MBX-APIKEY": venue.api_key}
        ) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, -1100)


# -- faults


async def test_the_two_kinds_of_unavailable() -> None:
    for fault, text, placed in (("request_503", "overloaded", 0), ("answer_503", "Unknown error", 1)):
        async with usdm(faults=f"{fault}=1") as (venue, customer):
            status, said = await customer.place("BUY", "0.001", "61000.0")
            assert status == 503 and text in said["msg"]
            assert len(venue.account.orders) == placed
    async with usdm(faults="request_429=1") as (_, customer):
        status, said = await customer.place("BUY", "0.001", "61000.0")
        assert (status, said["code"], customer.headers["Retry-After"]) == (429, -1003, "10")


async def test_the_rules_are_those_that_orders_are_judged_by() -> None:
    async with LocalVenue("binance", speed=0) as venue, aiohttp.ClientSession() as session:
        assert venue.is_private and venue.name == "binance"
        async with session.get(f"{venue.rest_url}/fapi/v1/exchangeInfo") as answer:
            rules = {row["symbol"]: row for row in (await answer.json())["symbols"]}
        for symbol in venue.symbols:
            filters = {row["filterType"]: row for row in rules[symbol]["filters"]}
            for name, price in (("LOT_SIZE", "100000000"), ("MARKET_LOT_SIZE", None)):
                step, most = D(filters[name]["stepSize"]), D(filters[name]["maxQty"])
                with pytest.raises(ValueError, match="too large"):
                    venue.place_by_hand(symbol, "SELL", most + step, price)
                if price is not None:
                    with pytest.raises(ValueError, match="balance is insufficient"):
                        venue.place_by_hand(symbol, "SELL", most, price)
            with pytest.raises(ValueError, match="at least 5 is expected"):
                venue.place_by_hand(symbol, "BUY", filters["LOT_SIZE"]["minQty"], filters["PRICE_FILTER"]["minPrice"])
