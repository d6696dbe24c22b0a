"""The clients of the integration guide, taken out of it when the test runs, against the local venue.

Nothing of them is changed but the two base URLs and the keys, which the guide says to replace.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from decimal import Decimal
from pathlib import Path

import pytest

from csbook import Credentials, trade
from csbook.types import OrderStatus
from customer import Customer, customers
from scripted import until

GUIDE = Path(__file__).parents[3] / "shared/SEED.txt"


def program(start: str, end: str) -> str:
    """A listing of the guide, from its first import on."""
    if not GUIDE.exists():
        pytest.skip(f"the guide is not here: {GUIDE.name}")
    text = GUIDE.read_text(encoding="utf-8")
    section = text[text.index(start) : text.index(end, text.index(start))]
    return section[re.search(r"^(import |const )", section, re.MULTILINE).start() :]  # type: ignore[union-attr]


def pointed(text: str, customer: Customer) -> str:
    """The listing with the venue's addresses and the customer's keys."""
    for old, new in (
        ('"https://coinswitch.co"', f'"{customer.venue.rest_url}"'),
        ('"wss://api-trading.coinswitch.co"', f'"{customer.venue.ws_url}"'),
        ('"YOUR_API_KEY"', f'"{customer.account.api_key}"'),
        ('"YOUR_API_SECRET"', f'"{customer.account.api_secret}"'),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


async def line(process: Process, wanted: str, said: list[str]) -> str:
    """The next line with a text in it."""
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while text := (await process.stdout.readline()).decode():
            said.append(text)
            if wanted in text:
                return text
    raise AssertionError(f"{wanted!r} was never printed:\n{''.join(said)}")


async def follow(process: Process, customer: Customer, event: str, folder: Path) -> None:
    """It gets a key, connects, and prints what becomes of an order that csbook places; csbook hears the same."""
    said: list[str] = []
    try:
        got = await line(process, "obtained listenKey", said)
        assert re.search(r"listenKey: [0-9a-f]{10}\.\.\.", got)
        await line(process, "Connected to private WebSocket stream.", said)
        venue, account = customer.venue, customer.account
        async with trade(
            "coinswitch",
            credentials=Credentials(account.api_key, account.api_secret),
            rest_url=venue.rest_url,
            ws_url=venue.ws_url,
            state_dir=folder / "state",
        ) as trader:
            order = await trader.place("BTCUSDT", "BUY", size="0.002", price="61000.0", client_order_id="guide-1")
            order_id = order.order_id
            venue.cross(order_id, "0.001")
            await trader.cancel(order)
            await until(lambda: trader.account.orders["guide-1"].status is OrderStatus.CANCELED)
            assert trader.account.positions["BTCUSDT"].size == Decimal("0.001")
        for state in ("NEW", "PARTIALLY_FILLED", "CANCELED"):
            await line(process, event.format(state), said)
        assert any("guide-1" in text for text in said)
        assert any(order_id in text for text in said)
        assert any("ACCOUNT_UPDATE" in text for text in said)
        assert not any("rror" in text for text in said), said
    finally:
        process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


async def test_the_python_client(tmp_path: Path) -> None:
    pytest.importorskip("requests")
    pytest.importorskip("websockets")
    listing = program("5.1.1 Python Example Client", "5.1.2 Node.js Example Client")
    async with customers() as (_, customer):
        path = tmp_path / "client.py"
        path.write_text(pointed(listing, customer), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-u", str(path), stdout=PIPE, stderr=STDOUT, env=environment, limit=1 << 20
        )
        await follow(process, customer, "'X': '{}'", tmp_path)


async def test_the_node_client(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not here")
    found = await asyncio.create_subprocess_exec(node, "-e", "require('axios'); require('ws')", stderr=DEVNULL)
    if await found.wait():
        pytest.skip("node is here without axios and ws (NODE_PATH)")
    listing = program("5.1.2 Node.js Example Client", "5.2 Architectural Comparison")
    async with customers() as (_, customer):
        path = tmp_path / "client.js"
        path.write_text(pointed(listing, customer), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        process = await asyncio.create_subprocess_exec(
            node, str(path), stdout=PIPE, stderr=STDOUT, env=environment, limit=1 << 20
        )
        await follow(process, customer, "X: '{}'", tmp_path)
