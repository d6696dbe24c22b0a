"""Chores that are due at times of their own: each at most once at a time, and none in the way of another."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

from csbook.net.agenda import Agenda
from virtual import Virtual, virtually


class Chore:
    """Due at the times given; each run takes so long."""

    def __init__(self, *at: float, takes: float = 0.0) -> None:
        self.at = list(at)
        self.takes = takes
        self.began: list[float] = []
        self.ended = 0

    def due(self, now: float) -> float:
        return self.at[0] if self.at else inf

    async def run(self, now: float) -> None:
        self.at.pop(0)
        self.began.append(round(now, 2))
        await asyncio.sleep(self.takes)
        self.ended += 1


@virtually
async def test_each_runs_when_it_is_due(time: Virtual) -> None:
    slow, quick = Chore(0.0, 1.0, 50.0, takes=10.0), Chore(2.0, 3.0)
    agenda = Agenda(time.timing, {"slow": slow, "quick": quick})
    agenda.start()
    await asyncio.sleep(70)
    assert slow.began == [0.0, 10.0, 50.0] and quick.began == [2.0, 3.0]  # one run of a kind at a time
    await agenda.close()


@virtually
async def test_who_changes_a_schedule_wakes_it(time: Virtual) -> None:
    chore = Chore()
    agenda = Agenda(time.timing, {"chore": chore})
    agenda.start()
    await asyncio.sleep(5)
    chore.at.append(5.0)
    await asyncio.sleep(5)
    assert chore.began == []  # nobody said so
    agenda.wake()
    await asyncio.sleep(0.1)
    assert chore.began == [10.0]
    chore.at.append(20.0)
    agenda.wake()
    await asyncio.sleep(0.1)
    chore.at[0] = 15.0  # sooner
    agenda.wake()
    await asyncio.sleep(10)
    assert chore.began == [10.0, 15.0]
    await agenda.close()


@virtually
async def test_a_chore_that_fails_is_told_and_tried_again(time: Virtual) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context))

    class Wrong(Chore):
        async def run(self, now: float) -> None:
            self.began.append(round(now, 2))
            raise ZeroDivisionError

    class Worse(Chore):
        def due(self, now: float) -> float:
            raise LookupError

    wrong, fine = Wrong(0.0), Chore(*map(float, range(4)))
    agenda = Agenda(time.timing, {"wrong": wrong, "worse": Worse(), "fine": fine})
    agenda.start()
    await asyncio.sleep(3.5)
    assert wrong.began == [0.0, 1.0, 2.0, 3.0] and fine.ended == 4
    assert {context["message"] for context in told} == {"csbook: wrong failed", "csbook: worse failed"}
    assert {type(context["exception"]) for context in told} == {ZeroDivisionError, LookupError}
    assert len(told) < 16  # after a pause each
    await agenda.close()


@virtually
async def test_closing_cancels_what_is_being_done(time: Virtual) -> None:
    chore = Chore(0.0, 1.0, takes=100.0)
    agenda = Agenda(time.timing, {"chore": chore})
    await agenda.close()  # before it was started
    agenda.start()
    await asyncio.sleep(1)
    await agenda.close()
    assert chore.began == [0.0] and chore.ended == 0
    await asyncio.sleep(200)
    assert len(asyncio.all_tasks()) == 1
