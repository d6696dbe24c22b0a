"""The slow twin that judges the core: dict, sorted and Decimal, and nothing of csbook but its enums' names.

Five parts: numbers, the book, the rules of sequence, the digest, and messages as the venues write them. Whatever is
said here is read from the design (sections 3 and 4), never from the core.
"""

from __future__ import annotations

import gzip
import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

INT64_MAX = 2**63 - 1
DOUBLE_EXACT = 2**53
MAX_LEVELS = 131_072
MAX_PAYLOAD = 16 * 1024 * 1024

# -- numbers ---------------------------------------------------------------------------------------------------------

GRAMMAR = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)


class Refused(Exception):
    """Not a number by the grammar, or not one that may stand there."""


class Unfit(Refused):
    """A number, but not at this scale. ``needed``: the fewest decimals that hold it, -1 where none do."""

    def __init__(self, text: str, needed: int) -> None:
        super().__init__(text)
        self.needed = needed


def _whole(text: str) -> tuple[int, int, int]:
    """``(coefficient, exponent, digits)`` with no trailing zero in the coefficient; zero is (0, 0, 0)."""
    if GRAMMAR.fullmatch(text) is None:
        raise Refused(text)
    mantissa, _, power = re.sub("E", "e", text).partition("e")
    _sign, digits, exponent = Decimal(mantissa).as_tuple()
    shown = "".join(map(str, digits)).lstrip("0")
    bare = shown.rstrip("0")
    if not bare:
        return 0, 0, 0
    assert isinstance(exponent, int)
    return int(bare), exponent + (int(power) if power else 0) + len(shown) - len(bare), len(bare)


def scaled(text: str, decimals: int) -> int:
    """The int64 of a price or size text at a scale, exactly; or why not."""
    coefficient, exponent, digits = _whole(text)
    if coefficient == 0:
        return 0

    def at(scale: int) -> int | None:
        power = exponent + scale
        if power < 0 or digits + power > 19:
            return None
        value = coefficient * 10**power
        return value if value <= INT64_MAX else None

    value = at(decimals)
    if value is None:
        fewest = max(0, -exponent)
        raise Unfit(text, fewest if fewest <= 18 and at(fewest) is not None else -1)
    return value


def judge(text: str, decimals: int) -> tuple[str, int]:
    """What must become of a text: ``("fits", raw)``, ``("refused", 0)`` or ``("unfit", needed)``."""
    try:
        return "fits", scaled(text, decimals)
    except Unfit as unfit:
        return "unfit", unfit.needed
    except Refused:
        return "refused", 0


def as_float(raw: int, decimals: int) -> float:
    """What the float mirror shows: int64 to double, divided by the power of ten."""
    return float(raw) / float(10**decimals)


