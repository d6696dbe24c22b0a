"""The listenKeys of the accounts' private streams: each good for so long after its last renewal. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from csbook.clock import Clock
from csbook.sim.accounts import Account
from csbook.sim.exchange import Refusal

__all__ = ["LIFE_S", "ListenKeys"]

LIFE_S = 3600.0  # of a listenKey, from its last renewal on


class ListenKeys:
    """The live keys of all accounts. A key is shown nowhere but in the answer that makes it.

    ``renewed`` is called when one was made or extended, ``ended`` with those that somebody gave back.
    """

    def __init__(self, clock: Clock, life_s: float = LIFE_S) -> None:
        self.life_s = life_s
        self.renewed: Callable[[], None] = lambda: None
        self.ended: Callable[[list[str]], None] = lambda keys: None
        self._clock = clock
        self._keys: dict[str, tuple[Account, int]] = {}  # until, monotonic ns

    def new(self, account: Account) -> str:
        """One more key for the account."""
        key = token_hex(32)
        self._keys[key] = (account, self._until())
        self.renewed()
        return key

    def live(self, account: Account) -> list[str]:
        """The live keys of an account, oldest first."""
        return [key for key in self._keys if self.owner(key) is account]

    def extend(self, account: Account) -> None:
        """Every live key of the account lives on. Raises Refusal (400) where there is none."""
        live = self.live(account)
        if not live:
            raise Refusal(400, "This listenKey does not exist: the account has no live one", "listen_key")
        for key in live:
            self._keys[key] = (account, self._until())
        self.renewed()

    def give_back(self, account: Account) -> None:
        """No key of the account is good any longer, since it says so."""
        self.ended(self.expire(account))

    def owner(self, key: str) -> Account | None:
        """Whose key it is; None: it is unknown, or no longer good."""
        account, until = self._keys.get(key, (None, 0))
        return account if until > self._clock.monotonic_ns() else None

    def expire(self, account: Account | None = None) -> list[str]:
        """End all keys of an account, or of all. Returns them."""
        gone = [key for key, (owner, _) in self._keys.items() if account in (None, owner)]
        for key in gone:
            del self._keys[key]
        return gone

    def expired(self) -> list[str]:
        """Forget the keys whose time is over. Returns them."""
        now = self._clock.monotonic_ns()
        gone = [key for key, (_, until) in self._keys.items() if until <= now]
        for key in gone:
            del self._keys[key]
        return gone

    def _until(self) -> int:
        return self._clock.monotonic_ns() + round(self.life_s * 1e9)
