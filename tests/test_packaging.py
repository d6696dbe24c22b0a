"""What a wheel carries, what the extras bring, and that an sdist is whole."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import sysconfig
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


@pytest.fixture(params=[0, 1], ids=["with the GIL", "without the GIL"])
def asked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py says to setuptools, on either kind of Python."""
    import Cython.Build
    import setuptools

    said: dict[str, Any] = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: said.update(given))
    monkeypatch.setattr(Cython.Build, "cythonize", lambda extensions, **given: said.update(given) or extensions)
    monkeypatch.setitem(sysconfig.get_config_vars(), "Py_GIL_DISABLED", request.param)
    monkeypatch.chdir(ROOT)
    runpy.run_path(os.fspath(ROOT / "setup.py"))
    return {**said, "free": bool(request.param)}


def test_the_run_time_needs_no_peer(asked: dict[str, Any]) -> None:
    assert {bare(requirement) for requirement in asked["install_requires"]} & (PEERS | TOOLS) == set()


def test_dependencies_have_a_floor_and_a_ceiling(asked: dict[str, Any]) -> None:
    for requirement in asked["install_requires"]:
        assert re.fullmatch(r"[a-z]+>=[\d.]+,<\d+", requirement), requirement


def test_only_a_build_with_the_gil_needs_orjson(asked: dict[str, Any]) -> None:
    names = {bare(requirement) for requirement in asked["install_requires"]}
    assert names == {"numpy", "picows", "sortedcontainers", *(() if asked["free"] else ("orjson",))}


def test_the_dependencies_are_those_of_setup_py() -> None:
    """setuptools takes them from there only where they are called dynamic, and found nowhere else."""
    assert "dependencies" in PROJECT["project"]["dynamic"]
    assert "dependencies" not in PROJECT["project"]
    assert "dependencies" not in PROJECT["tool"]["setuptools"]["dynamic"]


def test_every_extension_says_that_it_runs_without_the_gil(asked: dict[str, Any]) -> None:
    assert asked["compiler_directives"]["freethreading_compatible"] is True
    assert {extension.name for extension in asked["ext_modules"]} == {
        ".".join(source.relative_to(ROOT).with_suffix("").parts) for source in (ROOT / "csbook").rglob("*.pyx")
    }


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


PYTHONS = ("cp311", "cp312", "cp313", "cp314", "cp314t")


@pytest.mark.parametrize(
    ("platform", "machine", "kinds"),
    [
        ("linux", "x86_64", ["manylinux_x86_64", "musllinux_x86_64"]),
        ("linux", "aarch64", ["manylinux_aarch64", "musllinux_aarch64"]),
        ("macos", "x86_64", ["macosx_x86_64"]),
        ("macos", "arm64", ["macosx_arm64"]),
        ("windows", "AMD64", ["win_amd64"]),
    ],
)
def test_the_wheels_that_a_release_has(platform: str, machine: str, kinds: list[str]) -> None:
    """cibuildwheel's own reading of its configuration; the workflow has a runner for each of these machines."""
    pytest.importorskip("cibuildwheel", reason="cibuildwheel reads its configuration itself, and is not installed")
    command = [sys.executable, "-m", "cibuildwheel", "--print-build-identifiers", "--platform", platform]
    done = subprocess.run(
        [*command, "--archs", machine, "."], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {f"{python}-{kind}" for python in PYTHONS for kind in kinds}


def test_the_workflow_builds_by_the_release_that_was_checked() -> None:
    text = (ROOT / ".github" / "workflows" / "wheels.yml").read_text(encoding="utf-8")
    assert len(set(re.findall(r"cibuildwheel==[\d.]+", text))) == 1
    assert text.count("cibuildwheel==") == 2
    assert {"linux-x86_64", "linux-aarch64", "macos-arm64", "macos-x86_64", "windows-amd64"} <= set(
        re.findall(r"name: ([\w-]+), runner", text)
    )


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
    wanted |= {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml", "setup.py", ".ci/run", ".ci/wheel"}
    assert wanted - names == set()
    assert [name for name in names if name.endswith((".so", ".pyd", ".pyc", ".c"))] == []
