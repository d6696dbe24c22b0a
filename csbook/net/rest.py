"""Requests to a venue, over connections that are warm before they are needed.

* A command is sent once. Whatever leaves its outcome open (no answer in time, a connection lost after the sending, a
  5xx) comes back as UNKNOWN, and finding out is somebody else's business. It is sent again only where the venue
  refused it for certain: once with the right time after a stale timestamp, once with a fresh key after a refused one.
* A query is asked again, with backoff, until it is answered or the tries are used up.
* The venue's limits are kept here before the venue has to: a request that would exceed one waits as long as its caller
  has patience, and does not leave otherwise. A part of each is kept for what is urgent. A 429 closes what it is about
  (its endpoint, or a limit that endpoints share) for the time that the venue names, or for 1, 2, 4 .. 60 s. A ban
  closes it for as long as the venue says, since asking on makes it longer.
* Commands have a connection of their own, opened before the first one and kept warm by asking the server's time,
  which also says how far this machine's clock is off. Queries go over another.
* No exception but CancelledError leaves ``send``: an answer says what failed. Nothing that is secret is logged or
  stands in a text, whatever the venue echoes.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from csbook import __version__
from csbook.credentials import Credentials
from csbook.errors import BadMessage, ConnectError, CredentialsError
from csbook.guard.backoff import Backoff
from csbook.guard.budget import ReservedBudget
from csbook.net.origin import Origin
from csbook.net.prompt import PromptRequest
from csbook.net.timing import Timing
from csbook.types import Alert
from csbook.venues.trading import Trading
from csbook.wire.request import Answer, Failure, Request, Signed, Verdict

try:
    import aiohttp
    from yarl import URL
except ImportError:
    raise ImportError("trading needs aiohttp: pip install 'csbook[trade]'") from None

__all__ = ["Rest", "RestPolicy"]

_LOG = logging.getLogger("csbook.net")
_LARGEST = 16 * 1024 * 1024  # bytes of an answer
_MARGIN_S = 0.5  # added to each window of a limit: requests do not all take equally long to arrive
_TOLD_OFFSET_NS = 1_000_000_000  # a clock that is further off is told
_SIGNATURE = re.compile("signature=[0-9A-Za-z]+")
_STEP_NS = 250_000_000  # what is less is the way's, not the clock's
_STALE_NS = 5_000_000_000  # a timestamp that was further off explains a 401


@dataclass(frozen=True, slots=True)
class RestPolicy:
    """Every wait of the requests, in seconds."""

    connect_within: float = 5.0
    answer_within: float = 5.0
    tries: int = 4  # of a query
    backoff_base: float = 0.25
    backoff_cap: float = 4.0
    backoff_jitter: float = 0.25
    warm_every: float = 20.0
    rate_cap: float = 60.0  # the longest time that a 429 closes an endpoint for


class Rest:
    """The requests of one account to one venue. Belongs to the loop's thread."""

    def __init__(
        self,
        trading: Trading,
        credentials: Credentials,
        origin: Origin,
        *,
        timing: Timing | None = None,
        policy: RestPolicy | None = None,
        on_alert: Callable[[Alert], object] = lambda alert: None,
    ) -> None:
        self.requests = 0
        self.retries = 0
        self.lost = 0  # outcomes left open
        self.rate_refusals = 0
        self.offset_ns = 0  # the server's time minus this machine's
        self._ahead_ns: int | None = None  # the server's time minus the monotonic clock
        self._latest_ns = 0
        self._trading = trading
        self._credentials = credentials
        self._origin = origin
        self._timing = timing if timing is not None else Timing()
        self._policy = policy if policy is not None else RestPolicy()
        self._on_alert = on_alert
        self._budgets = {
            name: ReservedBudget(limit.count, limit.window_s + _MARGIN_S, limit.reserve)
            for name, limit in trading.limits.items()
        }
        self._closed_until: dict[str, float] = {}  # endpoint or limit -> when a 429 is over
        self._strikes: dict[str, int] = {}  # the same -> 429s in a row
        self._urls: dict[str, URL] = {}
        self._commands: aiohttp.ClientSession | None = None
        self._queries: aiohttp.ClientSession | None = None
        self._commanded = 0.0  # when the connection of the commands was last used
        self._clock_told = False
        self._key_told = False
        self._warming: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Rest {self._trading.name} {self._origin} {'closed' if self._commands is None else 'open'}>"

    # -- the life ---------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Have the keys and the connection ready, and the clocks compared.

        Raises CredentialsError or ConnectError, and leaves nothing open then.
        """
        await self._loaded()
        try:
            self._commands = self._session()
            self._queries = self._session()
            failure = await self._compare()
            if failure is not None and failure.verdict in (Verdict.UNSENT, Verdict.UNKNOWN):
                raise ConnectError(f"cannot trade at {self._origin}: {failure.text}", url=str(self._origin))
            if failure is not None:
                self._alert("clock", f"the server's time is not known: {failure.text}")
        except BaseException:
            await self.close()
            raise
        self._commanded = self._timing.now()
        self._warming = asyncio.get_running_loop().create_task(self._keep_warm(), name="csbook rest")

    async def close(self) -> None:
        """Close the connections. Requests under way end as lost."""
        warming, self._warming = self._warming, None
        if warming is not None:
            warming.cancel()
            await asyncio.wait([warming])
        sessions = [session for session in (self._commands, self._queries) if session is not None]
        self._commands = self._queries = None
        for session in sessions:
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3600.0),
            request_class=PromptRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"csbook/{__version__}", "Accept": "application/json"},
            skip_auto_headers=("Accept-Encoding",),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._policy.connect_within),
        )
        # aiohttp sends a PUT or DELETE again when a kept connection breaks; what is sent again is decided here alone
        session._retry_connection = False
        return session

    async def _keep_warm(self) -> None:
        every = self._policy.warm_every
        while True:
            idle = self._timing.now() - self._commanded
            if idle < every:
                await self._timing.sleep(every - idle)
            else:
                await self._compare(tries=1)
                self._commanded = self._timing.now()

    async def _loaded(self) -> None:
        if not self._credentials.is_loaded:
            await asyncio.to_thread(self._credentials.load)

    async def have_keys(self) -> None:
        """Have the keys at hand for ``login``. Raises CredentialsError."""
        await self._loaded()

    def hidden(self, text: str) -> str:
        """A text without the api key, as far as that is no word."""
        key = self._credentials.api_key if self._credentials.is_loaded else ""
        return text.replace(key, "<hidden>") if len(key) >= 6 else text

    def login(self, table: Trading) -> bytes:
        """The message that says on a table's private stream whose it is, by the server's time.

        Raises CredentialsError.
        """
        return table.login(self._credentials, (self._timing.now_ns() + self.offset_ns) // 1_000_000)

    def _alert(self, kind: str, text: str) -> None:
        _LOG.warning("%s: %s", self._origin, text)
        self._on_alert(Alert(kind, text))

    # -- one request ------------------------------------------------------------------------------------------------

    async def send(self, request: Request, *, urgent: bool = False, patience: float = 0.0) -> Answer:
        """Send a request and say what became of it.

        ``patience``: the seconds to wait for the venue's limits. ``urgent`` uses the part of them that is reserved.
        """
        tries = 1 if request.command else self._policy.tries
        policy = self._policy
        backoff = Backoff(base=policy.backoff_base, cap=policy.backoff_cap, jitter=policy.backoff_jitter)
        while True:
            tries -= 1
            held_up = await self._admitted(request, urgent, patience)
            if held_up is not None:
                return held_up
            answer = await self._attempt(request)
            failure = answer.failure
            if failure is not None and failure.verdict in (Verdict.KEY, Verdict.CLOCK) and request.signed:
                answer = await self._reconsider(request, answer, urgent, patience)
                failure = answer.failure
            if failure is None:
                for name in self._names(request):
                    self._strikes.pop(name, None)
                return answer
            again = (Verdict.UNSENT, Verdict.UNKNOWN, Verdict.RATE)
            if tries <= 0 or failure.verdict not in again or self._commands is None:
                return answer
            self.retries += 1
            await self._timing.sleep(backoff.lost(self._timing.now()))

    async def _admitted(self, request: Request, urgent: bool, patience: float) -> Answer | None:
        """Wait for the limits and take the request's cost off them; the answer where that would take too long."""
        names = self._names(request)
        budgets = [self._budgets[name] for name in names if name in self._budgets]
        deadline = self._timing.now() + patience
        while True:
            now = self._timing.now()
            wait = self._closed(request)
            for budget in budgets:
                wait = max(wait, budget.wait(now, urgent=urgent, count=request.cost))
            if wait <= 0.0:
                for budget in budgets:
                    budget.spend(now, urgent=urgent, count=request.cost)
                return None
            if now + wait > deadline:
                text = f"not sent: the limit of {request.endpoint!r} is used up, and free again in {wait:.1f} s"
                return self._unsent(Failure(Verdict.UNSENT, text, retry_after_s=wait))
            await self._timing.sleep(wait)

    def _names(self, request: Request) -> tuple[str, ...]:
        """The limits that a request is under."""
        return (request.endpoint, *self._trading.pools.get(request.endpoint, ()))

    def _closed(self, request: Request) -> float:
        """How long a 429 or a ban still keeps a request back; 0 or less: not at all."""
        now = self._timing.now()
        return max(self._closed_until.get(name, now) - now for name in self._names(request))

    def _unsent(self, failure: Failure) -> Answer:
        now_ns = self._timing.now_ns()
        return Answer(now_ns, now_ns, failure=failure)

    async def _attempt(self, request: Request) -> Answer:
        """One try on the wire. Its frames hold what must not be seen: nothing but a cancellation is raised here."""
        session = self._commands if request.command or request.endpoint == "time" else self._queries
        if session is None:
            return self._unsent(Failure(Verdict.UNSENT, "not sent: the connection is closed"))
        try:
            if not self._credentials.is_loaded:
                await self._loaded()
            asked_ns = self._timing.now_ns()
            signed = self._trading.sign(request, self._credentials, (asked_ns + self.offset_ns) // 1_000_000)
        except CredentialsError as error:
            return self._unsent(Failure(Verdict.KEY, f"not sent: {error}"))
        self.requests += 1
        if request.command:
            self._commanded = self._timing.now()
        status, body, retry_after, failure = await self._exchanged(session, request, signed)
        if failure is None:
            failure = self._trading.judge(request, status, body, retry_after)
            if failure is not None:
                failure = replace(failure, text=self._scrubbed(failure.text, signed))
        if failure is not None:
            self._note(request, failure)
        answered_ns = self._timing.now_ns()
        _LOG.debug("%s %s: %d in %.1f ms", request.method, request.path, status, (answered_ns - asked_ns) / 1e6)
        return Answer(asked_ns, answered_ns, status, body, failure)

    async def _exchanged(
        self, session: aiohttp.ClientSession, request: Request, signed: Signed
    ) -> tuple[int, bytes, str | None, Failure | None]:
        """Status, body, Retry-After; or why there is no answer, in words that quote nothing."""
        status = 0
        within = self._policy.answer_within
        try:
            async with (
                self._timing.within(within),
                session.request(
                    request.method,
                    self._url(request.path, signed.query),
                    data=None if request.method == "GET" else request.body,
                    headers=signed.headers,
                    allow_redirects=False,
                ) as response,
            ):
                status = response.status
                body = bytearray()
                async for part in response.content.iter_any():
                    body += part
                    if len(body) > _LARGEST:
                        text = f"the answer ({status}) is larger than {_LARGEST} bytes"
                        return status, b"", None, Failure(Verdict.UNKNOWN, text, status)
                return status, bytes(body), response.headers.get("Retry-After"), None
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            verdict, text = Verdict.UNSENT, f"not sent: cannot connect to {self._origin}: {_reason(error)}"
        except TimeoutError:
            verdict, text = Verdict.UNKNOWN, f"no answer within {within:g} s"
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            verdict, text = Verdict.UNKNOWN, f"the connection was lost before the answer ({type(error).__name__})"
        return status, b"", None, Failure(verdict, text, status)

    def _url(self, path: str, query: str) -> URL:
        if query:
            return URL(f"{self._origin}{self._origin.path}{path}?{query}", encoded=True)
        url = self._urls.get(path)
        if url is None:
            url = self._urls[path] = URL(f"{self._origin}{self._origin.path}{path}", encoded=True)
        return url

    def _scrubbed(self, text: str, signed: Signed) -> str:
        """The venue's words without what it may have echoed."""
        signature = signed.query.rpartition("signature=")[2] if "signature=" in signed.query else ""
        if signature:
            text = _SIGNATURE.sub("signature=<hidden>", text.replace(signature, "<hidden>"))  # it may have been cut
        for name, value in signed.headers.items():
            if len(value) >= 6 and not name.lower().startswith(("content-", "accept")):
                text = text.replace(value, "<hidden>")
        return text

    def _note(self, request: Request, failure: Failure) -> None:
        if failure.verdict is Verdict.UNKNOWN:
            self.lost += 1
        elif failure.verdict is Verdict.RATE:
            self.rate_refusals += 1
            wait = 0.0
            for name in failure.limits or (request.endpoint,):
                strikes = self._strikes[name] = self._strikes.get(name, 0) + 1
                wait = failure.retry_after_s if failure.retry_after_s is not None else 2.0 ** min(strikes - 1, 16)
                if not failure.banned:
                    wait = min(wait, self._policy.rate_cap)
                self._closed_until[name] = self._timing.now() + wait
            what = f"too many requests to {request.endpoint!r}" if not failure.banned else "this address is shut out"
            self._alert("rate", f"{what}, says the venue: none for {wait:g} s")

    # -- clock and key ----------------------------------------------------------------------------------------------

    def venue_ns(self) -> int:
        """The venue's wall time as it was last asked for; it goes on with the monotonic clock and never goes back.

        Before it was asked, and where the venue does not tell it, this machine's.
        """
        clock, ahead_ns = self._timing.clock, self._ahead_ns
        now_ns = clock.now_ns() if ahead_ns is None else clock.monotonic_ns() + ahead_ns
        if now_ns < self._latest_ns:
            return self._latest_ns
        self._latest_ns = now_ns
        return now_ns

    async def _compare(self, tries: int | None = None) -> Failure | None:
        """Ask the server's time, over the connection of the commands."""
        request = self._trading.server_time()
        wait = self._closed(request)
        if wait > 0.0:
            return Failure(Verdict.UNSENT, f"not sent: the venue wants to be left alone for {wait:.1f} s")
        for left in range(self._policy.tries if tries is None else tries, 0, -1):
            answer = await self._attempt(request)
            failure = answer.failure
            if failure is None:
                try:
                    server_ns = self._trading.read_time(answer.body)
                except BadMessage as error:
                    return Failure(Verdict.REJECTED, str(error), answer.status)
                self._compared(server_ns - (answer.asked_ns + answer.answered_ns) // 2)
                took_ns = answer.answered_ns - answer.asked_ns
                ahead_ns = server_ns + took_ns // 2 - self._timing.clock.monotonic_ns()
                if self._ahead_ns is None or abs(ahead_ns - self._ahead_ns) > _STEP_NS:
                    self._ahead_ns = ahead_ns
                return None
            if failure.verdict not in (Verdict.UNSENT, Verdict.UNKNOWN) or left == 1:
                break
            await self._timing.sleep(self._policy.backoff_base)
        return failure

    def _compared(self, offset_ns: int) -> None:
        self.offset_ns = offset_ns
        if abs(offset_ns) < _TOLD_OFFSET_NS:
            self._clock_told = False
        elif not self._clock_told:
            self._clock_told = True
            where = "behind" if offset_ns > 0 else "ahead of"
            self._alert("clock", f"this machine's clock is {abs(offset_ns) / 1e9:.1f} s {where} the venue's")

    async def _reconsider(self, request: Request, answer: Answer, urgent: bool, patience: float) -> Answer:
        """The venue refused the timestamp or the key, and so did nothing: find out which, and try once more."""
        failure = answer.failure
        assert failure is not None
        used = self.offset_ns
        unknown = await self._compare(tries=2)
        moved = abs(self.offset_ns - used)
        if unknown is None and moved > (_STALE_NS if failure.verdict is Verdict.KEY else 0):
            text = f"{failure.text}; the timestamp was {moved / 1e9:.1f} s off"
            answer = replace(answer, failure=replace(failure, verdict=Verdict.CLOCK, text=text))
        elif self._credentials.refused():
            self._alert("key", f"the venue refused the key ({failure.text}); another one is asked for")
        else:
            self._refused(failure)
            return answer
        held_up = await self._admitted(request, urgent, patience)
        if held_up is not None:
            return answer
        self.retries += 1
        second = await self._attempt(request)
        if second.failure is not None and second.failure.verdict in (Verdict.KEY, Verdict.CLOCK):
            self._refused(second.failure)
        else:
            self._key_told = False
        return second

    def _refused(self, failure: Failure) -> None:
        if not self._key_told:
            self._key_told = True
            self._alert("clock" if failure.verdict is Verdict.CLOCK else "key", f"not let in: {failure.text}")


def _reason(error: Exception) -> str:
    """What kept a connection from opening, without an address that could carry more than the origin."""
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return type(error).__name__
