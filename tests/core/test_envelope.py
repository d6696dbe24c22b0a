"""What stands around a message: packets of Socket.IO, arrays of books. Both ways of reading agree."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

import pytest

import csbook
from csbook import Outcome, State
from csbook.json import loads
from oracle import OracleBook, core_raw, dump, hft_depth, sio_depth, sio_event
from twins import ASKS, BIDS, Twins, a_depth, expected

BOOK = dump(a_depth("coinswitch-sio"))
EVENT = b'["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b"]"


def sio(**options: Any) -> Twins:
    return Twins("coinswitch-sio", **options)


def hft(**options: Any) -> Twins:
    return Twins("coinswitch-hft", **options)


def levels(twins: Twins) -> list[tuple[Any, ...]]:
    """Every book of both, but not what was counted."""
    return [(core_raw(book), book.state, book.sequence) for router in twins.routers for book in router.books.values()]


# -- Socket.IO -------------------------------------------------------------------------------------------------------

HEADS = [
    b"42/exchange_2,", b"42", b"42/,", b"42/exchange_2,7", b"427", b"42/coinswitchx,0", b"42/c2c1,12345678901234567890",
    b"42/a?token=1,",
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS, ids=ascii)
@pytest.mark.parametrize("mixed", [False, True])
def test_the_packet_of_an_event(head: bytes, mixed: bool) -> None:
    name = b'"FETCH_ORDER_BOOK_CS_PRO"'
    for text in (
        EVENT, b"[ " + name + b" , " + BOOK + b" ] ", b"[\t" + name + b",\r\n" + BOOK + b"\n]\n",
        json.dumps(["FETCH_ORDER_BOOK_CS_PRO", a_depth("coinswitch-sio")]).encode(),
        json.dumps(["FETCH_ORDER_BOOK_CS_PRO", {"data": a_depth("coinswitch-sio")}]).encode(),
    ):  # fmt: skip
        router = csbook.Router("coinswitch-sio", Twins._books(mixed))
        twin = csbook.Router("coinswitch-sio", Twins._books(mixed))
        assert router.feed(head + text) is twin.feed_parsed(head + text) is Outcome.APPLIED
        assert router.counts["declined"] == 0
        for each in (router, twin):
            assert each.books["BTCUSDT"].digest() == expected("coinswitch-sio").digest()
            assert each.books["BTCUSDT"].event_time_ns == 12_000_000


@pytest.mark.parametrize(
    "text",
    [
        b'["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b',{"more":1}]',
        b'["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b',"x",7,null,{}]',
        b'["FETCH\\u005fORDER_BOOK_CS_PRO",' + BOOK + b"]",
        EVENT.replace(b'"s"', b'"\\u0073"'),
        EVENT.replace(b"{", b'{"zz":"\\u00e9",'),
    ],
    ids=ascii,
)
def test_a_packet_that_the_scanner_leaves(text: bytes) -> None:
    """It is parsed: several arguments, of which the first is the book's, and escapes."""
    for head in (b"42/exchange_2,", b"42"):
        twins = sio()
        assert twins.feed(head + text) is Outcome.APPLIED
        assert twins.fast.counts["declined"] == 1
        assert twins.book.digest() == expected("coinswitch-sio").digest()


