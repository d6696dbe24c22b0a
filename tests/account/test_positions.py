"""One rule for fills and position reports: the position, and what it can be at worst."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from account.reports import MS, SYMBOL, D, filled, order, position, report, snapshot, worst
from csbook.account import Account
from csbook.account.path import Held, Path
from csbook.account.positions import Ledger, Leg
from csbook.exact import ZERO
from csbook.types import Side


def working(size: str = "2", **more: object) -> Account:
    """A buy that works, and a sell."""
    account = Account(skew_ns=100 * MS)
    account.placing(order("a", size=size), 1)
    account.placing(order("b", Side.SELL, size=size, price="110"), 1)
    account.apply(report("NEW", "0", at=1, size=size), 2)
    account.apply(report("NEW", "0", at=1, client="b", side=Side.SELL, size=size, price="110"), 2)
    return account


def test_all_of_an_order_counts_from_before_it_is_sent_until_it_has_ended_with_a_quantity() -> None:
    account = Account()
    account.placing(order(), 1)
    assert worst(account) == (0, 2, 0, True)
    account.unknown("a", "timeout", 2)
    assert worst(account) == (0, 2, 0, True)
    account.apply(filled("1", "0.5", "0.5", at=5), 6)
    account.canceling("a", 7)
    assert worst(account) == (D("0.5"), 2, D("0.5"), True)
    account.apply(report("CANCELED", None, at=8), 9)
    assert worst(account) == (D("0.5"), 2, D("0.5"), True)
    account.apply(report("CANCELED", "0.5", at=8), 10)
    assert worst(account) == (D("0.5"), D("0.5"), D("0.5"), True)


def test_fill_and_report_in_either_order() -> None:
    first = working()
    first.apply(filled("1", "1", "1", at=5), 6)
    assert worst(first) == (1, 2, -1, True)
    first.apply(position("1", at=5), 7)
    assert worst(first) == (1, 2, -1, True)
    second = working()
    second.apply(position("1", at=5), 6)
    # from the fill that is to come, or by hand: the whole order may still fill on top of it
    assert worst(second) == (1, 3, -1, False)
    second.apply(filled("1", "1", "1", at=5), 7)
    assert worst(second) == (1, 2, -1, True)


def test_a_report_from_before_a_fill_changes_nothing() -> None:
    account = working()
    account.apply(filled("1", "1", "1", at=5), 6)
    account.apply(filled("2", "0.5", "1.5", at=6), 6)
    account.apply(position("1.5", at=6), 7)
    account.apply(position("1", at=5), 8)
    assert account.counts["stale"] == 1
    assert worst(account) == (D("1.5"), 2, D("-0.5"), True)


def test_reports_of_one_millisecond_are_held_side_by_side() -> None:
    account = working()
    account.apply(filled("1", "1", "1", at=5), 6)
    account.apply(position("1.5", at=5), 7)
    account.apply(position("1", at=5), 7)
    account.apply(position("1", at=5), 7)
    # 1.5 tells of a fill that is still to come; whether 1 was before or after it nobody says
    assert worst(account)[1:] == (D("3.5"), D("-1"), False)
    account.apply(filled("2", "0.5", "1.5", at=5), 8)
    assert worst(account) == (D("1.5"), 2, D("-0.5"), True)


def test_a_lost_fill_shows_in_the_report_and_then_in_the_quantity() -> None:
    account = working()
    account.apply(position("-1", at=5), 6)
    assert worst(account) == (-1, 1, -3, False)
    account.apply(filled("2", "0.5", "1.5", at=9, client="b", side=Side.SELL, price="110"), 10)
    assert account.counts["gaps"] == 1
    assert account.missing("b") == 1
    assert worst(account) == (D("-1.5"), D("0.5"), -2, True)


def test_trades_by_hand_show_in_the_worst_cases_at_once_and_in_the_base_after_a_reconciliation() -> None:
    account = working()
    account.apply(filled("1", "1", "1", at=5), 6)
    account.apply(position("1", at=5), 6)
    account.apply(position("4", at=7), 8)
    assert worst(account) == (4, 5, 2, False)
    account.reconcile(snapshot(10, 11, positions=(position("4"),)), 12 * MS)
    assert worst(account) == (4, 5, 2, True)
    # and from here on fills and reports agree again
    account.apply(filled("2", "0.5", "1.5", at=300), 300 * MS)
    account.apply(position("4.5", at=300), 301 * MS)
    assert worst(account) == (D("4.5"), 5, D("2.5"), True)


def test_a_fill_that_the_base_had_in_it_is_taken_out_of_it() -> None:
    account = working()
    account.reconcile(snapshot(10, 11, positions=(position("1", at=5),)), 12 * MS)
    assert worst(account) == (1, 3, -1, True), "taken for a position from before"
    account.apply(filled("1", "1", "1", at=4), 13 * MS)
    assert worst(account) == (1, 2, -1, True), "it was this fill"


def test_a_base_in_doubt_is_given_up() -> None:
    account = working()
    account.reconcile(snapshot(10, 11, positions=(position("1"),)), 12 * MS)
    account.apply(filled("1", "1", "1", at=11), 13 * MS)  # before or after the answer: the clocks do not tell
    assert worst(account)[1:] == (3, -1, False)
    account.reconcile(snapshot(20, 21, positions=(position("1"),)), 22 * MS)
    assert worst(account) == (1, 2, -1, True)


def test_an_answer_from_before_a_fill() -> None:
    account = working()
    account.apply(filled("1", "1", "1", at=15), 16 * MS)
    account.apply(position("1", at=15), 16 * MS)
    account.reconcile(snapshot(10, 11, positions=()), 17 * MS)
    position_now, long, short, _ = worst(account)
    assert (position_now, long, short) == (1, 2, -1), "flat may have been before it"


def test_what_an_answer_knows_is_not_undone_by_older_events() -> None:
    account = working()
    account.apply(filled("1", "1", "1", at=5), 6)
    account.apply(position("1", at=5), 6)
    account.apply(report("CANCELED", "1", at=6), 7)
    account.reconcile(snapshot(10, 11, positions=(position("3"),)), 12 * MS)
    account.apply(position("1", at=5), 13 * MS)
    assert worst(account)[0] == 3


def test_a_restart_takes_up_what_it_finds() -> None:
    account = Account(own_prefix="a")
    account.reconcile(
        snapshot(10, 12, orders=(report("PARTIALLY_FILLED", "0.5", at=5),), positions=(position("3", at=5),)), 13 * MS
    )
    assert worst(account) == (3, D("4.5"), 3, True)
    assert account.orders["a"].own


def test_legs_of_hedge_mode() -> None:
    account = Account()
    account.placing(order("a", position_side="LONG"), 1)
    account.placing(order("b", Side.SELL, position_side="SHORT"), 1)
    account.apply(filled("1", "1", "1", at=5), 6)
    account.apply(filled("2", "2", "2", at=6, client="b", side=Side.SELL, price="90"), 7)
    account.apply(position("1", at=5, side="LONG"), 8)
    account.apply(position("-2", at=6, entry="90", side="SHORT"), 8)
    held = account.positions[SYMBOL]
    assert {leg.position_side: (leg.size, leg.entry_price) for leg in held.legs} == {
        "LONG": (1, 100),
        "SHORT": (-2, 90),
    }
    assert (held.size, held.entry_price) == (-1, None)
    assert worst(account) == (-1, 0, -1, True)
    account.reconcile(snapshot(10, 11, positions=(position("-2", at=6, entry="90", side="SHORT"),)), 12 * MS)
    held = account.positions[SYMBOL]
    assert (held.size, held.entry_price) == (-2, 90), "the leg that is not listed is flat"


def test_the_entry_is_the_venues_while_it_is_of_this_size() -> None:
    account = working(size="3")
    account.apply(filled("1", "1", "1", at=5, of="3"), 6)
    account.apply(position("1", at=5, entry="100.5"), 7)
    assert account.positions[SYMBOL].entry_price == D("100.5")
    account.apply(filled("2", "2", "3", at=6, of="3", price="103.5"), 8)
    assert account.positions[SYMBOL].entry_price == D("102.5")
    account.apply(position("3", at=6, entry="102.4"), 9)
    assert account.positions[SYMBOL].entry_price == D("102.4")


def test_realised_by_the_average_entry_where_the_venue_tells_nothing() -> None:
    account = working(size="3")
    account.apply(filled("1", "3", "3", at=5, of="3"), 6)
    account.apply(position("2", at=6, entry="100"), 7)  # the venue's news of the sale comes before the fill
    account.apply(filled("2", "1", "1", at=6, of="3", client="b", side=Side.SELL, price="112"), 8)
    assert account.realised_pnl(SYMBOL) == 12
    assert account.positions[SYMBOL].realised_pnl == 12


def test_the_venues_figure_takes_the_place_of_ours() -> None:
    account = working()
    account.apply(filled("1", "2", "2", at=5), 6)
    account.apply(report("CANCELED", "1", at=7, client="b", side=Side.SELL, average_price=D(110)), 8)
    assert account.realised_pnl(SYMBOL) == 10
    account.apply(report("CANCELED", "1", at=7, client="b", side=Side.SELL, realised_pnl=D("9.5")), 9)
    assert account.realised_pnl(SYMBOL) == D("9.5")
    account.apply(filled("2", "1", "1", at=6, client="b", side=Side.SELL, realised_pnl=D("9.5")), 10)
    assert account.realised_pnl(SYMBOL) == D("9.5")


def test_the_ledger_flips() -> None:
    ledger = Ledger()
    assert ledger.trade(D(2), D(100)) == 0
    assert ledger.trade(D(-3), D(110)) == 20
    assert (ledger.size, ledger.entry) == (-1, 110)
    assert ledger.trade(D(1), D(100)) == 10
    assert (ledger.size, ledger.entry) == (0, None)
    assert ledger.trade(D(1), None) == 0
    assert ledger.trade(D(-1), D(100)) == 0, "no figure without a price"


def test_thirds_round_where_they_must_and_sizes_never() -> None:
    ledger = Ledger()
    ledger.trade(D(1), D(100))
    ledger.trade(D(2), D(101))
    assert ledger.entry == D("100." + "6" * 36 + "7")
    leg = Leg(SYMBOL, "BOTH", 0)
    for digit in range(1, 38):
        leg.net = leg.net + 0
        leg.may(1, D(1).scaleb(-digit))
    assert leg.may_buy == D("0." + "1" * 37)


def test_events_without_a_time_go_by_their_arrival() -> None:
    leg = Leg(SYMBOL, "BOTH", 0)
    assert leg.report(Held(D(1), 0, 5))
    assert leg.report(Held(D(2), 0, 6))
    assert [held.size for held in leg.reports] == [2]


def test_of_two_answers_the_one_asked_for_later_counts() -> None:
    account = working()
    account.reconcile(snapshot(10, 15, positions=(position("2"),)), 16 * MS)
    account.reconcile(snapshot(8, 20, positions=(position("5"),)), 21 * MS)
    assert worst(account)[0] == 2


def told(leg: Leg) -> tuple[object, ...]:
    """The interval as the rule at the head of ``positions.py`` has it, of all reports and all fills in doubt."""
    by_fills = None if leg.base is None else leg.base + leg.net
    if not leg.reports:
        size = leg.net if by_fills is None else by_fills
        return size, size, size, True
    lows, highs, likely = [], [], ZERO
    for held in leg.reports:
        bounds = [(path.sign, *path.bounds(held, leg.skew_ns)) for path in leg.paths]
        lows.append(held.size + sum(fresh if sign > 0 else -doubt for sign, doubt, fresh in bounds))
        highs.append(held.size + sum(doubt if sign > 0 else -fresh for sign, doubt, fresh in bounds))
        likely = held.size + sum(sign * fresh for sign, _, fresh in bounds)
    if by_fills is not None and all(low <= by_fills <= high for low, high in zip(lows, highs, strict=True)):
        return by_fills, by_fills, by_fills, True
    return likely, min(lows), max(highs), False


NEWS = st.tuples(st.sampled_from(("buy", "sell", "late", "event", "answer")), st.integers(0, 6), st.integers(-3, 3))


def state(leg: Leg) -> tuple[object, ...]:
    answer = leg.size, leg.low, leg.high, leg.settled, leg.entry_price, leg.ledger.size, leg.ledger.entry
    paths = sorted((path.sign, path.settled, *(point.filled for point in path.points)) for path in leg.paths)
    reports = [(held.size, held.time_ns, held.received_ns, held.floor_ns) for held in leg.reports]
    return answer, paths, reports, leg.floor_ns, leg.changed_ns, leg.base, leg.net


@given(st.lists(NEWS, max_size=12))
@example([("event", 1, 0), ("buy", 2, 0), ("event", 2, 1), ("sell", 2, 0), ("event", 3, 0), ("event", 3, 0)])
@example([("event", 1, 0), ("buy", 3, 0), ("event", 2, 1), ("event", 4, 1)])
@example([("answer", 3, 1), ("buy", 3, 1), ("event", 3, 1), ("answer", 0, 1), ("event", 4, 1)])
@example([("event", 1, 0), ("answer", 3, 0)])
@example([("event", 1, 2), ("event", 2, 2)])
@example([("event", 5, 0), ("answer", 0, 0), ("event", 6, 0)])
@example([("event", 5, 0), ("event", 0, 0), ("event", 3, 0)])
@example([("event", 1, 0), ("event", 5, 0), ("event", 0, 0), ("event", 4, 0)])
def test_the_usual_way_to_the_answer_is_no_other_answer(news: list[tuple[str, int, int]]) -> None:
    """A leg that takes the usual way where it can, beside one that never does, and both against the rule."""
    legs = [(Leg(SYMBOL, "BOTH", 2), {"buy": Path(1), "sell": Path(-1)}) for _ in range(2)]
    for now, (kind, at, size) in enumerate(news, 10):
        for number, (leg, paths) in enumerate(legs):
            paths["buy"].placed_ns = 13
            if kind in ("event", "answer"):
                asked = (now - 1, now) if kind == "answer" else (0, 0)
                held = Held(D(size), at, now, D(100 + size), *asked)
                before = state(leg)
                if number == 0 and leg.confirm(held):
                    continue
                assert state(leg) == before
                leg.report(held)
            elif kind == "late":
                path = paths["buy" if size > 0 else "sell"]
                if path.known:
                    path.recall(at, now, path.known, None)
            else:
                path = paths[kind]
                known = path.known
                leg.grow(path, at, now, known + 1, None if size < 0 else known, D(100))
            leg.evaluate()
        quick, slow = (leg for leg, _ in legs)
        assert (quick.size, quick.low, quick.high, quick.settled) == told(quick)
        assert state(quick) == state(slow)


@pytest.mark.parametrize(("at", "size", "usual"), [(4, 1, False), (5, 1, True), (6, 1, True), (6, 2, False)])
def test_the_usual_report_has_the_size_of_the_fills_and_none_is_certainly_newer(
    at: int, size: int, usual: bool
) -> None:
    leg, path = Leg(SYMBOL, "BOTH", 2), Path(1)
    assert not leg.confirm(Held(ZERO, 3, 1)), "there is none to compare it with"
    leg.report(Held(ZERO, 3, 1))
    leg.grow(path, 5, 1, D(1), ZERO, D(100))
    leg.evaluate()
    held = Held(D(size), at, 2, D(101))
    assert leg.confirm(held) is usual
    assert (leg.reports == [held], leg.entry_price) == (usual, 101 if usual else 100)
    assert (leg.size, leg.settled) == (1, True)
    assert not leg.confirm(held), "not newer than itself"
