"""A third party's extension against the shipped .pxd: it compiles without numpy, reads the block, and is refused at
import when it was built against another layout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import csbook

PACKAGE = Path(csbook.__file__).resolve().parent
TIMEOUT = 110

READER = """
# cython: language_level=3
from libc.stdint cimport int64_t, uint64_t
from csbook._core cimport (
    Book, BookHeader, Touch, csbook_age_ns, csbook_ask_prices, csbook_ask_sizes, csbook_bid_prices, csbook_bid_sizes,
    csbook_check_abi, csbook_layout, csbook_levels, csbook_touch, CSBOOK_LAYOUT, STATE_LIVE,
)

csbook_check_abi()


def touch(Book book):
    cdef Touch seen
    cdef int failed
    with nogil:
        failed = csbook_touch(book.header, &seen)
    if failed:
        raise RuntimeError("a writer never let go")
    return (seen.bid, seen.bid_size, seen.ask, seen.ask_size, seen.bid_levels, seen.ask_levels, seen.sequence,
            seen.event_time_ns, seen.receive_time_ns, seen.state == STATE_LIVE, seen.price_decimals, seen.size_decimals,
            seen.updates)


def header(Book book):
    cdef const BookHeader* head = book.header
    return {
        "magic": (<const char*>&head.magic)[:8], "layout": head.layout, "kind": head.kind,
        "header_size": head.header_size, "size": sizeof(BookHeader), "symbol": <bytes>head.symbol, "lock": head.lock,
        "block_size": head.block_size, "sequence": head.sequence, "aligned": <uint64_t>head % 64 == 0,
        "bids": head.bids.count, "asks": head.asks.count, "slots": head.slots,
        "inside": all([at + 8 * head.slots <= head.block_size for at in
                       (head.bids.prices, head.bids.sizes, head.asks.prices, head.asks.sizes)]),
        "offsets": all([at >= head.header_size and at % 8 == 0 for at in
                        (head.bids.prices, head.bids.sizes, head.asks.prices, head.asks.sizes)]),
    }


def levels(Book book):
    cdef const BookHeader* head = book.header
    cdef const int64_t* prices = csbook_bid_prices(head)
    cdef const int64_t* sizes = csbook_bid_sizes(head)
    bids = [(prices[at], sizes[at]) for at in range(head.bids.count)]
    prices, sizes = csbook_ask_prices(head), csbook_ask_sizes(head)
    return bids, [(prices[at], sizes[at]) for at in range(head.asks.count)]


def by_offset(Book book):
    cdef const BookHeader* head = book.header
    cdef const int64_t* prices = <const int64_t*>(<const char*>head + head.bids.prices) + head.bids.head
    return [prices[at] for at in range(head.bids.count)]


def age(Book book):
    return csbook_age_ns(book.header)


def ordered(Book book, bint asks, int64_t wanted):
    cdef int64_t[1000] prices
    cdef int64_t[1000] sizes
    cdef int64_t count = csbook_levels(book.header, asks, min(wanted, 1000), prices, sizes)
    return [(prices[at], sizes[at]) for at in range(count)], csbook_bid_prices(book.header) == NULL


def across_growth(Book book, grow):
    cdef const BookHeader* old = book.header
    cdef Touch seen
    before = csbook_touch(old, &seen)
    grow()
    return before, csbook_touch(old, &seen), csbook_touch(book.header, &seen), book.header != old
"""

CHECKER = """
# cython: language_level=3
from csbook._core cimport csbook_check_abi

csbook_check_abi()
"""

SETUP = """
import sys
from Cython.Build import cythonize
from setuptools import Extension, setup

