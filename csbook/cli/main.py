"""The door of the command ``csbook``: everything that can go wrong ends here in one line and an exit code.

0: done, and so is an end by Ctrl-C or SIGTERM while something was shown. 2: it could not be done, and standard error
says why. 130: given up before anything was open. A traceback is a bug of csbook's.

Nothing is imported before it can be missed: without an extra the line names what to install.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
from collections.abc import Sequence

from csbook.cli.figures import printable
from csbook.errors import CsbookError

__all__ = ["main"]

FAILED, GIVEN_UP = 2, 130
EXTRAS = {"aiohttp": "cli", "click": "cli", "rich": "cli", "prometheus_client": "metrics"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (``sys.argv`` unless given) and return the exit code."""
    _fill_the_first_three()
    given = sys.argv[1:] if arguments is None else list(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a name that the terminal cannot spell is no reason to end
    logging.getLogger("csbook").addHandler(logging.NullHandler())  # what it logs is in the states and the counters
    try:
        from csbook.cli.commands import invoke

        return invoke(given)
    except CsbookError as error:
        return _complain(str(error))
    except ImportError as error:
        missing = _missing(error)
        if not missing:
            raise
        return _complain(f'{missing} is not installed: pip install "csbook[{EXTRAS[missing]}]"')
    except (KeyboardInterrupt, asyncio.CancelledError):
        _complain("stopped")
        return GIVEN_UP


def _fill_the_first_three() -> None:
    """Whoever closed standard input or output gets nothing from it; a socket in its place would be the end of libuv."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one


def _missing(error: BaseException | None) -> str:
    """The package of an extra whose absence is behind an import error, or nothing."""
    while error is not None:
        if isinstance(error, ImportError) and (error.name or "").split(".")[0] in EXTRAS:
            return (error.name or "").split(".")[0]
        error = error.__cause__
    return ""


def _complain(text: str) -> int:
    print(f"csbook: {printable(' '.join(text.split()))}", file=sys.stderr)
    return FAILED
