# A message as orjson parsed it (or what stands for it, csbook.json), put into the same Message that the scanner fills:
# the slow path, and the judge of the fast.
#
# Both ways meet in Message, so everything after it - which book, which rule, how it is applied - exists once. What the
# scanner says of a field is said here of the parsed value, with the same Status. Level numbers that are JSON numbers are
# read from their source text (the standard library's parser hands it over), since a float has lost digits.

cdef object _loads = None               # csbook.json.loads, once something took this way


class _Source(str):
    """The source text of a JSON number: a string that was none."""
    __slots__ = ()


def _constant(text):
    raise ValueError(f"{text} is no JSON")


def _text_loads(payload):
    """json.loads that keeps every number as its source text."""
    import json
    return json.loads(payload, parse_float=_Source, parse_int=_Source, parse_constant=_constant)


cdef object loads():
    global _loads
    if _loads is None:
        from csbook.json import loads as found
        _loads = found
    return _loads


cdef bytes payload_bytes(object payload):
    """A copy of any contiguous buffer. Raises TypeError or BufferError."""
    cdef Py_buffer view
    if PyBytes_CheckExact(payload):
        return <bytes>payload
    PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
    try:
        return PyBytes_FromStringAndSize(<const char*>view.buf, view.len)
    finally:
        PyBuffer_Release(&view)


cdef int object_integer(object value, int64_t* out) except -1:
    """read_integer for a parsed value. Returns a Status."""
    if isinstance(value, str):
        text = value[1:] if value[:1] == "-" else value
        if not text or not text.isascii() or not text.isdigit():
            return BAD_TYPE
        if len(text) > 4000:
            return TOO_LARGE
        value = int(value)
    elif isinstance(value, bool) or not isinstance(value, int):
        return BAD_TYPE
    if not -INT64_MAX <= value <= INT64_MAX:
        return TOO_LARGE
    out[0] = value
    return OK


cdef bint has_numbers(object side) except -1:
    """Whether a level of a side is given in JSON numbers."""
    if not isinstance(side, list):
        return False
    for pair in side:
        if isinstance(pair, list):
            for value in pair:
                if not isinstance(value, str):
                    return True
    return False


@cython.final
cdef class Document:
    """What a parsed message holds beside its Message: the sides, and where they stand."""
    cdef bytes payload
    cdef object body                    # the parsed payload
    cdef object source                  # the same with numbers as their source text, once a side needs it
    cdef object bids
    cdef object asks
    cdef list quote                     # what is a quote's alone, in the order of Message.quote: (value, keys down to it)
    cdef bytes change                   # keeps the text alive that the Message points to
    cdef list bids_path                 # keys from the payload down to the bids
    cdef list asks_path


cdef int document_object(Document doc, Message* m, Directory* d, const Table* table, dict body, int where, list path) except -1:
    """Walk one object by the table; the slow twin of message_object and message_value."""
    cdef const Key* key
    cdef const Key* found
    cdef int64_t number = 0
    cdef bytes text
    cdef int i, status, role
    for word, value in body.items():
        text = word.encode("utf-8", "surrogatepass")
        found = NULL
        for i in range(table.count):
            key = &table.keys[i]
            if key.where & where and key.size == len(text) and memcmp(&key.text[0], <const char*>text, key.size) == 0:
                found = key
                break
        if found == NULL or found.role == R_SKIP:
            continue
        role = found.role
        if role == R_DATA:
            m.seen |= <uint32_t>1 << R_DATA
            if isinstance(value, dict):
                document_object(doc, m, d, table, value, INNER, path + [word])
            continue
        m.shaped |= found.shape == 1 or found.shape == 2 and isinstance(value, list)
        if m.seen >> role & 1:
            # two words for one thing: no telling which is meant
            message_fault(m, role, BAD_TYPE, NULL)
            continue
        m.seen |= <uint32_t>1 << role
        if role == R_BIDS:
            doc.bids = value
            doc.bids_path = path + [word]
        elif role == R_ASKS:
            doc.asks = value
            doc.asks_path = path + [word]
        elif role >= R_BID_PRICE:
            if doc.quote is None:
                doc.quote = [None, None, None, None]
            doc.quote[role - R_BID_PRICE] = value, path + [word]
        elif role == R_ANSWER:
            m.event = EVENT_OTHER
        elif role == R_CROSS or role == R_QUOTE_TIME:
            if object_integer(value, &number) != OK or number < 0:
                m.unquotable = True
            elif role == R_CROSS:
                m.cross = number
            else:
                m.quote_time_ns = number
        elif role == R_FIRST or role == R_LAST or role == R_PREVIOUS or role == R_TIME or role == R_STAMP:
            status = object_integer(value, &number)
            if status != OK:
                message_fault(m, role, status, NULL)
            elif role == R_FIRST:
                m.first = number
            elif role == R_LAST:
                m.last = number
            elif role == R_PREVIOUS:
                m.previous = number
            elif number < 0 or number > INT64_MAX // table.time_unit:
                message_fault(m, role, TOO_LARGE, NULL)
            else:
                m.time_ns = number * table.time_unit
                if role == R_STAMP:
                    m.last = number
        elif not isinstance(value, str):
            message_fault(m, role, BAD_TYPE, NULL)
        else:
            text = value.encode("utf-8", "surrogatepass")
            if role == R_EVENT:
                if text == table.event_depth[:table.event_depth_size]:
                    m.event = EVENT_DEPTH
                elif text == table.event_quote[:table.event_quote_size]:
                    m.event = EVENT_QUOTE
                else:
                    m.event = EVENT_OTHER
            elif role == R_SYMBOL:
                message_name(m, d, <const char*>text, len(text))
            elif role == R_KIND:
                message_kind(m, <const char*>text, len(text))
            elif role == R_CHANGE:
                doc.change = text
                m.change_at = <const char*>text
                m.change_size = len(text)
            else:
                message_topic(m, d, table, <const char*>text, len(text))
    return 0


