"""One random schedule: a trader at the local venue over loopback, and everything that can go wrong between them.

A venue is named, and a seed decides the rest: the venue's conduct and faults, the orders, cancels, fills and hands of
others, how long everybody waits, restarts and halts. Time passes by itself, so nothing sleeps. At each moment at which
nothing can happen before time passes, and after each thing that happens at the venue, what the account states of its
exposure must be no less than the venue's for the orders that csbook placed. When the venue is quiet and the account
reconciled, both have the same books to the last digit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from csbook.account import Account, Exposure
from csbook.errors import TradeError
from csbook.guard.fallback import Mode
from csbook.guard.tripwire import Tripwire
from csbook.sim import Faults, Terms
from csbook.trader import OWN, Trader
from csbook.types import OrderStatus, Side
from csbook.venues import trading_table
from trading import exchange, shifted, touch, trader_of
from virtual import Virtual, run

SYMBOL = "BTCUSDT"
TICK = Decimal("0.1")
ZERO = Decimal(0)
RULES = Tripwire(stream_lost_after=None, rejects=None)  # halts come by hand
WAITS = (0.0, 0.0, 0.0, 0.001, 0.01, 0.3, 2.0, 7.0, 31.0)
SETTLED_WITHIN = 900.0  # s; an order without a known outcome needs two minutes

EVENTS = ("event_drop", "event_duplicate", "event_reorder", "event_delay", "event_disconnect", "event_expire")
REQUESTS = ("request_lost", "request_429", "request_503", "answer_lost", "answer_503")
RARE = {"event_disconnect": 0.1, "event_expire": 0.05}

ACTIONS = (
    "place", "place", "place", "place", "taker", "cancel", "cancel", "cancel_all", "fill", "fill", "fill", "trade",
    "by_hand", "hand_cancels", "market", "disconnect", "expire", "ask", "halt", "restart", "settle", "burst",
)  # fmt: skip

ONE_WORD = ("bybit", "coinswitch")  # where REST has one word for CANCELED and EXPIRED
MONEY = Decimal("1e-8")  # the venue rounds an average price
ABLE = {"amend": ("amend", "amend")}  # more actions, where a venue has an ability


class Divergence(AssertionError):
    """The account is not what the venue's books are."""


