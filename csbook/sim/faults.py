"""What goes wrong, decided by arithmetic.

Pure: ``Faults`` says how often each fault happens; ``verdict`` decides about one message of a public stream from
(seed, connection, index) and those rates alone, so that the same seed breaks the same messages again,
``event_verdict`` about one event of a private stream from (seed, stream, index), and ``request_verdict`` about one
signed request from (seed, operation, index). Each suffers at most one fault; the rates of a table are exact shares of
what it is about and must not add up to more than 1.

Messages of the public streams:

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

Events of the private streams, of each stream by itself:

| fault | what happens to the event |
|---|---|
| ``event_drop`` | it is not sent |
| ``event_duplicate`` | it is sent twice |
| ``event_reorder`` | it is sent after the next one of its stream (at the latest when the venue is told to be quiet) |
| ``event_delay`` | it and all behind it are held back for up to so long, past the answer of the request |
| ``event_disconnect`` | instead of it the stream ends: without a word, or by a close frame 1001 |
| ``event_expire`` | instead of it all listenKeys of the account expire |

Signed requests:

| fault | what happens to the request |
|---|---|
| ``request_lost`` | it is not carried out, and never answered: the connection is closed, after so long |
| ``request_429`` | it is not carried out, and answered with 429 |
| ``request_503`` | it is not carried out, and answered with 503 |
| ``answer_lost`` | it is carried out, and never answered: the connection is closed, after so long |
| ``answer_503`` | it is carried out, and answered with 503 |

A login that is said on a socket, as at Bybit, is one, too: an answer that says 429 or 503 refuses it in words.

As text: ``NAME=RATE``, and for ``delay``, ``stall``, ``event_delay``, ``request_lost`` and ``answer_lost``
``NAME=RATE:TIME``, as in ``stall=0.001:8s`` or ``delay=0.1:50ms``. A request whose connection is to be closed after an
hour is one whose answer never comes. On private streams and requests times are those of the venue's clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from hashlib import blake2b

from csbook.errors import UsageError

__all__ = [
    "EVENT_KINDS",
    "KINDS",
    "REQUEST_KINDS",
    "Faults",
    "Verdict",
    "as_faults",
    "event_verdict",
    "mangled",
    "request_verdict",
    "verdict",
]

KINDS = ("drop", "duplicate", "reorder", "delay", "split", "disconnect", "malformed", "stall")
EVENT_KINDS = (
    "event_drop", "event_duplicate", "event_reorder", "event_delay", "event_disconnect", "event_expire",
)  # fmt: skip
REQUEST_KINDS = ("request_lost", "request_429", "request_503", "answer_lost", "answer_503")

_GROUPS = (KINDS, EVENT_KINDS, REQUEST_KINDS)
_TIMED = {
    "delay": "delay_s",
    "stall": "stall_s",
    "event_delay": "event_delay_s",
    "request_lost": "request_lost_s",
    "answer_lost": "answer_lost_s",
}
_AT_ONCE = ("request_lost", "answer_lost")  # whose time may be 0
_UNITS = {"ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Faults:
    """How often each fault happens, as a share of the messages, and how long some of them last."""

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
    event_drop: float = 0.0
    event_duplicate: float = 0.0
    event_reorder: float = 0.0
    event_delay: float = 0.0
    event_disconnect: float = 0.0
    event_expire: float = 0.0
    event_delay_s: float = 0.05
    request_lost: float = 0.0
    request_429: float = 0.0
    request_503: float = 0.0
    answer_lost: float = 0.0
    answer_503: float = 0.0
    request_lost_s: float = 0.0
    answer_lost_s: float = 0.0

    def __post_init__(self) -> None:
        for kind in (kind for kinds in _GROUPS for kind in kinds):
            rate = getattr(self, kind)
            if not 0.0 <= rate <= 1.0:
                raise UsageError(f"fault {kind}: the rate is {rate}, and a share from 0 to 1 is expected")
        for kind, name in _TIMED.items():
            seconds = getattr(self, name)
            if not (0.0 < seconds <= 3600.0 or (seconds == 0.0 and kind in _AT_ONCE)):
                raise UsageError(f"fault {kind}: the time is {seconds} s, and up to 3600 s is expected")
        for kinds in _GROUPS:
            if (total := sum(self.rates(kinds))) > 1.0 + 1e-9:
                raise UsageError(f"faults {kinds[0]} ...: the rates add up to {total:g}, and at most 1 is expected")

    def rates(self, kinds: tuple[str, ...] = KINDS) -> tuple[float, ...]:
        """The rates of those kinds, in their order."""
        return tuple(getattr(self, kind) for kind in kinds)

    def __bool__(self) -> bool:
        return any(any(self.rates(kinds)) for kinds in _GROUPS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to one message: its fault ("" for none) and numbers from 0 to below 1 for the details."""

    kind: str
    draws: tuple[float, ...]


SOUND = Verdict("", ())


def verdict(faults: Faults, seed: int, connection: int, index: int) -> Verdict:
    """The fate of the ``index``-th data message of the ``connection``-th connection."""
    return _judged(f"{seed}/{connection}/{index}", KINDS, faults)


def event_verdict(faults: Faults, seed: int, stream: str, index: int) -> Verdict:
    """The fate of the ``index``-th event of a private stream."""
    return _judged(f"{seed}/event/{stream}/{index}", EVENT_KINDS, faults)


def request_verdict(faults: Faults, seed: int, operation: str, index: int) -> Verdict:
    """The fate of the ``index``-th request for an operation."""
    return _judged(f"{seed}/request/{operation}/{index}", REQUEST_KINDS, faults)


def _judged(text: str, kinds: tuple[str, ...], faults: Faults) -> Verdict:
    rates = faults.rates(kinds)
    if not any(rates):
        return SOUND
    mark = blake2b(text.encode(), digest_size=56).digest()
    draw, *rest = (int.from_bytes(mark[at : at + 8], "little") / 2.0**64 for at in range(0, 56, 8))
    for kind, rate in zip(kinds, rates, strict=True):
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
    known = ", ".join(known for kinds in _GROUPS for known in kinds)
    if kind not in known.split(", "):
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


assert {field.name for field in fields(Faults)} == {*KINDS, *EVENT_KINDS, *REQUEST_KINDS, *_TIMED.values()}
