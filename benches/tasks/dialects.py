"""A message of each dialect, bytes to touch; Binance's and CoinSwitch's are the tasks ``delta`` and ``snapshot``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from types import ModuleType

from benches.peers import REFERENCE
from benches.rounds import race
from benches.spoken import SPOKEN
from benches.words import Plan, Table, Target


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    for venue, (symbol, course_of, limit) in SPOKEN.items():
        course = course_of(40 if plan.quick else 500)
        target = Target("csbook", "ratio", limit, f"{venue}: a message at most {limit:.2f} x orjson.loads alone")
        table = Table("dialects", venue, course.about, reference=REFERENCE, targets=[target])
        jobs = {
            peer.NAME: partial(peer.dialect, venue, symbol, course.start) for peer in peers if hasattr(peer, "dialect")
        }
        yield race(table, course, jobs, plan)
