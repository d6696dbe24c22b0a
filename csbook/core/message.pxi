# One message, read by a table into a Message: what it names, its ids and times, its levels in scratch. No book is touched.
#
# Key order is not fixed, and levels may come before the symbol. Where all books of the router have the same scales
# (Directory.one_scale) levels are read where they stand; otherwise they are passed over and read once the book is known.
# What is wrong with a field is noted and the rest is read on: whether it matters is known at the end, when it is clear
# whether this is a depth message at all. Only broken JSON ends the reading.

cdef enum Topic:
    TOPIC_NONE = 0
    TOPIC_DEPTH = 1
    TOPIC_OTHER = 2

cdef enum Kind:
    KIND_NONE = 0
    KIND_SNAPSHOT = 1
    KIND_DELTA = 2

cdef enum Event:
    EVENT_NONE = 0
    EVENT_DEPTH = 1
    EVENT_QUOTE = 2
    EVENT_OTHER = 3

cdef enum:
    HEAD_ROLES = 1 << R_TOPIC | 1 << R_EVENT | 1 << R_SYMBOL | 1 << R_KIND
    HEAD_LEAST = 48                     # a shorter beginning is read as quickly as it is recognized
    HEAD_MOST = 128

cdef struct Head:                       # how the last message began, up to its first value that is no text, and what that says
    char text[128]
    Py_ssize_t size                     # 0: none
    const Table* table
    int guess
    Py_ssize_t entry
    bint named
    bint renamed
    Topic topic
    Event event
    Kind kind
    int32_t channel
    uint32_t seen
    bint shaped

cdef struct Message:
    Scan scan
    Head head
    Py_ssize_t entry                    # -1: none found
    bint named                          # it says a symbol
    bint renamed                        # it says two
    bint misnamed                       # what should say one is no text
    Topic topic
    Event event
    Kind kind
    int32_t channel
    uint32_t seen                       # a bit per Role
    bint shaped                         # a key that only depth messages have
    int64_t first
    int64_t last
    int64_t previous
    int64_t time_ns
    int64_t cross                       # what R_CROSS says; 0: nothing that could be read
    int64_t quote_time_ns               # what R_QUOTE_TIME says
    Levels bids
    Levels asks
    const char* bids_at                 # levels still to be read, or a quote's price; its first byte
    const char* asks_at
    const char* quote_at[4]             # the same of what is a quote's alone, in the order of `quote`
    const char* change_at               # text of R_CHANGE
    Py_ssize_t change_size
    int64_t quote[4]                    # bid, bid size, ask, ask size, where `quoted`
    bint quoted
    bint unquotable                     # something that only a quote needs is wrong
    int fault                           # the first field that is wrong: Status, and where
    int fault_role
    int fault_part
    int fault_needed
    Py_ssize_t fault_index
    Py_ssize_t fault_at


cdef void message_fault(Message* m, int role, int status, const char* at) noexcept nogil:
    """Note the first field that is wrong."""
    m.misnamed |= role == R_SYMBOL or role == R_TOPIC
    if m.fault != OK:
        return
    m.fault = status
    m.fault_role = role
    m.fault_part = m.scan.part if role == R_BIDS or role == R_ASKS else -1
    m.fault_index = m.scan.index if role == R_BIDS or role == R_ASKS else -1
    m.fault_needed = m.scan.needed
    m.fault_at = at - m.scan.begin if at != NULL else -1


cdef inline void message_entry(Message* m, Py_ssize_t entry) noexcept nogil:
    """A symbol was named."""
    if m.named and entry != m.entry:
        m.renamed = True
        return
    m.named = True
    m.entry = entry


