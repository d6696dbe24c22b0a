"""The seeded fuzzer: it repeats, it stays bounded, a short run of it finds nothing, and it reports what breaks."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from csbook import _core

from . import seeded
from .rounds import Note
from .table import TARGETS
from .target import Failure, Target


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_a_short_run_finds_nothing(target: Target) -> None:
    before = _core._scanner()
    try:
        assert seeded.work(target, seed=1, seconds=0.2) > 10
    finally:
        _core._scanner(before)


@pytest.mark.parametrize("text", [True, False])
def test_damage_repeats_and_is_bounded(text: bool) -> None:
    target = Target("any", lambda: bytes.hex, list, text=text, longest=40)  # type: ignore[arg-type, return-value]
    one, two = (
        [seeded.damaged(target, rng, b'{"b":[["1","2"]]}', [b"{}"]) for _ in range(100)]
        for rng in (random.Random(1), random.Random(1))
    )
    assert one == two
    assert len(set(one)) > 40
    assert max(map(len, one)) <= 40


def a_target(made: object) -> Target:
    def one(data: bytes) -> None:
        if b"!" in data:
            raise Failure("an exclamation")

    return Target("any", lambda: one, lambda: [b"good", b"bad!"])


def test_a_failure_tells_its_input(tmp_path: Path) -> None:
    note = Note(tmp_path / "note")
    with pytest.raises(Failure) as caught:
        seeded.work(a_target(None), seed=3, seconds=5, note=note)
    assert caught.value.__notes__ == [f"input {b'bad!'.hex()}"]
    assert Note.read(tmp_path / "note") == (3, 1, b"bad!")


CRASH = """
import ctypes, sys
from pathlib import Path
from tests.fuzz.rounds import Note
Note(Path(sys.argv[sys.argv.index("--note") + 1])).write(7, 8, b"deadly")
ctypes.string_at(0)
"""


def test_a_crash_keeps_its_input(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "crash"
    package.mkdir()
    (package / "__main__.py").write_text(CRASH)
    monkeypatch.setenv(
        "PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[2]}".replace(":", ";" if sys.platform == "win32" else ":")
    )
    assert seeded.watch(["crash"], 20, tmp_path / "found") == 1
    assert (tmp_path / "found" / "crash").read_bytes() == b"deadly"
    assert "seed 7, step 8" in capfd.readouterr().err


def test_the_command(pytestconfig: pytest.Config) -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seeded", "--seconds", "0.1", "--seed", "5"]
    command += ["--target", "record", "--target", "market"]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["seed 5", "without coverage: --seeded"]
    assert [line.partition(":")[0] for line in lines[2:]] == ["record", "market"]
    assert all(line.endswith("no failure") for line in lines[2:])


def test_the_command_shows_an_input_again(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    (tmp_path / "input").write_bytes(b"\x081.5")
    command = [sys.executable, "-m", "tests.fuzz", "--target", "decimal", "--input", str(tmp_path / "input")]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "no failure\n"), done.stderr
