"""The private half: an event to the updated account, the touch without own orders, an order to the wire, a halt.

All of it the way a trader does it: events go through the stream's reader, the schema monitor, the table and the account
to a listener; an order goes from ``place`` to the socket's last write over a warm connection to the local venue. A halt
meets fifty open orders and a venue that keeps its limits: one request cancels them, one list shows that none is left.
"""

from __future__ import annotations

import asyncio
import statistics
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns
from types import ModuleType
from typing import Any

import orjson

from benches.rounds import quiet
from benches.words import Figure, Plan, Table, Target
from csbook import Book
from csbook.account import Account
from csbook.credentials import Credentials
from csbook.sim import LocalVenue
from csbook.trader import Trader
from csbook.types import OrderStatus, Side
from csbook.wire.private import OrderReport

EVENT_TARGET = Target("csbook", "median", 12_000, "private event bytes to updated account: at most 12 us")
NET_TARGET = Target("csbook", "median", 2_000, "net_of_own with 20 own orders: at most 2 us")
PLACE_TARGET = Target("csbook", "median", 150_000, "place to request on the wire, warm, loopback: at most 150 us")
SYMBOL = "BTCUSDT"
ORDERS = 50


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    yield asyncio.run(_events(plan))
    yield _net(plan)
    yield asyncio.run(_places(plan))
    yield asyncio.run(_halts(plan))


