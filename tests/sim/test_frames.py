from __future__ import annotations

import pytest

from csbook.sim.frames import PING, TEXT, close_frame, cut, fragments, frame


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_the_head_of_a_frame(size: int, head: bytes) -> None:
    assert frame(TEXT, b"x" * size) == head + b"x" * size


def test_control_frames() -> None:
    assert frame(PING, b"") == b"\x89\x00"
    assert close_frame(1008, "too slow") == b"\x88\x0a\x03\xf0too slow"
    assert len(close_frame(1000, "x" * 500)) == 2 + 125


@pytest.mark.parametrize("size", [0, 1, 3, 100, 1000])
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_message_in_several_frames(size: int, count: int) -> None:
    payload = bytes(range(256)) * 4
    frames = fragments(TEXT, payload[:size], count)
    assert len(frames) == count
    assert frames[0][0] & 0x0F == TEXT
    assert all(f[0] & 0x0F == 0 for f in frames[1:])
    assert [bool(f[0] & 0x80) for f in frames] == [False] * (count - 1) + [True]
    heads = [4 if len(f) > 127 else 2 for f in frames]
    assert b"".join(f[head:] for f, head in zip(frames, heads, strict=True)) == payload[:size]


@pytest.mark.parametrize("size", [2, 3, 20, 1000])
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("first", [0.0, 0.5, 0.999])
def test_cutting_loses_nothing(size: int, count: int, first: float) -> None:
    data = bytes(i % 251 for i in range(size))
    pieces = cut(data, count, first)
    assert b"".join(pieces) == data
    assert 2 <= len(pieces) <= count
    assert all(pieces)
