"""Targets of the Router: one message, one snapshot, a script of steps, and a known history told badly.

The venues are those that the core knows. One whose dialect no sample speaks yet is given the samples of all others.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from csbook import Book, Outcome, Router, State, _core
from csbook.errors import UsageError

from ..oracle import OracleBook, Refused, core_raw
from .edge import Edge
from .mutate import NUMBERS, TOKENS
from .pair import Books, Pair
from .samples import DIALECTS, Market
from .target import Failure, Target

SPOKEN = {"coinswitch": ("coinswitch", "binance"), **{name: (name,) for name in DIALECTS[1:]}}
SETS: tuple[Books, ...] = (
    (("BTCUSDT", 8, 8),),
    (("BTCUSDT", 2, 3),),
    (("BTCUSDT", 8, 8), ("ETHUSDT", 8, 8)),
    (("BTCUSDT", 8, 8), ("ETHUSDT", 3, 4)),
    (("BTCUSDT", 12, 3), ("ETHUSDT", 3, 12)),
)
NUMBERED = DIALECTS[:4]  # whose messages carry the ids that a history is told by
BOUNDED = ("coinswitch",)  # whose changes join a snapshot of few levels: its prices are shown, and no others
DEPTHS = (None, 0, 50, 5)
NOW = 1_700_000_000_000_000_000
WORDS = (
    *(token for token in TOKENS if len(token) <= 32),
    *NUMBERS[:24],
    b'"sequence"',
    b'"change"',
    b'"topic"',
    b'"type"',
    b'"delta"',
    b'"snapshot"',
)


@cache
def venues() -> tuple[str, ...]:
    """What the core says it knows."""
    try:
        Router("", Book("BTCUSDT"))
    except UsageError as error:
        return tuple(re.findall(r"[\w-]+", str(error).rpartition("knows:")[2]))
    raise AssertionError("a venue without a name")


BEST = _core._scanner()  # before anybody switches


@cache
def variants() -> tuple[str, ...]:
    """The readers of levels that this machine runs; the best one, which is the default, first."""
    names = ("plain", "avx2", "avx512")
    return tuple(reversed(names[: names.index(BEST) + 1]))


def read_by(variant: str) -> None:
    """Switch the reader of levels; asking the processor what it runs is slow, so not when it is the same."""
    if _core._scanner() != variant:
        _core._scanner(variant)


def dialects(venue: str) -> tuple[str, ...]:
    return SPOKEN.get(venue, DIALECTS)


Opening = tuple[list[bytes], bytes | None]
Openings = dict[tuple[str, str], Opening]


def opening(dialect: str, symbol: str) -> Opening:
    """What brings a book to LIVE: a message, REST's answer where one is needed, and the message after it."""
    market = Market(random.Random(symbol), dialect, symbol, depth=5, named=True)
    first = market.depth_message()
    answer = market.snapshot() if dialect in ("binance", "kucoin") else None
    return [first, market.depth_message()], answer


def prime(pair: Pair, dialect: str, openings: Openings) -> None:
    """Bring the books of both routers to LIVE, if the venue speaks this dialect."""
    for symbol in pair.fast.books:
        if (dialect, symbol) not in openings:
            openings[dialect, symbol] = opening(dialect, symbol)
        (first, second), answer = openings[dialect, symbol]
        for router in (pair.fast, pair.slow):
            router.feed(first, NOW)
            if answer is not None and router.wants_snapshot():
                router.feed_snapshot(symbol, answer, NOW)
            router.feed(second, NOW)
    pair.compare()


def many_channels(venue: str) -> bool:
    """Whether a router of this venue can be told which depth channel it is for."""
    try:
        Router(venue, Book("BTCUSDT"), depth=0)
    except UsageError:
        return False
    return True


class Digits:
    """The digits of a number, each of a base of its own: choices out of one byte."""

    def __init__(self, number: int) -> None:
        self.number = number

    def of(self, choices: tuple[Any, ...]) -> Any:
        self.number, digit = divmod(self.number, len(choices))
        return choices[digit]


# -- what a payload says, read once more ---------------------------------------------------------------------------


