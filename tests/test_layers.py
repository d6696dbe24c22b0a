"""The floors of the house: a source imports, and cimports, only from floors below its own.

Same room counts as below (``wire.plain`` may import ``wire.session``); same floor does not (``venues`` never imports
``guard``). Side rooms stand beside the floors and open on a few lower ones only. The roof imports anything.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "csbook"
if not (ROOT / "setup.py").exists():
    pytest.skip("inspects the source tree", allow_module_level=True)

FLOORS: dict[str, int] = {
    "exact": -1,
    "errors": 0, "types": 0, "clock": 0, "json": 0,
    "_core": 1, "core": 1, "credentials": 1,
    "wire": 2,
    "venues": 3, "account": 3, "guard": 3,
    "net": 4,
    "feed": 5, "trader": 5, "loop": 5,
    "cli": 6, "examples": 6, "__main__": 6, "__init__": 6,
}  # fmt: skip

# A side room and what it may open on: the simulator must share no code with the client that it judges.
SIDE_ROOMS: dict[str, set[str]] = {
    "sim": {"errors", "types", "clock", "json", "venues"},
    "tape": {"errors", "types", "clock", "json", "_core", "core", "wire", "venues"},
    "shm": {"errors", "types", "clock", "_core", "core"},
}
SIDE_ROOMS_OPEN_TO = {"tape": 5, "shm": 5, "sim": 6}  # the lowest floor that may open the door

# One room for the imports: the extension _core is built from the parts in core/.
ALIASES = {"core": "_core"}

# Floors 1 to 3 take bytes and time as arguments: nothing there opens a socket, asks a clock or waits.
SANS_IO = {"_core", "core", "wire", "venues", "account", "guard"}
IO_MODULES = {
    "aiohttp", "asyncio", "concurrent", "http", "multiprocessing", "picows", "select", "selectors", "socket", "ssl",
    "subprocess", "threading", "urllib", "uvloop", "websockets",
}  # fmt: skip

CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+([^#\n]+)|c?import\s+([\w., ]+))", re.MULTILINE)


def room_of(path: Path) -> str:
    """The room of a source: the folder or module directly under csbook."""
    relative = path.relative_to(SOURCES)
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def resolve(module: str, names: list[str], known: set[str]) -> Iterator[str]:
    """The rooms that one import statement enters. ``from csbook import Book`` enters by the roof.

    ``from csbook import __version__`` enters none: the version stands in one place, and everyone may read it.
    """
    parts = module.split(".")
    if parts[0] != "csbook":
        return
    if len(parts) > 1:
        yield parts[1]
        return
    for name in names:
        if name != "__version__":
            yield name if name in known else "__init__"


def python_imports(text: str, package: list[str]) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ["__init__"]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module or ""]).strip(".")
            yield module, [alias.name for alias in node.names]


def cython_imports(text: str, package: list[str]) -> Iterator[tuple[str, list[str]]]:
    text = re.sub(r'("""|\'\'\').*?\1', "", text, flags=re.DOTALL)
    for match in CYTHON_IMPORT.finditer(text):
        if match[3]:
            for name in match[3].split(","):
                yield name.split(" as ")[0].strip(), ["__init__"]
            continue
        module = match[1]
        level = len(module) - len(module.lstrip("."))
        if level:
            module = ".".join([*package[: len(package) - level + 1], module.lstrip(".")]).strip(".")
        yield module, [name.split(" as ")[0].strip(" ()\\") for name in match[2].split(",")]


def imports(path: Path, text: str) -> list[tuple[str, list[str]]]:
    package = ["csbook", *path.relative_to(SOURCES).parent.parts]
    reader = python_imports if path.suffix in (".py", ".pyi") else cython_imports
    return list(reader(text, package))


def verdict(room: str, entered: str) -> str:
    """Why the import is wrong; empty when it is right."""
    room, entered = ALIASES.get(room, room), ALIASES.get(entered, entered)
    if room == entered:
        return ""
    if entered not in FLOORS and entered not in SIDE_ROOMS:
        return f"{entered} is on no floor: give it one in tests/test_layers.py"
    if room in SIDE_ROOMS:
        return "" if entered in SIDE_ROOMS[room] else f"the side room {room} may not open on {entered}"
    floor = FLOORS[room]
    if floor == 6:
        return ""
    if entered in SIDE_ROOMS:
        return "" if floor >= SIDE_ROOMS_OPEN_TO[entered] else f"{room} may not enter the side room {entered}"
    return "" if FLOORS[entered] < floor else f"{room} (floor {floor}) imports {entered} (floor {FLOORS[entered]})"


