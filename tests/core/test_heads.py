"""Messages that begin as the last one did: what the beginning said holds, and nothing else of the last message does."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from csbook import Book, Outcome, Router

TOPIC = "/contractMarket/level2:"


def kucoin(sequence: int, change: str, symbol: str = "XBTUSDTM", **more: Any) -> bytes:
    head = {"topic": TOPIC + symbol, "type": "message", "subject": "level2", "sn": sequence}
    return json.dumps(head | more | {"data": {"sequence": sequence, "change": change, "timestamp": 5}}).encode()


def snapshot(symbol: str = "XBTUSDTM") -> bytes:
    data = {"sequence": 1, "symbol": symbol, "bids": [["100", "1"]], "asks": [["101", "1"]], "ts": 1}
    return json.dumps({"code": "200000", "data": data}).encode()


class Pair:
    """Two routers of the same books, one by each way; what each payload does to them is the same."""

    def __init__(self, *symbols: str) -> None:
        self.routers = [Router("kucoin", [Book(symbol) for symbol in symbols]) for _ in range(2)]
        for symbol in symbols:
            for router in self.routers:
                router.feed(kucoin(1, "100,buy,1", symbol))
                assert router.feed_snapshot(symbol, snapshot(symbol)) is Outcome.BUFFERED

    def feed(self, payload: bytes) -> Outcome:
        fast, slow = self.routers
        outcome = fast.feed(payload)
        assert slow.feed_parsed(payload) is outcome
        for symbol, book in fast.books.items():
            other = slow.books[symbol]
            assert (book.state, book.digest()) == (other.state, other.digest())
        return outcome

    def touch(self, symbol: str) -> tuple[float, float]:
        return self.routers[0].books[symbol].best_bid, self.routers[0].books[symbol].best_bid_size


def test_the_same_beginning_and_another_rest() -> None:
    pair = Pair("XBTUSDTM")
    assert pair.feed(kucoin(2, "100,buy,7")) is Outcome.APPLIED
    assert pair.feed(kucoin(3, "100,buy,8")) is Outcome.APPLIED
    assert pair.feed(kucoin(3, "100,buy,9")) is Outcome.IGNORED
    assert pair.touch("XBTUSDTM") == (100, 8)
    assert pair.feed(kucoin(5, "100,buy,9")) is Outcome.GAP


def test_symbols_that_take_turns() -> None:
    symbols = ["XBTUSDTM", "ETHUSDTM", "SOLUSDTM"]
    pair, rng = Pair(*symbols), random.Random(1)
    last = dict.fromkeys(symbols, 1)
    for _ in range(300):
        symbol = rng.choice(symbols)
        last[symbol] += 1
        size = rng.randrange(1, 50)
        assert pair.feed(kucoin(last[symbol], f"100,buy,{size}", symbol)) is Outcome.APPLIED
        assert pair.touch(symbol) == (100, size)


@pytest.mark.parametrize(
    "odd",
    [
        kucoin(3, "100,buy,9", "NOPEUSDTM"),
        kucoin(3, "100,buy,9").replace(b"level2:", b"ticker:"),
        kucoin(3, "100,buy,9").replace(b'"sn": 3', b'"sn": [3,{"a":"b"}]'),
        kucoin(3, "100,buy,9", topic=7),
        kucoin(3, "100,buy,9")[:-1],
        kucoin(3, "100,buy,9")[:80],
        kucoin(3, "100,buy,9") + b"}",
        kucoin(3, "100,buy,9").replace(b'"sn": 3', b'"topic": "/contractMarket/level2:XBTUSDTM"'),
        kucoin(3, "100,buy,9").replace(b'"sn": 3', b'"topic": "/contractMarket/level2:OTHERM", "sn": 3'),
        kucoin(3, "100,buy,9").replace(b'"message"', b'"message" '),
        kucoin(3, "100,buy,9").replace(b'"message"', b'"mess\\u0061ge"'),
        kucoin(3, "100,buy,9").replace(b'"sn": 3, ', b""),
        kucoin(3, "100,buy,9").replace(b'"sn": 3', b' "sn": 3'),
        kucoin(3, "100,buy,9").replace(b'"sn": 3', b"\n\t 7"),
    ],
    ids=range(14),
)
def test_what_comes_between_leaves_nothing_behind(odd: bytes) -> None:
    for count in (1, 2, 3):
        pair = Pair("XBTUSDTM")
        assert pair.feed(kucoin(2, "100,buy,7")) is Outcome.APPLIED
        outcomes = {pair.feed(odd) for _ in range(count)}
        after = pair.feed(kucoin(4 if Outcome.APPLIED in outcomes else 3, "100,buy,8"))
        if outcomes & {Outcome.REFUSED, Outcome.GAP}:
            assert after is Outcome.BUFFERED  # a refused change is a lost one
        else:
            assert after is Outcome.APPLIED and pair.touch("XBTUSDTM") == (100, 8)


def test_every_cut_behind_the_same_beginning_is_judged_alike() -> None:
    whole = kucoin(3, "100,buy,9")
    for cut in range(len(whole)):
        pair = Pair("XBTUSDTM")
        pair.feed(kucoin(2, "100,buy,7"))
        assert pair.feed(whole[:cut]) is Outcome.REFUSED
        memory = memoryview(bytearray(whole[:cut]))  # nothing readable is promised behind it
        assert pair.routers[0].feed(memory) is Outcome.REFUSED


def test_a_snapshot_that_begins_as_a_change_is_read_by_its_own_table() -> None:
    """Both tables know words that mean something else in the other; what one read is nothing to the other."""
    padding = "x" * 60
    pair = Pair("XBTUSDTM")
    body = json.loads(snapshot())
    rest = json.dumps({"topic": f"/contractMarket/level2:{padding}", **body}).encode()
    for router in pair.routers:
        router.disconnected()
        router.feed(json.dumps({"topic": f"/contractMarket/level2:{padding}", "sn": 1}).encode())
        router.feed(kucoin(1, "100,buy,1"))
        assert router.feed_snapshot("XBTUSDTM", rest) is Outcome.BUFFERED


def test_a_fault_of_the_beginning_is_one_of_the_next_message_as_well() -> None:
    router = Router("bybit", [Book("BTCUSDT")], depth=50)
    levels = {"s": "BTCUSDT", "b": [["100", "1"]], "a": [["101", "1"]]}

    def message(kind: str, number: int) -> bytes:
        head = {"topic": "orderbook.50.BTCUSDT", "type": kind, "ts": 5}
        return json.dumps(head | {"data": levels | {"u": number, "seq": number}}, separators=(",", ":")).encode()

    for number in (1, 2, 3):
        assert router.feed(message("snapshot", number)) is Outcome.APPLIED
        assert router.feed(message("snapsh0t", number + 1)) is Outcome.REFUSED
        assert router.feed(message("snapsh0t", number + 1)) is Outcome.REFUSED
        assert router.last_refusal.startswith("type")
