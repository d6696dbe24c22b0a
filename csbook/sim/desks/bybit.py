"""Bybit's private part: V5 linear by REST, and the private socket. Fact sheet bybit, sections 4 and 5.

Every request carries four headers ``X-BAPI-*``; its signature is the lower-case hex HMAC-SHA256, by the secret, of
timestamp, key, window and the query or the body, as they were sent. A timestamp may be a window old and less than 1 s
ahead. An answer is an envelope with a code, and HTTP's 200 whatever the code; 403 is the address' that asks too often,
and 429 and 503 are the faults'. ``orderId`` wins over ``orderLinkId``, which is used once in an account's life. A
command is answered with the ids alone: the verdict, that of a post-only order, too, is the stream's. A position, moved
or not, is told after every word on an order, and the wallet after every execution.

Settled here, where the sheet is silent: ``cursor`` is opaque text that names the last row of a page. Open orders go by
the time at which they were made, closed ones by that of their end, executions by their own, the newest first, and a
list without times reaches back for seven days. Sizes and prices are texts; one off the grid is 10001, as is an order
on a leg that the account's mode has not. There are no conditional orders, and leverage is the venue's to set.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from csbook import json
from csbook.sim.accounts import QUOTE, Account, Holding
from csbook.sim.desk import Desk, PrivateTalk, Request, decimal_of
from csbook.sim.desks import bybit_rows as rows
from csbook.sim.desks.bybit_talk import BybitTalk
from csbook.sim.exchange import News, OrderRules, Refusal
from csbook.sim.market import Instrument
from csbook.sim.speech import Response
from csbook.sim.tickets import Draft, Ticket
from csbook.types import OrderStatus, Side

__all__ = ["CODES", "DESK", "OPERATIONS", "RATES", "BybitDesk", "Coded", "identify"]

OPERATIONS: dict[tuple[str, str], str] = {
    ("POST", "/v5/order/create"): "place",
    ("POST", "/v5/order/amend"): "amend",
    ("POST", "/v5/order/cancel"): "cancel",
    ("POST", "/v5/order/cancel-all"): "cancel_all",
    ("GET", "/v5/order/realtime"): "realtime",
    ("GET", "/v5/order/history"): "history",
    ("GET", "/v5/execution/list"): "executions",
    ("GET", "/v5/position/list"): "positions",
    ("POST", "/v5/position/switch-mode"): "mode",
    ("GET", "/v5/account/wallet-balance"): "wallet",
    ("GET", "/v5/account/info"): "info",
    ("GET", "/v5/user/query-api"): "key",
}
RATES: dict[str, tuple[int, float]] = {
    **dict.fromkeys(("place", "amend", "cancel", "cancel_all"), (10, 1.0)),
    **dict.fromkeys(("realtime", "history", "executions", "positions", "wallet", "info"), (50, 1.0)),
    **dict.fromkeys(("mode", "key"), (10, 1.0)),
}  # of an account

# why the exchange refuses -> retCode; what is not here is a parameter
CODES = {
    "rate": 10006,
    "price_range": 110003,
    "margin": 110007,
    "reduce_only": 110017,
    "notional": 110094,
    "duplicate": 110072,
    "unknown_order": 110001,
    "ended": 110001,
    "unmodified": 110043,
}
PARAMETER, CLOCK, KEY, SIGNATURE, TOO_MANY_ORDERS = 10001, 10002, 10003, 10004, 110020
HOLDS, SAME_MODE, WORKS = 110024, 110025, 110028  # of a mode that is to be switched
TOO_OFTEN, BROKEN = 10429, 10016  # with 429, and with 503

WINDOW_MS = 5_000  # of a request that names none
AHEAD_MS = 1_000
MOST_OPEN = 500  # orders of a symbol; as many are cancelled at a time, and remembered when they have ended
LIST_NS = 7 * 86_400 * 10**9
LATEST_MS = 1 << 53
_FORCES = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "GTC"}
_TRIGGERS = ("triggerPrice", "takeProfit", "stopLoss", "tpslMode")


class Coded(Refusal):
    """A refusal that knows its code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(200, message)
        self.code = code


