"""``python -m benches [TASK...] [--rounds N] [--quick] [--cpu N] [--json FILE] [--write] [--beside NAME] [--list]``."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benches import chart, host, peers, report, tasks
from benches.words import Plan

PANELS = (
    ("snapshot", "20 levels", "Snapshot of 20 levels, bytes to touch"),
    ("delta", "21 changes", "Binance diff of 21 changes on an aged book of 1,000 levels, bytes to touch"),
)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benches", description="csbook against its peers.")
    parser.add_argument("task", nargs="*", help=f"what to measure; all by default: {', '.join(tasks.NAMES)}")
    parser.add_argument("--rounds", type=int, default=25, help="interleaved rounds (25)")
    parser.add_argument("--quick", action="store_true", help="little data: shows that it works, measures nothing well")
    parser.add_argument("--peers", default="", help="only these files of benches/peers, separated by commas")
    parser.add_argument("--cpu", type=int, default=None, help="pin this process to a core (not the task wire)")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write everything there as JSON")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md, chart.svg and the README's block")
    parser.add_argument("--beside", default="", metavar="NAME", help="write the results beside RESULTS.md, and no more")
    parser.add_argument("--list", action="store_true", help="say which tasks and peers there are, and stop")
    chosen = parser.parse_args(given)
    unknown = [name for name in chosen.task if name not in tasks.NAMES]
    if unknown:
        parser.error(f"no task {', '.join(unknown)}; there are {', '.join(tasks.NAMES)}")
    unknown = [name for name in names_of(chosen) if name not in peers.NAMES]
    if unknown:
        parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(peers.NAMES)}")
    if chosen.rounds < 1:
        parser.error("--rounds is 1 or more")
    if chosen.write and chosen.quick:
        parser.error("--write wants real figures, and --quick gives none")
    if chosen.beside and not re.fullmatch(r"RESULTS-[\w.-]+\.md", chosen.beside):
        parser.error(f"--beside {chosen.beside}: expected RESULTS-<something>.md, a name without folders")
    if chosen.write and (chosen.task or chosen.peers):
        parser.error("--write replaces all that was written, so it measures everything: name no tasks and no peers")
    return chosen


def names_of(chosen: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name for name in chosen.peers.split(",") if name)


def main(given: Sequence[str] | None = None) -> int:
    chosen = arguments(given)
    found, missing = peers.load(names_of(chosen) or peers.NAMES)
    if chosen.list:
        print("tasks:", ", ".join(tasks.NAMES))
        print("peers:", ", ".join(peer.__name__.rpartition(".")[2] for peer in found))
        for name, why in missing.items():
            print(f"missing: {name}: {why}")
        return 0
    began = time.monotonic()
    machine = host.machine()
    print("\n".join(f"{key}: {value}" for key, value in machine.items()))
    for name, why in missing.items():
        print(f"missing: {name}: {why}")
    wanted = [task for task in tasks.NAMES if task in (chosen.task or tasks.NAMES)]
    wanted.sort(key=lambda task: task != "wire")  # it chooses its cores itself, before this process is pinned
    plan = Plan(rounds=chosen.rounds, quick=chosen.quick, cpu=chosen.cpu)
    tables = []
    for task in wanted:
        if task != "wire":
            host.pin(plan.cpu)
        for table in import_module(f"benches.tasks.{task}").tables(plan, found):
            print(report.screen(table), flush=True)
            tables.append(table)
    tables.sort(key=lambda table: tasks.NAMES.index(table.task))
    results = report.Results(machine, host.versions(found), missing, tables)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(asdict(results), indent=1) + "\n", encoding="utf-8")
    if chosen.beside:
        print(f"wrote {report.beside(results, chosen.beside).name}")
    if chosen.write:
        panels = [(table, title) for task, case, title in PANELS if (table := results.table(task, case)) is not None]
        for path in report.write(results, chart.draw([panel for panel in panels if panel[0].figures])):
            print(f"wrote {path.name}")
    print(f"\n{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
