"""The private stream of one account: dialled with a fresh key, read into reports, kept up for as long as it is wanted.

* Where a key in the address is not all that the venue wants, the table's session says the rest: a login, topics, pings.
  The stream stands when its session is ready; a topic that cannot be had ends the connection.
* The key stands in the address, so nothing here shows an address: picows is given a logger that hides the key, and no
  error is raised out of a frame that knows it.
* Each message is read once; ``on_message`` sees it as it came, ``on_reports`` what the table makes of it.
* ``on_lost(reason)`` is called at the moment the loss is seen, before anything is awaited; ``on_restored()`` inside the
  turn in which the next one stands, before its first message (a session's topics may bring some before the last of
  them is confirmed). What the venue said in between nobody will repeat: whoever listens has to ask.
* News that the venue counts is dropped where a newer one of the same thing came before it.
* Where messages are wrapped (Socket.IO, NATS) the session unwraps them. One of them that it does not know, or that is
  malformed, may have been news: the account is asked for.
* A stream that is silent is normal. A ping goes out after ``stale_after``, and one that is not answered is a loss. A
  key that is over ends the stream, whether the venue tells of it or falls silent.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from picows import WSCloseCode, WSMsgType

from csbook.credentials import Secret
from csbook.errors import BadMessage, ConnectError, CredentialsError, CsbookError, UsageError
from csbook.guard.budget import RateBudget
from csbook.guard.watchdog import Patience, Watchdog
from csbook.net.link import Link
from csbook.net.origin import websocket_origin
from csbook.net.rest import Rest
from csbook.net.setting import Setting
from csbook.net.timing import Timing
from csbook.net.token import Token
from csbook.types import Alert
from csbook.venues import dialect
from csbook.venues.trading import Place, Trading
from csbook.wire.admission import Denied, PrivateSession
from csbook.wire.fields import FloatFound, load, load_exact
from csbook.wire.newest import Newest
from csbook.wire.private import Hint, KeyExpired
from csbook.wire.session import Event, Lost, Malformed, News, Unknown
from csbook.wire.userdata import PrivateEvent

__all__ = ["PrivateStream"]

_LOG = logging.getLogger("csbook.net.private")

_SOMETHING = Hint("a message that nobody can read")

OnMessage = Callable[[Any, int], object]
OnReports = Callable[[list[PrivateEvent]], object]


class _Hiding(logging.LoggerAdapter[logging.Logger]):
    """Logs with the key of the moment written as its short hash, in the text of an exception, too."""

    def __init__(self, hidden: Callable[[str], str]) -> None:
        super().__init__(_LOG, {})
        self._hidden = hidden

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if not self.isEnabledFor(level):
            return
        try:
            text = str(msg) % args if args else str(msg)
        except (TypeError, ValueError):
            text = str(msg)
        failure = kwargs.pop("exc_info", None)
        if isinstance(failure, BaseException):
            text = f"{text} ({type(failure).__name__}: {failure})"
        self.logger.log(level, "%s", self._hidden(text))


class PrivateStream(Link):
    """See the head of this file. ``open`` ends when the first connection stands.

    Raises UsageError for a venue that has no private stream.
    """

    def __init__(
        self,
        rest: Rest,
        trading: Trading,
        *,
        setting: Setting,
        timing: Timing,
        on_reports: OnReports,
        on_lost: Callable[[str], object],
        on_restored: Callable[[], object],
        on_message: OnMessage | None = None,
        on_alert: Callable[[Alert], object] = lambda alert: None,
    ) -> None:
        if trading.stream_lacks:
            raise UsageError(f"{trading.name} has no private stream: {trading.stream_lacks}")
        self._rest = rest
        self.token = Token(rest, trading, timing=timing, on_over=self._drop, on_alert=on_alert)
        super().__init__(setting, name="private stream", timing=timing, logger=_Hiding(self._hidden))
        patience = Patience(
            stale_after=setting.stale_after,
            pong_within=setting.policy.pong_within,
            first_data_within=None,
            data_within=None,
        )
        self._watchdog = Watchdog(patience)
        self.messages = 0
        self.malformed = 0
        self.unknown: dict[str, int] = {}  # kinds that the table does not know, and how often they came
        self._trading = trading
        self._session: PrivateSession | None = None
        self._is_framed = False  # and its session unwraps what comes
        self._pace = RateBudget(setting.messages_per_second)
        self._place = Place()
        self._newest = Newest()
        self._stands = False  # and on_restored was called
        self._opening: asyncio.Future[None] | None = None
        self._on_message = on_message
        self._on_reports = on_reports
        self._on_lost = on_lost
        self._on_restored = on_restored
        self._on_alert = on_alert

    async def open(self) -> None:
        """Connect. Raises ConnectError or CredentialsError, and leaves nothing open then."""
        self._opening = self._loop.create_future()
        try:
            await self._dial()
            await self._opening
        except BaseException:
            await self.close("not opened")
            raise
        finally:
            self._opening.cancel()
            self._opening = None
        self._keep_up()

    @property
    def is_connected(self) -> bool:
        """The stream stands: what the venue says from now on is heard."""
        return self._transport is not None and self._stands

    def shut(self, reason: str) -> None:
        super().shut(reason)
        self.token.drop()

    # -- the link's hooks -------------------------------------------------------------------------------------------

    async def _address(self) -> str:
        if self._trading.has_token:
            token = await self.token.fresh()
        else:
            await self._rest.have_keys()
            token = Secret("")
        self._place = self.token.place
        origin, path = self._setting.origin, ""
        if self._place.endpoint:
            try:
                named = websocket_origin(self._place.endpoint, "the endpoint of the venue's token")
            except UsageError as error:
                raise ConnectError(str(error), url=str(origin)) from None
            path = f"{named.path}/" if not named.path else named.path
            if str(origin) == dialect(self._trading.name).ws_origin:  # where no other one was asked for
                return f"{named}{path}{self._trading.stream_path(token)}"
        return f"{origin}{origin.path}{path}{self._trading.stream_path(token)}"

    def _undialled(self, error: ConnectError) -> ConnectError:
        status = getattr(getattr(error.__cause__, "response", None), "status", None)
        text = self._hidden(f"{error}{self._setting.hint}")
        if status == 401:
            self.token.refused()
        self.token.drop()
        return ConnectError(text, url=error.url)

    def _greet(self) -> None:
        self._newest = Newest()
        self._pace = RateBudget(self._setting.messages_per_second)
        self._session = self._trading.converse(
            pace=self._pace,
            confirm_within=self._setting.policy.confirm_within,
            login=partial(self._rest.login, self._trading),
            place=self._place,
        )
        self._is_framed = self._session is not None and self._session.framed
        if self._session is None:
            self._stand()
        else:
            self._session.opened(self._now())

    def _stand(self) -> None:
        self._stands = True
        self._backoff.opened(self._now())
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)
        self._call(self._on_restored)

    def _lost(self, reason: str) -> None:
        self.token.drop()
        self._session = None
        stood, self._stands = self._stands, False
        text = self._hidden(reason)
        if stood:
            self._call(self._on_lost, text)
        elif self._opening is None:
            self._failed(ConnectError(text))
        elif not self._opening.done():
            self._opening.set_exception(ConnectError(f"the private stream did not come to stand: {text}"))

    def _sent(self) -> None:
        self._pace.spend(self._now())

    def _say(self, now: float) -> float | None:
        session = self._session
        if session is None or self._transport is None:
            return None
        try:
            kind = WSMsgType.BINARY if session.binary else WSMsgType.TEXT
            for frame in session.frames(now):
                self._transport.send(kind, frame)
        except CredentialsError as error:
            self._deny(f"no login: {error}")
            return None
        self._heed(session.overdue(now))
        return session.next_time(now)

    def _heed(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Denied):
                self._deny(event.reason)
            elif isinstance(event, Lost):
                self._drop(event.reason)
            elif isinstance(event, Malformed | Unknown):
                self._count(event)
        if self._session is not None and self._session.ready and not self._stands:
            self._stand()

    def _deny(self, reason: str) -> None:
        """Not let in: a matter of the key, not of the connection."""
        text = self._hidden(reason)
        self._on_alert(Alert("key", f"the private stream did not let this account in: {text}"))
        if self._opening is not None and not self._opening.done():
            self._opening.set_exception(CredentialsError(f"the private stream did not let this account in: {text}"))
        self._drop(text)

    def _failed(self, error: CsbookError) -> None:
        self._on_alert(Alert("stream", f"the private stream is down: {error}"))

    # -- the reader's line ------------------------------------------------------------------------------------------

    def cold(self, payload: bytes, receive_time_ns: int) -> None:
        if not self._is_live:
            receive_time_ns = self._timing.now_ns()
        self.messages += 1
        if self._is_framed:
            self._unwrap(payload, receive_time_ns)
            return
        try:
            message = load(payload)
            if self._session is not None and (told := self._session.hear(message)) is not None:
                self._heed(told)
                self._hurry()
                return
            if self._on_message is not None:
                try:
                    self._on_message(message, receive_time_ns)
                except Exception as error:
                    self._raised(error)
            try:
                events = self._trading.read_event(message, receive_time_ns)
            except FloatFound:
                events = self._trading.read_event(load_exact(payload), receive_time_ns)
        except BadMessage as error:
            events = [Malformed(error)]
        self._report(events)

    def _unwrap(self, payload: bytes, receive_time_ns: int) -> None:
        """A frame of a conversation that wraps its messages."""
        session = self._session
        for event in (session.hear(payload) or ()) if session is not None else ():
            if self._session is not session:  # what came before was the end of it
                return
            if isinstance(event, News):
                message = {"channel": event.channel, "data": event.data}
                if self._on_message is not None:
                    self._call(self._on_message, message, receive_time_ns)
                self._report(self._trading.read_event(message, receive_time_ns))
            elif isinstance(event, Malformed | Unknown):
                self._report([event, _SOMETHING])
            else:
                self._heed([event])
        self._heed([])
        self._hurry()

    def _hurry(self) -> None:
        """The session may have something to say now."""
        if self._session is not None:
            asked = self._session.next_time(self._now())
            if asked is not None and asked < self._due:
                self._attend()

    def _report(self, events: list[PrivateEvent]) -> None:
        events = self._newest.of(events)
        try:
            self._on_reports(events)
        except Exception as error:
            self._raised(error)
        for event in events:
            kind = type(event)
            if kind is KeyExpired:
                self.token.expired()
            elif kind is Malformed or kind is Unknown:
                self._count(event)

    def _count(self, event: PrivateEvent) -> None:
        if isinstance(event, Malformed):
            self.malformed += 1
            self._on_alert(Alert("schema", f"a private message is malformed: {self._hidden(str(event.error))}"))
        elif isinstance(event, Unknown) and (event.kind in self.unknown or len(self.unknown) < 256):
            seen = self.unknown[event.kind] = self.unknown.get(event.kind, 0) + 1
            if seen == 1:
                text = self._hidden(event.kind)
                self._on_alert(Alert("schema", f"the private stream brings something unknown: {text}"))

    def _call(self, callback: Callable[..., object], *arguments: object) -> None:
        """Inside the read of a frame: what a callback raises must not end the connection, and is not silent."""
        try:
            callback(*arguments)
        except Exception as error:
            self._raised(error)

    def _raised(self, error: Exception) -> None:
        message = "csbook: a callback of the private stream raised"
        self._loop.call_exception_handler({"message": message, "exception": error})

    def _drop(self, reason: str, code: WSCloseCode = WSCloseCode.OK) -> None:
        super()._drop(self._hidden(reason), code)  # the venue's words may echo what it was told

    def _hidden(self, text: str) -> str:
        return self._rest.hidden(self.token.hidden(text))
