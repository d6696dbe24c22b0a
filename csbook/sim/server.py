"""The local venue's door: one port on loopback for REST, public sockets and private streams.

It speaks the public part of every dialect: one market, told in the words of ``sim.dialects``, with the same faults.
Where a dialect has a private part, in ``sim.desks``, it serves signed requests and private streams besides. Each start
makes fresh key pairs; they are never shown in a repr.

The accounts are the truth: ``account`` and ``accounts`` give exact records of orders, fills, positions and balances, to
compare a client's with. ``place_by_hand``, ``cancel_by_hand``, ``trade``, ``cross`` and ``expire_listen_keys`` make
things happen that no client has asked for.

On a clock of its own the venue never waits for real: ``advance`` moves the clock, and what is then due happens.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from ipaddress import ip_address
from types import MappingProxyType, TracebackType

from csbook.clock import Clock, LiveClock
from csbook.errors import ConnectError, UsageError
from csbook.sim.accounts import Account, Terms
from csbook.sim.alarms import Alarms
from csbook.sim.board import Board
from csbook.sim.budget import Budget
from csbook.sim.connection import Conduct, Connection, Farewell
from csbook.sim.desk import decimal_of
from csbook.sim.desks import desk_of
from csbook.sim.exchange import DEFAULT, Exchange, News, Refusal
from csbook.sim.faults import Faults, as_faults
from csbook.sim.floor import BREATH, Floor
from csbook.sim.keys import LIFE_S, ListenKeys
from csbook.sim.market import Market
from csbook.sim.public import PublicCalls
from csbook.sim.recording import packaged
from csbook.sim.sockets import GOODBYE_S, Sockets, as_json
from csbook.sim.streams import Streams
from csbook.sim.tickets import Draft, Ticket
from csbook.types import Order, OrderStatus, Side
from csbook.venues import dialect as dialect_of
from csbook.venues.dialect import Limits

try:
    from aiohttp import web

    from csbook.sim.counter import Counter
except ImportError as error:  # pragma: no cover
    raise ImportError("the local venue needs aiohttp: pip install 'csbook[cli]'") from error

__all__ = ["SYMBOLS", "LocalVenue"]

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")

LONGEST_BODY = 64 * 1024
BACKLOG = 10_000  # trades, or events, that wait for one slow client
SAME: Mapping[str, tuple[int, float]] = MappingProxyType({})

TextLevels = list[tuple[str, str]]


class LocalVenue:
    """An exchange on loopback, to be used as ``async with LocalVenue() as venue``.

    ``faults`` are texts as in ``faults.py`` or a ``Faults``; ``seed`` decides which messages they strike. ``speed``
    multiplies the recorded time, 0 is as fast as the clients read. ``start_at`` is in seconds into the recording.
    ``limits`` are the dialect's unless given, and so is ``weights``, what calls of public REST may cost an address as
    (weight, seconds). A symbol is spelled with or without a slash.

    ``accounts`` are ``Terms`` by name, one called "default" unless given; the first one is ``account``.
    ``rates`` replaces limits of the dialect's desk as (requests, seconds) by name; None: as often as you like.
    ``listen_key_life_s`` is from the last renewal; with ``silent_expiry`` nobody is told of the end.
    ``cancel_latency_s`` lies between the request for a cancel and the cancel, so that an order may fill meanwhile.
    ``position_event``: positions come as events ``POSITION_UPDATE`` of their own instead of in ``ACCOUNT_UPDATE``,
    where the dialect has both.
    """

    def __init__(
        self,
        venue: str = "coinswitch",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        symbols: Iterable[str] = SYMBOLS,
        speed: float = 1.0,
        faults: Faults | str | Iterable[str] = (),
        seed: int = 0,
        depth_interval_ms: float = 0.0,
        ticker_interval_ms: float = 1000.0,
        ping_interval_s: float = 20.0,
        pong_deadline_s: float | None = None,
        slow_after_s: float = 5.0,
        limits: Limits | None = None,
        weights: tuple[int, float] | None = None,
        envelope: bool = False,
        clock: Clock | None = None,
        start_at: float = 0.0,
        accounts: Mapping[str, Terms] | None = None,
        rates: Mapping[str, tuple[int, float]] | None = SAME,
        listen_key_life_s: float = LIFE_S,
        silent_expiry: bool = False,
        cancel_latency_s: float = 0.0,
        position_event: bool = False,
    ) -> None:
        if isinstance(symbols, str):
            raise UsageError(f"symbols {symbols!r}: several names are expected, as in ['BTCUSDT']")
        for name, value, least in (
            ("speed", speed, 0.0),
            ("depth_interval_ms", depth_interval_ms, 0.0),
            ("ticker_interval_ms", ticker_interval_ms, 1.0),
            ("ping_interval_s", ping_interval_s, 0.001),
            ("pong_deadline_s", 1.0 if pong_deadline_s is None else pong_deadline_s, 0.001),
            ("slow_after_s", slow_after_s, 0.001),
            ("listen_key_life_s", listen_key_life_s, 0.001),
            ("cancel_latency_s", cancel_latency_s, 0.0),
        ):
            if not least <= value < float("inf"):
                raise UsageError(f"{name} is {value}, and at least {least:g} is expected")
        if not 0 <= port <= 65535:
            raise UsageError(f"port is {port}, and 0 (any free one) to 65535 is expected")
        self._dialect = dialect_of(venue)
        self._limits = limits or self._dialect.limits
        self._host = _loopback(host)
        self._wanted_port = port
        if accounts is not None and not accounts:
            raise UsageError("accounts: a venue needs at least one account")
        self._clock = clock or LiveClock()
        self._alarms = Alarms(self._clock)
        self._market = Market(packaged(), [_listed(symbol) for symbol in symbols], start_at)
        self._board = Board(
            self._market,
            self._dialect,
            depth_interval_ms=depth_interval_ms,
            ticker_interval_ms=ticker_interval_ms,
            envelope=envelope,
        )
        self._speech = self._board.speech
        self._conduct = Conduct(
            faults=as_faults(faults),
            seed=seed,
            ping_interval_s=ping_interval_s,
            pong_deadline_s=self._limits.pong_deadline_s if pong_deadline_s is None else pong_deadline_s,
            slow_after_s=slow_after_s,
            backlog=BACKLOG,
            messages_per_second=self._limits.messages_per_second,
            alarms=self._alarms,
        )
        self._speech.ping_interval_s = ping_interval_s
        self._speech.pong_deadline_s = self._conduct.pong_deadline_s
        self._speech.streams_per_connection = self._limits.streams_per_connection
        self._public = PublicCalls(self._board, self._clock, self._conduct, weights or self._speech.weights)
        desk = desk_of(self._dialect.name)
        self._exchange = Exchange(
            self._market,
            self._alarms,
            {DEFAULT: Terms()} if accounts is None else accounts,
            cancel_latency_s=cancel_latency_s,
            rules=desk.rules,
        )
        self._floor = Floor(self._market, self._board, self._conduct, self._clock, speed, self._exchange)
        self._listen_keys = ListenKeys(self._clock, listen_key_life_s)
        budget = Budget(self._clock, rates, desk.rates)
        self._desk = desk(self._exchange, self._listen_keys, budget, self._floor.now_ms)
        self._desk.position_event = position_event
        self._streams = Streams(
            self._listen_keys, self._alarms, self._desk, self._floor.now_ms, silent_expiry=silent_expiry
        )
        self._exchange.tell = self._tell
        self._exchange.publish = self._floor.stir
        self._sockets = Sockets(self._floor, self._streams, self._desk, self._conduct, self._limits)
        self._counter: Counter | None = None
        self._runner: web.AppRunner | None = None
        self._marching: asyncio.Task[None] | None = None
        self._port = 0

    def __repr__(self) -> str:
        where = self.ws_url if self._runner else "not open"
        return f"<LocalVenue {self._dialect.name} {where} {','.join(self._market.listings)}>"

    # -- where it is and who one is there

    @property
    def name(self) -> str:
        """The dialect that it speaks."""
        return self._dialect.name

    @property
    def port(self) -> int:
        return self._port

    @property
    def ws_url(self) -> str:
        return f"ws://{self._authority()}"

    @property
    def rest_url(self) -> str:
        return f"http://{self._authority()}"

    @property
    def is_private(self) -> bool:
        """Whether there are accounts to sign in to, and orders."""
        return bool(self._desk.operations)

    @property
    def api_key(self) -> str:
        return self.account.api_key

    @property
    def api_secret(self) -> str:
        return self.account.api_secret

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The venue's own books, by the account's name."""
        return self._exchange.accounts

    @property
    def account(self) -> Account:
        """The first account, whose keys ``api_key`` and ``api_secret`` are."""
        return next(iter(self._exchange.accounts.values()))

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._market.listings)

    @property
    def counts(self) -> dict[str, int]:
        """What has happened so far, and what was injected; the names are in ``connection.COUNTERS``."""
        return dict(self._conduct.counts)

    # -- what one can do to it

    @property
    def faults(self) -> Faults:
        return self._conduct.faults

    @faults.setter
    def faults(self, faults: Faults | str | Iterable[str]) -> None:
        """From the next message on; delays and stalls in progress end."""
        self._conduct.faults = as_faults(faults)
        self._floor.rouse()
        for connection in self._streams.connections:
            connection.rouse()

    def pause(self) -> None:
        """The market stands still; every subscriber is sent the newest depth."""
        self._floor.pause()

    def resume(self) -> None:
        """The market goes on where it stood."""
        self._floor.resume()

    async def publish(self) -> None:
        """Send the current depth to every subscriber, whatever the faults; returns when it is written."""
        await self._floor.publish()

    async def disconnect_all(self, code: int | None = None) -> None:
        """End every socket: without a word, or with a close code. Returns when they are gone."""
        await self._disconnect([*self._floor.connections, *self._streams.connections], code)

    async def disconnect_streams(self, code: int | None = None) -> None:
        """The same for the private streams alone."""
        await self._disconnect([*self._streams.connections], code)

    async def _disconnect(self, connections: list[Connection], code: int | None) -> None:
        for connection in connections:
            connection.hang_up(Farewell(code, "going away" if code else ""))
        for connection in connections:
            await connection.gone.wait()

    def final_book(self, symbol: str, depth: int) -> tuple[TextLevels, TextLevels, int]:
        """Bids and asks as they are now, best first, as (price, size) texts, and the id of the last update.

        A symbol may be spelled as the venue does. Sizes, and the id, are as the venue counts them; where each stream
        counts its own messages, as at Bybit, the id is the recorded one.
        """
        name = self._speech.by_name.get(symbol.upper()) or _listed(symbol)
        if name not in self._market.listings:
            raise UsageError(f"unknown symbol {symbol!r}; this venue has: {', '.join(self.symbols)}")
        return self._board.book(name, depth)

    # -- its time

    @property
    def due_ns(self) -> int | None:
        """When the venue next has something to do, in the clock's monotonic ns; None: nothing. O(1)."""
        return self._alarms.due_ns

    def tick(self) -> None:
        """The clock was moved: what is due happens now."""
        self._alarms.ring()
        self._floor.catch_up()

    def advance(self, ns: int) -> None:
        """Move the clock that was given, if it is one that can be moved, and do what is then due."""
        move = getattr(self._clock, "advance", None)
        if move is None:
            raise UsageError("advance: the clock of this venue is not one that can be moved, as a TapeClock is")
        move(ns)
        self.tick()

    def step(self, count: int = 1) -> None:
        """The market takes its next events, one by one, even while it stands."""
        self._floor.step(count)

    async def quiet(self, *, rouse: bool = True) -> None:
        """Return when every event is written. What faults delay or hold back is let go, unless ``rouse`` is false."""
        connections = self._streams.connections
        turns = 0
        try:
            while True:
                waited_for = [c for c in connections if (not c.silent if rouse else c.behind)]
                if not waited_for:
                    return
                for connection in waited_for if rouse else ():
                    connection.settling = True
                    connection.rouse()
                turns += 1
                await asyncio.sleep(0 if turns < BREATH else 0.001)
        finally:
            for connection in connections:
                connection.settling = False

    # -- what happens without a client

    def place_by_hand(
        self,
        symbol: str,
        side: str,
        size: str | Decimal,
        price: str | Decimal | None = None,
        *,
        type: str | None = None,
        time_in_force: str = "GTC",
        reduce_only: bool = False,
        post_only: bool = False,
        position_side: str = "BOTH",
        client_order_id: str = "",
        account: str | None = None,
    ) -> Order:
        """An order from the venue's own website: LIMIT with a price, MARKET without. UsageError where it is refused."""
        try:
            draft = Draft(
                symbol=symbol.upper(),
                side=_side(side),
                type=type or ("MARKET" if price is None else "LIMIT"),
                size=decimal_of("size", size),
                price=None if price is None else decimal_of("price", price),
                time_in_force=time_in_force,
                reduce_only=reduce_only,
                client_order_id=client_order_id,
                position_side=position_side,
                post_only=post_only,
            )
            return self._exchange.place(self._account(account), draft).record()
        except Refusal as refusal:
            raise UsageError(f"refused: {refusal.message}") from refusal

    def cancel_by_hand(self, order_id: str, status: OrderStatus = OrderStatus.CANCELED) -> Order:
        """End an open order as its owner would, or as the venue does: EXPIRED or REJECTED. At once."""
        if status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED):
            raise UsageError(f"status is {status}, and CANCELED, EXPIRED or REJECTED is expected")
        ticket = self._working(order_id)
        self._exchange.close(ticket, status)
        return ticket.record()

    def amend_by_hand(
        self, order_id: str, size: str | Decimal | None = None, price: str | Decimal | None = None
    ) -> Order:
        """Give an open LIMIT order another size, another price, or both. UsageError where it is refused."""
        ticket = self._working(order_id)
        try:
            self._exchange.amend(
                ticket,
                None if size is None else decimal_of("size", size),
                None if price is None else decimal_of("price", price),
            )
        except Refusal as refusal:
            raise UsageError(f"refused: {refusal.message}") from refusal
        return ticket.record()

    def trade(self, symbol: str, price: str | Decimal, size: str | Decimal, side: str) -> None:
        """A public trade by an aggressor on ``side``, as if recorded: orders whose turn it is are filled."""
        name = symbol.upper()
        try:
            ticks = self._exchange.ticks(name, decimal_of("price", price))
            units = self._exchange.units(name, decimal_of("size", size))
        except Refusal as refusal:
            raise UsageError(refusal.message) from refusal
        if units <= 0:
            raise UsageError(f"size is {size}, and more than 0 is expected")
        self._exchange.trade(name, ticks, units, _side(side))

    def cross(self, order_id: str, size: str | Decimal | None = None) -> Order:
        """The market fills a resting order by so much (or all) at its own price, whoever stands before it."""
        ticket = self._working(order_id)
        try:
            units = None if size is None else self._exchange.units(ticket.symbol, decimal_of("size", size))
        except Refusal as refusal:
            raise UsageError(refusal.message) from refusal
        if units is not None and not 0 < units <= ticket.remaining:
            raise UsageError(f"size is {size}, and more than 0 and at most what is left of the order is expected")
        self._exchange.cross(ticket, units)
        return ticket.record()

    def expire_listen_keys(self, account: str | None = None) -> int:
        """End all listenKeys and logins of an account, or of all; their streams end. Returns how many there were."""
        return self._streams.expire(None if account is None else self._account(account))

    def _account(self, name: str | None) -> Account:
        if name is None:
            return self.account
        if name not in self.accounts:
            raise UsageError(f"unknown account {name!r}; this venue has: {', '.join(self.accounts)}")
        return self.accounts[name]

    def _working(self, order_id: str) -> Ticket:
        for account in self.accounts.values():
            for ticket in account.working.values():
                if str(ticket.id) == order_id:
                    return ticket
        raise UsageError(f"order {order_id!r} is not open")

    def _tell(self, news: News) -> None:
        for topic, event in self._desk.events(news):
            self._conduct.counts["events"] += 1
            self._streams.tell(news.ticket.account, event, topic)

    # -- opening and closing

    async def __aenter__(self) -> LocalVenue:
        if self._port:
            raise UsageError("a local venue is opened once; make a new one")
        application = web.Application(middlewares=[_in_json], client_max_size=LONGEST_BODY)
        self._counter = Counter(self._desk, self._public, self._conduct)
        for method, path in self._desk.operations:
            application.router.add_route(method, path, self._counter.serve)
        for path in self._desk.stream_paths:
            application.router.add_get(path, self._sockets.private)
        for path in self._speech.paths:
            application.router.add_get(path, self._sockets.market)
        for method, path in self._speech.calls:
            application.router.add_route(method, path, self._public.serve)
        runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=GOODBYE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._wanted_port).start()
        except OSError as error:
            await runner.cleanup()
            where = f"{self._host}:{self._wanted_port}"
            why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
            raise ConnectError(f"the local venue cannot listen on {where}: {why}", url=f"http://{where}") from error
        self._runner = runner
        self._port = runner.addresses[0][1]
        self._speech.ws_url = self.ws_url
        self._floor.start()
        self._marching = asyncio.create_task(self._floor.run(), name="csbook local venue: market")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._runner is not None and self._marching is not None and self._counter is not None
        self._marching.cancel()
        self._counter.close()
        try:
            await self.disconnect_all(1001)
        finally:
            await self._runner.cleanup()
            self._runner = None
            self._alarms.clear()
            (ended,) = await asyncio.gather(self._marching, return_exceptions=True)
        if error is None and isinstance(ended, Exception):
            raise ended

    def _authority(self) -> str:
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"


def _loopback(host: str) -> str:
    """The address to listen on; anything but loopback is refused, for the venue has no other protection."""
    try:
        address = ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise UsageError(f"host {host!r}: the local venue serves loopback only, 127.0.0.1 or ::1")
    return str(address)


def _listed(symbol: str) -> str:
    """As the market lists it."""
    return symbol.upper().replace("/", "")


def _side(side: str) -> Side:
    if side.upper() not in ("BUY", "SELL"):
        raise UsageError(f"side is {side!r}, and BUY or SELL is expected")
    return Side[side.upper()]


@web.middleware
async def _in_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors of the router as JSON."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return as_json({"message": f"{error.reason}: {request.method} {request.path}"}, error.status)
