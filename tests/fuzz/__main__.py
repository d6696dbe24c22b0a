"""A bounded, seeded, mutational fuzzer of the Router: ``python -m tests.fuzz --seconds 60``.

Each round makes a small market and two Routers, tells both the same messages, some of them damaged, and lets the one
take its fast path and the other the slow one. After every message both must give the same outcome and stand in the
same state with equal digests, a refused message must have left every book as it was, and ``_check()`` must pass.
The payload lies between bytes that would be taken for digits by a reader that goes a byte too far.

The rounds run in a child process, which notes each payload before it feeds it: a crash and a hang are reported like
any other failure, with the seed and the round that show it again (``--seed S --round R``).
"""

from __future__ import annotations

import argparse
import mmap
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from csbook import Book, Outcome, Router

from .mutate import LARGEST, mutate
from .samples import Market

STEPS = 120  # messages in a round
GRACE = 60.0  # seconds that the child may be late before it counts as hung
HEAD = 64  # bytes of the note before its payload
# A dialect, and what is odd about the round.
SCENES = (
    "coinswitch", "coinswitch two", "coinswitch coarse", "coinswitch diff", "binance", "binance two",
    "coinswitch-sio", "coinswitch-sio two", "coinswitch-hft", "coinswitch-hft two",
)  # fmt: skip


class Failure(Exception):
    """The two Routers differ, or one broke its word."""


