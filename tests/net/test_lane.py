from __future__ import annotations

from csbook import Book, Router, State
from csbook.net.lane import Lane
from csbook.net.taps import Taps
from oracle import diff, dump, seed_depth
from scripted import depth


class Runner:
    def __init__(self, stands: bool) -> None:
        self.stands = stands
        self.asked: list[tuple[str, ...]] = []
        self.published = 0

    def heard(self) -> float:
        return 0.0

    def resubscribe(self, names: tuple[str, ...]) -> bool:
        self.asked.append(names)
        return self.stands

    def publish(self) -> None:
        self.published += 1


def lane(*stands: bool) -> tuple[Lane, list[Runner], Book, list[str]]:
    taps, moves = Taps(), []
    taps.on_state.append(lambda _, old, new, why: moves.append(f"{old}->{new}: {why}"))
    book = Book("BTCUSDT")
    made = Lane(Router("coinswitch", [book], depth=20), {"BTCUSDT": ("btcusdt@depth20",)}, taps=taps)
    runners = [Runner(each) for each in stands]
    for runner in runners:
        made.joined(made.enter(runner))
    return made, runners, book, moves


def test_no_book_notices_while_one_connection_stands() -> None:
    made, _, book, moves = lane(True, True)
    made.router.feed(depth(5))
    made.moved()
    assert made.racing
    made.left(0, "first cut")
    assert not made.racing and made.epoch == 0 and book.state is State.LIVE
    made.left(1, "second cut")
    assert made.epoch == 1 and book.state is State.STALE
    assert moves == ["EMPTY->LIVE: message applied", "LIVE->STALE: second cut"]


def test_every_connection_subscribes_again() -> None:
    made, runners, _, _ = lane(False, True)
    assert made.resubscribe("BTCUSDT")
    assert [runner.asked for runner in runners] == [[("btcusdt@depth20",)]] * 2
    assert not made.resubscribe("ETHUSDT")
    assert not lane(False)[0].resubscribe("BTCUSDT")


def test_a_dropped_symbol_leaves_live_once() -> None:
    made, _, book, moves = lane(True)
    made.router.feed(depth(5))
    made.drop("BTCUSDT", "unsubscribed")
    made.drop("BTCUSDT", "again")
    assert book.state is State.STALE and moves[-1] == "LIVE->STALE: unsubscribed" and made.names == {}


def test_changes_outside_of_a_frame_are_handed_to_one_connection() -> None:
    made, runners, _, _ = lane(True, True)
    made.changed()
    assert [runner.published for runner in runners] == [1, 0]


def test_a_book_that_is_wrong_is_lost() -> None:
    taps, moves = Taps(), []
    taps.on_state.append(lambda _, old, new, why: moves.append(f"{old}->{new}: {why}"))
    book = Book("BTCUSDT")
    made = Lane(Router("binance", [book]), {"BTCUSDT": ("x",)}, taps=taps)
    made.router.feed(dump(diff(11, 12, 10)))
    made.router.feed_snapshot("BTCUSDT", dump(seed_depth(12, [["1", "1"]], [["2", "1"]])))
    made.distrust("BTCUSDT", "audit: 3 ghosts")
    made.distrust("BTCUSDT", "audit: 4 ghosts")
    assert book.state is State.GAP and moves[1:] == ["SYNCING->LIVE: message applied", "LIVE->GAP: audit: 3 ghosts"]
