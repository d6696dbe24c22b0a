# One side of a book inside its block: find, set, erase, replace, and the digest that walks it.
#
# Prices stand strictly best first in slots [head, head + count) and sizes beside them; there is room in front of the best
# level, so a change at level k moves about min(k, count - k) entries. `mask` is 0 for asks and -1 for bids: a price xor
# mask rises from best to worst on both sides, so every comparison here is written once. Nothing allocates and nothing can
# fail: the caller has reserved `slots` for all that may come in, before the write section opened.

cdef struct SideRef:                    # where a side lies, for the length of one call
    int64_t* prices                     # slot 0
    int64_t* sizes
    SideHeader* header
    int64_t slots
    int64_t mask


cdef inline SideRef side_of(BookHeader* h, bint asks) noexcept nogil:
    cdef SideRef s
    s.header = &h.asks if asks else &h.bids
    s.prices = <int64_t*>(<char*>h + s.header.prices)
    s.sizes = <int64_t*>(<char*>h + s.header.sizes)
    s.slots = h.slots
    s.mask = 0 if asks else -1
    return s


cdef inline int64_t side_find(const SideRef* s, int64_t price) noexcept nogil:
    """The first level that is not better than `price`: its own level, or where it would go. O(log n), without branches."""
    cdef const int64_t* begin = s.prices + s.header.head
    cdef const int64_t* base = begin
    cdef int64_t n = s.header.count
    cdef int64_t half
    # written out for each order, which saves the mask; as sums, since a compiler makes a jump of a choice
    if s.mask == 0:
        while n > 1:
            half = n >> 1
            base += half & -<int64_t>(base[half - 1] < price)
            n -= half
        return base - begin + (n == 1 and base[0] < price)
    while n > 1:
        half = n >> 1
        base += half & -<int64_t>(base[half - 1] > price)
        n -= half
    return base - begin + (n == 1 and base[0] > price)


cdef void side_recentre(SideRef* s) noexcept nogil:
    """Put the levels into the middle of the slots. O(n), once in many insertions."""
    cdef int64_t head = (s.slots - s.header.count) >> 1
    memmove(s.prices + head, s.prices + s.header.head, s.header.count * sizeof(int64_t))
    memmove(s.sizes + head, s.sizes + s.header.head, s.header.count * sizeof(int64_t))
    s.header.head = head


cdef inline void side_insert(SideRef* s, int64_t at, int64_t price, int64_t size) noexcept nogil:
    """A new level at index `at`; there is a free slot."""
    cdef int64_t n = s.header.count
    cdef int64_t head
    cdef bint front = at < n - at
    if (s.header.head == 0) if front else (s.header.head + n == s.slots):
        if s.slots - n >= 2:
            side_recentre(s)
        else:
            front = s.header.head > 0   # one slot is left: take it, wherever it is
    head = s.header.head
    if front and head == 0:
        front = False
    if front:
        memmove(s.prices + head - 1, s.prices + head, at * sizeof(int64_t))
        memmove(s.sizes + head - 1, s.sizes + head, at * sizeof(int64_t))
        head -= 1
        s.header.head = head
    else:
        memmove(s.prices + head + at + 1, s.prices + head + at, (n - at) * sizeof(int64_t))
        memmove(s.sizes + head + at + 1, s.sizes + head + at, (n - at) * sizeof(int64_t))
    s.prices[head + at] = price
    s.sizes[head + at] = size
    s.header.count = n + 1


cdef inline void side_erase(SideRef* s, int64_t at) noexcept nogil:
    cdef int64_t n = s.header.count
    cdef int64_t head = s.header.head
    if at < n - at:
        memmove(s.prices + head + 1, s.prices + head, at * sizeof(int64_t))
        memmove(s.sizes + head + 1, s.sizes + head, at * sizeof(int64_t))
        s.header.head = head + 1
    else:
        memmove(s.prices + head + at, s.prices + head + at + 1, (n - at - 1) * sizeof(int64_t))
        memmove(s.sizes + head + at, s.sizes + head + at + 1, (n - at - 1) * sizeof(int64_t))
    s.header.count = n - 1


