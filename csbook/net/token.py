"""The listenKey of a private stream, from its making to its end. ``guard.lease`` decides, this awaits.

A fresh key is asked for before every dial and serves one connection. While it serves, it is extended, where the venue
has keys that are (elsewhere a key is good for its dial, and no more is asked of it); when it is over
(the venue says so, its time is up, the stream told of it) ``on_over`` is called once, and whoever holds the connection
drops it and dials again. What goes wrong on the way is told in ``on_alert``, each by its name: a key that expired or
was refused, an extension that failed, a clock that is off. The key itself is shown as a short hash only.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from csbook.credentials import Secret
from csbook.errors import BadMessage, ConnectError, CredentialsError
from csbook.guard.lease import Lease, Step
from csbook.net.rest import Rest
from csbook.net.timing import Timing
from csbook.types import Alert
from csbook.venues.trading import Place, Trading
from csbook.wire.request import Failure, Verdict

__all__ = ["Token"]

_LOG = logging.getLogger("csbook.net")


class Token:
    """One listenKey after the other."""

    def __init__(
        self,
        rest: Rest,
        trading: Trading,
        *,
        timing: Timing,
        on_over: Callable[[str], object],
        on_alert: Callable[[Alert], object] = lambda alert: None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.made = 0
        self.extended = 0
        self.extensions_failed = 0
        self._rest = rest
        self._trading = trading
        self._timing = timing
        self._on_over = on_over
        self._on_alert = on_alert
        self.place = Place()  # of the newest key
        renewal = trading.token_renewal_s
        self._lease = None if renewal is None else Lease(life=trading.token_life_s, renewal=renewal, dice=dice)
        self._key: Secret | None = None
        self._known: deque[Secret] = deque(maxlen=16)  # what is still closing may speak of the last ones
        self._keeper: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Token {self.name}>"

    @property
    def name(self) -> str:
        """The short hash of the key, or "none"."""
        return self._key.fingerprint if self._key is not None else "none"

    async def fresh(self) -> Secret:
        """A new key for a new connection; the last one is forgotten.

        Raises CredentialsError where the venue does not let this account in, and ConnectError for all else.
        """
        self.drop()
        asked = self._timing.now()
        answer = await self._rest.send(self._trading.new_token())
        problem = answer.failure
        if problem is None:
            try:
                key = self._trading.read_token(answer.body)
                self._known.append(key)
                self.place = self._trading.read_place(answer.body)
                self._known.extend(self.place.login.values())
                self._key = key
            except BadMessage as error:
                problem = Failure(Verdict.REJECTED, str(error), answer.status)
        if problem is not None:
            kind = CredentialsError if problem.verdict in (Verdict.KEY, Verdict.CLOCK) else ConnectError
            raise kind(f"no listenKey: {problem.text}")
        assert self._key is not None
        self.made += 1
        if self._lease is not None:
            self._lease.granted(asked)
            self._keeper = asyncio.get_running_loop().create_task(self._keep(self._lease), name="csbook listenKey")
        _LOG.info("listenKey %s made", self.name)
        return self._key

    def drop(self) -> None:
        """The connection is gone, and its key with it. Nothing is awaited; twice is once."""
        self._key = None
        if self._lease is not None:
            self._lease.over()
        keeper, self._keeper = self._keeper, None
        if keeper is not None and keeper is not asyncio.current_task():
            keeper.cancel()

    def expired(self) -> None:
        """The stream said that its key is over."""
        self._over("the venue says that it expired")

    def refused(self) -> None:
        """The venue did not take the key at a dial."""
        if self._key is not None:
            self._alert(f"listenKey {self.name} was refused by the stream")
        self.drop()

    async def _keep(self, lease: Lease) -> None:
        """Extend the key until it is over."""
        while True:
            step, wait = lease.step(self._timing.now())
            if step is Step.WAIT:
                await self._timing.sleep(wait)
            elif step is Step.EXTEND:
                await self._extend(lease)
            else:
                self._over("it was not extended in time")
                return

    async def _extend(self, lease: Lease) -> None:
        asked = self._timing.now()
        answer = await self._rest.send(self._trading.extend_token())
        failure = answer.failure
        if failure is None:
            self.extended += 1
            lease.granted(asked)
            _LOG.info("listenKey %s extended", self.name)
            return
        self.extensions_failed += 1
        failure = replace(failure, text=self.hidden(failure.text))
        if failure.verdict in (Verdict.REJECTED, Verdict.NOT_FOUND):
            self._over(f"the venue knows none that is alive ({failure.text})")
            return
        why = {
            Verdict.CLOCK: "the clock is off",
            Verdict.KEY: "the api key was refused",
            Verdict.RATE: "too many requests",
        }.get(failure.verdict, "no answer")
        self._alert(f"listenKey {self.name} was not extended, {why}: {failure.text}")
        lease.failed(self._timing.now())

    def _over(self, reason: str) -> None:
        """Once a key."""
        if self._key is None:
            return
        text = f"listenKey {self.name} is over: {reason}"
        self._alert(text)
        self.drop()
        self._on_over(text)

    def _alert(self, text: str) -> None:
        _LOG.warning("%s", text)
        self._on_alert(Alert("key", text))

    def hidden(self, text: str) -> str:
        """A text with the keys of now and of before written as their short hashes."""
        for key in self._known:
            text = text.replace(key.reveal(), f"<{key.fingerprint}>")
        return text
