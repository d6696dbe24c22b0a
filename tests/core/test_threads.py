"""Threads on one book: what one reads while another writes is the book before a message or after, never a mixture.

Every message says the same thing in several places, so that a mixture can be seen: the bid follows from the update id,
the ask from the bid, sizes and time from the id. One reader is a Python thread that calls `top()`; the other is a third
party's extension that calls csbook_touch without the GIL, truly at the same time, so that only the lock in the block
stands between. Without the GIL all of it is at the same time. What nobody should do, two threads that feed one router
or write one book, is done here as well: it may cost an error, and never the book.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import csbook
import csbook.json
from csbook import Outcome, State
from csbook.errors import UsageError
from oracle import diff, dump, seed_depth

from .test_cimport import PACKAGE, build

BASE, PERIOD = 100_000, 50  # the bid of update id N is BASE + N % PERIOD
SECONDS = 0.6  # at most, of one scene
AT_LEAST = 2_000  # messages, however slow the machine is
AT_MOST = 400_000
DEEP = 1_000  # levels beside the touch, which keep a writer inside for a while

WATCH = f"""
# cython: language_level=3
from libc.stdint cimport int64_t
from csbook._core cimport Book, Touch, csbook_check_abi, csbook_touch

csbook_check_abi()


cdef class Watch:
    cdef int stop
    cdef public int64_t reads, busy, changes, backwards, torn
    cdef public tuple seen

    def halt(self):
        self.stop = 1

    def run(self, Book book):
        cdef Touch t
        cdef int64_t last = 0
        cdef bint whole
        with nogil:
            while not self.stop:
                if csbook_touch(book.header, &t) != 0:
                    self.busy += 1
                    continue
                self.reads += 1
                self.backwards += t.sequence < last
                self.changes += t.sequence != last
                last = t.sequence
                whole = (
                    t.bid == {BASE} + t.sequence % {PERIOD} and t.ask == t.bid + 1 and t.bid_size == t.sequence
                    and t.ask_size == t.sequence and t.event_time_ns == t.sequence * 1000000
                    and t.receive_time_ns == t.sequence and t.state == 2
                )
                if not whole:
                    self.torn += 1
                    if self.torn == 1:
                        with gil:
                            self.seen = (t.bid, t.ask, t.bid_size, t.ask_size, t.sequence, t.event_time_ns, t.state)
