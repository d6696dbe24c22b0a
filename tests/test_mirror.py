"""Tests mirror sources: each source has a test file of its name, in the folder of its name."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ROOT / "csbook"
TESTS = ROOT / "tests"
if not (ROOT / "setup.py").exists():
    pytest.skip("inspects the source tree", allow_module_level=True)

# Sources whose tests have another name.
ELSEWHERE = {
    "__init__.py": "test_import.py",  # what importing csbook costs and offers
    "__main__.py": "cli/test_main.py",  # two lines: the command
    "_core.pyx": "core",  # the root that includes the parts of core/, each with its test
}


def sources() -> list[Path]:
    found = [path for path in SOURCES.rglob("*") if path.suffix in (".py", ".pyx", ".pxi")]
    return sorted(path for path in found if path.name != "__init__.py" or path.parent == SOURCES)


def mirror_of(source: Path) -> Path:
    relative = source.relative_to(SOURCES)
    if str(relative) in ELSEWHERE:
        return TESTS / ELSEWHERE[str(relative)]
    return TESTS / relative.parent / f"test_{relative.stem.lstrip('_')}.py"


@pytest.mark.parametrize("source", sources(), ids=lambda path: str(path.relative_to(SOURCES)))
def test_each_source_has_its_test(source: Path) -> None:
    assert mirror_of(source).exists(), f"{source.relative_to(ROOT)} needs {mirror_of(source).relative_to(ROOT)}"


def test_the_exceptions_exist() -> None:
    assert [name for name in ELSEWHERE if not (SOURCES / name).exists()] == []


def test_package_inits_are_thin() -> None:
    """An ``__init__`` re-exports; what does more than that belongs in a module with a test."""
    for path in SOURCES.rglob("__init__.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 100, path
