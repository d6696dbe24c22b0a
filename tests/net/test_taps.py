from __future__ import annotations

import asyncio
import gc
from decimal import Decimal
from typing import Any

import pytest

from csbook import Book, Side, State, Ticker, Trade
from csbook.net.taps import Taps
from csbook.types import Alert


def trade(number: int) -> Trade:
    return Trade("BTCUSDT", number, Decimal(1), Decimal(1), Side.BUY, 0, 0, 0)


def ticker(symbol: str) -> Ticker:
    one = Decimal(1)
    return Ticker(symbol, one, None, None, None, None, None, None, None, None, None, 0, 0)


def changed(taps: Taps, book: Book) -> None:
    """As an intake does."""
    for callback in tuple(taps.on_book):
        callback(book)


async def test_the_iterator_is_conflated() -> None:
    taps, a, b = Taps(), Book("A"), Book("B")
    books = taps.books([])
    for book in (a, b, a, a, b):
        changed(taps, book)
    assert [await anext(books), await anext(books)] == [a, b]
    waiting = asyncio.ensure_future(anext(books))
    await asyncio.sleep(0)
    assert not waiting.done()
    changed(taps, b)
    assert await waiting is b


async def test_it_begins_with_what_is_there() -> None:
    a = Book("A")
    assert await anext(Taps().books([a])) is a


async def test_a_change_of_state_is_a_change_of_the_book() -> None:
    taps, a = Taps(), Book("A")
    books = taps.books([])
    taps.moved([(a, State.LIVE, State.STALE, "gone")])
    assert await anext(books) is a


async def test_each_reader_has_its_own() -> None:
    taps, a = Taps(), Book("A")
    first, second = taps.books([]), taps.books([])
    changed(taps, a)
    assert await anext(first) is a
    assert await anext(second) is a


async def test_nobody_who_reads_costs_nothing() -> None:
    taps = Taps()
    books = taps.books([])
    assert len(taps.on_book) == 1
    del books
    gc.collect()
    changed(taps, Book("A"))
    assert taps.on_book == []
    again = taps.books([])
    changed(taps, a := Book("A"))
    assert await anext(again) is a


async def test_records_go_to_the_queues_of_their_kind() -> None:
    taps = Taps()
    trades, tickers = taps.records(Trade, 10), taps.records(Ticker, 10)
    taps.record(trade(1))
    taps.record(ticker("A"))
    taps.record(trade(2))
    assert [(await anext(trades)).id, (await anext(trades)).id] == [1, 2]
    assert (await anext(tickers)).symbol == "A"


async def test_trades_are_told_at_once() -> None:
    taps, heard, errors = Taps(), [], []
    failure = RuntimeError("mine")

    def broken(_: Trade) -> None:
        raise failure

    taps.on_error.append(errors.append)
    taps.on_trade += [broken, heard.append]
    trades = taps.records(Trade, 1)
    for record in (trade(1), ticker("A"), trade(2)):
        taps.record(record)
    assert heard == [trade(1), trade(2)]
    assert errors == [failure, failure] and taps.callback_errors == 2
    assert await anext(trades) == trade(2)


async def test_a_slow_reader_loses_the_oldest_and_the_loss_is_counted() -> None:
    taps = Taps()
    slow, quick = taps.records(Trade, 3), taps.records(Trade, 100)
    for number in range(10):
        taps.record(trade(number))
    assert taps.dropped == slow.dropped == 7
    assert quick.dropped == 0
    assert [(await anext(slow)).id for _ in range(3)] == [7, 8, 9]


async def test_closing_ends_the_iterators_once_they_are_drained() -> None:
    taps, a = Taps(), Book("A")
    books, trades = taps.books([a]), taps.records(Trade, 10)
    taps.record(trade(1))
    waiting = asyncio.ensure_future(anext(taps.records(Ticker, 1)))
    await asyncio.sleep(0)
    taps.close()
    assert [book async for book in books] == [a]
    assert [record.id async for record in trades] == [1]
    with pytest.raises(StopAsyncIteration):
        await waiting
    assert [book async for book in taps.books([])] == []
    assert [record async for record in taps.records(Trade, 1)] == []


async def test_errors_of_callbacks_are_counted_and_told() -> None:
    taps, heard = Taps(), []
    failure = RuntimeError("mine")

    def broken(*_: Any) -> None:
        raise failure

    taps.on_error.append(heard.append)
    taps.on_state += [broken, lambda *_: heard.append("next")]
    taps.moved([(Book("A"), State.LIVE, State.STALE, "x")])
    assert heard == [failure, "next"]
    taps.on_alert.append(broken)
    taps.alert(Alert("schema", "x"))
    assert taps.callback_errors == 2
    taps.error(ValueError("not a callback's"))
    assert taps.callback_errors == 2
    assert len(heard) == 4


async def test_errors_that_nobody_hears_go_to_the_loop_now_and_then() -> None:
    taps = Taps()
    shouted: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: shouted.append(context))
    for _ in range(100):
        taps.failed(print, RuntimeError("mine"))
    assert len(shouted) == 7  # 1, 2, 4 ... 64
    assert "print raised" in shouted[0]["message"]
    assert taps.callback_errors == 100


async def test_a_broken_error_callback() -> None:
    taps = Taps()
    shouted: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: shouted.append(context))

    def broken(error: Exception) -> None:
        raise RuntimeError("twice")

    taps.on_error.append(broken)
    taps.error(ValueError("once"))
    assert taps.callback_errors == 1
    assert str(shouted[0]["exception"]) == "twice"
