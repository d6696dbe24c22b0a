"""The package order-book with keys of Decimal, as its own documentation and cryptofeed use it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from benches.peers import order_book
from benches.peers.order_book import PACKAGES
from benches.words import Job

NAME = "orjson + order-book, Decimal"
__all__ = ["NAME", "PACKAGES", "delta", "hold", "parsed", "reads", "snapshot"]


def snapshot(levels: int) -> Job:
    return order_book.snapshot(levels, Decimal)


def parsed(levels: int) -> Job:
    return order_book.parsed(levels, Decimal)


def delta(start: bytes) -> Job:
    return order_book.delta(start, Decimal)


def hold(payload: bytes) -> Any:
    return order_book.hold(payload, Decimal)


def reads(payload: bytes) -> dict[str, Job]:
    return {"touch": order_book.reads(payload, Decimal)["touch"]}
