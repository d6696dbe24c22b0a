"""Gives the compiled core's docstrings to the reference.

The stub `csbook/_core.pyi` says the types; the docstrings stand beside the code, in `csbook/core/*.pxi`. A griffe
extension puts them together while the pages are built. The text is read, never imported, so no compiler is needed.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

try:
    from griffe import Docstring, Extension
except ImportError:  # the tests read the docstrings without it
    Extension = object

CORE = Path(__file__).resolve().parents[2] / "csbook" / "core"

_HEAD = re.compile(r"( {4})?(cdef class|def) (\w+)")


def docstrings(core: Path = CORE) -> dict[str, str]:
    """Every docstring of the parts, by the name that it has in csbook._core: "Book", "Book.top", "build_info"."""
    found: dict[str, str] = {}
    for part in sorted(core.glob("*.pxi")):
        lines = iter(part.read_text(encoding="utf-8").splitlines())
        owner = ""
        for line in lines:
            head = _HEAD.match(line)
            if head is None:
                continue
            inside, kind, name = head.groups()
            if kind == "cdef class":
                owner = name
            elif inside:
                name = f"{owner}.{name}"
            while not line.endswith(":"):  # the head may take several lines
                line = next(lines)
            text = next(lines, "").strip()
            if not text.startswith('"""'):
                continue
            while text.count('"""') < 2:
                text += "\n" + next(lines)
            found[name] = inspect.cleandoc(text.strip().strip('"'))
    return found


class FromTheCore(Extension):
    """Fills in what a stub leaves to the core, and shows a class with the arguments that it takes.

    A `__new__` is shown as an `__init__` would be, an `__init__` that only refuses is not. The lone `::` that opens a
    drawing in a docstring is left out.
    """

    def __init__(self) -> None:
        self._found = docstrings()

    def on_object(self, *, obj: Any, **_: Any) -> None:
        name = obj.path.removeprefix("csbook._core.")
        if obj.docstring is None and name != obj.path and name in self._found:
            obj.docstring = Docstring(self._found[name], parent=obj)
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\n::\n", "\n")

    def on_class_members(self, *, cls: Any, **_: Any) -> None:
        made = cls.members.pop("__new__", None)
        if made is not None:
            made.name = "__init__"
            made.returns = None
            cls.members["__init__"] = made
        elif "__init__" in cls.members and str(cls.members["__init__"].returns) == "NoReturn":
            del cls.members["__init__"]
