"""The market maker beside a feed: what is to be shown of it, halting by hand, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

import csbook
from csbook import Credentials
from csbook.cli.quoting import Own, Quoting, held, profit, quote
from csbook.errors import ConnectError
from csbook.examples import maker
from csbook.sim import LocalVenue


@pytest.fixture
async def local() -> AsyncIterator[LocalVenue]:
    async with LocalVenue(symbols=["BTCUSDT"], speed=50) as venue:
        yield venue


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def test_own_sizes_at_the_scales_of_a_book() -> None:
    own = Own(
        [(Decimal("61797.50"), Decimal("0.010"))], [(Decimal("61802.6"), Decimal("0.02"))],
        Decimal(0), None, None, 2, 0, None,
    )  # fmt: skip
    assert own.raw(2, 3) == {6179750: 10, 6180260: 20}
    assert own.raw(8, 8) == {6179750000000: 1000000, 6180260000000: 2000000}


def test_nothing_is_a_dash(own: Own) -> None:
    nothing = replace(own, bids=[], position=Decimal("0.000"), pnl=None)
    assert (quote(nothing.bids), held(nothing), profit(nothing)) == ("-", "0", "-")


async def test_it_quotes_until_it_is_left(local: LocalVenue) -> None:
    ended: list[None] = []
    feed = csbook.connect("coinswitch", ["BTCUSDT"], url=local.ws_url)
    quoting = Quoting(
        feed,
        "BTCUSDT",
        venue="coinswitch",
        credentials=Credentials(local.api_key, local.api_secret),
        rest_url=local.rest_url,
        ws_url=local.ws_url,
        ended=lambda: ended.append(None),
    )
    async with asyncio.timeout(30), feed, quoting:
        await until(lambda: quoting.own()["BTCUSDT"].fills > 0)
        own = quoting.own()["BTCUSDT"]
        assert own.orders >= 1 and own.halted is None and own.pnl is not None
        await until(lambda: quoting.own()["BTCUSDT"].position == local.account.positions["BTCUSDT"].size)
        quoting.halt()
        quoting.halt()
        assert quoting.own()["BTCUSDT"].halted == "by hand"
        assert quoting.trader.stats()["halts"] == 1
        await until(lambda: not local.account.open_orders)
        quoting.rearm()
        quoting.rearm()
        assert quoting.own()["BTCUSDT"].halted is None
    assert ended == [None]
    assert local.account.open_orders == ()
    assert not Path(quoting._state.name).exists()  # noqa: ASYNC240


async def test_nothing_is_left_where_it_cannot_begin() -> None:
    feed = csbook.connect("coinswitch", ["BTCUSDT"], url="ws://127.0.0.1:9")
    quoting = Quoting(
        feed,
        "BTCUSDT",
        venue="coinswitch",
        credentials=Credentials("key", "secret"),
        rest_url="http://127.0.0.1:9",
        ws_url="ws://127.0.0.1:9",
        ended=lambda: None,
    )
    with pytest.raises(ConnectError):
        await quoting.__aenter__()
    assert not Path(quoting._state.name).exists()  # noqa: ASYNC240


async def test_a_maker_that_breaks_is_told(local: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: maker.Maker) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(maker.Maker, "run", broken)
    feed = csbook.connect("coinswitch", ["BTCUSDT"], url=local.ws_url)
    ended = asyncio.Event()
    quoting = Quoting(
        feed,
        "BTCUSDT",
        venue="coinswitch",
        credentials=Credentials(local.api_key, local.api_secret),
        rest_url=local.rest_url,
        ws_url=local.ws_url,
        ended=ended.set,
    )
    with pytest.raises(ZeroDivisionError, match="a bug"):
        async with asyncio.timeout(40), feed, quoting:
            await ended.wait()
