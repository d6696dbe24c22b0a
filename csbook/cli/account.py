"""What the commands ask of an account or tell it, without a running trader: one connection, one answer, done.

Keys come from the environment or from a file that their owner alone can read, never from the command line. Nothing of
them is printed. What the venue refuses, or does not answer, is one error that says so.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp  # noqa: F401 - of an extra: where it is missing, it is missed by its name

from csbook.cli import figures, report, tables
from csbook.credentials import Credentials
from csbook.errors import BadMessage, ConnectError, CredentialsError, TradeError
from csbook.net.desk import Desk, RequestFailed, order_of
from csbook.net.origin import Origin, http_origin
from csbook.net.rest import Rest
from csbook.net.timing import Timing
from csbook.trader import OWN
from csbook.types import Alert
from csbook.venues import dialect, trading_table
from csbook.venues.trading import Trading
from csbook.wire.request import Failure, Verdict

__all__ = ["Where", "balances", "cancel_all", "opened", "orders", "positions", "warn"]


@dataclass(frozen=True, slots=True)
class Where:
    """Which account, and how to answer. ``credentials`` names a file; None: they are in the environment.

    ``settings`` are the venue's own, as in ``csbook.trade``.
    """

    venue: str
    rest_url: str | None = None
    credentials: str | None = None
    json: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> Origin:
        """Raises UsageError for a venue that is not traded on, a setting that it lacks, an address that is none."""
        self.table()
        return http_origin(self.rest_url or dialect(self.venue).rest_origin, "--rest-url")

    def table(self) -> Trading:
        """The venue's trading table; of one that remembers, a new one."""
        return trading_table(self.venue, self.settings)

    def keys(self) -> Credentials:
        """Raises CredentialsError where there are none, or where others can read them."""
        if self.credentials is not None:
            return Credentials.from_file(self.credentials)
        return Credentials.from_env(self.venue)

    def said(self, **found: Any) -> dict[str, Any]:
        """The one object of JSON."""
        return {"venue": self.venue, "rest_url": str(self.origin), **found}

    @property
    def hint(self) -> str:
        """What to think of when the venue itself does not do as it should."""
        spoken = dialect(self.venue)
        if spoken.official or self.origin.scheme == "http":
            return ""
        return f" ({self.venue!r} is no official interface of the venue; the official one to try is {spoken.instead!r})"


async def orders(where: Where, symbol: str | None = None) -> None:
    """The open orders, as the venue shows them now, oldest first."""
    async with opened(where) as desk:
        reports, _, _ = await desk.open_orders(symbol)
    # a venue lists the newest first; what came within one of its milliseconds keeps that order, reversed
    found = sorted((order_of(each, OWN) for each in reversed(reports)), key=lambda order: order.created_time_ns)
    if where.json:
        print(report.as_json(where.said(orders=[tables.order_record(order) for order in found])))
    else:
        _show(tables.orders(found), "no open orders")


async def positions(where: Where, symbol: str | None = None) -> None:
    """The positions that are not flat."""
    async with opened(where) as desk:
        reports, _ = await desk.positions()
    found = [each for each in reports if each.size and symbol in (None, each.symbol)]
    if where.json:
        print(report.as_json(where.said(positions=[tables.position_record(each) for each in found])))
    else:
        _show(tables.positions(found), "no positions")


async def balances(where: Where) -> None:
    """What there is of every asset."""
    async with opened(where) as desk:
        found, _ = await desk.balances()
    if where.json:
        print(report.as_json(where.said(balances=[tables.balance_record(each) for each in found])))
    else:
        _show(tables.balances(found), "no balances")


async def cancel_all(where: Where, symbol: str | None = None) -> None:
    """Cancel every open order, of one symbol or of all, and say which the venue named and how many it still shows."""
    async with opened(where) as desk:
        canceled = await desk.cancel_all(symbol)
        left, _, _ = await desk.open_orders(symbol)
    if where.json:
        print(report.as_json(where.said(symbol=symbol, canceled=list(canceled), open_orders=len(left))))
        return
    names = ", ".join(map(figures.printable, canceled))
    print(f"cancelled {_counted(len(canceled), 'order')}: {names}" if names else f"{where.venue} named no order")
    print(f"{where.venue} shows {_counted(len(left), 'open order')}{f' of {symbol}' if symbol else ''}")


@asynccontextmanager
async def opened(where: Where) -> AsyncIterator[Desk]:
    """The account, ready to be asked. A request that fails in the block is raised as a TradeError that says why."""
    origin, timing = where.origin, Timing()
    trading = where.table()
    rest = Rest(trading, where.keys(), origin, timing=timing, on_alert=warn)
    try:
        await rest.open()
    except ConnectError as error:
        raise ConnectError(f"{error}{where.hint}", url=error.url) from None
    try:
        if trading.needs_instruments:
            await _learn(rest, trading)
        yield Desk(rest, trading, timing)
    except RequestFailed as error:
        raise _error(error, where) from None
    finally:
        await rest.close()


async def _learn(rest: Rest, trading: Trading) -> None:
    """The symbols' rules, where sizes cannot be read without them."""
    answer = await rest.send(trading.instruments(), patience=5.0)
    if answer.failure is not None:
        raise RequestFailed(answer.failure)
    try:
        trading.read_instruments(answer.body, {})
    except BadMessage as error:
        raise RequestFailed(Failure(Verdict.REJECTED, str(error), answer.status)) from None


def _error(error: RequestFailed, where: Where) -> TradeError:
    failure = error.failure
    at = str(where.origin)
    if failure.verdict is Verdict.KEY:
        return CredentialsError(f"{at} refused the key: {failure.text}{where.hint}")
    unknown = "; whether it was carried out is not known" if failure.verdict is Verdict.UNKNOWN else ""
    made = failure.error(at)
    return type(made)(f"{made}{unknown}{where.hint}", status=made.status, code=made.code, unknown=made.unknown)


def warn(alert: Alert) -> None:
    """On standard error, beside the answer. A refused key is the error itself."""
    if alert.kind != "key":
        print(f"csbook: {figures.printable(alert.text)}", file=sys.stderr, flush=True)


def _show(rows: Iterable[list[str]], nothing: str) -> None:
    heading, *found = rows
    for line in tables.told(heading, found) if found else [nothing]:
        print(line)


def _counted(number: int, what: str) -> str:
    return f"{figures.count(number)} {what}{'' if number == 1 else 's'}"
