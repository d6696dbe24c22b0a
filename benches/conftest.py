"""``pytest benches --benchmark-only``: the files ``bench_*.py`` of this folder are collected as test files are.

The tree itself comes last on the path, so that an installed csbook goes before one that was built in place.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if file_path.name.startswith("bench_") and file_path.suffix == ".py":
        module: pytest.Module = pytest.Module.from_parent(parent, path=file_path)
        return module
    return None
