from __future__ import annotations

import gzip
import json
import random
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, OrderRefused, UsageError
from csbook.guard.budget import RateBudget
from csbook.json import dumps
from csbook.types import Side
from csbook.venues import dialect, names, trading_names, trading_table
from csbook.venues.trading import Draft, Limit, Page, Place, Trading
from csbook.wire.fields import FloatFound
from csbook.wire.private import BalanceReport, KeyExpired, OrderReport, PositionReport
from csbook.wire.session import Malformed, Unknown
from v5_samples import EXECUTION, ORDER, POSITION


def test_what_can_be_traded_on_can_be_read() -> None:
    assert set(trading_names()) <= set(names())


@pytest.mark.parametrize("name", trading_names())
def test_each_table_agrees_with_itself(name: str) -> None:
    table, public = trading_table(name), dialect(name)
    assert (table.name, table.title) == (public.name, public.title)
    assert set(table.abilities) <= {"post_only", "amend", "reduce_only", "hedge", "cancel_all", "fills"}
    for limit in table.limits.values():
        assert 0 <= limit.reserve < limit.count and limit.window_s > 0
    for endpoint in ({"cancel_all"} & table.abilities) | {"cancel", "open_orders"}:  # room for a halt in each
        met = [table.limits[name] for name in (endpoint, *table.pools.get(endpoint, ())) if name in table.limits]
        assert met and all(limit.reserve for limit in met)
    for names_ in table.pools.values():
        assert set(names_) <= table.limits.keys()
    assert table.times_in_force and table.order_types and table.list_window_s > 0


def test_no_such_venue() -> None:
    with pytest.raises(UsageError, match="cannot trade on 'mars'; csbook trades on: binance, "):
        trading_table("mars")


def test_a_page_without_a_cursor_is_the_last() -> None:
    assert Page(()).cursor_ms is None


def test_the_tightest_limit_of_an_endpoint() -> None:
    table = trading_table("binance")
    assert table.limit_of("place") == Limit(1200, 60.0)  # 20 a second; 300 in 10 s would be 30
    assert table.limit_of("open_orders", cost=40) == Limit(30, 60.0, reserve=5)
    assert table.limit_of("open_orders", cost=5000) == Limit(1, 60.0)
    assert trading_table("coinswitch").limit_of("positions") == Limit(20, 60.0)
    assert trading_table("coinswitch").limit_of("new_token") is None


@pytest.mark.parametrize("name", trading_names())
def test_each_request_stands_under_a_limit_that_admits_it(name: str) -> None:
    table = trading_table(name)
    for request in (table.positions(), table.balances(), table.open_orders(), table.open_orders("BTCUSDT")):
        limit = table.limit_of(request.endpoint, request.cost)
        assert limit is not None and limit.count > limit.reserve + 1 and request.method in ("GET", "POST")
        assert not request.command and request.signed


DRAFT = Draft("BTCUSDT", Side.BUY, "LIMIT", "1", "1", "01936474-a76f-767e-a056-ca1d41915778")


@pytest.mark.parametrize("name", trading_names())
def test_what_changes_something_is_a_command(name: str) -> None:
    table = trading_table(name)
    rules = {"symbol": "BTCUSDT", "multiplier": 1, "lotSize": 1, "tickSize": 1}
    if table.needs_instruments:
        table.read_instruments(dumps({"data": [rules]}), {})
    requests = [table.place(DRAFT), table.cancel("BTCUSDT", order_id="5")]
    if "cancel_all" in table.abilities:
        requests.append(table.cancel_all("BTCUSDT"))
    if "amend" in table.abilities:
        requests.append(table.amend(DRAFT, order_id="5"))
    assert all(request.command and request.signed for request in requests)
    assert len({request.endpoint for request in requests}) == len(requests)


