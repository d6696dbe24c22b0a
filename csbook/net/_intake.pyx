# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: embedsignature=False, binding=False, auto_pickle=False
"""From WebSocket frames to the core, and from the core to the callbacks. Knows no transport and no picows.

* A burst is what one read of the socket brought. Its receive time is taken once, at its first frame; its books are
  handed to ``on_book`` once, at its last: newest state, never a backlog. Any frame may be the last, a ping too.
* A reader that cannot tell the last frame is covered: a burst of more than one frame also ends when the loop turns.
* Depth messages go to the router as a pointer. What the router hands back is copied once, for the line.
* Changes of state are told right after the frame that made them, before anything else happens.
* A message in fragments is put together up to 16 MiB; what breaks the protocol ends the connection.
"""

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_GET_SIZE, PyByteArray_Resize
from cpython.list cimport PyList_GET_SIZE
from libc.string cimport memcpy, memset

from csbook._core cimport OUT_APPLIED, OUT_BUFFERED, OUT_COLD, OUT_REFUSED, Router, csbook_check_abi

cdef extern from "port.h" nogil:
    int64_t csb_monotonic_ns()
    int64_t csb_realtime_ns()

csbook_check_abi()

MAX_MESSAGE = 16 * 1024 * 1024         # bytes, the payload limit of the core

cdef Py_ssize_t max_message = MAX_MESSAGE


cdef class Intake:
    def __init__(self, line, Router router, list callbacks not None, call_soon, int source=0):
        self.line = line
        self.source = source
        self.router = router
        self.callbacks = callbacks
        self.call_soon = call_soon
        self.partial = bytearray()
        memset(self.counts, 0, sizeof(self.counts))

    def reset(self):
        """A new connection: what the last one left half done is gone. The counters go on."""
        self.depth_ns = 0
        self.receive_ns = 0
        self.opcode = 0
        self.partial = bytearray()

    def flush(self):
        """End the burst that is open, if one is."""
        self.flush_pending = False
        if self.receive_ns != 0:
            self.finish()

    def publish(self):
        """Hand out the books that changed since the last burst; inside of one, its end will."""
        if self.receive_ns == 0:
            self.finish()

    def latencies(self):
        """How many messages fell into each bucket of wire to book, as a list; ``latency.percentile`` reads it."""
        cdef Py_ssize_t i
        return [self.counts[i] for i in range(LATENCY_BUCKETS)]

    cdef int take(self, int opcode, bint final, bint reserved, const char* data, Py_ssize_t size, bint last) except -1:
        if self.receive_ns == 0:
            self.receive_ns = csb_realtime_ns()
            self.started_ns = csb_monotonic_ns()
            self.heard_ns = self.started_ns
            self.bursts += 1
        if not last and not self.flush_pending:
            self.flush_pending = True
            self.call_soon(self.flush)
        if final and not reserved and self.opcode == 0 and (opcode == OP_TEXT or opcode == OP_BINARY):
            self.message(data, size)
        else:
            self.other(opcode, final, reserved, data, size)
        if last:
            self.finish()
        return 0

    def deliver(self, bytes payload not None):
        """A message that was found inside a framed conversation, while its frame is being read."""
        self.route(payload, len(payload))

    cdef int message(self, const char* data, Py_ssize_t size) except -1:
        self.messages += 1
        self.payload_bytes += <uint64_t>size
        if self.router is None or self.framed:
            self.line.cold(data[:size], self.receive_ns)
            return 0
        return self.route(data, size)

    cdef int route(self, const char* data, Py_ssize_t size) except -1:
        cdef int outcome
        cdef int64_t elapsed
        cdef int shift = 0
        cdef uint64_t quotes = self.router.quotes
        self.router.source = self.source
        outcome = self.router.feed_pointer(data, size, self.receive_ns)
        if outcome != OUT_COLD:
            self.depth_ns = self.started_ns
        if outcome == OUT_APPLIED:
            elapsed = csb_monotonic_ns() - self.started_ns
            if elapsed < 0:
                elapsed = 0
            while (elapsed >> shift) >= 32:
                shift += 1
            self.counts[shift * 16 + <Py_ssize_t>(elapsed >> shift)] += 1
        elif outcome == OUT_COLD:
            if not self.framed and self.router.quotes == quotes:    # a quote that was fused is nobody's news
                self.line.cold(data[:size], self.receive_ns)
        elif outcome == OUT_REFUSED:
            self.line.refused()
        elif outcome == OUT_BUFFERED:
            self.line.waiting()
        if PyList_GET_SIZE(self.router.moves) != 0:
            self.line.moved()
        return 0

    cdef int other(self, int opcode, bint final, bint reserved, const char* data, Py_ssize_t size) except -1:
        cdef bytearray whole
        if reserved:
            self.finish()
            self.line.violated(1002, "reserved bits are set, and no extension was agreed on")
        elif opcode == OP_PING:
            self.line.ping(data[:size])
        elif opcode == OP_PONG:
            pass
        elif opcode == OP_CLOSE:
            self.finish()
            if size >= 2:
                self.line.closed(<unsigned char>data[0] << 8 | <unsigned char>data[1], data[2:size])
            else:
                self.line.closed(1005, b"")
        elif (opcode == OP_CONTINUATION) != (self.opcode != 0):
            self.finish()
            self.line.violated(1002, "a fragment of no message" if opcode == OP_CONTINUATION
                               else "a message inside a fragmented one")
        elif PyByteArray_GET_SIZE(self.partial) + size > max_message:
            self.finish()
            self.line.violated(1009, f"a message in fragments exceeds {max_message} bytes")
        else:
            if opcode != OP_CONTINUATION:
                self.opcode = opcode
            self.append(data, size)
            if final:
                whole = self.partial
                self.partial = bytearray()
                self.opcode = 0
                self.message(PyByteArray_AS_STRING(whole), PyByteArray_GET_SIZE(whole))
        return 0

    cdef int append(self, const char* data, Py_ssize_t size) except -1:
        cdef Py_ssize_t held = PyByteArray_GET_SIZE(self.partial)
        if size > 0:
            PyByteArray_Resize(self.partial, held + size)
            memcpy(PyByteArray_AS_STRING(self.partial) + held, data, size)
        return 0

    cdef int finish(self) except -1:
        # A callback may close the feed, add callbacks or move states; everything is looked at afresh.
        self.receive_ns = 0
        if self.router is None or self.router.changed_count == 0:
            return 0
        for book in self.router.take_changed():
            self.fire(book)
        if PyList_GET_SIZE(self.router.moves) != 0:
            self.line.moved()
        return 0

    cdef int fire(self, object book) except -1:
        cdef Py_ssize_t i = 0
        while i < PyList_GET_SIZE(self.callbacks):
            callback = self.callbacks[i]
            i += 1
            try:
                callback(book)
            except Exception as error:
                self.line.failed(callback, error)
        return 0
