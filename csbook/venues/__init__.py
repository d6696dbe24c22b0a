"""The venues that csbook speaks: one file of facts each, found by name."""

from __future__ import annotations

from csbook.errors import UsageError
from csbook.venues.dialect import Dialect

__all__ = ["Dialect", "dialect", "names"]

# name -> module; a module is imported when its venue is asked for
_MODULES = {"binance": "binance", "bybit": "bybit", "coinswitch": "coinswitch", "kucoin": "kucoin"}


def names() -> tuple[str, ...]:
    """The venues that a feed can be opened on."""
    return tuple(sorted(_MODULES))


def dialect(name: str) -> Dialect:
    """The facts of one venue. Raises UsageError for a venue that csbook does not speak."""
    module = _MODULES.get(name)
    if module is None:
        raise UsageError(f"unknown venue {name!r}; csbook speaks: {', '.join(names())}")
    from importlib import import_module

    found = import_module(f"csbook.venues.{module}").DIALECT
    assert isinstance(found, Dialect)
    return found
