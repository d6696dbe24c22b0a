"""The table of statuses, and that what is known of an order does not depend on the order in which it was told."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from account.reports import D, filled, order, report
from csbook.account import Account
from csbook.account.orders import Entry, check_report, join, status_of
from csbook.errors import BadMessage
from csbook.types import OrderStatus, Side
from csbook.wire.private import OrderReport

WORDS = ("PENDING", "UNKNOWN", "NEW", "PARTIALLY_FILLED", "CANCELED", "REJECTED", "EXPIRED", "FILLED")


def test_words_are_joined_as_in_a_lattice() -> None:
    for a, b, c in itertools.product(OrderStatus, repeat=3):
        assert join(a, b) is join(b, a)
        assert join(a, join(b, c)) is join(join(a, b), c)
        assert join(a, a) is a
    ranked = [OrderStatus[word] for word in WORDS]
    for (i, a), (j, b) in itertools.product(enumerate(ranked), repeat=2):
        assert join(a, b) is ranked[max(i, j)]


@pytest.mark.parametrize(
    ("word", "untouched", "some"),
    [
        ("PENDING", "PENDING", "PARTIALLY_FILLED"),
        ("UNKNOWN", "UNKNOWN", "PARTIALLY_FILLED"),
        ("NEW", "NEW", "PARTIALLY_FILLED"),
        ("PARTIALLY_FILLED", "PARTIALLY_FILLED", "PARTIALLY_FILLED"),
        ("CANCELED", "CANCELED", "CANCELED"),
        ("EXPIRED", "EXPIRED", "EXPIRED"),
        ("REJECTED", "REJECTED", "CANCELED"),
    ],
)
def test_the_table(word: str, untouched: str, some: str) -> None:
    assert status_of(OrderStatus[word], D(0), D(2)).name == untouched
    assert status_of(OrderStatus[word], D(1), D(2)).name == some
    assert status_of(OrderStatus[word], D(2), D(2)) is OrderStatus.FILLED
    assert status_of(OrderStatus[word], D(3), D(2)) is OrderStatus.FILLED


def entry(*news: OrderReport) -> Entry:
    made = Entry("a", order())
    for at, told in enumerate(news):
        if told.fill is not None:
            made.fills.add(told.fill, told.filled)
        made.learn(told, at)
    return made


def test_a_cancel_races_a_fill() -> None:
    made = entry(report("CANCELED", "1", at=5))
    assert (made.order.status, made.order.filled, made.order.remaining) == (OrderStatus.CANCELED, 1, 0)
    made.learn(report("PARTIALLY_FILLED", "1.5", at=4), 1)
    assert (made.order.status, made.order.filled) == (OrderStatus.CANCELED, D("1.5"))
    made.learn(report("FILLED", "2", at=6), 2)
    assert made.order.status is OrderStatus.FILLED
    made.learn(report("CANCELED", "1", at=9), 3)
    assert (made.order.status, made.order.filled) == (OrderStatus.FILLED, 2)


def test_an_end_without_a_quantity_is_not_sure() -> None:
    made = entry(report("PARTIALLY_FILLED", "0.5", at=5), report("CANCELED", None, at=6))
    assert made.order.status is OrderStatus.CANCELED
    assert made.unsure and made.unresolved
    assert made.open_size == D("1.5"), "it may have filled before it ended"
    made.learn(report("PARTIALLY_FILLED", "0.7", at=5), 3)
    assert made.unsure
    made.learn(report("CANCELED", "0.7", at=6), 4)
    assert not made.unsure and made.open_size == 0
    made.learn(report("CANCELED", None, at=6), 5)
    assert not made.unsure, "what was told stays told"


def test_filled_without_a_quantity_is_filled() -> None:
    made = entry(report("FILLED", None, at=5))
    assert (made.order.filled, made.unsure, made.order.status) == (2, False, OrderStatus.FILLED)


def test_rejected_needs_no_quantity() -> None:
    made = entry(report("REJECTED", None, at=5, reason="margin"))
    assert not made.unsure
    assert (made.order.status, made.order.reason) == (OrderStatus.REJECTED, "margin")


def test_older_news_does_not_rename_an_order() -> None:
    made = entry(report("NEW", "0", at=9, price="101", size="3"), report("NEW", "0", at=5, price="100", size="2"))
    assert (made.order.price, made.order.size, made.order.event_time_ns) == (101, 3, 9_000_000)


def test_an_amended_order_does_not_grow_again_by_older_news() -> None:
    amended = report("NEW", "0", at=9, price="101", size="2")
    made = entry(report("NEW", "0", at=5, price="100", size="3"), amended, report("NEW", "0", at=5, size="3"))
    assert (made.order.price, made.order.size) == (101, 2)
    # of one ms: what an order has ended with is later than what it had before
    made = entry(report("CANCELED", "0", at=9, price="101", size="2"), report("NEW", "0", at=9, price="100", size="3"))
    assert (made.order.price, made.order.size, made.order.status) == (101, 2, OrderStatus.CANCELED)
    made = entry(report("NEW", "0", at=9, price="100", size="3"), report("CANCELED", "0", at=9, price="101", size="2"))
    assert (made.order.price, made.order.size, made.order.status) == (101, 2, OrderStatus.CANCELED)
    # and a fill that comes late says how the order stood before it was made smaller
    amended = report("PARTIALLY_FILLED", "1", at=9, price="101", size="2")
    made = entry(report("NEW", "0", at=5, price="100", size="3"), amended, filled("1", "1", "1", at=9, of="3"))
    assert (made.order.price, made.order.size, made.order.filled) == (101, 2, 1)


def test_the_average_is_the_one_of_the_larger_quantity() -> None:
    made = entry(
        report("PARTIALLY_FILLED", "1.5", at=5, average_price=D(7)),
        report("PARTIALLY_FILLED", "1", at=9, average_price=D(5)),
    )
    assert made.order.average_price == 7


NEWS = (
    report("NEW", "0", at=1),
    filled("1", "0.5", "0.5", at=3),
    filled("2", "0.5", "1", at=3),
    filled("3", "0.25", "1.25", at=7),
    report("PARTIALLY_FILLED", "1.25", at=7),
    report("CANCELED", "1.25", at=8),
)


@given(st.permutations([*NEWS, *NEWS]))
def test_any_order_ends_in_the_same(news: list[OrderReport]) -> None:
    account = Account()
    account.placing(order(), 1)
    for at, told in enumerate(news):
        account.apply(told, 10 + at)
    made = account.orders["a"]
    assert (made.status, made.filled, made.event_time_ns) == (OrderStatus.CANCELED, D("1.25"), 8_000_000)
    assert account.exposure("BTCUSDT").long == account.exposure("BTCUSDT").short == D("1.25")
    assert len(account.fills) == 3


@given(st.lists(st.sampled_from(NEWS), max_size=8))
def test_nothing_ever_falls(news: list[OrderReport]) -> None:
    account = Account()
    account.placing(order(), 1)
    seen = account.orders["a"]
    for told in news:
        account.apply(told, 5)
        now = account.orders["a"]
        assert now.filled >= seen.filled
        assert now.event_time_ns >= seen.event_time_ns
        assert now.is_terminal or not seen.is_terminal
        assert WORDS.index(now.status.name) >= WORDS.index(seen.status.name)
        seen = now


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("client_order_id", {"client": "", "order_id": ""}),
        ("size", {"size": "-1"}),
        ("size", {"size": "nan"}),
        ("filled", {"filled": "inf"}),
        ("price", {"price": "1e50"}),
        ("average_price", {"average_price": D("nan")}),
        ("commission", {"commission": D("nan")}),
        ("realised_pnl", {"realised_pnl": D("inf")}),
    ],
)
def test_a_malformed_report_names_its_field(field: str, change: dict[str, object]) -> None:
    with pytest.raises(BadMessage) as caught:
        check_report(report("NEW", **change))  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("size", "price", "field"), [("0", "1", "fill.size"), ("-1", "1", "fill.size"), ("1", "nan", "fill.price")]
)
def test_a_malformed_fill_names_its_field(size: str, price: str, field: str) -> None:
    with pytest.raises(BadMessage) as caught:
        check_report(filled("1", size, "1", at=3, price=price))
    assert caught.value.field == field


def test_a_symbol_is_needed() -> None:
    with pytest.raises(BadMessage, match="symbol"):
        check_report(OrderReport("", OrderStatus.NEW, "a", side=Side.BUY))
