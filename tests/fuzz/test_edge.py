"""A payload in its place is whole, and who reads past its end is seen."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .edge import Edge


@pytest.mark.parametrize("size", [0, 1, 7, 64, 4095, 4096, 4097, 1 << 16])
def test_a_payload_in_its_place(size: int) -> None:
    edge = Edge(1 << 16)
    payload = bytes(number % 251 for number in range(size))
    for _ in range(3):
        assert bytes(edge.place(payload)) == payload


def test_one_place_after_the_other() -> None:
    edge = Edge()
    for text in (b"a long one", b"", b"short", b"a longer one than that"):
        assert bytes(edge.place(text)) == text


OVER = """
import ctypes
from tests.fuzz.edge import Edge
edge = Edge()
place = (ctypes.c_char * 5).from_buffer(edge.place(b"12345"))
print(ctypes.string_at(ctypes.addressof(place), 5), flush=True)
ctypes.string_at(ctypes.addressof(place), 6)
print("nobody saw it")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="digits stand there instead of a locked page")
@pytest.mark.skipif(Edge().kind == "block", reason="AddressSanitizer judges instrumented code alone")
def test_a_read_past_the_end_ends_the_process(pytestconfig: pytest.Config) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OVER], cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False
    )
    assert done.stdout == "b'12345'\n"
    assert done.returncode < 0
