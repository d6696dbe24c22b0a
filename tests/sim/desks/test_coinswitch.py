"""REST as a customer sees it: every path over a real connection, every refusal with its field."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from csbook.clock import TapeClock
from csbook.sim import LocalVenue, Terms
from csbook.sim.accounts import Account
from csbook.sim.desks.coinswitch import OPERATIONS, RATES, as_rest, identify
from csbook.sim.exchange import Refusal
from csbook.sim.market import Instrument
from csbook.sim.tickets import Ticket
from csbook.types import OrderStatus, Side
from customer import FUTURES, LISTEN, customers, signed

START = 1_700_000_000_000_000_000
MS = 1_000_000


async def test_an_order_s_life() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock) as (venue, customer):
        status, said = await customer.place("BUY", "0.010", "61000.0", client_order_id="one", time_in_force="GTC")
        order = said["data"]
        assert status == 200
        assert order == {
            "order_id": order["order_id"],
            "exchange": "EXCHANGE_2",
            "symbol": "BTCUSDT",
            "side": "BUY",
            "status": "RAISED",
            "order_type": "LIMIT",
            "quantity": "0.010",
            "exec_quantity": "0.000",
            "price": "61000.00",
            "avg_execution_price": "0",
            "execution_fee": "0",
            "realised_pnl": "0",
            "reduce_only": False,
            "trigger_price": "0",
            "created_at": START // MS,
            "updated_at": START // MS,
            "time_in_force": "GTC",
            "client_order_id": "one",
        }
        clock.advance(5 * MS)
        venue.cross(order["order_id"], "0.004")
        for query in ("client_order_id=one", f"order_id={order['order_id']}"):
            status, said = await customer.ask("GET", f"{FUTURES}/order", query=query)
            now = said["data"]["order"]
            assert (status, now["status"], now["exec_quantity"]) == (200, "RAISED", "0.004")
            assert (now["avg_execution_price"], now["updated_at"]) == ("61000", START // MS + 5)
            assert Decimal(now["execution_fee"]) == Decimal("0.004") * 61000 * Decimal("0.0002")
        status, said = await customer.cancel(order["order_id"])
        assert (status, said["data"]["status"]) == (200, "CANCELLATION_RAISED")
        assert said["data"]["avg_exec_price"] == "61000"
        assert "avg_execution_price" not in said["data"]
        assert "execution_fee" not in said["data"]
        status, said = await customer.ask("GET", f"{FUTURES}/order", query="client_order_id=one")
        assert said["data"]["order"]["status"] == "PARTIALLY_EXECUTED"
        status, said = await customer.cancel(order["order_id"])
        assert status == 400
        assert "PARTIALLY_EXECUTED" in said["message"]
        for method, more in (("GET", {"query": "order_id=1"}), ("DELETE", {"client_order_id": "two"})):
            status, said = await customer.ask(method, f"{FUTURES}/order", **more)
            assert status == 404
            assert "no such order" in said["message"]


async def test_json_numbers_are_taken_as_they_are_written() -> None:
    async with customers() as (venue, customer):
        body = (
            b'{"exchange":"EXCHANGE_2","symbol":"btcusdt","side":"buy","order_type":"limit",'
            b'"price":61000.1,"quantity":0.003}'
        )
        headers = signed(customer.account, venue._floor.now_ms(), body)
        async with customer.session.post(f"{venue.rest_url}{FUTURES}/order", data=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
        (order,) = venue.account.open_orders
        assert (order.price, order.size) == (Decimal("61000.1"), Decimal("0.003"))


@pytest.mark.parametrize(
    ("fields", "status", "named"),
    [
        ({"symbol": "NOPE"}, 422, "symbol 'NOPE' is unknown"),
        ({"symbol": None}, 422, "symbol is missing"),
        ({"symbol": 5}, 422, "symbol: a text"),
        ({"exchange": "EXCHANGE_1"}, 400, "exchange must be"),
        ({"side": "HOLD"}, 422, "side 'HOLD'"),
        ({"side": None}, 422, "side is missing"),
        ({"order_type": "STOP_MARKET"}, 422, "order_type 'STOP_MARKET'"),
        ({"time_in_force": "GTX"}, 422, "time_in_force 'GTX'"),
        ({"price": "61000.05"}, 422, "price 61000.05 is not a multiple of 0.1; 61000 or 61000.1 is"),
        ({"price": "0"}, 422, "price 0 is out of range"),
        ({"price": "-5"}, 422, "price -5 is out of range"),
        ({"price": "cheap"}, 422, "price 'cheap' is no number"),
        ({"price": None}, 422, "price is missing"),
        ({"order_type": "MARKET"}, 422, "price is not expected"),
        ({"quantity": "0.0015"}, 422, "quantity 0.0015 is not a multiple of 0.001; 0.001 or 0.002 is"),
        ({"quantity": "0"}, 422, "quantity 0 is too small; at least 0.001"),
        ({"quantity": "-1"}, 422, "quantity -1 is too small"),
        ({"quantity": "1000.001"}, 422, "quantity 1000.001 is too large; at most 1000"),
        ({"quantity": "100.001", "order_type": "MARKET", "price": None}, 422, "at most 100"),
        ({"reduce_only": "yes"}, 422, "reduce_only 'yes'"),
        ({"reduce_only": True}, 422, "reduce_only: the order would increase the position; there is 0 left"),
        ({"position_side": "LONG"}, 422, "position_side 'LONG': BOTH is expected"),
        ({"client_order_id": "x" * 65}, 422, "client_order_id"),
        ({"client_order_id": "a\nb"}, 422, "client_order_id"),
        ({"client_order_id": 7}, 422, "client_order_id: a text"),
        ({"quantity": "17"}, 400, "balance is insufficient: quantity needs 103700 USDT of 100000 available"),
    ],
)
async def test_refusals_of_an_order(fields: dict[str, Any], status: int, named: str) -> None:
    asked = {"symbol": "BTCUSDT", "side": "BUY", "order_type": "LIMIT", "price": "61000.0", "quantity": "0.001"}
    async with customers() as (venue, customer):
        before = venue.final_book("BTCUSDT", 20)
        found, said = await customer.ask("POST", f"{FUTURES}/order", **{**asked, **fields})
        assert (found, list(said)) == (status, ["message"])
        assert named in said["message"]
        assert venue.account.orders == ()
        assert venue.final_book("BTCUSDT", 20) == before
        assert venue.counts["events"] == 0


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"null", b"[" * 30_000, b'{"a":1e99999999999}'])
async def test_bodies_that_are_none(body: bytes) -> None:
    async with customers() as (venue, customer):
        headers = signed(customer.account, venue._floor.now_ms(), body)
        async with customer.session.post(f"{venue.rest_url}{FUTURES}/order", data=body, headers=headers) as answer:
            assert answer.status == 400
            assert list(await answer.json()) == ["message"]


async def test_a_client_order_id_is_used_once_and_the_first_stands() -> None:
    async with customers() as (venue, customer):
        _, first = await customer.place("BUY", "0.001", "61000.0", client_order_id="one")
        status, said = await customer.place("SELL", "0.002", "62000.0", client_order_id="one")
        assert status == 422
        assert "client_order_id 'one'" in said["message"]
        assert first["data"]["order_id"] in said["message"]
        assert [str(order.side) for order in venue.account.orders] == ["BUY"]


@pytest.mark.parametrize(("operation", "path"), [(name, at) for at, name in OPERATIONS.items()])
async def test_every_request_must_be_signed(operation: str, path: tuple[str, str]) -> None:
    async with customers() as (venue, customer):
        method, url = path[0], venue.rest_url + path[1]
        good = signed(customer.account, venue._floor.now_ms(), b"")
        for headers in ({}, {**good, "x-api-signature": "0" * 64}, {**good, "x-api-key": "who"}):
            async with customer.session.request(method, url, headers=headers) as answer:
                said = await answer.text()
                assert answer.status == 401, operation
            assert venue.api_key not in said
            assert venue.api_secret not in said
        old = signed(customer.account, venue._floor.now_ms() - 61_000, b"")
        async with customer.session.request(method, url, headers=old) as answer:
            assert answer.status == 401
            assert "x-api-timestamp" in (await answer.json())["message"]


async def test_the_query_is_signed_as_it_is_sent() -> None:
    async with customers() as (venue, customer):
        path = f"{FUTURES}/positions"
        query = "exchange=EXCHANGE_2&symbol=btc%55sdt"
        headers = signed(customer.account, venue._floor.now_ms(), query.encode())
        from yarl import URL

        url = URL(f"{venue.rest_url}{path}?{query}", encoded=True)
        async with customer.session.get(url, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (200, {"data": []})
        headers = signed(customer.account, venue._floor.now_ms(), b"exchange=EXCHANGE_2")
        async with customer.session.get(url, headers=headers) as answer:
            assert answer.status == 401


async def test_listen_keys() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock) as (venue, customer):
        status, said = await customer.ask("PUT", LISTEN)
        assert status == 400
        assert "no live one" in said["message"]
        keys = {await customer.key() for _ in range(3)}
        assert len(keys) == 3
        for body in (b"{}", b"", b" {} "):  # both signed as empty
            headers = signed(customer.account, clock.now_ns() // MS, b"")
            async with customer.session.post(venue.rest_url + LISTEN, data=body, headers=headers) as answer:
                assert list(await answer.json()) == ["listenKey"]
        body = b'{"a":1}'
        headers = signed(customer.account, clock.now_ns() // MS, body)
        async with customer.session.post(venue.rest_url + LISTEN, data=body, headers=headers) as answer:
            assert answer.status == 400
        assert await customer.ask("PUT", LISTEN) == (200, {})


async def test_pages_show_every_order_once() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock) as (venue, customer):
        for number in range(25):
            venue.place_by_hand("BTCUSDT", "BUY", "0.001", f"{60000 + number}.0")
            if number % 3 == 0:
                clock.advance(MS)
        for kind in ("open", "closed"):
            seen: list[str] = []
            cursor, pages = None, 0
            while pages == 0 or cursor is not None:
                more = {} if cursor is None else {"to_time": cursor}
                status, said = await customer.ask("POST", f"{FUTURES}/orders/{kind}", limit=4, **more)
                assert status == 200
                seen += [order["order_id"] for order in said["data"]["orders"]]
                cursor, pages = said["data"]["cursor"], pages + 1
            assert sorted(seen) == [order.order_id for order in venue.account.orders]
            assert pages == 1 if kind == "closed" else pages > 2, "what ended in one ms stands on one page"
            if kind == "open":
                assert seen == sorted(seen, reverse=True), "newest first"
                status, said = await customer.ask("POST", f"{FUTURES}/cancel_all", symbol="BTCUSDT")
                assert said["data"]["orders_ids"] == [order.order_id for order in venue.account.orders]
                clock.advance(MS)
        _, said = await customer.ask("POST", f"{FUTURES}/orders/open")
        assert said == {"data": {"orders": [], "cursor": None}}
        for status, count in (("CANCELLED", 25), ("EXECUTED", 0)):
            _, said = await customer.ask("POST", f"{FUTURES}/orders/closed", status=status)
            assert len(said["data"]["orders"]) == count


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"limit": 0}, "limit is 0"),
        ({"limit": 501}, "limit '501'"),
        ({"limit": "many"}, "limit 'many'"),
        ({"limit": True}, "limit 'True'"),
        ({"to_time": -1}, "to_time '-1'"),
        ({"from_time": 2, "to_time": 1}, "from_time"),
        ({"from_time": 0, "to_time": 7 * 86_400_000 + 1}, "at most 7 days"),
        ({"from_time": 0}, "at most 7 days"),
        ({"symbol": "NOPE"}, "symbol 'NOPE'"),
    ],
)
async def test_refusals_of_a_page(fields: dict[str, Any], named: str) -> None:
    async with customers() as (_, customer):
        status, said = await customer.ask("POST", f"{FUTURES}/orders/open", **fields)
        assert status == 422
        assert named in said["message"]


async def test_positions_and_wallet() -> None:
    terms = {"mm": Terms(balance="1000", leverage=5, maker_rate="-0.0001", taker_rate="0.001")}
    async with customers("mm", accounts=terms) as (venue, customer):
        ask = Decimal(venue.final_book("BTCUSDT", 5)[1][0][0])
        _, said = await customer.place("BUY", "0.010", None)
        assert said["data"]["status"] == "EXECUTED"
        await customer.place("SELL", "0.015", "70000.0")
        _, said = await customer.ask("GET", f"{FUTURES}/positions", query="exchange=EXCHANGE_2&symbol=BTCUSDT")
        (position,) = said["data"]
        assert position["position_side"] == "LONG"
        assert position["position_size"] == "0.01"
        assert Decimal(position["avg_entry_price"]) == ask
        assert Decimal(position["position_margin"]) == ask * Decimal("0.01") / 5
        mark = Decimal(position["mark_price"])
        assert Decimal(position["unrealised_pnl"]) == (mark - ask) * Decimal("0.01")
        _, said = await customer.ask("GET", f"{FUTURES}/wallet_balance", query="exchange=EXCHANGE_2")
        (total,) = said["data"]["base_asset_balances"]
        found = {name: Decimal(text) for name, text in total["balances"].items()}
        assert found["total_balance"] == 1000 - ask * Decimal("0.01") * Decimal("0.001")
        assert found["total_open_order_margin"] == Decimal("0.005") * 70000 / 5, "what closes binds nothing"
        assert found["total_blocked_balance"] == found["total_position_margin"] + found["total_open_order_margin"]
        assert found["total_available_balance"] == found["total_balance"] - found["total_blocked_balance"]
        assert found["total_available_balance"] == venue.account.balances["USDT"].available
        (asset,) = said["data"]["asset"]
        assert (asset["symbol"], Decimal(asset["blocked_balance"])) == ("BTCUSDT", found["total_blocked_balance"])


async def test_instruments_are_the_recording_s() -> None:
    async with LocalVenue(speed=0, rates=None) as venue, aiohttp.ClientSession() as session:
        headers = signed(venue.account, venue._floor.now_ms(), b"exchange=EXCHANGE_2")
        url = f"{venue.rest_url}{FUTURES}/instrument_info?exchange=EXCHANGE_2"
        async with session.get(url, headers=headers) as answer:
            rules = (await answer.json())["data"]
        assert set(rules) == set(venue.symbols)
        assert rules["BTCUSDT"]["base_quantity_step_size"] == "0.001"
        for symbol, rule in rules.items():
            tick = Decimal(rule["tick_size"]).scaleb(-rule["price_precision"])
            lot = Decimal(rule["base_quantity_step_size"])
            bids, asks, _ = venue.final_book(symbol, 20)
            assert all(Decimal(price) % tick == 0 and Decimal(size) % lot == 0 for price, size in bids + asks)
            assert (tick == Decimal("0.1")) is (symbol == "BTCUSDT")


async def test_rates() -> None:
    clock = TapeClock(START)
    async with customers(clock=clock, rates={"cancel_all": (2, 10.0)}) as (venue, customer):
        found = [(await customer.place("BUY", "0.001", "61000.0"))[0] for _ in range(21)]
        assert found == [200] * 20 + [429]
        found = [(await customer.ask("POST", f"{FUTURES}/cancel_all"))[0] for _ in range(3)]
        assert found == [200, 200, 429]
        venue.advance(60 * 10**9)
        assert (await customer.place("BUY", "0.001", "61000.0"))[0] == 200
        assert len(venue.account.orders) == 21


async def test_hedge_mode_has_two_legs() -> None:
    async with customers("h", accounts={"h": Terms(hedge=True)}) as (venue, customer):
        status, said = await customer.place("BUY", "0.010", None)
        assert status == 422
        assert "LONG or SHORT" in said["message"]
        for side, size, leg in (("BUY", "0.010", "LONG"), ("SELL", "0.004", "SHORT"), ("SELL", "0.003", "LONG")):
            status, said = await customer.place(side, size, None, position_side=leg)
            assert (status, said["data"]["position_side"]) == (200, leg)
        status, said = await customer.place("SELL", "0.008", None, position_side="LONG")
        assert status == 422
        assert "0.007 left to reduce" in said["message"]
        _, said = await customer.ask("GET", f"{FUTURES}/positions", query="exchange=EXCHANGE_2")
        assert [(p["position_side"], p["position_size"]) for p in said["data"]] == [
            ("LONG", "0.007"),
            ("SHORT", "0.004"),
        ]
        position = venue.account.positions["BTCUSDT"]
        assert [leg.size for leg in position.legs] == [Decimal("0.007"), Decimal("-0.004")]
        assert (position.size, position.entry_price) == (Decimal("0.003"), None)


async def test_no_body_is_too_long() -> None:
    async with customers() as (venue, customer):
        body = json.dumps({"exchange": "EXCHANGE_2", "symbol": "B" * 100_000}).encode()
        headers = signed(customer.account, venue._floor.now_ms(), body)
        async with customer.session.post(f"{venue.rest_url}{FUTURES}/order", data=body, headers=headers) as answer:
            assert answer.status == 413


# -- the signature


NOW = 1_700_000_000_000
KEY, SECRET = "0123456789abcdef", "fedcba9876543210"
# printf '%s' '1700000000000' '0123456789abcdef' '{"a":1}' | openssl dgst -sha256 -hmac fedcba9876543210
BODY_SIGNATURE = "d7babcf62e84acea7d94207cc91253e5f83bf268ee40290ba8ac3afc40d51918"
# the same without the body
EMPTY_SIGNATURE = "a15d35f27a0f4a923a56a88af56177ca44c1834d961b024d9b1c2b78844bf026"


def headers(**changes: str) -> dict[str, str]:
    usual = {"x-api-key": KEY, "x-api-timestamp": str(NOW), "x-api-signature": BODY_SIGNATURE}
    return {name: value for name, value in {**usual, **changes}.items() if value != "-"}


ACCOUNTS = [Account("other"), Account("mine", api_key=KEY, api_secret=SECRET)]


def test_known_answers() -> None:
    assert identify(headers(), b'{"a":1}', ACCOUNTS, NOW) is ACCOUNTS[1]
    assert identify(headers(**{"x-api-signature": EMPTY_SIGNATURE}), b"", ACCOUNTS, NOW) is ACCOUNTS[1]


@pytest.mark.parametrize("off", [-60_000, 60_000])
def test_the_clock_may_be_a_minute_off(off: int) -> None:
    assert identify(headers(), b'{"a":1}', ACCOUNTS, NOW + off) is ACCOUNTS[1]
    with pytest.raises(Refusal, match="60 s from the server"):
        identify(headers(), b'{"a":1}', ACCOUNTS, NOW + off + (1 if off > 0 else -1))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"x-api-key": "-"}, "x-api-key is missing"),
        ({"x-api-timestamp": "-"}, "x-api-timestamp is missing"),
        ({"x-api-signature": ""}, "x-api-signature is missing"),
        ({"x-api-key": "nobody"}, "x-api-key is unknown"),
        ({"x-api-timestamp": "now"}, "whole number of ms"),
        ({"x-api-timestamp": "1" * 30}, "whole number of ms"),
        ({"x-api-timestamp": "-5"}, "whole number of ms"),
        ({"x-api-timestamp": "²"}, "whole number of ms"),
        ({"x-api-timestamp": str(NOW // 1000)}, "60 s"),
        ({"x-api-signature": EMPTY_SIGNATURE}, "x-api-signature is not"),
        ({"x-api-signature": BODY_SIGNATURE.upper()}, "x-api-signature is not"),
        ({"x-api-signature": "é"}, "x-api-signature is not"),
    ],
)
def test_refusals_name_the_header_and_repeat_nothing(changes: dict[str, str], named: str) -> None:
    with pytest.raises(Refusal) as caught:
        identify(headers(**changes), b'{"a":1}', ACCOUNTS, NOW)
    assert caught.value.status == 401
    assert named in caught.value.message
    for secret in (KEY, SECRET, BODY_SIGNATURE, EMPTY_SIGNATURE):
        assert secret not in caught.value.message


def test_the_numbers_are_the_sheet_s() -> None:
    assert RATES["place"] == (20, 60.0)
    assert RATES["cancel"] == RATES["cancel_all"] == (10, 60.0)
    assert {RATES[name] for name in ("order", "open", "closed", "positions", "wallet")} == {(20, 60.0)}


# -- the object of an order

IT = Instrument("ETHUSDT", 4, 3, 2, 0, 0, 0)


def ticket() -> Ticket:
    return Ticket(Account("a"), IT, 9, Side.SELL, "LIMIT", "GTC", 300, 600_000, False, "mine", "BOTH", 10**18, 10**18)


def test_rest_says_what_the_record_says() -> None:
    order = ticket()
    order.filled, order.value = 3, 600_000 * 2 + 600_001
    order.status = OrderStatus.PARTIALLY_FILLED
    rest = as_rest(order)
    assert (rest["order_id"], rest["client_order_id"]) == ("9", "mine")
    assert (rest["price"], rest["quantity"], rest["exec_quantity"]) == ("2400.000", "3.00", "0.03")
    assert rest["avg_execution_price"] == "2400.00133333"
    assert rest["created_at"] == 10**12


@pytest.mark.parametrize(
    ("status", "filled", "word"),
    [
        (OrderStatus.NEW, 0, "RAISED"),
        (OrderStatus.PARTIALLY_FILLED, 1, "RAISED"),
        (OrderStatus.FILLED, 300, "EXECUTED"),
        (OrderStatus.CANCELED, 0, "CANCELLED"),
        (OrderStatus.CANCELED, 1, "PARTIALLY_EXECUTED"),
        (OrderStatus.EXPIRED, 1, "PARTIALLY_EXECUTED"),
        (OrderStatus.EXPIRED, 0, "CANCELLED"),
        (OrderStatus.REJECTED, 0, "FAILED"),
    ],
)
def test_rest_s_words(status: OrderStatus, filled: int, word: str) -> None:
    order = ticket()
    order.status, order.filled, order.value = status, filled, filled * 600_000
    assert as_rest(order)["status"] == word
    assert as_rest(order, cancel=True)["status"] == "CANCELLATION_RAISED"
    order.canceling = True
    assert as_rest(order)["status"] == ("CANCELLATION_RAISED" if word == "RAISED" else word)
    assert order.record().canceling is (word == "RAISED")
