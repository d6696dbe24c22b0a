"""The messages of the dialect ``coinswitch``, as tables: what the schema monitor holds them against.

Sources: the integration guide, sections 3.1 and 3.2, for what the sockets send; the venue's documented futures REST
objects (fact sheet, sections 2.2 to 2.7). Where the guide leaves an array empty (``B`` and ``P``) the fields are
Binance's, of which only those are required without which the array says nothing.

Optional are fields that one source has and another lacks: ``n`` and ``N`` are absent from Binance's events where
nothing was traded, the answer to a cancel renames two fields of the order, and a market order has no price.
"""

from __future__ import annotations

from collections.abc import Mapping

from csbook.wire.shape import BOOLEAN, DECIMAL, INTEGER, NULL, NUMBER, TEXT, Shape, shape

__all__ = ["PRIVATE", "PUBLIC", "REST"]

_BALANCE = shape({"a": TEXT, "wb": DECIMAL, "cw?": DECIMAL, "bc?": DECIMAL})

_POSITION_FIELDS = {
    "s": TEXT,
    "pa": DECIMAL,
    "ep?": DECIMAL,
    "bep?": DECIMAL | NUMBER,
    "cr?": DECIMAL,
    "up?": DECIMAL,
    "mt?": TEXT,
    "iw?": DECIMAL,
    "ps?": TEXT,
}
_POSITION = shape(_POSITION_FIELDS)
_ACCOUNT = shape({"m?": TEXT, "B?": [_BALANCE], "P?": [_POSITION]})

_ORDER = shape(
    {
        "order_id": TEXT,
        "exchange?": TEXT,
        "symbol": TEXT,
        "side": TEXT,
        "status": TEXT,
        "order_type": TEXT,
        "quantity": DECIMAL,
        "exec_quantity": DECIMAL,
        "price?": DECIMAL | NULL,
        "avg_execution_price?": DECIMAL,
        "avg_exec_price?": DECIMAL,  # the same in the answer to a cancel
        "execution_fee?": DECIMAL,
        "exec_fee?": DECIMAL,  # the same in the answer to a cancel
        "realised_pnl?": DECIMAL,
        "reduce_only?": BOOLEAN,
        "trigger_price?": DECIMAL | NULL,
        "created_at": INTEGER,
        "updated_at": INTEGER,
        "client_order_id?": TEXT,
        "time_in_force?": TEXT,
        "position_side?": TEXT,
    }
)

_HELD = shape(
    {
        "exchange?": TEXT,
        "position_id?": TEXT,
        "symbol": TEXT,
        "position_side": TEXT,
        "leverage?": DECIMAL | NUMBER,
        "position_size": DECIMAL,
        "position_value?": DECIMAL,
        "position_margin?": DECIMAL,
        "maint_margin?": DECIMAL,
        "avg_entry_price": DECIMAL,
        "mark_price?": DECIMAL | NUMBER,
        "last_price?": DECIMAL | NUMBER,
        "unrealised_pnl?": DECIMAL,
        "liquidation_price?": DECIMAL | NULL,
        "margin_type?": TEXT,
        "status?": TEXT,
        "created_at?": INTEGER,
        "updated_at?": INTEGER,
    }
)

# The public sockets, by the event's name; a depth message has none.
PUBLIC: Mapping[str, Shape] = {
    "depth": shape({"lastUpdateId": INTEGER, "bids": [[DECIMAL]], "asks": [[DECIMAL]]}),
    "depthUpdate": shape(
        {
            "e": TEXT,
            "E": INTEGER,
            "T?": INTEGER,
            "s": TEXT,
            "U": INTEGER,
            "u": INTEGER,
            "pu?": INTEGER,
            "b": [[DECIMAL]],
            "a": [[DECIMAL]],
        }
    ),
    "trade": shape(
        {
            "e": TEXT,
            "E": INTEGER,
            "s": TEXT,
            "t": INTEGER,
            "p": DECIMAL,
            "q": DECIMAL,
            "b?": INTEGER,
            "a?": INTEGER,
            "T": INTEGER,
            "m": BOOLEAN,
        }
    ),
    "24hrTicker": shape(
        {
            "e": TEXT,
            "E": INTEGER,
            "s": TEXT,
            "p": DECIMAL,
            "P": DECIMAL,
            "w": DECIMAL,
            "c": DECIMAL,
            "Q": DECIMAL,
            "o": DECIMAL,
            "h": DECIMAL,
            "l": DECIMAL,
            "v": DECIMAL,
            "q": DECIMAL,
        }
    ),
}

# The private socket, by the event's name.
PRIVATE: Mapping[str, Shape] = {
    "ORDER_TRADE_UPDATE": shape(
        {
            "e": TEXT,
            "E": INTEGER,
            "T": INTEGER,
            "o": {
                "s": TEXT,
                "c": TEXT,
                "S": TEXT,
                "o": TEXT,
                "f": TEXT,
                "q": DECIMAL,
                "p": DECIMAL,
                "x": TEXT,
                "X": TEXT,
                "i": INTEGER,
                "l": DECIMAL,
                "z": DECIMAL,
                "L": DECIMAL,
                "n?": DECIMAL | NULL,
                "N?": TEXT | NULL,
                "T": INTEGER,
                "t": INTEGER,
                "rp": DECIMAL,
                "m?": BOOLEAN,
                "R?": BOOLEAN,
                "ps?": TEXT,
                "ap?": DECIMAL,
            },
        }
    ),
    "ACCOUNT_UPDATE": shape(
        {"e": TEXT, "E": INTEGER, "T?": INTEGER, "a": {"m": TEXT, "B?": [_BALANCE], "P?": [_POSITION]}}
    ),
    # an event of its own, with the positions in ``a``, beside it, or as the fields of one at the top
    "POSITION_UPDATE": shape(
        {
            "e": TEXT,
            "E": INTEGER,
            "T?": INTEGER,
            "a?": _ACCOUNT,
            "P?": [_POSITION],
            **{f"{name.removesuffix('?')}?": kinds for name, kinds in _POSITION_FIELDS.items()},
        }
    ),
    "listenKeyExpired": shape({"e": TEXT, "E": INTEGER}),
}

# What stands in ``data`` of a REST answer, by what was asked for; a list is wrapped as ``{"data": [...]}``.
REST: Mapping[str, Shape] = {
    "place": _ORDER,
    "cancel": _ORDER,
    "order": shape({"order": _ORDER}),
    "open_orders": shape({"orders": [_ORDER], "cursor?": INTEGER | NULL}),
    "closed_orders": shape({"orders": [_ORDER], "cursor?": INTEGER | NULL}),
    "cancel_all": shape({"orders_ids": [TEXT]}),
    "positions": shape({"data": [_HELD]}),
    "wallet_balance": shape(
        {
            "base_asset_balances": [
                {
                    "base_asset": TEXT,
                    "balances": {
                        "total_balance": DECIMAL,
                        "total_available_balance?": DECIMAL,
                        "total_blocked_balance?": DECIMAL,
                        "total_position_margin?": DECIMAL,
                        "total_open_order_margin?": DECIMAL,
                    },
                }
            ],
            "asset?": [
                {
                    "symbol": TEXT,
                    "base_asset?": TEXT,
                    "exchange?": TEXT,
                    "blocked_balance?": DECIMAL,
                    "position_margin?": DECIMAL,
                    "open_order_margin?": DECIMAL,
                }
            ],
        }
    ),
}
