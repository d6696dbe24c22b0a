"""A venue in plain dicts and Decimals, a network that loses, doubles and reorders, and an account that listens to it.

Written apart from csbook.account: the venue knows orders, positions and balances as a venue does, with no bounds,
paths or lattices. ``choose(n)`` decides everything (a number below n), so that hypothesis or a seeded generator may
drive it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from csbook.account import Account
from csbook.types import Fill, Order, OrderStatus, Side
from csbook.wire.private import BalanceReport, OrderReport, PositionReport, Report, Snapshot

D = Decimal
MS = 1_000_000
GRACE = 500 * MS
SKEW = 40 * MS
SYMBOL = "BTCUSDT"
FEE = D("0.00065")
NIL, START = D(0), D(10_000)


@dataclass
class Resting:
    order_id: str
    client: str
    side: Side
    size: Decimal
    price: Decimal
    leg: str
    hand: bool
    status: OrderStatus = OrderStatus.NEW
    filled: Decimal = NIL
    paid: Decimal = NIL
    cost: Decimal = NIL
    pnl: Decimal = NIL
    time: int = 0

    @property
    def open(self) -> bool:
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@dataclass
class Request:
    """A place request on its way."""

    order: Order
    sent_ns: int


@dataclass
class Answer:
    """A snapshot in the making, or made and on its way."""

    asked_ns: int
    orders: tuple[OrderReport, ...]
    positions: tuple[PositionReport, ...] | None = None
    balances: tuple[BalanceReport, ...] | None = None
    answered_ns: int = 0


@dataclass
class Venue:
    """Time is milliseconds of its own clock."""

    tells: bool  # realised figures
    dated: bool  # REST rows of positions carry the time of their last change
    ms: int = 1_700_000_000_000
    orders: dict[str, Resting] = field(default_factory=dict)
    sizes: dict[str, Decimal] = field(default_factory=dict)  # by leg
    entries: dict[str, Decimal] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    wallet: Decimal = START
    trades: int = 0
    last_id: int = 100

    def place(self, order: Order, hand: bool) -> list[Report]:
        if any(other.client == order.client_order_id for other in self.orders.values()):
            return []
        self.last_id += 1
        made = Resting(
            str(self.last_id), order.client_order_id, order.side, order.size, order.price or D(1), order.position_side,
            hand, time=self.ms,
        )  # fmt: skip
        self.orders[made.order_id] = made
        return [self.report(made)]

    def fill(self, made: Resting, size: Decimal, price: Decimal) -> list[Report]:
        self.trades += 1
        change = size if made.side is Side.BUY else -size
        held, entry = self.sizes.get(made.leg, D(0)), self.entries.get(made.leg, D(0))
        pnl = D(0)
        if held * change < 0:
            closed = min(abs(held), abs(change))
            pnl = (price - entry) * (closed if held > 0 else -closed)
            if abs(change) > abs(held):
                entry = price
        else:
            # four decimals, as a venue rounds; what matters is that the account repeats it
            entry = ((entry * held + price * change) / (held + change)).quantize(D("0.0001"))
        self.sizes[made.leg] = held + change
        self.entries[made.leg] = entry if held + change else D(0)
        self.moved[made.leg] = self.ms
        fee = size * price * FEE
        self.wallet += pnl - fee
        made.filled += size
        made.paid += fee
        made.pnl += pnl
        made.cost += size * price
        made.status = OrderStatus.FILLED if made.filled == made.size else OrderStatus.PARTIALLY_FILLED
        made.time = self.ms
        told = pnl if self.tells else None
        fill = Fill(
            SYMBOL, made.side, price, size, str(self.trades), made.order_id, made.client, fee, "USDT", told,
            position_side=made.leg, trade_time_ns=self.ms * MS, event_time_ns=self.ms * MS,
        )  # fmt: skip
        event = dataclasses.replace(self.report(made), fill=fill)
        return [event, self.position(made.leg), BalanceReport("USDT", self.wallet, event_time_ns=self.ms * MS)]

    def end(self, made: Resting, status: OrderStatus) -> list[Report]:
        made.status = status
        made.time = self.ms
        return [self.report(made)]

    def report(self, made: Resting, rest: bool = False) -> OrderReport:
        average = made.cost / made.filled if made.filled else None
        return OrderReport(
            SYMBOL, made.status, made.client, made.order_id, made.side, "LIMIT", "GTC", made.size, made.price,
            made.filled, average, position_side=made.leg, commission=made.paid if rest else None,
            commission_asset="USDT", realised_pnl=made.pnl if rest and self.tells else None,
            event_time_ns=made.time * MS,
        )  # fmt: skip

    def position(self, leg: str, rest: bool = False) -> PositionReport:
        time = self.moved.get(leg, 0) * MS if self.dated or not rest else 0
        size = self.sizes.get(leg, D(0))
        return PositionReport(SYMBOL, size, self.entries[leg] if size else None, leg, event_time_ns=time)

    def worst(self) -> tuple[Decimal, Decimal]:
        held = sum(self.sizes.values(), D(0))
        rest = [(made.side, made.size - made.filled) for made in self.orders.values() if made.open]
        return (
            held + sum((size for side, size in rest if side is Side.BUY), D(0)),
            held - sum((size for side, size in rest if side is Side.SELL), D(0)),
        )


class World:
    """One venue, one account, and everything between them."""

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose
        self.hedge = choose(4) == 0
        self.venue = Venue(tells=choose(4) > 0, dated=choose(2) == 0)
        self.hands = choose(2) == 0  # whether others trade with the same account
        self.offset = (choose(5) - 2) * 15 * MS  # this machine's clock less the venue's
        self.ticks = 0
        self.account = Account(own_prefix="mm", grace_ns=GRACE, skew_ns=SKEW)
        self.requests: list[Request] = []
        self.events: list[Report] = []
        self.late: list[Report] = []  # delivered before, and perhaps again
        self.answers: list[Answer] = []
        self.status: list[tuple[str, int, OrderReport | None]] = []  # answers to questions about one order
        self.serial = 0
        self.unsettled = 0  # moments at which the account was not sure
        self.trusted = True  # no restart that was not reconciled since
        self.outside = (
            D(0),
            D(0),
        )  # what others bought and sold, open orders included, since the account was last exact

    # -- time

    @property
    def now(self) -> int:
        self.ticks += 1
        return self.venue.ms * MS + self.offset + self.ticks % MS

    def pass_time(self, ms: int) -> None:
        self.venue.ms += ms
        self.ticks = 0

    # -- what can happen

    def leg(self, side: Side, closing: bool) -> str:
        if not self.hedge:
            return "BOTH"
        return "LONG" if (side is Side.BUY) != closing else "SHORT"

    def order(self, prefix: str) -> Order:
        self.serial += 1
        side = Side(self.choose(2))
        size = D(1 + self.choose(4)) / 10
        return Order(
            SYMBOL, side, "LIMIT", size, D(100 + self.choose(5)), OrderStatus.PENDING, f"{prefix}{self.serial}",
            position_side=self.leg(side, self.choose(2) == 0),
        )  # fmt: skip

    def place(self) -> None:
        order = self.order("mm")
        now = self.now
        self.account.placing(order, now)
        kind = self.choose(8)
        if kind == 0:
            self.account.refused(order.client_order_id, "budget", self.now)
            return
        if kind == 1:  # lost on the way, and nobody knows
            self.account.unknown(order.client_order_id, "timeout", self.now)
            return
        if kind in (2, 3):  # still on the way when we gave up
            self.requests.append(Request(order, now))
            self.account.unknown(order.client_order_id, "timeout", self.now)
            return
        made = self.venue.place(order, hand=False)
        self.events += made
        if kind == 4:
            self.account.unknown(order.client_order_id, "503", self.now)
        elif kind in (5, 6):
            for report in made:
                assert isinstance(report, OrderReport)
                self.account.apply(dataclasses.replace(report, event_time_ns=0), self.now)

    def arrive(self) -> None:
        """A request that was on its way gets there, if the venue still takes it."""
        if self.requests:
            request = self.requests.pop(self.choose(len(self.requests)))
            if self.alive(request):
                self.events += self.venue.place(request.order, hand=False)

    def alive(self, request: Request) -> bool:
        """Whether the venue still takes it: half of the grace after it was sent it is too old."""
        return self.venue.ms * MS + self.offset - request.sent_ns < GRACE // 2

    def by_hand(self) -> None:
        if not self.hands:
            return
        order = self.order("hand")
        self.events += self.venue.place(dataclasses.replace(order), hand=True)
        bought, sold = self.outside
        if order.side is Side.BUY:
            self.outside = bought + order.size, sold
        else:
            self.outside = bought, sold + order.size

    def open(self) -> list[Resting]:
        return [made for made in self.venue.orders.values() if made.open]

    def trade(self) -> None:
        found = self.open()
        if found:
            made = found[self.choose(len(found))]
            left = made.size - made.filled
            size = left if self.choose(3) == 0 else min(left, D(1 + self.choose(3)) / 10)
            self.emit(self.venue.fill(made, size, made.price + self.choose(3)))

    def emit(self, reports: list[Report]) -> None:
        """The messages of one moment, in one of their orders."""
        while reports:
            self.events.append(reports.pop(self.choose(len(reports))))

    def cancel(self) -> None:
        found = self.open()
        if found:
            made = found[self.choose(len(found))]
            if made.client in self.account.orders and self.choose(2):
                self.account.canceling(made.client, self.now)
            if self.choose(3):
                self.events += self.venue.end(made, OrderStatus.CANCELED if self.choose(3) else OrderStatus.EXPIRED)

    def deliver(self) -> None:
        """The next message, or any other one; perhaps again later."""
        if self.events:
            at = 0 if self.choose(3) else self.choose(len(self.events))
            report = self.events.pop(at)
            self.account.apply(report, self.now)
            if self.choose(3) == 0:
                self.late.append(report)

    def again(self) -> None:
        if self.late:
            self.account.apply(self.late[self.choose(len(self.late))], self.now)

    def lose(self) -> None:
        if self.events:
            self.events.pop(self.choose(len(self.events)))

    def disconnect(self) -> None:
        if self.choose(4) == 0:
            self.events.clear()

    def ask(self) -> None:
        """A snapshot: first the orders, and in a later step the rest."""
        now = self.now
        rows = tuple(self.venue.report(made, rest=True) for made in self.open())
        self.answers.append(Answer(now, rows))

    def ask_on(self) -> None:
        for answer in self.answers:
            if answer.positions is None:
                venue = self.venue
                answer.positions = tuple(venue.position(leg, rest=True) for leg, size in venue.sizes.items() if size)
                answer.balances = (BalanceReport("USDT", venue.wallet),)
                answer.answered_ns = self.now
                return

    def answer(self) -> None:
        done = [answer for answer in self.answers if answer.answered_ns]
        if done:
            found = done[self.choose(len(done))]
            self.answers.remove(found)
            if self.choose(6):
                self.account.reconcile(
                    Snapshot(found.asked_ns, found.answered_ns, found.orders, found.positions, found.balances), self.now
                )

    def look_up(self) -> None:
        found = self.account.to_resolve
        if found:
            client = found[self.choose(len(found))].client_order_id
            now = self.now
            made = next((made for made in self.venue.orders.values() if made.client == client), None)
            self.status.append((client, now, None if made is None else self.venue.report(made, rest=True)))

    def looked_up(self) -> None:
        if self.status:
            client, asked_ns, report = self.status.pop(self.choose(len(self.status)))
            if report is not None:
                self.account.apply(report, self.now)
            elif client in self.account.orders:
                self.account.absent(client, asked_ns)

    def restart(self) -> None:
        """The process is gone with all that it knew; what was on its way to the venue may still get there."""
        self.account = Account(own_prefix="mm", grace_ns=GRACE, skew_ns=SKEW)
        self.answers.clear()
        self.status.clear()
        self.late.clear()
        self.events.clear()
        self.trusted = False

    def wait(self) -> None:
        self.pass_time((1, 1, 2, 30, 700)[self.choose(5)])

    STEPS = (
        "place", "place", "place", "arrive", "by_hand", "trade", "trade", "trade", "trade", "trade", "cancel",
        "deliver", "deliver", "deliver", "again", "deliver", "deliver", "deliver",
        "deliver", "deliver", "again", "lose", "disconnect", "ask", "ask_on", "answer",
        "look_up", "looked_up", "wait", "wait",
    )  # fmt: skip

    # -- what must hold

    def check(self) -> None:
        """Own orders are never understated; what others do may be unknown, and by no more than they did."""
        if not self.trusted:
            return
        long, short = self.venue.worst()
        for request in filter(self.alive, self.requests):
            if request.order.side is Side.BUY:
                long += request.order.size
            else:
                short -= request.order.size
        stated = self.account.exposure(SYMBOL)
        self.unsettled += not stated.settled
        bought, sold = self.outside
        assert stated.long >= long - bought, (stated, long, bought)
        assert stated.short <= short + sold, (stated, short, sold)
        assert stated.short <= stated.position <= stated.long

    def settle(self) -> None:
        """The venue falls quiet, everything on its way arrives or is lost for good, and the account is reconciled."""
        while self.requests:
            self.arrive()
        while self.events:
            if self.choose(4):
                self.deliver()
            else:
                self.lose()
        while self.status:
            self.looked_up()
        self.answers.clear()
        self.pass_time(2000)
        for _ in range(4):
            self.reconcile()
            for order in self.account.to_resolve:
                made = next((made for made in self.venue.orders.values() if made.client == order.client_order_id), None)
                self.pass_time(1)
                if made is not None:
                    self.account.apply(self.venue.report(made, rest=True), self.now)
                else:
                    self.account.absent(order.client_order_id, self.now)
            self.pass_time(GRACE // MS)
            if not self.account.to_resolve:
                break
        self.reconcile()
        self.equal()
        self.trusted = True
        self.outside = (D(0), D(0))
        for made in self.open():
            if made.hand:
                bought, sold = self.outside
                left = made.size - made.filled
                self.outside = (bought + left, sold) if made.side is Side.BUY else (bought, sold + left)

    def reconcile(self) -> None:
        self.ask()
        while any(not answer.answered_ns for answer in self.answers):
            self.ask_on()
        answer = self.answers.pop()
        self.answers.clear()
        self.account.reconcile(
            Snapshot(answer.asked_ns, answer.answered_ns, answer.orders, answer.positions, answer.balances), self.now
        )

    def equal(self) -> None:
        """The account is the venue's, to the last digit."""
        account, venue = self.account, self.venue
        assert account.to_resolve == ()
        mine = {order.order_id: order for order in account.orders.values() if order.order_id}
        assert {order.order_id for order in account.open_orders()} == {made.order_id for made in self.open()}
        for order_id, order in mine.items():
            made = venue.orders[order_id]
            assert (order.status, order.filled, order.size) == (made.status, made.filled, made.size), (order, made)
            assert order.own == (not made.hand)
        placed = {
            order.client_order_id for order in account.orders.values() if order.own and order.status.name != "REJECTED"
        }
        assert placed <= {made.client for made in venue.orders.values()}
        position = account.positions.get(SYMBOL)
        total = sum(venue.sizes.values(), D(0))
        assert (D(0) if position is None else position.size) == total
        if position is not None:
            for part in position.legs or (position,):
                size = venue.sizes.get(part.position_side, D(0))
                assert part.size == size
                assert part.entry_price == (venue.entries[part.position_side] if size else None)
        assert account.balances["USDT"].wallet == venue.wallet
        exposure = account.exposure(SYMBOL)
        assert (exposure.long, exposure.short) == venue.worst()
        assert exposure.settled
        known = [venue.orders[order_id] for order_id in mine]
        if venue.tells:
            assert account.realised_pnl(SYMBOL) == sum((made.pnl for made in known), D(0))
        assert account.commissions.get("USDT", D(0)) == sum((made.paid for made in known), D(0))
        if position is not None:
            assert position.commission == account.commissions.get("USDT", D(0))

    def run(self, steps: int) -> None:
        """Anything, many times over."""
        for _ in range(steps):
            kind = self.choose(len(self.STEPS) + 1)
            if kind == len(self.STEPS):
                {0: self.settle, 1: self.restart}.get(self.choose(4), self.settle)()
            else:
                getattr(self, self.STEPS[kind])()
            self.check()
        self.settle()
        self.check()
