"""Where a halt is kept while no process runs: one small JSON file an account, readable by its owner alone.

* A write is whole or not at all: a new file beside it, then a rename. It survives the death of the process at once, and
  that of the machine once it was written ``durable`` (flushed to the disk before the rename).
* A file that cannot be read, that others could have written or that is not ours to the letter counts as a halt: it
  raises ``LatchFault``, and whoever asked stays halted. Only a file that is not there says that nothing was halted.
* It is replaced only where nobody else did so since it was read; a lock beside it makes the two one step. A halt never
  waits for that lock: a process that hangs could hold it.

Nothing secret is in it: the API key takes part as a hash, in the name.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["Cause", "LatchFault", "LatchFile", "Record", "Trip", "latch_path", "line", "state_directory"]

DIRECTORY = "CSBOOK_STATE_DIR"
LARGEST = 1 << 16
# never through a link, and never held up by a pipe; not every system has all of these
READING = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
TRIPS_KEPT = 16
LINE_LENGTH = 300
LOCK_TRIES = 200  # some hundred microseconds; it is held for some ten, so whoever holds it for longer hangs

_VENUE = re.compile(r"[a-z0-9][a-z0-9-]{0,40}", re.ASCII)


class Cause(enum.StrEnum):
    """What tripped the kill switch."""

    SCHEMA = "schema"
    STREAM = "stream"
    BOOK = "book"
    REJECTS = "rejects"
    LOSS = "loss"
    FILE = "file"
    SIGNAL = "signal"
    HAND = "hand"
    STATE = "state"  # the halt state itself cannot be kept, or cannot be read


@dataclass(frozen=True, slots=True)
class Trip:
    """One reason to halt. ``time_ns`` is since the epoch, ``by`` who asked for it, "" for a rule."""

    cause: Cause
    reason: str
    time_ns: int
    by: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What the file says. ``trips`` are those of the halt that stands, or of the last one; the first is its reason."""

    halted: bool
    trips: tuple[Trip, ...]
    rearmed_by: str = ""
    rearmed_ns: int = 0


class LatchFault(Exception):
    """The file cannot be trusted, or cannot be written. The text says why and names the file."""


def state_directory(environ: Mapping[str, str] | None = None) -> Path:
    """``CSBOOK_STATE_DIR``, else ``csbook`` in XDG's state home. Raises LatchFault where there is neither."""
    given = os.environ if environ is None else environ
    if given.get(DIRECTORY):
        path = Path(given[DIRECTORY])
        if not path.is_absolute():
            raise LatchFault(f"{DIRECTORY} is {given[DIRECTORY]!r}; expected an absolute path")
        return path
    home = given.get("XDG_STATE_HOME", "")
    if Path(home).is_absolute():  # a relative one is to be ignored, by that specification
        return Path(home) / "csbook"
    try:
        return (Path(given["HOME"]) if given.get("HOME") else Path.home()) / ".local" / "state" / "csbook"
    except RuntimeError:
        raise LatchFault(f"there is no home directory to keep the halt state in; set {DIRECTORY}") from None


def latch_path(directory: Path, venue: str, rest_origin: str, api_key: str) -> Path:
    """The file of one account: by venue, REST origin and a hash of the API key."""
    if not _VENUE.fullmatch(venue):
        raise ValueError(f"venue is {venue!r}; expected lower-case letters, digits and '-'")
    key = hashlib.sha256(api_key.encode()).hexdigest()
    digest = hashlib.sha256(f"{rest_origin.lower().rstrip('/')}\n{key}".encode()).hexdigest()
    return directory / f"halt-{venue}-{digest[:16]}.json"


