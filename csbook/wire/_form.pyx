# cython: language_level=3, boundscheck=False, wraparound=False
# cython: embedsignature=False, binding=False, auto_pickle=False
"""Messages that look as others did that were found without fault: recognised field by field, and at little cost.

Nothing is judged here. A Form is what somebody else has judged: the keys of an object in their order, the type of each
value, and which texts are made of digits. ``Forms`` are those known at one place of a message.
"""

from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.tuple cimport PyTuple_GET_ITEM

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object)
    const unsigned char* PyUnicode_1BYTE_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)

KEPT = 8  # forms of one place, those that were learned last

cdef int kept = KEPT


cdef bint is_digits(str text):
    """Whether a text is not empty and has nothing but digits, points and minus signs."""
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text), at
    cdef const unsigned char* letters
    if size == 0 or not PyUnicode_IS_ASCII(text):
        return False
    letters = PyUnicode_1BYTE_DATA(text)
    for at in range(size):
        if not (c'0' <= letters[at] <= c'9' or letters[at] == c'-' or letters[at] == c'.'):
            return False
    return True


cdef class Form:
    cdef tuple keys
    cdef tuple types
    cdef tuple demands
    cdef Py_ssize_t size

    def __init__(self, tuple keys not None, tuple types not None, tuple demands not None):
        if not len(keys) == len(types) == len(demands):
            raise ValueError(f"a form of {len(keys)} keys, {len(types)} types and {len(demands)} demands")
        for demand in demands:
            if not (demand is None or demand is True or type(demand) is Forms):
                raise TypeError(f"a demand is {type(demand).__name__}; expected None, True or Forms")
        self.keys = keys
        self.types = types
        self.demands = demands
        self.size = len(keys)

    cdef bint fits(self, dict message) except -1:
        cdef Py_ssize_t at = 0
        if len(message) != self.size:
            return False
        for key, value in message.items():
            known = <object>PyTuple_GET_ITEM(self.keys, at)
            if key is not known and key != known:
                return False
            if type(value) is not <object>PyTuple_GET_ITEM(self.types, at):
                return False
            demand = <object>PyTuple_GET_ITEM(self.demands, at)
            if demand is not None:
                if demand is True:
                    if type(value) is not str or not is_digits(<str>value):
                        return False
                elif not (<Forms>demand).know(value):
                    return False
            at += 1
        return True


cdef class Forms:
    cdef list known
    cdef Py_ssize_t most

    def __init__(self, Py_ssize_t most=-1):
        self.known = []
        self.most = most

    def add(self, Form form not None):
        if form not in self.known:
            self.known.insert(0, form)
            del self.known[kept:]

    def fit(self, message):
        return self.know(message)

    cdef bint know(self, value) except -1:
        cdef Py_ssize_t at
        if self.most < 0:
            return self.one(value)
        if type(value) is not list:
            return False
        for at in range(min(PyList_GET_SIZE(value), self.most)):
            element = <object>PyList_GET_ITEM(value, at)
            if not self.one(element):
                return False
        return True

    cdef bint one(self, value) except -1:
        cdef Form form
        if type(value) is not dict:
            return False
        for form in self.known:
            if form.fits(<dict>value):
                return True
        return False
