"""What each venue's table says: which messages are depth, of which channel, and what is left to others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook import Outcome, State
from oracle import OracleBook, core_raw, diff, dump, hft_depth, seed_depth, sio_depth, sio_event, stream
from twins import ASKS as FINE_ASKS
from twins import BIDS as FINE_BIDS
from twins import OFFICIAL, ROUND, Twins, a_depth, books, expected, live

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
    assert book.bid_prices.tolist() == [100.0, 99.0]  # beyond the snapshot's prices nothing is known


# -- the two dialects that CoinSwitch documents ----------------------------------------------------------------------

FLAT = a_depth("coinswitch-sio")
LEVELS = {"bids": FLAT["bids"], "asks": FLAT["asks"]}
SHORT = {"b": FLAT["bids"], "a": FLAT["asks"]}
SIO_SHAPES = [
    FLAT, {"data": FLAT}, {"timestamp": 12, "symbol": "BTCUSDT"} | LEVELS, {"pair": "BTCUSDT", "timestamp": 12} | SHORT,
    {"data": {"symbol": "BTCUSDT", "timestamp": 12} | LEVELS},
    {"data": {"pair": "btcusdt"} | SHORT | {"timestamp": 12}},
    {"s": "BTCUSDT", "data": {"timestamp": 12} | LEVELS}, {"symbol": "BTCUSDT", "timestamp": 12, "data": LEVELS},
    {"data": {"b": FLAT["bids"], "asks": FLAT["asks"], "timestamp": "12", "s": "btcusdt"}, "event": "x"},
]  # fmt: skip


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("message", SIO_SHAPES, ids=lambda message: "-".join([*message, *message.get("data", ())]))
def test_the_shapes_of_a_socketio_book(message: dict[str, Any], mixed: bool) -> None:
    for shape in (message, dict(reversed(message.items()))):
        twins = Twins("coinswitch-sio", mixed=mixed)
        assert twins.feed_depth(dump(shape)) is Outcome.APPLIED
        assert twins.fast.counts["declined"] == 0
        assert twins.book.digest() == expected("coinswitch-sio").digest()
        assert (twins.book.sequence, twins.book.event_time_ns) == (12, 12_000_000)


def test_the_times_of_an_hft_book() -> None:
    """Messages are ordered by when they were sent; age counts from the exchange. Either may be 0."""
    twins = Twins("coinswitch-hft")
    for sent, at, wanted in ((20, 7, Outcome.APPLIED), (19, 9, Outcome.IGNORED), (20, 5, Outcome.APPLIED)):
        assert twins.feed(dump(hft_depth(sent, FINE_BIDS, FINE_ASKS) | {"E": at})) is wanted
    assert (twins.book.sequence, twins.book.event_time_ns) == (20, 5_000_000)
    late = csbook.Router("coinswitch-hft", books("BTC/USDT"), max_lag_ns=1_000_000)
    message = dump(hft_depth(50, FINE_BIDS, FINE_ASKS, "btc/usdt") | {"E": 47})
    assert late.feed(message, 48_000_000) is late.feed(message, 48_000_001) is Outcome.APPLIED
    assert [(old, new) for _, old, new, _ in late.take_moves()] == [
        (State.EMPTY, State.LIVE),
        (State.LIVE, State.STALE),
    ]
    zero = csbook.Router("coinswitch-hft", books("BTC/USDT"))
    for _ in range(2):
        assert zero.feed(dump(hft_depth(0, FINE_BIDS, FINE_ASKS, "BTC/USDT"))) is Outcome.APPLIED
    without = {key: value for key, value in hft_depth(1, FINE_BIDS, FINE_ASKS, "BTC/USDT").items() if key not in "eE"}
    assert zero.feed(dump(without)) is Outcome.APPLIED


OFFICIAL_COLD = [
    {"success": True}, {"success": False, "message": "no such pair"}, {"success": True} | a_depth("coinswitch-sio"),
    a_depth("coinswitch-sio") | {"success": None}, {"data": a_depth("coinswitch-sio") | {"success": 0}},
    {"data": {"success": True}}, {"success": {"bids": []}, "bids": 5, "asks": "x"},
    {"event": "subscribe", "pair": "BTCUSDT"},
    {"E": 1, "m": True, "p": "91.50", "q": "10.0", "s": "BTCUSDT", "t": "trade_789", "e": "coinswitchx"},
    {"data": [{"E": 1, "p": 0.39391, "q": 133, "e": "EXCHANGE_2", "s": "BTCUSDT", "m": True}]},
    {"BTCUSDT": {"s": "BTCUSDT", "E": 1, "c": "1", "b": "1", "a": "2", "p": "1.5", "r": "0.0001", "T": 5, "P": "0.1"}},
    {"s": "BTCUSDT", "E": 1, "c": "1", "b": "1", "a": "2", "timestamp": 5},
    {"data": {"s": "BTCUSDT", "b": "1", "a": None}},
    {"t": 0, "e": "COINSWITCHX", "m": "BTCUSDT", "E": 1, "b": "1", "a": "2"},
    {"t": 1, "m": "BTCUSDT", "b": 1.5, "a": {}},
    {"o": "1", "h": "1", "l": "1", "c": "1", "v": "1", "q": "1", "s": "BTCUSDT", "i": "5", "x": False, "t": 1, "T": 2},
    {"retCode": 10001, "retMsg": "Invalid parameter", "result": {}, "retExtInfo": {}, "time": 1}, {}, {"data": None},
]  # fmt: skip


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("venue", OFFICIAL)
@pytest.mark.parametrize("message", [*OFFICIAL_COLD, *COLD], ids=lambda message: ascii(message)[:40])
def test_what_is_no_book_is_cold(venue: str, mixed: bool, message: Any) -> None:
    twins = Twins(venue, mixed=mixed)
    before = twins.look()[0][2:]
    assert twins.feed_depth(dump(message)) is Outcome.COLD
    assert twins.look()[0][2:] == before
    assert twins.fast.counts["refused"] == 0


@pytest.mark.parametrize(
    "extra",
    [
        {"b": []},
        {"a": [["1", "1"]]},
        {"symbol": "BTCUSDT"},
        {"pair": "BTCUSDT"},
        {"data": {"timestamp": 12}},
        {"b": "1"},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_two_words_for_one_thing_of_a_socketio_book(extra: dict[str, Any]) -> None:
    """Which of them is meant cannot be told."""
    for message in (FLAT | extra, extra | FLAT):
        twins = Twins("coinswitch-sio")
        before = twins.book.digest()
        assert twins.feed(dump(message)) is Outcome.REFUSED
        assert (twins.book.digest(), twins.book.state) == (before, State.LIVE)


@pytest.mark.parametrize("venue", OFFICIAL)
def test_a_book_without_its_name_is_that_of_the_only_book(venue: str) -> None:
    message = {key: value for key, value in a_depth(venue).items() if key not in "sm"}
    alone, two = Twins(venue), Twins(venue, mixed=True)
    assert alone.feed(dump(message)) is Outcome.APPLIED
    assert alone.book.digest() == expected(venue).digest()
    assert two.feed_depth(dump(message)) is Outcome.COLD
    assert two.fast.counts["unnamed"] == 1
    for wrong in (None, 5, ["BTCUSDT"]):
        assert two.feed_depth(dump(message | {"s" if venue == OFFICIAL[0] else "m": wrong})) is Outcome.REFUSED
    assert two.feed_depth(dump(message | {"s" if venue == OFFICIAL[0] else "m": "XRPUSDT"})) is Outcome.COLD
    assert two.fast.counts["unknown_symbol"] == 1


@pytest.mark.parametrize("venue", OFFICIAL)
def test_there_is_one_depth_channel(venue: str) -> None:
    for depth in (0, 1, 20):
        with pytest.raises(csbook.errors.UsageError, match=f"depth is {depth}, but '{venue}' has one depth channel"):
            csbook.Router(venue, books("BTCUSDT"), depth=depth)
    assert not csbook.Router(venue, books("BTCUSDT")).sequenced


def test_a_rest_answer_is_a_book_of_socketio() -> None:
    router = csbook.Router("coinswitch-sio", books("BTCUSDT", "ETHUSDT"))
    book = router.books["BTCUSDT"]
    for symbol in ({"symbol": "BTCUSDT"}, {}):
        message = {"data": {"timestamp": 7, "asks": FINE_ASKS, "bids": FINE_BIDS} | symbol}
        router.disconnected()
        assert router.feed_snapshot("btcusdt", dump(message)) is Outcome.APPLIED
        assert (book.state, book.sequence, book.event_time_ns) == (State.LIVE, 7, 7_000_000)
        assert router.feed_snapshot("BTCUSDT", dump(message)) is Outcome.IGNORED  # it needs none
    before = book.digest()
    router.disconnected()
    for wrong in (
        {"data": {"timestamp": 7, "asks": [], "bids": [], "symbol": "ETHUSDT"}}, {"message": "Invalid Access"}, {}, [],
        {"data": {"asks": [], "bids": []}}, {"data": {"timestamp": 8, "bids": []}}, {"success": False}, "42", None,
        {"data": {"timestamp": 8, "asks": [["1", "x"]], "bids": []}},
        {"data": {"timestamp": -8, "asks": [], "bids": []}},
    ):  # fmt: skip
        assert router.feed_snapshot("BTCUSDT", dump(wrong)) is Outcome.REFUSED
        assert (book.digest(), book.state) == (before, State.STALE)
    assert router.feed_snapshot("BTCUSDT", sio_event(FLAT)) is Outcome.REFUSED
    assert router.feed_snapshot("BTCUSDT", dump(sio_depth(3, [["5", "1"]], []))) is Outcome.APPLIED
    assert book.best_bid == 5.0
    with pytest.raises(csbook.errors.UsageError, match="coinswitch-hft"):
        csbook.Router("coinswitch-hft", books("BTCUSDT")).feed_snapshot("BTCUSDT", b"{}")


# What each sample is, by the dialect that reads it; all others are COLD to both.
SAMPLES = {
    "coinswitch-sio": {
        "doc_spot_ws_order_book": "BTC,INR", "fixture_spot_ws_order_book": "BTC,INR", "doc_spot_rest_depth": "DOGE,INR",
        "doc_futures_rest_order_book": "ETHUSDT", "transcribed_futures_rest_order_book": "BTCUSDT",
        "observed_spot_ws_order_book_frame.frame": "ETH,INR",
        "constructed_futures_ws_order_book_frames.flat": "BTCUSDT",
        "constructed_futures_ws_order_book_frames.wrapped": "BTCUSDT",
    },
    "coinswitch-hft": {"doc_hft_nats_depth_single": "SUPER/USDT", "constructed_hft_nats_depth_wildcard": "SUPER/USDT"},
}  # fmt: skip


def samples(folder: Path) -> dict[str, bytes]:
    """Payloads by file; a file that holds frames gives each of them under a name of its own."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob("*.json")):
        text = path.read_bytes()
        read = json.loads(text)
        frames = {key: value for key, value in read.items() if str(value)[:2] == "42"} if isinstance(read, dict) else {}
        found |= {f"{path.stem}.{key}": frame.encode() for key, frame in frames.items()} or {path.stem: text}
    return found


