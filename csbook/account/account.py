"""The account: orders, fills, positions and balances, composed. No I/O and no clock: times are arguments.

Every command and every report goes in by a method and comes out as a list of changes. A report that is malformed raises
BadMessage naming the field, and the account is as it was. Times named ``now_ns`` are this machine's wall clock, ns.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from csbook._core import Book, Top
from csbook.account.balances import Balances
from csbook.account.changes import BalanceChanged, Change, FillSeen, OrderChanged
from csbook.account.door import number
from csbook.account.holdings import Holdings, check_position
from csbook.account.ladder import Ladder
from csbook.account.orders import Entry, check_report, join, status_of
from csbook.account.path import Held
from csbook.account.positions import Exposure, Leg
from csbook.account.resting import Resting
from csbook.errors import BadMessage, OrderRefused, UsageError
from csbook.exact import ZERO, add, subtract
from csbook.types import Balance, Fill, Instrument, Order, OrderStatus, Position, Trade
from csbook.wire.private import BalanceReport, KeyExpired, OrderReport, PositionReport, Report, Snapshot

__all__ = ["Account"]

_PENDING, _UNKNOWN, _REJECTED = OrderStatus.PENDING, OrderStatus.UNKNOWN, OrderStatus.REJECTED
_FILLED = OrderStatus.FILLED
_PATIENCE = 3  # how often a venue that has never told an order's totals is asked for them
_LISTS = 6  # how often an order's fills are asked for


class Account:
    """The truth about one account, as far as reports have told it.

    ``own_prefix``: an order that was not placed here counts as own when its client order id starts with it (a
    restart). ``grace_ns``: how long after its outcome became unknown an order may still reach the venue; 60 s is what
    a venue tolerates between a request's timestamp and its own clock (coinswitch 1.7). ``skew_ns``: how far the
    venue's clock may be ahead of this machine's. ``tells_fills``: lost fills of an order can be asked for, and are told
    by ``listed``. ``history``: how many ended orders, and how many fills, are remembered; a report of an older one is
    taken for news of an order that was never seen.
    """

    def __init__(
        self,
        *,
        own_prefix: str = "",
        grace_ns: int = 60_000_000_000,
        skew_ns: int = 1_000_000_000,
        tells_fills: bool = False,
        history: int = 10_000,
    ) -> None:
        if grace_ns < 0 or skew_ns < 0 or history < 1:
            raise UsageError(f"no such account: grace_ns {grace_ns}, skew_ns {skew_ns}, history {history}")
        self._own_prefix = own_prefix
        self._grace_ns = grace_ns
        self._tells_fills = tells_fills
        self._history = history
        self._entries: dict[str, Entry] = {}
        self._orders: dict[str, Order] = {}
        self._by_order_id: dict[tuple[str, str], Entry] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()  # keys, the one that ended first in front
        self._unresolved: dict[str, Entry] = {}
        self._open: dict[str, Entry] = {}
        self._short: dict[str, Entry] = {}  # those whose fills are not whole, as ``Entry.wanting`` says
        self._holdings = Holdings(skew_ns)
        self._balances = Balances()
        self._commissions: dict[str, Decimal] = {}
        self._tells_totals = False  # the venue has told the totals of an order
        self._tells_pnl = False  # the venue has told a realised figure
        self._resting = Resting()
        self._asked_ns = 0  # of the newest reconciliation
        self._counts = {"duplicates": 0, "gaps": 0, "incomplete": 0, "stale": 0, "revived": 0}
        self.fills: deque[Fill] = deque(maxlen=history)
        self.orders: Mapping[str, Order] = MappingProxyType(self._orders)
        self.positions: Mapping[str, Position] = self._holdings.view
        self.balances: Mapping[str, Balance] = self._balances.view
        self.commissions: Mapping[str, Decimal] = MappingProxyType(self._commissions)

    # -- reads

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """Every order that is not known to have ended, UNKNOWN ones too, oldest first. O(open orders)."""
        found = [entry.order for entry in self._open.values() if not entry.order.is_terminal]
        return found if symbol is None else [order for order in found if order.symbol == symbol]

    def order(self, *, order_id: str, symbol: str | None = None) -> Order | None:
        """By the venue's id; ``symbol`` where ids are the symbol's own. O(1), O(symbols) without a symbol."""
        symbols = self._holdings.symbols() if symbol is None else [symbol]
        for name in symbols:
            entry = self._by_order_id.get((name, order_id))
            if entry is not None:
                return entry.order
        return None

    @property
    def to_resolve(self) -> tuple[Order, ...]:
        """Orders whose outcome has to be asked for: UNKNOWN, vanished from the open orders, ended with an untold
        quantity, or (where fills cannot be asked for: ended) with fills that had not come by the last reconciliation.
        """
        return tuple(entry.order for entry in self._unresolved.values())

    def lacks_fills(self, order: Order) -> bool:
        """Whether fills, to be told by ``listed``, are all that is to be asked of an order. O(1)."""
        entry = self._by_order_id.get((order.symbol, order.order_id))
        return entry is not None and self._tells_fills and entry.wanted and not entry.open_ended

    @property
    def counts(self) -> dict[str, int]:
        """What was odd so far.

        duplicates: fills seen before; gaps: times an order had filled more than its known fills; incomplete: reports
        of unknown orders without side, size or leg; stale: position and balance reports older than what was known;
        revived: orders that counted as never placed and turned out to be working.
        """
        return dict(self._counts)

    def missing(self, client_order_id: str) -> Decimal:
        """How much an order has filled beyond its known fills: what was lost, or is late."""
        return self._entry(client_order_id).missing

    def exposure(self, symbol: str) -> Exposure:
        """The position and its worst cases; the rule and its proof stand in ``csbook/account/positions.py``. O(1)."""
        return self._holdings.exposure(symbol)

    def realised_pnl(self, symbol: str) -> Decimal:
        """Of the orders that are known here, before commission: the venue's figures where told, else computed."""
        position = self.positions.get(symbol)
        return ZERO if position is None else position.realised_pnl

    def unrealised_pnl(self, symbol: str, book: Book) -> Decimal | None:
        """At the mid of the book, exact as far as the entry price is; 0 when flat; None while the book has no mid."""
        return self._holdings.unrealised_pnl(symbol, book)

    def learn(self, instruments: Mapping[str, Instrument]) -> None:
        """The symbols' rules, before any order of them: books and trades of contracts are counted by ``multiplier``."""
        self._resting.learn(instruments)

    def ladder(self, symbol: str) -> Ladder:
        """Own resting orders by price; live, not to be changed."""
        return self._resting.ladder(symbol)

    def net_of_own(self, book: Book) -> Top:
        """The touch of the book without own resting orders; ``csbook/account/shown.py`` says which of them it contains.

        Never a negative size: a level that is all own is passed over. Only levels that the book holds are looked at.
        Raises PrecisionError for an own price or size that does not fit the book's scales. O(own prices).
        """
        return self._resting.net_of_own(book, self._open.values())

    def queue(self, client_order_id: str) -> tuple[Decimal, Decimal] | None:
        """(lower, upper) bound of the base quantity ahead; None until depth has shown the order, or where it has no
        price.

        ``csbook/account/queue.py`` says what the bounds assume. Raises UsageError for an order that is not known.
        """
        return self._resting.queue(self._entry(client_order_id))

    def on_depth(self, book: Book) -> None:
        """A depth message was applied. O(open orders of the symbol)."""
        self._resting.on_depth(book)

    def on_trade(self, trade: Trade) -> None:
        """A public trade. O(open orders of the symbol)."""
        self._resting.on_trade(trade)

    # -- commands

    def placing(self, order: Order, now_ns: int) -> list[Change]:
        """Register an order before anything is sent: PENDING, and all of it counted as exposure.

        Raises OrderRefused for a client order id that is empty or known, and for a size that is not above 0.
        """
        key = order.client_order_id
        if not key or key in self._entries:
            why = f"client_order_id {key!r} is known already" if key else "client_order_id is empty"
            raise OrderRefused(why, field="client_order_id")
        try:
            number(order.size, "size")
            number(order.price, "price", low=None)
        except BadMessage as error:
            raise OrderRefused(str(error), field=error.field) from None
        if not order.symbol or not order.size:
            field = "size" if order.symbol else "symbol"
            raise OrderRefused(
                f"{field} is {getattr(order, field)!r}; expected one that is not empty or 0", field=field
            )
        made = replace(
            order, status=_PENDING, order_id="", filled=ZERO, average_price=None, own=True, canceling=False,
            created_time_ns=order.created_time_ns or now_ns, event_time_ns=0, receive_time_ns=now_ns,
        )  # fmt: skip
        entry = self._remember(Entry(key, made))
        entry.path.placed_ns = now_ns
        entry.heard_ns = now_ns
        self._settle(entry)
        return [OrderChanged(made, None)]

    def refused(self, client_order_id: str, reason: str, now_ns: int) -> list[Change]:
        """It was never sent. REJECTED, unless the venue has spoken of it."""
        entry = self._entry(client_order_id)
        if entry.word not in (_PENDING, _UNKNOWN):
            return []
        return self._conclude(entry, _REJECTED, reason, now_ns)

    def unknown(self, client_order_id: str, reason: str, now_ns: int) -> list[Change]:
        """It was sent, and nobody said what became of it. UNKNOWN and to be resolved, unless the venue has spoken of
        it.
        """
        entry = self._entry(client_order_id)
        if entry.word not in (_PENDING, _UNKNOWN):
            return []
        entry.unknown_ns = now_ns
        return self._conclude(entry, _UNKNOWN, reason, now_ns)

    def absent(self, client_order_id: str, now_ns: int) -> list[Change]:
        """The venue was asked at ``now_ns`` (when the question was put, not answered) and knows no such order.

        UNKNOWN becomes REJECTED if the question was put ``grace_ns`` or more after the outcome became unknown: until
        then the request may still be on its way. An order that the venue has confirmed before is not ended by that:
        it stays listed.
        """
        entry = self._entry(client_order_id)
        if entry.word is not _UNKNOWN or now_ns - entry.unknown_ns < self._grace_ns:
            return []
        return self._conclude(entry, _REJECTED, "the venue knows no such order", now_ns)

    def canceling(self, client_order_id: str, now_ns: int) -> list[Change]:
        """A cancel is being sent; the order may still fill, and counts in full."""
        return self._flag(client_order_id, True, now_ns)

    def cancel_refused(self, client_order_id: str, reason: str, now_ns: int) -> list[Change]:
        """The cancel was not sent, or the venue said no: the order stays."""
        return self._flag(client_order_id, False, now_ns)

    # -- reports

    def apply(self, report: Report, now_ns: int) -> list[Change]:
        """Take in one report, in whatever order and number reports come. O(1) without fills in doubt."""
        changes: list[Change] = []
        if isinstance(report, OrderReport):
            self._apply_order(report, now_ns, now_ns, changes)
        elif isinstance(report, PositionReport):
            check_position(report)
            held = Held(report.size, report.event_time_ns, now_ns, report.entry_price)
            if not self._holdings.report(report, held, changes):
                self._counts["stale"] += 1
        elif isinstance(report, BalanceReport):
            self._balances.check(report)
            change = self._balances.event(report, now_ns)
            if change is None:
                self._counts["stale"] += 1
            else:
                changes.append(BalanceChanged(*change))
        elif not isinstance(report, KeyExpired):
            raise UsageError(f"a {type(report).__name__} is no report")
        return changes

    def listed(self, order: Order, fills: Sequence[OrderReport], now_ns: int) -> list[Change]:
        """Take in the fills of one order, all that the venue has. All are checked before any of them counts."""
        for report in fills:
            check_report(report)
            self._find(report)
        changes: list[Change] = []
        for report in fills:
            self._apply_order(report, now_ns, now_ns, changes)
        entry = self._by_order_id.get((order.symbol, order.order_id))
        if entry is not None and entry.wanted:
            entry.lists += 1
            self._settle(entry)
        return changes

    def reconcile(self, snapshot: Snapshot, now_ns: int) -> list[Change]:
        """Take in what REST said of the whole account. All of it is checked before any of it counts.

        An open order that the snapshot does not have, though nothing was heard of it since before the snapshot was
        asked for, has ended: how is not guessed, it stands in ``to_resolve``. One that was placed or heard of since
        is not missing. A position that the snapshot does not have is flat; an order never seen before is taken up,
        own if its client id carries the prefix. Of two answers the one asked for later counts.
        """
        asked_ns, answered_ns = snapshot.asked_ns, snapshot.answered_ns
        if not 0 < asked_ns <= answered_ns:
            raise BadMessage(
                f"asked_ns is {asked_ns}, answered_ns {answered_ns}; expected 0 < asked <= answered", field="asked_ns"
            )
        for row in snapshot.orders or ():
            check_report(row)
            self._find(row)
        for position in snapshot.positions or ():
            check_position(position)
        for balance in snapshot.balances or ():
            self._balances.check(balance)
        changes: list[Change] = []
        newest = asked_ns >= self._asked_ns
        self._asked_ns = max(self._asked_ns, asked_ns)
        if snapshot.orders is not None:
            if newest:
                self._miss(snapshot.orders, asked_ns, now_ns, changes)
            for row in snapshot.orders:
                self._apply_order(row, now_ns, asked_ns - 1, changes)
        if snapshot.positions is not None:
            self._counts["stale"] += self._holdings.reconcile(snapshot.positions, asked_ns, answered_ns, changes)
        if snapshot.balances is not None:
            changes += [BalanceChanged(*change) for change in self._balances.answer(snapshot.balances, asked_ns)]
        return changes

    # -- orders

    def _apply_order(self, report: OrderReport, now_ns: int, heard_ns: int, changes: list[Change]) -> None:
        check_report(report)
        entry = self._find(report)
        if entry is None:
            entry = self._adopt(report, now_ns)
            if entry is None:
                self._counts["incomplete"] += 1
                return
            old_status = None
        else:
            old_status = entry.order.status
        entry.heard_ns = now_ns
        order = entry.order
        if report.order_id and (
            order.order_id != report.order_id or (report.client_order_id and not order.client_order_id)
        ):
            self._name(entry, report)
        fill = report.fill
        if fill is not None:
            if entry.fills.add(fill, report.filled):
                self.fills.append(fill)
                changes.append(FillSeen(fill))
                if fill.realised_pnl is not None:
                    self._tells_pnl = True
            else:
                self._counts["duplicates"] += 1
                fill = None
        if report.filled is not None and (report.realised_pnl is not None or report.commission is not None):
            self._tells_totals = True
            entry.fills.total(report.filled, report.realised_pnl, report.commission, report.commission_asset)
            self._tells_pnl = self._tells_pnl or report.realised_pnl is not None
        inferred = entry.inferred
        complete = entry.fills.size >= entry.order.filled
        changed = entry.learn(report, now_ns)
        order = entry.order
        if inferred and not entry.inferred:
            self._counts["revived"] += 1
        if complete and order.filled > entry.fills.size:
            self._counts["gaps"] += 1
        self._orders[entry.key] = order
        if changed or old_status is None:
            changes.append(OrderChanged(order, old_status))
        self._settle(entry)
        self._move(entry, report, fill, heard_ns, changes)

    def _move(self, entry: Entry, report: OrderReport, fill: Fill | None, heard_ns: int, changes: list[Change]) -> None:
        """What the news of an order does to its position."""
        order, path = entry.order, entry.path
        told = report.filled
        if told is None and report.status is _FILLED:
            told = order.size
        before = told
        if told is not None and report.fill is not None:
            before = subtract(told, report.fill.size)
        time_ns = report.event_time_ns
        leg = self._holdings.leg(order.symbol, order.position_side)
        rise = subtract(order.filled, path.known)
        if rise:
            price = entry.price_of(rise, report)
            entry.paid(rise, price)
            if told != order.filled:
                before = None  # the sum of fills that came in any order: true by the newest of their times
                time_ns = max(time_ns, path.known_time_ns)
            gained = leg.grow(path, time_ns, heard_ns, order.filled, before, price)
            if gained and not self._tells_pnl:
                leg.estimated = add(leg.estimated, gained)
                entry.estimated = add(entry.estimated, gained)
        elif fill is None and report.realised_pnl is None and report.commission is None:
            path.confirm(time_ns, told)
            return
        elif told is not None:
            path.recall(time_ns, heard_ns, told, before)
        if entry.estimated and entry.fills.told_pnl:
            leg.estimated = subtract(leg.estimated, entry.estimated)
            entry.estimated = ZERO
        realised = entry.fills.realised(order.filled)
        if realised != entry.realised:
            leg.realised = add(leg.realised, subtract(realised, entry.realised))
            entry.realised = realised
        self._pay(entry, leg)
        leg.evaluate()
        self._holdings.publish(order.symbol, changes)

    def _pay(self, entry: Entry, leg: Leg) -> None:
        """Commission as the fills tell it by now; on the position it is what was paid in the asset that its symbol
        ends with.
        """
        paid, counted = entry.fills.commissions(entry.order.filled), entry.commissions
        if paid == counted:
            return
        for asset in paid if counted.keys() <= paid.keys() else {*paid, *counted}:
            more = paid.get(asset, ZERO)
            if asset in counted:
                more = subtract(more, counted[asset])
            self._commissions[asset] = add(self._commissions.get(asset, ZERO), more)
            if asset and leg.symbol.endswith(asset):
                leg.commission = add(leg.commission, more)
        entry.commissions = paid.copy()

    def _find(self, report: OrderReport) -> Entry | None:
        """The order that a report is about. One that has the client id of another order is not that order."""
        entry = None
        if report.order_id:
            entry = self._by_order_id.get((report.symbol, report.order_id))
        if report.client_order_id:
            named = self._entries.get(report.client_order_id)
            if named is not None and named.order.symbol == report.symbol:
                known = named.order.order_id
                if not known or not report.order_id or known == report.order_id:
                    entry = named
        if entry is not None and report.side is not None and report.side is not entry.order.side:
            raise BadMessage(f"side is {report.side!s}, and the order's was {entry.order.side!s}", field="side")
        return entry

    def _adopt(self, report: OrderReport, now_ns: int) -> Entry | None:
        """An order that was never seen: placed by hand, by another process, or before a restart."""
        fill = report.fill
        side = report.side if report.side is not None or fill is None else fill.side
        if side is None or report.size is None or self._is_bare(report):
            return None
        key = report.client_order_id
        if not key or key in self._entries:
            key = f"#{report.order_id}"
            if not report.order_id or key in self._entries:
                key = f"#{report.symbol}:{report.order_id or report.client_order_id}"
        order = Order(
            report.symbol, side, report.type or "", report.size, report.price, OrderStatus.UNKNOWN,
            report.client_order_id, report.order_id, report.time_in_force or "GTC", ZERO, None, False, False,
            report.position_side or "BOTH",
            bool(self._own_prefix) and report.client_order_id.startswith(self._own_prefix),
        )  # fmt: skip
        entry = self._remember(Entry(key, order))
        if order.order_id:
            self._by_order_id[order.symbol, order.order_id] = entry
        return entry

    def _is_bare(self, report: OrderReport) -> bool:
        """Whether it is an execution alone, and could be either leg's: the order's own row says more, and brings it."""
        bare = report.fill is not None and report.filled is None and report.position_side is None
        return bare and self._tells_fills and not self._holdings.is_one_way(report.symbol)

    def _remember(self, entry: Entry) -> Entry:
        order = entry.order
        self._entries[entry.key] = entry
        self._orders[entry.key] = order
        return entry

    def _name(self, entry: Entry, report: OrderReport) -> None:
        """Both ids of an order are known now. What was known by one of them alone is the same order."""
        order = entry.order
        other = self._by_order_id.get((report.symbol, report.order_id))
        if other is not None and other is not entry:
            self._absorb(entry, other)
            order = entry.order
        self._by_order_id[order.symbol, report.order_id] = entry
        named = report.client_order_id
        if named and not order.client_order_id and named not in self._entries:
            own = bool(self._own_prefix) and named.startswith(self._own_prefix)
            entry.order = order = replace(order, client_order_id=named, own=own)
            self._resting.hide(entry)
            self._drop(entry.key)
            entry.key = named
            self._remember(entry)
            self._settle(entry)

    def _absorb(self, entry: Entry, other: Entry) -> None:
        """``other`` was made from reports that had the venue's id alone; nothing of it is lost, and nothing counts
        twice.
        """
        self._resting.hide(other)
        leg = self._holdings.leg(other.order.symbol, other.order.position_side)
        leg.may(other.path.sign, other.may_fill.copy_negate())
        self._drop(other.key)
        other.path.placed_ns = entry.path.placed_ns
        entry.path, entry.fills = other.path, other.fills
        entry.cost, entry.told_at, entry.realised = other.cost, other.told_at, other.realised
        entry.commissions, entry.unsure = other.commissions, other.unsure
        entry.inferred = False
        entry.word = join(entry.word if not entry.order.is_terminal else OrderStatus.UNKNOWN, other.word)
        old = other.order
        entry.order = replace(
            entry.order, status=status_of(entry.word, old.filled, entry.order.size), filled=old.filled,
            average_price=old.average_price, event_time_ns=old.event_time_ns,
        )  # fmt: skip

    def _drop(self, key: str) -> None:
        del self._entries[key]
        del self._orders[key]
        self._open.pop(key, None)
        self._short.pop(key, None)
        self._unresolved.pop(key, None)
        self._ended.pop(key, None)

    def _settle(self, entry: Entry) -> None:
        """Bring everything that follows from an order's state up to it: exposure, ladder, queue, lists."""
        order, key = entry.order, entry.key
        ended = order.is_terminal
        may_fill = entry.open_size
        if may_fill != entry.may_fill:
            leg = self._holdings.leg(order.symbol, order.position_side)
            leg.may(entry.path.sign, subtract(may_fill, entry.may_fill))
            entry.may_fill = may_fill
        if (ended or self._tells_fills) and self._is_patient(entry) and entry.wanting(self._tells_fills):
            self._short[key] = entry
        else:
            entry.wanted = False
            if self._short:
                self._short.pop(key, None)
        if entry.unresolved:
            self._unresolved[key] = entry
        elif self._unresolved:
            self._unresolved.pop(key, None)
        if not ended or entry.unsure:
            if key not in self._open:
                self._ended.pop(key, None)
                self._open[key] = entry
        elif key not in self._ended:
            self._open.pop(key, None)
            self._ended[key] = None
            if len(self._ended) > self._history:
                self._forget(next(iter(self._ended)))
        self._resting.show(entry)

    def _is_patient(self, entry: Entry) -> bool:
        """Whether it is worth while to ask for what an order's fills do not tell."""
        if self._tells_fills:
            return entry.lists < _LISTS
        return self._tells_totals or entry.answers < _PATIENCE

    def _forget(self, key: str) -> None:
        entry = self._entries[key]
        order = entry.order
        self._drop(key)
        if self._by_order_id.get((order.symbol, order.order_id)) is entry:
            del self._by_order_id[order.symbol, order.order_id]
        self._holdings.leg(order.symbol, order.position_side).forget(entry.path)

    def _conclude(self, entry: Entry, status: OrderStatus, reason: str, now_ns: int) -> list[Change]:
        """Our own word on an order that the venue has not spoken of."""
        old = entry.order
        entry.word = status
        entry.inferred = status is _REJECTED
        entry.order = order = replace(old, status=status, reason=reason, receive_time_ns=now_ns)
        self._orders[entry.key] = order
        self._settle(entry)
        return [OrderChanged(order, old.status)] if order.status is not old.status or reason != old.reason else []

    def _flag(self, client_order_id: str, canceling: bool, now_ns: int) -> list[Change]:
        entry = self._entry(client_order_id)
        old = entry.order
        if old.is_terminal or old.canceling == canceling:
            return []
        entry.order = order = replace(old, canceling=canceling)
        self._orders[entry.key] = order
        self._settle(entry)
        return [OrderChanged(order, old.status)]

    def _entry(self, client_order_id: str) -> Entry:
        entry = self._entries.get(client_order_id)
        if entry is None:
            raise UsageError(f"no order {client_order_id!r} is known")
        return entry

    def _miss(self, rows: Sequence[OrderReport], asked_ns: int, now_ns: int, changes: list[Change]) -> None:
        listed = {id(self._find(row)) for row in rows}
        for entry in list(self._open.values()):
            if id(entry) in listed:
                continue
            if entry.order.is_resting and entry.heard_ns < asked_ns:
                entry.vanished = True
                self._unresolved[entry.key] = entry
            elif entry.word is _PENDING and entry.heard_ns + self._grace_ns < asked_ns:
                entry.unknown_ns = now_ns
                changes += self._conclude(entry, _UNKNOWN, "no answer", now_ns)
        for entry in self._short.values():
            if entry.heard_ns < asked_ns:
                entry.wanted = True
                self._unresolved[entry.key] = entry
