"""The reference, 1.00: ``orjson.loads`` of the message, and nothing done with what it gives."""

from __future__ import annotations

import orjson

from benches.peers import REFERENCE
from benches.words import Job

NAME = REFERENCE
PACKAGES = ("orjson",)


def snapshot(levels: int) -> Job:
    return Job("loads(message)", {"loads": orjson.loads}, applies=False, note="keeps no book", whole=False)


def parsed(levels: int) -> Job:
    return Job(
        "loads(message)", {"loads": orjson.loads}, applies=False, note="the parsing itself, keeps no book", whole=False
    )


def delta(start: bytes) -> Job:
    return snapshot(0)


def dialect(venue: str, symbol: str, start: bytes | None) -> Job:
    if venue != "coinswitch-sio":
        return snapshot(0)
    # a user cuts the packet's head off first
    return Job("loads(message[14:])", {"loads": orjson.loads}, applies=False, note="keeps no book", whole=False)
