"""Memory stays flat: whatever is fed, refused, read or raised, as often as you like, nothing is left behind.

Each job does one kind of thing over and over. After a while it is looked at: the count of Python's own blocks, the
resident memory of the process, and the references to objects that outlive a message must then be what they are after
many more.
"""

from __future__ import annotations

import decimal
import gc
import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import csbook
from csbook import BadMessage, Outcome, Side, State
from oracle import diff, dump, quote, seed_depth, stream

MANY = 400_000  # steps of all jobs together; more than half of them are messages
VERY_MANY = 20_000_000
BLOCKS = 300  # that Python may hold more than before: its own caches
RESIDENT = 4 << 20  # bytes that the process may
STATM = Path("/proc/self/statm")

BIDS = [[f"{30000 - at}.25", f"{at}.5"] for at in range(1, 21)]
ASKS = [[f"{30000 + at}.25", f"{at}.5"] for at in range(1, 21)]
DEEP = [
    [[f"{3000000 - at}e-2", "1.5"] for at in range(1, 801)],
    [[f"{3000000 + at}e-2", "1.5"] for at in range(1, 801)],
]


@dataclass
class Job:
    step: Callable[[int], object]
    shared: list[object] = field(default_factory=list)  # objects whose references are counted
    every: int = 1  # one in so many steps is done, where a step is worth many messages


def chain(number: int, bids: str, asks: str) -> bytes:
    return (
        b'{"e":"depthUpdate","E":1700000000000,"s":"BTCUSDT","U":%d,"u":%d,"pu":%d,"b":[%s],"a":[%s]}'
        % (number, number, number - 1, bids.encode(), asks.encode())
    )  # fmt: skip


def live(seed: tuple[Any, Any] = (BIDS, ASKS)) -> tuple[csbook.Router, csbook.Book]:
    """A router on binance whose book has joined at update 9."""
    book = csbook.Book("BTCUSDT")
    router = csbook.Router("binance", book)
    router.feed(dump(diff(5, 9, 4)))
    assert router.feed_snapshot("BTCUSDT", dump(seed_depth(9, *seed))) is Outcome.APPLIED
    router.take_moves()
    return router, book


def snapshots() -> Job:
    book = csbook.Book("BTCUSDT")
    router = csbook.Router("coinswitch", book)
    bare = dump(seed_depth(7, BIDS, ASKS))
    payloads = [
        bare,
        dump(seed_depth(7, BIDS[3:], ASKS[2:])),
        dump(seed_depth(7, BIDS[::-1], ASKS + ASKS[:1])),
        bytearray(bare),
        memoryview(bare),
        dump(stream("btcusdt@depth20", seed_depth(7, BIDS, ASKS))),
        dump(seed_depth(6, [], [])),
    ]
    return Job(lambda at: (router.feed(payloads[at % 7], at), router.take_changed()), [book, router, *payloads])


def changes() -> Job:
    router, book = live()
    numbers = itertools.count(10)

    def step(at: int) -> None:
        number = next(numbers)
        payload = chain(number, f'["{29000 + at % 700}","{at % 3}"]', f'["{31000 + at % 900}","{at % 2}"]')
        assert router.feed(payload) is Outcome.APPLIED

    return Job(step, [book, router, book.symbol])


def ladders() -> Job:
    """The best bid wanders away and back, so that the window has to follow; levels come and go in the tail."""
    router, book = live((DEEP[0], [["31000", "1"]]))
    numbers = itertools.count(10)
    last = "1"

    def step(at: int) -> None:
        nonlocal last
        best = f"{30000 + abs(at % 2000 - 1000) * 0.75}"
        payload = chain(next(numbers), f'["{last}","0"],["{best}","2"],["{20000 + at % 99}.5","{at % 2}"]', "")
        assert router.feed(payload) is Outcome.APPLIED
        last = best
        if at % 50 == 0:
            book.bids(), book.bid_prices, book.digest(), book.vwap("SELL", 3)

    return Job(step, [book, router])


