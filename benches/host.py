"""Where and with what it was measured: machine, system, interpreter, versions. Asked, never written down."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import ModuleType

ALWAYS = ("csbook", "orjson", "picows", "uvloop", "numpy")


def processor() -> str:
    """The CPU by its own name."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def load() -> str:
    return f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"


def machine() -> dict[str, str]:
    """What a reader needs to judge the figures."""
    import csbook

    build = csbook.build_info()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "CPU": f"{processor()}, {usable} cores usable",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}, {platform.python_compiler()}",
        "csbook build": ", ".join(f"{key} {value}" for key, value in build.items() if isinstance(value, str | int)),
        "load before": load(),
        "command": command(),
    }


def command() -> str:
    return " ".join(["python -m benches", *sys.argv[1:]])


def version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        if package != "csbook":
            return "?"
        import csbook

        return csbook.__version__


def versions(peers: Iterable[ModuleType]) -> dict[str, str]:
    """The packages that took part."""
    names = dict.fromkeys([*ALWAYS, *(package for peer in peers for package in peer.PACKAGES)])
    return {name: found for name in names if (found := version(name)) != "?"}


def pin(core: int | None) -> None:
    """This process on one core, where that can be done."""
    if core is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit(f"--cpu: processes cannot be pinned on {sys.platform}")
    if core not in os.sched_getaffinity(0):
        raise SystemExit(f"--cpu {core}: usable are {', '.join(map(str, sorted(os.sched_getaffinity(0))))}")
    os.sched_setaffinity(0, {core})
