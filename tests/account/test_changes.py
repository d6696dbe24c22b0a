"""The records of what changed: frozen, small, and made for each kind of news."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from account.reports import D, filled, order, position, report, snapshot
from csbook.account import Account, BalanceChanged, Change, FillSeen, OrderChanged, PositionChanged
from csbook.types import OrderStatus
from csbook.wire.private import BalanceReport, KeyExpired


def test_each_kind_of_news_has_its_record() -> None:
    account = Account()
    assert account.placing(order(), 1) == [OrderChanged(account.orders["a"], None)]
    (new,) = account.apply(report("NEW"), 2)
    assert new == OrderChanged(account.orders["a"], OrderStatus.PENDING)
    seen, changed, moved = account.apply(filled("1", "1", "1", at=5), 3)
    assert isinstance(seen, FillSeen) and seen.fill is account.fills[-1]
    assert changed == OrderChanged(account.orders["a"], OrderStatus.NEW)
    assert moved == PositionChanged(account.positions["BTCUSDT"], None)
    (balance,) = account.apply(BalanceReport("USDT", D(5), event_time_ns=1), 4)
    assert balance == BalanceChanged(account.balances["USDT"], None)
    assert account.apply(KeyExpired(), 5) == []
    (moved,) = account.reconcile(snapshot(10, 11, positions=(position("3", at=9, entry="90"),)), 12 * 10**6)
    assert isinstance(moved, PositionChanged) and moved.old is not None
    assert (moved.old.size, moved.position.size) == (1, 3)


def test_what_says_nothing_new_changes_nothing() -> None:
    account = Account()
    account.placing(order(), 1)
    for news in (report("NEW", at=3), filled("1", "1", "1", at=5), position("1", at=5)):
        account.apply(news, 6)
        assert account.apply(news, 7) == []


@pytest.mark.parametrize("kind", get_args(Change))
def test_a_record_is_frozen(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)
