"""From the name in a message to its book."""

from __future__ import annotations

import random

import pytest

import csbook
from csbook import Outcome, State
from csbook.errors import UsageError
from oracle import OracleBook, diff, dump, seed_depth, sio_depth, stream
from twins import ROUND, books, live

BIDS, ASKS = ROUND


@pytest.mark.parametrize("spelled", ["BTCUSDT", "btcusdt", "BtcUsdt"])
@pytest.mark.parametrize("named", ["BTCUSDT", "btcusdt", "bTCuSDt"])
def test_a_symbol_in_any_case(spelled: str, named: str) -> None:
    router = csbook.Router("binance", books(spelled, "ETHUSDT"))
    assert router.feed(dump(diff(11, 20, 10, symbol=named))) is Outcome.BUFFERED
    assert router.feed_snapshot(named, dump(seed_depth(20, BIDS, ASKS))) is Outcome.APPLIED
    assert [book.state for book in router.books.values()] == [State.LIVE, State.EMPTY]
    wrapped = csbook.Router("coinswitch", books(spelled, "ETHUSDT"))
    assert wrapped.feed(dump(stream(f"{named}@depth20", seed_depth(1, BIDS, ASKS)))) is Outcome.APPLIED
    assert [book.state for book in wrapped.books.values()] == [State.LIVE, State.EMPTY]


@pytest.mark.parametrize("spelled", ["BTC,INR", "btc,inr", "BTC/INR", "Btc/Inr"])
def test_coinswitch_spells_a_pair_in_two_ways(spelled: str) -> None:
    """A comma on its sockets, a slash elsewhere; joined is another instrument."""
    for named in ("BTC,INR", "btc/inr"):
        router = csbook.Router("coinswitch-sio", books(spelled, "BTCINR", "BTC,IN", "BTC-INR"))
        assert router.feed(dump(sio_depth(1, BIDS, ASKS, named))) is Outcome.APPLIED
        assert router.feed_parsed(dump(sio_depth(1, BIDS, ASKS, named))) is Outcome.APPLIED
        router.disconnected([named])
        assert router.feed_snapshot(named, dump({"data": sio_depth(1, BIDS, ASKS, named)})) is Outcome.APPLIED
        assert [book.state for book in router.books.values()] == [State.LIVE, *[State.EMPTY] * 3]
    with pytest.raises(UsageError, match="two books"):
        csbook.Router("coinswitch-sio", books(spelled, "BTC/INR", "BTC,INR"))


def test_symbols_that_share_their_beginning() -> None:
    names = ["BTCUSDT", "BTCUSD", "BTCUSDT_240927", "BTC", "1000BTCUSDT", "BTCUSDC", "X" * 31, "X" * 30]
    router = live(*names)
    for at, name in enumerate(names):
        assert router.feed(dump(diff(21, 30 + at, 20, [["50", str(at + 1)]], symbol=name.lower()))) is Outcome.APPLIED
        assert router.books[name].sequence == 30 + at
        assert router.books[name].bids().tolist()[-1] == [50.0, at + 1.0]
    for name in ("BTCUSD_", "BTCU", "X" * 32, "X" * 29, "", " BTCUSDT", "BTCUSDT\x00"):
        assert router.feed(dump(diff(21, 99, 20, symbol=name))) is Outcome.COLD, name
    assert {router.books[name].sequence for name in names} == set(range(30, 30 + len(names)))


def test_several_hundred_symbols_of_several_scales() -> None:
    rng = random.Random(9)
    names = [f"{rng.choice('ABCDEF')}{at}USDT" for at in range(300)]
    scales = {name: (rng.randrange(2, 10), rng.randrange(1, 10)) for name in names}
    router = csbook.Router(
        "coinswitch",
        {name: csbook.Book(name, price_decimals=scales[name][0], size_decimals=scales[name][1]) for name in names},
    )
    oracles = {name: OracleBook(*scales[name]) for name in names}
    for update in range(2000):
        name = rng.choice(names)
        bids, asks = [[f"{rng.randrange(1, 999)}.25", "1.5"]], [["1000.5", f"{rng.randrange(1, 99)}.5"]]
        message = seed_depth(update, bids, asks)
        assert router.feed(dump(stream(f"{name.lower()}@depth20", message))) is Outcome.APPLIED
        oracles[name].snapshot(bids, asks, update)
    assert {name: book.digest() for name, book in router.books.items()} == {n: o.digest() for n, o in oracles.items()}


