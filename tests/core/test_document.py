"""The slow path judges the fast one: the same outcome, states, counts and digests for whatever bytes come in."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

import csbook
from csbook import Outcome
from oracle import OracleBook, diff, dump, hft_depth, quote, seed_depth, sio_event, stream
from twins import ASKS, BIDS, KINDS, Twins, a_depth, expected


@KINDS
def test_a_key_written_with_escapes_is_the_same_key(venue: str, mixed: bool) -> None:
    text = dump(a_depth(venue)).decode()
    for key in ('"bids"', '"asks"', '"lastUpdateId"', '"b"', '"a"', '"u"', '"pu"'):
        if key in text:
            twins = Twins(venue, mixed=mixed)
            spelled = '"' + "".join(f"\\u{ord(c):04x}" for c in key[1:-1]) + '"'
            assert twins.feed_depth(text.replace(key, spelled, 1).encode()) is Outcome.APPLIED
            assert twins.book.digest() == expected(venue).digest()


@KINDS
def test_of_duplicate_keys_the_last_counts(venue: str, mixed: bool) -> None:
    """As in the slow path's JSON library."""
    message = dump(a_depth(venue)).decode()
    last = '"b":[["30000","4"]]' if venue == "binance" else '"bids":[["30000","4"]]'
    for payload in (message[:-1] + "," + last + "}", "{" + last + "," + message[1:]):
        twins, reader = Twins(venue, mixed=mixed), OracleBook()
        assert twins.feed_depth(payload.encode()) is Outcome.APPLIED
        reader.snapshot(BIDS, ASKS, 9)
        read = json.loads(payload)
        if venue == "binance":
            reader.delta(read["b"], read["a"], 12)
        else:
            reader.snapshot(read["bids"], read["asks"], 12)
        assert twins.book.digest() == reader.digest()
    for again in ('"lastUpdateId":3', '"u":3', '"s":"OTHER"', '"e":"trade"', '"lastUpdateId":77', '"asks":[["1","x"]]'):
        Twins(venue, mixed=mixed).feed_depth((message[:-1] + "," + again + "}").encode())
        Twins(venue, mixed=mixed).feed_depth(("{" + again + "," + message[1:]).encode())


@KINDS
def test_of_duplicate_parts_of_an_envelope_the_last_counts(venue: str, mixed: bool) -> None:
    good = dump(a_depth(venue)).decode()
    name = '"stream":"btcusdt@depth20"' if venue == "coinswitch" else '"stream":"btcusdt@depth"'
    for parts in (
        (name, f'"data":{good}', '"data":{}'),
        (name, f'"data":{good}', '"data":[]'),
        (name, f'"data":{good}', '"data":null'),
        (f'"data":{good}', name, '"data":{"e":"trade"}'),
        (name, '"stream":"ethusdt@trade"', f'"data":{good}'),
        (f'"data":{good}', name, '"stream":"btcusdt@trade"'),
    ):
        twins = Twins(venue, mixed=mixed)
        before = twins.book.digest()
        outcome = twins.feed(("{" + ",".join(parts) + "}").encode())
        assert outcome in (Outcome.COLD, Outcome.REFUSED), parts
        assert twins.book.digest() == before
    for parts in ((name, '"data":{}', f'"data":{good}'), ('"stream":"x@trade"', f'"data":{good}', name)):
        twins = Twins(venue, mixed=mixed)
        assert twins.feed(("{" + ",".join(parts) + "}").encode()) is Outcome.APPLIED
        assert twins.book.digest() == expected(venue).digest()


@KINDS
def test_odd_ids_are_read_alike(venue: str, mixed: bool) -> None:
    """A number in quotes and a negative one: taken or refused, but the same by both paths."""
    text = dump(a_depth(venue)).decode()
    for key in ("lastUpdateId",) if venue == "coinswitch" else ("u", "U", "pu"):
        start = text.index(f'"{key}":') + len(key) + 3
        stop = text.index(",", start)
        for value in (f'"{text[start:stop]}"', "-12", "0", "-0", "9223372036854775807", '"-12"', '"012"', '"1e1"'):
            Twins(venue, mixed=mixed).feed_depth((text[:start] + value + text[stop:]).encode())


