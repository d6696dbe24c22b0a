"""The extensions of csbook, and what it needs at run time: all other metadata is in pyproject.toml.

orjson cannot be installed on free-threaded Python, and no marker of a requirement can say so: a build for it leaves
orjson out, and csbook.json does without.

One switch, the environment variable ``CSBOOK_BUILD``:

==========  ===================================================================
release     -O3, no assertions (the default)
debug       -O1 with line tracing, for coverage of the Cython sources
sanitize    -O1 with AddressSanitizer and UndefinedBehaviourSanitizer
fuzz        -O1 by clang with AddressSanitizer and libFuzzer's counters; what
            it writes goes to build/fuzz alone, nothing of it into the tree
==========  ===================================================================
"""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

BUILD = os.environ.get("CSBOOK_BUILD", "release")
MSVC = sys.platform == "win32"

FLAGS = {
    "release": ["/O2"] if MSVC else ["-O3", "-g0", "-fno-math-errno", "-fvisibility=hidden"],
    "debug": ["/Od"] if MSVC else ["-O1", "-g"],
    "sanitize": [
        "-O1",
        "-g",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
        "-fno-omit-frame-pointer",
        "-fno-wrapv",
    ],
    "fuzz": [
        "-O1",
        "-g1",
        "-fsanitize=address",  # each by itself: of a list zig takes what it likes
        "-fsanitize=undefined",
        "-fno-sanitize=function",  # Cython calls methods through pointers of other types
        "-fsanitize-trap=undefined",
        "-fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp",
        "-fno-omit-frame-pointer",
        "-fno-wrapv",
    ],
}
if BUILD not in FLAGS:
    sys.exit(f"CSBOOK_BUILD is {BUILD!r}; expected one of {', '.join(FLAGS)}")

MACROS: list[tuple[str, str | None]] = [("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")]
LINK: list[str] = []
if BUILD == "debug":
    MACROS += [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]
if BUILD == "sanitize":
    LINK = ["-fsanitize=address,undefined"]
if BUILD == "fuzz":
    # The runtimes of both are loaded with the interpreter that fuzzes (tests/fuzz/guided.py).
    os.environ["CC"] = f"{sys.executable} -m ziglang cc"
    os.environ["LDSHARED"] = f"{sys.executable} -m ziglang cc -shared"


REQUIRES = ["numpy>=1.26,<3", "orjson>=3.10,<4", "picows>=2.0,<3", "sortedcontainers>=2.4,<3"]
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    REQUIRES = [requirement for requirement in REQUIRES if not requirement.startswith("orjson")]


def extension(name: str, *, include_dirs: list[str]) -> Extension:
    path = name.replace(".", "/")
    return Extension(
        name,
        [f"{path}.pyx"],
        include_dirs=include_dirs,
        define_macros=MACROS,
        extra_compile_args=FLAGS[BUILD],
        extra_link_args=LINK,
        depends=sorted(str(path) for path in Path("csbook/core").glob("*.h")),
    )


setup(
    install_requires=REQUIRES,
    ext_modules=cythonize(
        [
            extension("csbook._core", include_dirs=[numpy.get_include(), "csbook/core"]),
            extension("csbook.wire._fields", include_dirs=[]),
            extension("csbook.wire._form", include_dirs=[]),
            extension("csbook.net._intake", include_dirs=["csbook/core"]),
            extension("csbook.net._reader", include_dirs=["csbook/core"]),
            extension("csbook.net._buffer_reader", include_dirs=["csbook/core"]),
        ],
        compiler_directives={"language_level": "3", "linetrace": BUILD == "debug", "freethreading_compatible": True},
        build_dir="build/fuzz/c" if BUILD == "fuzz" else None,
        force=BUILD != "release",
    ),
)
