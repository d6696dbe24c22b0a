"""The Router: which book a payload is for, what came of it, and what was counted."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import nullcontext

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
    """One after the other: by the interpreter's lock, or by one of their own where there is none."""
    turn = nullcontext() if getattr(sys, "_is_gil_enabled", lambda: True)() else threading.Lock()
    names = ["AUSDT", "BUSDT", "CUSDT", "DUSDT"]
    router = csbook.Router("coinswitch", books(*names))
    errors: list[BaseException] = []

    def run(name: str) -> None:
        try:
            for update in range(1, 1500):
                levels = [[str(100 - at), str(update)] for at in range(1 + update % 30)]
                payload = dump(stream(f"{name.lower()}@depth20", seed_depth(update, levels, [["101", "1"]])))
                with turn:
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


def test_before_the_first_message_a_venue_of_changes_has_something_to_lose() -> None:
    for venue in ("binance", "kucoin", "bybit", "coinswitch"):
        assert csbook.Router(venue, books("AUSDT")).sequenced is (venue != "coinswitch")
    router = csbook.Router("binance", books("AUSDT"))
    assert router.feed_snapshot("AUSDT", dump(seed_depth(20, BIDS, ASKS))) is Outcome.BUFFERED
    router.disconnected()
    assert router.books["AUSDT"].state is State.GAP
    router = csbook.Router("binance", books("AUSDT", "BUSDT"))
    assert router.feed_snapshot("AUSDT", dump(seed_depth(20, BIDS, ASKS))) is Outcome.BUFFERED
    assert router.feed(b"{") is Outcome.REFUSED
    assert [book.state for book in router.books.values()] == [State.GAP, State.EMPTY]


@pytest.mark.parametrize(
    ("event_ms", "receive_ns", "state"),
    [
        (1000, 1_000_500_000, State.LIVE),
        (1000, 1_000_500_001, State.STALE),
        (1000, 999_000_000, State.LIVE),
        (1000, 0, State.LIVE),
        (0, 1_700_000_000_000_000_000, State.LIVE),
        (1, 1_700_000_000_000_000_000, State.STALE),
    ],
)
def test_max_lag_to_the_nanosecond(event_ms: int, receive_ns: int, state: State) -> None:
    router = csbook.Router("coinswitch", books("AUSDT"), max_lag_ns=500_000)
    message = seed_depth(1, BIDS, ASKS) | {"E": event_ms}
    assert router.feed(dump(message), receive_ns) is Outcome.APPLIED
    assert router.books["AUSDT"].state is state


def test_the_twentieth_crossed_message_is_the_last() -> None:
    router = live("AUSDT")
    book = router.books["AUSDT"]
    for number in range(1, 21):
        assert book.state is (State.LIVE if number == 1 else State.CROSSED), number
        bids = [["500", "1"]] if number == 1 else []
        assert router.feed(dump(diff(20 + number, 20 + number, 19 + number, bids, symbol="AUSDT"))) is Outcome.APPLIED
    assert book.state is State.GAP
    assert [(old, new) for _, old, new, _ in router.take_moves()][-2:] == [
        (State.LIVE, State.CROSSED), (State.CROSSED, State.GAP),
    ]  # fmt: skip


def test_a_second_of_crossed_messages_is_enough() -> None:
    router = live("AUSDT")
    book = router.books["AUSDT"]
    assert router.feed(dump(diff(21, 21, 20, [["500", "1"]], symbol="AUSDT"))) is Outcome.APPLIED
    assert book.state is State.CROSSED
    time.sleep(1.05)
    assert book.state is State.CROSSED
    assert router.feed(dump(diff(22, 22, 21, symbol="AUSDT"))) is Outcome.APPLIED
    assert book.state is State.GAP


def test_a_joined_book_of_changes_does_not_hear_snapshots_of_the_stream() -> None:
    """Neither a whole one nor a broken one: no change of its own was lost."""
    router = csbook.Router("coinswitch", books("AUSDT"), depth=0)
    book = router.books["AUSDT"]
    assert router.feed(dump(diff(11, 20, 10, symbol="AUSDT"))) is Outcome.BUFFERED
    assert router.feed_snapshot("AUSDT", dump(seed_depth(20, BIDS, ASKS))) is Outcome.APPLIED
    before = book.digest()
    broken = [seed_depth(30, [["x", "1"]], ASKS), {"lastUpdateId": "x", "bids": [], "asks": []}]
    for message in (seed_depth(30, [], ASKS), *broken):
        assert router.feed(dump(message)) is Outcome.COLD
        assert router.feed(dump(stream("ausdt@depth20", message))) is Outcome.COLD
        assert (book.state, book.digest()) == (State.LIVE, before)
    assert router.feed(dump(diff(21, 22, 20, symbol="AUSDT"))) is Outcome.APPLIED


