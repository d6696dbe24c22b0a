"""The chart of the README: bars of two cases, as SVG written by hand, on a logarithmic scale that says so.

Colours are mid-tones without a background, so that it reads on light and on dark pages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benches.words import Figure, Table

WIDTH = 860
LEFT = 250  # where bars begin
RIGHT = 90  # kept free behind the longest bar, for its number
BAR = 15
STEP = 22
CAPTION = (
    "time relative to orjson.loads of the same message (logarithmic, shorter is faster; pale: does only a part of it)"
)
INK, OWN, OTHER = "#7d8590", "#2f81f7", "#9aa4af"
FONT = "font-family='system-ui, sans-serif'"


def text(x: float, y: float, words: str, *, anchor: str = "start", size: int = 12, weight: str = "normal") -> str:
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' font-weight='{weight}' fill='{INK}' "
        f"{FONT}>{escape(words)}</text>"
    )


def rounded(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def panel(table: Table, title: str, top: float) -> tuple[list[str], float]:
    """One case, best first; what it drew and where it ended."""
    figures: Sequence[Figure] = sorted(
        (figure for figure in table.figures if figure.ratio), key=lambda figure: figure.ratio or 0.0
    )
    ratios = [figure.ratio or 1.0 for figure in figures]
    low = math.floor(math.log10(min(ratios) * 0.7))
    high = math.log10(max(ratios) * 1.05)
    scale = (WIDTH - LEFT - RIGHT) / (high - low)
    out = [text(0, top + 12, title, size=14, weight="600")]
    first = top + 28
    bottom = first + STEP * len(figures)
    for power in range(low, math.floor(high) + 1):
        x = LEFT + (power - low) * scale
        out.append(
            f"<line x1='{x:.1f}' y1='{first:.1f}' x2='{x:.1f}' y2='{bottom:.1f}' stroke='{INK}' stroke-opacity='0.25'/>"
        )
        out.append(text(x, bottom + 14, f"{10.0**power:g}", anchor="middle", size=11))
    for at, figure in enumerate(figures):
        y = first + at * STEP
        length = (math.log10(ratios[at]) - low) * scale
        own = figure.contender.startswith("csbook")
        out.append(text(LEFT - 8, y + BAR - 3, figure.contender, anchor="end", weight="600" if own else "normal"))
        fill = f"fill='{OWN if own else OTHER}' fill-opacity='{1 if figure.whole else 0.4}'"
        out.append(f"<rect x='{LEFT}' y='{y:.1f}' width='{length:.1f}' height='{BAR}' rx='2' {fill}/>")
        out.append(text(LEFT + length + 6, y + BAR - 3, f"{rounded(ratios[at])} x", weight="600" if own else "normal"))
    return out, bottom + 34


def draw(panels: Sequence[tuple[Table, str]]) -> str:
    """The whole picture; an empty one where nothing was measured that it shows."""
    body: list[str] = []
    top = 4.0
    for table, title in panels:
        drawn, top = panel(table, title, top)
        body += drawn
    body.append(text(0, top + 6, CAPTION, size=11))
    height = top + 16
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' width='{WIDTH}' "
        f"height='{height:.0f}' role='img'><title>csbook and its peers: time from a message to a readable touch</title>"
    )
    return "\n".join([head, *body, "</svg>", ""])
