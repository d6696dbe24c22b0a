"""csbook: from the bytes an exchange sends to a book that a market maker can trade on.

Importing csbook loads the compiled core and nothing heavy: numpy, asyncio and picows come with the first use of a
name that needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

from csbook import errors
from csbook._core import Book, Router, Top, build_info
from csbook.errors import BadMessage, CsbookError, PrecisionError
from csbook.types import (
    Alert,
    Balance,
    Candle,
    Fill,
    Instrument,
    Order,
    OrderStatus,
    Outcome,
    Position,
    Side,
    State,
    Ticker,
    Trade,
)

if TYPE_CHECKING:
    from csbook.credentials import Credentials
    from csbook.feed import Feed, connect
    from csbook.loop import run, spin
    from csbook.trader import Trader, trade

__all__ = [
    "Alert",
    "BadMessage",
    "Balance",
    "Book",
    "Candle",
    "Credentials",
    "CsbookError",
    "Feed",
    "Fill",
    "Instrument",
    "Order",
    "OrderStatus",
    "Outcome",
    "Position",
    "PrecisionError",
    "Router",
    "Side",
    "State",
    "Ticker",
    "Top",
    "Trade",
    "Trader",
    "__version__",
    "build_info",
    "connect",
    "errors",
    "run",
    "spin",
    "trade",
]

_LATER = {
    "Credentials": "csbook.credentials",
    "Feed": "csbook.feed",
    "connect": "csbook.feed",
    "Trader": "csbook.trader",
    "run": "csbook.loop",
    "spin": "csbook.loop",
    "trade": "csbook.trader",
}


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'csbook' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
