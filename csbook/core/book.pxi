# The class Book: ownership of a block and Python manners.
#
# Writing is block.pxi's, the sums over levels are analytics.pxi's, arrays are views.pxi's; a method here turns arguments
# into their terms and errors into exceptions.

cdef tuple _STATES = tuple(State(i) for i in range(6))
cdef object _BUY = Side.BUY
cdef object _SELL = Side.SELL

cdef int _integer(object value, str name, int64_t low, int64_t high, int64_t* out) except -1:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not low <= value <= high:
        raise UsageError(f"{name} is {value}; expected {low} to {high}")
    out[0] = value
    return 0


# -- the touch, of one moment: where there is a GIL nobody writes while a thread that holds it reads ----------------------

cdef int book_touch(Book book, Touch* seen) except -1:
    """csbook_touch. Where a writer was inside for too long, or the block has just been replaced, wait for the writer."""
    if likely(csbook_touch(book.header, seen) == 0):
        return 0
    with cython.critical_section(book):
        if csbook_touch(book.header, seen) != 0:
            raise RuntimeError("the book is being written by another thread that does not let go")
    return 0


cdef inline bint book_best(Book book, bint asks, int64_t* price, int64_t* size) except -1:
    """The best level of a side; False while it is empty."""
    cdef Touch seen
    if not FREE_THREADED:
        return side_best(book.header, asks, price, size)
    book_touch(book, &seen)
    price[0], size[0] = (seen.ask, seen.ask_size) if asks else (seen.bid, seen.bid_size)
    return (seen.ask_levels if asks else seen.bid_levels) != 0


cdef inline bint book_both(Book book, int64_t* bid, int64_t* bid_size, int64_t* ask, int64_t* ask_size) except -1:
    """The best levels of both sides; False while one is empty."""
    cdef Touch seen
    if not FREE_THREADED:
        return side_best(book.header, False, bid, bid_size) and side_best(book.header, True, ask, ask_size)
    book_touch(book, &seen)
    bid[0], bid_size[0], ask[0], ask_size[0] = seen.bid, seen.bid_size, seen.ask, seen.ask_size
    return seen.bid_levels != 0 and seen.ask_levels != 0