COLD = [
    b"0", b"1", b"2", b"3", b"2probe", b"6", b"4", b"40", b"41", b"43", b"44", b"45", b"46", b"9", b"7",
    b'0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
    b'40/exchange_2,{"sid":"yCUg3CbvFcRAZtQzAAAB"}', b"41/exchange_2,", b'44/nope,"Unable to connect"',
    b'44/nope,{"message":"x"}', b"43/exchange_2,7" + EVENT, b"43" + EVENT, b"40" + BOOK, b"0" + BOOK, b"4" + BOOK,
    b'451-/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",{"_placeholder":true,"num":0}]', b"451-" + EVENT,
    b'42["FETCH_ORDER_BOOK_CS_PRO"]', b'42["FETCH_ORDER_BOOK_CS_PRO",[' + BOOK + b"]]", b"42[]", b"42[5]", b'42["x"]',
    b'42["FETCH_ORDER_BOOK_CS_PRO",null,' + BOOK + b"]", b'42["FETCH_ORDER_BOOK_CS_PRO","x"]', b"42[[]]",
    b'42["FETCH_ORDER_BOOK_CS_PRO",5]', b"42[" + BOOK + b"]", b'42[7,"FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b"]",
    b'42["FETCH_ORDER_BOOK_CS_PRO",{}]', b'42["FETCH_ORDER_BOOK_CS_PRO",{"data":[' + BOOK + b"]}]",
    EVENT, b"[" + BOOK + b"]", b"[]", b"null", b'"text"', b"true",
    *(sio_event(a_depth("coinswitch-sio"), name=name) for name in (
        "FETCH_TRADES_CS_PRO", "FETCH_CANDLESTICK_CS_PRO", "FETCH_TICKER_INFO_CS_PRO", "", "fetch_order_book_cs_pro",
        "FETCH_ORDER_BOOK_CS_PR", "FETCH_ORDER_BOOK_CS_PRO ", "FETCH_ORDER_BOOK_CS_PROX", "\u00e9", "FETCH_ORDER\t",
    )),
]  # fmt: skip


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("payload", COLD, ids=lambda payload: ascii(payload)[:60])
def test_a_packet_without_a_book_is_cold(payload: bytes, mixed: bool) -> None:
    """Untouched, whatever it holds: pings and acknowledgements are the conversation's."""
    twins = sio(mixed=mixed)
    before = levels(twins)
    assert twins.feed(payload) is Outcome.COLD
    assert levels(twins) == before


def test_an_event_of_another_name_is_not_read_on() -> None:
    router = csbook.Router("coinswitch-sio", csbook.Book("BTCUSDT"))
    for feed in (router.feed, router.feed_parsed):
        assert feed(b'42/exchange_2,["FETCH_TRADES_CS_PRO",{"E":') is Outcome.COLD
    assert router.counts["declined"] == 0


