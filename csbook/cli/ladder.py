"""The live ladder: what one frame of the screen shows, from a scene and a size.

Pure: no terminal, no clock, no loop. ``Ladder().frame(scene)`` is a rich renderable that fills whatever size it is
given and never fails for lack of room: first the pane goes, then the heading, then the strip of symbols, and the
levels share what is left.

A frame is drawn ten times a second on the loop that also reads the market, so it must be cheap: no markup, no
tables, one pass over the levels that are shown.

Rules of the picture: asks above, bids below, the touch in the middle; numbers stand on their right edge, on a grid
that only grows; a size in bold has changed since the last frame; green and red are for a book that is LIVE. Any other
state takes the colour from the prices, and the frame around them and the row between them turn red. What of a level is
one's own stands beside its size, where there is an account; that it is halted stands beside the state.
"""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

from csbook._core import Book
from csbook.cli import figures, paint
from csbook.cli.figures import Grid
from csbook.cli.paint import ALARM, BAD, DEAD, EDGE, GOOD, LABEL, PLAIN, QUIET, STRONG, Row, fill, width_of
from csbook.cli.pane import head, pane
from csbook.cli.scene import Scene
from csbook.types import Side, State

__all__ = ["Frame", "Ladder"]

PANE_FROM = 58  # columns: below, the ladder has them all
TOTALS_FROM = 44  # columns of the ladder itself: below, no running total
AIRY_FROM = 54  # columns of the ladder itself: from here on more space between its own
HEADING_FROM = 12  # rows
COUNTERS = ("messages", "gaps", "reconnects", "refused", "declined")
WHY = {
    State.EMPTY: "waiting for the first book",
    State.SYNCING: "waiting for the venue to continue the snapshot",
}


class Frame:
    """One frame, drawn in the size that the console gives."""

    __slots__ = ("_ladder", "_scene")

    def __init__(self, ladder: Ladder, scene: Scene) -> None:
        self._ladder = ladder
        self._scene = scene

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or options.size.height
        plain = options.ascii_only or options.legacy_windows
        for at, row in enumerate(self._ladder.rows(self._scene, options.max_width, height)):
            if at:
                yield Segment.line()
            for text, style in row:
                yield Segment(paint.in_ascii(text) if plain else text, style)


