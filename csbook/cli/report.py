"""What is said where there is no screen: a line now and then, and a summary at the end, for people or as JSON.

The JSON summary is a contract: counters in lower case, the state of a book in capitals, null where there is no number.
Plain lines are ASCII and end when a pipe wants no more of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from csbook._core import Book
from csbook.cli import figures
from csbook.cli.figures import Grid
from csbook.cli.quoting import Level, Own, held, profit, quote
from csbook.cli.scene import Move, Scene

__all__ = ["COUNTERS", "Lines", "as_json", "moved", "summary", "told"]

COUNTERS = ("messages", "updates", "gaps", "reconnects", "refused", "declined", "latency_p50_ns", "latency_p99_ns")


def summary(
    stats: Mapping[str, int | str], books: Iterable[Book], own: Mapping[str, Own] | None = None
) -> dict[str, Any]:
    """The counters of a feed and the touch of its books, as they are now; ``own``: of the maker's one symbol."""
    found: dict[str, Any] = {name: int(stats.get(name, 0)) for name in COUNTERS}
    found["books"] = {book.symbol: _touch(book) for book in books}
    for symbol, mine in (own or {}).items():
        found |= {
            "symbol": symbol,
            "orders": mine.orders,
            "fills": mine.fills,
            "open_orders": {"bids": _levels(mine.bids), "asks": _levels(mine.asks)},
            "position": f"{mine.position:f}",
            "entry_price": None if mine.entry is None else f"{mine.entry:f}",
            "pnl": None if mine.pnl is None else f"{mine.pnl:f}",
            "halted": mine.halted,
        }
    return found


def _levels(levels: Sequence[Level]) -> list[list[str]]:
    return [[f"{price:f}", f"{size:f}"] for price, size in levels]


def _touch(book: Book) -> dict[str, Any]:
    top = book.top()
    return {
        "state": top.state.name,
        "bid": _number(top.bid),
        "bid_size": _number(top.bid_size),
        "ask": _number(top.ask),
        "ask_size": _number(top.ask_size),
        "sequence": top.sequence,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def as_json(value: Mapping[str, Any]) -> str:
    """One line of strict JSON."""
    return json.dumps(value, allow_nan=False, separators=(", ", ": "))


class Lines:
    """Plain lines for a log. Keeps the columns in place from one to the next."""

    def __init__(self) -> None:
        self._grids: dict[str, Grid] = {}

    def of(self, scene: Scene, time_ns: int) -> list[str]:
        """A line a symbol."""
        time = figures.clock_time(time_ns, millis=False)
        width = max(len(book.symbol) for book in scene.books)
        p50 = figures.duration(int(scene.stats.get("latency_p50_ns", 0)))
        said: list[str] = []
        for book in scene.books:
            bid, ask = self._sides(book)
            bps = figures.quantity(book.spread / book.mid * 1e4 if book.mid else math.nan, 3)
            rate = figures.quantity(scene.rates.get(book.symbol), 0)
            said.append(
                f"{time} {book.symbol:<{width}} {book.state.name:<7}  bid {bid}  ask {ask}"
                f"  spread {bps} bps  {rate} updates/s  p50 {p50}"
            )
            own = scene.own.get(book.symbol)
            if own is not None:
                said.append(f"{time} {book.symbol:<{width}} {_told(own)}")
        return said

    def _sides(self, book: Book) -> tuple[str, str]:
        grid = self._grids.get(book.symbol)
        if grid is None:
            grid = self._grids[book.symbol] = Grid(book)
        top = book.top()
        grid.grow(
            [raw for raw in (top.bid_raw, top.ask_raw) if raw],
            [raw for raw in (top.bid_size_raw, top.ask_size_raw) if raw],
        )

        def side(price: int, size: int) -> str:
            if not price:
                return figures.NOTHING
            return f"{grid.price(price):>{grid.price_width}} x {grid.size(size):<{grid.size_width}}"

        return side(top.bid_raw, top.bid_size_raw), side(top.ask_raw, top.ask_size_raw)


def _told(own: Own) -> str:
    halted = "" if own.halted is None else f"  HALTED: {figures.printable(own.halted)}"
    return (
        f"own      bid {quote(own.bids)}  ask {quote(own.asks)}  position {held(own)}  P&L {profit(own)}"
        f"  orders {figures.count(own.orders)}  fills {figures.count(own.fills)}{halted}"
    )


def moved(move: Move) -> str:
    """A line for a change of state."""
    time = figures.clock_time(move.time_ns, millis=False)
    return f"{time} {move.symbol} {move.old.name} -> {move.new.name}: {figures.printable(move.reason)}"


def told(found: Mapping[str, Any], seconds: float) -> list[str]:
    """The summary for a person, in lines."""
    counters = [f"{name} {figures.count(found[name])}" for name in COUNTERS if not name.endswith("_ns")]
    p50, p99 = figures.duration(found["latency_p50_ns"]), figures.duration(found["latency_p99_ns"])
    said = [f"{seconds:.1f} s: {', '.join(counters)}", f"wire to book: p50 {p50}, p99 {p99}"]
    for symbol, book in found["books"].items():
        bid = f"{book['bid']:.12g} x {book['bid_size']:.12g}" if book["bid"] is not None else figures.NOTHING
        ask = f"{book['ask']:.12g} x {book['ask_size']:.12g}" if book["ask"] is not None else figures.NOTHING
        said.append(f"{symbol} {book['state']}: bid {bid}, ask {ask}, sequence {book['sequence']}")
    if "orders" in found:
        said.append(
            f"{found['symbol']} own: orders {figures.count(found['orders'])}, fills {figures.count(found['fills'])}, "
            f"position {found['position']}, P&L {found['pnl'] or figures.NOTHING}"
        )
        if found["halted"] is not None:
            said.append(f"halted: {figures.printable(found['halted'])}")
    return said
