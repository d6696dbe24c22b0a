"""Rows of V5 as REST and the private topics tell them. Fact sheet bybit, 4.1 to 4.4.

Numbers and times are text, empty text where there is none. What ends an order is told by three fields: its status, who
cancelled it, and why. A position is told by an unsigned size and a side, which is empty where it is flat; ``seq`` is
the id of the symbol's book, as in the public topics, and -1 for what was never traded.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

from csbook import json
from csbook.sim.accounts import QUOTE, Account, Holding
from csbook.sim.market import Instrument
from csbook.sim.tickets import Ticket, plain, price_of, size_of
from csbook.types import Fill, OrderStatus, Side

__all__ = ["LEGS", "execution_row", "late_row", "message", "order_row", "position_row", "wallet_row"]

LEGS = ("BOTH", "LONG", "SHORT")  # by positionIdx
CATEGORY = "linear"
ZERO = Decimal(0)
STATUSES = {
    OrderStatus.NEW: "New",
    OrderStatus.PARTIALLY_FILLED: "PartiallyFilled",
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.EXPIRED: "Cancelled",
    OrderStatus.REJECTED: "Rejected",
}
_SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
# why an order ended that nobody asked to end: cancelType and rejectReason
_ENDS = {
    "post_only": ("UNKNOWN", "EC_PostOnlyWillTakeLiquidity"),
    "fok": ("UNKNOWN", "EC_NoEnoughQtyToFill"),
    "ioc": ("UNKNOWN", "EC_NoImmediateQtyToFill"),
    "reduce_only": ("CancelByReduceOnly", "EC_NoError"),
    "self_trade": ("CancelBySmp", "EC_BySelfMatch"),
}
# the same where somebody did, or where it is filled
_ASKED = {
    OrderStatus.FILLED: ("UNKNOWN", "EC_NoError"),
    OrderStatus.CANCELED: ("CancelByUser", "EC_PerCancelRequest"),
    OrderStatus.EXPIRED: ("CancelByAdmin", "EC_NoError"),
    OrderStatus.REJECTED: ("UNKNOWN", "EC_Others"),
}


def message(topic: str, row: dict[str, Any], at_ms: int) -> bytes:
    """One row as the private socket brings it."""
    return json.dumps({"id": str(uuid4()), "topic": topic, "creationTime": at_ms, "data": [row]})


def late_row(ticket: Ticket) -> dict[str, Any]:
    """What is said, once more, of an order that was filled before the cancel that was asked for (section 4.1)."""
    return {**order_row(ticket), "cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"}


def order_row(ticket: Ticket) -> dict[str, Any]:
    """An order as it stands."""
    text = ticket.instrument
    canceled, why = "UNKNOWN", "EC_NoError"
    if not ticket.open:
        canceled, why = _ENDS.get(ticket.reason) or _ASKED[ticket.status]
    left = size_of(text, ticket.remaining)
    return {
        "category": CATEGORY,
        "symbol": ticket.symbol,
        "orderId": str(ticket.id),
        "orderLinkId": ticket.client_order_id,
        "blockTradeId": "",
        "side": _SIDES[ticket.side],
        "positionIdx": LEGS.index(ticket.position_side),
        "orderStatus": STATUSES[ticket.status],
        "createType": "CreateByUser",
        "cancelType": canceled,
        "rejectReason": why,
        "timeInForce": "PostOnly" if ticket.post_only else ticket.time_in_force,
        "orderType": ticket.type.capitalize(),
        "price": ticket.price_text,
        "qty": text.size_text(ticket.size),
        "avgPrice": "" if ticket.average is None else plain(ticket.average),
        "leavesQty": text.size_text(ticket.remaining),
        "leavesValue": plain(ZERO if ticket.price is None else left * price_of(text, ticket.price)),
        "cumExecQty": text.size_text(ticket.filled),
        "cumExecValue": plain(Decimal(ticket.value * text.tick).scaleb(-text.price_decimals - text.size_decimals)),
        "cumExecFee": plain(ticket.fee),
        "cumFeeDetail": {QUOTE: plain(ticket.fee)} if ticket.filled else {},
        "feeCurrency": QUOTE,
        "reduceOnly": ticket.reduce_only,
        "closeOnTrigger": False,
        "stopOrderType": "",
        "triggerPrice": "",
        "triggerDirection": 0,
        "triggerBy": "",
        "takeProfit": "",
        "stopLoss": "",
        "tpslMode": "UNKNOWN",
        "tpTriggerBy": "",
        "slTriggerBy": "",
        "createdTime": str(ticket.created_ns // 1_000_000),
        "updatedTime": str(ticket.updated_ns // 1_000_000),
    }


def execution_row(ticket: Ticket, fill: Fill, holding: Holding, sequence: int) -> dict[str, Any]:
    """One execution of an order, of this moment: ``holding`` has just moved by it."""
    assert fill.commission is not None and fill.realised_pnl is not None
    text, terms = ticket.instrument, ticket.account.terms
    signed = fill.size if fill.side is Side.BUY else -fill.size
    before = size_of(text, holding.size) - signed
    closed = min(abs(before), fill.size) if before * signed < 0 else ZERO
    return {
        "category": CATEGORY,
        "symbol": ticket.symbol,
        "execId": fill.trade_id,
        "execType": "Trade",
        "execPrice": plain(fill.price),
        "execQty": plain(fill.size),
        "execValue": plain(fill.price * fill.size),
        "execFee": plain(fill.commission),
        "feeRate": plain(Decimal(terms.maker_rate if fill.is_maker else terms.taker_rate)),
        "feeCurrency": QUOTE,
        "extraFees": [],
        "execPnl": plain(fill.realised_pnl),
        "execTime": str(fill.trade_time_ns // 1_000_000),
        "isMaker": bool(fill.is_maker),
        "leavesQty": text.size_text(ticket.remaining),
        "closedSize": plain(closed),
        "orderId": str(ticket.id),
        "orderLinkId": ticket.client_order_id,
        "orderPrice": ticket.price_text,
        "orderQty": text.size_text(ticket.size),
        "orderType": ticket.type.capitalize(),
        "stopOrderType": "",
        "side": _SIDES[ticket.side],
        "createType": "CreateByUser",
        "blockTradeId": "",
        "seq": sequence,
    }


def position_row(holding: Holding, leverage: int, mark: Decimal, sequence: int) -> dict[str, Any]:
    """A position, as both REST and the stream tell it: the one says ``avgPrice``, the other ``entryPrice``."""
    size, entry = size_of(holding.instrument, holding.size), holding.entry or ZERO
    return {
        "category": CATEGORY,
        "symbol": holding.instrument.symbol,
        "positionIdx": LEGS.index(holding.position_side),
        "side": "" if not size else _SIDES[Side.BUY if size > 0 else Side.SELL],
        "size": plain(abs(size)),
        "avgPrice": plain(entry),
        "entryPrice": plain(entry),
        "leverage": str(leverage),
        "positionValue": plain(abs(size) * entry),
        "markPrice": plain(mark),
        "positionIM": plain(holding.margin(leverage)),
        "positionMM": "0",
        "liqPrice": "",
        "bustPrice": "",
        "unrealisedPnl": plain(_unrealised(holding, mark)),
        "curRealisedPnl": "",
        "cumRealisedPnl": plain(holding.realised - holding.commission),
        "positionStatus": "Normal",
        "tradeMode": 0,
        "riskId": 1,
        "riskLimitValue": "",
        "adlRankIndicator": 0,
        "autoAddMargin": 0,
        "isReduceOnly": False,
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "",
        "seq": sequence if holding.updated_ns else -1,
        "createdTime": str(holding.since_ns // 1_000_000),
        "updatedTime": str(holding.updated_ns // 1_000_000),
    }


def wallet_row(account: Account, mark: Callable[[Instrument], Decimal]) -> dict[str, Any]:
    """The account and its one coin. Nobody is told what could be withdrawn: the venue no longer says it."""
    wallet = account.wallet[QUOTE]
    orders, positions = account.order_margin(), account.position_margin()
    held = [holding for holding in account.holdings.values() if holding.size]
    unrealised = sum((_unrealised(holding, mark(holding.instrument)) for holding in held), ZERO)
    equity = plain(wallet + unrealised)
    coin = {
        "coin": QUOTE,
        "equity": equity,
        "usdValue": equity,
        "walletBalance": plain(wallet),
        "locked": "0",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "availableToWithdraw": "",
        "totalOrderIM": plain(orders),
        "totalPositionIM": plain(positions),
        "totalPositionMM": "0",
        "unrealisedPnl": plain(unrealised),
        "cumRealisedPnl": plain(wallet - Decimal(account.terms.balance)),
        "bonus": "0",
        "collateralSwitch": True,
        "marginCollateral": True,
    }
    return {
        "accountType": "UNIFIED",
        "totalEquity": equity,
        "totalWalletBalance": plain(wallet),
        "totalMarginBalance": equity,
        "totalAvailableBalance": plain(account.available()),
        "totalPerpUPL": plain(unrealised),
        "totalInitialMargin": plain(orders + positions),
        "totalMaintenanceMargin": "0",
        "accountIMRate": "",
        "accountMMRate": "",
        "accountLTV": "",
        "coin": [coin],
    }


def _unrealised(holding: Holding, mark: Decimal) -> Decimal:
    if holding.entry is None:
        return ZERO
    return (mark - holding.entry) * size_of(holding.instrument, holding.size)
