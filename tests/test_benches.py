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


def test_a_target_may_name_its_rival_and_its_direction() -> None:
    from benches.words import Figure, Table, Target

    table = Table("wire", "flat out", "seeded", figures=[Figure("a", 130.0, 0.0, 0.8), Figure("b", 100.0, 0.0, 1.0)])
    table.targets = [
        Target("a", "ratio", 1.3, "", against="b"),
        Target("a", "ratio", 1.2, "", against="b"),
        Target("a", "ratio", 0.7, "", least=True),
        Target("a", "ratio", 0.9, "", least=True),
        Target("a", "ratio", 0.9, ""),
        Target("a", "ratio", 9.0, "", against="nobody"),
        Target("nobody", "median", 9.0, ""),
    ]
    said = [(value, reached) for _, value, reached in table.verdicts()]
    assert said == [(1.3, True), (1.3, False), (0.8, True), (0.8, False), (0.8, True), (None, False), (None, False)]


def test_the_strategy_is_compiled_and_agrees() -> None:
    from benches.tasks import strategy
    from benches.words import Plan

    (table,) = strategy.tables(Plan(rounds=1, quick=True), [])
    assert {figure.contender for figure in table.figures} | set(table.wrong) == {
        "csbook, Cython at C level", "csbook, Python by top()", "csbook, Python by best_*",
    }  # fmt: skip
    assert all("C compiler" in why for why in table.wrong.values())


def test_a_job_is_cold_when_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    from benches.tasks import snapshot
    from benches.words import Job

    seen: list[object] = []

    class Elsewhere:
        def count(self, byte: int) -> int:
            seen.append("read")
            return 0

    monkeypatch.setattr(snapshot, "OTHER", Elsewhere())
    job = snapshot.cold(lambda: Job("pass", {}, prepare=lambda messages: seen.append("prepared") or messages))
    assert job.prepare is not None
    assert job.prepare([b"1"]) == [b"1"]
    assert seen == ["prepared", "read"]
    course = snapshot.Single(5, 3)
    laps = [course.lap(number) for number in range(6)]
    assert all(len(lap) == 1 for lap in laps)
    assert len({lap[0] for lap in laps}) == 6
    assert len(course.answers) == 1


@pytest.mark.parametrize("name", ["RESULTS.md", "../RESULTS-3.12.md", "other.md", "RESULTS-3.12"])
def test_results_of_another_python_stand_beside_the_first(name: str) -> None:
    from benches.__main__ import arguments

    assert arguments(["--beside", "RESULTS-3.12.md"]).beside == "RESULTS-3.12.md"
    with pytest.raises(SystemExit):
        arguments(["--beside", name])


def test_who_is_missing_is_named_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from benches import peers

    monkeypatch.setitem(sys.modules, "benches.peers.mm_toolbox", None)
    found, missing = peers.load(("csbook", "mm_toolbox"))
    assert [peer.NAME for peer in found] == ["csbook"]
    assert "3.12 and 3.13" in missing["mm_toolbox"]