cdef void message_name(Message* m, Directory* d, const char* text, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t entry = directory_find(d, text, size)
    message_entry(m, entry)
    spell(&d.symbol, text, size, entry, 0)


cdef inline void message_kind(Message* m, const char* text, Py_ssize_t size) noexcept nogil:
    if size == 8 and memcmp(text, b"snapshot", 8) == 0:
        m.kind = KIND_SNAPSHOT
    elif size == 5 and memcmp(text, b"delta", 5) == 0:
        m.kind = KIND_DELTA
    else:
        message_fault(m, R_KIND, BAD_TYPE, NULL)


cdef inline Py_ssize_t read_depth(const char* text, Py_ssize_t at, Py_ssize_t size, int32_t* levels) noexcept nogil:
    """Digits from `at` on into a number of levels; where they end."""
    levels[0] = 0
    while at < size and c'0' <= text[at] <= c'9' and levels[0] < 100000:
        levels[0] = levels[0] * 10 + (text[at] - c'0')
        at += 1
    return at


cdef void message_topic(Message* m, Directory* d, const Table* table, const char* text, Py_ssize_t size) noexcept nogil:
    """A stream's name by the venue's grammar: symbol and channel of a depth stream, anything else is another topic."""
    cdef Py_ssize_t at = 0, end = size
    cdef int32_t levels = 0
    m.topic = TOPIC_OTHER
    if table.grammar == TOPIC_AT_DEPTH:
        end = 0
        while end < size and text[end] != c'@':
            end += 1
        if size - end < 6 or memcmp(text + end, b"@depth", 6) != 0:
            return
        at = read_depth(text, end + 6, size, &levels)
        if at < size and text[at] != c'@':
            return
        at = 0
    elif table.grammar == TOPIC_ORDERBOOK:
        if size < 12 or memcmp(text, b"orderbook.", 10) != 0:
            return
        at = read_depth(text, 10, size, &levels)
        if at == 10 or levels == 0 or at >= size or text[at] != c'.':
            return
        at += 1
    else:
        if size > 25 and memcmp(text, b"/contractMarket/tickerV2:", 25) == 0:
            m.event = EVENT_QUOTE
            message_entry(m, directory_find(d, text + 25, size - 25))
            return
        if size < 24 or memcmp(text, b"/contractMarket/level2", 22) != 0:
            return
        at = 22
        if text[at] != c':':
            if size < 29 or memcmp(text + 22, b"Depth", 5) != 0:
                return
            at = read_depth(text, 27, size, &levels)
            if levels == 0 or at >= size or text[at] != c':':
                return
        at += 1
    m.topic = TOPIC_DEPTH
    m.channel = levels
    at = directory_find(d, text + at, end - at)
    message_entry(m, at)
    spell(&d.stream, text, size, at, levels)


cdef int message_change(Message* m, const Entry* e, const char* text, Py_ssize_t size) noexcept nogil:
    """`price,side,size` into the levels; price 0 has no effect on the book but for its sequence. A Status, faults noted."""
    cdef Levels* levels
    cdef Py_ssize_t first = 0, second
    cdef int64_t price = 0, quantity = 0
    cdef const char* q
    cdef bint quick
    cdef int status = OK
    m.scan.needed = -1
    m.bids.count = 0
    m.asks.count = 0
    # the closing quote behind the text is neither digit nor point
    q = decimal_quick(text, e.price_decimals, &price)
    quick = q != NULL and q[0] == c','
    if quick:
        first = q - text
    while first < size and text[first] != c',':
        first += 1
    second = first + 1
    while second < size and text[second] != c',':
        second += 1
    if second >= size:
        message_fault(m, R_CHANGE, BAD_TYPE, NULL)
        return BAD_TYPE
    if second - first == 4 and memcmp(text + first + 1, b"buy", 3) == 0:
        levels = &m.bids
    elif second - first == 5 and memcmp(text + first + 1, b"sell", 4) == 0:
        levels = &m.asks
    else:
        message_fault(m, R_CHANGE, BAD_TYPE, NULL)
        return BAD_TYPE
    if not quick:
        status = decimal_exact(text, first, e.price_decimals, &price, &m.scan.needed)
    if status == OK and decimal_quick(text + second + 1, e.size_decimals, &quantity) != text + size:
        status = decimal_exact(text + second + 1, size - second - 1, e.size_decimals, &quantity, &m.scan.needed)
    if status == OK and price != 0:
        if not levels_room(levels, 1):
            message_fault(m, R_CHANGE, NO_MEMORY, NULL)
            return NO_MEMORY
        levels.prices[0] = price
        levels.sizes[0] = quantity
        levels.zeros = quantity == 0
        levels.ordered = True
        levels.count = 1
    if status != OK:
        message_fault(m, R_CHANGE, status, NULL)
    return status


cdef const char* message_value(
    Message* m, Directory* d, const Table* table, const Key* key, const char* p, int above
) noexcept nogil:
    """One value that the table knows, from its first byte; R_DATA is the caller's."""
    cdef Scan* s = &m.scan
    cdef const char* q
    cdef int64_t number = 0
    cdef Levels* levels
    cdef const Entry* entry
    cdef int role = key.role
    if m.seen >> role & 1:
        return bad(s, p, DECLINED)
    m.seen |= <uint32_t>1 << role
    m.shaped |= key.shape == 1 or key.shape == 2 and p[0] == c'['
    if role == R_BIDS or role == R_ASKS:
        if p[0] == c'[' and m.event <= EVENT_DEPTH and m.topic != TOPIC_OTHER:
            levels = &m.bids if role == R_BIDS else &m.asks
            if d.one_scale or m.entry >= 0:
                entry = d.entries if d.one_scale else &d.entries[m.entry]
                q = read_levels(
                    s, p, levels, -1 if role == R_BIDS else 0, entry.price_decimals, entry.size_decimals
                )
                if likely(q != NULL):
                    return q
                if s.status == BAD_SYNTAX or s.status == DECLINED or s.status == NO_MEMORY:
                    return NULL
                message_fault(m, role, s.status, s.at)
            elif role == R_BIDS:
                m.bids_at = p
            else:
                m.asks_at = p
            return skip_value(s, p, above)
        if p[0] == c'"' and table.event_quote_size:
            if role == R_BIDS:
                m.bids_at = p
            else:
                m.asks_at = p
            return skip_value(s, p, above)
        s.part = -1
        s.index = -1
        message_fault(m, role, BAD_TYPE, p)
        return skip_value(s, p, above)
    if role == R_FIRST or role == R_LAST or role == R_PREVIOUS or role == R_TIME or role == R_STAMP:
        q = read_integer(s, p, &number)
        if unlikely(q == NULL):
            message_fault(m, role, s.status, p)
            return skip_value(s, p, above)
        if role == R_FIRST:
            m.first = number
        elif role == R_LAST:
            m.last = number
        elif role == R_PREVIOUS:
            m.previous = number
        elif number < 0 or number > INT64_MAX // table.time_unit:
            message_fault(m, role, TOO_LARGE, p)
        else:
            m.time_ns = number * table.time_unit
            if role == R_STAMP:
                m.last = number
        return q
    if role == R_ANSWER:
        m.event = EVENT_OTHER
        return skip_value(s, p, above)
    if role == R_CROSS or role == R_QUOTE_TIME:
        q = read_integer(s, p, &number)
        if unlikely(q == NULL or number < 0):
            m.unquotable = True
            return skip_value(s, p, above)
        if role == R_CROSS:
            m.cross = number
        else:
            m.quote_time_ns = number
        return q
    if role >= R_BID_PRICE:
        if p[0] == c'"' or p[0] == c'-' or c'0' <= p[0] <= c'9':
            m.quote_at[role - R_BID_PRICE] = p
        return skip_value(s, p, above)
    # text: mostly what it was the last time
    if role == R_TOPIC:
        q = spelt(&d.stream, p, s.end)
        if q != NULL:
            m.topic = TOPIC_DEPTH
            m.channel = d.stream.channel
            message_entry(m, d.stream.entry)
            return q
    elif role == R_SYMBOL:
        q = spelt(&d.symbol, p, s.end)
        if q != NULL:
            message_entry(m, d.symbol.entry)
            return q
    q = skip_value(s, p, above)
    if q == NULL:
        return NULL
    if p[0] != c'"':
        message_fault(m, role, BAD_TYPE, p)
        return q
    if role == R_EVENT:
        if q - p - 2 == table.event_depth_size and memcmp(p + 1, table.event_depth, q - p - 2) == 0:
            m.event = EVENT_DEPTH
        elif table.event_quote_size == q - p - 2 and memcmp(p + 1, table.event_quote, q - p - 2) == 0:
            m.event = EVENT_QUOTE
        else:
            m.event = EVENT_OTHER
    elif role == R_SYMBOL:
        message_name(m, d, p + 1, q - p - 2)
    elif role == R_TOPIC:
        message_topic(m, d, table, p + 1, q - p - 2)
    elif role == R_KIND:
        message_kind(m, p + 1, q - p - 2)
    elif role == R_CHANGE:
        m.change_at = p + 1
        m.change_size = q - p - 2
    return q


cdef inline void message_keep(Message* m, const Table* table, const char* upto, int guess) noexcept nogil:
    """Remember how this message began, and what that said; the next one mostly begins so, too."""
    cdef Head* h = &m.head
    cdef Py_ssize_t size = upto - m.scan.begin
    if (
        size < HEAD_LEAST or size > HEAD_MOST or m.seen & ~<uint32_t>HEAD_ROLES or m.fault != OK or m.misnamed
        or m.unquotable
    ):
        return
    memcpy(h.text, m.scan.begin, size)
    h.size = size
    h.table = table
    h.guess = guess
    h.entry = m.entry
    h.named = m.named
    h.renamed = m.renamed
    h.topic = m.topic
    h.event = m.event
    h.kind = m.kind
    h.channel = m.channel
    h.seen = m.seen
    h.shaped = m.shaped


cdef inline bint message_recall(Message* m, const Table* table) noexcept nogil:
    """Whether this message begins as the remembered one did; what that says is then taken over."""
    cdef const Head* h = &m.head
    if h.size == 0 or m.scan.end - m.scan.begin <= h.size or h.table != table or memcmp(m.scan.begin, h.text, h.size) != 0:
        return False
    if m.scan.begin[h.size] != c'"':    # a blank more than last time
        return False
    m.entry = h.entry
    m.named = h.named
    m.renamed = h.renamed
    m.topic = h.topic
    m.event = h.event
    m.kind = h.kind
    m.channel = h.channel
    m.seen = h.seen
    m.shaped = h.shaped
    return True


cdef const char* message_object(
    Message* m, Directory* d, const Table* table, const char* p, int where, int guess
) noexcept nogil:
    """An object: the outer one (where = OUTER) or the one under `data` (INNER).

    From its brace on; or from a key of it, where `guess` says which key of the table that may be (-1: from the brace).
    """
    cdef Scan* s = &m.scan
    cdef const Key* key
    cdef uint64_t[2] word
    cdef const char* key_at
    cdef int i, guess_at
    cdef bint keeping = guess < 0 and p == s.begin
    if guess < 0:
        guess = table.inner if where == INNER else 0
        p = skip_blank(p + 1, s.end)
        if p == s.end:
            return bad(s, p, BAD_SYNTAX)
        if p[0] == c'}':
            return p + 1
    while True:
        if p[0] != c'"':
            return bad(s, p, BAD_SYNTAX)
        key_at = p
        guess_at = guess
        if likely(s.end - p > 16):
            memcpy(word, p + 1, 16)
        else:
            memset(word, 0, 16)
            memcpy(word, p + 1, s.end - p - 1)
        # keys mostly come in the order of the table
        key = NULL
        for i in range(table.count if table.initials >> (<unsigned char>p[1] & 63) & 1 else 0):
            key = &table.keys[guess]
            guess = guess + 1 if guess + 1 < table.count else 0
            if key_is(key, word[0], word[1]):
                break
            key = NULL
        if likely(key != NULL):
            p += key.size + 2
            if not key.where & where:
                key = NULL
        else:
            p = skip_string(s, p)
            if p == NULL:
                return NULL
        if likely(p[0] == c':' and <unsigned char>p[1] > c' '):
            p += 1
        else:
            p = skip_blank(p, s.end)
            if p == s.end or p[0] != c':':
                return bad(s, p, BAD_SYNTAX)
            p = skip_blank(p + 1, s.end)
            if p == s.end:
                return bad(s, p, BAD_SYNTAX)
        if keeping and p[0] != c'"':
            keeping = False
            message_keep(m, table, key_at, guess_at)
        if key == NULL or key.role == R_SKIP:
            p = skip_value(s, p, where)
        elif key.role == R_DATA:
            if m.seen >> R_DATA & 1:
                return bad(s, p, DECLINED)
            m.seen |= <uint32_t>1 << R_DATA
            p = message_object(m, d, table, p, INNER, -1) if p[0] == c'{' else skip_value(s, p, where)
        else:
            p = message_value(m, d, table, key, p, where)
        if unlikely(p == NULL):
            return NULL
        if likely(p < s.end and p[0] == c',' and p[1] == c'"'):
            p += 1
            continue
        p = skip_blank(p, s.end)
        if p == s.end:
            return bad(s, p, BAD_SYNTAX)
        if p[0] == c'}':
            return p + 1
        if p[0] != c',':
            return bad(s, p, BAD_SYNTAX)
        p = skip_blank(p + 1, s.end)
        if p == s.end:
            return bad(s, p, BAD_SYNTAX)


cdef inline void message_reset(Message* m, const char* data, Py_ssize_t size) noexcept nogil:
    m.scan.begin = data
    m.scan.end = data + size
    m.scan.at = data
    m.scan.status = OK
    m.scan.needed = -1
    m.scan.index = -1
    m.scan.part = -1
    m.entry = -1
    m.named = False
    m.renamed = False
    m.misnamed = False
    m.topic = TOPIC_NONE
    m.event = EVENT_NONE
    m.kind = KIND_NONE
    m.channel = CHANNEL_UNKNOWN
    m.seen = 0
    m.shaped = False
    m.first = 0
    m.last = 0
    m.previous = 0
    m.time_ns = 0
    m.cross = 0
    m.quote_time_ns = 0
    m.bids.count = 0
    m.bids.zeros = 0
    m.bids.ordered = True
    m.asks.count = 0
    m.asks.zeros = 0
    m.asks.ordered = True
    m.bids_at = NULL
    m.asks_at = NULL
    m.quote_at[0] = NULL
    m.quote_at[1] = NULL
    m.quote_at[2] = NULL
    m.quote_at[3] = NULL
    m.change_at = NULL
    m.quoted = False
    m.unquotable = False
    m.fault = OK


cdef int message_scan(Message* m, Directory* d, const Table* table, const char* data, Py_ssize_t size) noexcept nogil:
    """Read a whole payload. OK, DECLINED, or why it is no message; what was read until then stands in `m`."""
    cdef const char* p
    cdef const char* end = data + size
    message_reset(m, data, size)
    p = data
    if unlikely(size == 0 or p[0] != c'{' or (end - 1)[0] != c'}'):
        while end > data and ((end - 1)[0] == c' ' or (end - 1)[0] == c'\n' or (end - 1)[0] == c'\r' or (end - 1)[0] == c'\t'):
            end -= 1
        m.scan.end = end
        p = skip_blank(data, end)
        if p == end:
            bad(&m.scan, p, BAD_SYNTAX)
            return BAD_SYNTAX
        if p[0] != c'{' or (end - 1)[0] != c'}':
            return DECLINED             # no object, or cut off: orjson tells which
    if p == data and message_recall(m, table):
        p = message_object(m, d, table, data + m.head.size, OUTER, m.head.guess)
    else:
        p = message_object(m, d, table, p, OUTER, -1)
    if p == NULL:
        return m.scan.status
    if p != end:
        bad(&m.scan, p, BAD_SYNTAX)
        return BAD_SYNTAX
    return OK


cdef int message_deferred(Message* m, const Entry* entry) noexcept nogil:
    """Read the levels that had to wait for their book. They are valid JSON by now; OK or the fault noted."""
    cdef const char* p
    cdef int role
    for role in range(R_BIDS, R_ASKS + 1):
        p = m.bids_at if role == R_BIDS else m.asks_at
        if p == NULL or m.fault != OK:
            continue
        m.scan.needed = -1
        if read_levels(
            &m.scan, p, &m.bids if role == R_BIDS else &m.asks, -1 if role == R_BIDS else 0,
            entry.price_decimals, entry.size_decimals
        ) == NULL:
            if m.scan.status == DECLINED or m.scan.status == NO_MEMORY:
                return m.scan.status
            message_fault(m, role, m.scan.status, m.scan.at)
    return OK


cdef bint quotable(const Message* m) noexcept nogil:
    """Whether all but the prices and sizes of a quote is there and good."""
    return m.seen >> R_LAST & 1 and m.fault == OK and not m.unquotable


cdef void message_quote(Message* m, const Entry* entry, const Table* table) noexcept nogil:
    """Read the venue's own best bid and ask, once the book is known; `quoted` says whether all four were good."""
    cdef const char* at
    cdef int i
    if not quotable(m):
        return
    if table.event_quote_size:          # prices under the words that mean levels elsewhere
        m.quote_at[0] = m.bids_at
        m.quote_at[2] = m.asks_at
    elif m.seen & (1 << R_BIDS | 1 << R_ASKS):
        return
    for i in range(4):
        at = m.quote_at[i]
        if at == NULL or read_decimal(
            &m.scan, at, entry.size_decimals if i & 1 else entry.price_decimals, &m.quote[i]
        ) == NULL:
            return
    # where a quote is an object of its own, a side without a price or size is not known to be empty
    m.quoted = table.event_quote_size != 0 or m.quote[0] > 0 and m.quote[1] > 0 and m.quote[2] > 0 and m.quote[3] > 0


cdef void message_touch(Message* m) noexcept nogil:
    """The whole book of a channel of one level, as a quote: both sides or none."""
    m.quoted = (
        quotable(m) and m.kind == KIND_SNAPSHOT and m.cross > 0 and m.bids.count == 1 and m.asks.count == 1
        and m.bids.prices[0] > 0 and m.bids.sizes[0] > 0 and m.asks.prices[0] > 0 and m.asks.sizes[0] > 0
    )
    if m.quoted:
        m.quote[0], m.quote[1] = m.bids.prices[0], m.bids.sizes[0]
        m.quote[2], m.quote[3] = m.asks.prices[0], m.asks.sizes[0]