class LatchFile:
    """The file of one account. ``told`` is written into it for people: venue and origin, say."""

    def __init__(self, path: Path, told: Mapping[str, str] | None = None) -> None:
        self.path = path
        self._told = dict(told or {})
        self._mark: tuple[int, int, int] | None = None  # of the file as it was last read or written

    def read(self) -> Record | None:
        """What it says; None where there is no file. Raises LatchFault for anything else."""
        try:
            self._demand_directory()
            self._mark = self._stat()
            number = os.open(self.path, READING)
            try:
                self._demand_private(os.fstat(number))
                content = b""
                while len(content) <= LARGEST and (part := os.read(number, LARGEST)):
                    content += part
            finally:
                os.close(number)
        except FileNotFoundError:
            self._mark = None
            return None
        except OSError as error:
            raise self._fault("cannot be read", error) from None
        return self._decoded(content)

    def write(self, record: Record, *, durable: bool, unless_changed: bool = False) -> bool:
        """Put the record in its place. Raises LatchFault; then the file is as it was.

        ``unless_changed``: only where it is still the file last read here. False: it was not, and nothing was written.
        """
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.{os.urandom(6).hex()}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                number = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
                with os.fdopen(number, "wb") as file:
                    file.write(self._encoded(record))
                    file.flush()
                    if durable:
                        os.fsync(number)
                    mark = _mark(os.fstat(number))
                with self._locked() as held:
                    if unless_changed and (not held or self.changed()):
                        return False
                    beside.replace(self.path)
                self._mark = mark
            finally:
                with contextlib.suppress(FileNotFoundError):
                    beside.unlink()
            if durable:
                self._sync_directory()
        except OSError as error:
            raise self._fault("cannot be written", error) from None
        return True

    def probe(self) -> None:
        """Raises LatchFault where a record could not be kept safely. Leaves nothing behind."""
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.{os.urandom(6).hex()}")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._demand_directory()
            with os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(b"\n")
            beside.unlink()
        except OSError as error:
            raise self._fault("cannot be written", error) from None

    def changed(self) -> bool:
        """Whether it is another file than the one last read or written here. Costs one ``stat``."""
        try:
            return self._stat() != self._mark
        except FileNotFoundError:
            return self._mark is not None
        except OSError:
            return True  # reading it will say what is wrong

    # -- how it is written

    def _encoded(self, record: Record) -> bytes:
        said: dict[str, Any] = {
            "halted": record.halted,
            **self._told,
            "trips": [
                {
                    "cause": trip.cause.value,
                    "reason": trip.reason,
                    "time": _clock_time(trip.time_ns),
                    "time_ns": trip.time_ns,
                    "by": trip.by,
                }
                for trip in _few(record.trips)
            ],
        }
        if record.rearmed_ns:
            at = record.rearmed_ns
            said["rearmed"] = {"by": record.rearmed_by, "time": _clock_time(at), "time_ns": at}
        return json.dumps(said, indent=1).encode() + b"\n"

    def _decoded(self, content: bytes) -> Record:
        try:
            said: Any = json.loads(content) if len(content) <= LARGEST else None
            halted, trips, rearmed = said["halted"], said["trips"], said.get("rearmed") or {}
            if type(halted) is not bool or not isinstance(trips, list) or not isinstance(rearmed, dict):
                raise ValueError
            return Record(
                halted,
                tuple(Trip(Cause(t["cause"]), line(t["reason"]), int(t["time_ns"]), line(t["by"])) for t in trips),
                line(rearmed.get("by", "")),
                int(rearmed.get("time_ns", 0)),
            )
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError):
            raise LatchFault(f"{self.path} is no halt state that can be read") from None

    # -- the file system

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Alone with the file among the processes that ask; False where another one does not let go."""
        number = -1
        held = False
        try:
            with contextlib.suppress(OSError):
                number = os.open(self.path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
                held = any(_locks(number) for _ in range(LOCK_TRIES))
            yield held
        finally:
            if number >= 0:
                os.close(number)  # which lets go, too

    def _stat(self) -> tuple[int, int, int]:
        return _mark(os.lstat(self.path))

    def _demand_directory(self) -> None:
        """Who can write into the directory can take the file away, and a halt with it."""
        if sys.platform == "win32":
            return
        found = self.path.parent.stat()
        others = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
        if others or found.st_uid not in (os.geteuid(), 0):
            raise LatchFault(f"{self.path.parent} can be written by others than this user")

    def _demand_private(self, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise LatchFault(f"{self.path} is no regular file")
        if sys.platform != "win32" and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
            raise LatchFault(f"{self.path} can be written by others than this user")

    def _sync_directory(self) -> None:
        if sys.platform == "win32":
            return
        number = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)

    def _fault(self, what: str, error: OSError) -> LatchFault:
        return LatchFault(f"{self.path} {what}: {error.strerror or type(error).__name__}")


def _mark(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _few(trips: tuple[Trip, ...]) -> tuple[Trip, ...]:
    """The first, whose reason stands, and the last ones."""
    return trips if len(trips) <= TRIPS_KEPT else (trips[0], *trips[1 - TRIPS_KEPT :])


def line(text: object) -> str:
    """One line of printable text, of bounded length."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * LINE_LENGTH])
    return " ".join(printable.split())[:LINE_LENGTH].rstrip()


def _locks(number: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _clock_time(time_ns: int) -> str:
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""
