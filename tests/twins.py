"""The same bytes to two routers: one reads by the fast path, one by the slow, and both must end alike."""

from __future__ import annotations

from typing import Any

import pytest

import csbook
from csbook import Outcome
from oracle import OracleBook, diff, dump, hft_depth, seed_depth, sio_depth, stream

BIDS = [["30149.99", "1.5"], ["30149.98", "2.0"], ["30149.5", "0.001"]]
ASKS = [["30150.00", "0.5"], ["30150.01", "3.1"]]
NEW_BIDS = [["30149.99", "0"], ["30149.97", "7"]]
NEW_ASKS = [["30150.00", "0.25"], ["30151", "9"]]

VENUES = pytest.mark.parametrize("venue", ["coinswitch", "binance"])
KINDS = pytest.mark.parametrize(
    ("venue", "mixed"),
    [("coinswitch", False), ("coinswitch", True), ("binance", False), ("binance", True)],
    ids=["coinswitch", "coinswitch-mixed", "binance", "binance-mixed"],
)

OFFICIAL = ("coinswitch-sio", "coinswitch-hft")
ALL_KINDS = pytest.mark.parametrize(
    ("venue", "mixed"),
    [(venue, mixed) for venue in ("coinswitch", "binance", *OFFICIAL) for mixed in (False, True)],
    ids=lambda value: value if isinstance(value, str) else "mixed" if value else "one",
)


ROUND = [["100", "1"], ["99", "2"]], [["101", "3"], ["102", "4"]]  # bids and asks of round prices


def books(*symbols: str, **options: Any) -> list[csbook.Book]:
    return [csbook.Book(symbol, **options) for symbol in symbols]


def live(*symbols: str) -> csbook.Router:
    """A router on binance whose books are all live at update 20."""
    router = csbook.Router("binance", books(*symbols))
    for symbol in symbols:
        assert router.feed(dump(diff(11, 20, 10, symbol=symbol))) is Outcome.BUFFERED
        assert router.feed_snapshot(symbol, dump(seed_depth(20, *ROUND))) is Outcome.APPLIED
    return router


class Twins:
    """Two routers with the same books, live at update 9.

    ``mixed`` adds a second book of other scales, so that a message's levels cannot be read before its symbol is;
    messages then come in what the venue puts around them.
    """

    def __init__(self, venue: str, *, depth: int | None = None, mixed: bool = False) -> None:
        self.dress = DRESS[venue] if mixed and venue in DRESS else (b"", b"")
        self.dressed = self.dress != (b"", b"")
        self.routers = [csbook.Router(venue, self._books(mixed), depth=depth) for _ in range(2)]
        self.fast, self.slow = self.routers
        for router in self.routers:
            for symbol in router.books:
                if venue == "binance":
                    assert router.feed(dump(diff(5, 9, 4, symbol=symbol))) is Outcome.BUFFERED
                    assert router.feed_snapshot(symbol, dump(seed_depth(9, BIDS, ASKS))) is Outcome.APPLIED
                elif venue in OFFICIAL:
                    message = sio_depth if venue == "coinswitch-sio" else hft_depth
                    assert router.feed(dump(message(9, BIDS, ASKS, symbol))) is Outcome.APPLIED
                else:
                    message = stream(f"{symbol.lower()}@depth20", seed_depth(9, BIDS, ASKS))
                    assert router.feed(dump(message)) is Outcome.APPLIED

    @staticmethod
    def _books(mixed: bool) -> list[csbook.Book]:
        books = [csbook.Book("BTCUSDT")]
        return [*books, csbook.Book("ETHUSDT", price_decimals=3, size_decimals=4)] if mixed else books

    @property
    def book(self) -> csbook.Book:
        return self.fast.books["BTCUSDT"]

    def look(self) -> list[list[Any]]:
        """All there is to see of either router."""
        return [
            [{**router.counts, "declined": 0}, router.wants_snapshot()]
            + [
                (book.digest(), book.state, book.event_time_ns, {**book.counts}, book.updates, fused(book))
                for book in router.books.values()
            ]
            for router in self.routers
        ]

    def feed(self, payload: Any) -> Outcome:
        """The outcome, once both agree on all there is to see."""
        fast = self.fast.feed(payload)
        slow = self.slow.feed_parsed(payload)
        assert fast is slow, bytes(payload[:300])
        one, other = self.look()
        assert one == other, bytes(payload[:300])
        return fast

    def feed_depth(self, payload: bytes) -> Outcome:
        """The same, in what stands around it where several books share a router."""
        return self.feed(self.dress[0] + payload + self.dress[1])


# What messages stand in: a stream's envelope where they name no symbol, a packet or a list where a venue has them.
DRESS = {
    "coinswitch": (b'{"stream":"btcusdt@depth20","data":', b"}"),
    "coinswitch-sio": (b'42/exchange_2,["FETCH_ORDER_BOOK_CS_PRO",', b"]"),
    "coinswitch-hft": (b"[", b"]"),
}


def fused(book: csbook.Book) -> tuple[int, ...]:
    top = book.fused_top()
    return top.bid_raw, top.bid_size_raw, top.ask_raw, top.ask_size_raw


def a_depth(venue: str) -> dict[str, Any]:
    """A message that twins of this venue apply."""
    if venue == "binance":
        return diff(10, 12, 9, NEW_BIDS, NEW_ASKS)
    shape = {"coinswitch": seed_depth, "coinswitch-sio": sio_depth, "coinswitch-hft": hft_depth}[venue]
    return shape(12, NEW_BIDS[1:], NEW_ASKS)


def expected(venue: str) -> OracleBook:
    """The book once ``a_depth`` was applied."""
    oracle = OracleBook()
    oracle.snapshot(BIDS, ASKS, 9)
    message = a_depth(venue)
    if venue == "binance":
        oracle.delta(message["b"], message["a"], 12)
    else:
        bids, asks = ("b", "a") if venue == "coinswitch-hft" else ("bids", "asks")
        oracle.snapshot(message[bids], message[asks], 12)
    return oracle
