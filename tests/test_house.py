"""Rules that every source of the house keeps."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import csbook

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "setup.py").exists():
    pytest.skip("inspects the source tree", allow_module_level=True)

CODE = (".py", ".pyi", ".pyx", ".pxd", ".pxi", ".h")
TEXT = (*CODE, ".md", ".toml", ".yml", ".in", ".txt")
LONGEST = 600
ROOMS = ("csbook", "benches", "tests")

# Spelled in pieces, so that this file keeps its own rules.
MACHINE_PATH = re.compile("/wo" "rk/|/ho" r"me/|/ro" "ot/|/Us" "ers/|[A-Z]:\\\\{1,2}Us" "ers")  # fmt: skip
UNFINISHED = re.compile(r"\b(?:TO" "DO|FIX" "ME|X" r"XX|HA" r"CK)\b")  # fmt: skip
REGISTRY = re.compile("py" r"pi\.org|pythonho" "sted|deb" r"ian\.org|npm" r"js\.")  # fmt: skip
EMPTY_NAME = re.compile("(?:Man" "ager|Hel" "per|Ut" "il(?:s|ity|ities)?)s?")  # fmt: skip
DEFINITION = re.compile(r"^\s*(?:cdef\s+|cpdef\s+)?(?:async\s+)?(?:class|def|struct)\s+(\w+)", re.MULTILINE)


def files(rooms: tuple[str, ...], suffixes: tuple[str, ...]) -> list[Path]:
    found = [path for room in rooms for path in (ROOT / room).rglob("*") if path.suffix in suffixes]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def papers() -> list[Path]:
    at_root = [path for path in ROOT.iterdir() if path.is_file() and (path.suffix in TEXT or path.name == "Makefile")]
    workflows = (ROOT / ".github").rglob("*.yml")
    return sorted([*at_root, *workflows, *(ROOT / ".ci").glob("*")])


CODES = files(ROOMS, CODE)
TEXTS = [*files(ROOMS, TEXT), *papers()]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", CODES, ids=name)
def test_no_source_is_long(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST, f"{name(path)} has {lines} lines"


@pytest.mark.parametrize("path", files(("csbook", "benches"), CODE), ids=name)
def test_a_name_is_a_noun_of_the_trade(path: Path) -> None:
    assert not any(EMPTY_NAME.fullmatch(word.capitalize()) for word in path.stem.split("_")), name(path)
    found = [match for match in DEFINITION.findall(path.read_text(encoding="utf-8")) if EMPTY_NAME.search(match)]
    assert found == []


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_nothing_unfinished_and_no_place_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert MACHINE_PATH.findall(text) == []
    assert UNFINISHED.findall(text) == []
    assert REGISTRY.findall(text) == []


@pytest.mark.parametrize("path", files(("csbook",), (".py", ".pyx", ".pxd", ".pxi")), ids=name)
def test_a_source_opens_with_its_rules(path: Path) -> None:
    """A docstring, or a comment, before the first statement; an empty package marker needs none."""
    text = path.read_text(encoding="utf-8").lstrip()
    assert not text or text.startswith(("#", '"""'))


def test_the_version_stands_in_one_place() -> None:
    places = [
        name(path)
        for path in [*files(("csbook",), CODE), ROOT / "pyproject.toml", ROOT / "setup.py"]
        if re.search(rf"""["']{re.escape(csbook.__version__)}["']""", path.read_text(encoding="utf-8"))
    ]
    assert places == ["csbook/__init__.py"]


def test_the_changelog_tells_the_version() -> None:
    headings = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings
    assert headings[0] == csbook.__version__


def test_actions_are_pinned() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for use in re.findall(r"uses: *(\S+)", path.read_text(encoding="utf-8")):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", use), f"{path.name}: {use}"


def test_the_ci_script_is_sound() -> None:
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash")
    assert "set -euo pipefail" in text
    assert "make test" in text


def test_nothing_that_was_built_is_tracked() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout")
    built = re.compile(r"\.(?:so|pyd|o|pyc|whl)$|(?:^|/)(?:build|dist|wheelhouse|\.venv)/")
    assert [line for line in listed.stdout.splitlines() if built.search(line)] == []
