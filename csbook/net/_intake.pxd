# What a reader needs to hand frames to an intake. One Intake serves a stream over all its connections.

from libc.stdint cimport int64_t, uint64_t

from csbook._core cimport Router

cdef enum:
    OP_CONTINUATION = 0
    OP_TEXT = 1
    OP_BINARY = 2
    OP_CLOSE = 8
    OP_PING = 9
    OP_PONG = 10

    LATENCY_BUCKETS = 1024

cdef class Intake:
    cdef Router router                  # None: no depth messages on this stream, all are cold
    cdef object line                    # the Line that cold things are told to
    cdef list callbacks                 # of on_book; shared, read afresh for every book
    cdef object call_soon               # of the loop
    cdef readonly int source            # which of the connections that share the router this is
    cdef public bint framed             # frames are pieces of a conversation: none goes to the router by itself
    cdef bint flush_pending
    cdef int64_t receive_ns             # wall time of the read that brought the burst; 0: between bursts
    cdef int64_t started_ns             # the same moment by the monotonic clock
    cdef int opcode                     # of the message that is being reassembled; 0: none
    cdef bytearray partial
    cdef readonly int64_t heard_ns      # monotonic time of the last burst; 0: none yet
    cdef readonly int64_t depth_ns      # the same of the last depth message of this connection, whatever became of it; 0: none
    cdef readonly uint64_t messages     # data messages, whole
    cdef readonly uint64_t payload_bytes
    cdef readonly uint64_t bursts
    cdef uint64_t counts[1024]          # of LATENCY_BUCKETS: see latency.py

    # One frame, in the order of the wire. `size` bytes at `data` are valid during the call.
    cdef int take(self, int opcode, bint final, bint reserved, const char* data, Py_ssize_t size, bint last) except -1
    cdef int route(self, const char* data, Py_ssize_t size) except -1
    cdef int message(self, const char* data, Py_ssize_t size) except -1
    cdef int other(self, int opcode, bint final, bint reserved, const char* data, Py_ssize_t size) except -1
    cdef int append(self, const char* data, Py_ssize_t size) except -1
    cdef int finish(self) except -1
    cdef int fire(self, object book) except -1
