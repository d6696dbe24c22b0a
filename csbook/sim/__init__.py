"""The local venue: an exchange on loopback that replays a recorded market, matches orders, and breaks on request.

A side room: it reads the venue tables (``csbook.venues``) and nothing of the client (``_core``, ``wire``, ``net``,
``feed``), so that no bug can hide in both. Importing this package is cheap; aiohttp, an extra, comes with the first
use of ``LocalVenue``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csbook.sim.accounts import Terms
    from csbook.sim.faults import Faults
    from csbook.sim.server import LocalVenue

__all__ = ["Faults", "LocalVenue", "Terms"]

_LATER = {"Faults": "csbook.sim.faults", "LocalVenue": "csbook.sim.server", "Terms": "csbook.sim.accounts"}


def __getattr__(name: str) -> Any:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module 'csbook.sim' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
