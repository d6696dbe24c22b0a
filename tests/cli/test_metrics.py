from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families

import csbook
from csbook import Side, State
from csbook.cli.metrics import COUNTERS, GAUGES, Exposition, FeedCollector, Trading, place_of
from csbook.errors import UsageError
from csbook.feed import COUNTERS as FEED_COUNTERS
from csbook.sim import LocalVenue
from csbook.types import Alert, Fill, Order, OrderStatus

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def scraped(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation for family in families)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


async def scrape(port: int) -> Samples:
    return await asyncio.get_running_loop().run_in_executor(None, scraped, port)


def order(status: OrderStatus) -> Order:
    return Order("BTCUSDT", Side.BUY, "LIMIT", Decimal(1), Decimal(1), status, "a")


async def test_a_scrape_of_a_live_feed() -> None:
    trading = Trading()
    async with LocalVenue(symbols=["BTCUSDT", "ETHUSDT"], speed=20) as venue:
        feed = csbook.connect("coinswitch", ["BTCUSDT", "ETHUSDT"], url=venue.ws_url)
        port = free_port()
        async with Exposition(FeedCollector(feed, "coinswitch", trading), "127.0.0.1", port):
            before = await scrape(port)  # the feed is not open yet
            assert before["csbook_messages_total", ()] == 0
            async with asyncio.timeout(20), feed:
                async for _ in feed:
                    if all(book.state is State.LIVE for book in feed.books.values()):
                        break
                found = await scrape(port)
                stats = feed.stats()
                trading.order(order(OrderStatus.NEW))
                trading.order(order(OrderStatus.FILLED))
                trading.order(order(OrderStatus.NEW))
                trading.fill(Fill("BTCUSDT", Side.SELL, Decimal(1), Decimal(1), "1", "2", "a"))
                trading.alert(Alert("halt", "halted (hand)"))
                trading.halted = True
                later = await scrape(port)
    info = ("reader", str(stats["reader"])), ("venue", "coinswitch"), ("version", csbook.__version__)
    assert found["csbook_info", info] == 1
    assert 0 < found["csbook_messages_total", ()] <= stats["messages"]
    assert found["csbook_connections", ()] == 2 and found["csbook_gaps_total", ()] == 0
    assert found["csbook_book_state", (("state", "LIVE"), ("symbol", "ETHUSDT"))] == 1
    assert found["csbook_book_state", (("state", "STALE"), ("symbol", "ETHUSDT"))] == 0
    assert 0 <= found["csbook_book_age_seconds", (("symbol", "BTCUSDT"),)] < 20
    assert found["csbook_book_updates_total", (("symbol", "BTCUSDT"),)] >= 1
    p50, p99 = (found["csbook_latency_seconds", (("quantile", quantile),)] for quantile in ("0.5", "0.99"))
    assert 0 < p50 <= p99 < 10
    assert found["csbook_halted", ()] == 0
    assert later["csbook_messages_total", ()] >= found["csbook_messages_total", ()]
    assert later["csbook_orders_total", (("status", "NEW"),)] == 2
    assert later["csbook_orders_total", (("status", "FILLED"),)] == 1
    assert later["csbook_fills_total", (("side", "SELL"),)] == 1
    assert later["csbook_alerts_total", (("kind", "halt"),)] == 1
    assert later["csbook_halted", ()] == 1
    assert later["csbook_halts_total", ()] == 0
    with pytest.raises(OSError):
        await scrape(port)  # left, and gone


async def test_a_trader_is_followed(tmp_path: Path) -> None:
    async with LocalVenue(symbols=["BTCUSDT"], speed=0.001) as venue:
        trader = csbook.trade(
            "coinswitch",
            credentials=csbook.Credentials(venue.api_key, venue.api_secret),
            rest_url=venue.rest_url,
            ws_url=venue.ws_url,
            state_dir=tmp_path,
        )
        trading = Trading()
        trading.follow(trader)
        async with asyncio.timeout(20), trader:
            resting = await trader.place("BTCUSDT", "BUY", size="0.010", price=60000)
            await trader.place("BTCUSDT", "SELL", size="0.010", type="MARKET")
            await trader.cancel(resting)
            while trading.orders["CANCELED"] < 1 or not trading.fills:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert trading.orders - Counter(NEW=2) == {"PENDING": 2, "FILLED": 1, "CANCELED": 1}
            assert trading.orders["NEW"] >= 1  # what is filled at once may never have been NEW
            assert trading.fills == {"SELL": 1}
            for _ in range(2):
                await trader.halt("enough")
                assert (trading.halted, trading.halts) == (True, 1)
            trader.rearm("ann")
            assert not trading.halted
            await trader.halt("again")
            assert (trading.halted, trading.halts) == (True, 2)
        assert trading.alerts["halt"] >= 4