cdef class Book:
    """An exact L2 book of one symbol: int64 prices and sizes at a fixed decimal scale, best level first.

    Prices are in quote units, sizes in base quantity (contracts where the venue counts contracts), times in ns. All
    reads are O(1) unless they say otherwise. A price is only to be traded on while `state` is LIVE.

    Any number of threads may read while one updates, with and without the GIL: each read is of the book before an update
    or after it. A second thread that updates waits for the first; which of the two comes last is for the caller to know.

    `capacity` is the first reservation of levels a side (it grows), `max_levels` prunes each side after an update.
    Raises UsageError for a symbol that is empty, not ASCII or longer than 31 characters, and for numbers out of range.
    """

    def __cinit__(self, symbol, *, price_decimals=8, size_decimals=8, capacity=64, max_levels=None):
        cdef int64_t prices, sizes, first, limit = MAX_LEVELS
        cdef bytes name
        if not isinstance(symbol, str):
            raise TypeError(f"symbol must be a str, not {type(symbol).__name__}")
        if not symbol or not symbol.isascii() or not symbol.isprintable() or len(symbol) >= CSBOOK_SYMBOL:
            raise UsageError(f"symbol is {symbol!r}; expected 1 to {CSBOOK_SYMBOL - 1} printable ASCII characters")
        _integer(price_decimals, "price_decimals", 0, 18, &prices)
        _integer(size_decimals, "size_decimals", 0, 18, &sizes)
        _integer(capacity, "capacity", 1, MAX_LEVELS, &first)
        if max_levels is not None:
            _integer(max_levels, "max_levels", 1, MAX_LEVELS, &limit)
        self.header = block_new(first + max(first // 4, <int64_t>8), False)
        if self.header == NULL:
            raise MemoryError
        name = symbol.encode("ascii")
        memcpy(self.header.symbol, <const char*>name, len(name))
        self.header.price_decimals = <int32_t>prices
        self.header.size_decimals = <int32_t>sizes
        self.symbol = symbol
        self.max_levels = max_levels
        self.limit = limit
        self.price_scale = _POW10F[prices]
        self.size_scale = _POW10F[sizes]

    def __dealloc__(self):
        cdef int i
        cdef BookHeader* block = self.retired
        while block != NULL:
            self.retired = <BookHeader*>block.spare[0]
            csb_free(block)
            block = self.retired
        csb_free(self.header)
        for i in range(4):
            free(self.flat[i])

    def __reduce__(self):
        raise TypeError("a Book is live state and cannot be pickled or copied; keep copies of its views")

    def __repr__(self):
        return (
            f"<Book {self.symbol} {_STATES[self.header.state]!s} bid={self.best_bid} ask={self.best_ask} "
            f"levels={self.header.bids.count}+{self.header.asks.count} sequence={self.header.sequence}>"
        )

    def __sizeof__(self):
        cdef Py_ssize_t size = self.header.block_size + object.__sizeof__(self)
        cdef const BookHeader* block = self.retired
        while block != NULL:
            size += block.block_size
            block = <const BookHeader*>block.spare[0]
        size += 2 * (self.flat_room[0] + self.flat_room[1]) * sizeof(int64_t)
        if self.views is not None:
            size += self.views.__sizeof__()
            for held in self.views:
                if held is not None:
                    size += held.__sizeof__()
        return size

    cdef int reserve(self, Py_ssize_t levels, bint ladders) except -1:
        """Room for `levels` a side and some in front, and for ladders where wanted.

        The old block stays until the book goes, locked for good: a C reader in another thread that still holds it reads
        valid memory, and csbook_touch tells it that the block is no more. Sizes double, so that they add up to one more.
        """
        cdef BookHeader* old = self.header
        cdef BookHeader* new
        cdef int64_t slots = old.slots
        if levels <= slots and (not ladders or old.bid_ladder.sizes != 0):
            return 0
        if levels > slots:
            slots = max(levels + max(levels // 4, <int64_t>8), min(2 * slots, <int64_t>MAX_LEVELS))
        new = block_grown(old, slots, ladders or old.bid_ladder.sizes != 0)
        if new == NULL:
            raise MemoryError
        csb_fence_release()             # the content before the pointer, for a C reader in another thread
        self.header = new
        csb_store_release(&old.lock, old.lock | 1)
        old.spare[0] = <uint64_t>self.retired
        self.retired = old
        return 0

    def apply_snapshot(self, bids, asks, *, sequence=0, event_time_ns=0, receive_time_ns=0):
        """Replace both sides. The book is LIVE after it, or CROSSED.

        `bids` and `asks` are iterables of [price, size] (str, bytes, int, float, Decimal) or (n, 2) arrays; sizes in base
        quantity. Order is verified: a side that is not best first is sorted, of equal prices the last wins, sizes of zero
        are left out, and all three are counted in `counts`. Raises BadMessage naming the field, or PrecisionError for a
        number that does not fit the scale; then the book is as it was. O(n), O(n log n) when unsorted.
        """
        self._apply(bids, asks, sequence, event_time_ns, receive_time_ns, True)

    def apply_delta(self, bids, asks, *, sequence=0, event_time_ns=0, receive_time_ns=0):
        """Set absolute sizes at some prices; size 0 deletes, an absent level is a no-op and counted.

        Input and errors as in apply_snapshot, changes in the order given. An EMPTY book becomes SYNCING, a STALE one LIVE;
        otherwise the state stays, but for crossing and uncrossing. Continuity is the caller's business. Per change
        O(log n) to find and about O(distance from the touch) to insert or delete.
        """
        self._apply(bids, asks, sequence, event_time_ns, receive_time_ns, False)

    def _apply(self, bids, asks, sequence, event_time_ns, receive_time_ns, bint replace):
        cdef int64_t number = 0, event_ns = 0, receive_ns = 0
        cdef Levels bid_levels, ask_levels
        cdef int status, needed = -1, part = -1, state
        cdef Py_ssize_t index = -1
        cdef str side = "bids"
        _integer(sequence, "sequence", INT64_MIN, INT64_MAX, &number)
        _integer(event_time_ns, "event_time_ns", 0, INT64_MAX, &event_ns)
        _integer(receive_time_ns, "receive_time_ns", 0, INT64_MAX, &receive_ns)
        memset(&bid_levels, 0, sizeof(Levels))
        memset(&ask_levels, 0, sizeof(Levels))
        try:
            status = parsed_levels(
                bids, &bid_levels, -1, self.header.price_decimals, self.header.size_decimals, &needed, &index, &part
            )
            if status == OK:
                side = "asks"
                status = parsed_levels(
                    asks, &ask_levels, 0, self.header.price_decimals, self.header.size_decimals, &needed, &index, &part
                )
            if status == OK:
                index = -1
                with cython.critical_section(self):
                    if replace:
                        status = book_replace(self, &bid_levels, &ask_levels, STATE_LIVE, number, event_ns, receive_ns, csb_monotonic_ns())
                    else:
                        state = self.header.state
                        if state == STATE_EMPTY:
                            state = STATE_SYNCING
                        elif state == STATE_STALE or state == STATE_CROSSED:
                            state = STATE_LIVE
                        status = book_change(self, &bid_levels, &ask_levels, state, number, event_ns, receive_ns, csb_monotonic_ns())
        finally:
            free(bid_levels.prices)
            free(bid_levels.sizes)
            free(ask_levels.prices)
            free(ask_levels.sizes)
        if status != OK:
            fail(status, parsed_field(side, index, part), -1, needed)

    def clear(self, reason):
        """Forget all levels; the state is EMPTY. `reason` is for the reader of the caller's code and logs."""
        if not isinstance(reason, str) or not reason:
            raise UsageError(f"clear needs a reason, a str that is not empty; got {reason!r}")
        with cython.critical_section(self):
            book_empty(self.header)

    @property
    def state(self):
        """What the book is worth now: a csbook.State; only LIVE may be traded on."""
        return _STATES[self.header.state]

    @property
    def sequence(self):
        """The venue's id of the last update; 0 if there was none."""
        return self.header.sequence

    @property
    def event_time_ns(self):
        """The venue's time of the last update, ns since the epoch; 0: not told."""
        return self.header.event_time_ns

    @property
    def receive_time_ns(self):
        """Wall time at which the last update arrived, ns since the epoch; 0: not told."""
        return self.header.receive_time_ns

    @property
    def updates(self):
        """How often the levels have changed: the version of every view."""
        return self.header.updates

    @property
    def price_decimals(self):
        """The scale of prices: raw / 10 ** price_decimals is the price."""
        return self.header.price_decimals

    @property
    def size_decimals(self):
        """The scale of sizes."""
        return self.header.size_decimals

    @property
    def counts(self):
        """Oddities so far, by name."""
        return {
            "absent_deletes": self.header.absent_deletes,
            "unsorted": self.header.unsorted,
            "merged": self.header.merged,
            "zero_sizes": self.header.zero_sizes,
        }

    def tradable(self, max_age_ns):
        """LIVE and at most `max_age_ns` old by the monotonic clock, both judged now. Reads the clock."""
        cdef int64_t limit = max_age_ns
        cdef Touch seen
        if FREE_THREADED:
            book_touch(self, &seen)
            return seen.state == STATE_LIVE and age_of(seen.monotonic_ns, seen.updates) <= limit
        return self.header.state == STATE_LIVE and age_of(self.header.monotonic_ns, self.header.updates) <= limit

    def age_ns(self):
        """ns since the last update by the monotonic clock; -1 if there was none."""
        return age_of(self.header.monotonic_ns, self.header.updates)

    # -- reads: the touch

    @property
    def best_bid(self):
        """Price in quote units; nan while there is no bid."""
        cdef int64_t price = 0, size = 0
        return scaled(price, self.price_scale) if book_best(self, False, &price, &size) else NAN

    @property
    def best_ask(self):
        """Price in quote units; nan while there is no ask."""
        cdef int64_t price = 0, size = 0
        return scaled(price, self.price_scale) if book_best(self, True, &price, &size) else NAN

    @property
    def best_bid_size(self):
        """Base quantity at the best bid; nan while there is none."""
        cdef int64_t price = 0, size = 0
        return scaled(size, self.size_scale) if book_best(self, False, &price, &size) else NAN

    @property
    def best_ask_size(self):
        """Base quantity at the best ask; nan while there is none."""
        cdef int64_t price = 0, size = 0
        return scaled(size, self.size_scale) if book_best(self, True, &price, &size) else NAN

    @property
    def mid(self):
        """(best_bid + best_ask) / 2; nan while a side is empty."""
        cdef int64_t bid = 0, ask = 0, size = 0
        if not book_both(self, &bid, &size, &ask, &size):
            return NAN
        return (<double>bid + <double>ask) / (2 * self.price_scale)

    @property
    def spread(self):
        """best_ask - best_bid, exact before it becomes a float; negative while crossed."""
        cdef int64_t bid = 0, ask = 0, size = 0
        if not book_both(self, &bid, &size, &ask, &size):
            return NAN
        return scaled(ask - bid, self.price_scale)

    @property
    def microprice(self):
        """(bid * ask size + ask * bid size) / (bid size + ask size)."""
        cdef int64_t bid = 0, ask = 0, bids = 0, asks = 0
        if not book_both(self, &bid, &bids, &ask, &asks):
            return NAN
        return (
            (<double>bid * <double>asks + <double>ask * <double>bids) / (<double>bids + <double>asks)
        ) / self.price_scale

    cdef Top read_top(self):
        cdef Top top = Top.__new__(Top)
        book_touch(self, &top.touch)
        top.price_scale = self.price_scale
        top.size_scale = self.size_scale
        return top

    def top(self):
        """One consistent read of the touch, its state and its times."""
        return self.read_top()

    @cython.critical_section
    def fused_top(self):
        """The touch with the venue's own best bid and ask fused in, where their update id is newer than the book's.

        The quote never changes levels or `best_*`. `sequence` and `event_time_ns` are then the quote's (on Bybit its cross
        sequence `seq`, since `u` counts each depth by itself); the state stays the book's. Without a newer quote it is top().
        """
        cdef Top top = self.read_top()
        cdef BookHeader* h = self.header
        cdef int64_t floor = h.quote_floor if h.quote_floor != 0 else top.touch.sequence
        if h.quote_id > floor and h.quote_id != 0:
            top.touch.sequence = h.quote_id
            top.touch.event_time_ns = h.quote_time_ns
            top.touch.bid = h.quote_bid if h.quote_bid_size else 0
            top.touch.bid_size = h.quote_bid_size
            top.touch.ask = h.quote_ask if h.quote_ask_size else 0
            top.touch.ask_size = h.quote_ask_size
            top.touch.bid_levels = max(top.touch.bid_levels, <int64_t>1) if h.quote_bid_size else 0
            top.touch.ask_levels = max(top.touch.ask_levels, <int64_t>1) if h.quote_ask_size else 0
        return top

    # -- reads: what a size would meet

    @cython.critical_section
    def imbalance(self, levels=1):
        """(bid size - ask size) / (bid size + ask size) over the first `levels` of each side: -1 to 1. O(levels)."""
        cdef int64_t count = 0
        _integer(levels, "levels", 1, INT64_MAX, &count)
        return book_imbalance(self, count)

    @cython.critical_section
    def vwap(self, side, size):
        """(price, filled): the mean price that an order of `size` (base quantity) on `side` would pay, walking the book.

        A BUY walks the asks. `filled` is less than `size` when the book is too thin; (nan, 0.0) when it is empty. O(levels).
        """
        cdef double wanted = positive(size, "size")
        cdef SideRef s = book_flat(self, side_code(side) == 0, INT64_MAX)
        cdef double value = 0
        cdef int64_t last = 0
        cdef double filled = book_walk(&s, wanted * self.size_scale, &value, &last)
        if filled <= 0:
            return NAN, 0.0
        if last == side_touch(&s):
            return scaled(last, self.price_scale), (
                wanted if filled == wanted * self.size_scale else filled / self.size_scale
            )
        return value / filled / self.price_scale, (
            wanted if filled == wanted * self.size_scale else filled / self.size_scale
        )

    @cython.critical_section
    def impact(self, side, size):
        """The price of the last level that an order of `size` (base quantity) on `side` would touch; nan if it is empty.

        A BUY walks the asks. Where the book is too thin it is the price of the last level. O(levels).
        """
        cdef double wanted = positive(size, "size")
        cdef SideRef s = book_flat(self, side_code(side) == 0, INT64_MAX)
        cdef double value = 0
        cdef int64_t last = 0
        book_walk(&s, wanted * self.size_scale, &value, &last)
        return scaled(last, self.price_scale) if last else NAN

    @cython.critical_section
    def depth_within(self, side, bps):
        """Base quantity resting on `side` (BUY: bids) at prices within `bps` of mid, inclusive; nan without a mid."""
        cdef BookHeader* h = self.header
        cdef int asks = side_code(side)
        cdef SideRef s
        cdef int64_t bid = 0, ask = 0, best = 0
        cdef double mid, width
        try:
            width = PyFloat_AsDouble(bps)
        except TypeError:
            raise UsageError(f"bps is {bps!r}; expected a number") from None
        if not isfinite(width) or width < 0:
            raise UsageError(f"bps is {bps!r}; expected a finite number of zero or more")
        if not (side_best(h, False, &bid, &best) and side_best(h, True, &ask, &best)):
            return NAN
        mid = (<double>bid + <double>ask) / 2
        s = book_flat(self, asks, INT64_MAX)
        return side_within(&s, mid + mid * width / 10000 if asks else mid - mid * width / 10000) / self.size_scale

    # -- reads: arrays

    @property
    @cython.critical_section
    def bid_prices(self):
        """float64 (n,), read-only, best first; quote units. The content is that of the last read; copy to keep."""
        return book_view(self, 0)

    @property
    @cython.critical_section
    def bid_sizes(self):
        """float64 (n,), read-only, best first; base quantity. The content is that of the last read; copy to keep."""
        return book_view(self, 1)

    @property
    @cython.critical_section
    def ask_prices(self):
        """float64 (n,), read-only, best first; quote units. The content is that of the last read; copy to keep."""
        return book_view(self, 2)

    @property
    @cython.critical_section
    def ask_sizes(self):
        """float64 (n,), read-only, best first; base quantity. The content is that of the last read; copy to keep."""
        return book_view(self, 3)

    @property
    @cython.critical_section
    def bid_prices_raw(self):
        """int64 (n,), read-only, best first, exact at the scale. The content is that of the last read; copy to keep."""
        return book_view(self, 4)

    @property
    @cython.critical_section
    def bid_sizes_raw(self):
        """int64 (n,), read-only, best first, exact at the scale. The content is that of the last read; copy to keep."""
        return book_view(self, 5)

    @property
    @cython.critical_section
    def ask_prices_raw(self):
        """int64 (n,), read-only, best first, exact at the scale. The content is that of the last read; copy to keep."""
        return book_view(self, 6)

    @property
    @cython.critical_section
    def ask_sizes_raw(self):
        """int64 (n,), read-only, best first, exact at the scale. The content is that of the last read; copy to keep."""
        return book_view(self, 7)

    @cython.critical_section
    def bids(self, levels=None):
        """float64 (n, 2) copy of price and size, best first; at most `levels`. O(n)."""
        return side_pairs(self, False, levels)

    @cython.critical_section
    def asks(self, levels=None):
        """float64 (n, 2) copy of price and size, best first; at most `levels`. O(n)."""
        return side_pairs(self, True, levels)

    # -- proof

    @cython.critical_section
    def digest(self, sequence=True):
        """A 64-bit hash of the levels, the same on every platform and storage. O(n).

        h = 0x9E3779B97F4A7C15, then for each word w: h = (h ^ w) * 0xFF51AFD7ED558CCD mod 2^64, h ^= h >> 32. The words: price
        decimals, size decimals, number of bids, number of asks, the sequence (unless `sequence` is false), then price and
        size of each bid, best first, and of each ask.
        """
        cdef BookHeader* h = self.header
        cdef uint64_t value = 0x9E3779B97F4A7C15ULL
        cdef SideRef side
        value = digest_word(value, <uint64_t>h.price_decimals)
        value = digest_word(value, <uint64_t>h.size_decimals)
        value = digest_word(value, <uint64_t>h.bids.count)
        value = digest_word(value, <uint64_t>h.asks.count)
        if sequence:
            value = digest_word(value, <uint64_t>h.sequence)
        side = book_flat(self, False, INT64_MAX)
        value = side_digest(&side, value)
        side = book_flat(self, True, INT64_MAX)
        return side_digest(&side, value)

    @cython.critical_section
    def _check(self):
        """Assert every invariant; on failure the message holds what was found. O(n)."""
        cdef BookHeader* h = self.header
        cdef SideRef s
        cdef LadderRef l
        cdef int64_t i
        assert h.magic == MAGIC and h.layout == CSBOOK_LAYOUT and h.kind <= 1, "header of another layout"
        assert h.header_size == sizeof(BookHeader) and <uint64_t>h % LINE == 0, "header size or alignment"
        assert h.lock & 1 == 0, f"lock is odd at rest: {h.lock}"
        assert STATE_EMPTY <= h.state <= STATE_CROSSED, f"state {h.state}"
        for asks in (False, True):
            name = "asks" if asks else "bids"
            s = side_of(h, asks)
            if h.kind == 1:
                l = ladder_of(h, asks)
                ladder_check(&l, name, h.block_size)
                assert s.header.count == l.header.count + l.header.tail.count, f"{name}: count {s.header.count}"
                assert l.header.tail.head >= 0, f"{name}: tail outside its slots"
                assert l.header.tail.head + l.header.tail.count <= h.slots, f"{name}: tail outside its slots"
            else:
                assert 0 <= s.header.head and s.header.head + s.header.count <= h.slots, f"{name} outside their slots"
            assert 0 <= s.header.count <= self.limit, f"{name}: {s.header.count} levels, limit {self.limit}"
            assert s.header.sizes + h.slots * sizeof(int64_t) <= h.block_size, f"{name} outside the block"
            s = book_flat(self, asks, INT64_MAX)
            for i in range(s.header.head, s.header.head + s.header.count):
                assert s.prices[i] > 0 and s.sizes[i] > 0, f"{name}[{i - s.header.head}]: {s.prices[i]}, {s.sizes[i]}"
                if i > s.header.head:
                    assert (s.prices[i - 1] ^ s.mask) < (s.prices[i] ^ s.mask), f"{name}[{i - s.header.head}]: order"
        crossed = is_crossed(h)
        assert (h.crossed_since_ns != 0) == crossed, f"crossed {crossed}, since {h.crossed_since_ns}"
        assert not (h.state == STATE_LIVE and crossed), "LIVE and crossed"
        assert not (h.state == STATE_CROSSED and not crossed), "CROSSED and not crossed"
        if h.state == STATE_EMPTY:
            assert h.bids.count == h.asks.count == 0, "EMPTY with levels"
