"""The private messages of Binance USD-M, as tables: what the schema monitor holds them against. Fact sheet binance, 4.

Required is what is read and always there; what newer or older messages may lack is not.
"""

from __future__ import annotations

from collections.abc import Mapping

from csbook.wire.shape import BOOLEAN, DECIMAL, INTEGER, NULL, NUMBER, TEXT, Shape, shape

__all__ = ["PRIVATE"]

_BALANCE = shape({"a": TEXT, "wb": DECIMAL, "cw?": DECIMAL, "bc?": DECIMAL})
_POSITION = shape(
    {
        "s": TEXT,
        "pa": DECIMAL,
        "ep": DECIMAL,
        "bep?": DECIMAL | NUMBER,
        "cr?": DECIMAL,
        "up?": DECIMAL,
        "mt?": TEXT,
        "iw?": DECIMAL,
        "ps?": TEXT,
        "ma?": TEXT,
    }
)
_ORDER = shape(
    {
        "s": TEXT,
        "c": TEXT,
        "S": TEXT,
        "o": TEXT,
        "f": TEXT,
        "q": DECIMAL,
        "p": DECIMAL,
        "ap?": DECIMAL,
        "sp?": DECIMAL,
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
        "b?": DECIMAL,
        "a?": DECIMAL,
        "m?": BOOLEAN,
        "R?": BOOLEAN,
        "wt?": TEXT,
        "ot?": TEXT,
        "ps?": TEXT,
        "cp?": BOOLEAN,
        "AP?": DECIMAL,
        "cr?": DECIMAL,
        "pP?": BOOLEAN,
        "si?": INTEGER,
        "ss?": INTEGER,
        "rp?": DECIMAL,
        "V?": TEXT,
        "pm?": TEXT,
        "gtd?": INTEGER,
        "er?": TEXT | INTEGER,
    }
)
_CALLED = shape(
    {
        "s": TEXT,
        "ps?": TEXT,
        "pa": DECIMAL,
        "mt?": TEXT,
        "iw?": DECIMAL,
        "mp?": DECIMAL,
        "up?": DECIMAL,
        "mm?": DECIMAL,
    }
)

# By the event's name. TRADE_LITE is not asked for, and comes all the same where a stream is opened without ``events``.
PRIVATE: Mapping[str, Shape] = {
    "ORDER_TRADE_UPDATE": shape({"e": TEXT, "E": INTEGER, "T?": INTEGER, "o": _ORDER}),
    "ACCOUNT_UPDATE": shape(
        {"e": TEXT, "E": INTEGER, "T?": INTEGER, "a": {"m?": TEXT, "B?": [_BALANCE], "P?": [_POSITION]}}
    ),
    "TRADE_LITE": shape(
        {
            "e": TEXT,
            "E": INTEGER,
            "T": INTEGER,
            "s": TEXT,
            "q?": DECIMAL,
            "p?": DECIMAL,
            "m?": BOOLEAN,
            "c": TEXT,
            "S": TEXT,
            "L": DECIMAL,
            "l": DECIMAL,
            "t": INTEGER,
            "i": INTEGER,
        }
    ),
    "MARGIN_CALL": shape({"e": TEXT, "E": INTEGER, "cw?": DECIMAL, "p?": [_CALLED]}),
    "ACCOUNT_CONFIG_UPDATE": shape(
        {
            "e": TEXT,
            "E": INTEGER,
            "T?": INTEGER,
            "ac?": {"s": TEXT, "l": INTEGER},
            "ai?": {"j": BOOLEAN},
        }
    ),
    "listenKeyExpired": shape({"e": TEXT, "E": INTEGER, "listenKey?": TEXT}),
}
