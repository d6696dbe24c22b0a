# A deep side as a ladder: kind 1 of a block. Sizes by tick around the touch, a bit per tick that has a level, and a tail.
#
# A price on the grid and inside the window of WINDOW ticks has a slot of its own, so a change there costs neither search nor
# shift; every other level lies in the tail, which is the sorted array of side.pxi. Which of the two holds a level follows
# from its price alone. A key is price / tick, negated for bids: on both sides keys rise from best to worst, as slots do.
# When the touch leaves the middle of the window, the window is laid anew around it; nothing here allocates or fails. Readers
# never see a ladder: they get levels best first from `book_flat`, and the touch from `side_best`.

cdef enum:
    WINDOW = 4096                       # ticks a side: 64 words of 64 bits, and one word to tell which are not empty
    DEEP = 256                          # levels a side from which a book fed by changes earns a ladder

cdef struct LadderRef:
    int64_t* sizes                      # 0: no level
    uint64_t* bits
    LadderHeader* header
    SideRef tail
    int64_t tick
    double inverse
    bint bids


cdef inline LadderRef ladder_of(BookHeader* h, bint asks) noexcept nogil:
    cdef LadderRef l
    l.header = &h.ask_ladder if asks else &h.bid_ladder
    l.sizes = <int64_t*>(<char*>h + l.header.sizes)
    l.bits = <uint64_t*>(<char*>h + l.header.bits)
    l.tick = h.tick
    l.inverse = 1.0 / <double>h.tick
    l.bids = not asks
    l.tail.header = &l.header.tail
    l.tail.prices = <int64_t*>(<char*>h + (h.asks.prices if asks else h.bids.prices))
    l.tail.sizes = <int64_t*>(<char*>h + (h.asks.sizes if asks else h.bids.sizes))
    l.tail.slots = h.slots
    l.tail.mask = 0 if asks else -1
    return l


cdef inline bint ladder_key(const LadderRef* l, int64_t price, int64_t* key) noexcept nogil:
    """False for a price off the grid."""
    cdef int64_t q = <int64_t>(<double>price * l.inverse)
    cdef int64_t r = price - q * l.tick
    if r < 0:
        q -= 1
        r += l.tick
    elif r >= l.tick:
        q += 1
        r -= l.tick
    if unlikely(r < 0 or r >= l.tick):  # beyond what a double can tell
        q = price // l.tick
        r = price - q * l.tick
    key[0] = -q if l.bids else q
    return r == 0


cdef inline int64_t ladder_slot(const LadderRef* l, int64_t price) noexcept nogil:
    """The slot of a price, or -1 where its level belongs to the tail."""
    cdef int64_t key = <int64_t>(<double>price * l.inverse + 0.5)
    # the nearest key is the price's own, but for prices off the grid and beyond what a double can tell
    if likely(<int64_t>(<uint64_t>key * <uint64_t>l.tick) == price):
        key = (key ^ l.tail.mask) - l.tail.mask
    elif not ladder_key(l, price, &key):
        return -1
    key -= l.header.base
    return key if 0 <= key < WINDOW else -1


cdef inline int64_t ladder_price(const LadderRef* l, int64_t slot) noexcept nogil:
    cdef int64_t key = l.header.base + slot
    return <int64_t>(<uint64_t>(-key if l.bids else key) * <uint64_t>l.tick)   # a torn reading may not overflow


cdef inline int64_t ladder_next(const LadderRef* l, int64_t slot) noexcept nogil:
    """The first occupied slot from `slot` on, or WINDOW."""
    cdef int64_t word
    cdef uint64_t rest
    if slot >= WINDOW:
        return WINDOW
    word = slot >> 6
    rest = l.bits[word] >> (slot & 63)
    if rest:
        return slot + csb_low_bit(rest)
    if word == 63:
        return WINDOW
    rest = l.header.words >> (word + 1)
    if rest == 0:
        return WINDOW
    word += 1 + csb_low_bit(rest)
    return (word << 6) + csb_low_bit(l.bits[word])


cdef inline void ladder_put(LadderRef* l, int64_t slot, int64_t size) noexcept nogil:
    """A new level in an empty slot."""
    l.sizes[slot] = size
    l.bits[slot >> 6] |= <uint64_t>1 << (slot & 63)
    l.header.words |= <uint64_t>1 << (slot >> 6)
    l.header.count += 1
    if slot < l.header.best:
        l.header.best = slot


