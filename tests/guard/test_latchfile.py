from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csbook.guard.latchfile import Cause, LatchFault, LatchFile, Record, Trip, latch_path, line, state_directory

NOW = 1_700_000_000_123_000_000
TRIP = Trip(Cause.LOSS, "the loss is 120 USDT, the limit 100", NOW, "")
HALTED = Record(True, (TRIP, Trip(Cause.HAND, "lunch", NOW + 1, "ann")))
ARMED = Record(False, (TRIP,), "ann", NOW + 2)

posix = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes are POSIX's")


@pytest.fixture
def file(tmp_path: Path) -> LatchFile:
    return LatchFile(tmp_path / "state" / "halt-x.json", {"venue": "x"})


@pytest.mark.parametrize("record", [HALTED, ARMED, Record(False, ()), Record(True, ())])
@pytest.mark.parametrize("durable", [False, True])
def test_what_is_written_is_read(file: LatchFile, record: Record, durable: bool) -> None:
    assert file.read() is None
    assert file.write(record, durable=durable)
    assert file.read() == record
    assert LatchFile(file.path).read() == record
    assert file.write(HALTED, durable=durable)
    assert file.read() == HALTED


def test_it_can_be_read_by_people(file: LatchFile) -> None:
    file.write(HALTED, durable=False)
    said = json.loads(file.path.read_text(encoding="utf-8"))
    assert (said["halted"], said["venue"], said["trips"][1]["by"]) == (True, "x", "ann")
    assert said["trips"][0]["time"] == "2023-11-14T22:13:20.123+00:00"


@posix
def test_it_is_private(file: LatchFile) -> None:
    before = os.umask(0)
    try:
        file.write(HALTED, durable=True)
    finally:
        os.umask(before)
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700


def test_nothing_else_is_left_behind(file: LatchFile) -> None:
    for _ in range(5):
        file.write(HALTED, durable=False)
    file.probe()
    assert not file.write(ARMED, durable=False, unless_changed=True) or file.read() == ARMED
    assert {path.suffix for path in file.path.parent.iterdir()} == {".json", ".lock"}


def test_many_trips_are_kept_to_the_first_and_the_last(file: LatchFile) -> None:
    trips = tuple(Trip(Cause.HAND, f"reason {number}", NOW + number) for number in range(500))
    file.write(Record(True, trips), durable=False)
    read = file.read()
    assert read is not None
    assert (read.trips[0], read.trips[-1], len(read.trips)) == (trips[0], trips[-1], 16)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"halted"',
        b'{"halted": false}',
        b'{"halted": 0, "trips": []}',
        b'{"halted": false, "trips": {}}',
        b'{"halted": false, "trips": [{"cause": "other", "reason": "", "time_ns": 1, "by": ""}]}',
        b'{"halted": false, "trips": [{"cause": "hand"}]}',
        b'{"halted": false, "trips": [1]}',
        b'{"halted": false, "trips": [], "rearmed": "yes"}',
        b'{"halted": false, "trips": [], "rearmed": {"time_ns": 1e999}}',
        b'{"halted": false, "trips": []}' + b" " * 70_000,
        b"\xff\xfe",
        b"[" * 50_000,
    ],
)
def test_what_cannot_be_read_is_a_fault_and_never_armed(file: LatchFile, content: bytes) -> None:
    file.write(ARMED, durable=False)
    file.path.write_bytes(content)
    with pytest.raises(LatchFault, match="no halt state"):
        file.read()


def test_every_byte_cut_off_is_a_fault(file: LatchFile) -> None:
    file.write(HALTED, durable=False)
    whole = file.path.read_bytes().rstrip()
    for size in range(len(whole)):
        file.path.write_bytes(whole[:size])
        with pytest.raises(LatchFault):
            file.read()


def test_a_directory_or_a_link_in_its_place(file: LatchFile, tmp_path: Path) -> None:
    file.path.mkdir(parents=True)
    with pytest.raises(LatchFault):
        file.read()
    with pytest.raises(LatchFault, match="cannot be written"):
        file.write(HALTED, durable=False)
    file.path.rmdir()
    if sys.platform != "win32":
        other = LatchFile(tmp_path / "state" / "other.json")
        other.write(ARMED, durable=False)
        file.path.symlink_to(other.path)
        with pytest.raises(LatchFault, match="cannot be read"):
            file.read()
        file.write(HALTED, durable=False)  # takes the link's place, and leaves what it led to
        assert (file.read(), other.read()) == (HALTED, ARMED)


@posix
def test_a_pipe_in_its_place_holds_nobody_up(file: LatchFile) -> None:
    file.path.parent.mkdir()
    os.mkfifo(file.path)
    with pytest.raises(LatchFault, match="no regular file"):
        file.read()


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_can_write_is_not_believed(file: LatchFile, mode: int) -> None:
    file.write(ARMED, durable=False)
    file.path.chmod(mode)
    with pytest.raises(LatchFault, match="by others"):
        file.read()
    file.write(HALTED, durable=False)
    assert file.read() == HALTED


@posix
def test_a_directory_that_others_can_write_is_not_believed(file: LatchFile) -> None:
    file.write(ARMED, durable=False)
    file.path.parent.chmod(0o777)
    for asked in (file.read, file.probe):
        with pytest.raises(LatchFault, match="by others"):
            asked()
    file.path.unlink()
    with pytest.raises(LatchFault, match="by others"):
        file.read()  # that there is none says nothing there
    file.write(HALTED, durable=False)  # a halt is written all the same
    file.path.parent.chmod(0o1777)  # where nobody can take away what is another's
    assert file.read() == HALTED


