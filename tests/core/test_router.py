"""The Router: which book a payload is for, what came of it, and what was counted."""

from __future__ import annotations

import threading

import pytest

import csbook
from csbook import Outcome, State
from csbook.errors import UsageError
from oracle import core_raw, diff, dump, quote, seed_depth, stream
from twins import ROUND, books, live

BIDS, ASKS = ROUND
KEYS = {"applied", "ignored", "buffered", "gap", "cold", "refused", "declined", "unnamed", "unknown_symbol", "quotes"}
OUTCOMES = ("applied", "ignored", "buffered", "gap", "cold", "refused")


def test_what_a_router_is_made_from() -> None:
    one = csbook.Book("btcusdt")
    for given in (one, [one], (one,), iter([one]), {"BTCUSDT": one}):
        router = csbook.Router("coinswitch", given)
        assert [name.upper() for name in router.books] == ["BTCUSDT"]
        assert list(router.books.values()) == [one]
        assert router.venue == "coinswitch"
        assert router.depth is None
        assert router.last_refusal == ""
        assert set(router.counts) == KEYS
        assert not any(router.counts.values())
    assert csbook.Router("coinswitch", one, depth=20).depth == 20
    assert not csbook.Router("coinswitch", one, depth=20).sequenced
    assert csbook.Router("binance", one).sequenced


def test_what_no_router_is_made_from() -> None:
    one = csbook.Book("BTCUSDT")
    for venue in ("", "Binance ", "coinswitch-sio-2", "nyse"):
        with pytest.raises(UsageError, match="binance"):
            csbook.Router(venue, one)
    for given in (None, 5, "BTCUSDT", ["BTCUSDT"], [None], {"BTCUSDT": None}, [one, "x"]):
        with pytest.raises((TypeError, UsageError)):
            csbook.Router("binance", given)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        csbook.Router("binance", books("BTCUSDT", "btcusdt"))
    with pytest.raises(UsageError):
        csbook.Router("binance", one, depth=-1)
    with pytest.raises(TypeError):
        csbook.Router("binance", one, depth="20")  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        csbook.Router("binance", one, buffer_limit=0)


def test_counts_add_up() -> None:
    router = live("BTCUSDT", "ETHUSDT")
    start = sum(router.counts[name] for name in OUTCOMES)
    seen = dict.fromkeys(Outcome, 0)
    payloads = [
        dump(diff(21, 30, 20)), dump(diff(21, 30, 20)), dump(diff(41, 50, 40)), dump(diff(51, 60, 50)), b"{}", b"{",
        dump(quote(9, "1", "1", "2", "2")), dump(diff(1, 2, 0, symbol="NONE")), dump({"e": "trade"}), b"\xff",
        dump(diff(61, 70, 60)), dump(diff(21, 30, 20, symbol="ETHUSDT")),
    ]  # fmt: skip
    for payload in payloads:
        seen[router.feed(payload)] += 1
    counts = router.counts
    assert sum(counts[name] for name in OUTCOMES) == start + len(payloads)
    assert counts["refused"] == seen[Outcome.REFUSED] == 2
    assert counts["gap"] == seen[Outcome.GAP] == 1
    assert counts["ignored"] == seen[Outcome.IGNORED] == 1
    assert counts["cold"] == seen[Outcome.COLD]
    assert counts["unknown_symbol"] == 1
    assert counts["quotes"] == 1
    assert all(isinstance(value, int) for value in counts.values())
    counts["applied"] = 10**9
    assert router.counts["applied"] < 100


def test_a_refusal_changes_nothing_and_says_why() -> None:
    router = csbook.Router("coinswitch", books("BTCUSDT"))
    book = router.books["BTCUSDT"]
    router.feed(dump(seed_depth(5, BIDS, ASKS)), 77)
    before = book.digest(), book.updates, book.receive_time_ns, book.state, core_raw(book)
    for bad in ([["1", "x"]], [["0", "1"]], [["1", "-1"]], [["1.123456789", "1"]], [["1"]], "text", [[None, "1"]]):
        for message in (seed_depth(6, bad, ASKS), seed_depth(6, BIDS, bad)):
            assert router.feed(dump(message), 99) is Outcome.REFUSED
            assert router.last_refusal
            assert (book.digest(), book.updates, book.receive_time_ns, book.state, core_raw(book)) == before
    router.feed(dump(seed_depth(6, [["1.123456789", "1"]], ASKS)))
    assert "9" in router.last_refusal


def test_times() -> None:
    router = live("BTCUSDT")
    book = router.books["BTCUSDT"]
    assert router.feed(dump(diff(21, 30, 20, event_ms=1_700_000_000_123)), 555) is Outcome.APPLIED
    assert (book.event_time_ns, book.receive_time_ns, book.sequence) == (1_700_000_000_123_000_000, 555, 30)
    assert book.age_ns() >= 0
    assert router.feed(dump(diff(31, 40, 30, event_ms=1_700_000_000_999))) is Outcome.APPLIED
    assert book.event_time_ns == 1_700_000_000_999_000_000
    top = book.top()
    assert (top.event_time_ns, top.sequence) == (book.event_time_ns, 40)


def test_changed_books_once_each() -> None:
    router = live("AUSDT", "BUSDT", "CUSDT")
    names = [book.symbol for book in router.take_changed()]
    assert sorted(names) == ["AUSDT", "BUSDT", "CUSDT"]
    assert router.take_changed() == []
    for update in range(21, 24):
        router.feed(dump(diff(update, update, update - 1, [["9", "1"]], symbol="CUSDT")))
    router.feed(dump(diff(21, 21, 20, [["9", "1"]], symbol="AUSDT")))
    router.feed(dump(diff(11, 20, 10, symbol="BUSDT")))
    router.feed(dump(quote(50, "1", "1", "2", "2", symbol="BUSDT")))
    assert sorted(book.symbol for book in router.take_changed()) == ["AUSDT", "CUSDT"]
    assert router.take_changed() == []


