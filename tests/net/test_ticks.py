from __future__ import annotations

from decimal import Decimal
from math import inf

from csbook import Book
from csbook.net.taps import Taps
from csbook.net.ticks import TickWatch
from csbook.net.timing import Timing
from csbook.types import Alert, Instrument


class Bench:
    def __init__(self, *symbols: str) -> None:
        self.books = {symbol: Book(symbol, price_decimals=3) for symbol in symbols}
        self.instruments: dict[str, Instrument] = {}
        self.alerts: list[Alert] = []
        taps = Taps()
        taps.on_alert.append(self.alerts.append)
        self.watch = TickWatch(self.books, self.instruments, period=4.0, taps=taps, timing=Timing())

    def learn(self, symbol: str, tick: str = "0.1") -> None:
        self.instruments[symbol] = Instrument(symbol, tick=Decimal(tick), lot=Decimal(1))

    def set(self, symbol: str, bid: str, ask: str) -> None:
        self.books[symbol].apply_snapshot([[bid, "1"]], [[ask, "1"]])


async def test_nothing_is_due_where_no_rules_are_known() -> None:
    bench = Bench("A", "B")
    assert bench.watch.due(5.0) == inf
    await bench.watch.run(5.0)
    bench.learn("A")
    assert bench.watch.due(6.0) == 5.0 + 4.0
    bench.learn("B")
    assert bench.watch.due(6.0) == 5.0 + 2.0  # each within the period


async def test_each_book_has_its_turn_and_is_told_of_once() -> None:
    bench = Bench("A", "B", "C")
    for symbol in "AB":
        bench.learn(symbol)
    for symbol in "ABC":
        bench.set(symbol, "100.05", "101")
    for at in range(4):
        await bench.watch.run(float(at))
    assert bench.watch.off_grid == 2
    assert sorted(alert.text[:27] for alert in bench.alerts) == [
        "A: the price 100.05 is off ",
        "B: the price 100.05 is off ",
    ]
    bench.set("A", "100.06", "101.01")
    for at in range(2):
        await bench.watch.run(float(at))
    assert bench.watch.off_grid == 4 and len(bench.alerts) == 2
    assert {alert.kind for alert in bench.alerts} == {"schema"}


def test_a_book_that_did_not_change_is_not_looked_at_again() -> None:
    bench = Bench("A")
    bench.learn("A")
    bench.set("A", "100.1", "101")
    bench.watch.look("A")
    bench.learn("A", "0.3")  # a grid is learned once
    bench.watch.look("A")
    bench.set("A", "100.2", "101")
    bench.watch.look("A")
    assert bench.watch.off_grid == 0
    bench.set("A", "100.25", "101")
    bench.watch.look("A")
    assert bench.watch.off_grid == 1