def refusals() -> Job:
    book = csbook.Book("BTCUSDT")
    router = csbook.Router("coinswitch", book)
    good = dump(seed_depth(7, BIDS, ASKS))
    router.feed(good)
    payloads = [
        good[:-1],
        good + b"}",
        good.replace(b'"1.5"', b'"-1"', 1),
        b"",
        b"[",
        b"\xff{",
        good.replace(b"29999.25", b"29999.123456789"),
        good.replace(b"29999.25", b"0"),
        b'{"lastUpdateId":8,"bids":3,"asks":[]}',
    ]

    def step(at: int) -> None:
        assert router.feed(payloads[at % 9]) is Outcome.REFUSED
        assert router.last_refusal

    return Job(step, [book, router, *payloads])


def declined() -> Job:
    book = csbook.Book("BTCUSDT")
    router = csbook.Router("coinswitch", book)
    plain = dump(seed_depth(7, BIDS[:5], ASKS[:5]))
    payloads = [
        plain[:-1] + b',"x":"\\u00e9"}', plain[:-1] + b',"lastUpdateId":7}', plain[:-1] + b',"y":1e3}',
        plain.replace(b'"30001.25"', b"30001.25")[:-1] + ',"é":0}'.encode(), plain[:-1] + b',"x":"\\"}',
    ]  # fmt: skip

    def step(at: int) -> None:
        router.feed(payloads[at % 5])
        router.feed_parsed(payloads[at % 3])

    return Job(step, [book, router, *payloads], every=4)


def cold() -> Job:
    router, book = live()
    payloads = [
        b'{"result":null,"id":1}',
        dump(diff(10, 11, 9, symbol="ETHUSDT")),
        dump(stream("btcusdt@trade", {"e": "trade", "p": "1"})),
        b"[1,2]",
        b'"text"',
        b"3",
        dump(quote(10**9, "30000", "1", "30001", "1")),
    ]
    return Job(lambda at: router.feed(payloads[at % 7]), [book, router, *payloads])


def resyncs() -> Job:
    """Gaps, refused changes, buffers that fill and are joined, connections that are lost."""
    router, book = live()
    numbers = itertools.count(100, 10)

    def step(at: int) -> None:
        number = next(numbers)
        if at % 3 == 0:
            assert router.feed(chain(number, "", "").replace(b'"b":[]', b'"b":[["x","1"]]')) is Outcome.REFUSED
        elif at % 3 == 1:
            assert router.feed(chain(number, "", "")) in (Outcome.GAP, Outcome.BUFFERED)
            router.disconnected()
        else:
            assert router.feed(chain(number, '["1","1"]', "")) in (Outcome.GAP, Outcome.BUFFERED)
        assert book.state in (State.GAP, State.LIVE)
        router.feed(chain(number + 1, '["29000","2"]', ""))
        router.wants_snapshot()
        router.feed_snapshot("btcusdt", dump(seed_depth(number + 1, BIDS[:2], ASKS[:2])))
        assert router.feed(chain(number + 2, "", "")) is Outcome.APPLIED
        assert len(router.take_moves()) >= 2

    return Job(step, [book, router, book.symbol], every=4)


def views() -> Job:
    book = csbook.Book("BTCUSDT", capacity=8)
    router = csbook.Router("coinswitch", book)
    payloads = [dump(seed_depth(7, BIDS[:count], ASKS[count:])) for count in (20, 3, 11)]
    names = [f"{side}_{what}{raw}" for side in ("bid", "ask") for what in ("prices", "sizes") for raw in ("", "_raw")]

    def step(at: int) -> None:
        router.feed(payloads[at % 3])
        held = [getattr(book, name) for name in names]
        held += [getattr(book, name) for name in names]
        book.bids(), book.asks(3)

    return Job(step, [book, router], every=8)


def reads() -> Job:
    router, book = live()
    router.feed(dump(quote(10**9, "30000", "1", "30001", "1")))

    def step(at: int) -> None:
        for top in (book.top(), book.fused_top()):
            assert top.state is State.LIVE
            assert top.bid and top.ask_size and top.sequence and top.bid_raw and top.age_ns() >= 0
        book.best_bid, book.mid, book.spread, book.microprice, book.imbalance(3), book.state, book.updates
        book.vwap("BUY", 3), book.impact(Side.SELL, 7), book.depth_within("BUY", 5), book.digest()
        book.counts, repr(book), router.counts, repr(router), router.sequenced, router.last_refusal

    return Job(step, [book, router], every=8)


