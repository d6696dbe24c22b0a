"""One connection to the venue, kept up for as long as it is wanted.

* It dials, subscribes inside the same turn in which the handshake ends, and is open when every stream is confirmed.
* The moment its loss is seen its books leave LIVE and ``on_state`` is called, all before the first await. How it is
  kept up is ``link``'s business.
* ``wire`` says what to send, and when it wants to be asked again.
* A stream that the venue refuses at a reconnect is reported and left out until the next one; when none is left, the
  connection is given up and tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from picows import WSMsgType

from csbook.errors import BadMessage, ConnectError, CsbookError, PrecisionError, SubscribeError
from csbook.guard.budget import ConnectionBudget, RateBudget
from csbook.guard.watchdog import NEVER, Verdict
from csbook.net.lane import Lane
from csbook.net.link import Link
from csbook.net.locate import Address
from csbook.net.setting import Setting
from csbook.net.taps import Taps
from csbook.types import Alert
from csbook.wire import session as wire

__all__ = ["Stream"]


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


class Stream(Link):
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
        self._source = 0 if lane is None else lane.enter(self)
        super().__init__(
            setting,
            name=f"stream {next(iter(self.names), '')}",
            router=None if lane is None else lane.router,
            source=self._source,
            callbacks=taps.on_book,
        )
        self.refused_records = 0
        self.records = 0
        self.unknown = 0
        self._budget = budget
        self._taps = taps
        self._asks: list[_Ask] = []
        self._confirmed: set[str] = set()
        self._refused: set[str] = set()
        self._seen_kinds: set[str] = set()
        self._session: wire.Session | None = None
        self._place = Address("")
        self._pace = RateBudget(setting.messages_per_second)

    @property
    def path(self) -> str:
        """Of the socket."""
        return self._setting.path

    # -- the life ---------------------------------------------------------------------------------------------------

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
        self._keep_up()

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

    def heard(self) -> float:
        """When the last frame came, in monotonic seconds; minus infinity: none yet."""
        return self._heard()

    def shut(self, reason: str) -> None:
        """Leave for good: the books leave LIVE, the socket is shut, nothing is dialled again."""
        super().shut(reason)
        for ask in self._asks:
            ask.fail(self._loss(reason))

    async def close(self, reason: str = "feed closed") -> None:
        await super().close(reason)

    async def _address(self) -> str:
        wait = self._budget.wait(self._now())
        while wait > 0.0:
            await asyncio.sleep(wait)
            wait = self._budget.wait(self._now())
        self._budget.dialled(self._now())
        setting = self._setting
        if setting.locate is None:
            self._place = Address(setting.origin.url(setting.path, stream=next(iter(self.names), "")))
        else:
            try:
                self._place = await setting.locate()
            except CsbookError as error:
                raise ConnectError(str(error), url=str(setting.origin)) from error
        return self._place.url

    def _failed(self, error: CsbookError) -> None:
        self._taps.error(error)

    def _lost(self, reason: str) -> None:
        self._session = None
        if self.lane is not None:
            self.lane.left(self._source, reason)
        if self._keeper is None:  # still opening: whoever waits for that is told, and nobody dials again
            for ask in self._asks:
                ask.fail(self._loss(reason))

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
            for name in ("ignored", "cold", "declined", "buffered", "unnamed", "unknown_symbol", "quotes"):
                counts[name] = routed[name]
            counts["gaps"] = routed["gap"]
        elif self.lane is None:
            counts["cold"] = self.intake.messages
        return counts

    def _loss(self, reason: str) -> ConnectError:
        origin = str(self._setting.origin)
        return ConnectError(f"connection to {origin} lost: {reason}{self._setting.hint}", url=origin)

    # -- the talk ---------------------------------------------------------------------------------------------------

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

    def _say(self, now: float) -> float | None:
        session, transport = self._session, self._transport
        if session is None or transport is None:
            return None
        kind = WSMsgType.BINARY if session.binary else WSMsgType.TEXT
        for frame in session.frames(now):
            transport.send(kind, frame)
        for event in session.overdue(now):
            self._heed(event)
        return session.next_time(now)

    def _stale(self, verdict: Verdict) -> None:
        if self.lane is not None:
            books = self.lane.router.books
            for symbol in (verdict.symbol,) if verdict.symbol else tuple(books):
                # beside another connection that goes on, a silent one says nothing about the book
                if not self.lane.racing or books[symbol].age_ns() >= self._setting.stale_after * 1e9:
                    self.lane.stale(symbol, verdict.reason)

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

    def _sent(self) -> None:
        self._pace.spend(self._now())

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

    def _greet(self) -> None:
        setting = self._setting
        self._pace = RateBudget(setting.messages_per_second)
        within = setting.policy.confirm_within
        self._session = setting.converse(pace=self._pace, confirm_within=within, **self._place.options)
        self.intake.framed = self._session.framed
        self._confirmed.clear()
        self._refused.clear()
        if self.lane is not None:
            self.lane.joined(self._source)
        self._session.opened(self._now())
        self._session.subscribe(self.names)

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


def _unconfirmed(names: list[str], within: float) -> str:
    streams = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"no confirmation of {streams} within {within:g} s"