@pytest.mark.parametrize("name", trading_names())
def test_what_a_table_says_it_lacks_it_refuses_by_name(name: str) -> None:
    table = trading_table(name)
    if "amend" not in table.abilities:
        with pytest.raises(OrderRefused, match=f"{name} cannot amend"):
            table.amend(DRAFT)
    if "fills" not in table.abilities:
        with pytest.raises(UsageError, match=f"{name} does not tell single fills"):
            table.fills("BTCUSDT")
        with pytest.raises(UsageError, match="single fills"):
            table.read_fills(b"", 7)
    if "cancel_all" not in table.abilities:
        with pytest.raises(OrderRefused, match="cannot cancel all orders by one request"):
            table.cancel_all("BTCUSDT")
        with pytest.raises(UsageError, match="cannot cancel all orders by one request"):
            table.read_canceled(b"{}")
    elif table.cancel_all_by_symbol:
        with pytest.raises(OrderRefused, match="one symbol at a time"):
            table.cancel_all()
    else:
        table.cancel_all()
    if not table.has_token:
        for ask in (table.new_token, table.extend_token):
            with pytest.raises(UsageError, match=f"{name} has no token"):
                ask()
    if not hasattr(type(table), "login") or type(table).login is Trading.login:
        with pytest.raises(UsageError, match=f"{name} has no login"):
            table.login(Credentials("key", "secret"), 1)


@pytest.mark.parametrize("name", trading_names())
def test_a_stream_stands_where_there_is_one(name: str) -> None:
    table = trading_table(name)
    token = Secret("token") if table.has_token else Secret("")
    if table.stream_lacks:
        with pytest.raises(UsageError, match=f"{name} has no private stream"):
            table.stream_path(token)
        return
    assert ("token" in table.stream_path(token)) is table.has_token
    session = table.converse(pace=RateBudget(10), confirm_within=5.0, login=lambda: b"", place=Place())
    assert session is None or not session.ready


RECORDED = {"binance": "binance_usdm", "bybit": "bybit_v5", "kucoin": "kucoin"}
JUNK = [None, True, False, 0, -1, 2**70, 1.5, "", "x", "1e999", "\u0661", [], {}, [None], {"a": 1}, "9" * 300]


def spoilt(value: Any, dice: random.Random) -> Any:
    """The same with something in it replaced, taken out or put in."""
    if dice.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return dice.choice(JUNK)
    if isinstance(value, list):
        at = dice.randrange(len(value))
        return [spoilt(each, dice) if i == at else each for i, each in enumerate(value)]
    key = dice.choice(list(value))
    if dice.random() < 0.2:
        return {name: each for name, each in value.items() if name != key}
    return {**value, key: spoilt(value[key], dice)}


@pytest.mark.parametrize("name", RECORDED)
def test_no_private_message_makes_a_reader_raise(shared_data: Path, name: str) -> None:
    """Recorded ones, spoilt at random: each becomes reports, or is told as malformed or unknown."""
    table, dice = trading_table(name), random.Random(7)
    if table.needs_instruments:
        rules = {"symbol": "ETHUSDCM", "multiplier": 0.01, "lotSize": 1, "tickSize": 0.01}
        table.read_instruments(dumps({"data": [rules]}), {})
    kinds = (OrderReport, PositionReport, BalanceReport, KeyExpired, Malformed, Unknown)
    with gzip.open(shared_data / "private" / f"{RECORDED[name]}.tsv.gz", "rt") as lines:
        messages = [line.split("\t")[1] for line in lines]
    seen = set()
    for _ in range(3000):
        message = json.loads(dice.choice(messages), parse_float=Decimal)
        for _ in range(dice.choice([1, 1, 2, 5])):
            message = spoilt(message, dice)
        with suppress(FloatFound):
            events = table.read_event(message, 7)
            assert all(isinstance(event, kinds) for event in events)
            seen.update(type(event) for event in events)
    assert {Malformed, Unknown, OrderReport} <= seen