def test_the_same_text_at_two_scales() -> None:
    fine, coarse = csbook.Book("AUSDT"), csbook.Book("BUSDT", price_decimals=1, size_decimals=0)
    router = csbook.Router("coinswitch", [fine, coarse])
    for name in ("ausdt", "busdt", "ausdt"):
        assert router.feed(dump(stream(f"{name}@depth5", seed_depth(1, [["10.5", "3"]], [])))) is Outcome.APPLIED
    assert (int(fine.bid_prices_raw[0]), int(coarse.bid_prices_raw[0])) == (1_050_000_000, 105)
    message = seed_depth(2, [["10.55", "3"]], [])
    assert router.feed(dump(stream("busdt@depth5", message))) is Outcome.REFUSED
    assert router.feed(dump(stream("ausdt@depth5", message))) is Outcome.APPLIED
    assert (fine.best_bid, coarse.best_bid) == (10.55, 10.5)


def test_an_unnamed_message_is_that_of_the_only_book() -> None:
    bare = dump(seed_depth(1, BIDS, ASKS))
    alone = csbook.Router("coinswitch", books("BTCUSDT"))
    assert alone.feed(bare) is Outcome.APPLIED
    two = csbook.Router("coinswitch", books("BTCUSDT", "ETHUSDT"))
    assert two.feed(bare) is Outcome.COLD
    assert two.feed_parsed(bare) is Outcome.COLD
    assert two.counts["unnamed"] == 2
    assert two.counts["cold"] == 2
    assert all(book.state is State.EMPTY for book in two.books.values())


def test_unknown_symbols_are_cold_and_counted() -> None:
    router = live("BTCUSDT")
    before = router.books["BTCUSDT"].digest()
    assert router.feed(dump(diff(21, 30, 20, symbol="ETHUSDT"))) is Outcome.COLD
    assert router.feed(dump(stream("ethusdt@depth", diff(21, 30, 20, symbol="ETHUSDT")))) is Outcome.COLD
    assert router.feed_parsed(dump(diff(21, 30, 20, symbol="ETHUSDT"))) is Outcome.COLD
    assert router.counts["unknown_symbol"] == 3
    assert router.counts["cold"] == 3
    assert (router.books["BTCUSDT"].digest(), router.books["BTCUSDT"].state) == (before, State.LIVE)
    wrapped = csbook.Router("coinswitch", books("BTCUSDT"))
    assert wrapped.feed(dump(stream("ethusdt@depth20", seed_depth(1, BIDS, ASKS)))) is Outcome.COLD
    assert wrapped.counts["unknown_symbol"] == 1
    assert wrapped.books["BTCUSDT"].state is State.EMPTY


def test_a_symbol_that_the_router_does_not_have() -> None:
    router = live("BTCUSDT")
    for symbol in ("ETHUSDT", "", "BTCUSD"):
        with pytest.raises(UsageError, match="BTCUSDT"):
            router.feed_snapshot(symbol, dump(seed_depth(20, BIDS, ASKS)))
        with pytest.raises(UsageError, match="BTCUSDT"):
            router.mark_stale(symbol, "silence")
    assert router.books["BTCUSDT"].state is State.LIVE


def test_every_letter_is_known_in_any_case() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for spelling in (alphabet.lower(), alphabet, alphabet.title(), alphabet.swapcase()):
        router = csbook.Router("coinswitch", csbook.Book(alphabet))
        assert router.feed(dump(stream(f"{spelling}@depth20", seed_depth(1, BIDS, ASKS)))) is Outcome.APPLIED
        router = csbook.Router("binance", csbook.Book(alphabet))
        assert router.feed(dump(diff(1, 2, 0, symbol=spelling))) is Outcome.BUFFERED
        assert router.feed_snapshot(spelling, dump(seed_depth(2, BIDS, ASKS))) is Outcome.APPLIED


@pytest.mark.parametrize("wrong", [b"x", b"'", b" ", b"", b"\\", b"[", b"1", b"\x00", b"\xff", b'""'])
@pytest.mark.parametrize("word", [b'"stream":"', b'"s":"'])
def test_a_known_spelling_has_its_quotes(word: bytes, wrong: bytes) -> None:
    """Also where the text is to the letter that of the message before."""
    router = csbook.Router("coinswitch", csbook.Book("BTCUSDT"))
    message = dump(stream("btcusdt@depth20", seed_depth(1, BIDS, ASKS) | {"s": "BTCUSDT"}))
    for _ in range(3):
        assert router.feed(message) is Outcome.APPLIED
        for place in (message.index(word) + len(word) - 1, message.index(b'"', message.index(word) + len(word))):
            broken = message[:place] + wrong + message[place + 1 :]
            assert router.feed(broken) is Outcome.REFUSED, broken
            assert router.feed_parsed(broken) is Outcome.REFUSED, broken
