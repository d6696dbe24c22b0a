# The monotonic clock, for one who needs it with every message: asked itself about once in a millisecond.
#
# To ask the system for the time costs as much as to read a few levels, since it waits until all that was begun is done.
# Between two such readings the processor's counter tells how much has passed, at a rate that is learnt from readings that
# lie far apart. Only a counter that runs at one rate whatever the processor does is believed, for a millisecond at
# a time, and never again once three readings have found it wrong: in a machine that is moved or was asleep it may jump.

cdef enum:
    TRUSTED_NS = 1_000_000              # how long the counter is believed after a reading of the clock
    LEARNT_NS = 10_000_000              # the least between the two readings that a rate is taken from
    KEPT_NS = 1_000_000_000             # after so long the first of them is replaced
    SUDDEN = 2000                       # counts that a reading may take: from a longer one nothing is learnt
    MISTAKES = 3

cdef bint _counter_steady = csb_counter_steady()


cdef inline bint ticker_knows(const Ticker* t, uint64_t counter, int64_t* ns) noexcept nogil:
    """Whether the counter can be believed, and what it says then."""
    cdef uint64_t passed = counter - t.counter
    if unlikely(passed >= t.span):
        return False
    ns[0] = max(t.ns + <int64_t>((passed * t.rate) >> 32), t.floor)
    return True


cdef inline int64_t ticker_ns(Ticker* t) noexcept nogil:
    """The monotonic clock in ns, to about 0.1 us."""
    cdef int64_t ns = 0
    if likely(t.span != 0 and ticker_knows(t, csb_counter(), &ns)):
        return ns
    return ticker_ask(t)


cdef int64_t ticker_ask(Ticker* t) noexcept nogil:
    cdef uint64_t counter
    cdef int64_t ns
    if not _counter_steady or t.mistakes >= MISTAKES:
        return max(csb_monotonic_ns(), t.floor)
    counter = csb_counter()
    ns = csb_monotonic_ns()
    return ticker_learn(t, counter, csb_counter() - counter, ns)


cdef int64_t ticker_learn(Ticker* t, uint64_t counter, uint64_t took, int64_t ns) noexcept nogil:
    """The clock said `ns`, at most `took` counts after `counter`. Returns the time."""
    cdef uint64_t passed = counter - t.counter
    cdef uint64_t counts = counter - t.far_counter
    cdef int64_t elapsed = ns - t.far_ns
    cdef int64_t wrong, slack
    cdef double rate
    t.floor = max(t.floor, t.ns + <int64_t>((t.span * t.rate) >> 32))
    if took > SUDDEN:                   # the thread lost the processor between the two
        t.floor = max(t.floor, ns)
        return t.floor
    if passed >> 30 != 0 and not passed >> 63:
        t.far_counter = 0               # too long a silence to judge the counter by, or to take a rate over
    elif t.span != 0:
        wrong = <int64_t>((passed * t.rate) >> 32) - (ns - t.ns)
        slack = 1000 + ((ns - t.ns) >> 10)
        if passed >> 63 or wrong > slack or -wrong > slack:
            t.mistakes += 1
            t.far_counter = 0
            t.span = 0
    if t.far_counter == 0 or counts >> 63 or elapsed <= 0:
        t.far_counter = counter
        t.far_ns = ns
    elif elapsed >= LEARNT_NS:
        rate = <double>elapsed / <double>counts
        if 0.01 < rate < 2.0:
            t.rate = <uint64_t>(rate * 4294967296.0)
            t.span = <uint64_t>(TRUSTED_NS / rate)
        if elapsed >= KEPT_NS:
            t.far_counter = counter
            t.far_ns = ns
    t.counter = counter
    t.ns = ns
    return max(ns, t.floor)


def _ticker(readings):
    """What a ticker says at each (counter, counts that the reading takes, clock in ns), and whether it asked (for tests)."""
    cdef Ticker t
    cdef uint64_t counter, took
    cdef int64_t ns, now_ns = 0
    cdef bint asked
    cdef list said = []
    memset(&t, 0, sizeof(Ticker))
    for counter, took, ns in readings:
        asked = not ticker_knows(&t, counter, &now_ns)
        if asked:
            now_ns = max(ns, t.floor) if t.mistakes >= MISTAKES else ticker_learn(&t, counter, took, ns)
        said.append((now_ns, asked))
    return said
