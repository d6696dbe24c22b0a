"""Bybit V5 linear, the private half. Fact sheet bybit: 4 (private socket) and 5 (REST).

* A success of a command says that it was taken in, and no more: its answer is a report whose status is PENDING, and
  the verdict, that of a post-only order, too, comes on the stream.
* The topics of the private socket bring no snapshot, and those of all categories in one: rows that are not linear are
  named and left out, since a symbol may be spelled alike in two of them.
* Of the executions only those are fills that an order of this account made; funding and settlement are none. They say
  nothing of the order's cumulative quantity: the order's own row does.
* A cancel_all takes 500 orders at a time, and is to be repeated until it names none. What is open is listed 50 at a
  time, and an order that is neither open nor among the last 500 to close is not found.
* ``nothing modified`` is a success of an amend. 403 is the address': it has to be quiet for ten minutes.
* Rows that are not asked for by symbol are those that settle in USDT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from csbook import json
from csbook.credentials import Credentials, Secret
from csbook.errors import BadMessage
from csbook.venues import v5_rows
from csbook.venues.bybit import DIALECT
from csbook.venues.trading import Limit, Place
from csbook.venues.v5 import V5Trading
from csbook.wire import signing
from csbook.wire.admission import PrivateSession
from csbook.wire.fields import bad, ms
from csbook.wire.private_op import PrivateOpSession
from csbook.wire.request import Request, Signed
from csbook.wire.session import Malformed, Pace, Unknown
from csbook.wire.userdata import PrivateEvent

__all__ = ["TRADING", "BybitTrading"]

TOPICS = ("order", "execution", "position", "wallet")
WINDOW_MS = 5_000
_LOGIN_AHEAD_MS = 5_000  # a login is signed for a moment that has not come
_LIST = ("realtime", "address")
_ADDRESS = ("address",)


class BybitTrading(V5Trading):
    """The table; stateless. See ``venues.trading.Trading`` for the meaning of the methods."""

    name = DIALECT.name
    title = DIALECT.title
    abilities = frozenset({"amend", "cancel_all", "fills", "hedge", "post_only", "reduce_only"})
    limits: Mapping[str, Limit] = {
        "place": Limit(10, 1.0),
        "amend": Limit(10, 1.0),
        "cancel": Limit(10, 1.0, reserve=4),
        "cancel_all": Limit(10, 1.0, reserve=3),
        "realtime": Limit(50, 1.0, reserve=10),  # one call, for an order and for all that are open
        "closed_orders": Limit(50, 1.0),
        "fills": Limit(50, 1.0),
        "positions": Limit(50, 1.0),
        "balances": Limit(50, 1.0),
        "address": Limit(600, 5.0, reserve=50),
    }
    pools: Mapping[str, tuple[str, ...]] = {
        "order": _LIST,
        "open_orders": _LIST,
    } | dict.fromkeys(
        ("place", "amend", "cancel", "cancel_all", "closed_orders", "fills", "positions", "balances", "instruments",
         "time"),
        _ADDRESS,
    )  # fmt: skip
    clock_tolerance_s = 1.0  # ahead of the venue; 5 s behind it
    address = _ADDRESS

    def sign(self, request: Request, credentials: Credentials, timestamp_ms: int) -> Signed:
        headers = dict(request.headers)
        if request.signed:
            payload = request.body or request.query.encode()
            headers.update(signing.bybit(credentials, timestamp_ms, WINDOW_MS, payload))
        return Signed(request.query, headers)

    # -- the private stream -----------------------------------------------------------------------------------------

    def stream_path(self, token: Secret) -> str:
        return "/v5/private"

    def login(self, credentials: Credentials, now_ms: int) -> bytes:
        expires = now_ms + _LOGIN_AHEAD_MS
        signature = signing.bybit_socket(credentials, expires)
        return json.dumps({"req_id": "login", "op": "auth", "args": [credentials.api_key, expires, signature]})

    def converse(
        self, *, pace: Pace, confirm_within: float, login: Callable[[], bytes], place: Place
    ) -> PrivateSession | None:
        return PrivateOpSession(pace=pace, topics=TOPICS, login=login, confirm_within=confirm_within)

    def read_event(self, message: Any, receive_time_ns: int) -> list[PrivateEvent]:
        topic = message.get("topic") if isinstance(message, dict) else None
        if not isinstance(topic, str):
            said = message.get("op") if isinstance(message, dict) else None
            return [Unknown(said[:60] if isinstance(said, str) and said else "unnamed")]
        reader = _READERS.get(topic)
        if reader is None:
            return [Unknown(topic[:60])]
        events: list[PrivateEvent] = []
        try:
            rows = message.get("data")
            if not isinstance(rows, list):
                raise bad(message, "data", "a list")
            at = ms(message, "creationTime")
        except BadMessage as error:
            return [Malformed(error)]
        for row in rows:
            try:
                if not isinstance(row, dict):
                    raise BadMessage(f"{topic}: an entry that is a {type(row).__name__}; expected an object")
                category = row.get("category", "linear")
                events += reader(row, at, receive_time_ns) if category == "linear" else [_foreign(topic, category)]
            except BadMessage as error:
                events.append(Malformed(error))
        return events


TRADING = BybitTrading()


def _foreign(topic: str, category: object) -> Unknown:
    return Unknown(f"{topic} of category {str(category)[:20]}")


def _order(row: Mapping[str, Any], at: int, receive_time_ns: int) -> list[PrivateEvent]:
    report, unknown = v5_rows.order(row, receive_time_ns)
    return [report, *(Unknown(words) for words in unknown)]


def _execution(row: Mapping[str, Any], at: int, receive_time_ns: int) -> list[PrivateEvent]:
    report = v5_rows.execution(row, receive_time_ns)
    return [] if report is None else [report]


def _position(row: Mapping[str, Any], at: int, receive_time_ns: int) -> list[PrivateEvent]:
    return [v5_rows.position(row, receive_time_ns)]


def _wallet(row: Mapping[str, Any], at: int, receive_time_ns: int) -> list[PrivateEvent]:
    """One account: of its coins only those that moved."""
    coins = row.get("coin")
    if not isinstance(coins, list):
        raise bad(row, "coin", "a list")
    events: list[PrivateEvent] = []
    for coin in coins:
        try:
            if not isinstance(coin, dict):
                raise BadMessage(f"wallet: a coin that is a {type(coin).__name__}; expected an object")
            events.append(v5_rows.balance(coin, at, receive_time_ns))
        except BadMessage as error:
            events.append(Malformed(error))
    return events


_READERS: dict[str, Callable[[Mapping[str, Any], int, int], list[PrivateEvent]]] = {
    "order": _order,
    "order.linear": _order,
    "execution": _execution,
    "execution.linear": _execution,
    "position": _position,
    "position.linear": _position,
    "wallet": _wallet,
}
