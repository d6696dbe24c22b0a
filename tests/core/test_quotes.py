"""The best bid and ask that Bybit and KuCoin tell: fused by the id that their channels share, no part of the book."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csbook import Book, Outcome, Router, State
from oracle import dump

BYBIT, KUCOIN = "BTCUSDT", "XBTUSDTM"
OF = {"bybit": BYBIT, "kucoin": KUCOIN}
AT = 1_700_000_000_000  # ms
BOOK = (10050, 1000, 10060, 4000)
QUOTED = (10051, 7000, 10059, 8000)
BOTH = pytest.mark.parametrize("venue", ["bybit", "kucoin"])


def book_of(u: int, seq: Any, bids: Any, asks: Any, kind: str = "delta", depth: int = 50) -> dict[str, Any]:
    data = {"s": BYBIT, "b": bids, "a": asks, "u": u, "seq": seq}
    return {"topic": f"orderbook.{depth}.{BYBIT}", "type": kind, "ts": AT, "data": data, "cts": AT - 2}


def change(sequence: int, text: str) -> dict[str, Any]:
    data = {"sequence": sequence, "change": text, "timestamp": AT}
    return {"topic": f"/contractMarket/level2:{KUCOIN}", "type": "message", "subject": "level2", "sn": 5, "data": data}


def ticker(sequence: Any, bid: Any, bid_size: Any, ask: Any, ask_size: Any) -> dict[str, Any]:
    data = {
        "symbol": KUCOIN, "sequence": sequence, "bestBidSize": bid_size, "bestBidPrice": bid,
        "bestAskPrice": ask, "bestAskSize": ask_size, "ts": (AT + 1) * 1_000_000 + 5,
    }  # fmt: skip
    topic = f"/contractMarket/tickerV2:{KUCOIN}"
    return {"topic": topic, "type": "message", "subject": "tickerV2", "sn": sequence, "data": data}


class Market:
    """The same book twice, read in both ways, LIVE at id 1000."""

    def __init__(self, venue: str, live: bool = True) -> None:
        self.venue = venue
        self.books = [Book(OF[venue], price_decimals=2, size_decimals=3) for _ in range(2)]
        depth = 50 if venue == "bybit" else 0
        self.routers = [Router(venue, [book], depth=depth) for book in self.books]
        self.u = 20
        if live and venue == "bybit":
            sides = [["100.5", "1"], ["100.4", "2"]], [["100.6", "4"], ["100.7", "5"]]
            assert self.feed(book_of(20, 1000, *sides, kind="snapshot")) is Outcome.APPLIED
        elif live:
            assert self.feed(change(1000, "100.5,buy,1")) is Outcome.BUFFERED
            sides = [[100.5, 9], [100.4, 2]], [[100.6, 4], [100.7, 5]]
            answer = {"sequence": 999, "symbol": KUCOIN, "bids": sides[0], "asks": sides[1], "ts": AT * 1_000_000}
            for router in self.routers:
                assert router.feed_snapshot(KUCOIN, dump({"code": "200000", "data": answer})) is Outcome.APPLIED

    @property
    def book(self) -> Book:
        return self.books[0]

    def feed(self, message: Any) -> Outcome:
        payload = message if isinstance(message, bytes) else dump(message)
        outcome = self.routers[0].feed(payload)
        assert self.routers[1].feed_parsed(payload) is outcome, payload
        (one, other) = ((*self.touch(i), *self.look(i), self.routers[i].counts["quotes"]) for i in range(2))
        assert one == other, payload
        return outcome

    def quote(self, number: Any, bid: Any, bid_size: Any, ask: Any, ask_size: Any, u: int = 5) -> None:
        if self.venue == "bybit":
            message = book_of(u, number, [[bid, bid_size]], [[ask, ask_size]], "snapshot", 1)
        else:
            message = ticker(number, bid, bid_size, ask, ask_size)
        self.cold(message)

    def cold(self, message: Any) -> None:
        """Nothing but the fused top may move."""
        before = self.look(0)
        assert self.feed(message) is Outcome.COLD
        assert self.look(0) == before
        assert [router.take_moves() for router in self.routers] == [[], []] or before[0] is State.EMPTY

    def change(self, number: int, bid_size: str) -> None:
        self.u += 1
        if self.venue == "bybit":
            assert self.feed(book_of(self.u, number, [["100.5", bid_size]], [])) is Outcome.APPLIED
        else:
            while self.book.sequence < number - 1:
                assert self.feed(change(self.book.sequence + 1, "0,buy,0")) is Outcome.APPLIED
            assert self.feed(change(number, f"100.5,buy,{bid_size}")) is Outcome.APPLIED
        for router in self.routers:
            router.take_moves()

    def look(self, which: int) -> tuple[Any, ...]:
        book = self.books[which]
        return book.state, book.digest(), book.updates, book.sequence, book.event_time_ns, repr(book)

    def touch(self, which: int = 0) -> tuple[int, int, int, int]:
        top = self.books[which].fused_top()
        return top.bid_raw, top.bid_size_raw, top.ask_raw, top.ask_size_raw


def live(venue: str) -> Market:
    market = Market(venue)
    assert market.touch() == BOOK
    for router in market.routers:
        router.take_moves()
    return market


@BOTH
def test_a_newer_quote_leads_until_the_book_has_caught_up(venue: str) -> None:
    market = live(venue)
    market.quote(1003, "100.51", "7", "100.59", "8")
    assert market.touch() == QUOTED and market.book.fused_top().sequence == 1003
    market.change(1002, "3")
    assert market.touch() == QUOTED
    market.change(1003, "2")
    assert market.touch() == (10050, 2000, 10060, 4000)
    assert [router.counts["quotes"] for router in market.routers] == [1, 1]


@BOTH
def test_an_older_quote_never_leads(venue: str) -> None:
    market = live(venue)
    for number in (999, 1000):
        market.quote(number, "100.51", "7", "100.59", "8")
        assert market.touch() == BOOK
    market.quote(1005, "100.51", "7", "100.59", "8")
    market.quote(1004, "100.1", "7", "100.2", "8")
    market.quote(1005, "100.1", "7", "100.2", "8")
    assert market.touch() == QUOTED


@BOTH
def test_the_time_is_the_quotes(venue: str) -> None:
    market = live(venue)
    assert market.book.fused_top().event_time_ns == AT * 1_000_000
    market.quote(1003, "100.51", "7", "100.59", "8")
    wanted = AT * 1_000_000 if venue == "bybit" else (AT + 1) * 1_000_000 + 5
    assert market.book.fused_top().event_time_ns == wanted


@BOTH
def test_a_quote_of_half_a_market_or_less_is_dropped(venue: str) -> None:
    market = live(venue)
    for at in range(4):
        for wrong in ("0", "-1", "x", "", "1e400", "100.123456", None, True, {}, []):
            parts: list[Any] = ["100.51", "7", "100.59", "8"]
            parts[at] = wrong
            market.quote(1010, *parts)
            assert market.touch() == BOOK, (at, wrong)
    for number in (0, -5, None, "x", 1.5, True, 2**70, []):
        market.quote(number, "100.51", "7", "100.59", "8")
        assert market.touch() == BOOK, number
    assert market.book.state is State.LIVE


@BOTH
def test_a_quote_with_another_field_spoilt_is_dropped(venue: str) -> None:
    market = live(venue)
    spoilt: list[dict[str, Any]]
    if venue == "bybit":
        message = book_of(5, 1003, [["100.51", "7"]], [["100.59", "8"]], "snapshot", 1)
        data = message["data"]
        spoilt = [
            message | {"ts": "x"}, message | {"ts": -1}, message | {"type": 1}, message | {"type": "other"},
            message | {"data": data | {"u": "x"}}, message | {"data": data | {"u": None}},
        ]  # fmt: skip
    else:
        message = ticker(1003, "100.51", "7", "100.59", "8")
        spoilt = [message | {"data": message["data"] | {key: "x"}} for key in ("ts", "timestamp", "bids")]
        spoilt += [message | {"data": message["data"] | {"ts": -1}}]
        spoilt += [
            message | {"data": message["data"] | {"bids": []}},
            message | {"data": {"asks": []} | message["data"]},
        ]
        spoilt += [dict(reversed(each.items())) for each in spoilt]
    for each in spoilt:
        market.cold(each)
        assert market.touch() == BOOK, each
    market.cold(message)
    assert market.touch() == QUOTED


@BOTH
def test_numbers_are_taken_as_text_or_as_numbers(venue: str) -> None:
    for written in ('"%s"', "%s"):
        market = live(venue)
        bid, bid_size, ask, ask_size = (written % number for number in ("100.510", "7", "100.59", "8.000"))
        if venue == "bybit":
            plain = dump(book_of(5, 1003, [["B", "N"]], [["A", "M"]], "snapshot", 1))
        else:
            plain = dump(ticker(1003, "B", "N", "A", "M"))
        for mark, number in zip(("B", "N", "A", "M"), (bid, bid_size, ask, ask_size), strict=True):
            plain = plain.replace(b'"' + mark.encode() + b'"', number.encode())
        market.cold(plain)
        assert market.touch() == QUOTED
    market.quote("1004", "100.50", "7", "100.60", "8")  # an id as text
    assert market.touch() == (10050, 7000, 10060, 8000)


def test_a_number_that_no_float_holds() -> None:
    book = Book(KUCOIN, price_decimals=17, size_decimals=0)
    for feed in ("feed", "feed_parsed"):
        router = Router("kucoin", [book], depth=0)
        payload = dump(ticker(5, "B", 1, "A", 2)).replace(b'"B"', b"1.00000000000000001").replace(b'"A"', b"1.1")
        assert getattr(router, feed)(payload) is Outcome.COLD
        assert router.counts["quotes"] == 1 and book.fused_top().bid_raw == 10**17 + 1
        router.disconnected()


@BOTH
def test_any_order_of_keys(venue: str) -> None:
    rng = random.Random(7)
    for _ in range(40):
        market = live(venue)
        if venue == "bybit":
            message = book_of(5, 1003, [["100.51", "7"]], [["100.59", "8"]], "snapshot", 1)
        else:
            message = ticker(1003, "100.51", 7, "100.59", 8)
        message["data"] = {key: message["data"][key] for key in rng.sample(list(message["data"]), len(message["data"]))}
        market.cold({key: message[key] for key in rng.sample(list(message), len(message))})
        assert market.touch() == QUOTED


@BOTH
def test_quotes_of_other_symbols_are_nobodys(venue: str) -> None:
    market = live(venue)
    if venue == "bybit":
        message = book_of(5, 1003, [["100.51", "7"]], [["100.59", "8"]], "snapshot", 1)
        market.cold(message | {"topic": "orderbook.1.ETHUSDT", "data": message["data"] | {"s": "ETHUSDT"}})
        market.cold(message | {"data": message["data"] | {"s": "ETHUSDT"}})
    else:
        market.cold(ticker(1003, "1", "1", "2", "1") | {"topic": "/contractMarket/tickerV2:ETHUSDTM"})
        market.cold(ticker(1003, "1", "1", "2", "1") | {"topic": "/contractMarket/tickerV2:"})
        market.cold(ticker(1003, "1", "1", "2", "1") | {"topic": "/contractMarket/ticker:XBTUSDTM"})
    assert market.touch() == BOOK


@BOTH
def test_a_quote_that_is_cut_off_is_no_lost_change(venue: str) -> None:
    for cut in (1, 3, 20, 60):
        market = live(venue)
        if venue == "bybit":
            payload = dump(book_of(5, 1003, [["100.51", "7"]], [["100.59", "8"]], "snapshot", 1))
        else:
            payload = dump(ticker(1003, "100.51", 7, "100.59", 8))
        assert market.feed(payload[:-cut]) is Outcome.REFUSED
        assert market.book.state is State.LIVE and market.touch() == BOOK


def test_a_change_that_is_cut_off_still_is_one() -> None:
    market = live("bybit")
    assert market.feed(dump(book_of(21, 1001, [["100.5", "2"]], []))[:-1]) is Outcome.REFUSED
    assert market.book.state is State.GAP


@BOTH
def test_a_quote_does_not_outlive_its_connection(venue: str) -> None:
    market = live(venue)
    market.quote(1003, "100.51", "7", "100.59", "8")
    for router in market.routers:
        router.disconnected()
        router.take_moves()
    assert market.touch() == BOOK
    market.quote(1002, "100.51", "7", "100.59", "8")
    assert market.touch() == QUOTED


@BOTH
def test_a_cleared_book_has_no_place_in_time(venue: str) -> None:
    market = live(venue)
    market.quote(1003, "100.51", "7", "100.59", "8")
    for book in market.books:
        book.clear("a test")
    assert market.touch() == (0, 0, 0, 0)
    market.quote(5, "100.51", "7", "100.59", "8")
    assert market.touch() == QUOTED


@BOTH
def test_a_quote_makes_nothing_tradable(venue: str) -> None:
    market = Market(venue, live=False)
    market.quote(5, "100", "1", "101", "1")
    assert market.book.state is State.EMPTY and not market.book.fused_top().tradable(10**18)
    assert market.book.digest() == Book(OF[venue], price_decimals=2, size_decimals=3).digest()


# -- what is Bybit's alone


def test_a_book_that_is_bound_to_one_level_is_fed_by_it() -> None:
    book = Book(BYBIT, price_decimals=2, size_decimals=3)
    router = Router("bybit", [book], depth=1)
    assert router.feed(dump(book_of(5, 10, [["100.5", "1"]], [["100.6", "4"]], "snapshot", 1))) is Outcome.APPLIED
    assert router.feed(dump(book_of(6, 11, [["100.4", "1"]], [["100.6", "4"]], "snapshot", 1))) is Outcome.APPLIED
    assert (book.best_bid, book.fused_top().bid, router.counts["quotes"]) == (100.4, 100.4, 0)
    assert book.fused_top().sequence == 6


def test_only_the_whole_book_of_one_level_is_a_quote() -> None:
    market = live("bybit")
    sides = [["100.51", "7"]], [["100.59", "8"]]
    market.cold(book_of(5, 1003, *sides, "delta", 1))
    market.cold(book_of(5, 1003, *sides, "snapshot", 200))
    market.cold(book_of(5, 1003, [*sides[0], ["100.4", "1"]], sides[1], "snapshot", 1))
    market.cold(book_of(5, 1003, sides[0], [], "snapshot", 1))
    market.cold(book_of(5, 1003, [], sides[1], "snapshot", 1))
    assert market.touch() == BOOK


def test_the_ids_of_a_depth_are_not_compared() -> None:
    """`u` of one topic says nothing about another's: only `seq` does, both ways."""
    market = live("bybit")
    market.quote(1003, "100.51", "7", "100.59", "8", u=2)
    assert market.touch() == QUOTED
    market = live("bybit")
    market.quote(999, "100.51", "7", "100.59", "8", u=10**9)
    assert market.touch() == BOOK


