"""Orders, fills, positions and events of Binance USD-M in its own words. Fact sheet binance: 4 (events), 5 (REST).

What the local venue has not is told as Binance tells it where there is none: no stop prices, no liquidation, no
isolated margin. A maintenance margin is 0, since nobody is liquidated.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from csbook import json
from csbook.sim.accounts import QUOTE, Account, Holding
from csbook.sim.exchange import News
from csbook.sim.market import Instrument
from csbook.sim.tickets import Ticket, plain, size_of
from csbook.types import Fill, OrderStatus, Side

__all__ = [
    "ACCOUNT_EVENT", "EXPIRY_EVENT", "LITE_EVENT", "ORDER_EVENT", "PROTECTION", "account_event", "account_row",
    "balance_row", "bracket_row", "expiry_event", "fill_row", "lite_event", "nothing", "order_event", "order_row",
    "position_row", "unrealised",
]  # fmt: skip

ORDER_EVENT, ACCOUNT_EVENT, LITE_EVENT = "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE"
EXPIRY_EVENT = "listenKeyExpired"
ZERO = Decimal(0)
PROTECTION = "EXPIRE_TAKER"  # of orders of one account that meet: the one that comes in ends


def _status(ticket: Ticket) -> str:
    """One that met another of its own account has a status of its own."""
    if ticket.status is OrderStatus.EXPIRED and ticket.reason == "self_trade":
        return "EXPIRED_IN_MATCH"
    return str(ticket.status)


def _in_force(ticket: Ticket) -> str:
    return "GTX" if ticket.post_only else ticket.time_in_force


def order_row(ticket: Ticket, *, command: bool = False, taken_in: bool = False) -> dict[str, Any]:
    """An order by REST. ``command``: as the answer to one; ``taken_in``: that of a placement, which says no more."""
    text = ticket.instrument
    filled, value = (0, 0) if taken_in else (ticket.filled, ticket.value)
    spent = Decimal(value * text.tick).scaleb(-text.price_decimals - text.size_decimals)
    row: dict[str, Any] = {
        "orderId": ticket.id,
        "symbol": ticket.symbol,
        "status": "NEW" if taken_in else _status(ticket),
        "clientOrderId": ticket.client_order_id,
        "price": ticket.price_text,
        "avgPrice": plain(ticket.average or ZERO) if filled else "0",
        "origQty": text.size_text(ticket.size),
        "executedQty": text.size_text(filled),
        "cumQuote": plain(spent),
        "timeInForce": _in_force(ticket),
        "type": ticket.type,
        "reduceOnly": ticket.reduce_only,
        "closePosition": False,
        "side": str(ticket.side),
        "positionSide": ticket.position_side,
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": ticket.type,
        "priceMatch": "NONE",
        "selfTradePreventionMode": PROTECTION,
        "goodTillDate": 0,
        "updateTime": (ticket.created_ns if taken_in else ticket.updated_ns) // 1_000_000,
    }
    return row | ({"cumQty": row["executedQty"]} if command else {"time": ticket.created_ns // 1_000_000})


def fill_row(fill: Fill) -> dict[str, Any]:
    """An execution by REST."""
    return {
        "buyer": fill.side is Side.BUY,
        "commission": plain(fill.commission or ZERO),
        "commissionAsset": fill.commission_asset,
        "id": int(fill.trade_id),
        "maker": fill.is_maker,
        "orderId": int(fill.order_id),
        "price": plain(fill.price),
        "qty": plain(fill.size),
        "quoteQty": plain(fill.price * fill.size),
        "realizedPnl": plain(fill.realised_pnl or ZERO),
        "side": str(fill.side),
        "positionSide": fill.position_side,
        "symbol": fill.symbol,
        "time": fill.trade_time_ns // 1_000_000,
    }


def nothing(instrument: Instrument, position_side: str) -> Holding:
    """A position that nobody has."""
    return Holding(instrument, position_side)


def position_row(account: Account, holding: Holding, mark: Decimal) -> dict[str, Any]:
    """A position, or a leg of it, by REST."""
    size = size_of(holding.instrument, holding.size)
    entry = holding.entry or ZERO
    margin = plain(holding.margin(account.terms.leverage))
    return {
        "symbol": holding.instrument.symbol,
        "positionSide": holding.position_side,
        "positionAmt": holding.instrument.size_text(holding.size),
        "entryPrice": plain(entry),
        "breakEvenPrice": plain(entry),
        "markPrice": plain(mark),
        "unRealizedProfit": plain(unrealised(holding, mark)),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": plain(size * mark),
        "isolatedWallet": "0",
        "updateTime": holding.updated_ns // 1_000_000,
        "marginAsset": QUOTE,
        "initialMargin": margin,
        "maintMargin": "0",
        "positionInitialMargin": margin,
        "openOrderInitialMargin": plain(account.order_margin(holding.instrument.symbol)),
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
    }


def unrealised(holding: Holding, mark: Decimal) -> Decimal:
    if holding.entry is None:
        return ZERO
    return (mark - holding.entry) * size_of(holding.instrument, holding.size)


def balance_row(account: Account, profit: Decimal) -> dict[str, Any]:
    """The wallet by REST; ``profit`` is that of all positions, at the mark."""
    asset = account.balances[QUOTE]
    wallet, available = plain(asset.wallet), plain(max(account.available(), ZERO))
    return {
        "accountAlias": "local",
        "asset": QUOTE,
        "balance": wallet,
        "crossWalletBalance": wallet,
        "crossUnPnl": plain(profit),
        "availableBalance": available,
        "maxWithdrawAmount": available,
        "marginAvailable": True,
        "updateTime": asset.event_time_ns // 1_000_000,
    }


def account_row(account: Account, profit: Decimal, positions: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole account by REST; ``positions`` are rows of ``position_row``."""
    held, resting = account.position_margin(), account.order_margin()
    balance = balance_row(account, profit)
    margins = {
        "initialMargin": plain(held + resting),
        "maintMargin": "0",
        "walletBalance": balance["balance"],
        "unrealizedProfit": plain(profit),
        "marginBalance": plain(account.wallet[QUOTE] + profit),
        "positionInitialMargin": plain(held),
        "openOrderInitialMargin": plain(resting),
        "crossWalletBalance": balance["crossWalletBalance"],
        "crossUnPnl": balance["crossUnPnl"],
    }
    free = {name: balance[name] for name in ("availableBalance", "maxWithdrawAmount")}
    asset = {"asset": QUOTE} | margins | free | {"updateTime": balance["updateTime"]}
    kept = ("symbol", "positionSide", "positionAmt", "isolatedMargin", "notional", "isolatedWallet", "initialMargin",
            "maintMargin", "updateTime")  # fmt: skip
    rows = [{name: row[name] for name in kept} | {"unrealizedProfit": row["unRealizedProfit"]} for row in positions]
    total = {f"total{name[0].upper()}{name[1:]}": text for name, text in margins.items()}
    return total | free | {"assets": [asset], "positions": rows}