def figure(contender: str, times: list[int], rounds: int, note: str = "") -> Figure:
    times.sort()
    return Figure(
        contender, statistics.median(times), times[min(len(times) - 1, len(times) * 99 // 100)], None, rounds, note
    )


# -- events -----------------------------------------------------------------------------------------------------------


def life(number: int) -> list[bytes]:
    """What the stream says while an order rests, is filled in two parts, and moves position and wallet each time."""
    at = 1_700_000_000_000 + number * 10

    def order(status: str, kind: str, last: str, filled: str, step: int) -> bytes:
        said = {
            "s": SYMBOL, "c": f"c5b00c00-{number:027d}", "S": "BUY" if number % 2 else "SELL", "o": "LIMIT", "f": "GTC",
            "q": "0.010", "p": "61700.20", "x": kind, "X": status, "i": 8_000_000 + number, "l": last, "z": filled,
            "L": "61700.20" if last != "0" else "0", "n": "0.05", "N": "USDT", "T": at + step,
            "t": number * 4 + step, "rp": "0", "m": True, "R": False, "ps": "BOTH", "ap": "61700.2",
        }  # fmt: skip
        return orjson.dumps({"e": "ORDER_TRADE_UPDATE", "E": at + step, "T": at + step, "o": said})

    def account(key: str, row: dict[str, str], step: int) -> bytes:
        body = {"m": "BALANCE_UPDATE" if key == "B" else "POSITION_UPDATE", key: [row]}
        return orjson.dumps({"e": "ACCOUNT_UPDATE", "E": at + step, "T": at + step, "a": body})

    def wallet(step: int) -> bytes:
        return account("B", {"a": "USDT", "wb": str(100_000 - number), "cw": "99999.5", "bc": "0"}, step)

    def position(size: str, step: int) -> bytes:
        row = {"s": SYMBOL, "pa": size, "ep": "61700.2", "cr": "0", "up": "0.1", "mt": "cross", "iw": "0", "ps": "BOTH"}
        return account("P", row, step)

    sign = 1 if number % 2 else -1
    held = 0 if number % 2 else 10  # in thousandths
    return [
        order("NEW", "NEW", "0", "0", 0),
        order("PARTIALLY_FILLED", "TRADE", "0.004", "0.004", 1), wallet(1), position(f"{(held + sign * 4) / 1000}", 1),
        order("FILLED", "TRADE", "0.006", "0.010", 2), wallet(2), position(f"{(held + sign * 10) / 1000}", 2),
    ]  # fmt: skip


async def _events(plan: Plan) -> Table:
    table = Table("private", "events", "an order's life on the private stream, event by event", targets=[EVENT_TARGET])
    lives = 40 if plan.quick else 2_000
    payloads = [payload for number in range(1, lives + 1) for payload in life(number)]
    trader = Trader(
        "coinswitch",
        credentials=Credentials("k" * 32, "s" * 64),
        rest_url="http://127.0.0.1:1",
        ws_url="ws://127.0.0.1:1",
    )
    heard: list[Any] = []
    trader.on_event(heard.append)
    (stream,) = trader._private().streams
    with quiet():
        csbook_times = timed(payloads, lambda payload: stream.cold(payload, 1))
        loads_times = timed(payloads, orjson.loads)
    if stream.malformed or len(trader.account.fills) != 2 * lives:
        table.wrong["csbook"] = f"{stream.malformed} malformed, {len(trader.account.fills)} of {2 * lives} fills"
    table.figures.append(figure("csbook", csbook_times, 1))
    table.figures.append(figure("orjson.loads", loads_times, 1, "reads, and keeps nothing"))
    return table


def timed(items: list[Any], work: Callable[[Any], object]) -> list[int]:
    times = []
    for item in items:
        began = perf_counter_ns()
        work(item)
        times.append(perf_counter_ns() - began)
    return times


# -- the touch without own orders -------------------------------------------------------------------------------------


def _net(plan: Plan) -> Table:
    table = Table("private", "net of own", "the touch without 20 own orders, the book moving", targets=[NET_TARGET])
    book = Book(SYMBOL)
    account = Account(own_prefix="mm")
    for number in range(20):
        side = Side(number % 2)
        price = Decimal(61_700 - number // 2 if side is Side.BUY else 61_701 + number // 2)
        account.apply(
            OrderReport(
                SYMBOL, OrderStatus.NEW, f"mm{number}", str(number), side, "LIMIT", "GTC", Decimal("0.5"), price,
                Decimal(0), event_time_ns=1,
            ),
            1,
        )  # fmt: skip
    times = []
    with quiet():
        for turn in range(200 if plan.quick else 5_000):
            bids = [[f"{61_700 - level}.0", f"{1 + turn % 7}.5"] for level in range(20)]
            asks = [[f"{61_701 + level}.0", f"{1 + turn % 5}.5"] for level in range(20)]
            book.apply_snapshot(bids, asks, event_time_ns=2 + turn)
            began = perf_counter_ns()
            top = account.net_of_own(book)
            times.append(perf_counter_ns() - began)
            wanted = (1.0 + turn % 7, 1.0 + turn % 5)
            if (top.bid_size, top.ask_size) != wanted:
                table.wrong["csbook"] = f"{(top.bid_size, top.ask_size)} instead of {wanted}"
    table.figures.append(figure("csbook", times, 1))
    return table


# -- an order to the wire ---------------------------------------------------------------------------------------------


async def _places(plan: Plan) -> Table:
    about = "place until the last byte of the request is with the kernel, a warm connection over loopback"
    table = Table("private", "place", about, targets=[PLACE_TARGET])
    times = []
    with TemporaryDirectory() as folder:
        async with LocalVenue(symbols=[SYMBOL], speed=0.0, rates=None) as venue:
            venue.pause()
            keys = Credentials(venue.api_key, venue.api_secret)
            trader = Trader(
                "coinswitch", credentials=keys, rest_url=venue.rest_url, ws_url=venue.ws_url, state_dir=Path(folder)
            )
            async with trader:
                trader._rest._budgets.clear()
                with quiet(), requests() as written:
                    for _ in range(30 if plan.quick else 1_000):
                        began = perf_counter_ns()
                        order = await trader.place(SYMBOL, "BUY", size="0.001", price="50000.0")
                        times.append(written[0] - began)
                        await trader.cancel(order)
                        written.clear()
            if len(venue.account.tickets) != len(times):
                table.wrong["csbook"] = f"{len(venue.account.tickets)} orders instead of {len(times)}"
    table.figures.append(figure("csbook", times, 1))
    return table


@contextmanager
def requests() -> Iterator[list[int]]:
    """When each command was with the kernel, head and body in one write; what the venue says goes the same way."""
    written: list[int] = []
    write = _SelectorSocketTransport.write

    def noted(transport: Any, data: Any) -> None:
        write(transport, data)
        if bytes(data[:5]) == b"POST ":
            written.append(perf_counter_ns())

    _SelectorSocketTransport.write = noted
    try:
        yield written
    finally:
        _SelectorSocketTransport.write = write


# -- a halt -----------------------------------------------------------------------------------------------------------


async def _halts(plan: Plan) -> Table:
    table = Table("private", "halt", f"a trip with {ORDERS} open orders, over loopback, within the venue's limits")
    sent, none = [], []
    for _ in range(5 if plan.quick else 200):
        with TemporaryDirectory() as folder:
            async with LocalVenue(symbols=[SYMBOL], speed=0.0) as venue:
                venue.pause()
                for number in range(ORDERS):
                    venue.place_by_hand(SYMBOL, "BUY", "0.001", str(50_000 + number))
                keys = Credentials(venue.api_key, venue.api_secret)
                async with Trader(
                    "coinswitch", credentials=keys, rest_url=venue.rest_url, ws_url=venue.ws_url, state_dir=folder
                ) as trader:
                    known = len(trader.account.open_orders())
                    with quiet(), requests() as written:
                        began = perf_counter_ns()
                        await trader.halt("bench")
                        ended = perf_counter_ns()
                    sent.append(written[0] - began)
                    none.append(ended - began)
                    if known != ORDERS or venue.account.open_orders:
                        table.wrong["csbook"] = f"{known} orders were known, {len(venue.account.open_orders)} are left"
    table.figures.append(figure("csbook: cancel_all is sent", sent, 1))
    table.figures.append(figure("csbook: the venue shows none", none, 1))
    return table
