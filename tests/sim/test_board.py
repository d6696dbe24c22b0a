from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from csbook.sim.board import Board, Message
from csbook.sim.market import Market
from csbook.sim.recording import packaged
from csbook.venues import dialect

SEED = dialect("coinswitch")
CHANNELS = ("depth", "depth5", "depth10", "depth20", "trade", "ticker")
NOW = 1_700_000_000_000


def board(*symbols: str, **options: Any) -> tuple[Market, Board]:
    market = Market(packaged(), symbols or ("BTCUSDT",))
    return market, Board(market, SEED, **options)


def run(market: Market, board: Board, until_ms: float) -> list[tuple[int, Message]]:
    """All messages up to a time, flushed after every event as the floor does."""
    said = []
    for at, listing, deal in market.advance(until_ms):
        said += [(at, m) for m in board.event(at, listing, deal, NOW + at)]
        said += [(at, m) for m in board.flush(at, NOW + at)]
    return said


def read(message: Message) -> Any:
    return json.loads(message.payload)


def test_the_streams() -> None:
    _, b = board("BTCUSDT", "ETHUSDT")
    assert b.streams == {
        *(f"{s}@{c}" for s in ("btcusdt", "ethusdt") for c in CHANNELS),
        "!ticker@arr",
    }


def test_what_nobody_watches_is_not_written() -> None:
    market, b = board()
    assert not b.watched
    assert run(market, b, 3000) == []
    b.watch("btcusdt@trade", NOW)
    assert b.watched
    assert {m.stream for _, m in run(market, b, 6000)} == {"btcusdt@trade"}
    b.forget("btcusdt@trade")
    assert not b.watched
    assert run(market, b, 9000) == []


@pytest.mark.parametrize("depth", SEED.depths)
def test_depth(depth: int) -> None:
    market, b = board()
    first = b.watch(f"btcusdt@depth{depth}", NOW)
    assert first is not None
    said = [first, *(m for _, m in run(market, b, 5000))]
    books = [read(m) for m in said]
    assert all(m.replaceable for m in said)
    assert len(books) > 20
    for book in books:
        assert list(book) == ["lastUpdateId", "bids", "asks"]
        for side, best in (("bids", max), ("asks", min)):
            assert len(book[side]) == depth
            prices = [float(price) for price, _ in book[side]]
            assert prices == sorted(prices, reverse=side == "bids")
            assert prices[0] == best(prices)
            assert all(isinstance(p, str) and isinstance(q, str) and float(q) > 0 for p, q in book[side])
    ids = [book["lastUpdateId"] for book in books]
    assert all(a < b for a, b in pairwise(ids))
    assert all(a["bids"] != b["bids"] or a["asks"] != b["asks"] for a, b in pairwise(books))
    bids, asks, update_id = b.book("BTCUSDT", depth)
    assert [list(level) for level in bids] == books[-1]["bids"]
    assert [list(level) for level in asks] == books[-1]["asks"]
    assert update_id >= ids[-1]


def test_the_first_depth_is_the_recorded_snapshot() -> None:
    _, b = board()
    message = b.watch("btcusdt@depth5", NOW)
    assert message is not None
    assert message.payload.startswith(
        b'{"lastUpdateId":5123107852948,"bids":[["61800.20","2.909"],["61800.10","0.696"],["61800.00","20.004"],'
    )


def test_depth_no_oftener_than_its_interval() -> None:
    market, b = board(depth_interval_ms=250)
    b.watch("btcusdt@depth20", NOW)
    times = [at for at, m in run(market, b, 10_000) if m.stream == "btcusdt@depth20"]
    assert 20 < len(times) <= 41
    assert min(b - a for a, b in pairwise(times)) >= 250


def test_what_waits_for_its_interval_is_due() -> None:
    market, b = board(depth_interval_ms=500, ticker_interval_ms=10_000)
    b.watch("btcusdt@depth20", NOW)
    assert b.due_ms() == 10_000
    ((at, _), *_) = run(market, b, 100)
    run(market, b, at + 400)
    assert b.due_ms() == at + 500
    (late,) = b.flush(at + 500, NOW)
    assert read(late)["bids"] == [list(level) for level in b.book("BTCUSDT", 20)[0]]
    assert b.due_ms() == 10_000


