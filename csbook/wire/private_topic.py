"""KuCoin's private conversation: that of the public one, with topics that are an account's.

Fact sheet kucoin, sections 1 and 4. Whose topics they are says the token in the address.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from csbook.errors import BadMessage
from csbook.wire.admission import Topics
from csbook.wire.session import Event, Malformed, Pace
from csbook.wire.topic import TopicSession

__all__ = ["PrivateTopicSession"]


class PrivateTopicSession(TopicSession):
    """One private connection to KuCoin. See ``wire.admission.PrivateSession`` for the meaning of the methods."""

    __slots__ = ("_topics", "_wanted")

    def __init__(
        self,
        *,
        pace: Pace,
        topics: Iterable[str],
        confirm_within: float = 10.0,
        ping_interval: float = 18.0,
        ping_timeout: float = 10.0,
    ) -> None:
        super().__init__(
            pace=pace,
            readers={},
            confirm_within=confirm_within,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
            private=True,
        )
        self._wanted = tuple(topics)
        self._topics = Topics(self._wanted)

    @property
    def ready(self) -> bool:
        return self._topics.ready

    def opened(self, now: float) -> None:
        super().opened(now)
        self.subscribe(self._wanted)

    def overdue(self, now: float) -> list[Event]:
        return self._topics.judged(super().overdue(now))

    def hear(self, message: Any) -> list[Event] | None:
        self._heartbeat.heard()
        if isinstance(message, dict) and "subject" in message:
            return None
        try:
            return self._topics.judged(self._events(message, 0))
        except BadMessage as error:
            return [Malformed(error)]
