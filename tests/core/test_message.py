"""One message into one book: the shapes that a depth message has, and those it only nearly has."""

from __future__ import annotations

import json
import random

import pytest

from csbook import Book, Outcome, Router, State
from csbook.json import JSONDecodeError, loads
from oracle import OracleBook, core_raw, dump, seed_depth, stream
from twins import ALL_KINDS, KINDS, OFFICIAL, Twins, a_depth, expected


@ALL_KINDS
def test_any_key_order(venue: str, mixed: bool) -> None:
    message = a_depth(venue)
    rng = random.Random(3)
    for _ in range(60):
        keys = rng.sample(list(message), len(message))
        twins = Twins(venue, mixed=mixed)
        assert twins.feed_depth(dump({key: message[key] for key in keys})) is Outcome.APPLIED
        assert twins.book.digest() == expected(venue).digest()


@ALL_KINDS
def test_any_whitespace(venue: str, mixed: bool) -> None:
    tokens = dump(a_depth(venue))
    spaced = tokens
    for mark in (b",", b":", b"[", b"]", b"{", b"}"):
        spaced = spaced.replace(mark, b" \t\r\n" + mark + b"\n\r\t ")
    usual = json.dumps(a_depth(venue)).encode()
    for payload in (spaced, b"\n" + tokens + b"\n", b" " * 200 + tokens + b"\t" * 200, usual):
        twins = Twins(venue, mixed=mixed)
        assert twins.feed_depth(payload) is Outcome.APPLIED
        assert twins.book.digest() == expected(venue).digest()


NESTED = [
    '{"a":[1,2,{"b":[]}],"c":{}}', "[[[[]]]]", "null", "true", "false", "-1.5e-7", "0", "-0", "1e400", '""',
    '"a string with } ] , : inside"', '"\\"bids\\":[[\\"1\\",\\"2\\"]]"', '"\\u0041\\n\\\\"',
    '"\u00e9\u4e2d\U0001f600"',
    '{"bids":[["1","1"]],"asks":[["2","1"]],"lastUpdateId":999999}', '{"b":[["1","1"]],"a":[],"u":99,"U":98,"pu":9}',
    "123456789012345678901234567890", '{"e":"trade","s":"OTHER"}', "[" * 200 + "]" * 200,
]  # fmt: skip


@ALL_KINDS
@pytest.mark.parametrize("value", NESTED, ids=lambda value: ascii(value)[:30])
def test_unknown_keys_are_read_over(venue: str, mixed: bool, value: str) -> None:
    message = a_depth(venue)
    for place in range(len(message) + 1):
        parts = [f"{json.dumps(key)}:{json.dumps(of)}" for key, of in message.items()]
        parts.insert(place, f'"zz":{value}')
        payload = ("{" + ",".join(parts) + "}").encode()
        twins = Twins(venue, mixed=mixed)
        try:
            loads(payload)
        except JSONDecodeError:
            assert twins.feed_depth(payload) is Outcome.REFUSED
            continue
        assert twins.feed_depth(payload) is Outcome.APPLIED
        assert twins.book.digest() == expected(venue).digest()


@ALL_KINDS
def test_levels_as_numbers(venue: str, mixed: bool) -> None:
    text = dump(a_depth(venue)).decode()
    for words in ("30149.99", "0", "30149.97", "7", "30150.00", "0.25", "30151", "9"):
        text = text.replace(f'"{words}"', words)
    twins = Twins(venue, mixed=mixed)
    assert '"' + "7" not in text
    assert twins.feed_depth(text.encode()) is Outcome.APPLIED
    assert twins.book.digest() == expected(venue).digest()


