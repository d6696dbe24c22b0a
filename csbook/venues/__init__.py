"""The venues that csbook speaks: one file of facts each, found by name."""

from __future__ import annotations

from csbook.errors import UsageError
from csbook.venues.dialect import Dialect

__all__ = ["Dialect", "dialect", "names"]

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
