"""What the venues that speak V5 have in common over REST. Fact sheets bybit (5) and coinswitch (6.1).

Each answer is an envelope ``{retCode, retMsg, result, time}``; HTTP's 200 alone says nothing. Lists come in parts, with
a cursor. A success of a command says that it was taken in, and no more: it is reported as PENDING.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from csbook import json
from csbook.errors import BadMessage, OrderRefused
from csbook.types import Instrument, OrderStatus, Side
from csbook.venues import v5_rows
from csbook.venues.bybit import DIALECT
from csbook.venues.instruments import read_rules
from csbook.venues.trading import Draft, Page, Trading, check_draft
from csbook.wire.fields import bad, exactly, load, word
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.request import Failure, Request, Verdict, query_of, seconds_of
from csbook.wire.session import Unknown

__all__ = ["V5Trading"]

CATEGORY = ("category", "linear")
COIN = ("settleCoin", "USDT")
_JSON = {"Content-Type": "application/json"}
_MOST_CANCELED = 500
_LEGS = {"BOTH": 0, "LONG": 1, "SHORT": 2}

_VERDICTS = {
    10000: Verdict.UNKNOWN, 10016: Verdict.UNKNOWN, 10019: Verdict.UNKNOWN,
    10002: Verdict.CLOCK,
    10003: Verdict.KEY, 10004: Verdict.KEY, 10005: Verdict.KEY, 10007: Verdict.KEY, 10010: Verdict.KEY,
    33004: Verdict.KEY,
    10006: Verdict.RATE, 10018: Verdict.RATE, 10429: Verdict.RATE,
    110001: Verdict.NOT_FOUND,
    110072: Verdict.DUPLICATE,
}  # fmt: skip
_UNMODIFIED = frozenset({110025, 110026, 110043})


class V5Trading(Trading):
    """The requests and answers of V5; who signs, and which limits there are, is the venue's."""

    order_types = ("LIMIT", "MARKET")
    times_in_force = ("GTC", "IOC", "FOK")
    client_id = "[A-Za-z0-9_-]{1,36}"
    has_token = False
    list_window_s = 7 * 86_400.0
    open_list_is_whole = True
    ban_s = 600.0  # how long an address that was answered 403 has to be quiet; 0: a 403 is the key's
    address: tuple[str, ...] = ()  # the limit that an address is under

    # -- requests ---------------------------------------------------------------------------------------------------

    def server_time(self) -> Request:
        return Request("time", "GET", "/v5/market/time", signed=False)

    def place(self, draft: Draft) -> Request:
        check_draft(self, draft)
        body: dict[str, object] = dict((CATEGORY,))
        body |= {"symbol": draft.symbol, "side": "Buy" if draft.side is Side.BUY else "Sell"}
        body |= {"orderType": draft.type.capitalize(), "qty": draft.size}
        if draft.price is not None:
            body |= {"price": draft.price, "timeInForce": "PostOnly" if draft.post_only else draft.time_in_force}
        if draft.position_side is not None:
            body["positionIdx"] = _LEGS[draft.position_side]
        if draft.reduce_only:
            body["reduceOnly"] = True
        body["orderLinkId"] = draft.client_order_id
        return self.command("place", "/v5/order/create", body, draft.symbol, "", draft.client_order_id)

    def amend(self, draft: Draft, *, order_id: str = "") -> Request:
        if "amend" not in self.abilities:
            return super().amend(draft, order_id=order_id)
        if draft.type != "LIMIT" or draft.price is None:
            raise OrderRefused("only a LIMIT order can be amended", field="type", nearest=("LIMIT",))
        body = _about(draft.symbol, order_id, draft.client_order_id) | {"qty": draft.size, "price": draft.price}
        return self.command("amend", "/v5/order/amend", body, draft.symbol, order_id, draft.client_order_id)

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        body = _about(symbol, order_id, client_order_id)
        return self.command("cancel", "/v5/order/cancel", body, symbol, order_id, client_order_id)

    def cancel_all(self, symbol: str | None = None) -> Request:
        return self.command(
            "cancel_all", "/v5/order/cancel-all", dict((CATEGORY, _which(symbol))), symbol or "", "", ""
        )

    def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        named = ("orderLinkId", client_order_id) if client_order_id else ("orderId", order_id)
        return self.query("order", "/v5/order/realtime", [("symbol", symbol), named])

    def open_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        return self.query("open_orders", "/v5/order/realtime", [_which(symbol), ("openOnly", "0"), ("limit", "50")])

    def closed_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        span = [(name, str(at)) for name, at in (("startTime", from_ms), ("endTime", to_ms)) if at is not None]
        return self.query("closed_orders", "/v5/order/history", [_which(symbol), *span, ("limit", "50")])

    def fills(self, symbol: str, *, order_id: str = "", from_ms: int | None = None) -> Request:
        pairs = [("symbol", symbol)]
        if order_id:
            pairs.append(("orderId", order_id))
        elif from_ms is not None:
            pairs.append(("startTime", str(from_ms)))
        return self.query("fills", "/v5/execution/list", [*pairs, ("limit", "100")])

    def positions(self, symbol: str | None = None) -> Request:
        return self.query("positions", "/v5/position/list", [_which(symbol), ("limit", "200")])

    def balances(self) -> Request:
        return Request("balances", "GET", "/v5/account/wallet-balance", query="accountType=UNIFIED")

    def instruments(self) -> Request:
        return self.query("instruments", "/v5/market/instruments-info", [("limit", "1000")], signed=False)

    def command(
        self, endpoint: str, path: str, body: Mapping[str, object], symbol: str, order_id: str, client_order_id: str
    ) -> Request:
        return Request(
            endpoint,
            "POST",
            path,
            body=json.dumps(body),
            headers=_JSON,
            command=True,
            symbol=symbol,
            order_id=order_id,
            client_order_id=client_order_id,
        )

    def query(self, endpoint: str, path: str, pairs: list[tuple[str, str]], *, signed: bool = True) -> Request:
        return Request(endpoint, "GET", path, query=query_of([CATEGORY, *pairs]), signed=signed)

    def more(self, request: Request, body: bytes) -> Request | None:
        """By the cursor of a list; a cancel_all again while it names as many as it can."""
        result = _result(load(body))
        if request.endpoint == "cancel_all":
            return request if len(_list(result)) >= _MOST_CANCELED else None
        cursor = word(result, "nextPageCursor")
        if not cursor or not result.get("list"):
            return None
        pairs = [each for each in request.query.split("&") if not each.startswith("cursor=")]
        return Request(
            request.endpoint,
            request.method,
            request.path,
            query="&".join([*pairs, query_of([("cursor", cursor)])]),
            signed=request.signed,
        )

    # -- answers ----------------------------------------------------------------------------------------------------

    def judge(self, request: Request, status: int, body: bytes, retry_after: str | None) -> Failure | None:
        code, text, result = _said(body)
        if 200 <= status < 300 and (code == 0 or (code in _UNMODIFIED and request.endpoint == "amend")):
            if request.endpoint == "order" and isinstance(result, dict) and result.get("list") == []:
                return Failure(Verdict.NOT_FOUND, "the venue knows no such order", status, "0")
            return None
        told = f"the venue answered {status}" + (f": {text}" if text else "") + (f" (code {code})" if code else "")
        said = str(code or "")
        if status == 403 and self.ban_s:
            return Failure(Verdict.RATE, told, status, said, self.ban_s, self.address, banned=True)
        verdict = _VERDICTS.get(code) if code is not None else None
        if verdict is None:
            if status in (401, 403):
                verdict = Verdict.KEY
            elif status == 429:
                verdict = Verdict.RATE
            elif (code is not None and status < 500) or (400 <= status < 500 and status != 408):
                verdict = Verdict.REJECTED
            else:
                verdict = Verdict.UNKNOWN
        return Failure(verdict, told, status, said, seconds_of(retry_after) if verdict is Verdict.RATE else None)

    def read_time(self, body: bytes) -> int:
        said = load(body)
        nanoseconds = word(_result(said), "timeNano")
        if nanoseconds.isascii() and nanoseconds.isdigit() and 0 < int(nanoseconds) < 2**63:
            return int(nanoseconds)
        if type(said.get("time")) is int and 0 < said["time"] < 2**53:
            return int(said["time"]) * 1_000_000
        raise bad(said, "time", "milliseconds since the epoch")

    def read_order(self, request: Request, body: bytes, receive_time_ns: int) -> Page:
        def read(message: Any) -> Page:
            result = _result(message)
            if request.endpoint != "order":
                return Page((_taken_in(request, result, receive_time_ns),))
            rows = _list(result)
            if not rows:
                raise BadMessage("the answer holds no order", field="list")
            report, unknown = v5_rows.order(rows[0], receive_time_ns)
            return Page((report,), unknown=unknown)

        return exactly(body, read)

    def read_orders(self, body: bytes, receive_time_ns: int) -> Page:
        def read(message: Any) -> Page:
            read = [v5_rows.order(row, receive_time_ns) for row in _list(_result(message))]
            unknown = tuple(dict.fromkeys(each for _, words in read for each in words))
            return Page(tuple(report for report, _ in read), unknown=unknown)

        return exactly(body, read)

    def read_fills(self, body: bytes, receive_time_ns: int) -> tuple[OrderReport, ...]:
        def read(message: Any) -> tuple[OrderReport, ...]:
            rows = (v5_rows.execution(row, receive_time_ns) for row in _list(_result(message)))
            return tuple(row for row in rows if row is not None and not isinstance(row, Unknown))

        return exactly(body, read)

    def read_canceled(self, body: bytes) -> tuple[str, ...]:
        return tuple(word(row, "orderId") for row in _list(_result(load(body))))

    def read_positions(self, body: bytes, receive_time_ns: int) -> tuple[PositionReport, ...]:
        """Without the flat ones."""

        def read(message: Any) -> tuple[PositionReport, ...]:
            reports = (v5_rows.position(row, receive_time_ns) for row in _list(_result(message)))
            return tuple(report for report in reports if report.size)

        return exactly(body, read)

    def read_instruments(self, body: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
        return read_rules(DIALECT, body, ticks)

    def read_balances(self, body: bytes, receive_time_ns: int) -> tuple[BalanceReport, ...]:
        def read(message: Any) -> tuple[BalanceReport, ...]:
            return tuple(
                v5_rows.balance(row, 0, receive_time_ns)
                for account in _list(_result(message))
                for row in _list(account, "coin")
            )

        return exactly(body, read)


def _which(symbol: str | None) -> tuple[str, str]:
    return COIN if symbol is None else ("symbol", symbol)


def _about(symbol: str, order_id: str, client_order_id: str) -> dict[str, object]:
    named = ("orderId", order_id) if order_id else ("orderLinkId", client_order_id)
    return dict((CATEGORY, ("symbol", symbol), named))


def _said(body: bytes) -> tuple[int | None, str, Any]:
    """The code and the words of an answer, as one short line, and what it brings; None: it is no envelope."""
    try:
        said = load(body)
    except BadMessage:
        return None, "", None
    if not isinstance(said, dict) or type(said.get("retCode")) is not int:
        return None, "", None
    text = said.get("retMsg")
    return said["retCode"], " ".join(text.split())[:200] if isinstance(text, str) else "", said.get("result")


def _result(message: Any) -> dict[str, Any]:
    result = message.get("result") if isinstance(message, dict) else None
    if not isinstance(result, dict):
        raise BadMessage("the answer holds no result", field="result")
    return result


def _list(holder: Mapping[str, Any], key: str = "list") -> list[dict[str, Any]]:
    rows = holder.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadMessage(f"the answer holds no list {key!r}", field=key)
    return rows


def _taken_in(request: Request, result: Mapping[str, Any], receive_time_ns: int) -> OrderReport:
    """A command was accepted for processing: the ids are certain, and nothing else is."""
    order_id = word(result, "orderId") or request.order_id
    client_order_id = word(result, "orderLinkId") or request.client_order_id
    if not order_id and not client_order_id:
        raise BadMessage("the answer names no order", field="orderId")
    return OrderReport(
        request.symbol,
        OrderStatus.PENDING,
        client_order_id,
        order_id,
        canceling=request.endpoint == "cancel",
        receive_time_ns=receive_time_ns,
    )
