"""What a private dialect has to say so that the local venue can serve it. Sans-I/O.

The exchange, its accounts and its matching, the budget, the faults and the sockets are the same for every venue. A
``Desk`` says which requests there are and whose they are, answers them, puts what happens to orders into the venue's
words, and lets clients onto the private stream; a ``PrivateTalk`` is the conversation of one such stream. Each private
dialect is one file of ``sim.desks``; a venue without one has this desk, where nothing can be asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from csbook.sim import commands
from csbook.sim.accounts import Account
from csbook.sim.budget import Budget
from csbook.sim.exchange import Exchange, News, OrderRules, Refusal
from csbook.sim.keys import ListenKeys
from csbook.sim.speech import NotServed, Reply, Response, Talk

__all__ = ["Desk", "PrivateTalk", "Request", "decimal_of"]

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came. Header names are lower case; ``query`` is the text behind ``?``."""

    operation: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class PrivateTalk(Talk):
    """The conversation of a private stream, by default one in which nothing can be asked.

    ``account`` is whose stream it is: None until somebody has logged in, and nothing is told before. ``key`` is the
    listenKey that it was opened with, and lives by; "" where it was opened without.
    """

    def __init__(self, account: Account | None = None, key: str = "") -> None:
        self.account = account
        self.key = key

    def wants(self, topic: str) -> bool:
        """Whether it is told the events of a topic."""
        return True

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        """What is asked. The topics of a private stream are the talk's own affair: ``held`` is empty."""
        answer = commands.answer(said, held, (), 0)
        return Reply([answer.payload], refused=answer.refused)


class Desk:
    """Answers the requests of all accounts, and words their news."""

    operations: ClassVar[Mapping[tuple[str, str], str]] = {}  # (method, path) -> what faults and budget know it by
    rates: ClassVar[Mapping[str, tuple[int, float]]] = {}  # of an account, by name: (requests, seconds)
    rules: ClassVar[OrderRules] = OrderRules()
    stream_paths: ClassVar[tuple[str, ...]] = ()  # of private streams, as aiohttp spells patterns
    ends_with_key: ClassVar[bool] = True  # False: a stream whose key has expired stays open, and says no more

    def __init__(self, exchange: Exchange, keys: ListenKeys, budget: Budget, now_ms: Callable[[], int]) -> None:
        self.exchange = exchange
        self.keys = keys
        self.budget = budget
        self.now_ms = now_ms
        # what strikes a request for an operation that is said on a socket, as a login may be; the counter's to set
        self.fate: Callable[[str], str] = lambda operation: ""
        self.position_event = False  # positions come as events of their own, where a dialect knows both ways

    # -- requests

    def answer(self, request: Request) -> Response:
        """Carry a request out, or refuse it."""
        try:
            account = self.identify(request)
            if too_often := self.budget.refusal(account.name, *self.limits(request)):
                raise Refusal(429, too_often, "rate")
            return self.carry_out(account, request)
        except Refusal as refusal:
            return self.refused(request, refusal)

    def identify(self, request: Request) -> Account:
        """The account that signed a request. Raises Refusal."""
        raise NotImplementedError

    def limits(self, request: Request) -> tuple[str, ...]:
        """The names in ``rates`` that a request counts for; one without a rate is free."""
        return (request.operation,)

    def weight(self, operation: str, query: Mapping[str, str]) -> int:
        """What a request costs the address that it came from, of what public calls cost, too: theirs is the answer."""
        return 0

    def carry_out(self, account: Account, request: Request) -> Response:
        """The answer to a request that was identified. Raises Refusal; then nothing has changed."""
        raise NotImplementedError

    def refused(self, request: Request, refusal: Refusal) -> Response:
        """A refusal in the venue's words."""
        raise NotImplementedError

    def throttled(self) -> Response:
        """The answer 429, to a request that was not carried out."""
        raise NotImplementedError

    def unavailable(self, *, carried_out: bool) -> Response:
        """The answer 503, to a request that was carried out or not."""
        raise NotImplementedError

    # -- the private stream

    def admit(self, path: str, query: Mapping[str, str]) -> PrivateTalk:
        """The conversation of a new stream; ``path`` is the pattern in ``stream_paths``. Raises NotServed."""
        raise NotServed(404, {})

    def events(self, news: News) -> Iterable[tuple[str, bytes]]:
        """What the streams of the order's account are told, each with its topic; "" goes to all of them."""
        return ()

    def expiry_event(self, at_ms: int) -> tuple[str, bytes] | None:
        """What a stream is told whose listenKey is no longer good; None: nothing."""
        return None


def decimal_of(field: str, value: Any) -> Decimal:
    """A decimal text, or a JSON number, as it is written. Raises Refusal (422)."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 30:
        value = format(value, "f")
    elif type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        message = f"{field} {str(value)[:40]!r} is no number; a decimal text is expected, as in '0.001'"
        raise Refusal(422, message, "number")
    return Decimal(value)
