"""The packed market: a recorded session as columns of integers in one xz file.

The layout, written by ``pack.py`` and read here and nowhere else. The xz stream holds one line of JSON (the head:
what the market is, and a table of columns as ``[name, count, planes]``), then the columns in the table's order. A
column is ``count`` unsigned integers; its bytes stand in planes, all lowest bytes first, then all second bytes and so
on, because like bytes compress well together. Times and ids are differences to the entry before; prices are
differences too, zigzag coded (0, -1, 1, -2 ... as 0, 1, 2, 3 ...), and count ticks; sizes count the last decimal.

Change 0 is the venue's snapshot, the others are its depth diffs in order; a size of 0 deletes the level. Nothing is
rounded: the venue's decimal text is ``textbook.decimal_text`` of ``price * tick`` and of the size.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import accumulate, islice
from struct import unpack

from csbook.errors import BadMessage

__all__ = ["FORMAT", "Change", "Deal", "Recording", "load", "packaged"]

FORMAT = "csbook-market 1"

Levels = list[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Change:
    """One depth message of the session: levels as (price in ticks, size in its last decimal), best first."""

    at_ms: int  # event time, since the snapshot
    update_id: int
    bids: Levels
    asks: Levels


@dataclass(frozen=True, slots=True)
class Deal:
    """One public trade of the session."""

    at_ms: int  # event time, since the snapshot
    lag_ms: int  # event time minus trade time
    id: int
    price: int  # in ticks
    size: int
    buyer_is_maker: bool


@dataclass(frozen=True, slots=True)
class Recording:
    """A whole session in memory. ``order`` is how the session is replayed; change 0, the snapshot, is not in it."""

    symbol: str
    price_decimals: int
    tick: int  # of the last price decimal
    size_decimals: int
    depth: int  # a book rebuilt from the changes is exact down to this many levels a side
    started_ms: int  # when the snapshot was taken, ms since the epoch
    span_ms: int  # after so long the session starts over
    changes: list[Change] = field(repr=False)
    deals: list[Deal] = field(repr=False)
    order: list[Change | Deal] = field(repr=False)  # by time; a trade stands before the change that shows it


@cache
def packaged() -> Recording:
    """The market that ships with csbook, decoded once a process. See ORIGIN.md for where it comes from."""
    return load(files("csbook.sim").joinpath("btcusdt.xz").read_bytes())


def load(packed: bytes) -> Recording:
    """Decode a packed market. Raises BadMessage for anything that ``pack.py`` did not write."""
    try:
        content = lzma.decompress(packed, format=lzma.FORMAT_XZ)
        line, _, body = content.partition(b"\n")
        head = json.loads(line)
        if head["format"] != FORMAT:
            raise ValueError(f"format {head['format']!r}")
        return _decode(head, _columns(head["columns"], body))
    except (lzma.LZMAError, ValueError, KeyError, TypeError) as error:
        raise BadMessage(f"not a packed market of the format {FORMAT!r}: {error}") from error


def _columns(table: list[tuple[str, int, int]], body: bytes) -> dict[str, tuple[int, ...]]:
    columns: dict[str, tuple[int, ...]] = {}
    start = 0
    for name, count, planes in table:
        if len(body) - start < count * planes:
            raise ValueError(f"column {name!r} is cut short")
        wide = bytearray(4 * count)
        for plane in range(planes):
            wide[plane::4] = body[start : start + count]
            start += count
        columns[name] = unpack(f"<{count}I", wide)
    if start != len(body):
        raise ValueError("bytes behind the last column")
    return columns


def _decode(head: dict[str, int | str], columns: dict[str, tuple[int, ...]]) -> Recording:
    first_update = int(head["first_update_id"])
    changes = [
        Change(at_ms, first_update + behind, bids, asks)
        for at_ms, behind, bids, asks in zip(
            accumulate(columns["change_ms"]),
            accumulate(columns["change_id"]),
            _levels(columns, "bid"),
            _levels(columns, "ask"),
            strict=True,
        )
    ]
    first_id = int(head["first_trade_id"])
    deals = [
        Deal(at_ms, lag, first_id + at, price, size, bool(maker))
        for at, (at_ms, lag, price, size, maker) in enumerate(
            zip(
                accumulate(columns["trade_ms"]),
                columns["trade_lag"],
                accumulate(_unzigzag(v) for v in columns["trade_price"]),
                columns["trade_size"],
                columns["trade_maker"],
                strict=True,
            )
        )
    ]
    order: list[Change | Deal] = [*deals, *changes[1:]]
    order.sort(key=lambda event: event.at_ms)  # stable: at the same time trades stay in front
    return Recording(
        symbol=str(head["symbol"]),
        price_decimals=int(head["price_decimals"]),
        tick=int(head["tick"]),
        size_decimals=int(head["size_decimals"]),
        depth=int(head["depth"]),
        started_ms=int(head["started_ms"]),
        span_ms=order[-1].at_ms + 50 if order else 50,
        changes=changes,
        deals=deals,
        order=order,
    )


def _levels(columns: dict[str, tuple[int, ...]], side: str) -> list[Levels]:
    prices = accumulate(_unzigzag(v) for v in columns[f"{side}_price"])
    levels = zip(prices, columns[f"{side}_size"], strict=True)
    return [list(islice(levels, count)) for count in columns[f"change_{side}s"]]


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
