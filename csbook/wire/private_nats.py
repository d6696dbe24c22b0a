"""A private conversation over NATS: CONNECT says whose it is, and the subjects are an account's.

Fact sheet coinswitch, sections 6.4 and 7.4. The server judges the login when it reads CONNECT, and says ``-ERR`` where
it does not let the account in. What comes on the subjects is news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from csbook.credentials import Secret
from csbook.errors import BadMessage
from csbook.wire.admission import Denied, Topics
from csbook.wire.fields import load_strict
from csbook.wire.nats import NatsSession
from csbook.wire.session import Event, Lost, Malformed, News, Pace

__all__ = ["PrivateNatsSession"]

_NOT_IN = ("authorization violation", "authentication required", "user authentication revoked")


class PrivateNatsSession(NatsSession):
    """One private connection. See ``wire.admission.PrivateSession`` for the meaning of the methods.

    ``login`` are the fields of CONNECT that say whose it is.
    """

    __slots__ = ("_login", "_subjects", "_topics")

    def __init__(
        self,
        *,
        pace: Pace,
        subjects: Iterable[str],
        login: Mapping[str, Secret],
        confirm_within: float = 10.0,
        ping_interval: float = 20.0,
        ping_timeout: float = 10.0,
    ) -> None:
        super().__init__(
            pace=pace,
            depth="",
            readers={},
            confirm_within=confirm_within,
            ping_interval=ping_interval,
            ping_timeout=ping_timeout,
        )
        self._login = login
        self._subjects = tuple(subjects)
        self._topics = Topics(self._subjects)

    @property
    def ready(self) -> bool:
        return self._topics.ready

    def opened(self, now: float) -> None:
        super().opened(now)
        self.subscribe(self._subjects)

    def overdue(self, now: float) -> list[Event]:
        return self._topics.judged(super().overdue(now))

    def hear(self, message: bytes) -> list[Event]:
        return self._topics.judged(self.receive(message, 0))

    def _brought(self, subject: bytes, payload: bytes, receive_time_ns: int) -> list[Event]:
        try:
            return [News(subject.decode("utf-8", "replace")[:256], load_strict(payload))]
        except BadMessage as error:
            return [Malformed(error)]

    def _fields(self) -> Mapping[str, str]:
        return {name: value.reveal() for name, value in self._login.items()}

    def _error(self, text: str) -> Event:
        event = super()._error(text)
        if isinstance(event, Lost) and text.lower().startswith(_NOT_IN):
            return Denied(f"the login was refused: {text}")
        return event