cdef object document_source(Document doc, list path):
    """What stands there, with numbers as their source text."""
    cdef object source
    if doc.source is None:
        doc.source = _text_loads(doc.payload)
    source = doc.source
    for word in path:
        source = source[word]
    return source


cdef int document_side(Document doc, Message* m, const Entry* entry, bint asks) except -1:
    """Levels of one side into the Message's scratch, faults noted."""
    cdef object side = doc.asks if asks else doc.bids
    cdef int status
    if has_numbers(side):
        side = document_source(doc, doc.asks_path if asks else doc.bids_path)
    if not isinstance(side, list):
        status = BAD_TYPE
        m.scan.index = -1
        m.scan.part = -1
    else:
        status = parsed_levels(
            side, &m.asks if asks else &m.bids, 0 if asks else -1, entry.price_decimals, entry.size_decimals,
            &m.scan.needed, &m.scan.index, &m.scan.part,
        )
    if status == NO_MEMORY:
        raise MemoryError
    if status != OK:
        message_fault(m, R_ASKS if asks else R_BIDS, status, NULL)
    return 0


cdef int document_quote(Document doc, Message* m, const Entry* entry, const Table* table) except -1:
    """The slow twin of message_quote."""
    cdef int needed = -1
    cdef int i
    cdef list found = doc.quote
    if not quotable(m):
        return 0
    if table.event_quote_size:
        found = [None, None, None, None] if found is None else list(found)
        found[0] = (doc.bids, doc.bids_path) if isinstance(doc.bids, str) else None
        found[2] = (doc.asks, doc.asks_path) if isinstance(doc.asks, str) else None
    elif m.seen & (1 << R_BIDS | 1 << R_ASKS):
        return 0
    if found is None or None in found:
        return 0
    for i, (value, path) in enumerate(found):
        if not isinstance(value, str):
            value = document_source(doc, path)
        if not isinstance(value, str) or parsed_number(
            value, entry.size_decimals if i & 1 else entry.price_decimals, &m.quote[i], &needed
        ) != OK:
            return 0
    m.quoted = table.event_quote_size != 0 or min(m.quote[0], m.quote[1], m.quote[2], m.quote[3]) > 0
    return 0


cdef Document document_read(Message* m, Directory* d, const Table* table, bytes payload):
    """Parse a payload into the Message. Raises ValueError for what is no JSON; the Message then holds what could be read."""
    cdef Document doc = Document.__new__(Document)
    cdef const char* first
    doc.payload = payload
    try:
        doc.body = loads()(payload)
    except (ValueError, RecursionError) as error:
        # cut off, perhaps: what can be read of it says whose loss it is
        payload += b"}"
        first = skip_blank(payload, <const char*>payload + len(payload))
        if first[0] == c'{':
            message_scan(m, d, table, payload, len(payload))
        else:
            message_reset(m, payload, 0)
        raise ValueError(f"malformed JSON: {error}") from None
    message_reset(m, payload, len(payload))
    if isinstance(doc.body, dict):
        document_object(doc, m, d, table, doc.body, OUTER, [])
    return doc


cdef int document_open(Document doc, Message* m, Directory* d, const Table* table, object body, list path) except -1:
    """Begin the Message anew with one object of a payload that holds more than it; `path` leads there. What `doc` still
    has of another object is not in `m.seen`.
    """
    message_reset(m, doc.payload, len(doc.payload))
    if isinstance(body, dict):
        document_object(doc, m, d, table, body, OUTER, path)
    return 0


cdef int message_levels(Message* m, const Entry* entry, Document doc) except -1:
    """Levels that are not in scratch yet, now that the book is known. Faults are noted."""
    cdef int status
    if doc is None:
        if m.bids_at != NULL or m.asks_at != NULL:
            status = message_deferred(m, entry)
            if status != OK:
                message_fault(m, R_BIDS, status, NULL)
        return 0
    if doc.bids is None and doc.asks is None:
        return 0
    try:
        document_side(doc, m, entry, False)
        if m.fault == OK:
            document_side(doc, m, entry, True)
    except RecursionError:
        message_fault(m, R_BIDS, TOO_DEEP, NULL)
    return 0
