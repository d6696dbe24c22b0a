"""An event loop whose time passes only when nothing else can happen: real sockets, and no second of waiting.

Where an ordinary loop would sleep until its next timer, this one moves a clock there and goes on. Everything that asks
the loop for time (``asyncio.sleep``, timeouts, keep-alives) or is given ``time.clock`` lives by the same clock. What is
for threads is done at once, so that nothing is under way that the loop does not see.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from csbook.clock import TapeClock
from csbook.net.timing import Timing
from csbook.sim import LocalVenue

ResultT = TypeVar("ResultT")
GivenT = ParamSpec("GivenT")

LOOKS = 3  # at the sockets, before it is believed that nothing is on its way through the kernel
TURN_NS = 1000  # that a turn of the loop takes: no time at all would let whoever waits for a moment wait for ever
PATIENCE_S = 20.0  # real seconds without a timer and without a byte: the end of a test that waits for nothing


class Virtual:
    """The clock, and who is told when it was moved."""

    def __init__(self, now_ns: int = 1_700_000_000_000_000_000) -> None:
        self.clock = TapeClock(now_ns)
        self.timing = Timing(self.clock)
        self.venues: list[LocalVenue] = []  # what they have to do later is waited for, too
        self.at_rest: Callable[[], None] = lambda: None  # called whenever nothing can happen before time passes
        self.moves = 0

    def idle(self, seconds: float) -> None:
        """Move to the next moment at which something happens, at most so far."""
        self.at_rest()
        self.moves += 1
        now = self.clock.monotonic_ns()
        due = [now + max(1, round(seconds * 1e9))] if seconds != float("inf") else []
        due += [at for venue in self.venues if (at := venue.due_ns) is not None]
        self.clock.advance(max(0, min(due) - now))
        for venue in self.venues:
            venue.tick()


class _Selector(selectors.DefaultSelector):
    def __init__(self, time: Virtual) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._time.clock.advance(TURN_NS)
        for _ in range(LOOKS):
            found = super().select(0)
            if found or (timeout is not None and timeout <= 0):
                return found
        if timeout is None and all(venue.due_ns is None for venue in self._time.venues):
            found = super().select(PATIENCE_S)
            if not found:
                raise RuntimeError("nothing can ever happen again")
            return found
        self._time.idle(float("inf") if timeout is None else timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, time: Virtual) -> None:
        self._virtual = time
        super().__init__(_Selector(time))

    def time(self) -> float:
        return self._virtual.clock.monotonic_ns() / 1e9

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        done: asyncio.Future[Any] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:
            done.set_exception(error)
        return done


def run(main: Callable[[Virtual], Coroutine[Any, Any, ResultT]], time: Virtual | None = None) -> ResultT:
    """Run a coroutine function with a time of its own."""
    chosen = time or Virtual()
    with asyncio.Runner(loop_factory=lambda: _Loop(chosen)) as runner:
        return runner.run(main(chosen))


def virtually(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test of pytest that runs so; its argument ``time`` is the ``Virtual``."""

    @wraps(test)
    def runs(**fixtures: Any) -> None:
        async def main(time: Virtual) -> None:
            await test(time=time, **fixtures)

        run(main)

    asked = signature(test)
    kept = [parameter for name, parameter in asked.parameters.items() if name != "time"]
    runs.__signature__ = asked.replace(parameters=kept)  # type: ignore[attr-defined]
    del runs.__wrapped__  # type: ignore[attr-defined]
    return runs
