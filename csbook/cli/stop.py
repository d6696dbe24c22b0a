"""When a command ends: after its seconds, by Ctrl-C or SIGTERM, or by a word from within.

The first signal asks for an orderly end; before ``arm`` (nothing is open yet, so there is nothing to sum up) and from
the second one on it cancels the command's task instead: nobody has to wait for a venue that does not answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Stop"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """The end of a command, to be used as ``with Stop() as stop`` on the command's own task."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._event = asyncio.Event()
        self._armed = False
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> Self:
        for number in SIGNALS:
            before = signal.getsignal(number)
            try:
                self._loop.add_signal_handler(number, self._signalled)
                self._undo.append(partial(self._loop.remove_signal_handler, number))
            except NotImplementedError:  # Windows
                signal.signal(number, self._interrupted)
            self._undo.append(partial(signal.signal, number, before))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for undo in self._undo:
            undo()

    def arm(self) -> None:
        """From now on the first signal lets the command end in good order."""
        self._armed = True

    def now(self) -> None:
        """End in good order."""
        self._event.set()

    async def wait(self, seconds: float | None) -> None:
        """Until it is time. ``seconds`` of None: until somebody says so."""
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            self._event.set()

    def with_input(self) -> None:
        """End also when standard input does: when whoever started this process is gone."""
        threading.Thread(target=self._await_input, daemon=True).start()

    def _await_input(self) -> None:
        # below sys.stdin, whose lock would be held when the interpreter ends
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._event.set)

    @property
    def is_set(self) -> bool:
        return self._event.is_set()

    def _signalled(self) -> None:
        if self._armed and not self._event.is_set():
            self._event.set()
        elif self._task is not None:
            self._task.cancel()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._signalled)