class Note:
    """The last payload that was fed, in a file that outlives a crash."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(HEAD + LARGEST))
        self.file = path.open("r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)

    def write(self, number: int, step: int, payload: bytes) -> None:
        self.map[:HEAD] = f"{number} {step} {len(payload)}".encode().ljust(HEAD)
        self.map[HEAD : HEAD + len(payload)] = payload

    @staticmethod
    def read(path: Path) -> tuple[int, int, bytes] | None:
        raw = path.read_bytes()
        fields = raw[:HEAD].strip(b"\x00 ").split()
        if len(fields) != 3:
            return None
        return int(fields[0]), int(fields[1]), raw[HEAD : HEAD + int(fields[2])]


class Round:
    """One market, two Routers. Everything follows from seed and number."""

    def __init__(self, seed: int, number: int) -> None:
        self.rng = random.Random(f"{seed}:{number}")
        scene = SCENES[number % len(SCENES)]
        venue = scene.split(" ")[0]
        symbols = ["BTCUSDT", "ETHUSDT"] if scene.endswith("two") else ["BTCUSDT"]
        decimals = (0, 1) if scene.endswith("coarse") else self.rng.choice(((8, 8), (2, 3), (1, 3), (12, 6)))
        named = len(symbols) > 1 or self.rng.random() < 0.3
        depth = self.rng.choice((5, 20))
        shape = "binance" if scene.endswith("diff") else venue
        self.markets = [Market(self.rng, shape, symbol, depth=depth, named=named) for symbol in symbols]
        self.routers = []
        for _ in range(2):
            price, size = decimals
            books = [Book(symbol, price_decimals=price, size_decimals=size, capacity=4) for symbol in symbols]
            self.routers.append(Router(venue, books, buffer_limit=16))
        self.seen: list[bytes] = []

    def payloads(self) -> list[bytes]:
        """The next message as it is, damaged, or damaged and then as it is."""
        true = self.rng.choice(self.markets).message()
        if len(self.seen) < 64:
            self.seen.append(true)
        kind = self.rng.random()
        if kind < 0.35:
            return [true]
        false = mutate(self.rng, true, self.seen)
        return [false] if kind < 0.5 else [false, true]

    def feed(self, payload: bytes, now: int) -> Outcome:
        """Feed both and hold them against each other."""
        fast, slow = self.routers
        before = [book.digest() for book in fast.books.values()]
        room = b'"9' * 4 + payload + b'9"' * 4
        one = fast.feed(memoryview(room)[8 : 8 + len(payload)], now)
        two = slow.feed_parsed(payload, now)
        if one is not two:
            reasons = f"{fast.last_refusal!r}, {slow.last_refusal!r}"
            raise Failure(f"the fast path says {one}, the slow path {two}: {reasons}")
        self.compare()
        if one is Outcome.REFUSED and before != [book.digest() for book in fast.books.values()]:
            raise Failure("a refused message changed a book")
        return one

    def compare(self) -> None:
        fast, slow = self.routers
        for symbol, book in fast.books.items():
            twin = slow.books[symbol]
            if book.state is not twin.state:
                raise Failure(f"{symbol}: the fast path stands in {book.state}, the slow path in {twin.state}")
            if book.digest() != twin.digest():
                raise Failure(f"{symbol}: the digests differ")
            book._check()
            twin._check()
        if fast.wants_snapshot() != slow.wants_snapshot():
            raise Failure("the Routers want different snapshots")

    def resync(self, now: int) -> None:
        """Answer what the Routers ask for; now and then with a damaged answer first."""
        fast, slow = self.routers
        for market in self.markets:
            if market.symbol not in fast.wants_snapshot():
                continue
            answers = [market.snapshot()]
            if self.rng.random() < 0.3:
                answers.insert(0, mutate(self.rng, answers[0], self.seen))
            for answer in answers:
                one, two = (router.feed_snapshot(market.symbol, answer, now) for router in (fast, slow))
                if one is not two:
                    raise Failure(f"feed_snapshot says {one} and {two}")
                self.compare()

    def run(self, note: Note | None, number: int) -> int:
        """Feed STEPS messages; the number of payloads that both Routers took in."""
        done = 0
        now = 1_700_000_000_000_000_000
        for step in range(STEPS):
            now += 1_000_000
            for payload in self.payloads():
                if note is not None:
                    note.write(number, step, payload)
                try:
                    self.feed(payload, now)
                    if self.rng.random() < 0.5:
                        self.resync(now)
                except Exception as error:
                    error.add_note(f"step {step}, payload {payload.hex()}")
                    raise
                done += 1
            if self.rng.random() < 0.01:
                for router in self.routers:
                    router.disconnected()
                self.compare()
        return done


def work(seed: int, first: int, rounds: int | None, seconds: float, note: Note | None = None) -> int:
    """Rounds until one of the bounds is reached; returns the number of executions."""
    done = 0
    number = first
    end = time.monotonic() + seconds
    while time.monotonic() < end and (rounds is None or number < first + rounds):
        try:
            done += Round(seed, number).run(note, number)
        except Exception as error:
            error.add_note(f"show it again: python -m tests.fuzz --seed {seed} --round {number}")
            raise
        number += 1
    return done


def watch(seed: int, rounds: int | None, seconds: float) -> int:
    """Run the rounds in a child process; its exit status, or 1 with a report when it crashed or hung."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "note"
        command = [sys.executable, "-X", "faulthandler", "-m", __spec__.name, "--note", os.fspath(path)]
        command += ["--seed", str(seed), "--seconds", str(seconds)]
        if rounds is not None:
            command += ["--rounds", str(rounds)]
        try:
            status = subprocess.run(command, timeout=seconds + GRACE, check=False).returncode
            if status in (0, 1):
                return status
            print(f"the fuzzed process ended with status {status}", file=sys.stderr)
        except subprocess.TimeoutExpired:
            print("the fuzzed process hung", file=sys.stderr)
        found = Note.read(path) if path.exists() else None
        if found is not None:
            number, step, payload = found
            print(f"seed {seed}, round {number}, step {step}, payload {payload.hex()}", file=sys.stderr)
            print(f"show it again: python -m tests.fuzz --seed {seed} --round {number}", file=sys.stderr)
        return 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="stop after so long (default 60)")
    parser.add_argument("--seed", type=int, default=None, help="default: from the clock, and printed")
    parser.add_argument("--rounds", type=int, default=None, help="stop after so many rounds")
    parser.add_argument("--round", type=int, default=None, help="run this one alone, in this process")
    parser.add_argument("--note", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    if options.round is None and options.note is None:
        print(f"seed {seed}", flush=True)
        return watch(seed, options.rounds, options.seconds)
    begin = time.monotonic()
    if options.round is not None:
        done = work(seed, options.round, 1, options.seconds)
    else:
        done = work(seed, 0, options.rounds, options.seconds, Note(options.note))
    taken = time.monotonic() - begin
    print(f"{done} executions in {taken:.1f} s ({done / taken:.0f}/s), no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
