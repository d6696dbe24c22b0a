# JSON, read once: values are skipped or taken, never built.
#
# Precondition of every function here, set up by `scan_open` in message.pxi: the byte before `end` is '}'. It is neither
# digit nor quote nor comma, so a loop over digits ends before `end` without asking, and any other byte that was matched
# proves that one more may be read. Nothing is read at or past `end`: a payload sits inside a socket buffer.
# A function takes the place to read from and returns the place after, or NULL with the Status, the place and what
# else is known in the Scan. What the scanner will not judge (a backslash, a byte above 0x7f, an exponent in a number that
# it skips) is DECLINED, and orjson judges.

cdef extern from "levels.h" nogil:
    ctypedef struct csb_shapes:
        pass
    ctypedef struct csb_side:
        int64_t* prices
        int64_t* sizes
        Py_ssize_t count
        Py_ssize_t room
        int64_t mask
        int64_t before
        int64_t zeros
        int ordered
        int doubtful
    void csb_shapes_init(csb_shapes* shapes)
    int csb_variant_best()
    const char* csb_levels_run(
        int variant, csb_shapes* shapes, csb_side* side, const char* p, const char* end, int price_scale, int size_scale
    )

cdef int _variant = csb_variant_best()  # which loop reads compact levels: 0 none, 1 AVX2, 2 AVX-512
cdef tuple _VARIANTS = ("plain", "avx2", "avx512")

cdef struct Scan:
    csb_shapes* shapes                  # what compact levels looked like lately
    const char* begin
    const char* end
    const char* at                      # where it went wrong
    int status
    int needed                          # decimals that a TOO_PRECISE number needs
    Py_ssize_t index                    # of the level that is wrong, or -1
    int part                            # 0: its price, 1: its size, -1: neither
    int outer                           # containers around the message in its payload


cdef inline const char* bad(Scan* s, const char* p, int status) noexcept nogil:
    s.status = status
    s.at = p
    return NULL


cdef inline const char* skip_blank(const char* p, const char* end) noexcept nogil:
    while p < end and <unsigned char>p[0] <= c' ' and (p[0] == c' ' or p[0] == c'\n' or p[0] == c'\r' or p[0] == c'\t'):
        p += 1
    return p


cdef inline uint64_t text_marks(uint64_t word) noexcept nogil:
    """The high bit of each byte that is a quote, a backslash, below 0x20 or above 0x7f; the lowest mark is right.

    A borrow spoils only what lies above a true mark.
    """
    cdef uint64_t ones = 0x0101010101010101ULL
    cdef uint64_t quote = word ^ ones * 0x22
    cdef uint64_t slash = word ^ ones * 0x5C
    return (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((word - ones * 0x20) & ~word) | word) & ones * 0x80


cdef inline const char* skip_string(Scan* s, const char* p) noexcept nogil:
    """From the opening quote to after the closing one."""
    cdef uint64_t word, marks
    cdef unsigned char c
    p += 1
    while LITTLE_ENDIAN and s.end - p >= 8:
        memcpy(&word, p, 8)
        marks = text_marks(word)
        if marks != 0:
            p += csb_low_bit(marks) >> 3
            break
        p += 8
    while p < s.end:
        c = <unsigned char>p[0]
        if c == c'"':
            return p + 1
        if unlikely(c == c'\\' or c >= 0x80):
            return bad(s, p, DECLINED)
        if unlikely(c < 0x20):
            return bad(s, p, BAD_SYNTAX)
        p += 1
    return bad(s, p, BAD_SYNTAX)


cdef const char* skip_number(Scan* s, const char* p) noexcept nogil:
    """JSON's grammar; an exponent or very many digits are DECLINED, since a double may overflow there."""
    cdef const char* start = p
    cdef uint64_t ignored
    cdef int n = 8
    if p[0] == c'-':
        p += 1
    if p[0] == c'0':
        p += 1
    elif c'1' <= p[0] <= c'9':
        while n == 8 and s.end - p > 8:
            n = digits_run(p, &ignored)
            p += n
        while c'0' <= p[0] <= c'9':
            p += 1
    else:
        return bad(s, p, BAD_SYNTAX)
    if p[0] == c'.':
        p += 1
        if not c'0' <= p[0] <= c'9':
            return bad(s, p, BAD_SYNTAX)
        while c'0' <= p[0] <= c'9':
            p += 1
    if p[0] == c'e' or p[0] == c'E' or p - start > 300:
        return bad(s, p, DECLINED)
    return p


