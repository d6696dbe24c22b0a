"""Every error that csbook raises on purpose.

::

    CsbookError
    |-- BadMessage (ValueError)         the input is malformed; nothing was changed
    |   `-- PrecisionError (ValueError) well formed, but does not fit the scale of the book
    |-- UsageError (ValueError)         the caller asked for something that cannot be: unknown venue, symbol, option
    |-- FeedError                       the connection to the venue
    |   |-- ConnectError                it could not be opened
    |   |-- SubscribeError              a stream was refused, or never confirmed; ``.stream`` names it
    |   `-- LimitError                  the venue's limits do not admit the request; nothing was sent
    `-- AbiError (ImportError)          a compiled extension was built against another layout of the core

What is at fault decides the branch; the fields say what it was about, the text is composed from them.
"""

from __future__ import annotations

__all__ = [
    "AbiError",
    "BadMessage",
    "ConnectError",
    "CsbookError",
    "FeedError",
    "LimitError",
    "PrecisionError",
    "SubscribeError",
    "UsageError",
]


class CsbookError(Exception):
    """The root of all errors of csbook."""


class BadMessage(CsbookError, ValueError):
    """Malformed input; the book is as it was.

    ``field`` names what was wrong (``"bids[3].price"``), ``offset`` is the byte offset in the payload, or -1
    where the input was no payload.
    """

    def __init__(self, message: str, *, field: str = "", offset: int = -1) -> None:
        super().__init__(message)
        self.field = field
        self.offset = offset


class PrecisionError(BadMessage):
    """A number with more decimals than the scale of the book, or too large for it; the book is as it was.

    ``needed`` is the number of decimals that would hold the value, or -1 where no scale would.
    """

    def __init__(self, message: str, *, field: str = "", offset: int = -1, needed: int = -1) -> None:
        super().__init__(message, field=field, offset=offset)
        self.needed = needed


class UsageError(CsbookError, ValueError):
    """Something was asked for that cannot be; the text names what is possible."""


class FeedError(CsbookError):
    """The connection to a venue."""


class ConnectError(FeedError):
    """A connection could not be opened. ``url`` is the origin without its path."""

    def __init__(self, message: str, *, url: str = "") -> None:
        super().__init__(message)
        self.url = url


class SubscribeError(FeedError):
    """A stream was refused (``code`` is the venue's) or not confirmed in time (``code`` is None)."""

    def __init__(self, message: str, *, stream: str, code: int | None = None) -> None:
        super().__init__(message)
        self.stream = stream
        self.code = code


class LimitError(FeedError):
    """A limit of the venue would be exceeded; nothing was sent."""


class AbiError(CsbookError, ImportError):
    """A compiled extension was built against another layout of the core."""
