"""Pack a recorded Binance USD-M session into the market file that ships with csbook.

::

    python -m csbook.sim.pack SESSION.gz MARKET.xz

The session is hftbacktest's: one message per line, the receive time in ns, a space, the JSON text; the REST depth
answer is in line as a bare ``{"lastUpdateId":..}``. The result is a function of the session and of this file alone.
Kept:

* the snapshot and every depth diff that continues it (the first has U <= L <= u, then pu is the u before; a gap is
  refused);
* of their levels, those that are among the best ``DEPTH`` of their side at some moment while their size holds. What
  is left out was changed or deleted again before it came that near, so a book rebuilt from the result has, after
  every single diff, the same best ``DEPTH`` levels as a book rebuilt from the session;
* every trade from the snapshot on: times, id, price, size, maker flag.

Left out besides: bookTicker, receive times, U and pu (checked here), the order of levels within a message, and X, the
order type.
"""

from __future__ import annotations

import gzip
import json
import lzma
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from struct import pack as pack_struct
from typing import Any

from sortedcontainers import SortedDict

from csbook.errors import BadMessage, UsageError
from csbook.sim.recording import FORMAT, load

__all__ = ["DEPTH", "main", "pack"]

DEPTH = 100
PRICE_DECIMALS = 2
TICK = 10  # of the last price decimal
SIZE_DECIMALS = 3
NEVER = 1 << 62

Level = tuple[int, int]


@dataclass(slots=True)
class _Said:
    """One level of one message."""

    message: int
    key: int  # the price in ticks; bids negative, so that the best key is the lowest on both sides
    size: int
    seen: bool = False


def pack(lines: Iterable[bytes], depth: int = DEPTH) -> bytes:
    """The packed market of a session's lines."""
    snapshot, diffs, trades = _read(lines)
    messages = [snapshot, *diffs]
    start_ms = snapshot["E"]
    columns: dict[str, list[int]] = {
        "change_ms": _steps([m["E"] - start_ms for m in messages]),
        "change_id": _steps([m["u"] - snapshot["u"] for m in messages]),
    }
    for side, field, sign in (("bid", "b", -1), ("ask", "a", 1)):
        kept = _visible([m[field] for m in messages], sign, depth)
        levels = [level for message in kept for level in message]
        columns[f"change_{side}s"] = [len(message) for message in kept]
        columns[f"{side}_price"] = _zigzag_steps([price for price, _ in levels])
        columns[f"{side}_size"] = [size for _, size in levels]
    columns["trade_ms"] = _steps([t["E"] - start_ms for t in trades])
    columns["trade_lag"] = [t["E"] - t["T"] for t in trades]
    columns["trade_price"] = _zigzag_steps([_ticks(t["p"]) for t in trades])
    columns["trade_size"] = [_units(t["q"], SIZE_DECIMALS) for t in trades]
    columns["trade_maker"] = [int(t["m"]) for t in trades]
    head = {
        "format": FORMAT,
        "symbol": trades[0]["s"],
        "price_decimals": PRICE_DECIMALS,
        "tick": TICK,
        "size_decimals": SIZE_DECIMALS,
        "depth": depth,
        "started_ms": start_ms,
        "first_update_id": snapshot["u"],
        "first_trade_id": trades[0]["t"],
    }
    return _compress(head, columns)