@ALL_KINDS
def test_keys_that_only_begin_or_end_like_known_ones(venue: str, mixed: bool) -> None:
    extra = {"b2": [["1", "1"]], "bid": [["1", "1"]], "bidss": 1, "Bids": 2, " bids": 3, "uu": 4, "": 5, "E2": "x"}
    extra |= {"lastUpdateId2": "no", "lastUpdateI": [], "S": "OTHER", "ss": "OTHER"}
    for before in (True, False):
        message = {**extra, **a_depth(venue)} if before else {**a_depth(venue), **extra}
        twins = Twins(venue, mixed=mixed)
        assert twins.feed_depth(dump(message)) is Outcome.APPLIED
        assert twins.book.digest() == expected(venue).digest()


@pytest.mark.parametrize("name", ["btcusdt@depth20", "BTCUSDT@depth20", "BtcUsdt@depth20@100ms"])
def test_the_envelope_of_a_stream(name: str) -> None:
    inside = a_depth("coinswitch")
    for outer in (stream(name, inside), dict(reversed(stream(name, inside).items())), {"id": 3} | stream(name, inside)):
        twins = Twins("coinswitch", depth=20)
        assert twins.feed_depth(dump(outer)) is Outcome.APPLIED
        assert twins.book.digest() == expected("coinswitch").digest()


@pytest.mark.parametrize("name", ["btcusdt@depth", "BTCUSDT@depth@100ms", "btcusdt@depth@0ms"])
def test_the_envelope_of_changes(name: str) -> None:
    inside = a_depth("binance")
    for outer in (stream(name, inside), dict(reversed(stream(name, inside).items())), stream(name, inside) | {"x": 1}):
        twins = Twins("binance")
        assert twins.feed_depth(dump(outer)) is Outcome.APPLIED
        assert twins.book.digest() == expected("binance").digest()


NO_DEPTH = ["btcusdt@depthful", "btcusdt@depth20x", "btcusdt@depth 20", "btcusdt@dept", "btcusdt@aggdepth", "@depth"]


@pytest.mark.parametrize("venue", ["coinswitch", "binance"])
@pytest.mark.parametrize("name", NO_DEPTH)
def test_a_stream_whose_name_only_begins_like_a_depth_stream(venue: str, name: str) -> None:
    twins = Twins(venue)
    before = twins.look()[0][1:]
    assert twins.feed(dump(stream(name, a_depth(venue)))) is Outcome.COLD
    assert twins.look()[0][1:] == before


WRONG_TYPES = [
    "null", "true", "{}", '"x"', '""', "5", "1.5", '["1","2"]', '[["1"]]', '[["1","2","3"]]', '[[["1"],"2"]]', "[null]",
    '[["1",null]]', '[[true,"1"]]', '[["1",true]]', '["12","34"]', '[{"0":"1","1":"2"}]', '[["1","2"],[]]',
    '[["-1","2"]]',
    '[["1","-2"]]', '[["0","2"]]', '[["nan","2"]]', '[["1","1e999"]]', '[["1.123456789","2"]]', "[[1,-0]]", "[[-1,1]]",
    '[["1","2"]', '[["1" "2"]]', '[["1","2"],]', "[[01,1]]", "[[1.,1]]", "[[.5,1]]", "[[+1,1]]", '[[" 1","2"]]',
    '[["1 ","2"]]', '[["","2"]]', "[[NaN,1]]", "[[1e5e5,1]]", "[[1,]]", '["a":1]', '[["1","2"]]]', "[[1,2]}", "",
]  # fmt: skip


@ALL_KINDS
@pytest.mark.parametrize("levels", WRONG_TYPES, ids=ascii)
def test_sides_that_are_no_sides(venue: str, mixed: bool, levels: str) -> None:
    text = dump(a_depth(venue)).decode()
    for key in ('"b"', '"a"') if venue in ("binance", "coinswitch-hft") else ('"bids"', '"asks"'):
        start = text.index(key) + len(key) + 1
        payload = text[:start] + levels + text[text.index("]]", start) + 2 :]
        twins = Twins(venue, mixed=mixed)
        before = core_raw(twins.book)
        assert twins.feed_depth(payload.encode()) is Outcome.REFUSED
        assert core_raw(twins.book) == before
        assert twins.book.state is (State.GAP if venue == "binance" else State.LIVE)


