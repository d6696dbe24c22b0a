"""The table of breaks cannot rot: what each takes out still stands in the sources, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from .mutant import ROOT, Mutant, Place, mutants

if not (ROOT / "setup.py").exists():
    pytest.skip("inspects the source tree", allow_module_level=True)


@pytest.mark.parametrize("name", mutants())
def test_a_break_is_one(name: str) -> None:
    mutant = mutants()[name]
    text = (ROOT / mutant.source).read_text(encoding="utf-8")
    assert mutant.apply(text) != text
    assert mutant.tests
    for stem in mutant.tests:
        assert (ROOT / "tests" / "core" / f"test_{stem}.py").exists(), stem


def test_no_two_breaks_are_the_same() -> None:
    made = [(mutant.source, str(mutant.places)) for mutant in mutants().values()]
    assert len(set(made)) == len(made) >= 40


def test_each_part_that_decides_is_broken() -> None:
    """Every source of the core but the words about the build and the words of the compilers."""
    folder = ROOT / "csbook" / "core"
    parts = {path.relative_to(ROOT) for path in folder.iterdir() if path.suffix in (".pxi", ".h")}
    spared = {Path("csbook/core/build.pxi"), Path("csbook/core/port.h")}
    assert parts - {mutant.source for mutant in mutants().values()} == spared


@pytest.mark.parametrize(("text", "times"), [("x\nx\n", 2), ("xx\n", 0), ("", 0)])
def test_a_place_that_is_not_there_once_is_told(text: str, times: int) -> None:
    mutant = Mutant("a", Path("csbook/core/side.pxi"), "nothing", (), [Place(["x"], ["y"])])
    with pytest.raises(LookupError, match=f"{times} times"):
        mutant.apply(text)
    assert mutant.apply("a\nx\nb\n") == "a\ny\nb\n"
