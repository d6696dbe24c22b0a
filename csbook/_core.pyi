"""Types of the compiled core. Says the same as the binary; stubtest holds the two together."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, NoReturn, Self, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer, disjoint_base

from csbook.errors import BadMessage
from csbook.types import Outcome, Side, State

_Number: TypeAlias = str | bytes | int | float | Decimal
_Levels: TypeAlias = Iterable[Sequence[_Number]] | NDArray[Any]
_SideName: TypeAlias = Side | Literal["BUY", "SELL"]
_Floats: TypeAlias = NDArray[np.float64]
_Ints: TypeAlias = NDArray[np.int64]

__all__ = ["Book", "Router", "Top", "build_info"]

LAYOUT: int

def build_info() -> dict[str, Any]:
    """How this build was made and what it runs: version, layout, scanner variant, compiler, limits."""

@final
class Top:
    """One consistent read of the touch. A field is boxed when it is asked for; the object never changes."""

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn: ...
    @property
    def bid(self) -> float: ...
    @property
    def bid_size(self) -> float: ...
    @property
    def ask(self) -> float: ...
    @property
    def ask_size(self) -> float: ...
    @property
    def bid_raw(self) -> int: ...
    @property
    def bid_size_raw(self) -> int: ...
    @property
    def ask_raw(self) -> int: ...
    @property
    def ask_size_raw(self) -> int: ...
    @property
    def mid(self) -> float: ...
    @property
    def spread(self) -> float: ...
    @property
    def sequence(self) -> int: ...
    @property
    def event_time_ns(self) -> int: ...
    @property
    def receive_time_ns(self) -> int: ...
    @property
    def updates(self) -> int: ...
    @property
    def state(self) -> State: ...
    @property
    def price_decimals(self) -> int: ...
    @property
    def size_decimals(self) -> int: ...
    def age_ns(self) -> int: ...
    def tradable(self, max_age_ns: int) -> bool: ...

@disjoint_base
class Book:
    symbol: str
    max_levels: int | None
    def __new__(
        cls,
        symbol: str,
        *,
        price_decimals: int = 8,
        size_decimals: int = 8,
        capacity: int = 64,
        max_levels: int | None = None,
    ) -> Self: ...
    def apply_snapshot(
        self,
        bids: _Levels,
        asks: _Levels,
        *,
        sequence: int = 0,
        event_time_ns: int = 0,
        receive_time_ns: int = 0,
    ) -> None: ...
    def apply_delta(
        self,
        bids: _Levels,
        asks: _Levels,
        *,
        sequence: int = 0,
        event_time_ns: int = 0,
        receive_time_ns: int = 0,
    ) -> None: ...
    def clear(self, reason: str) -> None: ...
    @property
    def state(self) -> State: ...
    @property
    def sequence(self) -> int: ...
    @property
    def event_time_ns(self) -> int: ...
    @property
    def receive_time_ns(self) -> int: ...
    @property
    def updates(self) -> int: ...
    @property
    def price_decimals(self) -> int: ...
    @property
    def size_decimals(self) -> int: ...
    @property
    def best_bid(self) -> float: ...
    @property
    def best_ask(self) -> float: ...
    @property
    def best_bid_size(self) -> float: ...
    @property
    def best_ask_size(self) -> float: ...
    @property
    def mid(self) -> float: ...
    @property
    def spread(self) -> float: ...
    @property
    def microprice(self) -> float: ...
    def imbalance(self, levels: int = 1) -> float: ...
    def vwap(self, side: _SideName, size: float) -> tuple[float, float]: ...
    def impact(self, side: _SideName, size: float) -> float: ...
    def depth_within(self, side: _SideName, bps: float) -> float: ...
    @property
    def bid_prices(self) -> _Floats: ...
    @property
    def bid_sizes(self) -> _Floats: ...
    @property
    def ask_prices(self) -> _Floats: ...
    @property
    def ask_sizes(self) -> _Floats: ...
    @property
    def bid_prices_raw(self) -> _Ints: ...
    @property
    def bid_sizes_raw(self) -> _Ints: ...
    @property
    def ask_prices_raw(self) -> _Ints: ...
    @property
    def ask_sizes_raw(self) -> _Ints: ...
    def bids(self, levels: int | None = None) -> _Floats: ...
    def asks(self, levels: int | None = None) -> _Floats: ...
    def top(self) -> Top: ...
    def fused_top(self) -> Top:
        """top(), or the venue's own best bid and ask (Binance bookTicker, Bybit orderbook.1 beside a deeper book, KuCoin
        tickerV2) where their id is newer than the book's. Then `sequence` and `event_time_ns` are the quote's."""
    def tradable(self, max_age_ns: int) -> bool: ...
    def age_ns(self) -> int: ...
    def digest(self, sequence: bool = True) -> int: ...
    @property
    def counts(self) -> dict[str, int]:
        """Oddities so far: absent_deletes, unsorted, merged, zero_sizes."""
    def _check(self) -> None: ...
    def __sizeof__(self) -> int: ...

@disjoint_base
class OwnSizes:
    """Own resting size by price, to be taken out of a book of these scales. Raw integers: value * 10 ** decimals."""

    def __new__(cls, *, price_decimals: int, size_decimals: int) -> Self: ...
    @property
    def price_decimals(self) -> int: ...
    @property
    def size_decimals(self) -> int: ...
    def add(self, side: _SideName, price_raw: int, change_raw: int) -> int:
        """Change the own size at a price; what falls to 0 or below is forgotten. Returns what is there now."""
    def size(self, side: _SideName, price_raw: int) -> int: ...
    def net(self, book: Book) -> Top:
        """The touch of the book without the own sizes; UsageError for a book of other scales."""
    def __len__(self) -> int: ...

def level_size(book: Book, side: _SideName, price_raw: int) -> int:
    """The raw size at a price: 0 where there is no level, -1 beyond the worst one that the book shows."""

@disjoint_base
class Judge:
    """The verdicts behind a Router; a part of it, not for use by itself."""

    venue: str
    books: dict[str, Book]
    depth: int | None
    max_lag_ns: int
    source: int
    race_ns: int
    buffer_limit: int
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

class Router(Judge):
    """Feeds payloads of one venue to their books.

    Venues: ``binance``, ``bybit``, ``coinswitch``, ``coinswitch-hft``, ``coinswitch-sio``, ``kucoin``. The two that CoinSwitch
    documents have one depth channel a symbol (``depth`` must be None): ``coinswitch-sio`` takes the payload of an event or the
    Socket.IO packet around it, ``coinswitch-hft`` one book or an array of them.
    """

    def __new__(
        cls,
        venue: str,
        books: Book | Iterable[Book] | Mapping[str, Book],
        *,
        depth: int | None = None,
        max_lag_ns: int = 0,
        buffer_limit: int = 10_000,
    ) -> Self: ...
    def feed(self, payload: Buffer, receive_time_ns: int = 0) -> Outcome:
        """One payload. Of an array of books each is judged and counted by itself; then the outcome is APPLIED if any was
        applied, else REFUSED if any was refused, else IGNORED if any was, else COLD."""
    def feed_snapshot(self, symbol: str, payload: Buffer, receive_time_ns: int = 0) -> Outcome:
        """A REST snapshot answer. On ``coinswitch-sio`` it is a book as any push, unless the book is LIVE: then IGNORED."""
    def feed_parsed(self, payload: Buffer, receive_time_ns: int = 0) -> Outcome:
        """The slow path alone: orjson and parsed lists. Counted in ``declined``; ends in the same book as feed."""
    def disconnected(self, symbols: Iterable[str] | None = None, reason: str = "connection lost") -> None:
        """The connection is gone: books with levels go to STALE, or GAP on a sequenced venue; the floor is cleared."""
    def join(self, source: int) -> None:
        """One more connection (0 to 31) brings the same streams; set ``source`` before each of its payloads."""
    def leave(self, source: int, reason: str = "connection lost") -> None:
        """That connection is gone; the books notice when it was the last."""
    def mark_stale(self, symbol: str, reason: str) -> bool:
        """LIVE or CROSSED to STALE (nothing else moves); True if it moved."""
    def distrust(self, symbol: str, reason: str) -> bool:
        """A book that is fed by changes is in GAP, as if one was lost; True if it moved."""
    def take_changed(self) -> list[Book]:
        """The books whose levels changed since the last call, each once."""
    def take_moves(self) -> list[tuple[Book, State, State, str]]:
        """The changes of state since the last call, in order: book, old, new, reason."""
    def wants_snapshot(self) -> list[str]:
        """The symbols that have changes buffered and no snapshot that they could join."""
    @property
    def refusal(self) -> BadMessage | None: ...
    @property
    def last_refusal(self) -> str: ...
    @property
    def sequenced(self) -> bool: ...
    @property
    def counts(self) -> dict[str, int]:
        """applied, ignored, buffered, gap, cold, refused, declined, unnamed, unknown_symbol, quotes."""
