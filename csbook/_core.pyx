# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=False, binding=False, auto_pickle=False
"""The compiled core: exact books, the router that feeds them, and nothing that waits.

One translation unit; the parts stand in the order in which data flows. Every part opens with its own rules.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.float cimport PyFloat_AsDouble
from cpython.list cimport PyList_CheckExact, PyList_GET_SIZE
from cpython.ref cimport Py_INCREF, PyObject
from cpython.tuple cimport PyTuple_CheckExact, PyTuple_GET_ITEM, PyTuple_GET_SIZE
from cpython.unicode cimport PyUnicode_CheckExact
from libc.math cimport NAN, ceil, floor, isfinite
from libc.stdint cimport INT64_MAX, INT64_MIN, UINT64_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

from csbook.errors import BadMessage, PrecisionError, UsageError
from csbook.types import Outcome, Side, State

include "core/status.pxi"
include "core/ticker.pxi"
include "core/decimal.pxi"
include "core/scan.pxi"
include "core/tables.pxi"
include "core/directory.pxi"
include "core/message.pxi"
include "core/side.pxi"
include "core/ladder.pxi"
include "core/parsed.pxi"
include "core/block.pxi"
include "core/analytics.pxi"
include "core/top.pxi"
include "core/book.pxi"
include "core/views.pxi"
include "core/own.pxi"
include "core/document.pxi"
include "core/envelope.pxi"
include "core/sequence.pxi"
include "core/judge.pxi"
include "core/router.pxi"
include "core/build.pxi"

__all__ = ["Book", "Router", "Top", "build_info"]
