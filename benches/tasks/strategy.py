"""A market maker's decision after each message: the same in Cython over the shipped .pxd, and in Python.

The strategy is that of tests/strategy, compiled when the task begins. Each contender is fed the message and decides;
what feeding alone costs is measured in the same rounds and subtracted, so a figure is the call, the read of the touch
and the arithmetic. A message's answer is whether a quote had to be moved.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from benches.messages import Snapshots
from benches.rounds import race
from benches.words import Answer, Job, Plan, Table

SOURCE = Path(__file__).resolve().parents[2] / "tests" / "strategy" / "maker.pyx"
EDGE, LEAN, BAND = 3_000_000, 500_000, 81_230_000  # raw at eight decimals: 0.03, 0.005 and 0.8123
FEED = "feeding alone"
SETUP = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup

flags = [] if sys.platform == "win32" else ["-O3"]
setup(name="maker", ext_modules=cythonize([Extension("maker", ["maker.pyx"], extra_compile_args=flags)],
                                          include_path=[sys.argv.pop(1)]))
"""


class Decider:
    """Quotes stand off the middle, lean away from a thin side, and move when they are wrong by more than a band."""

    __slots__ = ("ask", "band", "bid", "edge", "lean")

    def __init__(self, unit: float) -> None:
        self.bid: float = 0
        self.ask: float = 0
        self.edge, self.lean, self.band = EDGE / unit, LEAN / unit, BAND / unit

    def decide(self, bid: float, bid_size: float, ask: float, ask_size: float) -> bool:
        middle = bid + (ask - bid) / 2
        if bid_size > 2 * ask_size:
            middle += self.lean
        elif ask_size > 2 * bid_size:
            middle -= self.lean
        new_bid, new_ask = min(middle - self.edge, bid), max(middle + self.edge, ask)
        if self.bid and abs(new_bid - self.bid) < self.band and abs(new_ask - self.ask) < self.band:
            return False
        moved = new_bid != self.bid or new_ask != self.ask
        self.bid, self.ask = new_bid, new_ask
        return moved


class ByTop(Decider):
    """One consistent read."""

    def on_book(self, book: Any) -> bool:
        top = book.top()
        if top.state != 2 or not top.bid_raw or not top.ask_raw:
            return False
        return self.decide(top.bid, top.bid_size, top.ask, top.ask_size)


class ByBest(Decider):
    """Four reads of the book itself."""

    def on_book(self, book: Any) -> bool:
        if book.state != 2:
            return False
        return self.decide(book.best_bid, book.best_bid_size, book.best_ask, book.best_ask_size)


def compiled() -> ModuleType:
    """The strategy's module. Raises ImportError with the reason."""
    import csbook

    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cl").split()[0]
    if not SOURCE.exists() or shutil.which(compiler) is None:
        raise ImportError(f"needs the tests beside the benches and a C compiler ({compiler})")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.copy(SOURCE, folder)
        (folder / "setup.py").write_text(SETUP, encoding="utf-8")
        include = str(Path(csbook.__file__).resolve().parents[1])
        done = subprocess.run(
            [sys.executable, "setup.py", include, "-q", "build_ext", "--inplace"],
            cwd=folder, env=os.environ | {"PYTHONPATH": include}, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        found = [path for path in folder.glob("maker.*") if path.suffix in (".so", ".pyd")]
        if done.returncode or not found:
            raise ImportError(f"the strategy does not compile: {(done.stdout + done.stderr).strip()[-120:]}")
        spec = importlib.util.spec_from_file_location("maker", found[0])
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _job(make: Callable[[Any], Callable[[Any], bool]] | None) -> Job:
    from csbook import Book, Router

    book = Book("BTCUSDT", capacity=20)
    names: dict[str, Any] = {"feed": Router("coinswitch", [book]).feed, "book": book}
    if make is None:
        return Job("feed(message)", names, applies=False)
    return Job("feed(message)\nmoved = on_book(book)", {**names, "on_book": make(book)}, leaves=("moved",))


def answers(course: Snapshots) -> list[Answer]:
    """The decisions over the judge's books."""
    from benches.judge import JudgeBook

    judge, decider = JudgeBook(), Decider(1e8)
    found: list[Answer] = []
    for message in course.lap(0):
        judge.feed(message)
        (bid, *_), (ask, *_) = judge.levels()
        found.append((decider.decide(*bid, *ask),))
    return found


def tables(plan: Plan, peers: list[ModuleType]) -> Iterator[Table]:
    course = Snapshots(20, 32 if plan.quick else 256)
    course.answers = answers(course)
    course.final = None
    moved = sum(answer[0] for answer in course.answers)
    table = Table(
        "strategy",
        "a decision",
        f"after each of {len(course.answers)} snapshots of 20 levels; {moved} move a quote; feeding subtracted",
    )
    jobs: dict[str, Callable[[], Job]] = {FEED: lambda: _job(None)}
    try:
        maker = compiled()
    except ImportError as error:
        table.wrong["csbook, Cython at C level"] = str(error)
    else:
        jobs["csbook, Cython at C level"] = lambda: _job(lambda book: maker.Maker(book, EDGE, LEAN, BAND).on_book)
    jobs["csbook, Python by top()"] = lambda: _job(lambda book: ByTop(1e8).on_book)
    jobs["csbook, Python by best_*"] = lambda: _job(lambda book: ByBest(1e8).on_book)
    yield race(table, course, jobs, plan, subtract=FEED)
