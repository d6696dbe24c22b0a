"""Work that is due at times which pure schedules know: each piece at most once at a time, none in the way of another.

A chore says when it is due and is run then; it may take long, and the others go on. Whoever changes a schedule calls
``wake``. A chore that raises is a bug: it is told to the loop's exception handler, and tried again after a pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from typing import Protocol

from csbook.net.timing import Timing

__all__ = ["Agenda", "Chore"]

_AFTER_A_FAULT = 1.0  # seconds
_SOON = 0.0005


class Chore(Protocol):
    """A piece of work."""

    def due(self, now: float) -> float:
        """When to run it next, in monotonic seconds; infinity: not before something changes."""

    async def run(self, now: float) -> None:
        """Do what is due. Raises nothing but CancelledError."""


class Agenda:
    """The chores of one trader."""

    def __init__(self, timing: Timing, chores: Mapping[str, Chore]) -> None:
        self._timing = timing
        self._chores = dict(chores)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._not_before: dict[str, float] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="csbook agenda")

    def wake(self) -> None:
        """A schedule changed."""
        self._woken.set()

    async def close(self) -> None:
        """Stop, and cancel what is being done."""
        tasks = [task for task in (self._task, *self._running.values()) if task is not None]
        self._task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._woken.clear()
            now = self._timing.now()
            soonest = inf
            for name, chore in self._chores.items():
                if name in self._running:
                    continue
                due = max(self._due(name, chore, now), self._not_before.get(name, now))
                if due <= now:
                    task = loop.create_task(chore.run(now), name=f"csbook {name}")
                    self._running[name] = task
                    task.add_done_callback(lambda task, name=name: self._ended(name, task))  # type: ignore[misc]
                else:
                    soonest = min(soonest, due)
            await self._wait(soonest - now)

    async def _wait(self, seconds: float) -> None:
        if seconds == inf:
            await self._woken.wait()
            return
        waiting = asyncio.ensure_future(self._woken.wait())
        sleeping = asyncio.ensure_future(self._timing.sleep(max(_SOON, seconds)))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._running.pop(name, None)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault(name, error)

    def _due(self, name: str, chore: Chore, now: float) -> float:
        try:
            return chore.due(now)
        except Exception as error:
            self._fault(name, error)
            return now  # and not before a pause

    def _fault(self, name: str, error: BaseException) -> None:
        self._not_before[name] = self._timing.now() + _AFTER_A_FAULT
        context = {"message": f"csbook: {name} failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
