"""CoinSwitch's private part, unofficial dialect: futures v2 by REST, events in Binance's shape at ``/ws/{listenKey}``.

Paths and objects are those of futures v2 (fact sheet coinswitch, section 2), signed as the guide says (section 1.7): a
signature is the lower-case hex HMAC-SHA256, by the secret, of ``timestamp + api_key + payload``; the payload is the
body's bytes as they were sent, without a body the query string without ``?``. A body is a JSON object; prices and
quantities are decimal texts, JSON numbers are taken as they are written. Fields that nobody knows are left alone. An
error is ``{"message": text}`` and names the field: 400 malformed or not affordable, 401 not signed, 404 no such order,
422 a field that is missing or wrong, 429 too often; it repeats nothing of a signature.

Two things that the sheet leaves open are settled here. ``cursor`` is the time before that of the page's last order,
orders of one ms always stand on one page, and ``to_time`` is inclusive: pages passed on by ``cursor`` show every order
once. Open orders go by ``created_at``, closed ones by ``updated_at``, newest first.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from csbook.json import dumps
from csbook.sim.accounts import QUOTE, Account
from csbook.sim.desk import Desk, PrivateTalk, Request, decimal_of
from csbook.sim.desks.coinswitch_events import balance_event, expiry_event, order_event, position_event
from csbook.sim.exchange import MOST_MARKET_UNITS, MOST_UNITS, News, Refusal
from csbook.sim.speech import NotServed, Response
from csbook.sim.tickets import Draft, Ticket, plain, size_of
from csbook.types import OrderStatus, Side

__all__ = ["CLOCK_MS", "DESK", "EXCHANGE", "OPERATIONS", "RATES", "CoinSwitchDesk", "as_rest", "identify"]

EXCHANGE = "EXCHANGE_2"
CLOCK_MS = 60_000  # a timestamp may be so far from the venue's

_FUTURES = "/trade/api/v2/futures"
_LISTEN = "/trade/api/v2/user/listenKey"

OPERATIONS: dict[tuple[str, str], str] = {
    ("POST", _LISTEN): "listen",
    ("PUT", _LISTEN): "extend",
    ("POST", f"{_FUTURES}/order"): "place",
    ("DELETE", f"{_FUTURES}/order"): "cancel",
    ("GET", f"{_FUTURES}/order"): "order",
    ("POST", f"{_FUTURES}/cancel_all"): "cancel_all",
    ("POST", f"{_FUTURES}/orders/open"): "open",
    ("POST", f"{_FUTURES}/orders/closed"): "closed",
    ("GET", f"{_FUTURES}/positions"): "positions",
    ("GET", f"{_FUTURES}/wallet_balance"): "wallet",
    ("GET", f"{_FUTURES}/instrument_info"): "instruments",
}

# Of the sheet's section 1.10, per key.
RATES: dict[str, tuple[int, float]] = {
    "place": (20, 60.0),
    "cancel": (10, 60.0),
    "cancel_all": (10, 60.0),
    "order": (20, 60.0),
    "open": (20, 60.0),
    "closed": (20, 60.0),
    "positions": (20, 60.0),
    "wallet": (20, 60.0),
    "instruments": (100, 60.0),
}

PAGE = 50  # orders, unless ``limit`` says otherwise
LONGEST_PAGE = 500
WINDOW_MS = 7 * 24 * 3600 * 1000
LATEST_MS = 1 << 53
_STATUSES = {
    OrderStatus.NEW: "RAISED",
    OrderStatus.PARTIALLY_FILLED: "RAISED",
    OrderStatus.FILLED: "EXECUTED",
    OrderStatus.CANCELED: "CANCELLED",
    OrderStatus.EXPIRED: "CANCELLED",
    OrderStatus.REJECTED: "FAILED",
}
_CLOSED = ("EXECUTED", "PARTIALLY_EXECUTED", "CANCELLED", "FAILED")


class CoinSwitchDesk(Desk):
    """See ``sim.desk.Desk`` for the meaning of the methods."""

    operations = OPERATIONS
    rates = RATES
    stream_paths = ("/ws/{key}",)

    def identify(self, request: Request) -> Account:
        payload = request.body or request.query.encode()
        if request.operation in ("listen", "extend") and request.body.strip() in (b"", b"{}"):
            payload = b""
        return identify(request.headers, payload, self.exchange.accounts.values(), self.now_ms())

    def carry_out(self, account: Account, request: Request) -> Response:
        if request.operation in ("listen", "extend"):
            return _answer(self._listen(account, request))
        asked = self._fields(request)
        if asked.get("exchange", EXCHANGE if request.operation == "order" else None) != EXCHANGE:
            raise Refusal(400, f"exchange must be {EXCHANGE}")
        data: Any = getattr(self, f"_{request.operation}")(account, asked)
        return _answer({"data": data})

    def refused(self, request: Request, refusal: Refusal) -> Response:
        return _answer({"message": refusal.message}, refusal.status)

    def throttled(self) -> Response:
        return _answer({"message": "too many requests"}, 429)

    def unavailable(self, *, carried_out: bool) -> Response:
        return _answer({"message": "the service is unavailable"}, 503)

    # -- the private stream

    def admit(self, path: str, query: Mapping[str, str]) -> PrivateTalk:
        account = self.keys.owner(query["key"])
        if account is None:
            raise NotServed(401, {"message": "Invalid Access: the listenKey is unknown or has expired"})
        return PrivateTalk(account, query["key"])

    def events(self, news: News) -> Iterable[tuple[str, bytes]]:
        """The order, and after a fill the wallet and the position."""
        ticket = news.ticket
        yield "", order_event(ticket, news.at_ms, news.fill, news.match)
        if news.fill is not None:
            yield "", balance_event(ticket.account, news.at_ms)
            holding = ticket.account.holding(ticket.instrument, ticket.position_side)
            mark = self.exchange.mark(ticket.instrument)
            yield "", position_event(holding, mark, news.at_ms, alone=self.position_event)

    def expiry_event(self, at_ms: int) -> tuple[str, bytes]:
        return "", expiry_event(at_ms)

    # -- operations; the names are those of OPERATIONS

    def _listen(self, account: Account, request: Request) -> dict[str, Any]:
        if request.body.strip() not in (b"", b"{}"):
            raise Refusal(400, "body: nothing, or {}, is expected here")
        if request.operation == "extend":
            self.keys.extend(account)
            return {}
        return {"listenKey": self.keys.new(account)}

    def _place(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        side = _text(asked, "side").upper()
        if side not in ("BUY", "SELL"):
            raise Refusal(422, f"side {side[:16]!r}: BUY or SELL is expected")
        client_order_id = _text(asked, "client_order_id", "")
        if len(client_order_id) > 64 or not client_order_id.isprintable():
            raise Refusal(422, "client_order_id: at most 64 characters that can be printed are expected")
        reduce_only = asked.get("reduce_only", False)
        if type(reduce_only) is not bool:
            raise Refusal(422, f"reduce_only {str(reduce_only)[:16]!r}: true or false is expected")
        if "quantity" not in asked:
            raise Refusal(422, "quantity is missing")
        draft = Draft(
            symbol=_text(asked, "symbol").upper(),
            side=Side[side],
            type=_text(asked, "order_type").upper(),
            size=decimal_of("quantity", asked["quantity"]),
            price=None if asked.get("price") is None else decimal_of("price", asked["price"]),
            time_in_force=_text(asked, "time_in_force", "GTC").upper(),
            reduce_only=reduce_only,
            client_order_id=client_order_id,
            position_side=_text(asked, "position_side", "BOTH").upper(),
        )
        return as_rest(self.exchange.place(account, draft))

    def _cancel(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        ticket = self._named(account, asked)
        if not ticket.open:
            status = as_rest(ticket)["status"]
            raise Refusal(400, f"order_id {ticket.id}: the order is {status} and cannot be cancelled", "ended")
        self.exchange.cancel(ticket)
        return as_rest(ticket, cancel=True)

    def _cancel_all(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        return {"orders_ids": [str(t.id) for t in self.exchange.cancel_all(account, self._symbol(asked))]}

    def _order(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        return {"order": as_rest(self._named(account, asked))}

    def _open(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        return self._page(asked, [*account.working.values()], lambda ticket: ticket.created_ns)

    def _closed(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        tickets = [ticket for ticket in account.tickets.values() if not ticket.open]
        if (status := _text(asked, "status", "").upper()) and status not in _CLOSED:
            raise Refusal(422, f"status {status[:32]!r}: one of {', '.join(_CLOSED)} is expected")
        if status:
            tickets = [ticket for ticket in tickets if as_rest(ticket)["status"] == status]
        return self._page(asked, tickets, lambda ticket: ticket.updated_ns)

    def _positions(self, account: Account, asked: dict[str, Any]) -> list[dict[str, Any]]:
        symbol = self._symbol(asked)
        found = []
        for holding in account.holdings.values():
            if not holding.size or holding.entry is None or symbol not in (None, holding.instrument.symbol):
                continue
            mark = self.exchange.mark(holding.instrument)
            size = size_of(holding.instrument, holding.size)
            found.append(
                {
                    "exchange": EXCHANGE,
                    "position_id": f"{account.name}-{holding.instrument.symbol}-{holding.position_side}",
                    "symbol": holding.instrument.symbol,
                    "position_side": "LONG" if size > 0 else "SHORT",
                    "leverage": str(account.terms.leverage),
                    "position_size": plain(abs(size)),
                    "position_value": plain(abs(size) * mark),
                    "position_margin": plain(holding.margin(account.terms.leverage)),
                    "avg_entry_price": plain(holding.entry),
                    "mark_price": plain(mark),
                    "unrealised_pnl": plain((mark - holding.entry) * size),
                    "margin_type": "CROSS",
                    "status": "OPEN",
                    "created_at": holding.since_ns // 1_000_000,
                    "updated_at": holding.updated_ns // 1_000_000,
                }
            )
        return found

    def _wallet(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        positions, orders = account.position_margin(), account.order_margin()
        wallet = account.wallet[QUOTE]
        symbols = dict.fromkeys(
            [symbol for symbol, _ in account.holdings] + [ticket.symbol for ticket in account.working.values()]
        )
        total = {
            "total_balance": plain(wallet),
            "total_available_balance": plain(wallet - positions - orders),
            "total_blocked_balance": plain(positions + orders),
            "total_position_margin": plain(positions),
            "total_open_order_margin": plain(orders),
        }
        by_symbol = [
            {
                "symbol": symbol,
                "base_asset": QUOTE,
                "exchange": EXCHANGE,
                "blocked_balance": plain(account.position_margin(symbol) + account.order_margin(symbol)),
                "position_margin": plain(account.position_margin(symbol)),
                "open_order_margin": plain(account.order_margin(symbol)),
            }
            for symbol in symbols
        ]
        return {"base_asset_balances": [{"base_asset": QUOTE, "balances": total}], "asset": by_symbol}

    def _instruments(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        terms = account.terms
        found = {}
        for symbol in self.exchange.symbols:
            it = self.exchange.instrument(symbol)
            base = symbol.removesuffix(QUOTE).lower()
            found[symbol] = {
                "symbol": base,
                "base_asset": base,
                "quote_asset": QUOTE.lower(),
                "status": "TRADING",
                "type": "PERPETUAL_FUTURES",
                "min_leverage": "1",
                "max_leverage": "125",
                "leverage_step": 1,
                "min_base_quantity": it.size_text(1),
                "base_quantity_step_size": it.size_text(1),
                "quantity_precision": it.size_decimals,
                "price_precision": it.price_decimals,
                "tick_size": it.tick,
                "max_market_base_quantity": it.size_text(MOST_MARKET_UNITS),
                "max_base_quantity": it.size_text(MOST_UNITS),
                "taker_fee_rate": plain(Decimal(terms.taker_rate)),
                "maker_fee_rate": plain(Decimal(terms.maker_rate)),
            }
        return found

    # -- what was asked

    @staticmethod
    def _fields(request: Request) -> dict[str, Any]:
        """The fields of the body, or of the query where there is no body."""
        if not request.body:
            return dict(parse_qsl(request.query, keep_blank_values=True))
        try:
            asked = json.loads(request.body, parse_float=Decimal)
        except (ValueError, ArithmeticError, RecursionError):
            raise Refusal(400, "body: it is no JSON") from None
        if not isinstance(asked, dict):
            raise Refusal(400, "body: a JSON object is expected")
        return asked

    def _symbol(self, asked: dict[str, Any]) -> str | None:
        symbol = _text(asked, "symbol", "").upper()
        return self.exchange.instrument(symbol).symbol if symbol else None

    def _named(self, account: Account, asked: dict[str, Any]) -> Ticket:
        order_id = asked.get("order_id", "")
        order_id = str(order_id) if type(order_id) is int else _text(asked, "order_id", "")
        client_order_id = _text(asked, "client_order_id", "")
        if not order_id and not client_order_id:
            raise Refusal(422, "order_id is missing; it or client_order_id is expected")
        return self.exchange.find(account, order_id, client_order_id)

    def _page(self, asked: dict[str, Any], tickets: list[Ticket], time_of: Callable[[Ticket], int]) -> dict[str, Any]:
        symbol = self._symbol(asked)
        limit = _whole(asked, "limit", PAGE, LONGEST_PAGE)
        if not limit:
            raise Refusal(422, f"limit is 0; 1 to {LONGEST_PAGE} is expected")
        to_time = _whole(asked, "to_time", LATEST_MS, LATEST_MS)
        from_time = _whole(asked, "from_time", 0, LATEST_MS)
        if asked.get("from_time") is not None:
            until = to_time if asked.get("to_time") is not None else self.now_ms()
            if from_time > to_time or until - from_time > WINDOW_MS:
                raise Refusal(422, "from_time: it must lie before to_time, and at most 7 days")
        timed = [(time_of(ticket) // 1_000_000, ticket) for ticket in tickets if symbol in (None, ticket.symbol)]
        timed = [(at_ms, ticket) for at_ms, ticket in timed if from_time <= at_ms <= to_time]
        timed.sort(key=lambda pair: (pair[0], pair[1].id), reverse=True)
        end = limit
        while 0 < end < len(timed) and timed[end][0] == timed[end - 1][0]:
            end += 1
        more = end < len(timed)
        return {
            "orders": [as_rest(ticket) for _, ticket in timed[:end]],
            "cursor": timed[end - 1][0] - 1 if more else None,
        }


def _text(asked: dict[str, Any], field: str, usual: str | None = None) -> str:
    value = asked.get(field)
    if value is None and usual is not None:
        return usual
    if value is None:
        raise Refusal(422, f"{field} is missing")
    if not isinstance(value, str):
        raise Refusal(422, f"{field}: a text is expected")
    return value


def _whole(asked: dict[str, Any], field: str, usual: int, most: int) -> int:
    value = asked.get(field)
    if value is None:
        return usual
    text = str(value) if type(value) in (int, str) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) <= most):
        raise Refusal(422, f"{field} {str(value)[:24]!r}: a whole number from 0 to {most} is expected")
    return int(text)


def as_rest(ticket: Ticket, *, cancel: bool = False) -> dict[str, Any]:
    """REST's order object; the answer to a cancel names two of the fields otherwise and shows it as asked for."""
    status = _STATUSES[ticket.status]
    if ticket.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED) and ticket.filled:
        status = "PARTIALLY_EXECUTED"
    if cancel or (ticket.canceling and ticket.open):
        status = "CANCELLATION_RAISED"
    average, fee = ("avg_exec_price", "exec_fee") if cancel else ("avg_execution_price", "execution_fee")
    said: dict[str, Any] = {
        "order_id": str(ticket.id),
        "exchange": EXCHANGE,
        "symbol": ticket.symbol,
        "side": str(ticket.side),
        "status": status,
        "order_type": ticket.type,
        "quantity": ticket.instrument.size_text(ticket.size),
        "exec_quantity": ticket.instrument.size_text(ticket.filled),
        "price": ticket.price_text,
        average: plain(ticket.average or Decimal(0)),
        fee: plain(ticket.fee),
        "realised_pnl": plain(ticket.realised),
        "reduce_only": ticket.reduce_only,
        "trigger_price": "0",
        "created_at": ticket.created_ns // 1_000_000,
        "updated_at": ticket.updated_ns // 1_000_000,
        "time_in_force": ticket.time_in_force,
    }
    if ticket.client_order_id:
        said["client_order_id"] = ticket.client_order_id
    if ticket.position_side != "BOTH":
        said["position_side"] = ticket.position_side
    return said


