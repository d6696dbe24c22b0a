"""Places for payloads where a read past the end is seen: by AddressSanitizer where it runs, else by the processor.

A bytes object is no such place, since a zero follows its last byte; nor is a bytearray, which has room to grow.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from typing import Any

import csbook

FRAME = b'"9' * 8  # would be taken for digits by a reader that goes a byte too far


class Edge:
    """One place at a time: what ``place`` returned last is gone with the next call.

    * With AddressSanitizer each payload is a block of its own of exactly its size; no byte before or after it is good.
    * Elsewhere on POSIX the payload ends where a page begins that nobody may read. Digits stand before it.
    * On Windows digits stand on both sides.
    """

    def __init__(self, longest: int = 1 << 20) -> None:
        self.sanitized = bool(csbook.build_info()["sanitized"])
        self.block: int | None = None
        self.room: mmap.mmap | None = None
        if self.sanitized or os.name == "posix":
            self.libc: Any = ctypes.CDLL(None)
        if self.sanitized:
            self.libc.malloc.restype = ctypes.c_void_p
            self.libc.malloc.argtypes = [ctypes.c_size_t]
            self.libc.free.argtypes = [ctypes.c_void_p]
        elif os.name == "posix":
            page = mmap.PAGESIZE
            self.end = -(-(longest + len(FRAME)) // page) * page
            self.room = mmap.mmap(-1, self.end + page)
            start = ctypes.addressof(ctypes.c_char.from_buffer(self.room))
            if self.libc.mprotect(ctypes.c_void_p(start + self.end), ctypes.c_size_t(page), 0) != 0:
                raise OSError("mprotect refused a page without access")

    def place(self, payload: bytes) -> Any:
        """A buffer that holds the payload and ends with it."""
        size = len(payload)
        if self.sanitized:
            if self.block is not None:
                self.libc.free(self.block)
            self.block = self.libc.malloc(size)
            ctypes.memmove(self.block, payload, size)
            return (ctypes.c_char * size).from_address(self.block)
        if self.room is None:
            return memoryview(FRAME + payload + FRAME[1:])[len(FRAME) : len(FRAME) + size]
        start = self.end - size
        self.room[start - len(FRAME) : self.end] = FRAME + payload
        return memoryview(self.room)[start : self.end]

    @property
    def kind(self) -> str:
        """How a read past the end is seen: "block", "page" or "frame"."""
        return "block" if self.sanitized else "frame" if sys.platform == "win32" else "page"
