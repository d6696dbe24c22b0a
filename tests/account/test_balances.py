"""Balances: the newest counts, repeats and late events set nothing back."""

from __future__ import annotations

import pytest

from account.reports import MS, D, snapshot
from csbook.account import Account, BalanceChanged
from csbook.account.balances import Balances
from csbook.errors import BadMessage
from csbook.wire.private import BalanceReport


def event(wallet: str, at: int, asset: str = "USDT", available: str | None = None) -> BalanceReport:
    return BalanceReport(asset, D(wallet), None if available is None else D(available), event_time_ns=at * MS)


def wallet(account: Account) -> object:
    return account.balances["USDT"].wallet


def test_an_older_event_is_stale() -> None:
    account = Account()
    account.apply(event("5", 10), 1)
    assert account.apply(event("4", 9), 2) == []
    assert (wallet(account), account.counts["stale"]) == (5, 1)


def test_of_one_millisecond_the_later_to_arrive_counts_and_a_repeat_does_not() -> None:
    account = Account()
    account.apply(event("5", 10), 1)
    account.apply(event("4", 10), 2)
    assert wallet(account) == 4
    account.apply(event("5", 10), 3)
    assert wallet(account) == 4


def test_an_answer_replaces_what_was_there_before_the_question() -> None:
    account = Account()
    account.apply(event("5", 10), 10 * MS)
    account.apply(event("1", 10, "BNB", "1"), 10 * MS)
    changes = account.reconcile(snapshot(11, 12, balances=(BalanceReport("USDT", D(6)),)), 13 * MS)
    assert wallet(account) == 6
    assert (account.balances["BNB"].wallet, account.balances["BNB"].available) == (0, 0), "not listed: nothing is there"
    assert all(isinstance(change, BalanceChanged) for change in changes) and len(changes) == 2
    account.apply(event("5", 10), 14 * MS)
    assert wallet(account) == 6, "the event is older than the answer"
    account.apply(event("7", 13), 15 * MS)
    assert wallet(account) == 7


def test_an_event_that_came_after_the_question_stays() -> None:
    account = Account()
    account.apply(event("5", 10), 10 * MS)
    account.apply(event("7", 12), 12 * MS)
    account.reconcile(snapshot(11, 13, balances=(BalanceReport("USDT", D(5)),)), 14 * MS)
    assert wallet(account) == 7


def test_an_older_answer_changes_nothing() -> None:
    balances = Balances()
    balances.answer((BalanceReport("USDT", D(2)),), 20)
    assert balances.answer((BalanceReport("USDT", D(1)),), 10) == []
    assert balances.view["USDT"].wallet == 2


def test_what_is_available_stays_known_while_the_wallet_is_the_same() -> None:
    account = Account()
    account.apply(event("5", 10, available="3"), 1)
    account.apply(event("5", 11), 2)
    assert account.balances["USDT"].available == 3
    account.apply(event("6", 12), 3)
    assert account.balances["USDT"].available is None


@pytest.mark.parametrize(
    ("field", "report"), [("asset", BalanceReport("", D(1))), ("wallet", BalanceReport("USDT", D("nan")))]
)
def test_a_malformed_report_names_its_field_and_changes_nothing(field: str, report: BalanceReport) -> None:
    account = Account()
    with pytest.raises(BadMessage) as caught:
        account.apply(report, 1)
    assert caught.value.field == field
    assert dict(account.balances) == {}