def complaints(path: Path, text: str, known: set[str]) -> list[str]:
    room = room_of(path)
    found = []
    for module, names in imports(path, text):
        for entered in resolve(module, names, known):
            why = verdict(room, entered)
            if why:
                found.append(f"{path.relative_to(ROOT)}: {why}")
        root = module.split(".")[0]
        if root in IO_MODULES and room in SANS_IO:
            found.append(f"{path.relative_to(ROOT)}: {room} takes bytes as an argument, and imports {root}")
        if root == "time" and room in SANS_IO - {"_core", "core"}:
            found.append(f"{path.relative_to(ROOT)}: {room} takes time as an argument, and imports time")
        if root == "picows" and room != "net":
            found.append(f"{path.relative_to(ROOT)}: only net touches picows")
        if root == "numpy" and room in ("_core", "core") and path.name != "views.pxi" and path.suffix != ".pyi":
            found.append(f"{path.relative_to(ROOT)}: of the core, only views.pxi knows numpy")
    if awaits(path, text) and room in FLOORS and FLOORS[room] < 5 and room != "net":
        found.append(f"{path.relative_to(ROOT)}: below floor 5, only net awaits")
    return found


def awaits(path: Path, text: str) -> bool:
    if path.suffix not in (".py", ".pyi"):
        return re.search(r"^\s*async def\b|\bawait\b(?=[^\n]*\()", re.sub(r"#.*", "", text), re.MULTILINE) is not None
    kinds = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    return any(isinstance(node, kinds) for node in ast.walk(ast.parse(text)))


def sources() -> list[Path]:
    return sorted(path for path in SOURCES.rglob("*") if path.suffix in (".py", ".pyi", ".pyx", ".pxd", ".pxi"))


KNOWN = {room_of(path) for path in sources()}


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(SOURCES)))
def test_imports_go_down_only(path: Path) -> None:
    assert complaints(path, path.read_text(encoding="utf-8"), KNOWN) == []


def test_every_room_is_on_a_floor() -> None:
    assert KNOWN - FLOORS.keys() - SIDE_ROOMS.keys() == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("types.py", "from csbook.errors import BadMessage"),
        ("core/book.pxi", "from csbook.wire.session import Session"),
        ("core/book.pxi", "from csbook.net._reader cimport Reader"),
        ("core/book.pxi", "cimport numpy as cnp"),
        ("_core.pyx", "from .net cimport _reader"),
        ("wire/plain.py", "import csbook.venues.coinswitch"),
        ("wire/plain.py", "import asyncio"),
        ("wire/plain.py", "async def read(): ..."),
        ("venues/coinswitch.py", "def later():\n    from csbook import guard"),
        ("venues/coinswitch.py", "from ..account import orders"),
        ("guard/backoff.py", "import time"),
        ("guard/backoff.py", "from csbook import Book"),
        ("net/stream.py", "from csbook.feed import Feed"),
        ("net/stream.py", "from csbook.sim import LocalVenue"),
        ("feed.py", "from csbook.loop import run"),
        ("feed.py", "import picows"),
        ("sim/server.py", "from csbook._core import Book"),
        ("sim/server.py", "from csbook import Book"),
        ("sim/server.py", "from csbook.net import stream"),
    ],
)
def test_a_wrong_import_is_seen(name: str, text: str) -> None:
    assert complaints(SOURCES / name, text, KNOWN | {"account", "guard", "net", "feed"}) != []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_core.pyx", "from csbook.types import State\nfrom libc.stdint cimport int64_t\ncimport cython"),
        ("core/views.pxi", "cimport numpy as cnp"),
        ("net/_reader.pyx", "from picows.picows cimport WSListener\nfrom csbook._core cimport Router\nimport asyncio"),
        ("net/stream.py", "import asyncio\nfrom csbook.guard import backoff\nfrom ..wire import plain"),
        ("wire/plain.py", "from csbook import errors\nfrom .session import Session"),
        ("sim/server.py", "import asyncio\nimport aiohttp\nfrom csbook.venues.dialect import Dialect"),
        ("cli/main.py", "from csbook.sim import LocalVenue\nfrom csbook import connect"),
        ("__init__.py", "from csbook.feed import connect"),
    ],
)
def test_a_right_import_passes(name: str, text: str) -> None:
    assert complaints(SOURCES / name, text, KNOWN) == []
