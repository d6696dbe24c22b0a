"""One small break of the core, and the table of them: a text a source under breaks/, written like a patch.

A line ``! side block`` names the tests that are asked first about what follows. A break opens with ``[its name]`` and
what it breaks; then come lines of the source, whole ones: ``-`` is taken out, ``+`` is put in, ``|`` stands there for
the place to be clear, ``@@`` leads to another place. What is not put in must stand in the source exactly once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BREAKS = Path(__file__).resolve().parent / "breaks"
HEADING = re.compile(r"\[([a-z0-9-]+)\] (.+)")


@dataclass
class Place:
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass
class Mutant:
    name: str
    source: Path  # below the root
    breaks: str
    tests: tuple[str, ...]  # stems of the tests that are asked first
    places: list[Place] = field(default_factory=lambda: [Place()])

    def apply(self, text: str) -> str:
        """The source with the break in it. Raises LookupError where a place is not there exactly once."""
        lines = text.split("\n")
        for place in self.places:
            found = [at for at in range(len(lines)) if place.old and lines[at : at + len(place.old)] == place.old]
            if len(found) != 1:
                raise LookupError(f"{self.name}: {self.source} has this {len(found)} times: {place.old}")
            lines[found[0] : found[0] + len(place.old)] = place.new
        return "\n".join(lines)

    @property
    def x86(self) -> bool:
        """The code is only there on that kind of processor."""
        return self.source.name in ("levels.h", "levels_x86.h")


def source_of(breaks: Path) -> Path:
    """core/x.pxi.txt is of csbook/core/x.pxi."""
    return Path("csbook") / breaks.relative_to(BREAKS).with_suffix("")


def read(breaks: Path) -> list[Mutant]:
    """The breaks of one source. Raises ValueError with the line that cannot be read."""
    found: list[Mutant] = []
    tests: tuple[str, ...] = ()
    for number, line in enumerate(breaks.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("! "):
            tests = tuple(line[2:].split())
        elif heading := HEADING.fullmatch(line):
            found.append(Mutant(heading[1], source_of(breaks), heading[2], tests))
        elif line == "@@" and found:
            found[-1].places.append(Place())
        elif line[:1] in ("-", "+", "|") and found:
            if line[0] != "+":
                found[-1].places[-1].old.append(line[1:])
            if line[0] != "-":
                found[-1].places[-1].new.append(line[1:])
        elif line:
            raise ValueError(f"{breaks.name}:{number}: {line!r}")
    return found


@cache
def mutants() -> dict[str, Mutant]:
    """All breaks by name, those of one source together. Raises ValueError for a name that stands twice."""
    by_name: dict[str, Mutant] = {}
    for path in sorted(BREAKS.rglob("*.txt")):
        for mutant in read(path):
            if mutant.name in by_name:
                raise ValueError(f"two breaks are called {mutant.name}")
            by_name[mutant.name] = mutant
    return by_name