def told(payload: bytes) -> tuple[list[Any], list[Any]] | None:
    """Bids and asks of a depth message in any dialect, numbers as their source text; None where none are found."""
    try:
        outer = json.loads(payload, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(outer, dict):
        return None
    inner = outer.pop("data", None)
    body = {**outer, **inner} if isinstance(inner, dict) else outer
    bids, asks = body.get("bids", body.get("b")), body.get("asks", body.get("a"))
    if isinstance(bids, list) and isinstance(asks, list):
        return bids, asks
    change = body.get("change")
    if isinstance(change, str) and change.count(",") >= 2:
        price, side, size = change.split(",", 2)
        levels = [] if re.fullmatch(r"[0.]+(?:[eE].*)?", price) else [[price, size]]
        return (levels, []) if side == "buy" else ([], levels)
    return None


def prior(book: Book) -> OracleBook:
    """An oracle that stands where the book stands."""
    oracle = OracleBook(book.price_decimals, book.size_decimals)
    fill(oracle, core_raw(book))
    return oracle


def fill(oracle: OracleBook, raw: tuple[list[int], list[int], list[int], list[int]]) -> None:
    for side, prices, sizes in ((0, raw[0], raw[1]), (1, raw[2], raw[3])):
        oracle.sides[side].update(zip(prices, sizes, strict=True))
        oracle.keys[side].extend(sorted(prices))
        oracle.sizes[side].extend(oracle.sides[side][price] for price in oracle.keys[side])


Raw = tuple[list[int], list[int], list[int], list[int]]  # prices and sizes of the bids, then of the asks, best first


def is_best_of(now: Raw, whole: Raw) -> bool:
    """A book that shows the prices which its snapshot covered holds the best levels of the market, as they are."""
    bids, asks = len(now[0]), len(now[2])
    return now == (whole[0][:bids], whole[1][:bids], whole[2][:asks], whole[3][:asks])


def must_be(book: Book, before: Raw, payload: bytes, *, bounded: bool = False) -> None:
    """An applied payload left the book it found with its levels put in, or its levels alone.

    ``bounded``: of changes only those count that lie within the prices of a snapshot.
    """
    levels = told(payload)
    if levels is None:
        return
    now = core_raw(book)
    for replaces in (True, False):
        oracle = OracleBook(book.price_decimals, book.size_decimals)
        try:
            if replaces:
                oracle.snapshot(*levels)
            else:
                fill(oracle, before)
                oracle.delta(*levels)
        except Refused as error:
            raise Failure(f"{book.symbol} took levels that cannot be: {error}") from error
        if oracle.raw() == now or (bounded and not replaces and is_best_of(now, oracle.raw())):
            return
    raise Failure(f"{book.symbol}: the message says {levels}, the book holds {now}, before it held {before}")


# -- one message ---------------------------------------------------------------------------------------------------


def scan(venue: str) -> Callable[[], Callable[[bytes], None]]:
    def make() -> Callable[[bytes], None]:
        edge = Edge()
        openings: Openings = {}
        depths = DEPTHS if many_channels(venue) else (None,)

        def one(data: bytes) -> None:
            if not data:
                return
            scene = Digits(data[0])
            primed, books, dialect = scene.of((True, True, False)), scene.of(SETS), scene.of(dialects(venue))
            read_by(scene.of(variants()))
            pair = Pair(venue, books, edge, depth=scene.of(depths) if primed else None, max_lag_ns=10**9)
            if primed:
                prime(pair, dialect, openings)
            payload = data[1:]
            before = [core_raw(book) for book in pair.books]
            if pair.feed(payload, NOW) is Outcome.APPLIED:
                changed = [(book, raw) for book, raw in zip(pair.books, before, strict=True) if core_raw(book) != raw]
                if len(changed) > 1:
                    raise Failure("one message changed two books")
                for book, raw in changed:
                    must_be(book, raw, payload, bounded=venue in BOUNDED)

        return one

    return make


def lines(dialect: str, count: int, *, depth: int = 5, named: bool = True) -> list[bytes]:
    market = Market(random.Random(f"{dialect}{depth}"), dialect, "BTCUSDT", depth=depth, named=named)
    return [market.message() for _ in range(count)]


def scan_seeds(venue: str) -> Callable[[], Iterable[bytes]]:
    """The first message after the opening, and others, in front of several scenes."""

    def seeds() -> Iterator[bytes]:
        for dialect in dialects(venue):
            market = Market(random.Random("BTCUSDT"), dialect, "BTCUSDT", depth=5, named=True)
            opened = [market.depth_message(), market.depth_message()]
            follows = market.depth_message()
            for number in range(0, 240, 3):
                yield bytes((number,)) + follows
            yield from (bytes((number,)) + message for message in opened for number in (0, 1))
            for number, message in enumerate(lines(dialect, 40) + lines(dialect, 10, named=False)):
                yield bytes((number * 5 % 240,)) + message
            yield b"\x00" + market.snapshot()

    return seeds


# -- a snapshot ----------------------------------------------------------------------------------------------------


def declined(payload: bytes) -> bytes:
    """The same message with a key in front that only the slow path reads."""
    head, brace, tail = payload.partition(b"{")
    if head.strip(b" \t\r\n") or not brace or tail.lstrip(b" \t\r\n")[:1] in (b"}", b""):
        return payload
    return head + b'{"\\u0000":0,' + tail


@cache
def anchored() -> tuple[str, ...]:
    """The venues whose snapshots come by REST."""
    found = []
    for venue in venues():
        try:
            Router(venue, Book("BTCUSDT")).feed_snapshot("BTCUSDT", b"")
        except UsageError:
            continue
        found.append(venue)
    return tuple(found)


def snapshot() -> Callable[[bytes], None]:
    edge = Edge()
    openings: Openings = {}

    def one(data: bytes) -> None:
        if not data:
            return
        scene = Digits(data[0])
        venue, state, books = scene.of(anchored()), scene.of(("empty", "waiting", "gap")), scene.of(SETS)
        read_by(scene.of(variants()))
        dialect = dialects(venue)[-1]
        pair = Pair(venue, books, edge)
        if state != "empty":
            prime(pair, dialect, openings)
            pair.both(lambda router: router.disconnected())
        if state == "waiting":
            follows = openings[dialect, "BTCUSDT"][0][0]
            pair.both(lambda router: router.feed(follows, NOW))
        before = core_raw(pair.books[0])
        payload = data[1:]
        outcome = pair.tell(
            lambda: pair.fast.feed_snapshot("btcusdt", edge.place(payload), NOW),
            lambda: pair.slow.feed_snapshot("BTCUSDT", declined(payload), NOW),
            rest=True,
        )
        now = core_raw(pair.books[0])
        if now != before:
            oracle = OracleBook(*books[0][1:])
            levels = told(payload)
            if levels is not None and state != "waiting":
                oracle.snapshot(*levels)
                if oracle.raw() != now:
                    raise Failure(f"the snapshot says {levels}, the book holds {now}")
            if outcome is Outcome.BUFFERED and pair.books[0].state is not State.SYNCING:
                raise Failure(f"a snapshot that waits for its change left the book {pair.books[0].state}")

    return one


def snapshot_seeds() -> Iterator[bytes]:
    for number in range(60):
        venue = Digits(number).of(anchored())
        market = Market(random.Random("BTCUSDT"), dialects(venue)[-1], "BTCUSDT", depth=5, named=True)
        market.depth_message()
        yield bytes((number,)) + market.snapshot()


# -- a script ------------------------------------------------------------------------------------------------------

STEPS = 48  # of a script, at most


def script() -> Callable[[bytes], None]:
    """Lines: the scene, then payloads for the stream; a sign in front makes a line something else."""
    edge = Edge()

    def one(data: bytes) -> None:
        head, *steps = data.split(b"\n")
        if not head:
            return
        scene = Digits(head[0])
        venue, books, limit = scene.of(venues()), scene.of(SETS), scene.of((10_000, 3))
        read_by(scene.of(variants()))
        pair = Pair(venue, books, edge, max_lag_ns=scene.of((0, 10**9)), buffer_limit=limit)
        pair.fast.race_ns = pair.slow.race_ns = 10**15
        rest, now = venue in anchored(), NOW
        first, last = books[0][0], books[-1][0]
        for step in steps[:STEPS]:
            sign = step[:1]
            if sign in (b"!", b"?"):
                if rest:
                    pair.feed_snapshot(first if sign == b"!" else last, step[1:], now)
            elif sign == b"-":
                pair.both(lambda router: router.disconnected())
            elif sign == b"_":
                pair.both(lambda router: router.disconnected([last]))
            elif sign == b"~":
                pair.both(lambda router: router.mark_stale(first, "silence"))
            elif sign == b"#":
                pair.both(lambda router: router.books[first].clear("a new day"))
            elif sign == b"+":
                now += 10**9
            elif sign == b"=":
                source(pair, step[1:2])
            else:
                pair.feed(step, now)

    return one


def source(pair: Pair, sign: bytes) -> None:
    """Another connection speaks, by a digit, or the one that spoke joins (&) or leaves (|)."""
    if sign in (b"0", b"1", b"2"):
        for router in (pair.fast, pair.slow):
            router.source = int(sign)
    elif sign == b"&":
        pair.both(lambda router: router.join(router.source))
    elif sign == b"|":
        pair.both(lambda router: router.leave(router.source))


def script_seeds() -> Iterator[bytes]:
    for number in range(0, 80, 2):
        scene = Digits(number)
        venue, books = scene.of(venues()), scene.of(SETS)
        for dialect in dialects(venue):
            market = Market(random.Random(number), dialect, books[0][0], depth=3, named=number % 3 > 0)
            answer = b"" if dialect in ("bybit", "coinswitch") else b"!"
            steps = [market.message(), market.depth_message(), answer + market.snapshot()]
            steps += [market.message() for _ in range(5)]
            steps.insert(5 + number % 3, (b"-", b"~", b"#", b"_", b"+", b"=1\n=&")[number % 6])
            yield b"\n".join((bytes((number,)), *steps))


# -- a history -----------------------------------------------------------------------------------------------------


class History:
    """What happened in a market: its messages in order, a snapshot after each, and the books they led to."""

    def __init__(self, venue: str, dialect: str, length: int = 48) -> None:
        self.venue = venue
        self.dialect = dialect
        market = Market(random.Random(f"{venue}-{dialect}"), dialect, "BTCUSDT", depth=3, named=True)
        market.depth = 1000
        self.messages: list[bytes] = []
        self.ids: list[int] = []
        self.snapshots: list[bytes] = []
        self.truth: dict[int, list[Raw]] = {}
        for _ in range(length):
            self.messages.append(market.depth_message())
            self.ids.append(market.id)
            self.snapshots.append(market.snapshot())
            oracle = OracleBook()
            oracle.snapshot(*market._sides())
            self.truth.setdefault(market.id, []).append(oracle.raw())

    def holds(self, book: Book) -> bool:
        """Whether the market ever was what the book shows at its sequence."""
        now, wholes = core_raw(book), self.truth.get(book.sequence, ())
        if self.venue not in BOUNDED:
            return now in wholes
        return any(is_best_of(now, whole) and all(now[at] or not whole[at] for at in (0, 2)) for whole in wholes)


def history(sources: int = 1) -> Callable[[], Callable[[bytes], None]]:
    """Steps that tell a history, a byte each; with several sources a byte before each says whose step it is.

    The next message, one dropped, one from before, one from later, a snapshot from before or later; or connections
    come and go, silence, a new day, a message cut off. However a history is told, no book is LIVE and other than what
    was true at its sequence; and what a synced book has had already does not move it.
    """

    def make() -> Callable[[bytes], None]:
        edge = Edge()
        all_of_them = [History(venue, dialect) for venue in venues() if venue in NUMBERED for dialect in SPOKEN[venue]]

        def one(data: bytes) -> None:
            if not data:
                return
            told = all_of_them[data[0] % len(all_of_them)]
            pair = Pair(told.venue, (("BTCUSDT", 8, 8),), edge, buffer_limit=8)
            for router in (pair.fast, pair.slow):
                router.race_ns = 10**15
            cursors = [0] * sources
            steps = data[1:65]
            if sources == 1:
                for byte in steps:
                    tell(told, pair, cursors, 0, byte)
            else:
                for who, byte in zip(steps[::2], steps[1::2], strict=False):
                    tell(told, pair, cursors, who % sources, byte)

        return one

    return make


def tell(told: History, pair: Pair, cursors: list[int], who: int, byte: int) -> None:
    """One step of one source."""
    book, last = pair.books[0], len(told.messages) - 1
    step, far, cursor, state = byte & 7, byte >> 3, cursors[who], book.state
    for router in (pair.fast, pair.slow):
        router.source = who
    if step <= 1:
        pair.feed(told.messages[min(cursor, last)])
        cursors[who] += 1
    elif step == 2:
        cursors[who] += 1 + far % 4
    elif step == 3:
        at = min(max(cursor - 1 - far, 0), last)
        had = state is State.LIVE and told.ids[at] <= book.sequence
        pair.feed(told.messages[at])
        if had and book.state is not state:
            raise Failure(f"a message that the book has had moved it to {book.state}")
    elif step == 4:
        pair.feed(told.messages[min(cursor + far % 8, last)])
    elif step <= 6:
        at = min(max(cursor - 1 - far if step == 5 else cursor + far % 8, 0), last)
        if told.dialect in ("binance", "kucoin"):
            pair.feed_snapshot("BTCUSDT", told.snapshots[at])
        else:
            pair.feed(told.snapshots[at])
    elif far % 6 == 0:
        pair.both(lambda router: router.disconnected())
    elif far % 6 == 1:
        pair.both(lambda router: router.mark_stale("BTCUSDT", "silence"))
    elif far % 6 == 2:
        pair.both(lambda router: router.books["BTCUSDT"].clear("a new day"))
    elif far % 6 == 3:
        pair.feed(told.messages[min(cursor, last)][:-2])
    elif far % 6 == 4:
        pair.both(lambda router: router.join(who))
    else:
        pair.both(lambda router: router.leave(who))
    live = book.state in (State.LIVE, State.CROSSED)
    if live and not told.holds(book):
        raise Failure(f"the book is {book.state} at {book.sequence}, and that was never so")


def history_seeds() -> Iterator[bytes]:
    for venue in range(8):
        for steps in (b"\x00\x05" + b"\x00" * 20, b"\x00\x05\x00\x0a\x00\x0d\x00\x00\x1b\x1c\x07\x00\x05\x00\x00"):
            yield bytes((venue,)) + steps


def race_seeds() -> Iterator[bytes]:
    """Three connections in turn, each of which loses something else; then one goes."""
    for venue in range(8):
        opening = b"\x00\x00\x00\x05\x00\x00\x01\x27\x02\x27\x01\x12\x02\x12"
        for turn in (
            b"\x00\x00\x01\x00\x02\x00",
            b"\x00\x02\x01\x00\x02\x00\x00\x00",
            b"\x01\x02\x00\x00\x02\x02\x01\x00",
        ):
            yield bytes((venue,)) + opening + turn * 4 + b"\x01\x2f" + turn


def targets() -> list[Target]:
    scans = [
        Target(f"scan-{venue}", scan(venue), scan_seeds(venue), WORDS, recorded=lambda message: b"\x00" + message)
        for venue in venues()
    ]
    return [
        *scans,
        Target("snapshot", snapshot, snapshot_seeds, WORDS, recorded=lambda message: b"\x00" + message),
        Target(
            "script",
            script,
            script_seeds,
            (*WORDS, b"\n!{", b"\n{", b"\n-\n", b"\n~\n", b"\n#\n", b"\n_\n", b"\n+\n", b"\n=1\n=&\n", b"\n=0\n"),
        ),
        Target("history", history(), history_seeds, text=False, longest=65),
        Target("race", history(sources=3), race_seeds, text=False, longest=65),
    ]
