"""Fuzzing led by coverage: atheris over extensions that clang built with libFuzzer's counters and AddressSanitizer.

The parent builds (``CSBOOK_BUILD=fuzz``, into build/fuzz alone), starts ``python -m tests.fuzz.guided TARGET`` with the
runtimes of both loaded first, and reads its log. The child is libFuzzer's: its options are libFuzzer's own.

Under build/fuzz: ``lib`` the built package, ``work/TARGET`` the inputs found so far, ``log/TARGET``, and
``found/TARGET-crash-...`` an input that broke something.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import corpus
from .mutate import TOKENS, mutate
from .target import Target

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "fuzz"
LIB = PLACE / "lib"
RUNTIME = "asan_with_fuzzer.so"


def missing() -> str:
    """Why there is no coverage here, in words; empty where there is."""
    if platform.system() != "Linux":
        return f"the guided fuzzer runs on Linux, and this is {platform.system()}"
    for name in ("atheris", "ziglang"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed (the extra `fuzz`, where it has a wheel)"
    return "" if runtime().exists() else f"atheris came without {RUNTIME}"


def runtime() -> Path:
    spec = importlib.util.find_spec("atheris")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parents[1] / RUNTIME


def build() -> str:
    """Build the extensions if a source of theirs has changed, and bring the modules up to date; or why that failed."""
    stamp = PLACE / "built"
    sources = [path for path in (ROOT / "csbook").rglob("*") if path.is_file()]
    parts = [path for path in sources if path.suffix in (".pyx", ".pxd", ".pxi", ".h")]
    newest = max(path.stat().st_mtime for path in [*parts, ROOT / "setup.py"])
    if not stamp.exists() or stamp.stat().st_mtime <= newest:
        print("building csbook (fuzz)", file=sys.stderr, flush=True)
        done = subprocess.run(
            [sys.executable, "setup.py", "-q", "build_ext", "--build-temp", f"{PLACE}/temp", "--build-lib", f"{LIB}"],
            cwd=ROOT, env={**os.environ, "CSBOOK_BUILD": "fuzz"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            return f"the build failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        stamp.touch()
    for path in sources:
        if path.suffix == ".py":
            copy = LIB / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return ""


def environment() -> dict[str, str]:
    """Of the child: the instrumented package in front of the tree, the runtimes in front of everything."""
    path = os.pathsep.join(map(os.fspath, (LIB, ROOT)))
    options = "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=16:malloc_context_size=4"
    return {
        **os.environ,
        "LD_PRELOAD": os.fspath(runtime()),
        "ASAN_OPTIONS": options,
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": path,
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def dictionary(words: Iterable[bytes]) -> str:
    """libFuzzer's dictionary: one word a line, quoted."""
    shown = ("".join(chr(c) if 32 < c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in word) for word in words)
    return "".join(f'"{word}"\n' for word in sorted(set(shown)) if 0 < len(word) <= 256)


@dataclass(frozen=True, slots=True)
class Run:
    """What a log says: executions, edges seen at first and at last, inputs found; ``found``: what broke something."""

    executions: int
    first: int
    last: int
    inputs: int
    found: str = ""


_DONE = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_EDGES = re.compile(r"\bcov: (\d+) .*corp: (\d+)/")
_FOUND = re.compile(r"Test unit written to (\S+)")


def read_log(text: str) -> Run:
    """Read what libFuzzer printed."""
    edges = [(int(match[1]), int(match[2])) for match in _EDGES.finditer(text)]
    done, found = _DONE.search(text), _FOUND.search(text)
    return Run(
        executions=int(done[1]) if done else 0,
        first=edges[0][0] if edges else 0,
        last=max((cov for cov, _ in edges), default=0),
        inputs=edges[-1][1] if edges else 0,
        found=found[1] if found else "",
    )


def child(target: Target, options: list[str], log: Path) -> tuple[int, str]:
    """Run libFuzzer over a target in a process of its own; its exit status and its log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", __name__, target.name, *options]
    with log.open("wb") as out:
        status = subprocess.run(command, cwd=PLACE, env=environment(), stdout=out, stderr=out, check=False).returncode
    return status, log.read_text(encoding="utf-8", errors="replace")


def fuzz(target: Target, seconds: float, seed: int, extra: Iterable[bytes] = ()) -> tuple[int, Run]:
    """Fuzz for so long, from the seeds, the corpus and what earlier runs found; exit status and figures."""
    folder = PLACE / "work" / target.name
    folder.mkdir(parents=True, exist_ok=True)
    (PLACE / "found").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        seeds, words = Path(place) / "seeds", Path(place) / "words"
        corpus.write_folder(seeds, [*target.seeds(), *corpus.load(target.name), *extra])
        words.write_text(
            dictionary(
                [*target.words, *(token for token in TOKENS if len(token) <= 32)] if target.text else target.words
            )
        )
        options = [f"-dict={words}"] if words.stat().st_size else []
        options += [
            f"-max_total_time={max(1, round(seconds))}", f"-seed={seed % 2**31 or 1}", f"-max_len={target.longest}",
            "-timeout=20", "-rss_limit_mb=3000", "-print_final_stats=1", "-reload=0",
            f"-artifact_prefix={PLACE / 'found' / target.name}-", os.fspath(folder), os.fspath(seeds),
        ]  # fmt: skip
        status, text = child(target, options, PLACE / "log" / target.name)
    return status, read_log(text)


def minimise(target: Target) -> list[bytes]:
    """The smallest inputs that reach every edge that all that was found reaches."""
    folder = PLACE / "work" / target.name
    with tempfile.TemporaryDirectory() as place:
        out, seeds = Path(place) / "out", Path(place) / "seeds"
        out.mkdir()
        corpus.write_folder(seeds, [*target.seeds(), *corpus.load(target.name)])
        folder.mkdir(parents=True, exist_ok=True)
        options = ["-set_cover_merge=1", "-use_counters=0", f"-max_len={target.longest}"]
        status, text = child(
            target, [*options, *map(os.fspath, (out, folder, seeds))], PLACE / "log" / f"{target.name}-merge"
        )
        if status:
            raise RuntimeError(f"libFuzzer could not merge: {text[-2000:]}")
        return corpus.read_folder(out)


# -- the child -----------------------------------------------------------------------------------------------------


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["csbook.wire"]):
        from .table import TARGETS
    from csbook import build_info

    target = TARGETS[sys.argv[1]]
    if not build_info()["sanitized"]:
        sys.exit("this is not the build for fuzzing")
    one: Any = target.make()
    rng = random.Random(0)

    def mutator(data: bytes, longest: int, seed: int) -> bytes:
        rng.seed(seed)
        if rng.random() < 0.5:
            return bytes(atheris.Mutate(data, longest))
        return mutate(rng, data)[:longest]

    options = {"custom_mutator": mutator} if target.text else {}
    again = shlex.join([sys.executable, "-m", "tests.fuzz.guided", target.name])  # libFuzzer starts itself to merge
    atheris.Setup([again, *sys.argv[2:]], one, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
