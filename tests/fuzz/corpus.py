"""Inputs that were worth keeping: one file a target, one input a line, as a JSON string of Latin-1.

They came out of this fuzzer and its own samples; no recorded message is among them.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "corpus"
ROOM = 40_000  # bytes of a file; what does not fit is left out, the longest first


def file_of(name: str) -> Path:
    return FOLDER / f"{name}.jsonl"


def load(name: str) -> Iterator[bytes]:
    """The inputs kept for a target; none where it has no file yet."""
    if file_of(name).exists():
        for line in file_of(name).read_text(encoding="ascii").splitlines():
            yield json.loads(line).encode("latin-1")


def save(name: str, inputs: Iterable[bytes]) -> int:
    """Write the file of a target anew, shortest input first, as many as there is ROOM for; its size in bytes."""
    kept = [
        json.dumps(data.decode("latin-1")) + "\n" for data in sorted(set(inputs), key=lambda data: (len(data), data))
    ]
    sizes = list(accumulate(map(len, kept)))
    text = "".join(kept[: bisect_right(sizes, ROOM)])
    FOLDER.mkdir(exist_ok=True)
    return file_of(name).write_text(text, encoding="ascii")


def read_folder(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]


def write_folder(folder: Path, inputs: Iterable[bytes]) -> None:
    """One file an input, as libFuzzer reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"{number:04d}").write_bytes(data)