"""


def touch_of(number: int) -> tuple[int, int]:
    bid = BASE + number % PERIOD
    return bid, bid + 1


def snapshots() -> tuple[csbook.Book, Callable[[int], Outcome]]:
    """Arrays that each message replaces."""
    book = csbook.Book("X", price_decimals=0, size_decimals=0, capacity=2 * DEEP)
    router = csbook.Router("coinswitch", book)
    bids = ",".join(f'["{BASE - at}","1"]' for at in range(1, DEEP)).encode()
    asks = ",".join(f'["{2 * BASE + at}","1"]' for at in range(1, DEEP)).encode()

    def feed(number: int) -> Outcome:
        bid, ask = touch_of(number)
        payload = b'{"lastUpdateId":%d,"E":%d,"bids":[["%d","%d"],%b],"asks":[["%d","%d"],%b]}' % (
            number, number, bid, number, bids, ask, number, asks,
        )  # fmt: skip
        return router.feed(payload, number)

    return book, feed


def changes(levels: int, grows: bool = False) -> tuple[csbook.Book, Callable[[int], Outcome]]:
    """A touch that every message takes away and sets anew: arrays where there are few levels, ladders where many."""
    book = csbook.Book("X", price_decimals=0, size_decimals=0, capacity=1 if grows else 2 * levels)
    router = csbook.Router("binance", book)
    bid, ask = touch_of(0)
    bids = [[str(bid), "1"]] + [[str(BASE - at), "1"] for at in range(1, levels)]
    asks = [[str(ask), "1"]] + [[str(BASE + 2 * PERIOD + at), "1"] for at in range(1, levels)]
    assert router.feed(dump(diff(0, 0, -1, symbol="X"))) is Outcome.BUFFERED
    assert router.feed_snapshot("X", dump(seed_depth(0, bids, asks))) is Outcome.APPLIED

    def feed(number: int) -> Outcome:
        gone, left = touch_of(number - 1)
        bid, ask = touch_of(number)
        new = b""
        if grows:
            new = b',["%d","1"]' % (BASE - number) if number < BASE - 1 else b""
        payload = (
            b'{"e":"depthUpdate","E":%d,"s":"X","U":%d,"u":%d,"pu":%d,'
            b'"b":[["%d","0"],["%d","%d"]%b],"a":[["%d","0"],["%d","%d"]]}'
            % (number, number, number, number - 1, gone, bid, number, new, left, ask, number)
        )
        return router.feed(payload, number)

    return book, feed


SCENES = {
    "arrays replaced": snapshots,
    "arrays changed": lambda: changes(20),
    "ladders changed": lambda: changes(DEEP),
    "arrays that grow": lambda: changes(2, grows=True),
    "ladders that grow": lambda: changes(DEEP, grows=True),
}
EACH = pytest.mark.parametrize("scene", SCENES)


def write(feed: Callable[[int], Outcome], first: int) -> int:
    """Messages from an id on, for a while; how many."""
    end = time.monotonic() + SECONDS
    for number in range(first, first + AT_MOST):
        assert feed(number) is Outcome.APPLIED
        if number % 100 == 0 and time.monotonic() > end and number - first >= AT_LEAST:
            break
    return number - first


@pytest.fixture(scope="module")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    folder = tmp_path_factory.mktemp("watch")
    build(folder, "their_watch", WATCH, PACKAGE.parent)
    (binary,) = [path for path in Path(folder).glob("their_watch.*") if path.suffix in (".so", ".pyd")]
    spec = importlib.util.spec_from_file_location("their_watch", binary)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@EACH
def test_a_reader_without_the_gil_never_sees_a_torn_touch(third_party: ModuleType, scene: str) -> None:
    book, feed = SCENES[scene]()
    assert feed(1) is Outcome.APPLIED
    watch = third_party.Watch()
    reader = threading.Thread(target=watch.run, args=(book,))
    reader.start()
    try:
        written = write(feed, 2)
    finally:
        watch.halt()
        reader.join()
    assert written >= AT_LEAST
    assert watch.torn == 0, f"{watch.torn} of {watch.reads}, the first: {watch.seen}"
    assert watch.backwards == 0
    assert watch.reads > 0
    assert watch.changes > 1, "the reader never saw a change"
    book._check()


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@EACH
def test_a_thread_that_reads_top_never_sees_a_torn_one(restless: None, scene: str) -> None:
    book, feed = SCENES[scene]()
    assert feed(1) is Outcome.APPLIED
    done = threading.Event()
    wrong: list[object] = []
    reads = [0, 0]

    def read(at: int) -> None:
        last = 0
        while not done.is_set() and not wrong:
            top = book.top()
            number = top.sequence
            said = top.bid_raw, top.ask_raw, top.bid_size_raw, top.ask_size_raw, top.event_time_ns, top.receive_time_ns
            expected = (*touch_of(number), number, number, number * 1_000_000, number)
            if said != expected or number < last or top.state is not State.LIVE or top.bid != said[0]:
                wrong.append((last, number, said, expected))
            # an array is made whole, too: its first level is of one message
            pair = book.bids(1)[0] if at else (touch_of(number)[0], 0)
            if pair[1] and pair[0] != touch_of(int(pair[1]))[0]:
                wrong.append(tuple(pair))
            last = number
            reads[at] += 1

    readers = [threading.Thread(target=read, args=(at,)) for at in range(2)]
    for reader in readers:
        reader.start()
    try:
        written = write(feed, 2)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not wrong, wrong[0]
    assert written >= AT_LEAST
    assert min(reads) > 0


@EACH
def test_every_read_is_of_one_moment(restless: None, scene: str) -> None:
    book, feed = SCENES[scene]()
    assert feed(1) is Outcome.APPLIED
    done = threading.Event()
    wrong: list[object] = []
    reads = [0, 0]

    def read(at: int) -> None:
        last = 0
        while not done.is_set() and not wrong:
            mid, spread, micro = book.mid, book.spread, book.microprice
            middles = {price - 0.5 for price in (mid, micro)}
            sound = (
                spread == 1 and middles <= set(range(BASE, BASE + PERIOD))
                and book.imbalance(1) == 0 and book.tradable(10**12) and book.state is State.LIVE
                and BASE < book.vwap("BUY", 1.0)[0] <= BASE + PERIOD
                and BASE < book.impact("BUY", 1.0) <= BASE + PERIOD
                and book.depth_within("BUY", 0.1) >= last and len(repr(book)) > 10
            )  # fmt: skip
            prices = [book.bid_prices, book.bid_sizes, book.ask_prices_raw, book.ask_sizes_raw][at::2]
            sound = sound and all(len(view) > 0 for view in prices) and book.digest() != 0
            book._check()
            if not sound:
                wrong.append((mid, spread, micro, last))
            last = int(book.asks(1)[0][1])
            reads[at] += 1

    readers = [threading.Thread(target=read, args=(at,)) for at in range(2)]
    for reader in readers:
        reader.start()
    try:
        written = write(feed, 2)
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert not wrong, wrong[0]
    assert written >= AT_LEAST
    assert min(reads) > 0


def together(jobs: list[Callable[[], None]]) -> list[BaseException]:
    """Run them at the same time; what they raised."""
    start = threading.Barrier(len(jobs))
    raised: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        start.wait()
        try:
            job()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_two_threads_feed_two_books(restless: None) -> None:
    for scene, make in SCENES.items():
        alone, feed_alone = make()
        for number in range(1, 1_000):
            feed_alone(number)
        made = [make() for _ in range(2)]

        def run(feed: Callable[[int], Outcome]) -> None:
            for number in range(1, 1_000):
                assert feed(number) is Outcome.APPLIED

        raised = together([lambda feed=feed: run(feed) for _, feed in made])
        assert not raised, (scene, raised)
        assert {book.digest() for book, _ in made} == {alone.digest()}, scene


def test_two_threads_that_write_one_book_take_turns(restless: None) -> None:
    """Each has its own prices, and at the end all of both are there."""
    book = csbook.Book("X", price_decimals=0, size_decimals=0, capacity=1)
    rounds, own = 300, 40

    def run(at: int) -> None:
        first = 1 + at * own
        for number in range(rounds):
            levels = [[price, number + 1] for price in range(first, first + own)]
            book.apply_delta(levels, [[1_000 + price, size] for price, size in levels], sequence=number)

    assert not together([lambda at=at: run(at) for at in range(2)])
    book._check()
    assert book.updates == 2 * rounds
    assert len(book.bid_prices) == 2 * own
    assert set(book.bid_sizes.tolist()) == {rounds}
    snapshot = [[1, 1]], [[2, 1]]
    assert not together([lambda: run(0), lambda: [book.apply_snapshot(*snapshot) for _ in range(rounds)] and None])
    book._check()
    assert book.updates == 4 * rounds


@pytest.mark.parametrize("method", ["feed", "feed_parsed"])
def test_two_threads_that_feed_one_router(restless: None, method: str) -> None:
    """The second is turned away; what the first does is done as if nobody had come."""
    book = csbook.Book("X", price_decimals=0, size_decimals=0)
    router = csbook.Router("coinswitch", book)
    taken = [0, 0]
    turned_away = [0, 0]

    def run(at: int) -> None:
        for number in range(1, 4_000):
            bids = [[str(BASE - level), str(number)] for level in range(20)]
            payload = dump(seed_depth(number, bids, [[str(BASE + 1), str(number)]]))
            try:
                getattr(router, method)(payload)
                router.take_changed()
                assert router.take_moves() is not None
                assert router.wants_snapshot() == []
                assert router.last_refusal == ""
                taken[at] += 1
            except UsageError:
                turned_away[at] += 1

    assert not together([lambda at=at: run(at) for at in range(2)])
    counts = router.counts
    assert counts["refused"] == counts["cold"] == 0
    assert counts["applied"] + counts["ignored"] >= sum(taken) > 0
    book._check()
    assert len(book.bid_prices) == 20
    assert len(set(book.bid_sizes.tolist())) == 1


def test_a_router_is_not_entered_from_within(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow way runs Python code, which may do anything, or let another thread do it."""
    book = csbook.Book("X")
    router = csbook.Router("coinswitch", book)
    payload = dump(seed_depth(5, [["1", "1"]], [["2", "1"]]))
    tried: list[str] = []
    real = csbook.json._loads

    def meddling(text: bytes) -> object:
        for name, arguments in {
            "feed": (payload,), "feed_parsed": (payload,), "take_changed": (), "take_moves": (), "disconnected": (),
            "wants_snapshot": (), "mark_stale": ("X", "why not"),
        }.items():  # fmt: skip
            with pytest.raises(UsageError, match="in use"):
                getattr(router, name)(*arguments)
            tried.append(name)
        with pytest.raises(UsageError, match="in use"):
            assert router.refusal is None
        assert router.counts["applied"] == 0
        return real(text)

    monkeypatch.setattr(csbook.json, "_loads", meddling)
    assert router.feed_parsed(payload) is Outcome.APPLIED
    monkeypatch.undo()
    assert len(tried) == 7
    assert router.feed(payload) is Outcome.APPLIED
    assert router.take_changed() == [book]
    with pytest.raises(TypeError):
        router.feed(3)
    assert router.feed(b"{") is Outcome.REFUSED
    assert router.feed(payload) is Outcome.APPLIED, "the door is open again after whatever happened"
