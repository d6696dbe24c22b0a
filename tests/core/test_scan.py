"""The scanner: what is JSON and what only looks like it, to the last byte and no further."""

from __future__ import annotations

import gzip
import json
from array import array
from pathlib import Path

import numpy as np
import pytest

import csbook
from csbook import Outcome
from csbook.json import JSONDecodeError, loads
from oracle import MAX_PAYLOAD, core_raw, dump, stream
from twins import KINDS, VENUES, Twins, a_depth, expected


@KINDS
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_truncated_message_is_never_applied(venue: str, mixed: bool, wrapped: bool) -> None:
    """Cut at every byte, and with the rest still lying in memory behind the cut: what is not payload is not read."""
    message = a_depth(venue) | {"zz": {"x": [1, "\u00e9\\", None]}}
    if wrapped or (mixed and venue == "coinswitch"):
        message = stream("btcusdt@depth20" if venue == "coinswitch" else "btcusdt@depth", message)
    payload = dump(message)
    assert Twins(venue, mixed=mixed).feed(payload) is Outcome.APPLIED
    for end in range(len(payload)):
        for cut in (payload[:end], memoryview(payload)[:end]):
            twins = Twins(venue, mixed=mixed)
            before = core_raw(twins.book), twins.book.sequence, twins.book.updates
            assert twins.feed(cut) in (Outcome.REFUSED, Outcome.COLD), payload[:end]
            assert (core_raw(twins.book), twins.book.sequence, twins.book.updates) == before


AROUND = [(b"", b""), (b"{", b"}"), (b'"', b'"'), (b"[1,", b",2]"), (b"\\", b"9"), (b"\xff", b"\xff")]


@KINDS
def test_a_message_in_the_midst_of_others(venue: str, mixed: bool) -> None:
    """Only the bytes of the payload count, whatever stands before and behind them."""
    for plain in (dump(a_depth(venue)), b" " + dump(a_depth(venue)) + b"\n"):
        for before, behind in AROUND:
            twins = Twins(venue, mixed=mixed)
            payload = b'{"stream":"btcusdt@depth20","data":' + plain + b"}" if twins.dressed else plain
            around = before + payload + behind
            assert twins.feed(memoryview(around)[len(before) : len(around) - len(behind)]) is Outcome.APPLIED
            assert twins.book.digest() == expected(venue).digest()


@VENUES
def test_what_stands_around_a_message(venue: str) -> None:
    good = dump(a_depth(venue))
    for payload in (
        b"\xef\xbb\xbf" + good, good + b"\x00", b"\x00" + good, good + b"x", good + good, good + b"{}", good + b",",
        b"[" + good, good + b"]", good[:-1], good[1:], good + b"//", good + b"\x0b", b"\x0c" + good, good + b"\xa0",
        b"", b" ", b"\n", b"\x00", good.decode().encode("utf-16"), good.decode().encode("utf-32-le"),
    ):  # fmt: skip
        twins = Twins(venue)
        before = core_raw(twins.book)
        assert twins.feed(payload) is Outcome.REFUSED, payload[:20]
        assert core_raw(twins.book) == before
    in_array = Twins(venue)
    assert in_array.feed(b"[" + good + b"]") in (Outcome.COLD, Outcome.REFUSED)


@VENUES
def test_text_that_is_no_text(venue: str) -> None:
    """Skipped text is read as strictly as text that counts."""
    good = dump(a_depth(venue))[:-1]
    for inside in (
        b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"a\x00b", b"\t", b"\n",
        b"\\x41",
        b"\\u12", b"\\uD800", b"\\uDC00", b"\\uD800\\u0041", b"\\", b"\\'", b"\x80", b"\xf4\x90\x80\x80", b"\\u00g0",
    ):  # fmt: skip
        for tail in (b',"zz":"' + inside + b'"}', b',"' + inside + b'":1}', b',"zz":[{"y":"' + inside + b'"}]}'):
            twins = Twins(venue)
            with pytest.raises(JSONDecodeError):
                loads(good + tail)
            assert twins.feed(good + tail) is Outcome.REFUSED
    for inside in ("\u00e9", "\u4e2d\u6587", "\U0001f600", "\\u00e9", "\\ud83d\\ude00", "\\u0000", "\x7f", "\\/"):
        twins = Twins(venue)
        assert twins.feed(good + f',"zz":"{inside}"}}'.encode()) is Outcome.APPLIED
        assert twins.book.digest() == expected(venue).digest()


