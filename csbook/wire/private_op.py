"""Bybit's private conversation: a login, then topics by request, and the pings of every connection there.

Fact sheet bybit, section 4. The login is signed for a moment that must still lie ahead when it arrives, so that it is
made when it is sent. Nothing is subscribed to before it was accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from csbook.errors import BadMessage
from csbook.wire.admission import Denied, Topics
from csbook.wire.op import OpSession
from csbook.wire.session import Event, Lost, Malformed, Pace

__all__ = ["PrivateOpSession"]


class PrivateOpSession(OpSession):
    """One private connection to Bybit. See ``wire.admission.PrivateSession`` for the meaning of the methods.

    ``login()`` is the whole message, as text.
    """

    __slots__ = ("_answer_by", "_is_in", "_login", "_topics", "_wanted", "_within")

    def __init__(
        self,
        *,
        pace: Pace,
        topics: Iterable[str],
        login: Callable[[], bytes],
        confirm_within: float = 10.0,
        ping_interval: float = 20.0,
        ping_timeout: float = 10.0,
    ) -> None:
        super().__init__(
            pace=pace,
            readers={},
            confirm_within=confirm_within,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
        )
        self._wanted = tuple(topics)
        self._topics = Topics(self._wanted)
        self._login = login
        self._within = confirm_within
        self._is_in = False
        self._answer_by: float | None = None  # None: not asked yet

    @property
    def ready(self) -> bool:
        return self._is_in and self._topics.ready

    def frames(self, now: float) -> list[bytes]:
        if self._is_in:
            return super().frames(now)
        if self._answer_by is not None or self._pace.wait(now) > 0.0:
            return []
        self._pace.spend(now)
        self._answer_by = now + self._within
        return [self._login()]

    def overdue(self, now: float) -> list[Event]:
        if self._is_in:
            return self._topics.judged(super().overdue(now))
        late = self._answer_by is not None and now >= self._answer_by
        return [Lost(f"no answer to the login within {self._within:g} s")] if late else []

    def next_time(self, now: float) -> float | None:
        if self._is_in:
            return super().next_time(now)
        return now + self._pace.wait(now) if self._answer_by is None else self._answer_by

    def hear(self, message: Any) -> list[Event] | None:
        self._heartbeat.heard()
        if isinstance(message, dict) and isinstance(message.get("topic"), str):
            return None
        try:
            return self._topics.judged(self._events(message, 0))
        except BadMessage as error:
            return [Malformed(error)]

    def _events(self, message: Any, receive_time_ns: int) -> list[Event]:
        if not isinstance(message, dict) or message.get("op") != "auth":
            return super()._events(message, receive_time_ns)
        if message.get("success") is not True:
            return [Denied(f"the login was refused: {str(message.get('ret_msg', ''))[:200]}")]
        if not self._is_in:
            self._is_in = True
            self.subscribe(self._wanted)
        return []
