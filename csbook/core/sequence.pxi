# Continuity: whether a change joins a snapshot, follows the last one, is old news, or shows that something was lost.
#
# Pure verdicts from ids; the rules are rows of the design's table "Sequence rules are data" (fact sheets: binance 2.4 for
# RULE_PREVIOUS, kucoin 2.4 for RULE_STEP, bybit 2.1 for RULE_STREAM). L is the id of a snapshot. Ids are not contiguous on Binance, so L may fall between `pu` and
# `U`; `pu <= L <= u` is then still a safe anchor, since nothing was published in between.
#
# RULE_SPLICE joins changes to a snapshot of few levels: only the prices that it covered are shown, and when one side of
# them is used up, the next snapshot is needed.

cdef enum Phase:
    PHASE_WAITING = 0                   # no snapshot that a change could join; changes are buffered
    PHASE_SNAPSHOT = 1                  # the levels are a snapshot's, and no change has joined it yet
    PHASE_CHAINED = 2                   # continuous up to `floor`

cdef enum Verdict:
    V_APPLY = 0
    V_OLD = 1                           # its content is in the book already
    V_LOST = 2                          # something between the book and this change is missing

cdef enum:
    OLDER_ONLY_NS = 1000000000          # only older ids for so long: STALE
    CROSSED_NS = 1000000000             # crossed for so long, or so many messages, on a diff venue: ghost levels
    CROSSED_MESSAGES = 20
    RACE_NS = 250000000                 # a slower connection has so long to bring what a faster one seems to have lost
    BUFFER_BYTES = 67108864             # of changes waiting for a snapshot, per symbol


cdef inline int verdict_chain(int64_t floor, int64_t first, int64_t last, int64_t previous, bint has_previous) noexcept nogil:
    """A change after a change that ended at `floor`."""
    if last <= floor:
        return V_OLD
    if has_previous:
        return V_APPLY if previous == floor else V_LOST
    return V_APPLY if first == floor + 1 else V_LOST


cdef inline int verdict_join(int64_t snapshot, int64_t first, int64_t last, int64_t previous, bint has_previous) noexcept nogil:
    """A change against a snapshot with id L = `snapshot`. V_LOST: the snapshot is too old for it."""
    if has_previous:
        if last < snapshot:
            return V_OLD
        return V_APPLY if previous <= snapshot else V_LOST
    if last <= snapshot:
        return V_OLD
    return V_APPLY if first <= snapshot + 1 else V_LOST


cdef inline bint entry_sequenced(const Entry* e, const Table* table) noexcept nogil:
    """Whether a lost message would be noticed: the book is fed from a diff channel."""
    if table.rule == RULE_STREAM:
        return not e.bound or e.channel > 1
    if e.bound:
        return e.channel == CHANNEL_DIFF
    return not table.levels_replace


cdef inline int settled_state(const BookHeader* h, int64_t max_lag_ns, int64_t event_ns, int64_t receive_ns) noexcept nogil:
    """The state that an applied, continuous message leads to; crossing is added where the levels are written."""
    if max_lag_ns > 0 and event_ns > 0 and receive_ns > 0 and receive_ns - event_ns > max_lag_ns:
        return STATE_STALE
    return STATE_LIVE


cdef void levels_bounded(Levels* levels, int64_t bound, bint asks) noexcept nogil:
    """Leave out what is worse than `bound`: of a market of which a part was shown, nothing is known there."""
    cdef Py_ssize_t i, kept = 0
    levels.zeros = 0
    for i in range(levels.count):
        if levels.prices[i] > bound if asks else levels.prices[i] < bound:
            continue
        levels.prices[kept] = levels.prices[i]
        levels.sizes[kept] = levels.sizes[i]
        levels.zeros += levels.sizes[i] == 0
        kept += 1
    levels.count = kept


cdef int64_t levels_worst(const Levels* levels, bint asks) noexcept nogil:
    """The worst price of a side that is not empty, zero sizes left out; 0 where there is none."""
    cdef Py_ssize_t i
    cdef int64_t worst = 0
    for i in range(levels.count):
        if levels.sizes[i] != 0 and (worst == 0 or (levels.prices[i] > worst if asks else levels.prices[i] < worst)):
            worst = levels.prices[i]
    return worst


cdef inline void message_demand(Message* m, const Table* table, int32_t channel) noexcept nogil:
    """Note what a depth message of this channel lacks, and what follows from the venue's numbering."""
    cdef Rule rule = table.rule
    if not m.seen >> table.id_role & 1:
        message_fault(m, table.id_role, BAD_MISSING, NULL)
    if rule == RULE_STEP and channel == CHANNEL_DIFF:
        m.first = m.last
        if not m.seen >> R_CHANGE & 1:
            message_fault(m, R_CHANGE, BAD_MISSING, NULL)
        return
    if not m.seen >> R_BIDS & 1:
        message_fault(m, R_BIDS, BAD_MISSING, NULL)
    if not m.seen >> R_ASKS & 1:
        message_fault(m, R_ASKS, BAD_MISSING, NULL)
    if rule == RULE_STREAM:
        m.first = m.last
        if not m.seen >> R_KIND & 1:
            message_fault(m, R_KIND, BAD_MISSING, NULL)
    elif channel == CHANNEL_DIFF:
        if not m.seen >> R_FIRST & 1:
            message_fault(m, R_FIRST, BAD_MISSING, NULL)
        if rule == RULE_PREVIOUS and not m.seen >> R_PREVIOUS & 1:
            message_fault(m, R_PREVIOUS, BAD_MISSING, NULL)


cdef void message_bound(Message* m, Entry* e, bint replace, bint anchors) noexcept nogil:
    """Of a market of which a snapshot showed a part, keep to that part."""
    if replace:
        e.lowest = levels_worst(&m.bids, False) if anchors else 0
        e.highest = levels_worst(&m.asks, True) if anchors else 0
        e.bounded = (e.lowest != 0) | (e.highest != 0) << 1
        return
    if e.bounded & 1:
        levels_bounded(&m.bids, e.lowest, False)
    if e.bounded & 2:
        levels_bounded(&m.asks, e.highest, True)
