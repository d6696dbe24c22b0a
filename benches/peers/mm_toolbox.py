"""mm-toolbox: the compiled book of its beta (1.0), fed with numpy columns; it reads no JSON, so msgspec does.

Deltas are announced as of unknown order, which is the safe choice: a wrong announcement corrupts the book silently.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

import msgspec
import numpy as np
from mm_toolbox.orderbook.advanced import AdvancedOrderbook, OrderbookSortedness

from benches.peers.msgspec_floats import Envelope, Snapshot
from benches.words import Job

NAME = "msgspec + mm-toolbox"
PACKAGES = ("msgspec", "mm-toolbox")
TOUCH = "bbo = book.get_bbo()\nbid = bbo[0].price\nask = bbo[1].price"


def _columns(pairs: list[tuple[float, float]]) -> tuple[Any, Any]:
    both = np.fromiter(chain.from_iterable(pairs), float, 2 * len(pairs)).reshape(-1, 2).T.copy()
    return both[0], both[1]


def _book(levels: int) -> Any:
    return AdvancedOrderbook(
        0.01, 1e-8, levels, OrderbookSortedness.UNKNOWN, OrderbookSortedness.BIDS_DESCENDING_ASKS_ASCENDING
    )


def _names(book: Any, shape: Any) -> dict[str, Any]:
    return {
        "decode": msgspec.json.Decoder(shape, strict=False).decode, "columns": _columns, "book": book,
        "replace": book.consume_snapshot_numpy, "change": book.consume_deltas_numpy,
    }  # fmt: skip


def snapshot(levels: int) -> Job:
    text = f"body = decode(message)\nreplace(*columns(body.asks), *columns(body.bids))\n{TOUCH}"
    return Job(text, _names(_book(levels), Snapshot))


def delta(start: bytes) -> Job:
    first = msgspec.json.decode(start, type=Snapshot, strict=False)
    book = _book(2 * max(len(first.bids), len(first.asks)))
    book.consume_snapshot_numpy(*_columns(first.asks), *_columns(first.bids))
    text = f"data = decode(message).data\nchange(*columns(data.a), *columns(data.b))\n{TOUCH}"
    return Job(text, _names(book, Envelope))


def hold(payload: bytes) -> Any:
    body = msgspec.json.decode(payload, type=Snapshot, strict=False)
    book = _book(len(body.bids))
    book.consume_snapshot_numpy(*_columns(body.asks), *_columns(body.bids))
    return book


def reads(payload: bytes) -> dict[str, Job]:
    names = {"book": hold(payload)}
    return {"touch": Job(TOUCH, names)}