def test_a_book_cleared_by_hand_joins_anew() -> None:
    """The chain of ids goes on, but there are no levels that it would go on from."""
    router = live("AUSDT")
    book = router.books["AUSDT"]
    book.clear("a test")
    assert router.feed(dump(diff(21, 22, 20, [["99.5", "1"]], symbol="AUSDT"))) is Outcome.BUFFERED
    assert (book.state, len(book.bid_prices)) == (State.SYNCING, 0)
    assert router.wants_snapshot() == ["AUSDT"]
    assert router.feed_snapshot("AUSDT", dump(seed_depth(22, BIDS, ASKS))) is Outcome.APPLIED
    assert book.state is State.LIVE
    assert book.bid_prices.tolist() == [100, 99.5, 99]


def test_an_older_answer_does_not_replace_a_newer() -> None:
    router = csbook.Router("binance", books("AUSDT"))
    book = router.books["AUSDT"]
    assert router.feed_snapshot("AUSDT", dump(seed_depth(30, BIDS, ASKS))) is Outcome.BUFFERED
    before = book.digest()
    assert router.feed_snapshot("AUSDT", dump(seed_depth(29, BIDS[:1], ASKS))) is Outcome.IGNORED
    assert (book.sequence, book.digest()) == (30, before)
    assert router.feed_snapshot("AUSDT", dump(seed_depth(31, BIDS[:1], ASKS))) is Outcome.BUFFERED
    assert (book.sequence, len(book.bid_prices)) == (31, 1)


def test_an_older_id_now_and_then_is_no_silence() -> None:
    router = csbook.Router("coinswitch", books("AUSDT"))
    book = router.books["AUSDT"]
    for update, outcome in ((10, Outcome.APPLIED), (9, Outcome.IGNORED), (11, Outcome.APPLIED)):
        assert router.feed(dump(seed_depth(update, BIDS, ASKS))) is outcome
    time.sleep(1.05)
    assert router.feed(dump(seed_depth(10, BIDS, ASKS))) is Outcome.IGNORED
    assert book.state is State.LIVE


def test_the_bytes_that_wait_are_bounded() -> None:
    """64 MiB a symbol, however few changes they are: the oldest go."""
    router = csbook.Router("binance", books("AUSDT"))
    padding = b',"x":"' + b"x" * (15 << 20) + b'"}'
    for number in range(1, 6):
        change = dump(diff(number, number, number - 1, symbol="AUSDT"))[:-1] + padding
        assert router.feed(change) is Outcome.BUFFERED
    assert router.feed_snapshot("AUSDT", dump(seed_depth(0, BIDS, ASKS))) is Outcome.IGNORED
    assert router.feed_snapshot("AUSDT", dump(seed_depth(1, BIDS, ASKS))) is Outcome.APPLIED
    assert router.books["AUSDT"].sequence == 5


@pytest.mark.parametrize("cut", [1, 9, 20])
def test_a_quote_that_is_cut_off_is_no_lost_change(cut: int) -> None:
    router = live("AUSDT")
    assert router.feed(dump(quote(50, "99.5", "1", "100.5", "2", symbol="AUSDT"))[:-cut]) is Outcome.REFUSED
    assert router.books["AUSDT"].state is State.LIVE
    assert router.feed(dump(diff(21, 22, 20, symbol="AUSDT"))[:-cut]) is Outcome.REFUSED
    assert router.books["AUSDT"].state is State.GAP


def test_a_change_of_somebody_else_that_is_cut_off_is_no_loss() -> None:
    router = live("AUSDT", "BUSDT")
    for symbol, states in (("ZUSDT", "LIVE LIVE"), ("BUSDT", "LIVE GAP"), ("ausdt", "GAP GAP")):
        assert router.feed(dump(diff(21, 22, 20, symbol=symbol))[:-1]) is Outcome.REFUSED
        assert " ".join(book.state.name for book in router.books.values()) == states


