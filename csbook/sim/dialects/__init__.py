"""How the local venue speaks each dialect: one file each, found by the dialect's name."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from csbook.errors import UsageError
from csbook.sim.speech import Speech
from csbook.venues.dialect import Dialect

__all__ = ["speech_of", "spoken"]

_PLACES = {
    "binance": "binance",
    "bybit": "bybit",
    "coinswitch": "coinswitch",
    "coinswitch-hft": "coinswitch_hft",
    "coinswitch-sio": "coinswitch_sio",
    "coinswitch-sio-spot": "coinswitch_sio",
    "kucoin": "kucoin",
}


def spoken() -> tuple[str, ...]:
    """The venues that the local one can be."""
    return tuple(sorted(_PLACES))


def speech_of(dialect: Dialect, symbols: Iterable[str]) -> Speech:
    """The words of a dialect. Raises UsageError for one that the local venue does not speak."""
    place = _PLACES.get(dialect.name)
    if place is None:
        raise UsageError(f"venue {dialect.name!r}: the local venue speaks {', '.join(spoken())}")
    speech: Speech = import_module(f"csbook.sim.dialects.{place}").SPEECH(dialect, symbols)
    return speech
