"""What the private stream says: one function an event, bytes out.

``ORDER_TRADE_UPDATE`` is the guide's (3.2.1), with four of Binance's fields (``m`` maker, ``R`` reduce only, ``ps``
position side, ``ap`` average price). The guide leaves the entries of ``B`` and ``P`` empty; they are Binance's.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from csbook import json
from csbook.sim.accounts import QUOTE, Account, Holding
from csbook.sim.matching import Match
from csbook.sim.tickets import Ticket, plain, size_of
from csbook.types import Fill, OrderStatus

__all__ = ["EXECUTIONS", "balance_event", "expiry_event", "order_event", "position_event"]

EXECUTIONS = {
    OrderStatus.NEW: "NEW",
    OrderStatus.PARTIALLY_FILLED: "TRADE",
    OrderStatus.FILLED: "TRADE",
    OrderStatus.CANCELED: "CANCELED",
    OrderStatus.REJECTED: "REJECTED",
    OrderStatus.EXPIRED: "EXPIRED",
}


def order_event(ticket: Ticket, at_ms: int, fill: Fill | None = None, match: Match | None = None) -> bytes:
    """News of an order as it stands now, and of the execution that made it."""
    text = ticket.instrument
    nothing = text.size_text(0)
    said: dict[str, Any] = {
        "s": ticket.symbol,
        "c": ticket.client_order_id,
        "S": str(ticket.side),
        "o": ticket.type,
        "f": ticket.time_in_force,
        "q": text.size_text(ticket.size),
        "p": ticket.price_text,
        "x": EXECUTIONS[ticket.status],
        "X": str(ticket.status),
        "i": ticket.id,
        "l": nothing,
        "z": text.size_text(ticket.filled),
        "L": "0",
        "n": "0",
        "N": QUOTE,
        "T": at_ms,
        "t": 0,
        "rp": "0",
        "m": False,
        "R": ticket.reduce_only,
        "ps": ticket.position_side,
        "ap": plain(ticket.average or Decimal(0)),
    }
    if fill is not None and match is not None:
        said["l"] = text.size_text(match.size)
        said["L"] = text.price_text(match.price)
        said["n"] = plain(fill.commission or Decimal(0))
        said["t"] = match.id
        said["rp"] = plain(fill.realised_pnl or Decimal(0))
        said["m"] = fill.is_maker
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "E": at_ms, "T": at_ms, "o": said})


def balance_event(account: Account, at_ms: int) -> bytes:
    """The wallet after it has moved; ``bc`` leaves out P&L and commission, so it is 0."""
    wallet = plain(account.wallet[QUOTE])
    balance = {"a": QUOTE, "wb": wallet, "cw": wallet, "bc": "0"}
    return json.dumps({"e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms, "a": {"m": "BALANCE_UPDATE", "B": [balance]}})


def position_event(holding: Holding, mark: Decimal, at_ms: int, *, alone: bool = False) -> bytes:
    """A position after it has moved; as an event of its own where ``alone``."""
    size = size_of(holding.instrument, holding.size)
    entry = holding.entry
    position = {
        "s": holding.instrument.symbol,
        "pa": plain(size),
        "ep": plain(entry or Decimal(0)),
        "cr": plain(holding.realised),
        "up": plain(Decimal(0) if entry is None else (mark - entry) * size),
        "mt": "cross",
        "iw": "0",
        "ps": holding.position_side,
    }
    if alone:
        return json.dumps({"e": "POSITION_UPDATE", "E": at_ms, "a": {"P": [position]}})
    return json.dumps({"e": "ACCOUNT_UPDATE", "E": at_ms, "T": at_ms, "a": {"m": "POSITION_UPDATE", "P": [position]}})


def expiry_event(at_ms: int) -> bytes:
    """The listenKey is no longer good."""
    return json.dumps({"e": "listenKeyExpired", "E": at_ms})
