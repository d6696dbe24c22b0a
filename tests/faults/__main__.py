"""``python -m tests.faults [--venue V] [--seed N] [--count N] [--seconds S]``: random schedules, one after the other.

Without ``--venue`` they go round the venues whose private part the local one has. Ends with status 1 at the first one
whose account is not what the venue's books are; ``--seed`` with its ``--venue`` replays it, with notes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from csbook.sim.desks import served
from faults.schedule import Schedule


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Random schedules of faults.")
    parser.add_argument("--venue", choices=served(), default=None, help="at this one alone (all, in turn)")
    parser.add_argument("--seed", type=int, default=None, help="replay this one alone, and say what happened in it")
    parser.add_argument("--first", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--count", type=int, default=200, help="how many (200)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at a failure")
    chosen = parser.parse_args(given)
    seeds = range(chosen.first, chosen.first + chosen.count) if chosen.seed is None else [chosen.seed]
    venues = served() if chosen.venue is None else (chosen.venue,)
    began = time.monotonic()
    done, failed = 0, []
    for seed in seeds:
        if time.monotonic() - began > chosen.seconds:
            break
        venue = venues[seed % len(venues)]
        schedule = Schedule(seed, venue)
        try:
            schedule.run()
        except Exception as error:
            failed.append(f"{venue} {seed}")
            print(f"--venue {venue} --seed {seed}: {type(error).__name__}: {error}", flush=True)
            if chosen.seed is not None:
                print("\n".join(schedule.notes))
                raise
            if not chosen.keep_going:
                break
        else:
            if chosen.seed is not None:
                print("\n".join(schedule.notes))
        done += 1
    took = time.monotonic() - began
    which = ", ".join(failed) or "none"
    print(f"{done} schedules in {took:.1f} s, {done / max(took, 1e-9):.1f} a second; failed: {which}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