# -- many changes at once -------------------------------------------------------------------------------------------

cdef enum:
    BATCH = 256                         # changes taken together

cdef struct LevelEvent:                      # a level that comes or goes
    int64_t at                          # index in the side as it was
    int64_t price
    int64_t size                        # 0: it goes


cdef inline void side_shift(SideRef* s, int64_t start, int64_t end, int64_t by) noexcept nogil:
    """Move the levels at indices [start, end) by some slots."""
    cdef int64_t head = s.header.head
    if end > start and by != 0:
        memmove(s.prices + head + start + by, s.prices + head + start, (end - start) * sizeof(int64_t))
        memmove(s.sizes + head + start + by, s.sizes + head + start, (end - start) * sizeof(int64_t))


cdef inline int64_t segment_start(const LevelEvent* events, int64_t j) noexcept nogil:
    """Where the untouched levels before event j begin."""
    return 0 if j == 0 else events[j - 1].at + (events[j - 1].size == 0)


cdef void side_merge(SideRef* s, const LevelEvent* events, int64_t m, int64_t gained) noexcept nogil:
    """All events in one pass: every level up to the deepest event moves at most once.

    Between two events lies a segment that moves by its lag, the comings less the goings that are still to follow (negative:
    towards the front). Segments with a negative lag are moved front to back, those with a positive one back to front, so no
    level is overwritten before it has moved. The lag after the last event is 0.
    """
    cdef int64_t head = s.header.head
    cdef int64_t lag = -gained, run
    cdef int64_t j = 0, k, e
    while j < m:
        if lag < 0 or (lag == 0 and events[j].size == 0):
            side_shift(s, segment_start(events, j), events[j].at, lag)
            if events[j].size == 0:
                lag -= 1
            else:
                s.prices[head + events[j].at + lag] = events[j].price
                s.sizes[head + events[j].at + lag] = events[j].size
                lag += 1
            j += 1
            continue
        # a stretch that moves backwards, up to where the lag is 0 again
        run = lag
        k = j
        while True:
            run += 1 if events[k].size != 0 else -1
            k += 1
            if run == 0:
                break
        for e in range(k - 1, j - 1, -1):
            if e + 1 < k:
                side_shift(s, segment_start(events, e + 1), events[e + 1].at, run)
            if events[e].size == 0:
                run += 1
            else:
                run -= 1
                s.prices[head + events[e].at + run] = events[e].price
                s.sizes[head + events[e].at + run] = events[e].size
        side_shift(s, segment_start(events, j), events[j].at, run)
        lag = 0
        j = k
    s.header.head = head - gained
    s.header.count += gained


cdef void side_batch(SideRef* s, const int64_t* prices, const int64_t* sizes, int64_t n, int64_t step, uint64_t* absent) noexcept nogil:
    """At most BATCH changes at strictly monotone prices, `step` -1 where they come worst first."""
    cdef LevelEvent[BATCH] events
    cdef int64_t i, j, at, m = 0, gained = 0, alone = 0, deepest = 0
    for i in range(n):
        j = i if step > 0 else n - 1 - i
        at = side_find(s, prices[j])
        if at < s.header.count and s.prices[s.header.head + at] == prices[j]:
            if sizes[j] != 0:
                s.sizes[s.header.head + at] = sizes[j]
                continue
            gained -= 1
        elif sizes[j] != 0:
            gained += 1
        else:
            absent[0] += 1
            continue
        events[m].at = at
        events[m].price = prices[j]
        events[m].size = sizes[j]
        m += 1
        deepest = at
        alone += min(at, s.header.count - at)
    if m > 2 and alone > deepest:
        if s.header.head < gained:
            side_recentre(s)
        if s.header.head >= gained:
            side_merge(s, events, m, gained)
            return
    for i in range(m - 1, -1, -1):      # deepest first: the indices before it stay true
        if events[i].size == 0:
            side_erase(s, events[i].at)
        else:
            side_insert(s, events[i].at, events[i].price, events[i].size)


