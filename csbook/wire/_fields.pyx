# cython: language_level=3, boundscheck=False, wraparound=False
# cython: embedsignature=False, binding=False, auto_pickle=False
"""The fields that an account's messages are full of: decimals, symbols, words, times. See ``fields``, which has the others.

What was read lately is remembered, text -> value: the prices, sizes and symbols of an account come again and again.
"""

import re
from decimal import Decimal

from csbook.errors import BadMessage

cdef extern from "Python.h":
    bint PyUnicode_IS_ASCII(object)
    const unsigned char* PyUnicode_1BYTE_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)

KEPT = 4096    # numbers, and symbols
LONGEST = 256  # characters of an identifier or a word

cdef object full_decimal = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?", re.ASCII).fullmatch
cdef object full_symbol = re.compile(r"[A-Za-z0-9_/.:-]{1,31}", re.ASCII).fullmatch
cdef object make_decimal = Decimal
cdef dict numbers = {}
cdef dict symbols = {}
cdef Py_ssize_t kept = KEPT
cdef Py_ssize_t longest = LONGEST
cdef object latest_ms = (2**63 - 1) // 1_000_000
cdef object highest = 2**63 - 1
cdef object lowest_word = -(2**63)
cdef object highest_word = 2**64 - 1
cdef object ns_of_ms = 1_000_000


class FloatFound(Exception):
    """A decimal came as a JSON number: read the message again with load_exact."""


cdef inline object value_of(message, key):
    return (<dict>message).get(key) if type(message) is dict else message.get(key)


def bad(message, key, str expected):
    got = repr(message[key]) if key in message else "nothing"
    if len(got) > 60:
        got = f"{got[:57]}..."
    return BadMessage(f"{kind_of(message)}: field {key!r} is {got}; expected {expected}", field=key)


cdef str kind_of(message):
    kind, name = message.get("e"), message.get("s", message.get("symbol"))
    said = kind if isinstance(kind, str) else "a row"
    return f"{said[:60]} of {name[:31]}" if isinstance(name, str) else said[:60]


def remembered():
    """How many numbers and how many symbols are remembered, at most KEPT of each."""
    return len(numbers), len(symbols)


cdef bint is_plain(str text):
    """Whether a text is a decimal number without an exponent: what the pattern says of most of them, sooner."""
    cdef Py_ssize_t size = PyUnicode_GET_LENGTH(text), at = 0, began
    cdef const unsigned char* letters
    if not PyUnicode_IS_ASCII(text):
        return False
    letters = PyUnicode_1BYTE_DATA(text)  # a zero stands behind the last one
    if letters[0] == c'-':
        at = 1
    began = at
    while c'0' <= letters[at] <= c'9':
        at += 1
    if not 1 <= at - began <= 30:
        return False
    if at < size and letters[at] == c'.':
        at += 1
        began = at
        while c'0' <= letters[at] <= c'9':
            at += 1
        if not 1 <= at - began <= 30:
            return False
    return at == size


cdef object new_decimal(message, key, value, bint positive):
    if type(value) is str:
        if not is_plain(<str>value) and full_decimal(value) is None:
            raise no_decimal(message, key, positive)
        number = make_decimal(value)
        if len(numbers) >= kept:
            numbers.clear()
        numbers[value] = number
        return number
    if isinstance(value, float):
        raise FloatFound
    if isinstance(value, bool) or not isinstance(value, (str, int, make_decimal)) or full_decimal(str(value)) is None:
        raise no_decimal(message, key, positive)
    return make_decimal(value)


cdef object no_decimal(message, key, bint positive):
    return bad(message, key, "a decimal number above 0, as text" if positive else "a decimal number, as text")


def decimal(message, key, *, bint positive=False):
    value = value_of(message, key)
    number = numbers.get(value) if type(value) is str else None
    if number is None:
        number = new_decimal(message, key, value, positive)
    if positive and number <= 0:
        raise no_decimal(message, key, positive)
    return number


def maybe_decimal(message, key):
    value = value_of(message, key)
    if value is None:
        return None
    number = numbers.get(value) if type(value) is str else None
    return new_decimal(message, key, value, False) if number is None else number


def integer(message, key):
    value = value_of(message, key)
    if type(value) is not int or not 0 <= value <= highest:
        raise bad(message, key, "a whole number of at least 0")
    return value


def time_ns(message, key):
    value = value_of(message, key)
    if type(value) is not int or not 0 <= value <= latest_ms:
        raise bad(message, key, "milliseconds since the epoch")
    return value * ns_of_ms


def symbol(message, key="s"):
    value = value_of(message, key)
    known = symbols.get(value) if type(value) is str else None
    if known is not None:
        return known
    if not isinstance(value, str) or not full_symbol(value):
        raise bad(message, key, "a symbol")
    if len(symbols) >= kept:
        symbols.clear()
    return symbols.setdefault(value, value.upper())


def word(message, key):
    value = value_of(message, key)
    if type(value) is str and len(<str>value) <= longest:
        return value
    if value is None:
        return ""
    if type(value) is not int or not lowest_word <= value <= highest_word:
        raise bad(message, key, f"text of at most {longest} characters, or a whole number")
    return str(value)
