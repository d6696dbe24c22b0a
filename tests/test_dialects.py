"""The feed against the local venue in every dialect: what it shows is the venue's book of that very id, or not LIVE.

The venue keeps a history of its own books by update id, rebuilt with dicts; at every callback a LIVE book is held
against the one of its id. With each fault injected: a lost change is noticed and mended, nothing wrong was ever LIVE.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from sortedcontainers import SortedDict

from csbook import Book, Feed, State
from csbook.net.setting import Policy
from csbook.sim.speech import ALL, Said
from csbook.sim.trace import Trace
from scripted import open_sockets, until

pytest.importorskip("aiohttp")

from csbook.sim import LocalVenue

POLICY = Policy(backoff_base=0.01, backoff_cap=0.1, pong_within=1.0, confirm_within=5.0)
LEVELS = 20
Side = list[tuple[Decimal, Decimal]]


@dataclass(frozen=True)
class Case:
    """A dialect and a depth of it; ``by_changes``: a lost message is noticed."""

    venue: str
    depth: int | None
    by_changes: bool
    symbol: str = "BTCUSDT"
    options: dict[str, Any] = field(default_factory=dict)
    speed: float = 40.0
    partial: bool = False  # anchored by a few levels, whose prices the market leaves: the next anchor is waited for

    def __str__(self) -> str:
        return f"{self.venue}{'' if self.depth is None else f'-{self.depth}'}{'-wrapped' if self.options else ''}"


CASES = [
    Case("binance", 0, True),
    Case("binance", 20, False),
    Case("bybit", 1, False),
    Case("bybit", 50, True),
    Case("bybit", 200, True),
    Case("kucoin", 0, True, speed=4.0),
    Case("kucoin", 50, False, speed=8.0),
    Case("coinswitch", 0, True, partial=True),
    Case("coinswitch", 20, False),
    Case("coinswitch-sio", None, False),
    Case("coinswitch-sio", None, False, options={"envelope": True}),
    Case("coinswitch-sio", None, False, symbol="BTC/USDT"),
    Case("coinswitch-hft", None, False),
]


class _Recorder(Trace):
    """A tally that keeps what the book was after each single level."""

    __slots__ = ("_history", "_sides")

    def __init__(self, listing: Any, sequence: int, history: dict[Any, list[tuple[Side, Side]]]) -> None:
        super().__init__(listing, ALL)
        self.sequence = sequence
        self._history = history
        self._sides = (SortedDict(self._bids), SortedDict(self._asks))
        self._keep(self.sequence)

    def _keep(self, number: int) -> None:
        bids, asks = self._sides
        best_bids = [(price, bids[price]) for price in list(bids.islice(-LEVELS))[::-1]] if bids else []
        best_asks = [(price, asks[price]) for price in asks.islice(0, LEVELS)]
        self._history[number] = [(self._texts(best_bids), self._texts(best_asks))]

    def _texts(self, levels: list[tuple[int, int]]) -> Side:
        return [(Decimal(self._listing.instrument.price_text(price)), Decimal(size)) for price, size in levels]

    def look(self) -> list[tuple[bool, int, int]]:
        begin = self.sequence
        found = super().look()
        for number, (bid, price, size) in enumerate(found, begin + 1):
            side = self._sides[not bid]
            if size:
                side[price] = size
            else:
                del side[price]
            self._keep(number)
        return found


class Judge:
    """Holds every LIVE book against the venue's of the same id."""

    def __init__(self, sim: LocalVenue, feed: Feed, case: Case) -> None:
        self.checked = 0
        self.wrong: list[str] = []
        self.moves: list[tuple[State, State]] = []
        self.errors: list[Exception] = []
        self._history: dict[int, list[tuple[Side, Side]]] = {}
        self._case = case
        self._kept = LEVELS
        self._board = board = sim._board
        if case.venue == "kucoin":
            for symbol in board._tallies:
                board._tallies[symbol] = _Recorder(
                    board.listing(symbol), board._tallies[symbol].sequence, self._history
                )
        else:
            board.told = self._told
        feed.on_book(self._book)
        feed.on_state(self._state)
        feed.on_error(self.errors.append)

    def _told(self, said: Said) -> None:
        """What the venue says, and what its book is then; a newcomer is told what was said before."""
        levels = (said.bids, said.asks)
        if not said.whole:
            bids, asks, _ = self._board.book(said.channel.symbol, min(self._kept, said.channel.depth))
            levels = (bids, asks)
        found = tuple([(Decimal(price), Decimal(size)) for price, size in side[: self._kept]] for side in levels)
        number = said.event_ms if self._case.venue in ("coinswitch-sio", "coinswitch-hft") else said.last_id
        known = self._history.setdefault(number, [])
        if found not in known:
            known.append(found)  # type: ignore[arg-type]

    def _state(self, book: Book, old: State, new: State, reason: str) -> None:
        self.moves.append((old, new))
        if new is State.LIVE:
            self._book(book)

    def _book(self, book: Book) -> None:
        book._check()
        if book.state is not State.LIVE:
            return
        self.checked += 1
        bids = _exact(book.bid_prices_raw, book.bid_sizes_raw, book)
        asks = _exact(book.ask_prices_raw, book.ask_sizes_raw, book)
        truths = self._history.get(book.sequence, [])
        for venue_bids, venue_asks in truths:
            levels = min(len(bids), len(asks), len(venue_bids), len(venue_asks))
            if levels and (venue_bids[:levels], venue_asks[:levels]) == (bids[:levels], asks[:levels]):
                return
        self.wrong.append(f"{book.sequence}: {bids[:2]} {asks[:2]} is not {[(b[:2], a[:2]) for b, a in truths]}")


