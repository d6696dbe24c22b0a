# Arrays of a side for numpy: the only part that knows numpy's C interface, and it asks for it on the first view.
#
# A Mirror owns plain memory. A view is a read-only ndarray whose base is a Mirror, so it never reads freed memory,
# whatever becomes of the book. A mirror is filled at the first read after an update and then shared by all views of that
# array: a view shows the last read, `copy()` keeps it. An unchanged length gives the same ndarray object again.

cdef extern from "numpy/arrayobject.h" nogil:
    ctypedef Py_ssize_t npy_intp
    int NPY_FLOAT64
    int NPY_INT64
    int NPY_ARRAY_C_CONTIGUOUS
    int NPY_ARRAY_ALIGNED

cdef extern from "numpy/arrayobject.h":
    int _import_array() except -1
    ctypedef struct PyArrayObject:
        pass
    object PyArray_New(
        type subtype, int nd, npy_intp* dims, int type_num, npy_intp* strides, void* data, int itemsize, int flags,
        object obj
    )
    object PyArray_SimpleNew(int nd, npy_intp* dims, int type_num)
    void* PyArray_DATA(PyArrayObject* array)
    int PyArray_SetBaseObject(PyArrayObject* array, PyObject* base) except -1

cdef object _ndarray = None             # numpy.ndarray once numpy is loaded


cdef int numpy_ready() except -1:
    global _ndarray
    if _ndarray is None:
        _import_array()
        import numpy
        _ndarray = numpy.ndarray
    return 0


@cython.final
cdef class Mirror:
    """The memory behind a view."""
    cdef void* data
    cdef Py_ssize_t room

    def __cinit__(self, Py_ssize_t room):
        self.data = malloc(max(room, <Py_ssize_t>1) * sizeof(int64_t))
        if self.data == NULL:
            raise MemoryError
        self.room = room

    def __dealloc__(self):
        free(self.data)

    def __sizeof__(self):
        return object.__sizeof__(self) + self.room * sizeof(int64_t)


cdef object mirror_view(Mirror mirror, int64_t count, int type_num):
    cdef npy_intp length = count
    cdef object array = PyArray_New(
        <type>_ndarray, 1, &length, type_num, NULL, mirror.data, 0, NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED, None
    )
    cdef PyObject* base = <PyObject*>mirror
    Py_INCREF(mirror)                   # PyArray_SetBaseObject takes this reference
    PyArray_SetBaseObject(<PyArrayObject*><PyObject*>array, base)
    return array


cdef object book_view(Book book, int which):
    """which: 0..3 bid prices, bid sizes, ask prices, ask sizes as float64; 4..7 the same as int64. O(n) after an update.

    Whatever makes a Python object may let another thread in: it is done first, and the rest in one go.
    """
    cdef BookHeader* h
    cdef SideRef side
    cdef const int64_t* source
    cdef int64_t count, i
    cdef uint64_t version
    cdef double scale
    cdef double* floats
    cdef Mirror mirror
    cdef object view
    while True:
        h = book.header
        version = h.updates + 1
        if likely(book.versions[which] == version):
            return book.views[which]
        if book.views is None:
            numpy_ready()
            if book.views is None:
                book.views = [None] * 16    # eight views, eight mirrors
            continue
        count = h.bids.count if which & 2 == 0 else h.asks.count
        mirror = <Mirror>book.views[which + 8]
        if mirror is None or mirror.room < count:
            mirror = Mirror(max(count + count // 4, <int64_t>24))
            book.views[which] = None
            book.views[which + 8] = mirror
            continue
        view = book.views[which]
        if view is None or book.lengths[which] != count:
            view = mirror_view(mirror, count, NPY_FLOAT64 if which < 4 else NPY_INT64)
            if book.views[which + 8] is not mirror or book.header.updates + 1 != version:
                continue
        side = book_flat(book, which & 2 != 0, count)
        source = (side.sizes if which & 1 else side.prices) + side.header.head
        if which < 4:
            scale = book.size_scale if which & 1 else book.price_scale
            floats = <double*>mirror.data
            for i in range(count):
                floats[i] = <double>source[i] / scale
        else:
            memcpy(mirror.data, source, count * sizeof(int64_t))
        book.versions[which] = version
        book.lengths[which] = count
        book.views[which] = view
        return view


cdef object side_pairs(Book book, bint asks, object levels):
    """A float64 (n, 2) array of its own: price and size, best first. O(n)."""
    cdef SideRef s
    cdef int64_t count, wanted = INT64_MAX
    cdef npy_intp[2] shape
    cdef double* out
    cdef int64_t i
    if levels is not None:
        _integer(levels, "levels", 0, INT64_MAX, &wanted)
    numpy_ready()
    shape[1] = 2
    while True:
        count = min(book.header.asks.count if asks else book.header.bids.count, wanted)
        shape[0] = count
        array = PyArray_SimpleNew(2, shape, NPY_FLOAT64)
        if min(book.header.asks.count if asks else book.header.bids.count, wanted) == count:
            break                       # nobody was let in meanwhile
    s = book_flat(book, asks, count)
    out = <double*>PyArray_DATA(<PyArrayObject*><PyObject*>array)
    for i in range(count):
        out[2 * i] = <double>s.prices[s.header.head + i] / book.price_scale
        out[2 * i + 1] = <double>s.sizes[s.header.head + i] / book.size_scale
    return array
