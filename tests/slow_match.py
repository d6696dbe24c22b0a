"""Price-time matching the slow and obvious way: every price is one queue of slots, and every slot has an owner or none.

A slot without an owner is recorded size. Shares no code with the matcher, and no idea: nothing counts what stands
ahead or what was taken, the queue itself shows it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Slot:
    owner: int | None
    size: int


@dataclass
class Slow:
    """Orders are ids; ``fills`` are (maker, taker, price, size), None for the recorded market."""

    sides: dict[str, dict[int, list[Slot]]] = field(default_factory=lambda: {"BUY": {}, "SELL": {}})
    orders: dict[int, dict[str, Any]] = field(default_factory=dict)
    fills: list[tuple[int | None, int | None, int, int]] = field(default_factory=list)

    def prices(self, side: str) -> list[int]:
        alive = [price for price, slots in self.sides[side].items() if any(slot.size for slot in slots)]
        return sorted(alive, reverse=side == "BUY")

    def fill(self, maker: int | None, taker: int | None, price: int, size: int) -> None:
        self.fills.append((maker, taker, price, size))
        for order in (maker, taker):
            if order is not None:
                self.orders[order]["left"] -= size
                if not self.orders[order]["left"]:
                    self.orders[order]["status"] = "FILLED"

    def place(self, order: int, account: str, side: str, price: int | None, size: int, tif: str) -> None:
        if tif == "FOK":
            trial = deepcopy(self)
            trial.place(order, account, side, price, size, "IOC")
            if trial.orders[order]["left"]:
                self.orders[order] = {"account": account, "side": side, "left": size, "status": "EXPIRED"}
                return
        mine = self.orders[order] = {"account": account, "side": side, "left": size, "status": "NEW"}
        against = "SELL" if side == "BUY" else "BUY"
        for level in self.prices(against):
            if price is not None and (level > price if side == "BUY" else level < price):
                break
            for slot in self.sides[against][level]:
                met = None if slot.owner is None or not slot.size or not mine["left"] else self.orders[slot.owner]
                if met is not None and met["account"] == account:
                    mine["status"] = "EXPIRED"
                    return
                size_now = min(slot.size, mine["left"])
                if size_now:
                    slot.size -= size_now
                    self.fill(slot.owner, order, level, size_now)
        if mine["left"]:
            if tif == "GTC" and price is not None:
                self.sides[side].setdefault(price, []).append(Slot(order, mine["left"]))
            else:
                mine["status"] = "EXPIRED"

    def cancel(self, order: int) -> None:
        if self.orders[order]["status"] == "NEW":
            self.orders[order]["status"] = "CANCELED"
            for slots in self.sides[self.orders[order]["side"]].values():
                slots[:] = [slot for slot in slots if slot.owner != order]

    def change(self, side: str, price: int, size: int) -> None:
        """The recorded size at a price is this now; who leaves, leaves from behind."""
        slots = self.sides[side].setdefault(price, [])
        extra = size - sum(slot.size for slot in slots if slot.owner is None)
        if extra > 0:
            slots.append(Slot(None, extra))
        for slot in reversed(slots):
            if extra < 0 and slot.owner is None:
                gone = min(slot.size, -extra)
                slot.size -= gone
                extra += gone

    def crossed(self) -> None:
        for side, against in (("BUY", "SELL"), ("SELL", "BUY")):
            for price in self.prices(side):
                for mine in [slot for slot in self.sides[side][price] if slot.owner is not None]:
                    for level in self.prices(against):
                        if level > price if side == "BUY" else level < price:
                            break
                        for slot in self.sides[against][level]:
                            size = min(slot.size, mine.size)
                            if slot.owner is None and size:
                                slot.size -= size
                                mine.size -= size
                                self.fill(mine.owner, None, price, size)

    def deal(self, price: int, size: int, buyer_is_maker: bool) -> None:
        side = "BUY" if buyer_is_maker else "SELL"
        for level in self.prices(side):
            if level < price if side == "BUY" else level > price:
                break
            slots = self.sides[side][level]
            passed = 0
            for slot in slots:
                if slot.owner is None and level != price:
                    continue  # a trade beyond this price: nothing recorded can stand here any more
                now = min(slot.size, size)
                size -= now
                slot.size -= now
                if slot.owner is None:
                    passed += now
                elif now:
                    self.fill(slot.owner, None, level, now)
            slots.append(Slot(None, passed))  # until the recording says so, it still stands there: behind us

    def top(self, side: str, depth: int) -> list[tuple[int, int]]:
        sizes = [(price, sum(slot.size for slot in self.sides[side][price])) for price in self.prices(side)]
        return sizes[:depth]
