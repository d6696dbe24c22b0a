"""The corpus: what fuzzing found worth keeping is small, is some target's, and passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from csbook import _core

from . import corpus
from .table import TARGETS
from .target import Target


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_everything_kept_passes(target: Target) -> None:
    before, one = _core._scanner(), target.make()
    try:
        for data in corpus.load(target.name):
            one(data)
    finally:
        _core._scanner(before)


def test_each_file_belongs_to_a_target() -> None:
    files = sorted(corpus.FOLDER.glob("*"))
    assert files
    assert {path.name for path in files} <= {corpus.file_of(name).name for name in TARGETS}
    assert sum(path.stat().st_size for path in files) < 300_000


def test_what_is_saved_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path / "corpus")
    assert list(corpus.load("scan")) == []
    inputs = [bytes(range(256)), b"", b'{"a":1}\n', b"\xff", b""]
    size = corpus.save("scan", inputs)
    assert size == corpus.file_of("scan").stat().st_size
    assert list(corpus.load("scan")) == [b"", b"\xff", b'{"a":1}\n', bytes(range(256))]


def test_the_longest_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "FOLDER", tmp_path)
    monkeypatch.setattr(corpus, "ROOM", 20)
    assert corpus.save("scan", [b"x" * 30, b"12345678", b"1234567"]) == 10
    assert list(corpus.load("scan")) == [b"1234567"]
    monkeypatch.setattr(corpus, "ROOM", 21)
    assert corpus.save("scan", [b"x" * 30, b"12345678", b"1234567"]) == 21


def test_folders(tmp_path: Path) -> None:
    corpus.write_folder(tmp_path / "seeds", [b"one", b"", b"three"])
    assert corpus.read_folder(tmp_path / "seeds") == [b"one", b"", b"three"]
