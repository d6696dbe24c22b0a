# The table of contents of the core, and its C interface.
#
# Another extension may `cimport csbook._core`, call csbook_check_abi() once when it is imported, take the `header`
# of a Book and call the nogil functions. No numpy is needed. The block of a book is replaced when it grows: read
# `book.header` again after every update. An old block stays valid memory for as long as the book lives, with its lock odd
# for good: csbook_touch fails on it, and the header has to be taken anew.

cimport cython
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef enum:
    CSBOOK_LAYOUT = 2                   # raised with every change of BookHeader, Touch or the meaning of a section
    CSBOOK_SYMBOL = 32                  # bytes for a symbol, its terminating zero included

cdef enum StateCode:                    # the values of csbook.State
    STATE_EMPTY = 0
    STATE_SYNCING = 1
    STATE_LIVE = 2
    STATE_GAP = 3
    STATE_STALE = 4
    STATE_CROSSED = 5

cdef enum OutcomeCode:                  # the values of csbook.Outcome
    OUT_APPLIED = 0
    OUT_IGNORED = 1
    OUT_BUFFERED = 2
    OUT_GAP = 3
    OUT_COLD = 4
    OUT_REFUSED = 5

# One side's bookkeeping. Levels stand best first in slots [head, head + count) of both arrays.
cdef struct SideHeader:
    int64_t head
    int64_t count
    uint64_t prices                     # byte offset from the start of the block
    uint64_t sizes

# The window of a deep side, kind 1 only: a slot per tick, best first. The arrays of the side then hold its tail alone.
cdef struct LadderHeader:
    int64_t base                        # key of slot 0; a key is price / tick, negated for bids
    int64_t best                        # the first slot with a level
    int64_t count                       # levels in the window
    uint64_t words                      # which words of `bits` are not 0
    uint64_t sizes                      # byte offsets from the start of the block
    uint64_t bits
    SideHeader tail                     # levels off the grid or outside of the window, sorted

# The head of the one block that a book is. Offsets, never pointers; a multiple of a cache line long.
cdef struct BookHeader:
    uint64_t magic                      # "CSBOOK" and two zeros, little endian
    uint32_t layout                     # CSBOOK_LAYOUT
    uint32_t kind                       # 0: four arrays; 1: two ladders, whose tails lie in the arrays
    uint64_t block_size                 # bytes, header included
    uint32_t header_size
    int32_t price_decimals
    char symbol[32]
    # -- what every reader wants, guarded by the lock: even at rest, odd while a writer is inside
    uint64_t lock
    int32_t state
    int32_t size_decimals
    int64_t sequence
    int64_t event_time_ns
    int64_t receive_time_ns
    int64_t monotonic_ns                # of the last update; 0: never
    uint64_t updates                    # the version of the levels
    int64_t slots                       # entries reserved a side
    SideHeader bids                     # `count` is that of all levels in every kind
    SideHeader asks
    int64_t tick                        # kind 1: the grid of the ladders
    LadderHeader bid_ladder             # offsets are 0 where the block has no room for ladders
    LadderHeader ask_ladder
    # -- the venue's own best bid and ask, fused by update id (Book.fused_top)
    int64_t quote_id                    # 0: none
    int64_t quote_time_ns
    int64_t quote_bid
    int64_t quote_bid_size
    int64_t quote_ask
    int64_t quote_ask_size
    int64_t quote_floor                 # a quote is newer than the levels if its id is above this; 0: above `sequence`
    # -- what was odd, counted
    int64_t crossed_since_ns            # monotonic; 0: not crossed
    int64_t crossed_messages
    uint64_t absent_deletes
    uint64_t unsorted
    uint64_t merged
    uint64_t zero_sizes
    uint64_t spare[6]

# One consistent reading of the touch.
cdef struct Touch:
    int64_t bid
    int64_t bid_size
    int64_t ask
    int64_t ask_size
    int64_t bid_levels                  # 0: the bid fields mean nothing
    int64_t ask_levels
    int64_t sequence
    int64_t event_time_ns
    int64_t receive_time_ns
    int64_t monotonic_ns
    uint64_t updates
    int32_t state
    int32_t price_decimals
    int32_t size_decimals
    int32_t spare

cdef uint64_t csbook_layout() noexcept nogil            # layout version and struct sizes of this build, packed
cdef int csbook_touch(const BookHeader* header, Touch* touch) noexcept nogil    # 0, or -1 when a writer never let go
cdef int64_t csbook_age_ns(const BookHeader* header) noexcept nogil             # -1: never updated
# Up to `levels` of a side's best levels in order, of any kind of block; how many there were. Not while another thread writes.
cdef int64_t csbook_levels(
    const BookHeader* header, bint asks, int64_t levels, int64_t* prices, int64_t* sizes
) noexcept nogil
# The arrays themselves, kind 0 only (NULL otherwise): best first, header.bids.count and header.asks.count of them.
cdef const int64_t* csbook_bid_prices(const BookHeader* header) noexcept nogil
cdef const int64_t* csbook_bid_sizes(const BookHeader* header) noexcept nogil
cdef const int64_t* csbook_ask_prices(const BookHeader* header) noexcept nogil
cdef const int64_t* csbook_ask_sizes(const BookHeader* header) noexcept nogil

cdef inline uint64_t csbook_pack_layout(uint64_t layout, uint64_t header, uint64_t touch) noexcept nogil:
    return layout << 32 | header << 16 | touch

cdef inline int csbook_check_abi() except -1:
    """Raise AbiError unless the core that runs has the layout that the caller was compiled against."""
    cdef uint64_t built = csbook_pack_layout(CSBOOK_LAYOUT, sizeof(BookHeader), sizeof(Touch))
    if csbook_layout() != built:
        from csbook.errors import AbiError
        raise AbiError(f"built against csbook layout {built:#x}, running {csbook_layout():#x}: rebuild the extension")
    return 0