WRONG_IDS = [
    "null", "true", '"x"', '""', '" 12"', '"12 "', '"1.5"', '"+12"', "1.5", "1e3", "12.0", "[12]", "{}", "012",
    "1" * 40, "9223372036854775808", "--1", "0x12",
]  # fmt: skip


@KINDS
@pytest.mark.parametrize("value", WRONG_IDS)
def test_ids_that_are_no_ids(venue: str, mixed: bool, value: str) -> None:
    text = dump(a_depth(venue)).decode()
    for key in ("lastUpdateId",) if venue == "coinswitch" else ("u", "U", "pu"):
        start = text.index(f'"{key}":') + len(key) + 3
        stop = text.index(",", start)
        twins = Twins(venue, mixed=mixed)
        before = core_raw(twins.book)
        assert twins.feed_depth((text[:start] + value + text[stop:]).encode()) is Outcome.REFUSED
        assert core_raw(twins.book) == before


@KINDS
def test_a_missing_part_is_never_applied(venue: str, mixed: bool) -> None:
    message = a_depth(venue)
    needed = ("lastUpdateId", "bids", "asks") if venue == "coinswitch" else ("e", "s", "U", "u", "pu", "b", "a")
    for key in needed:
        twins = Twins(venue, mixed=mixed)
        before = core_raw(twins.book)
        outcome = twins.feed_depth(dump({k: v for k, v in message.items() if k != key}))
        if key == "s":  # an unnamed message is that of the only book
            assert outcome in (Outcome.APPLIED, Outcome.COLD, Outcome.REFUSED)
            continue
        assert outcome in (Outcome.COLD, Outcome.REFUSED, Outcome.GAP), key
        assert core_raw(twins.book) == before


SEED_PRINTED = """{
  "lastUpdateId": 123456789,
  "bids": [ "30149.99", "1.5" ], // [Price, Quantity]
    [ "30149.98", "2.0" ],
  "asks": [ "30150.00", "0.5" ], // [Price, Quantity]
    [ "30150.01", "3.1" ]
}"""


def test_the_printed_example_with_lost_brackets_is_refused() -> None:
    bare = "\n".join(line.partition("//")[0] for line in SEED_PRINTED.splitlines())
    flat = '{"lastUpdateId":123456789,"bids":["30149.99","1.5"],"asks":["30150.00","0.5"]}'
    for text in (SEED_PRINTED, bare, flat):
        twins = Twins("coinswitch")
        before = [look[2:] for look in twins.look()]
        assert twins.feed_depth(text.encode()) is Outcome.REFUSED
        assert [look[2:] for look in twins.look()] == before
    whole = '{"lastUpdateId":123456789,"bids":[["30149.99","1.5"],["30149.98","2.0"]],"asks":[["30150.00","0.5"]]}'
    twins = Twins("coinswitch")
    assert twins.feed_depth(whole.encode()) is Outcome.APPLIED
    assert twins.book.bids().tolist() == [[30149.99, 1.5], [30149.98, 2.0]]


@KINDS
@pytest.mark.parametrize("value", ["-1", "-1700000000000", "9223372036855", f"{2**63}", "true", '"x"', "1.5"])
def test_times_that_are_no_times(venue: str, mixed: bool, value: str) -> None:
    twins = Twins(venue, mixed=mixed)
    before = twins.look()[0][2:]
    message = {key: inside for key, inside in a_depth(venue).items() if key != "E"}
    payload = dump(message)[:-1] + f',"E":{value}}}'.encode()
    assert twins.feed_depth(payload) is Outcome.REFUSED
    assert venue == "binance" or twins.look()[0][2:] == before
    assert twins.book.event_time_ns >= 0


@pytest.mark.parametrize("extra", ['"u":13', '"b":[]', '"a":[["1","1"]]'])
def test_two_words_for_one_thing(extra: str) -> None:
    """Which of them is meant cannot be told."""
    twins = Twins("coinswitch")
    before = twins.book.digest()
    payload = dump(a_depth("coinswitch"))
    assert twins.feed(payload[:-1] + f",{extra}}}".encode()) is Outcome.REFUSED
    assert twins.feed(f"{{{extra},".encode() + payload[1:]) is Outcome.REFUSED
    assert twins.book.digest() == before