def _read(lines: Iterable[bytes]) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """The snapshot, the diffs that continue it, and the trades from then on."""
    snapshot: dict[str, Any] = {}
    diffs: list[dict[str, Any]] = []
    trades: list[dict[str, Any]] = []
    for line in lines:
        message = json.loads(line.split(b" ", 1)[1])
        if "lastUpdateId" in message:
            if snapshot:
                raise BadMessage("the session has two snapshots")
            snapshot = {"E": message["E"], "u": message["lastUpdateId"], "b": message["bids"], "a": message["asks"]}
        elif message["data"]["e"] == "depthUpdate":
            diffs.append(message["data"])
        elif message["data"]["e"] == "trade":
            trades.append(message["data"])
    if not snapshot:
        raise BadMessage("the session has no snapshot")
    diffs = [d for d in diffs if d["u"] >= snapshot["u"]]
    trades = [t for t in trades if t["E"] >= snapshot["E"]]
    if not diffs or not trades:
        raise BadMessage("the session has no diffs or no trades behind its snapshot")
    if not diffs[0]["U"] <= snapshot["u"] <= diffs[0]["u"]:
        raise BadMessage("no diff joins the snapshot")
    for before, after in pairwise(diffs):
        if after["pu"] != before["u"] or after["E"] < before["E"]:
            raise BadMessage(f"a gap in the diffs after update {before['u']}")
    for before, after in pairwise(trades):
        if after["t"] != before["t"] + 1 or after["E"] < before["E"]:
            raise BadMessage(f"a gap in the trades after trade {before['t']}")
    return snapshot, diffs, trades


def _visible(messages: list[list[list[str]]], sign: int, depth: int) -> list[list[Level]]:
    """Of each message the levels that matter to the best ``depth`` levels at any time, best first."""
    said: list[_Said] = []
    newest: SortedDict[int, _Said] = SortedDict()  # of every price ever named, deleted ones too
    book: SortedDict[int, int] = SortedDict()
    for number, levels in enumerate(messages):
        keys = set()
        for price, size in levels:
            level = _Said(number, sign * _ticks(price), _units(size, SIZE_DECIMALS))
            if level.key in keys:
                raise BadMessage(f"price {price} stands twice in one message")
            keys.add(level.key)
            said.append(level)
            newest[level.key] = level
            if level.size:
                book[level.key] = level.size
            else:
                book.pop(level.key, None)
        edge = book.keys()[depth - 1] if len(book) >= depth else NEVER
        for key in newest.irange(maximum=edge):
            newest[key].seen = True
    kept: list[list[Level]] = [[] for _ in messages]
    for level in sorted(said, key=lambda level: level.key):
        if level.seen:
            kept[level.message].append((sign * level.key, level.size))
    return kept


def _units(text: str, decimals: int) -> int:
    """Decimal text as a count of its last decimal; text that would not come back as it was is refused."""
    whole, _, part = text.partition(".")
    if len(part) != decimals or not (whole + part).isdigit() or (len(whole) > 1 and whole[0] == "0"):
        raise BadMessage(f"{text!r} is not written with {decimals} decimals")
    return int(whole + part)


def _ticks(text: str) -> int:
    ticks, rest = divmod(_units(text, PRICE_DECIMALS), TICK)
    if rest:
        raise BadMessage(f"price {text} is off the tick")
    return ticks


def _steps(values: list[int]) -> list[int]:
    return [after - before for before, after in pairwise([0, *values])]


def _zigzag_steps(values: list[int]) -> list[int]:
    return [step * 2 if step >= 0 else -step * 2 - 1 for step in _steps(values)]


def _compress(head: dict[str, Any], columns: dict[str, list[int]]) -> bytes:
    table = []
    body = []
    for name, values in columns.items():
        planes = max(1, (max(values, default=0).bit_length() + 7) // 8)
        wide = pack_struct(f"<{len(values)}I", *values)
        table.append([name, len(values), planes])
        body += [wide[plane::4] for plane in range(planes)]
    line = json.dumps({**head, "columns": table}, separators=(",", ":")).encode() + b"\n"
    # columns of bytes: no literal context, no alignment
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 0, "pb": 0}]
    return lzma.compress(line + b"".join(body), format=lzma.FORMAT_XZ, filters=filters)


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        yield from file


def main(arguments: list[str]) -> None:
    """The command line: SESSION.gz MARKET.xz."""
    if len(arguments) != 2:
        raise UsageError("usage: python -m csbook.sim.pack SESSION.gz MARKET.xz")
    source, target = map(Path, arguments)
    packed = pack(_lines(source))
    market = load(packed)
    target.write_bytes(packed)
    print(
        f"{target}: {len(packed):,} bytes, {market.span_ms / 1000:.1f} s of {market.symbol}, "
        f"{len(market.changes):,} depth messages, {len(market.deals):,} trades"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
