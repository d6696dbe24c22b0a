"""The guided fuzzer: what it tells libFuzzer, what it reads from it, and one short run where it can run."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import guided
from .table import TARGETS

LOG = """\
INFO: Loaded 1 modules   (15565 inline 8-bit counters): 15565 [0x7ff11a6bb008, 0x7ff11a6becd5),
#2\tINITED cov: 59 ft: 59 corp: 1/1b exec/s: 0 rss: 60Mb
#5\tNEW    cov: 243 ft: 247 corp: 2/5b lim: 4 exec/s: 0 rss: 63Mb L: 2/2 MS: 1 ChangeBit-
#50\tREDUCE cov: 244 ft: 250 corp: 5/7b lim: 4 exec/s: 0 rss: 64Mb L: 1/2 MS: 1 EraseBytes-
stat::number_of_executed_units: 12345
"""


def test_a_log_is_read() -> None:
    assert guided.read_log(LOG) == guided.Run(executions=12345, first=59, last=244, inputs=5)
    broken = LOG + "artifact_prefix='x/'; Test unit written to build/fuzz/found/decimal-crash-2e16\n"
    assert guided.read_log(broken).found == "build/fuzz/found/decimal-crash-2e16"
    assert guided.read_log("") == guided.Run(0, 0, 0, 0)


def test_a_dictionary_is_quoted() -> None:
    assert guided.dictionary([b'"bids"', b"", b"\xff\n", b"a\\", b"0.1", b"0.1", b" "]) == (
        '"0.1"\n"\\x20"\n"\\x22bids\\x22"\n"\\xff\\x0a"\n"a\\x5c"\n'
    )


@pytest.mark.parametrize("gone", ["atheris", "ziglang"])
def test_what_is_missing_is_named(gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    found = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == gone else found("json"))
    assert gone in guided.missing()


def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Windows")
    assert "Windows" in guided.missing()


needs_clang = pytest.mark.skipif(bool(guided.missing()), reason=guided.missing() or "-")


@needs_clang
def test_the_child_sees_the_instrumented_build_first() -> None:
    environment = guided.environment()
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == os.fspath(guided.LIB)
    assert environment["PYTHONSAFEPATH"] == "1"
    assert Path(environment["LD_PRELOAD"]).exists()


OVER = """
import ctypes
from csbook import Book, Router, build_info
assert build_info()["sanitized"]
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
payload = b'{"lastUpdateId":12345678,"bids":[["1","1"],["2","2"],["3","3"]],"asks":[]}'
for short in (0, 1):
    block = libc.malloc(len(payload) - short)
    ctypes.memmove(block, payload, len(payload) - short)
    print(Router("coinswitch", Book("X")).feed((ctypes.c_char * len(payload)).from_address(block)), flush=True)
"""


@needs_clang
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_read_outside_of_a_block_is_reported() -> None:
    """By one byte, in the instrumented scanner; and the same payload in a block of its size is fine."""
    assert guided.build() == ""
    done = subprocess.run(
        [sys.executable, "-c", OVER], env=guided.environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout == "APPLIED\n", done.stderr[-2000:]
    assert "heap-buffer-overflow" in done.stderr


@needs_clang
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_short_run() -> None:
    """The build, a run that finds edges, and inputs that reach them all."""
    assert guided.build() == ""
    target = TARGETS["decimal"]
    status, run = guided.fuzz(target, 2, seed=1)
    log = (guided.PLACE / "log" / "decimal").read_text(encoding="utf-8", errors="replace")
    assert status == 0, log[-3000:]
    assert run.executions > 100
    assert run.last >= run.first > 100
    assert "inline 8-bit counters" in log
    kept = guided.minimise(target)
    assert 0 < len(kept) < 400
    one = target.make()
    for data in kept:
        one(data)
