"""What goes wrong with a message, decided by arithmetic.

Pure: ``Faults`` says how often each fault happens, ``verdict`` decides about one message from (seed, connection,
index) and those rates alone, so that the same seed breaks the same messages again. A message suffers at most one
fault; the rates are exact shares of the messages and must not add up to more than 1.

| fault | what happens to the message |
|---|---|
| ``drop`` | it is not sent |
| ``duplicate`` | it is sent twice |
| ``reorder`` | it is sent after the next one of its connection (at once when the market comes to rest) |
| ``delay`` | it and all behind it are held back for up to so long |
| ``split`` | it is sent as several WebSocket frames, or its frames are cut over several TCP writes, or both |
| ``disconnect`` | instead of it the connection ends: without a word, or by a close frame 1001 |
| ``malformed`` | it is cut short, or replaced by garbage, or one of its numbers is made none |
| ``stall`` | before it nothing is sent for so long, not even a ping |

As text: ``NAME=RATE``, and for ``delay`` and ``stall`` ``NAME=RATE:TIME``, as in ``stall=0.001:8s`` or
``delay=0.1:50ms``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from hashlib import blake2b

from csbook.errors import UsageError

__all__ = ["KINDS", "Faults", "Verdict", "as_faults", "mangled", "verdict"]

KINDS = ("drop", "duplicate", "reorder", "delay", "split", "disconnect", "malformed", "stall")

_TIMED = {"delay": "delay_s", "stall": "stall_s"}
_UNITS = {"ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault happens, as a share of the messages, and how long two of them last."""

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    split: float = 0.0
    disconnect: float = 0.0
    malformed: float = 0.0
    stall: float = 0.0
    delay_s: float = 0.05
    stall_s: float = 8.0

    def __post_init__(self) -> None:
        for kind in KINDS:
            rate = getattr(self, kind)
            if not 0.0 <= rate <= 1.0:
                raise UsageError(f"fault {kind}: the rate is {rate}, and a share from 0 to 1 is expected")
        for kind, name in _TIMED.items():
            seconds = getattr(self, name)
            if not 0.0 < seconds <= 3600.0:
                raise UsageError(f"fault {kind}: the time is {seconds} s, and up to 3600 s is expected")
        if sum(self.rates()) > 1.0 + 1e-9:
            raise UsageError(f"faults: the rates add up to {sum(self.rates()):g}, and at most 1 is expected")

    def rates(self) -> tuple[float, ...]:
        """The rates in the order of KINDS."""
        return tuple(getattr(self, kind) for kind in KINDS)

    def __bool__(self) -> bool:
        return any(self.rates())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one message: its fault ("" for none) and numbers from 0 to below 1 for the details."""

    kind: str
    draws: tuple[float, ...]


SOUND = Verdict("", ())


def verdict(faults: Faults, seed: int, connection: int, index: int) -> Verdict:
    """The fate of the ``index``-th data message of the ``connection``-th connection."""
    if not faults:
        return SOUND
    mark = blake2b(f"{seed}/{connection}/{index}".encode(), digest_size=56).digest()
    draw, *rest = (int.from_bytes(mark[at : at + 8], "little") / 2.0**64 for at in range(0, 56, 8))
    for kind, rate in zip(KINDS, faults.rates(), strict=True):
        if draw < rate:
            return Verdict(kind, tuple(rest))
        draw -= rate
    return SOUND


_NUMBER = re.compile(rb'"-?\d+(?:\.\d+)?"')
_NO_NUMBERS = (b'"NaN"', b'"1.2.3"', b'"12a"', b'""', b'"--1"', b"null", b"[]")
_LETTERS = b'{}[]",:0123456789.ab \\'


def mangled(payload: bytes, draws: tuple[float, ...]) -> bytes:
    """A payload that no reader may accept: cut short, garbage, or with one number that is none."""
    how, where, what, *_ = draws
    numbers = list(_NUMBER.finditer(payload))
    if how < 1 / 3 and numbers:
        number = numbers[int(where * len(numbers))]
        return payload[: number.start()] + _NO_NUMBERS[int(what * len(_NO_NUMBERS))] + payload[number.end() :]
    if how < 2 / 3 and len(payload) > 1:
        return payload[: 1 + int(where * (len(payload) - 1))]
    noise = blake2b(repr(draws).encode()).digest()
    return b"}" + bytes(_LETTERS[byte % len(_LETTERS)] for byte in noise)


def as_faults(given: Faults | str | Iterable[str]) -> Faults:
    """Faults from their text, one or several; later ones win. A Faults is returned as it is."""
    if isinstance(given, Faults):
        return given
    faults: dict[str, float] = {}
    for text in [given] if isinstance(given, str) else given:
        faults.update(_parsed(text))
    return replace(Faults(), **faults)


def _parsed(text: str) -> dict[str, float]:
    kind, equals, value = text.partition("=")
    kind = kind.strip()
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise UsageError(f"fault {text!r}: {kind!r} is no fault; NAME=RATE is expected with NAME one of {known}")
    rate, colon, time = value.partition(":")
    parsed = {kind: _number(text, "RATE", rate if equals else "", "a share from 0 to 1, as in 0.01")}
    if colon:
        if kind not in _TIMED:
            raise UsageError(f"fault {text!r}: {kind} takes no time; {kind}=RATE is expected")
        found = re.fullmatch(r"\s*(\S*?)\s*(ms|s)\s*", time)
        how = "a time with its unit, as in 50ms or 8s"
        if found is None:
            raise UsageError(f"fault {text!r}: TIME is {time!r}, and {how} is expected")
        parsed[_TIMED[kind]] = _number(text, "TIME", found[1], how) * _UNITS[found[2]]
    return parsed


def _number(text: str, name: str, value: str, expected: str) -> float:
    if not re.fullmatch(r"\s*(\d+(\.\d*)?|\.\d+)(e-?\d+)?\s*", value):
        raise UsageError(f"fault {text!r}: {name} is {value.strip()!r}, and {expected} is expected")
    return float(value)


assert {field.name for field in fields(Faults)} == {*KINDS, *_TIMED.values()}
