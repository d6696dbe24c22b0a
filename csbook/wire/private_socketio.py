"""A private conversation over Socket.IO: a namespace, one subscription that says whose it is, then news.

Fact sheet coinswitch, sections 5.1 and 7. Whether the venue confirms a private subscription is not documented, so the
stream stands once it was asked for; an object with the key ``success`` that says false is a refusal of the account.
Every other event of the namespace is news, by whatever name it comes.
"""

from __future__ import annotations

from collections.abc import Callable

from csbook.errors import BadMessage
from csbook.wire.admission import Denied
from csbook.wire.fields import load_strict
from csbook.wire.session import Event, Malformed, News, Pace
from csbook.wire.socketio import Load, SocketIoSession

__all__ = ["PrivateSocketIoSession"]


class PrivateSocketIoSession(SocketIoSession):
    """One private connection in one namespace. See ``wire.admission.PrivateSession`` for the meaning of the methods.

    ``login()`` is the whole event that subscribes, as JSON: name and payload in an array.
    """

    __slots__ = ("_is_asked", "_login")

    framed = True

    def __init__(self, *, pace: Pace, namespace: str, login: Callable[[], bytes], confirm_within: float = 10.0) -> None:
        super().__init__(pace=pace, namespace=namespace, readers={}, confirm_within=confirm_within)
        self._login = login
        self._is_asked = False

    @property
    def ready(self) -> bool:
        return self._is_asked

    def frames(self, now: float) -> list[bytes]:
        out = super().frames(now)
        if self._joined and not self._is_asked and self._pace.wait(now) <= 0.0:
            self._pace.spend(now)
            out.append(b"42" + self._prefix.encode() + self._login())
            self._is_asked = True
        return out

    def next_time(self, now: float) -> float | None:
        due = super().next_time(now)
        if not self._joined or self._is_asked:
            return due
        asking = now + self._pace.wait(now)
        return asking if due is None else min(due, asking)

    def hear(self, message: bytes) -> list[Event]:
        return self.receive(message, 0)

    def receive(self, payload: bytes, receive_time_ns: int) -> list[Event]:
        if self._attachments:
            self._attachments -= 1
            return []
        try:
            return self._packet(payload, receive_time_ns, load_strict)
        except BadMessage as error:
            return [Malformed(error)]

    def _event(self, text: bytes, receive_time_ns: int, load: Load) -> list[Event]:
        name, payload = self._named(load(text))
        if not isinstance(payload, dict) or "success" not in payload:
            return [News(name[:64], payload)]
        if payload["success"] is not False:
            return []
        told = str(payload.get("message", payload.get("error", "no reason was given")))[:200]
        return [Denied(f"the subscription was refused: {told}")]
