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


cdef inline bint side_best(BookHeader* h, bint asks, int64_t* price, int64_t* size) noexcept nogil:
    """The best level of a side, in any kind of block; False while it is empty.

    Another thread may read it while this one writes: then it may be wrong, but it reads nothing outside of the block.
    """
    cdef SideHeader* side = &h.asks if asks else &h.bids
    cdef LadderRef l
    cdef int64_t head, slot
    if csb_load_i64(&side.count) <= 0:
        return False
    if likely(h.kind == 0):
        head = csb_load_i64(&side.head)
        if unlikely(head < 0 or head >= h.slots):
            return False
        price[0] = csb_load_i64(<int64_t*>(<char*>h + side.prices) + head)
        size[0] = csb_load_i64(<int64_t*>(<char*>h + side.sizes) + head)
        return True
    if unlikely(h.tick <= 0):
        return False
    l = ladder_of(h, asks)
    slot = csb_load_i64(&l.header.best)
    head = csb_load_i64(&l.header.tail.head)
    if 0 <= slot < WINDOW:
        price[0] = ladder_price(&l, slot)
        size[0] = csb_load_i64(l.sizes + slot)
    if csb_load_i64(&l.header.tail.count) > 0 and 0 <= head < h.slots:
        if not 0 <= slot < WINDOW or (csb_load_i64(l.tail.prices + head) ^ l.tail.mask) < (price[0] ^ l.tail.mask):
            price[0] = csb_load_i64(l.tail.prices + head)
            size[0] = csb_load_i64(l.tail.sizes + head)
        return True
    return 0 <= slot < WINDOW


cdef inline bint is_crossed(BookHeader* h) noexcept nogil:
    cdef int64_t bid = 0, ask = 0, size = 0
    return side_best(h, False, &bid, &size) and side_best(h, True, &ask, &size) and bid >= ask


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
    Book book, Levels* bids, Levels* asks, int state, int64_t sequence, int64_t event_ns, int64_t receive_ns,
    int64_t now_ns, bint changes_follow=False,
) except -1:
    """The whole book from two sides. Returns a Status; only MemoryError is raised, with the book as it was.

    `changes_follow`: single changes are going to be applied to it, so a deep book becomes a ladder.
    """
    cdef uint64_t unsorted = 0, merged = 0, zeros = 0
    cdef int status
    cdef int64_t limit = book.limit
    cdef BookHeader* h
    cdef SideRef bid_side, ask_side
    cdef LadderRef ladder
    cdef int64_t tick = 0
    if unlikely(not (bids.ordered and asks.ordered and bids.zeros == 0 and asks.zeros == 0)):
        status = levels_settle(bids, -1, &unsorted, &merged, &zeros)
        if status == OK:
            status = levels_settle(asks, 0, &unsorted, &merged, &zeros)
        if status != OK:
            return status
    if changes_follow and book.max_levels is None and max(bids.count, asks.count) >= DEEP:
        tick = grid_of(bids, asks)
    if unlikely(max(bids.count, asks.count) > book.header.slots or (tick and book.header.bid_ladder.sizes == 0)):
        book.reserve(min(<int64_t>max(bids.count, asks.count), limit), tick != 0)
    h = book.header
    write_open(h)
    if tick:
        h.kind = 1
        h.tick = tick
        ladder = ladder_of(h, False)
        ladder_fill(&ladder, bids)
        ladder = ladder_of(h, True)
        ladder_fill(&ladder, asks)
        h.bids.count = bids.count
        h.asks.count = asks.count
    else:
        h.kind = 0
        bid_side = side_of(h, False)
        ask_side = side_of(h, True)
        side_replace(&bid_side, bids, limit)
        side_replace(&ask_side, asks, limit)
    h.unsorted += unsorted
    h.merged += merged
    h.zero_sizes += zeros
    book_stamp(h, state, sequence, event_ns, receive_ns, now_ns)
    write_close(h)
    return OK


