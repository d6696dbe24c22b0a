"""What the tests of the net share: both readers, a line that writes down what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from picows import WSMsgType
from picows.picows import _make_test_ws_frame

from csbook import Book, Router
from csbook.net._buffer_reader import BufferReader
from csbook.net._intake import Intake
from csbook.net.reader import choose


class Notes:
    """A Line that notes everything, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []
        self.router: Router | None = None

    def connected(self, transport: Any) -> None:
        self.told.append(("connected", transport))

    def cold(self, payload: bytes, receive_time_ns: int) -> None:
        self.told.append(("cold", payload, receive_time_ns))

    def refused(self) -> None:
        assert self.router is not None
        self.told.append(("refused", self.router.last_refusal))

    def waiting(self) -> None:
        self.told.append(("waiting",))

    def moved(self) -> None:
        assert self.router is not None
        self.told += [("moved", book.symbol, str(old), str(new)) for book, old, new, _ in self.router.take_moves()]

    def failed(self, callback: Any, error: Exception) -> None:
        self.told.append(("failed", callback, error))

    def ping(self, payload: bytes) -> None:
        self.told.append(("ping", payload))

    def closed(self, code: int, reason: bytes) -> None:
        self.told.append(("closed", code, reason))

    def violated(self, code: int, reason: str) -> None:
        self.told.append(("violated", code, reason))

    def disconnected(self) -> None:
        self.told.append(("disconnected",))

    def kinds(self) -> list[str]:
        return [note[0] for note in self.told]


class Bench:
    """An intake with its book, its notes and a reader of one of the two kinds, fed frame by frame."""

    def __init__(self, kind: Any, *, with_router: bool = True) -> None:
        self.notes = Notes()
        self.book = Book("BTCUSDT")
        router = Router("coinswitch", [self.book], depth=20) if with_router else None
        self.notes.router = router
        self.callbacks: list[Callable[[Book], object]] = [lambda book: self.notes.told.append(("book", book.sequence))]
        self.later: list[Callable[[], Any]] = []
        self.intake = Intake(self.notes, router, self.callbacks, self.later.append)
        self.reader = kind(self.intake)

    def take(self, payload: bytes, opcode: int = 1, *, final: bool = True, reserved: bool = False) -> None:
        frame = _make_test_ws_frame(WSMsgType(opcode), payload, final, reserved)  # always the last of its burst
        self.reader.on_ws_frame(None, frame)


KINDS = dict([choose(), ("buffer", BufferReader)])


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    """The class of each reader that runs here."""
    return KINDS[request.param]


@pytest.fixture
def bench(kind: Any) -> Bench:
    return Bench(kind)


@pytest.fixture
def cold_bench(kind: Any) -> Bench:
    return Bench(kind, with_router=False)