cdef inline void ladder_take(LadderRef* l, int64_t slot) noexcept nogil:
    """A level out of its slot."""
    l.sizes[slot] = 0
    l.bits[slot >> 6] &= ~(<uint64_t>1 << (slot & 63))
    if l.bits[slot >> 6] == 0:
        l.header.words &= ~(<uint64_t>1 << (slot >> 6))
    l.header.count -= 1
    if slot == l.header.best:
        l.header.best = ladder_next(l, slot)


cdef void ladder_clear(LadderRef* l) noexcept nogil:
    memset(l.sizes, 0, WINDOW * sizeof(int64_t))
    memset(l.bits, 0, WINDOW // 8)
    l.header.words = 0
    l.header.count = 0
    l.header.best = WINDOW
    l.header.tail.count = 0
    l.header.tail.head = l.tail.slots >> 1


cdef void ladder_fill(LadderRef* l, const Levels* levels) noexcept nogil:
    """The whole side from levels that are strictly best first."""
    cdef Py_ssize_t i
    cdef int64_t slot, key = 0
    ladder_clear(l)
    l.header.tail.head = 0
    if levels.count == 0:
        return
    ladder_key(l, levels.prices[0], &key)
    l.header.base = key - WINDOW // 4
    for i in range(levels.count):
        slot = ladder_slot(l, levels.prices[i])
        if slot >= 0:
            ladder_put(l, slot, levels.sizes[i])
        else:
            l.tail.prices[l.header.tail.count] = levels.prices[i]
            l.tail.sizes[l.header.tail.count] = levels.sizes[i]
            l.header.tail.count += 1
    side_recentre(&l.tail)


cdef void ladder_recentre(LadderRef* l, int64_t best) noexcept nogil:
    """Lay the window so that `best`, the key of the side's best level on the grid, stands at a quarter of it. O(WINDOW + tail)."""
    cdef int64_t by = best - WINDOW // 4 - l.header.base
    cdef int64_t i, slot, kept = 0
    cdef SideRef* tail = &l.tail
    cdef int64_t* prices
    cdef int64_t* sizes
    if by < 0:
        # the far end goes to the tail, worst first: each next one is better than what it finds there
        for slot in range(WINDOW - 1, max(WINDOW + by, <int64_t>0) - 1, -1):
            if l.sizes[slot]:
                side_insert(tail, side_find(tail, ladder_price(l, slot)), ladder_price(l, slot), l.sizes[slot])
                l.sizes[slot] = 0
    if -WINDOW < by < 0:
        memmove(l.sizes - by, l.sizes, (WINDOW + by) * sizeof(int64_t))
        memset(l.sizes, 0, -by * sizeof(int64_t))
    elif 0 < by < WINDOW:
        # no level is better than the best: what falls out in front is empty
        memmove(l.sizes, l.sizes + by, (WINDOW - by) * sizeof(int64_t))
        memset(l.sizes + WINDOW - by, 0, by * sizeof(int64_t))
    l.header.base += by
    l.header.words = 0
    l.header.count = 0
    l.header.best = WINDOW
    memset(l.bits, 0, WINDOW // 8)
    for slot in range(WINDOW):
        if l.sizes[slot]:
            ladder_put(l, slot, l.sizes[slot])
    # what the window has come to cover leaves the tail
    prices = tail.prices + tail.header.head
    sizes = tail.sizes + tail.header.head
    for i in range(tail.header.count):
        slot = ladder_slot(l, prices[i])
        if slot >= 0:
            ladder_put(l, slot, sizes[i])
        else:
            prices[kept] = prices[i]
            sizes[kept] = sizes[i]
            kept += 1
    tail.header.count = kept


cdef void ladder_change(LadderRef* l, const Levels* levels, uint64_t* absent) noexcept nogil:
    """Absolute sizes; size 0 deletes, an absent level is counted. O(1) a change in the window."""
    cdef Py_ssize_t i
    cdef int64_t slot, size, at, key = 0
    cdef SideRef* tail = &l.tail
    for i in range(levels.count):
        slot = ladder_slot(l, levels.prices[i])
        size = levels.sizes[i]
        if likely(slot >= 0):
            if size == 0:
                if l.sizes[slot] != 0:
                    ladder_take(l, slot)
                else:
                    absent[0] += 1
            elif l.sizes[slot] != 0:
                l.sizes[slot] = size
            else:
                ladder_put(l, slot, size)
            continue
        at = side_find(tail, levels.prices[i])
        if at < tail.header.count and tail.prices[tail.header.head + at] == levels.prices[i]:
            if size != 0:
                tail.sizes[tail.header.head + at] = size
            else:
                side_erase(tail, at)
        elif size != 0:
            side_insert(tail, at, levels.prices[i], size)
        else:
            absent[0] += 1
    if unlikely(l.header.best > WINDOW * 3 // 4 and l.header.best < WINDOW):
        ladder_recentre(l, l.header.base + l.header.best)
    if unlikely(tail.header.count > 0):
        # a better level than the window reaches, or nothing left in the window
        if ladder_key(l, tail.prices[tail.header.head], &key) and (key < l.header.base or l.header.best == WINDOW):
            ladder_recentre(l, key)


cdef int64_t ladder_walk(const LadderRef* l, int64_t wanted, int64_t* prices, int64_t* sizes) noexcept nogil:
    """The best levels in order, at most `wanted`; how many there were."""
    cdef int64_t n = 0, t = 0
    cdef int64_t slot = l.header.best
    cdef int64_t price = 0
    cdef const int64_t* tail = l.tail.prices + l.header.tail.head
    cdef int64_t left = l.header.tail.count
    while n < wanted:
        if slot < WINDOW:
            price = ladder_price(l, slot)
            if t == left or (price ^ l.tail.mask) < (tail[t] ^ l.tail.mask):
                prices[n] = price
                sizes[n] = l.sizes[slot]
                slot = ladder_next(l, slot + 1)
                n += 1
                continue
        elif t == left:
            break
        prices[n] = tail[t]
        sizes[n] = l.tail.sizes[l.header.tail.head + t]
        t += 1
        n += 1
    return n


cdef int64_t grid_of(const Levels* bids, const Levels* asks) noexcept nogil:
    """The tick that the levels near the touch share, or 0 where a ladder would hold too few of them."""
    cdef int64_t tick = 0, a, b
    cdef Py_ssize_t i, side
    cdef const Levels* levels
    for side in range(2):
        levels = bids if side == 0 else asks
        for i in range(min(levels.count, <Py_ssize_t>(DEEP))):
            a = levels.prices[i]
            b = tick
            while b:
                a, b = b, a % b
            tick = a
    if tick == 0:
        return 0
    for side in range(2):
        levels = bids if side == 0 else asks
        i = min(levels.count, <Py_ssize_t>(DEEP // 2)) - 1
        if i <= 0:
            continue
        a = levels.prices[i] - levels.prices[0]
        if (-a if a < 0 else a) // tick >= WINDOW // 2:
            return 0
    return tick


cdef int64_t side_gain(BookHeader* h, bint asks, const Levels* levels) noexcept nogil:
    """How many levels the changes would add, at most: deletes only count where no price can stand twice."""
    cdef SideRef s = side_of(h, asks)
    cdef LadderRef l
    cdef Py_ssize_t i
    cdef int64_t at, slot, added = 0, gone = 0
    cdef bint up = True, down = True, found
    if h.kind == 1:
        l = ladder_of(h, asks)
        s = l.tail
    for i in range(levels.count):
        if i > 0:
            up &= levels.prices[i] > levels.prices[i - 1]
            down &= levels.prices[i] < levels.prices[i - 1]
        slot = ladder_slot(&l, levels.prices[i]) if h.kind == 1 else -1
        if slot >= 0:
            found = l.sizes[slot] != 0
        else:
            at = side_find(&s, levels.prices[i])
            found = at < s.header.count and s.prices[s.header.head + at] == levels.prices[i]
        added += not found and levels.sizes[i] != 0
        gone += found and levels.sizes[i] == 0
    return added - gone if up or down else added


cdef int ladder_check(LadderRef* l, str name, uint64_t block_size) except -1:
    """Assert what holds of a ladder by itself. O(WINDOW + tail)."""
    cdef int64_t slot, count = 0, i
    assert l.tick > 0, f"{name}: tick {l.tick}"
    assert l.header.bits + WINDOW // 8 <= block_size, f"{name}: ladder outside the block"
    for slot in range(WINDOW):
        occupied = l.sizes[slot] != 0
        assert l.sizes[slot] >= 0, f"{name}: slot {slot} holds {l.sizes[slot]}"
        assert (l.bits[slot >> 6] >> (slot & 63)) & 1 == occupied, f"{name}: bit of slot {slot}"
        count += occupied
    for i in range(64):
        assert (l.header.words >> i) & 1 == (l.bits[i] != 0), f"{name}: bit of word {i}"
    assert count == l.header.count, f"{name}: {count} levels in the window, count {l.header.count}"
    assert l.header.best == ladder_next(l, 0), f"{name}: best slot {l.header.best}"
    for i in range(l.header.tail.head, l.header.tail.head + l.header.tail.count):
        assert ladder_slot(l, l.tail.prices[i]) < 0, f"{name}: {l.tail.prices[i]} belongs into the window"
    return 0
