"""``csbook halt`` and ``csbook rearm``: the kill switch of an account, with or without a process that trades on it.

Halting writes the latch first, then cancels as a trader does (``guard.halting``), within the part of the venue's limits
that is kept for it, until the venue shows no open order. A process that trades on the account looks at the latch every
second; what it may have placed until then it cancels itself.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import time
from collections.abc import Callable

from csbook.cli import figures, report
from csbook.cli.account import Where, opened
from csbook.errors import BadMessage, CsbookError, UsageError
from csbook.guard.budget import RateBudget
from csbook.guard.halting import Ask, Halting, Step
from csbook.guard.killswitch import Cause, KillSwitch
from csbook.guard.latchfile import LatchFault, LatchFile, latch_path, state_directory
from csbook.net.desk import Desk, RequestFailed
from csbook.trader import HALT_FILE
from csbook.types import Alert
from csbook.wire.request import Verdict

__all__ = ["halt", "rearm"]

REASON = "by hand"
_GONE = (Verdict.NOT_FOUND, Verdict.REJECTED)  # answers to a cancel: it ended before, the next reading tells
_HOPELESS = (Verdict.KEY, Verdict.CLOCK)  # asking again does not help


async def halt(where: Where, reason: str | None, by: str | None, *, cancel: bool = True) -> None:
    """Latch, and cancel until the venue shows no open order. Raises CsbookError that says how far it came."""
    reason, by = reason or REASON, by or _user()
    latch = _Latch(where)
    latch.switch.load(time.time_ns())
    told = latch.switch.trip(Cause.HAND, reason, time.time_ns(), by)
    latch.switch.sync()
    lost = latch.lost()
    tell = _Teller(where.json)
    if not lost:
        tell(told[0].text if told else f"halted already by {by}: {reason}")
        tell(f"kept in {latch.file.path}; csbook rearm admits orders again")
    canceled: list[str] = []
    if cancel:
        try:
            async with opened(where) as desk:
                canceled = await _cancel(desk, lambda alert: tell(alert.text))
        except CsbookError as error:
            how = f"the halt could not be kept ({lost})" if lost else "halted"
            raise type(error)(f"{how}, and open orders may be left: {error}") from None
    if lost:
        after = "; the open orders are cancelled" if cancel else ""
        raise UsageError(f"the halt could not be kept, and stops nobody: {lost}{after}")
    if where.json:
        said = {"halted": True, "reason": latch.switch.reason, "by": by, "file": str(latch.file.path)}
        print(report.as_json(where.said(**said, canceled=canceled if cancel else None)))
    elif cancel:
        print(f"cancelled: {', '.join(map(figures.printable, canceled)) or 'no order was named'}")


async def rearm(where: Where, by: str | None) -> None:
    """Admit orders again. Raises HaltedError while a HALT file is there, and where that cannot be kept."""
    by = by or _user()
    latch = _Latch(where)
    switch = latch.switch
    switch.load(time.time_ns())
    was = switch.reason
    halted = switch.halted or latch.has_halt_file()
    text = switch.rearm(by, time.time_ns()).text if halted else "nothing was halted"
    if where.json:
        print(report.as_json(where.said(rearmed=halted, was=was or None, by=by, file=str(latch.file.path))))
    else:
        print(figures.printable(text))


class _Latch:
    """The kill switch of an account, and where it is kept: the same places as a trader's."""

    def __init__(self, where: Where) -> None:
        origin = str(where.origin)
        try:
            directory = state_directory()
        except LatchFault as fault:
            raise UsageError(str(fault)) from None
        path = latch_path(directory, where.venue, origin, where.keys().api_key)
        self._halt_file = directory / HALT_FILE
        self.file = LatchFile(path, {"venue": where.venue, "rest": origin})
        self.switch = KillSwitch(self.file, halt_files=(self._halt_file,))

    def has_halt_file(self) -> bool:
        """Whether re-arming will be refused."""
        return os.path.lexists(self._halt_file)

    def lost(self) -> str:
        """Why the halt is not on the disk; nothing where it is."""
        try:
            record = LatchFile(self.file.path).read()
        except LatchFault as fault:
            return str(fault)
        return "" if record is not None and record.halted else f"{self.file.path} was re-armed at the same time"


class _Teller:
    """Progress: in lines, or beside the one object of JSON."""

    def __init__(self, json: bool) -> None:
        self._json = json

    def __call__(self, text: str) -> None:
        print(figures.printable(text), file=sys.stderr if self._json else sys.stdout, flush=True)


async def _cancel(desk: Desk, tell: Callable[[Alert], object]) -> list[str]:
    """Cancel until the venue shows no open order; the ids that it named. Raises RequestFailed where it never will."""
    now = time.monotonic
    limits = desk.trading.limits
    budgets = {
        name: RateBudget(limits[name].count, limits[name].window_s) if name in limits else RateBudget(600, 60.0)
        for name in ("cancel_all", "cancel", "open_orders")
    }
    halting = Halting(now(), cancel_all=budgets["cancel_all"], cancel=budgets["cancel"], read=budgets["open_orders"])
    canceled: dict[str, None] = {}
    symbols: dict[str, str] = {}  # order id -> symbol, of the last reading
    while not halting.is_done:
        for alert in halting.alerts(now()):
            tell(alert)
        step = halting.step(now())
        if step is None:
            await asyncio.sleep(max(0.0, halting.due(now()) - now()))
            continue
        try:
            alerts = await _take(desk, halting, step, canceled, symbols)
        except RequestFailed as error:
            if error.failure.verdict in _HOPELESS:
                raise
            if step.ask is Ask.CANCEL and error.failure.verdict in _GONE:
                halting.cancelled(now())
            else:
                halting.failed(now(), str(error), error.wait)
        except BadMessage as error:
            halting.failed(now(), f"an answer was refused: {error}")
        else:
            for alert in alerts:
                tell(alert)
    return list(canceled)


async def _take(
    desk: Desk, halting: Halting, step: Step, canceled: dict[str, None], symbols: dict[str, str]
) -> list[Alert]:
    match step.ask:
        case Ask.CANCEL_ALL:
            canceled |= dict.fromkeys(await desk.cancel_all(urgent=True))
            halting.cancelled(time.monotonic())
        case Ask.CANCEL:
            await desk.cancel(symbols.get(step.order_id, ""), order_id=step.order_id, urgent=True)
            canceled[step.order_id] = None
            halting.cancelled(time.monotonic())
        case Ask.READ:
            page = await desk.open_page(cursor=step.cursor, urgent=True)
            symbols |= {order.order_id: order.symbol for order in page.orders}
            shown = {order.order_id: order.canceling for order in page.orders}
            return halting.read(time.monotonic(), shown, cursor=page.cursor_ms)
    return []


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody without a name"
