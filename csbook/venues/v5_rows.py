"""Rows of V5, from REST and from the stream, to reports. Fact sheets bybit (4) and coinswitch (6.1): a dialect of it.

Numbers and times are text, and empty text where there is none. A position's size has no sign, its side says which. The
statuses of a closed order do not say whether it filled in part; its cumulative quantity does. ``Triggered`` is the
moment in which a conditional order becomes a working one: not an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from csbook.exact import ZERO, add, magnitude, negate
from csbook.types import Fill, OrderStatus, Side
from csbook.wire.fields import bad, decimal, flag, ms, optional, symbol, word
from csbook.wire.private import BalanceReport, OrderReport, PositionReport
from csbook.wire.session import Unknown

__all__ = ["balance", "coin_of", "execution", "order", "position"]

_STATUSES = {
    "New": OrderStatus.NEW,
    "Untriggered": OrderStatus.NEW,
    "Triggered": OrderStatus.NEW,
    "PartiallyFilled": OrderStatus.PARTIALLY_FILLED,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELED,
    "PartiallyFilledCanceled": OrderStatus.CANCELED,
    "Deactivated": OrderStatus.CANCELED,
    "Rejected": OrderStatus.REJECTED,
}
_SIDES = {"Buy": Side.BUY, "Sell": Side.SELL}
_LEGS = ("BOTH", "LONG", "SHORT")  # by positionIdx
_NO_REASON = frozenset({"", "EC_NoError", "EC_PerCancelRequest", "EC_OrigClOrdIDDoesNotExist"})
_FILLS = frozenset({"Trade", "AdlTrade", "BustTrade", "BlockTrade"})  # execution types that an order of ours made
_NO_FILLS = frozenset({"Funding", "Delivery", "Settle", "MovePosition", "FutureSpread", "SessionSettlePnL"})
_BEFORE_ALL = 1  # ns


def coin_of(name: str) -> str:
    """The coin that a contract settles in; "" where its name does not say."""
    if name.endswith(("PERP", "USDC")):
        return "USDC"
    return "USDT" if name.endswith("USDT") else ""


def order(row: Mapping[str, Any], receive_time_ns: int) -> tuple[OrderReport, tuple[str, ...]]:
    """One order, and the words in it that nobody has told of."""
    order_id, client_order_id = _ids(row)
    said, name = word(row, "orderStatus"), symbol(row, "symbol")
    status = _STATUSES.get(said)
    rejected = word(row, "rejectReason")
    in_force = word(row, "timeInForce")
    commission, asset = _commission(row, name)
    created = ms(row, "createdTime")
    report = OrderReport(
        symbol=name,
        status=OrderStatus.UNKNOWN if status is None else status,
        client_order_id=client_order_id,
        order_id=order_id,
        side=_side(row),
        type=_type(row),
        time_in_force=in_force or None,
        size=optional(row, "qty"),
        price=optional(row, "price") or None,
        filled=optional(row, "cumExecQty"),
        average_price=optional(row, "avgPrice") or None,
        reduce_only=flag(row, "reduceOnly"),
        post_only=True if in_force == "PostOnly" else None,
        position_side=_leg(row),
        reason=f"status {said!r:.60} is not known" if status is None else "" if rejected in _NO_REASON else rejected,
        commission=commission,
        commission_asset=asset if commission is not None else "",
        created_time_ns=created,
        event_time_ns=ms(row, "updatedTime") or created,
        receive_time_ns=receive_time_ns,
    )
    return report, () if status is not None else (f"order status {said!r:.60}",)


def execution(row: Mapping[str, Any], receive_time_ns: int) -> OrderReport | Unknown | None:
    """A fill of an order; None for what is none, Unknown for a kind that nobody has told of."""
    kind = word(row, "execType")
    if kind not in _FILLS:
        return None if kind in _NO_FILLS else Unknown(f"execution of type {kind!r:.60}")
    order_id, client_order_id = _ids(row)
    name, side, at = symbol(row, "symbol"), _side(row), ms(row, "execTime")
    trade_id = word(row, "execId")
    if not trade_id:
        raise bad(row, "execId", "the id of an execution")
    asset = word(row, "feeCurrency") or coin_of(name)
    fee = optional(row, "execFee")
    if fee is not None and (extra := _extra(row, asset)):
        fee = add(fee, extra)
    fill = Fill(
        symbol=name,
        side=side,
        price=decimal(row, "execPrice", positive=True),
        size=decimal(row, "execQty", positive=True),
        trade_id=trade_id,
        order_id=order_id,
        client_order_id=client_order_id,
        commission=fee,
        commission_asset="" if fee is None else asset,
        realised_pnl=optional(row, "execPnl"),
        is_maker=flag(row, "isMaker"),
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
        type=_type(row),
        size=optional(row, "orderQty"),
        price=optional(row, "orderPrice") or None,
        fill=fill,
        event_time_ns=at,
        receive_time_ns=receive_time_ns,
    )


def position(row: Mapping[str, Any], receive_time_ns: int) -> PositionReport:
    """``entryPrice`` on the stream is ``avgPrice`` by REST.

    ``seq`` is -1 for what was never traded: however late such a row is, it is older than any trade.
    """
    said = word(row, "side")
    size = decimal(row, "size")
    if said not in ("", "None", "Buy", "Sell") or (size and said not in _SIDES):
        raise bad(row, "side", "Buy or Sell, or nothing where the position is flat")
    entry = optional(row, "entryPrice" if "entryPrice" in row else "avgPrice")
    seq = row.get("seq")
    return PositionReport(
        symbol=symbol(row, "symbol"),
        size=negate(magnitude(size)) if said == "Sell" else magnitude(size),
        entry_price=entry or None,
        position_side=_leg(row) or "BOTH",
        leverage=optional(row, "leverage"),
        event_time_ns=_BEFORE_ALL if seq == -1 else ms(row, "updatedTime"),
        receive_time_ns=receive_time_ns,
        sequence=seq if type(seq) is int and seq >= 0 else None,
    )


def balance(row: Mapping[str, Any], event_time_ns: int, receive_time_ns: int) -> BalanceReport:
    """One coin of an account."""
    asset = word(row, "coin")
    if not asset:
        raise bad(row, "coin", "a coin")
    return BalanceReport(
        asset=asset,
        wallet=decimal(row, "walletBalance"),
        available=optional(row, "availableToWithdraw"),
        event_time_ns=event_time_ns,
        receive_time_ns=receive_time_ns,
    )


def _ids(row: Mapping[str, Any]) -> tuple[str, str]:
    order_id, client_order_id = word(row, "orderId"), word(row, "orderLinkId")
    if not order_id and not client_order_id:
        raise bad(row, "orderId", "an order id")
    return order_id, client_order_id


def _side(row: Mapping[str, Any]) -> Side:
    side = _SIDES.get(word(row, "side"))
    if side is None:
        raise bad(row, "side", "Buy or Sell")
    return side


def _type(row: Mapping[str, Any]) -> str | None:
    said = word(row, "orderType")
    return said.upper() if said in ("Limit", "Market") else said or None


def _leg(row: Mapping[str, Any]) -> str | None:
    index = row.get("positionIdx")
    if index is None:
        return None
    if type(index) is not int or not 0 <= index <= 2:
        raise bad(row, "positionIdx", "0, 1 or 2")
    return _LEGS[index]


def _commission(row: Mapping[str, Any], name: str) -> tuple[Decimal | None, str]:
    """Of the whole order: ``cumFeeDetail`` by coin, ``cumExecFee`` where that is not told; two coins are no one sum."""
    detail = row.get("cumFeeDetail")
    if isinstance(detail, dict) and detail:
        ((coin, _), *others) = detail.items()
        return (None, "") if others else (optional(detail, coin), coin)
    return optional(row, "cumExecFee"), word(row, "feeCurrency") or coin_of(name)


def _extra(row: Mapping[str, Any], asset: str) -> Decimal:
    """What is charged on top of the fee, as India's GST: a list, or empty text."""
    extras = row.get("extraFees")
    if not isinstance(extras, list):
        return ZERO
    total = ZERO
    for each in extras:
        if isinstance(each, dict) and word(each, "feeCoin") in ("", asset):
            total = add(total, optional(each, "fee") or ZERO)
    return total