def test_every_counter_of_the_feed_is_exported() -> None:
    latencies = {"latency_p50_ns", "latency_p99_ns"}
    assert {*COUNTERS, *GAUGES, *latencies} == {*FEED_COUNTERS}


async def test_only_that_one_page_and_only_read() -> None:
    feed = csbook.connect("coinswitch", ["BTCUSDT"])
    port = free_port()
    async with Exposition(FeedCollector(feed, "coinswitch"), "127.0.0.1", port):
        before = await scrape(port)
        assert not any(name.startswith("csbook_orders") for name, _ in before)
        assert not any(name == "csbook_book_age_seconds" for name, _ in before)

        def refused(path: str, data: bytes | None) -> int:
            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data=data, timeout=10)
            caught.value.close()
            return caught.value.code

        loop = asyncio.get_running_loop()
        assert await loop.run_in_executor(None, refused, "/", None) == 404
        assert await loop.run_in_executor(None, refused, "/metrics", b"x") == 405


async def test_a_port_in_use() -> None:
    feed = csbook.connect("coinswitch", ["BTCUSDT"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"on 127.0.0.1:{port}: the port is in use"):
            await Exposition(FeedCollector(feed, "coinswitch"), "127.0.0.1", port).__aenter__()


async def test_an_address_that_is_not_here() -> None:
    feed = csbook.connect("coinswitch", ["BTCUSDT"])
    with pytest.raises(UsageError, match=r"on 192\.0\.2\.1:9101"):
        await Exposition(FeedCollector(feed, "coinswitch"), "192.0.2.1", 9101).__aenter__()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("9101", ("127.0.0.1", 9101)),
        ("0.0.0.0:9101", ("0.0.0.0", 9101)),
        ("[::1]:65535", ("::1", 65535)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_where(text: str, place: tuple[str, int]) -> None:
    assert place_of(text) == place


@pytest.mark.parametrize("text", ["", "0", "65536", "-1", "x", ":9101", "host:", "host", "9101 ", "٣"])
def test_nowhere(text: str) -> None:
    with pytest.raises(UsageError, match="--metrics is"):
        place_of(text)


def test_watch_serves_them(
    csbook_process: Callable[..., subprocess.Popen[str]],
    csbook_command: Callable[..., subprocess.CompletedProcess[str]],
    venue: dict[str, str],
) -> None:
    """From the command line, against the local venue; a second one cannot have the same port; Ctrl-C ends it."""
    port = free_port()
    where = ("--venue", "coinswitch", "--ws-url", venue["ws_url"], "--metrics", str(port), "--json")
    with csbook_process("watch", "BTCUSDT", *where) as process:
        try:
            live = ("csbook_book_state", (("state", "LIVE"), ("symbol", "BTCUSDT")))
            found: Samples = {}
            deadline = time.monotonic() + 30
            while found.get(live) != 1:
                assert process.poll() is None and time.monotonic() < deadline
                try:
                    found = scraped(port)
                except OSError:
                    time.sleep(0.02)
            second = csbook_command("watch", "BTCUSDT", *where)
            assert (second.returncode, second.stdout) == (2, "")
            assert second.stderr == f"csbook: metrics cannot be served on 127.0.0.1:{port}: the port is in use\n"
        finally:
            process.terminate()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["books"]["BTCUSDT"]["state"] == "LIVE"
    with pytest.raises(OSError):
        scraped(port)


def test_the_demo_serves_those_of_its_maker(csbook_process: Callable[..., subprocess.Popen[str]]) -> None:
    port = free_port()
    with csbook_process("demo", "--trade", "--speed", "20", "--metrics", str(port), "--json") as process:
        try:
            found: Samples = {}
            deadline = time.monotonic() + 60
            while not any(name == "csbook_fills_total" for name, _ in found):
                assert process.poll() is None and time.monotonic() < deadline
                try:
                    found = scraped(port)
                except OSError:
                    time.sleep(0.02)
        finally:
            process.terminate()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert found["csbook_orders_total", (("status", "PENDING"),)] >= 1
    assert found["csbook_halted", ()] == found["csbook_halts_total", ()] == 0
    assert json.loads(out)["fills"] >= 1
