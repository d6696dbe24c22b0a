"""All positions, by symbol and leg: what they are, what they could become, and what they are worth at a book's mid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from csbook._core import Book
from csbook.account.changes import Change, PositionChanged
from csbook.account.door import number
from csbook.account.path import Held
from csbook.account.positions import Exposure, Leg, whole
from csbook.errors import BadMessage, UsageError
from csbook.exact import ZERO, add, multiply, shift, subtract
from csbook.types import Position
from csbook.wire.private import PositionReport

__all__ = ["Holdings", "check_position"]

_HALF = Decimal("0.5")
_SIDES = ("BOTH", "LONG", "SHORT")


def check_position(report: PositionReport) -> None:
    """Raise BadMessage naming the field."""
    if not report.symbol:
        raise BadMessage("a position report needs a symbol", field="symbol")
    if report.position_side not in _SIDES:
        raise BadMessage(
            f"position_side is {report.position_side!r}; expected BOTH, LONG or SHORT", field="position_side"
        )
    number(report.size, "size", low=None)
    number(report.entry_price, "entry_price", low=None)


class Holdings:
    """The legs of every symbol that was traded or reported, and their sums as a user sees them.

    A venue's list may show the one leg that is held in hedge mode as it shows a position in one-way mode, so what a
    list says of a symbol is a position ("BOTH") only until an order or an event names a leg: from then on it is the
    leg that its sign says.
    """

    def __init__(self, skew_ns: int) -> None:
        self._skew_ns = skew_ns
        self._legs: dict[str, dict[str, Leg]] = {}  # by symbol, then by position side
        self._positions: dict[str, Position] = {}
        self.view: Mapping[str, Position] = MappingProxyType(self._positions)

    def symbols(self) -> list[str]:
        return list(self._legs)

    def is_one_way(self, symbol: str) -> bool:
        """Whether it is known to have no legs."""
        return "BOTH" in self._legs.get(symbol, ())

    def exposure(self, symbol: str) -> Exposure:
        legs = self._legs.get(symbol)
        if not legs:
            return Exposure(ZERO, ZERO, ZERO)
        position = long = short = ZERO
        settled = True
        for leg in legs.values():
            position = add(position, leg.size)
            long = add(long, add(leg.high, leg.may_buy))
            short = add(short, subtract(leg.low, leg.may_sell))
            settled = settled and leg.settled
        return Exposure(position, long, short, settled)

    def unrealised_pnl(self, symbol: str, book: Book) -> Decimal | None:
        if book.symbol != symbol:
            raise UsageError(f"the book is of {book.symbol}; expected one of {symbol}")
        position = self._positions.get(symbol)
        if position is None:
            return ZERO
        parts = [part for part in (position.legs or (position,)) if part.size]
        if not parts:
            return ZERO
        top = book.top()
        if not (top.bid_size_raw and top.ask_size_raw):
            return None
        mid = shift(multiply(Decimal(top.bid_raw + top.ask_raw), _HALF), -top.price_decimals)
        total = ZERO
        for part in parts:
            if part.entry_price is None:
                return None
            total = add(total, multiply(subtract(mid, part.entry_price), part.size))
        return total

    def leg(self, symbol: str, position_side: str) -> Leg:
        legs = self._legs.get(symbol)
        if legs is None:
            legs = self._legs[symbol] = {}
        leg = legs.get(position_side)
        if leg is None:
            if position_side != "BOTH":
                self._resolve(legs)
            leg = legs.get(position_side)
        if leg is None:
            leg = legs[position_side] = Leg(symbol, position_side, self._skew_ns)
        return leg

    @staticmethod
    def _resolve(legs: dict[str, Leg]) -> None:
        """A leg is named for the first time: what a list alone has told of is a leg, too."""
        both = legs.get("BOTH")
        if both is None or not both.is_listed:
            return
        del legs["BOTH"]
        if both.size:
            both.position_side = _leg_of(both.size)
            legs[both.position_side] = both

    def report(self, report: PositionReport, held: Held, changes: list[Change]) -> bool:
        """Take in one report; False where it is older than what is known."""
        symbol = report.symbol
        legs = self._legs.get(symbol)
        leg = None if legs is None else legs.get(report.position_side)
        if leg is None:
            leg = self.leg(symbol, report.position_side)
        usual = leg.confirm(held)
        if not usual and not leg.report(held):
            return False
        if report.leverage is not None:
            leg.leverage = report.leverage
        leg.margin_type = report.margin_type or leg.margin_type
        if not usual:
            leg.evaluate()
            if held.asked_ns:
                leg.learn_base()
        self.publish(symbol, changes)
        return True

    def reconcile(
        self, rows: tuple[PositionReport, ...], asked_ns: int, answered_ns: int, changes: list[Change]
    ) -> int:
        """All that are not flat, asked for and answered at these times; how many rows were older than what is known."""
        listed = {(row.symbol, self._side_of(row)): row for row in rows}
        for symbol, legs in self._legs.items():
            for side in legs:
                listed.setdefault((symbol, side), PositionReport(symbol, ZERO, position_side=side))
        stale = 0
        for (symbol, side), row in listed.items():
            if side == "BOTH" and not row.size and "BOTH" not in self._legs.get(symbol, ("BOTH",)):
                continue  # beside legs it says nothing
            held = Held(row.size, row.event_time_ns, answered_ns, row.entry_price, asked_ns, answered_ns)
            named = row if row.position_side == side else replace(row, position_side=side)
            stale += not self.report(named, held, changes)
        return stale

    def _side_of(self, row: PositionReport) -> str:
        """The leg that a row of a list is about."""
        legs = self._legs.get(row.symbol)
        if row.position_side != "BOTH" or not legs or "BOTH" in legs or not row.size:
            return row.position_side
        return _leg_of(row.size)

    def publish(self, symbol: str, changes: list[Change]) -> None:
        old = self._positions.get(symbol)
        legs = self._legs[symbol]
        both = legs.get("BOTH") if len(legs) == 1 else None
        new = whole(symbol, list(legs.values())) if both is None else both.position()
        if old is None and not new.size and not new.realised_pnl and not new.commission:
            return
        self._positions[symbol] = new
        if old is None or _differ(old, new):
            changes.append(PositionChanged(new, old))


def _leg_of(size: Decimal) -> str:
    return "LONG" if size > 0 else "SHORT"


def _differ(old: Position, new: Position) -> bool:
    """In anything but the time."""
    return (
        old.size != new.size
        or old.entry_price != new.entry_price
        or old.realised_pnl != new.realised_pnl
        or old.commission != new.commission
        or old.leverage != new.leverage
        or old.margin_type != new.margin_type
        or (bool(old.legs or new.legs) and (len(old.legs) != len(new.legs) or any(map(_differ, old.legs, new.legs))))
    )