BROKEN = [
    b"42", b"42/", b"42/exchange_2", b"42/exchange_2,", b"42/exchange_2,7", b"42/exchange_2" + EVENT, b"42,", b"42 [1]",
    b"42/exchange_2, " + EVENT, b"421-" + EVENT, b"42" + BOOK, b"42x", b"42[", b'42["', b'42["FETCH_ORDER_BOOK_CS_PRO"',
    b'42["FETCH_ORDER_BOOK_CS_PRO",', b'42["FETCH_ORDER_BOOK_CS_PRO",{', b'42["FETCH_ORDER_BOOK_CS_PRO",{]',
    b'42["FETCH_ORDER_BOOK_CS_PRO",}]', b'42["FETCH_ORDER_BOOK_CS_PRO",{}',
    b'42["FETCH_ORDER_BOOK_CS_PRO"' + BOOK + b"]",
    b'42["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b"]]", b'42["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b",]",
    b'42["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b"]x", b'42["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + BOOK + b"]",
    b'42["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b"}", b'42["FETCH_ORDER_BOOK_CS_PRO",' + BOOK + b"]\x00",
    b'42["\\x",' + BOOK + b"]", b'42["\xff",' + BOOK + b"]", b'42["a\tb",' + BOOK + b"]",
    b" 42" + EVENT, b"-42" + EVENT,
    b"\n2", b"", b" ", b"x", BOOK[:-1], BOOK + b"]", b'["FETCH_ORDER_BOOK_CS_PRO",' + BOOK,
]  # fmt: skip


@pytest.mark.parametrize("payload", BROKEN, ids=lambda payload: ascii(payload)[-60:])
def test_a_broken_packet_is_refused(payload: bytes) -> None:
    twins = sio()
    before = levels(twins)
    outcome = twins.feed(payload)
    assert outcome is (Outcome.COLD if payload == b"\n2" else Outcome.REFUSED)
    assert levels(twins) == before
    assert twins.book.state is State.LIVE
    if outcome is Outcome.REFUSED:
        assert all(router.last_refusal for router in twins.routers)


@pytest.mark.parametrize("mixed", [False, True])
def test_a_packet_cut_anywhere_is_never_applied(mixed: bool) -> None:
    """With the rest still lying in memory behind the cut."""
    for message in (a_depth("coinswitch-sio"), {"data": a_depth("coinswitch-sio")}):
        payload = sio_event(message, "/exchange_2,31")
        for end in range(len(payload)):
            twins = sio(mixed=mixed)
            before = levels(twins)
            for cut in (payload[:end], memoryview(payload)[:end]):
                assert twins.feed(cut) in (Outcome.REFUSED, Outcome.COLD)
            assert levels(twins) == before
        assert sio(mixed=mixed).feed(payload) is Outcome.APPLIED


def test_where_a_refused_packet_is_wrong() -> None:
    """The place is counted from the payload's first byte, whatever stands in front of the message."""
    for books in ([csbook.Book("BTCUSDT")], [csbook.Book("ETHUSDT", price_decimals=3), csbook.Book("BTCUSDT")]):
        router = csbook.Router("coinswitch-sio", books)
        bare = dump({"bids": [["1", "2"], ["1", "x"]], "asks": [], "s": "BTCUSDT", "timestamp": 1})
        places = []
        for payload in (bare, b'42/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",' + bare + b"]"):
            assert router.feed(payload) is Outcome.REFUSED
            said, _, place = router.last_refusal.rpartition(" ")
            assert said == "bids[1].size: not a decimal number, at byte"
            places.append(int(place) - payload.index(bare))
        assert places[0] == places[1] > 0


def test_namespaces_are_channels() -> None:
    """c2c1 and c2c2 are two exchanges with one symbol: a book is the first one's that is seen."""
    twins = Twins("coinswitch-sio")
    one, other = (sio_event(sio_depth(20, BIDS, ASKS), name) for name in ("/c2c1,", "/c2c2,"))
    assert [twins.feed(payload) for payload in (one, other, one)] == [Outcome.APPLIED, Outcome.COLD, Outcome.APPLIED]
    for name in ("", "/,", "/c2c,", "/c2c11,", "/c2c2,5"):
        assert twins.feed(sio_event(sio_depth(30, BIDS, ASKS), name)) is Outcome.COLD, name
    assert twins.feed(sio_event(sio_depth(31, BIDS, ASKS), "/c2c1,5")) is Outcome.APPLIED
    assert twins.feed(dump(sio_depth(32, BIDS, ASKS))) is Outcome.APPLIED  # bare: whoever peeled it has chosen
    assert twins.book.sequence == 32
    for router in twins.routers:
        router.disconnected()
    assert twins.feed(sio_event(sio_depth(1, BIDS, ASKS), "/c2c2,")) is Outcome.COLD
    assert twins.feed(sio_event(sio_depth(1, BIDS, ASKS), "/c2c1,")) is Outcome.APPLIED


def test_two_books_of_two_namespaces_on_one_connection() -> None:
    spot, futures = csbook.Book("BTC,USDT"), csbook.Book("BTCUSDT", price_decimals=1)
    router = csbook.Router("coinswitch-sio", [spot, futures])
    assert router.feed(sio_event(sio_depth(5, BIDS, ASKS, "BTC,USDT"), "/c2c1,")) is Outcome.APPLIED
    short = [["30149.5", "1"]], [["30150.1", "1"]]
    assert router.feed(sio_event(sio_depth(4, *short, "BTCUSDT"))) is Outcome.APPLIED
    assert (spot.sequence, futures.sequence) == (5, 4)
    assert spot.best_bid == 30149.99 and futures.best_bid == 30149.5


@pytest.mark.parametrize(("depth", "wanted"), [(1024, True), (1025, False)])
def test_nesting_counts_from_the_packet(depth: int, wanted: bool) -> None:
    """1,024 containers deep in all, as in the library that judges."""
    for head, tail, around in ((b"", b"", 1), (b'42/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",', b"]", 2)):
        nested = b"[" * (depth - around) + b"]" * (depth - around)
        twins = sio()
        outcome = twins.feed(head + b'{"zz":' + nested + b"," + BOOK[1:] + tail)
        assert outcome is (Outcome.APPLIED if wanted else Outcome.REFUSED)
    for before, after in ((b"[", b"]"), (b'[{"t":1},', b"]"), (b"[", b',{"t":1}]')):
        nested = b"[" * (depth - 2) + b"]" * (depth - 2)
        book = dump(a_depth("coinswitch-hft"))
        outcome = hft().feed(before + b'{"zz":' + nested + b"," + book[1:] + after)
        assert outcome is (Outcome.APPLIED if wanted else Outcome.REFUSED)


# -- arrays of books -------------------------------------------------------------------------------------------------


def entry(update: int, bid: str, symbol: str = "BTC/USDT") -> dict[str, Any]:
    return hft_depth(update, [[bid, "1"]], [["900", "1"]], symbol)


class Pair:
    """Two routers with three books of NATS names, the third of another scale if wanted."""

    def __init__(self, mixed: bool) -> None:
        decimals = [8, 8, 3 if mixed else 8]
        names = ("BTC/USDT", "eth/usdt", "SUPER/USDT")
        self.routers = [
            csbook.Router(
                "coinswitch-hft",
                [csbook.Book(name, price_decimals=scale) for name, scale in zip(names, decimals, strict=True)],
            )
            for _ in range(2)
        ]

    def feed(self, payload: bytes) -> Outcome:
        fast, slow = self.routers
        outcome = fast.feed(payload)
        assert slow.feed_parsed(payload) is outcome
        assert [book.digest() for book in fast.books.values()] == [book.digest() for book in slow.books.values()]
        assert fast.counts | {"declined": 0} == slow.counts | {"declined": 0}
        return outcome

    @property
    def counts(self) -> dict[str, int]:
        return self.routers[0].counts

    def bids(self) -> list[float]:
        for router in self.routers:
            for book in router.books.values():
                book._check()
        return [book.best_bid if len(book.bid_prices) else 0.0 for book in self.routers[0].books.values()]


@pytest.fixture(params=[False, True], ids=["one scale", "mixed"])
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


def test_an_array_of_one_and_of_several(pair: Pair) -> None:
    assert pair.feed(dump([entry(1, "100")])) is Outcome.APPLIED
    assert pair.bids() == [100, 0, 0]
    several = [entry(2, "101"), entry(7, "10", "ETH/USDT"), entry(3, "0.5", "super/usdt"), entry(9, "1", "XRP/USDT")]
    for payload in (dump(several), json.dumps(several, indent=1).encode(), b" " + dump(several) + b"\n"):
        assert pair.feed(payload) is Outcome.APPLIED
        assert pair.bids() == [101, 10, 0.5]
    assert pair.counts["declined"] == 0
    assert (pair.counts["applied"], pair.counts["cold"], pair.counts["unknown_symbol"]) == (10, 3, 3)
    changed = pair.routers[0].take_changed()
    assert [book.symbol for book in changed] == ["BTC/USDT", "eth/usdt", "SUPER/USDT"]


def test_one_book_twice_in_an_array(pair: Pair) -> None:
    assert pair.feed(dump([entry(1, "100"), entry(3, "103"), entry(2, "102")])) is Outcome.APPLIED
    assert pair.bids() == [103, 0, 0]
    assert (pair.counts["applied"], pair.counts["ignored"]) == (2, 1)


def test_a_malformed_entry_leaves_the_others_right(pair: Pair) -> None:
    bad: list[Any] = [
        entry(5, "x", "ETH/USDT"), entry(5, "-1", "ETH/USDT"), entry(5, "0.123456789", "ETH/USDT"),
        entry(5, "0", "ETH/USDT"), {**entry(5, "5", "ETH/USDT"), "t": "soon"}, {"m": "ETH/USDT", "b": [], "a": []},
        {**entry(5, "5", "ETH/USDT"), "a": None}, {**entry(5, "5", "ETH/USDT"), "b": [["1"]]},
        {**entry(5, "5", "ETH/USDT"), "E": -1}, {**entry(5, "5"), "m": 7},
    ]  # fmt: skip
    update = 0
    for wrong in bad:
        for place in range(3):
            update += 1
            good = [entry(update, str(update)), entry(update, str(100 + update), "SUPER/USDT")]
            message = [*good[:place], wrong, *good[place:]]
            refused = pair.counts["refused"]
            assert pair.feed(dump(message)) is Outcome.APPLIED
            assert pair.bids() == [update, 0, 100 + update]
            assert pair.counts["refused"] == refused + 1
            assert all(router.last_refusal for router in pair.routers)
    states = [book.state for book in pair.routers[0].books.values()]
    assert states == [State.LIVE, State.EMPTY, State.LIVE]


def test_what_an_array_comes_to(pair: Pair) -> None:
    """Applied, else refused, else ignored, else cold."""
    good, old, bad, cold = entry(9, "1"), entry(4, "2"), entry(9, "x"), {"p": "1", "q": "2", "m": "BTC/USDT"}
    assert pair.feed(dump([entry(5, "1")])) is Outcome.APPLIED
    for message, wanted in (
        ([cold, old], Outcome.IGNORED), ([old, cold], Outcome.IGNORED), ([old, bad, cold], Outcome.REFUSED),
        ([bad, old], Outcome.REFUSED), ([cold, cold], Outcome.COLD), ([cold], Outcome.COLD), ([], Outcome.COLD),
        ([bad, cold], Outcome.REFUSED), ([good, bad, old, cold], Outcome.APPLIED), ([old], Outcome.IGNORED),
        ([cold, bad, old, good], Outcome.APPLIED), ([1], Outcome.COLD), ([1, entry(9, "3")], Outcome.APPLIED),
        ([None, "x", [], {}, [entry(9, "4")]], Outcome.COLD), ([entry(9, "5"), 7], Outcome.APPLIED),
        ([entry(9, "6"), [1], {"a": {}}, 2.5], Outcome.APPLIED),
    ):  # fmt: skip
        counts = sum(pair.counts[name.name.lower()] for name in Outcome)
        assert pair.feed(dump(message)) is wanted, message
        assert sum(pair.counts[name.name.lower()] for name in Outcome) == counts + max(len(message), 1)
    assert pair.bids() == [6, 0, 0]


NO_ARRAY = [
    b"[%s", b"[%s,", b"[%s,]", b"[,%s]", b"[%s %s]", b"[%s,%s}", b"[%s]]", b"[[%s]", b"[%s]x", b"[%s,{]", b"[%s,{}}]",
    b'[%s,{"t":}]', b"[%s,01]", b"[%s,nul]", b"[%s;%s]", b"[%s,,%s]", b"[%s,%s]%s", b"%s,%s", b"%s]", b"[%s,\xff]",
    b'[%s,{"m":"\\x"}]', b'[%s,{"b":[["1","2"}]', b"[%s,{'t':1}]", b"[%s,%s]\x00", b"[", b"[{", b"[{]", b"[}", b"[}]",
]  # fmt: skip


@pytest.mark.parametrize("frame", NO_ARRAY, ids=ascii)
def test_an_array_that_is_no_json_is_refused_whole(pair: Pair, frame: bytes) -> None:
    """Not even its first book is applied: the parsed way could not see it."""
    assert pair.feed(dump([entry(1, "100"), entry(1, "10", "ETH/USDT")])) is Outcome.APPLIED
    count = frame.count(b"%s")
    payload = frame % tuple(
        dump(entry(at + 2, "200", name)) for at, name in enumerate(("BTC/USDT", "ETH/USDT", "")[:count])
    )
    assert pair.feed(payload) is Outcome.REFUSED
    assert pair.bids() == [100, 10, 0]
    assert pair.counts["refused"] == 1


def test_an_array_cut_anywhere_is_never_applied(pair: Pair) -> None:
    assert pair.feed(dump([entry(1, "100")])) is Outcome.APPLIED
    payload = dump([entry(2, "200"), entry(2, "20", "ETH/USDT")])
    for end in range(len(payload)):
        assert pair.feed(payload[:end]) is Outcome.REFUSED
        assert pair.bids() == [100, 0, 0]
    assert pair.feed(payload) is Outcome.APPLIED


ODD = [
    ("an escape", lambda text: text.replace(b'"BTC/', b'"BTC\\/', 1)),
    ("a key twice", lambda text: text.replace(b'"t":', b'"t":1,"t":', 1)),
    ("a key twice in the last", lambda text: text[:-2] + b',"zz":1,"e":2,"E":9}]'),
    ("numbers", lambda text: text.replace(b'"300"', b"300").replace(b'"30"', b"3e1")),
    ("beyond ASCII", lambda text: text.replace(b'"e":', b'"\xc3\xa9":')),
    ("an escape in the last", lambda text: text[:-2] + b',"zz":"\\n"}]'),
]


@pytest.mark.parametrize(("name", "damage"), ODD, ids=[name for name, _ in ODD])
def test_an_array_that_the_scanner_leaves(pair: Pair, name: str, damage: Any) -> None:
    payload = damage(dump([entry(2, "300"), entry(2, "30", "ETH/USDT"), entry(2, "3", "SUPER/USDT")]))
    assert loads(payload)
    assert pair.feed(payload) is Outcome.APPLIED
    assert pair.bids() == [300, 30, 3]
    assert pair.counts["declined"] == (1 if name != "numbers" else pair.counts["declined"])


def test_a_refused_entry_among_parsed_ones(pair: Pair) -> None:
    message = dump([entry(2, "300"), entry(2, "30", "ETH/USDT"), entry(2, "x", "SUPER/USDT")])
    payload = message.replace(b'"t":2,"m":"ETH', b'"t":1,"t":2,"m":"ETH')
    assert pair.feed(payload) is Outcome.APPLIED
    assert pair.bids() == [300, 30, 0]
    assert (pair.counts["declined"], pair.counts["refused"], pair.counts["applied"]) == (1, 1, 2)


def test_numbers_in_an_array_keep_their_digits() -> None:
    book, twin = csbook.Book("BTC/USDT"), csbook.Book("BTC/USDT")
    text = (
        b'[{"t":1,"m":"BTC/USDT","b":[[61800.12345678,92233720368.54775807]],"a":[[90071992547.40993001,1]]},{"t":0}]'
    )
    for payload in (text, text.replace(b',{"t":0}', b""), text.replace(b"[{", b'[{"t":5},{', 1)):
        assert csbook.Router("coinswitch-hft", [book]).feed(payload) is Outcome.APPLIED
        assert csbook.Router("coinswitch-hft", [twin]).feed_parsed(payload) is Outcome.APPLIED
        for each in (book, twin):
            assert int(each.bid_sizes_raw[0]) == 2**63 - 1
            assert int(each.ask_prices_raw[0]) == 9007199254740993001


@pytest.mark.timeout(60)
def test_a_great_array_is_read_in_time_that_grows_with_its_bytes(pair: Pair) -> None:
    """Not once more of everything for each of its entries, whatever has to be parsed in them."""
    many = [entry(2, "300"), *({} for _ in range(40_000)), entry(2, "30", "ETH/USDT")]
    assert pair.feed(dump(many)) is Outcome.APPLIED
    assert pair.bids() == [300, 30, 0]
    numbers = dump([hft_depth(at, [[at + 0.5, 1]], [[99999, 1]], "SUPER/USDT") for at in range(3, 5_000)])
    assert pair.feed(numbers[:-1] + b',"\\n"]') is Outcome.APPLIED
    assert pair.bids()[2] == 4999.5


def test_an_array_is_no_book_where_there_are_none() -> None:
    """Of the other dialects: a payload is one message."""
    for venue in ("coinswitch", "coinswitch-sio", "binance"):
        router = csbook.Router(venue, csbook.Book("BTCUSDT"))
        assert router.feed(dump([a_depth(venue)])) is Outcome.COLD
        assert router.feed_parsed(dump([a_depth(venue)])) is Outcome.COLD


# -- both ways, on damaged bytes -------------------------------------------------------------------------------------


def test_packets_and_arrays_put_together_at_random() -> None:
    rng = random.Random(4)
    book, other = dump(a_depth("coinswitch-sio")), dump(sio_depth(13, ASKS[:1], []))
    pieces = [
        b"42", b"4", b"2", b"/exchange_2", b"/", b",", b"7", b"[", b"]", b'"FETCH_ORDER_BOOK_CS_PRO"',
        b'"FETCH_TRADES_CS_PRO"',
        b'"', b"{", b"}", b" ", b"\n", b"\\", b"\xc3\xa9", b'{"data":', book, other, b"1", b'{"success":true}', b"null",
    ]  # fmt: skip
    seen = set()
    for _ in range(4000):
        head = [b"42", b"/exchange_2,", b"[", b'"FETCH_ORDER_BOOK_CS_PRO"', b",", book, b"]"]
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(head) + 1)
            if rng.random() < 0.5:
                head.insert(at, rng.choice(pieces))
            elif head:
                head[min(at, len(head) - 1)] = rng.choice(pieces)
        seen.add(sio(mixed=False).feed(b"".join(head)))
    assert seen == {Outcome.APPLIED, Outcome.COLD, Outcome.REFUSED}
    one, more = dump(a_depth("coinswitch-hft")), dump(hft_depth(3, BIDS, ASKS))
    pieces = [b"[", b"]", b",", b"{", b"}", b" ", b'"', b"7", b"null", one, more, b'{"t":1}', b"\\", b'{"t":1,"t":2}']
    seen = set()
    for _ in range(4000):
        body = [b"[", one, b",", more, b"]"]
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(body) + 1)
            if rng.random() < 0.5:
                body.insert(at, rng.choice(pieces))
            else:
                body[min(at, len(body) - 1)] = rng.choice(pieces)
        twins = hft()
        seen.add(twins.feed(b"".join(body)))
        twins.book._check()
    assert seen == {Outcome.APPLIED, Outcome.COLD, Outcome.REFUSED, Outcome.IGNORED}


