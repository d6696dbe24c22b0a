# What is asked of a book: the touch, and what a size would meet. Pure reads.
#
# A float is the int64 divided by 10^decimals (never multiplied by its inverse: that is wrong in the last bit for 13 % of
# values), so it equals float(text) of what the venue sent wherever the int64 is below 2^53. Sums run in double. While a
# side is empty its prices are nan.

cdef extern from "sums.h" nogil:
    double csb_sum(int variant, const int64_t* sizes, Py_ssize_t count)

cdef double TWO_63 = 9223372036854775808.0


cdef inline int64_t side_touch(const SideRef* s) noexcept nogil:
    return s.prices[s.header.head]


cdef inline double scaled(int64_t value, double scale) noexcept nogil:
    return <double>value / scale


cdef int side_code(object side) except -1:
    """0 for BUY, 1 for SELL; anything else raises UsageError."""
    if side is _BUY:
        return 0
    if side is _SELL:
        return 1
    if isinstance(side, str):
        name = side.upper()
        if name == "BUY":
            return 0
        if name == "SELL":
            return 1
    elif isinstance(side, Side):
        return 0 if side == _BUY else 1
    raise UsageError(f"side is {side!r}; expected Side.BUY, Side.SELL or a name of one")


cdef double positive(object value, str name) except? -1.0:
    """A finite float above zero; anything else raises UsageError."""
    cdef double number
    try:
        number = PyFloat_AsDouble(value)
    except TypeError:
        raise UsageError(f"{name} is {value!r}; expected a number") from None
    if not isfinite(number) or number <= 0:
        raise UsageError(f"{name} is {value!r}; expected a finite number above zero")
    return number


cdef double book_imbalance(Book book, int64_t levels) except? -2.0:
    cdef SideRef bids = book_flat(book, False, levels)
    cdef SideRef asks = book_flat(book, True, levels)
    cdef double bid = 0, ask = 0
    cdef int64_t i
    if bids.header.count == 0 or asks.header.count == 0:
        return NAN
    for i in range(min(levels, bids.header.count)):
        bid += <double>bids.sizes[bids.header.head + i]
    for i in range(min(levels, asks.header.count)):
        ask += <double>asks.sizes[asks.header.head + i]
    return (bid - ask) / (bid + ask)


cdef double book_walk(const SideRef* s, double size, double* value, int64_t* last) noexcept nogil:
    """Take up to `size` (raw units) from the best level on: what was taken, its value, the last price touched."""
    cdef const int64_t* prices = s.prices + s.header.head
    cdef const int64_t* sizes = s.sizes + s.header.head
    cdef double left = size, here
    cdef int64_t i
    value[0] = 0
    last[0] = 0
    for i in range(s.header.count):
        here = <double>sizes[i]
        last[0] = prices[i]
        if here >= left:
            value[0] += left * <double>prices[i]
            return size
        value[0] += here * <double>prices[i]
        left -= here
    return size - left


cdef double side_within(const SideRef* s, double worst) noexcept nogil:
    """The sum of sizes (raw) at prices not worse than `worst` (raw). O(log n + levels within)."""
    cdef int64_t count, last
    if worst >= TWO_63:                 # no price is above it, and no ask is too far
        count = side_find(s, INT64_MAX - 1) if s.mask else s.header.count
    else:
        last = 0 if worst < 0 else <int64_t>(ceil(worst) if s.mask else floor(worst))
        # levels better than the first price that is too far
        count = side_find(s, last - 1 if s.mask else last + 1)
    return csb_sum(_variant, s.sizes + s.header.head, count)
