"""A private conversation over Socket.IO: a namespace, one subscription that says whose it is, then news.

Fact sheet coinswitch, sections 5.1 and 7. Whether the venue confirms a private subscription is not documented: the
stream stands when it did, when it brings news, or when it has not said no for ``REFUSED_WITHIN`` seconds. An object
with the key ``success`` is such an answer. Every other event of the namespace is news, by whatever name it comes.
"""

from __future__ import annotations

from collections.abc import Callable

from csbook.wire.admission import Denied
from csbook.wire.fields import load_strict
from csbook.wire.session import Event, News, Pace
from csbook.wire.socketio import Load, SocketIoSession

__all__ = ["PrivateSocketIoSession"]

REFUSED_WITHIN = 1.0


class PrivateSocketIoSession(SocketIoSession):
    """One private connection in one namespace. See ``wire.admission.PrivateSession`` for the meaning of the methods.

    ``login()`` is the whole event that subscribes, as JSON: name and payload in an array.
    """

    __slots__ = ("_login", "_ready", "_taken_by")

    framed = True

    def __init__(self, *, pace: Pace, namespace: str, login: Callable[[], bytes], confirm_within: float = 10.0) -> None:
        super().__init__(pace=pace, namespace=namespace, readers={}, confirm_within=confirm_within)
        self._login = login
        self._ready = False
        self._taken_by: float | None = None  # when a subscription without an answer counts; None: not asked yet

    @property
    def ready(self) -> bool:
        return self._ready

    def frames(self, now: float) -> list[bytes]:
        out = super().frames(now)
        if self._joined and self._taken_by is None and self._pace.wait(now) <= 0.0:
            self._pace.spend(now)
            out.append(b"42" + self._prefix.encode() + self._login())
            self._taken_by = now + REFUSED_WITHIN
        return out

    def overdue(self, now: float) -> list[Event]:
        if self._taken_by is not None and now >= self._taken_by:
            self._ready = True
        return super().overdue(now)

    def next_time(self, now: float) -> float | None:
        due = super().next_time(now)
        if not self._joined or self._ready:
            return due
        ours = now + self._pace.wait(now) if self._taken_by is None else self._taken_by
        return ours if due is None else min(due, ours)

    def hear(self, message: bytes) -> list[Event]:
        return self.receive(message, 0)

    def _event(self, text: bytes, receive_time_ns: int, load: Load) -> list[Event]:
        name, payload = self._named(load_strict(text))
        is_answer = isinstance(payload, dict) and "success" in payload
        if not is_answer or payload["success"] is not False:
            self._ready = True
            return [] if is_answer else [News(name[:64], payload)]
        told = str(payload.get("message", payload.get("error", "no reason was given")))[:200]
        return [Denied(f"the subscription was refused: {told}")]
