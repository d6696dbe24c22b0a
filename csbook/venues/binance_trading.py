"""Binance USD-M futures, the private half. Fact sheet binance: 4 (private stream) and 5 (REST).

* Everything goes in the query; the signature is its last parameter. The listenKey wants the key's header alone, and a
  POST gives the same key for as long as it lives: it is the account's, and never deleted here.
* The stream is asked for the events that are read, by name; without ``listenKeyExpired`` among them nobody would be
  told of the end. ``TRADE_LITE`` is left out: it is a fill that comes again with its commission, and the copy would
  come first. Where it comes all the same it has the same trade id, and counts once.
* A 503 with an unknown error, and -1006 and -1007, leave the outcome open; other 503s were refused outright.
* Post-only is the time in force GTX. In hedge mode reduceOnly may not be sent: an order against its leg reduces it.
* All orders of one symbol are cancelled at once, never those of all symbols.
* The address has 2,400 of weight a minute: half of it is kept for the books' snapshots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, OrderRefused
from csbook.types import Fill, Instrument, OrderStatus, Side
from csbook.venues.binance import DIALECT
from csbook.venues.instruments import read_rules
from csbook.venues.trading import Draft, Limit, Page, Trading, check_draft
from csbook.wire import signing
from csbook.wire.fields import bad, decimal, exactly, flag, load, ms, optional, symbol, time_ns, word
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.request import Failure, Request, Signed, Verdict, query_of, seconds_of
from csbook.wire.session import Malformed
from csbook.wire.userdata import PrivateEvent, peeled, read_message

__all__ = ["TRADING", "BinanceTrading"]

ORDER = "/fapi/v1/order"
LISTEN_KEY = "/fapi/v1/listenKey"
EVENTS = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "MARGIN_CALL", "listenKeyExpired")
WINDOW_MS = 5_000
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_KEY_ALONE = frozenset({"new_token", "extend_token"})
_LARGEST_LIST = 1000
_DAY_S = 86_400.0

_STATUSES = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_VERDICTS = {
    -1000: Verdict.UNKNOWN, -1001: Verdict.UNKNOWN, -1006: Verdict.UNKNOWN, -1007: Verdict.UNKNOWN,
    -1003: Verdict.RATE, -1008: Verdict.RATE, -1015: Verdict.RATE,
    -1021: Verdict.CLOCK, -5028: Verdict.CLOCK,
    -1002: Verdict.KEY, -1022: Verdict.KEY, -2014: Verdict.KEY, -2015: Verdict.KEY,
    -1125: Verdict.NOT_FOUND, -2011: Verdict.NOT_FOUND, -2013: Verdict.NOT_FOUND,
    -4116: Verdict.DUPLICATE,
}  # fmt: skip
_ORDERS = ("orders_10s", "orders_1m")
_ADDRESS = ("weight",)
_REFUSED_OUTRIGHT = ("service unavailable", "internal error; unable to process", "overloaded")


class BinanceTrading(Trading):
    """The table; stateless. See ``venues.trading.Trading`` for the meaning of the methods."""

    name = DIALECT.name
    title = DIALECT.title
    abilities = frozenset({"amend", "cancel_all", "fills", "hedge", "post_only", "reduce_only"})
    order_types = ("LIMIT", "MARKET")
    times_in_force = ("GTC", "IOC", "FOK")
    client_id = "[.A-Z:/a-z0-9_-]{1,36}"
    limits: Mapping[str, Limit] = {
        "orders_10s": Limit(300, 10.0),
        "orders_1m": Limit(1200, 60.0),
        "weight": Limit(1200, 60.0, reserve=200),
    }
    pools: Mapping[str, tuple[str, ...]] = {
        "place": (*_ORDERS, *_ADDRESS),
        "amend": (*_ORDERS, *_ADDRESS),
    } | dict.fromkeys(
        ("cancel", "cancel_all", "order", "open_orders", "closed_orders", "fills", "positions", "balances",
         "instruments", "new_token", "extend_token", "time"),
        _ADDRESS,
    )  # fmt: skip
    clock_tolerance_s = 1.0  # ahead of the venue; 5 s behind it
    token_life_s = 3600.0
    token_renewal_s = (1500.0, 1800.0)
    list_window_s = 7 * _DAY_S
    open_list_is_whole = True
    cancel_all_by_symbol = True

    # -- requests ---------------------------------------------------------------------------------------------------

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        headers = dict(request.headers)
        if not request.signed:
            return Signed(request.query, headers)
        headers["X-MBX-APIKEY"] = credentials.api_key
        if request.endpoint in _KEY_ALONE:
            return Signed(request.query, headers)
        query = f"{request.query}&" if request.query else ""
        query += f"recvWindow={WINDOW_MS}&timestamp={timestamp_ms}"
        return Signed(f"{query}&signature={signing.binance(credentials, query, request.body)}", headers)

    def server_time(self) -> Request:
        return Request("time", "GET", "/fapi/v1/time", signed=False)

    def place(self, draft: Draft) -> Request:
        check_draft(self, draft)
        pairs = [("symbol", draft.symbol), ("side", draft.side.name), ("type", draft.type), ("quantity", draft.size)]
        if draft.price is not None:
            pairs += [("price", draft.price), ("timeInForce", "GTX" if draft.post_only else draft.time_in_force)]
        if draft.position_side is not None:
            pairs.append(("positionSide", draft.position_side))
        if draft.reduce_only and draft.position_side in (None, "BOTH"):
            pairs.append(("reduceOnly", "true"))
        elif draft.reduce_only and (draft.side is Side.BUY) == (draft.position_side == "LONG"):
            text = f"a {draft.side.name} order of the {draft.position_side} leg adds to it; it cannot reduce only"
            raise OrderRefused(text, field="reduce_only")
        pairs.append(("newClientOrderId", draft.client_order_id))
        return _command("place", "POST", ORDER, pairs)

    def amend(self, draft: Draft, *, order_id: str = "") -> Request:
        if draft.type != "LIMIT" or draft.price is None:
            raise OrderRefused("only a LIMIT order can be amended", field="type", nearest=("LIMIT",))
        pairs = [("symbol", draft.symbol), _named(order_id, draft.client_order_id), ("side", draft.side.name)]
        return _command("amend", "PUT", ORDER, [*pairs, ("quantity", draft.size), ("price", draft.price)])

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        return _command("cancel", "DELETE", ORDER, [("symbol", symbol), _named(order_id, client_order_id)])

    def cancel_all(self, symbol: str | None = None) -> Request:
        if symbol is None:
            raise OrderRefused("binance cancels all orders of one symbol at a time; name it", field="symbol")
        return _command("cancel_all", "DELETE", "/fapi/v1/allOpenOrders", [("symbol", symbol)])

    def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        named = _named("", client_order_id) if client_order_id else _named(order_id, "")
        return _query("order", ORDER, [("symbol", symbol), named])

    def open_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        return _query("open_orders", "/fapi/v1/openOrders", _of(symbol), cost=40 if symbol is None else 1)

    def closed_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        if symbol is None:
            raise OrderRefused("binance lists the closed orders of one symbol at a time; name it", field="symbol")
        span = [(name, str(at)) for name, at in (("startTime", from_ms), ("endTime", to_ms)) if at is not None]
        pairs = [("symbol", symbol), *span, ("limit", str(_LARGEST_LIST))]
        return _query("closed_orders", "/fapi/v1/allOrders", pairs, cost=5)

    def fills(self, symbol: str, *, order_id: str = "", from_ms: int | None = None) -> Request:
        pairs = [("symbol", symbol)]
        if order_id:
            pairs.append(("orderId", order_id))
        elif from_ms is not None:
            pairs.append(("startTime", str(from_ms)))
        return _query("fills", "/fapi/v1/userTrades", [*pairs, ("limit", str(_LARGEST_LIST))], cost=5)

    def positions(self, symbol: str | None = None) -> Request:
        return _query("positions", "/fapi/v3/positionRisk", _of(symbol), cost=5)

    def balances(self) -> Request:
        return _query("balances", "/fapi/v3/balance", [], cost=5)

    def instruments(self) -> Request:
        return Request("instruments", "GET", "/fapi/v1/exchangeInfo", signed=False)

    def more(self, request: Request, body: bytes) -> Request | None:
        """Of the fills of a symbol, which come oldest first, a thousand at most: from the last one's id on."""
        if request.endpoint != "fills":
            return None
        rows = _rows(load(body), "fills")
        if len(rows) < _LARGEST_LIST:
            return None
        pairs = [("symbol", symbol(rows[-1], "symbol")), ("fromId", str(int(word(rows[-1], "id") or 0) + 1))]
        if "orderId=" in request.query:
            pairs.insert(1, ("orderId", word(rows[-1], "orderId")))
        return _query("fills", request.path, [*pairs, ("limit", str(_LARGEST_LIST))], cost=5)

    # -- the private stream -----------------------------------------------------------------------------------------

    def new_token(self) -> Request:
        return Request("new_token", "POST", LISTEN_KEY, headers=_FORM)

    def extend_token(self) -> Request:
        return Request("extend_token", "PUT", LISTEN_KEY, headers=_FORM)

    def read_token(self, body: bytes) -> Secret:
        said = load(body)
        text = said.get("listenKey") if isinstance(said, dict) else None
        if not isinstance(text, str) or not 1 <= len(text) <= 512 or not (text.isascii() and text.isalnum()):
            raise BadMessage("the answer holds no listenKey of 1 to 512 letters and digits", field="listenKey")
        return Secret(text)

    def stream_path(self, token: Secret) -> str:
        return f"/private/ws?listenKey={token.reveal()}&events={'/'.join(EVENTS)}"

    # -- answers ----------------------------------------------------------------------------------------------------

    def judge(self, request: Request, status: int, body: bytes, retry_after: str | None) -> Failure | None:
        if 200 <= status < 300:
            return None
        code, text = _said(body)
        told = f"the venue answered {status}" + (f": {text}" if text else "") + (f" (code {code})" if code else "")
        verdict = _VERDICTS.get(code)
        if status in (403, 418, 429):
            verdict = Verdict.RATE
        elif status == 503 and verdict in (None, Verdict.UNKNOWN) and code not in (-1006, -1007):
            outright = any(words in text.lower() for words in _REFUSED_OUTRIGHT) and "unknown" not in text.lower()
            verdict = Verdict.RATE if outright else Verdict.UNKNOWN
        elif verdict is None:
            verdict = Verdict.REJECTED if 400 <= status < 500 and status != 408 else Verdict.UNKNOWN
        if verdict is not Verdict.RATE:
            return Failure(verdict, told, status, str(code or ""))
        of_orders, of_address = code == -1015, status in (403, 418, 429) or code == -1003
        limits = _ORDERS if of_orders else _ADDRESS if of_address else ()
        wait = seconds_of(retry_after)
        if status == 418 and wait is None:
            wait = 120.0
        return Failure(verdict, told, status, str(code or ""), wait, limits, banned=status == 418)

    def read_time(self, body: bytes) -> int:
        said = load(body)
        if not isinstance(said, dict):
            raise BadMessage("the answer holds no time", field="serverTime")
        return time_ns(said, "serverTime")

    def read_order(self, request: Request, body: bytes, receive_time_ns: int) -> Page:
        def read(message: Any) -> Page:
            if not isinstance(message, dict):
                raise BadMessage("the answer holds no order", field="order")
            report, unknown = _order(message, receive_time_ns)
            return Page((report,), unknown=unknown)

        return exactly(body, read)

    def read_orders(self, body: bytes, receive_time_ns: int) -> Page:
        """``allOrders`` has open ones among them, and is full at 1000: the newest, so the next part ends with them."""

        def read(message: Any) -> Page:
            read = [_order(row, receive_time_ns) for row in _rows(message, "orders")]
            unknown = tuple(dict.fromkeys(each for _, words in read for each in words))
            orders = tuple(sorted((report for report, _ in read), key=_made, reverse=True))
            cursor = _made(orders[-1]) // 1_000_000 if len(orders) >= _LARGEST_LIST else None
            return Page(orders, cursor, unknown)

        return exactly(body, read)

    def read_fills(self, body: bytes, receive_time_ns: int) -> tuple[OrderReport, ...]:
        return exactly(body, lambda message: tuple(_fill(row, receive_time_ns) for row in _rows(message, "fills")))

    def read_canceled(self, body: bytes) -> tuple[str, ...]:
        """The venue names none; its success has the code 200."""
        said = load(body)
        if not isinstance(said, dict) or word(said, "code") != "200":
            raise BadMessage("the answer to cancel_all: field 'code' is not 200", field="code")
        return ()

    def read_positions(self, body: bytes, receive_time_ns: int) -> tuple[PositionReport, ...]:
        """Without the rows of size 0, which stand for resting orders."""

        def read(message: Any) -> tuple[PositionReport, ...]:
            reports = (_position(row, receive_time_ns) for row in _rows(message, "positions"))
            return tuple(report for report in reports if report.size)

        return exactly(body, read)

    def read_balances(self, body: bytes, receive_time_ns: int) -> tuple[BalanceReport, ...]:
        def read(message: Any) -> tuple[BalanceReport, ...]:
            return tuple(_balance(row, receive_time_ns) for row in _rows(message, "balances"))

        return exactly(body, read)

    def read_instruments(self, body: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
        return read_rules(DIALECT, body, ticks)

    # -- events -----------------------------------------------------------------------------------------------------

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        inner = peeled(message)
        reader = _MORE.get(inner["e"]) if isinstance(inner, dict) and isinstance(inner.get("e"), str) else None
        if reader is None:
            return read_message(inner, receive_time_ns)
        try:
            return reader(inner, receive_time_ns)
        except BadMessage as error:
            return [Malformed(error)]


TRADING = BinanceTrading()


def _command(endpoint: str, method: str, path: str, pairs: list[tuple[str, str]]) -> Request:
    return Request(endpoint, method, path, query=query_of(pairs), headers=_FORM, command=True)


def _query(endpoint: str, path: str, pairs: list[tuple[str, str]], *, cost: int = 1) -> Request:
    return Request(endpoint, "GET", path, query=query_of(pairs), cost=cost)


def _of(symbol: str | None) -> list[tuple[str, str]]:
    return [] if symbol is None else [("symbol", symbol)]


def _named(order_id: str, client_order_id: str) -> tuple[str, str]:
    return ("orderId", order_id) if order_id else ("origClientOrderId", client_order_id)


def _said(body: bytes) -> tuple[int, str]:
    """The code and the words of a failure, as one short line; 0 and "" where there are none."""
    try:
        said = load(body)
    except BadMessage:
        return 0, " ".join(body[:200].decode("utf-8", "replace").split()) if body[:1] not in (b"<", b"{") else ""
    if not isinstance(said, dict):
        return 0, ""
    code, text = said.get("code"), said.get("msg")
    words = " ".join(text.split())[:200] if isinstance(text, str) else ""
    return code if type(code) is int else 0, words


def _rows(message: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(message, list) or not all(isinstance(row, dict) for row in message):
        raise BadMessage(f"the answer holds no list of {what}", field=what)
    return message


def _made(report: OrderReport) -> int:
    return report.created_time_ns or report.event_time_ns


def _side(row: Mapping[str, Any], key: str) -> Side:
    said = word(row, key)
    if said not in ("BUY", "SELL"):
        raise bad(row, key, "BUY or SELL")
    return Side[said]


def _order(row: Mapping[str, Any], receive_time_ns: int) -> tuple[OrderReport, tuple[str, ...]]:
    order_id, client_order_id = word(row, "orderId"), word(row, "clientOrderId")
    if not order_id and not client_order_id:
        raise bad(row, "orderId", "an order id")
    said = word(row, "status")
    status = _STATUSES.get(said)
    in_force = word(row, "timeInForce")
    price, average = optional(row, "price"), optional(row, "avgPrice")
    return OrderReport(
        symbol=symbol(row, "symbol"),
        status=OrderStatus.UNKNOWN if status is None else status,
        client_order_id=client_order_id,
        order_id=order_id,
        side=_side(row, "side"),
        type=word(row, "type") or None,
        time_in_force=in_force or None,
        size=optional(row, "origQty"),
        price=price or None,
        filled=optional(row, "executedQty"),
        average_price=average or None,
        reduce_only=flag(row, "reduceOnly"),
        post_only=True if in_force == "GTX" else None,
        position_side=word(row, "positionSide") or None,
        reason="" if status is not None else f"status {said!r:.60} is not known",
        created_time_ns=ms(row, "time"),
        event_time_ns=ms(row, "updateTime") or ms(row, "time"),
        receive_time_ns=receive_time_ns,
    ), () if status is not None else (f"order status {said!r:.60}",)


def _fill(row: Mapping[str, Any], receive_time_ns: int) -> OrderReport:
    fill = Fill(
        symbol=symbol(row, "symbol"),
        side=_side(row, "side"),
        price=decimal(row, "price", positive=True),
        size=decimal(row, "qty", positive=True),
        trade_id=word(row, "id"),
        order_id=word(row, "orderId"),
        client_order_id="",
        commission=optional(row, "commission"),
        commission_asset=word(row, "commissionAsset"),
        realised_pnl=optional(row, "realizedPnl"),
        is_maker=flag(row, "maker"),
        position_side=word(row, "positionSide") or "BOTH",
        trade_time_ns=time_ns(row, "time"),
        event_time_ns=time_ns(row, "time"),
        receive_time_ns=receive_time_ns,
    )
    return _executed(fill, word(row, "positionSide") or None)


def _executed(fill: Fill, position_side: str | None) -> OrderReport:
    """What one fill alone says of its order."""
    return OrderReport(
        fill.symbol,
        OrderStatus.PARTIALLY_FILLED,
        fill.client_order_id,
        fill.order_id,
        fill.side,
        position_side=position_side,
        fill=fill,
        event_time_ns=fill.event_time_ns,
        receive_time_ns=fill.receive_time_ns,
    )


def _position(row: Mapping[str, Any], receive_time_ns: int) -> PositionReport:
    leg = word(row, "positionSide") or "BOTH"
    if leg not in ("BOTH", "LONG", "SHORT"):
        raise bad(row, "positionSide", "BOTH, LONG or SHORT")
    return PositionReport(
        symbol=symbol(row, "symbol"),
        size=decimal(row, "positionAmt"),
        entry_price=optional(row, "entryPrice") or None,
        position_side=leg,
        leverage=optional(row, "leverage"),
        margin_type=word(row, "marginType"),
        event_time_ns=ms(row, "updateTime"),
        receive_time_ns=receive_time_ns,
    )


def _balance(row: Mapping[str, Any], receive_time_ns: int) -> BalanceReport:
    asset = word(row, "asset")
    if not asset:
        raise bad(row, "asset", "an asset")
    at, available = ms(row, "updateTime"), optional(row, "availableBalance")
    return BalanceReport(asset, decimal(row, "balance"), available, event_time_ns=at, receive_time_ns=receive_time_ns)


def _lite(message: Mapping[str, Any], receive_time_ns: int) -> list[PrivateEvent]:
    """A fill without its commission. ``q`` and ``p`` are the order's, ``l`` and ``L`` the fill's."""
    fill = Fill(
        symbol=symbol(message),
        side=_side(message, "S"),
        price=decimal(message, "L", positive=True),
        size=decimal(message, "l", positive=True),
        trade_id=word(message, "t"),
        order_id=word(message, "i"),
        client_order_id=word(message, "c"),
        is_maker=flag(message, "m"),
        trade_time_ns=time_ns(message, "T"),
        event_time_ns=time_ns(message, "E"),
        receive_time_ns=receive_time_ns,
    )
    return [_executed(fill, None)]


def _settings(message: Mapping[str, Any], receive_time_ns: int) -> list[PrivateEvent]:
    """Leverage of a symbol, or the multi-asset mode: nothing that the account keeps."""
    return []


_MORE: dict[str, Callable[[Mapping[str, Any], int], list[PrivateEvent]]] = {
    "TRADE_LITE": _lite,
    "ACCOUNT_CONFIG_UPDATE": _settings,
}
