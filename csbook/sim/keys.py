"""Who is asking: the signature of a request, and the listenKeys of an account's private streams.

Sans-I/O. A signature is the lower-case hex HMAC-SHA256, by the secret, of ``timestamp + api_key + payload``; the
payload is the body's bytes as they were sent, without a body the query string without ``?``. A refusal (401) says
what is wrong and repeats nothing that was sent.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256
from secrets import token_hex

from csbook.clock import Clock
from csbook.sim.accounts import Account
from csbook.sim.exchange import Refusal

__all__ = ["CLOCK_MS", "LIFE_S", "ListenKeys", "identify"]

CLOCK_MS = 60_000  # a timestamp may be so far from the venue's
LIFE_S = 3600.0  # of a listenKey, from its last renewal on


def identify(headers: Mapping[str, str], payload: bytes, accounts: Iterable[Account], now_ms: int) -> Account:
    """The account that signed a request. Raises Refusal (401). Header names are lower case."""
    sent = {name: headers.get(name, "") for name in ("x-api-key", "x-api-timestamp", "x-api-signature")}
    for name, value in sent.items():
        if not value:
            raise Refusal(401, f"Invalid Access: the header {name} is missing")
    api_key, timestamp, signature = sent.values()
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 16):
        raise Refusal(401, "Invalid Access: the header x-api-timestamp must be a whole number of ms")
    if abs(now_ms - int(timestamp)) > CLOCK_MS:
        raise Refusal(401, f"Invalid Access: x-api-timestamp is more than {CLOCK_MS // 1000} s from the server's time")
    for account in accounts:
        if hmac.compare_digest(account.api_key.encode(), api_key.encode()):
            signed = f"{timestamp}{api_key}".encode() + payload
            right = hmac.new(account.api_secret.encode(), signed, sha256).hexdigest()
            if hmac.compare_digest(right.encode(), signature.encode()):
                return account
            raise Refusal(401, "Invalid Access: x-api-signature is not the signature of this request")
    raise Refusal(401, "Invalid Access: x-api-key is unknown")


class ListenKeys:
    """The live keys of all accounts. A key is shown nowhere but in the answer that makes it."""

    def __init__(self, clock: Clock, life_s: float = LIFE_S) -> None:
        self.life_s = life_s
        self._clock = clock
        self._keys: dict[str, tuple[Account, int]] = {}  # until, monotonic ns

    def new(self, account: Account) -> str:
        """One more key for the account."""
        key = token_hex(32)
        self._keys[key] = (account, self._until())
        return key

    def extend(self, account: Account) -> None:
        """Every live key of the account lives on. Raises Refusal (400) where there is none."""
        live = [key for key in self._keys if self.owner(key) is account]
        if not live:
            raise Refusal(400, "This listenKey does not exist: the account has no live one")
        for key in live:
            self._keys[key] = (account, self._until())

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