def test_an_oracle_of_the_array() -> None:
    """A stretch of arrays against dict, sorted and decimal text."""
    rng = random.Random(8)
    names = ("BTC/USDT", "ETH/USDT", "XRP/USDT")
    routers = [csbook.Router("coinswitch-hft", [csbook.Book(name) for name in names]) for _ in range(2)]
    oracles = {name: OracleBook() for name in names}
    floors = dict.fromkeys(names, -1)
    for _ in range(400):
        entries = []
        for _ in range(rng.randrange(1, 5)):
            name, update = rng.choice(names), rng.randrange(1000)
            bids = [[f"{rng.randrange(1, 500)}.{rng.randrange(100):02}", str(rng.randrange(3))] for _ in range(4)]
            asks = [[f"{rng.randrange(501, 900)}", "1.50"] for _ in range(rng.randrange(4))]
            entries.append(hft_depth(update, bids, asks, name))
            if update >= floors[name]:
                oracles[name].snapshot(bids, asks, update)
                floors[name] = update
        for router, feed in zip(routers, ("feed", "feed_parsed"), strict=True):
            getattr(router, feed)(dump(entries))
            assert {name: book.digest() for name, book in router.books.items()} == {
                name: oracle.digest() for name, oracle in oracles.items()
            }
        if rng.random() < 0.05:
            floors = dict.fromkeys(names, -1)
            for router in routers:
                router.disconnected()


