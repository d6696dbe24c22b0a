# The books of a router, by symbol: what the router knows of each beside the book itself, and the way from a name to it.
#
# A symbol is known by the venue's spelling in any case; CoinSwitch spells one in two ways, BTC,INR on its sockets and BTC/INR
# elsewhere (fact sheet coinswitch, section 1.3). An Entry holds what continuity needs between two messages; levels
# and state are the book's own, in its block. Open addressing, at most half full; nothing is removed.

cdef enum:
    CHANNEL_UNKNOWN = -1                # a depth message that does not say of which channel
    CHANNEL_DIFF = 0                    # N > 0: the N-level channel

cdef struct Entry:                      # one book of a router
    char name[32]                       # by `upper`
    int32_t size
    int32_t price_decimals
    int32_t size_decimals
    int32_t channel                     # bound to, or CHANNEL_UNBOUND
    bint bound
    bint touched                        # changed since the router was last asked
    bint has_floor                      # `floor` is the id of the last message applied
    bint tainted                        # older ids only, so far
    int64_t floor
    int64_t snapshot_id                 # of the snapshot that no change has joined yet; valid in phase SNAPSHOT
    int32_t phase
    int64_t ignored_since_ns
    int64_t buffered_last               # last update id in the buffer
    int64_t buffered_bytes
    int32_t bounded                     # 1: bids, 2: asks are shown as far as the snapshot that the changes joined went
    int64_t lowest                      # its worst bid
    int64_t highest                     # its worst ask
    uint32_t ahead                      # the connections whose last change lies beyond a hole behind `floor`
    int64_t ahead_since_ns              # when the first of them said so
    PyObject* book                      # borrowed from Router.order

cdef struct Spelling:                   # a text that was read before, and what it meant
    char text[64]
    Py_ssize_t size                     # 0: none
    Py_ssize_t entry
    int32_t channel

cdef struct Directory:                  # symbol -> entry
    Entry* entries
    Py_ssize_t count
    Py_ssize_t recent                   # most likely the next one
    int32_t* slots
    Py_ssize_t mask
    bint one_scale
    Spelling stream                     # the last stream's name and the last symbol, as the venue spelt them
    Spelling symbol

cdef inline unsigned char upper(unsigned char c) noexcept nogil:
    """What counts of a symbol's character."""
    if c == c'/':
        return c','
    return c - 32 if c'a' <= c <= c'z' else c


cdef inline uint64_t name_hash(const char* text, Py_ssize_t size) noexcept nogil:
    cdef uint64_t h = 0xCBF29CE484222325ULL
    cdef Py_ssize_t i
    for i in range(size):
        h = (h ^ upper(<unsigned char>text[i])) * 0x100000001B3ULL
    return h ^ (h >> 29)


cdef inline bint same_name(const Entry* entry, const char* text, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t i
    if entry.size != size:
        return False
    for i in range(size):
        if entry.name[i] != <char>upper(<unsigned char>text[i]):
            return False
    return True


cdef Py_ssize_t directory_find(Directory* d, const char* text, Py_ssize_t size) noexcept nogil:
    """The entry of a symbol in any case, or -1."""
    cdef Py_ssize_t slot
    if d.recent < d.count and same_name(&d.entries[d.recent], text, size):
        return d.recent
    slot = <Py_ssize_t>(name_hash(text, size)) & d.mask
    while d.slots[slot] >= 0:
        if same_name(&d.entries[d.slots[slot]], text, size):
            return d.slots[slot]
        slot = (slot + 1) & d.mask
    return -1


cdef Directory* directory_new(list books) except NULL:
    """A directory of these books. Raises UsageError for two of one symbol."""
    cdef Directory* d = <Directory*>csb_alloc(sizeof(Directory))
    cdef Entry* e
    cdef Py_ssize_t i, slot
    cdef bytes name
    if d == NULL:
        raise MemoryError
    d.mask = 3
    while d.mask < 2 * len(books):
        d.mask = 2 * d.mask + 1
    d.entries = <Entry*>csb_alloc(max(len(books), 1) * sizeof(Entry))
    d.slots = <int32_t*>csb_alloc((d.mask + 1) * sizeof(int32_t))
    d.one_scale = True
    try:
        if d.entries == NULL or d.slots == NULL:
            raise MemoryError
        memset(d.slots, 0xFF, (d.mask + 1) * sizeof(int32_t))
        for found in books:
            name = (<Book?>found).symbol.upper().encode("ascii")
            if directory_find(d, name, len(name)) >= 0:
                raise UsageError(f"two books of the symbol {found.symbol!r}")
            e = &d.entries[d.count]
            e.size = <int32_t>len(name)
            for i in range(e.size):
                e.name[i] = <char>upper(<unsigned char>name[i])
            e.price_decimals = (<Book>found).header.price_decimals
            e.size_decimals = (<Book>found).header.size_decimals
            e.channel = CHANNEL_UNKNOWN
            e.book = <PyObject*>found
            d.one_scale &= e.price_decimals == d.entries[0].price_decimals
            d.one_scale &= e.size_decimals == d.entries[0].size_decimals
            slot = <Py_ssize_t>(name_hash(name, len(name))) & d.mask
            while d.slots[slot] >= 0:
                slot = (slot + 1) & d.mask
            d.slots[slot] = <int32_t>d.count
            d.count += 1
    except BaseException:
        directory_free(d)
        raise
    return d


cdef void directory_free(Directory* d) noexcept:
    if d != NULL:
        csb_free(d.entries)
        csb_free(d.slots)
        csb_free(d)


cdef inline const char* spelt(const Spelling* known, const char* p, const char* end) noexcept nogil:
    """Where the string at p ends if it is the known text to the letter, else NULL."""
    if known.size == 0 or p[0] != c'"' or end - p < known.size + 2:
        return NULL
    if memcmp(p + 1, known.text, known.size) != 0 or p[known.size + 1] != c'"':
        return NULL
    return p + known.size + 2


cdef inline void spell(Spelling* known, const char* text, Py_ssize_t size, Py_ssize_t entry, int32_t channel) noexcept nogil:
    if size <= 64:
        memcpy(known.text, text, size)
        known.size = size
        known.entry = entry
        known.channel = channel
