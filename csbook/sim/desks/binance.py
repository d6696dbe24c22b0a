"""Binance USD-M's private part: signed REST, and a user data stream by listenKey. Fact sheet binance, 4 and 5.

Parameters stand in the query or in a form body. A command is answered as the venue takes it in (``ACK``), with
``newOrderRespType=RESULT`` as it was matched; what becomes of an order is told on the stream. A post-only order (GTX)
that would take, and a FOK that cannot fill, are refused and never were. An amend whose new size is filled already ends
the order, and so does one that makes a post-only order take.

A listenKey wants the key's header alone. There is one an account: asking again extends it. A stream is opened at
``/private`` and told the ``events`` that its address names, all where it names none; one whose key has expired stays
open, and says no more. Of several listenKeys in one address the first counts.

There are no conditional orders, no batches, no countdown and no GTD; leverage is the account's, and the venue's to set.
What the sheet leaves open: lists go by the time of creation, and are the newest of the span; fills from an id, a time
or an order on are the oldest of it; a stream with a listenKey that is unknown is turned away with 401.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from csbook import json
from csbook.sim import commands
from csbook.sim.accounts import Account
from csbook.sim.desk import Desk, PrivateTalk, Request, decimal_of
from csbook.sim.desks import binance_words as words
from csbook.sim.desks.binance_codes import Coded, invalid, missing, refused, unexpected
from csbook.sim.desks.binance_signed import check, fields, owner
from csbook.sim.exchange import News, OrderRules, Refusal
from csbook.sim.speech import NotServed, Reply, Response
from csbook.sim.tickets import Draft, Ticket
from csbook.types import OrderStatus, Side

__all__ = ["DESK", "OPERATIONS", "RATES", "WEIGHTS", "BinanceDesk"]

_KEY = "/fapi/v1/listenKey"
_ORDER = "/fapi/v1/order"

OPERATIONS: dict[tuple[str, str], str] = {
    ("POST", _KEY): "listen",
    ("PUT", _KEY): "extend",
    ("DELETE", _KEY): "give_back",
    ("POST", _ORDER): "place",
    ("PUT", _ORDER): "amend",
    ("DELETE", _ORDER): "cancel",
    ("GET", _ORDER): "order",
    ("DELETE", "/fapi/v1/allOpenOrders"): "cancel_all",
    ("GET", "/fapi/v1/openOrder"): "open_order",
    ("GET", "/fapi/v1/openOrders"): "open",
    ("GET", "/fapi/v1/allOrders"): "all",
    ("GET", "/fapi/v1/userTrades"): "fills",
    ("GET", "/fapi/v3/positionRisk"): "positions",
    ("GET", "/fapi/v3/balance"): "wallet",
    ("GET", "/fapi/v3/account"): "account",
    ("GET", "/fapi/v1/leverageBracket"): "brackets",
    ("GET", "/fapi/v1/positionSide/dual"): "mode",
    ("POST", "/fapi/v1/positionSide/dual"): "set_mode",
}

# Of the sheet's section 5.2, per account.
RATES: dict[str, tuple[int, float]] = {"orders_10s": (300, 10.0), "orders_1m": (1200, 60.0)}
_COUNTERS = {"orders_10s": "X-MBX-ORDER-COUNT-10S", "orders_1m": "X-MBX-ORDER-COUNT-1M"}

# What a request costs its address, 1 unless it stands here. The same section, and the venue's pages.
WEIGHTS = {"place": 0, "amend": 0, "all": 5, "fills": 5, "positions": 5, "wallet": 5, "account": 5, "mode": 30}
OPEN_OF_ALL = 40

_BY_KEY_ALONE = frozenset({"listen", "extend", "give_back"})
_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
_CONDITIONAL = ("STOP", "TAKE_PROFIT", "TRAILING_STOP")
_NOT_HERE = {
    "priceMatch": "NONE",
    "goodTillDate": "0",
    "closePosition": "false",
    "selfTradePreventionMode": words.PROTECTION,
}
_DAY_MS = 24 * 3600 * 1000
_WINDOW_MS = 7 * _DAY_MS
_PAGE, _LONGEST_PAGE = 500, 1000
_LATEST_MS = 1 << 53


class _Stream(PrivateTalk):
    """``events`` are those that are told, None: all. ``combined``: each stands in an envelope with the listenKey."""

    def __init__(self, account: Account, key: str, events: frozenset[str] | None, combined: bool) -> None:
        super().__init__(account, key)
        self._events = events
        self._combined = combined

    def wants(self, topic: str) -> bool:
        return self._events is None or topic in self._events

    def hear(self, said: bytes, held: Collection[str]) -> Reply:
        """Whatever is asked for is acknowledged, and nothing comes of it."""
        answer = commands.answer(said, (), None, _LONGEST_PAGE)
        return Reply([answer.payload], refused=answer.refused)

    def form(self, stream: str) -> Hashable:
        return self.key if self._combined else None

    def dress(self, stream: str, payload: bytes) -> bytes:
        return b'{"stream":"%b","data":%b}' % (self.key.encode(), payload) if self._combined else payload


class BinanceDesk(Desk):
    """See ``sim.desk.Desk`` for the meaning of the methods."""

    operations = OPERATIONS
    rates = RATES
    rules = OrderRules(
        post_only=True, refuses_at_once=True, min_notional=Decimal(5), ids_come_back=True, names_orders=True
    )
    stream_paths = ("/private/ws", "/private/ws/{key}", "/private/stream")
    ends_with_key = False

    def identify(self, request: Request) -> Account:
        account = owner(request.headers, self.exchange.accounts.values())
        if request.operation not in _BY_KEY_ALONE:
            asked = fields(request.query, request.body)
            check(account, request.query, request.body, asked, self.now_ms())
        return account

    def limits(self, request: Request) -> tuple[str, ...]:
        return tuple(RATES) if request.operation in ("place", "amend") else ()

    def weight(self, operation: str, query: Mapping[str, str]) -> int:
        if operation == "open" and not query.get("symbol"):
            return OPEN_OF_ALL
        return WEIGHTS.get(operation, 1)

    def carry_out(self, account: Account, request: Request) -> Response:
        asked = fields(request.query, request.body)
        said = getattr(self, f"_{request.operation}")(account, asked)
        counted = {_COUNTERS[name]: str(self.budget.used(account.name, name)) for name in self.limits(request)}
        return Response(json.dumps(said), headers=counted)

    def refused(self, request: Request, refusal: Refusal) -> Response:
        return refused(request.operation, refusal)

    def throttled(self) -> Response:
        return Response(b'{"code":-1003,"msg":"Too many requests."}', 429, {"Retry-After": "10"})

    def unavailable(self, *, carried_out: bool) -> Response:
        """Of one that was not carried out the venue says so; of the other it says that nobody knows."""
        if carried_out:
            said = b'{"code":-1000,"msg":"Unknown error, please check your request or try again later."}'
        else:
            said = b'{"code":-1008,"msg":"Server is currently overloaded with other requests."}'
        return Response(said, 503)

    # -- the user data stream

    def admit(self, path: str, query: Mapping[str, str]) -> PrivateTalk:
        key = query.get("key") or query.get("listenKey", "")
        account = self.keys.owner(key)
        if account is None:
            raise NotServed(401, {"code": -1125, "msg": "This listenKey does not exist."})
        events = frozenset(query.get("events", "").split("/")) - {""}
        return _Stream(account, key, events or None, path.endswith("/stream"))

    def events(self, news: News) -> Iterable[tuple[str, bytes]]:
        """The order; before it, of a fill, the lean copy, and what it did to the wallet and the position."""
        ticket = news.ticket
        if news.fill is not None:
            yield words.LITE_EVENT, words.lite_event(news)
            holding = ticket.account.holding(ticket.instrument, ticket.position_side)
            mark = self.exchange.mark(ticket.instrument)
            yield words.ACCOUNT_EVENT, words.account_event(ticket.account, holding, mark, news.at_ms)
        yield words.ORDER_EVENT, words.order_event(news)

    def expiry_event(self, at_ms: int) -> tuple[str, bytes]:
        return words.EXPIRY_EVENT, words.expiry_event(at_ms)

    # -- operations; the names are those of OPERATIONS

    def _listen(self, account: Account, asked: Mapping[str, str]) -> dict[str, str]:
        if live := self.keys.live(account):
            self.keys.extend(account)
            return {"listenKey": live[0]}
        return {"listenKey": self.keys.new(account)}

    def _extend(self, account: Account, asked: Mapping[str, str]) -> dict[str, str]:
        self.keys.extend(account)
        return {"listenKey": self.keys.live(account)[0]}

    def _give_back(self, account: Account, asked: Mapping[str, str]) -> dict[str, str]:
        self.keys.give_back(account)
        return {}

    def _place(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        symbol, side, kind = self._symbol(asked), _side(asked), _of(asked, "type")
        if kind.startswith(_CONDITIONAL):
            words_ = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
            raise Coded(-4120, words_)
        for name, usual in _NOT_HERE.items():
            if asked.get(name, usual) != usual:
                raise invalid(name)
        in_force = asked.get("timeInForce", "GTC")
        if kind == "LIMIT" and "timeInForce" not in asked:
            raise missing("timeInForce")
        if kind == "MARKET" and "timeInForce" in asked:
            raise unexpected("timeInForce")
        reduce_only = _flag(asked, "reduceOnly", "false")
        if account.terms.hedge and "reduceOnly" in asked:
            raise unexpected("reduceOnly")
        leg = asked.get("positionSide", "BOTH")
        if leg not in ("BOTH", "LONG", "SHORT"):
            raise Coded(-4060, "Invalid position side.")
        client_order_id = asked.get("newClientOrderId", "")
        if client_order_id and not _CLIENT_ID.fullmatch(client_order_id):
            raise Coded(-4015, "Client order id is not valid.")
        answer = asked.get("newOrderRespType", "ACK")
        if answer not in ("ACK", "RESULT"):
            raise invalid("newOrderRespType")
        draft = Draft(
            symbol=symbol,
            side=side,
            type=kind,
            size=self._size(symbol, asked),
            price=self._price(symbol, asked),
            time_in_force="GTC" if in_force == "GTX" else in_force,
            reduce_only=reduce_only,
            client_order_id=client_order_id,
            position_side=leg,
            post_only=in_force == "GTX",
        )
        return words.order_row(self.exchange.place(account, draft), command=True, taken_in=answer == "ACK")

    def _amend(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        ticket = self._named(account, asked)
        if ticket.price is None:
            raise Coded(-5025, "Only limit order is supported.")
        if _side(asked) is not ticket.side:
            raise invalid("side")
        size, price = self._size(ticket.symbol, asked), self._price(ticket.symbol, asked)
        if price is None:
            raise missing("price")
        try:
            self.exchange.amend(ticket, size, price)
        except Refusal as refusal:
            if refusal.kind != "filled":
                raise
            self.exchange.close(ticket, OrderStatus.CANCELED)
        return words.order_row(ticket, command=True)

    def _cancel(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        ticket = self._named(account, asked)
        self.exchange.cancel(ticket)
        return words.order_row(ticket, command=True)

    def _cancel_all(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        self.exchange.cancel_all(account, self._symbol(asked))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _order(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        return words.order_row(self._named(account, asked))

    def _open_order(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        ticket = self._named(account, asked)
        if not ticket.open:
            raise Refusal(404, f"orderId {ticket.id}: the order has ended", "unknown_order")
        return words.order_row(ticket)

    def _open(self, account: Account, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        symbol = self._maybe_symbol(asked)
        return [words.order_row(ticket) for ticket in account.working.values() if symbol in (None, ticket.symbol)]

    def _all(self, account: Account, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        symbol, limit, (since, until) = self._symbol(asked), _limit(asked), self._span(asked)
        first = _whole(asked, "orderId", 0)
        if "orderId" in asked and "startTime" not in asked:
            since = 0
        found = [
            ticket
            for ticket in account.tickets.values()
            if ticket.symbol == symbol and ticket.id >= first and since <= ticket.created_ns // 1_000_000 <= until
        ]
        return [words.order_row(ticket) for ticket in (found[:limit] if "orderId" in asked else found[-limit:])]

    def _fills(self, account: Account, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        symbol, limit, (since, until) = self._symbol(asked), _limit(asked), self._span(asked)
        if "fromId" in asked and ("startTime" in asked or "endTime" in asked):
            raise unexpected("fromId")
        first, of = _whole(asked, "fromId", 0), asked.get("orderId")
        if "startTime" not in asked and ("fromId" in asked or of):
            since = 0
        found = [
            fill
            for fill in account.fills
            if fill.symbol == symbol
            and of in (None, fill.order_id)
            and int(fill.trade_id) >= first
            and since <= fill.trade_time_ns // 1_000_000 <= until
        ]
        oldest = of or "fromId" in asked or "startTime" in asked
        return [words.fill_row(fill) for fill in (found[:limit] if oldest else found[-limit:])]

    def _positions(self, account: Account, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        """Those that are held, and of size 0 those for which orders rest."""
        symbol = self._maybe_symbol(asked)
        held = [at for at, holding in account.holdings.items() if holding.size]
        resting = [(ticket.symbol, ticket.position_side) for ticket in account.working.values()]
        rows = []
        for name, leg in dict.fromkeys([*held, *resting]):
            if symbol in (None, name):
                instrument = self.exchange.instrument(name)
                holding = account.holdings.get((name, leg)) or words.nothing(instrument, leg)
                rows.append(words.position_row(account, holding, self.exchange.mark(instrument)))
        return rows

    def _wallet(self, account: Account, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        return [words.balance_row(account, self._unrealised(account))]

    def _account(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        return words.account_row(account, self._unrealised(account), self._positions(account, {}))

    def _brackets(self, account: Account, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        """One of all sizes, for every symbol."""
        symbol = self._maybe_symbol(asked)
        return [words.bracket_row(account, name) for name in self.exchange.symbols if symbol in (None, name)]

    def _mode(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        return {"dualSidePosition": account.terms.hedge}

    def _set_mode(self, account: Account, asked: Mapping[str, str]) -> dict[str, Any]:
        hedge = _flag(asked, "dualSidePosition")
        if hedge is account.terms.hedge:
            raise Coded(-4059, "No need to change position side.")
        if account.working:
            raise Coded(-4067, "Position side cannot be changed if there exists open orders.")
        if any(holding.size for holding in account.holdings.values()):
            raise Coded(-4068, "Position side cannot be changed if there exists position.")
        account.terms = replace(account.terms, hedge=hedge)
        return {"code": 200, "msg": "success"}

    # -- what was asked

    def _symbol(self, asked: Mapping[str, str]) -> str:
        return self.exchange.instrument(_of(asked, "symbol").upper()).symbol

    def _maybe_symbol(self, asked: Mapping[str, str]) -> str | None:
        return self._symbol(asked) if "symbol" in asked else None

    def _named(self, account: Account, asked: Mapping[str, str]) -> Ticket:
        symbol, order_id, client_order_id = (
            self._symbol(asked),
            asked.get("orderId", ""),
            asked.get("origClientOrderId", ""),
        )
        if not order_id and not client_order_id:
            raise Coded(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        if order_id:
            _whole(asked, "orderId", 0)
        ticket = self.exchange.find(account, order_id, client_order_id)
        if ticket.symbol != symbol:
            raise Refusal(404, f"orderId {ticket.id}: it is of another symbol", "unknown_order")
        return ticket

    def _size(self, symbol: str, asked: Mapping[str, str]) -> Decimal:
        return _number("quantity", _of(asked, "quantity"), self.exchange.instrument(symbol).size_decimals)

    def _price(self, symbol: str, asked: Mapping[str, str]) -> Decimal | None:
        if "price" not in asked:
            return None
        price = _number("price", asked["price"], self.exchange.instrument(symbol).price_decimals)
        if price <= 0:
            raise Coded(-4001, "Price less than 0.")
        return price

    def _span(self, asked: Mapping[str, str]) -> tuple[int, int]:
        """Seven days, up to now unless it is said otherwise."""
        since, until = _whole(asked, "startTime", -1), _whole(asked, "endTime", -1)
        if until < 0:
            until = self.now_ms() if since < 0 else min(since + _WINDOW_MS, _LATEST_MS)
        if since < 0:
            since = until - _WINDOW_MS
        if since > until:
            raise Coded(-1023, "Start time is greater than end time.")
        if until - since > _WINDOW_MS:
            raise Coded(-1127, "More than 168 hours between startTime and endTime.")
        return since, until

    def _unrealised(self, account: Account) -> Decimal:
        return sum(
            (
                words.unrealised(holding, self.exchange.mark(holding.instrument))
                for holding in account.holdings.values()
            ),
            Decimal(0),
        )


def _of(asked: Mapping[str, str], name: str) -> str:
    if name not in asked:
        raise missing(name)
    return asked[name]


def _side(asked: Mapping[str, str]) -> Side:
    side = _of(asked, "side")
    if side not in ("BUY", "SELL"):
        raise Coded(-1117, "Invalid side.")
    return Side[side]


def _flag(asked: Mapping[str, str], name: str, usual: str = "") -> bool:
    text = (asked.get(name, usual) or _of(asked, name)).lower()
    if text not in ("true", "false"):
        raise invalid(name)
    return text == "true"


def _number(name: str, text: str, decimals: int) -> Decimal:
    try:
        number = decimal_of(name, text)
    except Refusal:
        raise Coded(-1100, f"Illegal characters found in parameter '{name}'.") from None
    if number and -int(number.normalize().as_tuple().exponent) > decimals:
        raise Coded(-1111, "Precision is over the maximum defined for this asset.")
    return number


def _whole(asked: Mapping[str, str], name: str, usual: int) -> int:
    text = asked.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) <= 18 and int(text) <= 1 << 62):
        raise Coded(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(text)


def _limit(asked: Mapping[str, str]) -> int:
    limit = _whole(asked, "limit", _PAGE)
    if not 1 <= limit <= _LONGEST_PAGE:
        raise invalid("limit")
    return limit


DESK = BinanceDesk
