"""A trader at the local venue, by a time that passes by itself, and what it said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from csbook.credentials import Credentials
from csbook.net.setting import Policy
from csbook.net.timing import Timing
from csbook.sim import LocalVenue
from csbook.sim.accounts import Account as Truth
from csbook.trader import Trader
from csbook.types import Alert, Order
from scripted import open_sockets
from virtual import Virtual

QUICK = Policy(backoff_base=0.1, backoff_cap=2.0)


class Heard:
    """What a trader told those who listen."""

    def __init__(self, trader: Trader) -> None:
        self.alerts: list[Alert] = []
        self.changes: list[Any] = []
        trader.on_alert(self.alerts.append)
        trader.on_event(self.changes.append)

    def texts(self, kind: str = "") -> list[str]:
        return [alert.text for alert in self.alerts if kind in ("", alert.kind)]


@asynccontextmanager
async def exchange(time: Virtual, **options: Any) -> AsyncIterator[LocalVenue]:
    """A venue of one symbol whose market stands."""
    before = open_sockets()
    options = {"symbols": ["BTCUSDT"], "speed": 0.0, **options}
    async with LocalVenue(clock=time.clock, **options) as venue:
        venue.pause()
        time.venues.append(venue)
        try:
            yield venue
        finally:
            time.venues.remove(venue)
    for _ in range(100):
        if open_sockets() <= before and len(asyncio.all_tasks()) == 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"left behind: {open_sockets() - before} sockets, {asyncio.all_tasks()}")


def keys_of(account: Truth) -> Credentials:
    return Credentials(account.api_key, account.api_secret)


def trader_of(time: Virtual, venue: LocalVenue, folder: Path, **options: Any) -> Trader:
    options = {"_timing": time.timing, "_policy": QUICK, "credentials": keys_of(venue.account), **options}
    return Trader(venue.name, rest_url=venue.rest_url, ws_url=venue.ws_url, state_dir=folder, **options)


@asynccontextmanager
async def trading(
    time: Virtual, folder: Path, *, venue: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[LocalVenue, Trader, Heard]]:
    """A venue and an open trader."""
    async with exchange(time, **(venue or {})) as opened:
        trader = trader_of(time, opened, folder, **options)
        heard = Heard(trader)
        async with trader:
            yield opened, trader, heard


def touch(venue: LocalVenue) -> tuple[Decimal, Decimal]:
    """Best bid and ask."""
    bids, asks, _ = venue.final_book("BTCUSDT", 1)
    return Decimal(bids[0][0]), Decimal(asks[0][0])


async def resting(venue: LocalVenue, trader: Trader, number: int = 0, side: str = "BUY", size: str = "0.010") -> Order:
    """An order that rests, so many ticks further away."""
    bid, ask = touch(venue)
    price = bid - 100 - number if side == "BUY" else ask + 100 + number
    return await trader.place("BTCUSDT", side, size=size, price=price)


def shifted(time: Virtual, offset_s: float) -> Timing:
    """The time of a machine whose clock is so far ahead."""
    return Timing(_Shifted(time, round(offset_s * 1e9)))


class _Shifted:
    def __init__(self, time: Virtual, offset_ns: int) -> None:
        self._clock = time.clock
        self.offset_ns = offset_ns

    def now_ns(self) -> int:
        return self._clock.now_ns() + self.offset_ns

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns()


async def come(condition: Any, within: float = 300.0) -> None:
    """Wait until something is so, by the time that passes by itself."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - a condition of any kind has no event
            await asyncio.sleep(0.05)


def answered(venue: LocalVenue) -> int:
    """Requests that placed an order."""
    return len(venue.account.tickets)


def no_sockets(venue: LocalVenue) -> Any:
    """Limits that admit no socket."""
    return replace(venue._sockets._limits, connections=0)
