"""The kill switch: a latch. Anything may trip it, only a person re-arms it, and a restart does not.

While it is latched ``admit`` refuses every new order with the reason. The first reason stands; what trips it later is
recorded behind that. What follows a trip (cancelling, until the venue shows no open order) is ``halting``'s.

Two ways lead in from outside: a file named ``HALT``, whose presence halts everything that looks at it, and the file of
the account (``latchfile``), by which another process halts or re-arms this one. Both are looked at when ``due``.

In doubt it is latched: before its state was read, where the state cannot be read, and where it could not be kept. A
state file that somebody removed re-arms nothing: it is written again.

``trip`` writes without waiting for the disk, so that the cancelling can begin; ``sync`` waits for it, and is called
after. All calls return at once otherwise, and none but ``admit`` and ``rearm`` raises.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from csbook.errors import HaltedError
from csbook.guard.latchfile import Cause, LatchFault, LatchFile, Record, Trip, line
from csbook.types import Alert

__all__ = ["Cause", "KillSwitch", "Trip"]

TRIPS_KEPT = 16
WRITE_TRIES = 4
UNREAD = "the halt state was not read yet"


class KillSwitch:
    """The latch of one account. Without a ``file`` a restart forgets it, which suits tests and simulations.

    ``halt_files`` are the paths whose presence halts; they are looked at every ``look_every`` seconds.
    """

    def __init__(self, file: LatchFile | None, *, halt_files: Iterable[Path] = (), look_every: float = 1.0) -> None:
        if not look_every > 0.0:
            raise ValueError(f"look_every is {look_every}; expected seconds above 0")
        self._file = file
        self._halt_files = tuple(halt_files)
        self._look_every = look_every
        self._next_look = float("-inf")
        self._loaded = False
        self._trips: tuple[Trip, ...] = ()
        self._trouble = ""  # why the file could not be written; told once
        self._durable = True  # what is on the disk is what is here

    # -- asked

    @property
    def halted(self) -> bool:
        """Whether it is latched."""
        return not self._loaded or bool(self._trips)

    @property
    def reason(self) -> str:
        """The first reason; "" while it is armed."""
        if self._trips:
            return self._trips[0].reason
        return "" if self._loaded else UNREAD

    @property
    def durable(self) -> bool:
        """Whether the disk has what is here: there is nothing to ``sync``."""
        return self._durable

    @property
    def trips(self) -> tuple[Trip, ...]:
        """What tripped it since it was armed: the first, and the last ones."""
        return self._trips

    def admit(self) -> None:
        """Let a new order pass. Raises HaltedError with the reason while it is latched."""
        if not self._loaded or self._trips:
            raise HaltedError(f"halted: {self.reason}; nothing was sent", reason=self.reason)

    # -- from outside

    def load(self, now_ns: int) -> list[Alert]:
        """Take up the state that is on the disk, and show that it could be kept. Before that, nothing is admitted."""
        self._loaded = True
        if self._file is None:
            return []
        try:
            record = self._file.read()
            self._file.probe()  # that a first halt can be kept is not left to be found out by it
        except LatchFault as fault:
            return self._latch(Trip(Cause.STATE, line(fault), now_ns))
        if record is not None and record.halted:
            before = self._trips
            self._take_over(record, now_ns)
            told = Alert("halt", f"still halted since before the start: {self.reason}")
            return [] if self._trips == before else [told]
        return self._keep(durable=False) if self._trips else []

    def due(self, now: float) -> float:
        """When ``look`` should be called next, in monotonic seconds; ``now`` or earlier means at once."""
        return max(now, self._next_look)

    def look(self, now: float, now_ns: int) -> list[Alert]:
        """See whether a HALT file appeared, or another process halted or re-armed this account. Some microseconds."""
        self._next_look = now + self._look_every
        alerts: list[Alert] = []
        for path in self._halt_files:
            said = _presence(path)
            if said is not None and not any(t.cause is Cause.FILE and str(path) in t.reason for t in self._trips):
                alerts += self.trip(Cause.FILE, f"{path} is present{said}", now_ns)
        if self._loaded and self._file is not None and self._file.changed():
            alerts += self._read_again(self._file, now_ns)
        return alerts

    # -- by the rules and by hand

    def trip(self, cause: Cause, reason: str, now_ns: int, by: str = "") -> list[Alert]:
        """Latch. It is on the disk, though not yet safe from a power failure, when this returns.

        A reason that is already recorded is not told again.
        """
        trip = Trip(cause, line(reason) or cause.value, now_ns, line(by))
        if any((t.cause, t.reason, t.by) == (trip.cause, trip.reason, trip.by) for t in self._trips):
            return []
        return self._latch(trip) + self._keep(durable=False)

    def sync(self) -> list[Alert]:
        """Wait until the disk has what ``trip`` wrote: some milliseconds. Nothing to do is done at once."""
        return [] if self._durable else self._keep(durable=True)

    def rearm(self, by: str, now_ns: int) -> Alert:
        """Admit orders again: only by hand, and ``by`` says whose. The disk has it when this returns.

        Raises HaltedError, and stays latched, while a HALT file is there and where the state cannot be kept.
        """
        by = line(by)
        if not by:
            raise ValueError("by is empty; expected who re-arms")
        for path in self._halt_files:
            if _presence(path) is not None:
                raise HaltedError(f"still halted: {path} is present; remove it first", reason=self.reason)
        if self._file is not None:
            self._write_rearmed(self._file, by, now_ns)
        before = self.reason
        self._loaded, self._trips, self._durable, self._trouble = True, (), True, ""
        return Alert("halt", f"re-armed by {by}; it was halted: {before}" if before else f"re-armed by {by}")

    # -- the file

    def _latch(self, trip: Trip) -> list[Alert]:
        first = not self._trips
        self._trips = _joined(self._trips, (trip,))
        self._durable = False
        by = f" by {trip.by}" if trip.by else ""
        return [Alert("halt", f"{'halted' if first else 'halted already, and now'} ({trip.cause}{by}): {trip.reason}")]

    def _take_over(self, record: Record, now_ns: int) -> None:
        """The halt of a file, in front of what tripped here: the first reason stands."""
        trips = record.trips or (Trip(Cause.STATE, "halted, and no reason was kept", now_ns),)
        self._trips = _joined(trips, self._trips)

    def _keep(self, *, durable: bool) -> list[Alert]:
        """Write the latch down, behind what other processes wrote meanwhile."""
        if self._file is None:
            self._durable = True
            return []
        try:
            for tries_left in reversed(range(WRITE_TRIES)):
                try:
                    record = self._file.read()
                except LatchFault:
                    record = None  # it is replaced by one that says the same: halted
                if record is not None and record.halted:
                    self._trips = _joined(record.trips, self._trips)
                # a halt is written at last, whoever is in the way
                if self._file.write(Record(True, self._trips), durable=durable, unless_changed=tries_left > 0):
                    break
        except LatchFault as fault:
            return self._complain(str(fault))
        self._durable, self._trouble = durable, ""
        return []

    def _read_again(self, file: LatchFile, now_ns: int) -> list[Alert]:
        try:
            record = file.read()
        except LatchFault as fault:
            return self.trip(Cause.STATE, str(fault), now_ns)
        if record is not None and record.halted:
            before = self._trips
            self._take_over(record, now_ns)
            first = self._trips[0]
            by = f" by {first.by}" if first.by else ""
            return [] if before else [Alert("halt", f"halted elsewhere ({first.cause}{by}): {first.reason}")]
        if not self._trips:
            return []
        if record is not None and record.rearmed_ns and self._trips[0] in record.trips:
            reason = self.reason
            self._trips, self._durable = (), True
            return [Alert("halt", f"re-armed elsewhere by {record.rearmed_by}; it was halted: {reason}")]
        return self._keep(durable=False)  # removed, or re-armed by somebody who had not seen this halt

    def _write_rearmed(self, file: LatchFile, by: str, now_ns: int) -> None:
        try:
            file.probe()
            try:
                record = file.read()
            except LatchFault:
                record = None  # a person has looked at it: that is what re-arming by hand means
            seen = _joined(record.trips if record is not None and record.halted else (), self._trips)
            if not file.write(Record(False, seen, by, max(1, now_ns)), durable=True, unless_changed=True):
                raise LatchFault(f"{file.path} was written by another process at the same time; look, and try again")
        except LatchFault as fault:
            raise HaltedError(f"still halted: {fault}", reason=self.reason or str(fault)) from None

    def _complain(self, trouble: str) -> list[Alert]:
        if trouble == self._trouble:
            return []
        self._trouble = trouble
        return [Alert("halt", f"the halt stands, and a restart would forget it: {trouble}")]


def _joined(first: tuple[Trip, ...], then: tuple[Trip, ...]) -> tuple[Trip, ...]:
    """Both, without repeating any; the first of all and the last ones where there are many."""
    trips = (*first, *(trip for trip in then if trip not in first))
    return trips if len(trips) <= TRIPS_KEPT else (trips[0], *trips[1 - TRIPS_KEPT :])


def _presence(path: Path) -> str | None:
    """What a HALT file says, to be put behind its name; None where there is none. In doubt it is there."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return ""
        with path.open("rb") as file:
            said = line(file.read(1000).decode("utf-8", "replace").partition("\n")[0])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        return ", or cannot be looked for"
    except OSError as error:
        return f", or cannot be looked for: {error.strerror}"
    return f": {said}" if said else ""
