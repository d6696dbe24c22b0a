"""What a book of 20 levels a side weighs: resident memory over many books, in a process of its own for each contender.

``python -m benches.tasks.memory PEER COUNT`` is that process; it prints one line of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from benches.messages import Snapshots
from benches.words import Figure, Plan, Table, Target

LEVELS = 20
VIEWS = ("bid_prices", "bid_sizes", "ask_prices", "ask_sizes")
TARGETS = [
    Target("csbook", "median", 8192, "a book of 20 levels, resident: at most 8 KB"),
    Target("csbook, sys.getsizeof", "median", 8192, "a book of 20 levels by sys.getsizeof: at most 8 KB"),
]


def resident() -> int:
    """Bytes of this process in memory now (Linux), or the most there ever were."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def weigh(name: str, count: int) -> dict[str, float]:
    """Bytes a book: resident, and by sys.getsizeof; with float views where the book has them."""
    from benches.peers import load

    found, missing = load((name,))
    if missing:
        raise SystemExit(f"{name}: {missing[name]}")
    hold = found[0].hold
    payload = Snapshots(LEVELS, 1).lap(0)[0]
    first = hold(payload)
    if hasattr(first, VIEWS[0]):
        for view in VIEWS:
            getattr(first, view)
    gc.collect()
    books: list[object] = [None] * count
    before = resident()
    for at in range(count):
        books[at] = hold(payload)
    gc.collect()
    weights = {"resident": (resident() - before) / count}
    if hasattr(first, VIEWS[0]):
        weights["getsizeof"] = sys.getsizeof(books[0])
        for book in books:
            for view in VIEWS:
                getattr(book, view)
        weights["viewed"] = (resident() - before) / count
    return weights


def weigh_apart(name: str, count: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benches.tasks.memory", name, str(count)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise RuntimeError(lines[-1] if lines else f"exit code {done.returncode}")
    weights: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return weights


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    count = 1000 if plan.quick else 10_000
    about = f"resident bytes a book, over {count:,} books"
    table = Table("memory", f"{LEVELS} levels", about, unit="bytes", targets=TARGETS)
    for peer in peers:
        if not hasattr(peer, "hold"):
            continue
        name = peer.__name__.rpartition(".")[2]
        try:
            weights = weigh_apart(name, count)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            timed_out = isinstance(error, subprocess.TimeoutExpired)
            table.wrong[peer.NAME] = "took too long" if timed_out else str(error)[:200]
            continue
        add(table, peer.NAME, weights["resident"])
        if "getsizeof" in weights:
            add(table, f"{peer.NAME}, sys.getsizeof", weights["getsizeof"])
            add(table, f"{peer.NAME}, float views read", weights["viewed"])
    yield table


def add(table: Table, name: str, value: float) -> None:
    table.figures.append(Figure(name, value, value, rounds=1))


if __name__ == "__main__":
    print(json.dumps(weigh(sys.argv[1], int(sys.argv[2]))))
