"""A copy of the tree in which one break at a time is built and tested."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from .mutant import ROOT, Mutant

HANGS = 400.0  # seconds after which a part of the suite counts as hung
LATE = ("levels", "cimport", "recorded", "memory", "threads")  # what takes longest is asked last
BUILD = """
import sys
import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

flags = ["/Od"] if sys.platform == "win32" else ["-O0", "-g0", "-w", "-fvisibility=hidden"]
core = Extension("csbook._core", ["csbook/_core.pyx"], include_dirs=[numpy.get_include(), "csbook/core"],
                 define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")], extra_compile_args=flags)
setup(name="csbook", ext_modules=cythonize([core], force=True, quiet=True),
      script_args=["-q", "build_ext", "--inplace", "--force"])
"""
# A failure is a failure: nobody reads the smallest example of it.
PLUGIN = """
from hypothesis import Phase, settings

settings.register_profile("break", phases=[Phase.explicit, Phase.generate], database=None, print_blob=False)
settings.load_profile("break")
"""
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$", re.MULTILINE)
STARTED = re.compile(r"^(tests/\S+::.*?)(?: (PASSED|SKIPPED|XFAIL).*)?$", re.MULTILINE)


class Broken(Exception):
    """A break that does not compile: it is none."""


class Workshop:
    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        shutil.rmtree(folder, ignore_errors=True)
        self.tree.mkdir(parents=True)
        for name in ("csbook", "tests"):
            unwanted = shutil.ignore_patterns("__pycache__", "*.c", "_core.*.so", "_core.*.pyd")
            shutil.copytree(ROOT / name, self.tree / name, ignore=unwanted)
        for name in ("setup.py", "pyproject.toml"):
            shutil.copy2(ROOT / name, self.tree / name)
        if (ROOT.parent / "shared").is_dir():
            (folder / "shared").symlink_to(ROOT.parent / "shared")
        (self.tree / "no_shrinking.py").write_text(PLUGIN, encoding="utf-8")
        self.environment = os.environ | {"PYTHONPATH": str(self.tree), "PYTHONDONTWRITEBYTECODE": "1"}

    def build(self) -> None:
        done = subprocess.run(
            [sys.executable, "-c", BUILD], cwd=self.tree, env=self.environment,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        if done.returncode:
            raise Broken((done.stdout + done.stderr)[-2000:])

    def tests(self, first: tuple[str, ...]) -> tuple[list[str], list[str]]:
        """The tests of the core: those asked first, in that order, and the rest."""
        stems = sorted(path.stem.removeprefix("test_") for path in (self.tree / "tests" / "core").glob("test_*.py"))
        rest = sorted(set(stems) - set(first), key=lambda stem: (stem in LATE, stem))
        return [f"tests/core/test_{stem}.py" for stem in first], [f"tests/core/test_{stem}.py" for stem in rest]

    def failing(self, tests: list[str]) -> str | None:
        """The first test that fails, crashes or hangs; None where all pass."""
        if not tests:
            return None
        order = [sys.executable, "-m", "pytest", "-x", "-v", "--tb=no", "-p", "no:cacheprovider", "-p", "no_shrinking"]
        try:
            done = subprocess.run(
                [*order, "--timeout", "60", "-m", "not slow", *tests], cwd=self.tree, env=self.environment,
                capture_output=True, text=True, errors="replace", timeout=HANGS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return f"{last_started(late.stdout)} (hangs)"
        if done.returncode == 0:
            return None
        if found := FAILED.search(done.stdout):
            return found[1]
        return f"{last_started(done.stdout)} (ends with {done.returncode})"

    def killer(self, mutant: Mutant) -> str | None:
        """The test that notices a break; None where none does. Raises Broken and LookupError."""
        path = self.tree / mutant.source
        text = path.read_text(encoding="utf-8")
        try:
            path.write_text(mutant.apply(text), encoding="utf-8")
            self.build()
            first, rest = self.tests(mutant.tests)
            return self.failing(first) or self.failing(rest)
        finally:
            path.write_text(text, encoding="utf-8")


def last_started(output: str | bytes | None) -> str:
    text = output.decode(errors="replace") if isinstance(output, bytes) else output or ""
    started = STARTED.findall(text)
    return started[-1][0] if started else "the import"