@posix
def test_another_users_file_is_not_believed(file: LatchFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(ARMED, durable=False)
    monkeypatch.setattr(os, "geteuid", lambda: file.path.stat().st_uid + 1)
    with pytest.raises(LatchFault, match="by others"):
        file.read()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_directory_without_permission(file: LatchFile) -> None:
    file.write(ARMED, durable=False)
    file.path.parent.chmod(0o500)
    try:
        for refused in (lambda: file.write(HALTED, durable=False), file.probe):
            with pytest.raises(LatchFault, match="cannot be written"):
                refused()
        assert file.read() == ARMED
        file.path.parent.chmod(0)
        with pytest.raises(LatchFault, match="cannot be read"):
            file.read()
        assert file.changed()
    finally:
        file.path.parent.chmod(0o700)


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    file = LatchFile(tmp_path / "file" / "halt-x.json")
    for refused in (lambda: file.write(HALTED, durable=True), file.probe):
        with pytest.raises(LatchFault, match="cannot be written"):
            refused()


def test_a_change_by_another_is_seen(file: LatchFile) -> None:
    other = LatchFile(file.path)
    assert file.read() is None and not file.changed()
    other.write(HALTED, durable=False)
    assert file.changed() and not other.changed()
    assert file.read() == HALTED
    assert not file.changed()
    other.write(HALTED, durable=False)
    assert file.changed()
    file.read()
    file.path.unlink()
    assert file.changed() and other.changed()


def test_only_where_it_did_not_change(file: LatchFile) -> None:
    other = LatchFile(file.path)
    assert file.read() is None
    assert other.write(HALTED, durable=False)
    assert not file.write(ARMED, durable=True, unless_changed=True)
    assert file.read() == HALTED
    assert file.write(ARMED, durable=True, unless_changed=True)
    assert other.read() == ARMED


@posix
def test_a_process_that_hangs_with_the_lock_holds_up_no_halt(file: LatchFile) -> None:
    import fcntl

    file.write(ARMED, durable=False)
    with file.path.with_suffix(".lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert not file.write(ARMED, durable=False, unless_changed=True)
        assert file.write(HALTED, durable=False)
    assert file.read() == HALTED


RACE = """
import sys
from csbook.guard.latchfile import Cause, LatchFile, Record, Trip
from pathlib import Path

file, me, rounds = LatchFile(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
won = 0
while won < rounds:
    record = file.read()
    trips = record.trips if record else ()
    count = int(trips[-1].reason) if trips else 0
    mine = Trip(Cause.HAND, str(count + 1), count + 1, me)
    won += file.write(Record(True, (mine,)), durable=False, unless_changed=True)
"""


def test_processes_that_write_at_the_same_time_lose_nothing(file: LatchFile, root: Path) -> None:
    """Each reads a number and writes the next one: no write of another is ever replaced unseen."""
    rounds, racers = 60, 4
    file.path.parent.mkdir()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, str(file.path), f"racer {number}", str(rounds)],
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        for number in range(racers)
    ]
    assert [process.wait(60) for process in running] == [0] * racers
    record = file.read()
    assert record is not None
    assert record.trips[0].reason == str(rounds * racers)
    assert {path.suffix for path in file.path.parent.iterdir()} == {".json", ".lock"}


# -- where it stands --------------------------------------------------------------------------------------------------


def test_the_directory(tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path)}
    assert state_directory(home) == tmp_path / ".local" / "state" / "csbook"
    assert state_directory({**home, "XDG_STATE_HOME": str(tmp_path / "x")}) == tmp_path / "x" / "csbook"
    assert state_directory({**home, "XDG_STATE_HOME": "relative"}) == tmp_path / ".local" / "state" / "csbook"
    assert state_directory({**home, "CSBOOK_STATE_DIR": str(tmp_path / "y")}) == tmp_path / "y"
    with pytest.raises(LatchFault, match="CSBOOK_STATE_DIR is 'here'"):
        state_directory({"CSBOOK_STATE_DIR": "here"})


def test_each_account_has_a_file_of_its_own(tmp_path: Path) -> None:
    origin, key = "https://coinswitch.co", "the-api-key"
    path = latch_path(tmp_path, "coinswitch", origin, key)
    assert path.parent == tmp_path and path.name.startswith("halt-coinswitch-") and path.suffix == ".json"
    assert key not in path.name
    assert latch_path(tmp_path, "coinswitch", "HTTPS://coinswitch.co/", key) == path
    others = {
        latch_path(tmp_path, "coinswitch", origin, "another key"),
        latch_path(tmp_path, "coinswitch", "http://127.0.0.1:9001", key),
        latch_path(tmp_path, "coinswitch-hft", origin, key),
    }
    assert len(others | {path}) == 4
    with pytest.raises(ValueError, match="venue is"):
        latch_path(tmp_path, "../other", origin, key)


def test_a_line_is_short_and_printable() -> None:
    assert line("a\n\x1b[2Jb\tc") == "a [2Jb c"
    assert len(line("x" * 10_000)) == 300


@given(st.text() | st.text(alphabet="a \n", min_size=500))
def test_a_line_of_a_line_is_the_same(text: str) -> None:
    """What is compared after a restart is what was written."""
    assert line(line(text)) == line(text)
