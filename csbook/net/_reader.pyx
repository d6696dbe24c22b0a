# cython: language_level=3, boundscheck=False, wraparound=False
# cython: embedsignature=False, binding=False, auto_pickle=False
"""The fast reader: picows' frames by pointer. One of the two files that touch them; ``_buffer_reader`` is the other.

The cimport binds this module to the struct layout of the picows that it was built with, and a wrong layout crashes
without a warning. ``reader.py`` therefore imports it only where the installed picows is known to have that layout.
"""

from picows.picows cimport WSFrame, WSListener, WSTransport

from csbook.net._intake cimport Intake


cdef class PointerReader(WSListener):
    cdef Intake intake                  # None: detached, frames that still come are dropped

    def __init__(self, Intake intake not None):
        self.intake = intake

    def detach(self):
        """The connection is given up: nothing that it still brings reaches the intake."""
        self.intake = None

    cpdef on_ws_connected(self, WSTransport transport):
        cdef Intake intake = self.intake
        if intake is not None:
            intake.line.connected(transport)

    cpdef on_ws_frame(self, WSTransport transport, WSFrame frame):
        cdef Intake intake = self.intake
        if intake is not None:
            intake.take(frame.msg_type, frame.fin, frame.rsv1 | frame.rsv2 | frame.rsv3,
                        frame.payload_ptr, frame.payload_size, frame.last_in_buffer)

    cpdef on_ws_disconnected(self, WSTransport transport):
        cdef Intake intake = self.intake
        if intake is not None:
            intake.flush()
            intake.line.disconnected()