cdef const char* skip_word(Scan* s, const char* p) noexcept nogil:
    """true, false, null"""
    if s.end - p > 4 and memcmp(p, b"true", 4) == 0 or s.end - p > 4 and memcmp(p, b"null", 4) == 0:
        return p + 4
    if s.end - p > 5 and memcmp(p, b"false", 5) == 0:
        return p + 5
    return bad(s, p, BAD_SYNTAX)


cdef const char* skip_nested(Scan* s, const char* p, int above) noexcept nogil:
    """An object or array, `above` containers deep already. A bit per container says which kind it is."""
    cdef uint64_t[16] kinds
    cdef int depth = above              # containers open around p
    cdef bint is_object
    cdef bint fresh = True              # just after the opening bracket
    while True:
        # p is at an opening bracket, or after a value inside the innermost container
        if fresh:
            if depth >= MAX_NESTING - s.outer:
                return bad(s, p, TOO_DEEP)
            is_object = p[0] == c'{'
            if is_object:
                kinds[depth >> 6] |= <uint64_t>1 << (depth & 63)
            else:
                kinds[depth >> 6] &= ~(<uint64_t>1 << (depth & 63))
            depth += 1
            p = skip_blank(p + 1, s.end)
            if p == s.end:
                return bad(s, p, BAD_SYNTAX)
            if p[0] == (c'}' if is_object else c']'):
                p += 1
                depth -= 1
                if depth == above:
                    return p
                fresh = False
                continue
        else:
            is_object = (kinds[(depth - 1) >> 6] >> ((depth - 1) & 63)) & 1
            p = skip_blank(p, s.end)
            if p == s.end:
                return bad(s, p, BAD_SYNTAX)
            if p[0] == (c'}' if is_object else c']'):
                p += 1
                depth -= 1
                if depth == above:
                    return p
                continue
            if p[0] != c',':
                return bad(s, p, BAD_SYNTAX)
            p = skip_blank(p + 1, s.end)
            if p == s.end:
                return bad(s, p, BAD_SYNTAX)
        if is_object:
            if p[0] != c'"':
                return bad(s, p, BAD_SYNTAX)
            p = skip_string(s, p)
            if p == NULL:
                return NULL
            p = skip_blank(p, s.end)
            if p == s.end or p[0] != c':':
                return bad(s, p, BAD_SYNTAX)
            p = skip_blank(p + 1, s.end)
            if p == s.end:
                return bad(s, p, BAD_SYNTAX)
        fresh = p[0] == c'{' or p[0] == c'['
        if not fresh:
            p = skip_plain(s, p)
            if p == NULL:
                return NULL


cdef inline const char* skip_plain(Scan* s, const char* p) noexcept nogil:
    """A value that contains no other."""
    if p[0] == c'"':
        return skip_string(s, p)
    if p[0] == c'-' or c'0' <= p[0] <= c'9':
        return skip_number(s, p)
    return skip_word(s, p)


cdef inline const char* skip_value(Scan* s, const char* p, int above) noexcept nogil:
    if p[0] == c'{' or p[0] == c'[':
        return skip_nested(s, p, above)
    return skip_plain(s, p)


