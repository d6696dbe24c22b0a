"""The limit: a C scanner that does nothing else (limit.c), compiled when this is imported, with its own loop in C."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benches.words import Answer, Job

NAME = "limit: C scanner, no book"
PACKAGES: tuple[str, ...] = ()
ROOM = 4096  # levels a side


def _compiled() -> ctypes.CDLL:
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None or os.name == "nt":
        raise ImportError("needs a C compiler on a POSIX system")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "limit.so"
        source = Path(__file__).with_suffix(".c")
        done = subprocess.run(
            [*compiler.split(), "-O3", "-shared", "-fPIC", "-o", str(library), str(source)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise ImportError(f"the C compiler failed: {done.stderr.strip()[:120]}")
        return ctypes.CDLL(str(library))


LIBRARY = _compiled()
VECTOR = int(LIBRARY.limit_has_avx2())
LIBRARY.limit_run.restype = ctypes.c_long


class Batch:
    """Messages as C wants them."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self.messages = messages  # keeps the bytes alive
        count = len(messages)
        self.touch = (ctypes.c_int64 * (2 * count))()
        self.arguments: list[Any] = [
            (ctypes.c_char_p * count)(*messages),
            (ctypes.c_size_t * count)(*map(len, messages)),
            ctypes.c_long(count),
            (ctypes.c_int64 * (4 * ROOM))(),
            ctypes.c_long(ROOM),
            ctypes.c_int(VECTOR),
            None,
        ]

    def __len__(self) -> int:
        return len(self.messages)

    def __getitem__(self, at: Any) -> Any:
        return self.messages[at]


def _drain(batch: Any) -> None:
    LIBRARY.limit_run(*batch.arguments)


def _check(batch: Any) -> list[Answer]:
    batch.arguments[-1] = batch.touch
    stopped = LIBRARY.limit_run(*batch.arguments)
    batch.arguments[-1] = None
    if stopped >= 0:
        raise ValueError(f"message {stopped} could not be read")
    return [(batch.touch[2 * at] / 10**8, batch.touch[2 * at + 1] / 10**8) for at in range(len(batch))]


def _job(note: str, applies: bool) -> Job:
    way = "AVX2" if VECTOR else "byte by byte"
    return Job(
        "pass", {}, note=f"{way}, in C's own loop; {note}", applies=applies, whole=False,
        prepare=Batch, own_drain=_drain, own_check=_check,
    )  # fmt: skip


def snapshot(levels: int) -> Job:
    return _job("no book", True)


def delta(start: bytes) -> Job:
    return _job("read, applied to nothing", False)
