"""``python -m benches.instructions [--write]``: instructions per call of the main jobs, counted by callgrind.

A count does not care how busy the machine is, so a slow-down shows where times are noise. Each job runs twice in a
child process, once with LAPS and once with twice as many, and the difference is divided by the calls in between: what
starting costs falls out. The counts that are kept in ``instructions.json`` belong to one compiler, interpreter and
scanner variant; elsewhere the two columns are shown and not judged. callgrind does not know AVX-512: it counts the AVX2
variant. Needs valgrind; without it this says so and ends well, since it is no part of a test.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

KEPT = Path(__file__).with_name("instructions.json")
LAPS = 20
TOLERANCE = 0.03  # a rebuild by the same compiler moves a count by less


def _snapshot(levels: int) -> Callable[[], int]:
    from benches.messages import Snapshots
    from csbook import Book, Router

    payloads = list(Snapshots(levels, 100).lap(0))
    feed = Router("coinswitch", [Book("BTCUSDT")], depth=20).feed
    for at, payload in enumerate(payloads):  # one id for all: none is older than the one before
        payloads[at] = re.sub(rb'"lastUpdateId":\d+', b'"lastUpdateId":5000000000000', payload)

    def lap() -> int:
        for payload in payloads:
            feed(payload)
        return len(payloads)

    return lap


def _delta() -> Callable[[], int]:
    from csbook import Book, Router

    below = [[f"{30_000 - at / 10:.2f}", "1.5"] for at in range(1000)]
    above = [[f"{30_000.1 + at / 10:.2f}", "2"] for at in range(1000)]
    router = Router("binance", [Book("BTCUSDT", price_decimals=2, size_decimals=3)], depth=0)
    router.feed_snapshot("BTCUSDT", json.dumps({"lastUpdateId": 1, "bids": below, "asks": above}).encode())
    bids = json.dumps([[price, "0.250"] for price, _ in below[:500:50]], separators=(",", ":"))
    asks = json.dumps([[price, "0.250"] for price, _ in above[:550:50]], separators=(",", ":"))
    head = '{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT"'
    payloads = [
        f'{head},"U":{last + 1},"u":{last + 1},"pu":{last},"b":{bids},"a":{asks}}}'.encode()
        for last in range(1, 200 * LAPS + 1)
    ]
    feed, left = router.feed, iter(payloads)

    def lap() -> int:
        for payload in islice(left, 100):
            feed(payload)
        return 100

    return lap


def _parsed() -> Callable[[], int]:
    from benches.messages import Snapshots
    from csbook import Book

    documents = [json.loads(payload) for payload in Snapshots(20, 100).lap(0)]
    book = Book("BTCUSDT")

    def lap() -> int:
        for document in documents:
            book.apply_snapshot(document["bids"], document["asks"])
        return len(documents)

    return lap


def _touch() -> Callable[[], int]:
    from csbook import Book

    book = Book("BTCUSDT")
    book.apply_snapshot([["100", "1"]], [["101", "1"]])

    def lap() -> int:
        for _ in range(1000):
            book.best_bid, book.best_ask  # noqa: B018
        return 1000

    return lap


JOBS: dict[str, Callable[[], Callable[[], int]]] = {
    "snapshot 5": lambda: _snapshot(5),
    "snapshot 20": lambda: _snapshot(20),
    "snapshot 1000": lambda: _snapshot(1000),
    "delta of 21 changes, 1,000 levels": _delta,
    "parsed lists, 20 levels": _parsed,
    "best_bid and best_ask": _touch,
}


def child(job: str, laps: int) -> None:
    from csbook import _core

    if _core._scanner() == "avx512":
        _core._scanner("avx2")
    lap = JOBS[job]()
    print("calls", sum(lap() for _ in range(laps)))


def count(job: str, laps: int) -> tuple[int, int]:
    """Instructions of a whole run, and the calls in it."""
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        "-m",
        "benches.instructions",
    ]
    done = subprocess.run(
        [*command, "--child", job, "--laps", str(laps)],
        capture_output=True, text=True, check=True, timeout=600, env=os.environ | {"PYTHONHASHSEED": "0"},
    )  # fmt: skip
    collected = re.search(r"Collected : (\d+)", done.stderr)
    assert collected is not None, done.stderr
    return int(collected[1]), int(done.stdout.split()[-1])


def where() -> dict[str, str]:
    """What a count belongs to."""
    from csbook import build_info

    build = build_info()
    scanner = "avx2" if build["scanner"] == "avx512" else str(build["scanner"])
    return {
        "compiler": str(build["compiler"]), "cython": str(build["cython"]), "scanner": scanner,
        "python": ".".join(platform.python_version_tuple()[:2]), "machine": platform.machine(),
    }  # fmt: skip


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.instructions", description=__doc__.partition(":")[0])
    parser.add_argument("--write", action="store_true", help=f"keep the counts in {KEPT.name}")
    parser.add_argument("--child", choices=JOBS, help=argparse.SUPPRESS)
    parser.add_argument("--laps", type=int, default=LAPS, help=argparse.SUPPRESS)
    chosen = parser.parse_args(given)
    if chosen.child:
        child(chosen.child, chosen.laps)
        return 0
    if shutil.which("valgrind") is None:
        print("instructions: not counted, valgrind is not installed")
        return 0
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"where": {}, "counts": {}}
    same = kept["where"] == where()
    print(f"\ninstructions per call, by callgrind ({', '.join(f'{k} {v}' for k, v in where().items())})")
    if not same:
        print(f"  the kept counts belong to {kept['where'] or 'nothing yet'}: shown, not judged")
    counts: dict[str, int] = {}
    worse = []
    for job in JOBS:
        (short, calls), (long, more) = count(job, LAPS), count(job, 2 * LAPS)
        counts[job] = round((long - short) / (more - calls))
        before = kept["counts"].get(job)
        change = "" if before is None else f"  kept {before:>9,}  {counts[job] / before - 1:+.1%}"
        print(f"  {job:<36} {counts[job]:>9,}{change}")
        if same and before is not None and counts[job] > before * (1 + TOLERANCE):
            worse.append(job)
    if chosen.write:
        KEPT.write_text(json.dumps({"where": where(), "counts": counts}, indent=2) + "\n", encoding="utf-8")
        print(f"  kept in {KEPT.name}")
    elif worse:
        print(f"  more than {TOLERANCE:.0%} above what is kept: {', '.join(worse)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
