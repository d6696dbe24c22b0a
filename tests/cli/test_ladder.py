"""The picture: what stands where, in every size, and in red when the book is not LIVE."""

from __future__ import annotations

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from csbook import Book, Router, Trade
from csbook.cli.ladder import Ladder
from csbook.cli.paint import ALARM, BAD, BUY_TOUCH, DEAD, EDGE, GOOD, OWN, SELL_TOUCH, width_of
from csbook.cli.quoting import Own
from csbook.cli.scene import Scene

SIZES = [(120, 40), (100, 30), (80, 24), (60, 15), (58, 8), (57, 20), (40, 10), (30, 8), (12, 5), (11, 4), (1, 1)]


def other(symbol: str) -> Book:
    book = Book(symbol)
    book.apply_snapshot([["2472.160", "51.8"]], [["2472.164", "16.55"]])
    return book


def drawn(scene: Scene, width: int, height: int, ladder: Ladder | None = None, **more: object) -> list[str]:
    console = Console(width=width, height=height, record=True, file=io.StringIO(), **more)  # type: ignore[arg-type]
    console.print((ladder or Ladder()).frame(scene), end="")
    return console.export_text().split("\n")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 9])
def test_every_size_is_filled(book: Book, trades: list[Trade], size: tuple[int, int], count: int) -> None:
    books = [book, *(other(f"S{at}USDT") for at in range(count - 1))]
    for shown in {0, count - 1}:
        scene = Scene("coinswitch ws://127.0.0.1:1", books, shown, trades, hint="tab next  q quit")
        rows = Ladder().rows(scene, *size)
        assert [width_of(row) for row in rows] == [size[0]] * size[1]
        assert [len(line) for line in drawn(scene, *size)] == [size[0]] * size[1]


@pytest.mark.parametrize("size", SIZES)
def test_an_empty_book_is_no_trouble(size: tuple[int, int]) -> None:
    lines = drawn(Scene("", [Book("NEWUSDT")]), *size)
    assert [len(line) for line in lines] == [size[0]] * size[1]
    if size[0] >= 30:
        assert "EMPTY" in lines[0]


def test_asks_above_bids_below_the_touch_in_the_middle(book: Book, trades: list[Trade]) -> None:
    lines = drawn(Scene("coinswitch ws://127.0.0.1:1", [book], 0, trades), 100, 30)
    prices = [float(line.split()[1]) for line in lines if line.startswith("│▸")]
    assert prices == [61800.1, 61800.0]
    middle = next(at for at, line in enumerate(lines) if "spread 0.1" in line)
    assert "0.016 bps" in lines[middle]
    assert "│▸ 61800.1" in lines[middle - 1]
    assert "│▸ 61800.0" in lines[middle + 1]
    above = [float(line[2:10]) for line in lines[middle - 10 : middle]]
    below = [float(line[2:10]) for line in lines[middle + 1 : middle + 11]]
    assert above == [pytest.approx(61801.0 - at / 10) for at in range(10)]
    assert below == [pytest.approx(61800.0 - at / 10) for at in range(10)]
    assert "LIVE" in lines[0]
    assert "age" in lines[0]
    assert "coinswitch ws://127.0.0.1:1" in lines[0]


def test_totals_add_up(book: Book) -> None:
    lines = drawn(Scene("", [book]), 120, 40)
    columns = [line[1:].replace("▸", " ").split()[:3] for line in lines if "61800.0 " in line or "61799.9 " in line]
    assert columns == [["61800.0", "1.5", "1.5"], ["61799.9", "2.5", "4.0"]]


def test_columns_stand_on_their_right_edge_and_stay_there(book: Book) -> None:
    ladder = Ladder()
    before = drawn(Scene("", [book]), 100, 30, ladder)
    book.apply_delta([["61800.0", "1"]], [["61800.1", "12345.5"]])
    after = drawn(Scene("", [book]), 100, 30, ladder)
    book.apply_delta([], [["61800.1", "1"]])
    back = drawn(Scene("", [book]), 100, 30, ladder)
    heading = after[1].index("size") + 4
    assert all(line[heading - 1].isdigit() for line in after if "▸" in line)
    assert after[1].index("size") > before[1].index("size")
    assert back[1] == after[1]


def test_live_is_calm_and_everything_else_is_red(book: Book, trades: list[Trade]) -> None:
    scene = Scene("", [book], 0, trades)
    styles = {style for row in Ladder().rows(scene, 100, 30) for _, style in row}
    assert {GOOD, EDGE, BUY_TOUCH, SELL_TOUCH} <= styles
    assert not {BAD, ALARM, DEAD} & styles

    router = Router("coinswitch", [book])
    router.disconnected(reason="connection lost")
    assert book.state.name == "STALE"
    scene = Scene("", [book], 0, trades, reasons={"BTCUSDT": "connection lost"})
    rows = Ladder().rows(scene, 100, 30)
    styles = {style for row in rows for _, style in row}
    assert {BAD, ALARM, DEAD} <= styles
    assert not {GOOD, EDGE, BUY_TOUCH, SELL_TOUCH} & styles
    assert {style for row in rows for text, style in row if "61800" in text} == {DEAD}
    lines = drawn(scene, 100, 30)
    assert "STALE" in lines[0]
    assert any("STALE  connection lost" in line for line in lines[1:])


