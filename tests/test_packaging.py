"""What a wheel carries, what the extras bring, and that an sdist is whole."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "setup.py").exists():
    pytest.skip("inspects the source tree", allow_module_level=True)

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
DATA: dict[str, list[str]] = PROJECT["tool"]["setuptools"]["package-data"]

# Other engines and libraries that csbook is measured or judged against; a user never gets one by way of csbook.
PEERS = {
    "ccxt", "cryptofeed", "hftbacktest", "mm-toolbox", "msgspec", "nautilus-trader", "order-book", "simdjson",
    "pysimdjson", "websockets",
}  # fmt: skip
TOOLS = {"build", "cython", "hypothesis", "mypy", "pytest", "ruff", "setuptools"}


def bare(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def closure(extra: str) -> set[str]:
    """The packages of an extra, with those of the extras that it names."""
    found: set[str] = set()
    for requirement in EXTRAS[extra]:
        if bare(requirement) == "csbook":
            for inner in requirement[requirement.index("[") + 1 : requirement.index("]")].split(","):
                found |= closure(inner.strip())
        else:
            found.add(bare(requirement))
    return found


def test_the_extras() -> None:
    assert {"cli", "trade", "test", "bench", "all"} <= EXTRAS.keys()


def test_all_is_what_a_user_runs() -> None:
    assert closure("all") == closure("cli") | closure("trade") | closure("metrics") | closure("fast")
    assert closure("all") & (PEERS | TOOLS | {name for name in closure("test") if name.startswith("pytest")}) == set()


def test_the_run_time_needs_no_peer() -> None:
    assert {bare(requirement) for requirement in PROJECT["project"]["dependencies"]} & (PEERS | TOOLS) == set()


def test_dependencies_have_a_floor() -> None:
    for requirement in PROJECT["project"]["dependencies"]:
        assert ">=" in requirement, requirement


@pytest.mark.parametrize("pattern", ["*.pxd", "*.pyi", "py.typed"])
def test_the_c_interface_and_the_types_ship(pattern: str) -> None:
    assert pattern in DATA["csbook"]
    assert list((ROOT / "csbook").glob(pattern))


def test_each_extension_has_its_stub() -> None:
    for source in (ROOT / "csbook").rglob("*.pyx"):
        assert source.with_suffix(".pyi").exists(), source
        package = ".".join(source.relative_to(ROOT).parent.parts)
        assert "*.pyi" in DATA.get(package, []), f"package-data of {package}"


def test_every_data_pattern_finds_something() -> None:
    for package, patterns in DATA.items():
        for pattern in patterns:
            assert list((ROOT / package.replace(".", "/")).glob(pattern)), f"{package}: {pattern}"


def test_the_build_pins_the_layout_that_the_reader_binds_to() -> None:
    pins = [line for line in PROJECT["build-system"]["requires"] if bare(line) == "picows"]
    assert len(pins) == 1
    assert re.fullmatch(r"picows==[\d.]+", pins[0])


@pytest.mark.slow
def test_the_sdist_is_whole(tmp_path: Path) -> None:
    """Everything that a build and its tests need is in it, and nothing that was built."""
    code = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
    made = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-2000:]
    with tarfile.open(tmp_path / made.stdout.splitlines()[-1]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        str(path.relative_to(ROOT))
        for room in ("csbook", "tests", "benches")
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in (".c", ".so", ".pyc", ".html")
    }
    wanted |= {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml", "setup.py", ".ci/run"}
    assert wanted - names == set()
    assert [name for name in names if name.endswith((".so", ".pyd", ".pyc", ".c"))] == []
