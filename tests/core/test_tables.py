"""What each venue's table says: which messages are depth, of which channel, and what is left to others."""

from __future__ import annotations

from typing import Any

import pytest

import csbook
from csbook import Outcome, State
from oracle import diff, dump, seed_depth, stream
from twins import ROUND, books, live

BIDS, ASKS = ROUND


COLD = [
    {"result": None, "id": 1}, {"error": {"code": 2, "msg": "no"}, "id": 1}, [], {}, None, 5, "text", True, [1, [2]],
    {"e": "trade", "E": 1, "s": "BTCUSDT", "t": 1, "p": "1", "q": "2", "b": 88, "a": 92, "T": 1, "m": True},
    {"e": "24hrTicker", "E": 1, "s": "BTCUSDT", "p": "1", "b": "1", "a": "2", "B": "3", "A": "4"},
    {"e": "aggTrade", "E": 1, "s": "BTCUSDT", "a": 1, "p": "1", "q": "1", "f": 1, "l": 1, "T": 1, "m": True},
    {"stream": "btcusdt@trade", "data": {"e": "trade", "s": "BTCUSDT"}}, {"data": {}},
    {"e": "ORDER_TRADE_UPDATE", "o": {"s": "BTCUSDT", "b": "0", "a": "9.91"}}, [{"e": "24hrTicker"}], {"e": 5},
]  # fmt: skip


@pytest.mark.parametrize("venue", ["coinswitch", "binance"])
@pytest.mark.parametrize("message", COLD, ids=lambda message: ascii(message)[:40])
def test_what_is_no_depth_message_is_cold(venue: str, message: Any) -> None:
    router = csbook.Router(venue, books("BTCUSDT"))
    if venue == "binance":
        router = live("BTCUSDT")
    else:
        router.feed(dump(seed_depth(1, BIDS, ASKS)))
    before = router.books["BTCUSDT"].digest(), router.books["BTCUSDT"].state
    assert router.feed(dump(message)) is Outcome.COLD
    assert router.feed_parsed(dump(message)) is Outcome.COLD
    assert (router.books["BTCUSDT"].digest(), router.books["BTCUSDT"].state) == before
    assert router.counts["cold"] == 2


def test_a_rest_answer_on_the_socket_is_cold_on_binance() -> None:
    router = csbook.Router("binance", books("BTCUSDT"))
    rest = dump(seed_depth(20, BIDS, ASKS) | {"E": 1, "T": 1})
    for feed in (router.feed, router.feed_parsed):
        assert feed(rest) is Outcome.COLD
    assert router.books["BTCUSDT"].state is State.EMPTY
    assert router.feed_snapshot("BTCUSDT", rest) is Outcome.BUFFERED


def test_a_book_is_bound_to_the_first_depth_channel_seen() -> None:
    router = csbook.Router("coinswitch", books("BTCUSDT", "ETHUSDT"))
    assert router.feed(dump(stream("btcusdt@depth5", seed_depth(1, BIDS, ASKS)))) is Outcome.APPLIED
    for other in ("btcusdt@depth10", "btcusdt@depth20", "BTCUSDT@depth20@100ms"):
        assert router.feed(dump(stream(other, seed_depth(9, [["1", "1"]], [])))) is Outcome.COLD
    assert router.feed(dump(stream("ethusdt@depth20", seed_depth(2, BIDS, ASKS)))) is Outcome.APPLIED
    assert router.feed(dump(stream("ethusdt@depth5", seed_depth(3, BIDS, ASKS)))) is Outcome.COLD
    assert router.feed(dump(stream("btcusdt@depth5", seed_depth(2, [["7", "1"]], [])))) is Outcome.APPLIED
    assert router.books["BTCUSDT"].best_bid == 7.0
    assert router.counts["cold"] == 4


@pytest.mark.parametrize("depth", [5, 20])
def test_a_depth_asked_for(depth: int) -> None:
    router = csbook.Router("coinswitch", books("BTCUSDT"), depth=depth)
    for levels in (5, 10, 20, 200):
        wanted = Outcome.APPLIED if levels == depth else Outcome.COLD
        assert router.feed(dump(stream(f"btcusdt@depth{levels}", seed_depth(levels, BIDS, ASKS)))) is wanted
    for name in ("btcusdt@depth", "btcusdt@depth@100ms", "btcusdt@dept20", "btcusdt@depthx20", "@depth20", "btcusdt"):
        assert router.feed(dump(stream(name, seed_depth(99, BIDS, ASKS)))) is not Outcome.APPLIED, name


def test_partial_depth_on_a_connection_of_changes_is_cold() -> None:
    """Same shape, same "e": only the stream's name tells them apart."""
    for depth in (None, 0):
        router = csbook.Router("binance", books("BTCUSDT"), depth=depth)
        assert router.feed(dump(stream("btcusdt@depth@100ms", diff(11, 20, 10)))) is Outcome.BUFFERED
        assert router.feed_snapshot("BTCUSDT", dump(seed_depth(20, BIDS, ASKS))) is Outcome.APPLIED
        before = router.books["BTCUSDT"].digest()
        for name in ("btcusdt@depth5", "btcusdt@depth20@100ms", "btcusdt@depth10@500ms"):
            assert router.feed(dump(stream(name, diff(21, 30, 20, [["1", "1"]])))) is Outcome.COLD
        assert router.books["BTCUSDT"].digest() == before
        assert router.feed(dump(stream("btcusdt@depth@100ms", diff(21, 30, 20, [["1", "1"]])))) is Outcome.APPLIED


def test_partial_depth_replaces_on_binance_too() -> None:
    """The N-level channel has no chain of ids to break: each frame is the whole visible top."""
    router = csbook.Router("binance", books("BTCUSDT"), depth=20)
    book = router.books["BTCUSDT"]
    assert not router.sequenced
    for last in (20, 40, 90):
        message = stream("btcusdt@depth20@100ms", diff(last - 3, last, last - 5, [[str(last), "1"]], [["100", "1"]]))
        assert router.feed(dump(message)) is Outcome.APPLIED
        assert (book.state, book.sequence) == (State.LIVE, last)
        assert book.bids().tolist() == [[last, 1.0]]
    assert router.feed(dump(stream("btcusdt@depth@100ms", diff(91, 99, 90)))) is Outcome.COLD
    assert router.feed(dump(stream("btcusdt@depth20@100ms", diff(51, 60, 40)))) is Outcome.IGNORED
    assert router.feed(b"{") is Outcome.REFUSED
    assert book.state is State.LIVE


def test_a_depth_channel_may_be_the_snapshot_of_changes() -> None:
    """Of the seed's dialect: changes, and a snapshot from the depth channel or by REST."""
    router = csbook.Router("coinswitch", books("BTCUSDT"))
    book = router.books["BTCUSDT"]
    assert router.feed(dump(stream("btcusdt@depth", diff(11, 20, 10, [["98", "5"]])))) is Outcome.BUFFERED
    assert router.sequenced
    assert router.feed_snapshot("BTCUSDT", dump(seed_depth(15, BIDS, ASKS))) is Outcome.APPLIED
    assert (book.state, book.sequence) == (State.LIVE, 20)
    assert book.bid_prices.tolist() == [100.0, 99.0, 98.0]
