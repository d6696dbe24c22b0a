"""The private REST desk: a request in, a status and an object out. Sans-I/O.

Paths and objects are those of futures v2 (fact sheet, section 2), signed as the guide says (``keys.identify``). A body
is a JSON object; prices and quantities are decimal texts, JSON numbers are taken as they are written. Fields that
nobody knows are left alone. An error is ``{"message": text}`` and names the field: 400 malformed or not affordable, 401
not signed, 404 no such order, 422 a field that is missing or wrong, 429 too often.

Two things that the sheet leaves open are settled here. ``cursor`` is the time before that of the page's last order,
orders of one ms always stand on one page, and ``to_time`` is inclusive: pages passed on by ``cursor`` show every order
once. Open orders go by ``created_at``, closed ones by ``updated_at``, newest first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from csbook.sim.accounts import QUOTE, Account
from csbook.sim.budget import Budget
from csbook.sim.exchange import MOST_MARKET_UNITS, MOST_UNITS, Exchange, Refusal
from csbook.sim.keys import ListenKeys, identify
from csbook.sim.tickets import EXCHANGE, Draft, Ticket, plain, size_of
from csbook.types import Side

__all__ = ["OPERATIONS", "Desk", "Request", "decimal_of"]

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

PAGE = 50  # orders, unless ``limit`` says otherwise
LONGEST_PAGE = 500
WINDOW_MS = 7 * 24 * 3600 * 1000
LATEST_MS = 1 << 53
_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
_CLOSED = ("EXECUTED", "PARTIALLY_EXECUTED", "CANCELLED", "FAILED")


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came. Header names are lower case; ``query`` is the text behind ``?``."""

    operation: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def decimal_of(field: str, value: Any) -> Decimal:
    """A decimal text, or a JSON number, as it is written. Raises Refusal (422)."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < 30:
        value = format(value, "f")
    elif type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise Refusal(422, f"{field} {str(value)[:40]!r} is no number; a decimal text is expected, as in '0.001'")
    return Decimal(value)


class Desk:
    """Answers requests of all accounts."""

    def __init__(self, exchange: Exchange, keys: ListenKeys, budget: Budget, now_ms: Callable[[], int]) -> None:
        self._exchange = exchange
        self._keys = keys
        self._budget = budget
        self._now_ms = now_ms

    def identify(self, request: Request) -> Account:
        """The account that signed a request. Raises Refusal (401)."""
        payload = request.body or request.query.encode()
        if request.operation in ("listen", "extend") and request.body.strip() in (b"", b"{}"):
            payload = b""
        return identify(request.headers, payload, self._exchange.accounts.values(), self._now_ms())

    def answer(self, request: Request) -> tuple[int, dict[str, Any]]:
        """Carry a request out: the HTTP status and the object of the answer."""
        try:
            account = self.identify(request)
            if too_often := self._budget.refusal(account.name, request.operation):
                raise Refusal(429, too_often)
            if request.operation in ("listen", "extend"):
                return 200, self._listen(account, request)
            asked = self._fields(request)
            if asked.get("exchange", EXCHANGE if request.operation == "order" else None) != EXCHANGE:
                raise Refusal(400, f"exchange must be {EXCHANGE}")
            data: Any = getattr(self, f"_{request.operation}")(account, asked)
            return 200, {"data": data}
        except Refusal as refusal:
            return refusal.status, {"message": refusal.message}

    # -- operations; the names are those of OPERATIONS

    def _listen(self, account: Account, request: Request) -> dict[str, Any]:
        if request.body.strip() not in (b"", b"{}"):
            raise Refusal(400, "body: nothing, or {}, is expected here")
        if request.operation == "extend":
            self._keys.extend(account)
            return {}
        return {"listenKey": self._keys.new(account)}

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
        return self._exchange.place(account, draft).as_rest()

    def _cancel(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        ticket = self._named(account, asked)
        self._exchange.cancel(ticket)
        return ticket.as_rest(cancel=True)

    def _cancel_all(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        return {"orders_ids": [str(t.id) for t in self._exchange.cancel_all(account, self._symbol(asked))]}

    def _order(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        return {"order": self._named(account, asked).as_rest()}

    def _open(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        return self._page(asked, [*account.working.values()], lambda ticket: ticket.created_ns)

    def _closed(self, account: Account, asked: dict[str, Any]) -> dict[str, Any]:
        tickets = [ticket for ticket in account.tickets.values() if not ticket.open]
        if (status := _text(asked, "status", "").upper()) and status not in _CLOSED:
            raise Refusal(422, f"status {status[:32]!r}: one of {', '.join(_CLOSED)} is expected")
        if status:
            tickets = [ticket for ticket in tickets if ticket.as_rest()["status"] == status]
        return self._page(asked, tickets, lambda ticket: ticket.updated_ns)

    def _positions(self, account: Account, asked: dict[str, Any]) -> list[dict[str, Any]]:
        symbol = self._symbol(asked)
        found = []
        for holding in account.holdings.values():
            if not holding.size or holding.entry is None or symbol not in (None, holding.instrument.symbol):
                continue
            mark = self._exchange.mark(holding.instrument)
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
        for symbol in self._exchange.symbols:
            it = self._exchange.instrument(symbol)
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
        return self._exchange.instrument(symbol).symbol if symbol else None

    def _named(self, account: Account, asked: dict[str, Any]) -> Ticket:
        order_id = asked.get("order_id", "")
        order_id = str(order_id) if type(order_id) is int else _text(asked, "order_id", "")
        client_order_id = _text(asked, "client_order_id", "")
        if not order_id and not client_order_id:
            raise Refusal(422, "order_id is missing; it or client_order_id is expected")
        return self._exchange.find(account, order_id, client_order_id)

    def _page(self, asked: dict[str, Any], tickets: list[Ticket], time_of: Callable[[Ticket], int]) -> dict[str, Any]:
        symbol = self._symbol(asked)
        limit = _whole(asked, "limit", PAGE, LONGEST_PAGE)
        if not limit:
            raise Refusal(422, f"limit is 0; 1 to {LONGEST_PAGE} is expected")
        to_time = _whole(asked, "to_time", LATEST_MS, LATEST_MS)
        from_time = _whole(asked, "from_time", 0, LATEST_MS)
        if asked.get("from_time") is not None:
            until = to_time if asked.get("to_time") is not None else self._now_ms()
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
            "orders": [ticket.as_rest() for _, ticket in timed[:end]],
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
