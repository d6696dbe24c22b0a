"""What a venue's trading table has to say: limits, abilities, requests to build, answers and events to read.

A table is facts and pure functions. It never waits and knows no transport: ``net.rest`` sends what it builds and hands
back what came. Reports are ``wire.private``'s; a reader raises BadMessage for an answer that is not what it must be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from csbook.credentials import Credentials, Secret
from csbook.types import Instrument, Side
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.request import Failure, Request, Signed
from csbook.wire.userdata import PrivateEvent

__all__ = ["Draft", "Limit", "Page", "Trading"]


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
    position_side: str | None = None  # None: the account is in one-way mode


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list of orders, the newest first. ``cursor_ms`` asks for the next part as its end; None: no more."""

    orders: tuple[OrderReport, ...]
    cursor_ms: int | None = None
    unknown: tuple[str, ...] = ()  # words of the venue that csbook does not know, as "order status FOO"


class Trading(Protocol):
    """The private side of one venue. Times are ms where they go to the venue, and ns everywhere else."""

    name: str
    title: str
    abilities: frozenset[str]  # of "post_only", "amend", "reduce_only", "hedge", "cancel_all"
    order_types: tuple[str, ...]
    times_in_force: tuple[str, ...]
    limits: Mapping[str, Limit]  # by Request.endpoint; an endpoint that is not here has no known limit
    clock_tolerance_s: float  # a timestamp further off is refused
    token_life_s: float  # of a listenKey, from its making or its last extension
    token_renewal_s: tuple[float, float]  # extend it between these ages
    list_window_s: float  # the longest time that one list of orders may span

    # -- requests ---------------------------------------------------------------------------------------------------

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        """The query and the headers that say whose request it is."""

    def server_time(self) -> Request: ...

    def place(self, draft: Draft) -> Request: ...

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        """By the venue's id where it is known."""

    def cancel_all(self, symbol: str | None = None) -> Request: ...

    def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        """By the client's id where it is known: the venue's is not, after an outcome that was lost."""

    def open_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request: ...

    def closed_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request: ...

    def positions(self, symbol: str | None = None) -> Request: ...

    def balances(self) -> Request: ...

    def instruments(self) -> Request: ...

    def new_token(self) -> Request: ...

    def extend_token(self) -> Request: ...

    def stream_path(self, token: Secret) -> str:
        """The path of the private stream. It carries the key: never log it."""

    # -- answers ----------------------------------------------------------------------------------------------------

    def judge(self, request: Request, status: int, body: bytes, retry_after: str | None) -> Failure | None:
        """What an answer with this HTTP status means; None: it succeeded."""

    def read_time(self, body: bytes) -> int:
        """The server's time in ns."""

    def read_order(self, request: Request, body: bytes, receive_time_ns: int) -> Page:
        """The one order that ``place``, ``cancel`` or ``order`` was answered with."""

    def read_orders(self, body: bytes, receive_time_ns: int) -> Page: ...

    def read_canceled(self, body: bytes) -> tuple[str, ...]:
        """The order ids that ``cancel_all`` names."""

    def read_positions(self, body: bytes, receive_time_ns: int) -> tuple[PositionReport, ...]: ...

    def read_balances(self, body: bytes, receive_time_ns: int) -> tuple[BalanceReport, ...]: ...

    def read_instruments(self, body: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
        """By symbol; ``ticks`` replaces the price step of the symbols that it names."""

    def read_token(self, body: bytes) -> Secret: ...

    # -- events -----------------------------------------------------------------------------------------------------

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        """What a private event says, its JSON read already. Raises FloatFound where digits would be lost."""
