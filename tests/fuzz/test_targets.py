"""Every target: its seeds pass and mean something, and what it swears to is really looked at."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from csbook import Book, Outcome, Router, State, _core
from csbook.errors import UsageError
from csbook.guard.budget import RateBudget
from csbook.types import Trade
from csbook.wire import records
from csbook.wire.plain import PlainSession

from ..oracle import OracleBook
from . import routers, talks, values
from .edge import Edge
from .pair import Pair
from .samples import Market
from .table import TARGETS
from .target import Failure, Target

BY_NAME = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


@pytest.fixture(autouse=True)
def variant() -> Iterator[None]:
    """Targets choose the reader of levels; what it was before is what it is afterwards."""
    before = _core._scanner()
    yield
    _core._scanner(before)


@BY_NAME
def test_the_seeds_pass_and_are_bounded(target: Target) -> None:
    one, seeds = target.make(), list(target.seeds())
    assert len(seeds) >= 10
    for data in (*seeds, b"", b"\x00", b"\xff" * 40):
        assert len(data) <= target.longest
        one(data)


@BY_NAME
def test_the_seeds_repeat(target: Target) -> None:
    assert list(target.seeds()) == list(target.seeds())


def test_the_venues_are_those_of_the_core() -> None:
    assert {"binance", "bybit", "coinswitch", "kucoin"} <= set(routers.venues())
    for venue in routers.venues():
        Router(venue, Book("BTCUSDT"))
        assert f"scan-{venue}" in TARGETS
    with pytest.raises(UsageError):
        Router("nowhere", Book("BTCUSDT"))
    assert {"binance", "coinswitch", "kucoin"} <= set(routers.anchored())
    assert "bybit" not in routers.anchored()


def test_the_best_reader_is_the_first() -> None:
    assert routers.variants()[0] == routers.BEST
    assert routers.variants()[-1] == "plain"


# -- what the seeds reach --------------------------------------------------------------------------------------------


class Seen(Pair):
    """A pair that counts what became of it."""

    told: ClassVar[Counter[str]] = Counter()

    def tell(self, *args: Any, **options: Any) -> Outcome:
        outcome = super().tell(*args, **options)
        Seen.told[outcome.name] += 1
        Seen.told.update(book.state.name for book in self.books)
        return outcome


@pytest.mark.parametrize(
    "name", [name for name in TARGETS if name.startswith("scan-") or name in ("script", "history", "race")]
)
def test_the_seeds_of_a_router_are_applied_to_live_books(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    venue = name.removeprefix("scan-")
    if venue != name and venue not in routers.SPOKEN:
        pytest.skip(f"no sample speaks the dialect of {venue} yet")
    monkeypatch.setattr(routers, "Pair", Seen)
    Seen.told.clear()
    one = TARGETS[name].make()
    for data in TARGETS[name].seeds():
        one(data)
    assert Seen.told["APPLIED"] > 12, Seen.told
    assert Seen.told["LIVE"] > 12, Seen.told


@pytest.mark.parametrize("dialect", ["coinswitch", "binance", "bybit", "kucoin"])
def test_an_opening_ends_live(dialect: str) -> None:
    venue = dialect
    pair = Pair(venue, (("BTCUSDT", 8, 8), ("ETHUSDT", 3, 4)), Edge())
    routers.prime(pair, dialect, {})
    assert [book.state for book in pair.books] == [State.LIVE, State.LIVE]


# -- a broken word is a Failure ----------------------------------------------------------------------------------


def a_pair() -> Pair:
    pair = Pair("binance", (("BTCUSDT", 8, 8),), Edge())
    routers.prime(pair, "binance", {})
    return pair


def test_two_outcomes() -> None:
    pair = a_pair()
    with pytest.raises(Failure, match="the fast path says"):
        pair.tell(lambda: Outcome.APPLIED, lambda: Outcome.COLD)


def test_two_books() -> None:
    pair = a_pair()
    pair.slow.books["BTCUSDT"].apply_delta([["1", "1"]], [])
    with pytest.raises(Failure, match="the fast path ends in"):
        pair.compare()


def test_two_states_and_two_answers() -> None:
    pair = a_pair()
    pair.slow.mark_stale("BTCUSDT", "silence")
    with pytest.raises(Failure, match="the fast path ends in"):
        pair.compare()
    pair = a_pair()
    pair.slow.disconnected()
    with pytest.raises(Failure, match="two answers"):
        pair.both(lambda router: router.mark_stale("BTCUSDT", "silence"))


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.COLD, Outcome.IGNORED, Outcome.GAP])
def test_a_change_without_leave(outcome: Outcome) -> None:
    pair = a_pair()

    def put(router: Router) -> Outcome:
        router.books["BTCUSDT"].apply_delta([["1", "1"]], [])
        return outcome

    with pytest.raises(Failure, match="and the book changed"):
        pair.tell(lambda: put(pair.fast), lambda: put(pair.slow))


def test_a_change_that_is_not_told() -> None:
    pair = a_pair()

    def put(router: Router) -> Outcome:
        router.books["BTCUSDT"].apply_delta([["1", "1"]], [])
        return Outcome.APPLIED

    with pytest.raises(Failure, match="take_changed does not say so"):
        pair.tell(lambda: put(pair.fast), lambda: put(pair.slow))


def test_a_refusal_moves_a_book_to_gap_alone() -> None:
    pair = a_pair()
    assert pair.feed(b"{") is Outcome.REFUSED
    assert pair.books[0].state is State.GAP
    pair = a_pair()
    pair.both(lambda router: router.feed(b"{"))

    def stale(router: Router) -> Outcome:
        router.books["BTCUSDT"].clear("a new day")
        return Outcome.REFUSED

    with pytest.raises(Failure):
        pair.tell(lambda: stale(pair.fast), lambda: stale(pair.slow))
    with pytest.raises(Failure, match="moved the book from"):
        pair._refused([State.LIVE], rest=True, sequenced=True)


def test_levels_that_were_misread() -> None:
    book = Book("BTCUSDT")
    book.apply_snapshot([["1", "1"]], [["2", "2"]])
    empty: tuple[list[int], ...] = ([], [], [], [])
    good = b'{"b":[["1","1"]],"a":[["2",2]]}'
    routers.must_be(book, empty, good)  # type: ignore[arg-type]
    with pytest.raises(Failure, match="the message says"):
        routers.must_be(book, empty, good.replace(b'"1"', b'"1.5"'))  # type: ignore[arg-type]
    with pytest.raises(Failure, match="cannot be"):
        routers.must_be(book, empty, good.replace(b'"1"', b'"-1"'))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "levels"),
    [
        (b'{"bids":[["1","2"]],"asks":[]}', ([["1", "2"]], [])),
        (b'{"stream":"x","data":{"b":[[1.50,2]],"a":[["3","4"]]}}', ([["1.50", "2"]], [["3", "4"]])),
        (b'{"data":{"change":"5.5,sell,7"}}', ([], [["5.5", "7"]])),
        (b'{"data":{"change":"0,buy,7"}}', ([], [])),
        (b'{"e":"trade"}', None),
        (b"[1]", None),
        (b"{", None),
    ],
)
def test_what_a_payload_says(payload: bytes, levels: Any) -> None:
    assert routers.told(payload) == levels


def test_a_declined_message_is_the_same_message() -> None:
    market = Market(random.Random(1), "binance", "BTCUSDT", depth=3)
    payload = market.snapshot()
    assert json.loads(routers.declined(payload)).items() >= json.loads(payload).items()
    router = Router("binance", Book("BTCUSDT"))
    router.feed_snapshot("BTCUSDT", routers.declined(payload))
    assert router.counts["declined"] == 1
    for strange in (b"", b"{}", b"[{}]", b"{ }"):
        assert routers.declined(strange) == strange


# -- numbers and talk -------------------------------------------------------------------------------------------------


def test_a_number_that_is_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    one = TARGETS["decimal"].make()
    one(b"\x081.5")
    for verdict in (("refused", 0), ("unfit", 9), ("fits", 15)):
        monkeypatch.setattr(values, "judge", lambda text, scale, verdict=verdict: verdict)
        with pytest.raises(Failure):
            one(b"\x081.5")


@pytest.mark.parametrize(
    "number",
    [b"1.5", b"30149.99", b"-1", b"1e3", b"1e400", b"0", b"99999999999999999999", b"0.0000000001", b"\xff", b'"'],
)
def test_numbers_by_every_way(number: bytes) -> None:
    one = TARGETS["decimal"].make()
    for head in range(0, 256, 5):
        one(bytes((head,)) + number)


def test_values_of_every_kind_are_made() -> None:
    rng = random.Random(1)
    kinds = {type(values.value(values.Pieces(rng.randbytes(24)))[0]).__name__ for _ in range(2000)}
    assert kinds >= {
        "str",
        "bytes",
        "int",
        "float",
        "Decimal",
        "bool",
        "NoneType",
        "list",
        "float32",
        "Told",
        "Counted",
    }


def test_an_update_that_is_taken_for_another() -> None:
    pieces = values.Pieces(next(iter(values.apply_seeds()))[3:])
    book, oracle = Book("BTCUSDT"), OracleBook()
    values.step(book, oracle, pieces)
    assert book.best_bid == 100.5
    oracle.delta([["7", "7"]], [], book.sequence)
    with pytest.raises(Failure):
        values.step(book, oracle, values.Pieces(b"\x01\x05\x00\x00\x00\x00"))


def test_a_record_that_says_something_else() -> None:
    made = records.trade(json.loads(talks.TRADE), 5)
    talks.exact(made, talks.as_text(talks.TRADE))
    for key, value in {"p": "30150.000", "q": "0.2", "E": "1", "s": "X", "m": False}.items():
        with pytest.raises(Failure):
            talks.exact(made, {**talks.as_text(talks.TRADE), key: value})
    assert isinstance(made, Trade) and made.price == Decimal("30150.00")


def test_a_stream_that_is_forgotten() -> None:
    talk = talks.Talk(PlainSession(pace=RateBudget(10)))
    talk.ask(["a", "b"], leaving=False)
    talk.settle()
    talk.session.frames(0.0)
    talk.settle()
    talk.session._requests._asked.clear()
    with pytest.raises(Failure, match="asked"):
        talk.settle()
    with pytest.raises(Failure, match="no event"):
        talk.note([object()])  # type: ignore[list-item]


def test_frames_mean_what_the_protocol_says() -> None:
    frames = talks.Frames()
    for opcode, final, reserved, payload in (
        (1, False, False, b"a"),
        (9, True, False, b"p"),
        (0, False, False, b"b"),
        (1, True, False, b"x"),
        (0, True, False, b"c"),
        (0, True, False, b"d"),
        (1, True, True, b"r"),
        (8, True, False, b"\x03\xe8ok"),
        (8, True, False, b"1"),
    ):
        frames.take(opcode, final, reserved, payload)
    assert frames.told == [
        ("ping", b"p"), ("violated", 1002), ("cold", b"abc"), ("violated", 1002), ("violated", 1002),
        ("closed", 1000, b"ok"), ("closed", 1005, b""),
    ]  # fmt: skip


def test_an_intake_that_loses_a_fragment(monkeypatch: pytest.MonkeyPatch) -> None:
    one = TARGETS["intake"].make()
    one(b"9ab\n0cd")
    monkeypatch.setattr(talks.Frames, "take", lambda self, opcode, final, reserved, payload: None)
    with pytest.raises(Failure, match="the frames mean"):
        one(b"9ab\n0cd")
