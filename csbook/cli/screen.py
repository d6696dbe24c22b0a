"""The terminal while the ladder is on it: the alternate screen, the keys, and everything put back afterwards.

Drawn ten times a second at most, and less often where the terminal is slow: drawing never takes more than a tenth of
the loop's time. What is logged meanwhile is kept and said when the screen is gone. Ctrl-Z does nothing here: it would
leave the shell on the wrong screen.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.control import Control

from csbook.cli.ladder import Ladder
from csbook.cli.scene import Observer
from csbook.cli.stop import Stop

try:
    import termios
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

__all__ = ["Screen", "show"]

EVERY_S = 0.1
SHARE = 10  # drawing takes at most one part in so many
NEXT, BACK = ("\t", "n", "\x1b[C", "\x1b[B"), ("\x1b[Z", "p", "\x1b[D", "\x1b[A")


async def show(observer: Observer, stop: Stop, seconds: float | None) -> None:
    """The ladder on standard output, until ``stop`` or for so many seconds."""
    await Screen(observer, stop, Console()).run(seconds)


class Screen:
    """Shows what an observer sees, until it is time to stop."""

    def __init__(self, observer: Observer, stop: Stop, console: Console) -> None:
        self._observer = observer
        self._stop = stop
        self._console = console
        self._ladder = Ladder()
        self._shown = 0
        self._hint = "Ctrl-C ends"
        self._taken = False

    async def run(self, seconds: float | None) -> None:
        """Draw until ``stop``, or for so many seconds."""
        loop = asyncio.get_running_loop()
        with ExitStack() as stack:
            stack.enter_context(_kept_log())
            if stack.enter_context(_keys(loop, self._pressed)):
                several = len(self._observer.scene().books) > 1
                self._hint = "tab next  q quit" if several else "q quit"
                if self._observer.quoting is not None:
                    self._hint = f"h halt  r re-arm  {self._hint}"
            stack.enter_context(self._console.screen())
            self._taken = True
            ending = asyncio.create_task(self._stop.wait(seconds))
            cost = 0.0  # of the last frame; the first one pays for imports
            try:
                while not ending.done():
                    before, began = cost, loop.time()
                    self._draw()
                    cost = loop.time() - began
                    await asyncio.wait([ending], timeout=max(EVERY_S, (SHARE - 1) * min(before, cost)))
            finally:
                self._taken = False
                ending.cancel()

    def _draw(self) -> None:
        """One write of a whole frame, past the cropping that rich does for others: a row is never too long."""
        if self._taken:
            frame = self._ladder.frame(self._observer.scene(self._shown, self._hint))
            with self._console:
                self._console.control(Control.home())
                self._console.print(frame, end="", crop=False, overflow="ignore", no_wrap=True)

    def _pressed(self, key: str) -> None:
        if key in ("q", "Q"):
            self._stop.now()
            return
        quoting = self._observer.quoting
        count = len(self._observer.scene().books)
        if key.isdecimal() and 1 <= int(key) <= count:
            self._shown = int(key) - 1
        elif key in NEXT or key in BACK:
            self._shown = (self._shown + (1 if key in NEXT else -1)) % count
        elif quoting is not None and key in ("h", "H"):
            quoting.halt()
        elif quoting is not None and key in ("r", "R"):
            quoting.rearm()
        else:
            return
        self._draw()


@contextmanager
def _keys(loop: asyncio.AbstractEventLoop, pressed: Callable[[str], None]) -> Iterator[bool]:
    """Keys one by one and without an echo, where standard input is the terminal and ours to read."""
    where = _terminal()
    if where is None:
        yield False
        return

    def read() -> None:
        try:
            data = os.read(where, 64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            loop.remove_reader(where)
            return
        text = data.decode("utf-8", "replace")
        for key in [text] if text.startswith("\x1b") else text:
            pressed(key)

    before, mode = termios.tcgetattr(where), termios.tcgetattr(where)
    mode[0] &= ~termios.IXON  # Ctrl-S would hold up the feed
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    mode[3] |= termios.NOFLSH  # Ctrl-C would drop what is being drawn, from the middle of a character on
    mode[6][termios.VSUSP] = b"\x00"
    mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
    try:
        termios.tcsetattr(where, termios.TCSADRAIN, mode)
        loop.add_reader(where, read)
        yield True
    finally:
        loop.remove_reader(where)
        termios.tcsetattr(where, termios.TCSAFLUSH, before)
        os.close(where)


def _terminal() -> int | None:
    """The terminal of standard input, opened once more: a loop may make what it reads from non-blocking, and standard
    output, which shares the first opening, must not become so."""
    if termios is None or sys.stdin is None or not sys.stdin.isatty():
        return None
    try:
        if os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():  # in the background
            return None
        return os.open(os.ttyname(sys.stdin.fileno()), os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return None


class _Keeper(logging.Handler):
    """Keeps the last records."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: deque[logging.LogRecord] = deque(maxlen=100)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _kept_log() -> Iterator[None]:
    """Errors that are logged while the screen is taken are said on standard error afterwards."""
    keeper = _Keeper()
    root = logging.getLogger()
    root.addHandler(keeper)
    try:
        yield
    finally:
        root.removeHandler(keeper)
        for record in keeper.records:
            if not record.name.startswith("csbook"):  # csbook's own are in the state and in the counters
                print(keeper.format(record), file=sys.stderr)
