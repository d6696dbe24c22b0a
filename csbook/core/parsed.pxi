# Levels from Python objects, as orjson or a caller gives them: the slow twin of read_levels, ending in the same scratch.
#
# A price or size is str, bytes, int, float (its shortest repr), Decimal or a numpy scalar; a side is an iterable of pairs
# or an (n, 2) array. Text goes through decimal_exact, so both ways refuse the same and round nothing. bool is no number.

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    bint PyFloat_CheckExact(object value)
    bint PyLong_CheckExact(object value)


cdef extern from *:
    """
    #if defined(Py_GIL_DISABLED)
    #  define csb_list_item PyList_GetItemRef
    #else
    static CYTHON_INLINE PyObject *csb_list_item(PyObject *list, Py_ssize_t at)
    {
        PyObject *item = PyList_GET_ITEM(list, at);
        Py_INCREF(item);
        return item;
    }
    #endif
    """
    object csb_list_item(object list, Py_ssize_t at)    # a list of the caller: another thread may change it


cdef inline int parsed_text(object value, const char** text, Py_ssize_t* size) except -1:
    """The bytes of an ASCII str, borrowed from it. 0: it has other characters."""
    cdef const char* found
    if not PyUnicode_IS_ASCII(value):
        return 0
    text[0] = <const char*>PyUnicode_DATA(value)
    size[0] = PyUnicode_GET_LENGTH(value)
    return 1


cdef int parsed_number(object value, int scale, int64_t* out, int* needed) except -1:
    """One number into `out`; returns a Status."""
    cdef const char* text = NULL
    cdef Py_ssize_t size = 0
    cdef object shown
    needed[0] = -1
    if PyUnicode_CheckExact(value):
        if not parsed_text(value, &text, &size):
            return BAD_NUMBER
        return decimal_exact(text, size, scale, out, needed)
    if PyBytes_CheckExact(value):
        return decimal_exact(PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), scale, out, needed)
    if isinstance(value, str):
        shown = str.__str__(value)
    elif isinstance(value, bool) or value is None:
        return BAD_TYPE
    elif isinstance(value, float):
        shown = float.__repr__(value)
    elif isinstance(value, int):
        if value.bit_length() > 64:
            return BAD_SIGN if value < 0 else TOO_LARGE
        shown = int.__repr__(value)
    elif isinstance(value, bytes):
        shown = bytes(value).decode("ascii", "replace")
    elif _is_decimal(value):
        shown = str(value)
    elif hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        shown = value.item()
        if not isinstance(shown, (int, float)) or isinstance(shown, bool):
            return BAD_TYPE
        shown = repr(shown)
    else:
        return BAD_TYPE
    if not parsed_text(shown, &text, &size):
        return BAD_NUMBER
    return decimal_exact(text, size, scale, out, needed)


cdef bint _is_decimal(object value) except -1:
    """decimal is imported only where somebody has already done so."""
    import sys
    module = sys.modules.get("decimal")
    return module is not None and isinstance(value, module.Decimal)


cdef inline int parsed_quick(object value, int scale, int64_t* out, int* needed) except -1:
    """parsed_number, with the common case - short ASCII text - taken on the spot."""
    cdef const char* text
    cdef const char* after
    cdef Py_ssize_t size
    if likely(PyUnicode_CheckExact(value) and PyUnicode_IS_ASCII(value)):
        text = <const char*>PyUnicode_DATA(value)
        size = PyUnicode_GET_LENGTH(value)
        after = decimal_quick(text, scale, out)     # a str ends in a zero byte
        if likely(after == text + size):
            return OK
    return parsed_number(value, scale, out, needed)


cdef int parsed_levels(
    object side, Levels* levels, int64_t mask, int price_scale, int size_scale, int* needed, Py_ssize_t* index, int* part
) except -1:
    """Fill `levels` from a side; returns a Status, and which level and part is wrong. May raise what iterating raises."""
    cdef int64_t price = 0, size = 0
    cdef int64_t before = INT64_MIN
    cdef Py_ssize_t n = 0, count = -1
    cdef bint ordered = True
    cdef int status
    cdef object rows = side, row, first, second
    levels.count = 0
    levels.zeros = 0
    levels.ordered = True
    index[0] = -1
    part[0] = -1
    needed[0] = -1
    if isinstance(side, (str, bytes, bytearray, dict)) or side is None:
        return BAD_TYPE
    if not PyList_CheckExact(rows):
        if hasattr(side, "tolist") and hasattr(side, "ndim"):
            if side.ndim != 2 and side.size or side.ndim == 2 and side.shape[1] != 2:
                return BAD_TYPE
            rows = side.tolist() if side.dtype.kind in "iufOUS" else None
            if rows is None:
                return BAD_TYPE
        else:
            try:
                rows = list(side)
            except TypeError:
                return BAD_TYPE
    count = PyList_GET_SIZE(rows)
    if count > MAX_LEVELS:
        return TOO_MANY
    if not levels_room(levels, count):
        return NO_MEMORY
    while n < count:
        index[0] = n
        row = csb_list_item(rows, n)
        if likely(PyList_CheckExact(row) and PyList_GET_SIZE(row) == 2):
            first = csb_list_item(row, 0)
            second = csb_list_item(row, 1)
        elif PyTuple_CheckExact(row) and PyTuple_GET_SIZE(row) == 2:
            first = <object>PyTuple_GET_ITEM(row, 0)
            second = <object>PyTuple_GET_ITEM(row, 1)
        else:
            if isinstance(row, (str, bytes, bytearray, dict, set, frozenset)) or not hasattr(row, "__len__") or len(row) != 2:
                return BAD_TYPE
            first, second = row
        part[0] = 0
        status = parsed_quick(first, price_scale, &price, needed)
        if unlikely(status != OK):
            return status
        part[0] = 1
        status = parsed_quick(second, size_scale, &size, needed)
        if unlikely(status != OK):
            return status
        if unlikely(price == 0):
            part[0] = 0
            return BAD_PRICE
        levels.prices[n] = price
        levels.sizes[n] = size
        levels.zeros += size == 0
        ordered &= (price ^ mask) > before
        before = price ^ mask
        n += 1
        # a number's own code could have changed the list
        if unlikely(PyList_GET_SIZE(rows) != count):
            return BAD_TYPE
    index[0] = -1
    part[0] = -1
    levels.count = n
    levels.ordered = ordered
    return OK


cdef str parsed_field(str side, Py_ssize_t index, int part):
    if index < 0:
        return side
    return f"{side}[{index}]" + (".price" if part == 0 else ".size" if part == 1 else "")
