from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from csbook.errors import HaltedError
from csbook.guard.killswitch import Cause, KillSwitch
from csbook.guard.latchfile import LatchFile, Record, Trip

NOW = 1_700_000_000_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "halt-x.json"


def armed(path: Path | None, *halt_files: Path) -> KillSwitch:
    switch = KillSwitch(None if path is None else LatchFile(path), halt_files=halt_files)
    assert switch.load(NOW) == []
    switch.admit()
    return switch


def refusal(switch: KillSwitch) -> str:
    with pytest.raises(HaltedError) as caught:
        switch.admit()
    assert caught.value.reason == switch.reason
    return str(caught.value)


def texts(alerts: list[object]) -> list[str]:
    assert all(alert.kind == "halt" for alert in alerts)  # type: ignore[attr-defined]
    return [alert.text for alert in alerts]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kept", [True, False])
def test_a_trip_latches_and_the_first_reason_stands(path: Path, kept: bool) -> None:
    switch = armed(path if kept else None)
    assert (switch.halted, switch.reason, switch.trips) == (False, "", ())
    assert texts(switch.trip(Cause.LOSS, "the loss is 120", NOW)) == ["halted (loss): the loss is 120"]
    assert texts(switch.trip(Cause.HAND, "lunch", NOW + 1, "ann")) == ["halted already, and now (hand by ann): lunch"]
    assert switch.trip(Cause.LOSS, "the loss is 120", NOW + 2) == []  # told already
    assert switch.halted and switch.reason == "the loss is 120"
    assert [trip.cause for trip in switch.trips] == [Cause.LOSS, Cause.HAND]
    assert refusal(switch) == "halted: the loss is 120; nothing was sent"


@pytest.mark.parametrize("cause", list(Cause))
def test_every_cause_latches_and_survives(path: Path, cause: Cause) -> None:
    armed(path).trip(cause, "why", NOW)
    again = KillSwitch(LatchFile(path))
    assert texts(again.load(NOW + 1)) == ["still halted since before the start: why"]
    assert again.trips == (Trip(cause, "why", NOW),)


def test_nothing_is_admitted_before_the_state_was_read(path: Path) -> None:
    switch = KillSwitch(LatchFile(path))
    assert switch.halted
    assert "not read yet" in refusal(switch)


def test_only_a_person_rearms(path: Path) -> None:
    switch = armed(path)
    switch.trip(Cause.STREAM, "why", NOW)
    for nobody in ("", " \n"):
        with pytest.raises(ValueError, match="by is empty"):
            switch.rearm(nobody, NOW)
    assert switch.rearm("ann", NOW + 5).text == "re-armed by ann; it was halted: why"
    switch.admit()
    assert (switch.reason, switch.trips) == ("", ())
    again = armed(path)
    assert not again.halted
    record = LatchFile(path).read()
    assert record == Record(False, (Trip(Cause.STREAM, "why", NOW),), "ann", NOW + 5)
    switch.trip(Cause.STREAM, "why", NOW + 9)  # the same again is a new halt
    assert switch.halted and LatchFile(path).read() == Record(True, (Trip(Cause.STREAM, "why", NOW + 9),))


def test_a_halt_before_the_state_was_read_stands_behind_the_older_one(path: Path) -> None:
    armed(path).trip(Cause.LOSS, "old", NOW)
    switch = KillSwitch(LatchFile(path))
    switch.trip(Cause.SIGNAL, "new", NOW + 1)
    switch.load(NOW + 2)
    assert [trip.reason for trip in switch.trips] == ["old", "new"]
    fresh = KillSwitch(LatchFile(path.with_name("halt-y.json")))
    fresh.trip(Cause.SIGNAL, "new", NOW + 1)
    assert fresh.load(NOW + 2) == [] and fresh.reason == "new"


def test_a_reason_of_anothers_making(path: Path) -> None:
    switch = armed(path)
    switch.trip(Cause.HAND, "a\x1b[2J\n" + "x" * 5000, NOW, "b\n" * 5000)
    assert switch.reason.startswith("a [2J xxx") and len(switch.reason) == 300
    again = KillSwitch(LatchFile(path))
    again.load(NOW)
    assert again.trips == switch.trips


