# Decimal text to int64 at a fixed scale: exact, or refused.
#
# Grammar: digits ["." digits] [("e" | "E") ["+" | "-"] digits]. No sign, no blank, no "inf". Leading zeros are fine in
# text (JSON forbids them in numbers, and scan.pxi sees to that). Trailing zeros are no digits: "1471201.000000000000"
# fits a scale of 0. A value that does not fit is TOO_PRECISE (`needed` says which scale would hold it) or TOO_LARGE;
# never rounded. `decimal_quick` is the short way for what venues send: at most 18 digits, no exponent, no more decimals
# than the scale; it hands everything else to `decimal_exact`, which is the rule.

cdef uint64_t[20] _POW10
cdef double[19] _POW10F


cdef void _fill_powers() noexcept:
    cdef int i
    cdef uint64_t p = 1
    for i in range(20):
        _POW10[i] = p
        if i < 19:
            _POW10F[i] = <double>p
        p *= 10


_fill_powers()


cdef int decimal_exact(const char* text, Py_ssize_t size, int scale, int64_t* out, int* needed) noexcept nogil:
    """The value of exactly `size` bytes at 10^scale. Returns a Status; `out` is written only on OK."""
    cdef const char* p = text
    cdef const char* end = text + size
    cdef Py_ssize_t point = -1          # digits after the point so far, -1 before it
    cdef Py_ssize_t digits = 0
    cdef Py_ssize_t zeros = 0           # zeros since the last digit that is none
    cdef Py_ssize_t significant = 0     # digits taken into `mantissa`
    cdef Py_ssize_t dropped             # power of ten that `mantissa` still lacks
    cdef Py_ssize_t exponent = 0
    cdef uint64_t mantissa = 0, value
    cdef unsigned char c
    cdef bint minus = False, over = False
    if size == 0:
        return BAD_NUMBER
    if p[0] == c'-':
        # whether well formed or not, a negative number is no price and no size
        return BAD_SIGN if size > 1 and c'0' <= p[1] <= c'9' else BAD_NUMBER
    while p < end:
        c = <unsigned char>p[0]
        if c'0' <= c <= c'9':
            digits += 1
            if point >= 0:
                point += 1
            if c == c'0':
                zeros += 1
            else:
                # the zeros between were digits after all
                if significant > 0:
                    significant += zeros
                    while zeros > 0 and not over:
                        over = mantissa > UINT64_MAX / 10
                        mantissa *= 10
                        zeros -= 1
                zeros = 0
                significant += 1
                if not over:
                    over = mantissa > (UINT64_MAX - (c - c'0')) / 10
                    mantissa = mantissa * 10 + (c - c'0')
        elif c == c'.':
            if point >= 0 or digits == 0:
                return BAD_NUMBER
            point = 0
        elif c == c'e' or c == c'E':
            if digits == 0 or point == 0:
                return BAD_NUMBER
            p += 1
            if p < end and (p[0] == c'-' or p[0] == c'+'):
                minus = p[0] == c'-'
                p += 1
            if p == end:
                return BAD_NUMBER
            while p < end:
                c = <unsigned char>p[0]
                if not c'0' <= c <= c'9':
                    return BAD_NUMBER
                if exponent < 100000000:
                    exponent = exponent * 10 + (c - c'0')
                p += 1
            if minus:
                exponent = -exponent
            break
        else:
            return BAD_NUMBER
        p += 1
    if digits == 0 or point == 0:
        return BAD_NUMBER
    if significant == 0:
        out[0] = 0
        return OK
    # value = mantissa * 10^dropped, mantissa without trailing zeros
    dropped = exponent + zeros - (point if point > 0 else 0)
    needed[0] = decimals_that_hold(mantissa, dropped) if not over else -1
    if dropped + scale < 0:
        return TOO_PRECISE
    if over or dropped + scale > 19:
        return TOO_LARGE
    if csb_mul_overflow(mantissa, _POW10[dropped + scale], &value) or value > <uint64_t>INT64_MAX:
        return TOO_LARGE
    out[0] = <int64_t>value
    return OK


cdef inline int decimals_that_hold(uint64_t mantissa, Py_ssize_t dropped) noexcept nogil:
    """The smallest scale at which mantissa * 10^dropped is a whole int64, or -1."""
    cdef uint64_t value = mantissa
    if dropped > 18 or dropped < -18:
        return -1
    if dropped > 0 and csb_mul_overflow(mantissa, _POW10[dropped], &value) or value > <uint64_t>INT64_MAX:
        return -1
    return <int>(-dropped) if dropped < 0 else 0


cdef inline const char* decimal_quick(const char* p, int scale, int64_t* out) noexcept nogil:
    """Read digits from p on and return where they end, or NULL where decimal_exact has to look.

    The caller vouches that some byte from p on is neither a digit nor a point and may be read (the payload's last).
    """
    cdef const char* start = p
    cdef const char* point
    cdef uint64_t m = 0
    cdef unsigned int d = <unsigned char>p[0] - c'0'
    cdef Py_ssize_t places
    if unlikely(d > 9):
        return NULL
    while d <= 9:
        m = m * 10 + d
        p += 1
        d = <unsigned char>p[0] - c'0'
    if p[0] != c'.':
        if unlikely(p - start > 18):
            return NULL
        places = 0
    else:
        p += 1
        point = p
        d = <unsigned char>p[0] - c'0'
        while d <= 9:
            m = m * 10 + d
            p += 1
            d = <unsigned char>p[0] - c'0'
        places = p - point
        if unlikely(places == 0 or p - start > 19 or places > scale):
            return NULL
    if unlikely((<unsigned char>p[0] | 32) == c'e'):
        return NULL
    # m < 10^18: one more multiplication may overflow, and then the exact way says by how much
    if places != scale:
        if unlikely(csb_mul_overflow(m, _POW10[scale - places], &m)):
            return NULL
    if unlikely(m > <uint64_t>INT64_MAX):
        return NULL
    out[0] = <int64_t>m
    return p
