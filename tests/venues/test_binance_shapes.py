"""The tables against every source there is: recorded private events, the fact sheet, and what the local venue sends."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from csbook.guard.schema import Action, Fault, SchemaMonitor
from csbook.venues import private_shapes
from csbook.venues.binance_shapes import PRIVATE
from csbook.venues.binance_trading import EVENTS
from customer import heard
from usdm import usdm


def test_they_are_found_by_the_venue_s_name() -> None:
    assert private_shapes("binance") is PRIVATE
    assert set(EVENTS) <= PRIVATE.keys(), "what is asked for"


def test_recorded_private_events(shared_data: Path) -> None:
    """Nothing is missing from them and nothing of another kind; only ``fs``, which is other futures', is unknown."""
    with gzip.open(shared_data / "private" / "binance_usdm.tsv.gz", "rt", encoding="utf-8") as lines:
        messages = [json.loads(line.partition("\t")[2]) for line in lines]
    monitor = SchemaMonitor(PRIVATE)
    seen: dict[str, int] = {}
    for message in (message.get("data", message) for message in messages):
        if message["e"] in PRIVATE:
            seen[message["e"]] = seen.get(message["e"], 0) + 1
            for drift in monitor.check(message["e"], message):
                assert (drift.field, drift.fault) == ("fs", Fault.UNKNOWN)
    assert seen == {"ORDER_TRADE_UPDATE": 33, "ACCOUNT_UPDATE": 29, "ACCOUNT_CONFIG_UPDATE": 42, "MARGIN_CALL": 1}


def test_the_sheet_s_examples(shared_data: Path) -> None:
    text = (shared_data.parent / "venues" / "binance.md").read_text(encoding="utf-8").partition("## 4. Private")[2]
    monitor, seen = SchemaMonitor(PRIVATE), set()
    for block in re.findall(r"```json\n(.*?)```", text.partition("## 5. REST")[0], re.DOTALL):
        for example in re.findall(r'\{"e".*?\}(?=\n\{"e"|\n*$)', block, re.DOTALL):
            message = json.loads(example)
            seen.add(message["e"])
            assert monitor.check(message["e"], message) == []
    assert seen == {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "ACCOUNT_CONFIG_UPDATE"}


@pytest.mark.computes  # the local venue
async def test_what_the_local_venue_sends() -> None:
    monitor = SchemaMonitor(PRIVATE)
    seen = set()
    async with usdm() as (venue, customer), await customer.listen() as stream:
        _, order = await customer.place("BUY", "0.010", "61000.0")
        venue.cross(str(order["orderId"]), "0.004")
        await customer.cancel(order["orderId"])
        venue.expire_listen_keys()
        for event in await heard(stream, 6):
            seen.add(event["e"])
            assert monitor.check(event["e"], event) == []
    assert seen == {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE", "listenKeyExpired"}


@pytest.mark.parametrize("field", ["s", "S", "X", "i", "q", "z", "l", "L"])
def test_an_order_event_without_what_is_read_halts(field: str) -> None:
    order: dict[str, Any] = {
        "s": "BTCUSDT", "c": "TEST", "S": "SELL", "o": "LIMIT", "f": "GTC", "q": "0.001", "p": "0", "x": "NEW",
        "X": "NEW", "i": 8886774, "l": "0", "z": "0", "L": "0", "T": 1, "t": 0,
    }  # fmt: skip
    monitor = SchemaMonitor(PRIVATE)
    assert monitor.check("ORDER_TRADE_UPDATE", {"e": "ORDER_TRADE_UPDATE", "E": 1, "o": order}) == []
    del order[field]
    (drift,) = monitor.check("ORDER_TRADE_UPDATE", {"e": "ORDER_TRADE_UPDATE", "E": 1, "o": order})
    assert (drift.field, drift.action) == (f"o.{field}", Action.HALT)
