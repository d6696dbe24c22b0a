"""All targets, by name."""

from __future__ import annotations

from . import depths, routers, talks, values
from .target import Target

TARGETS: dict[str, Target] = {
    target.name: target for target in (*routers.targets(), *values.targets(), *depths.targets(), *talks.targets())
}