def test_colours_reach_the_terminal_and_no_color_keeps_them_away(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    def raw() -> str:
        out = io.StringIO()
        console = Console(width=100, height=30, file=out, force_terminal=True, color_system="truecolor")
        console.print(Ladder().frame(Scene("", [book])), end="")
        return out.getvalue()

    assert "38;2;22;199;132" in raw()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "38;2;" not in raw()
    assert "▸ 61800.0" in raw()


def test_a_terminal_of_ascii(book: Book, trades: list[Trade]) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    scene = Scene("coinswitch é", [book, other("ETHUSDT")], 0, trades, stats={"latency_p50_ns": 6000})
    Console(width=100, height=30, file=out).print(Ladder().frame(scene), end="")
    out.flush()
    assert b"> 61800.0" in out.buffer.getvalue()  # type: ignore[attr-defined]


def test_the_strip_names_every_symbol_and_marks_the_shown_one(book: Book) -> None:
    books = [book, other("ETHUSDT"), Book("NEWUSDT")]
    lines = drawn(Scene("", books, 1, rates={"BTCUSDT": 19.0}), 100, 30)
    assert lines[1].split()[:4] == ["│", "1", "BTCUSDT", "LIVE"]
    assert lines[2].startswith("│▸ 2 ETHUSDT  LIVE")
    assert {"51.80", "2472.160", "2472.164", "16.55"} <= set(lines[2].split())
    assert lines[3].startswith("│  3 NEWUSDT  EMPTY")
    assert "19/s" in lines[1]
    assert "ETHUSDT" in lines[0]


def test_a_narrow_strip_keeps_what_matters(book: Book) -> None:
    lines = drawn(Scene("", [book, other("ETHUSDT")]), 58, 20)
    assert {"BTCUSDT", "LIVE", "61800.0", "61800.1"} <= set(lines[1].split())


def test_what_the_venue_says_cannot_move_the_cursor(book: Book) -> None:
    router = Router("coinswitch", [book])
    router.disconnected(reason="\x1b[2J連接\n")
    scene = Scene("\x1b]0;title\x07", [book], reasons={"BTCUSDT": "\x1b[2J連接\n"})
    rows = Ladder().rows(scene, 100, 30)
    assert not [text for row in rows for text, _ in row if not text.isprintable()]
    assert any("連接" in text for row in rows for text, _ in row)


def test_counters_that_tell_of_trouble_are_red(book: Book) -> None:
    rows = Ladder().rows(Scene("", [book], stats={"messages": 12345, "refused": 2}), 100, 30)
    bottom = {text.strip(): style for text, style in rows[-1]}
    assert bottom["refused 2"] is ALARM
    assert bottom["messages 12,345"] is not ALARM


def test_a_changed_size_is_bold_once(book: Book) -> None:
    ladder = Ladder()

    def bold() -> list[str]:
        rows = ladder.rows(Scene("", [book]), 100, 30)
        return [row[1][0].strip() for row in rows if row[1][0].startswith("  61") and row[2][1].bold]

    bold()
    assert bold() == []
    book.apply_delta([["61799.9", "9"]], [])
    assert bold() == ["61799.9"]
    assert bold() == []


def test_a_frame_is_cheap(book: Book, trades: list[Trade]) -> None:
    """Well under the 10 ms that a tenth of a second can spare, on a machine that does other things as well."""
    console = Console(width=120, height=40, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    ladder, scene = Ladder(), Scene("x", [book, other("ETHUSDT")], 0, trades)
    best = 1.0
    for _ in range(30):
        began = time.perf_counter()
        console.print(ladder.frame(scene), end="", crop=False)
        best = min(best, time.perf_counter() - began)
    assert best < 0.010


def test_own_sizes_stand_beside_the_levels(book: Book, trades: list[Trade], own: Own) -> None:
    lines = drawn(Scene("", [book], 0, trades, own={"BTCUSDT": own}), 120, 40)
    heading = next(line for line in lines if "price" in line)
    column = heading.index("own")
    shown = {line.split()[1]: line[: column + 3].split()[-1] for line in lines if " 0.01 " in line[: column + 4]}
    assert shown == {"61800.2": "0.01", "61799.8": "0.01"}
    assert heading.index("size") < column < heading.index("total")
    rows = Ladder().rows(Scene("", [book], 0, trades, own={"BTCUSDT": own}), 120, 40)
    assert [text.strip() for row in rows for text, style in row[:4] if style is OWN and text.strip()] == ["0.01"] * 2
    without = drawn(Scene("", [book], 0, trades), 120, 40)
    assert not any(" own " in line for line in without)


def test_an_own_price_that_the_book_does_not_have_yet_makes_no_level(book: Book, own: Own) -> None:
    late = replace(own, bids=[], asks=own.asks[1:])
    lines = drawn(Scene("", [book], own={"BTCUSDT": late}), 120, 40)
    assert not any(line.startswith("│  61900") for line in lines)


def test_halted_is_red_and_beside_the_state(book: Book, trades: list[Trade], own: Own) -> None:
    scene = Scene("x", [book], 0, trades, own={"BTCUSDT": replace(own, halted="by hand")})
    lines = drawn(scene, 100, 30)
    assert "HALTED ─ LIVE" in lines[0]
    assert any("HALTED  by hand" in line for line in lines[1:])
    assert [style for text, style in Ladder().rows(scene, 100, 30)[0] if "HALTED" in text] == [BAD]
    assert "HALTED" not in drawn(Scene("x", [book], own={"BTCUSDT": own}), 100, 30)[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("halted", [None, "x" * 200])
def test_every_size_is_filled_with_an_account_too(
    book: Book, trades: list[Trade], own: Own, size: tuple[int, int], halted: str | None
) -> None:
    scene = Scene("a title", [book], 0, trades, own={"BTCUSDT": replace(own, halted=halted)}, hint="h halt  q quit")
    assert [width_of(row) for row in Ladder().rows(scene, *size)] == [size[0]] * size[1]
    assert [len(line) for line in drawn(scene, *size)] == [size[0]] * size[1]
