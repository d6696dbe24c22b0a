"""The example market maker beside a feed, and what is to be shown of it: its orders, position and profit.

It trades at the local venue only. Its halt state is kept in a folder that goes when it goes: a HALT file of the user's
does not concern it, and a halt of it nobody else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Self

import csbook
from csbook._core import Book
from csbook.cli import figures
from csbook.errors import HaltedError

if TYPE_CHECKING:
    from csbook.credentials import Credentials
    from csbook.feed import Feed
    from csbook.trader import Trader

__all__ = ["Level", "Own", "Quoting", "held", "own_of", "profit", "quote"]

Level = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class Own:
    """What one account has in one symbol. Prices and profits are quote currency, sizes base quantity."""

    bids: Sequence[Level]  # own resting orders, (price, size), best first
    asks: Sequence[Level]
    position: Decimal
    entry: Decimal | None
    pnl: Decimal | None  # realised and unrealised less commission; None while the book has no mid
    orders: int  # placed
    fills: int
    halted: str | None  # why; None: orders are admitted

    def raw(self, price_decimals: int, size_decimals: int) -> dict[int, int]:
        """Own size by price, as integers at a book's scales."""
        return {
            int(price.scaleb(price_decimals)): int(size.scaleb(size_decimals))
            for price, size in (*self.bids, *self.asks)
        }


def own_of(trader: Trader, book: Book) -> Own:
    """As it is now. O(own prices + fills counted)."""
    account, symbol = trader.account, book.symbol
    ladder, position, stats = account.ladder(symbol), account.positions.get(symbol), trader.stats()
    unrealised = account.unrealised_pnl(symbol, book)
    paid = Decimal(0) if position is None else position.commission
    return Own(
        bids=ladder.bids,
        asks=ladder.asks,
        position=Decimal(0) if position is None else position.size,
        entry=None if position is None else position.entry_price,
        pnl=None if unrealised is None else account.realised_pnl(symbol) + unrealised - paid,
        orders=stats["placed"],
        fills=stats["fills"],
        halted=trader.halt_reason if trader.halted else None,
    )


def profit(own: Own) -> str:
    """Realised and unrealised, less commission."""
    return figures.NOTHING if own.pnl is None else f"{own.pnl:+.4f}"


def held(own: Own) -> str:
    """The position with its sign."""
    return f"{own.position:+f}" if own.position else "0"


def quote(levels: Sequence[Level]) -> str:
    """The best of one's own orders of a side, and how many prices there are behind it."""
    if not levels:
        return figures.NOTHING
    price, size = levels[0]
    return f"{size:f} x {price:f}" + (f" +{len(levels) - 1}" if len(levels) > 1 else "")


class Quoting:
    """``async with Quoting(feed, "BTCUSDT", ...) as quoting``, inside of the feed's own block: quotes until it is left.

    ``ended`` is called when the maker ends by itself, which is a bug; leaving then raises what it raised.
    """

    def __init__(
        self,
        feed: Feed,
        symbol: str,
        *,
        venue: str,
        credentials: Credentials,
        rest_url: str,
        ws_url: str,
        ended: Callable[[], object],
    ) -> None:
        self.symbol = symbol
        self._feed = feed
        self._ended = ended
        self._state = TemporaryDirectory(prefix="csbook-", ignore_cleanup_errors=True)
        self.trader = csbook.trade(
            venue,
            credentials=credentials,
            rest_url=rest_url,
            ws_url=ws_url,
            cancel_on_exit=True,
            state_dir=self._state.name,
        )
        self._making: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        from csbook.examples.maker import Maker

        try:
            await self.trader.__aenter__()
        except BaseException:
            self._state.cleanup()
            raise
        self.trader.follow(self._feed)
        self._making = asyncio.create_task(Maker(self._feed, self.trader, self.symbol).run())
        self._making.add_done_callback(lambda _: self._ended())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        making, self._making = self._making, None
        assert making is not None
        try:
            making.cancel()
            await asyncio.wait([making])
            await self.trader.__aexit__(kind, error, trace)
        finally:
            self._state.cleanup()
        if not making.cancelled():
            making.result()

    def own(self) -> dict[str, Own]:
        """What is to be shown, by symbol."""
        return {self.symbol: own_of(self.trader, self._feed.books[self.symbol])}

    def halt(self) -> None:
        """By hand: no order from now on, and none stays out."""
        if not self.trader.halted:
            self.trader.halt("by hand")

    def rearm(self) -> None:
        """By hand, too."""
        if self.trader.halted:
            with contextlib.suppress(HaltedError):
                self.trader.rearm("by hand")
