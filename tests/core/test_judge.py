"""Verdicts of the venues that number their messages one by one: Bybit V5 (snapshots in the stream) and KuCoin futures.

Binance and the seed dialect stand in test_sequence.py. Recorded Bybit sessions and the re-framed KuCoin session are
held against dict, sorted and Decimal after every message, by both ways of reading.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook import Book, Outcome, Router, State

Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


def raw(book: Book) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return (
        list(zip(book.bid_prices_raw.tolist(), book.bid_sizes_raw.tolist(), strict=True)),
        list(zip(book.ask_prices_raw.tolist(), book.ask_sizes_raw.tolist(), strict=True)),
    )


def expected(book: Book, sides: Sides) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    price, size = 10**book.price_decimals, 10**book.size_decimals
    bids = [(int(p * price), int(q * size)) for p, q in sorted(sides[0].items(), reverse=True)]
    asks = [(int(p * price), int(q * size)) for p, q in sorted(sides[1].items())]
    return bids, asks


def put(side: dict[Decimal, Decimal], price: str, size: str) -> None:
    if Decimal(size):
        side[Decimal(price)] = Decimal(size)
    else:
        side.pop(Decimal(price), None)


def bybit(kind: str, u: int, bids: list[Any], asks: list[Any], *, depth: int = 50, symbol: str = "BTCUSDT") -> bytes:
    data = {"s": symbol, "b": bids, "a": asks, "u": u, "seq": u * 7}
    return json.dumps(
        {"topic": f"orderbook.{depth}.{symbol}", "type": kind, "ts": 1_672_304_484_978, "data": data, "cts": 1}
    ).encode()


def change(sequence: int, text: str, symbol: str = "XBTUSDTM") -> bytes:
    data = {"sequence": sequence, "change": text, "timestamp": 1_731_897_467_182}
    topic = f"/contractMarket/level2:{symbol}"
    return json.dumps({"topic": topic, "type": "message", "subject": "level2", "sn": 5, "data": data}).encode()


def kucoin_rest(sequence: int, bids: list[Any], asks: list[Any], symbol: str = "XBTUSDTM") -> bytes:
    data = {"sequence": sequence, "symbol": symbol, "bids": bids, "asks": asks, "ts": 1_729_168_101_216_000_000}
    return json.dumps({"code": "200000", "data": data}).encode()


FEEDS: list[Callable[[Router, bytes], Outcome]] = [
    lambda router, payload: router.feed(payload),
    lambda router, payload: router.feed_parsed(payload),
]
both_ways = pytest.mark.parametrize("feed", FEEDS, ids=["fast", "parsed"])


# -- Bybit -----------------------------------------------------------------------------------------------------------


@both_ways
def test_bybit_snapshot_then_changes(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("BTCUSDT")
    router = Router("bybit", [book])
    assert feed(router, bybit("delta", 9, [["1", "1"]], [])) is Outcome.IGNORED  # before any snapshot it says nothing
    assert book.state is State.EMPTY
    assert feed(router, bybit("snapshot", 10, [["100", "1"], ["99", "2"]], [["101", "3"]])) is Outcome.APPLIED
    assert (book.state, book.sequence, book.event_time_ns) == (State.LIVE, 10, 1_672_304_484_978_000_000)
    assert feed(router, bybit("delta", 11, [["100", "0"], ["98", "5"]], [["101", "4"]])) is Outcome.APPLIED
    assert raw(book) == expected(book, ({Decimal(99): Decimal(2), Decimal(98): Decimal(5)}, {Decimal(101): Decimal(4)}))
    assert feed(router, bybit("delta", 11, [["99", "0"]], [])) is Outcome.IGNORED
    assert feed(router, bybit("delta", 10, [["99", "0"]], [])) is Outcome.IGNORED
    assert book.state is State.LIVE and book.best_bid == 99


@both_ways
def test_bybit_a_lost_change_is_noticed_at_the_next(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("BTCUSDT")
    router = Router("bybit", [book])
    feed(router, bybit("snapshot", 10, [["100", "1"]], [["101", "3"]]))
    before = book.digest()
    assert feed(router, bybit("delta", 12, [["100", "9"]], [])) is Outcome.GAP
    assert (book.state, book.digest()) == (State.GAP, before)
    assert feed(router, bybit("delta", 13, [["100", "9"]], [])) is Outcome.IGNORED
    assert book.state is State.GAP
    assert feed(router, bybit("snapshot", 14, [["100", "9"]], [["101", "3"]])) is Outcome.APPLIED
    assert (book.state, book.best_bid_size) == (State.LIVE, 9)


@both_ways
def test_bybit_any_snapshot_replaces_also_an_older_one(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("BTCUSDT")
    router = Router("bybit", [book])
    feed(router, bybit("snapshot", 100, [["100", "1"]], [["101", "3"]]))
    assert feed(router, bybit("snapshot", 1, [["90", "1"]], [["91", "3"]])) is Outcome.APPLIED  # the service restarted
    assert (book.sequence, book.best_bid, len(book.bid_prices)) == (1, 90, 1)
    assert feed(router, bybit("delta", 2, [["90", "2"]], [])) is Outcome.APPLIED


@both_ways
def test_bybit_depth_1_replaces_and_takes_repeats(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("BTCUSDT")
    router = Router("bybit", [book])

    def one(u: int, price: str) -> Outcome:
        return feed(router, bybit("snapshot", u, [[price, "1"]], [["101", "1"]], depth=1))

    assert [one(5, "90"), one(5, "91"), one(4, "92"), one(9, "93"), one(1, "94")] == [
        Outcome.APPLIED, Outcome.APPLIED, Outcome.IGNORED, Outcome.APPLIED, Outcome.APPLIED,
    ]  # fmt: skip
    assert book.best_bid == 94 and not router.sequenced
    router.disconnected()
    assert book.state is State.STALE


@both_ways
@pytest.mark.parametrize(
    "wrong",
    [
        bybit("delta", 11, [["100", "x"]], []),
        bybit("other", 11, [], []),
        bybit("delta", 11, [["100", "1"]], []).replace(b'"u"', b'"v"'),
        bybit("delta", 11, [["100", "1"]], []).replace(b'"type"', b'"kind"'),
        bybit("delta", 11, [["0", "1"]], []),
        bybit("delta", 11, [["100", "1"]], [])[:-3],
    ],
    ids=["number", "type", "no u", "no type", "price 0", "cut off"],
)
def test_bybit_a_refused_change_is_a_lost_one(feed: Callable[[Router, bytes], Outcome], wrong: bytes) -> None:
    books = [Book("BTCUSDT"), Book("ETHUSDT")]
    router = Router("bybit", books)
    for book in books:
        feed(router, bybit("snapshot", 10, [["100", "1"]], [["101", "3"]], symbol=book.symbol))
    before = books[0].digest()
    assert feed(router, wrong) is Outcome.REFUSED
    assert router.last_refusal
    assert [book.state for book in books] == [State.GAP, State.LIVE]  # the other symbol lost nothing
    assert books[0].digest() == before


@both_ways
def test_bybit_what_is_no_depth_is_cold(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("BTCUSDT")
    router = Router("bybit", [book])
    cold = [
        b'{"success":true,"ret_msg":"","conn_id":"3cd84cb1","req_id":"","op":"subscribe"}',
        b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1,"data":[{"T":1,"s":"BTCUSDT"}]}',
        b'{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT"},"cs":1,"ts":2}',
        b'{"topic":"orderbook.rpi.BTCUSDT","type":"snapshot","data":{"s":"BTCUSDT","b":[["1","2","3"]],"a":[],"u":1}}',
        b'{"topic":"orderBookL2_25.BTCUSD","type":"delta","data":{"delete":[],"update":[],"insert":[]}}',
        bybit("snapshot", 1, [["1", "1"]], [], symbol="DOGEUSDT"),
    ]
    assert [feed(router, payload) for payload in cold] == [Outcome.COLD] * len(cold)
    feed(router, bybit("snapshot", 1, [["1", "1"]], []))
    assert feed(router, bybit("snapshot", 2, [["2", "1"]], [], depth=200)) is Outcome.COLD  # bound to depth 50
    assert book.best_bid == 1


def test_bybit_has_no_rest_anchor() -> None:
    with pytest.raises(csbook.CsbookError, match="bybit"):
        Router("bybit", [Book("BTCUSDT")]).feed_snapshot("BTCUSDT", b"{}")


def bybit_lines(folder: Path) -> dict[str, list[bytes]]:
    def json_lines(name: str) -> Iterator[bytes]:
        for line in gzip.decompress((folder / name).read_bytes()).decode().splitlines():
            record = json.loads(line)
            if record["t"] == "recv":
                yield record["data"].encode()

    def timed(name: str) -> Iterator[bytes]:
        for line in gzip.decompress((folder / name).read_bytes()).splitlines():
            stamp, _, text = line.partition(b": ")
            if text.startswith(b"{") and stamp.replace(b".", b"").isdigit():
                yield text.strip()

    return {
        "200 levels": list(json_lines("cryptofeed_v5_linear_20260809_BTCUSDT_DOGEUSDT.jsonl.gz")),
        "500 levels": gzip.decompress((folder / "nautilus_20241201_XRPUSDT_ob500.jsonl.gz").read_bytes()).splitlines(),
        "1 level": list(timed("cryptofeed_v5_linear_20250613_orderbook1.txt.gz")),
    }


SYMBOLS = {
    "200 levels": ["BTCUSDT", "DOGEUSDT"],
    "500 levels": ["XRPUSDT"],
    "1 level": ["BANDUSDT", "RADUSDT", "SNTUSDT", "AIOZUSDT"],
}


@pytest.mark.parametrize("session", SYMBOLS)
def test_bybit_recorded(shared_data: Path, session: str) -> None:
    books, twins = ([Book(symbol) for symbol in SYMBOLS[session]] for _ in range(2))
    fast, slow = Router("bybit", books), Router("bybit", twins)
    truth: dict[str, Sides] = {symbol: ({}, {}) for symbol in SYMBOLS[session]}
    applied = 0
    for payload in bybit_lines(shared_data / "bybit")[session]:
        outcome = fast.feed(payload)
        assert slow.feed_parsed(payload) is outcome
        if outcome is not Outcome.APPLIED:
            assert outcome is Outcome.COLD
            continue
        message = json.loads(payload)
        sides = truth[message["data"]["s"]]
        if message["type"] == "snapshot":
            sides[0].clear()
            sides[1].clear()
        for side, rows in zip(sides, (message["data"]["b"], message["data"]["a"]), strict=True):
            for price, size in rows:
                put(side, price, size)
        book = fast.books[message["data"]["s"]]
        assert raw(book) == expected(book, sides)
        assert book.digest() == slow.books[book.symbol].digest()
        book._check()
        applied += 1
    assert applied >= 50 and all(book.state is State.LIVE for book in books)
    assert fast.counts["declined"] == fast.counts["gap"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_bybit_recorded_and_disturbed(shared_data: Path, seed: int) -> None:
    """With messages dropped, repeated and swapped no book is LIVE and wrong, and a repeat costs nothing."""
    rng = random.Random(seed)
    payloads = [p for p in bybit_lines(shared_data / "bybit")["200 levels"] if b'"orderbook.200.BTCUSDT"' in p]
    whole, truth = Book("BTCUSDT"), {}
    router = Router("bybit", [whole])
    for payload in payloads:
        router.feed(payload)
        truth[whole.sequence] = whole.digest()
    book = Book("BTCUSDT")
    router = Router("bybit", [book])
    queue = list(payloads)
    for i in range(len(queue) - 1):
        if rng.random() < 0.02:
            queue[i], queue[i + 1] = queue[i + 1], queue[i]
    lost = 0
    for i, payload in enumerate(queue):
        if rng.random() < 0.01:
            lost += 1
            continue
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            router.feed(payload)
            if book.state is State.LIVE:
                assert book.digest() == truth[book.sequence]
        if book.state is State.GAP and rng.random() < 0.3:  # the resubscription brings a snapshot
            sequence = json.loads(queue[i])["data"]["u"]
            at = Router("bybit", [again := Book("BTCUSDT")])
            for earlier in payloads:
                if json.loads(earlier)["data"]["u"] <= sequence:
                    at.feed(earlier)
            rows = [[[str(p), str(q)] for p, q in side.tolist()] for side in (again.bids(), again.asks())]
            assert router.feed(bybit("snapshot", again.sequence, rows[0], rows[1], depth=200)) is Outcome.APPLIED
            assert book.digest() == truth[book.sequence]
    assert lost and router.counts["gap"] and router.counts["ignored"]


# -- KuCoin ----------------------------------------------------------------------------------------------------------


@both_ways
def test_kucoin_the_documented_calibration(feed: Callable[[Router, bytes], Outcome]) -> None:
    """Snapshot 16, then 17 and 18; what the snapshot holds already is dropped."""
    book = Book("XBTUSDTM", price_decimals=4, size_decimals=0)
    router = Router("kucoin", [book])
    for sequence, text in ((15, "3988.49,buy,10"), (16, "3988.62,sell,8"), (17, "3988.50,buy,44")):
        assert feed(router, change(sequence, text)) is Outcome.BUFFERED
    assert (book.state, router.wants_snapshot()) == (State.SYNCING, ["XBTUSDTM"])
    snapshot = kucoin_rest(16, [["3988.51", 56], ["3988.50", 15]], [["3988.59", 3], ["3988.61", 32], ["3988.62", 8]])
    assert router.feed_snapshot("xbtusdtm", snapshot) is Outcome.APPLIED
    assert feed(router, change(18, "3988.61,sell,0")) is Outcome.APPLIED
    assert (book.state, book.sequence) == (State.LIVE, 18)
    assert book.bids().tolist() == [[3988.51, 56], [3988.5, 44]]
    assert book.asks().tolist() == [[3988.59, 3], [3988.62, 8]]
    assert book.event_time_ns == 1_731_897_467_182_000_000


@both_ways
def test_kucoin_price_zero_only_counts(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("XBTUSDTM")
    router = Router("kucoin", [book])
    router.feed_snapshot("XBTUSDTM", kucoin_rest(1, [[10, 1]], [[11, 1]]))
    levels = raw(book)
    assert [feed(router, change(2, "0,sell,0")), feed(router, change(3, "0,buy,7"))] == [Outcome.APPLIED] * 2
    assert (raw(book), book.sequence, book.state) == (levels, 3, State.LIVE)


@both_ways
def test_kucoin_gap_and_the_way_back(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("XBTUSDTM")
    router = Router("kucoin", [book])
    assert feed(router, change(5, "10,buy,1")) is Outcome.BUFFERED
    assert (
        router.feed_snapshot("XBTUSDTM", kucoin_rest(3, [[9, 1]], [[11, 1]])) is Outcome.IGNORED
    )  # 4 would be missing
    assert router.feed_snapshot("XBTUSDTM", kucoin_rest(4, [[9, 1]], [[11, 1]])) is Outcome.APPLIED
    assert feed(router, change(5, "10,buy,2")) is Outcome.IGNORED
    assert feed(router, change(7, "10,buy,3")) is Outcome.GAP
    assert (book.state, book.best_bid_size) == (State.GAP, 1)
    assert feed(router, change(8, "10,buy,4")) is Outcome.BUFFERED
    assert router.feed_snapshot("XBTUSDTM", kucoin_rest(9, [[9, 1]], [[11, 1]])) is Outcome.BUFFERED  # ahead of all
    assert (book.state, book.best_bid) == (State.SYNCING, 9)
    assert feed(router, change(9, "9,buy,9")) is Outcome.IGNORED
    assert feed(router, change(10, "9.5,buy,5")) is Outcome.APPLIED
    assert (book.state, book.best_bid, book.sequence) == (State.LIVE, 9.5, 10)


@both_ways
@pytest.mark.parametrize(
    "text",
    ["", "1,buy", "1,buy,2,3", "x,buy,1", "1,hold,1", "1,BUY,1", "1,buy,-1", "-1,buy,1", "1,buy,", ",buy,1", "1,,1"],
)
def test_kucoin_refuses_and_does_not_guess(feed: Callable[[Router, bytes], Outcome], text: str) -> None:
    book = Book("XBTUSDTM")
    router = Router("kucoin", [book])
    router.feed_snapshot("XBTUSDTM", kucoin_rest(1, [[10, 1]], [[11, 1]]))
    feed(router, change(2, "10,buy,2"))
    before = book.digest()
    assert feed(router, change(3, text)) is Outcome.REFUSED
    assert (book.state, book.digest()) == (State.GAP, before)
    assert "change" in router.last_refusal


@both_ways
def test_kucoin_snapshot_streams_are_routed_by_topic(feed: Callable[[Router, bytes], Outcome]) -> None:
    def five(sequence: int, bids: list[Any], asks: list[Any]) -> bytes:
        data = {"bids": bids, "asks": asks, "sequence": sequence, "timestamp": 1731680019100, "ts": 1731680019100}
        topic = "/contractMarket/level2Depth5:XBTUSDTM"
        return json.dumps({"topic": topic, "type": "message", "subject": "level2", "sn": 1, "data": data}).encode()

    book = Book("XBTUSDTM")
    router = Router("kucoin", [book])
    payload = five(7, [["89720.9", 513], ["89721.0", 2]], [["89725", 906], ["89724", 1], ["89724", 4]])
    assert feed(router, payload) is Outcome.APPLIED
    assert book.bids().tolist() == [[89721.0, 2], [89720.9, 513]]  # sorted, whatever the order
    assert book.asks().tolist() == [[89724, 4], [89725, 906]]
    assert (book.counts["unsorted"], book.counts["merged"]) == (2, 1)
    assert feed(router, five(6, [["1", 1]], [])) is Outcome.IGNORED
    assert feed(router, change(8, "1,buy,1")) is Outcome.COLD
    assert book.best_bid == 89721.0


def test_kucoin_recorded_spot_in_futures_frames(shared_data: Path) -> None:
    path = shared_data / "derived" / "kucoin_futures_shape_BCHSV.jsonl.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines()
    rest = json.loads(next(line for line in lines if line.startswith(b'{"code"')))["data"]
    book, twin = (Book("BCHSVUSDTM", price_decimals=4, size_decimals=11) for _ in range(2))
    fast, slow = Router("kucoin", [book]), Router("kucoin", [twin])
    sides: Sides = ({}, {})
    for side, rows in zip(sides, (rest["bids"], rest["asks"]), strict=True):
        for price, size in rows:
            put(side, price, size)
    applied = 0
    for line in lines:
        if line.startswith(b'{"code"'):
            assert fast.feed_snapshot("BCHSVUSDTM", line) is slow.feed_snapshot("BCHSVUSDTM", line)
            continue
        outcome = fast.feed(line)
        assert slow.feed_parsed(line) is outcome
        data = json.loads(line)["data"]
        if data["sequence"] > rest["sequence"]:
            price, side_name, size = data["change"].split(",")
            if Decimal(price):
                put(sides[side_name == "sell"], price, size)
        if book.state is State.LIVE:
            applied += 1
            assert book.sequence == data["sequence"]
            assert raw(book) == expected(book, sides)
            assert book.digest() == twin.digest()
    assert applied > 2300 and fast.counts["gap"] == fast.counts["declined"] == 0


# -- what the two ways share -----------------------------------------------------------------------------------------


def test_nothing_of_a_parsed_message_outlives_it() -> None:
    """A declined change in the buffer, replayed by a snapshot, once lent its levels to the next one."""

    def diff(first: int, last: int, previous: int, asks: str) -> bytes:
        ids = f'"U":{first},"u":{last},"pu":{previous}'
        return f'{{"e":"depthUpdate","E":1,"s":"BTCUSDT",{ids},"b":[],"a":{asks}}}'.encode()

    book = Book("BTCUSDT")
    router = Router("binance", [book])
    declined = diff(5, 10, 4, '[["50","1"]]').replace(b'"a":', b'"a":[],"a":')
    assert router.feed(declined) is Outcome.BUFFERED
    snapshot = b'{"lastUpdateId":8,"bids":[["40","1"]],"asks":[["60","1"]]}'
    assert router.feed_snapshot("BTCUSDT", snapshot) is Outcome.APPLIED
    assert router.counts["declined"] == 2
    assert router.feed(diff(11, 12, 10, '[["55","2"]]')) is Outcome.APPLIED
    assert book.asks().tolist() == [[50, 1], [55, 2], [60, 1]]


def test_a_malformed_snapshot_answer_is_no_lost_change() -> None:
    book = Book("XBTUSDTM")
    router = Router("kucoin", [book])
    router.feed(change(5, "10,buy,1"))
    for answer in (b"", b"{", b"[]", b'{"code":"429000","msg":"too many requests"}', kucoin_rest(4, [["x", 1]], [])):
        assert router.feed_snapshot("XBTUSDTM", answer) is Outcome.REFUSED
        assert router.wants_snapshot() == ["XBTUSDTM"] and book.state is State.SYNCING
    assert router.feed_snapshot("XBTUSDTM", kucoin_rest(4, [["9", 1]], [])) is Outcome.APPLIED


BYBIT_TOPICS = [".50x", ".50", "50", ".50x.", ".x.", ".", "..", ".0.", "s.50."]
KUCOIN_TOPICS = ["level2Depth5x", "level2Depth:", "level2x", "level2", "level3:", "level2Depth5"]


@both_ways
def test_topics_that_only_begin_like_depth_topics(feed: Callable[[Router, bytes], Outcome]) -> None:
    book = Book("BTCUSDT")
    router = Router("bybit", book)
    assert feed(router, bybit("snapshot", 1, [["1", "1"]], [["2", "1"]])) is Outcome.APPLIED
    following = bybit("delta", 2, [["1", "3"]], [])
    for between in BYBIT_TOPICS:
        other = following.replace(b"orderbook.50.BTCUSDT", f"orderbook{between}BTCUSDT".encode())
        assert other != following
        assert feed(router, other) is Outcome.COLD, between
    assert feed(router, following) is Outcome.APPLIED
    kucoin = Router("kucoin", Book("XBTUSDTM"))
    whole = {"sequence": 3, "bids": [["1", "1"]], "asks": [["2", "1"]], "timestamp": 1, "change": "1,buy,2"}
    for between in KUCOIN_TOPICS:
        topic = f"/contractMarket/{between}XBTUSDTM"
        assert feed(kucoin, json.dumps({"topic": topic, "data": whole}).encode()) is Outcome.COLD, between
    assert kucoin.books["XBTUSDTM"].state is State.EMPTY


@both_ways
def test_words_that_stand_where_they_mean_nothing(feed: Callable[[Router, bytes], Outcome]) -> None:
    """Bybit's ids and levels count inside of `data` only, its time and topic outside only."""
    book = Book("BTCUSDT")
    router = Router("bybit", book)
    message = json.loads(bybit("snapshot", 5, [["1", "1"]], [["2", "1"]]))
    message |= {"u": 9, "s": "ETHUSDT", "b": [["7", "7"]], "a": 3}
    message["data"] |= {"topic": "orderbook.1.ETHUSDT", "type": "none", "ts": -1, "data": {"u": 8}}
    for body in (message, dict(reversed(message.items()))):
        assert feed(router, json.dumps(body).encode()) is Outcome.APPLIED
        assert (book.sequence, book.event_time_ns) == (5, 1_672_304_484_978_000_000)
        assert raw(book) == ([(10**8, 10**8)], [(2 * 10**8, 10**8)])
    assert router.counts["declined"] == (0 if feed is FEEDS[0] else 2)
    for word, place in (("u", "data"), ("s", "data"), ("ts", ""), ("type", "")):
        message = json.loads(bybit("delta", 6, [["1", "3"]], []))
        if place:
            message[word] = message[place].pop(word)
        else:
            message["data"][word] = message.pop(word)
        outcome = feed(router, json.dumps(message).encode())
        assert outcome is (Outcome.REFUSED if word in ("u", "type") else Outcome.APPLIED), word
        assert feed(router, bybit("snapshot", 5, [["1", "1"]], [["2", "1"]])) is Outcome.APPLIED


@pytest.mark.parametrize("how", ["declined", "parsed", "refused"])
def test_a_message_read_quickly_owes_nothing_to_the_parsed_one_before(how: str) -> None:
    book = Book("X")
    router = Router("coinswitch", book)
    slow = b'{"lastUpdateId":1,"bids":[["1","1"]],"asks":[["9","1"]],"x":"\\u00e9"}'
    for update in range(2, 6):
        if how == "parsed":
            assert router.feed_parsed(slow) in (Outcome.APPLIED, Outcome.IGNORED)
        elif how == "declined":
            assert router.feed(slow) in (Outcome.APPLIED, Outcome.IGNORED)
        else:
            assert router.feed(slow.replace(b'"1"', b'"x"')) is Outcome.REFUSED
        quick = json.dumps({"lastUpdateId": update, "bids": [[str(update), "2"]], "asks": [[str(10 + update), "3"]]})
        assert router.feed(quick.encode()) is Outcome.APPLIED
        assert book.bids().tolist() == [[update, 2]]
        assert book.asks().tolist() == [[10 + update, 3]]
