"""Whether an order is one that a venue can take: its numbers on the symbol's grid, its words among the venue's.

Judged before anything is sent. What is wrong is named, with the nearest values that would do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal, InvalidOperation
from typing import Any

from csbook.errors import OrderRefused, UsageError
from csbook.types import Instrument, Side
from csbook.venues.trading import Draft, Trading

__all__ = ["drafted", "steps"]

_LONGEST_ID = 36
_FARTHEST = 30  # a number's first digit from its point
_WIDE = Context(prec=200)  # a caller may write more digits than our sums have: rounded, and no error
_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST_ID}}}", re.ASCII)


def drafted(
    trading: Trading,
    instrument: Instrument | None,
    symbol: str,
    side: Side | str,
    *,
    size: Any,
    price: Any,
    type: str,
    time_in_force: str,
    post_only: bool,
    reduce_only: bool,
    position_side: str | None,
    client_order_id: str,
) -> Draft:
    """The order as it goes to the wire. ``instrument`` None: the symbol is not listed.

    Raises OrderRefused with the field, and with the nearest valid values of a price or size that is off the grid.
    """
    if instrument is None:
        text = f"{symbol!r} is not listed by {trading.title}"
        if trading.spot and isinstance(symbol, str) and "/" in symbol:
            text += f"; spot pairs are traded at {trading.spot!r}"
        raise _refused("symbol", text)
    chosen = _side(side)
    kind = _word("type", type, trading.order_types, trading)
    force = _word("time_in_force", time_in_force, trading.times_in_force, trading)
    for name, wanted in (("post_only", post_only), ("reduce_only", reduce_only)):
        if not isinstance(wanted, bool):
            raise _refused(name, f"{name} is {wanted!r}; expected True or False")
        if wanted and name not in trading.abilities:
            raise _refused(name, f"{trading.title} has no {name} orders")
    if position_side is not None:
        if "hedge" not in trading.abilities:
            raise _refused("position_side", f"{trading.title} has no hedge mode")
        if position_side not in ("LONG", "SHORT", "BOTH"):
            raise _refused("position_side", f"position_side is {position_side!r}; expected LONG, SHORT or BOTH")
    if not isinstance(client_order_id, str) or not _named(client_order_id):
        text = f"client_order_id is {client_order_id!r:.60}; expected 1 to {_LONGEST_ID} letters, digits, '-' or '_'"
        raise _refused("client_order_id", text)
    amount = _on_grid("size", size, instrument.lot, instrument.min_size, instrument.max_size)
    if kind == "MARKET":
        if price is not None:
            raise _refused("price", "a MARKET order has no price")
        limit = None
    elif price is None:
        raise _refused("price", f"a {kind} order needs a price")
    else:
        limit = _on_grid("price", price, instrument.tick, None, None)
    least = instrument.min_notional
    if limit is not None and least is not None and (value := _WIDE.multiply(limit, amount)) < least:
        lots = _WIDE.divide(_WIDE.divide(least, limit), instrument.lot).to_integral_value(ROUND_CEILING)
        text = f"{plain(value)} is less than the least value of an order, {plain(least)}"
        raise _refused("size", f"size {plain(amount)}: {text}", plain(_WIDE.multiply(lots, instrument.lot)))
    return Draft(
        symbol=instrument.symbol,
        side=chosen,
        type=kind,
        size=plain(amount),
        price=None if limit is None else plain(limit),
        client_order_id=client_order_id,
        time_in_force=force,
        reduce_only=reduce_only,
        post_only=post_only,
        position_side=position_side,
    )


def plain(value: Decimal) -> str:
    """Decimal text without an exponent."""
    return format(value, "f")


def _side(side: Side | str) -> Side:
    if isinstance(side, Side):
        return side
    if isinstance(side, str) and side.upper() in Side.__members__:
        return Side[side.upper()]
    raise _refused("side", f"side is {side!r}; expected BUY or SELL")


def _word(field: str, value: str, known: tuple[str, ...], trading: Trading) -> str:
    if isinstance(value, str) and value.upper() in known:
        return value.upper()
    raise _refused(field, f"{field} is {value!r}; {trading.title} has: {', '.join(known)}")


def _on_grid(field: str, value: Any, step: Decimal, least: Decimal | None, most: Decimal | None) -> Decimal:
    """The exact number, above 0 and a multiple of its step."""
    expected = "expected a number above 0, as text, int or Decimal"
    if isinstance(value, float):
        raise _refused(field, f"{field} is the float {value!r}, which is not exact; {expected}")
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise _refused(field, f"{field} is {value!r:.60}; {expected}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise _refused(field, f"{field} is {value!r:.60}; {expected}") from None
    if not number.is_finite() or not -_FARTHEST <= number.adjusted() <= _FARTHEST:
        raise _refused(field, f"{field} is {number!s:.60}; {expected}")
    floor = least if least is not None and least > step else step
    if number < floor:
        raise _refused(field, f"{field} {plain(number)} is below the least, {plain(floor)}", plain(floor))
    if most is not None and number > most:
        raise _refused(field, f"{field} {plain(number)} is above the most, {plain(most)}", plain(most))
    count, rest = _WIDE.divmod(number, step)
    if rest:
        below = _WIDE.multiply(count, step)
        above = _WIDE.add(below, step)
        near = tuple(plain(each) for each in (below, above) if each > 0)
        text = f"{field} {plain(number)} is no multiple of {plain(step)}; the nearest are {' and '.join(near)}"
        raise _refused(field, text, *near)
    return number


def _named(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _refused(field: str, text: str, *nearest: str) -> OrderRefused:
    return OrderRefused(f"{text}; nothing was sent", field=field, nearest=nearest)


def steps(ticks: Mapping[str, Any] | None) -> dict[str, Decimal]:
    """Price steps by symbol, as the caller gives them. Raises UsageError."""
    checked: dict[str, Decimal] = {}
    for symbol, tick in (ticks or {}).items():
        try:
            value = Decimal(tick) if isinstance(tick, str | int | Decimal) else Decimal(0)
        except InvalidOperation:
            value = Decimal(0)
        if not value.is_finite() or value <= 0:
            raise UsageError(f"ticks[{symbol!r}] is {tick!r}; expected a number above 0, as text or Decimal")
        checked[symbol.upper()] = value
    return checked
