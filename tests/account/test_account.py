"""The composition: commands, reports, reconciliation, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

import csbook
from account.reports import MS, SYMBOL, D, filled, order, position, report, snapshot, worst
from csbook.account import Account, FillSeen, OrderChanged
from csbook.errors import BadMessage, OrderRefused, UsageError
from csbook.types import OrderStatus, Side
from csbook.wire.private import BalanceReport, PositionReport

SECOND = 1000 * MS


def status(account: Account, key: str = "a") -> str:
    return account.orders[key].status.name


def test_placing_registers_before_anything_is_sent() -> None:
    account = Account()
    account.placing(order(), 7)
    made = account.orders["a"]
    assert (made.status, made.own, made.created_time_ns) == (OrderStatus.PENDING, True, 7)
    assert account.open_orders() == account.open_orders(SYMBOL) == [made]
    assert account.open_orders("ETHUSDT") == []
    assert account.to_resolve == ()


@pytest.mark.parametrize(
    ("field", "made"),
    [
        ("client_order_id", order("")),
        ("client_order_id", order("known")),
        ("size", order("b", size="0")),
        ("size", order("b", size="nan")),
        ("size", order("b", size="-1")),
        ("price", order("b", price="inf")),
        ("symbol", replace(order("b"), symbol="")),
    ],
)
def test_what_cannot_be_placed(field: str, made: csbook.types.Order) -> None:
    account = Account()
    account.placing(order("known"), 1)
    with pytest.raises(OrderRefused) as caught:
        account.placing(made, 2)
    assert caught.value.field == field
    assert list(account.orders) == ["known"]
    assert worst(account)[1] == 2


def test_an_id_stays_taken_after_its_order_has_ended() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(report("CANCELED", "0", at=2), 3)
    with pytest.raises(OrderRefused):
        account.placing(order(), 4)


def test_an_order_that_was_not_sent() -> None:
    account = Account()
    account.placing(order(), 1)
    (change,) = account.refused("a", "budget", 2)
    assert isinstance(change, OrderChanged) and change.order.reason == "budget"
    assert (status(account), worst(account)[1]) == ("REJECTED", 0)
    account.placing(order("b"), 1)
    account.apply(report("NEW", at=3, client="b"), 4)
    assert account.refused("b", "late", 5) == []
    assert status(account, "b") == "NEW"


def test_unknown_is_kept_until_it_is_safe_to_say_that_there_is_none() -> None:
    account = Account(grace_ns=10 * SECOND)
    account.placing(order(), 0)
    account.unknown("a", "timeout", 5 * SECOND)
    assert (status(account), account.orders["a"].reason) == ("UNKNOWN", "timeout")
    assert account.to_resolve == (account.orders["a"],)
    assert account.absent("a", 15 * SECOND - 1) == [], "the request may still be on its way"
    assert worst(account)[1] == 2
    account.absent("a", 15 * SECOND)
    assert (status(account), worst(account)[1], account.to_resolve) == ("REJECTED", 0, ())


def test_the_venues_word_undoes_our_own_conclusion() -> None:
    account = Account(grace_ns=0)
    account.placing(order(), 1)
    account.unknown("a", "503", 2)
    account.absent("a", 3)
    account.apply(report("NEW", at=4), 5)
    assert (status(account), worst(account)[1], account.counts["revived"]) == ("NEW", 2, 1)
    account.apply(report("REJECTED", at=5), 6)
    account.apply(report("NEW", at=4), 7)
    assert status(account) == "REJECTED", "what the venue has ended stays ended"


def test_unknown_and_absent_say_nothing_of_an_order_that_the_venue_has_confirmed() -> None:
    account = Account(grace_ns=0)
    account.placing(order(), 1)
    assert account.absent("a", 2) == [], "the request may not have been sent yet"
    account.apply(report("NEW", at=3), 4)
    assert account.unknown("a", "timeout", 5) == []
    assert account.absent("a", 6) == []
    assert status(account) == "NEW"


def test_a_cancel_on_its_way_and_a_cancel_that_was_refused() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(report("NEW", at=2), 3)
    assert len(account.canceling("a", 4)) == 1
    assert account.canceling("a", 4) == []
    assert account.orders["a"].canceling
    account.apply(report("NEW", at=2), 5)
    assert account.orders["a"].canceling
    account.cancel_refused("a", "rate", 6)
    assert not account.orders["a"].canceling
    account.apply(report("NEW", at=7, canceling=True), 8)
    assert account.orders["a"].canceling and worst(account)[1] == 2
    account.apply(report("CANCELED", "0", at=9), 10)
    assert not account.orders["a"].canceling
    assert account.canceling("a", 11) == []


def test_orders_that_were_never_placed_here() -> None:
    account = Account(own_prefix="mm")
    account.apply(filled("1", "1", "1", at=5, client="web"), 6)
    account.apply(report("NEW", at=5, client="mm7"), 6)
    account.apply(report("NEW", at=5, client="", order_id="77"), 6)
    assert {key: made.own for key, made in account.orders.items()} == {"web": False, "mm7": True, "#77": False}
    assert worst(account) == (1, 6, 1, True)
    found = account.order(order_id="77")
    assert found is account.orders["#77"] is account.order(order_id="77", symbol=SYMBOL)
    assert account.order(order_id="78") is None


def test_a_report_that_does_not_say_what_the_order_is() -> None:
    account = Account()
    assert account.apply(report("CANCELED", None, side=None, size=None), 1) == []
    assert (account.counts["incomplete"], dict(account.orders)) == (1, {})


def test_what_was_known_by_the_venues_id_alone_is_the_order_that_was_placed() -> None:
    account = Account()
    account.placing(order(), 1)
    nameless = replace(filled("1", "0.5", "0.5", at=5), client_order_id="")
    account.apply(nameless, 6)
    assert set(account.orders) == {"a", "#a-id"}
    assert worst(account) == (D("0.5"), 4, D("0.5"), True), "until the names meet, both count"
    account.apply(report("PARTIALLY_FILLED", "0.5", at=5), 7)
    account.apply(filled("1", "0.5", "0.5", at=5), 8)
    assert set(account.orders) == {"a"}
    assert account.orders["a"].filled == D("0.5")
    assert worst(account) == (D("0.5"), 2, D("0.5"), True)
    assert len(account.fills) == 1


def test_a_client_id_that_was_used_again_is_another_order() -> None:
    account = Account()
    account.apply(report("CANCELED", "0", at=1, order_id="1"), 2)
    account.apply(report("NEW", "0", at=3, order_id="2"), 4)
    assert status(account) == "CANCELED"
    assert status(account, "#2") == "NEW"
    account.apply(replace(report("NEW", "0", at=3, order_id="3"), symbol="ETHUSDT"), 5)
    assert account.orders["#3"].symbol == "ETHUSDT"


@pytest.mark.parametrize(
    "news",
    [
        report("NEW", "nan"),
        report("NEW", side=Side.SELL),
        filled("1", "0", "1", at=5),
        PositionReport("", D(1)),
        PositionReport(SYMBOL, D("nan")),
        PositionReport(SYMBOL, D(1), position_side="BOTTOM"),
        BalanceReport("USDT", D("inf")),
    ],
)
def test_a_malformed_report_changes_nothing(news: object) -> None:
    account = Account()
    account.placing(order(), 1)
    before = (dict(account.orders), worst(account), account.counts)
    with pytest.raises(BadMessage):
        account.apply(news, 5)  # type: ignore[arg-type]
    assert (dict(account.orders), worst(account), account.counts) == before


def test_a_snapshot_with_one_bad_row_changes_nothing() -> None:
    account = Account()
    account.placing(order(), 1)
    rows = (report("NEW", at=2), report("NEW", "nan", at=2, client="b"))
    with pytest.raises(BadMessage):
        account.reconcile(snapshot(5, 6, orders=rows), 7 * MS)
    assert status(account) == "PENDING"
    for asked, answered in ((0, 5), (6, 5)):
        with pytest.raises(BadMessage, match="asked"):
            account.reconcile(snapshot(asked, answered, orders=()), 7 * MS)


def test_an_open_order_that_is_not_listed_has_to_be_asked_for() -> None:
    account = Account()
    for key, at in (("gone", 2), ("heard", 2), ("fresh", 2), ("there", 2)):
        if key != "fresh":
            account.placing(order(key), 1 * MS)
            account.apply(report("NEW", at=at, client=key), 2 * MS)
    account.apply(report("NEW", at=2, client="heard"), 11 * MS)
    account.placing(order("fresh"), 11 * MS)
    account.apply(report("NEW", at=12, client="fresh"), 12 * MS)
    account.reconcile(snapshot(10, 13, orders=(report("NEW", at=2, client="there"),)), 14 * MS)
    assert [made.client_order_id for made in account.to_resolve] == ["gone"]
    assert status(account, "gone") == "NEW", "not guessed"
    assert worst(account)[1] == 8
    account.apply(report("CANCELED", "0.5", at=3, client="gone"), 15 * MS)
    assert account.to_resolve == ()
    assert worst(account)[1] == D("6.5")


def test_an_order_that_was_missed_and_is_there_after_all() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(report("NEW", at=2), 2)
    account.reconcile(snapshot(10, 11, orders=()), 12 * MS)
    assert len(account.to_resolve) == 1
    account.reconcile(snapshot(20, 21, orders=(report("NEW", at=2),)), 22 * MS)
    assert account.to_resolve == ()


def test_an_older_answer_misses_nothing() -> None:
    account = Account()
    account.reconcile(snapshot(10, 11, orders=()), 11 * MS)
    account.apply(report("NEW", at=2), 2 * MS)
    account.reconcile(snapshot(9, 12, orders=()), 13 * MS)
    assert account.to_resolve == ()


def test_pending_without_an_end_becomes_unknown() -> None:
    account = Account(grace_ns=10 * MS)
    account.placing(order(), 1 * MS)
    account.reconcile(snapshot(11, 12, orders=()), 12 * MS)
    assert status(account) == "PENDING"
    account.reconcile(snapshot(12, 13, orders=()), 13 * MS)
    assert status(account) == "UNKNOWN"


def test_an_order_that_ended_with_lost_fills_is_asked_for_its_totals() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(filled("2", "1", "2", at=5, realised_pnl=D(1), commission=D(1), commission_asset="USDT"), 6)
    assert account.missing("a") == 1
    assert account.to_resolve == (), "it may only be late"
    account.reconcile(snapshot(10, 11, orders=()), 12 * MS)
    assert len(account.to_resolve) == 1
    account.apply(report("FILLED", "2", at=5, realised_pnl=D(3), commission=D(4), commission_asset="USDT"), 13 * MS)
    assert account.to_resolve == ()
    assert account.realised_pnl(SYMBOL) == 3
    assert dict(account.commissions) == {"USDT": 4}
    assert account.positions[SYMBOL].commission == 4


def test_a_venue_that_tells_no_totals_is_not_asked_for_ever() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(filled("2", "1", "2", at=5), 6)
    account.reconcile(snapshot(10, 11, orders=()), 12 * MS)
    for _ in range(3):
        assert len(account.to_resolve) == 1
        account.apply(report("FILLED", "2", at=5), 13 * MS)
    assert account.to_resolve == ()
    account.reconcile(snapshot(20, 21, orders=()), 22 * MS)
    assert account.to_resolve == ()


def test_a_venue_that_lists_fills_is_asked_for_those_that_were_lost() -> None:
    """Totals without the realised P&L do not stand for them, and the order need not have ended."""
    account = Account(tells_fills=True)
    account.placing(order(), 1)
    account.apply(filled("2", "0.5", None, at=5, realised_pnl=D(1), commission=D(1), commission_asset="USDT"), 6)
    account.apply(report("PARTIALLY_FILLED", "1.5", at=5, commission=D(3), commission_asset="USDT"), 6)
    assert account.missing("a") == 1 and dict(account.commissions) == {"USDT": 3}
    assert account.to_resolve == (), "it may only be late"
    account.reconcile(snapshot(10, 11, orders=(report("PARTIALLY_FILLED", "1.5", at=5),)), 12 * MS)
    (wanted,) = account.to_resolve
    assert account.lacks_fills(wanted)
    lost = filled("1", "1", None, at=4, realised_pnl=D(2), commission=D(2), commission_asset="USDT")
    known = filled("2", "0.5", None, at=5, realised_pnl=D(1), commission=D(1), commission_asset="USDT")
    changes = account.listed(wanted, [lost, known], 13 * MS)
    assert [change.fill.trade_id for change in changes if isinstance(change, FillSeen)] == ["1"]
    assert (account.to_resolve, account.missing("a"), account.realised_pnl(SYMBOL)) == ((), 0, 3)
    assert dict(account.commissions) == {"USDT": 3} and worst(account) == (D("1.5"), 2, D("1.5"), True)
    assert not account.lacks_fills(wanted) and account.listed(wanted, [lost], 14 * MS) == []


def test_the_average_price_of_an_order_whose_fills_are_all_known() -> None:
    account = Account()
    account.placing(order(), 1)
    account.apply(filled("1", "0.5", None, at=5, price="100"), 6)
    assert account.orders["a"].average_price == 100
    account.apply(filled("2", "1.5", None, at=6, price="102"), 7)
    assert (status(account), account.orders["a"].average_price) == ("FILLED", D("101.5"))
    account.apply(report("FILLED", "2", at=6, average_price=D("101.49999999")), 8)
    assert account.orders["a"].average_price == D("101.49999999"), "the venue's own"
    account.placing(order("b"), 1)
    account.apply(report("PARTIALLY_FILLED", "1", at=5, client="b", average_price=D(99)), 6)
    account.apply(filled("4", "0.25", None, at=6, client="b", price="104"), 7)
    assert account.orders["b"].average_price == 99, "the others are not known"
    account.apply(filled("3", "1", None, at=5, client="b", price="99"), 7)
    assert account.orders["b"].filled == D("1.25") and account.orders["b"].average_price == 100


def test_what_was_never_placed_or_is_not_known_to_have_ended_is_asked_for_first() -> None:
    account = Account(tells_fills=True)
    account.placing(order(), 1)
    assert not account.lacks_fills(account.orders["a"]) and account.listed(account.orders["a"], [], 2) == []
    account.apply(filled("2", "1", "1", at=5), 6)
    account.apply(report("PARTIALLY_FILLED", "1.5", at=6), 7)
    account.reconcile(snapshot(10, 11, orders=()), 12 * MS)
    (wanted,) = account.to_resolve
    assert not account.lacks_fills(wanted), "it has vanished"
    account.apply(report("CANCELED", "1.5", at=7), 13 * MS)
    assert account.lacks_fills(account.orders["a"])


def test_an_execution_that_names_no_leg_does_not_make_an_order_of_one() -> None:
    """In hedge mode it could be either leg's: the order's own row says which, and then its fills are asked for."""
    account = Account(tells_fills=True)
    bare = filled("1", "1", None, at=5)
    assert account.apply(bare, 6) == [] and account.counts["incomplete"] == 1
    account.apply(report("FILLED", "2", at=6, position_side="LONG"), 7)
    assert [leg.position_side for leg in account.positions[SYMBOL].legs] == ["LONG"]
    account.reconcile(snapshot(10, 11, orders=()), 12 * MS)
    (wanted,) = account.to_resolve
    account.listed(wanted, [bare, filled("2", "1", None, at=6)], 13 * MS)
    assert (len(account.fills), account.to_resolve) == (2, ())


def test_an_execution_makes_an_order_where_there_are_no_legs() -> None:
    account = Account(tells_fills=True)
    account.apply(PositionReport(SYMBOL, D(1), event_time_ns=1), 2)
    account.apply(filled("1", "1", None, at=5), 6)
    assert [made.position_side for made in account.orders.values()] == ["BOTH"]


def test_a_venue_that_has_forgotten_fills_is_not_asked_for_ever() -> None:
    account = Account(tells_fills=True)
    account.placing(order(), 1)
    account.apply(report("FILLED", "2", at=5, commission=D(3), commission_asset="USDT"), 6)
    account.reconcile(snapshot(10, 11, orders=()), 12 * MS)
    asked = 0
    while account.to_resolve:
        account.listed(account.orders["a"], [], 13 * MS)
        asked += 1
    assert asked == 6 and dict(account.commissions) == {"USDT": 3}
    account.reconcile(snapshot(20, 21, orders=()), 22 * MS)
    assert account.to_resolve == ()


def test_commission_in_another_asset_is_not_the_positions() -> None:
    account = Account()
    account.apply(filled("1", "1", "1", at=5, commission=D("0.001"), commission_asset="BNB"), 6)
    assert dict(account.commissions) == {"BNB": D("0.001")}
    assert account.positions[SYMBOL].commission == 0


def test_unrealised_at_the_exact_mid() -> None:
    account = Account()
    book = csbook.Book(SYMBOL, price_decimals=1, size_decimals=1)
    assert account.unrealised_pnl(SYMBOL, book) == 0
    account.apply(filled("1", "2", "2", at=5), 6)
    assert account.unrealised_pnl(SYMBOL, book) is None, "no mid"
    book.apply_snapshot([("110.1", "1")], [("110.2", "1")])
    assert account.unrealised_pnl(SYMBOL, book) == D("20.3")
    with pytest.raises(UsageError, match="ETHUSDT"):
        account.unrealised_pnl("ETHUSDT", book)
    book.apply_snapshot([("98765.1", "1")], [("98765.2", "1")])
    assert account.unrealised_pnl(SYMBOL, book) == D("197330.3")
    account.apply(position("0", at=7), 8)
    assert account.positions[SYMBOL].size == 0
    assert account.unrealised_pnl(SYMBOL, book) == 0


def test_each_leg_has_its_own_unrealised() -> None:
    account = Account()
    account.apply(position("1", at=5, entry="100", side="LONG"), 6)
    account.apply(position("-3", at=5, entry="120", side="SHORT"), 6)
    book = csbook.Book(SYMBOL, price_decimals=1, size_decimals=1)
    book.apply_snapshot([("109.9", "1")], [("110.1", "1")])
    assert account.unrealised_pnl(SYMBOL, book) == 10 + 30


def test_history_is_bounded_and_open_orders_are_no_history() -> None:
    account = Account(history=3)
    account.placing(order("open"), 1)
    for number in range(10):
        account.apply(filled(str(number), "2", "2", at=5 + number, client=f"c{number}"), 6)
    assert set(account.orders) == {"open", "c7", "c8", "c9"}
    assert len(account.fills) == 3
    assert account.order(order_id="c1-id") is None
    assert worst(account) == (20, 22, 20, True)
    account.apply(position("20", at=30), 31)
    assert worst(account) == (20, 22, 20, True)


@pytest.mark.parametrize("options", [{"grace_ns": -1}, {"skew_ns": -1}, {"history": 0}])
def test_options_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Account(**options)  # type: ignore[arg-type]


def test_who_is_not_known() -> None:
    account = Account()
    for command in (account.canceling, account.absent):
        with pytest.raises(UsageError, match="nobody"):
            command("nobody", 1)
    with pytest.raises(UsageError, match="str"):
        account.apply("news", 1)  # type: ignore[arg-type]
    assert worst(account) == (0, 0, 0, True)
    assert account.realised_pnl(SYMBOL) == 0
    with pytest.raises(TypeError):
        account.orders["a"] = order()  # type: ignore[index]


def test_digits_that_the_ambient_context_would_lose() -> None:
    account = Account()
    size = "123456789012345678901234567890.123456789"
    account.placing(order(size=size), 1)
    account.apply(filled("1", size, size, at=5, of=size, price="1e-9"), 6)
    account.apply(filled("2", "1e-9", "1e-9", at=6, client="b", of="1e-9", side=Side.SELL), 7)
    assert str(account.positions[SYMBOL].size) == "123456789012345678901234567890.123456788"
