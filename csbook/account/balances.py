"""What is held of each asset: whole balances, of which the newest counts.

Events are put in order by the venue's time. Of two at one time the later to arrive counts, unless it has been seen
before at that time: a repeated event never sets a balance back. An answer to a question replaces what had arrived
before the question; an event that arrived between question and answer stays, since it may be the newer one. After an
answer, events not newer than what had been heard before the question are older than the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

from csbook.account.door import number
from csbook.errors import BadMessage
from csbook.exact import ZERO
from csbook.types import Balance
from csbook.wire.private import BalanceReport

__all__ = ["Balances"]


class _Asset:
    __slots__ = ("asked_ns", "newest_ns", "received_ns", "said")

    def __init__(self) -> None:
        self.newest_ns = 0  # the venue's time of the newest event
        self.received_ns = 0
        self.asked_ns = 0  # of the last answer
        self.said: set[tuple[Decimal, Decimal | None]] = set()  # at that time


class Balances:
    """By asset. Taking in a report is O(1)."""

    def __init__(self) -> None:
        self._balances: dict[str, Balance] = {}
        self._assets: dict[str, _Asset] = {}
        self.view: Mapping[str, Balance] = MappingProxyType(self._balances)

    @staticmethod
    def check(report: BalanceReport) -> None:
        if not report.asset:
            raise BadMessage("a balance report needs an asset", field="asset")
        number(report.wallet, "wallet", low=None)
        number(report.available, "available", low=None)

    def event(self, report: BalanceReport, now_ns: int) -> tuple[Balance, Balance | None] | None:
        """(new, old) where it changed something."""
        asset = self._assets.get(report.asset)
        if asset is None:
            asset = self._assets[report.asset] = _Asset()
        said = (report.wallet, report.available)
        if report.event_time_ns:
            if report.event_time_ns < asset.newest_ns:
                return None
            if report.event_time_ns > asset.newest_ns:
                asset.newest_ns = report.event_time_ns
                asset.said = set()
            elif said in asset.said or asset.received_ns < asset.asked_ns:
                return None
            asset.said.add(said)
        asset.received_ns = now_ns
        return self._put(report)

    def answer(self, reports: tuple[BalanceReport, ...], asked_ns: int) -> list[tuple[Balance, Balance | None]]:
        """All balances that there are, asked for at that time; an asset that is not among them is empty."""
        found = {report.asset: report for report in reports}
        for name in self._balances:
            if name not in found:
                found[name] = BalanceReport(name, ZERO, None if self._balances[name].available is None else ZERO)
        changes = []
        for report in found.values():
            asset = self._assets.setdefault(report.asset, _Asset())
            if asset.received_ns >= asked_ns or asset.asked_ns > asked_ns:
                continue
            asset.asked_ns = asked_ns
            if report.event_time_ns > asset.newest_ns:
                asset.newest_ns = report.event_time_ns
            change = self._put(report)
            if change is not None:
                changes.append(change)
        return changes

    def _put(self, report: BalanceReport) -> tuple[Balance, Balance | None] | None:
        old = self._balances.get(report.asset)
        available = report.available
        if available is None and old is not None and old.wallet == report.wallet:
            available = old.available
        new = Balance(report.asset, report.wallet, available, report.event_time_ns)
        self._balances[report.asset] = new
        if old is not None and (old.wallet, old.available) == (new.wallet, new.available):
            return None
        return new, old
