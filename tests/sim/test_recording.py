"""The packed market says what the recorded session says."""

from __future__ import annotations

import gzip
import json
import lzma
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from csbook.errors import BadMessage
from csbook.sim import recording
from csbook.sim.recording import Change, Deal, load, packaged
from csbook.sim.textbook import TextBook, decimal_text

PACKED = Path(recording.__file__).with_name("btcusdt.xz")


def test_the_market_that_ships() -> None:
    market = packaged()
    assert packaged() is market
    assert (market.symbol, market.price_decimals, market.tick, market.size_decimals) == ("BTCUSDT", 2, 10, 3)
    assert market.depth == 100
    assert market.span_ms > 340_000
    assert len(market.order) == len(market.deals) + len(market.changes) - 1
    assert PACKED.stat().st_size < 800_000
    assert "MIT" in PACKED.with_name("ORIGIN.md").read_text()


def test_times_and_ids_rise() -> None:
    market = packaged()
    assert market.changes[0].at_ms == 0
    for events in (market.changes, market.deals, market.order):
        times = [event.at_ms for event in events]
        assert times == sorted(times)
    ids = [change.update_id for change in market.changes]
    assert all(a < b for a, b in pairwise(ids))
    assert [deal.id for deal in market.deals] == list(range(market.deals[0].id, market.deals[-1].id + 1))
    assert all(0 <= deal.lag_ms < 100 and deal.size > 0 for deal in market.deals)


def test_the_book_is_deep_and_never_crossed() -> None:
    market, book = packaged(), TextBook()
    for change in market.changes:
        book.change(change.bids, change.asks, change.update_id)
        assert book.bids(1)[0] < book.asks(1)[0]
    assert len(book.bids(100)) == len(book.asks(100)) == 100


def test_at_the_same_time_a_trade_stands_before_the_change_that_shows_it() -> None:
    order = packaged().order
    same = [(a, b) for a, b in pairwise(order) if a.at_ms == b.at_ms]
    assert not any(isinstance(a, Change) and isinstance(b, Deal) for a, b in same)


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"not xz",
        PACKED.read_bytes()[:1000],
        lzma.compress(b"no json\n"),
        lzma.compress(b'{"format":"another"}\n'),
        lzma.compress(b'{"format":"csbook-market 1"}\n'),
        lzma.compress(b'{"format":"csbook-market 1","columns":[["a",9,1]]}\n123'),
        lzma.compress(b'{"format":"csbook-market 1","columns":[["a",1,1]]}\n123'),
    ],
)
def test_anything_else_is_refused(packed: bytes) -> None:
    with pytest.raises(BadMessage, match="not a packed market"):
        load(packed)


def test_the_session_it_was_packed_from(session_path: Path) -> None:
    """Every trade, and the best 100 levels at sampled messages, in the session's own text."""
    market = packaged()
    with gzip.open(session_path) as lines:
        messages = [json.loads(line.split(b" ", 1)[1]) for line in lines if b'"bookTicker"' not in line]
    (snapshot,) = [m for m in messages if "lastUpdateId" in m]
    events: list[dict[str, Any]] = [m["data"] for m in messages if "data" in m]
    trades = [e for e in events if e["e"] == "trade" and e["E"] >= snapshot["E"]]
    diffs = [e for e in events if e["e"] == "depthUpdate" and e["u"] >= snapshot["lastUpdateId"]]

    start = market.started_ms
    assert start == snapshot["E"]
    assert [
        (d.id, d.at_ms + start, d.lag_ms, decimal_text(d.price * 10, 2), decimal_text(d.size, 3), d.buyer_is_maker)
        for d in market.deals
    ] == [(t["t"], t["E"], t["E"] - t["T"], t["p"], t["q"], t["m"]) for t in trades]

    book = TextBook()
    book.change(market.changes[0].bids, market.changes[0].asks, market.changes[0].update_id)
    bids, asks = dict(snapshot["bids"]), dict(snapshot["asks"])
    for number, (change, diff) in enumerate(zip(market.changes[1:], diffs, strict=True)):
        assert (change.update_id, change.at_ms + start) == (diff["u"], diff["E"])
        book.change(change.bids, change.asks, change.update_id)
        bids.update(diff["b"])
        asks.update(diff["a"])
        if number % 97 == 0:
            for levels, mine, sign in ((bids, book.bids(100), -1), (asks, book.asks(100), 1)):
                there = [(price, size) for price, size in levels.items() if size != "0.000"]
                there.sort(key=lambda level: sign * float(level[0]))
                assert [(decimal_text(p * 10, 2), decimal_text(q, 3)) for p, q in mine] == there[:100]
