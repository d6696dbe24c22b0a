"""One WebSocket connection that is kept up for as long as it is wanted; what is said over it is the subclass's.

* The moment its loss is seen (a close frame, the end of the socket, a silence that the watchdog calls dead) ``_lost``
  is called, before the first await. Only then it waits and dials again.
* All policy is elsewhere: ``guard`` says how long to wait and what a silence means. The one timer asks the watchdog,
  and the subclass, when they next want to be asked.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any

from picows import WSCloseCode, WSTransport

from csbook._core import Router
from csbook.clock import LiveClock
from csbook.errors import ConnectError, CsbookError
from csbook.guard.watchdog import NEVER, Verdict, VerdictKind, Watchdog
from csbook.net._intake import Intake
from csbook.net.dial import dial
from csbook.net.reader import Reader, choose
from csbook.net.setting import Setting
from csbook.net.timing import Later, Timing

__all__ = ["Link"]

_LOG = logging.getLogger("csbook.net")
_SOON = 0.001  # seconds: the shortest timer, so that a clock that lags behind the loop's does not make it spin


class Link(ABC):
    """A socket with its reader, its watchdog and its backoff. Implements ``_intake.Line`` but for ``cold``."""

    def __init__(
        self,
        setting: Setting,
        *,
        name: str,
        router: Router | None = None,
        source: int = 0,
        callbacks: list[Any] | None = None,
        timing: Timing | None = None,
        logger: Any = _LOG,
    ) -> None:
        self.reconnects = 0
        self.pings = 0
        self._setting = setting
        self._name = name
        self._logger = logger
        self._timing = timing if timing is not None else Timing()
        self._loop = asyncio.get_running_loop()
        told = callbacks if callbacks is not None else []
        self.intake = Intake(self, router, told, self._loop.call_soon, source)
        self.reader_name, self._reader_class = choose()
        self._watchdog = Watchdog(setting.patience())
        self._backoff = setting.policy.backoff()
        self._closed = False
        self._reader: Reader | None = None
        self._transport: WSTransport | None = None  # None: no connection
        self._left: WSTransport | None = None  # the last one, whose socket may still be closing
        self._timer: Later | None = None
        self._due = 0.0  # when the timer will ask again
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._keeper: asyncio.Task[None] | None = None
        self._is_live = isinstance(self._timing.clock, LiveClock)
        self._heard_ns = 0  # where the clock is not the machine's: the last frame that was seen, and when it was
        self._heard_at = NEVER

    # -- the subclass's part ----------------------------------------------------------------------------------------

    @abstractmethod
    async def _address(self) -> str:
        """Where to dial, once it may be dialled. Raises a CsbookError that a later try may not meet."""

    @abstractmethod
    def _greet(self) -> None:
        """The handshake is done: send what comes first."""

    @abstractmethod
    def _lost(self, reason: str) -> None:
        """The connection is gone; called before anything is awaited."""

    @abstractmethod
    def _failed(self, error: CsbookError) -> None:
        """A try to connect again failed."""

    def _undialled(self, error: ConnectError) -> ConnectError:
        """What to raise for a dial that failed."""
        made = ConnectError(f"{error}{self._setting.hint}", url=error.url)
        made.__cause__ = error.__cause__
        return made

    def _say(self, now: float) -> float | None:
        """Send what is due; when to be asked again, None: not before something else happens."""
        return None

    def _stale(self, verdict: Verdict) -> None:
        """A silence that makes what is known stale."""

    def _data(self, now: float) -> dict[str, float]:
        """When each thing that owes data last brought some."""
        return {}

    def _sent(self) -> None:
        """A control frame was sent; it counts."""

    # -- the life ---------------------------------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        return self._transport is not None

    @property
    def _has_socket(self) -> bool:
        return self._transport is not None

    def _keep_up(self) -> None:
        """The first connection stands: from now on every loss is followed by tries to connect again."""
        self._keeper = self._loop.create_task(self._keep(), name=f"csbook {self._name}")
        self._keeper.add_done_callback(self._kept)

    def shut(self, reason: str) -> None:
        """Leave for good: the connection is shut, nothing is dialled again. Nothing is awaited."""
        self._closed = True
        self._drop(reason)
        if self._keeper is not None:
            self._keeper.cancel()

    async def close(self, reason: str = "closed") -> None:
        """The same, and wait until all of it is gone."""
        self.shut(reason)
        if self._keeper is not None:
            await asyncio.wait([self._keeper])
        await self._gone()

    async def _keep(self) -> None:
        """After every loss: wait, dial, and be connected again."""
        while True:
            reason = await self._ended
            await self._gone()
            while True:
                wait = self._backoff.lost(self._now())
                _LOG.warning("connection to %s lost (%s); next try in %.2f s", self._setting.origin, reason, wait)
                await self._timing.sleep(wait)
                try:
                    await self._dial()
                    break
                except CsbookError as error:
                    reason = str(error)
                    self._failed(error)
            self.reconnects += 1

    def _kept(self, keeper: asyncio.Task[None]) -> None:
        """The keeper ends when it is cancelled; any other end is a bug that must not pass in silence."""
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._drop("the keeper of the connection failed")
            message = "csbook: the keeper of a connection failed; it is not reconnected"
            self._loop.call_exception_handler({"message": message, "exception": error, "task": keeper})

    async def _gone(self) -> None:
        """Wait until the last socket is closed. picows keeps the error that ended it there, which was told already."""
        left, self._left = self._left, None
        if left is not None:
            try:
                async with asyncio.timeout(1.0):
                    await left.wait_disconnected()
            except Exception as error:
                self._logger.debug("after the loss: %s", error)

    async def _dial(self) -> None:
        """Connect, or leave nothing open. Raises what ``_address`` raises, and ConnectError.

        The address may carry a key: no error is raised out of a frame that knows it.
        """
        failure: BaseException
        try:
            url = await self._address()
            self._ended = self._loop.create_future()
            self.intake.reset()
            self._reader = reader = self._reader_class(self.intake)
            setting = self._setting
            within = setting.policy.dial_within
            await dial(
                url, str(setting.origin), lambda: reader, route=setting.route, within=within, logger=self._logger
            )
            return
        except ConnectError as error:
            self._drop("the dial failed")
            failure = self._undialled(error)
        except BaseException as error:
            self._drop("the dial was given up")
            failure = error if not isinstance(error, asyncio.CancelledError) else asyncio.CancelledError()
        url = ""
        raise failure

    def _drop(self, reason: str, code: WSCloseCode = WSCloseCode.OK) -> None:
        """The connection is over, whoever ended it. Nothing is awaited; twice is once."""
        if self._reader is not None:
            self._reader.detach()
            self._reader = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport, self._transport = self._transport, None
        if transport is None:
            return
        self._left = transport
        if not transport.is_disconnected:
            transport.send_close(code)
            transport.disconnect(graceful=False)
        self._lost(reason)
        if not self._ended.done():
            self._ended.set_result(reason)

    # -- time -------------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._timing.now()

    def _attend(self) -> None:
        """Send what is due, judge the silence, and set the timer for the next time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._has_socket:
            return
        now = self._now()
        asked = self._say(now)
        self._judge(now)
        if self._transport is None:
            return
        due = self._watchdog.due(now, self._heard(), self._data(now))
        if asked is not None:
            due = min(due, asked)
        self._due = due
        self._timer = self._timing.later(max(_SOON, due - now), self._attend)

    def _judge(self, now: float) -> None:
        if self._transport is None:
            return
        for verdict in self._watchdog.judge(now, self._heard(), self._data(now)):
            if verdict.kind is VerdictKind.DEAD:
                self._drop(verdict.reason)
                return
            if verdict.kind is VerdictKind.STALE:
                self._stale(verdict)
            elif self._transport is not None:
                self._sent()
                self._transport.send_ping()

    def _heard(self) -> float:
        """When the last frame came. The intake's stamp is the machine's: another clock sees that it has changed."""
        heard_ns = self.intake.heard_ns
        if self._is_live:
            return heard_ns / 1e9 if heard_ns else NEVER
        if heard_ns != self._heard_ns:
            self._heard_ns, self._heard_at = heard_ns, self._now()
        return self._heard_at

    # -- the reader's line ------------------------------------------------------------------------------------------

    def connected(self, transport: WSTransport) -> None:
        if self._closed:
            transport.disconnect(graceful=False)
            return
        self._transport = transport
        self._watchdog.opened(self._now())
        self._greet()
        self._attend()

    def ping(self, payload: bytes) -> None:
        self.pings += 1
        if self._transport is not None:
            self._sent()
            self._transport.send_pong(payload)

    def closed(self, code: int, reason: bytes) -> None:
        text = reason.decode("utf-8", "replace")[:123]
        self._drop(f"closed by the venue: {code} {text}".rstrip())

    def violated(self, code: int, reason: str) -> None:
        self._drop(f"protocol error: {reason}", WSCloseCode(code))

    def disconnected(self) -> None:
        self._drop("connection lost")

    @abstractmethod
    def cold(self, payload: bytes, receive_time_ns: int) -> None:
        """A message that is not the router's."""

    def refused(self) -> None:
        """The router refused a message; a link without a router hears of none."""

    def waiting(self) -> None:
        """The router keeps a change that cannot be applied yet."""

    def moved(self) -> None:
        """The router has changes of state to take."""

    def failed(self, callback: object, error: Exception) -> None:
        """A callback raised; a link without callbacks hears of none."""
