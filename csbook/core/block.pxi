# The block of memory that a book is: its making, the one way in which it is written, and the C interface that reads it.
#
# All input is settled in scratch and memory is reserved before `write_open`; between it and `write_close` no Python API is
# called and nothing can fail, so another reader of the block sees the book before or the book after and nothing between.
# Which state an update leads to is the caller's to say (a Book by itself, or sequence.pxi under a Router); only crossing
# is seen here, since it follows from the levels.

cdef enum:
    LINE = 64                           # bytes, a cache line

cdef uint64_t MAGIC = 0x00004B4F4F425343ULL     # "CSBOOK" and two zeros, little endian

assert sizeof(BookHeader) % LINE == 0


# -- writing ------------------------------------------------------------------------------------------------------

cdef inline void write_open(BookHeader* h) noexcept nogil:
    csb_store_relaxed(&h.lock, h.lock + 1)
    csb_fence_release()


cdef inline void write_close(BookHeader* h) noexcept nogil:
    csb_store_release(&h.lock, h.lock + 1)


cdef inline bint is_crossed(BookHeader* h) noexcept nogil:
    cdef const int64_t* bids
    cdef const int64_t* asks
    if h.bids.count == 0 or h.asks.count == 0:
        return False
    bids = <const int64_t*>(<char*>h + h.bids.prices)
    asks = <const int64_t*>(<char*>h + h.asks.prices)
    return bids[h.bids.head] >= asks[h.asks.head]


cdef inline void book_stamp(
    BookHeader* h, int state, int64_t sequence, int64_t event_ns, int64_t receive_ns, int64_t now_ns
) noexcept nogil:
    """What every update writes beside its levels. `state` is LIVE, or what outranks it; LIVE becomes CROSSED here."""
    h.sequence = sequence
    h.event_time_ns = event_ns
    h.receive_time_ns = receive_ns
    h.monotonic_ns = now_ns
    h.updates += 1
    if unlikely(is_crossed(h)):
        if state == STATE_LIVE:
            state = STATE_CROSSED
        if h.crossed_since_ns == 0:
            h.crossed_since_ns = now_ns
            h.crossed_messages = 0
        h.crossed_messages += 1
    else:
        h.crossed_since_ns = 0
        h.crossed_messages = 0
    h.state = state


cdef int book_replace(
    Book book, Levels* bids, Levels* asks, int state, int64_t sequence, int64_t event_ns, int64_t receive_ns
) except -1:
    """The whole book from two sides. Returns a Status; only MemoryError is raised, with the book as it was."""
    cdef uint64_t unsorted = 0, merged = 0, zeros = 0
    cdef int status
    cdef int64_t limit = book.limit
    cdef BookHeader* h
    cdef SideRef bid_side, ask_side
    cdef int64_t now_ns
    if unlikely(not (bids.ordered and asks.ordered and bids.zeros == 0 and asks.zeros == 0)):
        status = levels_settle(bids, -1, &unsorted, &merged, &zeros)
        if status == OK:
            status = levels_settle(asks, 0, &unsorted, &merged, &zeros)
        if status != OK:
            return status
    if unlikely(max(bids.count, asks.count) > book.header.slots):
        book.reserve(min(<int64_t>max(bids.count, asks.count), limit))
    h = book.header
    bid_side = side_of(h, False)
    ask_side = side_of(h, True)
    now_ns = csb_monotonic_ns()
    write_open(h)
    side_replace(&bid_side, bids, limit)
    side_replace(&ask_side, asks, limit)
    h.unsorted += unsorted
    h.merged += merged
    h.zero_sizes += zeros
    book_stamp(h, state, sequence, event_ns, receive_ns, now_ns)
    write_close(h)
    return OK


cdef int book_change(
    Book book, Levels* bids, Levels* asks, int state, int64_t sequence, int64_t event_ns, int64_t receive_ns
) except -1:
    """Absolute sizes at some prices. Returns a Status; only MemoryError is raised, with the book as it was."""
    cdef BookHeader* h = book.header
    cdef SideRef bid_side = side_of(h, False), ask_side = side_of(h, True)
    cdef int64_t need = max(h.bids.count + bids.count, h.asks.count + asks.count)
    cdef int64_t now_ns
    if unlikely(need > MAX_LEVELS) and book.max_levels is None and (
        h.bids.count + side_gain(&bid_side, bids) > MAX_LEVELS or h.asks.count + side_gain(&ask_side, asks) > MAX_LEVELS
    ):
        return TOO_MANY
    if unlikely(need > h.slots):
        book.reserve(need)
        h = book.header
        bid_side = side_of(h, False)
        ask_side = side_of(h, True)
    now_ns = csb_monotonic_ns()
    write_open(h)
    side_change(&bid_side, bids, &h.absent_deletes)
    side_change(&ask_side, asks, &h.absent_deletes)
    h.bids.count = min(h.bids.count, book.limit)
    h.asks.count = min(h.asks.count, book.limit)
    book_stamp(h, state, sequence, event_ns, receive_ns, now_ns)
    write_close(h)
    return OK