def test_thousands_of_reasons_are_bounded(path: Path) -> None:
    switch = armed(path)
    for number in range(300):
        switch.trip(Cause.SCHEMA, f"reason {number}", NOW + number)
    assert switch.reason == "reason 0"
    assert len(switch.trips) == 16 and switch.trips[-1].reason == "reason 299"
    assert path.stat().st_size < 10_000


# -- the disk ---------------------------------------------------------------------------------------------------------


def test_sync_writes_what_trip_wrote(path: Path) -> None:
    switch = armed(path)
    assert switch.sync() == [] and not path.exists()  # nothing to do
    switch.trip(Cause.HAND, "why", NOW)
    written = path.stat()
    assert switch.sync() == []
    flushed = path.stat()
    assert (written.st_ino, written.st_mtime_ns) != (flushed.st_ino, flushed.st_mtime_ns)
    assert switch.sync() == [] and path.stat().st_mtime_ns == flushed.st_mtime_ns
    assert LatchFile(path).read() == Record(True, switch.trips)


@pytest.mark.parametrize("content", [b"", b"{", b'{"halted": false, "trips": "none"}'])
def test_a_state_that_cannot_be_read_is_a_halt(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    switch = KillSwitch(LatchFile(path))
    (text,) = texts(switch.load(NOW))
    assert text.startswith("halted (state)") and "no halt state that can be read" in text
    assert switch.trips[0].cause is Cause.STATE
    refusal(switch)
    assert path.read_bytes() == content  # for whoever wants to look at it
    switch.rearm("ann", NOW)
    armed(path)


def test_a_state_that_cannot_be_kept_is_a_halt(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    switch = KillSwitch(LatchFile(tmp_path / "file" / "halt-x.json"))
    (text,) = texts(switch.load(NOW))
    assert text.startswith("halted (state)")
    with pytest.raises(HaltedError, match=r"still halted: .* cannot be"):
        switch.rearm("ann", NOW)
    refusal(switch)


def test_a_halt_that_cannot_be_kept_stands_and_is_told(path: Path) -> None:
    switch = armed(path)
    path.parent.rmdir()
    path.parent.write_bytes(b"")  # no directory any more
    told = texts(switch.trip(Cause.LOSS, "why", NOW))
    assert told[0] == "halted (loss): why"
    assert told[1].startswith("the halt stands, and a restart would forget it: ")
    assert texts(switch.trip(Cause.HAND, "more", NOW)) == ["halted already, and now (hand): more"]  # told once
    refusal(switch)
    with pytest.raises(HaltedError, match="cannot be written"):
        switch.rearm("ann", NOW)
    assert switch.reason == "why"
    path.parent.unlink()
    assert switch.sync() == []
    assert KillSwitch(LatchFile(path)).load(NOW) != []
    switch.rearm("ann", NOW)
    armed(path)


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX's")
def test_a_directory_that_others_can_write_is_a_halt(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o777)
    switch = KillSwitch(LatchFile(path))
    (text,) = texts(switch.load(NOW))
    assert "by others" in text
    with pytest.raises(HaltedError, match="by others"):
        switch.rearm("ann", NOW)
    path.parent.chmod(0o700)
    switch.rearm("ann", NOW)
    switch.admit()


# -- a file named HALT ------------------------------------------------------------------------------------------------


def test_the_halt_file(path: Path, tmp_path: Path) -> None:
    halt = tmp_path / "HALT"
    switch = armed(path, tmp_path / "other", halt)
    assert switch.due(5.0) == 5.0
    assert switch.look(5.0, NOW) == []
    assert switch.due(5.2) == 6.0
    halt.write_text("exchange maintenance\nsecond line", encoding="utf-8")
    assert texts(switch.look(6.0, NOW)) == [f"halted (file): {halt} is present: exchange maintenance"]
    assert switch.look(7.0, NOW) == []  # once
    with pytest.raises(HaltedError, match="remove it first"):
        switch.rearm("ann", NOW)
    halt.unlink()
    assert switch.look(8.0, NOW) == []
    assert switch.halted  # that it is gone re-arms nothing
    switch.rearm("ann", NOW)
    assert switch.look(9.0, NOW) == []
    switch.admit()


@pytest.mark.parametrize("kind", ["empty", "directory", "binary", "dangling", "pipe"])
def test_whatever_is_named_halt_halts(tmp_path: Path, kind: str) -> None:
    halt = tmp_path / "HALT"
    if kind in ("dangling", "pipe") and sys.platform == "win32":
        pytest.skip("POSIX")
    if kind == "directory":
        halt.mkdir()
    elif kind == "dangling":
        halt.symlink_to(tmp_path / "nowhere")
    elif kind == "pipe":
        os.mkfifo(halt)
    else:
        halt.write_bytes(b"" if kind == "empty" else b"\xff\x00\x1b[2J" * 10_000)
    switch = armed(None, halt)
    (text,) = texts(switch.look(0.0, NOW))
    assert text.startswith(f"halted (file): {halt} is present") and text.isprintable() and len(text) < 400


def test_a_halt_file_in_a_place_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    switch = armed(None, tmp_path / "file" / "HALT", tmp_path / "nowhere" / "HALT")
    assert switch.look(0.0, NOW) == []


def test_no_such_interval() -> None:
    with pytest.raises(ValueError, match="look_every"):
        KillSwitch(None, look_every=0.0)


# -- other processes --------------------------------------------------------------------------------------------------


def test_another_process_halts_this_one(path: Path) -> None:
    here, there = armed(path), armed(path)
    assert here.look(0.0, NOW) == []
    there.trip(Cause.HAND, "why", NOW, "ann")
    assert texts(here.look(1.0, NOW)) == ["halted elsewhere (hand by ann): why"]
    assert here.look(2.0, NOW) == []
    assert refusal(here)


def test_another_process_rearms_this_one(path: Path) -> None:
    here, there = armed(path), KillSwitch(LatchFile(path))
    here.trip(Cause.LOSS, "why", NOW)
    there.load(NOW)
    there.rearm("ann", NOW + 1)
    assert texts(here.look(1.0, NOW)) == ["re-armed elsewhere by ann; it was halted: why"]
    here.admit()


def test_who_had_not_seen_this_halt_does_not_rearm_it(path: Path) -> None:
    here, there = armed(path), armed(path)
    path.parent.rmdir()
    path.parent.write_bytes(b"")
    here.trip(Cause.LOSS, "why", NOW)  # only known here
    path.parent.unlink()
    there.trip(Cause.HAND, "other", NOW)
    there.rearm("ann", NOW + 1)
    assert here.look(1.0, NOW) == []
    assert here.halted
    assert texts(there.look(1.0, NOW)) == ["halted elsewhere (loss): why"]


def test_a_state_that_was_removed_rearms_nothing(path: Path) -> None:
    switch = armed(path)
    switch.trip(Cause.LOSS, "why", NOW)
    path.unlink()
    assert switch.look(1.0, NOW) == []
    assert switch.halted and LatchFile(path).read() == Record(True, switch.trips)


def test_a_state_that_was_spoiled_halts(path: Path) -> None:
    switch = armed(path)
    switch.trip(Cause.LOSS, "why", NOW)
    switch.rearm("ann", NOW)
    path.write_bytes(b"garbage")
    (text,) = texts(switch.look(1.0, NOW))
    assert text.startswith("halted (state)")


def test_a_halt_between_looking_and_rearming_is_not_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = armed(path), armed(path)
    here.trip(Cause.LOSS, "first", NOW)
    there.look(1.0, NOW)
    read = LatchFile.read

    def read_and_then_another_halts(file: LatchFile) -> Record | None:
        record = read(file)
        monkeypatch.undo()
        here.trip(Cause.SCHEMA, "second", NOW)
        return record

    monkeypatch.setattr(LatchFile, "read", read_and_then_another_halts)
    with pytest.raises(HaltedError, match="at the same time"):
        there.rearm("ann", NOW)
    assert LatchFile(path).read() == Record(True, here.trips)
    there.look(2.0, NOW)
    there.rearm("ann", NOW)
    assert texts(here.look(2.0, NOW)) == ["re-armed elsewhere by ann; it was halted: first"]


RACE = """
import sys
from pathlib import Path
from csbook.guard.killswitch import Cause, KillSwitch
from csbook.guard.latchfile import LatchFile

switch = KillSwitch(LatchFile(Path(sys.argv[1])))
switch.load(1)
sys.stdout.write("ready\\n"); sys.stdout.flush()
sys.stdin.readline()
for number in range(20):
    alerts = switch.trip(Cause.HAND, f"{sys.argv[2]} {number}", 1 + number)
    assert "forget" not in str(alerts), alerts
switch.sync()
"""


def test_processes_that_halt_at_the_same_time(path: Path, root: Path) -> None:
    """Whatever the race, the file is whole, says halted, and keeps the first reason of one of them."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(path), f"racer{number}"],
            env={**os.environ, "PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    for process in running:
        process.communicate(timeout=60)
        assert process.returncode == 0
    switch = KillSwitch(LatchFile(path))
    switch.load(NOW)
    assert switch.halted and switch.reason in {f"racer{number} 0" for number in range(3)}
    switch.rearm("ann", NOW)


def test_a_process_that_is_killed_stays_halted(path: Path, root: Path) -> None:
    code = RACE.replace("switch.sync()", "import os; os.kill(os.getpid(), 9)" if os.name == "posix" else "os._exit(1)")
    process = subprocess.run(
        [sys.executable, "-c", f"import os\n{code}", str(path), "me"],
        env={**os.environ, "PYTHONPATH": str(root)},
        input="\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode != 0
    switch = KillSwitch(LatchFile(path))
    switch.load(NOW)
    assert switch.reason == "me 0"


class Processes(RuleBasedStateMachine):
    """Three processes of one account in any order of events: a halt ends by hand only, wherever it came from."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "state" / "halt-x.json"
        self.now = 0
        self.switches = [self.born() for _ in range(3)]

    def born(self) -> KillSwitch:
        switch = KillSwitch(LatchFile(self.path))
        switch.load(NOW)
        return switch

    def tick(self) -> int:
        self.now += 1
        return self.now

    @rule(who=st.integers(0, 2), cause=st.sampled_from(Cause))
    def trip(self, who: int, cause: Cause) -> None:
        reason = f"reason {self.tick()}"
        self.switches[who].trip(cause, reason, NOW + self.now)
        assert self.switches[who].halted

    @rule(who=st.integers(0, 2))
    def look(self, who: int) -> None:
        self.switches[who].look(float(self.tick()), NOW + self.now)

    @rule(who=st.integers(0, 2))
    def sync(self, who: int) -> None:
        assert self.switches[who].sync() == []

    @rule(who=st.integers(0, 2))
    def rearm(self, who: int) -> None:
        try:
            self.switches[who].rearm("ann", NOW + self.tick())
        except HaltedError:
            assert self.switches[who].halted
        else:
            assert not self.switches[who].halted

    @rule(who=st.integers(0, 2))
    def restart(self, who: int) -> None:
        was = LatchFile(self.path).read()
        self.switches[who] = self.born()
        assert self.switches[who].halted is (was is not None and was.halted)

    @rule()
    def remove(self) -> None:
        if any(switch.halted for switch in self.switches):
            self.path.unlink(missing_ok=True)
            for switch in self.switches:
                was = switch.halted
                switch.look(float(self.tick()), NOW + self.now)
                assert not was or switch.halted

    @invariant()
    def all_agree_once_all_have_looked(self) -> None:
        for _ in range(2):
            for switch in self.switches:
                switch.look(float(self.tick()), NOW + self.now)
        record = LatchFile(self.path).read()
        halted = record is not None and record.halted
        assert [switch.halted for switch in self.switches] == [halted] * 3

    def teardown(self) -> None:
        self.folder.cleanup()


TestProcesses = Processes.TestCase
TestProcesses.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
