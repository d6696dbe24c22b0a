"""One connection to the venue, kept up for as long as it is wanted.

* It dials, subscribes inside the same turn in which the handshake ends, and is open when every stream is confirmed.
* The moment its loss is seen (a close frame, the end of the socket, a silence that the watchdog calls dead) its books
  leave LIVE and ``on_state`` is called, all before the first await. Only then it waits, dials and subscribes again.
* All policy is elsewhere: ``guard`` says how long to wait and what a silence means, ``wire`` says what to send. The
  one timer asks both when they next want to be asked.
* A stream that the venue refuses at a reconnect is reported and left out until the next one; when none is left, the
  connection is given up and tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from picows import WSCloseCode, WSMsgType, WSTransport

from csbook.clock import LiveClock
from csbook.errors import BadMessage, ConnectError, CsbookError, PrecisionError, SubscribeError
from csbook.guard.budget import ConnectionBudget, RateBudget
from csbook.guard.watchdog import NEVER, VerdictKind, Watchdog
from csbook.net._intake import Intake
from csbook.net.dial import dial
from csbook.net.lane import Lane
from csbook.net.locate import Address
from csbook.net.reader import Reader, choose
from csbook.net.setting import Setting
from csbook.net.taps import Taps
from csbook.types import Alert
from csbook.wire import session as wire

__all__ = ["Stream"]

_LOG = logging.getLogger("csbook.net")
_SOON = 0.001  # seconds: the shortest timer, so that a clock that lags behind the loop's does not make it spin


class _Ask:
    """Somebody waits until these streams are confirmed."""

    __slots__ = ("future", "left")

    def __init__(self, names: Iterable[str]) -> None:
        self.left = set(names)
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def confirm(self, names: Iterable[str]) -> None:
        self.left.difference_update(names)
        if not self.left and not self.future.done():
            self.future.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class Stream:
    """A socket, its subscriptions, and the books that they feed. Implements ``_intake.Line``."""

    def __init__(
        self,
        names: Iterable[str],
        *,
        setting: Setting,
        budget: ConnectionBudget,
        taps: Taps,
        lane: Lane | None = None,
    ) -> None:
        self.names = dict.fromkeys(names)  # wanted, in order
        self.lane = lane  # of the books that are fed; None: no depth stream
        self.reconnects = 0
        self.refused_records = 0
        self.records = 0
        self.unknown = 0
        self.pings = 0
        self._setting = setting
        self._budget = budget
        self._taps = taps
        self._clock = LiveClock()
        self._loop = asyncio.get_running_loop()
        self._source = 0 if lane is None else lane.enter(self)
        router = None if lane is None else lane.router
        self.intake = Intake(self, router, taps.on_book, self._loop.call_soon, self._source)
        self.reader_name, self._reader_class = choose()
        self._watchdog = Watchdog(setting.patience())
        self._backoff = setting.policy.backoff()
        self._asks: list[_Ask] = []
        self._confirmed: set[str] = set()
        self._refused: set[str] = set()
        self._seen_kinds: set[str] = set()
        self._closed = False
        self._reader: Reader | None = None
        self._transport: WSTransport | None = None  # None: no connection
        self._left: WSTransport | None = None  # the last one, whose socket may still be closing
        self._session: wire.Session | None = None
        self._address = Address("")
        self._due = 0.0  # when the timer will ask again
        self._pace = RateBudget(setting.messages_per_second)
        self._timer: asyncio.TimerHandle | None = None
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._keeper: asyncio.Task[None] | None = None

    # -- the life ---------------------------------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        return self._transport is not None

    @property
    def path(self) -> str:
        """Of the socket."""
        return self._setting.path

    async def open(self) -> None:
        """Connect and subscribe. Raises ConnectError or SubscribeError, and leaves nothing open then."""
        ask = self._ask(self.names)
        try:
            await self._dial()
            await ask.future
        except BaseException:
            await self.close("not opened")
            raise
        finally:
            self._forget(ask)
        self._keeper = self._loop.create_task(self._keep(), name=f"csbook stream {next(iter(self.names), '')}")
        self._keeper.add_done_callback(self._kept)

    async def add(self, names: Iterable[str]) -> None:
        """Subscribe to more streams on this socket; ends when they are confirmed. Raises SubscribeError."""
        fresh = [name for name in names if name not in self.names]
        ask = self._ask(fresh)
        self.names.update(dict.fromkeys(fresh))
        if self._session is not None:
            self._session.subscribe(fresh)
            self._attend()
        within = 2.0 * self._setting.policy.confirm_within
        try:
            async with asyncio.timeout(within):
                await ask.future
        except BaseException as error:
            self._give_up(fresh)
            if isinstance(error, TimeoutError):
                raise SubscribeError(_unconfirmed(fresh, within), stream=", ".join(fresh)) from None
            raise
        finally:
            self._forget(ask)

    def remove(self, names: Iterable[str]) -> None:
        """Unsubscribe; what still comes of these streams is no longer asked for."""
        self._give_up([name for name in names if name in self.names])

    def resubscribe(self, names: tuple[str, ...]) -> bool:
        """Leave and enter streams, for the snapshot that comes with it; False where the connection does not stand."""
        if self._session is None:
            return False
        self._session.unsubscribe(names)
        self._session.subscribe(names)
        self._attend()
        return True

    def publish(self) -> None:
        """Tell of the books that changed outside of a frame."""
        self.intake.publish()

    def shut(self, reason: str) -> None:
        """Leave for good: the books leave LIVE, the socket is shut, nothing is dialled again."""
        self._closed = True
        self._drop(reason)
        for ask in self._asks:
            ask.fail(self._loss(reason))
        if self._keeper is not None:
            self._keeper.cancel()

    async def close(self, reason: str = "feed closed") -> None:
        """The same, and wait until all of it is gone."""
        self.shut(reason)
        if self._keeper is not None:
            await asyncio.wait([self._keeper])
        await self._gone()

    async def _keep(self) -> None:
        """After every loss: wait, dial, and be open again."""
        while True:
            reason = await self._lost
            await self._gone()
            while True:
                wait = self._backoff.lost(self._now())
                _LOG.warning("connection to %s lost (%s); next try in %.2f s", self._setting.origin, reason, wait)
                await asyncio.sleep(wait)
                try:
                    await self._dial()
                    break
                except ConnectError as error:
                    reason = str(error)
                    self._taps.error(error)
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
                _LOG.debug("after the loss: %s", error)

    async def _dial(self) -> None:
        wait = self._budget.wait(self._now())
        while wait > 0.0:
            await asyncio.sleep(wait)
            wait = self._budget.wait(self._now())
        self._budget.dialled(self._now())
        setting = self._setting
        self._address = await self._located()
        self._lost = self._loop.create_future()
        self.intake.reset()
        self._reader = self._reader_class(self.intake)
        reader = self._reader
        try:
            origin, within = str(setting.origin), setting.policy.dial_within
            await dial(self._address.url, origin, lambda: reader, route=setting.route, within=within)
        except ConnectError as error:
            self._drop("the dial failed")
            raise ConnectError(f"{error}{setting.hint}", url=error.url) from error.__cause__
        except BaseException:
            self._drop("the dial was given up")
            raise

    async def _located(self) -> Address:
        setting = self._setting
        if setting.locate is None:
            return Address(setting.origin.url(setting.path, stream=next(iter(self.names), "")))
        try:
            return await setting.locate()
        except CsbookError as error:
            raise ConnectError(f"{error}{setting.hint}", url=str(setting.origin)) from error

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
        self._session = None
        if not transport.is_disconnected:
            transport.send_close(code)
            transport.disconnect(graceful=False)
        if self.lane is not None:
            self.lane.left(self._source, reason)
        if self._keeper is None:  # still opening: whoever waits for that is told, and nobody dials again
            for ask in self._asks:
                ask.fail(self._loss(reason))
        if not self._lost.done():
            self._lost.set_result(reason)

    def counts(self) -> dict[str, int]:
        """What this stream has seen since it was made, over all its connections."""
        counts = {
            "messages": self.intake.messages,
            "bytes": self.intake.payload_bytes,
            "reconnects": self.reconnects,
            "refused": self.refused_records,
            "unknown": self.unknown,
            "records": self.records,
            "pings": self.pings,
        }
        if self.lane is not None and self._source == 0:  # the router is the whole lane's
            routed = self.lane.router.counts
            counts["updates"] = routed["applied"]
            counts["refused"] += routed["refused"]
            for name in ("ignored", "cold", "declined", "buffered", "unnamed", "unknown_symbol"):
                counts[name] = routed[name]
            counts["gaps"] = routed["gap"]
        elif self.lane is None:
            counts["cold"] = self.intake.messages
        return counts

    def _loss(self, reason: str) -> ConnectError:
        origin = str(self._setting.origin)
        return ConnectError(f"connection to {origin} lost: {reason}{self._setting.hint}", url=origin)

    # -- the talk ---------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._clock.monotonic_ns() / 1e9

    def _ask(self, names: Iterable[str]) -> _Ask:
        ask = _Ask(names)
        self._asks.append(ask)
        return ask

    def _forget(self, ask: _Ask) -> None:
        self._asks.remove(ask)
        if ask.future.done() and not ask.future.cancelled():
            ask.future.exception()  # seen, even where its waiter was cancelled
        ask.future.cancel()

    def _give_up(self, names: list[str]) -> None:
        for name in names:
            del self.names[name]
        self._confirmed.difference_update(names)
        self._refused.difference_update(names)
        if self._session is not None and names:
            self._session.unsubscribe(names)
            self._attend()

    def _attend(self) -> None:
        """Send what is due, judge the silence, and set the timer for the next time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        session, transport = self._session, self._transport
        if session is None or transport is None:
            return
        now = self._now()
        kind = WSMsgType.BINARY if session.binary else WSMsgType.TEXT
        for frame in session.frames(now):
            transport.send(kind, frame)
        for event in session.overdue(now):
            self._heed(event)
        if self._transport is not None:
            self._judge(now)
        if self._transport is None:
            return
        due = self._watchdog.due(now, self._heard(), self._data(now))
        asked = session.next_time(now)
        if asked is not None:
            due = min(due, asked)
        self._due = due
        self._timer = self._loop.call_later(max(_SOON, due - now), self._attend)

    def _judge(self, now: float) -> None:
        for verdict in self._watchdog.judge(now, self._heard(), self._data(now)):
            if verdict.kind is VerdictKind.DEAD:
                self._drop(verdict.reason)
                return
            if verdict.kind is VerdictKind.PROBE:
                self._probe()
            elif self.lane is not None:
                books = self.lane.router.books
                for symbol in (verdict.symbol,) if verdict.symbol else tuple(books):
                    # beside another connection that goes on, a silent one says nothing about the book
                    if not self.lane.racing or books[symbol].age_ns() >= self._setting.stale_after * 1e9:
                        self.lane.stale(symbol, verdict.reason)

    def _heard(self) -> float:
        return self.intake.heard_ns / 1e9 if self.intake.heard_ns else NEVER

    heard = _heard

    def _data(self, now: float) -> dict[str, float]:
        """When each book's last depth message came: for a single book any, for many the last that was applied."""
        if self.lane is None:
            return {}
        books, subscribed = self.lane.router.books, self.lane.names
        if len(books) == 1:
            last = self.intake.depth_ns / 1e9 if self.intake.depth_ns else NEVER
            return dict.fromkeys(subscribed, last)
        ages = {symbol: book.age_ns() for symbol, book in books.items() if symbol in subscribed}
        return {symbol: now - age / 1e9 if age >= 0 else NEVER for symbol, age in ages.items()}

    def _probe(self) -> None:
        if self._transport is not None:
            self._pace.spend(self._now())
            self._transport.send_ping()

    def _heed(self, event: wire.Event) -> None:
        match event:
            case wire.Record(record):
                self.records += 1
                self._taps.record(record)
            case wire.Confirmed(leaving=True) | wire.Refused(leaving=True) | wire.Unconfirmed(leaving=True):
                pass  # nobody waits for it, and what still comes of such a stream is no harm
            case wire.Confirmed(streams):
                self._confirmed.update(name for name in streams if name in self.names)
                for ask in tuple(self._asks):
                    ask.confirm(streams)
                self._settle()
            case wire.Refused(streams, code, message):
                for name in streams:
                    text = f"stream {name} refused: {message} (code {code})"
                    self._refuse(name, SubscribeError(text, stream=name, code=code))
                self._settle()
            case wire.Unconfirmed(streams, deadline):
                wanted = [name for name in streams if name in self.names]
                if wanted:
                    text = _unconfirmed(wanted, deadline)
                    self._refuse(", ".join(wanted), SubscribeError(text, stream=", ".join(wanted)))
                    self._drop(text)
            case wire.Depth(payload):
                if self.lane is not None:
                    self.intake.deliver(payload)
            case wire.Lost(reason):
                self._drop(reason)
            case wire.Malformed(error):
                self.refused_records += 1
                self._taps.error(error)
            case wire.Unknown(kind):
                self.unknown += 1
                if kind not in self._seen_kinds and len(self._seen_kinds) < 64:
                    self._seen_kinds.add(kind)
                    self._taps.alert(
                        Alert("schema", f"{self._setting.origin} sends an unknown kind of message: {kind}")
                    )

    def _refuse(self, stream: str, error: SubscribeError) -> None:
        """To those who wait for it; to on_error where nobody does."""
        names = stream.split(", ")
        waiting = [ask for ask in self._asks if not ask.left.isdisjoint(names)]
        for ask in waiting:
            ask.fail(error)
        if not waiting and any(name in self.names for name in names):
            self._taps.error(error)
        self._refused.update(name for name in names if name in self.names)

    def _settle(self) -> None:
        """Every stream has its answer: data is owed from now, or nothing was granted at all."""
        answered = self._confirmed | self._refused
        if not answered >= self.names.keys() or not self.names:
            return
        if self._confirmed:
            now = self._now()
            self._watchdog.confirmed(now)
            self._backoff.opened(now)
            self._loop.call_soon(self._attend)
        elif self._keeper is not None:
            self._drop("every stream was refused")

    # -- the reader's line ------------------------------------------------------------------------------------------

    def connected(self, transport: WSTransport) -> None:
        if self._closed:
            transport.disconnect(graceful=False)
            return
        setting = self._setting
        self._transport = transport
        self._pace = RateBudget(setting.messages_per_second)
        within = setting.policy.confirm_within
        self._session = setting.converse(pace=self._pace, confirm_within=within, **self._address.options)
        self.intake.framed = self._session.framed
        self._confirmed.clear()
        self._refused.clear()
        now = self._now()
        self._watchdog.opened(now)
        if self.lane is not None:
            self.lane.joined(self._source)
        self._session.opened(now)
        self._session.subscribe(self.names)
        self._attend()

    def cold(self, payload: bytes, receive_time_ns: int) -> None:
        if self._session is not None:
            for event in self._session.receive(payload, receive_time_ns):
                self._heed(event)
            if self._session is not None:
                asked = self._session.next_time(self._now())
                if asked is not None and asked < self._due:
                    self._attend()

    def refused(self) -> None:
        if self.lane is not None:
            refusal = self.lane.router.refusal
            assert refusal is not None
            text = f"{next(iter(self.names), '')}: {refusal}"
            field, offset = refusal.field, refusal.offset
            if isinstance(refusal, PrecisionError):
                self._taps.error(PrecisionError(text, field=field, offset=offset, needed=refusal.needed))
            else:
                self._taps.error(BadMessage(text, field=field, offset=offset))

    def waiting(self) -> None:
        if self.lane is not None:
            self.lane.waiting()

    def moved(self) -> None:
        if self.lane is not None:
            self.lane.moved()

    def failed(self, callback: object, error: Exception) -> None:
        assert callable(callback)
        self._taps.failed(callback, error)

    def ping(self, payload: bytes) -> None:
        self.pings += 1
        if self._transport is not None:
            self._pace.spend(self._now())
            self._transport.send_pong(payload)

    def closed(self, code: int, reason: bytes) -> None:
        text = reason.decode("utf-8", "replace")[:123]
        self._drop(f"closed by the venue: {code} {text}".rstrip())

    def violated(self, code: int, reason: str) -> None:
        self._drop(f"protocol error: {reason}", WSCloseCode(code))

    def disconnected(self) -> None:
        self._drop("connection lost")


def _unconfirmed(names: list[str], within: float) -> str:
    streams = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"no confirmation of {streams} within {within:g} s"
