"""One customer of the venue: keys, balances, positions, orders and fills. The truth that a client is compared with.

Money is Decimal and exact, but for two things, both rounded half even to ``tickets.MONEY``: the entry price of a
position that grows, and the average price of an order. A position that shrinks keeps its entry price and realises
``(price - entry) * size``; one that flips starts over at the price of the fill. Commission is ``price * size * rate``
of the maker or the taker, in the quote asset; above 0 a cost, below a rebate. The wallet moves by realised P&L less
commission.

The margin check is simple and strict: ``wallet - margin of positions - margin of open orders`` must cover a new
order. A position's margin is its size at the entry price over the leverage, an open order's that part of it at its
price over the leverage which would not close a position, earlier orders closing first. Nobody is liquidated and no
funding is paid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from secrets import token_hex

from csbook.errors import UsageError
from csbook.sim.market import Instrument
from csbook.sim.tickets import MONEY, Ticket, price_of, size_of
from csbook.types import Balance, Fill, Order, Position, Side

__all__ = ["QUOTE", "Account", "Holding", "Terms"]

QUOTE = "USDT"
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Terms:
    """How an account is run. ``balance`` in USDT; rates are shares of the notional; ``hedge``: two legs a symbol."""

    balance: Decimal | str | int = "100000"
    leverage: int = 10
    maker_rate: Decimal | str = "0.0002"
    taker_rate: Decimal | str = "0.0005"
    hedge: bool = False

    def __post_init__(self) -> None:
        for name in ("balance", "maker_rate", "taker_rate"):
            value = getattr(self, name)
            try:
                number = Decimal(value) if isinstance(value, Decimal | str | int) else Decimal("nan")
            except ArithmeticError:
                number = Decimal("nan")
            if not number.is_finite():
                raise UsageError(f"{name} is {value!r}, and a decimal text is expected, as in '0.0005'")
            object.__setattr__(self, name, number)
        if not (type(self.leverage) is int and 1 <= self.leverage <= 125):
            raise UsageError(f"leverage is {self.leverage}, and a whole number from 1 to 125 is expected")


@dataclass(slots=True)
class Holding:
    """One position, or one leg of it. ``size`` is signed, in units of the last decimal."""

    instrument: Instrument
    position_side: str
    size: int = 0
    entry: Decimal | None = None
    realised: Decimal = ZERO
    commission: Decimal = ZERO
    since_ns: int = 0
    updated_ns: int = 0

    def apply(self, signed: int, price: Decimal, at_ns: int) -> Decimal:
        """A fill of so many signed units. Returns what it realised."""
        before, after = self.size, self.size + signed
        realised = ZERO
        if before and (before > 0) != (signed > 0):
            closed = min(abs(before), abs(signed))
            assert self.entry is not None
            gain = (price - self.entry) * size_of(self.instrument, closed)
            realised = gain if before > 0 else -gain
            if after and (after > 0) != (before > 0):
                self.entry, self.since_ns = price, at_ns
        elif self.entry is None:
            self.entry, self.since_ns = price, at_ns
        else:
            self.entry = ((self.entry * before + price * signed) / after).quantize(MONEY, ROUND_HALF_EVEN)
        if not after:
            self.entry = None
        self.size, self.updated_ns = after, at_ns
        self.realised += realised
        return realised

    def margin(self, leverage: int) -> Decimal:
        """What it binds of the wallet."""
        if self.entry is None:
            return ZERO
        return (abs(size_of(self.instrument, self.size)) * self.entry / leverage).quantize(MONEY, ROUND_UP)

    def record(self, leverage: int) -> Position:
        return Position(
            symbol=self.instrument.symbol,
            size=size_of(self.instrument, self.size),
            entry_price=self.entry,
            realised_pnl=self.realised,
            commission=self.commission,
            position_side=self.position_side,
            leverage=Decimal(leverage),
            margin_type="cross",
            event_time_ns=self.updated_ns,
        )


@dataclass(slots=True, eq=False)
class Account:
    """A customer. The secret is in no repr; ``orders``, ``positions`` and the others are records of this moment."""

    name: str
    terms: Terms = field(default_factory=Terms)
    api_key: str = field(default_factory=lambda: token_hex(16), repr=False)
    api_secret: str = field(default_factory=lambda: token_hex(32), repr=False)
    wallet: dict[str, Decimal] = field(init=False, repr=False)
    tickets: dict[int, Ticket] = field(default_factory=dict, repr=False)
    by_client_id: dict[str, Ticket] = field(default_factory=dict, repr=False)
    working: dict[int, Ticket] = field(default_factory=dict, repr=False)  # those that are open, oldest first
    holdings: dict[tuple[str, str], Holding] = field(default_factory=dict, repr=False)
    _fills: list[Fill] = field(default_factory=list, repr=False)
    _paid_ns: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self.wallet = {QUOTE: Decimal(self.terms.balance)}

    # -- the books, as records

    @property
    def orders(self) -> tuple[Order, ...]:
        """All that were ever accepted, oldest first."""
        return tuple(ticket.record() for ticket in self.tickets.values())

    @property
    def open_orders(self) -> tuple[Order, ...]:
        return tuple(ticket.record() for ticket in self.working.values())

    @property
    def fills(self) -> tuple[Fill, ...]:
        """In order."""
        return tuple(self._fills)

    @property
    def positions(self) -> dict[str, Position]:
        """By symbol, flat ones that were once held too; in hedge mode with their legs. Not those of the other mode."""
        found = {}
        held_so = [at for at in self.holdings if (at[1] == "BOTH") is not self.terms.hedge]
        for symbol in dict.fromkeys(symbol for symbol, _ in held_so):
            legs = tuple(self.holdings[at].record(self.terms.leverage) for at in held_so if at[0] == symbol)
            if not self.terms.hedge:
                found[symbol] = legs[0]
                continue
            held = [leg for leg in legs if leg.size]
            found[symbol] = Position(
                symbol=symbol,
                size=sum((leg.size for leg in legs), ZERO),
                entry_price=held[0].entry_price if len(held) == 1 else None,
                realised_pnl=sum((leg.realised_pnl for leg in legs), ZERO),
                commission=sum((leg.commission for leg in legs), ZERO),
                leverage=Decimal(self.terms.leverage),
                margin_type="cross",
                event_time_ns=max(leg.event_time_ns for leg in legs),
                legs=legs,
            )
        return found

    @property
    def balances(self) -> dict[str, Balance]:
        return {
            asset: Balance(asset, wallet, self.available() if asset == QUOTE else wallet, self._paid_ns)
            for asset, wallet in self.wallet.items()
        }

    # -- positions

    def holding(self, instrument: Instrument, position_side: str) -> Holding:
        key = (instrument.symbol, position_side)
        if key not in self.holdings:
            self.holdings[key] = Holding(instrument, position_side)
        return self.holdings[key]

    def held(self, symbol: str, position_side: str) -> int:
        """Signed units."""
        holding = self.holdings.get((symbol, position_side))
        return 0 if holding is None else holding.size

    def room(self, symbol: str, side: Side, position_side: str) -> int:
        """How many units an order on that side could close."""
        held = self.held(symbol, position_side)
        return max(0, held if side is Side.SELL else -held)

    def closing(self, side: Side, position_side: str) -> bool:
        """Whether an order can only close, by the leg that it is for."""
        return position_side == ("LONG" if side is Side.SELL else "SHORT")

    def apply(self, ticket: Ticket, price: int, size: int, trade_id: int, is_maker: bool, at_ns: int) -> Fill:
        """One execution of an order of this account: position, wallet, order and ledger move together."""
        instrument = ticket.instrument
        exact_price, exact_size = price_of(instrument, price), size_of(instrument, size)
        rate = Decimal(self.terms.maker_rate if is_maker else self.terms.taker_rate)
        fee = exact_price * exact_size * rate
        holding = self.holding(instrument, ticket.position_side)
        realised = holding.apply(size if ticket.side is Side.BUY else -size, exact_price, at_ns)
        holding.commission += fee
        self.wallet[QUOTE] += realised - fee
        self._paid_ns = at_ns
        ticket.filled += size
        ticket.value += price * size
        ticket.fee += fee
        ticket.realised += realised
        ticket.updated_ns = at_ns
        fill = Fill(
            symbol=instrument.symbol,
            side=ticket.side,
            price=exact_price,
            size=exact_size,
            trade_id=str(trade_id),
            order_id=str(ticket.id),
            client_order_id=ticket.client_order_id,
            commission=fee,
            commission_asset=QUOTE,
            realised_pnl=realised,
            is_maker=is_maker,
            position_side=ticket.position_side,
            trade_time_ns=at_ns,
            event_time_ns=at_ns,
        )
        self._fills.append(fill)
        return fill

    # -- margin

    def position_margin(self, symbol: str | None = None) -> Decimal:
        """Of one symbol, or of all."""
        return sum(
            (h.margin(self.terms.leverage) for (name, _), h in self.holdings.items() if symbol in (None, name)), ZERO
        )

    def order_margin(self, symbol: str | None = None, extra: Ticket | None = None) -> Decimal:
        """Of all open orders, and of one more."""
        tickets = [*self.working.values()] + ([] if extra is None else [extra])
        return sum(self._order_margins(t for t in tickets if symbol in (None, t.symbol)), ZERO)

    def available(self) -> Decimal:
        """What new orders may bind; below 0 after losses."""
        return self.wallet[QUOTE] - self.position_margin() - self.order_margin()

    def _order_margins(self, tickets: Iterable[Ticket]) -> Iterable[Decimal]:
        free: dict[tuple[str, Side, str], int] = {}
        for ticket in tickets:
            if ticket.reduce_only or ticket.price is None or self.closing(ticket.side, ticket.position_side):
                continue
            key = (ticket.symbol, ticket.side, ticket.position_side)
            if key not in free:
                free[key] = self.room(*key)
            closed = min(free[key], ticket.remaining)
            free[key] -= closed
            opened = size_of(ticket.instrument, ticket.remaining - closed)
            notional = opened * price_of(ticket.instrument, ticket.price)
            yield (notional / self.terms.leverage).quantize(MONEY, ROUND_UP)
