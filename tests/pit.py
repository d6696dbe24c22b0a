"""The venue's exchange on a small market made by hand: one symbol, two accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from csbook.clock import TapeClock
from csbook.sim.accounts import Account, Terms
from csbook.sim.alarms import Alarms
from csbook.sim.exchange import Exchange, OrderRules
from csbook.sim.market import Listing, Market
from csbook.sim.recording import Change, Deal, Recording
from csbook.sim.tickets import Draft, Ticket
from csbook.types import Side

__all__ = ["Levels", "Pit", "recording"]

Levels = list[tuple[int, int]]


def recording(events: list[Change | Deal], bids: Levels, asks: Levels) -> Recording:
    changes = [Change(0, 1000, bids, asks), *(event for event in events if isinstance(event, Change))]
    deals = [event for event in events if isinstance(event, Deal)] or [Deal(0, 0, 500, 100, 1, True)]
    return Recording("TSTUSDT", 1, 5, 2, 10, 0, 10**9, changes, deals, events)


class Pit:
    """One symbol, two accounts, and everything that was printed."""

    def __init__(
        self, events: list[Change | Deal], bids: Levels, asks: Levels, rules: OrderRules | None = None, **terms: Any
    ) -> None:
        self.market = Market(recording(events, bids, asks), ["TSTUSDT"])
        self.clock = TapeClock(10**18)
        usual = {"balance": "1e9", **terms}
        accounts = {"a": Terms(**usual), "b": Terms(**usual)}
        self.exchange = Exchange(self.market, Alarms(self.clock), accounts, rules=rules)
        self.listing: Listing = self.market.listings["TSTUSDT"]
        self.prints: list[Deal] = []
        self.exchange.publish = lambda listing, prints: self.prints.extend(prints)

    def account(self, name: str) -> Account:
        return self.exchange.accounts[name]

    def place(self, account: str, side: str, price: int | None, size: int, tif: str = "GTC", **more: Any) -> Ticket:
        """Prices in ticks of 0.5, sizes in 0.01."""
        exact = None if price is None else Decimal(price) / 2
        kind = "MARKET" if price is None else "LIMIT"
        draft = Draft("TSTUSDT", Side[side], kind, Decimal(size) / 100, exact, tif, **more)
        return self.exchange.place(self.account(account), draft)

    def step(self) -> Deal | None:
        _, listing, deal = self.market.step()
        if listing.overlay is not None:
            self.prints += self.exchange.moved(listing, deal)
        elif deal is not None:
            self.prints.append(deal)
        return deal
