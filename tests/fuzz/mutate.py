"""Damage to a message, chosen by a seeded generator: bytes, tokens and whole pieces.

Every function takes the generator and the payload and returns another payload; nothing else decides, so that a seed
tells the whole story. ``mutate`` picks one to four of them. Sizes stay bounded: no payload grows past LARGEST.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

LARGEST = 64 * 1024

# What a reader of JSON has to be careful with.
TOKENS: tuple[bytes, ...] = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\x00", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\xef\xbb\xbf",
    b" ", b"\t", b"\r\n", b"null", b"true", b"false", b"NaN", b"Infinity", b"-", b"+", b".", b"e", b"E+9", b"0", b"00",
    b'"\\u0062ids"', b'"\\ud800"', b'\\"', b'"bids"', b'"asks"', b'"b"', b'"a"', b'"u"', b'"U"', b'"pu"', b'"e"',
    b'"data"', b'"stream"', b'"lastUpdateId"', b'"s"', b'"timestamp"', b'"symbol"', b'"success"', b'"t"', b'"m"',
    b"[]", b"{}", b'[["1","1"]]', b'["1"]', b'[["1","1","1"]]',
    b"42", b"/exchange_2,", b'["FETCH_ORDER_BOOK_CS_PRO",', b"//", b"/* */",
    b"[" * 1025, b"]" * 1025, b'{"a":' * 1025, b'"' + b"x" * 300 + b'":1,', b"\n" * 64,
)  # fmt: skip

NUMBERS: tuple[bytes, ...] = (
    b"0", b"-0", b"1", b"-1", b"0.0", b"0.00000000", b"1e0", b"1E+2", b"1e-8", b"1e400", b"1e-400", b"0x10", b"1_000",
    b"01", b".5", b"5.", b"1..2", b"1e", b"--1", b"9223372036854775807", b"9223372036854775808", b"0.1", b"1" * 40,
    b"92233720368.54775807", b"92233720368.54775808", b"18446744073709551616", b"0.123456789", b"0.000000001",
    b"0." + b"0" * 40 + b"1", b"1." + b"0" * 400, b"9" * 400, b"1471201.000000000000", b"100000000000000000000e-20",
)  # fmt: skip

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[\[\]{}:,]')
_MEMBER = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null)')
_PAIR = re.compile(rb"\[[^\[\]{}]*\]")

Mutation = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def _span(rng: random.Random, payload: bytes, longest: int = 32) -> tuple[int, int]:
    start = rng.randrange(len(payload) + 1)
    return start, min(len(payload), start + rng.randint(1, longest))


def _swap(rng: random.Random, payload: bytes, pattern: re.Pattern[bytes]) -> bytes:
    """Two pieces that match change places."""
    found = list(pattern.finditer(payload))
    if len(found) < 2:
        return payload
    one, two = sorted(rng.sample(found, 2), key=lambda match: match.start())
    return b"".join(
        (
            payload[: one.start()],
            two[0],
            payload[one.end() : two.start()],
            one[0],
            payload[two.end() :],
        )
    )


def flip_bit(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    if not payload:
        return payload
    out = bytearray(payload)
    out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def set_byte(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    if not payload:
        return payload
    out = bytearray(payload)
    out[rng.randrange(len(out))] = rng.choice(b'"\\{}[]:,.0123456789-+eE \t\r\n\x00\x7f\x80\xff')
    return bytes(out)


def delete(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(rng, payload)
    return payload[:start] + payload[end:]


def insert(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    at = rng.randrange(len(payload) + 1)
    piece = rng.choice(TOKENS) if rng.random() < 0.8 else rng.randbytes(rng.randint(1, 8))
    return payload[:at] + piece + payload[at:]


def repeat(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    start, end = _span(rng, payload, 256)
    return payload[:end] + payload[start:end] * rng.randint(1, 3) + payload[end:]


def truncate(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    return payload[: rng.randrange(len(payload) + 1)]


def splice(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    other = rng.choice(others) if others else payload
    return payload[: rng.randrange(len(payload) + 1)] + other[rng.randrange(len(other) + 1) :]


def append(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    tail = rng.choice(others) if others and rng.random() < 0.5 else rng.choice(TOKENS)
    return payload + tail


def number(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    found = list(_NUMBER.finditer(payload))
    if not found:
        return payload
    match = rng.choice(found)
    return payload[: match.start()] + rng.choice(NUMBERS) + payload[match.end() :]


def requote(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    """A number loses its quotes, or gets some."""
    found = list(_NUMBER.finditer(payload))
    if not found:
        return payload
    match = rng.choice(found)
    start, end = match.span()
    if payload[start - 1 : start] == b'"' and payload[end : end + 1] == b'"':
        return payload[: start - 1] + match[0] + payload[end + 1 :]
    return payload[:start] + b'"' + match[0] + b'"' + payload[end:]


def swap_tokens(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    return _swap(rng, payload, _TOKEN)


def swap_members(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    return _swap(rng, payload, _MEMBER)


def swap_levels(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    return _swap(rng, payload, _PAIR)


def drop_token(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    found = list(_TOKEN.finditer(payload))
    if not found:
        return payload
    match = rng.choice(found)
    return payload[: match.start()] + payload[match.end() :]


def widen(rng: random.Random, payload: bytes, others: Sequence[bytes]) -> bytes:
    """White space between tokens: the same message, spelled otherwise."""
    space = rng.choice((b" ", b"\n", b"\t ", b"\r\n"))
    keep = rng.random()
    return _TOKEN.sub(lambda match: match[0] + space if rng.random() < keep else match[0], payload)


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit, set_byte, delete, insert, repeat, truncate, splice, append, number, number, requote,
    swap_tokens, swap_members, swap_levels, drop_token, widen,
)  # fmt: skip


def mutate(rng: random.Random, payload: bytes, others: Sequence[bytes] = ()) -> bytes:
    """One to four mutations, most often one. ``others`` is what splices are taken from."""
    for _ in range(min(4, 1 + int(rng.expovariate(1.2)))):
        payload = rng.choice(MUTATIONS)(rng, payload, others)
    return payload[:LARGEST]