cdef int book_change(
    Book book, Levels* bids, Levels* asks, int state, int64_t sequence, int64_t event_ns, int64_t receive_ns,
    int64_t now_ns,
) except -1:
    """Absolute sizes at some prices. Returns a Status; only MemoryError is raised, with the book as it was."""
    cdef BookHeader* h = book.header
    cdef SideRef side
    cdef LadderRef ladder
    cdef int64_t need = max(h.bids.count + bids.count, h.asks.count + asks.count)
    if unlikely(need > MAX_LEVELS) and book.max_levels is None and (
        h.bids.count + side_gain(h, False, bids) > MAX_LEVELS or h.asks.count + side_gain(h, True, asks) > MAX_LEVELS
    ):
        return TOO_MANY
    if unlikely(need > h.slots):
        book.reserve(need, h.kind == 1)
        h = book.header
    write_open(h)
    if h.kind == 1:
        if bids.count != 0:
            ladder = ladder_of(h, False)
            ladder_change(&ladder, bids, &h.absent_deletes)
            h.bids.count = ladder.header.count + ladder.header.tail.count
        if asks.count != 0:
            ladder = ladder_of(h, True)
            ladder_change(&ladder, asks, &h.absent_deletes)
            h.asks.count = ladder.header.count + ladder.header.tail.count
    else:
        if bids.count != 0:
            side = side_of(h, False)
            side_change(&side, bids, &h.absent_deletes)
            h.bids.count = min(h.bids.count, book.limit)
        if asks.count != 0:
            side = side_of(h, True)
            side_change(&side, asks, &h.absent_deletes)
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
    h.kind = 0
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
    h.quote_floor = 0
    h.updates += 1
    h.state = STATE_EMPTY
    write_close(h)


