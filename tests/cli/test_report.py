"""Plain lines and the summary."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from csbook import Book, State
from csbook.cli import report
from csbook.cli.quoting import Own
from csbook.cli.scene import Move, Scene

STATS = {
    "messages": 12345,
    "updates": 400,
    "gaps": 1,
    "reconnects": 2,
    "refused": 3,
    "declined": 4,
    "latency_p50_ns": 6120,
    "latency_p99_ns": 22400,
    "reader": "pointer",
    "bytes": 1,
}


def test_the_summary_is_strict_json(book: Book) -> None:
    found = json.loads(
        report.as_json(report.summary(STATS, [book, Book("NEWUSDT")])), parse_constant=lambda name: pytest.fail(name)
    )
    assert set(found) == {*report.COUNTERS, "books"}
    assert {name: found[name] for name in report.COUNTERS} == {name: STATS[name] for name in report.COUNTERS}
    assert found["books"]["BTCUSDT"] == {
        "state": "LIVE",
        "bid": 61800.0,
        "bid_size": 1.5,
        "ask": 61800.1,
        "ask_size": 0.5,
        "sequence": 7,
    }
    nothing = {"state": "EMPTY", "bid": None, "bid_size": None, "ask": None, "ask_size": None, "sequence": 0}
    assert found["books"]["NEWUSDT"] == nothing


def test_a_summary_of_nothing_has_every_counter() -> None:
    assert report.summary({}, []) == {**dict.fromkeys(report.COUNTERS, 0), "books": {}}


def test_a_line_a_symbol(book: Book) -> None:
    scene = Scene("", [book, Book("NEWUSDT")], rates={"BTCUSDT": 19.2}, stats=STATS)
    said = report.Lines().of(scene, 1723161256_501_000_000)
    assert said == [
        "23:54:16 BTCUSDT LIVE     bid 61800.0 x 1.5    ask 61800.1 x 0.5  "
        "  spread 0.016 bps  19 updates/s  p50 6.12 us",
        "23:54:16 NEWUSDT EMPTY    bid -  ask -  spread - bps  - updates/s  p50 6.12 us",
    ]


def test_a_move_is_a_line_without_power_over_the_terminal() -> None:
    move = Move(0, "BTCUSDT", State.LIVE, State.STALE, "closed: \x1b[2J")
    assert report.moved(move) == "00:00:00 BTCUSDT LIVE -> STALE: closed: ?[2J"


def test_the_summary_told(book: Book) -> None:
    assert report.told(report.summary(STATS, [book, Book("NEWUSDT")]), 5.04) == [
        "5.0 s: messages 12,345, updates 400, gaps 1, reconnects 2, refused 3, declined 4",
        "wire to book: p50 6.12 us, p99 22.4 us",
        "BTCUSDT LIVE: bid 61800 x 1.5, ask 61800.1 x 0.5, sequence 7",
        "NEWUSDT EMPTY: bid -, ask -, sequence 0",
    ]


def test_the_summary_of_a_maker(book: Book, own: Own) -> None:
    found = json.loads(report.as_json(report.summary(STATS, [book], {"BTCUSDT": own})))
    more = {name: value for name, value in found.items() if name not in {*report.COUNTERS, "books"}}
    assert more == {
        "symbol": "BTCUSDT",
        "orders": 12,
        "fills": 5,
        "open_orders": {"bids": [["61799.8", "0.010"]], "asks": [["61800.2", "0.010"], ["61900", "0.020"]]},
        "position": "-0.010",
        "entry_price": "61801.25",
        "pnl": "-0.17780",
        "halted": None,
    }
    told = report.told(report.summary(STATS, [book], {"BTCUSDT": replace(own, halted="enough\x1b")}), 5.0)
    assert told[-2:] == [
        "BTCUSDT own: orders 12, fills 5, position -0.010, P&L -0.17780",
        "halted: enough?",
    ]


def test_a_line_of_a_maker(book: Book, own: Own) -> None:
    scene = Scene("", [book], stats=STATS, own={"BTCUSDT": replace(own, halted="enough")})
    assert report.Lines().of(scene, 0)[1] == (
        "00:00:00 BTCUSDT own      bid 0.010 x 61799.8  ask 0.010 x 61800.2 +1  position -0.010  P&L -0.1778"
        "  orders 12  fills 5  HALTED: enough"
    )
