from __future__ import annotations

import subprocess
import sys
import warnings
from typing import TYPE_CHECKING, Any

import picows
import pytest

from csbook.net import reader
from csbook.net._buffer_reader import BufferReader
from scripted import depth

if TYPE_CHECKING:
    from conftest import Bench


listed = pytest.mark.skipif(picows.__version__ not in reader.SAME_LAYOUT, reason="this picows has another layout")


@listed
def test_the_installed_picows_is_read_by_pointer() -> None:
    name, made = reader.choose()
    assert name == "pointer"
    assert isinstance(made, type)
    assert issubclass(made, picows.WSListener)


@pytest.mark.parametrize("version", ["", "2.1.2", "1.18.0", "9.9.9"])
def test_another_layout_takes_the_buffer(version: str) -> None:
    assert reader.choose(version) == ("buffer", BufferReader)


def test_it_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSBOOK_READER", "buffer")
    assert reader.choose() == ("buffer", BufferReader)
    monkeypatch.setenv("CSBOOK_READER", "")
    assert reader.choose()[0] == ("pointer" if picows.__version__ in reader.SAME_LAYOUT else "buffer")


@pytest.mark.parametrize("failure", [RuntimeWarning("size changed"), ValueError("size changed"), ImportError("gone")])
def test_cythons_own_check_is_heeded(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listed version whose structs differ after all: the import raises or warns, and the safe reader runs."""

    class Finder:
        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "csbook.net._reader":
                if isinstance(failure, RuntimeWarning):
                    warnings.warn(failure, stacklevel=1)
                else:
                    raise failure

    monkeypatch.delitem(sys.modules, "csbook.net._reader", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert reader.choose("2.3.1") == ("buffer", BufferReader)


def test_the_safe_reader_does_not_need_the_fast_one() -> None:
    code = "import sys; import csbook.net._buffer_reader; sys.exit('csbook.net._reader' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_detached_reader_drops_what_still_comes(bench: Bench) -> None:
    bench.take(depth(5))
    bench.reader.detach()
    bench.take(depth(6))
    bench.reader.on_ws_disconnected(None)
    bench.reader.on_ws_connected(None)
    assert bench.notes.kinds() == ["moved", "book"]
    assert bench.book.sequence == 5


def test_the_life_of_a_connection(bench: Bench) -> None:
    bench.reader.on_ws_connected(None)
    bench.reader.on_ws_disconnected(None)
    assert bench.notes.told == [("connected", None), ("disconnected",)]
