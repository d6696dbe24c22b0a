from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from csbook.errors import UsageError
from csbook.sim.market import Listing, Market, instrument
from csbook.sim.recording import packaged

SESSION = packaged()


def listing(symbol: str = "BTCUSDT", start_ms: int = 0) -> Listing:
    return Listing(SESSION, instrument(symbol, SESSION), start_ms)


@pytest.mark.parametrize(
    ("symbol", "price", "size"),
    [
        ("BTCUSDT", "1", "1"),
        ("ETHUSDT", "0.04", "10"),
        ("SOLUSDT", "0.002", "100"),
        ("XRPUSDT", "0.00001", "1000"),
        ("DOGEUSDT", "0.000002", "1000"),
    ],
)
def test_derived_prices_and_sizes_are_exact(symbol: str, price: str, size: str) -> None:
    """The table in the module's docstring."""
    it = instrument(symbol, SESSION)
    for change in SESSION.changes[:50]:
        for ticks, units in change.bids + change.asks:
            assert Decimal(it.price_text(ticks)) == Decimal(ticks) / 10 * Decimal(price)
            assert Decimal(it.size_text(units)) == Decimal(units) / 1000 * Decimal(size)


def test_a_symbol_that_nobody_thought_of() -> None:
    one, other = instrument("PEPE1000USDT", SESSION), instrument("PEPE1000USDT", SESSION)
    assert one == other
    assert one.first_update_id > 0
    assert 0 <= one.ahead_ms < 300_000
    for bad in ("", "btcusdt", "BTC-USDT", "X" * 21, "A"):
        with pytest.raises(UsageError, match="symbol"):
            instrument(bad, SESSION)


def test_the_session_is_replayed_in_its_order_and_starts_over() -> None:
    it = listing()
    assert it.book.update_id == SESSION.changes[0].update_id
    updates, trades, times = [it.book.update_id], [], []
    for _ in range(len(SESSION.order) * 2 + 1):
        times.append(it.due_ms)
        deal = it.step()
        if deal is not None:
            trades.append(deal.id)
        else:
            updates.append(it.book.update_id)
    assert times == sorted(times)
    assert times[len(SESSION.order)] == SESSION.span_ms, "then comes the snapshot again"
    assert all(a < b for a, b in pairwise(updates))
    assert trades == list(range(trades[0], trades[0] + 2 * len(SESSION.deals)))
    assert len(updates) == 2 * len(SESSION.changes)


def test_the_second_lap_shows_the_same_books() -> None:
    first, second = listing(start_ms=5000), listing(start_ms=5000 + SESSION.span_ms)
    for _ in range(500):
        assert first.due_ms == second.due_ms
        first.step()
        second.step()
        assert first.top(20) == second.top(20)
        assert first.book.update_id < second.book.update_id


def test_starting_in_the_middle_is_getting_there() -> None:
    walked = listing()
    while walked.due_ms < 60_000:
        walked.step()
    jumped = listing(start_ms=60_000)
    assert jumped.top(100) == walked.top(100)
    assert jumped.book.update_id == walked.book.update_id
    assert jumped.due_ms == walked.due_ms - 60_000


def test_derived_symbols_run_ahead() -> None:
    eth, btc = listing("ETHUSDT"), listing("BTCUSDT", 67_000)
    assert eth.top(20) == btc.top(20)
    assert eth.book.update_id != btc.book.update_id


def test_all_symbols_move_together() -> None:
    market = Market(SESSION, ["BTCUSDT", "ETHUSDT", "SOLUSDT"])
    events = list(market.advance(2000))
    times = [at for at, _, _ in events]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= 2000 < market.due_ms
    assert {listing.instrument.symbol for _, listing, _ in events} == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
    assert list(market.advance(2000)) == []


def test_what_cannot_be_replayed() -> None:
    with pytest.raises(UsageError, match="at least one symbol"):
        Market(SESSION, [])
    for start_at in (-1, 10_000, float("nan")):
        with pytest.raises(UsageError, match="start_at"):
            Market(SESSION, ["BTCUSDT"], start_at)


def test_news_and_the_next_trade_s_id() -> None:
    recording = packaged()
    listing = Market(recording, ["BTCUSDT"], start_at=(recording.span_ms - 300) / 1000).listings["BTCUSDT"]
    laps = 0
    for _ in range(200):
        wanted = listing.next_trade_id
        before = listing.book.update_id
        deal = listing.step()
        if deal is not None:
            assert deal.id == wanted
        elif listing.news is None:
            laps += 1
            assert listing.next_trade_id == wanted
        else:
            assert listing.news.update_id <= listing.book.update_id > before
    assert laps == 1


def test_an_overlay_takes_the_place_of_what_is_published() -> None:
    class Mine:
        updates = 3

        def top(self, depth: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
            return [(depth, 1)], []

    listing = Market(packaged(), ["BTCUSDT"]).listings["BTCUSDT"]
    recorded = listing.update_id
    assert listing.top(1)[0] == listing.book.bids(1)
    listing.overlay = Mine()
    assert listing.update_id == recorded + 3 == listing.book.update_id + 3
    assert listing.top(4) == ([(4, 1)], [])
