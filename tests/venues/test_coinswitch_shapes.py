"""The tables against every source there is: the guide's own examples, the documented answers, recorded private events
of the venue that the guide likens it to, and what the local venue sends."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from csbook.guard.schema import Fault, SchemaMonitor
from csbook.json import loads
from csbook.sim.board import Board
from csbook.sim.market import Market
from csbook.sim.recording import packaged
from csbook.venues import dialect
from csbook.venues.coinswitch_shapes import PRIVATE, PUBLIC, REST

ALL = {**PUBLIC, **PRIVATE, **REST}

# Which table an example of the venue's documentation belongs to.
SAMPLES = {
    "place_order": "place",
    "cancel_order": "cancel",
    "order_status": "order",
    "open_orders": "open_orders",
    "cancel_all": "cancel_all",
    "positions": "positions",
    "wallet_balance": "wallet_balance",
}


def drifts(channel: str, message: Any) -> list[str]:
    return [str(drift) for drift in SchemaMonitor(ALL).check(channel, message)]


@pytest.fixture
def shared(shared_data: Path) -> Path:
    return shared_data.parent


def examples(text: str) -> list[dict[str, Any]]:
    """The JSON objects that a document prints and that are whole; comments are taken off."""
    found = []
    for block in re.findall(r"^\{$.*?^\}$", text, re.DOTALL | re.MULTILINE):
        try:
            found.append(json.loads(re.sub(r"//.*", "", block)))
        except ValueError:
            continue  # the guide leaves some of its arrays empty
    return found


def test_the_guides_own_examples(shared: Path) -> None:
    found = {example.get("e"): example for example in examples((shared / "SEED.txt").read_text(encoding="utf-8"))}
    assert {"24hrTicker", "trade", "ORDER_TRADE_UPDATE"} <= found.keys()
    for name in ("24hrTicker", "trade", "ORDER_TRADE_UPDATE"):
        assert drifts(name, found[name]) == []
        table = ALL[name].fields
        assert set(found[name]) == {field for field in found[name] if field in table}
    order = found["ORDER_TRADE_UPDATE"]["o"]
    for field in order.keys() - {"n", "N"}:
        changed = {name: value for name, value in order.items() if name != field}
        message = {**found["ORDER_TRADE_UPDATE"], "o": changed}
        (said,) = drifts("ORDER_TRADE_UPDATE", message)
        assert said.startswith(f"ORDER_TRADE_UPDATE: field 'o.{field}' is missing")


@pytest.mark.parametrize(("sample", "channel"), SAMPLES.items())
def test_the_documented_answers(shared: Path, sample: str, channel: str) -> None:
    path = shared / "venues" / "samples" / "coinswitch" / f"transcribed_futures_rest_{sample}.json"
    answer = json.loads(path.read_text(encoding="utf-8"))
    assert drifts(channel, answer if isinstance(answer["data"], list) else answer["data"]) == []


def test_recorded_private_events(shared_data: Path) -> None:
    """Nothing is missing from them and nothing of another kind; what the table does not have is told as unknown."""
    with gzip.open(shared_data / "private" / "binance_usdm.tsv.gz", "rt", encoding="utf-8") as lines:
        messages = [loads(line.partition("\t")[2]) for line in lines]
    monitor = SchemaMonitor(PRIVATE)
    seen = 0
    for message in messages:
        event = message.get("data", message)
        if event["e"] in PRIVATE:
            seen += 1
            faults = {drift.fault for drift in monitor.check(event["e"], event)}
            assert faults <= {Fault.UNKNOWN}, event
    assert seen > 60
    assert ("ORDER_TRADE_UPDATE", "o.sp", Fault.UNKNOWN) in monitor.counts


def test_what_the_local_venue_sends() -> None:
    venue = dialect("coinswitch")
    market = Market(packaged(), ["BTCUSDT", "ETHUSDT"])
    board = Board(market, venue)
    monitor = SchemaMonitor(PUBLIC)
    seen: dict[str, int] = {}

    def check(payload: bytes) -> None:
        message = loads(payload)
        for entry in message if isinstance(message, list) else [message]:
            channel = entry.get("e", "depth")
            seen[channel] = seen.get(channel, 0) + 1
            assert monitor.check(channel, entry) == []

    for stream in sorted(board.streams):
        if (first := board.watch(stream, 1_700_000_000_000)) is not None:
            check(first.payload)
    for at, listing, deal in market.advance(2500):
        for message in [*board.event(at, listing, deal, at), *board.flush(at, at)]:
            check(message.payload)
    assert seen.keys() == PUBLIC.keys()
    assert monitor.counts == {}


def test_the_shapes_of_an_account_update() -> None:
    """Balances, positions, both, or none; a reason that nobody documented is no drift."""
    balance = {"a": "USDT", "wb": "122624.1", "cw": "100.1", "bc": "50"}
    position = {"s": "BTCUSDT", "pa": "-10", "ep": "6563.8", "cr": "0", "up": "1", "mt": "isolated", "iw": "0"}
    event: dict[str, Any] = {"e": "ACCOUNT_UPDATE", "E": 1}
    both: dict[str, Any] = {"B": [balance], "P": [position]}
    for account in ({"B": [balance]}, {"P": [position]}, both, {"B": [], "P": []}, {}):
        assert drifts("ACCOUNT_UPDATE", {**event, "a": {"m": "SOMETHING_NEW", **account}}) == []
    assert drifts("ACCOUNT_UPDATE", {**event, "a": {"m": "ORDER", "B": [{"a": "USDT"}]}}) == [
        "ACCOUNT_UPDATE: field 'a.B[].wb' is missing; expected a decimal number as text"
    ]
    assert len(drifts("ACCOUNT_UPDATE", event)) == 1


def test_the_three_shapes_of_a_position_update() -> None:
    position = {"s": "BTCUSDT", "pa": "0.5", "ps": "LONG"}
    event: dict[str, Any] = {"e": "POSITION_UPDATE", "E": 1}
    for rest in ({"a": {"P": [position]}}, {"P": [position]}, position):
        assert drifts("POSITION_UPDATE", {**event, **rest}) == []
    assert len(drifts("POSITION_UPDATE", {**event, "P": [{"s": "BTCUSDT"}]})) == 1


def test_money_is_never_a_number() -> None:
    assert drifts("wallet_balance", {"base_asset_balances": [{"base_asset": "USDT", "balances": {}}]}) == [
        "wallet_balance: field 'base_asset_balances[].balances.total_balance' is missing; "
        "expected a decimal number as text"
    ]
    held = {"symbol": "BTCUSDT", "position_side": "LONG", "position_size": 0.01, "avg_entry_price": "95000"}
    assert drifts("positions", {"data": [held]}) == [
        "positions: field 'data[].position_size' is a number with a fraction; expected a decimal number as text"
    ]
