"""Seeded rounds of a small market: coherent messages, some of them damaged, to both paths of a Router.

Each round makes a market and a Pair of Routers, tells both the same messages, some of them damaged, and answers what
they ask for. Everything follows from a seed and a number, so that one round can be shown again.
"""

from __future__ import annotations

import mmap
import random
import time
from pathlib import Path

from csbook import Outcome, State

from .edge import Edge
from .mutate import LARGEST, mutate
from .pair import Pair
from .samples import Market

STEPS = 120  # messages in a round
HEAD = 64  # bytes of the note before its payload
SCENES = (  # a dialect, and what is odd about the round
    "coinswitch", "coinswitch two", "coinswitch coarse", "coinswitch diff", "binance", "binance two",
    "coinswitch-sio", "coinswitch-sio two", "coinswitch-hft", "coinswitch-hft two",
    "bybit", "bybit two", "kucoin", "kucoin two",
)  # fmt: skip


class Note:
    """The last payload that was fed, in a file that outlives a crash."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(HEAD + LARGEST))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

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
        self.pair = Pair(venue, [(symbol, *decimals) for symbol in symbols], Edge(LARGEST), buffer_limit=16)
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
        return self.pair.feed(payload, now)

    def resync(self, now: int) -> None:
        """Give the books what they lack; now and then a damaged answer first."""
        for market in self.markets:
            streamed = market.dialect == "bybit"
            book = self.pair.fast.books[market.symbol]
            if market.symbol not in self.pair.fast.wants_snapshot() and not (streamed and book.state is State.GAP):
                continue
            answers = [market.snapshot()]
            if self.rng.random() < 0.3:
                answers.insert(0, mutate(self.rng, answers[0], self.seen))
            for answer in answers:
                if streamed:
                    self.pair.feed(answer, now)
                else:
                    self.pair.feed_snapshot(market.symbol, answer, now)

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
                self.pair.both(lambda router: router.disconnected())
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
