from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from csbook import State
from csbook.net._intake import MAX_MESSAGE
from scripted import depth

if TYPE_CHECKING:
    from conftest import Bench

CONFIRMATION = b'{"result":null,"id":1}'


def test_depth_becomes_the_book_then_the_callback(bench: Bench) -> None:
    bench.take(depth(5))
    assert bench.notes.told == [("moved", "BTCUSDT", "EMPTY", "LIVE"), ("book", 5)]
    assert (bench.book.best_bid, bench.book.state) == (100.0, State.LIVE)
    bench.take(depth(6), opcode=2)  # binary is as good
    assert bench.notes.told[2:] == [("book", 6)]


def test_the_receive_time_is_wall_time(bench: Bench) -> None:
    before = time.time_ns()
    bench.take(depth(5))
    assert before <= bench.book.receive_time_ns <= time.time_ns()
    assert bench.intake.heard_ns <= time.monotonic_ns() < bench.intake.heard_ns + 10**9
    assert bench.intake.depth_ns == bench.intake.heard_ns


def test_cold_messages_are_handed_over_whole(bench: Bench) -> None:
    bench.take(CONFIRMATION)
    (cold,) = bench.notes.told
    assert cold[:2] == ("cold", CONFIRMATION)
    assert abs(cold[2] - time.time_ns()) < 10**9
    assert bench.intake.depth_ns == 0


def test_without_a_router_everything_is_cold(cold_bench: Bench) -> None:
    cold_bench.take(depth(5))
    cold_bench.take(CONFIRMATION)
    assert cold_bench.notes.kinds() == ["cold", "cold"]
    assert cold_bench.intake.messages == 2


def test_a_refused_message_is_told_and_the_next_one_counts(bench: Bench) -> None:
    bench.take(depth(5))
    bench.take(depth(6, bid="-1"))
    bench.take(depth(7))
    assert bench.notes.kinds() == ["moved", "book", "refused", "book"]
    assert bench.book.sequence == 7


def test_older_messages_are_silent(bench: Bench) -> None:
    bench.take(depth(5))
    bench.take(depth(4))
    assert bench.notes.told[2:] == []
    assert bench.book.sequence == 5


def test_control_frames(bench: Bench) -> None:
    bench.take(b"are you there", opcode=9)
    bench.take(b"", opcode=10)
    bench.take(b"\x03\xe9going away", opcode=8)
    bench.take(b"", opcode=8)
    assert bench.notes.told == [("ping", b"are you there"), ("closed", 1001, b"going away"), ("closed", 1005, b"")]
    assert bench.intake.messages == 0
    assert bench.intake.bursts == 4


@pytest.mark.parametrize("cuts", [1, 2, 7, 50])
def test_fragments_are_put_together(bench: Bench, cuts: int) -> None:
    payload = depth(5)
    step = -(-len(payload) // cuts)
    parts = [payload[at : at + step] for at in range(0, len(payload), step)]
    for number, part in enumerate(parts):
        bench.take(part, opcode=0 if number else 1, final=number == len(parts) - 1)
        if number == 0 and len(parts) > 1:
            bench.take(b"x", opcode=9)  # a ping may come in between
    assert bench.notes.kinds() == (["ping"] if len(parts) > 1 else []) + ["moved", "book"]
    assert bench.intake.messages == 1
    assert bench.intake.payload_bytes == len(payload)
    bench.take(depth(6))
    assert bench.book.sequence == 6


def test_an_empty_last_fragment(bench: Bench) -> None:
    bench.take(depth(5), final=False)
    assert bench.notes.told == []
    bench.take(b"", opcode=0)
    assert bench.book.sequence == 5


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([(b"x", 0, True)], 1002),
        ([(b"x", 0, False)], 1002),
        ([(b"x", 1, False), (b"y", 1, True)], 1002),
        ([(b"x", 1, False), (b"y", 2, False)], 1002),
    ],
)
def test_fragments_out_of_order(bench: Bench, frames: list[tuple[bytes, int, bool]], code: int) -> None:
    for payload, opcode, final in frames:
        bench.take(payload, opcode, final=final)
    assert [note[:2] for note in bench.notes.told] == [("violated", code)]


def test_reserved_bits(bench: Bench) -> None:
    bench.take(depth(5), reserved=True)
    assert [note[:2] for note in bench.notes.told] == [("violated", 1002)]
    assert bench.book.state is State.EMPTY


def test_a_message_in_fragments_is_bounded(bench: Bench) -> None:
    piece = b" " * (MAX_MESSAGE // 4)
    for number in range(4):
        bench.take(piece, opcode=0 if number else 1, final=False)
    assert bench.notes.told == []
    bench.take(b"x", opcode=0)
    assert [note[:2] for note in bench.notes.told] == [("violated", 1009)]


def test_a_callback_that_raises_does_not_stop_the_others(bench: Bench) -> None:
    def broken(book: Any) -> None:
        raise RuntimeError(f"at {book.sequence}")

    bench.callbacks.insert(0, broken)
    bench.take(depth(5))
    failed = bench.notes.told[1]
    assert failed[:2] == ("failed", broken)
    assert str(failed[2]) == "at 5"
    assert bench.notes.told[2] == ("book", 5)


def test_callbacks_may_come_and_go_while_they_are_called(bench: Bench) -> None:
    seen: list[str] = []

    def once(book: Any) -> None:
        seen.append("once")
        bench.callbacks.remove(once)

    def adds(book: Any) -> None:
        seen.append("adds")
        bench.callbacks.append(lambda _: seen.append("added"))

    bench.callbacks[:] = [adds]
    bench.take(depth(5))
    bench.callbacks[:] = [once]
    bench.take(depth(6))
    bench.take(depth(7))
    assert seen == ["adds", "added", "once"]


def test_reset_forgets_the_half_message_and_keeps_the_counters(bench: Bench) -> None:
    bench.take(depth(5))
    bench.take(b"half", final=False)
    bench.intake.reset()
    bench.take(depth(6))
    assert bench.notes.kinds() == ["moved", "book", "book"]
    assert bench.intake.messages == 2


def test_latencies_are_counted_per_applied_message(bench: Bench) -> None:
    for sequence in (5, 6, 4, 7):
        bench.take(depth(sequence))
    bench.take(CONFIRMATION)
    counts = bench.intake.latencies()
    assert len(counts) == 1024
    assert sum(counts) == 3


def test_flush_ends_nothing_where_nothing_is_open(bench: Bench) -> None:
    bench.intake.flush()
    bench.take(depth(5))
    bench.intake.flush()
    assert bench.notes.kinds() == ["moved", "book"]
