"""The figures and the last trades beside the ladder."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from rich.cells import cell_len

from csbook import Book, Ticker, Trade
from csbook.cli.figures import Grid
from csbook.cli.paint import DEAD, Row, width_of
from csbook.cli.pane import head, pane, trades
from csbook.cli.quoting import Own
from csbook.cli.scene import Scene


def text(rows: list[Row]) -> list[str]:
    return ["".join(piece for piece, _ in row) for row in rows]


@pytest.fixture
def grid(book: Book) -> Grid:
    grid = Grid(book)
    grid.grow(book.bid_prices_raw.tolist(), book.bid_sizes_raw.tolist())
    return grid


def scene(book: Book, trades: list[Trade] | None = None, **more: object) -> Scene:
    stats = {"latency_p50_ns": 6_120, "latency_p99_ns": 22_400}
    return Scene("", [book], trades=trades or [], stats=stats, rates={"BTCUSDT": 312.4}, **more)  # type: ignore[arg-type]


def test_the_figures(book: Book, trades: list[Trade], grid: Grid) -> None:
    said = text(pane(scene(book, trades), grid, 46, 30))
    values = {" ".join(line.split()[:-1]): line.split()[-1] for line in said[:4]}
    assert values == {
        "mid": "61800.05",
        "microprice": f"{book.microprice:.3f}",
        "imbalance": "+0.50",
        f"imbalance {5}": f"{book.imbalance(5):+.2f}",
    }
    assert said[5].split() == ["updates/s", "312"]
    assert said[6].split() == ["wire", "to", "book", "p50", "6.12", "µs"]
    assert said[7].split() == ["wire", "to", "book", "p99", "22.4", "µs"]
    assert said[9].split() == ["23:54:16.501", "▲", "buy", "61800.1", "0.012"]
    assert said[10].split() == ["23:54:16.491", "▼", "sell", "61800.0", "0.012"]


def test_numbers_stand_on_their_right_edge(book: Book, trades: list[Trade], grid: Grid) -> None:
    said = text(pane(scene(book, trades), grid, 40, 30))
    assert all(line[-2].isdigit() and line[-1] == " " for line in [*said[:4], *said[9:20]])


def test_the_day(book: Book, grid: Grid) -> None:
    nothing = dict.fromkeys(
        ("last_size", "open", "high", "low", "change", "weighted_average", "base_volume", "quote_volume")
    )
    for change, shown in (("-1.256", "-1.26 %"), ("0.5", "+0.50 %"), ("-0.001", "+0.00 %")):
        ticker = Ticker(
            "BTCUSDT", Decimal(1), **nothing, change_percent=Decimal(change), event_time_ns=0, receive_time_ns=0
        )
        assert shown in text(pane(scene(book, tickers={"BTCUSDT": ticker}), grid, 30, 30))[8]


@pytest.mark.parametrize("width", [27, 30, 36, 42, 46])
@pytest.mark.parametrize("height", [1, 2, 5, 8, 14, 40])
def test_every_size_is_filled(book: Book, trades: list[Trade], grid: Grid, width: int, height: int) -> None:
    rows = pane(scene(book, trades), grid, width, height)
    assert [width_of(row) for row in rows] == [width] * height


@pytest.mark.parametrize("width", [10, 20, 38, 56])
@pytest.mark.parametrize("height", [1, 4, 5, 8, 12, 30])
def test_the_head_is_small(book: Book, trades: list[Trade], grid: Grid, width: int, height: int) -> None:
    rows = head(scene(book, trades), grid, width, height)
    assert len(rows) < max(5, height // 2)
    assert {width_of(row) for row in rows} <= {width}


def test_a_book_that_is_not_live_has_no_colour(book: Book) -> None:
    book.clear("test")
    empty = pane(scene(book), Grid(book), 40, 20)
    assert {style for text, style in empty[0] if "-" in text} == {DEAD}


def test_a_trade_finer_than_the_book_is_shown_whole(book: Book, trades: list[Trade], grid: Grid) -> None:
    fine = Trade("BTCUSDT", 1, Decimal("61800.1"), Decimal("0.00012"), trades[0].side, 0, 0, 0)
    assert "0.00012" in text(pane(scene(book, [fine]), grid, 40, 20))[9]


def test_no_trades_no_rows(book: Book, grid: Grid) -> None:
    assert trades(scene(book), grid, 40, 5) == []


def test_what_one_has_oneself(book: Book, trades: list[Trade], grid: Grid, own: Own) -> None:
    said = text(pane(scene(book, trades, own={"BTCUSDT": own}), grid, 40, 30))
    at = next(number for number, line in enumerate(said) if line.split() == ["own"])
    values = {" ".join(line.split()[: 2 if "orders" in line else 1]): line for line in said[at + 1 : at + 7]}
    assert values["bid"].split()[1:] == ["0.010", "x", "61799.8"]
    assert values["ask"].split()[1:] == ["0.010", "x", "61800.2", "+1"]
    assert values["position"].split()[1:] == ["-0.010"]
    assert values["entry"].split()[1:] == ["61801.25"]
    assert values["P&L"].split()[1:] == ["-0.1778"]
    assert values["orders, fills"].split()[2:] == ["12,", "5"]
    assert said[at + 7].split() == ["trades,", "UTC"]


def test_it_stays_where_there_is_no_room_for_all_figures(book: Book, trades: list[Trade], grid: Grid, own: Own) -> None:
    said = text(pane(scene(book, trades, own={"BTCUSDT": own}), grid, 30, 14))
    assert any(line.startswith(" position") for line in said)
    narrow = text(head(scene(book, trades, own={"BTCUSDT": own}), grid, 56, 12))
    assert any("position -0.010" in line and "P&L -0.1778" in line for line in narrow)
    halted = text(head(scene(book, own={"BTCUSDT": replace(own, halted="x")}), grid, 56, 8))
    assert "HALTED" in halted[0]


@pytest.mark.parametrize("width", [27, 30, 46])
@pytest.mark.parametrize("height", [1, 2, 5, 8, 14, 40])
def test_every_size_is_filled_with_an_account_too(
    book: Book, trades: list[Trade], grid: Grid, own: Own, width: int, height: int
) -> None:
    rows = pane(scene(book, trades, own={"BTCUSDT": replace(own, halted="連" * 90)}), grid, width, height)
    assert [sum(cell_len(piece) for piece, _ in row) for row in rows] == [width] * height
