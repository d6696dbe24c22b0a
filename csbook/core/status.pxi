# What can be wrong with input, as numbers inside and as exceptions at one door.
#
# Code without the GIL returns a Status, 0 is fine; it allocates nothing and throws nothing. `error_at` is the only place
# that turns a Status into an exception, so that every refusal names the field and what was expected, whichever way the
# input came in. A Status never says whether a book changed: nothing below the write section changes one.

cdef extern from "port.h" nogil:
    void* csb_alloc(size_t size)
    void csb_free(void* block)
    uint64_t csb_load_acquire(const uint64_t* p)
    uint64_t csb_load_relaxed(const uint64_t* p)
    int64_t csb_load_i64(const int64_t* p)
    void csb_store_relaxed(uint64_t* p, uint64_t value)
    void csb_store_release(uint64_t* p, uint64_t value)
    void csb_fence_release()
    void csb_fence_acquire()
    bint csb_enter(uint64_t* door)
    void csb_leave(uint64_t* door)
    bint csb_mul_overflow(uint64_t a, uint64_t b, uint64_t* out)
    int csb_low_bit(uint64_t v)
    int64_t csb_monotonic_ns()
    uint64_t csb_counter()
    bint csb_counter_steady()
    bint LITTLE_ENDIAN "CSB_LITTLE_ENDIAN"
    bint FREE_THREADED "CSB_FREE_THREADED"
    bint likely "CSB_LIKELY"(bint)
    bint unlikely "CSB_UNLIKELY"(bint)

cdef enum:
    MAX_LEVELS = 131072                 # a side
    MAX_PAYLOAD = 16777216              # bytes
    MAX_NESTING = 1024                  # orjson's limit too

cdef enum Status:
    OK = 0
    DECLINED = 1                        # not malformed, but not for the scanner: the parsed way decides
    BAD_SYNTAX = 2                      # no JSON
    BAD_TYPE = 3                        # JSON of another shape than the venue's
    BAD_NUMBER = 4                      # no decimal number
    BAD_SIGN = 5                        # a negative price or size
    BAD_PRICE = 6                       # a price of zero
    BAD_MISSING = 7                     # a field that must be there is not
    BAD_SYMBOL = 8                      # two symbols in one message
    TOO_PRECISE = 9                     # more decimals than the scale
    TOO_LARGE = 10                      # does not fit into 64 bits at the scale
    TOO_MANY = 11                       # levels
    TOO_LONG = 12                       # bytes
    TOO_DEEP = 13                       # nesting
    NO_MEMORY = 14

cdef dict _REASONS = {
    BAD_SYNTAX: "malformed JSON",
    BAD_TYPE: "wrong type",
    BAD_NUMBER: "not a decimal number",
    BAD_SIGN: "negative; expected zero or more",
    BAD_PRICE: "zero or missing; expected a price above zero",
    BAD_MISSING: "missing",
    BAD_SYMBOL: "the envelope names another symbol than the message",
    TOO_PRECISE: "more decimals than the scale of the book",
    TOO_LARGE: "too large for the scale of the book",
    TOO_MANY: f"more than {MAX_LEVELS} levels a side",
    TOO_LONG: f"more than {MAX_PAYLOAD} bytes",
    TOO_DEEP: f"nested deeper than {MAX_NESTING}",
}


cdef str reason(int status, str field, Py_ssize_t offset, int needed, object seen):
    """One line for people: field, place, what is wrong, what would do."""
    cdef str text = field + ": " if field else ""
    text += _REASONS.get(status, f"status {status}")
    if seen is not None:
        shown = repr(seen)
        text += f", got {shown if len(shown) <= 64 else shown[:61] + '...'}"
    if needed >= 0 and (status == TOO_PRECISE or status == TOO_LARGE):
        text += f" (needs {needed} decimals)"
    if offset >= 0:
        text += f", at byte {offset}"
    return text


cdef object error_at(int status, str field, Py_ssize_t offset, int needed, object seen=None):
    """The exception that a Status stands for. The only door from codes to exceptions."""
    cdef str text = reason(status, field, offset, needed, seen)
    if status == TOO_PRECISE or status == TOO_LARGE:
        return PrecisionError(text, field=field, offset=offset, needed=needed)
    return BadMessage(text, field=field, offset=offset)


cdef int fail(int status, str field, Py_ssize_t offset=-1, int needed=-1, object seen=None) except -1:
    """Raise what a Status stands for."""
    if status == NO_MEMORY:
        raise MemoryError
    raise error_at(status, field, offset, needed, seen)
