# cython: language_level=3, boundscheck=False, wraparound=False
# cython: embedsignature=False, binding=False, auto_pickle=False
"""The safe reader: picows' frames through the buffer protocol and their Python attributes, whatever their layout.

About 0.2 us a frame slower than ``_reader``. It must never cimport picows: that would bind it to a layout.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer

from picows import WSListener

from csbook.net._intake cimport Intake


cdef int hand(Intake intake, frame) except -1:
    cdef Py_buffer view
    cdef bint reserved = frame.rsv1 or frame.rsv2 or frame.rsv3
    PyObject_GetBuffer(frame.get_payload_as_memoryview(), &view, PyBUF_SIMPLE)
    try:
        intake.take(int(frame.msg_type), frame.fin, reserved, <const char*>view.buf, view.len, frame.last_in_buffer)
    finally:
        PyBuffer_Release(&view)
    return 0


class BufferReader(WSListener):
    def __init__(self, Intake intake not None):
        self._intake = intake

    def detach(self):
        """The connection is given up: nothing that it still brings reaches the intake."""
        self._intake = None

    def on_ws_connected(self, transport):
        cdef Intake intake = self._intake
        if intake is not None:
            intake.line.connected(transport)

    def on_ws_frame(self, transport, frame):
        cdef Intake intake = self._intake
        if intake is not None:
            hand(intake, frame)

    def on_ws_disconnected(self, transport):
        cdef Intake intake = self._intake
        if intake is not None:
            intake.flush()
            intake.line.disconnected()