@pytest.mark.parametrize("seq", [None, "x", 0, -1, 1.5])
def test_a_book_whose_cross_sequence_is_not_known_is_not_led(seq: Any) -> None:
    market = live("bybit")
    assert market.feed(book_of(21, seq, [["100.5", "3"]], [])) is Outcome.APPLIED
    market.quote(10**12, "100.51", "7", "100.59", "8")
    assert market.touch() == (10050, 3000, 10060, 4000)
    market.u = 21
    market.change(1002, "2")
    assert market.touch() == QUOTED  # comparable again


def test_a_service_that_restarts_may_count_anew() -> None:
    market = live("bybit")
    market.quote(5000, "100.51", "7", "100.59", "8")
    assert market.touch() == QUOTED
    market.feed(book_of(1, 3, [["90", "1"]], [["91", "1"]], "snapshot"))
    assert market.touch() == (9000, 1000, 9100, 1000)
    market.quote(4, "100.51", "7", "100.59", "8")
    assert market.touch() == QUOTED


def test_a_snapshot_leaves_a_newer_quote_in_front() -> None:
    market = live("bybit")
    market.quote(1010, "100.51", "7", "100.59", "8")
    market.feed(book_of(90, 1009, [["90", "1"]], [["91", "1"]], "snapshot"))
    assert market.touch() == QUOTED
    market.feed(book_of(95, 1011, [["90", "1"]], [["91", "1"]], "snapshot"))
    assert market.touch() == (9000, 1000, 9100, 1000)


