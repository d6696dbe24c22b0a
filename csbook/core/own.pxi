# A book without one's own orders: own sizes by price, and the touch that is left when they are taken out.
#
# Own sizes are exact integers at the scales of one book, best price first, in two small arrays a side. A touch without
# them is read under the sequence lock, as every touch: at most one level more than there are own prices has to be looked
# at, since each own price can empty one level. What is left of a level is never below 0.

cdef enum:
    NEAR = 96                           # levels that are read without asking for memory

cdef struct OwnSide:
    int64_t* prices                     # strictly best first
    int64_t* sizes                      # above 0
    int64_t count
    int64_t room
    int64_t mask                        # as in SideRef


cdef int64_t own_find(const OwnSide* s, int64_t price) noexcept nogil:
    """The first own price that is not better than `price`."""
    cdef int64_t at = 0
    while at < s.count and (s.prices[at] ^ s.mask) < (price ^ s.mask):
        at += 1
    return at


cdef int own_room(OwnSide* s) noexcept nogil:
    cdef int64_t room = max(2 * s.room, <int64_t>16)
    cdef int64_t* prices
    cdef int64_t* sizes
    if s.count < s.room:
        return OK
    prices = <int64_t*>realloc(s.prices, room * sizeof(int64_t))
    if prices == NULL:
        return NO_MEMORY
    s.prices = prices
    sizes = <int64_t*>realloc(s.sizes, room * sizeof(int64_t))
    if sizes == NULL:
        return NO_MEMORY
    s.sizes = sizes
    s.room = room
    return OK


cdef int64_t own_rest(
    const OwnSide* s, const int64_t* prices, const int64_t* sizes, int64_t count, int64_t* price, int64_t* size
) noexcept nogil:
    """The first of `count` levels that is not all own, its price and what is left of it; -1 when there is none."""
    cdef int64_t i, at = 0, left
    for i in range(count):
        while at < s.count and (s.prices[at] ^ s.mask) < (prices[i] ^ s.mask):
            at += 1
        left = sizes[i]
        if at < s.count and s.prices[at] == prices[i]:
            left -= s.sizes[at]
        if left > 0:
            price[0] = prices[i]
            size[0] = left
            return i
    return -1


cdef class OwnSizes:
    """Own resting size by price, to be taken out of a book of these scales. Raw integers: value * 10 ** decimals."""

    cdef OwnSide[2] sides
    cdef readonly int price_decimals
    cdef readonly int size_decimals

    def __cinit__(self, *, price_decimals, size_decimals):
        cdef int64_t prices = 0, sizes = 0
        _integer(price_decimals, "price_decimals", 0, 18, &prices)
        _integer(size_decimals, "size_decimals", 0, 18, &sizes)
        self.price_decimals = <int>prices
        self.size_decimals = <int>sizes
        self.sides[0].mask = -1
        self.sides[1].mask = 0

    def __dealloc__(self):
        cdef int i
        for i in range(2):
            free(self.sides[i].prices)
            free(self.sides[i].sizes)

    def __reduce__(self):
        raise TypeError("OwnSizes are live state and cannot be pickled or copied")

    def add(self, side, price_raw, change_raw):
        """Change the own size at a price; what falls to 0 or below is forgotten. Returns what is there now. O(own prices)."""
        cdef OwnSide* s = &self.sides[side_code(side)]
        cdef int64_t price = 0, change = 0, at, size
        _integer(price_raw, "price_raw", 1, INT64_MAX, &price)
        _integer(change_raw, "change_raw", -INT64_MAX, INT64_MAX, &change)
        at = own_find(s, price)
        if at < s.count and s.prices[at] == price:
            if change > 0 and s.sizes[at] > INT64_MAX - change:
                raise UsageError(f"own size at {price} would be above {INT64_MAX}")
            size = s.sizes[at] + change
            if size > 0:
                s.sizes[at] = size
                return size
            s.count -= 1
            memmove(s.prices + at, s.prices + at + 1, (s.count - at) * sizeof(int64_t))
            memmove(s.sizes + at, s.sizes + at + 1, (s.count - at) * sizeof(int64_t))
            return 0
        if change <= 0:
            return 0
        if own_room(s) != OK:
            raise MemoryError
        memmove(s.prices + at + 1, s.prices + at, (s.count - at) * sizeof(int64_t))
        memmove(s.sizes + at + 1, s.sizes + at, (s.count - at) * sizeof(int64_t))
        s.prices[at] = price
        s.sizes[at] = change
        s.count += 1
        return change

    def size(self, side, price_raw):
        """Own size at a price; 0 where there is none."""
        cdef OwnSide* s = &self.sides[side_code(side)]
        cdef int64_t price = price_raw
        cdef int64_t at = own_find(s, price)
        return s.sizes[at] if at < s.count and s.prices[at] == price else 0

    def __len__(self):
        """How many own prices there are, both sides together."""
        return self.sides[0].count + self.sides[1].count

    def net(self, Book book not None):
        """The touch of `book` without the own sizes, its state and times as Book.top() has them. O(own prices).

        A level that is all own is passed over; a side that is all own has no price. Raises UsageError for a book of other
        scales. For the thread that updates the book, or while nobody does.
        """
        cdef Top top
        cdef BookHeader* h = book.header
        cdef int64_t[2 * NEAR] near
        cdef int64_t* levels = near
        cdef int64_t wanted, count, size = 0, price = 0
        cdef OwnSide* s
        cdef int asks
        if h.price_decimals != self.price_decimals or h.size_decimals != self.size_decimals:
            raise UsageError(
                f"the book has {h.price_decimals} and {h.size_decimals} decimals; the own sizes have "
                f"{self.price_decimals} and {self.size_decimals}"
            )
        top = book.read_top()
        for asks in range(2):
            s = &self.sides[asks]
            price = top.touch.ask if asks else top.touch.bid
            # the usual: nothing of ours is at the best price or better
            if s.count == 0 or (s.prices[0] ^ s.mask) > (price ^ s.mask):
                continue
            wanted = s.count + 1
            if wanted > NEAR:
                levels = <int64_t*>malloc(2 * wanted * sizeof(int64_t))
                if levels == NULL:
                    raise MemoryError
            count = csbook_levels(h, asks, wanted, levels, levels + wanted)
            if own_rest(s, levels, levels + wanted, count, &price, &size) < 0:
                price = 0
                size = 0
            if levels != near:
                free(levels)
                levels = near
            if asks:
                top.touch.ask = price
                top.touch.ask_size = size
                top.touch.ask_levels = 0 if size == 0 else top.touch.ask_levels
            else:
                top.touch.bid = price
                top.touch.bid_size = size
                top.touch.bid_levels = 0 if size == 0 else top.touch.bid_levels
        return top


def level_size(Book book not None, side, price_raw):
    """The size at one price of a book, raw; 0 where the book has no such level; -1 beyond the worst level it shows.

    O(log n), O(n) in a deep book after an update. BUY reads the bids.
    """
    cdef SideRef s = book_flat(book, side_code(side) == 1, INT64_MAX)
    cdef int64_t price = price_raw
    cdef int64_t at = side_find(&s, price)
    if at >= s.header.count:
        return -1
    return s.sizes[s.header.head + at] if s.prices[s.header.head + at] == price else 0