class Schedule:
    """``venue`` and ``seed`` replay it. ``done`` counts what happened, by name."""

    def __init__(self, seed: int, venue: str = "coinswitch", steps: int = 25) -> None:
        self.seed = seed
        self.name = venue
        self.abilities = trading_table(venue).abilities
        self.actions = ACTIONS + tuple(
            action for ability, more in ABLE.items() if ability in self.abilities for action in more
        )
        self.steps = steps
        self.dice = Random(seed)
        self.notes: list[str] = []
        self.done: dict[str, int] = {}
        self.hedge = self.dice.random() < 0.2
        self.outside = (ZERO, ZERO)  # what others bought and sold since the account was last exact, open orders too
        self.trader: Trader | None = None
        self.failure: AssertionError | None = None
        self._commands: set[asyncio.Task[None]] = set()
        self._settling = False

    def run(self) -> None:
        """Raises Divergence, or whatever a bug raises."""
        time = Virtual()
        time.at_rest = self._check
        self.time = time
        with TemporaryDirectory() as folder:
            run(lambda _: self._main(time, Path(folder)), time)

    async def _main(self, time: Virtual, folder: Path) -> None:
        dice = self.dice
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        options: dict[str, Any] = {
            "venue": self.name,
            "seed": self.seed,
            "start_at": dice.random() * 100,
            "rates": dice.choice(({}, None)),
            "cancel_latency_s": dice.choice((0.0, 0.0, 0.2, 5.0)),
            "position_event": dice.random() < 0.3,
            "listen_key_life_s": dice.choice((3600.0, 3600.0, 100.0)),
            "silent_expiry": dice.random() < 0.3,
            "accounts": {"default": Terms(hedge=self.hedge, maker_rate=dice.choice(("0.0002", "-0.0001", "0.00024")))},
        }
        self.timing = shifted(time, dice.choice((0.0, 0.0, -0.4, 0.4, 3.0, -90.0, 90.0)))
        self._faults = self._drawn()
        async with exchange(time, **options) as venue:
            self.venue, self.folder = venue, folder
            tell = venue._exchange.tell

            def told(news: Any) -> None:
                tell(news)
                self._check()

            venue._exchange.tell = told  # type: ignore[method-assign]
            await self._enter()
            try:
                venue.faults = self._faults
                for _ in range(self.steps):
                    self._raise()
                    await self._act(dice.choice(self.actions))
                    for _ in range(dice.choice((0, 0, 1, 3, 10))):
                        await asyncio.sleep(0)
                    await asyncio.sleep(dice.choice(WAITS))
                await self.settle()
            finally:
                for command in self._commands:
                    command.cancel()
                await self._leave()

    def _drawn(self) -> Faults:
        """Some of the faults, each more or less often."""
        dice = self.dice
        rates: dict[str, float] = {}
        for kinds in (EVENTS, REQUESTS):
            if dice.random() < 0.15:
                continue
            chosen = {kind: dice.random() * RARE.get(kind, 0.3) for kind in kinds if dice.random() < 0.5}
            total = sum(chosen.values())
            rates |= {kind: rate / max(1.0, total / 0.7) for kind, rate in chosen.items()}
        return Faults(
            **rates,
            event_delay_s=dice.choice((0.05, 3.0, 40.0)),
            request_lost_s=dice.choice((0.0, 2.0, 3600.0)),
            answer_lost_s=dice.choice((0.0, 2.0, 3600.0)),
        )

    def _note(self, text: str) -> None:
        self.notes.append(f"{self.time.clock.monotonic_ns() / 1e9:10.3f} {text}")

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._fail(Divergence(f"unhandled: {context['message']}: {error!r}"), error)

    def _fail(self, failure: AssertionError, cause: BaseException | None = None) -> None:
        if self.failure is None:
            self._note(f"FAILED: {failure}")
            failure.__cause__ = cause
            self.failure = failure

    def _raise(self) -> None:
        if self.failure is not None:
            raise self.failure

    # -- coming and going -------------------------------------------------------------------------------------------

    async def _enter(self) -> None:
        trader = trader_of(self.time, self.venue, self.folder, _timing=self.timing, rules=RULES)
        trader.on_alert(lambda alert: self._note(f"alert {alert.kind}: {alert.text}"))
        trader.on_event(lambda change: self._note(f"learned {change}"))
        faults, self.venue.faults = self.venue.faults, Faults()
        await trader.__aenter__()
        self.venue.faults = faults
        # what others did before is known now; what they still have open may fill
        self.outside = self._hands_open()
        self.trader = trader
        self._check()

    async def _leave(self) -> None:
        trader, self.trader = self.trader, None
        if trader is not None:
            await trader.__aexit__(None, None, None)

    def _hands_open(self) -> tuple[Decimal, Decimal]:
        bought = sold = ZERO
        for order in self.venue.account.open_orders:
            if not order.client_order_id.startswith(OWN):
                if order.side is Side.BUY:
                    bought += order.remaining
                else:
                    sold += order.remaining
        return bought, sold

    # -- what can happen --------------------------------------------------------------------------------------------

    async def _act(self, name: str) -> None:
        self.done[name] = self.done.get(name, 0) + 1
        self._note(name)
        found = getattr(self, f"_do_{name}")()
        if found is not None:
            await found

    @property
    def _own(self) -> Trader:
        assert self.trader is not None
        return self.trader

    def _command(self, command: Coroutine[Any, Any, Any]) -> None:
        """Sent, and not waited for."""

        async def carry_out() -> None:
            try:
                await command
            except TradeError as error:
                self._note(f"{type(error).__name__}: {error}")
            except AssertionError as error:
                self._fail(error)
            except Exception as error:
                self._fail(Divergence(f"a command raised {error!r}"), error)

        task = asyncio.ensure_future(carry_out())
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    def _leg(self, side: str) -> str | None:
        if not self.hedge:
            return None
        return self.dice.choice(("LONG", "SHORT"))

    def _size(self) -> Decimal:
        return Decimal(self.dice.randint(1, 40)) / 1000

    def _do_place(self, aggressive: bool = False) -> None:
        dice = self.dice
        side = dice.choice(("BUY", "SELL"))
        bid, ask = touch(self.venue)
        if dice.random() < 0.1 or (aggressive and dice.random() < 0.3):
            price, kind = None, "MARKET"
        else:
            away = dice.randint(-15, -1) if aggressive else dice.randint(0, 30)
            price, kind = (bid - away * TICK if side == "BUY" else ask + away * TICK), "LIMIT"
        in_force = dice.choice(("GTC", "GTC", "GTC", "IOC", "FOK")) if kind == "LIMIT" else "GTC"
        resting = "post_only" in self.abilities and (kind, in_force) == ("LIMIT", "GTC")
        self._command(
            self._own.place(
                SYMBOL,
                side,
                size=self._size(),
                price=price,
                type=kind,
                time_in_force=in_force,
                post_only=resting and dice.random() < 0.3,
                reduce_only=not self.hedge and dice.random() < 0.15,
                position_side=self._leg(side),
                timeout=dice.choice((None, None, None, 0.5, 4.0, 0.0)),
            )
        )

    def _do_taker(self) -> None:
        self._do_place(aggressive=True)

    def _do_burst(self) -> None:
        for _ in range(self.dice.randint(2, 5)):
            self._do_place()

    def _do_cancel(self) -> None:
        found = self._own.account.open_orders()
        if found:
            self._command(self._own.cancel(self.dice.choice(found)))

    def _do_amend(self) -> None:
        found = [order for order in self._own.account.open_orders() if order.price is not None]
        if found:
            dice, order = self.dice, self.dice.choice(found)
            price, size = None, None
            if dice.random() < 0.7:
                price = (order.price or ZERO) + dice.randint(-15, 15) * TICK
            if dice.random() < 0.5:
                size = order.size - Decimal(dice.randint(1, 10)) / 1000
            self._command(self._own.amend(order, price=price, size=size))

    def _do_cancel_all(self) -> None:
        self._command(self._own.cancel_all(self.dice.choice((None, SYMBOL))))

    def _do_fill(self) -> None:
        found = [order for order in self.venue.account.open_orders if order.price is not None]
        if found:
            order = self.dice.choice(found)
            units = int(order.remaining * 1000)
            size = None if self.dice.random() < 0.4 else Decimal(self.dice.randint(1, units)) / 1000
            self.venue.cross(order.order_id, size)

    def _do_trade(self) -> None:
        bid, ask = touch(self.venue)
        side = self.dice.choice(("BUY", "SELL"))
        price = bid - self.dice.randint(0, 20) * TICK if side == "SELL" else ask + self.dice.randint(0, 20) * TICK
        self.venue.trade(SYMBOL, price, self._size() * 3, side)

    def _do_by_hand(self) -> None:
        dice = self.dice
        bid, ask = touch(self.venue)
        side = dice.choice(("BUY", "SELL"))
        size = self._size()
        away = dice.randint(-5, 20)
        price = None if dice.random() < 0.2 else (bid - away * TICK if side == "BUY" else ask + away * TICK)
        bought, sold = self.outside
        self.outside = (bought + size, sold) if side == "BUY" else (bought, sold + size)
        name = f"hand-{dice.getrandbits(32)}" if dice.random() < 0.5 else ""
        try:
            self.venue.place_by_hand(
                SYMBOL, side, size, price, position_side=self._leg(side) or "BOTH", client_order_id=name
            )
        except ValueError as error:
            self._note(str(error))

    def _do_hand_cancels(self) -> None:
        found = self.venue.account.open_orders
        if found:
            ending = self.dice.choice(
                (OrderStatus.CANCELED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
            )
            self.venue.cancel_by_hand(self.dice.choice(found).order_id, ending)

    def _do_market(self) -> None:
        self.venue.step(self.dice.randint(1, 200))

    async def _do_disconnect(self) -> None:
        await self.venue.disconnect_streams(self.dice.choice((None, 1001)))

    def _do_expire(self) -> None:
        self.venue.expire_listen_keys()

    def _do_ask(self) -> None:
        question = self.dice.choice(("open_orders", "portfolio", "closed_orders"))
        asked = (SYMBOL,) if question == "closed_orders" else ()
        self._command(getattr(self._own, question)(*asked))

    def _do_halt(self) -> None:
        if self.dice.random() < 0.3:
            self._own.halt("by the dice")
        elif self._own.halted:
            self._own.rearm()

    async def _do_restart(self) -> None:
        if self.dice.random() < 0.5:
            return
        for command in self._commands:
            command.cancel()
        await self._leave()
        await asyncio.sleep(self.dice.choice((0.0, 5.0)))
        await self._enter()

    async def _do_settle(self) -> None:
        if self.dice.random() < 0.5:
            await self.settle()

    # -- what must hold ---------------------------------------------------------------------------------------------

    def _worst(self) -> tuple[Decimal, Decimal]:
        """The venue's exposure: what is held, and what may still be bought, or sold."""
        truth = self.venue.account
        held = sum((position.size for position in truth.positions.values()), ZERO)
        buys = sum((order.remaining for order in truth.open_orders if order.side is Side.BUY), ZERO)
        sells = sum((order.remaining for order in truth.open_orders if order.side is Side.SELL), ZERO)
        return held + buys, held - sells

    def _check(self) -> None:
        if self.trader is None or self.failure is not None:
            return
        stated = self.trader.account.exposure(SYMBOL)
        long, short = self._worst()
        bought, sold = self.outside
        if not (stated.long >= long - bought and stated.short <= short + sold):
            self._fail(Divergence(f"{stated}, and the venue's is {long} / {short}, by others {bought} / {sold}"))

    async def settle(self) -> None:
        """The venue falls quiet and the trader reconciles; then both have the same books."""
        venue, trader = self.venue, self._own
        self._note("settling")
        venue.faults = Faults()
        if self._commands:
            await asyncio.wait(self._commands)
        await venue.quiet()
        if self.dice.random() < 0.7:
            trader._ask()
        snapshots = trader.stats()["snapshots"]
        waited = 0.0
        while not (self._calm(trader) and trader.stats()["snapshots"] > snapshots):
            self._raise()
            if waited > SETTLED_WITHIN:
                raise Divergence(f"not settled: {trader.stats()} {trader._fallback.mode} {trader.account.to_resolve}")
            await asyncio.sleep(0.5)
            waited += 0.5
        if trader.halted:
            trader.rearm()
        await self._last_look(trader)
        account = trader.account
        if not account.exposure(SYMBOL).settled or any(account.missing(key) for key in account.orders):
            # the first one showed that an order was gone, and it was asked for; what it filled counts as lost by now
            await self._last_look(trader)
        self._raise()
        self.equal()
        self.outside = self._hands_open()
        self._check()
        venue.faults = self._faults
        self._note("settled")

    async def _last_look(self, trader: Trader) -> None:
        """Once more, since an order that has just been asked for is part of no snapshot yet."""
        await asyncio.sleep(1.5)
        trader._ask()
        # one that is under way was asked for before
        wanted = trader.stats()["snapshots"] + (1 if trader._fallback._asked is None else 2)
        for _ in range(400):
            if trader.stats()["snapshots"] >= wanted and self._calm(trader):
                return
            await asyncio.sleep(0.5)
        raise Divergence(f"no snapshot: {trader.stats()} {trader._fallback.mode} {trader.account.to_resolve}")

    def _calm(self, trader: Trader) -> bool:
        return (
            trader._fallback.mode is Mode.STREAM
            and not trader.account.to_resolve
            and not trader._halts.under_way
            and not any(order.canceling for order in self.venue.account.open_orders)
        )

    def equal(self) -> None:
        """The account has the venue's books, to the last digit."""
        mine, truth = self._own.account, self.venue.account
        self._same("to resolve", mine.to_resolve, ())
        theirs = {order.order_id: order for order in truth.orders}
        known = {order.order_id: order for order in mine.orders.values() if order.order_id}
        self._same(
            "open orders",
            {order.order_id for order in mine.open_orders()},
            {order.order_id for order in truth.open_orders},
        )
        for order_id, order in known.items():
            other = theirs[order_id]
            one_word = self.name in ONE_WORD and order.status in (OrderStatus.EXPIRED, OrderStatus.CANCELED)
            status = order.status if other.status is OrderStatus.EXPIRED and one_word else other.status
            if other.status is OrderStatus.REJECTED and other.filled:
                status = order.status if order.status is OrderStatus.CANCELED else other.status
            for name, one, two in (
                ("status", order.status, status),
                ("filled", order.filled, other.filled),
                ("size", order.size, other.size),
                ("price", order.price, other.price),
                ("side", order.side, other.side),
                ("average price", order.average_price and order.average_price.quantize(MONEY), other.average_price),
                ("own", order.own, other.client_order_id.startswith(OWN)),
                ("client id", order.client_order_id, other.client_order_id),
                ("leg", order.position_side, other.position_side),
            ):
                self._same(f"{name} of {order_id}", one, two)
        for order in mine.orders.values():
            if not order.order_id:
                self._same(f"an order that the venue never had, {order}", order.status, OrderStatus.REJECTED)
                self._same("venue has it", order.client_order_id in truth.by_client_id, False)
        self._same_positions(mine)
        balance, other_balance = mine.balances["USDT"], truth.balances["USDT"]
        self._same("wallet", balance.wallet, other_balance.wallet)
        if self.name != "bybit":  # which no longer tells it
            self._same("available", balance.available, other_balance.available)
        tickets = [truth.tickets[int(order_id)] for order_id in known]
        self._same("realised", mine.realised_pnl(SYMBOL), sum((ticket.realised for ticket in tickets), ZERO))
        self._same("commission", mine.commissions.get("USDT", ZERO), sum((ticket.fee for ticket in tickets), ZERO))
        self._same("exposure", mine.exposure(SYMBOL), self._exposure())

    def _same_positions(self, mine: Account) -> None:
        position, other = mine.positions.get(SYMBOL), self.venue.account.positions.get(SYMBOL)
        size = ZERO if other is None else other.size
        self._same("position", ZERO if position is None else position.size, size)
        legs = {leg.position_side: leg for leg in ((position.legs or (position,)) if position is not None else ())}
        for leg in (other.legs or (other,)) if other is not None else ():
            if leg.size:
                # one leg alone is listed as a position is: which one it is shows when it is named
                found = legs.get(leg.position_side) or (legs.get("BOTH") if len(legs) == 1 else None)
                self._same(
                    f"leg {leg.position_side}", found and (found.size, found.entry_price), (leg.size, leg.entry_price)
                )

    def _exposure(self) -> Exposure:
        long, short = self._worst()
        held = sum((position.size for position in self.venue.account.positions.values()), ZERO)
        return Exposure(held, long, short)

    def _same(self, what: str, one: Any, two: Any) -> None:
        if one != two:
            raise Divergence(f"{what}: {one}, and the venue has {two}")
