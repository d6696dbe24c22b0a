"""Fuzzing without coverage: the seeds and the corpus of a target, damaged by a seeded generator.

Runs anywhere. The inputs run in a child process, which notes each before it runs it: a crash and a hang are reported
like any other failure, with the input in a file.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import corpus
from .mutate import LARGEST, mutate
from .rounds import Note
from .target import Target

GRACE = 60.0  # seconds that the child may be late before it counts as hung


def damaged(target: Target, rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Another input; one that is no text is damaged byte by byte."""
    if target.text:
        return mutate(rng, data, others)[: target.longest]
    out = bytearray(data or b"\x00")
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        out[at : at + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 3))
    return bytes(out[: target.longest])


def work(target: Target, seed: int, seconds: float, note: Note | None = None) -> int:
    """The seeds, then damaged ones, until the time is over; returns the number of executions."""
    rng = random.Random(f"{target.name}:{seed}")
    one = target.make()
    others = [*target.seeds(), *corpus.load(target.name)]
    end = time.monotonic() + seconds
    done = 0
    while done < len(others) or time.monotonic() < end:
        data = others[done] if done < len(others) else damaged(target, rng, rng.choice(others), others)
        if note is not None:
            note.write(seed, done, data)
        try:
            one(data)
        except Exception as error:
            error.add_note(f"input {data.hex()}")
            raise
        done += 1
    return done


def watch(command: list[str], seconds: float, folder: Path) -> int:
    """Run a child that notes what it does; its exit status, or 1 with a report when it crashed or hung."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "note"
        command = [sys.executable, "-X", "faulthandler", "-m", *command, "--note", os.fspath(path)]
        try:
            status = subprocess.run(command, timeout=seconds + GRACE, check=False).returncode
            if status in (0, 1):
                return status
            print(f"the fuzzed process ended with status {status}", file=sys.stderr)
        except subprocess.TimeoutExpired:
            print("the fuzzed process hung", file=sys.stderr)
        found = Note.read(path) if path.exists() else None
        if found is not None:
            seed, step, data = found
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "crash").write_bytes(data[:LARGEST])
            print(f"seed {seed}, step {step}, input {data.hex()}, kept in {folder / 'crash'}", file=sys.stderr)
        return 1
