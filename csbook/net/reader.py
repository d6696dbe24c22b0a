"""Which reader runs: the one that reads picows' frames by pointer, or the one that any picows can feed.

A version is on the list when the whole ``picows.pxd`` of its wheel lays out the structs as the one that csbook is built
with does. Cython's own check at import is the second net: a type that is smaller than the compiled one raises, one
that is larger only warns, so the warning is made an error here. Neither net alone is enough.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Protocol

import picows

from csbook.net._intake import Intake

__all__ = ["SAME_LAYOUT", "Reader", "choose"]

SAME_LAYOUT = frozenset({"2.1.3", "2.2.0", "2.3.0", "2.3.1"})


class Reader(Protocol):
    """A picows listener that serves one connection of an intake."""

    def detach(self) -> None:
        """The connection is given up: nothing that it still brings reaches the intake."""


def choose(version: str | None = None) -> tuple[str, Callable[[Intake], Reader]]:
    """The name and the maker of the reader for the picows that is installed: "pointer" or "buffer".

    The environment variable ``CSBOOK_READER=buffer`` forces the safe one.
    """
    if version is None:
        version = str(getattr(picows, "__version__", ""))
    if os.environ.get("CSBOOK_READER") != "buffer" and version in SAME_LAYOUT:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)
                from csbook.net._reader import PointerReader
            return "pointer", PointerReader
        except (ImportError, RuntimeWarning, TypeError, ValueError):
            pass
    from csbook.net._buffer_reader import BufferReader

    return "buffer", BufferReader
