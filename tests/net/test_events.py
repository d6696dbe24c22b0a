"""What a private stream brings, taken to an account: what is applied, what is asked for, and what halts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from account.reports import SYMBOL, order, report
from csbook.account import Account, OrderChanged
from csbook.errors import BadMessage
from csbook.guard.killswitch import Cause
from csbook.net.events import Events
from csbook.net.timing import Timing
from csbook.types import Alert, OrderStatus
from csbook.venues import private_shapes
from csbook.wire.private import Hint, KeyExpired, OrderReport
from csbook.wire.session import Malformed, Unknown
from csbook.wire.shape import Shape
from csbook.wire.userdata import PrivateEvent
from standing import StandingTime


class World:
    def __init__(self, shapes: Mapping[str, Shape] | None = None) -> None:
        self.account = Account()
        self.changes: list[Any] = []
        self.alerts: list[Alert] = []
        self.asked = 0
        self.halts: list[Cause] = []
        timing: Timing = StandingTime().timing
        self.events = Events(
            self.account,
            shapes or {},
            timing,
            took=self.changes.extend,
            alert=self.alerts.append,
            ask=self.ask,
            halt=lambda cause, reason: self.halts.append(cause),
        )
        self.account.placing(order(), timing.now_ns())
        self.account.apply(report("NEW"), timing.now_ns())

    def ask(self) -> None:
        self.asked += 1

    def told(self, *events: PrivateEvent) -> None:
        self.events.reports(list(events))


def test_a_report_is_applied_and_nothing_is_asked() -> None:
    world = World()
    world.told(report("CANCELED", "0", at=2))
    (change,) = world.changes
    assert isinstance(change, OrderChanged) and world.account.orders["a"].status is OrderStatus.CANCELED
    assert (world.asked, world.events.count, world.events.hints) == (0, 1, 0)


def test_a_report_without_a_symbol_is_joined_with_its_order() -> None:
    world = World()
    told = OrderReport("", OrderStatus.PARTIALLY_FILLED, order_id="a-id", filled=Decimal("0.5"))
    world.told(told)
    assert world.account.orders["a"].filled == Decimal("0.5") and world.account.orders["a"].symbol == SYMBOL
    world.told(told, told)
    assert (world.account.orders["a"].filled, world.asked) == (Decimal("0.5"), 0)
    world.told(replace(told, order_id="of-nobody"))
    assert world.asked == 1 and list(world.account.orders) == ["a"]


@pytest.mark.parametrize("event", [Hint("something"), Malformed(BadMessage("none"))])
def test_what_leaves_it_open_asks(event: PrivateEvent) -> None:
    world = World()
    world.told(event, report("CANCELED", "0", at=2))
    assert world.asked == 1 and world.account.orders["a"].is_terminal  # the rest of the message counts
    assert world.events.hints == isinstance(event, Hint) and world.alerts == []


def test_what_is_no_news_of_the_account() -> None:
    world = World()
    world.told(Unknown("x"), KeyExpired())
    assert (world.asked, world.changes, world.events.count) == (0, [], 1)


def test_a_report_that_is_refused_is_told_and_asked_for() -> None:
    world = World()
    world.told(report("PARTIALLY_FILLED", "-1", at=2), report("CANCELED", "0", at=3))
    (alert,) = world.alerts
    assert alert.kind == "schema" and "a private event was refused" in alert.text and "filled" in alert.text
    assert world.asked == 1 and world.account.orders["a"].is_terminal


def test_a_message_that_has_drifted() -> None:
    world = World(private_shapes("coinswitch"))
    world.events.message({"e": "ORDER_TRADE_UPDATE", "E": 1, "o": []}, 7)
    assert set(world.halts) == {Cause.SCHEMA} and world.alerts and not world.asked
    halts = len(world.halts)
    world.events.message({"e": "HEARD_OF_BY_NOBODY"}, 7)
    world.events.message("no object", 7)
    assert len(world.halts) == halts and [alert.kind for alert in world.alerts] == ["schema"] * len(world.alerts)


def test_where_no_shape_is_known_nothing_is_said_of_any() -> None:
    world = World()
    for message in ({"e": "ORDER_TRADE_UPDATE"}, {"channel": "x", "data": 1}, None):
        world.events.message(message, 7)
    assert (world.alerts, world.halts, world.asked) == ([], [], 0)
