"""The private streams that are open: whose they are, by which listenKey, and how they end when it expires.

Every event of an account goes to all of its streams, in the order in which things happened.
"""

from __future__ import annotations

from collections.abc import Callable

from csbook.sim.accounts import Account
from csbook.sim.alarms import Alarms
from csbook.sim.board import Message
from csbook.sim.connection import Connection, Farewell
from csbook.sim.events import expiry_event
from csbook.sim.frames import TEXT, frame
from csbook.sim.keys import ListenKeys

__all__ = ["Streams"]

EXPIRED = Farewell(1008, "the listenKey has expired")


class Streams:
    """Private connections by account. With ``silent_expiry`` a stream whose key expires stays open and says no more."""

    def __init__(
        self, keys: ListenKeys, alarms: Alarms, now_ms: Callable[[], int], *, silent_expiry: bool = False
    ) -> None:
        self.connections: dict[Connection, Account] = {}
        self._keys = keys
        self._alarms = alarms
        self._now_ms = now_ms
        self._silent_expiry = silent_expiry
        self._opened: dict[str, int] = {}
        self._key_of: dict[Connection, str] = {}  # of those that are told of events

    def name(self, account: Account) -> str:
        """What faults know the account's next stream by."""
        self._opened[account.name] = self._opened.get(account.name, 0) + 1
        return f"{account.name}/{self._opened[account.name]}"

    def enter(self, connection: Connection, account: Account, key: str) -> None:
        """A stream was opened."""
        self.connections[connection] = account
        self._key_of[connection] = key

    def leave(self, connection: Connection) -> None:
        """A stream is gone."""
        self.connections.pop(connection, None)
        self._key_of.pop(connection, None)
        connection.gone.set()

    def tell(self, account: Account, event: bytes) -> None:
        """An event for all streams of an account."""
        message, data = Message("", event, False), b""
        for connection in self._key_of:
            if self.connections[connection] is account:
                data = data or frame(TEXT, event)
                connection.offer(message, data)

    def renewed(self) -> None:
        """A key was made or extended: look again when its time is over."""
        self._alarms.set(self._keys.life_s, lambda: self._close(self._keys.expired()))

    def expire(self, account: Account | None = None) -> int:
        """End the keys of an account, or of all, now. Returns how many there were."""
        gone = self._keys.expire(account)
        self._close(gone)
        return len(gone)

    def _close(self, keys: list[str]) -> None:
        for connection, key in list(self._key_of.items()):
            if key in keys:
                del self._key_of[connection]
                if not self._silent_expiry:
                    event = expiry_event(self._now_ms())
                    connection.offer_last(Message("", event, False), frame(TEXT, event), EXPIRED)
