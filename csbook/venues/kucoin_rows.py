"""KuCoin's rows, from REST and from the stream, to reports in base quantity. Fact sheet kucoin: 2.5, 4 and 5.

Numbers are text in some rows and JSON numbers in others; times are ms or ns, by field. ``Contracts`` turns contracts
into base quantity and back, exactly, and knows nothing but what it was taught.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from csbook.errors import BadMessage, OrderRefused
from csbook.exact import ONE, ZERO, add, multiply, parts, subtract
from csbook.types import Fill, Instrument, OrderStatus, Side
from csbook.wire.fields import bad, decimal, flag, ms, optional, symbol, word
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.session import Unknown
from csbook.wire.userdata import PrivateEvent

__all__ = ["Contracts", "filled", "instruments", "inverse", "listed", "order", "overview", "position", "wallet"]

_TYPES = {  # of an order's event -> its status; None: by what is filled
    "open": None,
    "match": OrderStatus.PARTIALLY_FILLED,
    "update": None,
    "filled": OrderStatus.FILLED,
    "canceled": OrderStatus.CANCELED,
}
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_LEGS = frozenset({"BOTH", "LONG", "SHORT"})
_LATEST_NS = 2**63


class Contracts:
    """The base quantity of one contract, by symbol; of an ``inverse`` one it hangs on the price."""

    __slots__ = ("_multipliers", "inverse")

    def __init__(self) -> None:
        self._multipliers: dict[str, Decimal] = {}
        self.inverse: set[str] = set()

    def learn(self, found: Mapping[str, Instrument]) -> None:
        """Take the multipliers of these symbols; those of others stay."""
        self._multipliers.update({name: each.multiplier for name, each in found.items()})

    def base(self, name: str, contracts: Decimal) -> Decimal:
        """Base quantity. Raises BadMessage for a contract that is not known: its size would be a guess."""
        multiplier = self._multipliers.get(name)
        if multiplier is None:
            text = f"contract {name} is not known, and so is its multiplier; read the instruments first"
            raise BadMessage(text, field="symbol")
        return multiply(contracts, multiplier)

    def of_size(self, name: str, size: str) -> int:
        """The contracts of a base quantity. Raises OrderRefused where it is no whole number of them, or not known."""
        multiplier = self._multipliers.get(name)
        if multiplier is None:
            raise OrderRefused(f"contract {name} is not known; read the instruments first", field="symbol")
        contracts, rest = parts(Decimal(size), multiplier)
        if rest or contracts <= 0:
            nearest = [contracts, add(contracts, ONE)] if contracts > 0 else [ONE]
            valid = tuple(f"{multiply(each, multiplier):f}" for each in nearest)
            text = f"size {size} is no whole number of contracts of {multiplier}; nearest: {' and '.join(valid)}"
            raise OrderRefused(text, field="size", nearest=valid)
        return int(contracts)


def order(row: Mapping[str, Any], contracts: Contracts, receive_time_ns: int) -> list[PrivateEvent]:
    """``orderChange``. Its ``type`` says what happened; ``status`` and ``clientOid`` may be missing."""
    order_id, client_order_id = _ids(row, "orderId")
    name, side, said = symbol(row, "symbol"), _side(row), word(row, "type")
    done = _base(row, "filledSize", name, contracts)
    status = _TYPES.get(said, OrderStatus.UNKNOWN)
    if status is None:
        status = OrderStatus.PARTIALLY_FILLED if done else OrderStatus.NEW
    at = _ns(row, "ts")
    leg = word(row, "positionSide") or None
    fill = None
    if said == "match":
        size, price = _base(row, "matchSize", name, contracts), optional(row, "matchPrice")
        if size and price:
            liquidity = word(row, "liquidity")
            fill = Fill(
                symbol=name,
                side=side,
                price=price,
                size=size,
                trade_id=word(row, "tradeId"),
                order_id=order_id,
                client_order_id=client_order_id,
                is_maker=None if not liquidity else liquidity == "maker",
                position_side=leg or "BOTH",
                trade_time_ns=at,
                event_time_ns=at,
                receive_time_ns=receive_time_ns,
            )
    report = OrderReport(
        symbol=name,
        status=status,
        client_order_id=client_order_id,
        order_id=order_id,
        side=side,
        type=word(row, "orderType").upper() or None,
        size=_base(row, "size", name, contracts),
        price=optional(row, "price") or None,
        filled=done,
        position_side=leg,
        reason=f"type {said!r:.60} is not known" if status is OrderStatus.UNKNOWN else "",
        fill=fill,
        created_time_ns=_ns(row, "orderTime"),
        event_time_ns=at,
        receive_time_ns=receive_time_ns,
    )
    return [report, Unknown(f"order type {said!r:.60}")] if status is OrderStatus.UNKNOWN else [report]


def listed(row: Mapping[str, Any], contracts: Contracts, receive_time_ns: int) -> tuple[OrderReport, tuple[str, ...]]:
    """One order as REST has it, and the words in it that nobody has told of."""
    order_id, client_order_id = _ids(row, "id")
    name, said = symbol(row, "symbol"), word(row, "status")
    size, done = _base(row, "size", name, contracts), _base(row, "filledSize", name, contracts)
    if done is None:
        done = _base(row, "dealSize", name, contracts)
    canceled = flag(row, "cancelExist")
    unknown: tuple[str, ...] = ()
    if said in ("open", "active"):
        status = OrderStatus.PARTIALLY_FILLED if done else OrderStatus.NEW
    elif said == "done":
        status = OrderStatus.FILLED if done is not None and done == size else OrderStatus.CANCELED
    else:
        status, unknown = OrderStatus.UNKNOWN, (f"order status {said!r:.60}",)
    created = ms(row, "createdAt")
    return OrderReport(
        symbol=name,
        status=status,
        client_order_id=client_order_id,
        order_id=order_id,
        side=_side(row),
        type=word(row, "type").upper() or None,
        time_in_force=word(row, "timeInForce") or None,
        size=size,
        price=optional(row, "price") or None,
        filled=done,
        average_price=optional(row, "avgDealPrice") or None,
        reduce_only=flag(row, "reduceOnly"),
        post_only=flag(row, "postOnly"),
        position_side=word(row, "positionSide") or None,
        canceling=bool(canceled) and said in ("open", "active"),
        reason=f"status {said!r:.60} is not known" if unknown else "",
        created_time_ns=created,
        event_time_ns=ms(row, "updatedAt") or created,
        receive_time_ns=receive_time_ns,
    ), unknown


def filled(row: Mapping[str, Any], contracts: Contracts, receive_time_ns: int) -> OrderReport:
    """One fill as REST has it, with its fee."""
    order_id, client_order_id = _ids(row, "orderId")
    name, side, at = symbol(row, "symbol"), _side(row), _ns(row, "tradeTime") or ms(row, "createdAt")
    liquidity = word(row, "liquidity")
    size = _base(row, "size", name, contracts)
    if not size or size < 0:
        raise bad(row, "size", "a number of contracts above 0")
    fill = Fill(
        symbol=name,
        side=side,
        price=decimal(row, "price", positive=True),
        size=size,
        trade_id=word(row, "tradeId"),
        order_id=order_id,
        client_order_id=client_order_id,
        commission=optional(row, "fee"),
        commission_asset=word(row, "feeCurrency") or word(row, "settleCurrency"),
        is_maker=None if not liquidity else liquidity == "maker",
        position_side=word(row, "positionSide") or "BOTH",
        trade_time_ns=at,
        event_time_ns=at,
        receive_time_ns=receive_time_ns,
    )
    return OrderReport(
        symbol=name,
        status=OrderStatus.PARTIALLY_FILLED,
        client_order_id=client_order_id,
        order_id=order_id,
        side=side,
        fill=fill,
        event_time_ns=at,
        receive_time_ns=receive_time_ns,
    )


def position(row: Mapping[str, Any], contracts: Contracts, receive_time_ns: int) -> PositionReport:
    """``currentQty`` has the sign of the position."""
    name, leg = symbol(row, "symbol"), word(row, "positionSide") or "BOTH"
    if leg not in _LEGS:
        raise bad(row, "positionSide", "BOTH, LONG or SHORT")
    mode = word(row, "marginMode")
    if not mode:
        crossed = flag(row, "crossMode")
        mode = "" if crossed is None else "CROSS" if crossed else "ISOLATED"
    leverage = optional(row, "leverage")
    return PositionReport(
        symbol=name,
        size=contracts.base(name, decimal(row, "currentQty")),
        entry_price=optional(row, "avgEntryPrice") or None,
        position_side=leg,
        leverage=leverage if leverage is not None else optional(row, "realLeverage"),
        margin_type=mode,
        reason=word(row, "changeReason"),
        event_time_ns=ms(row, "currentTimestamp"),
        receive_time_ns=receive_time_ns,
    )


def wallet(row: Mapping[str, Any], receive_time_ns: int) -> BalanceReport:
    """``walletBalance.change``; ``version`` counts the news of a currency."""
    version = word(row, "version")
    return BalanceReport(
        asset=_currency(row),
        wallet=decimal(row, "walletBalance"),
        available=optional(row, "availableBalance"),
        event_time_ns=ms(row, "timestamp"),
        receive_time_ns=receive_time_ns,
        sequence=int(version) if version.isascii() and version.isdigit() else None,
    )


def overview(row: Mapping[str, Any], receive_time_ns: int) -> BalanceReport:
    """``account-overview``: the wallet is the equity without what is not realised."""
    held = subtract(decimal(row, "accountEquity"), optional(row, "unrealisedPNL") or ZERO)
    available = optional(row, "availableBalance")
    return BalanceReport(_currency(row), held, available, receive_time_ns=receive_time_ns)


def instruments(rows: list[dict[str, Any]], ticks: Mapping[str, Decimal]) -> dict[str, Instrument]:
    """The linear contracts, their lots and limits in base quantity."""
    found = {}
    for row in rows:
        name, multiplier = symbol(row, "symbol"), decimal(row, "multiplier")
        if multiplier <= 0:
            continue
        lot, most = decimal(row, "lotSize", positive=True), optional(row, "maxOrderQty")
        found[name] = Instrument(
            symbol=name,
            tick=ticks[name] if name in ticks else decimal(row, "tickSize", positive=True),
            lot=multiply(lot, multiplier),
            min_size=multiply(lot, multiplier),
            max_size=None if most is None else multiply(most, multiplier),
            multiplier=multiplier,
            status=word(row, "status"),
        )
    return found


def inverse(rows: list[dict[str, Any]]) -> set[str]:
    """The contracts that ``instruments`` leaves out."""
    return {symbol(row, "symbol") for row in rows if decimal(row, "multiplier") <= 0}


def _ids(row: Mapping[str, Any], key: str) -> tuple[str, str]:
    order_id, client_order_id = word(row, key), word(row, "clientOid")
    if not order_id and not client_order_id:
        raise bad(row, key, "an order id")
    return order_id, client_order_id


def _side(row: Mapping[str, Any]) -> Side:
    side = _SIDES.get(word(row, "side"))
    if side is None:
        raise bad(row, "side", "buy or sell")
    return side


def _currency(row: Mapping[str, Any]) -> str:
    asset = word(row, "currency")
    if not asset:
        raise bad(row, "currency", "a currency")
    return asset


def _base(row: Mapping[str, Any], key: str, name: str, contracts: Contracts) -> Decimal | None:
    """A number of contracts as base quantity; None where there is none."""
    count = optional(row, key)
    return None if count is None else contracts.base(name, count)


def _ns(row: Mapping[str, Any], key: str) -> int:
    """A time in ns that may be absent; 0 then."""
    value = row.get(key)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LATEST_NS:
        raise bad(row, key, "nanoseconds since the epoch")
    return value
