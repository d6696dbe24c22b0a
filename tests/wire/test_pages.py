from __future__ import annotations

from itertools import pairwise

import pytest

from csbook.errors import BadMessage
from csbook.types import OrderStatus
from csbook.wire.pages import Pages, Span
from csbook.wire.private import OrderReport

DAY = 86_400_000


def order(number: int, filled: str = "") -> OrderReport:
    return OrderReport("BTCUSDT", OrderStatus.NEW, order_id=str(number), reason=filled)


def test_one_page_of_one_window() -> None:
    pages = Pages(now_ms=100 * DAY, since_ms=99 * DAY, window_ms=7 * DAY)
    assert pages.next == Span(99 * DAY, None)
    pages.take((order(2), order(1)), None)
    assert pages.done and [each.order_id for each in pages.orders] == ["2", "1"]


def test_cursors_inside_a_window_then_the_window_before() -> None:
    pages = Pages(now_ms=100 * DAY, since_ms=88 * DAY, window_ms=7 * DAY)
    asked = [pages.next]
    for orders, cursor in [((order(9), order(8)), 95 * DAY), ((order(8), order(7)), 94 * DAY), ((), None)]:
        pages.take(orders, cursor)
        asked.append(pages.next)
    assert asked == [
        Span(93 * DAY, None),
        Span(93 * DAY, 95 * DAY),
        Span(93 * DAY, 94 * DAY),
        Span(88 * DAY, 93 * DAY),
    ]
    assert not pages.done
    pages.take((order(1),), 88 * DAY)  # a cursor at the window's own start says nothing new
    assert pages.done and pages.requests == 4
    assert [each.order_id for each in pages.orders] == ["9", "8", "7", "1"]


def test_the_first_word_on_an_order_counts() -> None:
    pages = Pages(now_ms=10, since_ms=0, window_ms=5)
    pages.take((order(1, "newer"),), None)
    pages.take((order(1, "older"),), None)
    assert [each.reason for each in pages.orders] == ["newer"]


@pytest.mark.parametrize("cursor", [50 * DAY, 51 * DAY])
def test_a_cursor_that_does_not_go_back(cursor: int) -> None:
    pages = Pages(now_ms=52 * DAY, since_ms=45 * DAY, window_ms=7 * DAY)
    pages.take((order(1),), 50 * DAY)
    with pytest.raises(BadMessage, match="expected it to go back"):
        pages.take((order(2),), cursor)


def test_every_span_is_within_the_window_and_they_meet() -> None:
    pages = Pages(now_ms=100 * DAY, since_ms=70 * DAY, window_ms=7 * DAY)
    spans = []
    while not pages.done:
        spans.append(pages.next)
        pages.take((), None)
    assert spans[0].to_ms is None and spans[-1].from_ms == 70 * DAY
    assert all(later.from_ms == earlier.to_ms for later, earlier in pairwise(spans))
    assert all(span.to_ms - span.from_ms <= 7 * DAY for span in spans[1:] if span.to_ms is not None)
