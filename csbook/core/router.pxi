# The router: which book a payload is for, whether it may be applied, and what became of it.
#
# A payload becomes a Message (message.pxi, or document.pxi where the scanner declined), and `judge` decides on the Message
# alone, so both ways end alike. Levels change in `apply` only, and trust is lost in `lose` only; each change of state is noted
# in `moves`, in order, for whoever has to tell. Python objects are made where something is cold: a refusal, a change of
# state, a buffered change.

cdef tuple _OUTCOMES = tuple(Outcome(i) for i in range(6))
cdef dict _FIELDS = {
    R_TOPIC: "stream", R_EVENT: "event", R_SYMBOL: "symbol", R_FIRST: "first update id", R_LAST: "last update id",
    R_PREVIOUS: "previous update id", R_TIME: "event time", R_BIDS: "bids", R_ASKS: "asks",
    R_BID_SIZE: "bid size", R_ASK_SIZE: "ask size",
}


cdef class Router:
    """Feeds payloads of one venue to their books.

    `venue` names the table of keys and the sequence rule ("binance", "coinswitch"), `books` are the books to feed, one or
    many. A book is bound to one depth channel: the first that is seen, or `depth` (0: the diff channel, N: the N-level
    channel); other depth channels of its symbol are COLD. `max_lag_ns` is the age at arrival (receive time minus event time)
    above which a book is STALE; 0: no limit. `buffer_limit` bounds the changes that wait for a snapshot, per symbol.

    One thread feeds a router. Raises UsageError for an unknown venue, no book, or two books of one symbol.
    """

    def __cinit__(self, venue, books, *, depth=None, max_lag_ns=0, buffer_limit=10_000):
        cdef int64_t number = 0
        cdef Py_ssize_t i
        if not isinstance(venue, str):
            raise TypeError(f"venue must be a str, not {type(venue).__name__}")
        self.table = table_of(venue)
        self.venue = venue
        self.last_refusal = ""
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
        self.books = {book.symbol: book for book in self.order}
        self.buffers = [[] for _ in self.order]
        self.moves = []
        self.directory = directory_new(self.order)
        if depth is not None:
            _integer(depth, "depth", 0, 100_000, &number)
            for i in range(self.directory.count):
                self.directory.entries[i].bound = True
                self.directory.entries[i].channel = <int32_t>number
        self.message = <Message*>csb_alloc(sizeof(Message))
        self.changed = <Py_ssize_t*>csb_alloc(len(self.order) * sizeof(Py_ssize_t))
        if self.message == NULL or self.changed == NULL:
            raise MemoryError
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
        return _OUTCOMES[self.feed_document(kept, len(kept), receive_time_ns)]

    def feed_snapshot(self, symbol, payload, receive_time_ns=0):
        """A REST snapshot answer for `symbol`, in any case.

        APPLIED: a buffered change joined it, the book is LIVE (or a replace-only book took it). BUFFERED: the book holds it in
        SYNCING until a change joins. IGNORED: it is older than the buffer (kept; fetch again), or the book needs none.
        REFUSED: malformed; nothing was changed. Raises UsageError for a symbol that the router has no book of.
        """
        cdef Py_ssize_t entry = self.entry_named(symbol)
        cdef bytes kept = payload_bytes(payload)
        try:
            return _OUTCOMES[self.finish(self.take_snapshot(entry, kept, receive_time_ns))]
        finally:
            self.document = None

    cdef int take_snapshot(self, Py_ssize_t entry, bytes kept, int64_t receive_time_ns) except -1:
        """A refused answer of REST is no lost change: no book moves."""
        cdef Message* m = self.message
        if self.read(rest_table(self.table), kept, len(kept)) != OK:
            return OUT_REFUSED
        if m.named and (m.entry != entry or m.renamed):
            message_fault(m, R_SYMBOL, BAD_SYMBOL, NULL)
        for role in (R_LAST, R_BIDS, R_ASKS):
            if not m.seen >> <int>role & 1:
                message_fault(m, role, BAD_MISSING, NULL)
        if m.fault == OK:
            message_levels(m, &self.directory.entries[entry], self.document, kept)
        if m.fault != OK:
            self.last_refusal = self.fault_text()
            return OUT_REFUSED
        return self.judge_snapshot(entry, receive_time_ns)

    cdef int feed_pointer(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        cdef int status
        if unlikely(size > MAX_PAYLOAD):
            return self.feed_document(data, size, receive_time_ns)
        status = message_scan(self.message, self.directory, self.table, data, size)
        if unlikely(status != OK):
            if status == DECLINED:
                return self.feed_document(data, size, receive_time_ns)
            return self.finish(self.refuse(status, reason(status, "", self.message.scan.at - data, -1, None)))
        return self.finish(self.judge(data, size, receive_time_ns))

    cdef int feed_document(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        if size > MAX_PAYLOAD:
            message_reset(self.message, data, 0)
            return self.finish(self.refuse(TOO_LONG, reason(TOO_LONG, "payload", -1, -1, None)))
        self.document = None
        try:
            if self.read_document(self.table, data, size) != OK:
                return self.finish(self.refuse(BAD_SYNTAX, self.last_refusal))
            return self.finish(self.judge(data, size, receive_time_ns))
        finally:
            self.document = None

    cdef int read(self, const Table* table, const char* data, Py_ssize_t size) except -1:
        """Either way into the Message. OK, or the Status of what has been refused already."""
        cdef int status
        self.document = None
        if size > MAX_PAYLOAD:
            self.last_refusal = reason(TOO_LONG, "payload", -1, -1, None)
            return TOO_LONG
        status = message_scan(self.message, self.directory, table, data, size)
        if status == DECLINED:
            return self.read_document(table, data, size)
        if status != OK:
            self.last_refusal = reason(status, "", self.message.scan.at - data, -1, None)
        return status

    cdef int read_document(self, const Table* table, const char* data, Py_ssize_t size) except -1:
        """orjson's way into the Message. BAD_SYNTAX for a payload that is no JSON, with `last_refusal` set."""
        self.declined += 1
        try:
            self.document = document_read(self.message, self.directory, table, PyBytes_FromStringAndSize(data, size))
        except ValueError as error:
            self.last_refusal = str(error)
            return BAD_SYNTAX
        return OK

    # -- verdicts --------------------------------------------------------------------------------------------------

    cdef int judge(self, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        """What a Message means. Returns the outcome."""
        cdef Message* m = self.message
        cdef Directory* d = self.directory
        cdef Entry* e
        cdef Py_ssize_t entry
        cdef int32_t channel
        cdef bint snapshot
        if m.event == EVENT_QUOTE:
            self.fuse()
            return OUT_COLD
        if m.topic == TOPIC_OTHER or m.event == EVENT_OTHER:
            return OUT_COLD
        if m.topic != TOPIC_DEPTH and m.event != EVENT_DEPTH and not (m.shaped and self.table.levels_replace):
            return OUT_COLD
        # a depth message: of which book?
        entry = m.entry
        if m.named:
            if entry < 0:
                self.unknown += 1
                return OUT_COLD
            d.recent = entry
            if m.renamed:
                message_fault(m, R_SYMBOL, BAD_SYMBOL, NULL)
        elif d.count == 1:
            entry = 0
        elif m.fault == OK:
            self.unnamed += 1
            return OUT_COLD
        else:
            return self.refuse_fault()
        m.entry = entry
        e = &d.entries[entry]
        # of which channel?
        snapshot = self.table.levels_replace and m.event != EVENT_DEPTH
        channel = m.channel
        if channel == CHANNEL_UNKNOWN:
            if snapshot:
                channel = e.channel if e.bound and e.channel != CHANNEL_DIFF else CHANNEL_UNKNOWN
            elif self.table.levels_replace or not e.bound:
                channel = CHANNEL_DIFF
            else:
                channel = e.channel
        if e.bound and channel != e.channel and e.channel != CHANNEL_UNKNOWN:
            # another channel; on a diff book that is not joined yet, the venue's snapshots are what it needs
            if not (snapshot and e.channel == CHANNEL_DIFF and e.phase != PHASE_CHAINED):
                return OUT_COLD
        elif e.bound and e.channel == CHANNEL_UNKNOWN and channel == CHANNEL_DIFF:
            return OUT_COLD
        # is it whole?
        if not m.seen >> R_LAST & 1:
            message_fault(m, R_LAST, BAD_MISSING, NULL)
        if not m.seen >> R_BIDS & 1:
            message_fault(m, R_BIDS, BAD_MISSING, NULL)
        if not m.seen >> R_ASKS & 1:
            message_fault(m, R_ASKS, BAD_MISSING, NULL)
        if channel == CHANNEL_DIFF:
            if not m.seen >> R_FIRST & 1:
                message_fault(m, R_FIRST, BAD_MISSING, NULL)
            if self.table.rule == RULE_PREVIOUS and not m.seen >> R_PREVIOUS & 1:
                message_fault(m, R_PREVIOUS, BAD_MISSING, NULL)
        if unlikely(m.fault == OK and (m.bids_at != NULL or m.asks_at != NULL or self.document is not None)):
            message_levels(m, e, self.document, PyBytes_FromStringAndSize(data, size))
        if unlikely(m.fault != OK):
            return self.refuse_fault()
        if e.bound and e.channel == CHANNEL_DIFF and snapshot:
            return self.judge_snapshot(entry, receive_time_ns)
        if not e.bound or e.channel == CHANNEL_UNKNOWN:
            e.bound = True
            e.channel = channel
        if channel == CHANNEL_DIFF:
            return self.judge_change(entry, data, size, receive_time_ns)
        return self.judge_replace(entry, receive_time_ns)

    cdef int judge_replace(self, Py_ssize_t entry, int64_t receive_time_ns) except -1:
        """The whole visible book: not older than the last one, by the connection's floor."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef BookHeader* h = (<Book>e.book).header
        if e.has_floor and self.message.last < e.floor and h.state != STATE_EMPTY:
            return self.older(entry)
        return self.apply(entry, True, STATE_LIVE, receive_time_ns)

    cdef int judge_change(self, Py_ssize_t entry, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        cdef Entry* e = &self.directory.entries[entry]
        cdef Message* m = self.message
        cdef BookHeader* h = (<Book>e.book).header
        cdef bint has_previous = m.seen >> R_PREVIOUS & 1
        cdef int verdict
        if h.state == STATE_EMPTY and e.phase != PHASE_WAITING:
            e.phase = PHASE_WAITING     # somebody cleared the book
        if e.phase == PHASE_CHAINED:
            verdict = verdict_chain(e.floor, m.first, m.last, m.previous, has_previous)
            if verdict == V_APPLY:
                return self.apply(entry, False, STATE_LIVE, receive_time_ns)
            if verdict == V_OLD:
                return self.older(entry)
            self.lose(
                entry, STATE_GAP,
                f"gap: last update id {e.floor}, then a change that follows {m.previous if has_previous else m.first - 1}",
            )
            self.wait(entry, data, size, receive_time_ns)
            return OUT_GAP
        if e.phase == PHASE_SNAPSHOT:
            verdict = verdict_join(e.snapshot_id, m.first, m.last, m.previous, has_previous)
            if verdict == V_APPLY:
                return self.apply(entry, False, STATE_LIVE, receive_time_ns)
            if verdict == V_OLD:
                return OUT_IGNORED
            e.phase = PHASE_WAITING     # too old for this change: another snapshot is needed
        return self.wait(entry, data, size, receive_time_ns)

    cdef int judge_snapshot(self, Py_ssize_t entry, int64_t receive_time_ns) except -1:
        """A snapshot that changes are to join. Takes the buffer along."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef Message* m = self.message
        cdef BookHeader* h = (<Book>e.book).header
        cdef list waiting
        cdef Py_ssize_t start = 0
        cdef int64_t snapshot = m.last
        cdef int verdict = V_OLD
        cdef int old = h.state
        if e.bound and e.channel != CHANNEL_DIFF:
            if h.state == STATE_LIVE or h.state == STATE_CROSSED:
                return OUT_IGNORED
            return self.judge_replace(entry, receive_time_ns)
        if e.phase == PHASE_CHAINED and h.state != STATE_EMPTY:
            return OUT_IGNORED
        waiting = <list>self.buffers[entry]
        for kept in waiting:
            verdict = verdict_join(snapshot, kept[2], kept[3], kept[4], kept[5])
            if verdict != V_OLD:
                break
            start += 1
        if verdict == V_LOST:
            return OUT_IGNORED
        if e.phase == PHASE_SNAPSHOT and snapshot < e.snapshot_id and h.state != STATE_EMPTY:
            return OUT_IGNORED
        e.phase = PHASE_SNAPSHOT
        e.snapshot_id = snapshot
        e.has_floor = False
        self.apply(entry, True, STATE_SYNCING, receive_time_ns)
        self.buffers[entry] = []
        if start == len(waiting):
            return OUT_BUFFERED
        for kept in waiting[start:]:
            if self.read(self.table, <bytes>kept[0], len(<bytes>kept[0])) != OK:
                raise AssertionError("a buffered change can no longer be read")
            m.entry = entry
            message_levels(m, e, self.document, <bytes>kept[0])
            self.apply(entry, False, STATE_LIVE, kept[1])
        return OUT_APPLIED

    # -- what happens to a book --------------------------------------------------------------------------------------

    cdef int apply(self, Py_ssize_t entry, bint replace, int state, int64_t receive_time_ns) except -1:
        """The Message's levels into the book. The only place where a router changes levels."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef Message* m = self.message
        cdef Book book = <Book>e.book
        cdef int old = book.header.state
        cdef int status
        if state == STATE_LIVE:
            state = settled_state(book.header, self.max_lag_ns, m.time_ns, receive_time_ns)
        if replace:
            status = book_replace(book, &m.bids, &m.asks, state, m.last, m.time_ns, receive_time_ns)
        else:
            status = book_change(book, &m.bids, &m.asks, state, m.last, m.time_ns, receive_time_ns)
        if unlikely(status != OK):
            message_fault(m, R_BIDS, status, NULL)
            return self.refuse_fault()
        if not e.touched:
            e.touched = True
            self.changed[self.changed_count] = entry
            self.changed_count += 1
        e.floor = m.last
        e.tainted = False
        if state != STATE_SYNCING:
            e.has_floor = True
            if not replace:
                e.phase = PHASE_CHAINED
        if unlikely(book.header.state != old):
            self.note(
                entry, old,
                "late: receive time minus event time is above max_lag" if state == STATE_STALE
                else "snapshot" if state == STATE_SYNCING
                else "bid at or above ask" if book.header.state == STATE_CROSSED
                else "uncrossed" if old == STATE_CROSSED
                else "message applied",
            )
        if unlikely(book.header.crossed_messages) and not replace and state != STATE_SYNCING and (
            book.header.crossed_messages >= CROSSED_MESSAGES
            or book.header.monotonic_ns - book.header.crossed_since_ns >= CROSSED_NS
        ):
            self.lose(entry, STATE_GAP, "crossed for too long: ghost levels")
        return OUT_APPLIED

    cdef int older(self, Py_ssize_t entry) except -1:
        """A message that the book is past already. Nothing else for a second makes the book STALE."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef BookHeader* h = (<Book>e.book).header
        cdef int64_t now_ns = csb_monotonic_ns()
        if not e.tainted:
            e.tainted = True
            e.ignored_since_ns = now_ns
        elif now_ns - e.ignored_since_ns >= OLDER_ONLY_NS and (h.state == STATE_LIVE or h.state == STATE_CROSSED):
            self.set_state(entry, STATE_STALE, "only older update ids for a second")
        return OUT_IGNORED

    cdef int wait(self, Py_ssize_t entry, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        """Keep a change until a snapshot comes. The buffer holds no gap: a break starts it anew."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef Message* m = self.message
        cdef list waiting = <list>self.buffers[entry]
        cdef bint has_previous = m.seen >> R_PREVIOUS & 1
        cdef int verdict
        if waiting:
            verdict = verdict_chain(e.buffered_last, m.first, m.last, m.previous, has_previous)
            if verdict == V_OLD:
                return OUT_IGNORED
            if verdict == V_LOST:
                waiting.clear()
        if not waiting:
            e.buffered_bytes = 0
        waiting.append((
            PyBytes_FromStringAndSize(data, size), receive_time_ns, m.first, m.last, m.previous, bool(has_previous)
        ))
        e.buffered_last = m.last
        e.buffered_bytes += size
        while len(waiting) > self.buffer_limit or e.buffered_bytes > BUFFER_BYTES:
            e.buffered_bytes -= len(<bytes>waiting[0][0])
            del waiting[0]
        if (<Book>e.book).header.state == STATE_EMPTY:
            self.set_state(entry, STATE_SYNCING, "waiting for a snapshot")
        return OUT_BUFFERED

    cdef int set_state(self, Py_ssize_t entry, int state, str why) except -1:
        cdef BookHeader* h = (<Book>self.directory.entries[entry].book).header
        cdef int old = h.state
        if old != state:
            book_set_state(h, state)
            self.note(entry, old, why)
        return 0

    cdef int note(self, Py_ssize_t entry, int old, str why) except -1:
        cdef Book book = <Book>self.directory.entries[entry].book
        self.moves.append((book, _STATES[old], _STATES[book.header.state], why))
        return 0

    cdef int lose(self, Py_ssize_t entry, int state, str why) except -1:
        """The book can no longer be trusted: GAP or STALE, levels kept, floor and buffer forgotten. EMPTY stays EMPTY."""
        cdef Entry* e = &self.directory.entries[entry]
        e.phase = PHASE_WAITING
        e.has_floor = False
        e.tainted = False
        (<list>self.buffers[entry]).clear()
        if (<Book>e.book).header.state != STATE_EMPTY:
            self.set_state(entry, state, why)
        return 0

    cdef int fuse(self) except -1:
        """The venue's own best bid and ask, beside the levels; an older one than the last is dropped."""
        cdef Message* m = self.message
        cdef Entry* e
        cdef BookHeader* h
        if m.entry < 0 or m.renamed:
            return 0
        e = &self.directory.entries[m.entry]
        if self.document is None:
            message_quote(m, e)
        else:
            document_quote(<Document>self.document, m, e)
        h = (<Book>e.book).header
        if m.quoted and m.last > h.quote_id:
            write_open(h)
            h.quote_id = m.last
            h.quote_time_ns = m.time_ns
            h.quote_bid, h.quote_bid_size, h.quote_ask, h.quote_ask_size = m.quote[0], m.quote[1], m.quote[2], m.quote[3]
            write_close(h)
            self.quotes += 1
        return 0

    # -- refusals -----------------------------------------------------------------------------------------------------

    cdef int refuse(self, int status, str text) except -1:
        """A payload that is no message, or a bad one: on a diff channel that is a lost change. Returns the outcome."""
        cdef Message* m = self.message
        cdef Py_ssize_t i
        if status == NO_MEMORY:
            raise MemoryError
        self.last_refusal = text
        if m.topic == TOPIC_OTHER or m.event >= EVENT_QUOTE or m.named and m.entry < 0:
            return OUT_REFUSED          # whatever it was, it was no change of ours
        for i in range(self.directory.count):
            if (m.entry < 0 or m.entry == i) and entry_sequenced(&self.directory.entries[i], self.table):
                self.lose(i, STATE_GAP, f"change refused: {self.last_refusal}")
        return OUT_REFUSED

    cdef str fault_text(self):
        """The first fault of the Message, in words."""
        cdef Message* m = self.message
        cdef str field = _FIELDS.get(m.fault_role, "")
        if m.fault_role == R_BIDS or m.fault_role == R_ASKS:
            field = parsed_field(field, m.fault_index, m.fault_part)
        return reason(m.fault, field, m.fault_at, m.fault_needed, None)

    cdef int refuse_fault(self) except -1:
        return self.refuse(self.message.fault, self.fault_text())

    cdef int finish(self, int outcome) except -1:
        self.tally[outcome] += 1
        return outcome

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
        for i in range(self.directory.count):
            if wanted is not None and i not in wanted:
                continue
            book = <Book>self.directory.entries[i].book
            book_forget_quote((<Book>book).header)
            self.lose(i, STATE_GAP if entry_sequenced(&self.directory.entries[i], self.table) else STATE_STALE, reason)

    def mark_stale(self, symbol, reason):
        """Silence was judged too long: LIVE and CROSSED become STALE, other states stay. True if it moved.

        Continuity is not broken by it: the next message that is applied clears it. Raises UsageError for an unknown symbol.
        """
        cdef Py_ssize_t entry = self.entry_named(symbol)
        cdef int state
        state = (<Book>self.directory.entries[entry].book).header.state
        if state != STATE_LIVE and state != STATE_CROSSED:
            return False
        self.set_state(entry, STATE_STALE, reason)
        return True

    def take_changed(self):
        """The books whose levels changed since the last call, each once, in the order of their first change."""
        cdef list books = []
        cdef Py_ssize_t i
        for i in range(self.changed_count):
            self.directory.entries[self.changed[i]].touched = False
            books.append(<object>self.directory.entries[self.changed[i]].book)
        self.changed_count = 0
        return books

    def take_moves(self):
        """The changes of state since the last call, in order: (book, old, new, reason)."""
        cdef list moves = self.moves
        if not moves:
            return []
        self.moves = []
        return moves

    def wants_snapshot(self):
        """The symbols with changes buffered that no snapshot has been found for. O(books)."""
        cdef Py_ssize_t i
        return [
            (<Book>self.directory.entries[i].book).symbol
            for i in range(self.directory.count)
            if self.directory.entries[i].phase == PHASE_WAITING and self.buffers[i]
        ]

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
