from __future__ import annotations

from pathlib import Path

import pytest
from picows import WSMsgType
from picows.picows import _make_test_ws_frame

from csbook import Book, Router
from csbook.net._buffer_reader import BufferReader
from csbook.net._intake import Intake
from scripted import depth

ROOT = Path(__file__).resolve().parents[2]


def test_it_is_bound_to_no_layout() -> None:
    source = ROOT / "csbook" / "net" / "_buffer_reader.pyx"
    if not source.exists():
        pytest.skip("inspects the source tree")
    assert "from picows.picows cimport" not in source.read_text(encoding="utf-8")


class Frame:
    """What any picows offers of a frame to Python."""

    def __init__(self, payload: bytes, opcode: int, *, final: bool, last: bool) -> None:
        self.msg_type = opcode
        self.fin = final
        self.rsv1 = self.rsv2 = self.rsv3 = False
        self.last_in_buffer = last
        self._payload = payload

    def get_payload_as_memoryview(self) -> memoryview:
        return memoryview(self._payload)


class Silent:
    """A Line that hears nothing of interest."""

    def __getattr__(self, name: str) -> object:
        return lambda *_: None


def test_bursts_end_where_they_say() -> None:
    seen: list[int] = []
    later: list[object] = []
    router = Router("coinswitch", [Book("BTCUSDT")], depth=20)
    intake = Intake(Silent(), router, [lambda book: seen.append(book.sequence)], later.append)  # type: ignore[arg-type]
    reader = BufferReader(intake)
    for sequence in (5, 6, 7):
        reader.on_ws_frame(None, Frame(depth(sequence), 1, final=True, last=sequence == 7))  # type: ignore[arg-type]
    assert seen == [7]
    assert len(later) == 1  # the net for a last frame that is never told
    reader.on_ws_frame(None, Frame(depth(8), 1, final=True, last=False))  # type: ignore[arg-type]
    assert seen == [7]
    intake.flush()
    assert seen == [7, 8]
    reader.on_ws_frame(None, Frame(depth(9), 1, final=True, last=False))  # type: ignore[arg-type]
    reader.on_ws_frame(None, Frame(b"", 9, final=True, last=True))  # type: ignore[arg-type]
    assert seen == [7, 8, 9]  # a ping ends a burst too


def test_a_real_frame() -> None:
    book = Book("BTCUSDT")
    intake = Intake(Silent(), Router("coinswitch", [book]), [], lambda _: None)  # type: ignore[arg-type]
    BufferReader(intake).on_ws_frame(None, _make_test_ws_frame(WSMsgType.TEXT, depth(5), True, False))  # type: ignore[arg-type]
    assert book.sequence == 5