MESSAGES: dict[str, Callable[[], tuple[str, bytes]]] = {
    "snapshot": lambda: ("coinswitch", dump(a_depth("coinswitch"))),
    "numbers": lambda: ("coinswitch", b'{"lastUpdateId":12,"bids":[[30149.97,7.25],[1e2,5E-1]],"asks":[[30150,0.25]]}'),
    "snapshot in a stream": lambda: ("coinswitch", dump(stream("btcusdt@depth20", a_depth("coinswitch")))),
    "changes": lambda: ("binance", dump(a_depth("binance"))),
    "changes in a stream": lambda: ("binance", dump(stream("btcusdt@depth@0ms", a_depth("binance")))),
    "quote": lambda: ("binance", dump(quote(13, "30149.98", "1", "30150.00", "2"))),
    "quote in a stream": lambda: (
        "binance",
        dump(stream("btcusdt@bookTicker", quote(13, "30149.98", "1", "30150.00", "2"))),
    ),
    "changes of the seed": lambda: ("coinswitch", dump(stream("btcusdt@depth", a_depth("binance")))),
    "unknown keys": lambda: ("binance", dump(a_depth("binance") | {"ps": "", "x": {"y": [1, None, "\\ \u00e9"]}})),
    "trade": lambda: ("binance", dump({"e": "trade", "E": 1, "s": "BTCUSDT", "p": "1.5", "m": True, "X": [{}]})),
    "event payload": lambda: ("coinswitch-sio", dump(a_depth("coinswitch-sio"))),
    "event": lambda: ("coinswitch-sio", sio_event(a_depth("coinswitch-sio"))),
    "event with data": lambda: ("coinswitch-sio", sio_event({"data": a_depth("coinswitch-sio")}, "/exchange_2,7")),
    "answer": lambda: ("coinswitch-sio", sio_event(a_depth("coinswitch-sio") | {"success": True}, "")),
    "one of hft": lambda: ("coinswitch-hft", dump(a_depth("coinswitch-hft"))),
    "list": lambda: (
        "coinswitch-hft",
        dump([hft_depth(11, BIDS, ASKS), a_depth("coinswitch-hft"), hft_depth(12, BIDS, ASKS, "ETHUSDT")]),
    ),
    "spaced": lambda: ("coinswitch", json.dumps(a_depth("coinswitch"), indent=1).encode()),
}


def payload_of(name: str, mixed: bool) -> tuple[str, bytes]:
    """With several books a message of ``coinswitch`` needs its envelope, and what is changed may be in that."""
    venue, payload = MESSAGES[name]()
    if mixed and venue == "coinswitch" and b'"stream"' not in payload:
        payload = b'{"stream":"btcusdt@depth20","data":' + payload + b"}"
    return venue, payload


@pytest.mark.parametrize("mixed", [False, True], ids=["one book", "mixed"])
@pytest.mark.parametrize("name", MESSAGES)
def test_bytes_changed_at_random(name: str, mixed: bool) -> None:
    """One to three bytes changed, put in, taken out, or a piece of the message once more."""
    venue, payload = payload_of(name, mixed)
    rng = random.Random(name)
    odd = b'"\\[]{}:,0123456789.eE+-tfnulrsabBAUEpdk \t\n\x00\x1f\x7f\x80\xc3\xa9\xff/'
    seen = set()
    for _ in range(1500):
        mutant = bytearray(payload)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            at, kind = rng.randrange(len(mutant)), rng.random()
            if kind < 0.3:
                mutant.insert(at, rng.choice(odd))
            elif kind < 0.6:
                mutant[at] = rng.choice(odd) if rng.random() < 0.8 else rng.randrange(256)
            elif kind < 0.85:
                del mutant[at : at + rng.randrange(1, 4)]
            else:
                piece = rng.randrange(len(mutant))
                mutant[at:at] = mutant[piece : piece + rng.randrange(1, 30)]
        twins = Twins(venue, mixed=mixed)
        seen.add(twins.feed(bytes(mutant)))
        twins.book._check()
    assert Outcome.REFUSED in seen
    assert len(seen) > 1