@pytest.mark.parametrize("venue", OFFICIAL)
@pytest.mark.parametrize("feed", ["feed", "feed_parsed"])
def test_every_sample_of_the_venue(shared_data: Path, venue: str, feed: str) -> None:
    folder = shared_data.parent / "venues" / "samples" / "coinswitch"
    names = {"BTC,INR", "DOGE,INR", "ETHUSDT", "BTCUSDT", "ETH,INR", "SUPER/USDT", "BTC/USDT"}
    taken = set()
    for name, payload in samples(folder).items():
        router = csbook.Router(venue, books(*names))
        outcome = getattr(router, feed)(payload)
        symbol = SAMPLES[venue].get(name)
        if venue == "coinswitch-hft" and payload[:1] == b"4":
            assert outcome is Outcome.REFUSED  # NATS has no packets of Socket.IO
            continue
        assert outcome is (Outcome.COLD if symbol is None else Outcome.APPLIED), name
        assert router.counts["declined"] == (feed == "feed_parsed") or symbol is None
        if symbol is None:
            continue
        taken.add(name)
        read = json.loads(payload[payload.index(b"{") :].removesuffix(b"]") if payload[:2] == b"42" else payload)
        for message in read if isinstance(read, list) else [read.get("data", read)]:
            word = message.get("m", symbol)
            bids, asks = (message[key] for key in (("b", "a") if "m" in message else ("bids", "asks")))
            oracle = OracleBook()
            oracle.snapshot(bids, asks, message.get("timestamp", message.get("t")))
            assert router.books[word].digest() == oracle.digest()
            assert core_raw(router.books[word]) == oracle.raw()
            assert router.books[word].state is (State.CROSSED if oracle.crossed else State.LIVE)
        if "rest" in name:
            again = csbook.Router(venue, books(symbol))
            assert again.feed_snapshot(symbol, payload) is Outcome.APPLIED
            assert again.books[symbol].digest() == router.books[symbol].digest()
    assert taken == set(SAMPLES[venue])