cdef inline void book_set_state(BookHeader* h, int state) noexcept nogil:
    """A change of trust with no change of levels."""
    write_open(h)
    h.state = state
    write_close(h)


cdef void book_forget_quote(BookHeader* h) noexcept nogil:
    write_open(h)
    h.quote_id = 0
    write_close(h)


cdef void book_empty(BookHeader* h) noexcept nogil:
    write_open(h)
    h.bids.count = 0
    h.asks.count = 0
    h.bids.head = h.slots >> 1
    h.asks.head = h.slots >> 1
    h.sequence = 0
    h.event_time_ns = 0
    h.receive_time_ns = 0
    h.monotonic_ns = csb_monotonic_ns()
    h.crossed_since_ns = 0
    h.crossed_messages = 0
    h.quote_id = 0
    h.updates += 1
    h.state = STATE_EMPTY
    write_close(h)


cdef BookHeader* block_new(int64_t slots) noexcept nogil:
    """A zeroed block with the offsets of kind 0 set; NULL without memory."""
    cdef uint64_t array = (<uint64_t>slots * sizeof(int64_t) + LINE - 1) // LINE * LINE
    cdef uint64_t size = sizeof(BookHeader) + 4 * array
    cdef BookHeader* h = <BookHeader*>csb_alloc(size)
    if h == NULL:
        return NULL
    h.magic = MAGIC
    h.layout = CSBOOK_LAYOUT
    h.kind = 0
    h.block_size = size
    h.header_size = sizeof(BookHeader)
    h.slots = slots
    h.bids.prices = sizeof(BookHeader)
    h.bids.sizes = sizeof(BookHeader) + array
    h.asks.prices = sizeof(BookHeader) + 2 * array
    h.asks.sizes = sizeof(BookHeader) + 3 * array
    h.bids.head = slots >> 1
    h.asks.head = slots >> 1
    return h


# -- the C interface ----------------------------------------------------------------------------------------------

cdef uint64_t csbook_layout() noexcept nogil:
    return csbook_pack_layout(CSBOOK_LAYOUT, sizeof(BookHeader), sizeof(Touch))


cdef int csbook_touch(const BookHeader* header, Touch* touch) noexcept nogil:
    cdef BookHeader* h = <BookHeader*>header
    cdef uint64_t before
    cdef int tries
    for tries in range(1000):
        before = csb_load_acquire(&h.lock)
        if before & 1:
            continue
        touch_copy(h, touch)
        csb_fence_acquire()
        if csb_load_relaxed(&h.lock) == before:
            return 0
    return -1


cdef inline void touch_copy(BookHeader* h, Touch* touch) noexcept nogil:
    cdef int64_t head
    touch.bid_levels = csb_load_i64(&h.bids.count)
    touch.ask_levels = csb_load_i64(&h.asks.count)
    touch.bid = touch.bid_size = touch.ask = touch.ask_size = 0
    # a torn head would read outside the block: a count is trusted only together with a head inside it
    head = csb_load_i64(&h.bids.head)
    if touch.bid_levels > 0 and 0 <= head < h.slots:
        touch.bid = csb_load_i64(<int64_t*>(<char*>h + h.bids.prices) + head)
        touch.bid_size = csb_load_i64(<int64_t*>(<char*>h + h.bids.sizes) + head)
    head = csb_load_i64(&h.asks.head)
    if touch.ask_levels > 0 and 0 <= head < h.slots:
        touch.ask = csb_load_i64(<int64_t*>(<char*>h + h.asks.prices) + head)
        touch.ask_size = csb_load_i64(<int64_t*>(<char*>h + h.asks.sizes) + head)
    touch.sequence = csb_load_i64(&h.sequence)
    touch.event_time_ns = csb_load_i64(&h.event_time_ns)
    touch.receive_time_ns = csb_load_i64(&h.receive_time_ns)
    touch.monotonic_ns = csb_load_i64(&h.monotonic_ns)
    touch.updates = csb_load_relaxed(&h.updates)
    touch.state = h.state
    touch.price_decimals = h.price_decimals
    touch.size_decimals = h.size_decimals


cdef inline int64_t age_of(int64_t monotonic_ns, uint64_t updates) noexcept nogil:
    return csb_monotonic_ns() - monotonic_ns if updates else -1


cdef int64_t csbook_age_ns(const BookHeader* header) noexcept nogil:
    return age_of(header.monotonic_ns, header.updates)


cdef const int64_t* csbook_bid_prices(const BookHeader* header) noexcept nogil:
    return <const int64_t*>(<char*>header + header.bids.prices) + header.bids.head


cdef const int64_t* csbook_bid_sizes(const BookHeader* header) noexcept nogil:
    return <const int64_t*>(<char*>header + header.bids.sizes) + header.bids.head


cdef const int64_t* csbook_ask_prices(const BookHeader* header) noexcept nogil:
    return <const int64_t*>(<char*>header + header.asks.prices) + header.asks.head


cdef const int64_t* csbook_ask_sizes(const BookHeader* header) noexcept nogil:
    return <const int64_t*>(<char*>header + header.asks.sizes) + header.asks.head
