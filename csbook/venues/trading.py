"""What a venue's trading table has to say: limits, abilities, requests to build, answers and events to read.

A table is facts and pure functions. It never waits and knows no transport: ``net.rest`` sends what it builds and hands
back what came. Reports are ``wire.private``'s; a reader raises BadMessage for an answer that is not what it must be.
A table derives from ``Trading``, which says what is true of a venue that says nothing else.

One kind of table remembers: where the venue counts contracts (``needs_instruments``) sizes become base quantity by the
multipliers that ``read_instruments`` has read, so that has to come first, and such a table belongs to one account.

What only some users have to say of a venue is a setting: ``settings`` names them, ``configured`` makes a table of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from csbook.credentials import Credentials, Secret
from csbook.errors import OrderRefused, UsageError
from csbook.types import Instrument, Side
from csbook.wire.admission import PrivateSession
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.request import Failure, Request, Signed
from csbook.wire.session import Pace
from csbook.wire.userdata import PrivateEvent

__all__ = ["Draft", "Limit", "Page", "Place", "Trading", "check_draft"]


@dataclass(frozen=True, slots=True)
class Limit:
    """``count`` requests in any ``window_s`` seconds, ``reserve`` of them for a halt alone."""

    count: int
    window_s: float
    reserve: int = 0


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that is to be sent. Price and size are decimal text, and go to the wire as they are."""

    symbol: str
    side: Side
    type: str  # "LIMIT" or "MARKET"
    size: str
    price: str | None
    client_order_id: str
    time_in_force: str = "GTC"
    reduce_only: bool = False
    post_only: bool = False
    position_side: str | None = None  # None: the account is in one-way mode, which "BOTH" says in so many words


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list of orders, the newest first. ``cursor_ms`` asks for the next part as its end; None: no more."""

    orders: tuple[OrderReport, ...]
    cursor_ms: int | None = None
    unknown: tuple[str, ...] = ()  # words of the venue that csbook does not know, as "order status FOO"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token is to be used, and the pings that are wanted there, in seconds. Empty, None: as configured."""

    endpoint: str = ""  # scheme, host and path; no token
    ping_interval: float | None = None
    ping_timeout: float | None = None
    login: Mapping[str, Secret] = field(
        default_factory=dict
    )  # what is said in the conversation, where it is said there


