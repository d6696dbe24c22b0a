# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A small market maker at C level: it reads the touch, and says where its two quotes belong. No Python object is made.

Both quotes stand `edge` from the middle, moved by `lean` away from a side that is less than half of the other, and never
past the touch. They move when the book asks for more than `band`, and are pulled (0) while the book is not to be traded
on. All numbers are raw integers at the book's price scale.
"""

from libc.stdint cimport int64_t

from csbook._core cimport STATE_LIVE, Book, Touch, csbook_check_abi, csbook_touch

csbook_check_abi()                      # AbiError, unless the core has the layout that this was compiled for


cdef class Maker:
    cdef readonly Book book             # held: the block that is read lives as long as it does
    cdef readonly int64_t bid, ask      # where the quotes stand; 0: pulled
    cdef readonly int64_t decisions, moves
    cdef int64_t edge, lean, band

    def __init__(self, Book book not None, int64_t edge, int64_t lean, int64_t band):
        self.book = book
        self.edge = edge
        self.lean = lean
        self.band = band

    cdef bint decide(self) noexcept nogil:
        """Look once. Whether a quote has to be moved; O(1)."""
        cdef Touch seen
        cdef int64_t middle, bid, ask
        self.decisions += 1
        # the header is read anew each time: a book that grows has another block
        if csbook_touch(self.book.header, &seen) != 0 or seen.state != STATE_LIVE:
            return self.move(0, 0)
        if seen.bid_levels == 0 or seen.ask_levels == 0:
            return self.move(0, 0)
        middle = seen.bid + (seen.ask - seen.bid) // 2
        if seen.bid_size > 2 * seen.ask_size:
            middle += self.lean
        elif seen.ask_size > 2 * seen.bid_size:
            middle -= self.lean
        bid = min(middle - self.edge, seen.bid)
        ask = max(middle + self.edge, seen.ask)
        if self.bid != 0 and -self.band < bid - self.bid < self.band and -self.band < ask - self.ask < self.band:
            return False
        return self.move(bid, ask)

    cdef bint move(self, int64_t bid, int64_t ask) noexcept nogil:
        if bid == self.bid and ask == self.ask:
            return False
        self.bid = bid
        self.ask = ask
        self.moves += 1
        return True

    def on_book(self, book):
        """What a feed calls: True if a quote has to be moved."""
        return self.decide()

    def run(self, int64_t times):
        """Decide so many times without the interpreter; how often a quote had to be moved."""
        cdef int64_t moved = 0
        cdef int64_t i
        with nogil:
            for i in range(times):
                moved += self.decide()
        return moved