class BybitDesk(Desk):
    """See ``sim.desk.Desk`` for the meaning of the methods."""

    operations = OPERATIONS
    rates = RATES
    rules = OrderRules(post_only=True, min_notional=Decimal(5))
    stream_paths = ("/v5/private",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._executions: dict[str, list[tuple[Ticket, dict[str, Any]]]] = {}  # as told, by account, the oldest first

    def identify(self, request: Request) -> Account:
        payload = request.body or request.query.encode()
        return identify(request.headers, payload, self.exchange.accounts.values(), self.now_ms())

    def weight(self, operation: str, query: Mapping[str, str]) -> int:
        return 1

    def carry_out(self, account: Account, request: Request) -> Response:
        asked = _fields(request)
        if request.operation not in ("wallet", "info", "key") and asked.get("category") != rows.CATEGORY:
            raise Coded(PARAMETER, "params error: category must be linear")
        result: dict[str, Any] = getattr(self, f"_do_{request.operation}")(account, asked)
        return Response(self._told(0, "OK", result), headers=self._left(account, request.operation))

    def refused(self, request: Request, refusal: Refusal) -> Response:
        code = refusal.code if isinstance(refusal, Coded) else CODES.get(refusal.kind, PARAMETER)
        return Response(self._told(code, refusal.message))

    def throttled(self) -> Response:
        return Response(self._told(TOO_OFTEN, "too many requests"), 429)

    def unavailable(self, *, carried_out: bool) -> Response:
        return Response(self._told(BROKEN, "server error"), 503)

    def _told(self, code: int, text: str, result: Mapping[str, Any] | None = None) -> bytes:
        said = {"retCode": code, "retMsg": text, "result": result or {}, "retExtInfo": {}, "time": self.now_ms()}
        return json.dumps(said)

    def _left(self, account: Account, operation: str) -> dict[str, str]:
        """What is left of a limit, and until when."""
        limit = self.budget.limit(operation)
        if limit is None:
            return {}
        count, seconds = limit
        return {
            "X-Bapi-Limit": str(count),
            "X-Bapi-Limit-Status": str(count - self.budget.used(account.name, operation)),
            "X-Bapi-Limit-Reset-Timestamp": str(self.now_ms() + round(seconds * 1000)),
        }

    # -- the private stream

    def admit(self, path: str, query: Mapping[str, str]) -> PrivateTalk:
        return BybitTalk(self.exchange.accounts.values(), self.now_ms, lambda operation: self.fate(operation))

    def events(self, news: News) -> Iterable[tuple[str, bytes]]:
        ticket, at_ms = news.ticket, news.at_ms
        account, sequence = ticket.account, self.exchange.sequence(ticket.symbol)
        holding = _held(account, ticket.instrument, ticket.position_side)
        told: list[tuple[str, dict[str, Any]]] = []
        if news.fill is not None:
            execution = rows.execution_row(ticket, news.fill, holding, sequence)
            self._executions.setdefault(account.name, []).append((ticket, execution))
            told.append(("execution", execution))
        told.append(("order", rows.order_row(ticket)))
        if ticket.canceling and ticket.status is OrderStatus.FILLED:
            told.append(("order", rows.late_row(ticket)))
        told.append(("position", self._position(account, holding)))
        if news.fill is not None:
            told.append(("wallet", rows.wallet_row(account, self.exchange.mark)))
        return [(topic, rows.message(topic, row, at_ms)) for topic, row in told]

    def _position(self, account: Account, holding: Holding) -> dict[str, Any]:
        instrument = holding.instrument
        mark, sequence = self.exchange.mark(instrument), self.exchange.sequence(instrument.symbol)
        return rows.position_row(holding, account.terms.leverage, mark, sequence)

    # -- operations, by the names of OPERATIONS

    def _do_place(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        if given := [name for name in _TRIGGERS if asked.get(name)]:
            raise Coded(PARAMETER, f"{given[0]}: there are no conditional orders here")
        side, kind, in_force = _text(asked, "side"), _text(asked, "orderType"), _text(asked, "timeInForce", "GTC")
        if side not in ("Buy", "Sell"):
            raise Coded(PARAMETER, f"side {side[:16]!r}: Buy or Sell is expected")
        if kind not in ("Limit", "Market"):
            raise Coded(PARAMETER, f"orderType {kind[:16]!r}: Limit or Market is expected")
        if in_force not in _FORCES:
            raise Coded(PARAMETER, f"timeInForce {in_force[:16]!r}: one of {', '.join(_FORCES)} is expected")
        link = _link(asked)
        symbol = self.exchange.instrument(_text(asked, "symbol")).symbol
        if sum(ticket.symbol == symbol for ticket in account.working.values()) >= MOST_OPEN:
            raise Coded(TOO_MANY_ORDERS, f"symbol: {MOST_OPEN} orders of it are open already")
        limit = kind == "Limit"  # the price and the time in force of the others are left alone
        draft = Draft(
            symbol=symbol,
            side=Side[side.upper()],
            type=kind.upper(),
            size=decimal_of("qty", _text(asked, "qty")),
            price=decimal_of("price", _text(asked, "price")) if limit and asked.get("price") else None,
            time_in_force=_FORCES[in_force] if limit else "IOC",
            reduce_only=_flag(asked, "reduceOnly") or _flag(asked, "closeOnTrigger"),
            client_order_id=link,
            position_side=rows.LEGS[_whole(asked, "positionIdx", 0, 0, 2)],
            post_only=limit and in_force == "PostOnly",
        )
        return _ids(self.exchange.place(account, draft))

    def _do_amend(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        if given := [name for name in _TRIGGERS if asked.get(name)]:
            raise Coded(PARAMETER, f"{given[0]}: there are no conditional orders here")
        ticket = self._named(account, asked)
        size, price = (
            decimal_of(name, _text(asked, name)) if asked.get(name) is not None else None for name in ("qty", "price")
        )
        self.exchange.amend(ticket, size, price)
        return _ids(ticket)

    def _do_cancel(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        ticket = self._named(account, asked)
        self.exchange.cancel(ticket)
        return _ids(ticket)

    def _do_cancel_all(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        about = self._about(asked)
        chosen = [ticket for ticket in account.working.values() if about(ticket) and not ticket.canceling]
        for ticket in chosen[:MOST_OPEN]:
            if ticket.open:  # the end of another may have ended it
                self.exchange.cancel(ticket)
        return {"list": [_ids(ticket) for ticket in chosen[:MOST_OPEN]], "success": "1"}

    def _do_realtime(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        """Those that are open; by their ids, or with openOnly=1, those that have ended lately, too."""
        about = self._about(asked)
        named, ended = bool(asked.get("orderId") or asked.get("orderLinkId")), asked.get("openOnly") == "1"
        found = [*account.working.values()] if named or not ended else []
        if named or ended:
            closed = (ticket for ticket in account.tickets.values() if not ticket.open)
            found += sorted(closed, key=lambda ticket: ticket.updated_ns)[-MOST_OPEN:]
        found = [ticket for ticket in found if _is_named(asked, ticket)]
        chosen = [(ticket.created_ns, ticket.id, ticket) for ticket in found if about(ticket)]
        return _page(asked, [(at, number, rows.order_row(ticket)) for at, number, ticket in chosen], 20, 50)

    def _do_history(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        (first, last), about = self._span(asked), self._about(asked, needed=False)
        chosen = [
            (ticket.updated_ns, ticket.id, rows.order_row(ticket))
            for ticket in account.tickets.values()
            if not ticket.open
            and first <= ticket.updated_ns // 1_000_000 <= last
            and _is_named(asked, ticket)
            and about(ticket)
        ]
        if status := asked.get("orderStatus"):
            chosen = [each for each in chosen if each[2]["orderStatus"] == status]
        return _page(asked, chosen, 20, 50)

    def _do_executions(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        (first, last), about = self._span(asked), self._about(asked, needed=False)
        chosen = [
            (int(row["execTime"]), number, row)
            for number, (ticket, row) in enumerate(self._executions.get(account.name, ()))
            if first <= int(row["execTime"]) <= last
            and _is_named(asked, ticket)
            and about(ticket)
            and asked.get("execType") in (None, row["execType"])
        ]
        return _page(asked, chosen, 50, 100)

    def _do_positions(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        """Those that are held; of a symbol that is named all legs, flat ones, too."""
        legs = ("LONG", "SHORT") if account.terms.hedge else ("BOTH",)
        if name := asked.get("symbol"):
            instrument = self.exchange.instrument(str(name))
            held = [_held(account, instrument, leg) for leg in legs]
        elif asked.get("settleCoin"):
            held = [holding for holding in account.holdings.values() if holding.size] * (asked["settleCoin"] == QUOTE)
        else:
            raise Coded(PARAMETER, "params error: symbol or settleCoin is expected")
        return _page(asked, [(0, -at, self._position(account, holding)) for at, holding in enumerate(held)], 20, 200)

    def _do_mode(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        """0: one position a symbol, 3: two legs. Of all symbols at once, whatever it is asked for."""
        if not (asked.get("symbol") or asked.get("coin")):
            raise Coded(PARAMETER, "params error: symbol or coin is expected")
        mode = _whole(asked, "mode", -1, 0, 3)
        if mode not in (0, 3):
            raise Coded(PARAMETER, "params error: mode: 0 or 3 is expected")
        if account.terms.hedge == (mode == 3):
            raise Coded(SAME_MODE, "Position mode is not modified")
        if any(holding.size for holding in account.holdings.values()):
            raise Coded(HOLDS, "a position is held: the mode cannot be switched")
        if account.working:
            raise Coded(WORKS, "orders are open: the mode cannot be switched")
        account.terms = replace(account.terms, hedge=mode == 3)
        return {}

    def _do_wallet(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        if asked.get("accountType") != "UNIFIED":
            raise Coded(PARAMETER, "accountType must be UNIFIED")
        return {"list": [rows.wallet_row(account, self.exchange.mark)]}

    def _do_info(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        """A unified account of the second kind."""
        return {
            "unifiedMarginStatus": 5,
            "marginMode": "REGULAR_MARGIN",
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
            "updatedTime": "0",
        }

    def _do_key(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": account.name,
            "note": "",
            "readOnly": 0,
            "permissions": {"ContractTrade": ["Order", "Position"]},
            "ips": ["*"],
            "type": 1,
            "unified": 0,
            "uta": 1,
            "isMaster": True,
        }

    # -- what was asked

    def _named(self, account: Account, asked: dict[str, Any]) -> Ticket:
        order_id, link = _text(asked, "orderId", ""), _text(asked, "orderLinkId", "")
        if not order_id and not link:
            raise Coded(PARAMETER, "params error: orderId or orderLinkId is expected")
        ticket = self.exchange.find(account, order_id, link)
        if _text(asked, "symbol") != ticket.symbol:
            raise Refusal(404, f"symbol: the order is not one of {asked['symbol'][:32]!r}", "unknown_order")
        return ticket

    def _about(self, asked: Mapping[str, Any], *, needed: bool = True) -> Callable[[Ticket], bool]:
        """Whether an order is one of the symbol, or of the coin, that a request is about."""
        symbol, base, settle = (_text(asked, name, "") for name in ("symbol", "baseCoin", "settleCoin"))
        if symbol:
            wanted = self.exchange.instrument(symbol).symbol
            return lambda ticket: ticket.symbol == wanted
        if base:
            return lambda ticket: ticket.symbol.removesuffix(QUOTE) == base
        if not settle and needed:
            raise Coded(PARAMETER, "params error: symbol, baseCoin or settleCoin is expected")
        return lambda ticket: settle in ("", QUOTE)

    def _span(self, asked: Mapping[str, Any]) -> tuple[int, int]:
        """The first and the last ms of a list; at most seven days."""
        first, last = (_whole(asked, name, -1, 0, LATEST_MS) for name in ("startTime", "endTime"))
        days = LIST_NS // 1_000_000
        if first < 0:
            return (last if last >= 0 else self.now_ms()) - days, last if last >= 0 else LATEST_MS
        if last < 0:
            return first, first + days
        if not first <= last <= first + days:
            raise Coded(PARAMETER, "startTime, endTime: at most seven days apart, and in that order, is expected")
        return first, last


def identify(headers: Mapping[str, str], payload: bytes, accounts: Iterable[Account], now_ms: int) -> Account:
    """The account that signed a request. Raises Coded. Header names are lower case; nothing of them is repeated."""
    api_key, timestamp, signature = (headers.get(f"x-bapi-{name}", "") for name in ("api-key", "timestamp", "sign"))
    window = headers.get("x-bapi-recv-window", str(WINDOW_MS))
    if not (api_key and timestamp and signature):
        raise Coded(PARAMETER, "empty value: X-BAPI-API-KEY, X-BAPI-TIMESTAMP and X-BAPI-SIGN are expected")
    if not all(text.isascii() and text.isdecimal() and len(text) <= 16 for text in (timestamp, window)):
        raise Coded(PARAMETER, "X-BAPI-TIMESTAMP, X-BAPI-RECV-WINDOW: whole numbers of ms are expected")
    if not now_ms - int(window) <= int(timestamp) < now_ms + AHEAD_MS:
        text = f"req_timestamp[{timestamp}],server_timestamp[{now_ms}],recv_window[{window}]"
        raise Coded(CLOCK, f"invalid request, the timestamp is outside of the window: {text}")
    for account in accounts:
        if hmac.compare_digest(account.api_key.encode(), api_key.encode()):
            signed = f"{timestamp}{api_key}{window}".encode() + payload
            right = hmac.new(account.api_secret.encode(), signed, sha256).hexdigest()
            if hmac.compare_digest(right.encode(), signature.encode()):
                return account
            raise Coded(SIGNATURE, "error sign!")
    raise Coded(KEY, "API key is invalid.")


def _fields(request: Request) -> dict[str, Any]:
    """The fields of the query, or of the body."""
    if not request.body:
        return dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        asked = json.loads(request.body)
    except (ValueError, RecursionError):
        raise Coded(PARAMETER, "params error: the body is no JSON") from None
    if not isinstance(asked, dict):
        raise Coded(PARAMETER, "params error: a JSON object is expected")
    return asked


def _text(asked: Mapping[str, Any], field: str, usual: str | None = None) -> str:
    value = asked.get(field)
    if value is None and usual is not None:
        return usual
    if not isinstance(value, str):
        raise Coded(PARAMETER, f"params error: {field}: a text is expected")
    return value


def _whole(asked: Mapping[str, Any], field: str, usual: int, least: int, most: int) -> int:
    value = asked.get(field)
    if value is None or value == "":
        return usual
    text = str(value) if type(value) in (int, str) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and least <= int(text) <= most):
        raise Coded(PARAMETER, f"params error: {field}: a whole number from {least} to {most} is expected")
    return int(text)


def _flag(asked: Mapping[str, Any], field: str) -> bool:
    value = asked.get(field, False)
    if type(value) is not bool:
        raise Coded(PARAMETER, f"params error: {field}: true or false is expected")
    return bool(value)


def _link(asked: Mapping[str, Any]) -> str:
    """The name that a client gives an order: letters, digits, dashes and underscores."""
    link = _text(asked, "orderLinkId", "")
    if len(link) > 36 or not (link.replace("-", "a").replace("_", "a") or "a").isalnum() or not link.isascii():
        raise Coded(PARAMETER, "orderLinkId: at most 36 letters, digits, dashes and underscores are expected")
    return link


def _is_named(asked: Mapping[str, Any], ticket: Ticket) -> bool:
    """Whether a list is about this order, if it is about one."""
    if order_id := asked.get("orderId"):
        return bool(str(ticket.id) == order_id)
    return asked.get("orderLinkId") in (None, "", ticket.client_order_id)


def _held(account: Account, instrument: Instrument, leg: str) -> Holding:
    return account.holdings.get((instrument.symbol, leg)) or Holding(instrument, leg)


def _ids(ticket: Ticket) -> dict[str, Any]:
    return {"orderId": str(ticket.id), "orderLinkId": ticket.client_order_id}


def _page(
    asked: Mapping[str, Any], found: Sequence[tuple[int, int, dict[str, Any]]], usual: int, most: int
) -> dict[str, Any]:
    """A part of a list, the newest first, and the cursor of the next one."""
    limit = _whole(asked, "limit", usual, 1, most)
    ordered = sorted(found, key=lambda row: row[:2], reverse=True)
    if cursor := _text(asked, "cursor", ""):
        at, _, number = cursor.partition("_")
        if not (at.lstrip("-").isdecimal() and number.lstrip("-").isdecimal() and len(cursor) <= 48):
            raise Coded(PARAMETER, "params error: cursor: one that an answer has named is expected")
        ordered = [row for row in ordered if row[:2] < (int(at), int(number))]
    page = ordered[:limit]
    following = f"{page[-1][0]}_{page[-1][1]}" if len(ordered) > limit else ""
    return {"category": rows.CATEGORY, "nextPageCursor": following, "list": [row for _, _, row in page]}


DESK = BybitDesk
