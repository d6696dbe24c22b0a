"""Positions by symbol and leg, and the changes of them that are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from account.reports import SYMBOL, D, filled, order, position
from csbook.account import Account, PositionChanged
from csbook.account.holdings import Holdings, check_position
from csbook.account.path import Held
from csbook.errors import BadMessage
from csbook.wire.private import PositionReport, Snapshot


def test_symbols_do_not_mix() -> None:
    account = Account()
    account.apply(filled("1", "1", "1", at=5), 6)
    account.apply(PositionReport("ETHUSDT", D(-3), D(7), event_time_ns=5), 6)
    assert {symbol: held.size for symbol, held in account.positions.items()} == {SYMBOL: 1, "ETHUSDT": -3}
    assert account.exposure("ETHUSDT").short == -3
    assert account.exposure(SYMBOL).long == 2
    assert account.exposure("XRPUSDT").settled


def test_what_is_flat_and_never_was_otherwise_is_no_position() -> None:
    account = Account()
    account.placing(order(), 1)
    assert account.apply(position("0", at=5), 6) == []
    assert dict(account.positions) == {}


def test_only_what_differs_is_told() -> None:
    holdings = Holdings(0)
    changes: list[object] = []

    def tell(size: str, at: int, **more: object) -> None:
        report = PositionReport(SYMBOL, D(size), D(100), event_time_ns=at, **more)  # type: ignore[arg-type]
        holdings.report(report, Held(D(size), at, at, D(100)), changes)  # type: ignore[arg-type]

    tell("1", 1)
    tell("1", 2)
    assert len(changes) == 1
    assert holdings.view[SYMBOL].event_time_ns == 2, "the time is news, but no change"
    tell("1", 3, leverage=D(5))
    tell("1", 4, margin_type="isolated")
    tell("2", 5)
    assert [type(change) for change in changes] == [PositionChanged] * 4
    held = holdings.view[SYMBOL]
    assert (held.size, held.leverage, held.margin_type) == (2, 5, "isolated"), "what is left out stays"


def test_a_report_of_before_is_told_apart() -> None:
    holdings = Holdings(0)
    assert holdings.report(position("1", at=5), Held(D(1), 5, 6), [])
    assert not holdings.report(position("2", at=4), Held(D(2), 4, 7), [])
    assert holdings.reconcile((), 10, 11, []) == 0
    assert holdings.reconcile((), 9, 12, []) == 1
    assert holdings.symbols() == [SYMBOL]


@pytest.mark.parametrize(
    ("field", "report"),
    [
        ("symbol", PositionReport("", D(1))),
        ("size", PositionReport(SYMBOL, D("nan"))),
        ("entry_price", PositionReport(SYMBOL, D(1), D("inf"))),
        ("position_side", PositionReport(SYMBOL, D(1), position_side="NET")),
    ],
)
def test_a_malformed_report_names_its_field(field: str, report: PositionReport) -> None:
    with pytest.raises(BadMessage) as caught:
        check_position(report)
    assert caught.value.field == field


def listed(account: Account, at: int, *rows: PositionReport) -> None:
    account.reconcile(Snapshot(at, at + 1, positions=rows), at + 2)


def legs(account: Account) -> dict[str, object]:
    return {leg.position_side: leg.size for leg in account.positions[SYMBOL].legs}


def test_a_list_that_shows_one_leg_as_a_position() -> None:
    """In hedge mode, with one leg held, a list may look as in one-way mode: it is that leg as soon as one is named."""
    account = Account()
    listed(account, 10, PositionReport(SYMBOL, D(-2), D(100)))
    assert account.positions[SYMBOL].legs == () and account.exposure(SYMBOL).short == -2
    placed = replace(order("mm1", size="1"), position_side="LONG")
    account.placing(placed, 20)
    assert legs(account) == {"SHORT": -2} or account.exposure(SYMBOL).position == -2
    listed(account, 30, PositionReport(SYMBOL, D(-3), D(100)))
    assert legs(account)["SHORT"] == -3
    assert (account.exposure(SYMBOL).position, account.exposure(SYMBOL).settled) == (-3, True)
    listed(account, 40, PositionReport(SYMBOL, D(4), D(100)))
    assert (legs(account)["LONG"], legs(account)["SHORT"]) == (4, 0)
    listed(account, 50)
    assert account.exposure(SYMBOL).position == 0


def test_a_position_with_orders_of_its_own_is_one() -> None:
    account = Account()
    account.apply(filled("1", "1", "1", at=5), 6)
    listed(account, 10, PositionReport(SYMBOL, D(1), D(100)))
    account.apply(PositionReport(SYMBOL, D(0), None, "LONG", event_time_ns=20), 21)
    assert account.positions[SYMBOL].size == 1 and account.exposure(SYMBOL).position == 1