def growth() -> Job:
    """Books that grow, as arrays and as ladders, and go."""

    def step(at: int) -> None:
        book = csbook.Book("BTCUSDT", capacity=1, max_levels=None if at % 2 else 700)
        for first in range(1, 300, 7):
            levels = range(first, first + 7)
            book.apply_delta([[price, 1] for price in levels], [[1000 + 3 * price, 1] for price in levels])
        assert len(book.bid_prices) == 301
        csbook.Router("coinswitch", book).feed(dump(seed_depth(3, *DEEP)))
        router, deep = live((DEEP[0], DEEP[1]))
        for number in range(10, 20):
            levels = ",".join(f'["{20000 + number}.{part:03}","1"]' for part in range(200))
            assert router.feed(chain(number, levels, "")) is Outcome.APPLIED
        assert len(deep.bid_prices) == 2800

    return Job(step, every=1000)


def by_hand() -> Job:
    book = csbook.Book("BTCUSDT")
    numbers = [["29999.5", b"1"], (29998, 2.5), [decimal.Decimal("29997.25"), "0"]]
    faults = ["x", [["1"]], [["-1", "1"]], [[None, 1]], [["1", "1e99"]], [["1.123456789", "1"]], 7, [[True, 1]]]

    def step(at: int) -> None:
        book.apply_snapshot(numbers, ASKS[:3], sequence=at)
        book.apply_delta(numbers[::-1], iter(ASKS[2:5]))
        for wrong in faults:
            with pytest.raises((BadMessage, TypeError)):
                book.apply_delta(BIDS[:4], wrong)
        if at % 16 == 0:
            book.clear("a test")

    return Job(step, [book, *numbers, ASKS[0], BIDS[0], BIDS[0][0]], every=12)


def buffers() -> Job:
    """What could not be read, and what was, is let go: a bytearray can be resized, a view released."""
    router, book = live()
    raw = bytearray(chain(9, "", "") * 2)
    kinds = [bytearray(b"{"), bytearray(chain(9, "", "")), bytearray(b'{"x":"\\u00e9"}'), bytearray(b'{"a":1}')]

    def step(at: int) -> None:
        scattered = memoryview(raw)[::2]
        for feed in (router.feed, router.feed_parsed, lambda payload: router.feed_snapshot("BTCUSDT", payload)):
            with pytest.raises(BufferError):
                feed(scattered)
            with pytest.raises(TypeError):
                feed("text")
        scattered.release()
        raw.extend(b" ")
        raw.pop()
        payload = kinds[at % 4]
        for feed in (router.feed, router.feed_parsed, lambda payload: router.feed_snapshot("BTCUSDT", payload)):
            with memoryview(payload) as view:
                feed(view)
            feed(payload)
            payload.extend(b" ")
            payload.pop()
        router.take_moves()

    return Job(step, [book, router, raw, *kinds], every=12)


JOBS = [snapshots, changes, ladders, refusals, declined, cold, resyncs, views, reads, growth, by_hand, buffers]


def resident() -> int:
    """Bytes of the process that are in memory; 0 where nobody says, or a sanitizer keeps what was freed."""
    if not STATM.exists() or csbook.build_info()["sanitized"]:
        return 0
    return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def watched(job: Job) -> list[int]:
    """References to what outlives a message."""
    gc.collect()
    return [sys.getrefcount(held) for held in [*State, *Outcome, *Side, *job.shared]]


def stays_flat(made: Callable[[], Job], messages: int) -> None:
    job = made()
    steps = max(4, messages // job.every)
    for at in range(max(3, steps // 5)):
        job.step(at)
    references = watched(job)
    blocks, memory = sys.getallocatedblocks(), resident()
    for at in range(steps):
        job.step(at)
    after = watched(job)
    assert sys.getallocatedblocks() - blocks < BLOCKS
    assert resident() - memory < RESIDENT
    assert after == references


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_nothing_is_left_behind(job: Callable[[], Job]) -> None:
    stays_flat(job, MANY // len(JOBS))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_is_left_behind_by_ten_million(request: pytest.FixtureRequest) -> None:
    if not os.environ.get("CSBOOK_SLOW") and request.config.getoption("markexpr") != "slow":
        pytest.skip("takes minutes: ask for it by `-m slow` or CSBOOK_SLOW=1")
    for job in JOBS:
        stays_flat(job, VERY_MANY // len(JOBS))