def bracket_row(account: Account, symbol: str) -> dict[str, Any]:
    """The leverage of a symbol by REST: one bracket, since here it does not depend on the size."""
    bracket = {
        "bracket": 1,
        "initialLeverage": account.terms.leverage,
        "notionalCap": 10**12,
        "notionalFloor": 0,
        "maintMarginRatio": 0,
        "cum": 0,
    }
    return {"symbol": symbol, "brackets": [bracket]}


def order_event(news: News) -> bytes:
    """``ORDER_TRADE_UPDATE``: the order as it is now, and what happened to it."""
    ticket, text = news.ticket, news.ticket.instrument
    said: dict[str, Any] = {
        "s": ticket.symbol,
        "c": ticket.client_order_id,
        "S": str(ticket.side),
        "o": ticket.type,
        "f": _in_force(ticket),
        "q": text.size_text(ticket.size),
        "p": ticket.price_text,
        "ap": plain(ticket.average or ZERO),
        "sp": "0",
        "x": news.execution,
        "X": _status(ticket),
        "i": ticket.id,
        "l": "0",
        "z": text.size_text(ticket.filled),
        "L": "0",
        "T": news.at_ms,
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": ticket.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": ticket.type,
        "ps": ticket.position_side,
        "cp": False,
        "pP": False,
        "si": 0,
        "ss": 0,
        "rp": "0",
        "V": PROTECTION,
        "pm": "NONE",
        "gtd": 0,
    }
    if news.fill is not None and news.match is not None:
        said |= {
            "l": text.size_text(news.match.size),
            "L": text.price_text(news.match.price),
            "n": plain(news.fill.commission or ZERO),
            "N": QUOTE,
            "t": news.match.id,
            "m": news.fill.is_maker,
            "rp": plain(news.fill.realised_pnl or ZERO),
        }
    return json.dumps({"e": ORDER_EVENT, "T": news.at_ms, "E": news.at_ms, "o": said})


def account_event(account: Account, holding: Holding, mark: Decimal, at_ms: int) -> bytes:
    """``ACCOUNT_UPDATE`` after a fill: the wallet and the position that moved. ``bc`` leaves out P&L and commission."""
    wallet = plain(account.wallet[QUOTE])
    balance = {"a": QUOTE, "wb": wallet, "cw": wallet, "bc": "0"}
    entry = plain(holding.entry or ZERO)
    position = {
        "s": holding.instrument.symbol,
        "pa": holding.instrument.size_text(holding.size),
        "ep": entry,
        "bep": entry,
        "cr": plain(holding.realised),
        "up": plain(unrealised(holding, mark)),
        "mt": "cross",
        "iw": "0",
        "ps": holding.position_side,
    }
    told = {"m": "ORDER", "B": [balance], "P": [position]}
    return json.dumps({"e": ACCOUNT_EVENT, "T": at_ms, "E": at_ms, "a": told})


def lite_event(news: News) -> bytes:
    """``TRADE_LITE``: the lean copy of a fill."""
    ticket, text, match, fill = news.ticket, news.ticket.instrument, news.match, news.fill
    assert match is not None and fill is not None
    return json.dumps(
        {
            "e": LITE_EVENT,
            "E": news.at_ms,
            "T": news.at_ms,
            "s": ticket.symbol,
            "q": text.size_text(ticket.size),
            "p": ticket.price_text,
            "m": fill.is_maker,
            "c": ticket.client_order_id,
            "S": str(ticket.side),
            "L": text.price_text(match.price),
            "l": text.size_text(match.size),
            "t": match.id,
            "i": ticket.id,
        }
    )


def expiry_event(at_ms: int) -> bytes:
    """``listenKeyExpired``. The key itself is not repeated."""
    return json.dumps({"e": EXPIRY_EVENT, "E": at_ms})