cdef void side_change(SideRef* s, const Levels* levels, uint64_t* absent) noexcept nogil:
    """Absolute sizes; size 0 deletes, an absent level is counted; of equal prices the last wins."""
    cdef Py_ssize_t i = 0, n, k
    cdef bint up, down
    cdef const int64_t* prices
    while i < levels.count:
        n = min(levels.count - i, <Py_ssize_t>BATCH)
        prices = levels.prices + i
        up = True
        down = True
        for k in range(1, n):
            up &= prices[k] > prices[k - 1]
            down &= prices[k] < prices[k - 1]
        if up or down:
            # asks come best first when they rise, bids when they fall
            side_batch(s, prices, levels.sizes + i, n, 1 if up == (s.mask == 0) or n == 1 else -1, absent)
        else:
            for k in range(n):
                side_batch(s, prices + k, levels.sizes + i + k, 1, 1, absent)
        i += n


cdef void side_replace(SideRef* s, const Levels* levels, int64_t limit) noexcept nogil:
    """The whole side from levels that are strictly best first, at most `limit` of them."""
    cdef int64_t n = min(<int64_t>levels.count, limit)
    cdef int64_t head = (s.slots - n) >> 1
    if n > 0:                           # an empty side may have no memory to copy from
        memcpy(s.prices + head, levels.prices, n * sizeof(int64_t))
        memcpy(s.sizes + head, levels.sizes, n * sizeof(int64_t))
    s.header.head = head
    s.header.count = n


cdef inline uint64_t digest_word(uint64_t h, uint64_t word) noexcept nogil:
    h = (h ^ word) * 0xFF51AFD7ED558CCDULL
    return h ^ (h >> 32)


cdef uint64_t side_digest(const SideRef* s, uint64_t h) noexcept nogil:
    cdef int64_t i
    for i in range(s.header.head, s.header.head + s.header.count):
        h = digest_word(h, <uint64_t>s.prices[i])
        h = digest_word(h, <uint64_t>s.sizes[i])
    return h


# -- levels on their way in ---------------------------------------------------------------------------------------

cdef struct Arrival:                    # a level and the order in which it came, for a stable sort
    int64_t key
    int64_t price
    int64_t size
    Py_ssize_t place


cdef int _by_key(const void* a, const void* b) noexcept nogil:
    cdef const Arrival* x = <const Arrival*>a
    cdef const Arrival* y = <const Arrival*>b
    if x.key != y.key:
        return -1 if x.key < y.key else 1
    return -1 if x.place < y.place else 1


cdef int levels_settle(Levels* levels, int64_t mask, uint64_t* unsorted, uint64_t* merged, uint64_t* zeros) noexcept nogil:
    """Make a snapshot's side strictly best first: sorted, the last of equal prices kept, sizes of zero dropped."""
    cdef Arrival* all
    cdef Py_ssize_t i, n = 0
    cdef bint jumbled = False
    if levels.ordered and levels.zeros == 0:
        return OK
    if not levels.ordered:
        all = <Arrival*>malloc(levels.count * sizeof(Arrival))
        if all == NULL:
            return NO_MEMORY
        for i in range(levels.count):
            all[i].key = levels.prices[i] ^ mask
            all[i].price = levels.prices[i]
            all[i].size = levels.sizes[i]
            all[i].place = i
            if i > 0 and all[i].key < all[i - 1].key:
                jumbled = True
        unsorted[0] += jumbled
        qsort(all, levels.count, sizeof(Arrival), _by_key)
        for i in range(levels.count):
            if n > 0 and levels.prices[n - 1] == all[i].price:
                n -= 1
                merged[0] += 1
            levels.prices[n] = all[i].price
            levels.sizes[n] = all[i].size
            n += 1
        free(all)
        levels.count = n
        levels.ordered = True
    n = 0
    for i in range(levels.count):
        if levels.sizes[i] == 0:
            zeros[0] += 1
            continue
        levels.prices[n] = levels.prices[i]
        levels.sizes[n] = levels.sizes[i]
        n += 1
    levels.count = n
    levels.zeros = 0
    return OK
