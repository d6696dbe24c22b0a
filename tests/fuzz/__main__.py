"""The fuzzer: ``python -m tests.fuzz --seconds 60`` gives each target so long.

Led by coverage where atheris and ziglang are installed (Linux, the extra ``fuzz``), else by a seeded generator alone;
it says which. The last target, ``market``, is always the seeded one: rounds of a market that both paths of a Router
are told (``rounds.py``). A failure is told with what shows it again; the other targets still run, and the status is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from . import corpus, guided, recorded, rounds, seeded
from .table import TARGETS

FOUND = guided.PLACE / "found"


def market(seed: int, rounds_wanted: int | None, seconds: float) -> int:
    command = [f"{__package__}", "--seed", str(seed), "--seconds", str(seconds), "--target", "market"]
    if rounds_wanted is not None:
        command += ["--rounds", str(rounds_wanted)]
    status = seeded.watch(command, seconds, FOUND)
    if status:
        print(f"market: seed {seed}; `--seed {seed} --round N` shows a round again", file=sys.stderr)
    return status


def lead(name: str, seconds: float, seed: int, extra: list[bytes]) -> int:
    """One target by coverage."""
    target = TARGETS[name]
    begin = time.monotonic()
    status, run = guided.fuzz(target, seconds, seed, extra)
    taken = time.monotonic() - begin
    if status:
        log = guided.PLACE / "log" / name
        print(log.read_text(encoding="utf-8", errors="replace")[-6000:], file=sys.stderr)
        print(f"{name}: FAILED, status {status}; again: --target {name} --input {run.found or '?'}", file=sys.stderr)
        return 1
    rate = run.executions / taken
    print(
        f"{name}: {run.executions} executions in {taken:.1f} s ({rate:.0f}/s), edges {run.first} -> {run.last}, "
        f"{run.inputs} inputs, no failure",
        flush=True,
    )
    return 0


def keep(names: list[str]) -> None:
    """Make the corpus of these targets anew from all that was found."""
    total = 0
    for name in names:
        size = corpus.save(name, guided.minimise(TARGETS[name]))
        total += size
        print(f"{name}: {sum(1 for _ in corpus.load(name))} inputs, {size} bytes", flush=True)
    print(f"{total} bytes in all")


def inside(options: argparse.Namespace, seed: int) -> int:
    """What the child of a seeded run does."""
    note = rounds.Note(options.note)
    name = options.target[0]
    begin = time.monotonic()
    if name == "market":
        done = rounds.work(seed, 0, options.rounds, options.seconds, note)
    else:
        done = seeded.work(TARGETS[name], seed, options.seconds, note)
    taken = time.monotonic() - begin
    print(f"{name}: {done} executions in {taken:.1f} s ({done / taken:.0f}/s), no failure", flush=True)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (default 60)")
    parser.add_argument("--seed", type=int, default=None, help="default: from the clock, and printed")
    parser.add_argument("--target", action="append", choices=[*TARGETS, "market"], help="this one; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the targets and do nothing")
    parser.add_argument("--seeded", action="store_true", help="without coverage, whatever is installed")
    parser.add_argument("--recorded", type=Path, default=None, help="a folder of recorded messages, as more seeds")
    parser.add_argument("--keep", action="store_true", help="then make the corpus anew from all that was found")
    parser.add_argument("--input", type=Path, default=None, help="run this input of --target alone, in this process")
    parser.add_argument("--rounds", type=int, default=None, help="of market: stop after so many")
    parser.add_argument("--round", type=int, default=None, help="of market: run this one alone, in this process")
    parser.add_argument("--note", type=Path, default=None, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = arguments()
    seed = options.seed if options.seed is not None else int(time.time())
    if options.list:
        print(*TARGETS, "market", sep="\n")
        return 0
    if options.note is not None:
        return inside(options, seed)
    if options.round is not None:
        print(f"{rounds.work(seed, options.round, 1, options.seconds)} executions, no failure")
        return 0
    if options.input is not None:
        TARGETS[options.target[0]].make()(options.input.read_bytes())
        print("no failure")
        return 0
    names = options.target or [*TARGETS, "market"]
    if options.rounds is not None and options.target is None:
        names = ["market"]
    print(f"seed {seed}", flush=True)
    why = "--seeded" if options.seeded else guided.missing() or guided.build()
    print(f"without coverage: {why}" if why else "led by coverage: atheris over a clang build", flush=True)
    failed = 0
    for name in names:
        if name == "market":
            status = market(seed, options.rounds, options.seconds)
        elif why:
            command = [f"{__package__}", "--seed", str(seed), "--seconds", str(options.seconds), "--target", name]
            status = seeded.watch(command, options.seconds, FOUND)
        else:
            extra = recorded.inputs(TARGETS[name], options.recorded) if options.recorded else []
            status = lead(name, options.seconds, seed, extra)
        failed |= status
    if options.keep and not why:
        keep([name for name in names if name != "market"])
    return failed


if __name__ == "__main__":
    sys.exit(main())