name, include = sys.argv.pop(1), sys.argv.pop(1)
setup(
    name=name,
    ext_modules=cythonize([Extension(name, [name + ".pyx"], extra_compile_args=sys.argv.pop(1).split())],
                          include_path=[include]),
)
"""


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(folder), str(PACKAGE.parent)]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip


def build(folder: Path, name: str, source: str, include: Path) -> None:
    """Compile a third party's source in a folder of its own; skips the test where no compiler is installed."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "").split()
    if compiler and shutil.which(compiler[0]) is None:
        pytest.skip(f"needs a C compiler, and there is no {compiler[0]}")
    folder.joinpath(f"{name}.pyx").write_text(source, encoding="utf-8")
    folder.joinpath("setup.py").write_text(SETUP, encoding="utf-8")
    flags = "" if sys.platform == "win32" else "-O0"
    done = run(["setup.py", name, str(include), flags, "-q", "build_ext", "--inplace"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    made = list(folder.glob(f"{name}.*{sysconfig.get_config_var('EXT_SUFFIX').rpartition('.')[2]}"))
    assert made, "nothing was built"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("third_party")
    build(folder, "their_reader", READER, PACKAGE.parent)
    return folder


USE = """
import sys
import csbook, their_reader
book = csbook.Book("BTCUSDT", price_decimals=2, size_decimals=3, capacity=2)
assert their_reader.age(book) == -1
bids, asks = [["100.5", "1"], ["100.4", "2"]], [["100.6", "4"]]
book.apply_snapshot(bids, asks, sequence=7, event_time_ns=11, receive_time_ns=12)
assert their_reader.touch(book) == (10050, 1000, 10060, 4000, 2, 1, 7, 11, 12, True, 2, 3, book.updates)
assert their_reader.levels(book) == ([(10050, 1000), (10040, 2000)], [(10060, 4000)])
assert their_reader.age(book) >= 0
for price in range(1, 300):
    book.apply_delta([[str(price / 4), "1"]], [[str(200 + price), "1"]], sequence=price)
    bids, asks = their_reader.levels(book)
    assert their_reader.by_offset(book) == [bid for bid, _ in bids]
    assert len(bids) == 2 + price and bids == sorted(bids, reverse=True) and asks == sorted(asks)
head = their_reader.header(book)
assert head["magic"] == b"CSBOOK\\0\\0", head
assert head["layout"] == csbook.build_info()["layout"] and head["kind"] == 0
assert head["header_size"] == head["size"] and head["size"] % 64 == 0 and head["aligned"]
assert head["symbol"] == b"BTCUSDT" and head["lock"] % 2 == 0 and head["lock"] > 0
assert head["bids"] == 301 and head["asks"] == 300 and head["slots"] >= 301
assert head["inside"] and head["offsets"]
book.clear("a test")
assert their_reader.levels(book) == ([], []) and their_reader.touch(book)[4:6] == (0, 0)
one = csbook.Book("ETHUSDT", price_decimals=0, size_decimals=0, capacity=2)
one.apply_snapshot([[10, 1]], [[11, 1]])
more = [[price, 1] for price in range(20, 90)]
assert their_reader.across_growth(one, lambda: one.apply_delta([], more)) == (0, -1, 0, True)
assert their_reader.ordered(one, True, 3) == ([(11, 1), (20, 1), (21, 1)], False)
router = csbook.Router("binance", one)
rows = [[str(1000 + i), "5"] for i in range(300)]
snapshot = '{"lastUpdateId":1,"bids":[["7","3"]],"asks":%s}' % str(rows).replace("'", '"')
router.feed_snapshot("ETHUSDT", snapshot.encode())
asks, is_ladder = their_reader.ordered(one, True, 1000)
assert is_ladder and asks == list(zip(range(1000, 1300), [5] * 300))
assert their_reader.ordered(one, False, 9) == ([(7, 3)], True) and their_reader.touch(one)[:4] == (7, 3, 1000, 5)
heavy = {name.partition(".")[0] for name in sys.modules} & {"numpy", "picows", "asyncio", "aiohttp"}
assert not heavy, heavy
print("read")
"""


def test_a_third_party_reads_a_book(reader: Path) -> None:
    done = run(["-c", USE], reader)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr
    assert "numpy" not in (reader / "their_reader.c").read_text(encoding="utf-8").lower()


DOCTORED = {
    "another version": ("CSBOOK_LAYOUT = ", "CSBOOK_LAYOUT = 1000 + "),
    "a longer header": ("    uint64_t spare[6]\n", "    uint64_t spare[15]\n"),
    "a longer touch": ("    int64_t ask_levels\n", "    int64_t ask_levels\n    int64_t another\n"),
}


@pytest.mark.parametrize("how", DOCTORED)
def test_another_layout_is_refused_at_import(tmp_path: Path, how: str) -> None:
    """The consumer was compiled against declarations that the running core does not have.

    A Touch is also part of an object of the core, so that Cython's own check of object sizes may speak first.
    """
    before, after = DOCTORED[how]
    text = (PACKAGE / "_core.pxd").read_text(encoding="utf-8")
    assert text.count(before) == 1
    wrong = tmp_path / "wrong" / "csbook"
    wrong.mkdir(parents=True)
    (wrong / "__init__.pxd").write_text("", encoding="utf-8")
    (wrong / "_core.pxd").write_text(text.replace(before, after), encoding="utf-8")
    build(tmp_path, "their_checker", CHECKER, wrong.parent)
    use = (
        "import csbook.errors\n"
        "try:\n    import their_checker\n"
        "except csbook.errors.AbiError as error:\n    print('refused', isinstance(error, ImportError), error)\n"
        "except ValueError as error:\n    print('incompatible', error)"
    )
    done = run(["-c", use], tmp_path)
    assert done.returncode == 0, done.stderr
    if how == "a longer touch" and "size changed" in done.stdout:
        return
    assert done.stdout.startswith("refused True"), done.stdout + done.stderr
    assert "layout" in done.stdout


def test_the_right_layout_is_not_refused(tmp_path: Path) -> None:
    """The twin of the above: the same checker against the real declarations."""
    build(tmp_path, "their_checker", CHECKER, PACKAGE.parent)
    done = run(["-c", "import their_checker; print('fine')"], tmp_path)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr
