"""Post-only orders and amended ones, for the venues that have them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from csbook.sim.exchange import News, OrderRules, Refusal
from csbook.sim.tickets import Ticket
from csbook.types import OrderStatus, Side
from pit import Pit

ENDS = OrderRules(post_only=True)
REFUSES = OrderRules(post_only=True, refuses_at_once=True)


def pit(rules: OrderRules | None = ENDS, **terms: Any) -> tuple[Pit, list[str]]:
    """Bid 99 (100), ask 101 (50); prices in ticks of 0.5, sizes in 0.01. And what is told."""
    made = Pit([], [(99, 100), (98, 10)], [(101, 50)], rules, **terms)
    told: list[str] = []

    def tell(news: News) -> None:
        told.append(f"{news.ticket.id % 10} {news.execution} {news.ticket.status} {news.ticket.filled}")

    made.exchange.tell = tell
    return made, told


def amend(made: Pit, ticket: Ticket, size: int | None = None, price: int | None = None) -> None:
    exact = None if price is None else Decimal(price) / 2
    made.exchange.amend(ticket, None if size is None else Decimal(size) / 100, exact)


def refused(made: Pit, kind: str, ticket: Ticket, **changes: int) -> None:
    before = (ticket.size, ticket.price, ticket.status, made.listing.top(5), made.listing.update_id)
    with pytest.raises(Refusal) as caught:
        amend(made, ticket, **changes)
    assert caught.value.kind == kind
    assert before == (ticket.size, ticket.price, ticket.status, made.listing.top(5), made.listing.update_id)


# -- post-only


def test_a_post_only_order_rests_where_it_meets_nobody() -> None:
    for rules in (ENDS, REFUSES):
        made, told = pit(rules)
        order = made.place("a", "BUY", 100, 5, post_only=True)
        assert order.resting and order.record().post_only
        assert told == ["1 NEW NEW 0"]


@pytest.mark.parametrize("price", [101, 102])
def test_a_post_only_order_that_would_take_ends_or_is_refused(price: int) -> None:
    made, told = pit()
    order = made.place("a", "BUY", price, 5, post_only=True)
    assert (order.status, order.reason, order.filled) == (OrderStatus.CANCELED, "post_only", 0)
    assert told == ["1 NEW NEW 0", "1 CANCELED CANCELED 0"]
    made, told = pit(REFUSES)
    with pytest.raises(Refusal) as caught:
        made.place("a", "BUY", price, 5, post_only=True)
    assert caught.value.kind == "post_only"
    assert told == [] and not made.account("a").orders
    assert made.place("a", "BUY", 100, 5).id == 8_000_001, "an order that was refused has no id"


def test_a_post_only_order_meets_those_of_accounts_too() -> None:
    made, _ = pit(REFUSES)
    made.place("b", "SELL", 100, 5)
    for account in ("a", "b"):
        with pytest.raises(Refusal):
            made.place(account, "BUY", 100, 5, post_only=True)


def test_what_is_taken_from_a_level_is_met_no_more() -> None:
    made, _ = pit(REFUSES)
    made.place("b", "BUY", 101, 50)
    assert made.place("a", "BUY", 101, 5, post_only=True).resting


@pytest.mark.parametrize(("tif", "price"), [("IOC", 100), ("FOK", 100), ("GTC", None)])
def test_post_only_is_limit_and_gtc(tif: str, price: int | None) -> None:
    made, _ = pit()
    with pytest.raises(Refusal, match="post_only"):
        made.place("a", "BUY", price, 5, tif, post_only=True)
    made, _ = pit(OrderRules())
    with pytest.raises(Refusal, match="at a venue that has such"):
        made.place("a", "BUY", 100, 5, post_only=True)


def test_a_fok_that_cannot_fill_is_refused_or_ends() -> None:
    made, told = pit(REFUSES)
    with pytest.raises(Refusal) as caught:
        made.place("a", "BUY", 101, 51, "FOK")
    assert caught.value.kind == "fok" and told == []
    assert made.place("a", "BUY", 101, 50, "FOK").status is OrderStatus.FILLED
    made, _ = pit()
    order = made.place("a", "BUY", 101, 51, "FOK")
    assert (order.status, order.reason) == (OrderStatus.EXPIRED, "fok")
    assert made.place("a", "BUY", 100, 1, "IOC").reason == "ioc"


# -- amending


def test_a_smaller_size_keeps_the_place_in_the_queue() -> None:
    made, told = pit()
    first, second = made.place("a", "BUY", 99, 8), made.place("b", "BUY", 99, 8)
    update_id = made.listing.update_id
    amend(made, first, size=5)
    assert (first.size, first.price, first.status) == (5, 99, OrderStatus.NEW)
    assert made.listing.top(1)[0] == [(99, 113)]
    assert made.listing.update_id == update_id + 1
    assert told[-1] == "1 AMENDMENT NEW 0"
    made.exchange.trade("TSTUSDT", 99, 105, Side.SELL)
    assert (first.filled, second.filled) == (5, 0)


@pytest.mark.parametrize("changes", [{"size": 9}, {"price": 100}])
def test_a_larger_size_or_another_price_loses_it(changes: dict[str, int]) -> None:
    made, told = pit()
    first = made.place("a", "BUY", 99, 8)
    made.place("b", "BUY", 99, 8)
    made.place("b", "BUY", 100, 8)
    amend(made, first, **changes)
    assert first.ahead == (0 if "price" in changes else 100)
    assert told[-1] == "1 AMENDMENT NEW 0"
    level = {"size": (99, 117), "price": (99, 108)}["size" if "size" in changes else "price"]
    assert level in made.listing.top(5)[0]
    made.exchange.trade("TSTUSDT", 100, 8, Side.SELL)
    assert first.filled == 0, "whoever was there before goes first"


def test_a_price_that_crosses_takes_and_the_rest_queues() -> None:
    made, told = pit()
    order = made.place("a", "BUY", 99, 60)
    amend(made, order, price=101)
    assert (order.filled, order.resting, order.price) == (50, True, 101)
    assert told[1:] == ["1 AMENDMENT NEW 0", "1 TRADE PARTIALLY_FILLED 50"]
    assert made.listing.top(2) == ([(101, 10), (99, 100)], [])
    assert made.account("a").fills[0].is_maker is False


def test_a_post_only_order_that_would_take_ends() -> None:
    for rules in (ENDS, REFUSES):
        made, told = pit(rules)
        order = made.place("a", "BUY", 99, 6, post_only=True)
        amend(made, order, price=101)
        assert (order.status, order.reason, order.filled) == (OrderStatus.CANCELED, "post_only", 0)
        assert told[1:] == ["1 AMENDMENT NEW 0", "1 CANCELED CANCELED 0"]
        assert made.listing.top(1) == ([(99, 100)], [(101, 50)])


def test_a_partly_filled_order_keeps_what_is_filled() -> None:
    made, _ = pit()
    order = made.place("a", "BUY", 100, 8)
    made.exchange.cross(order, 3)
    refused(made, "filled", order, size=3)
    refused(made, "filled", order, size=2)
    amend(made, order, size=4)
    assert (order.size, order.remaining, order.status) == (4, 1, OrderStatus.PARTIALLY_FILLED)
    made.exchange.cross(order)
    assert (order.status, order.filled) == (OrderStatus.FILLED, 4)
    refused(made, "ended", order, size=9)


def test_refusals_of_an_amend() -> None:
    made, told = pit(balance="100")
    order = made.place("a", "BUY", 99, 10)
    refused(made, "unmodified", order, size=10, price=99)
    refused(made, "too_small", order, size=0)
    refused(made, "too_large", order, size=10**6 + 1)
    refused(made, "price_range", order, price=0)
    refused(made, "margin", order, size=10**4)
    with pytest.raises(Refusal) as caught:
        made.exchange.amend(order, None, Decimal("49.7"))
    assert caught.value.kind == "price_step"
    assert told == ["1 NEW NEW 0"]
    made.exchange.cancel(order)
    refused(made, "ended", order, size=9)


def test_an_order_that_may_only_reduce_stays_within_the_position() -> None:
    made, _ = pit()
    made.place("a", "BUY", 101, 10)
    order = made.place("a", "SELL", 103, 6, reduce_only=True)
    amend(made, order, size=10)
    refused(made, "reduce_only", order, size=11)
    amend(made, order, price=104)
    assert order.resting


def test_the_least_notional_and_ids_that_come_back() -> None:
    made, _ = pit(OrderRules(min_notional=Decimal(5), ids_come_back=True))
    with pytest.raises(Refusal) as caught:
        made.place("a", "BUY", 100, 9)  # 50 x 0.09
    assert caught.value.kind == "notional"
    order = made.place("a", "BUY", 100, 10, client_order_id="one")
    refused(made, "notional", order, size=9)
    with pytest.raises(Refusal, match="was used before"):
        made.place("a", "BUY", 100, 10, client_order_id="one")
    made.exchange.cancel(order)
    again = made.place("a", "BUY", 100, 10, client_order_id="one")
    assert made.exchange.find(made.account("a"), "", "one") is again


def test_an_order_that_nobody_has_named_is_named_where_the_venue_does() -> None:
    made, _ = pit(OrderRules(names_orders=True))
    order, named = made.place("a", "BUY", 99, 10), made.place("a", "BUY", 99, 10, client_order_id="mine")
    assert (order.client_order_id, named.client_order_id) == (f"web_{order.id}", "mine")
    assert made.exchange.find(made.account("a"), "", f"web_{order.id}") is order
    made, _ = pit()
    assert made.place("a", "BUY", 99, 10).client_order_id == ""
