"""Rows that always have the width that was asked for."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.style import Style

from csbook.cli import paint

PLAIN = Style()


@pytest.mark.parametrize("width", [0, 1, 4, 5, 9])
def test_fill_cuts_and_fills(width: int) -> None:
    row = paint.fill([("abc", PLAIN), ("de", PLAIN)], width)
    assert paint.width_of(row) == width
    assert "abcde".startswith("".join(text for text, _ in row).rstrip())


@pytest.mark.parametrize("width", [0, 1, 8])
@pytest.mark.parametrize("share", [0.0, 1e-9, 0.1, 0.5, 0.99, 1.0, 2.0])
def test_a_bar_has_its_width(share: float, width: int) -> None:
    assert len(paint.bar(share, width)) == width


def test_a_bar_says_its_share() -> None:
    assert paint.bar(1.0, 4) == "████"
    assert paint.bar(0.5, 4) == "██  "
    assert paint.bar(0.53, 4) == "██▏ "
    assert paint.bar(1e-9, 4) == "▏   "
    assert paint.bar(0.0, 4) == "    "


def test_cut_counts_cells_and_not_letters() -> None:
    assert cell_len(paint.cut("連接連接", 5)) == 5
    assert paint.cut("abc", 0) == ""


def test_stretch_puts_a_joint_where_nothing_stands() -> None:
    row = paint.stretch([("<<", PLAIN)], [(">>", PLAIN)], 10, "+", 5, PLAIN)
    assert "".join(text for text, _ in row) == "<<───+──>>"
    row = paint.stretch([("<<<<<<", PLAIN)], [(">>", PLAIN)], 10, "+", 5, PLAIN)
    assert "".join(text for text, _ in row) == "<<<<<<──>>"
    assert paint.width_of(paint.stretch([("<" * 9, PLAIN)], [(">" * 9, PLAIN)], 10, "+", 5, PLAIN)) == 10


def test_rule_pair_and_line() -> None:
    assert paint.rule("├┤", "┬", 7, 3, PLAIN) == [("├──┬──┤", PLAIN)]
    assert "".join(text for text, _ in paint.pair("mid", "1.5", 12, PLAIN)) == " mid    1.5 "
    assert paint.width_of(paint.pair("a long label", "and its value", 9, PLAIN)) == 9
    fitting = "".join(text for text, _ in paint.line([("a", "1", PLAIN), ("bbbb", "22", PLAIN)], 9))
    assert fitting == " a 1     "


def test_ascii_keeps_the_width() -> None:
    text = "─│╭╮╰╯├┤┬┴█▏▎▍▌▋▊▉━▸▲▼µé"
    assert len(paint.in_ascii(text)) == len(text)
    assert paint.in_ascii(text).isascii()
