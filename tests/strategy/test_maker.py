"""A strategy in Cython over the shipped .pxd: it decides like its Python twin, and makes no Python object."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import csbook
from core.test_cimport import PACKAGE, build
from csbook import Book, Router, State
from oracle import diff, dump, seed_depth

EDGE, LEAN, BAND = 30, 5, 7


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("strategy")
    build(folder, "maker", Path(__file__).with_name("maker.pyx").read_text(encoding="utf-8"), PACKAGE.parent)
    (binary,) = [path for path in folder.glob("maker.*") if path.suffix in (".so", ".pyd")]
    spec = importlib.util.spec_from_file_location("maker", binary)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Twin:
    """The same by ``book.top()``."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.bid = self.ask = self.moves = 0

    def decide(self) -> bool:
        top = self.book.top()
        if top.state is not State.LIVE or not top.bid_raw or not top.ask_raw:
            return self._move(0, 0)
        middle = top.bid_raw + (top.ask_raw - top.bid_raw) // 2
        if top.bid_size_raw > 2 * top.ask_size_raw:
            middle += LEAN
        elif top.ask_size_raw > 2 * top.bid_size_raw:
            middle -= LEAN
        bid, ask = min(middle - EDGE, top.bid_raw), max(middle + EDGE, top.ask_raw)
        if self.bid and abs(bid - self.bid) < BAND and abs(ask - self.ask) < BAND:
            return False
        return self._move(bid, ask)

    def _move(self, bid: int, ask: int) -> bool:
        moved = (bid, ask) != (self.bid, self.ask)
        self.bid, self.ask = bid, ask
        self.moves += moved
        return moved


def pair(maker: ModuleType, book: Book) -> tuple[Any, Twin]:
    return maker.Maker(book, EDGE, LEAN, BAND), Twin(book)


def test_it_decides_like_its_twin(maker: ModuleType) -> None:
    """On a book that walks, grows out of its block, crosses, empties and loses its connection."""
    rng = random.Random(12)
    book = Book("BTCUSDT", price_decimals=1, size_decimals=0, capacity=1)
    router = Router("coinswitch", book)
    fast, twin = pair(maker, book)
    middle, seen = 10_000, set()
    for number in range(1, 3_000):
        middle += rng.randint(-9, 9)
        levels = rng.choice((1, 1, 2, 5, 40)) if number % 50 else 0
        gap = rng.choice((1, 2, 3, 20)) if number % 70 else -3
        bids = [[str(middle - at), str(rng.randint(1, 9))] for at in range(levels)]
        asks = [[str(middle + gap + at), str(rng.randint(1, 9))] for at in range(levels)]
        router.feed(dump(seed_depth(number, bids, asks)))
        if number % 90 == 0:
            router.disconnected()
        seen.add((book.state, fast.on_book(book) == twin.decide() or pytest.fail(f"at {number}")))
        assert (fast.bid, fast.ask, fast.moves) == (twin.bid, twin.ask, twin.moves), number
    assert {state for state, _ in seen} == {State.LIVE, State.STALE, State.CROSSED}
    assert fast.decisions == number
    assert number > fast.moves > 100


def test_it_reads_a_deep_book(maker: ModuleType) -> None:
    """A ladder: the touch is found in another place of the block."""
    book = Book("BTCUSDT", price_decimals=0, size_decimals=0)
    router = Router("binance", book)
    fast, twin = pair(maker, book)
    assert fast.on_book(book) is False, "nothing yet, and nothing stands"
    router.feed(dump(diff(1, 1, 0)))
    sides = [[[str(5_000 + step * at), "3"] for at in range(1, 400)] for step in (-1, 1)]
    router.feed_snapshot("BTCUSDT", dump(seed_depth(1, *sides)))
    assert (book.state, fast.on_book(book), twin.decide()) == (State.LIVE, True, True)
    assert (fast.bid, fast.ask) == (twin.bid, twin.ask) == (4_970, 5_030)
    router.feed(dump(diff(2, 2, 1, [[str(price), "0"] for price in range(4_900, 5_000)], [])))
    assert fast.on_book(book) and twin.decide()
    assert (fast.bid, fast.ask) == (twin.bid, twin.ask)
    router.feed(dump(diff(9, 9, 7)))
    assert book.state is State.GAP
    assert fast.on_book(book)
    assert (fast.bid, fast.ask) == (0, 0), "what cannot be trusted is not quoted on"


def test_it_makes_no_object(maker: ModuleType) -> None:
    book = Book("BTCUSDT", price_decimals=0, size_decimals=0)
    book.apply_snapshot([[100, 1]], [[101, 1]])
    fast, _ = pair(maker, book)
    assert fast.run(10) == 1
    held = sys.getrefcount(book)
    before = sys.getallocatedblocks()
    fast.run(200_000)
    assert sys.getallocatedblocks() - before < 50
    assert sys.getrefcount(book) == held
    assert fast.decisions == 200_010


def test_it_holds_the_book(maker: ModuleType) -> None:
    book = Book("BTCUSDT", price_decimals=0, size_decimals=0)
    book.apply_snapshot([[100, 1]], [[101, 1]])
    fast, _ = pair(maker, book)
    del book
    assert fast.run(3) == 1
    assert fast.book.best_bid == 100.0
    with pytest.raises(TypeError):
        maker.Maker(None, 1, 1, 1)
    with pytest.raises(TypeError):
        maker.Maker(csbook, 1, 1, 1)
