"""How the local venue serves accounts in each private dialect: one file each, found by the dialect's name."""

from __future__ import annotations

from importlib import import_module

from csbook.sim.desk import Desk

__all__ = ["desk_of", "served"]

_PLACES = {
    "binance": "binance",
    "bybit": "bybit",
    "coinswitch": "coinswitch",
}


def served() -> tuple[str, ...]:
    """The venues whose private part the local one has."""
    return tuple(sorted(_PLACES))


def desk_of(name: str) -> type[Desk]:
    """The desk of a venue; one where nothing can be asked where its private part is not served."""
    place = _PLACES.get(name)
    if place is None:
        return Desk
    desk: type[Desk] = import_module(f"csbook.sim.desks.{place}").DESK
    return desk
