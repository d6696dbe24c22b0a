# What this build is, for bug reports and benchmarks.

LAYOUT = CSBOOK_LAYOUT

cdef extern from *:
    """
    #if defined(__clang__)
    #  define CSB_COMPILER "clang " __clang_version__
    #elif defined(__GNUC__)
    #  define CSB_COMPILER "gcc " __VERSION__
    #elif defined(_MSC_VER)
    #  define CSB_COMPILER "msvc"
    #else
    #  define CSB_COMPILER "unknown"
    #endif
    #define CSB_TEXT_OF(x) #x
    #define CSB_TEXT(x) CSB_TEXT_OF(x)
    #define CSB_CYTHON CSB_TEXT(CYTHON_HEX_VERSION)
    #if defined(__SANITIZE_ADDRESS__)
    #  define CSB_SANITIZED 1
    #elif defined(__has_feature)
    #  if __has_feature(address_sanitizer)
    #    define CSB_SANITIZED 1
    #  endif
    #endif
    #if !defined(CSB_SANITIZED)
    #  define CSB_SANITIZED 0
    #endif
    """
    const char* CSB_COMPILER
    int CSB_SANITIZED
    const char* _CYTHON "CSB_CYTHON"


def build_info():
    """How the core was built and what it runs, as a dict of plain values."""
    from csbook import __version__
    return {
        "version": __version__,
        "layout": CSBOOK_LAYOUT,
        "header_size": sizeof(BookHeader),
        "scanner": _scanner(),
        "counter": bool(_counter_steady),
        "compiler": CSB_COMPILER.decode("ascii", "replace"),
        "sanitized": bool(CSB_SANITIZED),
        "cython": _CYTHON.decode("ascii"),
        "max_levels": MAX_LEVELS,
        "max_payload": MAX_PAYLOAD,
        "max_nesting": MAX_NESTING,
    }
