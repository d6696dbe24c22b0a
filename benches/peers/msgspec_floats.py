"""msgspec into typed structs of float pairs. A snapshot is used as it comes (no book, the venue's order is trusted);
changes go into sorted lists by bisect."""

from __future__ import annotations

from typing import Any

import msgspec

from benches.peers._lists import TOUCH_OF_LISTS, Lists
from benches.words import Job

NAME = "msgspec, typed floats"
PACKAGES = ("msgspec",)


class Snapshot(msgspec.Struct, gc=False):
    lastUpdateId: int
    bids: list[tuple[float, float]]
    asks: list[tuple[float, float]]


class Change(msgspec.Struct, gc=False):
    U: int
    u: int
    pu: int
    b: list[tuple[float, float]]
    a: list[tuple[float, float]]


class Envelope(msgspec.Struct, gc=False):
    data: Change


def snapshot(levels: int) -> Job:
    decode = msgspec.json.Decoder(Snapshot, strict=False).decode
    text = "book = decode(message)\nbid = book.bids[0][0]\nask = book.asks[0][0]"
    return Job(text, {"decode": decode}, note="no book: the message itself", whole=False)


def delta(start: bytes) -> Job:
    bids, asks = Lists(-1.0), Lists(1.0)
    first = msgspec.json.decode(start, type=Snapshot, strict=False)
    bids.replace(first.bids)
    asks.replace(first.asks)
    names = {
        "decode": msgspec.json.Decoder(Envelope, strict=False).decode,
        "change_bids": bids.change, "change_asks": asks.change, "bid_keys": bids.keys, "ask_keys": asks.keys,
    }  # fmt: skip
    text = f"data = decode(message).data\nchange_bids(data.b)\nchange_asks(data.a)\n{TOUCH_OF_LISTS}"
    return Job(text, names, note="+ bisect lists", levels=lambda: (bids.levels(), asks.levels()))


def hold(payload: bytes) -> Any:
    return msgspec.json.decode(payload, type=Snapshot, strict=False)
