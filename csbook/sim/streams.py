"""The private streams that are open: whose they are, what they are told, and how they end when a listenKey expires.

Every event of an account goes to all of its streams that want it, in the order in which things happened.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from csbook.sim.accounts import Account
from csbook.sim.alarms import Alarms
from csbook.sim.connection import Connection, Farewell
from csbook.sim.desk import Desk, PrivateTalk
from csbook.sim.keys import ListenKeys
from csbook.sim.speech import Message

__all__ = ["Streams"]

EXPIRED = Farewell(1008, "the listenKey has expired")
LOGGED_OUT = Farewell(1008, "the login has ended")


class Streams:
    """Private connections and their talks. With ``silent_expiry`` a stream whose key expires stays open, untold."""

    def __init__(
        self,
        keys: ListenKeys,
        alarms: Alarms,
        desk: Desk,
        now_ms: Callable[[], int],
        *,
        silent_expiry: bool = False,
    ) -> None:
        self.connections: dict[Connection, PrivateTalk] = {}
        self._keys = keys
        self._alarms = alarms
        self._desk = desk
        self._now_ms = now_ms
        self._silent_expiry = silent_expiry
        self._opened: dict[str, int] = {}
        self._over: set[Connection] = set()  # whose key has expired
        keys.renewed = self._renewed
        keys.ended = self._close

    def name(self, account: Account | None) -> str:
        """What faults know the account's next stream by; "" as long as nobody has logged in."""
        if account is None:
            return ""
        self._opened[account.name] = self._opened.get(account.name, 0) + 1
        return f"{account.name}/{self._opened[account.name]}"

    def enter(self, connection: Connection, talk: PrivateTalk) -> None:
        """A stream was opened."""
        self.connections[connection] = talk

    def leave(self, connection: Connection) -> None:
        """A stream is gone."""
        self.connections.pop(connection, None)
        self._over.discard(connection)
        connection.gone.set()

    def tell(self, account: Account, event: bytes, topic: str = "") -> None:
        """An event for the streams of an account: for all, or for those that want its topic."""
        message = Message(topic, event, False)
        framed: dict[Hashable, bytes] = {}  # once for all who are sent the same bytes
        for connection, talk in self.connections.items():
            if talk.account is not account or connection in self._over or not _wants(talk, topic):
                continue
            if not connection.private:
                connection.private = self.name(account)
            form = talk.form(topic)
            if (data := framed.get(form)) is None:
                data = framed[form] = connection.framed(event, topic)
            connection.offer(message, data)

    def expire(self, account: Account | None = None) -> int:
        """End the keys, or the logins, of an account or of all, now. Returns how many there were."""
        gone = self._keys.expire(account)
        self._close(gone)
        logins = [
            connection
            for connection, talk in self.connections.items()
            if not talk.key and talk.account is not None and account in (None, talk.account)
        ]
        for connection in logins:
            connection.hang_up(LOGGED_OUT)
        return len(gone) + len(logins)

    def _renewed(self) -> None:
        """A key was made or extended: look again when its time is over."""
        self._alarms.set(self._keys.life_s, lambda: self._close(self._keys.expired()))

    def _close(self, keys: list[str]) -> None:
        for connection, talk in self.connections.items():
            if talk.key in keys and connection not in self._over:
                self._over.add(connection)
                if not self._silent_expiry:
                    self._say_over(connection, talk)

    def _say_over(self, connection: Connection, talk: PrivateTalk) -> None:
        said = self._desk.expiry_event(self._now_ms())
        if said is None or not _wants(talk, said[0]):
            return
        topic, event = said
        message, data = Message(topic, event, False), connection.framed(event, topic)
        if self._desk.ends_with_key:
            connection.offer_last(message, data, EXPIRED)
        else:
            connection.offer(message, data, sound=True)


def _wants(talk: PrivateTalk, topic: str) -> bool:
    return not topic or talk.wants(topic)
