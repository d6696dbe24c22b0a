"""KuCoin futures, the private half of the classic API. Fact sheet kucoin: 4 (private topics) and 5 (REST).

* Every size on the wire is a number of contracts; every size in a report, a draft or an Instrument here is base
  quantity, which is contracts times the contract's multiplier. The multipliers are learned by ``read_instruments``;
  what names a contract that is not known is refused, and no size is ever guessed. Contracts whose base quantity hangs
  on their price (inverse ones, told by a multiplier below 0) are not traded.
* ``done`` alone does not say how an order ended: its ``type`` does on the stream, ``cancelExist`` by REST.
* The stream tells no fees; they stand in the fills of REST.
* A position that only its mark price moved comes without a size, and says nothing here.
* An answer to an order says that it was taken in: it is reported as PENDING.
* Orders are sent in cross margin unless the table was made otherwise; isolated margin needs a leverage. The venue
  refuses an order whose mode is not that of its symbol (330005).
* Conditional orders are not among those that are cancelled or listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from uuid import uuid4

from csbook import json
from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage, OrderRefused
from csbook.types import Instrument, OrderStatus
from csbook.venues import kucoin_rows
from csbook.venues.kucoin import DIALECT
from csbook.venues.kucoin_rows import Contracts
from csbook.venues.trading import Draft, Limit, Page, Place, Trading, check_draft
from csbook.wire import signing
from csbook.wire.admission import PrivateSession
from csbook.wire.fields import bad, exactly, load, word
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.private_topic import PrivateTopicSession
from csbook.wire.request import Failure, Request, Signed, Verdict, query_of, quoted, seconds_of
from csbook.wire.session import Malformed, Pace, Unknown
from csbook.wire.userdata import PrivateEvent

__all__ = ["KucoinTrading"]

ORDERS = "/api/v1/orders"
TOPICS = ("/contractMarket/tradeOrders", "/contractAccount/wallet", "/contract/positionAll")
_JSON = {"Content-Type": "application/json"}
_GOOD = "200000"
_ALL = ("futures",)
_DAY_S = 86_400.0

_VERDICTS = {
    "400002": Verdict.CLOCK,
    "400001": Verdict.KEY, "400003": Verdict.KEY, "400004": Verdict.KEY, "400005": Verdict.KEY,
    "400006": Verdict.KEY, "400007": Verdict.KEY, "411100": Verdict.KEY,
    "429000": Verdict.RATE,
    "500000": Verdict.UNKNOWN,
}  # fmt: skip
# the venue has no codes for these, only words
_TAKEN = ("repeat", "duplicat", "already exist")
_MISSING = ("not exist", "notexist", "not found")


class KucoinTrading(Trading):
    """The table of one account: it remembers multipliers. See ``venues.trading.Trading`` for the methods."""

    name = DIALECT.name
    title = DIALECT.title
    abilities = frozenset({"cancel_all", "fills", "hedge", "post_only", "reduce_only"})
    order_types = ("LIMIT", "MARKET")
    times_in_force = ("GTC", "IOC")
    client_id = "[A-Za-z0-9_-]{1,40}"
    limits: Mapping[str, Limit] = {"futures": Limit(2000, 30.5, reserve=200)}  # weight, of all private calls
    pools: Mapping[str, tuple[str, ...]] = dict.fromkeys(
        ("place", "cancel", "cancel_all", "order", "open_orders", "closed_orders", "fills", "positions", "balances"),
        _ALL,
    )
    clock_tolerance_s = 5.0
    list_window_s = 7 * _DAY_S
    open_list_is_whole = True
    needs_instruments = True

    def __init__(self, *, margin_mode: str = "CROSS", leverage: str | None = None) -> None:
        if margin_mode not in ("CROSS", "ISOLATED") or (margin_mode == "ISOLATED") != (leverage is not None):
            raise OrderRefused("margin_mode is CROSS without, or ISOLATED with a leverage", field="margin_mode")
        self.contracts = Contracts()
        self._margin_mode = margin_mode
        self._leverage = leverage

    # -- requests ---------------------------------------------------------------------------------------------------

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        headers = dict(request.headers)
        if request.signed:
            path = f"{request.path}?{request.query}" if request.query else request.path
            plain = signing.decoded(path).decode()
            headers.update(signing.kucoin(credentials, timestamp_ms, request.method, plain, request.body))
        return Signed(request.query, headers)

    def server_time(self) -> Request:
        return Request("time", "GET", "/api/v1/timestamp", signed=False)

    def place(self, draft: Draft) -> Request:
        check_draft(self, draft)
        body: dict[str, object] = {
            "clientOid": draft.client_order_id,
            "side": draft.side.name.lower(),
            "symbol": draft.symbol,
        }
        if self._leverage is not None:
            body["leverage"] = json.Literal(self._leverage)
        body["type"] = draft.type.lower()
        if draft.price is not None:
            body["price"] = draft.price
        body["size"] = self.contracts.of_size(draft.symbol, draft.size)
        if draft.price is not None:
            body["timeInForce"] = draft.time_in_force
        if draft.post_only:
            body["postOnly"] = True
        if draft.reduce_only:
            body["reduceOnly"] = True
        body["marginMode"] = self._margin_mode
        if draft.position_side is not None:
            body["positionSide"] = draft.position_side
        return Request(
            "place",
            "POST",
            ORDERS,
            body=json.dumps(body),
            headers=_JSON,
            command=True,
            cost=2,
            symbol=draft.symbol,
            client_order_id=draft.client_order_id,
        )

    def cancel(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        if order_id:
            path, query = f"{ORDERS}/{quoted(order_id)}", ""
        else:
            path = f"{ORDERS}/client-order/{quoted(client_order_id)}"
            query = query_of([("symbol", symbol)])
        return Request(
            "cancel",
            "DELETE",
            path,
            query=query,
            command=True,
            symbol=symbol,
            order_id=order_id,
            client_order_id=client_order_id,
        )

    def cancel_all(self, symbol: str | None = None) -> Request:
        query = query_of([] if symbol is None else [("symbol", symbol)])
        return Request("cancel_all", "DELETE", "/api/v3/orders", query=query, command=True, cost=30)

    def order(self, symbol: str, *, order_id: str = "", client_order_id: str = "") -> Request:
        if client_order_id:
            return _query("order", f"{ORDERS}/byClientOid", [("clientOid", client_order_id)], cost=5)
        return _query("order", f"{ORDERS}/{quoted(order_id)}", [], cost=5)

    def open_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        return _list("open_orders", ORDERS, [("status", "active"), *_of(symbol)], 2)

    def closed_orders(
        self, symbol: str | None = None, *, from_ms: int | None = None, to_ms: int | None = None
    ) -> Request:
        span = [(name, str(at)) for name, at in (("startAt", from_ms), ("endAt", to_ms)) if at is not None]
        return _list("closed_orders", ORDERS, [("status", "done"), *_of(symbol), *span], 2)

    def fills(self, symbol: str, *, order_id: str = "", from_ms: int | None = None) -> Request:
        pairs = [("orderId", order_id)] if order_id else _of(symbol)
        if from_ms is not None and not order_id:
            pairs.append(("startAt", str(from_ms)))
        return _list("fills", "/api/v1/fills", pairs, 5)

    def positions(self, symbol: str | None = None) -> Request:
        """All that settle in USDT, whatever the symbol: the venue lists them together."""
        return _query("positions", "/api/v1/positions", [("currency", "USDT")], cost=2)

    def balances(self) -> Request:
        return _query("balances", "/api/v1/account-overview", [("currency", "USDT")], cost=5)

    def instruments(self) -> Request:
        return Request("instruments", "GET", "/api/v1/contracts/active", signed=False)

    def more(self, request: Request, body: bytes) -> Request | None:
        """By the number of the page."""
        if request.endpoint not in ("open_orders", "closed_orders", "fills"):
            return None
        data = _data(load(body), dict)
        page, pages = data.get("currentPage"), data.get("totalPage")
        if type(page) is not int or type(pages) is not int:
            raise bad(data, "currentPage", "the number of a page, with 'totalPage'")
        if page >= pages or not data.get("items"):
            return None
        pairs = [each for each in request.query.split("&") if not each.startswith("currentPage=")]
        query = "&".join([*pairs, f"currentPage={page + 1}"])
        return Request(request.endpoint, "GET", request.path, query=query, cost=request.cost)

    # -- the private stream -----------------------------------------------------------------------------------------

    def new_token(self) -> Request:
        return Request("new_token", "POST", "/api/v1/bullet-private", headers=_JSON)

    def read_token(self, body: bytes) -> Secret:
        data = _data(load(body), dict)
        text = data.get("token")
        if not isinstance(text, str) or not 1 <= len(text) <= 4096 or not text.isascii() or not text.isprintable():
            raise BadMessage("the answer holds no token", field="token")
        return Secret(text)

    def read_place(self, body: bytes) -> Place:
        servers = _data(load(body), dict).get("instanceServers")
        if not isinstance(servers, list) or not servers or not isinstance(servers[0], dict):
            raise BadMessage("the answer holds no instanceServers", field="instanceServers")
        server = servers[0]
        return Place(word(server, "endpoint"), _seconds(server, "pingInterval"), _seconds(server, "pingTimeout"))

    def stream_path(self, token: Secret) -> str:
        return f"?{query_of([('token', token.reveal())])}&connectId={uuid4().hex}"

    def converse(
        self, *, pace: Pace, confirm_within: float, login: Callable[[], bytes], place: Place
    ) -> PrivateSession | None:
        return PrivateTopicSession(
            pace=pace,
            topics=TOPICS,
            confirm_within=confirm_within,
            ping_interval=place.ping_interval or 18.0,
            ping_timeout=place.ping_timeout or 10.0,
        )

    # -- answers ----------------------------------------------------------------------------------------------------

    def judge(self, request: Request, status: int, body: bytes, retry_after: str | None) -> Failure | None:
        code, text = _said(body)
        if 200 <= status < 300 and code == _GOOD:
            if request.endpoint == "order" and b'"data":null' in body.replace(b" ", b""):
                return Failure(Verdict.NOT_FOUND, "the venue knows no such order", status, code)
            return None
        told = f"the venue answered {status}" + (f": {text}" if text else "") + (f" (code {code})" if code else "")
        verdict = _VERDICTS.get(code)
        low = text.lower()
        if verdict is None:
            if request.endpoint == "place" and "clientoid" in low and any(each in low for each in _TAKEN):
                verdict = Verdict.DUPLICATE
            elif request.endpoint in ("order", "cancel") and any(each in low for each in _MISSING):
                verdict = Verdict.NOT_FOUND
            elif status == 429:
                verdict = Verdict.RATE
            elif status == 401:
                verdict = Verdict.KEY
            elif (code and status < 500) or (400 <= status < 500 and status != 408):
                verdict = Verdict.REJECTED
            else:
                verdict = Verdict.UNKNOWN
        limits = _ALL if verdict is Verdict.RATE and request.endpoint in self.pools else ()
        wait = seconds_of(retry_after) if verdict is Verdict.RATE else None
        return Failure(verdict, told, status, code, wait, limits)

    def read_time(self, body: bytes) -> int:
        said = load(body)
        at = said.get("data") if isinstance(said, dict) else None
        if type(at) is not int or not 0 < at < 2**53:
            raise BadMessage("the answer holds no time in ms", field="data")
        return at * 1_000_000

    def read_order(self, request: Request, body: bytes, receive_time_ns: int) -> Page:
        if request.endpoint == "order":

            def read(message: Any) -> Page:
                report, unknown = kucoin_rows.listed(_data(message, dict), self.contracts, receive_time_ns)
                return Page((report,), unknown=unknown)

            return exactly(body, read)
        data = _data(load(body), dict)
        order_id = word(data, "orderId") or request.order_id
        client_order_id = word(data, "clientOid") or request.client_order_id
        if not order_id and not client_order_id:
            raise BadMessage("the answer names no order", field="orderId")
        canceling = request.endpoint == "cancel"
        taken = OrderReport(
            request.symbol,
            OrderStatus.PENDING,
            client_order_id,
            order_id,
            canceling=canceling,
            receive_time_ns=receive_time_ns,
        )
        return Page((taken,))

    def read_orders(self, body: bytes, receive_time_ns: int) -> Page:
        def read(message: Any) -> Page:
            rows = _items(message)
            read = [kucoin_rows.listed(row, self.contracts, receive_time_ns) for row in rows]
            unknown = tuple(dict.fromkeys(each for _, words in read for each in words))
            return Page(tuple(report for report, _ in read), unknown=unknown)

        return exactly(body, read)

    def read_fills(self, body: bytes, receive_time_ns: int) -> tuple[OrderReport, ...]:
        def read(message: Any) -> tuple[OrderReport, ...]:
            return tuple(kucoin_rows.filled(row, self.contracts, receive_time_ns) for row in _items(message))

        return exactly(body, read)

    def read_canceled(self, body: bytes) -> tuple[str, ...]:
        ids = _data(load(body), dict).get("cancelledOrderIds")
        if not isinstance(ids, list):
            raise BadMessage(
                "the answer to cancel_all: field 'cancelledOrderIds' is no list", field="cancelledOrderIds"
            )
        return tuple(str(each) for each in ids)

    def read_positions(self, body: bytes, receive_time_ns: int) -> tuple[PositionReport, ...]:
        """Without the flat ones."""

        def read(message: Any) -> tuple[PositionReport, ...]:
            rows = _rows(_data(message, list))
            reports = (kucoin_rows.position(row, self.contracts, receive_time_ns) for row in rows)
            return tuple(report for report in reports if report.size)

        return exactly(body, read)

    def read_balances(self, body: bytes, receive_time_ns: int) -> tuple[BalanceReport, ...]:
        return exactly(body, lambda message: (kucoin_rows.overview(_data(message, dict), receive_time_ns),))

    def read_instruments(self, body: bytes, ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
        """In base quantity; the contracts that are not traded here are not among them."""

        def read(message: Any) -> dict[str, Instrument]:
            rows = _rows(_data(message, list))
            found = kucoin_rows.instruments(rows, ticks)
            self.contracts.inverse.update(kucoin_rows.inverse(rows))
            self.contracts.learn(found)
            return found

        return exactly(body, read)

    # -- events -----------------------------------------------------------------------------------------------------

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        if not isinstance(message, dict):
            return [Malformed(BadMessage(f"a private message that is a JSON {type(message).__name__}"))]
        topic, subject, data = _name(message, "topic"), _name(message, "subject"), message.get("data")
        reader = _READERS.get((topic.partition(":")[0], subject))
        if reader is None:
            return [Unknown(f"{topic.partition(':')[0]} {subject}".strip()[:60] or "unnamed")]
        try:
            if not isinstance(data, dict):
                raise bad(message, "data", "an object")
            if word(data, "symbol") in self.contracts.inverse:
                return [Unknown(f"{subject[:40]} of an inverse contract")]
            return reader(data, self.contracts, receive_time_ns)
        except BadMessage as error:
            return [Malformed(error)]


def _query(endpoint: str, path: str, pairs: list[tuple[str, str]], *, cost: int) -> Request:
    return Request(endpoint, "GET", path, query=query_of(pairs), cost=cost)


def _list(endpoint: str, path: str, pairs: list[tuple[str, str]], cost: int) -> Request:
    return _query(endpoint, path, [*pairs, ("pageSize", "100"), ("currentPage", "1")], cost=cost)


def _of(symbol: str | None) -> list[tuple[str, str]]:
    return [] if symbol is None else [("symbol", symbol)]


def _said(body: bytes) -> tuple[str, str]:
    """The code and the words of an answer, as one short line; "" and "" where there are none."""
    try:
        said = load(body)
    except BadMessage:
        return "", ""
    if not isinstance(said, dict):
        return "", ""
    code, text = said.get("code"), said.get("msg")
    words = " ".join(text.split())[:200] if isinstance(text, str) else ""
    return code if isinstance(code, str) and len(code) <= 20 else "", words


def _data(message: Any, kind: type) -> Any:
    data = message.get("data") if isinstance(message, dict) else None
    if not isinstance(data, kind):
        raise BadMessage(f"the answer holds no data that is a {kind.__name__}", field="data")
    return data


def _rows(rows: list[Any]) -> list[dict[str, Any]]:
    if not all(isinstance(row, dict) for row in rows):
        raise BadMessage("the answer holds a list of something else than objects", field="data")
    return rows


def _items(message: Any) -> list[dict[str, Any]]:
    items = _data(message, dict).get("items")
    if not isinstance(items, list):
        raise BadMessage("the answer holds no list of items", field="items")
    return _rows(items)


def _name(message: Mapping[str, Any], key: str) -> str:
    said = message.get(key)
    return said if isinstance(said, str) else ""


def _seconds(server: Mapping[str, Any], key: str) -> float:
    value = server.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 100 <= value <= 3_600_000:
        raise bad(server, key, "100 to 3600000 milliseconds")
    return value / 1000.0


def _position(data: Mapping[str, Any], contracts: Contracts, receive_time_ns: int) -> list[PrivateEvent]:
    """Without a size where only the mark price moved."""
    if data.get("changeReason") == "markPriceChange" or "currentQty" not in data:
        return []
    return [kucoin_rows.position(data, contracts, receive_time_ns)]


def _wallet(data: Mapping[str, Any], contracts: Contracts, receive_time_ns: int) -> list[PrivateEvent]:
    return [kucoin_rows.wallet(data, receive_time_ns)]


def _nothing(data: Mapping[str, Any], contracts: Contracts, receive_time_ns: int) -> list[PrivateEvent]:
    """Funding: the wallet tells what it cost."""
    return []


_Reader = Callable[[Mapping[str, Any], Contracts, int], list[PrivateEvent]]
_READERS: dict[tuple[str, str], _Reader] = {
    ("/contractMarket/tradeOrders", "orderChange"): kucoin_rows.order,
    ("/contractMarket/tradeOrders", "symbolOrderChange"): kucoin_rows.order,
    ("/contractAccount/wallet", "walletBalance.change"): _wallet,
    ("/contract/positionAll", "position.change"): _position,
    ("/contract/position", "position.change"): _position,
    ("/contract/positionAll", "position.settlement"): _nothing,
    ("/contract/position", "position.settlement"): _nothing,
}
