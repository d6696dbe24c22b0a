"""The example market maker: short, within the venue's limits, and careful, at a local venue."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

import csbook
from csbook import Book, Credentials, Feed, Side, Trader
from csbook.examples import maker as example
from csbook.examples.maker import CANCELS, PLACES, Maker
from csbook.guard.budget import RateBudget
from csbook.sim import LocalVenue, Terms
from csbook.venues import trading_table


@pytest.fixture(autouse=True)
def a_market_that_may_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay is slowed down until nothing moves but what a test moves."""
    monkeypatch.setattr(example, "MAX_AGE_NS", 10**12)


def test_it_is_short() -> None:
    lines = Path(inspect.getfile(example)).read_text(encoding="utf-8").splitlines()
    assert len(lines) < 120


@pytest.mark.parametrize(("pace", "endpoint"), [(PLACES, "place"), (CANCELS, "cancel")])
def test_its_pace_is_within_the_limits(pace: tuple[int, float], endpoint: str) -> None:
    """As often as its own budget admits, for ten minutes: never more in a window than the venue takes."""
    limit = trading_table("coinswitch").limits[endpoint]
    budget, now, sent = RateBudget(*pace), 0.0, []
    while now < 600:
        now += budget.wait(now)
        budget.spend(now)
        sent.append(now)
    most = max(sum(at <= other <= at + limit.window_s + 0.5 for other in sent) for at in sent)
    assert most <= limit.count - limit.reserve


@asynccontextmanager
async def at_work(
    tmp_path: Path, speed: float = 0.001, **options: int
) -> AsyncIterator[tuple[LocalVenue, Feed, Trader, Maker]]:
    accounts = {"default": Terms(), "other": Terms(balance=10**9)}
    async with LocalVenue(symbols=["BTCUSDT"], speed=speed, accounts=accounts) as venue:
        trader = csbook.trade(
            "coinswitch",
            credentials=Credentials(venue.api_key, venue.api_secret),
            rest_url=venue.rest_url,
            ws_url=venue.ws_url,
            cancel_on_exit=True,
            state_dir=tmp_path,
        )
        feed = csbook.connect("coinswitch", ["BTCUSDT"], url=venue.ws_url, stale_after=60)
        async with asyncio.timeout(30), feed, trader:
            trader.follow(feed)
            maker = Maker(feed, trader, "BTCUSDT", **options)  # type: ignore[arg-type]
            making = asyncio.create_task(maker.run())
            try:
                yield venue, feed, trader, maker
                assert not making.done()
            finally:
                making.cancel()
                await asyncio.wait([making])
        assert venue.account.open_orders == ()


async def until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("turns", range(6))
async def test_the_end_is_not_lost_in_news(tmp_path: Path, turns: int) -> None:
    """It is cancelled so many turns of the loop after something happened."""
    async with at_work(tmp_path) as (_, _, trader, maker):
        await until(lambda: len(trader.account.open_orders()) == 2)
        making = asyncio.create_task(maker.run())
        await asyncio.sleep(0.02)
        maker._news.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        making.cancel()
        await asyncio.wait([making], timeout=2 * example.EVERY_S)
        ended = making.done()
        making.cancel()
        assert ended


def resting(venue: LocalVenue) -> dict[Side, Decimal]:
    return {order.side: order.price for order in venue.account.open_orders if order.price is not None}


async def test_it_quotes_both_sides_and_is_filled(tmp_path: Path) -> None:
    """Against the replayed market at fifty times its speed."""
    async with at_work(tmp_path, speed=50) as (venue, _, trader, _):
        await until(lambda: len(trader.account.fills) > 0 and trader.stats()["placed"] >= 2)
        placed = [order.side for order in venue.account.orders]
        assert set(placed[:2]) == {Side.BUY, Side.SELL}
        assert venue.account.fills
        assert trader.stats()["rejected"] == 0


async def test_its_quotes_stand_around_the_microprice_and_lean(tmp_path: Path) -> None:
    async with at_work(tmp_path, away=40, lean=20) as (venue, feed, trader, maker):
        await until(lambda: len(resting(venue)) == 2)
        book, quotes = feed.books["BTCUSDT"], resting(venue)
        assert quotes[Side.BUY] <= Decimal(book.microprice) - 4 < Decimal(book.microprice) + 4 <= quotes[Side.SELL]
        assert quotes[Side.SELL] - quotes[Side.BUY] < Decimal("8.5")
        flat = maker.quotes()
        venue.place_by_hand("BTCUSDT", "BUY", "0.020")
        await until(lambda: trader.account.exposure("BTCUSDT").position == Decimal("0.020"))
        held = maker.quotes()
        for side in Side:  # two lots, twenty ticks each, and what the trade did to the microprice
            assert Decimal("3.8") <= flat[side] - held[side] <= Decimal("4.2")
        venue.place_by_hand("BTCUSDT", "BUY", "0.030")
        await until(lambda: trader.account.exposure("BTCUSDT").position == Decimal("0.050"))
        assert list(maker.quotes()) == [Side.SELL]  # at the limit one side is left
        await until(lambda: list(resting(venue)) == [Side.SELL])


async def test_its_own_order_is_no_opinion_of_the_market(tmp_path: Path) -> None:
    """Somebody takes the best bids away; an own order in the gap is the touch then, and moves no quote."""
    async with at_work(tmp_path) as (venue, feed, trader, maker):
        await until(lambda: len(resting(venue)) == 2)
        book, (bids, _, _) = feed.books["BTCUSDT"], venue.final_book("BTCUSDT", 5)
        taken = sum((Decimal(size) for _, size in bids[:4]), Decimal(0))
        venue.place_by_hand("BTCUSDT", "SELL", taken, account="other")
        await until(lambda: book.best_bid == float(bids[4][0]))
        before = maker.quotes()
        await trader.place("BTCUSDT", "BUY", size="0.500", price=bids[0][0])
        await until(lambda: book.best_bid == float(bids[0][0]))
        assert maker.quotes() == before
        assert before[Side.BUY] < Decimal(bids[4][0])


async def test_its_quotes_are_pulled_when_the_book_is_lost(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (venue, feed, _, maker):
        await until(lambda: len(resting(venue)) == 2)
        seen: list[dict[Side, Decimal]] = []

        @feed.on_state
        def moved(book: Book, *_: object) -> None:
            seen.append(maker.quotes())

        await venue.disconnect_all()
        await until(lambda: not resting(venue))
        assert seen[0] == {}


async def test_a_halt_silences_it(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (venue, _, trader, maker):
        await until(lambda: len(resting(venue)) == 2)
        await trader.halt("enough")
        assert resting(venue) == {} == maker.quotes()
        placed = trader.stats()["placed"]
        maker._news.set()
        await asyncio.sleep(0.02)
        assert trader.stats()["placed"] == placed
        trader.rearm("ann")
        assert len(maker.quotes()) == 2


async def test_a_refusal_does_not_end_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with at_work(tmp_path) as (venue, _, trader, maker):
        await until(lambda: len(resting(venue)) == 2)
        maker.size = Decimal("0.0101")  # off the grid from now on
        maker._places = RateBudget(100)
        await trader.cancel_all()
        await until(lambda: "no multiple of 0.001" in caplog.text)
        maker.size = Decimal("0.010")
        maker._news.set()
        await until(lambda: len(resting(venue)) == 2)
