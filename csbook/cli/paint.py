"""The palette and the brush: styles, rows of (text, style), bars and rules.

A row is a list of pieces whose widths add up to the row's; ``fill`` makes sure of it. Pieces hold characters of one
cell; text that is not ours goes through ``figures.printable`` and ``cut`` first. Colours are asked for in full; rich
makes of them what the terminal has. All that colour says is also said by a letter, a sign or bold type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from rich.cells import set_cell_size
from rich.style import Style

__all__ = ["Row", "bar", "cut", "fill", "in_ascii", "line", "pair", "rule", "stretch", "width_of"]

Row: TypeAlias = list[tuple[str, Style]]

PLAIN = Style()
STRONG = Style(bold=True)
QUIET = Style(color="grey50")
LABEL = Style(color="grey66")
EDGE = Style(color="grey37")
ALARM = Style(color="red", bold=True)
GOOD = Style(color="black", bgcolor="green3", bold=True)
BAD = Style(color="white", bgcolor="red3", bold=True)
DEAD = Style(color="grey42", dim=True)
BUY, SELL = Style(color="#16c784"), Style(color="#f0475b")
BUY_STRONG = Style(color="#16c784", bold=True)
OWN = Style(color="#f5c542", bold=True)
BUY_BAR, SELL_BAR = Style(color="#0e7d54"), Style(color="#96303d")
BUY_TOUCH = Style(color="#5df0b5", bgcolor="#0c3a29", bold=True)
SELL_TOUCH = Style(color="#ff8c99", bgcolor="#47151d", bold=True)
BUY_TOUCH_BAR = Style(color="#16c784", bgcolor="#0c3a29")
SELL_TOUCH_BAR = Style(color="#f0475b", bgcolor="#47151d")

_EIGHTHS = " ▏▎▍▌▋▊▉"

_ASCII = str.maketrans("─│╭╮╰╯├┤┬┴█▏▎▍▌▋▊▉━▸▲▼µ", "-|++++++++#...####=>^vu")


def in_ascii(text: str) -> str:
    """The same for a terminal that has no more than ASCII."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def cut(text: str, width: int) -> str:
    """Exactly so many cells of a text, filled up on the right."""
    return set_cell_size(text, width) if width > 0 else ""


def width_of(row: Row) -> int:
    """The cells that a row takes."""
    return sum(len(text) for text, _ in row)


def fill(row: Row, width: int) -> Row:
    """The row, cut or filled to so many cells."""
    room = width
    filled: Row = []
    for text, style in row:
        if room <= 0:
            break
        filled.append((text[:room], style))
        room -= len(text)
    if room > 0:
        filled.append((" " * room, PLAIN))
    return filled


def rule(ends: str, joint: str, width: int, at: int, style: Style) -> Row:
    """A horizontal line with two ends, and a joint at column ``at`` unless that is 0."""
    letters = list(ends[0] + "─" * (width - 2) + ends[1])
    if at:
        letters[at] = joint
    return [("".join(letters), style)]


def stretch(left: Row, right: Row, width: int, joint: str, at: int, style: Style) -> Row:
    """Two ends of a border with the line between them; the joint is left out where an end stands in its place."""
    letters = ["─"] * max(0, width - width_of(left) - width_of(right))
    place = at - width_of(left)
    if at and 0 <= place < len(letters):
        letters[place] = joint
    return fill([*left, ("".join(letters), style), *right], width)


def bar(share: float, width: int) -> str:
    """A bar in eighths of a cell; a sliver for anything above nothing."""
    if width <= 0 or share <= 0:
        return " " * max(0, width)
    whole, part = divmod(max(1, round(min(share, 1.0) * width * 8)), 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width)


def pair(label: str, value: str, width: int, style: Style) -> Row:
    """A label on the left and its value on the right edge."""
    room = max(0, width - len(label) - 3)
    return fill([(f" {label} ", LABEL), (value[:room].rjust(room), style), (" ", PLAIN)], width)


def line(items: Iterable[tuple[str, str, Style]], width: int) -> Row:
    """Labelled values in one row, as many as there is room for."""
    row: Row = []
    for label, value, style in items:
        if width_of(row) + len(label) + len(value) + 3 > width:
            break
        row += [(f" {label} ", LABEL), (f"{value} ", style)]
    return fill(row, width)
