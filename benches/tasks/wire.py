"""Wire to callback over loopback, no TLS: a server process on one core, one client at a time on another.

The latency is from just before the server's ``send`` to the client's callback, when its work on the message is done.
A client is a process of its own in every round, all clients take turns, and what is told is the median over rounds of
each round's p50 and p99.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from benches.messages import Snapshots
from benches.rounds import SAME, same
from benches.wire import DIFFERENT, LEVELS, WARM_UP_S, cores
from benches.wire.clients import CLIENTS, Client
from benches.words import Figure, Plan, Table, Target

REFERENCE = CLIENTS["picows"].title
NORMAL, SPIN = CLIENTS["csbook"].title, CLIENTS["csbook-spin"].title
RATES = (1000, 5000, 0)
BARE, FLAT_OUT = CLIENTS["bare"].title, 0
TARGETS = [
    Target(NORMAL, "ratio", 1.25, "wire to callback, p50 at 1,000/s: at most 1.25 x an idle picows listener"),
    Target(SPIN, "ratio", 0.30, "the same with spin=True: at most 0.30 x that listener in the normal loop"),
    Target(SPIN, "ratio", 1.3, "the same with spin=True: at most 1.3 x a bare non-blocking socket", against=BARE),
]
FLAT_TARGETS = [
    Target(NORMAL, "ratio", 0.7, "flat out: at least 0.7 x the messages of an idle picows listener", least=True)
]


class Failed(Exception):
    """A client that did not come to its end, or whose book was wrong."""


def measure(name: str, rate: int, seconds: float, server_core: int, client_core: int) -> dict[str, Any]:
    """One client, once. Both processes have ended when this returns or raises."""
    lasts = seconds + WARM_UP_S + 1.0
    run = [sys.executable, "-m"]
    server = subprocess.Popen(
        [*run, "benches.wire.server", str(rate), str(lasts), str(server_core)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        done = subprocess.run(
            [*run, "benches.wire.clients", name, port, str(seconds), str(client_core), str(rate)],
            capture_output=True,
            text=True,
            timeout=lasts + 20,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed("did not end in time") from None
    finally:
        server.kill()
        server.communicate()
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Failed(lines[-1] if lines else f"exit code {done.returncode}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def checked(report: dict[str, Any], touches: list[Any]) -> dict[str, Any]:
    touch = report["touch"]
    if touch is not None and not any(same(touch, wanted) for wanted in touches):
        raise Failed(f"its last touch was {touch}, which no message had (to within {SAME:g})")
    return report


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    usable = cores()
    pair = (usable[0], usable[-1]) if len(usable) > 1 else (-1, -1)
    where = "server and client on one core each" if len(usable) > 1 else "server and client on whatever core they got"
    rounds = 1 if plan.quick else max(3, plan.rounds // 5)
    seconds = 0.4 if plan.quick else 1.0
    rates = RATES[:1] if plan.quick else RATES
    touches = Snapshots(LEVELS, DIFFERENT).answers
    reports: dict[int, dict[str, list[dict[str, Any]]]] = {rate: {name: [] for name in CLIENTS} for rate in rates}
    wrong: dict[int, dict[str, str]] = {rate: {} for rate in rates}
    for _ in range(rounds):
        for rate in rates:
            for name in CLIENTS:
                if CLIENTS[name].title in wrong[rate]:
                    continue
                try:
                    reports[rate][name].append(checked(measure(name, rate, seconds, *pair), touches))
                except Failed as error:
                    wrong[rate][CLIENTS[name].title] = str(error)[:200]
    for rate in rates:
        paced = rate > 0
        table = Table(
            "wire",
            f"{rate:,}/s" if paced else "flat out",
            f"{rounds} rounds of {seconds:g} s, {where}" + ("; p50 and p99" if paced else ""),
            unit="us" if paced else "messages/s",
            reference=REFERENCE,
            targets={1000: TARGETS, FLAT_OUT: FLAT_TARGETS}.get(rate, []),
            wrong=wrong[rate],
        )
        for name, told in reports[rate].items():
            if CLIENTS[name].title not in wrong[rate]:
                table.figures.append(figure(CLIENTS[name], told, reports[rate]["picows"], paced))
        yield table


def figure(client: Client, told: list[dict[str, Any]], reference: list[dict[str, Any]], paced: bool) -> Figure:
    key, scale = ("p50", 1e-3) if paced else ("rate", 1.0)
    values = [report[key] * scale for report in told]
    worst = [report["p99"] * scale for report in told] if paced else [statistics.median(values)]
    ratios = [mine[key] / theirs[key] for mine, theirs in zip(told, reference, strict=False)]
    return Figure(
        client.title,
        statistics.median(values),
        statistics.median(worst),
        statistics.median(ratios) if ratios else None,
        len(told),
        whole=client.whole,
    )
