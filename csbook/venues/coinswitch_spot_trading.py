"""CoinSwitch PRO spot, the private half of the official API. Fact sheet coinswitch: 1.5, 1.6, 3 and 5.1.

* Signature and errors are those of futures. Orders are LIMIT alone; their numbers are JSON numbers, digit by digit.
* A resting order expires by itself: after 90 s, the venue's default, unless the setting ``expiry_s`` says otherwise.
  GTC means no more than that here. ``PARTIALLY_EXECUTED`` still works, other than on futures.
* An order is cancelled by the venue's id alone, and all of them one by one.
* There are balances and no positions. What is held of an asset, blocked or not, is shown as the position of its pair:
  an exposure is what is held and what that could come to be. ``buy_average_price`` is its entry where the quote is
  INR. A row's ``main_balance`` is what is free, as public programs read it.
* The grid is told in decimal places: ``base`` for sizes and ``quote`` for prices. What ``limit`` counts is not
  documented; ``ticks=`` overrides the price step.
* Two private sockets, one for orders and one for balances, each let in by the api key alone. Of an order update ``i``,
  ``X`` and ``z`` are known (id, status, quantity executed), of a balance update nothing: what is known is read, and
  each message is a hint upon which the account is asked for.
* How many orders one list holds is documented as 25 open and 500 closed; a full list of open orders is read on from its
  oldest one. Limits that are not published are our own, and the published ones are not used up by far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from csbook import json
from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, OrderRefused, UsageError
from csbook.exact import ZERO, add, shift
from csbook.types import Instrument, OrderStatus, Side
from csbook.venues.coinswitch_sio import SPOT
from csbook.venues.coinswitch_sio_trading import SioTrading, number
from csbook.venues.coinswitch_trading import data_of, row_of, rows_of
from csbook.venues.trading import Draft, Limit, Page, Place, Trading, check_draft
from csbook.wire.admission import PrivateSession
from csbook.wire.fields import bad, decimal, exactly, ms, optional, symbol, word
from csbook.wire.private import BalanceReport, Hint, OrderReport, PositionReport
from csbook.wire.private_socketio import PrivateSocketIoSession
from csbook.wire.request import Request, query_of
from csbook.wire.session import Malformed, Pace, Unknown
from csbook.wire.userdata import PrivateEvent

__all__ = ["TRADING", "SpotTrading"]

BASE = "/trade/api/v2"
QUOTES = {"coinswitchx": "INR", "c2c1": "USDT", "c2c2": "USDT"}  # exchange -> what its pairs are paid in
_JSON = {"Content-Type": "application/json"}
_MOST_OPEN = 25
_DECIMALS = 18

# status -> ours; None: NEW or PARTIALLY_FILLED, by the quantity executed
_STATUSES: dict[str, OrderStatus | None] = {
    "OPEN": None,
    "PARTIALLY_EXECUTED": None,
    "CANCELLATION_RAISED": None,
    "EXPIRATION_RAISED": None,
    "EXECUTED": OrderStatus.FILLED,
    "CANCELLED": OrderStatus.CANCELED,
    "EXPIRED": OrderStatus.EXPIRED,
    "DISCARDED": OrderStatus.REJECTED,
}
_OPEN = (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
_ENDING = frozenset({"CANCELLATION_RAISED", "EXPIRATION_RAISED"})


@dataclass(frozen=True, slots=True)
class _Feed:
    """One of the private sockets."""

    path: str
    namespace: str
    event: str
    hint: Hint


_ORDERS = _Feed("order-updates", "/orderupdates", "FETCH_ORDER_UPDATES", Hint("an order update"))
_BALANCES = _Feed("balance-updates", "/balanceupdates", "FETCH_BALANCE_UPDATES", Hint("a balance update"))


class SpotTrading(SioTrading):
    """The table; stateless. See ``venues.trading.Trading`` for the meaning of the methods."""

    name = SPOT.name
    title = SPOT.title
    abilities = frozenset()
    order_types = ("LIMIT",)
    times_in_force = ("GTC",)
    client_id = "[A-Za-z0-9_-]{1,64}"
    limits: Mapping[str, Limit] = {
        "place": Limit(100, 10.0),
        "cancel": Limit(100, 10.0, reserve=50),
        "order": Limit(50, 10.0),
        "open_orders": Limit(100, 10.0, reserve=20),  # of 10,000
        "closed_orders": Limit(50, 10.0),
        "positions": Limit(50, 10.0),  # of 5,000, together with the balances
        "balances": Limit(50, 10.0),
    }
    stream_lacks = ""
    reconcile_every_s = 15.0
    settings: Mapping[str, str] = {
        "exchange": f"one of {', '.join(QUOTES)}; coinswitchx unless said",
        "expiry_s": "seconds after which a resting order expires; the venue's 90 unless said",
    }

    def __init__(self, exchange: str = "coinswitchx", expiry_s: int | None = None, feed: _Feed = _ORDERS) -> None:
        self._exchange = exchange
        self._expiry_s = expiry_s
        self._feed = feed

    def configured(self, settings: Mapping[str, object]) -> Trading:
        super().configured(settings)
        exchange = settings.get("exchange", self._exchange)
        if not isinstance(exchange, str) or exchange.lower() not in QUOTES:
            raise UsageError(f"setting 'exchange' is {exchange!r:.40}; expected one of {', '.join(QUOTES)}")
        expiry = settings.get("expiry_s", self._expiry_s)
        if expiry is not None and (type(expiry) is not int or not 0 < expiry < 2**31):
            raise UsageError(f"setting 'expiry_s' is {expiry!r:.40}; expected a whole number of seconds above 0")
        return SpotTrading(exchange.lower(), expiry)

    # -- requests ---------------------------------------------------------------------------------------------------

    def place(self, draft: Draft) -> Request:
        check_draft(self, draft)
        body: dict[str, object] = {
            "side": draft.side.name,
            "symbol": draft.symbol,
            "type": draft.type,
            "price": number(draft.price or "", "price"),
            "quantity": number(draft.size, "size"),
            "exchange": self._exchange,
            "client_order_id": draft.client_order_id,
        }
        if self._expiry_s is not None:
            body["expiry_period"] = self._expiry_s
        return Request("place", "POST", f"{BASE}/order", body=json.dumps(body), headers=_JSON, command=True)

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        if not order_id:
            raise OrderRefused("this venue cancels by its own order id, which is not known yet", field="order_id")
        body = json.dumps({"order_id": order_id})
        return Request("cancel", "DELETE", f"{BASE}/order", body=body, headers=_JSON, command=True)

    cancel_all = Trading.cancel_all
    read_canceled = Trading.read_canceled

    def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        named = ("client_order_id", client_order_id) if client_order_id else ("order_id", order_id)
        return Request("order", "GET", f"{BASE}/order", query=query_of([named]))

    def open_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        return self._list("open_orders", "true", symbol, from_ms, to_ms)

    def closed_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        return self._list("closed_orders", "false", symbol, from_ms, to_ms)

    def _list(self, endpoint: str, is_open: str, symbol: str | None, from_ms: int | None, to_ms: int | None) -> Request:
        pairs = [("open", is_open), ("exchanges", self._exchange)]
        for name, value in (("symbols", symbol), ("from_time", from_ms), ("to_time", to_ms)):
            if value is not None:
                pairs.append((name, str(value)))
        return Request(endpoint, "GET", f"{BASE}/orders", query=query_of(pairs))

    def positions(self, symbol: str | None = None) -> Request:
        return Request("positions", "GET", f"{BASE}/user/portfolio")

    def balances(self) -> Request:
        return Request("balances", "GET", f"{BASE}/user/portfolio")

    def instruments(self) -> Request:
        body = json.dumps({"exchange": self._exchange})
        return Request("instruments", "POST", f"{BASE}/exchangePrecision", body=body, headers=_JSON)

    # -- answers ----------------------------------------------------------------------------------------------------

    def read_order(self, request: Request, body: bytes, receive_time_ns: int) -> Page:
        def read(message: Any) -> Page:
            report, unknown = _order(row_of(message), receive_time_ns)
            return Page((report,), unknown=unknown)

        return exactly(body, read)

    def read_orders(self, body: bytes, receive_time_ns: int) -> Page:
        def read(message: Any) -> Page:
            data = data_of(message)
            rows = rows_of(data.get("orders") if isinstance(data, dict) else data, "orders")
            found = [_order(row, receive_time_ns) for row in rows]
            unknown = tuple(dict.fromkeys(each for _, words in found for each in words))
            orders = tuple(report for report, _ in found)
            oldest = min((order.created_time_ns for order in orders), default=0)
            is_full = len(orders) >= _MOST_OPEN and oldest > 0 and all(order.status in _OPEN for order in orders)
            # whether a list ends before that time or with it is not told: its last order may come again
            return Page(orders, oldest // 1_000_000 + 1 if is_full else None, unknown)

        return exactly(body, read)

    def read_positions(self, body: bytes, receive_time_ns: int) -> tuple[PositionReport, ...]:
        quote = QUOTES[self._exchange]

        def read(message: Any) -> tuple[PositionReport, ...]:
            reports = []
            for row in rows_of(data_of(message), "holdings"):
                asset, free, blocked = _held(row)
                held = add(free, blocked)
                if asset in (quote, "INR") or not held:  # rupees are no pair's base
                    continue
                entry = optional(row, "buy_average_price") if quote == "INR" else None
                pair = symbol({"symbol": f"{asset}/{quote}"}, "symbol")
                reports.append(PositionReport(pair, held, entry or None, receive_time_ns=receive_time_ns))
            return tuple(reports)

        return exactly(body, read)

    def read_balances(self, body: bytes, receive_time_ns: int) -> tuple[BalanceReport, ...]:
        def read(message: Any) -> tuple[BalanceReport, ...]:
            held = (_held(row) for row in rows_of(data_of(message), "holdings"))
            return tuple(
                BalanceReport(asset, add(free, blocked), free, receive_time_ns=receive_time_ns)
                for asset, free, blocked in held
            )

        return exactly(body, read)

    def read_instruments(self, body: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
        def read(message: Any) -> dict[str, Instrument]:
            data = data_of(message)
            listed = data.get(self._exchange) if isinstance(data, dict) else None
            if not isinstance(listed, dict):
                raise BadMessage(f"the answer holds no pairs of {self._exchange}", field=self._exchange)
            found = {}
            for key, row in listed.items():
                if not isinstance(row, dict):
                    raise BadMessage(f"pair {key[:31]}: expected an object", field=key[:31])
                name = symbol({"symbol": key}, "symbol")
                tick = ticks[name] if name in ticks else _step(row, "quote")
                found[name] = Instrument(symbol=name, tick=tick, lot=_step(row, "base"))
            return found

        return exactly(body, read)

    # -- the private stream -----------------------------------------------------------------------------------------

    @property
    def connections(self) -> tuple[Trading, ...]:
        return tuple(SpotTrading(self._exchange, self._expiry_s, feed) for feed in (_ORDERS, _BALANCES))

    def stream_path(self, token: Secret) -> str:
        return f"/pro/realtime-rates-socket/spot/{self._feed.path}/?EIO=4&transport=websocket"

    def converse(
        self, *, pace: Pace, confirm_within: float, login: Callable[[], bytes], place: Place
    ) -> PrivateSession | None:
        return PrivateSocketIoSession(
            pace=pace, namespace=self._feed.namespace, login=login, confirm_within=confirm_within
        )

    def login(self, credentials: Credentials, now_ms: int) -> bytes:
        return json.dumps([self._feed.event, {"event": "subscribe", "apikey": credentials.api_key}])

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        channel = message.get("channel") if isinstance(message, dict) else None
        if channel != self._feed.event:
            return [Unknown(channel[:60] if isinstance(channel, str) else "unnamed"), self._feed.hint]
        if self._feed is _BALANCES:
            return [self._feed.hint]
        events: list[PrivateEvent] = []
        data = data_of(message)
        if isinstance(data, dict) and "data" in data:
            data = data["data"]
        for row in data if isinstance(data, list) else [data]:
            if isinstance(row, dict) and "i" in row and "X" in row:
                try:
                    events.append(_update(row, receive_time_ns))
                except BadMessage as error:
                    events.append(Malformed(error))
        return [*events, self._feed.hint]


TRADING = SpotTrading()


def _step(row: Mapping[str, Any], key: str) -> Decimal:
    places = row.get(key)
    if type(places) is not int or not 0 <= places <= _DECIMALS:
        raise bad(row, key, "a number of decimals")
    return shift(Decimal(1), -places)


def _held(row: Mapping[str, Any]) -> tuple[str, Decimal, Decimal]:
    """The asset, what of it is free, and what its orders have blocked."""
    asset = word(row, "currency").upper()
    if not asset:
        raise bad(row, "currency", "an asset")
    return asset, decimal(row, "main_balance"), optional(row, "blocked_balance_order") or ZERO


def _status(said: str, filled: Decimal | None) -> OrderStatus:
    return _STATUSES[said] or (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW)


def _update(row: Mapping[str, Any], receive_time_ns: int) -> PrivateEvent:
    """What is known of an order update."""
    order_id, said, filled = word(row, "i"), word(row, "X"), optional(row, "z")
    if not order_id:
        raise bad(row, "i", "an order id")
    if said not in _STATUSES:
        return Unknown(f"order status {said!r:.60}")
    if filled is not None and filled < 0:
        raise bad(row, "z", "base quantity")
    return OrderReport(
        symbol="",
        status=_status(said, filled),
        order_id=order_id,
        filled=filled,
        canceling=said in _ENDING,
        receive_time_ns=receive_time_ns,
    )


def _order(row: Mapping[str, Any], receive_time_ns: int) -> tuple[OrderReport, tuple[str, ...]]:
    """One order, and the words in it that nobody has told of."""
    order_id, client_order_id = word(row, "order_id"), word(row, "client_order_id")
    if not order_id and not client_order_id:
        raise bad(row, "order_id", "an order id")
    said, side = word(row, "status"), word(row, "side").upper()
    if side not in ("BUY", "SELL"):
        raise bad(row, "side", "BUY or SELL")
    filled, is_known = optional(row, "executed_qty"), said in _STATUSES
    created = ms(row, "created_time")
    report = OrderReport(
        symbol=symbol(row, "symbol"),
        status=_status(said, filled) if is_known else OrderStatus.UNKNOWN,
        client_order_id=client_order_id,
        order_id=order_id,
        side=Side[side],
        type="LIMIT",
        time_in_force="GTC",
        size=optional(row, "orig_qty"),
        price=optional(row, "price") or None,
        filled=filled,
        average_price=optional(row, "average_price") or None,
        canceling=said in _ENDING,
        reason="" if is_known else f"status {said!r:.60} is not known",
        created_time_ns=created,
        event_time_ns=ms(row, "updated_time") or created,
        receive_time_ns=receive_time_ns,
    )
    return report, () if is_known else (f"order status {said!r:.60}",)