def answers(name: str) -> dict[str, Any]:
    """What each reader of a table reads."""
    if name == "binance":
        order = {
            "orderId": 1, "symbol": "BTCUSDT", "status": "NEW", "clientOrderId": "c", "price": "1", "avgPrice": "0",
            "origQty": "1", "executedQty": "0", "timeInForce": "GTC", "type": "LIMIT", "reduceOnly": False,
            "side": "SELL", "positionSide": "BOTH", "time": 1, "updateTime": 2,
        }  # fmt: skip
        fill = {
            "symbol": "BTCUSDT", "side": "BUY", "price": "1", "qty": "1", "id": 1, "orderId": 2, "commission": "1",
            "commissionAsset": "USDT", "realizedPnl": "0", "maker": True, "positionSide": "BOTH", "time": 1,
        }  # fmt: skip
        position = {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "1", "positionSide": "BOTH"}
        balance = {"asset": "USDT", "balance": "1", "availableBalance": "1", "updateTime": 1}
        return {
            "read_orders": [order], "read_fills": [fill], "read_positions": [position], "read_balances": [balance],
            "read_order": order, "read_canceled": {"code": 200}, "read_time": {"serverTime": 1},
            "read_token": {"listenKey": "x"}, "read_place": {},
        }  # fmt: skip
    if name == "kucoin":
        order = {"id": "5", "symbol": "BTCUSDT", "side": "buy", "size": 1, "filledSize": 0, "status": "done"}
        fill = {"symbol": "BTCUSDT", "tradeId": "t", "orderId": "5", "side": "buy", "price": "1", "size": 3, "fee": "1"}
        position = {"symbol": "BTCUSDT", "currentQty": 1, "avgEntryPrice": 1.5, "crossMode": True}
        server = {"endpoint": "wss://x", "pingInterval": 18000, "pingTimeout": 10000}
        page = {"currentPage": 1, "totalPage": 2}
        return {
            "read_orders": {"data": {**page, "items": [order]}}, "read_fills": {"data": {**page, "items": [fill]}},
            "read_order": {"data": order}, "read_positions": {"data": [position]},
            "read_balances": {"data": {"accountEquity": 1.5, "unrealisedPNL": 1, "currency": "USDT"}},
            "read_canceled": {"data": {"cancelledOrderIds": ["5"]}}, "read_time": {"data": 1},
            "read_instruments": {"data": [{"symbol": "X", "multiplier": 1, "lotSize": 1, "tickSize": 1}]},
            "read_token": {"data": {"token": "x"}}, "read_place": {"data": {"instanceServers": [server]}},
        }  # fmt: skip
    if name in ("bybit", "coinswitch-hft"):
        listed = [{**ORDER, "cumFeeDetail": {"USDT": "1"}}]
        executed = [{**EXECUTION, "extraFees": [{"feeCoin": "USDT", "fee": "1"}]}]
        coins = [{"coin": [{"coin": "USDT", "walletBalance": "1"}]}]
        lists = {
            "read_orders": listed, "read_order": listed, "read_fills": executed, "read_positions": [POSITION],
            "read_balances": coins, "read_canceled": [{"orderId": "5"}],
        }  # fmt: skip
        return {
            reader: {"retCode": 0, "result": {"list": rows, "nextPageCursor": "x"}, "time": 1}
            for reader, rows in lists.items()
        } | {"read_time": {"retCode": 0, "result": {"timeNano": "5"}, "time": 1}}
    if name == "coinswitch-sio-spot":
        order = {
            "order_id": "5", "symbol": "BTC/INR", "price": 2300000, "average_price": 0, "orig_qty": 5e-05,
            "executed_qty": 0.00001, "status": "OPEN", "side": "SELL", "created_time": 1, "updated_time": 2,
        }  # fmt: skip
        held = {"currency": "ETH", "blocked_balance_order": "0.0019", "main_balance": 0.25, "buy_average_price": 1.5}
        return {
            "read_orders": {"data": [order]}, "read_order": {"data": order}, "read_positions": {"data": [held]},
            "read_balances": {"data": [held]}, "read_time": {"serverTime": 1},
            "read_instruments": {"data": {"coinswitchx": {"BTC/INR": {"base": 5, "quote": 2, "limit": 0}}}},
        }  # fmt: skip
    return {}


@pytest.mark.parametrize("name", [name for name in trading_names() if answers(name)])
def test_no_answer_makes_a_reader_raise_but_for_a_malformed_one(name: str) -> None:
    table, dice = trading_table(name), random.Random(7)
    rules = {"symbol": "BTCUSDT", "multiplier": 1, "lotSize": 1, "tickSize": 1}
    if table.needs_instruments:
        table.read_instruments(dumps({"data": [rules]}), {})
    asked = table.order("BTCUSDT", order_id="5")
    request = table.fills("BTCUSDT") if "fills" in table.abilities else table.balances()
    read = refused = 0
    for reader, sample in answers(name).items():
        for i in range(400):
            body = json.dumps(spoilt(sample, dice) if i else sample).encode()
            arguments: list[Any] = [asked, body, 7] if reader == "read_order" else [body]
            if reader in ("read_orders", "read_fills", "read_positions", "read_balances"):
                arguments.append(7)
            elif reader == "read_instruments":
                arguments.append({})
            try:
                getattr(table, reader)(*arguments)
                read += 1
            except BadMessage:
                refused += 1
                assert i, (reader, sample)
            for status in (200, 400):
                table.judge(asked, status, body, "x")
            with suppress(BadMessage):
                table.more(request, body)
    assert read > 300 and refused > 300
