"""Own sizes by price, and the touch that is left without them."""

from __future__ import annotations

import copy
import math
import random

import pytest

import csbook
from csbook._core import OwnSizes, level_size
from csbook.errors import UsageError

DECIMALS = {"price_decimals": 1, "size_decimals": 0}


def book(bids: dict[int, int], asks: dict[int, int]) -> csbook.Book:
    made = csbook.Book("BTCUSDT", price_decimals=1, size_decimals=0)
    made.apply_snapshot(
        [(f"{price / 10}", size) for price, size in sorted(bids.items(), reverse=True)],
        [(f"{price / 10}", size) for price, size in sorted(asks.items())],
        sequence=7,
        event_time_ns=8,
        receive_time_ns=9,
    )
    return made


def test_sizes_add_up_by_price() -> None:
    own = OwnSizes(**DECIMALS)
    assert own.add("BUY", 1000, 5) == 5
    assert own.add(csbook.Side.BUY, 1000, 2) == 7
    assert own.add("SELL", 1000, 1) == 1
    assert (own.size("BUY", 1000), own.size("SELL", 1000), own.size("BUY", 999), len(own)) == (7, 1, 0, 2)
    assert own.add("BUY", 1000, -7) == 0
    assert own.add("BUY", 1000, -1) == 0
    assert own.add("BUY", 998, 0) == 0
    assert (own.size("BUY", 1000), len(own)) == (0, 1)
    assert (own.price_decimals, own.size_decimals) == (1, 0)


def test_what_it_refuses() -> None:
    own = OwnSizes(**DECIMALS)
    for price in (0, -1, 2**63):
        with pytest.raises(UsageError, match="price_raw"):
            own.add("BUY", price, 1)
    own.add("BUY", 5, 2**63 - 1)
    with pytest.raises(UsageError, match="above"):
        own.add("BUY", 5, 1)
    assert own.size("BUY", 5) == 2**63 - 1
    with pytest.raises(UsageError, match="side"):
        own.add("LEFT", 5, 1)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="decimals"):
        OwnSizes(price_decimals=19, size_decimals=0)
    with pytest.raises(UsageError, match="decimals"):
        own.net(csbook.Book("BTCUSDT", price_decimals=2, size_decimals=0))
    with pytest.raises(UsageError, match="decimals"):
        own.net(csbook.Book("BTCUSDT", price_decimals=1, size_decimals=1))
    with pytest.raises(TypeError):
        own.net(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        copy.copy(own)


def test_a_touch_without_own_sizes() -> None:
    made = book({1000: 5, 999: 3}, {1001: 4})
    own = OwnSizes(**DECIMALS)
    own.add("BUY", 1000, 2)
    top = own.net(made)
    assert (top.bid_raw, top.bid_size_raw, top.ask_raw, top.ask_size_raw) == (1000, 3, 1001, 4)
    assert (top.sequence, top.event_time_ns, top.receive_time_ns, top.state) == (7, 8, 9, csbook.State.LIVE)
    own.add("BUY", 1000, 3)
    assert (own.net(made).bid_raw, own.net(made).bid_size_raw) == (999, 3)
    own.add("SELL", 1001, 9)
    assert math.isnan(own.net(made).ask) and math.isnan(own.net(made).mid)
    assert own.net(made).ask_size_raw == 0
    assert made.top().bid_size_raw == 5


def test_own_prices_that_the_book_does_not_have() -> None:
    made = book({1000: 5}, {1010: 4})
    own = OwnSizes(**DECIMALS)
    for price in (1001, 1005, 990):
        own.add("BUY", price, 9)
    assert (own.net(made).bid_raw, own.net(made).bid_size_raw) == (1000, 5)


def test_an_empty_book() -> None:
    own = OwnSizes(**DECIMALS)
    own.add("BUY", 1000, 2)
    own.add("SELL", 1001, 2)
    top = own.net(csbook.Book("BTCUSDT", **DECIMALS))  # type: ignore[arg-type]
    assert math.isnan(top.bid) and math.isnan(top.ask)


@pytest.mark.parametrize("levels", [12, 150, 1500])
def test_against_dicts(levels: int) -> None:
    chance = random.Random(levels)
    for _ in range(60):
        sides = [
            {base + step * i: chance.randrange(1, 6) for i in range(levels) if chance.random() < 0.9}
            for base, step in ((50_000, -1), (50_001, 1))
        ]
        mine: list[dict[int, int]] = [{}, {}]
        own = OwnSizes(**DECIMALS)
        for _ in range(chance.choice((0, 5, 40, 2 * levels))):
            side = chance.randrange(2)
            away = min(int(chance.expovariate(3 / levels)), 3 * levels)
            price = 50_000 - away if side == 0 else 50_001 + away
            change = chance.randrange(-3, 7)
            size = max(mine[side].get(price, 0) + change, 0)
            mine[side][price] = size
            assert own.add(csbook.Side(side), price, change) == size
        top = own.net(book(*sides))
        left = [
            [(price, size - mine[side].get(price, 0)) for price, size in sorted(levels_.items(), reverse=side == 0)]
            for side, levels_ in enumerate(sides)
        ]
        bid, ask = (next((level for level in side if level[1] > 0), (0, 0)) for side in left)
        assert ((top.bid_raw, top.bid_size_raw), (top.ask_raw, top.ask_size_raw)) == (bid, ask)
        assert len(own) == sum(size > 0 for side in mine for size in side.values())


def test_the_size_at_a_price() -> None:
    made = book({1000: 5, 998: 3}, {1001: 4, 1003: 2})
    assert [level_size(made, "BUY", price) for price in (1001, 1000, 999, 998, 997)] == [0, 5, 0, 3, -1]
    assert [level_size(made, "SELL", price) for price in (1000, 1001, 1002, 1003, 1004)] == [0, 4, 0, 2, -1]
    assert level_size(csbook.Book("BTCUSDT"), "BUY", 5) == -1
    with pytest.raises(TypeError):
        level_size(None, "BUY", 5)  # type: ignore[arg-type]
