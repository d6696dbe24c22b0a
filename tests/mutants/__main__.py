"""Whether the suite notices: the core is broken in one small way at a time, built, and tested.

``python -m tests.mutants`` breaks it in every way of the table, ``--only NAME`` in one (repeatable), ``--list`` says
which there are. The unbroken core is tested first. Ends with 1 where a break survives, does not apply or does not
build. A break takes some ten seconds; the copies stand under build/mutants.
"""

from __future__ import annotations

import argparse
import platform
import queue
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from .mutant import ROOT, Mutant, mutants
from .workshop import Broken, Workshop


def chosen(names: list[str]) -> list[Mutant]:
    table = mutants()
    unknown = [name for name in names if name not in table]
    if unknown:
        raise SystemExit(f"no break is called {', '.join(unknown)}; see --list")
    found = [table[name] for name in names or table]
    if platform.machine().lower() in ("x86_64", "amd64"):
        return found
    return [mutant for mutant in found if not mutant.x86]


def verdict(mutant: Mutant, shops: queue.Queue[Workshop]) -> tuple[bool, str]:
    """Whether it was noticed, and by which test or why not."""
    shop = shops.get()
    try:
        killer = shop.killer(mutant)
    except (Broken, LookupError) as error:
        return False, f"{type(error).__name__}: {error}"
    finally:
        shops.put(shop)
    return killer is not None, killer or f"SURVIVES: {mutant.breaks}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this break alone; repeatable")
    parser.add_argument("--list", action="store_true", help="say which breaks there are, and do nothing")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="so many at a time, each in a copy of its own")
    parser.add_argument("--unchecked", action="store_true", help="do not test the unbroken core first")
    options = parser.parse_args()
    if options.list:
        for mutant in mutants().values():
            print(f"{mutant.name:28} {mutant.source.name:16} {mutant.breaks}")
        return 0
    breaks = chosen(options.only)
    shops: queue.Queue[Workshop] = queue.Queue()
    for number in range(max(1, options.jobs)):
        shops.put(Workshop(ROOT / "build" / "mutants" / str(number)))
    if not options.unchecked:
        shop = shops.get()
        shop.build()
        stems = tuple(sorted({stem for mutant in breaks for stem in mutant.tests})) if options.only else ()
        tests, rest = shop.tests(stems)
        if failed := shop.failing(tests or rest):
            print(f"the unbroken core fails {failed}", flush=True)
            return 1
        shops.put(shop)
    start = time.monotonic()
    survivors = 0
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        tasks = {pool.submit(verdict, mutant, shops): mutant for mutant in breaks}
        for number, task in enumerate(as_completed(tasks), 1):
            noticed, said = task.result()
            survivors += not noticed
            print(f"{number}/{len(breaks)} {time.monotonic() - start:.0f}s {tasks[task].name}: {said}", flush=True)
    print(f"{len(breaks) - survivors} of {len(breaks)} noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
