# What a Message means for a book, and what then happens to it: the base of Router.
#
# `judge` decides on the Message alone, so the scanner's way and orjson's end alike. Levels change in `apply` only, and trust
# is lost in `lose` only; each change of state is noted in `moves`, in order, for whoever has to tell. Python objects are
# made where something is cold: a refusal, a change of state, a buffered change.

cdef dict _FIELDS = {
    R_TOPIC: "stream", R_EVENT: "event", R_SYMBOL: "symbol", R_FIRST: "first update id", R_LAST: "last update id",
    R_PREVIOUS: "previous update id", R_TIME: "event time", R_BIDS: "bids", R_ASKS: "asks",
    R_KIND: "type", R_CHANGE: "change", R_STAMP: "timestamp",
}


cdef class Judge:
    """Verdicts on messages. Not for use by itself: see Router."""

    def __init__(self, *args, **kwargs):
        if type(self) is Judge:
            raise TypeError("a Judge is a part of a Router")

    cdef int enter(self) except -1:
        """Come in alone, or raise UsageError; whoever came in leaves by csb_leave.

        The Message is scratch that every payload is read into, and the slow way runs Python code in the middle of it.
        """
        if unlikely(not csb_enter(&self.door)):
            self.occupied()
        return 0

    cdef int occupied(self) except -1:
        raise UsageError(f"this router of {self.venue!r} is in use: one thread at a time, and none from within a call of it")

    # -- reading

    cdef int read(self, const Table* table, const char* data, Py_ssize_t size) except -1:
        """Either way into the Message. OK, or the Status of what has been refused already."""
        cdef int status
        self.document = None
        self.message.scan.outer = 0
        if size > MAX_PAYLOAD:
            self.refused = error_at(TOO_LONG, "payload", -1, -1)
            return TOO_LONG
        status = message_scan(self.message, self.directory, table, data, size)
        if status == DECLINED:
            return self.read_document(table, data, size)
        if status != OK:
            self.refused = error_at(status, "", self.message.scan.at - data, -1)
        return status

    cdef int read_document(self, const Table* table, const char* data, Py_ssize_t size) except -1:
        """orjson's way into the Message. BAD_SYNTAX for a payload that is no JSON, with `refused` set."""
        self.declined += 1
        try:
            self.document = document_read(self.message, self.directory, table, PyBytes_FromStringAndSize(data, size))
        except ValueError as error:
            self.refused = BadMessage(str(error))
            return BAD_SYNTAX
        return OK

    # -- verdicts

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
        elif m.misnamed:
            return self.refuse_fault()
        else:
            self.unnamed += 1
            return OUT_COLD
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
                if channel == self.table.quote_channel and channel != CHANNEL_DIFF:
                    self.fuse()
                return OUT_COLD
        elif e.bound and e.channel == CHANNEL_UNKNOWN and channel == CHANNEL_DIFF:
            return OUT_COLD
        # is it whole?
        message_demand(m, self.table, channel)
        if unlikely(m.fault == OK and (m.bids_at != NULL or m.asks_at != NULL or self.document is not None)):
            message_levels(m, e, self.document)
        if m.change_at != NULL and m.fault == OK and channel == CHANNEL_DIFF:
            message_change(m, e, m.change_at, m.change_size)
        if unlikely(m.fault != OK):
            return self.refuse_fault()
        if e.bound and e.channel == CHANNEL_DIFF and snapshot:
            return self.judge_snapshot(entry, receive_time_ns)
        if not e.bound or e.channel == CHANNEL_UNKNOWN:
            e.bound = True
            e.channel = channel
        if self.table.rule == RULE_STREAM and channel != 1:
            return self.judge_stream(entry, data, size, receive_time_ns)
        if channel == CHANNEL_DIFF:
            return self.judge_change(entry, data, size, receive_time_ns)
        return self.judge_replace(entry, receive_time_ns)

    cdef int judge_stream(self, Py_ssize_t entry, const char* data, Py_ssize_t size, int64_t receive_time_ns) except -1:
        """Snapshots in the stream: each replaces the book and anchors; a change before one says nothing."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef Message* m = self.message
        cdef int verdict
        cdef int state = (<Book>e.book).header.state
        if m.kind == KIND_SNAPSHOT:
            # beside another connection that goes on, a snapshot may be older than the book; 1: the service restarted
            if self.live & (self.live - 1) and e.phase == PHASE_CHAINED and state != STATE_EMPTY and 1 < m.last <= e.floor:
                return self.older(entry)
            e.phase = PHASE_CHAINED
            verdict = self.apply(entry, True, STATE_LIVE, receive_time_ns)
            if unlikely(e.ahead != 0):
                self.catch_up(entry)
            return verdict
        if e.phase != PHASE_CHAINED or state == STATE_EMPTY:
            return OUT_IGNORED
        verdict = verdict_chain(e.floor, m.first, m.last, 0, False)
        if verdict == V_APPLY:
            verdict = self.apply(entry, False, STATE_LIVE, receive_time_ns)
            if unlikely(e.ahead != 0):
                self.catch_up(entry)
            return verdict
        if verdict == V_OLD:
            return self.older(entry)
        if self.may_come(entry):
            return self.wait(entry, data, size, receive_time_ns)
        self.gap(entry, f"gap: update id {e.floor}, then {m.last}")
        return OUT_GAP

    cdef int judge_replace(self, Py_ssize_t entry, int64_t receive_time_ns) except -1:
        """The whole visible book: not older than the last one, by the connection's floor."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef BookHeader* h = (<Book>e.book).header
        if e.has_floor and self.message.last < e.floor and h.state != STATE_EMPTY:
            if self.table.rule != RULE_STREAM or self.message.last != 1:    # Bybit's 1: the service restarted
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
                verdict = self.apply(entry, False, STATE_LIVE, receive_time_ns)
                if unlikely(e.ahead != 0):
                    self.catch_up(entry)
                return verdict
            if verdict == V_OLD:
                return self.older(entry)
            if self.may_come(entry):
                return self.wait(entry, data, size, receive_time_ns)
            self.gap(
                entry,
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
        if self.table.rule == RULE_REPLACE or e.bound and e.channel != CHANNEL_DIFF:
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
            start += 1
            self.replay(entry, <tuple>kept)
            if unlikely(e.phase != PHASE_CHAINED):
                self.buffers[entry] = waiting[start:]
                return OUT_GAP          # it could no longer be trusted on the way
        return OUT_APPLIED

    # -- the same streams over several connections: the first arrival wins, and what one lost another may bring

    cdef bint may_come(self, Py_ssize_t entry) noexcept:
        """A change lies beyond a hole: whether a connection is left that may still bring what is missing, in time."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef int64_t now_ns
        if self.live & (self.live - 1) == 0:
            return False
        now_ns = csb_monotonic_ns()
        if e.ahead == 0:
            e.ahead_since_ns = now_ns
        e.ahead |= <uint32_t>1 << (self.source & 31)
        return self.live & ~e.ahead != 0 and now_ns - e.ahead_since_ns < self.race_ns

    cdef int catch_up(self, Py_ssize_t entry) except -1:
        """The hole may be filled: what waited behind it is applied as far as it joins."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef list waiting = <list>self.buffers[entry]
        cdef Py_ssize_t i
        cdef int verdict
        self.buffers[entry] = []
        for i in range(len(waiting)):
            kept = <tuple>waiting[i]
            verdict = verdict_chain(e.floor, kept[2], kept[3], kept[4], kept[5])
            if verdict == V_LOST:
                self.buffers[entry] = waiting[i:]
                e.ahead &= ~(<uint32_t>1 << (self.source & 31))
                e.ahead_since_ns = csb_monotonic_ns()
                return 0
            if verdict == V_APPLY:
                self.replay(entry, kept)
                if unlikely(e.phase != PHASE_CHAINED):
                    break
        e.ahead = 0
        return 0

    cdef int replay(self, Py_ssize_t entry, tuple kept) except -1:
        """Apply a change that was kept."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef Message* m = self.message
        try:
            if self.read(self.table, <bytes>kept[0], len(<bytes>kept[0])) != OK:
                raise AssertionError("a buffered change can no longer be read")
            m.entry = entry
            message_levels(m, e, self.document)
            if m.change_at != NULL:
                message_change(m, e, m.change_at, m.change_size)
            return self.apply(entry, False, STATE_LIVE, kept[1])
        finally:
            self.document = None        # or its levels would be taken for the next message's

    cdef int gap(self, Py_ssize_t entry, str why) except -1:
        """The hole will not be filled: the book is in GAP, and what waited behind the hole waits for a snapshot."""
        cdef list waiting = <list>self.buffers[entry]
        self.buffers[entry] = []
        self.lose(entry, STATE_GAP, why)
        if self.table.rule != RULE_STREAM:
            self.buffers[entry] = waiting
        return 0

    # -- what happens to a book

    cdef int apply(self, Py_ssize_t entry, bint replace, int state, int64_t receive_time_ns) except -1:
        """The Message's levels into the book. The only place where a router changes levels."""
        cdef Entry* e = &self.directory.entries[entry]
        cdef Message* m = self.message
        cdef Book book = <Book>e.book
        cdef int old = book.header.state
        cdef int64_t quote_floor
        cdef int status
        if state == STATE_LIVE:
            state = settled_state(book.header, self.max_lag_ns, m.time_ns, receive_time_ns)
        if self.table.rule == RULE_SPLICE and (e.bounded or replace and state == STATE_SYNCING):
            message_bound(m, e, replace, state == STATE_SYNCING)
        with cython.critical_section(book):
            quote_floor = book.header.quote_floor
            if self.table.quote_channel != 0:
                # moved before the levels, so that no older quote meets them
                book.header.quote_floor = m.cross if m.cross > 0 else INT64_MAX
            if replace:
                status = book_replace(
                    book, &m.bids, &m.asks, state, m.last, m.time_ns, receive_time_ns, ticker_ns(&self.ticker),
                    state == STATE_SYNCING or self.table.rule == RULE_STREAM,
                )
            else:
                status = book_change(book, &m.bids, &m.asks, state, m.last, m.time_ns, receive_time_ns, ticker_ns(&self.ticker))
            if unlikely(status != OK):
                book.header.quote_floor = quote_floor
            elif unlikely(self.table.quote_channel != 0 and m.last == 1):
                book_forget_quote(book.header)  # the service restarted: what it said before is no longer comparable
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
        elif unlikely(e.bounded) and not replace and (
            e.bounded & 1 and book.header.bids.count == 0 or e.bounded & 2 and book.header.asks.count == 0
        ):
            self.lose(entry, STATE_GAP, "the market left the prices that its snapshot covered")
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
        cdef Book book = <Book>self.directory.entries[entry].book
        cdef int old = book.header.state
        if old != state:
            with cython.critical_section(book):
                book_set_state(book.header, state)
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
        e.ahead = 0
        (<list>self.buffers[entry]).clear()
        if (<Book>e.book).header.state != STATE_EMPTY:
            self.set_state(entry, state, why)
        return 0

    cdef int fuse(self) except -1:
        """The venue's own best bid and ask, beside the levels; an older one than the last is dropped."""
        cdef Message* m = self.message
        cdef Entry* e
        cdef Book book
        cdef BookHeader* h
        cdef int64_t number
        if m.entry < 0 or m.renamed:
            return 0
        e = &self.directory.entries[m.entry]
        if self.table.quote_channel != 0:
            message_levels(m, e, self.document)
            message_touch(m)
        elif self.document is None:
            message_quote(m, e, self.table)
        else:
            document_quote(<Document>self.document, m, e, self.table)
        book = <Book>e.book
        number = m.cross if self.table.quote_channel != 0 else m.last
        with cython.critical_section(book):
            h = book.header
            if m.quoted and number > h.quote_id:
                write_open(h)
                h.quote_id = number
                h.quote_time_ns = m.quote_time_ns if m.seen >> R_QUOTE_TIME & 1 else m.time_ns
                h.quote_bid, h.quote_bid_size, h.quote_ask, h.quote_ask_size = m.quote[0], m.quote[1], m.quote[2], m.quote[3]
                write_close(h)
                self.quotes += 1
        return 0

    # -- refusals

    cdef int refuse(self, int status, object error) except -1:
        """A payload that is no message, or a bad one: on a diff channel that is a lost change. Returns the outcome."""
        cdef Message* m = self.message
        cdef Py_ssize_t i
        if status == NO_MEMORY:
            raise MemoryError
        self.refused = error
        if m.topic == TOPIC_OTHER or m.event >= EVENT_QUOTE or m.named and m.entry < 0:
            return OUT_REFUSED          # whatever it was, it was no change of ours
        for i in range(self.directory.count):
            if (m.entry < 0 or m.entry == i) and self.concerns(&self.directory.entries[i]):
                self.lose(i, STATE_GAP, f"change refused: {error}")
        return OUT_REFUSED

    cdef bint concerns(self, const Entry* e) noexcept:
        """Whether a message that could not be read may have been a change of this book."""
        cdef Message* m = self.message
        if m.topic == TOPIC_DEPTH and e.bound and e.channel != CHANNEL_UNKNOWN and m.channel != e.channel:
            return False
        return entry_sequenced(e, self.table)

    cdef object fault_error(self):
        """The first fault of the Message, as an exception."""
        cdef Message* m = self.message
        cdef str field = _FIELDS.get(m.fault_role, "")
        if m.fault_role == R_BIDS or m.fault_role == R_ASKS:
            field = parsed_field(field, m.fault_index, m.fault_part)
        return error_at(m.fault, field, m.fault_at, m.fault_needed)

    cdef int refuse_fault(self) except -1:
        return self.refuse(self.message.fault, self.fault_error())