@pytest.mark.parametrize("mixed", [False, True], ids=["one book", "mixed"])
@pytest.mark.parametrize("name", MESSAGES)
def test_every_bit_flipped(name: str, mixed: bool) -> None:
    venue, payload = payload_of(name, mixed)
    for at in range(len(payload)):
        for bit in range(8):
            mutant = bytearray(payload)
            mutant[at] ^= 1 << bit
            Twins(venue, mixed=mixed).feed(bytes(mutant))


def test_a_number_in_json_keeps_its_digits() -> None:
    """A float of the JSON library would lose the last ones; both ways of reading must not."""
    text = b'{"lastUpdateId":1,"bids":[[61800.12345678,92233720368.54775807]],"asks":[[90071992547.40993001,1]]}'
    book, twin = csbook.Book("X"), csbook.Book("X")
    assert csbook.Router("coinswitch", [book]).feed(text) is Outcome.APPLIED
    assert csbook.Router("coinswitch", [twin]).feed_parsed(text) is Outcome.APPLIED
    for each in (book, twin):
        assert int(each.bid_sizes_raw[0]) == 2**63 - 1
        assert int(each.ask_prices_raw[0]) == 9007199254740993001
        assert int(each.bid_prices_raw[0]) == 6180012345678
    assert book.digest() == twin.digest()


@pytest.mark.parametrize("odd", [True, False])
def test_a_parsed_change_that_waited_leaves_nothing_to_the_next(odd: bool) -> None:
    """The last one in the buffer was parsed, and the next is read by the scanner: its levels are its own."""
    router = csbook.Router("coinswitch", csbook.Book("BTCUSDT"))
    book = router.books["BTCUSDT"]
    waits = diff(11, 20, 10, [["98", "5"]]) | ({"zz": "\\"} if odd else {})
    assert router.feed(dump(stream("btcusdt@depth", waits))) is Outcome.BUFFERED
    assert (
        router.feed(dump(stream("btcusdt@depth20", seed_depth(15, [["100", "1"], ["9", "1"]], [])))) is Outcome.APPLIED
    )
    assert book.bids().tolist() == [[100, 1], [98, 5], [9, 1]]
    assert router.feed(dump(stream("btcusdt@depth", diff(21, 30, 20, [["97", "7"]])))) is Outcome.APPLIED
    assert book.bids().tolist() == [[100, 1], [98, 5], [97, 7], [9, 1]]
    assert router.counts["declined"] == 2 * odd


def test_the_slow_path_is_counted() -> None:
    router = csbook.Router("coinswitch", csbook.Book("BTCUSDT"))
    assert router.feed(dump(seed_depth(1, BIDS, ASKS))) is Outcome.APPLIED
    assert router.counts["declined"] == 0
    assert router.feed_parsed(dump(seed_depth(2, BIDS, ASKS))) is Outcome.APPLIED
    assert router.counts["declined"] == 1
    for odd in ('"zz":"\\u00e9"', '"zz":"\u00e9"', '"asks":[]'):
        payload = dump(seed_depth(3, BIDS, ASKS))[:-1] + f",{odd}}}".encode()
        before = router.counts["declined"]
        assert router.feed(payload) is Outcome.APPLIED
        assert router.counts["declined"] == before + 1


@pytest.mark.parametrize("key", ["b", "B", "a", "A"])
@pytest.mark.parametrize("number", [7, 7.5, True, None, ["7"]])
def test_a_quote_is_told_in_text(key: str, number: object) -> None:
    """A size may be a number, read from its source text; anything else is no quote, by either path."""
    twins = Twins("binance")
    message = {**quote(13, "30149.98", "1", "30150.00", "2"), key: number}
    assert twins.feed(dump(message)) is Outcome.COLD
    fused = key in "BA" and type(number) in (int, float)
    assert twins.fast.counts["quotes"] == twins.slow.counts["quotes"] == fused