def _exact(prices: Any, sizes: Any, book: Book) -> Side:
    return [
        (Decimal(price).scaleb(-book.price_decimals), Decimal(size).scaleb(-book.size_decimals))
        for price, size in zip(prices[:LEVELS].tolist(), sizes[:LEVELS].tolist(), strict=True)
    ]


@asynccontextmanager
async def stand(case: Case, **options: Any) -> AsyncIterator[tuple[LocalVenue, Feed, Judge]]:
    before = open_sockets()
    options = {"speed": case.speed, "seed": 3, "symbols": ["BTCUSDT"], **case.options, **options}
    async with LocalVenue(case.venue, **options) as sim:
        feed = Feed(case.venue, [case.symbol], depth=case.depth, url=sim.ws_url, rest_url=sim.rest_url, _policy=POLICY)
        judge = Judge(sim, feed, case)
        async with feed:
            yield sim, feed, judge
        assert judge.wrong == []
        assert feed.stats()["callback_errors"] == 0
    await until(lambda: open_sockets() <= before and len(asyncio.all_tasks()) == 1)


def is_final(sim: LocalVenue, book: Book, case: Case) -> bool:
    """Whether the book is the venue's, exactly, as far as it goes."""
    bids, asks, _ = sim.final_book(book.symbol, min(LEVELS, case.depth or LEVELS))
    mine = _exact(book.bid_prices_raw, book.bid_sizes_raw, book), _exact(book.ask_prices_raw, book.ask_sizes_raw, book)
    levels = min(len(bids), len(mine[0]), len(mine[1]))
    venue = tuple([(Decimal(price), Decimal(size)) for price, size in side] for side in (bids, asks))
    venue = (venue[0][:levels], venue[1][:levels])
    return book.state is State.LIVE and levels > 0 and venue == (mine[0][:levels], mine[1][:levels])


async def settled(sim: LocalVenue, feed: Feed, case: Case) -> None:
    """The faults end, the market goes on until the book is mended, and then it stands still."""
    sim.faults = ()  # type: ignore[assignment]
    (book,) = feed.books.values()
    async with asyncio.timeout(40):
        while True:
            sim.resume()
            await asyncio.sleep(0.03)
            await until(lambda: book.state is State.LIVE, 60.0)
            sim.pause()
            for _ in range(20):
                if is_final(sim, book, case):
                    return
                await asyncio.sleep(0.005)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_no_fault(case: Case) -> None:
    async with stand(case) as (sim, feed, judge):
        await until(lambda: judge.checked > 60, 60.0)
        sim.pause()
        (book,) = feed.books.values()
        await until(lambda: is_final(sim, book, case))
        stats = feed.stats()
        assert judge.errors == []
        assert [stats[name] for name in ("gaps", "reconnects", "refused", "declined")] == [0] * 4
        assert stats["unknown"] == 0 or case.partial  # the anchor's stream goes on, and is not needed any more
        assert judge.moves[-1][1] is State.LIVE
        known = {State.SYNCING, State.LIVE, State.GAP} if case.partial else {State.SYNCING, State.LIVE}
        assert {new for _, new in judge.moves} <= known
        assert sim.counts["refused"] == sim.counts["too_fast"] == sim.counts["limited"] == 0


FAULTS = [
    "drop=0.05", "duplicate=0.1", "reorder=0.05", "delay=0.05:20ms", "split=0.2", "disconnect=0.02", "malformed=0.05",
    "stall=0.02:60ms",
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda text: text.partition("=")[0])
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_each_fault(case: Case, fault: str) -> None:
    kind = fault.partition("=")[0]
    if kind == "disconnect" and case.venue == "kucoin" and case.depth == 0:
        fault = "disconnect=0.001"  # a message of each change: at the rate of the others no connection lasts
    async with stand(case, faults=[fault]) as (sim, feed, judge):
        await until(lambda: sim.counts[kind] > 3 and judge.checked > 30, 60.0)
        noticed = kind in ("drop", "reorder", "malformed") and case.by_changes
        if noticed:
            await until(lambda: feed.stats()["refused" if kind == "malformed" else "gaps"] > 0, 60.0)
        await settled(sim, feed, case)
        stats = feed.stats()
        if noticed:
            assert stats["resyncs"] > 0 or case.partial  # its snapshots come in the stream all the time
        if kind in ("duplicate", "delay", "split"):
            assert (stats["gaps"], stats["refused"], stats["reconnects"]) == (0, 0, 0)
        if kind == "disconnect":
            assert stats["reconnects"] > 0
