"""Orders and the account of one venue: ``trade`` and the ``Trader`` that it makes. Composition only.

Commands go by REST, results come by the private stream, and the answer of a command and the stream's event both land in
the account, which does not mind in what order. What is sent is judged first: by the kill switch, by the symbol's grid,
by what the venue has. Whatever leaves an outcome open ends as UNKNOWN, counts as exposure and is asked for.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias, TypeVar
from uuid import uuid4

from csbook._core import Book
from csbook.account import Account, Change, OrderChanged
from csbook.credentials import Credentials
from csbook.errors import BadMessage, HaltedError, OrderRefused, UsageError
from csbook.guard.budget import RateBudget
from csbook.guard.fallback import Fallback
from csbook.guard.killswitch import Cause, KillSwitch
from csbook.guard.latchfile import LatchFault, LatchFile, latch_path, state_directory
from csbook.guard.resolve import Resolver
from csbook.guard.tripwire import Tripwire, Tripwires
from csbook.net.agenda import Agenda
from csbook.net.commands import Commands, error_of, key_of
from csbook.net.connections import Connections
from csbook.net.desk import Desk, RequestFailed, order_of
from csbook.net.events import Events
from csbook.net.halt import Halts
from csbook.net.inquiry import Polling, Resolving
from csbook.net.origin import http_origin, websocket_origin
from csbook.net.rest import Rest, RestPolicy
from csbook.net.setting import Policy, Setting
from csbook.net.timing import Timing, VenueTiming
from csbook.net.vigil import Vigil
from csbook.types import Alert, Instrument, Order, OrderStatus, Portfolio, Side, State, Trade
from csbook.venues import dialect as dialect_of
from csbook.venues import private_shapes, trading_table
from csbook.venues.grid import drafted, steps
from csbook.wire.request import Failure, Verdict

__all__ = ["Trader", "trade"]

OWN = "c5b00c00-"  # what the client order ids made here begin with, so that a restart knows its own
HALT_FILE = "HALT"

Amount: TypeAlias = str | int | Decimal  # decimal text or an exact number, never a float
CallbackT = TypeVar("CallbackT", bound=Callable[..., object])


class Books(Protocol):
    """What a trader wants of a ``csbook.feed.Feed``."""

    @property
    def books(self) -> Mapping[str, Book]: ...

    def on_book(self, callback: Callable[[Book], object], /) -> object: ...

    def on_state(self, callback: Callable[[Book, State, State, str], object], /) -> object: ...

    def on_trade(self, callback: Callable[[Trade], object], /) -> object: ...


def trade(
    venue: str,
    *,
    credentials: Credentials | None = None,
    rest_url: str | None = None,
    ws_url: str | None = None,
    cancel_on_exit: bool = False,
    rules: Tripwire | None = None,
    ticks: Mapping[str, str | Decimal] | None = None,
    state_dir: str | Path | None = None,
    settings: Mapping[str, object] | None = None,
) -> Trader:
    """A trader at ``venue``, to be entered with ``async with``.

    ``credentials`` are those of the environment unless given. ``rest_url`` and ``ws_url`` replace scheme, host, port
    and a leading path. ``cancel_on_exit``: leaving the block cancels every open order; otherwise they stay. ``rules``
    say when trading halts by itself. ``ticks`` replaces the price step of symbols, where the venue's is ambiguous.
    ``state_dir`` is where a halt is kept while no process runs, and where a file named HALT halts; by default
    ``CSBOOK_STATE_DIR``, else the user's state directory. ``settings`` are a venue's own, where it has any.

    Entering ends when the account was read for the first time. Raises UsageError for arguments that cannot be, at once;
    on entering CredentialsError and ConnectError.
    """
    return Trader(
        venue,
        credentials=credentials,
        rest_url=rest_url,
        ws_url=ws_url,
        cancel_on_exit=cancel_on_exit,
        rules=rules,
        ticks=ticks,
        state_dir=state_dir,
        settings=settings,
    )


class Trader:
    """Orders, positions and balances of one account. Made by ``trade``; entered once; belongs to the loop's thread."""

    def __init__(
        self,
        venue: str,
        *,
        credentials: Credentials | None = None,
        rest_url: str | None = None,
        ws_url: str | None = None,
        cancel_on_exit: bool = False,
        rules: Tripwire | None = None,
        ticks: Mapping[str, str | Decimal] | None = None,
        state_dir: str | Path | None = None,
        settings: Mapping[str, object] | None = None,
        _timing: Timing | None = None,
        _policy: Policy | None = None,
        _rest_policy: RestPolicy | None = None,
    ) -> None:
        self._trading = trading_table(venue, settings)
        dialect = dialect_of(venue)
        self._credentials = credentials if credentials is not None else Credentials.from_env(venue)
        self._rest_origin = http_origin(rest_url if rest_url is not None else dialect.rest_origin)
        ws_origin = websocket_origin(ws_url if ws_url is not None else dialect.ws_origin, "ws_url")
        if (rest_url is None) != (ws_url is None):
            raise UsageError("rest_url and ws_url are given together or not at all: both halves are of one venue")
        self._ticks = steps(ticks)
        self._cancel_on_exit = cancel_on_exit
        self._state_dir = state_dir
        timing = _timing if _timing is not None else Timing()
        self._timing = timing
        self.account = Account(own_prefix=OWN, tells_fills="fills" in self._trading.abilities)
        self.instruments: dict[str, Instrument] = {}
        self._rest = Rest(
            self._trading,
            self._credentials,
            self._rest_origin,
            timing=timing,
            policy=_rest_policy,
            on_alert=self._alert,
        )
        self._desk = Desk(self._rest, self._trading, timing)
        theirs = self._theirs = VenueTiming(timing, self._rest.venue_ns)  # what the account reckons in
        self._halts = Halts(self._desk, self.account, theirs, took=self._took, tell=self._tell, ask=self._ask)
        asked = self._budgets("open_orders", "positions", "balances")
        self._fallback = Fallback(asked, reconcile_every=self._trading.reconcile_every_s)
        self._polling = Polling(self._desk, self.account, self._fallback, theirs, took=self._took, tell=self._tell)
        resolver = Resolver(self._budgets("order")["order"])
        self._resolving = Resolving(self._desk, self.account, resolver, theirs, took=self._took, tell=self._tell)
        self._commands = Commands(
            self._desk,
            self.account,
            self._resolving,
            theirs,
            took=self._took,
            tell=self._tell,
            ask=self._ask,
            rejected=self._rejected,
        )
        self._vigil = Vigil(self.account, Tripwires(rules), timing, tell=self._tell, halt=self._halt)
        self._events = Events(
            self.account,
            private_shapes(venue),
            theirs,
            took=self._took,
            alert=self._alert,
            ask=self._ask,
            halt=self._halt,
        )
        self._agenda = Agenda(
            timing,
            {"poll": self._polling, "resolve": self._resolving, "halt": self._halts, "watch": self._vigil},
        )
        self._setting = Setting(
            origin=ws_origin,
            path="",
            messages_per_second=dialect.limits.messages_per_second,
            stale_after=20.0,
            policy=_policy or Policy(),
        )
        self._stream: Connections | None = None  # before it is entered
        self._on_event: list[Callable[[Change], object]] = []
        self._on_alert: list[Callable[[Alert], object]] = []
        self._signals: list[signal.Signals] = []
        self._entered = False
        self._open = False
        self._leaving = False
        self._first = asyncio.Event()
        self._counts = {"halts": 0, "alerts": 0}

    def __repr__(self) -> str:
        state = "open" if self._open else "closed" if self._entered else "not entered"
        halted = f" halted: {self._killswitch.reason}" if self._open and self._killswitch.halted else ""
        return f"<Trader {self._trading.name} {state}{halted}>"

    @property
    def _killswitch(self) -> KillSwitch:
        return self._vigil.switch

    @property
    def _tripwires(self) -> Tripwires:
        return self._vigil.tripwires

    # -- the life ---------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._entered:
            raise UsageError("a trader is entered once; make a new one with csbook.trade")
        self._entered = True
        try:
            await self._rest.open()
            self._vigil.switch = self._switch()
            self._tell(self._killswitch.load(self._timing.now_ns()))
            await self._learn()
            if self._trading.stream_lacks:  # the account is polled, as while a stream is lost
                text = f"{self._trading.name} has no private stream: {self._trading.stream_lacks}"
                self._alert(Alert("degrade", text))
                self._tell(self._fallback.lost(self._timing.now()))
            else:
                self._stream = self._private()
                await self._stream.open()
            self._open = True
            self._agenda.start()
            await self._first.wait()
            if self._killswitch.halted:
                self._halts.begin()
                self._agenda.wake()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._cancel_on_exit and self._open and self.account.open_orders():
                ended = self._halts.begin()
                self._agenda.wake()
                await asyncio.shield(ended)
        finally:
            await self._leave()

    async def _leave(self) -> None:
        self._open = False
        self._leaving = True
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)
        self._signals.clear()
        try:
            await self._agenda.close()
            self._halts.close()
            if self._stream is not None:
                await self._stream.close("trader closed")
        finally:
            await self._rest.close()

    def _private(self) -> Connections:
        return Connections(
            self._rest,
            self._trading,
            setting=self._setting,
            timing=self._timing,
            on_reports=self._events.reports,
            on_lost=self._lost,
            on_restored=self._restored,
            on_message=self._events.message,
            on_alert=self._alert,
        )

    def _switch(self) -> KillSwitch:
        """The latch of this account, kept in the state directory. Where it cannot be kept, it is halted and told so."""
        try:
            directory = state_directory() if self._state_dir is None else Path(self._state_dir).absolute()
        except LatchFault as fault:
            raise UsageError(str(fault)) from None
        origin = str(self._rest_origin)
        path = latch_path(directory, self._trading.name, origin, self._credentials.api_key)
        told = {"venue": self._trading.name, "rest": origin}
        return KillSwitch(LatchFile(path, told), halt_files=(directory / HALT_FILE,))

    async def _learn(self) -> None:
        """The symbols' rules, without which nothing can be judged."""
        answer = await self._rest.send(self._trading.instruments(), patience=5.0)
        if answer.failure is not None:
            raise error_of(answer.failure, "the symbols' rules")
        try:
            self.instruments = self._trading.read_instruments(answer.body, self._ticks)
        except BadMessage as error:
            raise error_of(Failure(Verdict.REJECTED, str(error)), "the symbols' rules") from None
        self.account.learn(self.instruments)

    def _budgets(self, *endpoints: str) -> dict[str, RateBudget]:
        limits = self._trading.limits
        return {
            name: RateBudget(limits[name].count, limits[name].window_s) if name in limits else RateBudget(60, 60.0)
            for name in endpoints
        }

    # -- commands ---------------------------------------------------------------------------------------------------

    async def place(
        self,
        symbol: str,
        side: Side | str,
        *,
        size: Amount,
        price: Amount | None = None,
        type: str = "LIMIT",
        time_in_force: str = "GTC",
        post_only: bool = False,
        reduce_only: bool = False,
        position_side: str | None = None,
        client_order_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - its end is no error here
    ) -> Order:
        """Send one order, and say how it then stands.

        An outcome that nobody knows (no answer within ``timeout`` seconds or at all, a 5xx) is no error: the order
        comes back UNKNOWN, counts as exposure, and is asked for until it is known.

        Raises OrderRefused (off the grid, or what the venue lacks) and HaltedError (while all orders are being
        cancelled, too): nothing was sent. OrderRejected: the venue said no. RequestError: it did not leave, or the
        venue refused it without looking.
        """
        self._demand_open()
        self._killswitch.admit()
        if self._halts.under_way:  # re-armed before it was carried out, or the block is being left
            text = "the open orders are being cancelled"
            raise HaltedError(f"halted: {text}; nothing was sent", reason=text)
        draft = drafted(
            self._trading,
            self.instruments.get(symbol.upper() if isinstance(symbol, str) else ""),
            symbol,
            side,
            size=size,
            price=price,
            type=type,
            time_in_force=time_in_force,
            post_only=post_only,
            reduce_only=reduce_only,
            position_side=position_side,
            client_order_id=f"{OWN}{str(uuid4())[9:]}" if client_order_id is None else client_order_id,
        )
        return await self._commands.place(draft, timeout)

    async def amend(self, order: Order | str, *, size: Amount | None = None, price: Amount | None = None) -> Order:
        """Give a resting order another price, or less size, where the venue can; say how it then stands.

        Raises as ``place`` does. OrderRefused too for more size, which is a new order's business, and while another
        change of it is under way. Where nobody knows the outcome the order comes back as it is known.
        """
        self._demand_open()
        self._killswitch.admit()
        if "amend" not in self._trading.abilities:
            text = f"{self._trading.title} cannot amend an order; cancel it and place another; nothing was sent"
            raise OrderRefused(text, field="amend")
        key = order if isinstance(order, str) else key_of(order)
        known = self.account.orders.get(key)
        if known is None or known.is_terminal or known.price is None:
            raise OrderRefused(f"order {key!r} does not rest; nothing was sent", field="order")
        draft = drafted(
            self._trading,
            self.instruments.get(known.symbol),
            known.symbol,
            known.side,
            size=known.size if size is None else size,
            price=known.price if price is None else price,
            type=known.type,
            time_in_force=known.time_in_force if known.time_in_force in self._trading.times_in_force else "GTC",
            post_only=known.post_only,
            reduce_only=known.reduce_only,
            position_side=None if known.position_side == "BOTH" else known.position_side,
            client_order_id=known.client_order_id,
        )
        if Decimal(draft.size) > known.size:
            text = f"size {draft.size} is more than the order's, {known.size}; nothing was sent"
            raise OrderRefused(text, field="size")
        return await self._commands.amend(known, draft)

    async def cancel(self, order: Order | str) -> Order:
        """Cancel one order, by itself or its client order id, and say how it then stands.

        One that has ended already comes back as it ended; nothing is sent. It may fill before the venue cancels it.

        Raises UsageError for an order that is not known, OrderRejected where the venue says no and the order goes on,
        and RequestError where the request did not leave. Where nobody knows the outcome it comes back as it is known.
        """
        self._demand_open()
        return await self._commands.cancel(order if isinstance(order, str) else key_of(order))

    async def cancel_all(self, symbol: str | None = None) -> tuple[str, ...]:
        """Cancel every open order, of one symbol or of all, those placed by others too. The ids that the venue names.

        Raises RequestError; what then became of the orders is asked for.
        """
        self._demand_open()
        return await self._commands.cancel_all(symbol)

    # -- questions --------------------------------------------------------------------------------------------------

    async def open_orders(self, symbol: str | None = None) -> list[Order]:
        """The open orders, asked of the venue now; ``account.open_orders`` is what is known without asking."""
        self._demand_open()
        try:
            reports, _, _ = await self._desk.open_orders(symbol)
        except RequestFailed as error:
            raise error_of(error.failure, "open_orders") from None
        for report in reports:
            self._commands.answered(report)
        return self.account.open_orders(symbol)

    async def closed_orders(self, symbol: str | None = None, since_ns: int | None = None) -> list[Order]:
        """The orders that ended since then (wall ns), by default in the last seven days."""
        self._demand_open()
        try:
            reports = await self._desk.closed_orders(symbol, since_ns)
        except RequestFailed as error:
            raise error_of(error.failure, "closed_orders") from None
        return [order_of(report, OWN) for report in reports]

    async def portfolio(self) -> Portfolio:
        """Positions and balances, asked of the venue now and taken into the account."""
        self._demand_open()
        try:
            snapshot = await self._desk.portfolio()
            self._took(self.account.reconcile(snapshot, self._theirs.now_ns()))
        except RequestFailed as error:
            raise error_of(error.failure, "portfolio") from None
        positions = tuple(position for position in self.account.positions.values() if position.size or position.legs)
        return Portfolio(positions, tuple(self.account.balances.values()))

    # -- the kill switch --------------------------------------------------------------------------------------------

    @property
    def halt_reason(self) -> str:
        """Why new orders are refused; "" while they are not."""
        return self._killswitch.reason

    @property
    def halted(self) -> bool:
        """Whether new orders are refused."""
        return self._killswitch.halted

    def halt(self, reason: str = "by hand") -> asyncio.Future[None]:
        """Refuse new orders from now on, over restarts too, and cancel every open one.

        Latched when this returns; awaiting what it returns ends when the venue shows no open order, and raises
        HaltedError where the block was left before. Raises UsageError before the trader was entered.
        """
        if not self._open and not self._leaving:
            raise UsageError("the trader is not open: there is nothing to halt before its async with block")
        return self._halt(Cause.HAND, reason)

    def rearm(self, by: str = "by hand") -> None:
        """Admit orders again, as soon as those of before are cancelled.

        Raises HaltedError while a HALT file is there, or where that cannot be kept.
        """
        self._demand_open()
        self._alert(self._vigil.rearm(by))
        self._events.monitor.forget()

    def halt_on(self, number: signal.Signals) -> None:
        """Halt when this process gets a signal, SIGUSR1 say; until the trader is left."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(number, lambda: self._halt(Cause.SIGNAL, f"signal {number.name}"))
        self._signals.append(number)

    def _halt(self, cause: Cause, reason: str) -> asyncio.Future[None]:
        self._tell(self._vigil.trip(cause, reason))
        self._counts["halts"] += 1
        ended = self._halts.begin()
        self._agenda.wake()
        return ended

    # -- who listens ------------------------------------------------------------------------------------------------

    def on_event(self, callback: CallbackT) -> CallbackT:
        """``callback(change)`` with an OrderChanged, FillSeen, PositionChanged or BalanceChanged of csbook.account."""
        self._on_event.append(callback)
        return callback

    def on_alert(self, callback: CallbackT) -> CallbackT:
        """``callback(alert)`` with an Alert: what a person should look at."""
        self._on_alert.append(callback)
        return callback

    def follow(self, feed: Books) -> None:
        """Let the books of a feed serve queue estimates, P&L, and the rules on stale books and losses.

        The trades of the feed's channel "trades" narrow the queue estimates: ``csbook/account/queue.py`` says how.
        """
        feed.on_trade(self.account.on_trade)
        feed.on_book(self._book)
        feed.on_state(self._state)
        for book in feed.books.values():
            self._vigil.follow(book)

    def stats(self) -> dict[str, int]:
        """Counters since the trader was entered.

        events: of the private stream; hints: those that only say that something happened; placed, rejected, unknown,
        canceled: orders; requests, retries: by REST; lost: outcomes left open; snapshots, questions: asked of the
        venue; reconnects: of the private stream; halts, alerts.
        """
        return {
            "events": self._events.count,
            "hints": self._events.hints,
            **self._counts,
            **self._commands.counts,
            **self.account.counts,
            "requests": self._rest.requests,
            "retries": self._rest.retries,
            "lost": self._rest.lost,
            "snapshots": self._polling.snapshots,
            "questions": self._resolving.questions,
            "reconnects": 0 if self._stream is None else self._stream.reconnects,
            "malformed": 0 if self._stream is None else self._stream.malformed,
            "fills": len(self.account.fills),
            "open_orders": len(self.account.open_orders()),
        }

    # -- what comes -------------------------------------------------------------------------------------------------

    def _lost(self, reason: str) -> None:
        if self._leaving:
            return
        now = self._timing.now()
        self._tripwires.stream(False, now)
        self._tell(self._fallback.lost(now))
        self._agenda.wake()

    def _restored(self) -> None:
        now = self._timing.now()
        self._tripwires.stream(True, now)
        self._tell(self._fallback.back(now))
        self._agenda.wake()

    def _book(self, book: Book) -> None:
        self.account.on_depth(book)

    def _state(self, book: Book, old: State, new: State, reason: str) -> None:
        self._vigil.follow(book)
        self._agenda.wake()

    def _took(self, changes: Iterable[Change]) -> None:
        """What the account learned goes to those who listen, in order."""
        for change in changes:
            if isinstance(change, OrderChanged):
                if change.order.status is OrderStatus.UNKNOWN:
                    self._agenda.wake()
                elif change.old_status is OrderStatus.UNKNOWN:
                    self._resolving.settled(change.order.client_order_id)
            for callback in tuple(self._on_event):
                self._call(callback, change)
        if self._polling.snapshots:
            self._first.set()

    def _ask(self) -> None:
        """Something was seen that cannot be right, or missed: ask for the whole account."""
        self._fallback.demand(self._timing.now())
        self._agenda.wake()

    def _rejected(self) -> None:
        self._vigil.rejected()

    def _tell(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._alert(alert)

    def _alert(self, alert: Alert) -> None:
        self._counts["alerts"] += 1
        for callback in tuple(self._on_alert):
            self._call(callback, alert)

    def _call(self, callback: Callable[..., object], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception as error:
            name = getattr(callback, "__qualname__", repr(callback))
            context = {"message": f"csbook: callback {name} raised", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    def _demand_open(self) -> None:
        if not self._open:
            raise UsageError("the trader is not open: it serves inside of its async with block")
