"""Beside the ladder: the figures of a book, what one has oneself, and the last trades. Pure, as the ladder is.

Where there is no room for a pane the same figures stand above the ladder in a line or two.
"""

from __future__ import annotations

from rich.style import Style

from csbook.cli import figures, paint
from csbook.cli.figures import Grid
from csbook.cli.paint import BAD, DEAD, LABEL, OWN, PLAIN, QUIET, STRONG, Row, fill
from csbook.cli.quoting import Own, held, profit, quote
from csbook.cli.scene import Scene
from csbook.exact import decimals_of
from csbook.types import Side, State, Trade

__all__ = ["head", "pane"]

NEAR_LEVELS = 5  # of the second imbalance
SHORT = (1, 3, 5, 6, 7)  # the figures that stay where there is no room for all
MILLIS_FROM = 36  # columns
WORD_FROM = 42


def pane(scene: Scene, grid: Grid, width: int, height: int) -> list[Row]:
    """Figures, one's own, then the last trades: so many rows of so many cells."""
    rows = _figures(scene, grid, width)
    own = scene.own.get(scene.book.symbol)
    mine = [] if own is None else _own(own, grid, width)
    if height < len(rows) + len(mine) + 6:
        rows = [rows[at] for at in SHORT]
    rows = (rows + mine)[:height]
    if height - len(rows) >= 2:
        rows.append(fill([(" trades, UTC", QUIET)], width))
        rows += trades(scene, grid, width, height - len(rows))
    rows += [fill([], width) for _ in range(height - len(rows))]
    return rows


def head(scene: Scene, grid: Grid, width: int, height: int) -> list[Row]:
    """The same where only a few rows can be given to it; none of a ladder of less than five."""
    if height < 5:
        return []
    book, value = scene.book, _value_style(scene)
    first = [
        ("micro", figures.quantity(book.microprice, grid.price_decimals + 2), value),
        ("imb", figures.quantity(book.imbalance(NEAR_LEVELS), 2, signed=True), value),
    ]
    second = [
        ("upd/s", figures.quantity(scene.rates.get(book.symbol), 0), STRONG),
        ("p50", _latency(scene, "latency_p50_ns"), STRONG),
        ("p99", _latency(scene, "latency_p99_ns"), STRONG),
    ]
    own = scene.own.get(book.symbol)
    mine = [] if own is None else [paint.line(_told(own), width)]
    if height < 9:
        return mine or [paint.line([*first, *second], width)]
    rows = [paint.line(first, width), paint.line(second, width), *mine]
    if height >= 14:
        last = trades(scene, grid, width, 3)
        rows += last + [fill([], width) for _ in range(3 - len(last))]
    return rows


def _told(own: Own) -> list[tuple[str, str, Style]]:
    halted = [("", "HALTED", BAD)] if own.halted is not None else []
    return [
        *halted,
        ("position", held(own), OWN),
        ("P&L", profit(own), STRONG),
        ("fills", f"{own.fills}", STRONG),
    ]


def _own(own: Own, grid: Grid, width: int) -> list[Row]:
    entry = figures.NOTHING if own.entry is None else f"{own.entry:.{grid.price_decimals + 1}f}"
    rows = [
        fill([(" own", QUIET)], width),
        paint.pair("bid", quote(own.bids), width, OWN),
        paint.pair("ask", quote(own.asks), width, OWN),
        paint.pair("position", held(own), width, OWN),
        paint.pair("entry", entry, width, STRONG),
        paint.pair("P&L", profit(own), width, STRONG),
        paint.pair("orders, fills", f"{figures.count(own.orders)}, {figures.count(own.fills)}", width, STRONG),
    ]
    if own.halted is not None:
        rows.append([(paint.cut(f" HALTED  {figures.printable(own.halted)}", width), BAD)])
    return rows


def trades(scene: Scene, grid: Grid, width: int, count: int) -> list[Row]:
    """The last trades, newest first."""
    shown = scene.trades[: max(0, count)]
    if not shown:
        return []
    grid.size_decimals = max(grid.size_decimals, *(min(8, decimals_of(trade.size)) for trade in shown))
    live = scene.book.state is State.LIVE
    return [_trade(trade, grid, width, live) for trade in shown]


def _figures(scene: Scene, grid: Grid, width: int) -> list[Row]:
    book, value = scene.book, _value_style(scene)
    near = book.imbalance(NEAR_LEVELS)
    rows = [
        paint.pair("mid", figures.quantity(book.mid, grid.price_decimals + 1), width, value),
        paint.pair("microprice", figures.quantity(book.microprice, grid.price_decimals + 2), width, value),
        paint.pair("imbalance", figures.quantity(book.imbalance(), 2, signed=True), width, value),
        paint.pair(f"imbalance {NEAR_LEVELS}", figures.quantity(near, 2, signed=True), width, value),
        _balance(near, width, value is not DEAD),
        paint.pair("updates/s", figures.quantity(scene.rates.get(book.symbol), 0), width, STRONG),
        paint.pair("wire to book p50", _latency(scene, "latency_p50_ns"), width, STRONG),
        paint.pair("wire to book p99", _latency(scene, "latency_p99_ns"), width, STRONG),
    ]
    ticker = scene.tickers.get(book.symbol)
    if ticker is not None and ticker.change_percent is not None:
        change = f"{ticker.change_percent:+.2f} %".replace("-0.00", "+0.00")
        style = paint.BUY if change[0] == "+" else paint.SELL
        rows.append(paint.pair("24 h", change, width, DEAD if value is DEAD else style))
    return rows


def _trade(trade: Trade, grid: Grid, width: int, live: bool) -> Row:
    buy = trade.side is Side.BUY
    style = (paint.BUY if buy else paint.SELL) if live else DEAD
    time = figures.clock_time(trade.trade_time_ns, millis=width >= MILLIS_FROM)
    word = f" {trade.side.name.lower():<4}" if width >= WORD_FROM else ""
    price = f"{trade.price:.{grid.price_decimals}f}".rjust(grid.price_width)
    size = f"{trade.size:.{grid.size_decimals}f}"
    sign = "▲" if buy else "▼"
    room = width - len(time) - len(word) - len(price) - 5
    if room <= len(size):
        time, room = "", room + len(time)
    return fill(
        [
            (f" {time} ", QUIET if live else DEAD),
            (f"{sign}{word} {price}", style),
            (f"{size[: max(0, room)]:>{max(0, room)}} ", LABEL if live else DEAD),
        ],
        width,
    )


def _balance(imbalance: float, width: int, live: bool) -> Row:
    """Who is heavier near the touch: bids from the left, asks from the right."""
    room = max(0, width - 2)
    if imbalance != imbalance:
        return fill([], width)
    bids = round((1 + imbalance) / 2 * room)
    buy, sell = (paint.BUY, paint.SELL) if live else (DEAD, DEAD)
    return fill([(" ", PLAIN), ("━" * bids, buy), ("─" * (room - bids), sell)], width)


def _value_style(scene: Scene) -> Style:
    return STRONG if scene.book.state is State.LIVE else DEAD


def _latency(scene: Scene, name: str) -> str:
    return figures.duration(int(scene.stats.get(name, 0))).replace("us", "µs")
