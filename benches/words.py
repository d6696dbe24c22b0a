"""The words of the benchmarks.

A Job is one contender's way of doing a task, as a few statements of Python text. The same text is compiled into
``step`` (one message, its answer returned: this is checked) and into ``drain`` (many messages: this is timed), so that
what is checked is what is timed, and neither pays for a call that a user would not make. Nothing here knows a task or a
peer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Levels = list[tuple[float, float]]
Answer = tuple[Any, ...]
Drain = Callable[[Sequence[Any]], object]


@dataclass(frozen=True, slots=True)
class Job:
    """How a contender does it: ``text`` reads ``message`` and the free ``names``, and leaves what ``leaves`` names."""

    text: str
    names: Mapping[str, Any]
    leaves: tuple[str, ...] = ("bid", "ask")
    applies: bool = True  # False: it keeps no book, so there is no answer to check
    note: str = ""
    whole: bool = True  # False: it does less than the task asks for, and the note says what
    prepare: Callable[[Sequence[Any]], Any] | None = None  # messages into what the text takes; not timed
    levels: Callable[[], tuple[Levels, Levels]] | None = None  # the whole book, to be checked as well
    as_columns: Callable[[Any], Any] | None = None  # an answer in another form, turned for the check; not timed
    own_drain: Drain | None = None  # where the loop itself is not Python's
    own_check: Callable[[Sequence[Any]], list[Answer]] | None = None  # and then this tells the answers

    def _compile(self, source: str, name: str) -> Callable[..., Any]:
        bound = "".join(f", {key}={key}" for key in self.names)
        scope = dict(self.names)
        exec(compile(source.format(bound=bound), f"<{name} of a job>", "exec"), scope)
        compiled: Callable[..., Any] = scope[name]
        return compiled

    def step(self) -> Callable[[Any], Answer]:
        """One message in, the answer out."""
        answer = "".join(f"{name}, " for name in self.leaves) if self.applies else ""
        body = "\n".join(f"    {line}" for line in [*self.text.splitlines(), f"return ({answer})"])
        return self._compile(f"def step(message{{bound}}):\n{body}\n", "step")

    def drain(self) -> Drain:
        """Many messages, as tight as a user would write it."""
        if self.own_drain is not None:
            return self.own_drain
        body = "\n".join(f"        {line}" for line in self.text.splitlines())
        return self._compile(f"def drain(messages{{bound}}):\n    for message in messages:\n{body}\n", "drain")


class Course(Protocol):
    """What the contenders run on, lap after lap: the same content each time, update ids rising."""

    @property
    def answers(self) -> Sequence[Answer]:
        """The judge's, message by message."""

    @property
    def final(self) -> tuple[Levels, Levels] | None:
        """The judge's book after a lap."""

    @property
    def repeats(self) -> int:
        """Times that a lap is run in one round."""

    def lap(self, number: int) -> Sequence[Any]:
        """The messages of a lap, numbered from 0; each lap is run once, in order."""

    def rewind(self, number: int) -> bytes | None:
        """A message that takes the book back to where the lap began; None where the next lap needs no such thing."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One contender's result, in the table's unit. ``ratio`` is to the table's reference, in the same rounds."""

    contender: str
    median: float
    p99: float
    ratio: float | None = None
    rounds: int = 0
    note: str = ""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """A figure to reach: ``what`` ("median", "p99" or "ratio") of a contender is to be at most ``limit``.

    A ratio is to the table's reference, or of medians to the contender that ``against`` names. ``least``: at least.
    """

    contender: str
    what: str
    limit: float
    text: str
    against: str = ""
    least: bool = False

    def value(self, table: Table) -> float | None:
        """What was measured; None where somebody is missing."""
        figure, other = table.figure(self.contender), table.figure(self.against)
        if figure is None or (self.against and other is None):
            return None
        found: float | None = figure.median / other.median if other is not None else getattr(figure, self.what)
        return found

    def reached(self, value: float | None) -> bool:
        return value is not None and (value >= self.limit if self.least else value <= self.limit)


@dataclass(slots=True)
class Table:
    """One case of a task: figures of all contenders on the same course."""

    task: str
    case: str
    about: str
    unit: str = "ns"
    reference: str | None = None
    figures: list[Figure] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)  # who gave a wrong answer, or failed, and how

    def figure(self, contender: str) -> Figure | None:
        return next((figure for figure in self.figures if figure.contender == contender), None)

    def verdicts(self) -> list[tuple[Target, float | None, bool]]:
        """Each target with what was measured and whether it was reached."""
        values = [(target, target.value(self)) for target in self.targets]
        return [(target, value, target.reached(value)) for target, value in values]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to do."""

    rounds: int = 25
    quick: bool = False
    budget_s: float = 1.0  # a contender that has run for so long in one case takes part in no further round of it
    cpu: int | None = None