class Ladder:
    """Draws scenes. Keeps nothing between frames but each symbol's grid, and the sizes of the last frame."""

    def __init__(self) -> None:
        self._grids: dict[str, Grid] = {}
        self._last: dict[str, dict[int, int]] = {}  # symbol -> price -> size

    def frame(self, scene: Scene) -> Frame:
        """A renderable of that scene."""
        return Frame(self, scene)

    def rows(self, scene: Scene, width: int, height: int) -> list[Row]:
        """Exactly ``height`` rows of ``width`` cells."""
        if width < 12 or height < 5:
            return self._tiny(scene, width, height)
        edge = EDGE if scene.book.state is State.LIVE else ALARM
        inside = width - 2
        strip = self._strip(scene, inside, height)
        room = height - 2 - (len(strip) + 1 if strip else 0)
        side = min(46, max(27, width * 2 // 5)) if width >= PANE_FROM else 0
        if side:
            body = [
                [*left, ("│", edge), *right]
                for left, right in zip(
                    self._ladder(scene, inside - side - 1, room),
                    pane(scene, self._grid(scene.book), side, room),
                    strict=True,
                )
            ]
        else:
            above = head(scene, self._grid(scene.book), inside, room)
            body = above + self._ladder(scene, inside, room - len(above))
        joint = inside - side if side else 0
        if strip:
            body = [*strip, [], *body]
        rows = [[("│", edge), *row, ("│", edge)] for row in body]
        if strip:
            rows[len(strip)] = paint.rule("├┤", "┬", width, joint, edge)
        top = self._top(scene, width, edge, 0 if strip else joint)
        return [top, *rows, self._bottom(scene, width, edge, joint)]

    def _grid(self, book: Book, levels: int = 1) -> Grid:
        """The symbol's grid, grown to hold so many levels of now."""
        grid = self._grids.get(book.symbol)
        if grid is None:
            grid = self._grids[book.symbol] = Grid(book)
        grid.grow(
            book.bid_prices_raw[:levels].tolist() + book.ask_prices_raw[:levels].tolist(),
            book.bid_sizes_raw[:levels].tolist() + book.ask_sizes_raw[:levels].tolist(),
        )
        return grid

    # -- the edges

    def _top(self, scene: Scene, width: int, edge: Style, joint: int) -> Row:
        book = scene.book
        live = book.state is State.LIVE
        badge: Row = [(f" {book.state.name} ", GOOD if live else BAD), ("─╮", edge)]
        own = scene.own.get(book.symbol)
        if own is not None and own.halted is not None:
            badge = [(" HALTED ", BAD), ("─", edge), *badge]
        age: Row = [(f" age {figures.age(book.age_ns()):>6} ", PLAIN if live else ALARM)]
        left: Row = [("╭─", edge), (f" {book.symbol} ", STRONG)]
        title = figures.printable(scene.title)
        where: Row = [("─", edge), (paint.cut(f" {title} ", len(title) + 2), QUIET)]
        right = badge
        if width_of(left) + width_of(age) + width_of(right) <= width:
            right = [*age, *right]
        if width_of(left) + width_of(where) + width_of(right) <= width:
            left += where
        left = fill(left, min(width_of(left), max(0, width - width_of(right))))
        return paint.stretch(left, right, width, "┬", joint, edge)

    def _bottom(self, scene: Scene, width: int, edge: Style, joint: int) -> Row:
        left: Row = [("╰─", edge)]
        hint = f" {scene.hint} " if scene.hint and len(scene.hint) + 6 <= width else ""
        for name in COUNTERS:
            number = int(scene.stats.get(name, 0))
            text = f" {name} {figures.count(number)} "
            if width_of(left) + len(text) + len(hint) + 3 > width:
                break
            left += [(text, ALARM if number and name != "messages" else LABEL), ("─", edge)]
        return paint.stretch(left, [(hint, QUIET), ("─╯", edge)], width, "┴", joint, edge)

    def _tiny(self, scene: Scene, width: int, height: int) -> list[Row]:
        """No room for a picture: the state and the touch."""
        book = scene.book
        live = book.state is State.LIVE
        grid, top = self._grid(book), book.top()
        rows: list[Row] = [
            [(f"{book.state.name} {book.symbol}", GOOD if live else BAD)],
            [(grid.price(top.ask_raw) if top.ask_raw else figures.NOTHING, paint.SELL if live else DEAD)],
            [(grid.price(top.bid_raw) if top.bid_raw else figures.NOTHING, paint.BUY if live else DEAD)],
        ]
        rows += [[] for _ in range(height)]
        return [fill(row, max(0, width)) for row in rows[: max(0, height)]]

    # -- the strip of symbols

    def _strip(self, scene: Scene, width: int, height: int) -> list[Row]:
        """A row a symbol, where there are several: a window around the shown one when there is no room for all."""
        lines = min(len(scene.books), height // 4)
        if len(scene.books) < 2 or lines < 1:
            return []
        first = min(max(0, scene.shown - lines // 2), len(scene.books) - lines)
        name = max(len(book.symbol) for book in scene.books)
        return [self._touch(scene, at, name, width) for at in range(first, first + lines)]

    def _touch(self, scene: Scene, at: int, name_width: int, width: int) -> Row:
        """One symbol's state, touch and rate."""
        book = scene.books[at]
        live = book.state is State.LIVE
        grid, top = self._grid(book), book.top()

        def price(raw: int) -> str:
            return (grid.price(raw) if raw else figures.NOTHING).rjust(11)

        def size(raw: int) -> str:
            return (grid.size(raw) if raw else figures.NOTHING).rjust(9)

        mark, style = ("▸", STRONG) if at == scene.shown else (" ", PLAIN)
        rate = f"{figures.quantity(scene.rates.get(book.symbol), 0):>6}/s "
        row: Row = [
            (f"{mark}{at + 1:>2} {book.symbol:<{name_width}} ", style),
            (f" {book.state.name} ", paint.BUY_STRONG if live else BAD),
            (" " * (8 - len(book.state.name)), PLAIN),
        ]
        prices: Row = [
            (price(top.bid_raw), paint.BUY if live else DEAD),
            (price(top.ask_raw), paint.SELL if live else DEAD),
        ]
        if width >= 90:
            prices = [(size(top.bid_size_raw), QUIET), *prices, (size(top.ask_size_raw), QUIET)]
        row += prices
        spread = f"{figures.quantity(_bps(book), 3):>10} bps"
        if width_of(row) + len(spread) + len(rate) <= width:
            row.append((spread, LABEL if live else DEAD))
        gap = width - width_of(row) - len(rate)
        return fill([*row, (" " * gap, PLAIN), (rate, LABEL)] if gap >= 0 else row, width)

    # -- the ladder itself

    def _ladder(self, scene: Scene, width: int, height: int) -> list[Row]:
        """Levels of both sides around the middle row, a heading above them where there is room."""
        book = scene.book
        heading = height >= HEADING_FROM
        count = max(0, (height - 1 - heading) // 2)
        grid = self._grid(book, count)
        asks = list(zip(book.ask_prices_raw[:count].tolist(), book.ask_sizes_raw[:count].tolist(), strict=True))
        bids = list(zip(book.bid_prices_raw[:count].tolist(), book.bid_sizes_raw[:count].tolist(), strict=True))
        largest = max((size for _, size in asks + bids), default=1)
        last = self._last.get(book.symbol, {})
        self._last[book.symbol] = dict(asks + bids)
        own = scene.own.get(book.symbol)
        mine = None if own is None else own.raw(grid.price_scale, grid.size_scale)
        if mine:
            grid.grow(list(mine), list(mine.values()))
        brush = _Brush(grid, width, book.state is State.LIVE, largest, last, mine)
        rows = [brush.heading()] if heading else []
        rows += [fill([], width) for _ in range(count - len(asks))]
        rows += reversed(brush.levels(asks, Side.SELL))
        rows.append(self._middle(scene, grid, width))
        rows += brush.levels(bids, Side.BUY)
        rows += [fill([], width) for _ in range(height - len(rows))]
        return rows[:height]

    def _middle(self, scene: Scene, grid: Grid, width: int) -> Row:
        """Between the sides: the spread, or in red why nobody may trade on this."""
        book = scene.book
        if book.state is State.LIVE:
            spread = figures.quantity(book.spread, grid.price_decimals)
            text = f" spread {spread}   {figures.quantity(_bps(book), 3)} bps "
            return fill([("──", EDGE), (text, STRONG), ("─" * width, EDGE)], width)
        reason = figures.printable(scene.reasons.get(book.symbol, ""))
        reason = WHY.get(book.state) or reason or "do not trade on these prices"
        return [(paint.cut(f"  {book.state.name}  {reason}", width), BAD)]


class _Brush:
    """Paints the levels of one frame."""

    def __init__(
        self, grid: Grid, width: int, live: bool, largest: int, last: dict[int, int], own: dict[int, int] | None = None
    ) -> None:
        self._grid = grid
        self._width = width
        self._live = live
        self._largest = largest
        self._last = last
        self._own = own
        self._gap = "   " if width >= AIRY_FROM else "  "
        taken = 2 + grid.price_width + grid.size_width + 2 * len(self._gap)
        if own is not None:
            width -= grid.size_width + len(self._gap)
        self._totals = width >= TOTALS_FROM
        self._room = width - taken - (grid.total_width + len(self._gap) if self._totals else 0) - 1

    def heading(self) -> Row:
        grid, gap = self._grid, self._gap
        text = f"  {'price':>{grid.price_width}}{gap}{'size':>{grid.size_width}}{gap}"
        if self._own is not None:
            text += f"{'own':>{grid.size_width}}{gap}"
        if self._totals:
            text += f"{'total':>{grid.total_width}}"
        return fill([(text, QUIET)], self._width)

    def levels(self, levels: list[tuple[int, int]], side: Side) -> list[Row]:
        """The rows of one side, best first."""
        rows: list[Row] = []
        grid, gap, total = self._grid, self._gap, 0
        for price, size in levels:
            total += size
            touch = not rows
            styles = self._styles(side, touch, self._last.get(price) != size)
            row: Row = [
                (f"{'▸' if touch else ' '} {grid.price(price):>{grid.price_width}}{gap}", styles[0]),
                (f"{grid.size(size):>{grid.size_width}}{gap}", styles[1]),
            ]
            if self._own is not None:
                mine = grid.size(self._own[price]) if price in self._own else ""
                row.append((f"{mine:>{grid.size_width}}{gap}", paint.OWN if self._live else DEAD))
            if self._totals:
                row.append((f"{grid.size(total):>{grid.total_width}}{gap}", styles[2]))
            if self._room > 0:
                row.append((paint.bar(size / self._largest, self._room) + " ", styles[3]))
            rows.append(fill(row, self._width))
        return rows

    def _styles(self, side: Side, touch: bool, changed: bool) -> tuple[Style, Style, Style, Style]:
        """Of price, size, total and bar."""
        if not self._live:
            return DEAD, DEAD, DEAD, DEAD
        if touch:
            style, bar = (
                (paint.BUY_TOUCH, paint.BUY_TOUCH_BAR) if side is Side.BUY else (paint.SELL_TOUCH, paint.SELL_TOUCH_BAR)
            )
            return style, style, style, bar
        price, bar = (paint.BUY, paint.BUY_BAR) if side is Side.BUY else (paint.SELL, paint.SELL_BAR)
        return price, STRONG if changed else LABEL, QUIET, bar


def _bps(book: Book) -> float:
    """The spread in basis points of the mid; nan while a side is empty."""
    mid = book.mid
    return book.spread / mid * 1e4 if mid else float("nan")
