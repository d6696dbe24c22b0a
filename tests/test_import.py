"""Importing csbook is light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig

import pytest

PROBE = """
import sys, time
before = set(sys.modules)
start = time.perf_counter()
import csbook
took = time.perf_counter() - start
{then}
import json
print(json.dumps({{"ms": took * 1e3, "loaded": sorted(set(sys.modules) - before)}}))
"""


def probe(then: str = "") -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(then=then)], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_import_loads_nothing_heavy() -> None:
    seen = probe()
    roots = {name.partition(".")[0] for name in seen["loaded"]}
    assert "csbook" in roots
    assert not roots & {"numpy", "asyncio", "aiohttp", "picows"}
    print(f"import csbook took {seen['ms']:.1f} ms")


def test_a_book_is_used_without_numpy() -> None:
    """Views need numpy; levels, the touch and a Router do not."""
    seen = probe(
        "book = csbook.Book('BTCUSDT')\n"
        "router = csbook.Router('coinswitch', [book])\n"
        'router.feed(b\'{"lastUpdateId":1,"bids":[["1.5","2"]],"asks":[["1.6","3"]]}\')\n'
        "assert (book.best_bid, book.best_ask) == (1.5, 1.6)\n"
        "assert book.top().bid == 1.5 and book.vwap('BUY', 1.0) == (1.6, 1.0)\n"
        "assert book.digest() and book._check() is None"
    )
    roots = {name.partition(".")[0] for name in seen["loaded"]}
    assert not roots & {"numpy", "asyncio", "aiohttp", "picows"}


def test_the_public_names_are_there() -> None:
    seen = probe("assert csbook.errors.BadMessage is csbook.BadMessage")
    assert "csbook.errors" in seen["loaded"]


EVERYTHING = """
import pkgutil, sys
import csbook
assert not sys._is_gil_enabled()
for module in pkgutil.walk_packages(csbook.__path__, "csbook."):
    if not module.name.endswith("__main__"):
        __import__(module.name)
book = csbook.Book("BTCUSDT")
book.bid_prices
print(len([name for name in sys.modules if name.startswith("csbook.")]) > 30, sys._is_gil_enabled())
"""


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python has a GIL that stays on")
def test_nothing_of_csbook_switches_the_gil_on() -> None:
    """Not csbook's extensions, nor those of the packages that it imports."""
    surroundings = {key: value for key, value in os.environ.items() if key != "PYTHON_GIL"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EVERYTHING], env=surroundings, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "True False\n"), done.stderr