@pytest.mark.parametrize("feed", ["feed", "feed_parsed"])
def test_every_field_by_both_of_its_words(feed: str) -> None:
    """A depth message is told by its words also where each of them comes as the second of two."""
    one = {"b": [["1", "1"]], "a": [["2", "1"]], "u": 5}
    other = seed_depth(5, [["1", "1"]], [["2", "1"]])
    for message in (one | other, other | one):
        router = Router("coinswitch", Book("BTCUSDT"))
        assert getattr(router, feed)(dump(message)) is Outcome.REFUSED
        assert router.books["BTCUSDT"].state is State.EMPTY


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("venue", OFFICIAL)
@pytest.mark.parametrize("value", WRONG_IDS)
def test_timestamps_that_are_none(venue: str, mixed: bool, value: str) -> None:
    word = "timestamp" if venue == "coinswitch-sio" else "t"
    text = dump(a_depth(venue)).decode()
    twins = Twins(venue, mixed=mixed)
    before = core_raw(twins.book)
    assert f'"{word}":12,' in text
    assert twins.feed_depth(text.replace(f'"{word}":12,', f'"{word}":{value},').encode()) is Outcome.REFUSED
    assert (core_raw(twins.book), twins.book.state) == (before, State.LIVE)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("venue", OFFICIAL)
def test_a_missing_part_of_a_whole_book(venue: str, mixed: bool) -> None:
    message = a_depth(venue)
    words = {"timestamp": "timestamp", "bids": "bids", "asks": "asks"}
    if venue == "coinswitch-hft":
        words = {"t": "last update id", "b": "bids", "a": "asks"}
    for key, field in words.items():
        twins = Twins(venue, mixed=mixed)
        before = core_raw(twins.book)
        assert twins.feed_depth(dump({k: v for k, v in message.items() if k != key})) is Outcome.REFUSED
        for router in twins.routers:
            assert router.last_refusal == f"{field}: missing"
        assert (core_raw(twins.book), twins.book.state) == (before, State.LIVE)


SCALES = [(8, 8), (8, 3), (3, 4), (2, 8)]


@pytest.mark.parametrize("first", range(len(SCALES)))
@pytest.mark.parametrize("jumbled", [False, True])
def test_levels_that_come_before_their_symbol(first: int, jumbled: bool) -> None:
    """At the scales of the book that is named at last, and in whatever order they stand."""
    scales = dict(zip(("AUSDT", "BUSDT", "CUSDT", "DUSDT"), SCALES[first:] + SCALES[:first], strict=True))
    for names in (list(scales), list(scales)[:2]):
        decimals = [(name, *scales[name]) for name in names]
        routers = [
            Router("coinswitch", [Book(name, price_decimals=p, size_decimals=s) for name, p, s in decimals])
            for _ in range(2)
        ]
        for name in names:
            price, size = scales[name]
            bids = [[f"{100 - at}.{'1' * price}", f"{at}.{'2' * size}"] for at in range(1, 6)]
            asks = [[f"{100 + at}.{'1' * price}", f"{at}.{'2' * size}"] for at in range(1, 6)]
            sides = (bids[::-1], asks[::-1]) if jumbled else (bids, asks)
            message = dict(reversed(stream(f"{name.lower()}@depth20", seed_depth(3, *sides)).items()))
            assert list(message) == ["data", "stream"]
            assert routers[0].feed(dump(message)) is routers[1].feed_parsed(dump(message)) is Outcome.APPLIED
            oracle = OracleBook(price, size)
            oracle.snapshot(bids, asks, 3)
            for router in routers:
                book = router.books[name]
                book._check()
                assert core_raw(book) == oracle.raw()
                assert book.counts["unsorted"] == 2 * jumbled
