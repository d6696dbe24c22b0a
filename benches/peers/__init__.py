"""Who is measured: one file a peer, all with the same functions. What a peer cannot do, it has no function for.

==============================  =====================================================================================
``NAME``                        as the tables say it
``PACKAGES``                    whose versions to tell
``snapshot(levels)``            a Job: payload of a snapshot to readable touch
``parsed(levels)``              a Job: the same from the lists that orjson gives
``delta(start)``                a Job: payload of a Binance diff to touch, on the book of the REST answer ``start``
``reads(payload)``              Jobs by read: of a book that holds the snapshot ``payload``; they leave ``value``
``fresh(payload)``              the same right after an update: ``prepare`` updates a book for each message, and
                                ``message`` in the text is such a book
``hold(payload)``               an object that holds a book, for the task memory
==============================  =====================================================================================

A peer is written as well as its users could write it, by its public interface where it has one for the job. Who cannot
be imported here is listed with the reason.
"""

from __future__ import annotations

import re
from importlib import import_module
from types import ModuleType

FOLDER = re.compile(
    r"\(?[\w:.\\-]*[/\\][^\s()]*[/\\][^\s()]*\)?"
)  # where things lie on this machine is nobody's business
REFERENCE = "orjson.loads alone"
NAMES = (
    "csbook",
    "orjson_alone",
    "limit",
    "msgspec_floats",
    "orjson_bisect",
    "orjson_sorteddict",
    "numpy_only",
    "order_book",
    "order_book_decimal",
    "mm_toolbox",
    "hftbacktest",
    "ccxt_pro",
    "cryptofeed",
    "ubldc",
    "nautilus",
)


# What a peer asks for that not every Python has; said beside the error where it is missing.
NEEDS = {
    "mm_toolbox": "its compiled book, 1.0, is for Python 3.12 and 3.13",
    "limit": "it is compiled when it is imported",
}


def load(names: tuple[str, ...] = NAMES) -> tuple[list[ModuleType], dict[str, str]]:
    """The peers that are here, and of the others why they are not."""
    found, missing = [], {}
    for name in names:
        try:
            found.append(import_module(f"benches.peers.{name}"))
        except Exception as error:  # an import may fail in any way, and the others are to run
            text = " ".join(FOLDER.sub("", str(error)).split())
            missing[name] = f"{type(error).__name__}: {text[:160]}" + (f"; {NEEDS[name]}" if name in NEEDS else "")
    return found, missing
