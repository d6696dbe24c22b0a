"""Where a feed's news goes: callbacks, the conflated iterator, bounded queues of records.

Every callback is synchronous and is called on the loop's thread, inside the read of the frame that caused it. What a
callback raises is counted and given to ``on_error``; the feed goes on. Where nobody listens to errors, those of a
callback go to the loop's exception handler, so that a bug of the user's is never silent.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Generic, TypeAlias, TypeVar
from weakref import WeakSet

from csbook._core import Book
from csbook.types import Alert, Candle, State, Ticker, Trade

__all__ = ["Books", "Records", "Taps"]

_LOG = logging.getLogger("csbook.net")

OnBook: TypeAlias = Callable[[Book], object]
OnState: TypeAlias = Callable[[Book, State, State, str], object]
OnError: TypeAlias = Callable[[Exception], object]

OnTrade: TypeAlias = Callable[[Trade], object]
OnAlert: TypeAlias = Callable[[Alert], object]
RecordT = TypeVar("RecordT", Trade, Ticker, Candle)


class Books(AsyncIterator[Book]):
    """The changed books, each once, in the order of their first change since they were taken. Never a backlog."""

    def __init__(self, books: Iterable[Book]) -> None:
        self._changed = {book.symbol: book for book in books}
        self._ready = asyncio.Event()
        self._closed = False

    def push(self, book: Book) -> None:
        self._changed[book.symbol] = book
        self._ready.set()

    def close(self) -> None:
        self._closed = True
        self._ready.set()

    async def __anext__(self) -> Book:
        while not self._changed:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._changed.pop(next(iter(self._changed)))


class Records(AsyncIterator[RecordT], Generic[RecordT]):
    """The records since the iterator was made. When the reader falls behind, the oldest are lost and counted."""

    def __init__(self, kind: type[RecordT], limit: int) -> None:
        self.kind: type[RecordT] = kind
        self.dropped = 0
        self._held: deque[RecordT] = deque(maxlen=limit)
        self._ready = asyncio.Event()
        self._closed = False

    def push(self, record: RecordT) -> bool:
        """Keep a record; False when another one was lost for it."""
        full = len(self._held) == self._held.maxlen
        self.dropped += full
        self._held.append(record)
        self._ready.set()
        return not full

    def close(self) -> None:
        self._closed = True
        self._ready.set()

    async def __anext__(self) -> RecordT:
        while not self._held:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._held.popleft()


class Taps:
    """All that listens to one feed."""

    def __init__(self) -> None:
        self.on_book: list[OnBook] = []  # shared with the intakes, which read it for every book
        self.on_state: list[OnState] = []
        self.on_trade: list[OnTrade] = []
        self.on_error: list[OnError] = []
        self.on_alert: list[OnAlert] = []
        self.callback_errors = 0
        self.dropped = 0
        self._books: WeakSet[Books] = WeakSet()
        self._records: WeakSet[Records[Any]] = WeakSet()
        self._closed = False

    def books(self, books: Iterable[Book]) -> Books:
        """A conflated iterator that begins with ``books``."""
        if not self._books and not self._closed:
            self.on_book.append(self._conflate)
        tap = Books(books)
        self._books.add(tap)
        if self._closed:
            tap.close()
        return tap

    def records(self, kind: type[RecordT], limit: int) -> Records[RecordT]:
        """A queue of the records of one kind, from now on."""
        tap = Records(kind, limit)
        self._records.add(tap)
        if self._closed:
            tap.close()
        return tap

    def close(self) -> None:
        """No more news: every iterator ends once it is drained."""
        self._closed = True
        for books in self._books:
            books.close()
        for records in self._records:
            records.close()

    def _conflate(self, book: Book) -> None:
        for tap in self._books:
            tap.push(book)
        if not self._books:
            self.on_book.remove(self._conflate)

    def moved(self, moves: Iterable[tuple[Book, State, State, str]]) -> None:
        """Books changed their state: told at once, and to the iterators as a change of the book."""
        for book, old, new, reason in moves:
            for callback in tuple(self.on_state):
                try:
                    callback(book, old, new, reason)
                except Exception as error:
                    self.failed(callback, error)
            for tap in self._books:
                tap.push(book)

    def record(self, record: Trade | Ticker | Candle) -> None:
        if type(record) is Trade:
            for callback in tuple(self.on_trade):
                try:
                    callback(record)
                except Exception as error:
                    self.failed(callback, error)
        for tap in tuple(self._records):
            if type(record) is tap.kind and not tap.push(record):
                self.dropped += 1

    def error(self, error: Exception) -> None:
        """Something went wrong outside of any callback."""
        _LOG.error("%s", error)
        self._tell(error)

    def failed(self, callback: Callable[..., object], error: Exception) -> None:
        """A callback raised."""
        self.callback_errors += 1
        if self.on_error:
            self._tell(error)
        else:
            self._shout(callback, error)

    def alert(self, alert: Alert) -> None:
        _LOG.warning("%s: %s", alert.kind, alert.text)
        for callback in tuple(self.on_alert):
            try:
                callback(alert)
            except Exception as error:
                self.failed(callback, error)

    def _tell(self, error: Exception) -> None:
        for callback in tuple(self.on_error):
            try:
                callback(error)
            except Exception as second:
                self.callback_errors += 1
                self._shout(callback, second)

    def _shout(self, callback: Callable[..., object], error: Exception) -> None:
        """To the loop's exception handler, the 1st, 2nd, 4th, 8th ... time: a broken callback must not flood it."""
        if self.callback_errors & (self.callback_errors - 1):
            return
        name = getattr(callback, "__qualname__", repr(callback))
        message = f"csbook: callback {name} raised ({self.callback_errors} so far)"
        asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