def test_a_newcomer_hears_the_newest_and_the_others_are_not_forgotten() -> None:
    market, b = board(depth_interval_ms=5000)
    b.watch("btcusdt@depth5", NOW)
    run(market, b, 2000)
    newcomer = b.watch("btcusdt@depth5", NOW)
    assert newcomer is not None
    assert read(newcomer)["lastUpdateId"] == b.book("BTCUSDT", 5)[2]
    assert [m.payload for m in b.settle()] == [newcomer.payload]
    assert list(b.settle()) == []


def test_settling_says_the_newest_id_once_and_repeating_always() -> None:
    market, b = board("BTCUSDT", "ETHUSDT")
    for stream in ("btcusdt@depth5", "ethusdt@depth20", "btcusdt@trade"):
        b.watch(stream, NOW)
    last: dict[str, int] = {}
    for at, listing, deal in market.advance(20_000):
        for message in b.event(at, listing, deal, NOW):
            if "depth" in message.stream:
                last[message.stream] = read(message)["lastUpdateId"]
        if last.get("btcusdt@depth5") != b.book("BTCUSDT", 5)[2] and at > 1000:
            break  # the book has changed, but not its best five
    else:
        pytest.fail("every change was one of the best five levels")
    settled = {m.stream: read(m)["lastUpdateId"] for m in b.settle()}
    assert settled["btcusdt@depth5"] == b.book("BTCUSDT", 5)[2]
    assert list(b.settle()) == []
    assert {m.stream for m in b.repeat()} == {"btcusdt@depth5", "ethusdt@depth20"}
    assert {m.stream for m in b.repeat()} == {"btcusdt@depth5", "ethusdt@depth20"}


def test_trades() -> None:
    market, b = board()
    assert b.watch("btcusdt@trade", NOW) is None
    said = [(at, read(m)) for at, m in run(market, b, 5000)]
    deals = [deal for deal in packaged().deals if deal.at_ms <= 5000]
    assert len(said) == len(deals) > 20
    orders: list[int] = []
    for (at, trade), deal in zip(said, deals, strict=True):
        assert list(trade) == ["e", "E", "s", "t", "p", "q", "b", "a", "T", "m"]
        assert (trade["e"], trade["s"], trade["t"], trade["m"]) == ("trade", "BTCUSDT", deal.id, deal.buyer_is_maker)
        assert (trade["E"], trade["T"]) == (NOW + at, NOW + at - deal.lag_ms)
        assert float(trade["p"]) == deal.price / 10
        assert float(trade["q"]) == deal.size / 1000
        assert (trade["b"] < trade["a"]) is trade["m"], "the order that rested is the older one"
        orders += sorted((trade["a"], trade["b"]))
    assert all(a < b for a, b in pairwise(orders))


FIELDS = ["e", "E", "s", "p", "P", "w", "c", "Q", "o", "h", "l", "v", "q"]


def test_tickers() -> None:
    market, b = board("BTCUSDT", "ETHUSDT", ticker_interval_ms=500)
    assert b.watch("btcusdt@ticker", NOW) is None
    assert b.watch("!ticker@arr", NOW) is None
    said = run(market, b, 5000)
    alone = [(at, read(m)) for at, m in said if m.stream == "btcusdt@ticker"]
    together = [(at, read(m)) for at, m in said if m.stream == "!ticker@arr"]
    assert 5 <= len(alone) <= 10
    assert 5 <= len(together) <= 10
    for at, ticker in alone:
        assert list(ticker) == FIELDS
        assert (ticker["e"], ticker["E"], ticker["s"]) == ("24hrTicker", NOW + at, "BTCUSDT")
        assert (at, [ticker]) in [(t, [x for x in array if x["s"] == "BTCUSDT"]) for t, array in together]
    assert {ticker["s"] for _, array in together for ticker in array} == {"BTCUSDT", "ETHUSDT"}
    late = b.watch("!ticker@arr", NOW)
    assert late is not None
    assert len(read(late)) == 2
    late = b.watch("btcusdt@ticker", NOW)
    assert late is not None
    assert read(late)["s"] == "BTCUSDT"


def test_no_ticker_without_a_trade() -> None:
    _, b = board()
    b.watch("!ticker@arr", NOW)
    assert list(b.flush(100_000, NOW)) == []


def test_envelopes() -> None:
    market, b = board(envelope=True)
    first = b.watch("btcusdt@depth5", NOW)
    b.watch("btcusdt@trade", NOW)
    b.watch("!ticker@arr", NOW)
    assert first is not None
    assert list(read(first)["data"]) == ["lastUpdateId", "bids", "asks"]
    for _, message in run(market, b, 3000):
        said = read(message)
        assert list(said) == ["stream", "data"]
        assert said["stream"] == message.stream