@pytest.mark.parametrize("venue", ["binance", "coinswitch"])
def test_what_is_no_answer_for_a_symbol(venue: str) -> None:
    router = csbook.Router(venue, books("AUSDT", "BUSDT"), depth=0)
    whole = seed_depth(5, BIDS, ASKS)
    wrong = [dump(whole | {"symbol": "BUSDT"}), dump(whole | {"symbol": "ZUSDT"}), b" " * (1 << 24) + dump(whole)]
    wrong += [dump({key: value for key, value in whole.items() if key != missing}) for missing in whole]
    for payload in wrong:
        assert router.feed_snapshot("AUSDT", payload) is Outcome.REFUSED, payload[-99:]
        assert [book.state for book in router.books.values()] == [State.EMPTY, State.EMPTY]
    assert router.feed_snapshot("AUSDT", dump(whole | {"symbol": "ausdt"})) is Outcome.BUFFERED


def test_a_refusal_says_which_scale_would_do() -> None:
    router = csbook.Router("coinswitch", csbook.Book("X", price_decimals=2))
    assert router.feed(dump(seed_depth(1, [["1.2345", "1"]], []))) is Outcome.REFUSED
    assert "needs 4 decimals" in router.last_refusal
    assert "bids[0].price" in router.last_refusal


def test_symbols_are_not_the_letters_of_a_text() -> None:
    router = csbook.Router("coinswitch", books("X", "Y"))
    for symbols in ("X", "XY", ""):
        with pytest.raises(UsageError):
            router.disconnected(symbols)


NAMES = [("ausdt", "BUSDT"), ("busdt", "AUSDT"), ("ausdt", "ZUSDT"), ("zusdt", "AUSDT")]


@pytest.mark.parametrize(("outer", "inner"), NAMES)
@pytest.mark.parametrize("method", ["feed", "feed_parsed"])
def test_an_envelope_of_another_symbol(method: str, outer: str, inner: str) -> None:
    router = live("AUSDT", "BUSDT")
    before = [book.digest() for book in router.books.values()]
    message = stream(f"{outer}@depth", diff(21, 22, 20, [["99.5", "1"]], symbol=inner))
    for payload in (message, dict(reversed(message.items()))):
        assert getattr(router, method)(dump(payload)) in (Outcome.REFUSED, Outcome.COLD)
        assert [book.digest() for book in router.books.values()] == before


def test_a_message_without_a_name_is_nobodys_among_several() -> None:
    router = csbook.Router("coinswitch", books("AUSDT", "BUSDT"))
    assert router.feed(dump(seed_depth(1, BIDS, ASKS))) is Outcome.COLD
    assert router.counts["unnamed"] == 1
    assert {book.state for book in router.books.values()} == {State.EMPTY}


def test_an_answer_after_a_loss_finds_nothing_to_join() -> None:
    """What waited on the lost connection cannot say what was missed since."""
    router = csbook.Router("binance", books("AUSDT"))
    assert router.feed(dump(diff(11, 20, 10, symbol="AUSDT"))) is Outcome.BUFFERED
    router.disconnected()
    assert router.wants_snapshot() == []
    assert router.feed_snapshot("AUSDT", dump(seed_depth(15, BIDS, ASKS))) is Outcome.BUFFERED
    assert router.books["AUSDT"].state is State.SYNCING


def test_distrusted_and_mended_as_after_a_gap() -> None:
    router = csbook.Router("binance", books("AUSDT"))
    book = router.books["AUSDT"]
    assert not router.distrust("AUSDT", "ghosts")  # it has nothing to lose
    assert router.feed(dump(diff(11, 20, 10, symbol="AUSDT"))) is Outcome.BUFFERED
    assert router.feed_snapshot("AUSDT", dump(seed_depth(20, BIDS, ASKS))) is Outcome.APPLIED
    router.take_moves()
    assert router.distrust("ausdt", "ghosts")
    assert router.take_moves() == [(book, State.LIVE, State.GAP, "ghosts")]
    assert not router.distrust("AUSDT", "ghosts")
    assert router.wants_snapshot() == []
    assert router.feed(dump(diff(21, 30, 20, symbol="AUSDT"))) is Outcome.BUFFERED
    assert router.wants_snapshot() == ["AUSDT"] and book.state is State.GAP
    assert router.feed_snapshot("AUSDT", dump(seed_depth(25, BIDS, ASKS))) is Outcome.APPLIED
    assert book.state is State.LIVE and book.sequence == 30
    with pytest.raises(csbook.CsbookError, match="no book of 'BUSDT'"):
        router.distrust("BUSDT", "ghosts")


def test_a_book_that_comes_whole_is_not_distrusted() -> None:
    router = csbook.Router("coinswitch", books("AUSDT"))
    assert router.feed(dump(seed_depth(5, BIDS, ASKS))) is Outcome.APPLIED
    assert not router.distrust("AUSDT", "ghosts") and router.books["AUSDT"].state is State.LIVE