class Trading(Protocol):
    """The private side of one venue. Times are ms where they go to the venue, and ns everywhere else."""

    name: str
    title: str
    abilities: frozenset[str]  # of "post_only", "amend", "reduce_only", "hedge", "cancel_all", "fills"
    order_types: tuple[str, ...]
    times_in_force: tuple[str, ...]
    client_id: str = "[!-~]{1,64}"  # what a client order id has to match as a whole
    limits: Mapping[str, Limit]  # by name; one of an endpoint's name is its own, an endpoint without has none known
    pools: Mapping[str, tuple[str, ...]] = {}  # endpoint -> the limits that it takes its cost off, too
    clock_tolerance_s: float  # a timestamp further off is refused
    token_life_s: float = 0.0  # of a listenKey, from its making or its last extension
    token_renewal_s: tuple[float, float] | None = None  # extend it between these ages; None: never, it is for one dial
    has_token: bool = True  # the private stream is dialled with one
    stream_lacks: str = ""  # why there is no private stream, and what there is instead; "": there is one
    list_window_s: float  # the longest time that one list of orders may span
    open_list_is_whole: bool = False  # the open orders are not asked for by time
    cancel_all_by_symbol: bool = False  # one symbol at a time
    needs_instruments: bool = False  # see the head of this file
    settings: Mapping[str, str] = {}  # name -> what it is; see the head of this file
    reconcile_every_s: float = 60.0  # beside a stream that stands, since one that loses a message does not say so
    spot: str = ""  # the table that trades symbols with a slash

    def configured(self, settings: Mapping[str, object]) -> Trading:
        """This table with settings. Raises UsageError for one that it does not have, or cannot be."""
        for name in settings:
            if name not in self.settings:
                known = ", ".join(self.settings) or "none"
                raise UsageError(f"{self.name} has no setting {name!r:.40}; it has: {known}")
        return self

    @property
    def connections(self) -> tuple[Trading, ...]:
        """The tables of the private connections, where an account's news come over several: each reads its own."""
        return (self,)

    def limit_of(self, endpoint: str, cost: int = 1) -> Limit | None:
        """The tightest limit that an endpoint is under, counted in requests of that cost; None: none is known."""
        names = (endpoint, *self.pools.get(endpoint, ()))
        known = [self.limits[name] for name in names if name in self.limits]
        if not known:
            return None
        tightest = min(known, key=lambda limit: limit.count / limit.window_s)
        return Limit(max(1, tightest.count // cost), tightest.window_s, tightest.reserve // cost)

    # -- requests ---------------------------------------------------------------------------------------------------

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        """The query and the headers that say whose request it is."""
        ...

    def server_time(self) -> Request: ...

    def place(self, draft: Draft) -> Request:
        """Raises OrderRefused for what the venue cannot be told."""
        ...

    def amend(self, draft: Draft, *, order_id: str = "") -> Request:
        """Have an open order as the draft says: its price and its size may be others, nothing else.

        By the venue's id where it is known. Raises OrderRefused where the venue has no such thing.
        """
        raise OrderRefused(f"{self.name} cannot amend an order; cancel it and place another", field="amend")

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        """By the venue's id where it is known."""
        ...

    def cancel_all(self, symbol: str | None = None) -> Request:
        """Raises OrderRefused without a symbol where ``cancel_all_by_symbol``.

        Not called where it is none of the ``abilities``: the orders are then cancelled one by one.
        """
        raise OrderRefused(f"{self.name} cannot cancel all orders by one request", field="cancel_all")

    def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        """By the client's id where it is known: the venue's is not, after an outcome that was lost."""
        ...

    def open_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request: ...

    def closed_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request: ...

    def fills(self, symbol: str, *, order_id: str = "", from_ms: int | None = None) -> Request:
        """The executions of one order, or of a symbol since a time. Raises UsageError where they are not told."""
        raise UsageError(f"{self.name} does not tell single fills by request")

    def positions(self, symbol: str | None = None) -> Request: ...

    def balances(self) -> Request: ...

    def instruments(self) -> Request: ...

    def more(self, request: Request, body: bytes) -> Request | None:
        """The next part of what was answered in parts: of a list, or of a cancel_all that takes so many at a time.

        None: this was the last. Each part is read by itself. Raises BadMessage for a body that is not what it must be.
        """
        return None

    # -- the private stream -----------------------------------------------------------------------------------------

    def new_token(self) -> Request:
        raise UsageError(f"{self.name} has no token for a private stream")

    def extend_token(self) -> Request:
        raise UsageError(f"{self.name} has no token that can be extended")

    def read_token(self, body: bytes) -> Secret:
        raise UsageError(f"{self.name} has no token for a private stream")

    def read_place(self, body: bytes) -> Place:
        """What the answer that brought a token says of its use."""
        return Place()

    def stream_path(self, token: Secret) -> str:
        """The path of the private stream; an empty token where ``has_token`` is not so. It may carry it: never log it.

        Where ``read_place`` names an endpoint this is the query alone.
        """
        raise UsageError(f"{self.name} has no private stream: {self.stream_lacks}")

    def converse(
        self, *, pace: Pace, confirm_within: float, login: Callable[[], bytes], place: Place
    ) -> PrivateSession | None:
        """What has to be said before the stream brings anything; None: nothing.

        ``login()`` makes what ``login`` makes, at the moment when it is to be sent.
        """
        return None

    def login(self, credentials: Credentials, now_ms: int) -> bytes:
        """The message that says whose stream it is, where that is said in the stream."""
        raise UsageError(f"{self.name} has no login on its private stream")

    # -- answers ----------------------------------------------------------------------------------------------------

    def judge(self, request: Request, status: int, body: bytes, retry_after: str | None) -> Failure | None:
        """What an answer with this HTTP status means; None: it succeeded."""
        ...

    def read_time(self, body: bytes) -> int:
        """The server's time in ns."""
        ...

    def read_order(self, request: Request, body: bytes, receive_time_ns: int) -> Page:
        """The one order that ``place``, ``amend``, ``cancel`` or ``order`` was answered with.

        A venue that only says that it took a command in has PENDING as its status, the weakest word there is.
        """
        ...

    def read_orders(self, body: bytes, receive_time_ns: int) -> Page: ...

    def read_fills(self, body: bytes, receive_time_ns: int) -> tuple[OrderReport, ...]:
        """One report a fill, PARTIALLY_FILLED without a cumulative quantity: it says nothing else of its order."""
        raise UsageError(f"{self.name} does not tell single fills by request")

    def read_canceled(self, body: bytes) -> tuple[str, ...]:
        """The order ids that ``cancel_all`` names; a venue may name none."""
        raise UsageError(f"{self.name} cannot cancel all orders by one request")

    def read_positions(self, body: bytes, receive_time_ns: int) -> tuple[PositionReport, ...]: ...

    def read_balances(self, body: bytes, receive_time_ns: int) -> tuple[BalanceReport, ...]: ...

    def read_instruments(self, body: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
        """By symbol, sizes in base quantity; ``ticks`` replaces the price step of the symbols that it names."""
        ...

    # -- events -----------------------------------------------------------------------------------------------------

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        """What a private event says, its JSON read already. Raises FloatFound where digits would be lost.

        Of a conversation that is ``framed`` a message is ``{"channel": name, "data": what came}``.
        """
        raise UsageError(f"{self.name} has no private stream: {self.stream_lacks}")


def check_draft(table: Trading, draft: Draft) -> None:
    """Raise OrderRefused, naming the field, for what this venue has no word for; every ``place`` begins with it."""
    name = table.name
    if draft.type not in table.order_types:
        _refuse(f"{name} has no order type {draft.type!r:.40}", "type", table.order_types)
    if draft.type == "LIMIT" and draft.time_in_force not in table.times_in_force:
        _refuse(f"{name} has no time in force {draft.time_in_force!r:.40}", "time_in_force", table.times_in_force)
    if (draft.price is None) != (draft.type == "MARKET"):
        _refuse("a LIMIT order has a price, a MARKET order has none", "price", ())
    if draft.post_only and "post_only" not in table.abilities:
        _refuse(f"{name} has no post-only orders", "post_only", ())
    if draft.post_only and (draft.type, draft.time_in_force) != ("LIMIT", "GTC"):
        _refuse("a post-only order is LIMIT and GTC", "post_only", ())
    if draft.reduce_only and "reduce_only" not in table.abilities:
        _refuse(f"{name} has no reduce-only orders", "reduce_only", ())
    if draft.position_side is not None and "hedge" not in table.abilities:
        _refuse(f"{name} has no hedge mode", "position_side", ())
    if draft.position_side not in (None, "BOTH", "LONG", "SHORT"):
        _refuse(f"no position side {draft.position_side!r:.40}", "position_side", ("BOTH", "LONG", "SHORT"))
    if not re.fullmatch(table.client_id, draft.client_order_id):
        _refuse(f"the client order id does not match {table.client_id}, as {name} wants it", "client_order_id", ())


def _refuse(text: str, field: str, known: tuple[str, ...]) -> None:
    raise OrderRefused(f"{text}; it knows {', '.join(known)}" if known else text, field=field, nearest=known)
