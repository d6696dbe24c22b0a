"""One request to a venue, its answer, and what an answer that is no success means. Knows no transport and no venue."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from csbook.errors import RequestError

__all__ = ["Answer", "Failure", "Request", "Signed", "Verdict", "query_of", "quoted", "seconds_of"]

_UNSAFE = re.compile(rb"[^A-Za-z0-9_.~-]")


def query_of(pairs: Iterable[tuple[str, str]]) -> str:
    """A query string without its ``?``, percent-encoded, in the order given."""
    return "&".join(f"{quoted(name)}={quoted(value)}" for name, value in pairs)


def quoted(text: str) -> str:
    """Percent-encoded, as one word of a path or a query."""
    return _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], text.encode()).decode()


def seconds_of(retry_after: str | None) -> float | None:
    """A Retry-After in seconds, an hour at most; a date is not read, the budget waits on its own then."""
    if retry_after is None or not retry_after.strip().isdigit():
        return None
    return min(float(retry_after.strip()[:9]), 3600.0)


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent, down to the bytes of the body; not yet signed, since a signature carries the time.

    ``command``: it changes something at the venue, so that it is never sent twice without knowing what became of the
    first. ``endpoint`` is the table's name for it, and the name of its budget.
    """

    endpoint: str
    method: str
    path: str
    query: str = ""  # percent-encoded, without "?"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    signed: bool = True
    command: bool = False
    cost: int = 1  # what it takes off its budget
    symbol: str = ""  # what it is about, where the answer does not say
    order_id: str = ""
    client_order_id: str = ""


class Signed:
    """The query and the headers that go out. Shows nothing of itself."""

    __slots__ = ("headers", "query")

    def __init__(self, query: str, headers: Mapping[str, str]) -> None:
        self.query = query
        self.headers = headers

    def __repr__(self) -> str:
        return "<Signed>"


class Verdict(enum.Enum):
    """What became of a request that did not succeed."""

    UNSENT = "unsent"  # it did not leave: no connection, or the local budget is used up
    REJECTED = "rejected"  # the venue refused it, for certain
    DUPLICATE = "duplicate"  # its client order id is taken; the order that took it stands
    NOT_FOUND = "not found"  # the venue knows no such order
    RATE = "rate"  # refused for the rate, not carried out
    CLOCK = "clock"  # refused for its timestamp, not carried out
    KEY = "key"  # refused for the key or the signature, not carried out
    UNKNOWN = "unknown"  # it may have been carried out


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request did not succeed. ``status`` is HTTP's, 0 where no answer came; ``code`` the venue's.

    Of a RATE: ``limits`` names what is used up where it is not the endpoint's own alone; ``banned``: asking on makes it
    worse, so that ``retry_after_s`` is to be kept however long it is.
    """

    verdict: Verdict
    text: str
    status: int = 0
    code: str = ""
    retry_after_s: float | None = None
    limits: tuple[str, ...] = ()
    banned: bool = False

    @property
    def unknown(self) -> bool:
        return self.verdict is Verdict.UNKNOWN

    def error(self, what: str) -> RequestError:
        """The same as an exception; ``what`` names the request."""
        return RequestError(f"{what}: {self.text}", status=self.status, code=self.code, unknown=self.unknown)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and when it was asked and answered by this machine's clock (ns since the epoch).

    ``failure`` is None where the request succeeded; where none came at all ``status`` is 0.
    """

    asked_ns: int
    answered_ns: int
    status: int = 0
    body: bytes = field(default=b"", repr=False)  # a listenKey may stand in it
    failure: Failure | None = None