GUARDED = """
import ctypes, mmap, sys
from csbook import Book, Outcome, Router

PAGE = mmap.PAGESIZE
room = mmap.mmap(-1, 4 * PAGE)
address = ctypes.addressof(ctypes.c_char.from_buffer(room))
for page in (0, 3):
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address + page * PAGE), ctypes.c_size_t(PAGE), 0) == 0
applied = 0
for line in sys.stdin.buffer.read().split(b"|"):
    for cut in range(len(line) + 1):
        for venue in ("coinswitch-sio", "coinswitch-hft"):
            router = Router(venue, Book("BTCUSDT"))
            for start in (PAGE, 3 * PAGE - cut):
                room[start : start + cut] = line[:cut]
                with memoryview(room)[start : start + cut] as view:
                    applied += router.feed(view) is Outcome.APPLIED
print(applied)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
def test_no_byte_is_read_outside_of_a_packet() -> None:
    """The pages before and behind are locked: whoever reads there ends the process."""
    one = dump(a_depth("coinswitch-hft"))
    payloads = [  # seven ways to be cut that leave a book whole, each at both ends of the room
        b"42/exchange_2,7" + EVENT, b"42 " + EVENT, b'42["FETCH_ORDER_BOOK_CS_PRO" , ' + BOOK + b" ] ", b"42[" + one,
        BOOK,
        b"[" + one + b"," + one + b"]", b" [ " + one + b" ] ", b"42/exchange_2,12345", b"451-/exchange_2,[", b"[[[[",
        b"[   ",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", GUARDED], input=b"|".join(payloads), capture_output=True, timeout=100, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"14\n"), done.stderr
