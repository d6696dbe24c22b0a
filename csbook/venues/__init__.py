"""The venues that csbook speaks: one file of facts each, found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csbook.errors import UsageError
from csbook.venues.dialect import Dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from csbook.venues.trading import Trading
    from csbook.wire.shape import Shape

__all__ = ["Dialect", "dialect", "names", "private_shapes", "trading_names", "trading_table"]

# name -> where its facts stand; a module is imported when its venue is asked for
_PLACES = {
    "binance": ("binance", "DIALECT"),
    "bybit": ("bybit", "DIALECT"),
    "coinswitch": ("coinswitch", "DIALECT"),
    "coinswitch-hft": ("coinswitch_hft", "DIALECT"),
    "coinswitch-sio": ("coinswitch_sio", "DIALECT"),
    "coinswitch-sio-spot": ("coinswitch_sio", "SPOT"),
    "kucoin": ("kucoin", "DIALECT"),
}
# those that can be traded on, too: a table, or what makes one for an account
_TRADING = {
    "binance": ("binance_trading", "TRADING"),
    "bybit": ("bybit_trading", "TRADING"),
    "coinswitch": ("coinswitch_trading", "TRADING"),
    "coinswitch-hft": ("coinswitch_hft_trading", "TRADING"),
    "coinswitch-sio": ("coinswitch_sio_trading", "TRADING"),
    "coinswitch-sio-spot": ("coinswitch_spot_trading", "TRADING"),
    "kucoin": ("kucoin_trading", "KucoinTrading"),
}
_SHAPES = {"binance": "binance_shapes", "coinswitch": "coinswitch_shapes"}


def names() -> tuple[str, ...]:
    """The venues that a feed can be opened on."""
    return tuple(sorted(_PLACES))


def dialect(name: str) -> Dialect:
    """The facts of one venue. Raises UsageError for a venue that csbook does not speak."""
    place = _PLACES.get(name)
    if place is None:
        raise UsageError(f"unknown venue {name!r}; csbook speaks: {', '.join(names())}")
    from importlib import import_module

    found = getattr(import_module(f"csbook.venues.{place[0]}"), place[1])
    assert isinstance(found, Dialect)
    return found


def trading_names() -> tuple[str, ...]:
    """The venues that can be traded on."""
    return tuple(sorted(_TRADING))


def trading_table(name: str, settings: Mapping[str, object] | None = None) -> Trading:
    """The private side of one venue; of one that ``needs_instruments`` a new table, for one account.

    Raises UsageError for a venue that csbook does not trade on, and for settings that it does not have.
    """
    place = _TRADING.get(name)
    if place is None:
        raise UsageError(f"cannot trade on {name!r}; csbook trades on: {', '.join(trading_names())}")
    from importlib import import_module

    found = getattr(import_module(f"csbook.venues.{place[0]}"), place[1])
    table: Trading = found() if isinstance(found, type) else found
    return table.configured(settings) if settings else table


def private_shapes(name: str) -> Mapping[str, Shape]:
    """What the private messages of a venue look like, by kind; empty where nobody has written it down."""
    module = _SHAPES.get(name)
    if module is None:
        return {}
    from importlib import import_module

    found: Mapping[str, Shape] = import_module(f"csbook.venues.{module}").PRIVATE
    return found
