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
    |-- TradeError                      orders and the account
    |   |-- CredentialsError            keys that are missing, malformed, refused, or in a file that others can read
    |   |-- OrderRefused (ValueError)   not sent: off the grid, a limit, or a thing that the venue lacks
    |   |-- HaltedError                 not sent: the kill switch is latched
    |   |-- OrderRejected               the venue said no; ``.order`` is the order, if any
    |   `-- RequestError                a request failed; ``.unknown`` says whether it may have been carried out
    `-- AbiError (ImportError)          a compiled extension was built against another layout of the core

What is at fault decides the branch; the fields say what it was about, the text is composed from them.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "AbiError",
    "BadMessage",
    "ConnectError",
    "CredentialsError",
    "CsbookError",
    "FeedError",
    "HaltedError",
    "LimitError",
    "OrderRefused",
    "OrderRejected",
    "PrecisionError",
    "RequestError",
    "SubscribeError",
    "TradeError",
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


class TradeError(CsbookError):
    """Orders and the account."""


class CredentialsError(TradeError):
    """Keys that are missing, malformed or refused, or a file of them that others can read. Never shows a secret."""


class OrderRefused(TradeError, ValueError):
    """An order that was not sent. ``field`` names what was wrong, ``nearest`` the nearest valid values, as text."""

    def __init__(self, message: str, *, field: str = "", nearest: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.field = field
        self.nearest = nearest


class HaltedError(TradeError):
    """Nothing was sent: the kill switch is latched. ``reason`` says why."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class OrderRejected(TradeError):
    """The venue said no. ``order`` is the ``types.Order`` as it then stood, or None; ``code`` the venue's, or ""."""

    def __init__(self, message: str, *, order: Any = None, code: str = "") -> None:
        super().__init__(message)
        self.order = order
        self.code = code


class RequestError(TradeError):
    """A REST request failed. ``unknown``: it may have been carried out. ``status`` is HTTP's, or 0."""

    def __init__(self, message: str, *, status: int = 0, code: str = "", unknown: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.unknown = unknown


class AbiError(CsbookError, ImportError):
    """A compiled extension was built against another layout of the core."""
