"""The benchmark suite works: it checks answers before it times them, and tells what it found. No time is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "benches").is_dir():
    pytest.skip("inspects the source tree", allow_module_level=True)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(os.fspath(ROOT))
    yield


def test_the_command_runs_and_tells_its_figures(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benches", "snapshot", "reads", "--quick", "--rounds", "2", "--json", os.fspath(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(out.read_text(encoding="utf-8"))
    assert {table["task"] for table in told["tables"]} == {"snapshot", "reads"}
    for table in told["tables"]:
        figures = {figure["contender"]: figure for figure in table["figures"]}
        assert "csbook" in figures, table
        assert not table["wrong"]
        if table["reference"] in figures:
            assert figures[table["reference"]]["ratio"] == 1.0
    assert {"CPU", "Python", "command", "date"} <= set(told["machine"])


def test_an_unknown_task_is_named() -> None:
    from benches.__main__ import arguments

    with pytest.raises(SystemExit) as stopped:
        arguments(["nonsense"])
    assert stopped.value.code == 2


def test_a_wrong_answer_gives_no_number() -> None:
    from benches.messages import Snapshots
    from benches.peers import csbook
    from benches.rounds import race
    from benches.words import Plan, Table

    right = csbook.snapshot(5)
    wrong = replace(right, text=f"{right.text}\nbid += 0.01")
    below = replace(right, levels=lambda: ([], []))
    table = Table("snapshot", "5 levels", "")
    jobs = {"right": lambda: csbook.snapshot(5), "wrong": lambda: wrong, "below": lambda: below}
    race(table, Snapshots(5, 4), jobs, Plan(rounds=2))
    assert [figure.contender for figure in table.figures] == ["right"]
    assert set(table.wrong) == {"wrong", "below"}
    assert "the judge says" in table.wrong["wrong"]


def test_a_lap_of_changes_ends_where_it_began() -> None:
    from benches.judge import JudgeBook
    from benches.messages import seeded_changes

    course = seeded_changes(30, 50)
    judge = JudgeBook()
    judge.feed(course.start)
    begin = judge.levels()
    for number in range(2):
        assert [judge.feed(message) for message in course.lap(number)] == course.answers
        assert judge.levels() == course.final
        judge.feed(course.rewind(number))
        assert judge.levels() == begin


def test_the_results_are_written_out() -> None:
    from benches import chart, report
    from benches.words import Figure, Table, Target

    figures = [Figure("csbook", 330.0, 350.0, 0.11, 25), Figure("orjson.loads alone", 3e3, 3e3, 1.0, 25, "", False)]
    figures.append(Figure("another & <book>", 9000.0, 9500.0, 3.0, 25))
    target = Target("csbook", "ratio", 0.25, "at most 0.25")
    table = Table("snapshot", "20 levels", "seeded", reference="orjson.loads alone", figures=figures, targets=[target])
    machine = dict.fromkeys(("CPU", "system", "Python", "date", "command"), "said")
    results = report.Results(machine, {"csbook": "1"}, {"other": "ImportError: no"}, [table])
    text = report.markdown(results)
    assert "| csbook | 330 / 350 (0.110) |" in text
    assert "| *orjson.loads alone* | 3,000 (1.00) |" in text
    assert "| at most 0.25 | 0.110 | reached |" in text
    assert "other: ImportError: no" in text
    block = report.readme_block(results)
    assert "330 ns | 0.110 | another & <book>: 9,000 ns" in block
    readme = f"before\n{report.MARKS[0]}\nold\n{report.MARKS[1]}\nafter"
    assert report.put_between_marks(readme, "new") == readme.replace("old", "new")
    assert report.put_between_marks("no marks", "new") == "no marks"
    drawn = chart.draw([(table, "Snapshots")])
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    assert "another &amp; &lt;book&gt;" in drawn


def test_the_jobs_that_are_counted_run() -> None:
    from benches import instructions

    for job, prepare in instructions.JOBS.items():
        assert prepare()() >= 100, job
