"""The schema monitor: does what a venue sends still look as its table says?

A venue may change a message without a word. Three faults are seen: an unknown field, a missing one, and one of another
kind. Each is counted per channel and field, and told once. What follows is the policy's: ``warn`` tells it, ``degrade``
asks for the slower source (REST), ``halt`` for the kill switch. The monitor only says so.

How it stays cheap: the layout of an object (its keys, in order, and the types of its values) decides what is wrong
with it, so a layout that was judged once is recognised by two comparisons. Only what stands inside of text is looked at
again. Text that should be a number is asked for its characters here, for its exact form by whoever reads the value.
A message whose layouts were all found without fault is recognised as a whole (``wire/_form.pyx``): nothing of it is
judged again, and there is nothing to count.

How it stays small, whatever is sent: so many names are remembered for a channel and the rest are one number, so many
layouts, so many elements of an array are looked at, and nothing is entered that the table does not know.

A channel too fast to be checked at every message has a ``Sample``: the first message of a connection, then every n-th.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

from csbook.types import Alert
from csbook.wire._form import Form, Forms
from csbook.wire.shape import DECIMAL, OBJECT, Field, Kind, Shape, kind_of, named

__all__ = ["Action", "Drift", "Fault", "Policy", "Sample", "SchemaMonitor"]

NAMES_KEPT = 64  # unknown fields of a channel that are told by name, and unknown channels
LAYOUTS_KEPT = 64  # of one object
WIDEST_KEPT = 256  # fields of a layout that is remembered
ELEMENTS_READ = 32  # of an array
NAME_SHOWN = 60
FURTHER = "..."  # stands for the names that are not kept

# the only characters of a decimal number; one with an exponent is judged by its exact form
_DIGITS = "0123456789.-"


class Fault(enum.StrEnum):
    UNKNOWN = "unknown"
    MISSING = "missing"
    RETYPED = "retyped"


class Action(enum.StrEnum):
    WARN = "warn"
    DEGRADE = "degrade"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows from which fault."""

    unknown: Action = Action.WARN  # a field that the table does not have
    optional: Action = Action.WARN  # a field that may be absent is there, with another kind
    required: Action = Action.HALT  # a field that must be there is not, or has another kind


@dataclass(frozen=True, slots=True)
class Drift:
    """One fault of one field. ``field`` is its path: ``o.rp``, ``a.B[].wb``, or empty for the message itself."""

    channel: str
    field: str
    fault: Fault
    action: Action
    expected: str = ""
    got: str = ""

    def __str__(self) -> str:
        what = f"field {self.field!r}" if self.field else "the message"
        if self.fault is Fault.UNKNOWN:
            return f"{self.channel}: {what} is unknown"
        if self.fault is Fault.MISSING:
            return f"{self.channel}: {what} is missing; expected {self.expected}"
        return f"{self.channel}: {what} is {self.got}; expected {self.expected}"

    def alert(self) -> Alert:
        """For a person. Names and kinds only: a value never shows."""
        return Alert("schema", f"{self} ({self.action})")


class SchemaMonitor:
    """The channels of one venue. ``policies`` replaces the policy for some of them."""

    def __init__(
        self,
        shapes: Mapping[str, Shape],
        policy: Policy | None = None,
        policies: Mapping[str, Policy] | None = None,
    ) -> None:
        policy = policy or Policy()
        self._strange = _Channel("", policy, NAMES_KEPT)
        self._nodes: dict[str, tuple[_Channel, _Slot]] = {}
        for name, shape in shapes.items():
            channel = _Channel(name, (policies or {}).get(name, policy), NAMES_KEPT)
            self._nodes[name] = channel, _Slot(channel, "", Field(OBJECT, shape=shape), Forms())

    @property
    def counts(self) -> dict[tuple[str, str, Fault], int]:
        """How often each fault was seen: channel, field and fault. ``...`` stands for names beyond those kept."""
        channels = [self._strange, *(channel for channel, _ in self._nodes.values())]
        return {(t.drift.channel, t.drift.field, t.drift.fault): t.count for c in channels for t in c.tallies.values()}

    def check(self, channel: str, message: object) -> list[Drift]:
        """The faults of a message that were not told yet; usually none. All are counted.

        A message without fault that looks like one before costs some 0.2 us for twenty fields, one with a fault that
        was seen before some microseconds. Never raises, whatever the message is.
        """
        fresh: list[Drift] = []
        found = self._nodes.get(channel)
        if found is None:
            self._strange.seen_channel(channel, fresh)
        elif not found[1].forms.fit(message):
            found[1].judge(message, fresh)
        return fresh

    def forget(self) -> None:
        """Everything may be told again, as after the kill switch was re-armed; the counts stay."""
        for tally in self._strange.tallies.values():
            tally.told = False
        for channel, _ in self._nodes.values():
            for tally in channel.tallies.values():
                tally.told = False