def as_text(raw: int, decimals: int) -> str:
    """A plain decimal text of ``raw``, with all decimals shown."""
    if decimals == 0:
        return str(raw)
    whole, part = divmod(raw, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"


# -- the book --------------------------------------------------------------------------------------------------------


class OracleBook:
    """Two dicts of exact scaled integers. Best first wherever levels are shown.

    ``keys`` and ``sizes`` say the same once more, sorted by price, so that a deep book can be compared after each of
    thousands of messages; ``raw`` is made from the dicts.
    """

    def __init__(self, price_decimals: int = 8, size_decimals: int = 8, max_levels: int | None = None) -> None:
        self.price_decimals = price_decimals
        self.size_decimals = size_decimals
        self.max_levels = max_levels
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.keys: tuple[array[int], array[int]] = (array("q"), array("q"))  # ascending on both sides
        self.sizes: tuple[array[int], array[int]] = (array("q"), array("q"))
        self.sequence = 0
        self.absent_deletes = 0

    # input

    def read(self, levels: Iterable[Sequence[Any]]) -> list[tuple[int, int]]:
        out = []
        for level in levels:
            if not isinstance(level, list | tuple) or len(level) != 2:
                raise Refused(str(level))
            price, size = (self._one(value, at) for at, value in enumerate(level))
            if price <= 0:
                raise Refused(str(level))
            out.append((price, size))
        return out

    def _one(self, value: Any, at: int) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise Refused(repr(value))
        text = repr(value) if isinstance(value, float) else str(value)
        return scaled(text, self.size_decimals if at else self.price_decimals)

    def snapshot(self, bids: Iterable[Sequence[Any]], asks: Iterable[Sequence[Any]], sequence: int = 0) -> None:
        both = [{price: size for price, size in self.read(levels) if size} for levels in self._last(bids, asks)]
        self.sides = (both[0], both[1])
        self.keys = (array("q", sorted(both[0])), array("q", sorted(both[1])))
        self.sizes = tuple(array("q", map(side.__getitem__, keys)) for side, keys in zip(both, self.keys, strict=True))
        self.sequence = sequence
        self._prune()

    def _last(self, *sides: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
        """Entries of a snapshot of which the last of each price counts, even where that is a zero."""
        for levels in sides:
            kept: dict[int, Sequence[Any]] = {}
            for level in levels:
                kept[self.read([level])[0][0]] = level
            yield list(kept.values())

    def delta(self, bids: Iterable[Sequence[Any]], asks: Iterable[Sequence[Any]], sequence: int = 0) -> None:
        changes = (self.read(bids), self.read(asks))
        for side, keys, sizes, levels in zip(self.sides, self.keys, self.sizes, changes, strict=True):
            for price, size in dict(levels).items():
                at = bisect_left(keys, price)
                if size and price in side:
                    sizes[at] = side[price] = size
                elif size:
                    side[price] = size
                    keys.insert(at, price)
                    sizes.insert(at, size)
                elif side.pop(price, None) is None:
                    self.absent_deletes += 1
                else:
                    del keys[at], sizes[at]
        self.sequence = sequence
        self._prune()

    def _prune(self) -> None:
        if self.max_levels is None:
            return
        for side, keys, sizes, worst_first in zip(self.sides, self.keys, self.sizes, (True, False), strict=True):
            over = len(keys) - self.max_levels
            if over > 0:
                gone = slice(0, over) if worst_first else slice(self.max_levels, None)
                for price in keys[gone]:
                    del side[price]
                del keys[gone], sizes[gone]

    def clear(self) -> None:
        self.snapshot([], [])

    # reading

    @property
    def bid_prices(self) -> list[int]:
        return sorted(self.sides[0], reverse=True)

    @property
    def ask_prices(self) -> list[int]:
        return sorted(self.sides[1])

    @property
    def bid_sizes(self) -> list[int]:
        return [self.sides[0][price] for price in self.bid_prices]

    @property
    def ask_sizes(self) -> list[int]:
        return [self.sides[1][price] for price in self.ask_prices]

    def raw(self) -> tuple[list[int], list[int], list[int], list[int]]:
        return self.bid_prices, self.bid_sizes, self.ask_prices, self.ask_sizes

    def touch(self) -> tuple[int, int, int, int] | None:
        """Raw bid, bid size, ask, ask size; None while a side is empty."""
        bids, asks = self.keys
        if not bids or not asks:
            return None
        return bids[-1], self.sides[0][bids[-1]], asks[0], self.sides[1][asks[0]]

    @property
    def crossed(self) -> bool:
        touch = self.touch()
        return touch is not None and touch[0] >= touch[2]

    def digest(self, sequence: bool = True) -> int:
        return digest(self.price_decimals, self.size_decimals, self.raw(), self.sequence if sequence else None)

    # numbers about the market, as fractions

    def levels(self, side: int) -> list[tuple[Fraction, Fraction]]:
        """Best first; side 0 is the bids."""
        prices = self.ask_prices if side else self.bid_prices
        return [
            (Fraction(price, 10**self.price_decimals), Fraction(self.sides[side][price], 10**self.size_decimals))
            for price in prices
        ]

    def mid(self) -> Fraction:
        return (self.levels(0)[0][0] + self.levels(1)[0][0]) / 2

    def spread(self) -> Fraction:
        return self.levels(1)[0][0] - self.levels(0)[0][0]

    def microprice(self) -> Fraction:
        (bid, bid_size), (ask, ask_size) = self.levels(0)[0], self.levels(1)[0]
        return (bid * ask_size + ask * bid_size) / (bid_size + ask_size)

    def imbalance(self, levels: int = 1) -> Fraction:
        bid, ask = (sum((size for _, size in self.levels(side)[:levels]), Fraction(0)) for side in (0, 1))
        return (bid - ask) / (bid + ask)

    def walk(self, side: int, size: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        """An order of ``side`` (0 buys, and so walks the asks): average price, filled, last price touched."""
        paid = filled = last = Fraction(0)
        for price, rests in self.levels(1 - side):
            if filled == size:
                break
            take = min(rests, size - filled)
            paid, filled, last = paid + take * price, filled + take, price
        return paid / filled, filled, last

    def depth_within(self, side: int, bps: Fraction) -> Fraction:
        """Resting on ``side`` (0: bids) within ``bps`` of mid, the bound included."""
        mid = self.mid()
        room = mid * bps / 10_000
        return sum((size for price, size in self.levels(side) if abs(price - mid) <= room), Fraction(0))


def core_raw(book: Any) -> tuple[list[int], list[int], list[int], list[int]]:
    """The same four lists out of the core's exact views."""
    return (
        book.bid_prices_raw.tolist(),
        book.bid_sizes_raw.tolist(),
        book.ask_prices_raw.tolist(),
        book.ask_sizes_raw.tolist(),
    )


# -- the digest ------------------------------------------------------------------------------------------------------

_MASK = 2**64 - 1


def digest(
    price_decimals: int,
    size_decimals: int,
    raw: tuple[list[int], list[int], list[int], list[int]],
    sequence: int | None,
) -> int:
    bid_prices, bid_sizes, ask_prices, ask_sizes = raw
    words = [price_decimals, size_decimals, len(bid_prices), len(ask_prices)]
    if sequence is not None:
        words.append(sequence & _MASK)
    for prices, sizes in ((bid_prices, bid_sizes), (ask_prices, ask_sizes)):
        for price, size in zip(prices, sizes, strict=True):
            words += (price, size)
    h = 0x9E3779B97F4A7C15
    for word in words:
        h = ((h ^ word) * 0xFF51AFD7ED558CCD) & _MASK
        h ^= h >> 32
    return h


# -- the rules of sequence (design, section 4) -----------------------------------------------------------------------


class ReplaceFeed:
    """A venue of whole books, by default ``coinswitch`` ``depth<N>``: a lower id is old, any other replaces all."""

    def __init__(self, book: OracleBook, words: tuple[str, str, str] = ("lastUpdateId", "bids", "asks")) -> None:
        self.book = book
        self.words = words
        self.state = "EMPTY"
        self.floor: int | None = None

    def feed(self, message: dict[str, Any]) -> str:
        update, bids, asks = (message[word] for word in self.words)
        if self.floor is not None and update < self.floor:
            return "IGNORED"
        self.book.snapshot(bids, asks, update)
        self.floor = update
        self.state = "CROSSED" if self.book.crossed else "LIVE"
        return "APPLIED"

    def disconnected(self) -> None:
        self.floor = None
        if self.state != "EMPTY":
            self.state = "STALE"


class DiffFeed:
    """A venue of changes: ``binance``, and ``coinswitch``'s diff stream, which may lack ``pu``.

    An outcome of None means: the design leaves the name open, but nothing may be applied by it and the book may
    not be LIVE after it.
    """

    def __init__(self, book: OracleBook, *, bounded: bool = False) -> None:
        self.book = book
        self.bounded = bounded  # only the prices that the snapshot covered are shown
        self.worst: tuple[int | None, int | None] = (None, None)
        self.state = "EMPTY"
        self.buffer: list[dict[str, Any]] = []
        self.held: int | None = None  # id of a snapshot whose levels stand and that no change has joined
        self.last = 0

    @staticmethod
    def _old(diff: dict[str, Any], snapshot: int) -> bool:
        return diff["u"] < snapshot or ("pu" not in diff and diff["u"] == snapshot)

    @staticmethod
    def _anchors(diff: dict[str, Any], snapshot: int) -> bool:
        if "pu" in diff:
            return diff["pu"] <= snapshot <= diff["u"]
        return diff["U"] <= snapshot + 1 <= diff["u"]

    def _follows(self, diff: dict[str, Any]) -> bool:
        return diff["pu"] == self.last if "pu" in diff else diff["U"] == self.last + 1

    def _apply(self, diff: dict[str, Any]) -> None:
        lowest, highest = self.worst
        bids = [level for level in diff["b"] if lowest is None or self.book.read([level])[0][0] >= lowest]
        asks = [level for level in diff["a"] if highest is None or self.book.read([level])[0][0] <= highest]
        self.book.delta(bids, asks, diff["u"])
        self.last = diff["u"]
        self.held = None
        self.state = "CROSSED" if self.book.crossed else "LIVE"
        if (lowest is not None and not self.book.sides[0]) or (highest is not None and not self.book.sides[1]):
            self.state, self.buffer = "GAP", []

    def feed(self, diff: dict[str, Any]) -> str | None:
        if self.state in ("LIVE", "CROSSED"):
            if diff["u"] <= self.last:
                return "IGNORED"
            if self._follows(diff):
                self._apply(diff)
                return "APPLIED"
            self.state = "GAP"
            self.buffer = [diff]
            return "GAP"
        if self.held is not None:
            if self._old(diff, self.held):
                return "IGNORED"
            if self._anchors(diff, self.held):
                self._apply(diff)
                return "APPLIED"
            self.held = None
            self.buffer = [diff]
            return None
        self.buffer.append(diff)
        if self.state == "EMPTY":
            self.state = "SYNCING"
        return "BUFFERED"

    def snapshot(self, message: dict[str, Any]) -> str | None:
        if self.state in ("LIVE", "CROSSED"):
            return "IGNORED"
        update = message["lastUpdateId"]
        kept = [diff for diff in self.buffer if not self._old(diff, update)]
        if kept and not self._anchors(kept[0], update):
            return "IGNORED"
        self.book.snapshot(message["bids"], message["asks"], update)
        if self.bounded:
            bids, asks = self.book.sides
            self.worst = min(bids, default=None), max(asks, default=None)
        self.state, self.held, self.buffer = "SYNCING", update, []
        if not kept:
            return "BUFFERED"
        for at, diff in enumerate(kept):
            if at == 0 or self._follows(diff):
                self._apply(diff)
                if self.state == "GAP":
                    self.buffer = kept[at + 1 :]
                    return None
            elif diff["u"] > self.last:
                self.state, self.buffer = "GAP", kept[at:]
                return None
        return "APPLIED"

    def refused(self) -> None:
        """A payload that cannot be read is a change that was lost."""
        if self.state != "EMPTY":
            self.state = "GAP"
            self.held = None


# -- messages as the venues write them -------------------------------------------------------------------------------


def dump(message: Any) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def seed_depth(update: int, bids: Sequence[Any], asks: Sequence[Any]) -> dict[str, Any]:
    """The shape of ``coinswitch`` ``depth<N>`` and of a REST snapshot."""
    return {"lastUpdateId": update, "bids": bids, "asks": asks}


def sio_depth(update: int, bids: Sequence[Any], asks: Sequence[Any], symbol: str = "BTCUSDT") -> dict[str, Any]:
    """The shape of ``coinswitch-sio``; its time in ms is its id."""
    return {"s": symbol, "timestamp": update, "bids": bids, "asks": asks}


def sio_event(message: Any, namespace: str = "/exchange_2,", name: str = "FETCH_ORDER_BOOK_CS_PRO") -> bytes:
    """A Socket.IO packet with an event."""
    return f"42{namespace}".encode() + dump([name, message])


def hft_depth(update: int, bids: Sequence[Any], asks: Sequence[Any], symbol: str = "BTCUSDT") -> dict[str, Any]:
    """The shape of ``coinswitch-hft``: sent at ``update`` ms, from an exchange whose clock showed 2 ms less."""
    return {"t": update, "m": symbol, "b": bids, "a": asks, "e": "COINSWITCHX", "E": max(update - 2, 0)}


def diff(
    first: int,
    last: int,
    previous: int | None,
    bids: Sequence[Any] = (),
    asks: Sequence[Any] = (),
    *,
    symbol: str = "BTCUSDT",
    event_ms: int = 1_700_000_000_000,
) -> dict[str, Any]:
    """The shape of a ``depthUpdate``."""
    message: dict[str, Any] = {"e": "depthUpdate", "E": event_ms, "T": event_ms - 1, "s": symbol, "U": first, "u": last}
    if previous is not None:
        message["pu"] = previous
    return message | {"b": list(bids), "a": list(asks)}


def quote(
    update: int, bid: str, bid_size: str, ask: str, ask_size: str, symbol: str = "BTCUSDT", event_ms: int = 1
) -> dict[str, Any]:
    """The shape of a ``bookTicker``."""
    return {
        "e": "bookTicker", "u": update, "E": event_ms, "T": event_ms, "s": symbol,
        "b": bid, "B": bid_size, "a": ask, "A": ask_size,
    }  # fmt: skip


def stream(name: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"stream": name, "data": data}


class Recording:
    """A recorded stream: ``(receive_time_ns, kind, symbol, payload)`` in the order of arrival.

    ``kind`` is ``"socket"`` or ``"rest"``; the symbol of a socket message is "" (it is in the payload).
    """

    def __init__(self, path: Path, symbol: str = "") -> None:
        self.path = path
        self.symbol = symbol

    def __iter__(self) -> Iterator[tuple[int, str, str, bytes]]:
        with gzip.open(self.path, "rb") as lines:
            for line in lines:
                head, _, payload = line.rstrip(b"\r\n").partition(b" ")
                if head.isdigit():
                    rest = payload.startswith(b'{"lastUpdateId"')
                    yield int(head), "rest" if rest else "socket", self.symbol if rest else "", payload
                    continue
                url, arrow, rest_of_line = line.rstrip(b"\r\n").partition(b" -> ")
                if arrow:
                    at, _, payload = rest_of_line.partition(b": ")
                    symbol = url.split(b"symbol=")[1].split(b"&")[0].decode()
                    yield _ns(at), "rest", symbol, payload
                elif b" <-> " not in line:
                    yield _ns(head.rstrip(b":")), "socket", "", payload


def _ns(seconds: bytes) -> int:
    return int(Decimal(seconds.decode()) * 1_000_000_000)
