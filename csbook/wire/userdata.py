"""Private events in Binance's shape, to reports: orders and their fills, balances, positions, the end of a key.

* ``ORDER_TRADE_UPDATE``: the order stands in ``o``. It tells of a fill where its execution type ``x`` is one that
  fills (or is absent) and ``l`` is above 0; elsewhere ``l`` is that of an older one.
* ``ACCOUNT_UPDATE``: changed balances in ``a.B``, changed positions in ``a.P``, the reason in ``a.m``; what is not
  listed did not change. ``POSITION_UPDATE`` is an event of its own on some venues: ``P`` in ``a``, at the top, or one
  position's fields at the top.
* ``listenKeyExpired``: this stream will stay silent.

Fields that the document of a venue leaves open are Binance's; absent ones are None. A kind that is not listed here is
``Unknown`` by its name, and so is a status that nobody has told of: such an order is reported as UNKNOWN, which keeps
it as possible exposure. What is malformed is dropped alone, not its neighbours. A message may stand in an envelope
``{"stream":..,"data":..}``; the stream's name is never looked at, it may be the key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from csbook.errors import BadMessage
from csbook.types import Fill, OrderStatus, Side
from csbook.wire.fields import (
    FloatFound,
    bad,
    decimal,
    load,
    load_exact,
    maybe_decimal,
    symbol,
    time_ns,
    word,
)
from csbook.wire.private import BalanceReport, Hint, KeyExpired, OrderReport, PositionReport, Report
from csbook.wire.session import Malformed, Unknown

__all__ = ["PrivateEvent", "peeled", "read", "read_message"]

PrivateEvent: TypeAlias = Report | Hint | Malformed | Unknown

_STATUSES = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
_SIDES = {"BUY": Side.BUY, "SELL": Side.SELL}
_FILLING = frozenset({"TRADE", "CALCULATED", ""})  # execution types; CALCULATED is a liquidation
_LEGS = frozenset({"BOTH", "LONG", "SHORT"})


def read(payload: bytes, receive_time_ns: int) -> list[PrivateEvent]:
    """What one message of a private stream says; JSON is read once, twice where decimals come as JSON numbers."""
    try:
        try:
            return read_message(load(payload), receive_time_ns)
        except FloatFound:
            return read_message(load_exact(payload), receive_time_ns)
    except BadMessage as error:
        return [Malformed(error)]


def peeled(message: Any) -> Any:
    """The message without its envelope."""
    if isinstance(message, dict) and "data" in message and "e" not in message:
        return message["data"]
    return message


def read_message(message: Any, receive_time_ns: int) -> list[PrivateEvent]:
    """The same of a message whose JSON is read already. Raises FloatFound where digits would be lost."""
    if type(message) is not dict or "e" not in message:
        message = peeled(message)
        if not isinstance(message, dict):
            kind = type(message).__name__
            return [Malformed(BadMessage(f"a private message that is a JSON {kind}; expected an object"))]
    name = message.get("e")
    reader = _READERS.get(name) if type(name) is str else None
    if reader is None:
        return [Unknown(name[:60] if isinstance(name, str) else "unnamed")]
    try:
        return reader(message, receive_time_ns)
    except BadMessage as error:
        return [Malformed(error)]


def _order(message: Mapping[str, Any], receive_time_ns: int) -> list[PrivateEvent]:
    o = message.get("o")
    if type(o) is not dict:
        raise bad(message, "o", "an object")
    event_time_ns = time_ns(message, "E")
    said = o.get("X")
    status = _STATUSES.get(said) if type(said) is str else None
    side = _SIDES.get(o["S"]) if type(o.get("S")) is str else None
    if side is None:
        raise bad(o, "S", "BUY or SELL")
    name = symbol(o)
    order_id = word(o, "i")
    client_order_id = word(o, "c")
    if not order_id and not client_order_id:
        raise bad(o, "i", "an order id, or a client order id in 'c'")
    price = maybe_decimal(o, "p")
    average = maybe_decimal(o, "ap")
    leg = word(o, "ps") or None
    fill = None
    if word(o, "x") in _FILLING:
        last = maybe_decimal(o, "l")
        if last is not None and last > 0:
            # by position, in the order of the fields: the quick way
            fill = Fill(
                name,
                side,
                decimal(o, "L", positive=True),
                last,
                word(o, "t"),
                order_id,
                client_order_id,
                maybe_decimal(o, "n"),
                word(o, "N"),
                maybe_decimal(o, "rp"),
                _maybe_true(o, "m"),
                leg or "BOTH",
                time_ns(o, "T") if "T" in o else time_ns(message, "T") if "T" in message else 0,
                event_time_ns,
                receive_time_ns,
            )
    report = OrderReport(
        name,
        OrderStatus.UNKNOWN if status is None else status,
        client_order_id,
        order_id,
        side,
        word(o, "o") or None,
        word(o, "f") or None,
        maybe_decimal(o, "q"),
        None if price is None or price <= 0 else price,
        maybe_decimal(o, "z"),
        None if average is None or average <= 0 else average,
        _maybe_true(o, "R"),
        True if o.get("f") == "GTX" else None,
        leg,
        False,
        "" if status is not None else f"status {said!r:.60} is not known",
        fill,
        None,
        "",
        None,
        0,
        event_time_ns,
        receive_time_ns,
    )
    if status is None:
        return [report, Unknown(f"ORDER_TRADE_UPDATE status {said!r:.60}")]
    return [report]


def _account(message: Mapping[str, Any], receive_time_ns: int) -> list[PrivateEvent]:
    a = message.get("a")
    if not isinstance(a, dict):
        raise bad(message, "a", "an object")
    return _rows(a, word(a, "m"), time_ns(message, "E"), receive_time_ns)


def _positions(message: Mapping[str, Any], receive_time_ns: int) -> list[PrivateEvent]:
    a = message.get("a")
    holder = a if isinstance(a, dict) else message
    event_time_ns = time_ns(message, "E")
    if "P" not in holder and "pa" in holder:
        events: list[PrivateEvent] = []
        _each(holder, "P", [holder], _position, "", event_time_ns, receive_time_ns, events)
        return events
    if "P" not in holder:
        raise bad(holder, "P", "a list of positions")
    return _rows(holder, word(holder, "m"), event_time_ns, receive_time_ns)


_Row: TypeAlias = Callable[[Mapping[str, Any], str, int, int], "BalanceReport | PositionReport"]


def _rows(holder: Mapping[str, Any], reason: str, event_time_ns: int, receive_time_ns: int) -> list[PrivateEvent]:
    events: list[PrivateEvent] = []
    if (rows := holder.get("B")) is not None:
        _each(holder, "B", rows, _balance, reason, event_time_ns, receive_time_ns, events)
    if (rows := holder.get("P")) is not None:
        _each(holder, "P", rows, _position, reason, event_time_ns, receive_time_ns, events)
    return events


def _each(
    holder: Mapping[str, Any], key: str, rows: Any, reader: _Row, reason: str, event_time_ns: int,
    receive_time_ns: int, events: list[PrivateEvent],
) -> None:  # fmt: skip
    if type(rows) is not list:
        raise bad(holder, key, "a list")
    for row in rows:
        try:
            if type(row) is not dict:
                raise BadMessage(f"an entry that is a JSON {type(row).__name__}; expected an object")
            events.append(reader(row, reason, event_time_ns, receive_time_ns))
        except BadMessage as error:
            events.append(Malformed(error))


def _balance(row: Mapping[str, Any], reason: str, event_time_ns: int, receive_time_ns: int) -> BalanceReport:
    asset = word(row, "a")
    if not asset:
        raise bad(row, "a", "an asset")
    return BalanceReport(asset, decimal(row, "wb"), None, reason, event_time_ns, receive_time_ns)


def _position(row: Mapping[str, Any], reason: str, event_time_ns: int, receive_time_ns: int) -> PositionReport:
    entry = maybe_decimal(row, "ep")
    leg = word(row, "ps") or "BOTH"
    if leg not in _LEGS:
        raise bad(row, "ps", "BOTH, LONG or SHORT")
    size = decimal(row, "pa")
    return PositionReport(
        symbol(row),
        size,
        entry or None,
        leg,
        None,
        word(row, "mt"),
        reason,
        event_time_ns,
        receive_time_ns,
    )


def _expired(message: Mapping[str, Any], receive_time_ns: int) -> list[PrivateEvent]:
    return [KeyExpired(time_ns(message, "E") if "E" in message else 0)]


def _maybe_true(message: Mapping[str, Any], key: str) -> bool | None:
    value = message.get(key)
    if value is None or value is True or value is False:
        return value
    raise bad(message, key, "true or false")


_READERS: dict[str, Callable[[Mapping[str, Any], int], list[PrivateEvent]]] = {
    "ORDER_TRADE_UPDATE": _order,
    "ACCOUNT_UPDATE": _account,
    "POSITION_UPDATE": _positions,
    "listenKeyExpired": _expired,
}