class Sample:
    """Which messages of a fast channel are checked, decided from a count that the reader keeps anyway."""

    __slots__ = ("_next", "every")

    def __init__(self, every: int = 1000) -> None:
        if every < 1:
            raise ValueError(f"every is {every}; expected at least 1")
        self.every = every
        self._next: int | None = None

    def opened(self) -> None:
        """A new connection: its first message is checked."""
        self._next = None

    def due(self, count: int) -> bool:
        """Whether the newest message is to be checked, ``count`` being how many of the channel there were so far."""
        if self._next is not None and count < self._next:
            return False
        self._next = count + self.every
        return True


class _Tally:
    __slots__ = ("count", "drift", "told")

    def __init__(self, drift: Drift) -> None:
        self.drift = drift
        self.count = 0
        self.told = False


class _Channel:
    """The faults of one channel, each with its count, and no more than so many unknown names."""

    __slots__ = ("_names", "name", "policy", "tallies")

    def __init__(self, name: str, policy: Policy, names: int) -> None:
        self.name = name
        self.policy = policy
        self.tallies: dict[tuple[str, Fault, str], _Tally] = {}
        self._names = names

    def note(self, fresh: list[Drift], tally: _Tally, count: int = 1) -> None:
        tally.count += count
        if not tally.told:
            tally.told = True
            fresh.append(tally.drift)

    def tally(self, path: str, fault: Fault, action: Action, expected: str = "", got: str = "") -> _Tally:
        key = (path, fault, self.name)
        found = self.tallies.get(key)
        if found is None:
            found = self.tallies[key] = _Tally(Drift(self.name, path, fault, action, expected, got))
        return found

    def strange(self, prefix: str, name: object) -> _Tally:
        """The tally of an unknown field; beyond the names that are kept, the one of all further ones."""
        path = prefix + _shown(name)
        if (path, Fault.UNKNOWN, self.name) not in self.tallies:
            if self._names <= 0:
                return self.tally(FURTHER, Fault.UNKNOWN, self.policy.unknown)
            self._names -= 1
        return self.tally(path, Fault.UNKNOWN, self.policy.unknown)

    def seen_channel(self, name: object, fresh: list[Drift]) -> None:
        """A message of a channel that has no table."""
        shown = _shown(name)
        key = ("", Fault.UNKNOWN, shown)
        found = self.tallies.get(key)
        if found is None:
            if self._names <= 0:
                shown = FURTHER
                key = ("", Fault.UNKNOWN, shown)
            self._names -= 1
            found = self.tallies.setdefault(key, _Tally(Drift(shown, "", Fault.UNKNOWN, self.policy.unknown)))
        self.note(fresh, found)


class _Layout:
    """What was found out about one layout of an object."""

    __slots__ = ("form", "inner", "keys", "tallies", "texts", "types")

    def __init__(
        self,
        keys: tuple[str, ...],
        types: tuple[type, ...],
        tallies: list[_Tally],
        numbers: list[str],
        inner: list[tuple[str, _Slot]],
        form: Form | None,
    ) -> None:
        self.form = form  # None where something is wrong, or where it cannot be recognised as a whole
        self.keys = keys
        self.types = types
        self.tallies = tallies
        # the texts that should be numbers; of one name alone an itemgetter would make no tuple
        self.texts: Callable[[Any], tuple[str, ...]] | None = None
        if numbers:
            self.texts = itemgetter(*numbers * (2 if len(numbers) == 1 else 1))
        self.inner = inner


# equal to no layout that a message can have: an empty object is learned like any other
_NOTHING = _Layout((), (dict,), [], [], [], None)