def test_the_recorded_socketio_frames_hold_no_book(shared_data: Path) -> None:
    """Frames of the protocol as a real server sends them, with events that are none of the venue's."""
    text = (shared_data.parent / "venues" / "samples" / "socketio_frames.txt").read_text(encoding="utf-8")
    router = csbook.Router("coinswitch-sio", books("BTCUSDT"))
    frames = [line.split("'")[1] for line in text.splitlines() if line.startswith("S->C TEXT")]
    assert len(frames) > 12
    for frame in frames:
        assert router.feed(frame.encode()) is router.feed_parsed(frame.encode()) is Outcome.COLD
    assert router.counts["refused"] == 0


def test_the_documented_examples(shared_data: Path) -> None:
    lines = (shared_data / "coinswitch" / "documented_examples.jsonl").read_bytes().splitlines()
    for line, venue, symbol in zip(
        lines, (OFFICIAL[0], *OFFICIAL[1:] * 2), ("BTC,INR", *["SUPER/USDT"] * 2), strict=True
    ):
        router, twin = (csbook.Router(venue, books(symbol)) for _ in range(2))
        assert router.feed(line) is twin.feed_parsed(line) is Outcome.APPLIED
        assert router.books[symbol].digest() == twin.books[symbol].digest()
        assert len(router.books[symbol].bid_prices) == len(router.books[symbol].ask_prices) == 2
