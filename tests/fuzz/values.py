"""Targets of numbers: decimal text to int64 at a scale, by every way in, and Python values of any kind.

The oracle says of each what must become of it: its exact value, a refusal, or how many decimals it would have needed.
"""

from __future__ import annotations

import re
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from csbook import Book, Outcome, Router, State
from csbook.errors import BadMessage, CsbookError, PrecisionError

from ..oracle import OracleBook, Refused, core_raw, judge
from .edge import Edge
from .mutate import NUMBERS
from .routers import read_by, variants
from .target import Failure, Target

JSON_NUMBER = re.compile(rb"(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
PLAIN = re.compile(rb"[ !#-\[\]-~]*")  # what may stand in a JSON string as it is
PRIMER = b'{"lastUpdateId":1,"bids":[["7","1"],["6","1"],["5.5","2"]],"asks":[["8","1"],["9","1"],["10","1"]]}'

# -- decimal text ----------------------------------------------------------------------------------------------------


def decimal() -> Callable[[bytes], None]:
    """A scale, then the text of a number: as a size and as a price, from Python and out of a payload."""
    edge = Edge()

    def one(data: bytes) -> None:
        if not data or len(data) > 400:
            return
        kind, scale = divmod(data[0], 19)
        raw = data[1:]
        text = raw.decode("latin-1")
        verdict, value = judge(text, scale)
        read_by(variants()[kind % len(variants())])
        for given in (text, raw):
            parsed(given, scale, verdict, value, is_price=False)
            parsed(given, scale, verdict, value, is_price=True)
        if PLAIN.fullmatch(raw):
            fed(b'"%b"' % raw, text, scale, verdict, value, edge)
        if JSON_NUMBER.fullmatch(raw):
            fed(raw, text, scale, verdict, value, edge)

    return one


def parsed(given: str | bytes, scale: int, verdict: str, value: int, *, is_price: bool) -> None:
    book = Book("BTCUSDT", price_decimals=scale, size_decimals=scale)
    try:
        book.apply_snapshot([[given, "1"] if is_price else ["1", given]], [])
    except PrecisionError as error:
        if verdict != "unfit" or error.needed != value:
            raise Failure(f"{given!r} at {scale}: {error} ({error.needed}); it is {verdict}, {value}") from None
        return
    except BadMessage as error:
        if verdict == "refused" or (is_price and verdict == "fits" and value == 0):
            return
        raise Failure(f"{given!r} at {scale}: {error}; it is {verdict}, {value}") from None
    if verdict != "fits" or (is_price and value == 0):
        raise Failure(f"{given!r} at {scale} was taken; it is {verdict}, {value}")
    side = (book.bid_prices_raw if is_price else book.bid_sizes_raw).tolist()
    if side != ([value] if value else []):
        raise Failure(f"{given!r} at {scale} is {side}; expected {value}")


def fed(shown: bytes, text: str, scale: int, verdict: str, value: int, edge: Edge) -> None:
    """Among other levels, where the quick ways of the scanner are at home."""
    payload = b'{"lastUpdateId":2,"bids":[["5","1"],[%b,"1"],["3",%b],["1","1"]],"asks":[]}' % (shown, shown)
    router = Router("coinswitch", Book("BTCUSDT", price_decimals=min(scale, 17), size_decimals=min(scale, 17)))
    if scale > 17:
        verdict, value = judge(text, 17)
    router.feed(PRIMER)
    outcome = router.feed(edge.place(payload))
    takes = verdict == "fits" and value > 0
    if (outcome is Outcome.APPLIED) is not takes:
        raise Failure(f"{shown!r} at {scale}: {outcome} ({router.last_refusal}); it is {verdict}, {value}")
    if takes:
        oracle = OracleBook(min(scale, 17), min(scale, 17))
        oracle.snapshot([["5", "1"], [text, "1"], ["3", text], ["1", "1"]], [])
        if oracle.raw() != core_raw(router.books["BTCUSDT"]):
            raise Failure(f"{shown!r} at {scale}: {core_raw(router.books['BTCUSDT'])}; expected {oracle.raw()}")


def decimal_seeds() -> Iterator[bytes]:
    for at, number in enumerate((*NUMBERS, b"30149.99", b"0.00012345", b"1.50000000", b"99999999999.99999999", b"")):
        for scale in (0, 8, 18, at % 19):
            yield bytes((scale + 19 * (at % 13),)) + number


# -- values of Python ------------------------------------------------------------------------------------------------


class Told(str):
    pass


class Counted(int):
    pass


class Sour:
    """Looks like a pair until somebody looks."""

    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Any]:
        raise ZeroDivisionError