class _Slot:
    """A field at its place in a channel: judges the values that arrive there."""

    __slots__ = ("_action", "_channel", "_children", "_field", "_items", "_known", "_last", "_path", "_prefix", "forms")

    def __init__(self, channel: _Channel, path: str, field: Field, forms: Forms) -> None:
        self.forms = forms  # of the objects that stand here; of an array's, all of them
        self._channel = channel
        self._path = path
        self._prefix = f"{path}." if path else ""
        self._field = field
        self._action = channel.policy.required if field.required else channel.policy.optional
        self._items: _Slot | None = None
        if field.items is not None:
            self._items = _Slot(channel, f"{path}[]", field.items, Forms(ELEMENTS_READ))
        self._children: dict[str, _Slot] | None = None
        if field.shape is not None:
            self._children = {n: _Slot(channel, self._prefix + n, f, Forms()) for n, f in field.shape.fields.items()}
        self._known: dict[tuple[tuple[str, ...], tuple[type, ...]], _Layout] = {}
        self._last = _NOTHING

    def judge(self, value: object, fresh: list[Drift]) -> None:
        """Count what is wrong with the value and what is inside of it; add what was never told."""
        if type(value) is not dict or self._children is None:
            self._judge_other(value, fresh)
            return
        keys = tuple(value)
        types = tuple(map(type, value.values()))
        layout = self._last
        if keys != layout.keys or types != layout.types:
            known = self._known.get((keys, types))
            if known is None:
                layout = self._learn(value, keys, types, fresh)
            else:
                layout = self._last = known
        for tally in layout.tallies:
            self._channel.note(fresh, tally)
        if layout.texts is not None:
            texts = layout.texts(value)
            if "".join(texts).strip(_DIGITS) or "" in texts:
                self._judge_texts(value, fresh)
        for name, slot in layout.inner:
            slot.judge(value[name], fresh)
        if layout.form is not None:
            self.forms.add(layout.form)

    def _judge_other(self, value: object, fresh: list[Drift]) -> None:
        if type(value) is list and self._items is not None:  # only an array has items
            for element in value if len(value) <= ELEMENTS_READ else value[:ELEMENTS_READ]:
                self._items.judge(element, fresh)
            return
        kind = kind_of(value)
        if kind not in self._field.kinds:
            self._retyped(kind, fresh)

    def _retyped(self, kind: Kind, fresh: list[Drift]) -> None:
        self._channel.note(fresh, self._retyped_tally(kind))

    def _retyped_tally(self, kind: Kind) -> _Tally:
        return self._channel.tally(self._path, Fault.RETYPED, self._action, str(self._field), named(kind))

    def _judge_texts(self, value: dict[str, Any], fresh: list[Drift]) -> None:
        """Some text that should be a decimal number may be none."""
        assert self._children is not None
        for name, child in self._children.items():
            text = value.get(name)
            if type(text) is str:
                kind = kind_of(text)
                if kind not in child._field.kinds:
                    child._retyped(kind, fresh)

    def _learn(
        self, value: dict[str, Any], keys: tuple[str, ...], types: tuple[type, ...], fresh: list[Drift]
    ) -> _Layout:
        """Judge a layout; remember it where it is of a size to be remembered."""
        children = self._children
        assert children is not None
        tallies: list[_Tally] = []
        numbers: list[str] = []
        inner: list[tuple[str, _Slot]] = []
        present = 0
        for name, child in children.items():
            if name not in value:
                if child._field.required:
                    tallies.append(child._missing_tally())
                continue
            present += 1
            found = value[name]
            kinds = child._field.kinds
            if type(found) is str:
                if Kind.WORDS not in kinds:
                    # text where none may be is wrong whatever it says; where a number may be, its letters decide
                    if DECIMAL in kinds:
                        numbers.append(name)
                    else:
                        tallies.append(child._retyped_tally(kind_of(found)))
            elif kind_of(found) not in kinds:
                tallies.append(child._retyped_tally(kind_of(found)))
            elif child._items is not None or child._children is not None:
                inner.append((name, child))
        strange = len(value) - present
        if strange:
            names = islice((name for name in value if name not in children), NAMES_KEPT)
            listed = [self._channel.strange(self._prefix, name) for name in names]
            tallies += listed
            if strange > len(listed):
                further = self._channel.tally(FURTHER, Fault.UNKNOWN, self._channel.policy.unknown)
                self._channel.note(fresh, further, strange - len(listed))
        form = None if tallies else _form(keys, types, numbers, inner)
        layout = _Layout(keys, types, tallies, numbers, inner, form)
        if strange <= NAMES_KEPT and _is_small(value):
            self._last = layout
            if len(self._known) < LAYOUTS_KEPT:
                self._known[keys, types] = layout
        return layout

    def _missing_tally(self) -> _Tally:
        return self._channel.tally(self._path, Fault.MISSING, self._action, str(self._field))


def _form(
    keys: tuple[str, ...], types: tuple[type, ...], numbers: list[str], inner: list[tuple[str, _Slot]]
) -> Form | None:
    """What a layout without fault is recognised by; None where it has an array of something else than objects."""
    demands: dict[str, Forms | bool] = dict.fromkeys(numbers, True)
    for name, slot in inner:
        items = slot._items
        if items is None:
            demands[name] = slot.forms
        elif items._children is not None:
            demands[name] = items.forms
        else:
            return None
    return Form(keys, types, tuple(map(demands.get, keys)))


def _is_small(value: dict[str, Any]) -> bool:
    """Whether the keys may be kept: a hostile one could be of any length."""
    return len(value) <= WIDEST_KEPT and sum(map(len, value)) <= 16 * WIDEST_KEPT


def _shown(name: object) -> str:
    """A name of another's making, short and without anything that a terminal would obey."""
    text = str(name)[: NAME_SHOWN + 1]
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= NAME_SHOWN else f"{text[: NAME_SHOWN - 3]}..."
