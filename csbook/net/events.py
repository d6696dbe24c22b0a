"""What a private stream brings, taken to the account.

A report is applied; one that names no symbol is first joined with the order that the account knows by its id. Whatever
leaves open what happened (a hint, a message that is malformed or refused, an order that nobody knows) asks for the
account, which then is the truth. Each message is held against the shape that it should have, where one is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from csbook.account import Account, Change
from csbook.errors import BadMessage
from csbook.guard.killswitch import Cause
from csbook.guard.schema import Action, SchemaMonitor
from csbook.net.timing import Timing
from csbook.types import Alert
from csbook.wire.private import Hint, KeyExpired, OrderReport
from csbook.wire.session import Malformed, Unknown
from csbook.wire.shape import Shape
from csbook.wire.userdata import PrivateEvent

__all__ = ["Events"]


class Events:
    """Those of one account. ``ask``: the account has to be asked for; ``halt``: a message has drifted too far.

    ``shapes`` by the event's name; empty: none are known, and nothing is held against them.
    """

    def __init__(
        self,
        account: Account,
        shapes: Mapping[str, Shape],
        timing: Timing,
        *,
        took: Callable[[Iterable[Change]], object],
        alert: Callable[[Alert], object],
        ask: Callable[[], object],
        halt: Callable[[Cause, str], object],
    ) -> None:
        self.count = 0
        self.hints = 0
        self.monitor = SchemaMonitor(shapes)
        self._knows_shapes = bool(shapes)
        self._account = account
        self._timing = timing
        self._took = took
        self._alert = alert
        self._ask = ask
        self._halt = halt

    def reports(self, events: list[PrivateEvent]) -> None:
        """What one message says."""
        self.count += 1
        now_ns = self._timing.now_ns()
        for event in events:
            kind = type(event)
            if kind is Unknown or kind is KeyExpired:
                continue
            if kind is Malformed or kind is Hint:
                self.hints += kind is Hint
                self._ask()  # what it should have said is not known
                continue
            if isinstance(event, OrderReport) and not event.symbol:
                known = self._account.order(order_id=event.order_id)
                if known is None:
                    self._ask()
                    continue
                event = replace(event, symbol=known.symbol)
            try:
                self._took(self._account.apply(event, now_ns))  # type: ignore[arg-type]
            except BadMessage as error:
                self._alert(Alert("schema", f"a private event was refused: {error}"))
                self._ask()

    def message(self, message: Any, receive_time_ns: int) -> None:
        """A message as it came, before it is read: does it still look as it should?"""
        if not self._knows_shapes:
            return
        name = message.get("e") if isinstance(message, dict) else None
        for drift in self.monitor.check(str(name), message):
            self._alert(drift.alert())
            if drift.action is Action.HALT:
                self._halt(Cause.SCHEMA, str(drift))
            elif drift.action is Action.DEGRADE:
                self._ask()
