"""What this build is."""

from __future__ import annotations

import csbook


def test_build_info() -> None:
    info = csbook.build_info()
    assert info["version"] == csbook.__version__
    assert isinstance(info["layout"], int)
    assert isinstance(info["counter"], bool)