cdef BookHeader* block_new(int64_t slots, bint ladders) noexcept nogil:
    """A zeroed block of kind 0 with its offsets set, and room for ladders where wanted; NULL without memory."""
    cdef uint64_t array = (<uint64_t>slots * sizeof(int64_t) + LINE - 1) // LINE * LINE
    cdef uint64_t window = WINDOW * sizeof(int64_t)
    cdef uint64_t size = sizeof(BookHeader) + 4 * array + (2 * window + 2 * WINDOW // 8 if ladders else 0)
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
    if ladders:
        h.bid_ladder.sizes = sizeof(BookHeader) + 4 * array
        h.ask_ladder.sizes = h.bid_ladder.sizes + window
        h.bid_ladder.bits = h.ask_ladder.sizes + window
        h.ask_ladder.bits = h.bid_ladder.bits + WINDOW // 8
    return h


cdef BookHeader* block_grown(const BookHeader* old, int64_t slots, bint ladders) noexcept nogil:
    """A larger block with the same content; NULL without memory."""
    cdef BookHeader* new = block_new(slots, ladders or old.kind == 1)
    cdef BookHeader layout
    cdef int side
    cdef SideHeader* to
    cdef const SideHeader* source
    cdef LadderHeader* ladder
    if new == NULL:
        return NULL
    layout = new[0]
    memcpy(new, old, sizeof(BookHeader))
    new.slots = slots
    new.block_size = layout.block_size
    new.bids = layout.bids
    new.asks = layout.asks
    new.bids.count = old.bids.count
    new.asks.count = old.asks.count
    for side in range(2):
        ladder = &new.ask_ladder if side else &new.bid_ladder
        ladder.sizes = layout.ask_ladder.sizes if side else layout.bid_ladder.sizes
        ladder.bits = layout.ask_ladder.bits if side else layout.bid_ladder.bits
        to = &new.asks if side else &new.bids
        source = &old.asks if side else &old.bids
        if old.kind == 1:
            source = &old.ask_ladder.tail if side else &old.bid_ladder.tail
            memcpy(
                <char*>new + ladder.sizes,
                <const char*>old + (old.ask_ladder.sizes if side else old.bid_ladder.sizes), WINDOW * sizeof(int64_t),
            )
            memcpy(
                <char*>new + ladder.bits,
                <const char*>old + (old.ask_ladder.bits if side else old.bid_ladder.bits), WINDOW // 8,
            )
            ladder.tail.head = (slots - source.count) >> 1
            to.head = ladder.tail.head
        else:
            to.head = (slots - source.count) >> 1
        memcpy(
            <int64_t*>(<char*>new + to.prices) + to.head,
            <const int64_t*>(<const char*>old + (old.asks.prices if side else old.bids.prices)) + source.head,
            source.count * sizeof(int64_t),
        )
        memcpy(
            <int64_t*>(<char*>new + to.sizes) + to.head,
            <const int64_t*>(<const char*>old + (old.asks.sizes if side else old.bids.sizes)) + source.head,
            source.count * sizeof(int64_t),
        )
    return new


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
    touch.bid = touch.bid_size = touch.ask = touch.ask_size = 0
    touch.bid_levels = csb_load_i64(&h.bids.count) if side_best(h, False, &touch.bid, &touch.bid_size) else 0
    touch.ask_levels = csb_load_i64(&h.asks.count) if side_best(h, True, &touch.ask, &touch.ask_size) else 0
    touch.sequence = csb_load_i64(&h.sequence)
    touch.event_time_ns = csb_load_i64(&h.event_time_ns)
    touch.receive_time_ns = csb_load_i64(&h.receive_time_ns)
    touch.monotonic_ns = csb_load_i64(&h.monotonic_ns)
    touch.updates = csb_load_relaxed(&h.updates)
    touch.state = h.state
    touch.price_decimals = h.price_decimals
    touch.size_decimals = h.size_decimals


cdef inline int64_t age_of(int64_t monotonic_ns, uint64_t updates) noexcept nogil:
    # never below 0: the stamp may be by a counter that runs ahead of the clock (ticker.pxi)
    return max(csb_monotonic_ns() - monotonic_ns, <int64_t>0) if updates else -1


cdef int64_t csbook_age_ns(const BookHeader* header) noexcept nogil:
    return age_of(header.monotonic_ns, header.updates)


cdef int64_t csbook_levels(
    const BookHeader* header, bint asks, int64_t levels, int64_t* prices, int64_t* sizes
) noexcept nogil:
    cdef BookHeader* h = <BookHeader*>header
    cdef SideHeader* side = &h.asks if asks else &h.bids
    cdef LadderRef l
    levels = min(levels, side.count)
    if levels <= 0:
        return 0
    if h.kind == 1:
        l = ladder_of(h, asks)
        return ladder_walk(&l, levels, prices, sizes)
    memcpy(prices, <int64_t*>(<char*>h + side.prices) + side.head, levels * sizeof(int64_t))
    memcpy(sizes, <int64_t*>(<char*>h + side.sizes) + side.head, levels * sizeof(int64_t))
    return levels


cdef SideRef book_flat(Book book, bint asks, int64_t wanted) except *:
    """A side as arrays, best first, with at least min(wanted, all) levels in them: the block's own, or a copy of a ladder.

    `header.count` says how many there are. The result is good until the book changes. O(1) for arrays.
    """
    cdef BookHeader* h = book.header
    cdef SideRef side = side_of(h, asks)
    cdef int64_t total = side.header.count
    cdef int64_t* prices
    cdef int64_t* sizes
    if h.kind == 0:
        return side
    wanted = min(wanted, total)
    if book.flat_version[asks] != h.updates + 1 or book.flat_count[asks] < wanted:
        if book.flat_room[asks] < wanted:
            prices = <int64_t*>malloc((wanted + wanted // 4) * sizeof(int64_t))
            sizes = <int64_t*>malloc((wanted + wanted // 4) * sizeof(int64_t))
            if prices == NULL or sizes == NULL:
                free(prices)
                free(sizes)
                raise MemoryError
            free(book.flat[2 * asks])
            free(book.flat[2 * asks + 1])
            book.flat[2 * asks] = prices
            book.flat[2 * asks + 1] = sizes
            book.flat_room[asks] = wanted + wanted // 4
        book.flat_count[asks] = csbook_levels(h, asks, wanted, book.flat[2 * asks], book.flat[2 * asks + 1])
        book.flat_version[asks] = h.updates + 1
    book.flat_side[asks].head = 0
    book.flat_side[asks].count = book.flat_count[asks]
    side.header = &book.flat_side[asks]
    side.prices = book.flat[2 * asks]
    side.sizes = book.flat[2 * asks + 1]
    return side


cdef const int64_t* csbook_bid_prices(const BookHeader* header) noexcept nogil:
    if header.kind != 0:
        return NULL
    return <const int64_t*>(<char*>header + header.bids.prices) + header.bids.head


cdef const int64_t* csbook_bid_sizes(const BookHeader* header) noexcept nogil:
    if header.kind != 0:
        return NULL
    return <const int64_t*>(<char*>header + header.bids.sizes) + header.bids.head


cdef const int64_t* csbook_ask_prices(const BookHeader* header) noexcept nogil:
    if header.kind != 0:
        return NULL
    return <const int64_t*>(<char*>header + header.asks.prices) + header.asks.head


cdef const int64_t* csbook_ask_sizes(const BookHeader* header) noexcept nogil:
    if header.kind != 0:
        return NULL
    return <const int64_t*>(<char*>header + header.asks.sizes) + header.asks.head