cdef inline int digits_run(const char* p, uint64_t* out) noexcept nogil:
    """How many of the eight bytes from p on are digits before one is none, and their value.

    Little endian; elsewhere 0, and the caller's loop does it.
    """
    cdef uint64_t word, marks
    cdef int n = 8
    out[0] = 0
    if not LITTLE_ENDIAN:
        return 0
    memcpy(&word, p, 8)
    # the lowest mark is right: what borrows or carries is no digit, and only spoils what lies behind it
    word -= 0x3030303030303030ULL
    marks = ((word + 0x7676767676767676ULL) | word) & 0x8080808080808080ULL
    if marks != 0:
        n = csb_low_bit(marks) >> 3
        if n == 0:
            return 0
        word <<= 64 - 8 * n             # zeros in front
    word = word * 10 + (word >> 8)
    out[0] = (
        (word & 0x000000FF000000FFULL) * 0x000F424000000064ULL + ((word >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL
    ) >> 32
    return n


cdef inline const char* read_integer(Scan* s, const char* p, int64_t* out) noexcept nogil:
    """An integer as a number or as text of digits; anything else is BAD_TYPE, what does not fit TOO_LARGE."""
    cdef bint quoted = p[0] == c'"'
    cdef bint minus = False
    cdef uint64_t value = 0, low = 0
    cdef const char* digits
    cdef int n
    if quoted:
        p += 1
    if p[0] == c'-':
        minus = True
        p += 1
    digits = p
    if likely(s.end - p >= 8):
        n = digits_run(p, &value)
        p += n
        if n == 8 and s.end - p >= 8:
            n = digits_run(p, &low)
            value = value * _POW10[n] + low
            p += n
    while c'0' <= p[0] <= c'9':
        if unlikely(p - digits >= 18 and value > <uint64_t>(INT64_MAX // 10)):
            return bad(s, p, TOO_LARGE)
        value = value * 10 + (p[0] - c'0')
        p += 1
    if p == digits or value > <uint64_t>INT64_MAX:
        return bad(s, p, TOO_LARGE if p != digits else BAD_TYPE)
    if quoted:
        if p[0] != c'"':
            return bad(s, p, BAD_TYPE)
        p += 1
    elif p[0] == c'.' or p[0] == c'e' or p[0] == c'E' or (digits[0] == c'0' and p - digits > 1):
        return bad(s, p, BAD_TYPE)
    out[0] = -<int64_t>value if minus else <int64_t>value
    return p


cdef const char* read_decimal(Scan* s, const char* p, int scale, int64_t* out) noexcept nogil:
    """A decimal as text or as a JSON number, read from its source text."""
    cdef const char* start
    cdef int status
    if p[0] == c'"':
        start = p + 1
        p = skip_string(s, p)
        if p == NULL:
            return NULL
        status = decimal_exact(start, p - 1 - start, scale, out, &s.needed)
        return p if status == OK else bad(s, start, status)
    start = p
    while c'0' <= p[0] <= c'9' or p[0] == c'.' or p[0] == c'-' or p[0] == c'+' or p[0] == c'e' or p[0] == c'E':
        p += 1
    if p == start:
        return bad(s, p, BAD_TYPE)
    if start[0] == c'0' and c'0' <= start[1] <= c'9':
        return bad(s, p, BAD_SYNTAX)
    status = decimal_exact(start, p - start, scale, out, &s.needed)
    return p if status == OK else bad(s, start, status)


cdef inline bint levels_room(Levels* levels, Py_ssize_t room) noexcept nogil:
    """Make place for `room` entries; False when there is no memory, with everything as it was."""
    cdef int64_t* grown
    if room <= levels.room:
        return True
    grown = <int64_t*>realloc(levels.prices, room * sizeof(int64_t))
    if grown == NULL:
        return False
    levels.prices = grown
    grown = <int64_t*>realloc(levels.sizes, room * sizeof(int64_t))
    if grown == NULL:
        return False
    levels.sizes = grown
    levels.room = room
    return True


cdef const char* read_level(
    Scan* s, const char* p, int price_scale, int size_scale, int64_t* price, int64_t* size
) noexcept nogil:
    """[price, size] with blanks, numbers, exponents: all that the quick way in read_levels leaves."""
    if p[0] != c'[':
        return bad(s, p, BAD_TYPE)
    p = skip_blank(p + 1, s.end)
    if p == s.end:
        return bad(s, p, BAD_SYNTAX)
    s.part = 0
    p = read_decimal(s, p, price_scale, price)
    if p == NULL:
        return NULL
    p = skip_blank(p, s.end)
    if p == s.end or p[0] != c',':
        return bad(s, p, BAD_TYPE)
    p = skip_blank(p + 1, s.end)
    if p == s.end:
        return bad(s, p, BAD_SYNTAX)
    s.part = 1
    p = read_decimal(s, p, size_scale, size)
    if p == NULL:
        return NULL
    p = skip_blank(p, s.end)
    if p == s.end or p[0] != c']':
        s.part = -1
        return bad(s, p, BAD_TYPE)
    s.part = -1
    return p + 1


cdef const char* read_levels(
    Scan* s, const char* p, Levels* levels, int64_t mask, int price_scale, int size_scale
) noexcept nogil:
    """[[price, size], ...] into `levels`. `mask` is 0 for asks, -1 for bids: prices xor mask rise from best to worst."""
    cdef const char* q
    cdef const char* r
    cdef int64_t price = 0, size = 0
    cdef csb_side side
    levels.count = 0
    levels.zeros = 0
    levels.ordered = True
    s.part = -1
    s.index = -1
    if p[0] != c'[':
        return bad(s, p, BAD_TYPE)
    p += 1
    if unlikely(p[0] != c'['):
        p = skip_blank(p, s.end)
        if p == s.end:
            return bad(s, p, BAD_SYNTAX)
        if p[0] == c']':
            return p + 1
    side.prices = levels.prices
    side.sizes = levels.sizes
    side.room = levels.room
    side.count = 0
    side.mask = mask
    side.before = INT64_MIN
    side.zeros = 0
    side.ordered = True
    side.doubtful = False
    while True:
        q = p
        if _variant and not side.doubtful:
            q = csb_levels_run(_variant, s.shapes, &side, p, s.end, price_scale, size_scale)
        if q == p or q[0] == c'[' and (q - 1)[0] == c',':
            # in front of a level that the quick loop leaves
            p = q
            s.index = side.count
            q = NULL
            if likely(p[0] == c'[' and p[1] == c'"'):
                q = decimal_quick(p + 2, price_scale, &price)
                if likely(q != NULL and q[0] == c'"' and q[1] == c',' and q[2] == c'"'):
                    r = decimal_quick(q + 3, size_scale, &size)
                    q = r + 2 if likely(r != NULL and r[0] == c'"' and r[1] == c']') else NULL
                else:
                    q = NULL
            if unlikely(q == NULL):
                q = read_level(s, p, price_scale, size_scale, &price, &size)
                if q == NULL:
                    return NULL
            if unlikely(price == 0):
                s.part = 0
                return bad(s, p, BAD_PRICE)
            if unlikely(side.count == side.room):
                if side.count == MAX_LEVELS:
                    return bad(s, p, TOO_MANY)
                if not levels_room(levels, min(2 * side.count + 64, <Py_ssize_t>MAX_LEVELS)):
                    return bad(s, p, NO_MEMORY)
                side.prices = levels.prices
                side.sizes = levels.sizes
                side.room = levels.room
            side.prices[side.count] = price
            side.sizes[side.count] = size
            side.count += 1
            side.zeros += size == 0
            side.ordered &= (price ^ mask) > side.before
            side.before = price ^ mask
        p = q
        if likely(p[0] == c']'):
            break
        if likely(p[0] == c',' and p[1] == c'['):
            p += 1
            continue
        p = skip_blank(p, s.end)
        if p == s.end:
            return bad(s, p, BAD_SYNTAX)
        if p[0] == c']':
            break
        if p[0] != c',':
            s.index = -1
            return bad(s, p, BAD_TYPE)
        p = skip_blank(p + 1, s.end)
        if p == s.end:
            return bad(s, p, BAD_SYNTAX)
    s.index = -1
    levels.count = side.count
    levels.zeros = side.zeros
    levels.ordered = side.ordered
    return p + 1


def _scanner(name=None):
    """The name of the scanner variant in use; with a name, switch to it (for tests and comparisons)."""
    global _variant
    if name is not None:
        if name not in _VARIANTS or _VARIANTS.index(name) > csb_variant_best():
            raise UsageError(f"scanner is {name!r}; this machine runs: {', '.join(_VARIANTS[:csb_variant_best() + 1])}")
        _variant = _VARIANTS.index(name)
    return _VARIANTS[_variant]
