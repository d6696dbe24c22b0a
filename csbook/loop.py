"""Loops for low latency: ``run`` a program on the fastest loop there is, ``spin`` one that is already there.

A loop that sleeps in the kernel is woken tens of microseconds after the bytes have come. A spinning one never sleeps:
a callback that re-arms itself with ``call_soon`` makes every poll return at once. That takes a whole core, all the
time, and one busy Python thread beside it takes most of it away again: keep CPU-bound work in other processes.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from csbook.errors import UsageError

__all__ = ["Spinner", "run", "spin"]

SWITCH_INTERVAL = 1e-4  # seconds after which a thread that wants the interpreter gets it; Python's own is 5e-3
ResultT = TypeVar("ResultT")


class Spinner:
    """Keeps a loop from sleeping until ``stop``. Made by ``spin``."""

    __slots__ = ("_handle", "_loop", "_stopped", "turns")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stopped = False
        self.turns = 0  # of the loop, since it began to spin
        self._handle: asyncio.Handle = loop.call_soon(self._turn)

    def _turn(self) -> None:
        if not self._stopped:
            self.turns += 1
            self._handle = self._loop.call_soon(self._turn)

    def stop(self) -> None:
        """Let the loop sleep again. Twice is once."""
        self._stopped = True
        self._handle.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def spin(loop: asyncio.AbstractEventLoop) -> Spinner:
    """Keep a loop from ever sleeping. Call it on the loop's thread; it ends with ``stop()`` or with the loop.

    Raises UsageError where the process may use one core only: the venue's bytes could not come in beside it.
    """
    if len(_cores()) < 2:
        raise UsageError("spinning takes a core of its own, and this process may use one only")
    return Spinner(loop)


def run(main: Coroutine[Any, Any, ResultT], *, spin: bool = False, cpu: int | None = None) -> ResultT:
    """Run ``main`` to its end and return its result; on uvloop where it is installed, on asyncio's loop otherwise.

    ``spin`` keeps the loop from ever sleeping and makes threads hand over the interpreter within 0.1 ms. ``cpu`` pins
    the loop's thread, and it alone, to that core; executor threads go to the others (Linux). Both are undone at the
    end. Raises UsageError where that cannot be: a core that the process may not use, or the only one.
    """
    try:
        cores = _cores()
        if spin and len(cores) < 2:
            raise UsageError("spin=True takes a core of its own, and this process may use one only")
        if cpu is not None:
            _check_cpu(cpu, cores)
    except UsageError:
        main.close()
        raise
    with (
        asyncio.Runner(loop_factory=_loop_factory()) as runner,
        _interval(spin),
        _pinned(runner.get_loop(), cpu, cores),
    ):
        return runner.run(_spun(main) if spin else main)


async def _spun(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    with Spinner(asyncio.get_running_loop()):
        return await main


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def _cores() -> frozenset[int]:
    """The cores that this thread may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _check_cpu(cpu: int, cores: frozenset[int]) -> None:
    if not hasattr(os, "sched_setaffinity"):
        raise UsageError(f"cpu={cpu}: threads cannot be pinned on {sys.platform}")
    if cpu not in cores:
        raise UsageError(f"cpu={cpu}: this process may use the cores {', '.join(map(str, sorted(cores)))}")
    if len(cores) < 2:
        raise UsageError(f"cpu={cpu}: it is the only core of this process, nothing would be left for other threads")


@contextmanager
def _interval(wanted: bool) -> Iterator[None]:
    before = sys.getswitchinterval()
    if wanted:
        sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _pinned(loop: asyncio.AbstractEventLoop, cpu: int | None, cores: frozenset[int]) -> Iterator[None]:
    """This thread on ``cpu`` alone. A thread inherits the cores of the one that starts it: the helpers come first."""
    if cpu is None:
        yield
        return
    others = cores - {cpu}
    loop.set_default_executor(
        ThreadPoolExecutor(thread_name_prefix="csbook", initializer=os.sched_setaffinity, initargs=(0, others))
    )
    os.sched_setaffinity(0, others)
    try:
        # uvloop resolves names in threads of its own, which begin with the first name that is no number
        loop.run_until_complete(_resolve(loop))
        os.sched_setaffinity(0, {cpu})
        yield
    finally:
        os.sched_setaffinity(0, cores)


async def _resolve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        await loop.getaddrinfo("localhost", None)
    except OSError:
        return
