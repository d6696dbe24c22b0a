"""Feeds of Binance, Bybit and KuCoin end to end: a venue on loopback holds the truth, and the book must say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from csbook import Book, Feed, State
from csbook.errors import CsbookError, UsageError
from csbook.feed import connect
from csbook.net.setting import Policy
from csbook.types import Alert
from publicvenue import BUY, SELL, VENUES, Bybit, KuCoin, PublicVenue
from scripted import open_sockets, until

POLICY = Policy(backoff_base=0.01, backoff_cap=0.05, audit_window=0.02, ticks_within=0.02)
SYMBOL = {"binance": "BTCUSDT", "bybit": "BTCUSDT", "kucoin": "XBTUSDTM"}
EACH = pytest.mark.parametrize("name", list(VENUES))


class Stand:
    """A venue, a feed, and what the feed told."""

    def __init__(self, name: str, venue: PublicVenue, feed: Feed) -> None:
        self.name, self.venue, self.feed = name, venue, feed
        self.symbol = SYMBOL[name]
        self.market = venue.markets[self.symbol]
        self.told: list[str] = []
        self.alerts: list[Alert] = []
        self.errors: list[Exception] = []
        feed.on_state(lambda _, old, new, why: self.told.append(f"{old}->{new}"))
        feed.on_book(lambda book: self.told.append(f"book {book.state}"))
        feed.on_alert(self.alerts.append)
        feed.on_error(self.errors.append)

    @property
    def book(self) -> Book:
        return self.feed.books["BTCUSDT"]

    async def live(self) -> None:
        """Changes come until the book is LIVE and true."""
        for number in range(200):
            await self.venue.change(self.symbol, BUY, "99.0", str(1 + number % 9))
            await asyncio.sleep(0.005)
            if self.book.state is State.LIVE:
                break
        await until(lambda: self.true)
        assert self.book.state is State.LIVE

    @property
    def true(self) -> bool:
        bids, asks = self.market.sides
        told = [[list(map(Decimal, row)) for row in side] for side in (bids, asks)]
        own = [
            [[Decimal(int(raw)).scaleb(-d) for raw, d in zip(row, decimals, strict=True)] for row in rows]
            for rows, decimals in (
                (zip(self.book.bid_prices_raw, self.book.bid_sizes_raw, strict=True), self.decimals),
                (zip(self.book.ask_prices_raw, self.book.ask_sizes_raw, strict=True), self.decimals),
            )
        ]
        return told == own

    @property
    def decimals(self) -> tuple[int, int]:
        return self.book.price_decimals, self.book.size_decimals


@asynccontextmanager
async def stand(name: str, *, policy: Policy = POLICY, **options: Any) -> AsyncIterator[Stand]:
    before = open_sockets()
    async with VENUES[name](SYMBOL[name]) as venue:
        feed = Feed(name, "BTCUSDT", url=venue.url, rest_url=venue.rest_url, _policy=policy, **options)
        made = Stand(name, venue, feed)
        async with feed:
            yield made
        assert made.book.state is not State.LIVE
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


@EACH
async def test_a_lost_change_is_told_first_and_mended(name: str) -> None:
    async with stand(name) as it:
        await it.live()
        assert it.told[-1] == "book LIVE" and it.feed.stats()["gaps"] == 0
        it.told.clear()
        await it.venue.lose(it.symbol, BUY, "99.9", "7")
        await it.venue.change(it.symbol, SELL, "100.2", "6")
        await until(lambda: it.told)
        assert it.told[0] == "LIVE->GAP"  # before on_book, and before the first await
        await it.live()
        assert it.told.index("LIVE->GAP") == 0 and it.told[-1] == "book LIVE"
        await until(lambda: it.feed.stats()["resyncs"] == 1)
        stats = it.feed.stats()
        assert (stats["gaps"], stats["unknown"], stats["reconnects"]) == (1, 0, 0)
        assert it.errors == it.alerts == []


@EACH
async def test_a_connection_that_is_cut(name: str) -> None:
    async with stand(name) as it:
        await it.live()
        it.told.clear()
        await it.venue.sockets[0].cut()
        await until(lambda: it.told)
        assert it.told[0] == "LIVE->GAP"
        await until(lambda: it.feed.stats()["reconnects"] == 1 and it.venue.sockets[-1].streams)
        await it.live()
        assert it.feed.stats()["gaps"] == 0


@EACH
async def test_the_venues_own_touch(name: str) -> None:
    async with stand(name, channels=("book", "touch")) as it:
        await it.live()
        before = it.book.digest()
        for ahead in (5, 4, 5, -1):  # one that is newer; the others are not
            await it.venue.quote(it.symbol, ahead=ahead)
        await until(lambda: it.book.fused_top().bid == 100.05)
        top = it.book.fused_top()
        assert (top.bid, top.bid_size, top.ask, top.ask_size) == (100.05, 7.0, 100.06, 8.0)
        assert it.book.digest() == before and it.true
        for size in range(1, 8):
            await it.venue.change(it.symbol, BUY, "100.0", str(size))
        await until(lambda: it.true)
        top = it.book.fused_top()  # the book has caught up
        assert (top.bid, top.bid_size, top.ask) == (100.0, 7.0, 100.1)
        stats = it.feed.stats()
        assert (stats["quotes"], stats["unknown"], stats["refused"]) == (1, 0, 0)
        assert it.alerts == it.errors == []


async def test_the_touch_of_a_book_of_one_level() -> None:
    """The same stream twice is subscribed to once, and feeds the book."""
    async with Bybit("BTCUSDT", depth=1) as venue:
        feed = connect("bybit", "BTCUSDT", depth=1, channels=("book", "touch"), url=venue.url, rest_url=venue.rest_url)
        async with feed:
            asked = [said["args"] for said in venue.sockets[0].heard if said["op"] == "subscribe"]
            assert asked == [["orderbook.1.BTCUSDT"]]


@EACH
async def test_two_connections(name: str) -> None:
    async with stand(name, connections=2) as it:
        assert len(it.venue.sockets) == 2
        await it.live()
        updates = it.feed.stats()["updates"]
        it.told.clear()
        for number in range(5):
            await it.venue.change(it.symbol, BUY, "98.0", str(number + 1))
        await until(lambda: it.true)
        stats = it.feed.stats()
        assert stats["updates"] - updates == 5 and int(stats["ignored"]) >= 4
        await it.venue.sockets[0].cut()
        await it.venue.change(it.symbol, BUY, "98.0", "9")
        await until(lambda: it.true)
        await until(lambda: it.feed.stats()["reconnects"] == 1)
        assert set(it.told) == {"book LIVE"} and it.feed.stats()["gaps"] == 0


@EACH
async def test_scales_come_from_the_rules(name: str) -> None:
    async with stand(name) as it:
        instrument = it.feed.instruments["BTCUSDT"]
        assert instrument.symbol == it.symbol and instrument.tick == Decimal("0.1")
        lot = Decimal(1) if name == "kucoin" else Decimal("0.001")
        assert instrument.lot == lot
        assert it.decimals == (3, 2 if name == "kucoin" else 5)
        if name == "kucoin":
            assert instrument.multiplier == Decimal("0.001")


@EACH
async def test_scales_that_are_given_ask_for_no_rules(name: str) -> None:
    async with stand(name, scales={"BTCUSDT": (4, 6)}) as it:
        assert it.decimals == (4, 6) and it.feed.instruments == {}
        assert not any("nstrument" in path or "contracts" in path or "exchangeInfo" in path for path in it.venue.asked)


@EACH
async def test_a_symbol_that_the_venue_does_not_list(name: str) -> None:
    async with VENUES[name](SYMBOL[name]) as venue:
        feed = connect(name, "NONEUSDT", url=venue.url, rest_url=venue.rest_url)
        kind, text = (CsbookError, "refused to tell") if name == "kucoin" else (UsageError, "lists no NONEUSDT")
        with pytest.raises(kind, match=text):
            async with feed:
                raise AssertionError("never reached")
        assert feed.books == {} and venue.sockets == []


@pytest.mark.parametrize(
    ("name", "depth", "fine"), [("binance", 0, False), ("binance", 5, True), ("bybit", 50, True), ("kucoin", 5, False)]
)
def test_half_a_venue(name: str, depth: int, fine: bool) -> None:
    if fine:
        connect(name, "BTCUSDT", depth=depth, url="ws://127.0.0.1:1")
        return
    with pytest.raises(UsageError, match="url is given and rest_url is not"):
        connect(name, "BTCUSDT", depth=depth, url="ws://127.0.0.1:1")


def test_an_audit_needs_both_halves() -> None:
    with pytest.raises(UsageError, match="audit needs rest_url"):
        connect("bybit", "BTCUSDT", audit=5, url="ws://127.0.0.1:1")
    connect("bybit", "BTCUSDT", depth=1, audit=5, url="ws://127.0.0.1:1")  # comes whole: never audited
    connect("coinswitch", "BTCUSDT", audit=5, url="ws://127.0.0.1:1")
    with pytest.raises(UsageError, match="audit is 0; expected seconds above 0"):
        connect("bybit", "BTCUSDT", audit=0)


async def test_without_rest_the_scales_are_the_widest() -> None:
    async with Bybit("BTCUSDT") as venue, connect("bybit", "BTCUSDT", url=venue.url) as feed:
        book = feed.books["BTCUSDT"]
        assert (book.price_decimals, book.size_decimals) == (8, 8) and venue.asked == []
        await until(lambda: book.state is State.LIVE)


def test_spot_and_futures_go_into_feeds_of_their_own() -> None:
    with pytest.raises(UsageError, match="feeds of their own"):
        connect("coinswitch-sio", ["BTC/INR", "BTCUSDT"])
    assert "spot" in repr(connect("coinswitch-sio", ["BTC/INR", "ETH/INR"]))
    assert "spot" not in repr(connect("coinswitch-sio", "BTCUSDT"))


async def test_kucoin_spells_its_own_way() -> None:
    async with stand("kucoin") as it:
        assert list(it.feed.books) == ["BTCUSDT"] and it.book.symbol == "XBTUSDTM"
        await it.live()
        await it.feed.unsubscribe("BTCUSDT")
        assert it.feed.books == {}
        await it.feed.subscribe("btcusdt")
        await it.live()


async def test_kucoin_connects_with_a_token_of_its_own_and_pings_as_told() -> None:
    class Quick(KuCoin):
        ping_interval = 100

    async with Quick("XBTUSDTM") as venue:
        feed = Feed("kucoin", "BTCUSDT", url=venue.url, rest_url=venue.rest_url, _policy=POLICY)
        async with feed:
            socket = venue.sockets[0]
            assert socket.query["token"] == venue.tokens[0] and socket.query["connectId"]
            await until(lambda: sum(said["type"] == "ping" for said in socket.heard) >= 2)
            await socket.cut()
            await until(lambda: len(venue.sockets) == 2 and venue.sockets[1].streams)
            assert venue.sockets[1].query["token"] == venue.tokens[1] != venue.tokens[0]


async def test_kucoin_says_nothing_before_the_welcome() -> None:
    async with KuCoin("XBTUSDTM") as venue:
        venue.welcomes = False
        policy = Policy(confirm_within=0.05)
        feed = Feed("kucoin", "BTCUSDT", url=venue.url, rest_url=venue.rest_url, _policy=policy)
        with pytest.raises(CsbookError, match="no welcome"):
            async with feed:
                raise AssertionError("never reached")
        assert [socket.heard for socket in venue.sockets] == [[]]


# -- audits, and prices off the grid


@EACH
async def test_an_audit_finds_ghosts_and_the_book_is_mended(name: str) -> None:
    async with stand(name, audit=0.02) as it:
        await it.live()
        await until(lambda: int(it.feed.stats()["audits"]) >= 2)
        assert it.feed.stats()["ghosts"] == 0 and it.alerts == []
        it.told.clear()
        ghosts = [[price, "5"] for price in ("99.4", "99.3", "99.2")]
        it.book.apply_delta(ghosts, [], sequence=it.book.sequence)
        assert it.book.state is State.LIVE and not it.true
        await until(lambda: it.told)
        assert it.told[0] == "LIVE->GAP"
        await it.live()
        await until(lambda: it.feed.stats()["resyncs"] == 1)
        stats = it.feed.stats()
        assert (stats["ghosts"], stats["missing"], stats["wrong_sizes"]) == (3, 0, 0)
        [alert] = it.alerts
        assert alert.kind == "audit" and alert.text.startswith(f"{it.symbol}: 3 ghosts in ")
        assert it.errors == []


@EACH
async def test_a_price_off_the_grid(name: str) -> None:
    async with stand(name) as it:
        await it.live()
        await it.venue.change(it.symbol, BUY, "99.95", "1")
        await until(lambda: it.feed.stats()["off_grid"] == 1)
        await it.venue.change(it.symbol, SELL, "100.151", "1")
        await until(lambda: it.feed.stats()["off_grid"] == 2)
        [alert] = it.alerts
        assert alert.kind == "schema" and alert.text.startswith("BTCUSDT: the price 99.95 is off the tick 0.1")
        assert it.book.state is State.LIVE