# Levels of one side as they came in, before they are let into a book.
cdef struct Levels:
    int64_t* prices
    int64_t* sizes
    Py_ssize_t count
    Py_ssize_t room
    bint ordered                        # strictly best first
    int64_t zeros                       # entries of size 0

cdef struct Message                     # core/scan.pxi
cdef struct Table                       # core/tables.pxi
cdef struct Directory
cdef struct Entry

cdef class Book:
    cdef BookHeader* header             # the block; replaced when it grows
    cdef BookHeader* retired            # blocks that it grew out of, newest first, linked by spare[0]
    cdef readonly str symbol
    cdef readonly object max_levels     # int or None
    cdef int64_t limit                  # max_levels, or the hard limit
    cdef double price_scale             # 10 ** decimals
    cdef double size_scale
    cdef list views                     # None, or eight ndarrays (floats, then int64) and their eight Mirrors
    cdef uint64_t versions[8]           # header.updates + 1 when a view was filled; 0: never
    cdef int64_t lengths[8]
    cdef int64_t* flat[4]               # kind 1: bid prices, bid sizes, ask prices, ask sizes in order, for the readers
    cdef SideHeader flat_side[2]
    cdef int64_t flat_room[2]
    cdef int64_t flat_count[2]
    cdef uint64_t flat_version[2]       # header.updates + 1 when it was filled; 0: never
    cdef object __weakref__

    cdef int reserve(self, Py_ssize_t levels, bint ladders) except -1
    cdef Top read_top(self)

cdef class Top:
    cdef Touch touch
    cdef double price_scale
    cdef double size_scale

cdef struct Ticker:                     # the clock of a router (ticker.pxi)
    uint64_t counter                    # of the processor, when the clock was asked last
    int64_t ns                          # what it said
    int64_t floor                       # the latest that may have been answered before
    uint64_t span                       # counts from there on for which the counter is believed; 0: it is not
    uint64_t rate                       # ns a count, times 2^32
    uint64_t far_counter                # an earlier reading, which the rate is taken from; 0: none
    int64_t far_ns
    int mistakes


cdef class Judge:                       # the verdicts behind a Router
    cdef readonly str venue
    cdef readonly dict books            # SYMBOL -> Book
    cdef readonly object depth          # int or None
    cdef object refused                 # the BadMessage that the last refused payload would be, or None
    cdef uint64_t door                  # shut while a thread is inside
    cdef public int source              # which connection the next payload comes over, 0 to 31
    cdef public int64_t race_ns         # how long a slower connection may take to bring what a faster one seems to have lost
    cdef Ticker ticker
    cdef uint32_t live                  # the connections that bring the same streams, as bits
    cdef public int64_t max_lag_ns      # receive time minus event time above which a book is STALE; 0: no limit
    cdef const Table* table
    cdef Message* message               # scratch, used again for every payload
    cdef Directory* directory           # symbol -> entry
    cdef object document                # the Document of a payload that took the orjson way, while it is judged
    cdef list order                     # per entry: its Book
    cdef list buffers                   # per entry: changes that wait for a snapshot, contiguous
    cdef list moves                     # (book, old state, new state, reason) since they were last taken
    cdef Py_ssize_t* changed            # entries changed since they were last taken
    cdef Py_ssize_t changed_count
    cdef readonly Py_ssize_t buffer_limit
    cdef uint64_t tally[6]              # per Outcome
    cdef uint64_t declined
    cdef uint64_t unnamed
    cdef uint64_t unknown
    cdef uint64_t quotes
    cdef int enter(self) except -1
    cdef int occupied(self) except -1
    cdef int judge(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef int judge_stream(self, Py_ssize_t entry, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef bint may_come(self, Py_ssize_t entry) noexcept
    cdef int catch_up(self, Py_ssize_t entry) except -1
    cdef int replay(self, Py_ssize_t entry, tuple kept) except -1
    cdef int gap(self, Py_ssize_t entry, str why) except -1
    cdef int judge_replace(self, Py_ssize_t entry, int64_t receive_time_ns) except -1
    cdef int judge_change(self, Py_ssize_t entry, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef int judge_snapshot(self, Py_ssize_t entry, int64_t receive_time_ns) except -1
    cdef int apply(self, Py_ssize_t entry, bint replace, int state, int64_t receive_time_ns) except -1
    cdef int older(self, Py_ssize_t entry) except -1
    cdef int wait(self, Py_ssize_t entry, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef int lose(self, Py_ssize_t entry, int state, str why) except -1
    cdef int note(self, Py_ssize_t entry, int old, str why) except -1
    cdef int refuse(self, int status, object error) except -1
    cdef bint concerns(self, const Entry* e) noexcept
    cdef object fault_error(self)
    cdef int refuse_fault(self) except -1
    cdef int set_state(self, Py_ssize_t entry, int state, str why) except -1
    cdef int read_document(self, const Table* table, const char* data, Py_ssize_t size) except -1
    cdef int read(self, const Table* table, const char* data, Py_ssize_t size) except -1
    cdef int fuse(self) except -1


cdef class Router(Judge):
    # The outcome of one payload. `size` bytes from `data` are read and no byte more; nothing is kept of them.
    cdef int feed_pointer(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef Py_ssize_t entry_named(self, object symbol) except -1
    cdef int feed_document(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef int feed_framed(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef int feed_framed_document(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef int feed_list(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1
    cdef int take_snapshot(self, Py_ssize_t entry, bytes kept, int64_t receive_time_ns) except -1
