"""The bytes of a server's WebSocket frames (RFC 6455, 5.2): never masked, no extensions.

Written by hand because the faults need what a library rightly hides: messages in several frames, frames in several
writes.
"""

from __future__ import annotations

from struct import pack

__all__ = ["BINARY", "PING", "PONG", "TEXT", "close_frame", "cut", "fragments", "frame"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """One frame."""
    first = opcode | (0x80 if final else 0)
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return pack(">BBH", first, 126, size) + payload
    return pack(">BBQ", first, 127, size) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """The frame that ends a conversation."""
    return frame(CLOSE, pack(">H", code) + reason.encode()[:123])


def fragments(opcode: int, payload: bytes, count: int) -> list[bytes]:
    """One message as so many frames; the last ones are empty where there are more frames than bytes."""
    step = -(-len(payload) // count) or 1
    parts = [payload[at * step : (at + 1) * step] for at in range(count)]
    return [frame(opcode if at == 0 else CONTINUATION, part, final=at == count - 1) for at, part in enumerate(parts)]


def cut(data: bytes, count: int, first: float) -> list[bytes]:
    """Bytes in so many pieces at most, none empty; ``first``, from 0 to below 1, moves the first cut."""
    at = 1 + int(first * min(len(data) - 1, 12))  # most often inside the frame's head or its first words
    rest = data[at:]
    step = -(-len(rest) // max(1, count - 1)) or 1
    return [data[:at], *(rest[i : i + step] for i in range(0, len(rest), step))]
