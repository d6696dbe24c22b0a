# What stands around messages in a payload: a Socket.IO packet, or an array of messages.
#
# Read once, before either way, so that both see the same message. Socket.IO (fact sheet coinswitch, section 7): the text
# `42`, a namespace and its comma, an acknowledgement id, then ["event",message]. A packet of another type and an event of
# another name are COLD and are not read on: the conversation judges them. Only the event that brings books is opened.
# Whatever the quick look here does not know (a name with escapes, further arguments, none) is ODD and parsed.

cdef enum Wrapping:
    WRAP_BARE = 0                       # the payload is the message
    WRAP_EVENT = 1                      # the message stands between `message` and `message + size`
    WRAP_LIST = 2                       # an array of messages, or of other things
    WRAP_ODD = 3                        # an event; `text` is to be parsed
    WRAP_OTHER = 4                      # a packet with no message of ours
    WRAP_BROKEN = 5                     # a packet that ends where its event should begin, at `text`

cdef struct Envelope:
    Wrapping wrapping
    const char* text                    # JSON, from its first byte to the payload's end
    const char* message
    Py_ssize_t size
    int32_t channel                     # the namespace's


cdef inline const char* trim_blank(const char* begin, const char* end) noexcept nogil:
    """Where the text ends that blanks follow."""
    while end > begin and ((end - 1)[0] == c' ' or (end - 1)[0] == c'\n' or (end - 1)[0] == c'\r' or (end - 1)[0] == c'\t'):
        end -= 1
    return end


cdef inline int32_t namespace_channel(const char* name, Py_ssize_t size) noexcept nogil:
    """Two exchanges of one symbol (c2c1, c2c2) are two channels; never a number that means something."""
    return <int32_t>(name_hash(name, size) & 0x3FFFFFFF) + 2


cdef Wrapping open_event(Envelope* e, const Table* table, const char* end) noexcept nogil:
    """["event",{...}] from its bracket on."""
    cdef const char* start
    cdef const char* p = skip_blank(e.text + 1, end)
    if p == end or p[0] != c'"':
        return WRAP_ODD
    p += 1
    start = p
    while p < end and p[0] != c'"':
        if <unsigned char>p[0] < 0x20 or <unsigned char>p[0] >= 0x80 or p[0] == c'\\':
            return WRAP_ODD
        p += 1
    if p == end:
        return WRAP_ODD
    if p - start != table.event_depth_size or memcmp(start, table.event_depth, p - start) != 0:
        return WRAP_OTHER
    p = skip_blank(p + 1, end)
    if p == end or p[0] != c',':
        return WRAP_ODD
    p = skip_blank(p + 1, end)
    if p == end or p[0] != c'{':
        return WRAP_ODD
    end = trim_blank(p, end)
    if (end - 1)[0] != c']':
        return WRAP_ODD
    e.message = p
    e.size = trim_blank(p, end - 1) - p
    return WRAP_EVENT


cdef Wrapping open_packet(Envelope* e, const Table* table, const char* p, const char* end) noexcept nogil:
    """A Socket.IO packet from its first digit on."""
    cdef const char* start
    if end - p < 2 or p[0] != c'4' or p[1] != c'2':
        return WRAP_OTHER
    p += 2
    e.channel = namespace_channel(b"/", 1)
    if p < end and p[0] == c'/':
        start = p
        while p < end and p[0] != c',':
            p += 1
        e.channel = namespace_channel(start, p - start)
        if p < end:
            p += 1
    while p < end and c'0' <= p[0] <= c'9':
        p += 1
    e.text = p
    if p == end or p[0] != c'[':
        return WRAP_BROKEN
    return open_event(e, table, end)


cdef void envelope_open(Envelope* e, const Table* table, const char* data, Py_ssize_t size) noexcept nogil:
    """What a payload is wrapped in, by the venue's framing."""
    cdef const char* end = data + size
    cdef const char* p
    e.text = data
    e.channel = CHANNEL_UNKNOWN
    e.wrapping = WRAP_BARE
    if table.framing == FRAME_SOCKETIO:
        if size and c'0' <= data[0] <= c'9':
            e.wrapping = open_packet(e, table, data, end)
    elif table.framing == FRAME_LIST:
        p = skip_blank(data, end)
        if p < end and p[0] == c'[':
            e.wrapping = WRAP_LIST


cdef int event_read(Document doc, Message* m, Directory* d, const Table* table) except -1:
    """The Message of a parsed event: its first argument, if that is an object and the event's name is the books'."""
    cdef object body = doc.body
    cdef bytes name = table.event_depth[:table.event_depth_size]
    if isinstance(body, list) and len(body) > 1 and isinstance(body[0], str):
        if (<str>body[0]).encode("utf-8", "surrogatepass") == name:
            document_open(doc, m, d, table, body[1], [1])
    return 0


cdef inline const char* list_entry(Message* m, Directory* d, const Table* table, const char* p, const char* end) noexcept nogil:
    """One entry of an array into the Message; where it ends, or NULL."""
    message_reset(m, m.scan.begin, end - m.scan.begin)
    return message_object(m, d, table, p, OUTER, -1) if p[0] == c'{' else NULL


cdef inline const char* list_next(const char* p, const char* end) noexcept nogil:
    """From behind an entry to the next one, or to the end, before which stands the brace of the last; NULL for neither."""
    p = skip_blank(p, end)
    if p == end:
        return p
    if p[0] != c',':
        return NULL
    return skip_blank(p + 1, end)


cdef Py_ssize_t list_read(
    Message* m, Directory* d, const Table* table, const char* data, Py_ssize_t size, const char** first, const char** behind
) noexcept nogil:
    """Read every entry once, the last one into the Message. How many there are; 0 for what has to be parsed.

    An array that is no JSON is refused whole, so nothing may be applied before its end was seen.
    """
    cdef const char* end = trim_blank(data, data + size)
    cdef const char* p
    cdef Py_ssize_t count = 0
    m.scan.begin = data
    p = skip_blank(data, end) + 1
    if (end - 1)[0] != c']':
        return 0
    end = trim_blank(p, end - 1)
    p = skip_blank(p, end)
    if p == end or (end - 1)[0] != c'}':
        return 0
    first[0] = p
    behind[0] = end
    while p != end:
        p = list_entry(m, d, table, p, end)
        if p != NULL:
            p = list_next(p, end)
        if p == NULL:
            return 0
        count += 1
    return count


cdef inline int telling(int one, int other) noexcept nogil:
    """What to say of a payload of several messages: that one was applied, else refused, else ignored, else all COLD."""
    if one == OUT_APPLIED or other == OUT_APPLIED:
        return OUT_APPLIED
    if one == OUT_REFUSED or other == OUT_REFUSED:
        return OUT_REFUSED
    return OUT_IGNORED if one == OUT_IGNORED or other == OUT_IGNORED else OUT_COLD