class Pieces:
    """Choices out of bytes, zeros when they have run out."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self) -> int:
        return (self.take(1) or b"\x00")[0]

    def text(self) -> str:
        return self.take(self.byte() % 12).decode("latin-1")

    @property
    def left(self) -> int:
        return len(self.data) - self.at


def value(pieces: Pieces) -> tuple[Any, str | None]:
    """A value for a price or a size, and the text that it stands for; None where it is no number at all."""
    kind = pieces.byte() % 20
    if kind <= 4:
        text = pieces.text()
        return text, text
    if kind == 5:
        text = pieces.text()
        return Told(text), text
    if kind == 6:
        text = pieces.text()
        return text.encode("latin-1"), text
    if kind == 7:
        number = int.from_bytes(pieces.take(pieces.byte() % 12), "little", signed=True)
        return number, str(number)
    if kind == 8:
        number = int.from_bytes(pieces.take(4), "little")
        return Counted(number), str(number)
    if kind == 9:
        exact = struct.unpack("<d", pieces.take(8).ljust(8, b"\x00"))[0]
        return exact, repr(exact)
    if kind == 10:
        exact = pieces.byte() / 8
        return exact, repr(exact)
    if kind in (11, 12):
        text = pieces.text() if kind == 11 else f"{pieces.byte()}E{pieces.byte() - 128}"
        try:
            return Decimal(text), str(Decimal(text))
        except InvalidOperation:
            return None, None
    if kind == 13:
        single = np.frombuffer(pieces.take(4).ljust(4, b"\x00"), np.float32)[0]
        return single, repr(single.item())
    if kind == 14:
        signed = np.int64(int.from_bytes(pieces.take(8), "little", signed=True))
        return signed, str(int(signed))
    if kind == 15:
        unsigned = np.array(int.from_bytes(pieces.take(8), "little"), np.uint64)
        return unsigned, str(int(unsigned))
    return (True, None, [], Sour())[kind - 16], None


def pair(pieces: Pieces) -> tuple[Any, list[str | None] | None]:
    """A level, and its two texts; None where it is no level."""
    first, second = value(pieces), value(pieces)
    kind = pieces.byte() % 16
    texts = [first[1], second[1]]
    if kind <= 8:
        return [first[0], second[0]], texts
    if kind <= 10:
        return (first[0], second[0]), texts
    if kind == 11:
        return deque((first[0], second[0])), texts
    if kind == 12:
        return [first[0], second[0], first[0]], None
    if kind == 13:
        return [first[0]], None
    return (Sour(), {"price": first[0], "size": second[0]})[kind - 14], None


def side(pieces: Pieces) -> tuple[Any, list[list[str]] | None]:
    """A side, and its levels as text; None where it must be refused."""
    kind = pieces.byte() % 12
    rows = []
    for _ in range(pieces.byte() % 6):
        rows.append(pair(pieces))
    given: Any = [row for row, _ in rows]
    texts: list[list[str]] | None = []
    for _, two in rows:
        if two is None or two[0] is None or two[1] is None or texts is None:
            texts = None
        else:
            texts.append([two[0], two[1]])
    if kind <= 6:
        return given, texts
    if kind == 7:
        return tuple(given), texts
    if kind == 8:
        return iter(given), texts
    if kind == 9:
        floats = np.frombuffer(pieces.take(32).ljust(32, b"\x00"), np.float64).reshape(2, 2)
        return floats, [[repr(number) for number in row] for row in floats.tolist()]
    if kind == 10:
        whole = np.array([[pieces.byte() + 1, pieces.byte()] for _ in range(3)], np.uint32)
        return whole, [[str(number) for number in row] for row in whole.tolist()]
    return (None, "30150", b"\x00", {1: 2}, 7, np.zeros((2, 3)))[pieces.byte() % 6], None


def apply() -> Callable[[bytes], None]:
    """Snapshots and changes of any values, one after the other, on one book."""

    def one(data: bytes) -> None:
        pieces = Pieces(data)
        price_decimals, size_decimals = pieces.byte() % 19, pieces.byte() % 19
        levels = (None, 3)[pieces.byte() % 2]
        book = Book(
            "BTCUSDT", price_decimals=price_decimals, size_decimals=size_decimals, capacity=4, max_levels=levels
        )
        oracle = OracleBook(price_decimals, size_decimals, levels)
        for _ in range(4):
            if pieces.left <= 0:
                return
            step(book, oracle, pieces)

    return one


def step(book: Book, oracle: OracleBook, pieces: Pieces) -> None:
    replaces, sequence = pieces.byte() % 2 == 0, pieces.byte()
    (bids, bid_texts), (asks, ask_texts) = side(pieces), side(pieces)
    before, state = book.digest(), book.state
    wanted = bid_texts is not None and ask_texts is not None
    if wanted:
        assert bid_texts is not None and ask_texts is not None
        try:
            (oracle.snapshot if replaces else oracle.delta)(bid_texts, ask_texts, sequence)
        except Refused:
            wanted = False
    try:
        (book.apply_snapshot if replaces else book.apply_delta)(bids, asks, sequence=sequence)
    except (CsbookError, ZeroDivisionError) as error:
        if wanted:
            raise Failure(f"{bids!r}, {asks!r}: {error!r}") from error
        if isinstance(error, CsbookError) and not isinstance(error, BadMessage):
            raise Failure(f"{bids!r}, {asks!r}: not a BadMessage but {error!r}") from error
        if (book.digest(), book.state) != (before, state):
            raise Failure("a refused update changed the book") from error
        book._check()
        return
    if not wanted:
        raise Failure(f"{bids!r}, {asks!r} was taken")
    book._check()
    if core_raw(book) != oracle.raw() or book.digest() != oracle.digest():
        raise Failure(f"{bids!r}, {asks!r}: {core_raw(book)}; expected {oracle.raw()}")
    if replaces and book.state is not (State.CROSSED if oracle.crossed else State.LIVE):
        raise Failure(f"a snapshot left the book {book.state}")


def apply_seeds() -> Iterable[bytes]:
    def text(number: bytes) -> bytes:
        return bytes((0, len(number))) + number

    def level(price: bytes, size: bytes) -> bytes:
        return text(price) + text(size) + b"\x00"

    bids = b"\x00\x02" + level(b"100.5", b"1") + level(b"99", b"2.25")
    asks = b"\x00\x02" + level(b"101", b"3") + level(b"102", b"0.125")
    change = b"\x00\x01" + level(b"99", b"0") + b"\x00\x01" + level(b"101", b"7")
    for kind in range(20):
        scales = bytes((8, 8, kind % 2))
        yield scales + b"\x00\x05" + bids + asks + b"\x01\x06" + change
        odd = bytes((kind, 4)) + b"1234" + bytes((kind, 2)) + b"12345678" + bytes((kind % 16,))
        yield scales + b"\x00\x05" + bids + asks + bytes((1, 6, kind % 12, 1)) + odd + b"\x00\x00"
        yield (
            scales
            + bytes((0, 6, kind % 12, 2))
            + odd
            + level(b"7", b"1")
            + b"\x09\x00"
            + struct.pack("<4d", 9, 1, 10, 2)
        )


def targets() -> list[Target]:
    return [
        Target("decimal", decimal, decimal_seeds, NUMBERS[:24], longest=420),
        Target("apply", apply, apply_seeds, NUMBERS[:24], text=False, longest=512),
    ]
