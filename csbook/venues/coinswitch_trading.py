"""CoinSwitch PRO futures, the private half of the unofficial dialect: futures v2 paths under the guide's signature.

Sources: the integration guide (2.2, 3.2, 4, 5.1) for the signature, the listenKey and the events; the venue's own
documentation of futures v2 for paths, objects, states and limits. What both leave open is said where it matters:

* Prices and sizes go out as JSON strings, decimal text as the caller wrote it; text and numbers are read alike.
* An open order that is partly filled is ``RAISED`` with a quantity executed. ``PARTIALLY_EXECUTED`` is terminal: the
  remainder does not work any more, so it is CANCELED with what was filled. ``CANCELLATION_RAISED`` may still fill.
* The answer to a cancel renames two fields (``avg_exec_price``, ``exec_fee``).
* A position's size has no sign; its side says which. A symbol with one row is taken as one-way, with two as two legs.
* The price step is ``tick_size`` times 10 to the minus ``price_precision``, which some public programs read so and the
  documented prices contradict: ``ticks=`` overrides it.
* A 401 is a bad signature, a wrong key or a stale timestamp, with one text for all: who asks compares the clocks.
* There is no post-only and no amend.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from csbook import json
from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage
from csbook.exact import magnitude, negate, shift
from csbook.types import Instrument, OrderStatus, Side
from csbook.venues.trading import Draft, Limit, Page, Trading
from csbook.wire import signing
from csbook.wire.fields import bad, decimal, exactly, flag, load, ms, optional, symbol, word
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.request import Failure, Request, Signed, Verdict, query_of, seconds_of
from csbook.wire.userdata import PrivateEvent, read_message

__all__ = ["TRADING", "CoinswitchTrading", "data_of", "row_of", "rows_of"]

EXCHANGE = "EXCHANGE_2"
FUTURES = "/trade/api/v2/futures"
TIME = "/trade/api/v2/time"
LISTEN_KEY = "/trade/api/v2/user/listenKey"
_JSON = {"Content-Type": "application/json"}
_ZERO = Decimal(0)
_QUOTE = "USDT"  # of every symbol, and commission is paid in it
_DAY_S = 86_400.0

# status -> ours; None: NEW or PARTIALLY_FILLED, by the quantity executed
_STATUSES: dict[str, OrderStatus | None] = {
    "RAISED": None,
    "CANCELLATION_RAISED": None,
    "EXECUTED": OrderStatus.FILLED,
    "PARTIALLY_EXECUTED": OrderStatus.CANCELED,
    "CANCELLED": OrderStatus.CANCELED,
    "FAILED": OrderStatus.REJECTED,
}
_CLOCK_WORDS = ("epoch", "timestamp", "clock")


class CoinswitchTrading(Trading):
    """The table; stateless. See ``venues.trading.Trading`` for the meaning of the methods."""

    name = "coinswitch"
    title = "CoinSwitch PRO futures (unofficial WebSocket)"
    abilities = frozenset({"cancel_all", "hedge", "reduce_only"})
    order_types: tuple[str, ...] = ("LIMIT", "MARKET")
    times_in_force: tuple[str, ...] = ("GTC", "IOC", "FOK")
    limits: Mapping[str, Limit] = {
        "place": Limit(20, 60.0),
        "cancel": Limit(10, 60.0, reserve=4),
        "cancel_all": Limit(10, 60.0, reserve=3),
        "order": Limit(20, 60.0),
        "open_orders": Limit(20, 60.0, reserve=5),
        "closed_orders": Limit(20, 60.0),
        "positions": Limit(20, 60.0),
        "balances": Limit(20, 60.0),
        "instruments": Limit(100, 60.0),
    }
    clock_tolerance_s = 60.0
    token_life_s = 3600.0
    token_renewal_s: tuple[float, float] | None = (1800.0, 3000.0)
    list_window_s = 7 * _DAY_S

    # -- requests ---------------------------------------------------------------------------------------------------

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        headers = dict(request.headers)
        if request.signed:
            payload = request.body or request.query.encode()
            headers.update(signing.coinswitch(credentials, timestamp_ms, payload))
        return Signed(request.query, headers)

    def server_time(self) -> Request:
        return Request("time", "GET", TIME, signed=False)

    def place(self, draft: Draft) -> Request:
        body: dict[str, object] = {
            "exchange": EXCHANGE,
            "symbol": draft.symbol,
            "side": draft.side.name,
            "order_type": draft.type,
            "quantity": draft.size,
            "reduce_only": draft.reduce_only,
            "client_order_id": draft.client_order_id,
        }
        if draft.price is not None:
            body["price"] = draft.price
            body["time_in_force"] = draft.time_in_force
        if draft.position_side is not None:
            body["position_side"] = draft.position_side
        return _command("place", "POST", "/order", body)

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        named = {"order_id": order_id} if order_id else {"client_order_id": client_order_id}
        return _command("cancel", "DELETE", "/order", {"exchange": EXCHANGE, **named})

    def cancel_all(self, symbol: str | None = None) -> Request:
        return _command("cancel_all", "POST", "/cancel_all", _maybe({"exchange": EXCHANGE}, symbol=symbol))

    def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        named = ("client_order_id", client_order_id) if client_order_id else ("order_id", order_id)
        return _query("order", "/order", [named])

    def open_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        return _list("open_orders", "/orders/open", symbol, from_ms, to_ms)

    def closed_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        return _list("closed_orders", "/orders/closed", symbol, from_ms, to_ms)

    def positions(self, symbol: str | None = None) -> Request:
        pairs = [("exchange", EXCHANGE)] + ([] if symbol is None else [("symbol", symbol)])
        return _query("positions", "/positions", pairs)

    def balances(self) -> Request:
        return _query("balances", "/wallet_balance", [("exchange", EXCHANGE)])

    def instruments(self) -> Request:
        return _query("instruments", "/instrument_info", [("exchange", EXCHANGE)])

    def new_token(self) -> Request:
        return Request("new_token", "POST", LISTEN_KEY, headers=_JSON)

    def extend_token(self) -> Request:
        return Request("extend_token", "PUT", LISTEN_KEY, headers=_JSON)

    def stream_path(self, token: Secret) -> str:
        return f"/ws/{token.reveal()}"

    # -- answers ----------------------------------------------------------------------------------------------------

    def judge(self, request: Request, status: int, body: bytes, retry_after: str | None) -> Failure | None:
        if 200 <= status < 300:
            return None
        text = _message(body)
        said = f"the venue answered {status}" + (f": {text}" if text else "")
        low = text.lower()
        if status in (401, 403):
            verdict = Verdict.CLOCK if any(word in low for word in _CLOCK_WORDS) else Verdict.KEY
        elif status == 404:
            verdict = Verdict.NOT_FOUND
        elif status in (418, 429):
            return Failure(Verdict.RATE, said, status, retry_after_s=seconds_of(retry_after))
        elif status in (409, 422) and "client_order_id" in low and ("duplicate" in low or "already" in low):
            verdict = Verdict.DUPLICATE
        elif 400 <= status < 500 and status != 408:
            verdict = Verdict.REJECTED
        else:
            return Failure(Verdict.UNKNOWN, said, status, retry_after_s=seconds_of(retry_after))
        return Failure(verdict, said, status)

    def read_time(self, body: bytes) -> int:
        data = data_of(load(body))
        value = data.get("serverTime") if isinstance(data, dict) else None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**53:
            raise BadMessage("the server's time: field 'serverTime' is missing; expected ms", field="serverTime")
        return value * 1_000_000

    def read_order(self, request: Request, body: bytes, receive_time_ns: int) -> Page:
        return exactly(body, lambda message: _one(message, receive_time_ns))

    def read_orders(self, body: bytes, receive_time_ns: int) -> Page:
        return exactly(body, lambda message: _many(message, receive_time_ns))

    def read_canceled(self, body: bytes) -> tuple[str, ...]:
        data = data_of(load(body))
        ids = data.get("orders_ids") if isinstance(data, dict) else None
        if not isinstance(ids, list):
            raise BadMessage("the answer to cancel_all: field 'orders_ids' is no list", field="orders_ids")
        return tuple(str(each) for each in ids)

    def read_positions(self, body: bytes, receive_time_ns: int) -> tuple[PositionReport, ...]:
        return exactly(body, lambda message: _positions(message, receive_time_ns))

    def read_balances(self, body: bytes, receive_time_ns: int) -> tuple[BalanceReport, ...]:
        return exactly(body, lambda message: _balances(message, receive_time_ns))

    def read_instruments(self, body: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
        return exactly(body, lambda message: _instruments(message, ticks))

    def read_token(self, body: bytes) -> Secret:
        data = data_of(load(body))
        text = data.get("listenKey") if isinstance(data, dict) else None
        # nothing of it is shown, whatever it is
        if not isinstance(text, str) or not 1 <= len(text) <= 512 or not text.isascii() or not _is_plain(text):
            raise BadMessage("the answer holds no listenKey of 1 to 512 letters, digits, '-' or '_'", field="listenKey")
        return Secret(text)

    # -- events -----------------------------------------------------------------------------------------------------

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        return read_message(message, receive_time_ns)


TRADING = CoinswitchTrading()


def _command(endpoint: str, method: str, path: str, body: Mapping[str, object]) -> Request:
    return Request(endpoint, method, FUTURES + path, body=json.dumps(body), headers=_JSON, command=True)


def _query(endpoint: str, path: str, pairs: list[tuple[str, str]]) -> Request:
    return Request(endpoint, "GET", FUTURES + path, query=query_of(pairs))


def _list(endpoint: str, path: str, symbol: str | None, from_ms: int | None, to_ms: int | None) -> Request:
    body = _maybe({"exchange": EXCHANGE}, symbol=symbol, from_time=from_ms, to_time=to_ms)
    return Request(endpoint, "POST", FUTURES + path, body=json.dumps(body), headers=_JSON)


def _maybe(body: dict[str, object], **more: object) -> dict[str, object]:
    return body | {name: value for name, value in more.items() if value is not None}


def _is_plain(text: str) -> bool:
    return all(letter.isalnum() or letter in "-_" for letter in text)


def _message(body: bytes) -> str:
    """What the venue says about a failure, as one short line."""
    try:
        said = load(body)
    except BadMessage:
        return ""
    text = said.get("message") if isinstance(said, dict) else None
    return " ".join(str(text).split())[:200] if isinstance(text, str) else ""


def data_of(message: Any) -> Any:
    """What an answer is about, with or without its envelope."""
    return message.get("data", message) if isinstance(message, dict) else message


def rows_of(data: Any, what: str) -> list[dict[str, Any]]:
    """The objects of a list. Raises BadMessage for what is none."""
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise BadMessage(f"the answer holds no list of {what}", field=what)
    return data


def row_of(message: Any) -> dict[str, Any]:
    """The one order of an answer, wrapped or not. Raises BadMessage."""
    data = data_of(message)
    row = data.get("order", data) if isinstance(data, dict) else None
    if not isinstance(row, dict):
        raise BadMessage("the answer holds no order", field="order")
    return row


def _one(message: Any, receive_time_ns: int) -> Page:
    report, unknown = _order(row_of(message), receive_time_ns)
    return Page((report,), unknown=unknown)


def _many(message: Any, receive_time_ns: int) -> Page:
    data = data_of(message)
    if not isinstance(data, dict):
        raise BadMessage("the answer holds no list of orders", field="orders")
    cursor = data.get("cursor")
    if cursor is not None and (isinstance(cursor, bool) or not isinstance(cursor, int) or not 0 <= cursor < 2**53):
        raise bad(data, "cursor", "ms since the epoch, or null")
    read = [_order(row, receive_time_ns) for row in rows_of(data.get("orders"), "orders")]
    unknown = tuple(dict.fromkeys(word for _, words in read for word in words))
    return Page(tuple(report for report, _ in read), cursor, unknown)


def _order(row: Mapping[str, Any], receive_time_ns: int) -> tuple[OrderReport, tuple[str, ...]]:
    order_id, client_order_id = word(row, "order_id"), word(row, "client_order_id")
    if not order_id and not client_order_id:
        raise bad(row, "order_id", "an order id")
    said = word(row, "status")
    filled = optional(row, "exec_quantity")
    reason = ""
    unknown: tuple[str, ...] = ()
    if said in _STATUSES:
        status = _STATUSES[said] or (OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.NEW)
    else:
        status = OrderStatus.UNKNOWN
        reason = f"status {said!r:.60} is not known"
        unknown = (f"order status {said!r:.60}",)
    side = word(row, "side").upper()
    if side not in ("BUY", "SELL"):
        raise bad(row, "side", "BUY or SELL")
    price = optional(row, "price")
    average = optional(row, "avg_execution_price")
    if average is None:
        average = optional(row, "avg_exec_price")
    fee = optional(row, "execution_fee")
    if fee is None:
        fee = optional(row, "exec_fee")
    created = ms(row, "created_at")
    return OrderReport(
        symbol=symbol(row, "symbol"),
        status=status,
        client_order_id=client_order_id,
        order_id=order_id,
        side=Side[side],
        type=word(row, "order_type") or None,
        time_in_force=word(row, "time_in_force") or None,
        size=optional(row, "quantity"),
        price=None if price == _ZERO else price,
        filled=filled,
        average_price=None if average == _ZERO else average,
        reduce_only=flag(row, "reduce_only"),
        position_side=word(row, "position_side") or None,
        canceling=said == "CANCELLATION_RAISED",
        reason=reason,
        commission=fee,
        commission_asset="" if fee is None else _QUOTE,
        realised_pnl=optional(row, "realised_pnl"),
        created_time_ns=created,
        event_time_ns=ms(row, "updated_at") or created,
        receive_time_ns=receive_time_ns,
    ), unknown


def _positions(message: Any, receive_time_ns: int) -> tuple[PositionReport, ...]:
    rows = rows_of(data_of(message), "positions")
    names = [symbol(row, "symbol") for row in rows]
    reports = []
    for row, name in zip(rows, names, strict=True):
        leg = word(row, "position_side").upper()
        if leg not in ("LONG", "SHORT"):
            raise bad(row, "position_side", "LONG or SHORT")
        size = magnitude(decimal(row, "position_size"))
        reports.append(
            PositionReport(
                symbol=name,
                size=negate(size) if leg == "SHORT" else size,
                entry_price=optional(row, "avg_entry_price") or None,
                position_side=leg if names.count(name) > 1 else "BOTH",
                leverage=optional(row, "leverage"),
                margin_type=word(row, "margin_type"),
                event_time_ns=ms(row, "updated_at"),
                receive_time_ns=receive_time_ns,
            )
        )
    return tuple(reports)


def _balances(message: Any, receive_time_ns: int) -> tuple[BalanceReport, ...]:
    data = data_of(message)
    reports = []
    for row in rows_of(data.get("base_asset_balances") if isinstance(data, dict) else None, "base_asset_balances"):
        held, asset = row.get("balances"), word(row, "base_asset")
        if not isinstance(held, dict) or not asset:
            raise bad(row, "balances", "the balances of an asset")
        available = optional(held, "total_available_balance")
        wallet = decimal(held, "total_balance")
        reports.append(BalanceReport(asset.upper(), wallet, available, receive_time_ns=receive_time_ns))
    return tuple(reports)


def _instruments(message: Any, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
    data = data_of(message)
    if isinstance(data, dict) and isinstance(data.get(EXCHANGE), dict):
        data = data[EXCHANGE]
    if not isinstance(data, dict):
        raise BadMessage("the answer holds no instruments by symbol", field="data")
    found = {}
    for key, row in data.items():
        if not isinstance(row, dict):
            raise BadMessage(f"instrument {key[:31]}: expected an object", field=key[:31])
        name = key.upper()
        found[name] = Instrument(
            symbol=name,
            tick=ticks[name] if name in ticks else _tick(row),
            lot=decimal(row, "base_quantity_step_size", positive=True),
            min_size=optional(row, "min_base_quantity"),
            max_size=optional(row, "max_base_quantity"),
            status=word(row, "status"),
        )
    return found


def _tick(row: Mapping[str, Any]) -> Decimal:
    """See the head of this file."""
    precision = row.get("price_precision")
    if isinstance(precision, bool) or not isinstance(precision, int) or not 0 <= precision <= 30:
        raise bad(row, "price_precision", "a number of decimals")
    return shift(decimal(row, "tick_size", positive=True), -precision)
