"""Private messages that a venue sent, or that its documents and other programs show, through reader and account."""

from __future__ import annotations

import gzip
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from csbook.account import Account, FillSeen, OrderChanged
from csbook.types import Order, OrderStatus
from csbook.wire.private import BalanceReport, KeyExpired, OrderReport, PositionReport
from csbook.wire.session import Malformed, Unknown
from csbook.wire.userdata import read

KINDS = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE")


@pytest.fixture(scope="module")
def messages(shared_data: Path) -> list[bytes]:
    path = shared_data / "private" / "binance_usdm.tsv.gz"
    if not path.exists():
        pytest.skip(f"the recorded private messages are not here: {path.name}")
    return [line.partition(b"\t")[2] for line in gzip.decompress(path.read_bytes()).splitlines()]


def name_of(order: Order) -> tuple[str, str]:
    """Several programs' examples share their client ids."""
    return order.symbol, order.order_id or order.client_order_id


def outcome(account: Account) -> dict[tuple[str, str], tuple[OrderStatus, Decimal]]:
    return {name_of(order): (order.status, order.filled) for order in account.orders.values()}


def run(messages: list[bytes]) -> tuple[Account, Counter[str]]:
    """All of them through one account, in that order, checking after each what must hold of any account."""
    account = Account(own_prefix="x-")
    seen: Counter[str] = Counter()
    highest: dict[tuple[str, str], Decimal] = {}
    ended: set[tuple[str, str]] = set()
    for at, message in enumerate(messages, 1):
        for event in read(message, at):
            seen[type(event).__name__] += 1
            if isinstance(event, Unknown | Malformed):
                continue
            assert isinstance(event, OrderReport | PositionReport | BalanceReport | KeyExpired)
            for change in account.apply(event, at):
                seen[type(change).__name__] += 1
                if isinstance(change, OrderChanged):
                    order = change.order
                    key = name_of(order)
                    assert order.filled >= highest.get(key, Decimal(0)), "what was filled never falls"
                    assert order.is_terminal or key not in ended, "what has ended stays so"
                    highest[key] = order.filled
                    if order.is_terminal:
                        ended.add(key)
                if isinstance(change, FillSeen):
                    assert change.fill.size > 0 and change.fill.price > 0
        for symbol in {order.symbol for order in account.orders.values()}:
            exposure = account.exposure(symbol)
            assert exposure.short <= exposure.position <= exposure.long
    return account, seen


def test_they_go_through(messages: list[bytes]) -> None:
    account, seen = run(messages)
    assert len(messages) > 100 and seen["OrderReport"] > 30 and seen["BalanceReport"] > 10
    assert seen["Malformed"] == 0
    assert account.fills and account.positions and account.balances
    for order in account.orders.values():
        assert order.symbol and order.size >= 0 and order.filled >= 0
        assert order.filled <= order.size or not order.size
        assert (order.status is OrderStatus.FILLED) == (order.filled == order.size and order.filled > 0), order


def test_twice_is_once(messages: list[bytes]) -> None:
    once, _ = run(messages)
    twice, _ = run([message for message in messages for _ in range(2)])
    assert len(twice.fills) == len(once.fills)
    assert outcome(twice) == outcome(once)


@pytest.mark.parametrize("seed", range(5))
def test_in_any_order(messages: list[bytes], seed: int) -> None:
    """Which of an order's words is the strongest does not depend on when it came."""
    once, _ = run(messages)
    mixed = list(messages)
    Random(seed).shuffle(mixed)
    other, _ = run(mixed)
    assert len(other.fills) == len(once.fills)
    assert outcome(other) == outcome(once)
