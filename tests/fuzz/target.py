"""What can be fuzzed: a function of bytes that returns, or says by a Failure what was broken.

A Target is a name, the maker of its function, and what a fuzzer starts from. The function keeps nothing between two
calls that could change what the next one does: the bytes tell the whole story. A new target is one entry of a table
(``table.py``); the guided fuzzer, the seeded one and the tests of the corpus take it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

LONGEST = 4096  # bytes of an input, unless a target says otherwise


class Failure(Exception):
    """The fuzzed code broke its word."""


@dataclass(frozen=True, slots=True)
class Target:
    """``make`` is called once in a process and returns the function; ``seeds`` are inputs that mean something.

    ``words`` are pieces that the format is made of, for the fuzzer's dictionary. ``text``: the input is text or JSON,
    and the mutations of ``mutate.py`` fit it. ``recorded`` turns a recorded message into an input of this target.
    """

    name: str
    make: Callable[[], Callable[[bytes], None]]
    seeds: Callable[[], Iterable[bytes]]
    words: Sequence[bytes] = ()
    text: bool = True
    longest: int = LONGEST
    recorded: Callable[[bytes], bytes] | None = None