def test_moves_in_order() -> None:
    router = csbook.Router("binance", books("BTCUSDT"))
    book = router.books["BTCUSDT"]
    router.feed(dump(diff(11, 20, 10)))
    router.feed_snapshot("BTCUSDT", dump(seed_depth(20, BIDS, ASKS)))
    router.feed(dump(diff(21, 30, 20, [["101", "1"]])))
    router.feed(dump(diff(31, 40, 30, [["101", "0"]])))
    router.feed(dump(diff(61, 70, 60)))
    moves = router.take_moves()
    assert [each[0] for each in moves] == [book] * len(moves)
    path = [moves[0][1]] + [new for _, _, new, _ in moves]
    assert all(old is not new for _, old, new, _ in moves)
    assert [old for _, old, _, _ in moves] == path[:-1]
    assert path[:1] == [State.EMPTY]
    assert path[-4:] == [State.LIVE, State.CROSSED, State.LIVE, State.GAP]
    assert set(path[1:-4]) <= {State.SYNCING}
    assert all(isinstance(reason, str) and reason for _, _, _, reason in moves)
    assert router.take_moves() == []


@pytest.mark.parametrize("payload", [b"{", b'{"e":"depthUpdate","s":"BTC', b"\xff", b'{"e":"depthUpdate"', b"[1,2"])
def test_what_cannot_be_read_may_have_been_any_change(payload: bytes) -> None:
    books = [csbook.Book("BTCUSDT"), csbook.Book("ETHUSDT"), csbook.Book("XRPUSDT")]
    router = csbook.Router("binance", books)
    for book in books[:2]:
        router.feed(dump(diff(11, 20, 10, symbol=book.symbol)))
        router.feed_snapshot(book.symbol, dump(seed_depth(20, BIDS, ASKS)))
        assert book.state is State.LIVE
    assert router.feed(payload) is Outcome.REFUSED
    assert [book.state for book in books] == [State.GAP, State.GAP, State.EMPTY]


def test_a_refused_change_of_a_known_symbol_is_its_own_loss() -> None:
    books = [csbook.Book("BTCUSDT"), csbook.Book("ETHUSDT")]
    router = csbook.Router("binance", books)
    for book in books:
        router.feed(dump(diff(11, 20, 10, symbol=book.symbol)))
        router.feed_snapshot(book.symbol, dump(seed_depth(20, BIDS, ASKS)))
    assert router.feed(dump(diff(21, 30, 20, [["1.123456789", "1"]], symbol="ETHUSDT"))) is Outcome.REFUSED
    assert [book.state for book in books] == [State.LIVE, State.GAP]


def test_one_symbols_gap_is_its_own() -> None:
    router = live("AUSDT", "BUSDT")
    assert router.feed(dump(diff(41, 50, 40, symbol="AUSDT"))) is Outcome.GAP
    assert [book.state for book in router.books.values()] == [State.GAP, State.LIVE]
    assert router.wants_snapshot() == ["AUSDT"]
    assert router.feed(dump(diff(21, 30, 20, symbol="BUSDT"))) is Outcome.APPLIED


def test_disconnected_touches_what_it_names() -> None:
    router = live("AUSDT", "BUSDT", "CUSDT")
    router.disconnected(["ausdt", "CUSDT"], "one socket of two")
    assert [book.state for book in router.books.values()] == [State.GAP, State.LIVE, State.GAP]
    for wrong in ("BUSDT", ["NONE"], 5):  # a text is no list of symbols, and a misspelt one must not pass unseen
        with pytest.raises((UsageError, TypeError)):
            router.disconnected(wrong)  # type: ignore[arg-type]
    router.disconnected()
    assert [book.state for book in router.books.values()] == [State.GAP] * 3
    fresh = csbook.Router("coinswitch", books("BTCUSDT"))
    fresh.disconnected()
    assert fresh.books["BTCUSDT"].state is State.EMPTY
    assert fresh.take_moves() == []


def test_a_book_may_serve_two_routers_by_turns() -> None:
    """As on a reconnection: the new one knows nothing of the old one's floor."""
    book = csbook.Book("BTCUSDT")
    first = csbook.Router("coinswitch", book)
    assert first.feed(dump(seed_depth(100, BIDS, ASKS))) is Outcome.APPLIED
    second = csbook.Router("coinswitch", book)
    first.disconnected()
    assert second.feed(dump(seed_depth(5, [["7", "1"]], []))) is Outcome.APPLIED
    assert (book.best_bid, book.sequence, book.state) == (7.0, 5, State.LIVE)


def test_many_threads_feed_one_router() -> None:
    names = ["AUSDT", "BUSDT", "CUSDT", "DUSDT"]
    router = csbook.Router("coinswitch", books(*names))
    errors: list[BaseException] = []

    def run(name: str) -> None:
        try:
            for update in range(1, 1500):
                levels = [[str(100 - at), str(update)] for at in range(1 + update % 30)]
                payload = dump(stream(f"{name.lower()}@depth20", seed_depth(update, levels, [["101", "1"]])))
                assert router.feed(payload) is Outcome.APPLIED
                router.take_changed()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert router.counts["applied"] == 4 * 1499
    assert len({book.digest() for book in router.books.values()}) == 1
    for book in router.books.values():
        assert (book.sequence, len(book.bid_prices_raw)) == (1499, 30)
        book._check()
