"""The state of a feed for Prometheus: ``csbook watch ... --metrics PORT``, then ``GET /metrics``.

A scrape reads the counters that the feed keeps anyway, on the loop that the feed runs on; between two scrapes it costs
nothing. On loopback unless an address is given: whoever can read it learns what is traded, and there is no password.

What a trading process adds is counted by ``Trading``: let it follow the trader, or give it orders, fills and alerts.
"""

from __future__ import annotations

import asyncio
import errno
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from csbook import __version__
from csbook.account import Change, FillSeen, OrderChanged
from csbook.errors import UsageError
from csbook.types import Alert, Fill, Order, State

if TYPE_CHECKING:
    from csbook.feed import Feed
    from csbook.trader import Trader

__all__ = ["Exposition", "FeedCollector", "Trading", "place_of"]

LOOPBACK = "127.0.0.1"
STOP_WITHIN_S = 1.0

COUNTERS = {
    "messages": "Data messages received.",
    "bytes": "Bytes of data messages received.",
    "updates": "Depth messages applied to a book.",
    "ignored": "Depth messages older than their book.",
    "gaps": "Continuity breaks.",
    "resyncs": "Books that were synchronised again.",
    "resync_retries": "Tries to mend a book that did not help.",
    "reconnects": "Connections that were opened again.",
    "refused": "Malformed messages; the book stayed as it was.",
    "declined": "Depth messages read by the slow path.",
    "cold": "Messages that are not depth.",
    "quotes": "Best bids and asks of the venue's own that were fused.",
    "records": "Trades and tickers.",
    "unknown": "Messages of no known kind.",
    "dropped": "Records lost to slow readers.",
    "callback_errors": "Exceptions in callbacks.",
    "pings": "Pings answered.",
    "audits": "Comparisons of a book with a snapshot.",
    "ghosts": "Levels that only the book had.",
    "missing": "Levels that only the snapshot had.",
    "wrong_sizes": "Levels that the two had at different sizes.",
    "off_grid": "Prices that are no multiple of their tick.",
}
GAUGES = {"connections": "Connections open.", "streams": "Streams subscribed."}
QUANTILES = {"0.5": "latency_p50_ns", "0.99": "latency_p99_ns"}


def place_of(text: str) -> tuple[str, int]:
    """``PORT`` of loopback, or ``HOST:PORT``; an IPv6 address stands in brackets. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535 or (colon and not host):
        raise UsageError(f"--metrics is {text!r}; expected a port from 1 to 65535, or an address and a port")
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)


class Trading:
    """What a trading process did, counted. ``order`` is given an order each time that its status changed."""

    def __init__(self) -> None:
        self.orders: Counter[str] = Counter()  # by the status that they came to
        self.fills: Counter[str] = Counter()  # by side
        self.alerts: Counter[str] = Counter()  # by kind
        self.halts = 0
        self.halted = False

    def follow(self, trader: Trader) -> None:
        """Count what happens to a trader. Before it is entered, so that nothing is missed."""

        def heard(alert: Alert) -> None:
            self.alert(alert)
            before, self.halted = self.halted, trader.halted
            self.halts += self.halted and not before

        trader.on_event(self._changed)
        trader.on_alert(heard)

    def _changed(self, change: Change) -> None:
        if isinstance(change, FillSeen):
            self.fill(change.fill)
        elif isinstance(change, OrderChanged) and change.order.status is not change.old_status:
            self.order(change.order)

    def order(self, order: Order) -> None:
        self.orders[order.status.name] += 1

    def fill(self, fill: Fill) -> None:
        self.fills[fill.side.name] += 1

    def alert(self, alert: Alert) -> None:
        self.alerts[alert.kind] += 1


class FeedCollector(Collector):
    """A feed as metric families, made anew for each scrape."""

    def __init__(self, feed: Feed, venue: str, trading: Trading | None = None) -> None:
        self._feed = feed
        self._venue = venue
        self._trading = trading

    def describe(self) -> Iterable[Metric]:
        """Nothing: so that registering it asks for no values."""
        return []

    def collect(self) -> Iterator[Metric]:
        stats = self._feed.stats()
        info = {"version": __version__, "venue": self._venue, "reader": str(stats["reader"])}
        yield InfoMetricFamily("csbook", "What is running.", info)
        for name, text in COUNTERS.items():
            yield CounterMetricFamily(f"csbook_{name}", text, int(stats[name]))
        for name, text in GAUGES.items():
            yield GaugeMetricFamily(f"csbook_{name}", text, int(stats[name]))
        latency = GaugeMetricFamily(
            "csbook_latency_seconds", "From the read of the socket to the book, over all messages.", labels=["quantile"]
        )
        for quantile, name in QUANTILES.items():
            latency.add_metric([quantile], int(stats[name]) / 1e9)
        yield latency
        yield from self._books()
        if self._trading is not None:
            yield from _traded(self._trading)

    def _books(self) -> Iterator[Metric]:
        state = GaugeMetricFamily("csbook_book_state", "1 for the state that a book is in.", labels=["symbol", "state"])
        age = GaugeMetricFamily("csbook_book_age_seconds", "Since the last message of a book.", labels=["symbol"])
        updates = CounterMetricFamily("csbook_book_updates", "Depth messages applied to a book.", labels=["symbol"])
        for symbol, book in self._feed.books.items():
            top = book.top()
            for each in State:
                state.add_metric([symbol, each.name], float(top.state is each))
            if book.updates:  # before its first message a book has no age
                age.add_metric([symbol], top.age_ns() / 1e9)
            updates.add_metric([symbol], book.updates)
        yield from (state, age, updates)


def _traded(trading: Trading) -> Iterator[Metric]:
    for name, text, label, counts in (
        ("orders", "Orders that came to a status.", "status", trading.orders),
        ("fills", "Executions of orders.", "side", trading.fills),
        ("alerts", "Alerts.", "kind", trading.alerts),
    ):
        family = CounterMetricFamily(f"csbook_{name}", text, labels=[label])
        for value, count in sorted(counts.items()):
            family.add_metric([value], count)
        yield family
    yield CounterMetricFamily("csbook_halts", "Times that the kill switch was tripped.", trading.halts)
    yield GaugeMetricFamily("csbook_halted", "1 while the kill switch is latched.", float(trading.halted))


class Exposition:
    """``async with Exposition(collector, host, port)``: answers ``GET /metrics`` on the running loop until it is left.

    Entering raises UsageError where the port cannot be had; nothing was opened then.
    """

    def __init__(self, collector: Collector, host: str, port: int) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(collector)
        self._place = host, port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/metrics", self._answer)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=STOP_WITHIN_S)
        await runner.setup()
        host, port = self._place
        try:
            await web.TCPSite(runner, host, port, reuse_port=False).start()
        except (OSError, asyncio.CancelledError) as error:
            await runner.cleanup()
            if isinstance(error, OSError):
                in_use = error.errno == errno.EADDRINUSE
                why = "the port is in use" if in_use else (error.strerror or str(error)).lower()
                raise UsageError(f"metrics cannot be served on {host}:{port}: {why}") from None
            raise
        self._runner = runner
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