def test_a_change_that_cannot_be_applied_moves_no_floor() -> None:
    book = Book(BYBIT, price_decimals=2, size_decimals=3)
    router = Router("bybit", [book], depth=50)
    rows = [[f"{price / 100:.2f}", "1"] for price in range(1, 131_073)]
    assert router.feed(dump(book_of(5, 1000, [], rows, "snapshot"))) is Outcome.APPLIED
    router.feed(dump(book_of(9, 1003, [["0.001", "7"]], [["0.01", "8"]], "snapshot", 1)))
    assert router.feed(dump(book_of(6, 1005, [], [["9999.99", "1"]]))) is Outcome.REFUSED
    router.feed(dump(book_of(9, 1002, [["0.01", "7"]], [["0.02", "8"]], "snapshot", 1)))
    assert book.fused_top().ask_raw == 2 and book.fused_top().bid_raw == 1


# -- streams


@BOTH
@pytest.mark.parametrize("seed", range(6))
def test_the_newest_of_what_was_told(venue: str, seed: int) -> None:
    """Books and quotes of one engine, delayed, repeated and out of order: what leads is what the highest id said."""
    rng = random.Random(seed)
    market = live(venue)
    number, truth = 1000, {1000: BOOK}
    waiting: list[tuple[int, tuple[int, int, int, int]]] = []
    held: list[tuple[int, dict[str, Any]]] = []  # book messages on their way, in order
    newest, book_at, led = 0, 1000, 0
    u, bid_size = market.u, 1000
    for step in range(600):
        number += 1 if venue == "kucoin" else rng.randint(1, 5)
        bid_size = rng.randint(1, 9999)
        text = f"{bid_size / 1000:.3f}"
        if venue == "bybit":
            u += 1
            held.append((number, book_of(u, number, [["100.5", text]], [])))
        else:
            held.append((number, change(number, f"100.5,buy,{text}")))
        truth[number] = (10050, bid_size, 10060, 4000)
        waiting.append((number, truth[number]))
        for _ in range(rng.randint(0, 2)):
            at, (bid, size, ask, ask_size) = rng.choice(waiting[-6:])
            numbers = [f"{bid / 100:.2f}", f"{size / 1000:.3f}", f"{ask / 100:.2f}", f"{ask_size / 1000:.3f}"]
            if rng.random() < 0.1:
                numbers[rng.randrange(4)] = rng.choice(["", "0", "no"])
            else:
                newest = max(newest, at)
            market.quote(at, *numbers)
            assert market.touch() == truth[max(newest, book_at)], step
        while held and rng.random() < 0.6:
            book_at, message = held.pop(0)
            assert market.feed(message) is Outcome.APPLIED
            market.routers[0].take_moves(), market.routers[1].take_moves()
            assert market.touch() == truth[max(newest, book_at)], step
        led += newest > book_at
    assert led > 100


