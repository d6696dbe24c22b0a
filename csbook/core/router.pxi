# The router's door: payloads in by either way, reports out for the one who runs the connection.
#
# A payload becomes a Message (message.pxi, or document.pxi where the scanner declined) and is then judge.pxi's. Nothing here
# knows a rule.

cdef tuple _OUTCOMES = tuple(Outcome(i) for i in range(6))


cdef inline int counted(Judge judge, int outcome) noexcept:
    judge.tally[outcome] += 1
    return outcome


cdef class Router(Judge):
    """Feeds payloads of one venue to their books.

    `venue` names the table of keys and the sequence rule ("binance", "bybit", "coinswitch", "coinswitch-hft",
    "coinswitch-sio", "kucoin"), `books` are the books to feed, one or many. A book is bound to one depth channel: the first that is seen, or `depth` (0: the diff channel, N: the N-level
    channel); other depth channels of its symbol are COLD. `max_lag_ns` is the age at arrival (receive time minus event time)
    above which a book is STALE; 0: no limit. `buffer_limit` bounds the changes that wait for a snapshot, per symbol.

    "coinswitch-sio" takes the bare payload of an event or the Socket.IO packet around it; a book is bound to the first
    namespace that brings it, and all packets that bring no book are COLD. "coinswitch-hft" takes the payload of one NATS
    message: a book, or an array of them. Both have one depth channel a symbol, and no `depth`.

    One thread at a time uses a router: a second one gets a UsageError and nothing happens; `counts` alone may be read by any.
    Raises UsageError for an unknown venue, no book, two books of one symbol, or a `depth` where the venue has none.
    """

    def __cinit__(self, venue, books, *, depth=None, max_lag_ns=0, buffer_limit=10_000):
        cdef int64_t number = 0
        cdef Py_ssize_t i
        if not isinstance(venue, str):
            raise TypeError(f"venue must be a str, not {type(venue).__name__}")
        self.table = table_of(venue)
        self.venue = venue
        self.order = [books] if isinstance(books, Book) else list(books.values() if hasattr(books, "values") else books)
        if not self.order:
            raise UsageError("a router needs at least one book")
        for i, book in enumerate(self.order):
            if not isinstance(book, Book):
                raise TypeError(f"books[{i}] must be a Book, not {type(book).__name__}")
        _integer(max_lag_ns, "max_lag_ns", 0, INT64_MAX, &self.max_lag_ns)
        _integer(buffer_limit, "buffer_limit", 1, 1_000_000, &number)
        self.buffer_limit = number
        self.depth = depth
        self.live = 1
        self.race_ns = RACE_NS
        self.books = {book.symbol: book for book in self.order}
        self.buffers = [[] for _ in self.order]
        self.moves = []
        self.directory = directory_new(self.order)
        if depth is not None:
            _integer(depth, "depth", 0, 100_000, &number)
            if self.table.rule == RULE_REPLACE:
                raise UsageError(f"depth is {depth}, but {venue!r} has one depth channel a symbol; expected None")
            for i in range(self.directory.count):
                self.directory.entries[i].bound = True
                self.directory.entries[i].channel = <int32_t>number
        self.message = <Message*>csb_alloc(sizeof(Message))
        self.changed = <Py_ssize_t*>csb_alloc(len(self.order) * sizeof(Py_ssize_t))
        if self.message == NULL or self.changed == NULL:
            raise MemoryError
        self.message.head.size = 0
        self.message.scan.shapes = <csb_shapes*>csb_alloc(sizeof(csb_shapes))
        if self.message.scan.shapes == NULL:
            raise MemoryError
        csb_shapes_init(self.message.scan.shapes)

    def __dealloc__(self):
        if self.message != NULL:
            free(self.message.bids.prices)
            free(self.message.bids.sizes)
            free(self.message.asks.prices)
            free(self.message.asks.sizes)
            csb_free(self.message.scan.shapes)
        directory_free(self.directory)
        csb_free(self.message)
        csb_free(self.changed)

    def __reduce__(self):
        raise TypeError("a Router is live state and cannot be pickled or copied")

    def __repr__(self):
        return f"<Router {self.venue} books={len(self.order)} depth={self.depth}>"

    # -- payloads in ---------------------------------------------------------------------------------------------

    def feed(self, payload, receive_time_ns=0):
        """One payload, any buffer. Returns the Outcome; never raises for what a payload holds.

        The messages of an array ("coinswitch-hft") are judged one by one, each applied whole or not at all, and counted one by
        one. The Outcome is then APPLIED if any was applied, else REFUSED if any was refused, else IGNORED if any was, else
        COLD. An array that is no JSON is refused whole.

        `receive_time_ns` is the wall time of its arrival (ns since the epoch; 0: unknown). Nothing of the payload is kept but
        a copy of a change that waits for a snapshot. O(bytes) plus the cost of its changes.
        """
        cdef Py_buffer view
        cdef int64_t receive_ns = receive_time_ns
        if likely(PyBytes_CheckExact(payload)):
            return _OUTCOMES[self.feed_pointer(PyBytes_AS_STRING(payload), PyBytes_GET_SIZE(payload), receive_ns)]
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            return _OUTCOMES[self.feed_pointer(<const char*>view.buf, view.len, receive_ns)]
        finally:
            PyBuffer_Release(&view)

    def feed_parsed(self, payload, receive_time_ns=0):
        """The same by the slow way alone: orjson, then parsed lists. Counted in `declined`; the book ends the same."""
        cdef bytes kept = payload_bytes(payload)
        cdef int64_t receive_ns = receive_time_ns
        self.enter()
        try:
            return _OUTCOMES[self.feed_document(kept, len(kept), receive_ns)]
        finally:
            csb_leave(&self.door)

    def feed_snapshot(self, symbol, payload, receive_time_ns=0):
        """A REST snapshot answer for `symbol`, in any case.

        APPLIED: a buffered change joined it, the book is LIVE (or a replace-only book took it). BUFFERED: the book holds it in
        SYNCING until a change joins. IGNORED: it is older than the buffer (kept; fetch again), or the book needs none.
        REFUSED: malformed; nothing was changed. Raises UsageError for a symbol that the router has no book of.
        """
        cdef Py_ssize_t entry = self.entry_named(symbol)
        cdef bytes kept = payload_bytes(payload)
        cdef int64_t receive_ns = receive_time_ns
        self.enter()
        try:
            return _OUTCOMES[counted(self, self.take_snapshot(entry, kept, receive_ns))]
        finally:
            self.document = None
            csb_leave(&self.door)

    cdef int take_snapshot(self, Py_ssize_t entry, bytes kept, int64_t receive_time_ns) except -1:
        """A refused answer of REST is no lost change: no book moves."""
        cdef Message* m = self.message
        cdef const Table* table = rest_table(self.table)
        if table == NULL:
            raise UsageError(f"a REST snapshot cannot anchor a stream of {self.venue!r}; its snapshots come in the stream")
        if self.read(table, kept, len(kept)) != OK:
            return OUT_REFUSED
        if m.named and (m.entry != entry or m.renamed):
            message_fault(m, R_SYMBOL, BAD_SYMBOL, NULL)
        for role in (table.id_role, R_BIDS, R_ASKS):
            if not m.seen >> <int>role & 1:
                message_fault(m, role, BAD_MISSING, NULL)
        if m.fault == OK:
            message_levels(m, &self.directory.entries[entry], self.document)
        if m.fault != OK:
            self.refused = self.fault_error()
            return OUT_REFUSED
        return self.judge_snapshot(entry, receive_time_ns)

    cdef int feed_pointer(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        cdef int status
        if unlikely(not csb_enter(&self.door)):
            self.occupied()
        try:
            if unlikely(size > MAX_PAYLOAD):
                return self.feed_document(data, size, receive_time_ns)
            if self.table.framing != FRAME_NONE:
                return self.feed_framed(data, size, receive_time_ns)
            status = message_scan(self.message, self.directory, self.table, data, size)
            if likely(status == OK):
                return counted(self, self.judge(data, size, receive_time_ns))
            if status == DECLINED:
                return self.feed_document(data, size, receive_time_ns)
            return counted(self, self.refuse(status, error_at(status, "", self.message.scan.at - data, -1)))
        finally:
            csb_leave(&self.door)

    cdef int feed_document(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        if size > MAX_PAYLOAD:
            message_reset(self.message, data, 0)
            return counted(self, self.refuse(TOO_LONG, error_at(TOO_LONG, "payload", -1, -1)))
        if self.table.framing != FRAME_NONE:
            return self.feed_framed_document(data, size, receive_time_ns)
        self.document = None
        try:
            if self.read_document(self.table, data, size) != OK:
                return counted(self, self.refuse(BAD_SYNTAX, self.refused))
            return counted(self, self.judge(data, size, receive_time_ns))
        finally:
            self.document = None

    cdef int feed_framed(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        """A payload that may have something around its message. What is not read here is parsed."""
        cdef Message* m = self.message
        cdef Envelope envelope
        envelope_open(&envelope, self.table, data, size)
        m.scan.outer = 1
        if likely(envelope.wrapping == WRAP_EVENT):
            if message_scan(m, self.directory, self.table, envelope.message, envelope.size) == OK:
                m.channel = envelope.channel
                m.scan.begin = data     # offsets are of the payload
                if m.fault != OK and m.fault_at >= 0:
                    m.fault_at += envelope.message - data
                return counted(self, self.judge(data, size, receive_time_ns))
        elif envelope.wrapping == WRAP_LIST:
            return self.feed_list(data, size, receive_time_ns)
        elif envelope.wrapping == WRAP_BARE:
            m.scan.outer = 0
            if message_scan(m, self.directory, self.table, data, size) == OK:
                return counted(self, self.judge(data, size, receive_time_ns))
        return self.feed_framed_document(data, size, receive_time_ns)

    cdef int feed_list(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        """An array of messages, each judged by itself."""
        cdef Message* m = self.message
        cdef const char* p = NULL
        cdef const char* end = NULL
        cdef Py_ssize_t count = list_read(m, self.directory, self.table, data, size, &p, &end)
        cdef int outcome = OUT_COLD
        if count == 0:
            return self.feed_framed_document(data, size, receive_time_ns)
        if count == 1:
            return counted(self, self.judge(data, size, receive_time_ns))
        while p < end:
            p = list_entry(m, self.directory, self.table, p, end)
            if unlikely(p == NULL):     # it was read before, so this is no memory
                return counted(self, self.refuse(m.scan.status, error_at(m.scan.status, "", m.scan.at - data, -1)))
            outcome = telling(outcome, counted(self, self.judge(data, size, receive_time_ns)))
            p = list_next(p, end)
        return outcome

    cdef int feed_framed_document(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        """The same, parsed."""
        cdef Message* m = self.message
        cdef Document document
        cdef Envelope envelope
        cdef int outcome = OUT_COLD
        envelope_open(&envelope, self.table, data, size)
        if envelope.wrapping == WRAP_OTHER:
            return counted(self, OUT_COLD)
        message_reset(m, data, 0)
        if envelope.wrapping == WRAP_BROKEN:
            return counted(self, self.refuse(BAD_SYNTAX, error_at(BAD_SYNTAX, "event", envelope.text - data, -1)))
        self.document = None
        try:
            if self.read_document(self.table, envelope.text, data + size - envelope.text) != OK:
                return counted(self, self.refuse(BAD_SYNTAX, self.refused))
            document = <Document>self.document
            if envelope.wrapping != WRAP_LIST or not document.body:
                if envelope.wrapping == WRAP_EVENT or envelope.wrapping == WRAP_ODD:
                    event_read(document, m, self.directory, self.table)
                    m.channel = envelope.channel
                return counted(self, self.judge(data, size, receive_time_ns))
            for i, body in enumerate(document.body):
                document_open(document, m, self.directory, self.table, body, [i])
                outcome = telling(outcome, counted(self, self.judge(data, size, receive_time_ns)))
            return outcome
        finally:
            self.document = None

    cdef Py_ssize_t entry_named(self, object symbol) except -1:
        """The entry of a symbol in any case. Raises UsageError."""
        cdef Py_ssize_t entry = -1
        cdef bytes name
        if isinstance(symbol, str) and symbol.isascii():
            name = symbol.encode("ascii")
            entry = directory_find(self.directory, name, len(name))
        if entry < 0:
            raise UsageError(f"the router has no book of {symbol!r}; it has: {', '.join(self.books)}")
        return entry

    # -- for the one who runs the connection ------------------------------------------------------------------------

    def disconnected(self, symbols=None, reason="connection lost"):
        """The connection of these symbols (default: all) is gone, at this moment.

        Books with levels go to STALE, or to GAP on a diff channel; levels are kept, the sequence floor is cleared and changes
        that waited for a snapshot are dropped, since no snapshot can join across a new connection. Raises UsageError for a
        symbol that the router has no book of.
        """
        cdef Py_ssize_t i
        if isinstance(symbols, str):
            raise UsageError(f"symbols is the text {symbols!r}; expected an iterable of symbols")
        wanted = None if symbols is None else {self.entry_named(symbol) for symbol in symbols}
        self.enter()
        try:
            for i in range(self.directory.count):
                if wanted is not None and i not in wanted:
                    continue
                book = <Book>self.directory.entries[i].book
                with cython.critical_section(book):
                    book_forget_quote((<Book>book).header)
                self.lose(i, STATE_GAP if entry_sequenced(&self.directory.entries[i], self.table) else STATE_STALE, reason)
        finally:
            csb_leave(&self.door)

    def join(self, source):
        """One more connection, 0 to 31, brings the streams of this router; set `source` to it before each of its payloads.

        With more than one, the first arrival of an update wins and repeats are IGNORED. A change beyond a hole is BUFFERED
        while another connection may still bring what is missing: it is a GAP once every connection is past the hole, or after
        `race_ns` (250 ms). At first connection 0 is the only one. Raises UsageError for another number.
        """
        cdef int64_t number = 0
        _integer(source, "source", 0, 31, &number)
        self.enter()
        self.live |= <uint32_t>1 << number
        csb_leave(&self.door)

    def leave(self, source, reason="connection lost"):
        """That connection is gone. No book notices while another one is left; after the last, as `disconnected`."""
        cdef int64_t number = 0
        cdef Py_ssize_t i
        cdef Entry* e
        _integer(source, "source", 0, 31, &number)
        self.enter()
        try:
            self.live &= ~(<uint32_t>1 << number)
            if self.live != 0:
                for i in range(self.directory.count):
                    e = &self.directory.entries[i]
                    if e.ahead != 0 and self.live & ~e.ahead == 0:
                        self.gap(i, f"gap: last update id {e.floor}, and {reason}")
                return
        finally:
            csb_leave(&self.door)
        self.disconnected(None, reason)

    def mark_stale(self, symbol, reason):
        """Silence was judged too long: LIVE and CROSSED become STALE, other states stay. True if it moved.

        Continuity is not broken by it: the next message that is applied clears it. Raises UsageError for an unknown symbol.
        """
        cdef Py_ssize_t entry = self.entry_named(symbol)
        cdef int state
        self.enter()
        try:
            state = (<Book>self.directory.entries[entry].book).header.state
            if state != STATE_LIVE and state != STATE_CROSSED:
                return False
            self.set_state(entry, STATE_STALE, reason)
            return True
        finally:
            csb_leave(&self.door)

    def distrust(self, symbol, reason):
        """Somebody knows better than the stream: the book is in GAP, as if a change was lost. True if it moved.

        It is mended as after any gap: by a snapshot that the next changes join, or by one that comes in the stream. Books
        that come whole, which the next message mends, and EMPTY ones stay. Raises UsageError for an unknown symbol.
        """
        cdef Py_ssize_t entry = self.entry_named(symbol)
        cdef Entry* e = &self.directory.entries[entry]
        cdef int old
        self.enter()
        try:
            old = (<Book>e.book).header.state
            if old == STATE_EMPTY or old == STATE_GAP or not entry_sequenced(e, self.table):
                return False
            self.lose(entry, STATE_GAP, reason)
            return True
        finally:
            csb_leave(&self.door)

    def take_changed(self):
        """The books whose levels changed since the last call, each once, in the order of their first change."""
        cdef list books = []
        cdef Py_ssize_t i
        self.enter()
        try:
            for i in range(self.changed_count):
                self.directory.entries[self.changed[i]].touched = False
                books.append(<object>self.directory.entries[self.changed[i]].book)
            self.changed_count = 0
            return books
        finally:
            csb_leave(&self.door)

    def take_moves(self):
        """The changes of state since the last call, in order: (book, old, new, reason)."""
        cdef list moves
        self.enter()
        try:
            if not self.moves:
                return []
            moves = self.moves
            self.moves = []
            return moves
        finally:
            csb_leave(&self.door)

    def wants_snapshot(self):
        """The symbols with changes buffered that no snapshot has been found for. O(books)."""
        cdef Py_ssize_t i
        self.enter()
        try:
            return [
                (<Book>self.directory.entries[i].book).symbol
                for i in range(self.directory.count)
                if self.directory.entries[i].phase == PHASE_WAITING and self.buffers[i]
            ]
        finally:
            csb_leave(&self.door)

    @property
    def refusal(self):
        """The BadMessage that the last refused payload would be; None if none was."""
        self.enter()
        try:
            return self.refused
        finally:
            csb_leave(&self.door)

    @property
    def last_refusal(self):
        """Why the last payload was refused, in words; empty if none was."""
        refusal = self.refusal
        return "" if refusal is None else str(refusal)

    @property
    def sequenced(self):
        """Whether a lost message would be noticed: some book is fed from a diff channel."""
        cdef Py_ssize_t i
        for i in range(self.directory.count):
            if entry_sequenced(&self.directory.entries[i], self.table):
                return True
        return False

    @property
    def counts(self):
        """Payloads per outcome, and of what kinds: `declined` took the orjson way, `quotes` were fused."""
        return {
            "applied": self.tally[<int>OUT_APPLIED],
            "ignored": self.tally[<int>OUT_IGNORED],
            "buffered": self.tally[<int>OUT_BUFFERED],
            "gap": self.tally[<int>OUT_GAP],
            "cold": self.tally[<int>OUT_COLD],
            "refused": self.tally[<int>OUT_REFUSED],
            "declined": self.declined,
            "unnamed": self.unnamed,
            "unknown_symbol": self.unknown,
            "quotes": self.quotes,
        }
