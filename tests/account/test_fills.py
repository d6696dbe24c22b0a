"""The fills of one order: each once, and figures that are whole even where fills are not."""

from __future__ import annotations

from account.reports import D, fill
from csbook.account.fills import Fills


def test_a_trade_id_counts_once() -> None:
    fills = Fills()
    first = fill("7", "1", realised_pnl=D(3), commission=D(1))
    assert fills.add(first, D(1))
    assert not fills.add(first, D(1))
    assert not fills.add(fill("7", "1"), None), "the id alone decides"
    assert (fills.size, fills.value, len(fills), fills.realised(D(1))) == (1, 100, 1, 3)
    assert fills.add(fill("8", "1"), D(2))
    assert (fills.size, len(fills)) == (2, 2)


def test_without_a_trade_id_the_cumulative_quantity_tells_fills_apart() -> None:
    fills = Fills()
    assert fills.add(fill("", "1"), D("1.0"))
    assert not fills.add(fill("", "1"), D("1.00"))
    assert fills.add(fill("", "1"), D(2))
    assert fills.add(fill("", "1"), None) and not fills.add(fill("", "1"), None)
    assert fills.size == 3
    assert fills.add(fill("", "1"), D("0.1234567")) and fills.add(fill("", "1"), D("0.1234568"))


def test_figures_add_up() -> None:
    fills = Fills()
    fills.add(fill("1", "1", realised_pnl=D("0.1"), commission=D("0.01"), commission_asset="USDT"), D(1))
    fills.add(fill("2", "1", realised_pnl=D("-0.3"), commission=D("0.001"), commission_asset="BNB"), D(2))
    fills.add(fill("3", "1", realised_pnl=None, commission=D("-0.002"), commission_asset="USDT"), D(3))
    assert fills.realised(D(3)) == D("-0.2")
    assert fills.commissions(D(3)) == {"USDT": D("0.008"), "BNB": D("0.001")}
    assert fills.whole(D(3)) and not fills.whole(D(4))


def test_totals_stand_for_what_was_lost_and_fills_for_what_came_after() -> None:
    fills = Fills()
    fills.add(
        fill("2", "1", realised_pnl=D(2), commission=D(20), commission_asset="USDT"), D(2)
    )  # the first one is lost
    assert fills.realised(D(2)) == 2
    fills.total(D(2), D(3), D(30), "USDT")
    assert (fills.realised(D(2)), fills.commissions(D(2))) == (3, {"USDT": 30})
    fills.add(fill("3", "1", realised_pnl=D(5), commission=D(50), commission_asset="BNB"), D(3))
    assert (fills.realised(D(3)), fills.commissions(D(3))) == (8, {"USDT": 30, "BNB": 50})
    assert fills.whole(D(3)) and not fills.whole(D(4))
    fills.total(D(1), D(99), D(99), "USDT")
    assert fills.realised(D(3)) == 8, "older totals say nothing"
    fills.add(fill("1", "1", realised_pnl=D(1), commission=D(10), commission_asset="USDT"), D(1))
    assert fills.realised(D(3)) == 8, "all fills are there, and say the same"
    assert fills.commissions(D(3)) == {"USDT": 30, "BNB": 50}


def test_whether_a_figure_was_told() -> None:
    fills = Fills()
    fills.add(fill("1", "1"), D(1))
    assert not fills.told_pnl
    fills.total(D(1), D(0), None, "")
    assert fills.told_pnl


def test_totals_of_one_figure_alone_are_not_all() -> None:
    fills = Fills()
    fills.total(D(2), None, D(30), "USDT")
    assert fills.whole(D(2)) and not fills.whole(D(2), entirely=True)
    fills.total(D(2), D(1), D(30), "USDT")
    assert fills.whole(D(2), entirely=True) and not fills.whole(D(3), entirely=True)
    fills.add(fill("3", "1"), D(3))
    assert fills.whole(D(3), entirely=True)
