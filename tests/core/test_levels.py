"""Levels in the shapes that venues send, many at a time: however they are read, each is its own exact value.

A reader that takes a level whole, by the pattern of its digits, is asked here what one that goes byte by byte cannot
get wrong: patterns that alternate, bytes that differ where the digits do not, values at the edge, the payload's end.
"""

from __future__ import annotations

import platform
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import csbook
from csbook import Outcome, _core
from oracle import INT64_MAX, OracleBook, as_text, core_raw, dump, judge, seed_depth
from oracle import stream as enveloped

SCALES = [(8, 8), (2, 3), (0, 0), (18, 18), (1, 12)]
BY_SCALE = pytest.mark.parametrize("scales", SCALES, ids=str)


VARIANTS = ["plain", "avx2", "avx512"]


@pytest.fixture(autouse=True, params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every variant of the reader that this machine runs."""
    before = _core._scanner()
    try:
        yield _core._scanner(request.param)
    except csbook.errors.UsageError:
        pytest.skip(f"this processor does not run the {request.param} variant")
    finally:
        _core._scanner(before)


CPU = Path("/proc/cpuinfo")


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel what the processor has")
def test_the_best_variant_is_what_the_processor_has() -> None:
    """Whatever compiler built this: one whose runtime does not know the processor must not cost the quick way."""
    line = next((line for line in CPU.read_text().splitlines() if line.startswith("flags")), "")
    has = set(line.split())
    best = {"avx512f", "avx512bw", "avx512vl", "avx512vbmi", "bmi2"}
    for name, needs in (("avx2", {"avx2", "bmi1"}), ("avx512", best)):
        if platform.machine() == "x86_64" and needs <= has:
            assert _core._scanner(name) == name
        else:
            with pytest.raises(csbook.errors.UsageError):
                _core._scanner(name)


class Stream:
    """One book by the fast path, one by the slow, one by the oracle; each message replaces all three."""

    def __init__(self, scales: tuple[int, int] = (8, 8)) -> None:
        self.scales = scales
        self.books = [csbook.Book("X", price_decimals=scales[0], size_decimals=scales[1]) for _ in range(2)]
        self.fast, self.slow = (csbook.Router("coinswitch", book) for book in self.books)
        self.update = 0

    def read(self, payload: bytes | memoryview) -> Outcome:
        outcome = self.fast.feed(payload)
        assert self.slow.feed_parsed(payload) is outcome, bytes(payload)
        fast, slow = self.books
        assert fast.digest() == slow.digest(), bytes(payload)
        assert dict(fast.counts) == dict(slow.counts), bytes(payload)
        return outcome

    def levels(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        """A message of these levels is applied or refused as the oracle says."""
        self.update += 1
        fits = all(
            judge(price, self.scales[0])[0] == judge(size, self.scales[1])[0] == "fits"
            and judge(price, self.scales[0])[1]
            for price, size in bids + asks
        )
        payload = dump(seed_depth(self.update, bids, asks))
        outcome = self.read(payload)
        assert outcome is (Outcome.APPLIED if fits else Outcome.REFUSED), payload
        if fits:
            oracle = OracleBook(*self.scales)
            oracle.snapshot(bids, asks, self.update)
            assert core_raw(self.books[0]) == oracle.raw(), payload


def number(rng: random.Random, whole: int, part: int) -> str:
    """Digits before and after the point; no point where ``part`` is 0."""
    digits = "".join(rng.choices("0123456789", k=whole + part))
    return f"{digits[:whole]}.{digits[whole:]}" if part else digits


def shape(rng: random.Random, most: int) -> tuple[int, int, int, int]:
    return rng.randrange(1, most), rng.randrange(most), rng.randrange(1, most), rng.randrange(most)


@BY_SCALE
def test_every_shape_of_a_level(scales: tuple[int, int]) -> None:
    rng, stream = random.Random(str(scales)), Stream(scales)
    for step in range(1500):
        most = 4 if step % 3 else 21
        shapes = [shape(rng, most) for _ in range(rng.randrange(1, 5))]
        sides = []
        for _ in "ba":
            chosen = [rng.choice(shapes) for _ in range(rng.randrange(14))]
            sides.append([[number(rng, a, b), number(rng, c, d)] for a, b, c, d in chosen])
        stream.levels(*sides)
    assert stream.fast.counts["applied"] > 10
    assert stream.fast.counts["refused"] > 10


@pytest.mark.parametrize("where", range(4))
def test_each_length_of_each_number(where: int) -> None:
    """1 to 24 digits before and 0 to 24 behind the point, of price and size, first alone and then after its like."""
    for scales in SCALES:
        rng, stream = random.Random(where), Stream(scales)
        for length in range(25):
            for other in (1, 2, 5, 8):
                lengths = [other] * 4
                lengths[where] = max(length, 1 - where % 2)
                for lead in ("", "0" * 6):
                    for count in (1, 2, 9):
                        levels = [[lead + number(rng, *lengths[:2]), number(rng, *lengths[2:])] for _ in range(count)]
                        stream.levels(levels, [])


@BY_SCALE
@pytest.mark.parametrize("places", [9, 12, 20])
def test_zeros_behind_the_scale(scales: tuple[int, int], places: int) -> None:
    """As CoinSwitch pads its spot prices: no digits, while all that stands behind the scale is zeros."""
    rng, stream = random.Random(places), Stream(scales)

    def padded(whole: int, scale: int, longest: int) -> str:
        part = number(rng, 0, rng.randrange(min(scale, longest) + 1)).removeprefix(".")
        return f"{rng.randrange(1, 10)}{number(rng, whole, 0)}.{part.ljust(places, '0')}"

    for whole in (0, 1, 5, 8):
        for count in (1, 9):
            levels = [[padded(whole, scales[0], places), padded(whole, scales[1], places)] for _ in range(count)]
            for at in (0, 1) if whole < 2 else (0,):
                stream.levels(levels, levels[:: -1 if at else 1])
            for where in {0, count - 1}:
                for part in (0, 1):
                    for place in (1, 2, 5, places):
                        wrong = [list(level) for level in levels]
                        text = wrong[where][part]
                        wrong[where][part] = text[: len(text) - place] + "7" + text[len(text) - place + 1 :]
                        stream.levels(wrong, levels)
    assert stream.fast.counts["applied"] > 2


@BY_SCALE
def test_values_at_the_edge(scales: tuple[int, int]) -> None:
    """The largest int64 and its neighbours, beside small ones of the same shape."""
    rng, stream = random.Random(3), Stream(scales)
    for raw in (
        INT64_MAX,
        INT64_MAX + 1,
        INT64_MAX - 1,
        10**18,
        10**19,
        10**19 - 1,
        2**64,
        2**64 + 5,
        9 * 10**18,
        2**53 + 1,
    ):
        for at, decimals in enumerate(scales):
            edge = as_text(raw, decimals)
            for _ in range(6):
                like = "".join(rng.choice("012") if c.isdigit() else c for c in edge)
                levels = [["5", "5"] for _ in range(5)]
                for level in levels:
                    level[at] = like
                stream.levels(levels, [])
                levels[rng.randrange(5)][at] = edge
                stream.levels(levels, levels[::-1])


def plain(count: int) -> list[list[str]]:
    return [[f"{30149.99 - at / 100:.2f}", f"{1.5 + at / 1000:.3f}"] for at in range(count)]


@pytest.mark.parametrize("which", [0, 3, 7])
@pytest.mark.parametrize("side", ["bids", "asks"])
def test_any_byte_anywhere_in_a_level(which: int, side: str) -> None:
    """All 256 values at each place of one level among eight of one shape."""
    levels = plain(8) if side == "bids" else plain(8)[::-1]
    payload = dump({"lastUpdateId": 7, "bids": [], "asks": [], side: levels})
    text = dump(levels[which])
    start = payload.index(text) - 1
    stream = Stream()
    seen = set()
    for at in range(start, start + len(text) + 2):
        for value in range(256):
            mutant = bytearray(payload)
            mutant[at] = value
            seen.add(stream.read(bytes(mutant)))
    assert seen == {Outcome.APPLIED, Outcome.REFUSED}


@pytest.mark.parametrize("which", [0, 4])
def test_any_byte_put_in_or_taken_out_of_a_level(which: int) -> None:
    levels = plain(6)
    payload = dump(seed_depth(7, levels, []))
    text = dump(levels[which])
    start = payload.index(text) - 1
    stream = Stream()
    for at in range(start, start + len(text) + 2):
        stream.read(payload[:at] + payload[at + 1 :])
        stream.read(payload[:at] + payload[at + 2 :])
        for value in range(256):
            stream.read(payload[:at] + bytes([value]) + payload[at:])


def behind() -> Iterator[bytes]:
    yield from (b"", b"9" * 200, b'["1.5","2.5"],' * 20, b'"]],"asks":[]}' * 9, b"\x00" * 200, b'","' * 80)


@pytest.mark.parametrize("rest", list(behind()), ids=range(6))
def test_the_end_of_the_payload(rest: bytes) -> None:
    """The last level stands two bytes before the end, and what lies behind in memory is none of the message."""
    stream = Stream()
    for count in range(1, 45):
        for size in ("1", "22.5", "333.25", "0.00000001", "4444444.125"):
            levels = plain(count)
            levels[-1][1] = size
            payload = dump({"lastUpdateId": count, "asks": [], "bids": levels})
            oracle = OracleBook()
            oracle.snapshot(levels, [])
            view = memoryview(payload + rest)
            assert stream.read(view[: len(payload)]) is Outcome.APPLIED
            assert core_raw(stream.books[0]) == oracle.raw()
            for short in (1, 2, 3, 4, 5, 6, 20):
                assert stream.read(view[: len(payload) - short]) is Outcome.REFUSED
        for router in (stream.fast, stream.slow):
            router.disconnected()


def test_one_shape_at_two_scales_by_turns() -> None:
    """What is known of a shape holds for one scale; books of several scales share a router."""
    rng = random.Random(5)
    scales = {"AUSDT": (8, 8), "BUSDT": (2, 3), "CUSDT": (3, 2), "DUSDT": (5, 3)}
    router = csbook.Router(
        "coinswitch", [csbook.Book(name, price_decimals=p, size_decimals=s) for name, (p, s) in scales.items()]
    )
    oracles = {name: OracleBook(*decimals) for name, decimals in scales.items()}
    for update in range(300):
        name = rng.choice(list(scales))
        levels = plain(rng.choice((1, 2, 20)))
        sides = ([[price, size[:-1]] for price, size in levels], [[price, size[:-1]] for price, size in levels[::-1]])
        assert router.feed(dump(enveloped(f"{name.lower()}@depth20", seed_depth(update, *sides)))) is Outcome.APPLIED
        oracles[name].snapshot(*sides, update)
        assert core_raw(router.books[name]) == oracles[name].raw()


def test_more_shapes_than_anyone_keeps() -> None:
    rng, stream = random.Random(1), Stream()
    for _ in range(40):
        shapes = [(a, b, c, d) for a in range(1, 6) for b in range(4) for c in range(1, 6) for d in range(4)]
        rng.shuffle(shapes)
        levels = [[number(rng, a, b), number(rng, c, d)] for a, b, c, d in shapes]
        levels = [[price, size] for price, size in levels if judge(price, 8)[1]]
        stream.levels(levels[:200], levels[200:])


@pytest.mark.parametrize("side", ["bids", "asks"])
@pytest.mark.parametrize("count", [1, 2, 5, 40, 400])
def test_a_price_of_zero_anywhere(count: int, side: str) -> None:
    """It is refused by its index, however many good levels stand before it, and the next message is read as ever."""
    stream = Stream()
    for at in sorted({0, 1, count // 2, count - 1} & set(range(count))):
        for zero in ("0.00", "00000.00", "0"):
            levels = plain(count)
            stream.levels(levels, [])
            levels[at][0] = zero
            sides = (levels, []) if side == "bids" else ([], levels[::-1])
            stream.levels(*sides)
            index = at if side == "bids" else count - 1 - at
            assert f"{side}[{index}]" in stream.fast.last_refusal
            stream.levels([], plain(count)[::-1])


@pytest.mark.parametrize(
    "behind",
    ["", ",", ", ", ",]", ", ]", ",,", "x", ",x", ',"x"', ",1", ",[", ",[]", ', ["5.00","1.000"]', ' ,["5.00","1.000"]',
     '["5.00","1.000"]', ';["5.00","1.000"]', ',["5.00","1.000"', ',["5.00","1.000"]]', ',["5.00"]', ",null", ",{}",
     ',["5.00","1.000",1]', ',["5.00", "1.000"]', ',[ "5.00","1.000"]', ',["5.00","1.000" ]', ',[5.00,1.000]'],
)  # fmt: skip
def test_what_stands_behind_a_level(behind: str) -> None:
    """Behind the first, behind several of its shape, and at the end of a side."""
    stream = Stream()
    for count in (1, 2, 3, 8, 64, 65):
        for after in ("", ',["4.00","1.000"]'):
            stream.update += 1
            text = dump(plain(count)).decode()[:-1] + behind + after
            for payload in (
                f'{{"lastUpdateId":{stream.update},"bids":{text}],"asks":[]}}',
                f'{{"lastUpdateId":{stream.update},"bids":[],"asks":{text}]}}',
            ):
                stream.read(payload.encode())


def test_numbers_that_need_more_than_sixteen_places() -> None:
    """Few digits at a large scale, beside many digits at the same: one is scaled, the other is not."""
    rng, stream = random.Random(8), Stream((12, 12))
    for _ in range(300):
        levels = [
            [number(rng, rng.randrange(1, 7), rng.randrange(10)), number(rng, rng.randrange(1, 7), rng.randrange(10))]
            for _ in range(rng.randrange(1, 30))
        ]
        levels = [[price, size] for price, size in levels if judge(price, 12)[1]]
        stream.levels(levels, [])
        stream.levels([], levels)
    assert stream.fast.counts["applied"] == 600


@pytest.mark.parametrize("count", [2, 5, 20, 64])
def test_one_level_out_of_its_place(count: int) -> None:
    """Wherever two are changed about, equal or of size zero: sorted, merged and counted, as by the slow path."""
    good = plain(count)
    for at in range(count - 1):
        stream = Stream()
        swapped = [*good[:at], good[at + 1], good[at], *good[at + 2 :]]
        twice = [*good[: at + 1], [good[at][0], "77.777"], *good[at + 1 :]]
        zero = [*good[:at], [good[at][0], "0.000"], *good[at + 1 :]]
        for number_of, levels in enumerate((good, swapped, twice, zero), 1):
            stream.levels(levels, [])
            stream.levels([], levels[::-1])
            assert stream.fast.counts["applied"] == 2 * number_of
        counts = stream.books[0].counts
        assert (counts["unsorted"], counts["merged"], counts["zero_sizes"]) == (2, 2, 2)


def test_blanks_between_and_inside_levels() -> None:
    """Levels that are written with blanks, in part or whole, are the same levels."""
    rng, stream = random.Random(2), Stream()
    for _ in range(400):
        levels = plain(rng.randrange(1, 12))
        text = dump(levels).decode()
        for _ in range(rng.randrange(1, 4)):
            places = [at for at, c in enumerate(text) if c in "[]," and text[:at].count('"') % 2 == 0]
            at = rng.choice(places)
            text = text[: at + 1] + rng.choice([" ", "\n", "\t", "\r\n  "]) + text[at + 1 :]
        stream.update += 1
        payload = f'{{"lastUpdateId":{stream.update},"bids":{text},"asks":[]}}'.encode()
        oracle = OracleBook()
        oracle.snapshot(levels, [])
        assert stream.read(payload) is Outcome.APPLIED
        assert core_raw(stream.books[0]) == oracle.raw()


def test_levels_of_every_kind_side_by_side() -> None:
    """Strings, numbers, exponents and escapes in one array: whatever one way of reading leaves, another takes up."""
    rng, stream = random.Random(4), Stream()
    kinds = [
        '["{p}","{s}"]', '[{p},{s}]', '["{p}",{s}]', '[{p},"{s}"]', '["{p}e0","{s}"]', '["{p}","{s}e+0"]',
        '[ "{p}", "{s}" ]', '["0{p}","{s}"]', '["{p}000","{s}00"]', '["\\u003{p}","{s}"]',
    ]  # fmt: skip
    for _ in range(800):
        text, levels = [], []
        for price in rng.sample(range(1, 9_999_999), rng.randrange(1, 12)):
            p, s = f"{price // 100}.{price % 100:02d}", f"{rng.randrange(1, 900)}.{rng.randrange(1000):03d}"
            text.append(rng.choice(kinds).replace("{p}", p).replace("{s}", s))
            levels.append([p, s])
        stream.update += 1
        payload = f'{{"lastUpdateId":{stream.update},"bids":[{",".join(text)}],"asks":[]}}'.encode()
        oracle = OracleBook()
        oracle.snapshot(levels, [])
        assert stream.read(payload) is Outcome.APPLIED
        assert core_raw(stream.books[0]) == oracle.raw()


GUARDED = """
import ctypes, mmap
from csbook import Book, Outcome, Router, _core

PAGE = mmap.PAGESIZE
room = mmap.mmap(-1, 4 * PAGE)
address = ctypes.addressof(ctypes.c_char.from_buffer(room))
for page in (0, 3):
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address + page * PAGE), ctypes.c_size_t(PAGE), 0) == 0
fed = 0
for variant in ("plain", "avx2", "avx512"):
    try:
        _core._scanner(variant)
    except ValueError:
        continue
    router = Router("coinswitch", Book("X"))
    for digits in range(1, 16):
        for count in range(7):
            level = '["%s.%s","%s.5"]' % ("9" * (1 + digits // 3), "1" * (1 + digits // 2), "7" * (1 + digits // 4))
            for end in ("}", " }", ',"E":1}', ',"s":"X"}', ',"x":' + "9" * digits + "}"):
                sides = ",".join([level] * count)
                payload = ('{"lastUpdateId":12345678,"bids":[],"asks":[%s]%s' % (sides, end)).encode()
                last = ('{"asks":[%s],"bids":[],"lastUpdateId":%s}' % (sides, "9" * digits)).encode()
                for cut in (payload, last, payload[:-digits] + b"}", payload[:-digits]):
                    for start in (PAGE, 3 * PAGE - len(cut)):
                        room[start : start + len(cut)] = cut
                        with memoryview(room)[start : start + len(cut)] as view:
                            outcome = router.feed(view)
                        assert cut not in (payload, last) or outcome in (Outcome.APPLIED, Outcome.IGNORED)
                        fed += 1
print(fed > 1000)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs mprotect")
def test_no_byte_is_read_outside_of_a_payload(variant: str) -> None:
    """The pages before and behind are locked: whoever reads there ends the process."""
    if variant != "plain":
        pytest.skip("once is enough: it goes through all variants itself")
    done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@pytest.mark.parametrize("scales", [((8, 8), (8, 3)), ((8, 3), (5, 3)), ((0, 0), (0, 1))], ids=str)
def test_books_that_differ_in_one_scale_alone(scales: tuple[tuple[int, int], ...]) -> None:
    books = [csbook.Book(name, price_decimals=p, size_decimals=s) for name, (p, s) in zip("AB", scales, strict=True)]
    router = csbook.Router("coinswitch", books)
    for update in range(1, 9):
        levels = [[str(100 + at), str(1 + at)] for at in range(update)]
        for book, decimals in zip(books, scales, strict=True):
            message = enveloped(f"{book.symbol}@depth20", seed_depth(update, [], levels))
            assert router.feed(dump(message)) is Outcome.APPLIED
            oracle = OracleBook(*decimals)
            oracle.snapshot([], levels, update)
            assert core_raw(book) == oracle.raw()
