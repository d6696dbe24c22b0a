"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import localcontext
from pathlib import Path

import pytest

from secrecy import pytest_configure, pytest_runtest_teardown

__all__ = ["pytest_configure", "pytest_runtest_teardown"]  # hooks: what no test may show

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def narrow(request: pytest.FixtureRequest) -> Iterator[None]:
    """Money is computed under a context as narrow as a program may set it; what a test computes itself is not."""
    if request.path.parent.name not in ("account", "guard", "venues") or request.node.get_closest_marker("computes"):
        yield
        return
    with localcontext(prec=1):
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market data, which lies beside the repository and is no part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the recorded market data in ../shared/data, beside the repository")
    return folder
