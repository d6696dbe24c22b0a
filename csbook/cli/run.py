"""What the commands do: watch a venue, watch the local one, serve the local one. The only file that opens a feed.

What is shown is chosen once: nothing but the summary object (``json``), the live ladder on a terminal, plain lines
elsewhere. The summary is taken and said while the feed is still open.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import csbook
from csbook.cli import report
from csbook.cli.scene import Observer
from csbook.cli.stop import Stop
from csbook.clock import LiveClock
from csbook.net.origin import websocket_origin
from csbook.venues import dialect

if TYPE_CHECKING:  # imported with the first use of csbook.connect: the local venue starts sooner without it
    from csbook.cli.child import VenueProcess
    from csbook.cli.quoting import Quoting
    from csbook.feed import Feed

__all__ = ["View", "demo", "sim", "watch"]

LINE_EVERY_S = 1.0
FIRST_LINE_S = 0.2


@dataclass(frozen=True, slots=True)
class View:
    """What is to be watched, and how it is to be shown."""

    venue: str
    symbols: Sequence[str]
    depth: int | None = None
    ws_url: str | None = None
    rest_url: str | None = None
    seconds: float | None = None
    json: bool = False
    title: str = ""
    metrics: tuple[str, int] | None = None  # where they are served
    trade: bool = False  # the example market maker is at work, on the first symbol
    speed: float = 1.0  # of the recorded market

    def feed(self) -> Feed:
        """The feed for it, not yet open. Raises UsageError for what cannot be."""
        venue = dialect(self.venue)
        if venue.spot and any("/" in symbol for symbol in self.symbols):
            venue = dialect(venue.spot)
        return csbook.connect(
            self.venue,
            self.symbols,
            depth=venue.default_depth if self.depth is None else self.depth,
            channels=[channel for channel in ("book", "trades", "tickers") if channel in venue.channels],
            url=self.ws_url,
            rest_url=self.rest_url,
        )


async def watch(view: View) -> None:
    """The books of a venue, until it is time to stop."""
    feed = view.feed()
    origin = websocket_origin(view.ws_url or dialect(view.venue).ws_origin)
    view = replace(view, title=f"{view.venue} {origin}")
    with Stop() as stop:
        await _show(view, feed, stop)


async def demo(view: View) -> None:
    """The same, of a local venue that lives as long as the view."""
    from csbook.cli.child import VenueProcess

    with Stop() as stop:
        async with VenueProcess(view.symbols, view.venue, view.speed) as venue:
            # while the venue starts: the imports, and the refusal of what is no symbol
            view.feed()
            if not view.json:
                _screen()
            await venue.listening()
            view = replace(view, ws_url=venue.ws_url, rest_url=venue.rest_url, title=f"local venue {venue.ws_url}")
            feed = view.feed()
            await _show(view, feed, stop, _quoting(view, feed, venue, stop) if view.trade else None)


def _quoting(view: View, feed: Feed, venue: VenueProcess, stop: Stop) -> Quoting:
    from csbook.cli.quoting import Quoting

    assert venue.credentials is not None
    return Quoting(
        feed,
        view.symbols[0].upper(),
        venue=view.venue,
        credentials=venue.credentials,
        rest_url=venue.rest_url,
        ws_url=venue.ws_url,
        ended=stop.now,
    )


async def sim(
    venue: str,
    *,
    symbols: Sequence[str],
    port: int,
    speed: float,
    faults: Sequence[str],
    seed: int,
    seconds: float | None,
    end_with_input: bool,
) -> None:
    """A local venue, until it is time to stop. It says where it listens in one line."""
    from csbook.sim import LocalVenue
    from csbook.sim.server import SYMBOLS

    with Stop() as stop:
        if end_with_input:
            stop.with_input()
        async with LocalVenue(
            venue, port=port, symbols=symbols or SYMBOLS, speed=speed, faults=faults, seed=seed
        ) as local:
            stop.arm()
            where = {
                "venue": venue,
                "ws_url": local.ws_url,
                "rest_url": local.rest_url,
            }
            if local.is_private:
                where |= {"api_key": local.api_key, "api_secret": local.api_secret}
            print(report.as_json(where), flush=True)
            await stop.wait(seconds)


async def _show(view: View, feed: Feed, stop: Stop, quoting: Quoting | None = None) -> None:
    screen = None if view.json else _screen()
    loop = asyncio.get_running_loop()
    async with _metrics(view, feed, quoting), feed, quoting or nullcontext():
        stop.arm()
        began = loop.time()
        if view.json:
            await stop.wait(view.seconds)
        else:
            async with Observer(feed, view.title, quoting=quoting) as observer:
                await (screen or _print_lines)(observer, stop, view.seconds)
        found = report.summary(feed.stats(), feed.books, None if quoting is None else quoting.own())
        for line in [report.as_json(found)] if view.json else report.told(found, loop.time() - began):
            print(line, flush=True)


def _metrics(view: View, feed: Feed, quoting: Quoting | None) -> AbstractAsyncContextManager[object]:
    """What serves them, where that was asked for."""
    if view.metrics is None:
        return nullcontext()
    from csbook.cli.metrics import Exposition, FeedCollector, Trading

    trading = None
    if quoting is not None:
        trading = Trading()
        trading.follow(quoting.trader)
    return Exposition(FeedCollector(feed, view.venue, trading), *view.metrics)


def _screen() -> Callable[[Observer, Stop, float | None], Awaitable[None]] | None:
    """What draws the ladder, where there is a terminal; what is missing for it is missed before anything is open."""
    if sys.stdout is None or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
        return None
    from csbook.cli.screen import show

    return show


async def _print_lines(observer: Observer, stop: Stop, seconds: float | None) -> None:
    clock, lines, wait = LiveClock(), report.Lines(), FIRST_LINE_S
    ending = asyncio.create_task(stop.wait(seconds))
    try:
        while not ending.done():
            await asyncio.wait([ending], timeout=wait)
            wait = LINE_EVERY_S
            said = [report.moved(move) for move in observer.take_moves()]
            if not ending.done():
                said += lines.of(observer.scene(), clock.now_ns())
            for line in said:
                print(line, flush=True)
    finally:
        ending.cancel()
