"""The README keeps its word: its examples run, its commands exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "setup.py").exists():
    pytest.skip("inspects the source tree", allow_module_level=True)

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
VERBS = set("bench build clean cover demo docs faults fuzz lint sanitize test types wheel".split())  # noqa: SIM905


def run(code: str, folder: Path) -> str:
    """Run a block as a user would: in a file of its own, somewhere else, with warnings as errors."""
    path = folder / "example.py"
    path.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", os.fspath(path)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_feed_example_runs_and_ends(tmp_path: Path) -> None:
    block = next(block for block in BLOCKS if "LocalVenue" in block)
    lines = run(block, tmp_path).splitlines()
    assert lines
    for line in lines:
        symbol, state, bid, ask, microprice = line.split()
        assert (symbol, state) == ("BTCUSDT", "LIVE")
        assert 0 < float(bid) < float(microprice) < float(ask)


def test_the_feed_example_has_ten_lines() -> None:
    block = next(block for block in BLOCKS if "LocalVenue" in block)
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


def test_the_book_example_runs(tmp_path: Path) -> None:
    block = next(block for block in BLOCKS if "apply_delta" in block)
    touch, *_, last = run(block, tmp_path).splitlines()
    assert touch.startswith("30149.99 30150.0 ")
    assert last == "APPLIED True"


def test_every_example_is_tested() -> None:
    assert len(BLOCKS) == 2


def test_the_verbs_are_those_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == VERBS | {"help"}
    assert {"demo", "test"} <= set(re.findall(r"^\$ make (\w+)$", README, re.MULTILINE))
    assert set(re.findall(r"`make (\w+)", README)) <= VERBS


def test_the_states_are_those_of_the_code() -> None:
    from csbook import State

    table = README.partition("## What a state means")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == {state.name for state in State}


def test_the_dialects_are_told_as_they_are() -> None:
    from csbook.venues import dialect, names

    table = README.partition("## The three CoinSwitch dialects")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(coinswitch[\w-]*)` \|.*\| ([\w ]+) \|$", table, re.MULTILINE))
    assert set(rows) == {"coinswitch", "coinswitch-sio", "coinswitch-hft"}
    for name, there in rows.items():
        assert (there == "yes") == (name in names()), name
    assert dialect("coinswitch").official is False
    assert "Unofficial" in table
    assert "terms" in table


def test_the_numbers_have_their_place() -> None:
    assert README.count("<!-- numbers -->") == README.count("<!-- /numbers -->") == 1
    assert README.index("<!-- numbers -->") < README.index("<!-- /numbers -->")


def test_relative_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target
    for target in re.findall(r"`((?:csbook|benches|tests)/[\w./]+)`", README):
        if target != "benches/RESULTS.md":
            assert (ROOT / target).exists(), target