def test_a_recorded_session_of_best_quotes(shared_data: Path) -> None:
    """Each message leads a book of fifty levels that has nothing, as it feeds one of a single level."""
    path = shared_data / "bybit" / "cryptofeed_v5_linear_20250613_orderbook1.txt.gz"
    with gzip.open(path) as file:
        lines = [line.partition(b": ")[2].strip() for line in file if b'"topic":"orderbook.1.' in line]
    names = ("BANDUSDT", "RADUSDT", "SNTUSDT", "AIOZUSDT")
    feeds: list[Callable[[Router, bytes], Outcome]] = [Router.feed, Router.feed_parsed]
    for feed in feeds:
        fifty, one = ({name: Book(name) for name in names} for _ in range(2))
        quotes, books = Router("bybit", fifty, depth=50), Router("bybit", one, depth=1)
        for line in lines:
            assert feed(quotes, line) is Outcome.COLD
            assert feed(books, line) is Outcome.APPLIED
            data = json.loads(line)["data"]
            top, own = fifty[data["s"]].fused_top(), one[data["s"]].top()
            assert (top.bid, top.bid_size, top.ask, top.ask_size) == (own.bid, own.bid_size, own.ask, own.ask_size)
            assert top.sequence == data["seq"]
        assert all(book.state is State.EMPTY for book in fifty.values())
        assert len(lines) > 150 and quotes.counts["quotes"] >= len(lines) - 20  # some repeat after 3 s
