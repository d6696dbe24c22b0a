"""What every conversation with a venue has in common: the events it brings and the questions it is asked.

A session is one connection's talk, from the open socket to its loss; a new connection takes a new session. It is
given the cold messages (the depth messages went to the core) and the time, and it answers with events and with the
frames that may be sent now. It never waits: ``next_time`` says when it wants to be asked again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from csbook.errors import BadMessage
from csbook.types import Candle, Ticker, Trade

__all__ = [
    "Confirmed",
    "Depth",
    "Event",
    "Lost",
    "Malformed",
    "News",
    "Pace",
    "Record",
    "Refused",
    "Session",
    "Unconfirmed",
    "Unknown",
]


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The venue took these streams in; ``leaving``: out."""

    streams: tuple[str, ...]
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no to this stream; ``leaving``: to letting it go."""

    streams: tuple[str, ...]
    code: int
    message: str
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """The venue did not answer for these streams within the deadline."""

    streams: tuple[str, ...]
    deadline: float
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A message that is a record, exact and frozen."""

    record: Trade | Ticker | Candle


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message, or one entry of it, that is not what its kind demands; it was dropped."""

    error: BadMessage


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed message of a kind, channel or symbol that nobody asked for."""

    kind: str


@dataclass(frozen=True, slots=True)
class Depth:
    """A depth message that was wrapped in the conversation: for the core. Only of sessions that are ``framed``."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class News:
    """News of an account that was wrapped in the conversation: for the venue's trading table. Numbers are exact."""

    channel: str
    data: Any


@dataclass(frozen=True, slots=True)
class Lost:
    """The conversation is over, though the socket may still stand."""

    reason: str


Event: TypeAlias = Confirmed | Refused | Unconfirmed | Record | Malformed | Unknown | Depth | News | Lost


class Pace(Protocol):
    """How often may be sent; ``guard.budget.RateBudget`` is one. Times in seconds."""

    def wait(self, now: float) -> float:
        """Seconds until one more message is within the limit."""

    def spend(self, now: float) -> None:
        """One message was sent."""


class Session(Protocol):
    """The talk of one connection. Times are monotonic seconds, ``receive_time_ns`` is wall time."""

    @property
    def binary(self) -> bool:
        """Whether what it sends goes out as binary frames."""

    @property
    def framed(self) -> bool:
        """Whether its frames are no messages but pieces of a stream of them: nothing goes to the core by itself."""

    def opened(self, now: float) -> None:
        """The socket stands. What is to be said first, and what is to be waited for, counts from here."""

    def subscribe(self, streams: Iterable[str]) -> None:
        """Ask for streams; the frames come from ``frames``, the answer is a Confirmed, Refused or Unconfirmed."""

    def unsubscribe(self, streams: Iterable[str]) -> None:
        """Give streams up; answered in the same way."""

    def receive(self, payload: bytes, receive_time_ns: int) -> list[Event]:
        """What a cold message means."""

    def frames(self, now: float) -> list[bytes]:
        """The messages to send now, as far as the pace allows."""

    def overdue(self, now: float) -> list[Event]:
        """The requests whose answer is late, each once."""

    def next_time(self, now: float) -> float | None:
        """When ``frames`` or ``overdue`` will next have something; None: not before something else happens."""