def identify(headers: Mapping[str, str], payload: bytes, accounts: Iterable[Account], now_ms: int) -> Account:
    """The account that signed a request. Raises Refusal (401). Header names are lower case."""
    sent = {name: headers.get(name, "") for name in ("x-api-key", "x-api-timestamp", "x-api-signature")}
    for name, value in sent.items():
        if not value:
            raise Refusal(401, f"Invalid Access: the header {name} is missing")
    api_key, timestamp, signature = sent.values()
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 16):
        raise Refusal(401, "Invalid Access: the header x-api-timestamp must be a whole number of ms")
    if abs(now_ms - int(timestamp)) > CLOCK_MS:
        raise Refusal(401, f"Invalid Access: x-api-timestamp is more than {CLOCK_MS // 1000} s from the server's time")
    for account in accounts:
        if hmac.compare_digest(account.api_key.encode(), api_key.encode()):
            signed = f"{timestamp}{api_key}".encode() + payload
            right = hmac.new(account.api_secret.encode(), signed, sha256).hexdigest()
            if hmac.compare_digest(right.encode(), signature.encode()):
                return account
            raise Refusal(401, "Invalid Access: x-api-signature is not the signature of this request")
    raise Refusal(401, "Invalid Access: x-api-key is unknown")


def _answer(said: object, status: int = 200) -> Response:
    return Response(dumps(said), status)


DESK = CoinSwitchDesk