@VENUES
@pytest.mark.parametrize("opening", ["[", '{"k":'])
def test_the_nesting_limit(venue: str, opening: str) -> None:
    """1,024, in both paths; orjson has the same."""
    closing = "]" if opening == "[" else "}"
    seen = set()
    for depth in (10, 500, 1019, 1020, 1021, 1022, 1023, 1024, 1025, 1026, 1030, 2000, 100_000):
        nested = opening * depth + "1" + closing * depth
        payload = dump(a_depth(venue))[:-1] + f',"zz":{nested}}}'.encode()
        twins = Twins(venue)
        try:
            loads(payload)
        except JSONDecodeError:
            assert twins.feed(payload) is Outcome.REFUSED, depth
            seen.add("refused")
        else:
            assert twins.feed(payload) is Outcome.APPLIED, depth
            seen.add("applied")
        Twins(venue).feed(nested.encode())
        Twins(venue).feed((opening * depth).encode())
    assert seen == {"refused", "applied"}


def suite(shared_data: Path) -> list[tuple[str, bytes]]:
    with gzip.open(shared_data / "json" / "JSONTestSuite_half1.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [(row["name"], bytes.fromhex(row["hex"])) for row in map(json.loads, lines)]


@VENUES
def test_the_json_suite_bare(venue: str, shared_data: Path) -> None:
    counted = {"y": 0, "n": 0, "i": 0}
    for name, text in suite(shared_data):
        twins = Twins(venue)
        before = core_raw(twins.book)
        outcome = twins.feed(text)
        counted[name[0]] += 1
        if name.startswith("y_"):
            assert outcome is Outcome.COLD, name
        elif name.startswith("n_"):
            assert outcome is Outcome.REFUSED, name
        else:
            assert outcome in (Outcome.COLD, Outcome.REFUSED), name
        assert core_raw(twins.book) == before
    assert counted["y"] > 40
    assert counted["n"] > 80
    assert counted["i"] > 10


@VENUES
def test_the_json_suite_inside_a_depth_message(venue: str, shared_data: Path) -> None:
    for name, text in suite(shared_data):
        twins = Twins(venue)
        payload = dump(a_depth(venue))[:-1] + b',"zz":' + text + b"}"
        outcome = twins.feed(payload)
        if name.startswith("y_"):
            assert outcome is Outcome.APPLIED, name
            assert twins.book.digest() == expected(venue).digest()
        elif name.startswith("n_"):
            assert outcome is Outcome.REFUSED, name
        else:
            assert outcome in (Outcome.APPLIED, Outcome.REFUSED), name


@pytest.mark.parametrize("method", ["feed", "feed_parsed"])
def test_any_buffer_is_a_payload(method: str) -> None:
    good = dump(a_depth("coinswitch"))
    around = b"xx" + good + b"yy"
    for payload in (
        good, bytearray(good), memoryview(good), memoryview(bytearray(good)), memoryview(around)[2:-2],
        memoryview(around)[2:-2].toreadonly(), array("B", good), array("b", good), np.frombuffer(good, dtype=np.uint8),
    ):  # fmt: skip
        twins = Twins("coinswitch")
        assert getattr(twins.routers[0], method)(payload) is Outcome.APPLIED
        assert twins.book.digest() == expected("coinswitch").digest()
    kept = bytearray(good)
    Twins("coinswitch").routers[0].feed(kept)
    kept.extend(b"no lock is left on it")


@pytest.mark.parametrize("method", ["feed", "feed_parsed"])
def test_what_is_no_buffer(method: str) -> None:
    good = dump(a_depth("coinswitch"))
    twins = Twins("coinswitch")
    before = twins.look()
    for payload in (good.decode(), None, 5, [good], object()):
        with pytest.raises(TypeError):
            getattr(twins.routers[0], method)(payload)
    with pytest.raises((BufferError, csbook.BadMessage)):
        getattr(twins.routers[0], method)(memoryview(b"".join(bytes([c, 0]) for c in good))[::2])
    assert twins.look() == before


@VENUES
def test_ten_megabytes_are_read(venue: str) -> None:
    good = dump(a_depth(venue))
    blank = b" " * (10 << 20)
    for payload in (good + blank, good[:-1] + b',"zz":"' + b"x" * (10 << 20) + b'"}', good[:-1] + blank + b"}"):
        twins = Twins(venue)
        assert twins.feed(payload) is Outcome.APPLIED
        assert twins.book.digest() == expected(venue).digest()


@VENUES
def test_the_largest_payload(venue: str) -> None:
    good = dump(a_depth(venue))
    twins = Twins(venue)
    assert twins.feed(good + b" " * (MAX_PAYLOAD - len(good))) is Outcome.APPLIED
    twins = Twins(venue)
    before = core_raw(twins.book)
    assert twins.feed(good + b" " * (MAX_PAYLOAD + 1 - len(good))) is Outcome.REFUSED
    assert core_raw(twins.book) == before


@pytest.mark.parametrize(
    "value",
    ['{"a" "b"}', '{"a" 1}', '{"a"1}', '{"a"{}}', '{"a"::1}', '{"a":}', '{"a":1 "b":2}', '{"a":1,}', "{,}",
     '{"a":[1 2]}', '["a" "b"]', "[1 2]", "[[] []]", "[{} {}]", "[1,]", "[,1]", '[{"a":1]}', '{"a":[1}]', '["a":1]',
     "{1:2}", "{true:1}"],
)  # fmt: skip
@pytest.mark.parametrize("venue", ["coinswitch", "binance"])
def test_what_is_passed_over_is_json(venue: str, value: str) -> None:
    twins = Twins(venue)
    before = twins.book.digest()
    payload = dump(a_depth(venue))
    assert twins.feed(f'{{"x":{value},'.encode() + payload[1:]) is Outcome.REFUSED
    assert twins.feed(f'{{"x":[{{"y":{value}}}],'.encode() + payload[1:]) is Outcome.REFUSED
    assert twins.book.digest() == before


IDS = [*("123456789012345678901"[:size] for size in range(1, 22)), "0", "00", "007", "-5", "-", "", "9" * 16, "9" * 17,
       "9223372036854775807", "9223372036854775808", "18446744073709551616", "1" * 30, "0" * 17 + "12"]  # fmt: skip
ENDS = [b"", b'"', b"/", b":", b";", b" ", b".", b".5", b"e3", b"E", b"-", b"a", b"\x00", b"\x80", b"\xff", b"x1"]


@pytest.mark.parametrize("digits", IDS)
def test_an_integer_of_any_length_before_anything(digits: str) -> None:
    """Read eight digits at a time where as many are left: what ends them and what stands behind changes nothing."""
    twins = Twins("coinswitch")
    sides = b'"bids":[["5","1"]],"asks":[["6","1"]]'
    for end in ENDS:
        for quote in (b"", b'"'):
            number = quote + digits.encode() + end + quote
            for payload in (
                b'{"lastUpdateId":' + number + b"," + sides + b"}",
                b"{" + sides + b',"lastUpdateId":' + number + b"}",
                b"{" + sides + b',"lastUpdateId":1' + b',"zz":' + number + b"}",
                b"{" + sides + b',"zz":' + number + b',"lastUpdateId":1}',
            ):
                for router in twins.routers:
                    router.disconnected()
                outcome = twins.feed(payload)
                if not end and payload.startswith(b'{"last'):
                    plain = digits.isdigit() and (quote or digits == "0" or digits[0] != "0") and int(digits) < 2**63
                    assert (outcome is Outcome.APPLIED) == (plain or digits == "-5"), payload
                    assert not plain or twins.book.sequence == int(digits)
