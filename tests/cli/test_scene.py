"""The observer: what it makes of a feed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from csbook import Book, connect
from csbook.cli.scene import Observer
from csbook.clock import TapeClock
from csbook.sim import LocalVenue


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_observer_sees_books_trades_and_moves() -> None:
    async with (
        LocalVenue(symbols=["BTCUSDT", "ETHUSDT"], speed=5.0) as venue,
        connect("coinswitch", ["BTCUSDT", "ETHUSDT"], url=venue.ws_url, channels=("book", "trades", "tickers")) as feed,
        Observer(feed, "here") as observer,
    ):
        await until(lambda: bool(observer.scene().trades) and len(observer.scene().tickers) == 2)
        scene = observer.scene(1, "a hint")
        assert (scene.title, scene.hint, scene.shown) == ("here", "a hint", 1)
        assert scene.book.symbol == "ETHUSDT"
        assert {trade.symbol for trade in observer.scene(0).trades} == {"BTCUSDT"}
        ids = [trade.id for trade in observer.scene(0).trades]
        assert ids == sorted(ids, reverse=True)
        assert observer.scene(7).shown == 1
        assert int(scene.stats["messages"]) > 0
        await venue.disconnect_all()
        await until(lambda: "STALE" in {move.new.name for move in observer.take_moves()})
        assert "lost" in observer.scene().reasons["BTCUSDT"]
        assert observer.take_moves() == []


class StillFeed:
    """A feed that only has books."""

    def __init__(self, book: Book) -> None:
        self.books = {book.symbol: book}

    def stats(self) -> dict[str, int | str]:
        return {"messages": self.books["BTCUSDT"].updates}


def test_rates_are_counted_over_the_last_two_seconds(book: Book) -> None:
    clock = TapeClock()
    observer = Observer(StillFeed(book), "", clock=clock)  # type: ignore[arg-type]
    assert observer.rates() == {"BTCUSDT": 0.0}
    for _ in range(30):
        clock.advance(100_000_000)
        for _ in range(2):
            book.apply_delta([["61800.0", "1"]], [])
        rate = observer.rates()["BTCUSDT"]
    assert rate == 20.0
    for _ in range(30):
        clock.advance(100_000_000)
        rate = observer.rates()["BTCUSDT"]
    assert rate == 0.0


def test_the_counters_are_not_asked_for_at_every_frame(book: Book) -> None:
    clock = TapeClock()
    observer = Observer(StillFeed(book), "", clock=clock)  # type: ignore[arg-type]
    assert observer.scene().stats == {"messages": 1}
    book.apply_delta([["61800.0", "1"]], [])
    assert observer.scene().stats == {"messages": 1}
    clock.advance(500_000_000)
    assert observer.scene().stats == {"messages": 2}
