"""The judge: a book of dict, sorted and Decimal, from standard JSON. Slow, plain, and nothing of csbook in it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from benches.words import Levels


class JudgeBook:
    """Two dicts of Decimal; absolute sizes, zero deletes."""

    def __init__(self) -> None:
        self.bids: dict[Decimal, Decimal] = {}
        self.asks: dict[Decimal, Decimal] = {}

    def snapshot(self, bids: Any, asks: Any) -> None:
        self.bids.clear()
        self.asks.clear()
        self.delta(bids, asks)

    def delta(self, bids: Any, asks: Any) -> None:
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for text, size_text in changes:
                price, size = Decimal(text), Decimal(size_text)
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)

    def feed(self, payload: bytes) -> tuple[float, float]:
        """A message in the shapes that the courses have: a snapshot, or a change with or without its envelope."""
        body = json.loads(payload)
        body = body.get("data", body)
        if "b" in body:
            self.delta(body["b"], body["a"])
        else:
            self.snapshot(body["bids"], body["asks"])
        return self.touch()

    def touch(self) -> tuple[float, float]:
        return float(max(self.bids)), float(min(self.asks))

    def levels(self) -> tuple[Levels, Levels]:
        """Both sides best first."""
        bids = [(float(price), float(self.bids[price])) for price in sorted(self.bids, reverse=True)]
        asks = [(float(price), float(self.asks[price])) for price in sorted(self.asks)]
        return bids, asks

    def vwap_buy(self, size: Decimal) -> Decimal:
        """The average price of buying ``size`` at once."""
        left, paid = size, Decimal(0)
        for price in sorted(self.asks):
            taken = min(left, self.asks[price])
            paid += taken * price
            left -= taken
            if not left:
                break
        return paid / (size - left)

    def imbalance(self, levels: int) -> Decimal:
        bid = sum(self.bids[price] for price in sorted(self.bids, reverse=True)[:levels])
        ask = sum(self.asks[price] for price in sorted(self.asks)[:levels])
        return Decimal((bid - ask) / (bid + ask))

    def bids_within(self, bps: Decimal) -> Decimal:
        """The size of bids within ``bps`` of the mid price."""
        mid = (max(self.bids) + min(self.asks)) / 2
        worst = mid * (1 - bps / 10_000)
        return Decimal(sum(size for price, size in self.bids.items() if price >= worst))
